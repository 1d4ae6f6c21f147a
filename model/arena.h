/* Cutting one block of device memory into pieces. With a NULL base only the size is counted, so that the same function that
 * lays a struct out also predicts its memory. */
#ifndef FT_MODEL_ARENA_H
#define FT_MODEL_ARENA_H

#include "kernels/backend.h"

typedef struct ft_arena {
    char *base;
    size_t used; /* bytes */
} ft_arena;

static inline void *ft_arena_cut(ft_arena *arena, size_t bytes)
{
    void *piece = arena->base ? arena->base + arena->used : NULL;
    arena->used += (bytes + 63) / 64 * 64;
    return piece;
}

static inline ft_tensor ft_arena_tensor(ft_arena *arena, ft_dtype dtype, int64_t rows, int64_t cols)
{
    return (ft_tensor){ft_arena_cut(arena, (size_t)(rows * cols) * ft_dtype_bytes(dtype)), dtype, rows, cols, cols};
}

#endif
