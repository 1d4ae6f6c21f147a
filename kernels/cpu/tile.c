/* Register-blocked products of small matrices. */
#include "kernels/cpu/tile.h"

FT_INLINE ft_vector multiply_add(ft_vector sum, ft_vector a, ft_vector b, const bool pairs)
{
#if FT_HAS_PAIRS
    if (pairs) return (ft_vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#else
    (void)pairs;
#endif
    return sum + a * b;
}

/* One micro tile; `rows`, `vectors` and `pairs` are constants where it is called, so that
 * `sum` lives in registers. */
FT_INLINE void micro_tile(const int rows, const int vectors, const bool pairs, int64_t steps, const float *a,
                          int64_t a_row, int64_t a_step, const float *b, int64_t b_step, float *c,
                          int64_t c_row, bool accumulate)
{
    ft_vector sum[FT_TILE_ROWS][FT_TILE_VECTORS];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = accumulate ? ft_load(c + i * c_row + v * FT_LANES) : ft_set(0.0f);
    for (int64_t step = 0; step < steps; step++) {
        ft_vector right[FT_TILE_VECTORS];
        for (int v = 0; v < vectors; v++) right[v] = ft_load(b + step * b_step + v * FT_LANES);
        for (int i = 0; i < rows; i++) {
            ft_vector left = ft_set(a[i * a_row + step * a_step]);
            for (int v = 0; v < vectors; v++) sum[i][v] = multiply_add(sum[i][v], left, right[v], pairs);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) ft_store(c + i * c_row + v * FT_LANES, sum[i][v]);
}

FT_INLINE void micro_tile_of(int rows, const int vectors, const bool pairs, const ft_tile_product *p,
                             const float *a, const float *b, float *c)
{
#define FT_MICRO_TILE(n)                                                                                     \
    case n:                                                                                                  \
        micro_tile(n, vectors, pairs, p->steps, a, p->a_row, p->a_step, b, p->b_step, c, p->c_row,           \
                   p->accumulate);                                                                           \
        break;
    switch (rows) {
        FT_MICRO_TILE(1)
        FT_MICRO_TILE(2)
        FT_MICRO_TILE(3)
        FT_MICRO_TILE(4)
        FT_MICRO_TILE(5)
        FT_MICRO_TILE(6)
    }
#undef FT_MICRO_TILE
}

FT_INLINE void panel_of(const int vectors, const bool pairs, const ft_tile_product *p, const float *b,
                        float *c)
{
    for (int64_t i = 0; i < p->m; i += FT_TILE_ROWS) {
        int rows = p->m - i < FT_TILE_ROWS ? (int)(p->m - i) : FT_TILE_ROWS;
        micro_tile_of(rows, vectors, pairs, p, p->a + i * p->a_row, b, c + i * p->c_row);
    }
}

FT_INLINE void multiply(const ft_tile_product *p, const bool pairs)
{
    for (int64_t j = 0; j < p->n; j += FT_PANEL) {
        const float *b = p->b + j / FT_PANEL * p->b_panel;
        int64_t vectors = (p->n - j) / FT_LANES;
        if (vectors >= FT_TILE_VECTORS)
            panel_of(FT_TILE_VECTORS, pairs, p, b, p->c + j);
        else if (vectors == 1)
            panel_of(1, pairs, p, b, p->c + j);
#if FT_LANES == 16
        else if (vectors == 2)
            panel_of(2, pairs, p, b, p->c + j);
        else
            panel_of(3, pairs, p, b, p->c + j);
#endif
    }
}

void FT_FOR_ISA(ft_tile_multiply)(const ft_tile_product *product)
{
    multiply(product, false);
}

#if FT_HAS_PAIRS && !FT_HAS_AMX
void FT_FOR_ISA(ft_tile_multiply_pairs)(const ft_tile_product *product)
{
    multiply(product, true);
}
#endif
