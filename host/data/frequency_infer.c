/* Which frequency most dates of a series agree on; see frequency.h. */
#include <stdlib.h>

#include "host/data/calendar.h"
#include "host/data/frequency.h"
#include "host/data/frequency_series.h"

static bool have_equal_steps(const int64_t *values, size_t n)
{
    for (size_t i = 2; i < n; i++)
        if (values[i] - values[i - 1] != values[1] - values[0]) return false;
    return values[1] > values[0];
}

static bool are_days(const int64_t *values)
{
    return (values[1] - values[0]) % FT_MICROSECONDS_A_DAY == 0;
}

/* In absolute time, or by the wall clock as days that begin at midnight. Two rows have
 * equal steps in both: whole days are what is meant. */
static bool infer_equal_steps(const ft_date_series *s, ft_frequency *frequency)
{
    bool in_time = have_equal_steps(s->times, s->n), by_clock = have_equal_steps(s->local, s->n);
    if (!in_time && !by_clock) return false;
    bool prefers_clock = by_clock && are_days(s->local) && !are_days(s->times);
    const int64_t *values = in_time && !prefers_clock ? s->times : s->local;
    frequency->step = values[1] - values[0];
    frequency->regular = true;
    return true;
}

/* Equal steps of 52 weeks, which may as well be years that end on a last weekday of a
 * month. */
static bool are_years_of_weeks(const ft_date_series *s)
{
    return have_equal_steps(s->local, s->n) && s->local[1] - s->local[0] == 52 * FT_MICROSECONDS_A_WEEK;
}

static ft_week_pattern business_week(int64_t time_of_day)
{
    ft_week_pattern week = {.step = FT_MICROSECONDS_A_DAY};
    for (int32_t day = 0; day < 5; day++)
        (void)ft_week_pattern_add(&week, day * FT_MICROSECONDS_A_DAY + time_of_day);
    return week;
}

/* Each date the same number of business days after the one before: 1, or more (2B) where
 * 4 dates show it. */
static bool infer_business_days(const ft_date_series *s, ft_frequency *frequency)
{
    const ft_week_pattern week = business_week(s->time_of_day);
    int64_t before = 0, stride = 0;
    for (size_t i = 0; i < s->n; i++) {
        bool is_row;
        int64_t number = ft_week_pattern_number(&week, s->local[i], &is_row);
        if (!is_row || (i > 1 && number - before != stride)) return false;
        stride = number - before;
        before = number;
    }
    if (s->n < (stride == 1 ? 3 : 4) || stride < 1) return false;
    frequency->week = week;
    frequency->stride = stride;
    frequency->regular = true;
    return true;
}

/* Whether chance leaves all weekends out in less than 1 of 20 files that have as large a
 * share of all days as this one has of its weekdays. */
static bool are_weekends_left_out(int64_t first_day, int64_t last_day, size_t n)
{
    double chance = 1, weekdays = 0;
    for (int64_t day = first_day; day <= last_day; day++) weekdays += ft_weekday(day) < 5;
    for (int64_t day = first_day; day <= last_day && chance >= 0.05; day++)
        if (ft_weekday(day) > 4) chance *= 1 - (double)n / weekdays;
    return chance < 0.05;
}

/* Business days, or each 2nd, 3rd, ... of them where most steps are multiples of that,
 * where all dates are such, but a step of days would lead to a weekend. */
static bool infer_gappy_business_days(const ft_date_series *s, ft_frequency *frequency)
{
    const int64_t first = ft_day_of(s->local[0]), last = ft_day_of(s->local[s->n - 1]);
    if (!s->is_daily || s->n < 4 ||
        ft_dates_median_step(s->local, s->n, s->scratch) % FT_MICROSECONDS_A_WEEK == 0)
        return false;
    const ft_week_pattern week = business_week(s->time_of_day);
    int64_t before = 0;
    for (size_t i = 0; i < s->n; i++) {
        bool is_row;
        int64_t number = ft_week_pattern_number(&week, s->local[i], &is_row);
        if (ft_weekday(ft_day_of(s->local[i])) > 4) return false;
        if (i > 0) s->scratch[i - 1] = number - before;
        before = number;
    }
    if (!are_weekends_left_out(first, last, s->n)) return false;
    size_t count, multiples = 0;
    const int64_t stride = ft_dates_mode(s->scratch, s->n - 1, &count);
    if (stride < 1) return false;
    for (size_t i = 0; i + 1 < s->n; i++) multiples += s->scratch[i] % stride == 0;
    frequency->week = week;
    frequency->stride = ft_are_most(multiples, s->n - 1) ? stride : 1;
    frequency->from = last * FT_MICROSECONDS_A_DAY + s->time_of_day - s->zone;
    return true;
}

