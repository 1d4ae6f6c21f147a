/* Short texts in blocks; see string_pool.h. */
#include "base/string_pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

enum { FIRST_BLOCK = 1 << 12, LARGEST_BLOCK = 1 << 22 };

typedef struct ft_string_block {
    struct ft_string_block *next;
    size_t bytes; /* of `text` */
    char text[];
} ft_string_block;

/* Begins a block with room for `needed` bytes. */
static int begin_block(ft_string_pool *pool, size_t needed)
{
    size_t bytes = pool->blocks ? pool->blocks->bytes * 4 : FIRST_BLOCK;
    if (bytes > LARGEST_BLOCK) bytes = LARGEST_BLOCK;
    if (bytes < needed) bytes = needed;
    ft_string_block *block = malloc(sizeof *block + bytes);
    if (!block) return 0;
    ft_use_large_pages(block, sizeof *block + bytes);
    *block = (ft_string_block){.next = pool->blocks, .bytes = bytes};
    pool->blocks = block;
    pool->at = block->text;
    pool->end = block->text + bytes;
    return 1;
}

const char *ft_string_pool_add(ft_string_pool *pool, const char *bytes, size_t length)
{
    if ((size_t)(pool->end - pool->at) <= length && !begin_block(pool, length + 1)) return NULL;
    char *copy = pool->at;
    if (length) memcpy(copy, bytes, length);
    copy[length] = '\0';
    pool->at += length + 1;
    return copy;
}

void ft_string_pool_join(ft_string_pool *pool, ft_string_pool *from)
{
    ft_string_block **last = &from->blocks;
    while (*last) last = &(*last)->next;
    *last = pool->blocks;
    if (from->blocks) *pool = *from;
    *from = (ft_string_pool){0};
}

void ft_string_pool_free(ft_string_pool *pool)
{
    for (ft_string_block *block = pool->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    *pool = (ft_string_pool){0};
}
