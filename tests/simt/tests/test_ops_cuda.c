/* The CUDA backend against ref in double, over the table of operations, executed by the
 * simulator: f32 and bf16, threads, blocks and streams in forward order; and in reverse
 * and random order the same bits. */
#include <stdlib.h>
#include <string.h>

#include "ops_cuda_test.h"
#include "tests/ops/scene.h"

OPS_TEST_PARAMETERS(ops_cuda, f32)
ParameterizedTest(int *index, ops_cuda, f32)
{
    check_operation(*index, SHAPES, FT_F32);
}

OPS_TEST_PARAMETERS(ops_cuda, bf16)
ParameterizedTest(int *index, ops_cuda, bf16)
{
    check_operation(*index, SHAPES, FT_BF16);
}

/* -- the same bits in every order -- */

static const ft_op *operation; /* that is run */
static int runs;               /* of its shape */

/* A backend for each order: no run finds in scratch memory what another has left
 * there. */
static ft_backend *in_order[SIMT_RANDOM + 1];

static void run_in_next_order(ft_op_scene *scene, const ft_op_shape *shape)
{
    simt_set_order((simt_order)runs, 12345);
    scene->backend = in_order[runs++];
    operation->run(scene, shape);
}

static void check_orders(int index, ft_dtype dtype)
{
    char text[256];
    ft_error err;
    int shapes[OPS_TEST_ALL], count = ft_op_smallest(&ft_ops[index], SHAPES_AGAIN, shapes);
    ft_op ordered = ft_ops[index];
    operation = &ft_ops[index];
    ordered.run = run_in_next_order;
    simt_reset(1, DEVICE_BYTES);
    for (int order = SIMT_FORWARD; order <= SIMT_RANDOM; order++) in_order[order] = open_device(dtype);
    for (int n = 0; n < count; n++) {
        ft_op_result result;
        runs = SIMT_FORWARD;
        cr_assert_eq(ft_op_repeat(&ordered, shapes[n], in_order[0], in_order[0], SIMT_RANDOM, &result, &err),
                     FT_OK, "%s", err.message);
        cr_expect(result.passed, "%s (%s), order %d: %s", ordered.name,
                  ft_op_describe(&ordered.shapes[shapes[n]], text), runs - 1, result.worst);
    }
    for (int order = SIMT_FORWARD; order <= SIMT_RANDOM; order++) in_order[order]->free(in_order[order]);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    simt_reset(1, DEVICE_BYTES);
}

OPS_TEST_PARAMETERS(ops_cuda, same_bits_in_every_order)
ParameterizedTest(int *index, ops_cuda, same_bits_in_every_order)
{
    check_orders(*index, FT_F32);
    check_orders(*index, FT_BF16);
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

/* -- scratch memory grows with the first call of a shape, so that a captured step
 * allocates nothing -- */

static void *(*plain_allocate)(ft_backend *self, size_t bytes, ft_error *err);
static uint64_t asked_for;

static void *count_allocation(ft_backend *self, size_t bytes, ft_error *err)
{
    asked_for++;
    return plain_allocate(self, bytes, err);
}

/* Allocations that no caller asked for, and how many there were before the second run. */
static uint64_t own_before;
static uint64_t own_allocations(void)
{
    return simt_counted().allocations - asked_for;
}

static void run_and_count(ft_op_scene *scene, const ft_op_shape *shape)
{
    if (++runs == 2) own_before = own_allocations();
    operation->run(scene, shape);
}

OPS_TEST_PARAMETERS(ops_cuda, second_call_allocates_nothing)
ParameterizedTest(int *index, ops_cuda, second_call_allocates_nothing)
{
    ft_op counted = ft_ops[*index];
    char text[256];
    ft_error err;
    ft_op_result result;
    int shapes[OPS_TEST_ALL], count = ft_op_smallest(&counted, SHAPES_AGAIN, shapes);
    if (strncmp(counted.name, "linear", 6) == 0 || strcmp(counted.name, "update_weight") == 0)
        return; /* their cases make weights, which are allocated */
    operation = &ft_ops[*index];
    counted.run = run_and_count;
    simt_reset(1, DEVICE_BYTES);
    ft_backend *backend = open_device(FT_BF16);
    plain_allocate = backend->allocate;
    backend->allocate = count_allocation;
    for (int n = 0; n < count; n++) {
        runs = 0;
        cr_assert_eq(ft_op_repeat(&counted, shapes[n], backend, backend, 1, &result, &err), FT_OK, "%s",
                     err.message);
        cr_expect_eq(runs, 2);
        cr_expect_eq(own_allocations(), own_before, "%s (%s)", counted.name,
                     ft_op_describe(&counted.shapes[shapes[n]], text));
    }
    backend->free(backend);
    simt_reset(1, DEVICE_BYTES);
}
