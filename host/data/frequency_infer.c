/* Which frequency most dates of a series agree on; see frequency.h. */
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "host/data/calendar.h"
#include "host/data/frequency.h"

/* The dates by the wall clock, and what all questions about them need. */
typedef struct series {
    const int64_t *times; /* (n), absolute */
    int64_t *local;       /* (n), by the wall clock of each */
    int64_t *scratch;     /* (n) */
    size_t n;
    bool is_daily;       /* most dates have one time of day, this: */
    int64_t time_of_day; /* of most dates */
    int64_t zone;        /* of the last date, microseconds: local - times */
} series;

static bool most(size_t count, size_t n)
{
    return count * 4 >= n * 3;
}

/* The value that is there most often, the smallest of several; sorts the n > 0 values. */
static int64_t mode_of(int64_t *values, size_t n, size_t *count)
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

/* The lower median of the n - 1 > 0 differences of values; they are in scratch,
 * sorted. */
static int64_t median_difference(const int64_t *values, size_t n, int64_t *scratch)
{
    for (size_t i = 1; i < n; i++) scratch[i - 1] = values[i] - values[i - 1];
    ft_sort_int64(scratch, n - 1);
    return scratch[(n - 2) / 2];
}

/* Whether the ascending values have one spacing, perhaps with gaps, from which few stray:
 * it is the most frequent difference, and most values have the rest *phase modulo it. */
static bool has_spacing(const int64_t *values, size_t n, int64_t *scratch, int64_t *spacing, int64_t *phase)
{
    size_t count;
    for (size_t i = 1; i < n; i++) scratch[i - 1] = values[i] - values[i - 1];
    *spacing = mode_of(scratch, n - 1, &count);
    for (size_t i = 0; i < n; i++) scratch[i] = ft_floor_rest(values[i], *spacing);
    *phase = mode_of(scratch, n, &count);
    return most(count, n);
}

static bool is_anchored(const ft_frequency *frequency, int64_t day)
{
    return ft_frequency_day(frequency, ft_month_of_day(day)) == day;
}

/* How many dates lie on the anchor, each in a month of its own; their months, if
 * wanted. */
static size_t count_anchored(const series *s, const ft_frequency *frequency, int64_t *months)
{
    size_t count = 0;
    int64_t before = INT64_MIN;
    for (size_t i = 0; i < s->n; i++) {
        int64_t day = ft_day_of(s->local[i]), month = ft_month_of_day(day);
        if (month <= before || !is_anchored(frequency, day)) continue;
        before = month;
        if (months) months[count] = month;
        count++;
    }
    return count;
}

/* The anchor on which most dates lie, the first of several. */
static size_t find_anchor(const series *s, ft_frequency *frequency)
{
    ft_frequency anchors[33] = {{.anchor = FT_ANCHOR_DAY, .day = 1},
                                {.anchor = FT_ANCHOR_DAY, .day = 31},
                                {.anchor = FT_ANCHOR_BUSINESS_START},
                                {.anchor = FT_ANCHOR_BUSINESS_END}};
    for (int32_t day = 2; day <= 30; day++)
        anchors[day + 2] = (ft_frequency){.anchor = FT_ANCHOR_DAY, .day = day};
    size_t highest = 0;
    for (size_t i = 0; i < sizeof anchors / sizeof *anchors; i++) {
        size_t count = count_anchored(s, &anchors[i], NULL);
        if (count <= highest) continue;
        highest = count;
        frequency->anchor = anchors[i].anchor;
        frequency->day = anchors[i].day;
    }
    return highest;
}

/* Counts on from the anchor of a month. */
static void set_from_month(const series *s, int64_t month, ft_frequency *frequency)
{
    frequency->unit = FT_EVERY_MONTHS;
    frequency->from = ft_frequency_day(frequency, month) * FT_MICROSECONDS_A_DAY + s->time_of_day - s->zone;
}

/* Whether there are no more dates than one a month, but for a few: a cheap test before
 * expensive ones. */
static bool may_be_monthly(const series *s)
{
    int64_t first = ft_month_of_day(ft_day_of(s->local[0])),
            last = ft_month_of_day(ft_day_of(s->local[s->n - 1]));
    return s->is_daily && most((size_t)(last - first + 1), s->n);
}

