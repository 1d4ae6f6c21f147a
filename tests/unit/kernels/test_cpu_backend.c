/* The cpu backend's frame: what it refuses, how failures are reported, memory, and the
 * choice of instructions. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kernels/backend.h"

static ft_backend *create(ft_dtype dtype)
{
    ft_backend *backend = NULL;
    ft_error err;
    cr_assert_eq(ft_cpu_create(dtype, 2, &backend, &err), FT_OK, "%s", err.message);
    return backend;
}

Test(cpu_backend, computes_in_f32_or_bf16_only)
{
    ft_backend *backend = NULL;
    ft_error err;
    cr_expect_eq(ft_cpu_create(FT_F64, 1, &backend, &err), FT_BAD_INPUT);
    cr_expect_null(backend);
    cr_expect_neq(err.message[0], '\0');
}

Test(cpu_backend, takes_the_threads_it_is_given_and_else_at_least_one)
{
    ft_backend *backend = create(FT_F32);
    cr_expect_eq(backend->n_threads, 2);
    backend->free(backend);
    ft_error err;
    cr_assert_eq(ft_cpu_create(FT_F32, 0, &backend, &err), FT_OK);
    cr_expect_geq(backend->n_threads, 1);
    cr_expect_gt(backend->memory_bytes, 0);
    backend->free(backend);
}

Test(cpu_backend, a_wish_for_fewer_instructions_takes_bf16_away)
{
    setenv("FTGPU_ISA", "generic", 1);
    cr_expect_not(ft_cpu_has_bf16());
    ft_backend *backend = create(FT_BF16); /* works all the same, by rounding */
    cr_expect(backend->bf16);
    cr_expect_eq(backend->matrix, FT_BF16);
    backend->free(backend);
}

Test(cpu_backend, other_instructions_are_another_processor_to_measurements)
{
    char best[200], generic[200];
    ft_cpu_identify(best, sizeof best);
    setenv("FTGPU_ISA", "generic", 1);
    ft_cpu_identify(generic, sizeof generic);
    cr_expect_not_null(strstr(generic, ", generic, "), "%s", generic);
#if defined(__x86_64__)
    cr_expect_str_neq(best, generic);
#endif
}

Test(cpu_backend, synchronize_reports_a_failure_once)
{
    ft_backend *backend = create(FT_F32);
    ft_error err;
    const float values[6] = {1, 2, 3, 4, 5, 6};
    ft_weight *weight = NULL;
    float dy[2] = {1, 1}, dx[3] = {0, 0, 0};
    cr_assert_eq(backend->prepare_weight(backend, values, 2, 3, false, &weight, &err), FT_OK, "%s",
                 err.message);
    cr_assert_eq(backend->synchronize(backend, &err), FT_OK);
    const ft_tensor from = {dy, FT_F32, 1, 2, 2}, to = {dx, FT_F32, 1, 3, 3};
    backend->linear_backward(backend, weight, from, to, false);
    cr_expect_eq(backend->synchronize(backend, &err), FT_FAILED);
    cr_expect_not_null(strstr(err.message, "backward"));
    cr_expect_eq(backend->synchronize(backend, &err), FT_OK);
    backend->free_weight(backend, weight);
    backend->free(backend);
}

/* A product of one part, wrong in part 1: its weight has no backward pass. */
typedef struct parts_case {
    ft_weight *weight;
    float x[2], y[2][3];
    int threads[2];
} parts_case;

static void multiply_in_part(void *context, ft_backend *part, int index)
{
    parts_case *c = context;
    const ft_tensor x = {c->x, FT_F32, 1, 2, 2}, y = {c->y[index], FT_F32, 1, 3, 3};
    c->threads[index] = part->n_threads;
    if (index == 0)
        part->linear_forward(part, c->weight, x, y, false);
    else
        part->linear_backward(part, c->weight, y, x, false);
}

Test(cpu_backend, parts_share_weights_and_report_failures_to_the_whole)
{
    ft_backend *backend = create(FT_F32);
    ft_error err;
    const float values[6] = {1, 2, 3, 4, 5, 6};
    parts_case c = {.x = {1, 10}};
    cr_assert_eq(backend->prepare_weight(backend, values, 3, 2, false, &c.weight, &err), FT_OK);
    for (int again = 0; again < 2; again++) {
        backend->in_parts(backend, 2, multiply_in_part, &c);
        for (int i = 0; i < 3; i++) cr_expect_eq(c.y[0][i], values[2 * i] + 10 * values[2 * i + 1]);
        for (int i = 0; i < 2; i++) cr_expect_eq(c.threads[i], 1);
        cr_expect_eq(backend->synchronize(backend, &err), FT_FAILED);
        cr_expect_not_null(strstr(err.message, "backward"));
        cr_expect_eq(backend->synchronize(backend, &err), FT_OK);
    }
    backend->in_parts(backend, 1, multiply_in_part, &c);
    cr_expect_eq(backend->synchronize(backend, &err), FT_OK);
    backend->free_weight(backend, c.weight);
    backend->free(backend);
}