/* Most dates on one weekday, a number of weeks apart; `days` is scratch, (n). */
static bool infer_weeks(const ft_date_series *s, ft_frequency *frequency, int64_t *days)
{
    size_t count, n = 0;
    if (s->n < 3 || !s->is_daily) return false;
    for (size_t i = 0; i < s->n; i++) days[i] = ft_weekday(ft_day_of(s->local[i]));
    int64_t weekday = ft_dates_mode(days, s->n, &count), spacing, phase;
    if (!ft_are_most(count, s->n)) return false;
    for (size_t i = 0; i < s->n; i++) {
        int64_t day = ft_day_of(s->local[i]);
        if (ft_weekday(day) == weekday && (n == 0 || day > days[n - 1])) days[n++] = day;
    }
    if (n < 2 || !ft_are_most(n, s->n) || !ft_dates_have_spacing(days, n, s->scratch, &spacing, &phase))
        return false;
    /* The last date counts for the nearest week. */
    int64_t last = ft_day_of(s->local[s->n - 1]);
    int64_t from = last + spacing / 2 - ft_floor_rest(last + spacing / 2 - phase, spacing);
    frequency->week = (ft_week_pattern){.step = FT_MICROSECONDS_A_WEEK};
    (void)ft_week_pattern_add(&frequency->week, weekday * FT_MICROSECONDS_A_DAY + s->time_of_day);
    frequency->stride = spacing / 7;
    frequency->from = from * FT_MICROSECONDS_A_DAY + s->time_of_day - s->zone;
    return true;
}

/* How many days from `*at` (their place of their last date) backwards have their first
 * date at one time of day; *at goes to the last date before them, or (size_t)-1. */
static size_t count_days_back(const ft_date_series *s, size_t first, size_t *at, int64_t *opening)
{
    size_t count = 0;
    size_t end = *at;
    for (;; count++) {
        if (end == (size_t)-1 || end < first) break;
        size_t start = end;
        while (start > first && ft_day_of(s->local[start - 1]) == ft_day_of(s->local[end])) start--;
        int64_t time = ft_time_of_day(s->local[start]);
        if (count > 0 && time != *opening) break;
        *opening = time;
        end = start - 1;
    }
    *at = end;
    return count;
}

/* Hours of opening in a zone that changed its clocks, but written without its offset (in
 * UTC, as a rule): the dates from `first` on, those before the change moved by its hour
 * to the hours of the last days. NULL in *moved where there is no such change. */
static ft_status follow_clock_change(const ft_date_series *s, size_t first, int64_t **moved, ft_error *err)
{
    size_t at = s->n - 1, changed;
    int64_t opening = 0, before = 0;
    *moved = NULL;
    if (count_days_back(s, first, &at, &opening) < 2 || at == (size_t)-1 || at < first) return FT_OK;
    changed = at;
    if (count_days_back(s, first, &at, &before) < 2 || llabs(opening - before) != FT_MICROSECONDS_AN_HOUR)
        return FT_OK;
    const size_t bytes = (s->n - first) * sizeof(int64_t);
    *moved = malloc(bytes);
    if (!*moved) return ft_no_memory(err, "the dates of a series", bytes);
    for (size_t i = first; i < s->n; i++)
        (*moved)[i - first] = s->local[i] + (i <= changed ? opening - before : 0);
    return FT_OK;
}

