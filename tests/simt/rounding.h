/* Arithmetic as inexact as a GPU's, for a second build of the kernels (FT_SIMT_ROUNDING;
 * simt.cmake): functions are off in their last bits by as much as CUDA documents (CUDA
 * C++ Programming Guide, "Mathematical Functions"; PTX ISA, "ex2"), by how much and which
 * way the argument's bits decide; tensor cores truncate (matrix.cpp). That build also
 * contracts products and sums, as nvcc does. Quotients and square roots are exact there,
 * too. */
#ifndef FT_TESTS_SIMT_ROUNDING_H
#define FT_TESTS_SIMT_ROUNDING_H

/* `exact`, up to `most` units in the last place away; 0, 1, subnormal numbers and what is
 * not finite stay. */
template <class Float, class Bits> Float simt_moved(Float exact, Float argument, int most)
{
    Bits bits, seed;
    memcpy(&seed, &argument, sizeof seed);
    memcpy(&bits, &exact, sizeof bits);
    if (!std::isnormal(exact) || exact == 1) return exact;
    uint64_t mixed = (uint64_t)seed * 0x9e3779b97f4a7c15u >> 32;
    bits += (Bits)((int)(mixed % (unsigned)(2 * most + 1)) - most);
    memcpy(&exact, &bits, sizeof bits);
    return exact;
}

inline float simt_expf(float x)
{
    return simt_moved<float, uint32_t>(expf(x), x, 2);
}
inline float simt_logf(float x)
{
    return simt_moved<float, uint32_t>(logf(x), x, 1);
}
inline float simt_expm1f(float x)
{
    return simt_moved<float, uint32_t>(expm1f(x), x, 1);
}
inline float simt_rsqrtf(float x)
{
    return simt_moved<float, uint32_t>(rsqrtf(x), x, 2);
}
/* Subnormal results are 0, as ft_exp2's. */
inline float simt_exp2f(float x)
{
    float power = simt_moved<float, uint32_t>(exp2f(x), x, 2);
    return power < 0x1p-126f ? 0.0f : power;
}
inline double simt_exp(double x)
{
    return simt_moved<double, uint64_t>(exp(x), x, 1);
}
inline double simt_log(double x)
{
    return simt_moved<double, uint64_t>(log(x), x, 1);
}
void simt_mma_truncated(float *sums, const unsigned *a, const unsigned *b);

#define expf(x) simt_expf(x)
#define logf(x) simt_logf(x)
#define expm1f(x) simt_expm1f(x)
#define rsqrtf(x) simt_rsqrtf(x)
#define exp2f(x) simt_exp2f(x)
#define exp(x) simt_exp(x)
#define log(x) simt_log(x)
#define simt_mma(sums, a, b) simt_mma_truncated(sums, a, b)

#endif
