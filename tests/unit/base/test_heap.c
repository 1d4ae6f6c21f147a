/* Heaps give what they hold in order. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/heap.h"

Test(heap, gives_the_least_first_and_equal_keys_by_number)
{
    enum { N = 1000 };
    ft_heap heap = {0};
    for (size_t i = 0; i < N; i++)
        cr_assert_eq(ft_heap_push(&heap, (double)(i * 7919 % 100), N - 1 - i, NULL), FT_OK);
    cr_assert_eq(heap.count, N);
    ft_heap_entry last = {-1, 0};
    for (size_t i = 0; i < N; i++) {
        ft_heap_entry next = ft_heap_pop(&heap);
        cr_assert(last.key < next.key || (last.key == next.key && last.value < next.value));
        cr_assert_eq(next.key, (double)((N - 1 - next.value) * 7919 % 100), "a number left its key");
        last = next;
    }
    cr_assert_eq(heap.count, 0);
    free(heap.entries);
}

Test(heap, takes_more_between)
{
    ft_heap heap = {0};
    ft_heap_push(&heap, 3, 0, NULL);
    ft_heap_push(&heap, 1, 1, NULL);
    cr_assert_eq(ft_heap_pop(&heap).value, 1);
    ft_heap_push(&heap, 2, 2, NULL);
    ft_heap_push(&heap, 4, 3, NULL);
    cr_assert_eq(ft_heap_pop(&heap).value, 2);
    cr_assert_eq(ft_heap_pop(&heap).value, 0);
    cr_assert_eq(ft_heap_pop(&heap).value, 3);
    free(heap.entries);
}
