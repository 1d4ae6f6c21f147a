/* Sorting many numbers: by their bytes from the lowest up (radix sort), in time that
 * grows with their number alone. */
#ifndef FT_BASE_SORT_H
#define FT_BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

/* Sorts ascending in place; NaN go to the end. Takes memory of twice the size for the
 * time; where there is none, sorts more slowly. */
void ft_sort_int64(int64_t *values, size_t count);
void ft_sort_doubles(double *values, size_t count);

#endif
