/* Which weekdays and hours of dates recur; see week_pattern.h. */
#include <math.h>
#include <stdlib.h>

#include "base/sort.h"
#include "host/data/calendar.h"
#include "host/data/week_pattern.h"

/* When there are rows in the last weeks: which days, and at which times of them. */
typedef struct calendar {
    const int64_t *local; /* (n) */
    size_t n;
    int64_t step;
    int32_t possible[7]; /* Mondays, ... from the first date to the last */
    int32_t present[7];  /* those with a row */
    bool on[7];
    int64_t *times;  /* (n_times) of day, ascending */
    int32_t *counts; /* (7, n_times): rows by weekday and time of day */
    size_t n_times;
} calendar;

static ft_status fill_calendar(calendar *c, ft_error *err)
{
    c->times = malloc(c->n * sizeof *c->times);
    if (!c->times) return ft_no_memory(err, "the times of day", c->n * sizeof *c->times);
    for (size_t i = 0; i < c->n; i++) c->times[i] = ft_time_of_day(c->local[i]);
    ft_sort_int64(c->times, c->n);
    for (size_t i = 0; i < c->n; i++)
        if (c->n_times == 0 || c->times[i] != c->times[c->n_times - 1]) c->times[c->n_times++] = c->times[i];
    c->counts = calloc(7 * c->n_times, sizeof *c->counts);
    if (!c->counts) return ft_no_memory(err, "the times of day", 7 * c->n_times * sizeof *c->counts);
    int64_t before = INT64_MIN;
    for (size_t i = 0; i < c->n; i++) {
        int64_t day = ft_day_of(c->local[i]), time = ft_time_of_day(c->local[i]);
        int32_t weekday = ft_weekday(day);
        const int64_t *found = bsearch(&time, c->times, c->n_times, sizeof time, ft_compare_times);
        c->counts[(size_t)weekday * c->n_times + (size_t)(found - c->times)]++;
        if (day != before) c->present[weekday]++;
        before = day;
    }
    for (int64_t day = ft_day_of(c->local[0]); day <= ft_day_of(c->local[c->n - 1]); day++)
        c->possible[ft_weekday(day)]++;
    return FT_OK;
}

/* Weekdays are bits: 0 is Monday. */
enum { SATURDAY_SUNDAY = 0x60, FRIDAY_SATURDAY = 0x30 };

/* How many days there were of the weekdays, and how many had a row. */
static void count_days(const calendar *c, unsigned weekdays, int32_t *possible, int32_t *present)
{
    *possible = *present = 0;
    for (int32_t w = 0; w < 7; w++) {
        if (!(weekdays >> w & 1)) continue;
        *possible += c->possible[w];
        *present += c->present[w];
    }
}

/* Whether chance leaves these weekdays out in less than 1 of 100 files: a share of the
 * other days is missing, and each of these would have to be missing by that. */
static bool are_left_out(const calendar *c, unsigned weekdays, unsigned others)
{
    int32_t chances, had, possible, present;
    count_days(c, weekdays, &chances, &had);
    count_days(c, others, &possible, &present);
    double missing = (double)(possible - present + 1) / (double)(possible + 2);
    return 7 * pow(missing, chances - had) < 0.01;
}

/* Rows on each day from one Monday to its Friday. */
static bool is_one_working_week(const calendar *c)
{
    for (int32_t w = 0; w < 7; w++)
        if (c->possible[w] != (w < 5) || c->present[w] != (w < 5)) return false;
    return true;
}

/* Decides which weekdays have rows. Those that rarely have one are left out where that is
 * a weekend or cannot be chance: two Mondays that are holidays do not make a week without
 * Mondays. */
