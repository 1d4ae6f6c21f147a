/* Numbers of which the least so many are told from the others while more are added: a
 * rank's value without sorting. */
#ifndef FT_HOST_SEARCH_ORDER_STATISTIC_H
#define FT_HOST_SEARCH_ORDER_STATISTIC_H

#include "base/heap.h"

/* Start from {0}; freed by ft_order_statistic_free. */
typedef struct ft_order_statistic {
    ft_heap low;  /* the least, negated: entries[0] is the greatest of them */
    ft_heap high; /* the others: entries[0] is the least of them */
} ft_order_statistic;

/* Adds a value, which is no NaN; then the least n_low of all are `low`, n_low at most
 * all of them. O(log count) where n_low is near that of before. */
ft_status ft_order_statistic_add(ft_order_statistic *statistic, double value, size_t n_low, ft_error *err);
void ft_order_statistic_free(ft_order_statistic *statistic);

static inline size_t ft_order_statistic_count(const ft_order_statistic *s)
{
    return s->low.count + s->high.count;
}
/* The greatest of the low, of which there is one; the one before it, of two; the least
 * of the high, of one. */
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
