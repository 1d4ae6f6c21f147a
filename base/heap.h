/* A min-heap of numbers with keys. Equal keys come out by rising number. */
#ifndef FT_BASE_HEAP_H
#define FT_BASE_HEAP_H

#include <stddef.h>

#include "base/error.h"

typedef struct ft_heap_entry {
    double key; /* no NaN */
    size_t value;
} ft_heap_entry;

/* Start from {0}; the caller frees `entries` at the end. entries[0] has the least key;
 * the children of entry i are 2 i + 1 and 2 i + 2. */
typedef struct ft_heap {
    ft_heap_entry *entries; /* (count) */
    size_t count, capacity;
} ft_heap;

/* Both run in O(log count). */
ft_status ft_heap_push(ft_heap *heap, double key, size_t value, ft_error *err);
/* Takes the least out of a heap that is not empty. */
ft_heap_entry ft_heap_pop(ft_heap *heap);

#endif