/* How many months apart the dates on the anchor are, and from which month it goes on. */
static bool set_months(const series *s, ft_frequency *frequency, int64_t *months)
{
    int64_t spacing, phase, last = ft_month_of_day(ft_day_of(s->local[s->n - 1]));
    size_t n = count_anchored(s, frequency, months);
    if (n < 2 || !most(n, s->n)) return false;
    if (!has_spacing(months, n, s->scratch, &spacing, &phase)) spacing = 1, phase = 0;
    frequency->months = frequency->cycle = (int32_t)spacing;
    frequency->phase = (int32_t)phase;
    frequency->regular = n == s->n;
    for (size_t i = 1; i < n; i++)
        if (months[i] - months[i - 1] != spacing) frequency->regular = false;
    /* The period that the last date lies in has its row. Periods end with the anchors
     * that are an end. */
    bool is_end = frequency->anchor == FT_ANCHOR_BUSINESS_END ||
                  (frequency->anchor == FT_ANCHOR_DAY && frequency->day > 15);
    int64_t since = ft_floor_rest(last - phase, spacing);
    set_from_month(s, since == 0 ? last : is_end ? last + spacing - since : last - since, frequency);
    return true;
}

static bool infer_months(const series *s, ft_frequency *frequency, int64_t *months)
{
    ft_frequency tried = *frequency;
    if (!may_be_monthly(s) || !most(find_anchor(s, &tried), s->n) || !set_months(s, &tried, months))
        return false;
    *frequency = tried;
    return true;
}

/* On the nth of a weekday in each month, as the third Friday, or on the last. */
static bool infer_nth_weekday(const series *s, ft_frequency *frequency, int64_t *months)
{
    if (s->n < 3 || !may_be_monthly(s)) return false;
    ft_frequency tried = *frequency, best = *frequency;
    size_t highest = 0;
    tried.anchor = FT_ANCHOR_NTH_WEEKDAY;
    for (tried.weekday = 0; tried.weekday < 7; tried.weekday++) {
        for (tried.day = 1; tried.day <= 5; tried.day++) {
            size_t count = count_anchored(s, &tried, NULL);
            if (count > highest) highest = count, best = tried;
        }
    }
    if (!most(highest, s->n) || !set_months(s, &best, months)) return false;
    *frequency = best;
    return true;
}

/* The two days of the month that most dates lie on; a month's last day counts as 31.
 * False: they are not half a month apart. */
static bool find_two_days(const series *s, ft_frequency *frequency)
{
    size_t counts[32] = {0};
    for (size_t i = 0; i < s->n; i++) {
        int32_t year, month, day;
        ft_date_from_days(ft_day_of(s->local[i]), &year, &month, &day);
        counts[day == ft_days_in_month(year, month) ? 31 : day]++;
    }
    int32_t first = 0, second = 0;
    for (int32_t day = 1; day <= 31; day++) {
        if (counts[day] > counts[first])
            second = first, first = day;
        else if (counts[day] > counts[second])
            second = day;
    }
    frequency->day = first < second ? first : second;
    frequency->second_day = first < second ? second : first;
    int32_t apart = frequency->second_day - frequency->day;
    return second > 0 && apart >= 12 && apart <= 18 && most(counts[first] + counts[second], s->n);
}

/* Two rows a month, as on its 1st and 15th. */
static bool infer_half_months(const series *s, ft_frequency *frequency)
{
    ft_frequency tried = *frequency;
    if (s->n < 3 || !s->is_daily || !find_two_days(s, &tried)) return false;
    tried.unit = FT_EVERY_HALF_MONTHS;
    tried.months = tried.cycle = 1;
    tried.regular = true;
    size_t follow = 0;
    int64_t before = 0, number = 0;
    for (size_t i = 0; i < s->n; i++) {
        int64_t day = ft_day_of(s->local[i]), first = 2 * ft_month_of_day(day);
        number = day < ft_frequency_day(&tried, first)       ? first - 1
                 : day < ft_frequency_day(&tried, first + 1) ? first
                                                             : first + 1;
        bool follows = i > 0 && number - before == 1;
        follow += follows;
        if (ft_frequency_day(&tried, number) != day || (i > 0 && !follows)) tried.regular = false;
        before = number;
    }
    if (!most(follow, s->n - 1)) return false;
    tried.from = ft_frequency_day(&tried, number) * FT_MICROSECONDS_A_DAY + s->time_of_day - s->zone;
    *frequency = tried;
    return true;
}

