/* Sorting many numbers, by their bytes from the lowest up (radix sort), in time that
 * grows with their number alone; and finding one of them by its place. */
#ifndef FT_BASE_SORT_H
#define FT_BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

/* Sorts ascending in place; NaN go to the end. Takes memory of twice the size for the
 * time; where there is none, sorts more slowly. */
void ft_sort_int64(int64_t *values, size_t count);
void ft_sort_doubles(double *values, size_t count);

/* Moves to values[place] what ft_sort_doubles would put there, before it what is no
 * larger, behind it what is no smaller: in time that grows with the number, mostly. place
 * < count. */
void ft_select_double(double *values, size_t count, size_t place);

#endif
