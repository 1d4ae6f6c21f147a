/* At which frequency a series goes on; see timestamps.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/timestamps.h"

static const int64_t microseconds_a_minute = 60000000, microseconds_a_day = 86400000000;

/* An instant taken apart in the zone of its series. */
typedef struct moment {
    int64_t days, time_of_day; /* since 1970-01-01; microseconds */
    int32_t year, month, day;
} moment;

static moment moment_of(int64_t time, int32_t zone_minutes)
{
    int64_t local = time + zone_minutes * microseconds_a_minute;
    moment m = {.days = local / microseconds_a_day, .time_of_day = local % microseconds_a_day};
    if (m.time_of_day < 0) m.time_of_day += microseconds_a_day, m.days--;
    ft_date_from_days(m.days, &m.year, &m.month, &m.day);
    return m;
}

static int32_t days_in_month(int32_t year, int32_t month)
{
    return (int32_t)(ft_days_from_date(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) -
                     ft_days_from_date(year, month, 1));
}

/* The day of the month on which an anchor falls. */
static int32_t anchored_day(const ft_frequency *frequency, int32_t year, int32_t month)
{
    int32_t last = days_in_month(year, month), weekday;
    switch (frequency->anchor) {
    case FT_ANCHOR_BUSINESS_START:
        weekday = ft_weekday(ft_days_from_date(year, month, 1));
        return weekday < 5 ? 1 : 8 - weekday;
    case FT_ANCHOR_BUSINESS_END:
        weekday = ft_weekday(ft_days_from_date(year, month, last));
        return weekday < 5 ? last : last - (weekday - 4);
    default:
        return frequency->day < last ? frequency->day : last;
    }
}