Test(cpu_backend, memory_is_aligned_and_more_than_there_is_is_an_error)
{
    ft_backend *backend = create(FT_F32);
    const size_t sizes[] = {0, 1, 63, 4096, (size_t)5 << 20};
    ft_error err;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *block = backend->allocate(backend, sizes[i], &err);
        cr_assert_not_null(block);
        cr_expect_eq((uintptr_t)block % 64, 0);
        backend->zero(backend, block, sizes[i]);
        backend->release(backend, block);
    }
    cr_expect_null(backend->allocate(backend, SIZE_MAX, &err));
    cr_expect_neq(err.message[0], '\0');
    backend->free(backend);
}

Test(cpu_backend, results_do_not_change_when_products_are_made_anew)
{
    enum { IN = 16, OUT = 8, ROWS = 40 };
    ft_backend *backend = create(FT_F32);
    ft_error err;
    float values[OUT * IN], x[ROWS * IN], first[ROWS * OUT], y[ROWS * OUT];
    for (int i = 0; i < OUT * IN; i++) values[i] = (float)(i % 7 - 3);
    for (int i = 0; i < ROWS * IN; i++) x[i] = (float)(i % 5 - 2);
    ft_weight *weight = NULL;
    cr_assert_eq(backend->prepare_weight(backend, values, OUT, IN, true, &weight, &err), FT_OK);
    cr_expect_geq(backend->weight_bytes(backend, OUT, IN, true), 2 * sizeof values);
    /* every count of rows is a product of its own */
    for (int rows = ROWS; rows > 0; rows--) {
        const ft_tensor from = {x, FT_F32, rows, IN, IN},
                        to = {rows == ROWS ? first : y, FT_F32, rows, OUT, OUT};
        backend->linear_forward(backend, weight, from, to, false);
        cr_assert_eq(backend->synchronize(backend, &err), FT_OK);
        for (int i = 0; i < rows * OUT; i++) {
            float wanted = 0;
            for (int k = 0; k < IN; k++) wanted += x[i / OUT * IN + k] * values[i % OUT * IN + k];
            cr_assert_eq(((float *)to.data)[i], wanted, "rows %d, element %d", rows, i);
        }
    }
    backend->free_weight(backend, weight);
    backend->free(backend);
}

#ifndef __SANITIZE_ADDRESS__ /* which needs all of the address space */

/* No more than `more` bytes of address space besides what is there; SIZE_MAX: all
 * again. */
static void limit_memory(size_t more)
{
    struct rlimit limit;
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert(file && fscanf(file, "%lu", &pages) == 1 && fclose(file) == 0);
    cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = more == SIZE_MAX ? limit.rlim_max : pages * (size_t)sysconf(_SC_PAGESIZE) + more;
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

static void expect_no_memory(ft_status status, const ft_error *err, const char *what)
{
    cr_expect_eq(status, FT_NO_MEMORY);
    cr_expect_not_null(strstr(err->message, what), "%s", err->message);
    cr_expect_null(strstr(err->message, " 0 bytes"), "%s", err->message);
}

Test(cpu_backend, without_memory_what_was_to_be_made_is_named_and_can_be_made_later)
{
    enum { TOO_LITTLE = 4 << 20 };
    const float values[6] = {1, 2, 3, 4, 5, 6};
    float x[3] = {1, 0, 1}, y[2];
    const ft_tensor from = {x, FT_F32, 1, 3, 3}, to = {y, FT_F32, 1, 2, 2};
    ft_weight *weight = NULL, *second = NULL;
    ft_backend *backend = create(FT_F32), *other = NULL;
    ft_error err;
    cr_assert_eq(backend->prepare_weight(backend, values, 2, 3, false, &weight, &err), FT_OK);
    limit_memory(TOO_LITTLE);
    ft_status status = backend->prepare_weight(backend, values, 2, 3, false, &second, &err);
    expect_no_memory(status, &err, "a packed weight of 3 x 2");
    cr_expect_null(second);
    backend->linear_forward(backend, weight, from, to, false);
    status = backend->synchronize(backend, &err);
    expect_no_memory(status, &err, "a matrix product of 1 x 3 by 3 x 2");
    expect_no_memory(ft_cpu_create(FT_F32, 3, &other, &err), &err, "the stacks of 3 threads");
    expect_no_memory(ft_cpu_create(FT_F32, 1, &other, &err), &err, "oneDNN's engine");
    limit_memory(SIZE_MAX);
    backend->linear_forward(backend, weight, from, to, false);
    cr_assert_eq(backend->synchronize(backend, &err), FT_OK, "%s", err.message);
    cr_expect(y[0] == 4 && y[1] == 10);
    backend->free_weight(backend, weight);
    backend->free(backend);
}

#endif
