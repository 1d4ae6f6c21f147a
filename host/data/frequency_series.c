/* The dates of a series by the wall clock; see frequency_series.h. */
#include "host/data/frequency_series.h"

#include "base/sort.h"
#include "host/data/calendar.h"

bool ft_are_most(size_t count, size_t n)
{
    return count * 4 >= n * 3;
}

int64_t ft_dates_mode(int64_t *values, size_t n, size_t *count)
{
    int64_t mode = 0;
    *count = 0;
    ft_sort_int64(values, n);
    for (size_t i = 0, run = 0; i < n; i++) {
        run = i && values[i] == values[i - 1] ? run + 1 : 1;
        if (run > *count) *count = run, mode = values[i];
    }
    return mode;
}

int64_t ft_dates_median_step(const int64_t *values, size_t n, int64_t *scratch)
{
    for (size_t i = 1; i < n; i++) scratch[i - 1] = values[i] - values[i - 1];
    ft_sort_int64(scratch, n - 1);
    return scratch[(n - 2) / 2];
}

bool ft_dates_have_spacing(const int64_t *values, size_t n, int64_t *scratch, int64_t *spacing,
                           int64_t *phase)
{
    size_t count;
    for (size_t i = 1; i < n; i++) scratch[i - 1] = values[i] - values[i - 1];
    *spacing = ft_dates_mode(scratch, n - 1, &count);
    for (size_t i = 0; i < n; i++) scratch[i] = ft_floor_rest(values[i], *spacing);
    *phase = ft_dates_mode(scratch, n, &count);
    return ft_are_most(count, n);
}

static void find_time_of_day(ft_date_series *s)
{
    size_t count;
    for (size_t i = 0; i < s->n; i++) s->scratch[i] = ft_time_of_day(s->local[i]);
    s->time_of_day = ft_dates_mode(s->scratch, s->n, &count);
    s->is_daily = ft_are_most(count, s->n);
}

/* Dates of one time of day in a zone that changes its clocks, but written without its
 * offset (in UTC, as a rule), have two, an hour apart: those that have the earlier one
 * are moved, so that each lies on its day. */
static void undo_clock_change(ft_date_series *s)
{
    const int64_t hour = FT_MICROSECONDS_AN_HOUR;
    size_t here = 0, earlier = 0, later = 0;
    int64_t mode = s->time_of_day;
    for (size_t i = 0; i < s->n; i++) {
        int64_t after = ft_time_of_day(s->local[i] - mode);
        here += after == 0;
        later += after == hour;
        earlier += after == FT_MICROSECONDS_A_DAY - hour;
    }
    int64_t moved = later > earlier ? mode : ft_time_of_day(mode - hour);
    size_t other = later > earlier ? later : earlier;
    if (other < 2 || !ft_are_most(here + other, s->n)) return;
    int64_t before = INT64_MIN; /* two dates a day are two times of day */
    for (size_t i = 0; i < s->n; i++) {
        int64_t day = ft_day_of(s->local[i] + (ft_time_of_day(s->local[i]) == moved ? hour : 0));
        if (day <= before) return;
        before = day;
    }
    for (size_t i = 0; i < s->n; i++)
        if (ft_time_of_day(s->local[i]) == moved) s->local[i] += hour;
}

/* One date a day, at whatever time (when somebody came to write it down), is a matter of
 * days: each takes the time of the last. Not so where half of the steps are equal, as
 * each 36 hours. */
static void level_times_of_day(ft_date_series *s)
{
    size_t count;
    if (s->n < 4) return;
    for (size_t i = 1; i < s->n; i++) {
        if (ft_day_of(s->local[i]) <= ft_day_of(s->local[i - 1])) return;
        s->scratch[i - 1] = s->times[i] - s->times[i - 1];
    }
    (void)ft_dates_mode(s->scratch, s->n - 1, &count);
    if (count * 2 >= s->n - 1) return;
    s->time_of_day = ft_time_of_day(s->local[s->n - 1]);
    s->is_daily = true;
    for (size_t i = 0; i < s->n; i++)
        s->local[i] = ft_day_of(s->local[i]) * FT_MICROSECONDS_A_DAY + s->time_of_day;
}

void ft_dates_set_time_of_day(ft_date_series *s)
{
    find_time_of_day(s);
    undo_clock_change(s);
    find_time_of_day(s);
    if (!s->is_daily) level_times_of_day(s);
    s->zone = s->local[s->n - 1] - s->times[s->n - 1];
}
