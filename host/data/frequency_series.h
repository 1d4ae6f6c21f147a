/* The dates of a series while their frequency is being inferred, and what all questions
 * about them need. Of the files frequency_*.c alone. */
#ifndef FT_HOST_DATA_FREQUENCY_SERIES_H
#define FT_HOST_DATA_FREQUENCY_SERIES_H

#include "host/data/frequency.h"

/* The n > 1 dates by the wall clock. */
typedef struct ft_date_series {
    const int64_t *times; /* (n), absolute */
    int64_t *local;       /* (n), by the wall clock of each */
    int64_t *scratch;     /* (n) */
    size_t n;
    bool is_daily;       /* most dates have one time of day, this: */
    int64_t time_of_day; /* of most dates */
    int64_t zone;        /* of the last date, microseconds: local - times */
} ft_date_series;

/* Finds the time of day of most dates, and moves those to it that a change of clocks, or
 * the time at which somebody wrote them down, has moved away from it; then the zone. */
void ft_dates_level(ft_date_series *s);

/* Whether `count` of n are enough to speak of all: three quarters. */
bool ft_dates_most(size_t count, size_t n);

/* The value that is there most often, the smallest of several; sorts the n > 0 values. */
int64_t ft_dates_mode(int64_t *values, size_t n, size_t *count);

/* The lower median of the n - 1 > 0 differences of values; they are in scratch,
 * sorted. */
int64_t ft_dates_median_step(const int64_t *values, size_t n, int64_t *scratch);

/* Whether the ascending values have one spacing, perhaps with gaps, from which few stray:
 * it is the most frequent difference, and most values have the rest *phase modulo it. */
bool ft_dates_have_spacing(const int64_t *values, size_t n, int64_t *scratch, int64_t *spacing,
                           int64_t *phase);

/* Frequencies of months (frequency_months.c): one row on a common day, or anchor, of
 * months one spacing apart; on the nth weekday of months; on two days of each month; in
 * each month, quarter or year on no common day. False: it is none. months: (n)
 * scratch. */
bool ft_infer_months(const ft_date_series *s, ft_frequency *frequency, int64_t *months);
bool ft_infer_nth_weekday(const ft_date_series *s, ft_frequency *frequency, int64_t *months);
bool ft_infer_half_months(const ft_date_series *s, ft_frequency *frequency);
bool ft_infer_periods(const ft_date_series *s, ft_frequency *frequency, int64_t *months);

#endif
