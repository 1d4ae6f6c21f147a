/* The build with arithmetic as inexact as a GPU's: functions are inexact, within CUDA's
 * bounds; tensor cores truncate; products and sums are contracted. */
#include <criterion/criterion.h>

#include "has_fma.h"
#include "kernels/cuda/mma.h"
#include "planted.h"

static void give_back(void)
{
    simt_reset(1, 1 << 20);
}
TestSuite(rounding, .fini = give_back);

/* -- functions -- */

/* Units in the last place between two positive numbers, or two negative ones. */
static int units_between(float a, float b)
{
    return abs((int)(__float_as_uint(a) - __float_as_uint(b)));
}

/* Arguments from `first` on: the largest distance is `most`, and one in ten is exact or
 * fewer are. */
static bool is_off(float (*function)(float), float (*exact)(float), float first, int most)
{
    enum { COUNT = 10000 };
    int largest = 0, equal = 0;
    for (int i = 0; i < COUNT; i++) {
        float x = first + (float)i * 1e-3f;
        int units = units_between(function(x), exact(x));
        largest = max(largest, units);
        equal += units == 0;
        if (function(x) != function(x)) return false;
    }
    return largest == most && equal > COUNT / 10 && equal < COUNT / 2;
}

Test(rounding, functions_are_off_by_what_is_documented)
{
    SKIP_WITHOUT_FMA();
    cr_expect(is_off([](float x) { return expf(x); }, (expf), -8, 2));
    cr_expect(is_off([](float x) { return ft_exp2(x); }, (exp2f), -8, 2));
    cr_expect(is_off([](float x) { return logf(x); }, (logf), 2, 1));
    cr_expect(is_off([](float x) { return expm1f(x); }, (expm1f), -11, 1));
    cr_expect(is_off([](float x) { return rsqrtf(x); }, (rsqrtf), 2, 2));
    cr_expect_neq(exp(0.5), (exp)(0.5));
    cr_expect_neq(log(0.7), (log)(0.7));
}

Test(rounding, what_is_exact_on_a_gpu_is_exact)
{
    SKIP_WITHOUT_FMA();
    cr_expect_eq(expf(0), 1);
    cr_expect_eq(expf(-INFINITY), 0);
    cr_expect_eq(ft_exp2(0), 1);
    cr_expect_eq(ft_exp2(-INFINITY), 0);
    cr_expect_eq(ft_exp2(-130), 0, "subnormal results are 0");
    cr_expect_eq(logf(1), 0);
    cr_expect(std::isnan(expf(NAN)));
}

/* -- contraction -- */

__attribute__((noinline)) static float product_and_sum(float a, float b, float c)
{
    return a * b + c;
}

Test(rounding, products_and_sums_are_contracted)
{
    SKIP_WITHOUT_FMA();
    volatile float a = 1 + 0x1p-12f, c = -(1 + 0x1p-11f);
    cr_expect_eq(product_and_sum(a, a, c), 0x1p-24f);
}

/* -- tensor cores -- */

/* Products of row 0 and column 0; all others are 0. */
struct mma_case {
    float sum, left[16], right[16];
};
static mma_case given;

static void multiplies(float *out)
{
    int lane = (int)threadIdx.x % 32, g = lane / 4, t = lane % 4;
    unsigned a[4] = {0, 0, 0, 0}, b[2] = {0, 0};
    for (int half = 0; half < 2 && g == 0; half++) {
        int k = 2 * t + 8 * half;
        a[2 * half] = ft_bf16_pair(given.left[k], given.left[k + 1]);
        b[half] = ft_bf16_pair(given.right[k], given.right[k + 1]);
    }
    float sums[4] = {given.sum, given.sum, given.sum, given.sum};
    ft_mma(sums, a, b);
    if (threadIdx.x == 0) *out = sums[0];
}

static float element(const mma_case &one)
{
    float result = 0;
    given = one;
    simt_reset(1, 1 << 24);
    two_streams s = make_streams();
    FT_LAUNCH(multiplies, dim3(1), dim3(32), 0, s.stream[0], s.a);
    cudaMemcpyAsync(&result, s.a, sizeof result, cudaMemcpyDeviceToHost, s.stream[0]);
    cudaStreamSynchronize(s.stream[0]);
    cr_assert_null(simt_fault(), "%s", simt_fault());
    return result;
}

Test(rounding, tensor_cores_cut_off_what_the_largest_has_no_bits_for)
{
    SKIP_WITHOUT_FMA();
    mma_case small = {1, {}, {}};
    for (int k = 0; k < 16; k++) small.left[k] = 1.5f * 0x1p-12f, small.right[k] = 0x1p-12f;
    cr_expect_eq(element(small), 1);
    for (float &left : small.left) left = -left;
    small.sum = -1;
    cr_expect_eq(element(small), -1);
    small.sum = 0;
    cr_expect_eq(element(small), -16 * 1.5f * 0x1p-24f);
}

Test(rounding, tensor_cores_truncate_a_sum)
{
    SKIP_WITHOUT_FMA();
    /* 2 + 3 2^-23 lies between 2 + 2^-22 and 2 + 2^-21. */
    cr_expect_eq(element({1, {1, 1.5f * 0x1p-11f}, {1, 0x1p-11f}}), 2 + 0x1p-22f);
    cr_expect_eq(element({-1, {-1, -1.5f * 0x1p-11f}, {1, 0x1p-11f}}), -2 - 0x1p-22f);
}

Test(rounding, tensor_cores_add_in_groups_of_eight)
{
    SKIP_WITHOUT_FMA();
    mma_case one = {0, {0x1p15f, -0x1p15f, 1}, {0x1p15f, 0x1p15f, 1}};
    cr_expect_eq(element(one), 0);
    one.left[8] = one.right[8] = 1;
    cr_expect_eq(element(one), 1);
}

Test(rounding, what_is_not_finite_stays_so)
{
    SKIP_WITHOUT_FMA();
    cr_expect_eq(element({-INFINITY, {1}, {1}}), -INFINITY);
    cr_expect(std::isnan(element({0, {NAN}, {1}})));
    cr_expect(std::isnan(element({-INFINITY, {INFINITY}, {1}})));
    cr_expect_eq(element({0, {}, {}}), 0);
}
