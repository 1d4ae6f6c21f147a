/* Many short texts that stay where they are and are freed together. */
#ifndef FT_BASE_STRING_POOL_H
#define FT_BASE_STRING_POOL_H

#include <stddef.h>

/* Start from {0}. */
typedef struct ft_string_pool {
    struct ft_string_block *blocks; /* the one being filled first */
    char *at, *end;                 /* of its free bytes */
} ft_string_pool;

/* A copy of `length` bytes with a NUL behind them; NULL when memory runs out. */
const char *ft_string_pool_add(ft_string_pool *pool, const char *bytes, size_t length);
/* Moves the texts of `from`, which is left empty, to `pool`. They keep their places. */
void ft_string_pool_join(ft_string_pool *pool, ft_string_pool *from);
void ft_string_pool_free(ft_string_pool *pool);

#endif
