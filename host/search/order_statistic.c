/* Two heaps, of the low and of the high values; see order_statistic.h. */
#include "host/search/order_statistic.h"

#include <stdbool.h>
#include <stdlib.h>

ft_status ft_order_statistic_add(ft_order_statistic *s, double value, size_t n_low, ft_error *err)
{
    bool is_low = s->low.count > 0 && value < ft_order_statistic_last_low(s);
    ft_status status = is_low ? ft_heap_push(&s->low, -value, 0, err) : ft_heap_push(&s->high, value, 0, err);
    while (status == FT_OK && s->low.count < n_low)
        status = ft_heap_push(&s->low, -ft_heap_pop(&s->high).key, 0, err);
    while (status == FT_OK && s->low.count > n_low)
        status = ft_heap_push(&s->high, -ft_heap_pop(&s->low).key, 0, err);
    return status;
}

void ft_order_statistic_free(ft_order_statistic *statistic)
{
    free(statistic->low.entries);
    free(statistic->high.entries);
    *statistic = (ft_order_statistic){0};
}