/* The weekdays and the hours that recur in the last 8 weeks. */
static ft_status infer_week(const ft_date_series *s, ft_frequency *frequency, bool *found, ft_error *err)
{
    int64_t last = s->local[s->n - 1];
    size_t first = 0;
    while (s->local[first] <= last - 8 * FT_MICROSECONDS_A_WEEK) first++;
    const size_t n = s->n - first;
    *found = false;
    if (n < 4) return FT_OK;
    int64_t step = ft_dates_median_step(s->local + first, n, s->scratch);
    if (step <= 0 || step > FT_MICROSECONDS_A_WEEK) return FT_OK;
    ft_week_pattern week, changed;
    int64_t *moved = NULL;
    bool is_found = false;
    ft_status status = ft_week_pattern_infer(s->local + first, n, step, &week, found, err);
    if (status == FT_OK && step < FT_MICROSECONDS_A_DAY) status = follow_clock_change(s, first, &moved, err);
    if (status == FT_OK && moved) status = ft_week_pattern_infer(moved, n, step, &changed, &is_found, err);
    if (status == FT_OK && is_found &&
        (!*found || ft_week_pattern_misfit(&changed, moved, n) * 2 <=
                        ft_week_pattern_misfit(&week, s->local + first, n))) {
        week = changed;
        *found = true;
    }
    free(moved);
    if (status != FT_OK || !*found) return status;
    bool is_row;
    int64_t number = ft_week_pattern_number(&week, last, &is_row);
    frequency->week = week;
    frequency->stride = 1;
    frequency->from = ft_week_pattern_time(&week, number) - s->zone;
    frequency->regular = ft_week_pattern_misfit(&week, s->local, s->n) == 0;
    return FT_OK;
}

/* A step that wavers around a round one (a clock that lags, a sensor's delay) is that,
 * within 2 %. */
static int64_t rounded(int64_t step)
{
    static const int64_t units[] = {FT_MICROSECONDS_A_DAY, FT_MICROSECONDS_AN_HOUR, FT_MICROSECONDS_A_MINUTE,
                                    FT_MICROSECONDS_A_SECOND, 1000};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int64_t whole = (step + units[i] / 2) / units[i] * units[i];
        if (whole > 0 && llabs(whole - step) <= step / 50) return whole;
    }
    return step;
}

/* The median step: of days by the wall clock, of less in absolute time. */
static void infer_step(const ft_date_series *s, ft_frequency *frequency)
{
    int64_t step = ft_dates_median_step(s->local, s->n, s->scratch);
    bool is_days = s->is_daily && step > 0 && step % FT_MICROSECONDS_A_DAY == 0;
    frequency->step = is_days ? step : rounded(ft_dates_median_step(s->times, s->n, s->scratch));
    if (is_days) /* a last date with another time of day is today's */
        frequency->from = ft_day_of(s->local[s->n - 1]) * FT_MICROSECONDS_A_DAY + s->time_of_day - s->zone;
}

static ft_status infer(ft_date_series *s, ft_frequency *frequency, int64_t *months, ft_error *err)
{
    ft_dates_set_time_of_day(s);
    frequency->zone_minutes = (int32_t)(s->zone / FT_MICROSECONDS_A_MINUTE);
    bool found = ft_infer_months(s, frequency, months) ||
                 (are_years_of_weeks(s) && ft_infer_nth_weekday(s, frequency, months)) ||
                 infer_equal_steps(s, frequency) || ft_infer_half_months(s, frequency) ||
                 infer_business_days(s, frequency) || ft_infer_nth_weekday(s, frequency, months) ||
                 infer_weeks(s, frequency, months);
    ft_status status = found ? FT_OK : infer_week(s, frequency, &found, err);
    found = found || ft_infer_periods(s, frequency, months) || infer_gappy_business_days(s, frequency);
    if (status == FT_OK && !found) infer_step(s, frequency);
    return status;
}

ft_status ft_frequency_infer(const int64_t *times, const int16_t *zones, size_t n, ft_frequency *frequency,
                             ft_error *err)
{
    *frequency = (ft_frequency){.unit = FT_EVERY_STEP, .step = FT_MICROSECONDS_A_DAY, .stride = 1};
    if (n == 0) return FT_OK;
    frequency->from = times[n - 1];
    frequency->zone_minutes = zones[n - 1];
    if (n == 1) return FT_OK;
    ft_date_series s = {.times = times, .n = n};
    int64_t *memory = malloc(3 * n * sizeof *memory);
    if (!memory) return ft_no_memory(err, "the dates of a series", 3 * n * sizeof *memory);
    s.local = memory;
    s.scratch = memory + n;
    for (size_t i = 0; i < n; i++) s.local[i] = times[i] + zones[i] * FT_MICROSECONDS_A_MINUTE;
    ft_status status = infer(&s, frequency, memory + 2 * n, err);
    free(memory);
    return status;
}
