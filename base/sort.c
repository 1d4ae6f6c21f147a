/* Radix sort and selection; see sort.h. */
#include "base/sort.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of fewer, comparisons are faster. */
enum { LEAST = 256, N_BYTES = 8, N_DIGITS = 256 };
static const uint64_t sign = (uint64_t)1 << 63;

/* Moves the keys to `to` in the order of one byte; those with the same byte stay in
 * theirs. */
static void place_by_byte(const uint64_t *keys, size_t count, int byte, const size_t *counts, uint64_t *to)
{
    size_t places[N_DIGITS];
    for (size_t digit = 0, place = 0; digit < N_DIGITS; place += counts[digit++]) places[digit] = place;
    for (size_t i = 0; i < count; i++) to[places[keys[i] >> (8 * byte) & 0xff]++] = keys[i];
}

/* keys, scratch: (count). Returns which of the two holds the sorted keys. */
static uint64_t *sort_keys(uint64_t *keys, uint64_t *scratch, size_t count)
{
    size_t counts[N_BYTES][N_DIGITS] = {{0}};
    for (size_t i = 0; i < count; i++)
        for (int byte = 0; byte < N_BYTES; byte++) counts[byte][keys[i] >> (8 * byte) & 0xff]++;
    for (int byte = 0; byte < N_BYTES; byte++) {
        /* all have the same */
        if (counts[byte][keys[0] >> (8 * byte) & 0xff] == count) continue;
        place_by_byte(keys, count, byte, counts[byte], scratch);
        uint64_t *sorted = scratch;
        scratch = keys;
        keys = sorted;
    }
    return keys;
}

static int compare_int64(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    if (isnan(a) || isnan(b)) return (int)isnan(a) - (int)isnan(b);
    return (a > b) - (a < b);
}

void ft_sort_int64(int64_t *values, size_t count)
{
    uint64_t *keys = count < LEAST ? NULL : malloc(2 * count * sizeof *keys);
    if (!keys) {
        if (count > 1) qsort(values, count, sizeof *values, compare_int64);
        return;
    }
    for (size_t i = 0; i < count; i++) keys[i] = (uint64_t)values[i] ^ sign;
    const uint64_t *sorted = sort_keys(keys, keys + count, count);
    for (size_t i = 0; i < count; i++) values[i] = (int64_t)(sorted[i] ^ sign);
    free(keys);
}

/* A double's bits rise with its value where its sign is clear, and fall where it is
 * set. */
static uint64_t key_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? UINT64_MAX : bits & sign ? ~bits : bits | sign;
}

static double double_of(uint64_t key)
{
    double value;
    const uint64_t bits = key & sign ? key & ~sign : ~key;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void ft_sort_doubles(double *values, size_t count)
{
    uint64_t *keys = count < LEAST ? NULL : malloc(2 * count * sizeof *keys);
    if (!keys) {
        if (count > 1) qsort(values, count, sizeof *values, compare_doubles);
        return;
    }
    for (size_t i = 0; i < count; i++) keys[i] = key_of(values[i]);
    const uint64_t *sorted = sort_keys(keys, keys + count, count);
    for (size_t i = 0; i < count; i++) values[i] = double_of(sorted[i]);
    free(keys);
}

static void swap(double *a, double *b)
{
    const double kept = *a;
    *a = *b;
    *b = kept;
}

/* Quickselect (Hoare 1961): narrows [from, to] to where the place is. Numbers that make
 * it slow are sorted. */
void ft_select_double(double *values, size_t count, size_t place)
{
    enum { ROUNDS = 100, FEW = 16 };
    size_t from = 0, to = count - 1;
    for (int round = 0; round < ROUNDS && to - from > FEW; round++) {
        const uint64_t a = key_of(values[from]), b = key_of(values[from + (to - from) / 2]),
                       c = key_of(values[to]), least = a < b ? a : b, most = a < b ? b : a,
                       pivot = c < least  ? least
                               : c > most ? most
                                          : c; /* the one in the middle */
        size_t low = from, high = to;
        for (;;) {
            while (key_of(values[low]) < pivot) low++;
            while (key_of(values[high]) > pivot) high--;
            if (low >= high) break;
            swap(&values[low++], &values[high--]);
        }
        /* Up to `high` none is above the pivot, from high + 1 on none below. */
        if (place <= high)
            to = high;
        else
            from = high + 1;
    }
    ft_sort_doubles(values + from, to - from + 1);
}