/* Whether every instant lies on the anchor of its month. */
static bool all_anchored(const ft_frequency *frequency, const int64_t *times, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        moment m = moment_of(times[i], frequency->zone_minutes);
        if (m.day != anchored_day(frequency, m.year, m.month)) return false;
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* The lower median of n - 1 > 0 differences, and whether they are all equal. Without memory to sort them the
 * first. */
static int64_t median_difference(const int64_t *values, size_t n, bool *equal)
{
    *equal = true;
    for (size_t i = 2; i < n; i++)
        if (values[i] - values[i - 1] != values[1] - values[0]) *equal = false;
    int64_t median = values[1] - values[0];
    int64_t *differences = *equal ? NULL : malloc((n - 1) * sizeof *differences);
    if (!differences) return median;
    for (size_t i = 1; i < n; i++) differences[i - 1] = values[i] - values[i - 1];
    qsort(differences, n - 1, sizeof *differences, by_value);
    median = differences[(n - 2) / 2];
    free(differences);
    return median;
}

/* Fills in a monthly frequency if the instants lie on one anchor, one time of day and different months. */
static bool infer_months(const int64_t *times, size_t n, ft_frequency *frequency)
{
    int32_t largest_day = 1;
    moment first = moment_of(times[0], frequency->zone_minutes), before = first;
    for (size_t i = 0; i < n; i++) {
        moment m = moment_of(times[i], frequency->zone_minutes);
        if (m.time_of_day != first.time_of_day) return false;
        if (i && m.year == before.year && m.month == before.month) return false;
        if (m.day > largest_day) largest_day = m.day;
        before = m;
    }
    const ft_frequency anchors[] = {{.anchor = FT_ANCHOR_DAY, .day = 1},
                                    {.anchor = FT_ANCHOR_DAY, .day = 31},
                                    {.anchor = FT_ANCHOR_BUSINESS_START},
                                    {.anchor = FT_ANCHOR_BUSINESS_END},
                                    {.anchor = FT_ANCHOR_DAY, .day = largest_day}};
    ft_frequency tried = *frequency;
    tried.unit = FT_EVERY_MONTHS;
    bool anchored = false;
    for (size_t i = 0; i < sizeof anchors / sizeof *anchors && !anchored; i++) {
        tried.anchor = anchors[i].anchor;
        tried.day = anchors[i].day;
        anchored = all_anchored(&tried, times, n);
    }
    if (!anchored) return false;
    int64_t *months = malloc(n * sizeof *months);
    if (!months) return false;
    for (size_t i = 0; i < n; i++) {
        moment m = moment_of(times[i], frequency->zone_minutes);
        months[i] = (int64_t)m.year * 12 + m.month;
    }
    tried.months = (int32_t)median_difference(months, n, &tried.regular);
    free(months);
    *frequency = tried;
    return true;
}

/* Weekdays from day 0 on that come before `days`. */
static int64_t weekdays_before(int64_t days)
{
    int64_t monday = days - ft_weekday(days); /* a multiple of 7 days away from Monday 1969-12-29, day -3 */
    int64_t into = days - monday;
    return (monday + 3) / 7 * 5 + (into < 5 ? into : 5);
}

static bool infer_business_days(const int64_t *times, size_t n, ft_frequency *frequency)
{
    moment first = moment_of(times[0], frequency->zone_minutes), last = first;
    for (size_t i = 0; i < n; i++) {
        last = moment_of(times[i], frequency->zone_minutes);
        if (last.time_of_day != first.time_of_day || ft_weekday(last.days) > 4) return false;
    }
    int64_t weekdays = weekdays_before(last.days + 1) - weekdays_before(first.days);
    if ((int64_t)n * 4 < weekdays * 3) return false;
    frequency->unit = FT_EVERY_BUSINESS_DAY;
    frequency->regular = (int64_t)n == weekdays;
    return true;
}

ft_frequency ft_frequency_infer(const int64_t *times, size_t n, int32_t zone_minutes)
{
    ft_frequency frequency = {
        .unit = FT_EVERY_STEP, .step = microseconds_a_day, .zone_minutes = zone_minutes};
    if (n < 2) return frequency;
    if (infer_months(times, n, &frequency)) return frequency;
    frequency.step = median_difference(times, n, &frequency.regular);
    if (!frequency.regular) (void)infer_business_days(times, n, &frequency);
    return frequency;
}

ft_status ft_frequency_next(const ft_frequency *frequency, int64_t time, int64_t steps, int64_t *next,
                            ft_error *err)
{
    moment m = moment_of(time, frequency->zone_minutes);
    int64_t last = ft_days_from_date(9999, 12, 31), days = m.days, result;
    bool beyond = steps > last - m.days + 1 && frequency->unit != FT_EVERY_STEP;
    if (frequency->unit == FT_EVERY_BUSINESS_DAY && !beyond) {
        int64_t friday_less =
            ft_weekday(days) < 5 ? 0 : ft_weekday(days) - 4; /* a weekend counts as its Friday */
        int64_t number = ft_weekday(days) - friday_less + steps;
        days += number / 5 * 7 + number % 5 - (ft_weekday(m.days) - friday_less) - friday_less;
    } else if (frequency->unit == FT_EVERY_MONTHS && !beyond) {
        int64_t month = (int64_t)m.year * 12 + m.month - 1 + steps * frequency->months;
        beyond = month / 12 > 9999;
        if (!beyond) {
            int32_t year = (int32_t)(month / 12), month_of_year = (int32_t)(month % 12) + 1;
            days = ft_days_from_date(year, month_of_year, anchored_day(frequency, year, month_of_year));
        }
    }
    if (frequency->unit == FT_EVERY_STEP)
        beyond = __builtin_mul_overflow(steps, frequency->step, &result) ||
                 __builtin_add_overflow(time, result, &result);
    else
        result = (days - m.days) * microseconds_a_day + time;
    if (beyond || moment_of(result, frequency->zone_minutes).days > last)
        return ft_fail(err, FT_BAD_INPUT, "%lld steps of this frequency go beyond the year 9999",
                       (long long)steps);
    *next = result;
    return FT_OK;
}

static void describe_step(int64_t step, char *out)
{
    static const struct {
        const char *name;
        int64_t microseconds;
    } units[] = {{"week", 604800000000}, {"day", 86400000000},  {"hour", 3600000000}, {"minute", 60000000},
                 {"second", 1000000},    {"millisecond", 1000}, {"microsecond", 1}};
    size_t i = 0;
    while (step % units[i].microseconds != 0) i++;
    long long count = step / units[i].microseconds;
    snprintf(out, FT_TIMESTAMP_CHARS, "%lld %s%s", count, units[i].name, count == 1 ? "" : "s");
}

char *ft_frequency_describe(const ft_frequency *frequency, char out[FT_TIMESTAMP_CHARS])
{
    if (frequency->unit == FT_EVERY_BUSINESS_DAY) return strcpy(out, "business days");
    if (frequency->unit == FT_EVERY_STEP) {
        describe_step(frequency->step, out);
        return out;
    }
    char place[24];
    if (frequency->anchor == FT_ANCHOR_BUSINESS_START)
        strcpy(place, "first weekdays");
    else if (frequency->anchor == FT_ANCHOR_BUSINESS_END)
        strcpy(place, "last weekdays");
    else if (frequency->day == 1 || frequency->day == 31)
        strcpy(place, frequency->day == 1 ? "first days" : "last days");
    else
        snprintf(place, sizeof place, "day %d", (int)frequency->day);
    if (frequency->months == 1)
        snprintf(out, FT_TIMESTAMP_CHARS, "1 month, %s", place);
    else
        snprintf(out, FT_TIMESTAMP_CHARS, "%d months, %s", (int)frequency->months, place);
    return out;
}
