/* The CUDA backend against ref in double, over the table of operations, executed by the simulator: f32 and
 * bf16, threads, blocks and streams in forward order; and in reverse and random order the same bits. */
#include <stdlib.h>
#include <string.h>

#include "ops_cuda_test.h"

OPS_TEST_PARAMETERS(ops_cuda, f32)
ParameterizedTest(int *index, ops_cuda, f32)
{
    check_operation(*index, FT_F32);
}

OPS_TEST_PARAMETERS(ops_cuda, bf16)
ParameterizedTest(int *index, ops_cuda, bf16)
{
    check_operation(*index, FT_BF16);
}

/* -- the same bits in every order -- */

static void (*plain_to_device)(ft_backend *self, void *device, const void *host, size_t bytes);
static simt_order other_order;

/* Each case begins by copying its inputs to its backend: the moment to change to that backend's order. */
static void forward_from_here(ft_backend *self, void *device, const void *host, size_t bytes)
{
    simt_set_order(SIMT_FORWARD, 0);
    plain_to_device(self, device, host, bytes);
}

static void other_from_here(ft_backend *self, void *device, const void *host, size_t bytes)
{
    simt_set_order(other_order, 12345);
    plain_to_device(self, device, host, bytes);
}

static void check_order(int index, simt_order order, ft_dtype dtype)
{
    char text[256];
    ft_error err;
    const ft_op *op = &ft_ops[index];
    simt_reset(1, DEVICE_BYTES);
    ft_backend *forward = open_device(dtype), *other = open_device(dtype);
    plain_to_device = forward->to_device;
    other_order = order;
    forward->to_device = forward_from_here;
    other->to_device = other_from_here;
    for (int i = 0; i < *op->n_shapes; i++) {
        ft_op_result result;
        cr_assert_eq(ft_op_repeat(op, i, forward, other, 1, &result, &err), FT_OK, "%s", err.message);
        cr_expect(result.passed, "%s (%s): %s", op->name, ft_op_describe(&op->shapes[i], text), result.worst);
    }
    forward->free(forward);
    other->free(other);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    simt_reset(1, DEVICE_BYTES);
}

OPS_TEST_PARAMETERS(ops_cuda, same_bits_in_reverse)
ParameterizedTest(int *index, ops_cuda, same_bits_in_reverse)
{
    check_order(*index, SIMT_REVERSE, FT_F32);
    check_order(*index, SIMT_REVERSE, FT_BF16);
}

OPS_TEST_PARAMETERS(ops_cuda, same_bits_at_random)
ParameterizedTest(int *index, ops_cuda, same_bits_at_random)
{
    check_order(*index, SIMT_RANDOM, FT_F32);
    check_order(*index, SIMT_RANDOM, FT_BF16);
}

/* -- for racecheck: memory that is loaded in advance is used again -- */

Test(ops_cuda, what_loads_in_advance_has_small_shapes_of_three_chunks)
{
    enum { CHUNKS = 3, LARGEST = 200 };
    const struct {
        const char *name;
        bool drops;
    } wanted[] = {{"attention_forward", true}, {"attention_backward", true}, {"lora_forward", true},
                  {"lora_backward", true},     {"decode_attention", false},  {"sample", false}};
    for (size_t w = 0; w < sizeof wanted / sizeof *wanted; w++) {
        int found = 0;
        for (int i = 0; i < ft_ops_count; i++)
            for (int n = 0; strcmp(ft_ops[i].name, wanted[w].name) == 0 && n < *ft_ops[i].n_shapes; n++) {
                const ft_op_shape *shape = &ft_ops[i].shapes[n];
                bool small = shape->length <= LARGEST && shape->kv_length <= LARGEST && shape->heads <= 1;
                bool drops = !wanted[w].drops || shape->dropout > 0;
                found += small && drops && ft_op_chunks(shape) >= CHUNKS;
            }
        cr_expect_geq(found, 2, "%s has %d", wanted[w].name, found);
    }
}

/* -- scratch memory grows with the first call of a shape, so that a captured step allocates nothing -- */

static void *(*plain_allocate)(ft_backend *self, size_t bytes, ft_error *err);
static uint64_t asked_for;

static void *count_allocation(ft_backend *self, size_t bytes, ft_error *err)
{
    asked_for++;
    return plain_allocate(self, bytes, err);
}

/* Allocations that no caller asked for. */
static uint64_t own_allocations(void)
{
    return simt_counted().allocations - asked_for;
}

OPS_TEST_PARAMETERS(ops_cuda, second_call_allocates_nothing)
ParameterizedTest(int *index, ops_cuda, second_call_allocates_nothing)
{
    const ft_op *op = &ft_ops[*index];
    char text[256];
    ft_error err;
    ft_op_result result;
    if (strncmp(op->name, "linear", 6) == 0 || strcmp(op->name, "update_weight") == 0)
        return; /* their cases make weights, which are allocated */
    simt_reset(1, DEVICE_BYTES);
    ft_backend *backend = open_device(FT_BF16);
    plain_allocate = backend->allocate;
    backend->allocate = count_allocation;
    for (int i = 0; i < *op->n_shapes; i++) {
        /* One run is compared with another: two calls. */
        cr_assert_eq(ft_op_check(op, i, backend, backend, &result, &err), FT_OK, "%s", err.message);
        uint64_t before = own_allocations();
        cr_assert_eq(ft_op_check(op, i, backend, backend, &result, &err), FT_OK, "%s", err.message);
        cr_expect_eq(own_allocations(), before, "%s (%s)", op->name, ft_op_describe(&op->shapes[i], text));
    }
    backend->free(backend);
    simt_reset(1, DEVICE_BYTES);
}
