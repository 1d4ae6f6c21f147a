/* A binary heap in an array; see heap.h. */
#include "base/heap.h"

#include <stdbool.h>
#include <stdlib.h>

static bool is_before(const ft_heap_entry *a, const ft_heap_entry *b)
{
    return a->key < b->key || (a->key == b->key && a->value < b->value);
}

static ft_status reserve(ft_heap *heap, ft_error *err)
{
    if (heap->count < heap->capacity) return FT_OK;
    size_t capacity = heap->capacity ? heap->capacity + heap->capacity / 2 : 16;
    ft_heap_entry *grown = realloc(heap->entries, capacity * sizeof *grown);
    if (!grown) return ft_no_memory(err, "a heap", capacity * sizeof *grown);
    heap->entries = grown;
    heap->capacity = capacity;
    return FT_OK;
}

ft_status ft_heap_push(ft_heap *heap, double key, size_t value, ft_error *err)
{
    ft_status status = reserve(heap, err);
    if (status != FT_OK) return status;
    const ft_heap_entry entry = {key, value};
    size_t at = heap->count++;
    while (at > 0 && is_before(&entry, &heap->entries[(at - 1) / 2])) {
        heap->entries[at] = heap->entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->entries[at] = entry;
    return FT_OK;
}

ft_heap_entry ft_heap_pop(ft_heap *heap)
{
    const ft_heap_entry least = heap->entries[0], last = heap->entries[--heap->count];
    size_t at = 0;
    for (size_t child = 1; child < heap->count; child = 2 * at + 1) {
        if (child + 1 < heap->count && is_before(&heap->entries[child + 1], &heap->entries[child])) child++;
        if (!is_before(&heap->entries[child], &last)) break;
        heap->entries[at] = heap->entries[child];
        at = child;
    }
    if (heap->count > 0) heap->entries[at] = last;
    return least;
}
