/* The dates of a series while their frequency is inferred, and the statistics of them
 * that the tests for a frequency share. Private to frequency_*.c. */
#ifndef FT_HOST_DATA_FREQUENCY_SERIES_H
#define FT_HOST_DATA_FREQUENCY_SERIES_H

#include "host/data/frequency.h"

/* The dates, n > 1, ascending; all times in microseconds. */
typedef struct ft_date_series {
    const int64_t *times; /* (n): in UTC */
    int64_t *local;       /* (n): by each date's own wall clock */
    int64_t *scratch;     /* (n) */
    size_t n;
    bool is_daily;       /* most dates have the same time of day */
    int64_t time_of_day; /* the most frequent one */
    int64_t zone;        /* of the last date: local - times */
} ft_date_series;

/* Sets is_daily, time_of_day and zone, and moves the dates in `local` whose time of day
 * differs because clocks changed, or because they were written down late, to the time of
 * day of most. */
void ft_dates_set_time_of_day(ft_date_series *s);

/* Whether `count` of n are at least three quarters. */
bool ft_are_most(size_t count, size_t n);

/* The most frequent of n > 0 values, the smallest where several are; *count: how often it
 * occurs. Sorts the values. */
int64_t ft_dates_mode(int64_t *values, size_t n, size_t *count);

/* The lower median of the n - 1 > 0 differences between values that follow each other;
 * leaves the differences in scratch, (n - 1), sorted. */
int64_t ft_dates_median_step(const int64_t *values, size_t n, int64_t *scratch);

/* Whether most of the ascending values lie on one grid, *phase + k * *spacing, which may
 * have gaps. *spacing is their most frequent difference. */
bool ft_dates_have_spacing(const int64_t *values, size_t n, int64_t *scratch, int64_t *spacing,
                           int64_t *phase);

/* Frequencies of months (frequency_months.c). False: the dates have none. months: (n),
 * scratch.
 *   ft_infer_months       on one day of the month (or its end), each or each kth month
 *   ft_infer_nth_weekday  on the same weekday of a week of the month: each third Friday
 *   ft_infer_half_months  on two days of each month
 *   ft_infer_periods      once in each month, quarter or year, on no common day */
bool ft_infer_months(const ft_date_series *s, ft_frequency *frequency, int64_t *months);
bool ft_infer_nth_weekday(const ft_date_series *s, ft_frequency *frequency, int64_t *months);
bool ft_infer_half_months(const ft_date_series *s, ft_frequency *frequency);
bool ft_infer_periods(const ft_date_series *s, ft_frequency *frequency, int64_t *months);

#endif
