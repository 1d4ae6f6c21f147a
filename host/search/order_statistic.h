/* Numbers of which the least so many are told from the others while more are added: a rank's value without
 * sorting. */
#ifndef FT_HOST_SEARCH_ORDER_STATISTIC_H
#define FT_HOST_SEARCH_ORDER_STATISTIC_H

#include "base/heap.h"

/* Start from {0}; freed by ft_standing_free. */
typedef struct ft_standing {
    ft_heap low;  /* the least, negated: entries[0] is the greatest of them */
    ft_heap high; /* the others: entries[0] is the least of them */
} ft_standing;

/* Adds a value, which is no NaN; then the least n_low of all are `low`, n_low at most all of them. O(log
 * count) where n_low is near that of before. */
ft_status ft_standing_add(ft_standing *standing, double value, size_t n_low, ft_error *err);
void ft_standing_free(ft_standing *standing);

static inline size_t ft_standing_count(const ft_standing *s)
{
    return s->low.count + s->high.count;
}
/* The greatest of the low, of which there is one; the one before it, of two; the least of the high, of one.
 */
static inline double ft_standing_last_low(const ft_standing *s)
{
    return -s->low.entries[0].key;
}
static inline double ft_standing_second_last_low(const ft_standing *s)
{
    const ft_heap_entry *e = s->low.entries;
    return s->low.count > 2 && e[2].key < e[1].key ? -e[2].key : -e[1].key;
}
static inline double ft_standing_first_high(const ft_standing *s)
{
    return s->high.entries[0].key;
}

#endif
