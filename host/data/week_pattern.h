/* Rows that recur each week by the wall clock, as opening hours do: stretches of the
 * week, and in each a row at every step. */
#ifndef FT_HOST_DATA_WEEK_PATTERN_H
#define FT_HOST_DATA_WEEK_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { FT_MOST_STRETCHES = 48 };

/* A row at `from`, and each step after it up to `to`, which is one: microseconds since
 * Monday 00:00. */
typedef struct ft_stretch {
    int64_t from, to;
} ft_stretch;

typedef struct ft_week_pattern {
    int64_t step; /* microseconds */
    int32_t n_stretches;
    ft_stretch stretches[FT_MOST_STRETCHES]; /* ascending */
} ft_week_pattern;

/* Adds a row of the week, later than those before. False where that makes too many
 * stretches. */
bool ft_week_pattern_add(ft_week_pattern *week, int64_t time_of_week);

/* Rows a week. */
int64_t ft_week_pattern_count(const ft_week_pattern *week);

/* Rows are numbered through all weeks. The number of the last row at or before `time`
 * (wall clock, microseconds since 1970-01-01 00:00), *is_row: whether `time` is that
 * row's; and the time of a numbered row. The pattern has at least one row. */
int64_t ft_week_pattern_number(const ft_week_pattern *week, int64_t time, bool *is_row);
int64_t ft_week_pattern_time(const ft_week_pattern *week, int64_t number);

/* Rows that the pattern has and the `n` ascending dates (by the wall clock) lack, or the
 * other way round. */
int64_t ft_week_pattern_misfit(const ft_week_pattern *week, const int64_t *local, size_t n);

/* The pattern of dates that mostly lie `step` (1 microsecond to a week) apart: *found
 * where weekdays or times of day recur, and that explains at least half of what the plain
 * step does not. Fails with FT_NO_MEMORY. */
ft_status ft_week_pattern_infer(const int64_t *local, size_t n, int64_t step, ft_week_pattern *week,
                                bool *found, ft_error *err);

/* Which days and hours: "Monday to Friday", "Sunday to Thursday 10:00 to 16:00", "Sunday
 * 22:00 to Friday 21:00". Writes at most `size` bytes. */
void ft_week_pattern_describe(const ft_week_pattern *week, char *out, size_t size);

#endif