static void find_weekdays(calendar *c)
{
    unsigned off = 0;
    for (int32_t w = 0; w < 7; w++)
        if (c->possible[w] > 0 && c->present[w] * 4 <= c->possible[w]) off |= 1u << w;
    unsigned weekend = (off & SATURDAY_SUNDAY) == SATURDAY_SUNDAY   ? SATURDAY_SUNDAY
                       : (off & FRIDAY_SATURDAY) == FRIDAY_SATURDAY ? FRIDAY_SATURDAY
                                                                    : 0;
    if (is_one_working_week(c)) weekend = SATURDAY_SUNDAY;
    unsigned others = off & ~weekend;
    if (others && !are_left_out(c, others, 0x7f & ~off)) others = 0;
    off = weekend | others;
    int32_t possible, present;
    count_days(c, 0x7f & ~off, &possible, &present);
    if (weekend && present * 4 < possible * 3 && !are_left_out(c, weekend, 0x7f & ~off)) off = others;
    for (int32_t w = 0; w < 7; w++) c->on[w] = !(off >> w & 1);
}

/* Builds the week of the days with rows and the times of day that at least half of them
 * have; `by_day`: where a weekday was there three times, the times of day that at least
 * half of these have. False: it cannot be told, has no row, or too many stretches. */
static bool build_week(const calendar *c, bool by_day, ft_week_pattern *week)
{
    int32_t days = 0;
    size_t n_on = 0;
    *week = (ft_week_pattern){.step = c->step};
    for (int32_t w = 0; w < 7; w++) days += c->on[w] ? c->present[w] : 0;
    if (days < 3) return false;
    for (int32_t w = 0; w < 7; w++) {
        for (size_t t = 0; t < c->n_times && c->on[w]; t++) {
            int32_t count = 0;
            bool alone = by_day && c->present[w] >= 3;
            for (int32_t other = 0; other < 7; other++)
                if (alone ? other == w : c->on[other]) count += c->counts[(size_t)other * c->n_times + t];
            if (count * 2 < (alone ? c->present[w] : days)) continue;
            if (!ft_week_pattern_add(week, w * FT_MICROSECONDS_A_DAY + c->times[t])) return false;
            n_on++;
        }
    }
    /* Rows of whole days have one time of day. */
    for (size_t i = 1; i < (size_t)week->n_stretches && c->step % FT_MICROSECONDS_A_DAY == 0; i++)
        if (ft_time_of_day(week->stretches[i].from) != ft_time_of_day(week->stretches[0].from)) return false;
    return n_on > 0;
}

int64_t ft_week_pattern_misfit(const ft_week_pattern *week, const int64_t *local, size_t n)
{
    int64_t count = 0, before = 0;
    bool has_before = false;
    for (size_t i = 0; i < n; i++) {
        bool is_row;
        int64_t number = ft_week_pattern_number(week, local[i], &is_row);
        count += !is_row;
        if (!is_row) continue;
        if (has_before && number > before) count += number - before - 1;
        before = number;
        has_before = true;
    }
    return count;
}

/* Rows that a plain step has and the dates lack, or the other way round. */
static int64_t misfit_of_step(int64_t step, const int64_t *local, size_t n)
{
    int64_t count = 0;
    for (size_t i = 1; i < n; i++) {
        int64_t apart = local[i] - local[i - 1], steps = (apart + step / 2) / step;
        if (apart == steps * step && steps > 0)
            count += steps - 1;
        else
            count += steps > 1 ? steps : 1;
    }
    return count;
}

/* The days and hours that recur, if they explain what a plain step does not. */
static bool find_week(const calendar *c, ft_week_pattern *week)
{
    ft_week_pattern by_day;
    if (!build_week(c, false, week)) return false;
    int64_t misses = ft_week_pattern_misfit(week, c->local, c->n);
    if (build_week(c, true, &by_day)) {
        int64_t fewer = ft_week_pattern_misfit(&by_day, c->local, c->n);
        if (fewer * 2 <= misses && fewer < misses) misses = fewer, *week = by_day;
    }
    bool is_whole = ft_week_pattern_count(week) * week->step == FT_MICROSECONDS_A_WEEK;
    return !is_whole && misses * 2 <= misfit_of_step(c->step, c->local, c->n);
}

ft_status ft_week_pattern_infer(const int64_t *local, size_t n, int64_t step, ft_week_pattern *week,
                                bool *found, ft_error *err)
{
    calendar c = {.local = local, .n = n, .step = step};
    *found = false;
    ft_status status = fill_calendar(&c, err);
    if (status == FT_OK) {
        find_weekdays(&c);
        *found = find_week(&c, week);
    }
    free(c.times);
    free(c.counts);
    return status;
}
