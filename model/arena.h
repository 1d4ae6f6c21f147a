/* Cuts one block of memory into pieces. With a NULL base it only counts the size, so that
 * the function that lays a struct out also predicts its memory. In host memory,
 * AddressSanitizer reports any access between pieces; so a piece that is too small is
 * found even inside the large block. */
#ifndef FT_MODEL_ARENA_H
#define FT_MODEL_ARENA_H

#include "base/poison.h"
#include "kernels/backend.h"

typedef struct ft_arena {
    char *base;
    size_t used;  /* bytes */
    bool on_host; /* base points to memory of the host */
} ft_arena;

static inline void *ft_arena_cut(ft_arena *arena, size_t bytes)
{
    char *piece = arena->base ? arena->base + arena->used : NULL;
    const size_t taken = (bytes + 63) / 64 * 64 + FT_RED_ZONE;
    if (piece && arena->on_host) FT_POISON(piece + bytes, taken - bytes);
    arena->used += taken;
    return piece;
}

static inline ft_tensor ft_arena_tensor(ft_arena *arena, ft_dtype dtype, int64_t rows, int64_t cols)
{
    return (ft_tensor){ft_arena_cut(arena, (size_t)(rows * cols) * ft_dtype_bytes(dtype)), dtype, rows, cols,
                       cols};
}

#endif
