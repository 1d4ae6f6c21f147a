/* Gradients by central differences, through the ref backend in double. The ref backend's
 * device memory is the host's own, so that plain arrays of doubles serve as tensors. */
#ifndef FT_TESTS_UNIT_KERNELS_FINITE_DIFFERENCE_H
#define FT_TESTS_UNIT_KERNELS_FINITE_DIFFERENCE_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/philox.h"
#include "kernels/backend.h"

/* A batch of three adapters of which one has no sequence, with dropout (no row of it all
 * dropped) or without. */
static const int32_t fd_start[] = {0, 2, 2, 3}, fd_adapter_of[] = {0, 0, 2};
static const uint32_t fd_seed[] = {6, 8, 21}, fd_step[] = {0, 5, 31};
static const float fd_dropout[] = {0.3f, 0.2f, 0.6f}, fd_lora_scale[] = {2.0f, 1.0f, 0.5f};
static const ft_adapter_batch fd_dropping = {3,       3,          fd_start,   fd_adapter_of, fd_seed,
                                             fd_step, fd_dropout, fd_dropout, fd_lora_scale, NULL};
static const ft_adapter_batch fd_keeping = {3,       3,    fd_start, fd_adapter_of, fd_seed,
                                            fd_step, NULL, NULL,     fd_lora_scale, NULL};
enum { FD_SEQUENCES = 3, FD_ADAPTERS = 3 };

static ft_backend *fd_backend(void)
{
    ft_backend *backend = NULL;
    ft_error err;
    cr_assert_eq(ft_ref_create(FT_F64, &backend, &err), FT_OK, "%s", err.message);
    return backend;
}

/* Values in [-1, 1) that depend on `seed`, none nearer to 0 than 0.01 (the kink of
 * relu). */
static void fd_fill(double *values, int64_t count, uint32_t seed)
{
    ft_philox_key key = {{seed, 0x6664u}};
    for (int64_t i = 0; i < count; i++) {
        double value = 2 * (double)ft_philox_uniform(ft_philox(key, (uint32_t)i, 0, 0, 0).word[0]) - 1;
        values[i] = fabs(value) < 0.01 ? 0.5 : value;
    }
}

static ft_tensor fd_tensor(double *values, int64_t rows, int64_t cols, int64_t stride)
{
    return (ft_tensor){values, FT_F64, rows, cols, stride};
}

static double fd_dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* The gradient of `loss` in each of the `count` values must be `gradient`. With step h
 * the difference is off by about h^2 from the third derivative and 1e-16 / h from
 * rounding. */
static inline void fd_expect(const char *name, double (*loss)(void *), void *context, double *values,
                             const double *gradient, int64_t count)
{
    const double h = 1e-5;
    double largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(gradient[i]));
    cr_expect_gt(largest, 1e-3, "%s: the gradient is nothing but zeros", name);
    for (int64_t i = 0; i < count; i++) {
        double kept = values[i];
        values[i] = kept + h;
        double above = loss(context);
        values[i] = kept - h;
        double below = loss(context);
        values[i] = kept;
        double difference = (above - below) / (2 * h);
        cr_expect_lt(fabs(difference - gradient[i]), 1e-7 * fmax(1, largest),
                     "%s[%lld]: %.10g by differences, %.10g given", name, (long long)i, difference,
                     gradient[i]);
    }
}

#endif
