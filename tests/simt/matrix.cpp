/* Tensor cores: ldmatrix and mma.sync, lane by lane as the PTX ISA lays out their
 * fragments; the sums in order or, for the build of rounding.h, as hardware adds.
 *
 * In a fragment a lane is g = lane / 4, t = lane % 4, and a register holds two neighbours
 * along k, the first in its lower half. All 32 lanes take part in each; lanes of a warp
 * that is not whole cannot. */
#include <algorithm>

#include "base/bf16.h"
#include "cuda_runtime.h"
#include "tests/simt/machine.h"

namespace
{

enum { LANES = 32, SIDE = 8, ROW_BYTES = 16, M = 16, N = 8, K = 16 };
const unsigned ALL_LANES = 0xffffffffu;

/* One lane's part. */
struct load {
    unsigned *to;
    const unsigned char *row;
};
struct product {
    float *sums;
    const unsigned *a, *b;
};

/* Element `col` of row `row` of matrix m: lane 8 m + row has the row's address. */
unsigned element(void **operands, int m, int row, int col)
{
    uint16_t value;
    memcpy(&value, static_cast<load *>(operands[SIDE * m + row])->row + 2 * col, sizeof value);
    return value;
}

template <int COUNT, bool TURNED> void load_all(void **operands)
{
    for (int lane = 0; lane < LANES; lane++) {
        int g = lane / 4, t = lane % 4;
        for (int m = 0; m < COUNT; m++) {
            unsigned low = TURNED ? element(operands, m, 2 * t, g) : element(operands, m, g, 2 * t);
            unsigned high = TURNED ? element(operands, m, 2 * t + 1, g) : element(operands, m, g, 2 * t + 1);
            static_cast<load *>(operands[lane])->to[m] = low | high << 16;
        }
    }
}

float half_of(unsigned pair, int which)
{
    return ft_bf16_to_float((uint16_t)(which ? pair >> 16 : pair));
}

/* One element: sum + a b over k. */
typedef float (*dot_product)(float sum, const float a[K], const float b[K]);

float add_in_order(float sum, const float a[K], const float b[K])
{
    for (int k = 0; k < K; k++) sum += a[k] * b[k];
    return sum;
}

int exponent_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (int)(bits >> 52 & 0x7ff) - 1023;
}

/* A multiple of 2^exponent, toward zero. */
double truncated(double value, int exponent)
{
    uint64_t bits;
    int dropped = 52 - (exponent_of(value) - exponent);
    if (dropped > 52) return 0;
    memcpy(&bits, &value, sizeof bits);
    if (dropped > 0) bits &= ~(uint64_t)0 << dropped;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

/* Groups of products and the sum before them, all exact, are cut off below the last bit
 * that the largest has in f32; so is what they add up to (after Fasi, Higham, Mikaitis
 * and Pranesh, "Numerical behavior of NVIDIA tensor cores", PeerJ Computer Science
 * 7:e330, 2021). How many are a group, and whether bits more are kept, differs from one
 * generation to the next. */
float add_truncated(float sum, const float a[K], const float b[K])
{
    enum { GROUP = 8, LAST_BIT = 23 };
    for (int first = 0; first < K; first += GROUP) {
        double terms[GROUP + 1] = {(double)sum}, total = 0;
        for (int k = 0; k < GROUP; k++) terms[k + 1] = (double)a[first + k] * (double)b[first + k];
        int largest = -1023;
        for (double term : terms) largest = std::max(largest, exponent_of(term));
        bool finite = largest < 1024;
        for (double term : terms) total += finite ? truncated(term, largest - LAST_BIT) : term;
        sum = (float)(finite ? truncated(total, exponent_of(total) - LAST_BIT) : total);
    }
    return sum;
}

template <dot_product DOT> void multiply_all(void **operands)
{
    float a[M][K], b[N][K];
    for (int lane = 0; lane < LANES; lane++) {
        const product *one = static_cast<product *>(operands[lane]);
        int g = lane / 4, t = lane % 4;
        for (int which = 0; which < 2; which++) {
            for (int i = 0; i < 4; i++)
                a[g + i % 2 * 8][2 * t + which + i / 2 * 8] = half_of(one->a[i], which);
            for (int i = 0; i < 2; i++) b[g][2 * t + which + i * 8] = half_of(one->b[i], which);
        }
    }
    for (int lane = 0; lane < LANES; lane++)
        for (int i = 0; i < 4; i++) {
            int row = lane / 4 + i / 2 * 8, col = lane % 4 * 2 + i % 2;
            float *sum = &static_cast<product *>(operands[lane])->sums[i];
            *sum = DOT(*sum, a[row], b[col]);
        }
}

} // namespace

void simt_load_matrices(unsigned *to, int count, bool turned, const void *row)
{
    load part = {to, static_cast<const unsigned char *>(row)};
    /* the other lanes' addresses are ignored */
    bool used = (int)simt_current->lane < SIDE * count;
    if (used && (uintptr_t)row % ROW_BYTES)
        simt::thread_fault("ldmatrix of a row that is not 16-byte aligned");
    if (used && !simt::in_shared(row, ROW_BYTES))
        simt::thread_fault("ldmatrix of a row outside of shared memory");
    switch (count * 2 + turned) {
    case 2:
        return simt_collect(ALL_LANES, "ldmatrix.x1", &part, load_all<1, false>);
    case 3:
        return simt_collect(ALL_LANES, "ldmatrix.x1.trans", &part, load_all<1, true>);
    case 4:
        return simt_collect(ALL_LANES, "ldmatrix.x2", &part, load_all<2, false>);
    case 5:
        return simt_collect(ALL_LANES, "ldmatrix.x2.trans", &part, load_all<2, true>);
    case 8:
        return simt_collect(ALL_LANES, "ldmatrix.x4", &part, load_all<4, false>);
    case 9:
        return simt_collect(ALL_LANES, "ldmatrix.x4.trans", &part, load_all<4, true>);
    default:
        simt::thread_fault("ldmatrix of %d matrices: there are 1, 2 and 4", count);
    }
}

void simt_mma(float *sums, const unsigned *a, const unsigned *b)
{
    product part = {sums, a, b};
    simt_collect(ALL_LANES, "mma.sync", &part, multiply_all<add_in_order>);
}

void simt_mma_truncated(float *sums, const unsigned *a, const unsigned *b)
{
    product part = {sums, a, b};
    simt_collect(ALL_LANES, "mma.sync", &part, multiply_all<add_truncated>);
}
