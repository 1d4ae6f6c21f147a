/* Sorting numbers: every kind of them, few and many. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"

enum { MOST = 5000 };

/* Numbers that look random, the same ones each time. */
static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ *state >> 29;
}

Test(sort, whole_numbers_rise)
{
    static const size_t counts[] = {0, 1, 2, 3, 255, 256, 257, MOST};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        for (int bits = 1; bits <= 64; bits += 9) {
            int64_t values[MOST];
            uint64_t state = 7, sum = 0, sum_after = 0;
            for (size_t i = 0; i < counts[c]; i++) {
                values[i] = (int64_t)next(&state) >> (64 - bits);
                sum += (uint64_t)values[i] * 31 ^ (uint64_t)values[i];
            }
            ft_sort_int64(values, counts[c]);
            for (size_t i = 0; i < counts[c]; i++) {
                cr_assert(i == 0 || values[i - 1] <= values[i], "%zu numbers of %d bits", counts[c], bits);
                sum_after += (uint64_t)values[i] * 31 ^ (uint64_t)values[i];
            }
            cr_assert_eq(sum, sum_after, "%zu numbers of %d bits: others than before", counts[c], bits);
        }
    }
}

Test(sort, the_ends_of_whole_numbers)
{
    int64_t values[300];
    for (size_t i = 0; i < 300; i++) values[i] = i % 3 == 0 ? INT64_MIN : i % 3 == 1 ? INT64_MAX : 0;
    ft_sort_int64(values, 300);
    cr_assert(values[99] == INT64_MIN && values[100] == 0 && values[199] == 0 && values[200] == INT64_MAX);
}

Test(sort, doubles_rise_and_nan_come_last)
{
    static const double special[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 5e-324, -5e-324, 1.5, -1.5, 1e308};
    static const size_t counts[] = {10, 300, MOST};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        double values[MOST];
        uint64_t state = 3;
        size_t n_nan = 0, count = counts[c];
        for (size_t i = 0; i < count; i++) {
            values[i] = i % 20 < 10 ? special[i % 10] : (double)(int64_t)next(&state) * 1e-9;
            /* its sign says nothing */
            if (isnan(values[i]) && i % 40 < 20) values[i] = -values[i];
            n_nan += isnan(values[i]) != 0;
        }
        ft_sort_doubles(values, count);
        for (size_t i = 1; i < count - n_nan; i++)
            cr_assert(values[i - 1] <= values[i], "%zu at %zu", count, i);
        for (size_t i = count - n_nan; i < count; i++) cr_assert(isnan(values[i]));
    }
}

Test(sort, selects_what_sorting_would_put_there)
{
    static const size_t counts[] = {1, 2, 3, 17, 18, 300, MOST};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        for (int kind = 0; kind < 5; kind++) {
            double values[MOST], sorted[MOST], moved[MOST];
            uint64_t state = 5;
            const size_t count = counts[c];
            for (size_t i = 0; i < count; i++) {
                const uint64_t drawn = next(&state);
                values[i] = kind == 0   ? (double)(int64_t)drawn
                            : kind == 1 ? (double)(drawn % 3) * (drawn & 8 ? -1 : 1)
                            : kind == 2 ? (double)i
                            : kind == 3 ? -(double)i
                                        : (double)(i < count / 2 ? i : count - i);
                sorted[i] = values[i];
            }
            ft_sort_doubles(sorted, count);
            for (size_t place = 0; place < count; place += 1 + count / 7) {
                memcpy(moved, values, sizeof values);
                ft_select_double(moved, count, place);
                cr_assert(memcmp(&moved[place], &sorted[place], sizeof *sorted) == 0, "%zu of %zu, %d", place,
                          count, kind);
                for (size_t i = 0; i < count; i++)
                    cr_assert(i < place ? moved[i] <= moved[place] : moved[i] >= moved[place]);
            }
        }
    }
}
