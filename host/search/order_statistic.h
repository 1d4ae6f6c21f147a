/* A growing set of numbers split into the n smallest and the rest, which gives the
 * value at a rank without sorting. */
#ifndef FT_HOST_SEARCH_ORDER_STATISTIC_H
#define FT_HOST_SEARCH_ORDER_STATISTIC_H

#include "base/heap.h"

/* Start from {0}; freed by ft_order_statistic_free. */
typedef struct ft_order_statistic {
    ft_heap low;  /* the n smallest, negated: entries[0] is the largest of them */
    ft_heap high; /* the rest: entries[0] is the smallest of them */
} ft_order_statistic;

/* Adds a value (not NaN), and then makes `low` the n_low smallest of all; n_low is at
 * most their count. O(log count) if n_low is near its last value. */
ft_status ft_order_statistic_add(ft_order_statistic *statistic, double value, size_t n_low, ft_error *err);
void ft_order_statistic_free(ft_order_statistic *statistic);

static inline size_t ft_order_statistic_count(const ft_order_statistic *s)
{
    return s->low.count + s->high.count;
}
/* _last_low: the largest of the low values (there must be one); _second_last_low: the
 * second largest (there must be two); _first_high: the smallest of the high values
 * (there must be one). */
static inline double ft_order_statistic_last_low(const ft_order_statistic *s)
{
    return -s->low.entries[0].key;
}
static inline double ft_order_statistic_second_last_low(const ft_order_statistic *s)
{
    const ft_heap_entry *e = s->low.entries;
    return s->low.count > 2 && e[2].key < e[1].key ? -e[2].key : -e[1].key;
}
static inline double ft_order_statistic_first_high(const ft_order_statistic *s)
{
    return s->high.entries[0].key;
}

#endif
