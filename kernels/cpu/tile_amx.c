/* Products of pairs of bf16 by AMX, 32 x 32 sums at a time. The processor has eight
 * tiles, registers of 16 x 16 elements: 0 to 3 are sums, 4 and 5 of A, 6 and 7 of B. */
#include "base/poison.h"
#include "kernels/cpu/tile.h"

enum { TILE = 16, TILE_BYTES = TILE * (int)sizeof(float) };

/* As the instruction ldtilecfg reads it: all eight tiles, as large as they can be. */
static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} whole_tiles = {
    .palette = 1,
    .row_bytes = {TILE_BYTES, TILE_BYTES, TILE_BYTES, TILE_BYTES, TILE_BYTES, TILE_BYTES, TILE_BYTES,
                  TILE_BYTES},
    .rows = {TILE, TILE, TILE, TILE, TILE, TILE, TILE, TILE},
};

void FT_FOR_ISA(ft_tiles_begin)(ft_tiles *tiles)
{
    _tile_storeconfig(tiles->before);
    _tile_loadconfig(&whole_tiles);
}

void FT_FOR_ISA(ft_tiles_end)(const ft_tiles *tiles)
{
    _tile_loadconfig(tiles->before);
}

/* The sums from c on: 16 rows, or 32 where `lower`, by 16 columns, or 32 where `right`.
 * Tile 2 * i + j has rows 16 i and columns 16 j. */
FT_INLINE void multiply_block(const ft_tile_product *p, const float *a, const float *b, float *c,
                              const bool lower, const bool right)
{
    const size_t a_bytes = (size_t)p->a_row * sizeof(float), b_bytes = (size_t)p->b_step * sizeof(float),
                 c_bytes = (size_t)p->c_row * sizeof(float);
    float *const c_lower = c + TILE * p->c_row;
    if (p->accumulate) {
        _tile_loadd(0, c, c_bytes);
        if (right) _tile_loadd(1, c + TILE, c_bytes);
        if (lower) _tile_loadd(2, c_lower, c_bytes);
        if (lower && right) _tile_loadd(3, c_lower + TILE, c_bytes);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t step = 0; step < p->steps; step += TILE) {
        _tile_loadd(4, a + step, a_bytes);
        _tile_loadd(6, b + step * p->b_step, b_bytes);
        _tile_dpbf16ps(0, 4, 6);
        if (right) {
            _tile_loadd(7, b + step * p->b_step + TILE, b_bytes);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (lower) {
            _tile_loadd(5, a + TILE * p->a_row + step, a_bytes);
            _tile_dpbf16ps(2, 5, 6);
            if (right) _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, c, c_bytes);
    if (right) _tile_stored(1, c + TILE, c_bytes);
    if (lower) _tile_stored(2, c_lower, c_bytes);
    if (lower && right) _tile_stored(3, c_lower + TILE, c_bytes);
}

/* Loads and stores of tiles are no accesses that AddressSanitizer sees. */
static void touch_operands(const ft_tile_product *p)
{
    for (int64_t i = 0; i < p->m; i++) {
        FT_TOUCH(p->a + i * p->a_row, (size_t)p->steps * sizeof(float));
        FT_TOUCH(p->c + i * p->c_row, (size_t)p->n * sizeof(float));
    }
    for (int64_t j = 0; j < p->n; j += TILE)
        for (int64_t step = 0; step < p->steps; step++)
            FT_TOUCH(p->b + j / FT_PANEL * p->b_panel + step * p->b_step + j % FT_PANEL, TILE_BYTES);
}

void FT_FOR_ISA(ft_tile_multiply_pairs)(const ft_tile_product *p)
{
    touch_operands(p);
    for (int64_t j = 0; j < p->n; j += 2 * TILE) {
        const float *b = p->b + j / FT_PANEL * p->b_panel + j % FT_PANEL;
        const bool right = j + TILE < p->n;
        for (int64_t i = 0; i < p->m; i += 2 * TILE) {
            const float *a = p->a + i * p->a_row;
            float *c = p->c + i * p->c_row + j;
            const bool lower = i + TILE < p->m;
            if (lower && right)
                multiply_block(p, a, b, c, true, true);
            else if (lower)
                multiply_block(p, a, b, c, true, false);
            else if (right)
                multiply_block(p, a, b, c, false, true);
            else
                multiply_block(p, a, b, c, false, false);
        }
    }
}