/* Anchors months at the median day; at the start or the end of the month where that is
 * near, of its weekdays where there is no other. */
static void set_median_day(const series *s, ft_frequency *frequency)
{
    bool has_weekend = false;
    for (size_t i = 0; i < s->n; i++) {
        int32_t year, month, day;
        ft_date_from_days(ft_day_of(s->local[i]), &year, &month, &day);
        s->scratch[i] = day;
        has_weekend = has_weekend || ft_weekday(ft_day_of(s->local[i])) > 4;
    }
    ft_sort_int64(s->scratch, s->n);
    int32_t day = (int32_t)s->scratch[(s->n - 1) / 2];
    frequency->anchor = has_weekend || (day > 4 && day < 27) ? FT_ANCHOR_DAY
                        : day <= 4                           ? FT_ANCHOR_BUSINESS_START
                                                             : FT_ANCHOR_BUSINESS_END;
    frequency->day = day >= 27 ? 31 : day;
}

/* One row each month, quarter or year, though on no common day: their median day. */
static bool infer_periods(const series *s, ft_frequency *frequency, int64_t *months)
{
    static const int32_t periods[] = {1, 3, 12};
    if (s->n < 3) return false;
    for (size_t p = 0; p < sizeof periods / sizeof *periods; p++) {
        size_t follow = 0, count;
        bool ascends = true;
        for (size_t i = 0; i < s->n; i++) {
            months[i] = ft_month_of_day(ft_day_of(s->local[i]));
            if (i == 0) continue;
            int64_t apart = months[i] / periods[p] - months[i - 1] / periods[p];
            ascends = ascends && apart > 0;
            follow += apart == 1;
        }
        if (!ascends || !most(follow, s->n - 1)) continue;
        frequency->months = frequency->cycle = periods[p];
        int64_t last = months[s->n - 1] / periods[p] * periods[p];
        for (size_t i = 0; i < s->n; i++) s->scratch[i] = months[i] % periods[p];
        frequency->phase = (int32_t)mode_of(s->scratch, s->n, &count);
        set_median_day(s, frequency);
        set_from_month(s, last + frequency->phase, frequency);
        return true;
    }
    return false;
}

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
static bool infer_equal_steps(const series *s, ft_frequency *frequency)
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
static bool are_years_of_weeks(const series *s)
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
static bool infer_business_days(const series *s, ft_frequency *frequency)
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
static bool infer_gappy_business_days(const series *s, ft_frequency *frequency)
{
    const int64_t first = ft_day_of(s->local[0]), last = ft_day_of(s->local[s->n - 1]);
    if (!s->is_daily || s->n < 4 ||
        median_difference(s->local, s->n, s->scratch) % FT_MICROSECONDS_A_WEEK == 0)
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
    const int64_t stride = mode_of(s->scratch, s->n - 1, &count);
    if (stride < 1) return false;
    for (size_t i = 0; i + 1 < s->n; i++) multiples += s->scratch[i] % stride == 0;
    frequency->week = week;
    frequency->stride = most(multiples, s->n - 1) ? stride : 1;
    frequency->from = last * FT_MICROSECONDS_A_DAY + s->time_of_day - s->zone;
    return true;
}

