/* Register-blocked products of small matrices, the core of attention and LoRA: C: (m, n)
 * = [C +] A: (m, k) B: (k, n). */
#ifndef FT_KERNELS_CPU_TILE_H
#define FT_KERNELS_CPU_TILE_H

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector.h"

/* A micro tile is FT_TILE_ROWS x FT_PANEL sums in registers. */
#if FT_LANES == 16
enum { FT_TILE_ROWS = 6, FT_TILE_VECTORS = 4 };
#else
enum { FT_TILE_ROWS = 6, FT_TILE_VECTORS = 2 };
#endif
enum { FT_PANEL = FT_TILE_VECTORS * FT_LANES };

/* Operands of a product. An element has 32 bits: an f32, which is one step of k, or,
 * where the instruction set multiplies bf16, a pair of neighbours along k in bf16, which
 * is two.
 *
 *   A  element (i, step) is at a + i * a_row + step * a_step
 *   B  has panels of FT_PANEL columns; panel p is at b + p * b_panel, and element
 *      (step, j) of a panel at step * b_step + j. Plain row-major f32 has
 *      b_panel = FT_PANEL
 *   C  is f32, with rows c_row elements apart
 *
 * n is a whole number of vectors. */
typedef struct ft_tile_product {
    int64_t m, n, steps;
    const float *a;
    int64_t a_row, a_step;
    const float *b;
    int64_t b_step, b_panel;
    float *c;
    int64_t c_row;
    bool accumulate;
} ft_tile_product;

void FT_FOR_ISA(ft_tile_multiply)(const ft_tile_product *product);
#if defined(__AVX512BF16__)
#define FT_HAS_PAIRS 1
void FT_FOR_ISA(ft_tile_multiply_pairs)(const ft_tile_product *product);
#else
#define FT_HAS_PAIRS 0
#endif

/* AMX multiplies pairs in whole tiles of 16 x 16 elements. With it, a product of pairs
 * has
 *
 *   - m and steps, like n, that are multiples of 16 (FT_PAIR_ROWS, FT_PAIR_STEPS). Rows
 *     of A beyond those that count may hold anything, steps beyond them zeros;
 *   - a_step 1;
 *   - ft_tiles_begin before it and ft_tiles_end after it, by the thread that multiplies.
 *
 * Elsewhere both numbers are 1 and the two functions do nothing. */
#if defined(__AMX_BF16__) || defined(__AMXBF16__) /* the latter: clang before 16 */
#define FT_HAS_AMX 1
enum { FT_PAIR_ROWS = 16, FT_PAIR_STEPS = 16 };
/* Sets up the processor's tiles for products, and puts their configuration of before
 * back, which is kept in *tiles: oneDNN has its own. */
typedef struct ft_tiles {
    _Alignas(64) uint8_t before[64];
} ft_tiles;
void FT_FOR_ISA(ft_tiles_begin)(ft_tiles *tiles);
void FT_FOR_ISA(ft_tiles_end)(const ft_tiles *tiles);
#else
#define FT_HAS_AMX 0
enum { FT_PAIR_ROWS = 1, FT_PAIR_STEPS = 1 };
typedef struct ft_tiles {
    char unused;
} ft_tiles;
static inline void FT_FOR_ISA(ft_tiles_begin)(ft_tiles *tiles)
{
    (void)tiles;
}
static inline void FT_FOR_ISA(ft_tiles_end)(const ft_tiles *tiles)
{
    (void)tiles;
}
#endif

/* Rounds two vectors, neighbours along k, to bf16 and stores them lane by lane as
 * pairs. */
FT_INLINE void ft_store_pairs(float *to, ft_vector first, ft_vector second)
{
#if FT_HAS_PAIRS
    static const uint16_t in_turn[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                         8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(_mm512_loadu_si512(in_turn), both));
#else
    const ft_uint_vector low = __builtin_convertvector(ft_to_bf16(first), ft_uint_vector);
    const ft_uint_vector high = __builtin_convertvector(ft_to_bf16(second), ft_uint_vector);
    ft_store(to, (ft_vector)(low | (high << 16)));
#endif
}

#endif