/* Most dates on one weekday, a number of weeks apart; `days` is scratch, (n). */
static bool infer_weeks(const series *s, ft_frequency *frequency, int64_t *days)
{
    size_t count, n = 0;
    if (s->n < 3 || !s->is_daily) return false;
    for (size_t i = 0; i < s->n; i++) days[i] = ft_weekday(ft_day_of(s->local[i]));
    int64_t weekday = mode_of(days, s->n, &count), spacing, phase;
    if (!most(count, s->n)) return false;
    for (size_t i = 0; i < s->n; i++) {
        int64_t day = ft_day_of(s->local[i]);
        if (ft_weekday(day) == weekday && (n == 0 || day > days[n - 1])) days[n++] = day;
    }
    if (n < 2 || !most(n, s->n) || !has_spacing(days, n, s->scratch, &spacing, &phase)) return false;
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
static size_t count_days_back(const series *s, size_t first, size_t *at, int64_t *opening)
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
static ft_status follow_clock_change(const series *s, size_t first, int64_t **moved, ft_error *err)
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
static ft_status infer_week(const series *s, ft_frequency *frequency, bool *found, ft_error *err)
{
    int64_t last = s->local[s->n - 1];
    size_t first = 0;
    while (s->local[first] <= last - 8 * FT_MICROSECONDS_A_WEEK) first++;
    const size_t n = s->n - first;
    *found = false;
    if (n < 4) return FT_OK;
    int64_t step = median_difference(s->local + first, n, s->scratch);
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
static void infer_step(const series *s, ft_frequency *frequency)
{
    int64_t step = median_difference(s->local, s->n, s->scratch);
    bool is_days = s->is_daily && step > 0 && step % FT_MICROSECONDS_A_DAY == 0;
    frequency->step = is_days ? step : rounded(median_difference(s->times, s->n, s->scratch));
    if (is_days) /* a last date with another time of day is today's */
        frequency->from = ft_day_of(s->local[s->n - 1]) * FT_MICROSECONDS_A_DAY + s->time_of_day - s->zone;
}

static void find_time_of_day(series *s)
{
    size_t count;
    for (size_t i = 0; i < s->n; i++) s->scratch[i] = ft_time_of_day(s->local[i]);
    s->time_of_day = mode_of(s->scratch, s->n, &count);
    s->is_daily = most(count, s->n);
}

/* Dates of one time of day in a zone that changes its clocks, but written without its
 * offset (in UTC, as a rule), have two, an hour apart: those that have the earlier one
 * are moved, so that each lies on its day. */
static void undo_clock_change(series *s)
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
    if (other < 2 || !most(here + other, s->n)) return;
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
static void level_times_of_day(series *s)
{
    size_t count;
    if (s->n < 4) return;
    for (size_t i = 1; i < s->n; i++) {
        if (ft_day_of(s->local[i]) <= ft_day_of(s->local[i - 1])) return;
        s->scratch[i - 1] = s->times[i] - s->times[i - 1];
    }
    (void)mode_of(s->scratch, s->n - 1, &count);
    if (count * 2 >= s->n - 1) return;
    s->time_of_day = ft_time_of_day(s->local[s->n - 1]);
    s->is_daily = true;
    for (size_t i = 0; i < s->n; i++)
        s->local[i] = ft_day_of(s->local[i]) * FT_MICROSECONDS_A_DAY + s->time_of_day;
}

static ft_status infer(series *s, ft_frequency *frequency, int64_t *months, ft_error *err)
{
    find_time_of_day(s);
    undo_clock_change(s);
    find_time_of_day(s);
    if (!s->is_daily) level_times_of_day(s);
    s->zone = s->local[s->n - 1] - s->times[s->n - 1];
    frequency->zone_minutes = (int32_t)(s->zone / FT_MICROSECONDS_A_MINUTE);
    bool found = infer_months(s, frequency, months) ||
                 (are_years_of_weeks(s) && infer_nth_weekday(s, frequency, months)) ||
                 infer_equal_steps(s, frequency) || infer_half_months(s, frequency) ||
                 infer_business_days(s, frequency) || infer_nth_weekday(s, frequency, months) ||
                 infer_weeks(s, frequency, months);
    ft_status status = found ? FT_OK : infer_week(s, frequency, &found, err);
    found = found || infer_periods(s, frequency, months) || infer_gappy_business_days(s, frequency);
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
    series s = {.times = times, .n = n};
    int64_t *memory = malloc(3 * n * sizeof *memory);
    if (!memory) return ft_no_memory(err, "the dates of a series", 3 * n * sizeof *memory);
    s.local = memory;
    s.scratch = memory + n;
    for (size_t i = 0; i < n; i++) s.local[i] = times[i] + zones[i] * FT_MICROSECONDS_A_MINUTE;
    ft_status status = infer(&s, frequency, memory + 2 * n, err);
    free(memory);
    return status;
}
