/* Counting on at a frequency, and its words; see frequency.h. */
#include "host/data/frequency.h"

#include <stdio.h>
#include <string.h>

#include "host/data/calendar.h"

static int64_t day_of_half_month(const ft_frequency *frequency, int64_t half_months)
{
    const ft_frequency anchor = {.unit = FT_EVERY_MONTHS,
                                 .anchor = FT_ANCHOR_DAY,
                                 .day =
                                     ft_floor_rest(half_months, 2) ? frequency->second_day : frequency->day};
    return ft_frequency_day(&anchor, ft_floor_divide(half_months, 2));
}

int64_t ft_frequency_day(const ft_frequency *frequency, int64_t months)
{
    if (frequency->unit == FT_EVERY_HALF_MONTHS) return day_of_half_month(frequency, months);
    int32_t year = (int32_t)ft_floor_divide(months, 12), month = (int32_t)ft_floor_rest(months, 12) + 1;
    int32_t last = ft_days_in_month(year, month), day;
    switch (frequency->anchor) {
    case FT_ANCHOR_BUSINESS_START:
        day = ft_first_business_day(year, month);
        break;
    case FT_ANCHOR_BUSINESS_END:
        day = ft_last_business_day(year, month);
        break;
    case FT_ANCHOR_NTH_WEEKDAY:
        day = ft_nth_weekday(year, month, frequency->day, frequency->weekday);
        break;
    default:
        day = frequency->day < last ? frequency->day : last;
    }
    return ft_days_from_date(year, month, day);
}

/* Rows of whole days take over the time of day of the date that they count on from. */
static void set_time_of_day(ft_week_pattern *week, int64_t time_of_day)
{
    for (int32_t i = 0; i < week->n_stretches; i++) {
        ft_stretch *stretch = &week->stretches[i];
        stretch->from += time_of_day - stretch->from % FT_MICROSECONDS_A_DAY;
        stretch->to += time_of_day - stretch->to % FT_MICROSECONDS_A_DAY;
    }
}

/* The month or half month that a day is in. */
static int64_t count_of_day(const ft_frequency *frequency, int64_t days)
{
    int64_t month = ft_month_of_day(days);
    if (frequency->unit == FT_EVERY_MONTHS) return month;
    return 2 * month + (days >= ft_frequency_day(frequency, 2 * month + 1));
}

void ft_frequency_start(ft_frequency *frequency, int64_t last, int32_t zone_minutes)
{
    int64_t zone = zone_minutes * FT_MICROSECONDS_A_MINUTE, local = last + zone;
    int64_t days = ft_floor_divide(local, FT_MICROSECONDS_A_DAY),
            time_of_day = ft_floor_rest(local, FT_MICROSECONDS_A_DAY);
    frequency->zone_minutes = zone_minutes;
    frequency->from = last;
    if (frequency->unit != FT_EVERY_STEP) {
        int64_t month = count_of_day(frequency, days);
        while (ft_floor_rest(month - frequency->phase, frequency->cycle) != 0 ||
               ft_frequency_day(frequency, month) < days)
            month++;
        if (ft_frequency_day(frequency, month) > days)
            month -= frequency->months; /* the first step leads there */
        frequency->from = ft_frequency_day(frequency, month) * FT_MICROSECONDS_A_DAY + time_of_day - zone;
    } else if (frequency->week.n_stretches > 0) {
        bool is_row;
        if (frequency->week.step % FT_MICROSECONDS_A_DAY == 0) set_time_of_day(&frequency->week, time_of_day);
        int64_t number = ft_week_pattern_number(&frequency->week, local, &is_row);
        /* so that the first step leads to the next row */
        if (!is_row) number += 1 - frequency->stride;
        frequency->from = ft_week_pattern_time(&frequency->week, number) - zone;
    }
}

ft_status ft_frequency_next(const ft_frequency *frequency, int64_t steps, int64_t *next, ft_error *err)
{
    const int64_t zone = frequency->zone_minutes * FT_MICROSECONDS_A_MINUTE, from = frequency->from + zone;
    const int64_t end = (ft_days_from_date(9999, 12, 31) + 1) * FT_MICROSECONDS_A_DAY;
    bool is_row, beyond;
    int64_t count = 0, result = end;
    if (frequency->unit != FT_EVERY_STEP) {
        int64_t days = ft_floor_divide(from, FT_MICROSECONDS_A_DAY), month = count_of_day(frequency, days);
        int64_t most = 10000 * (frequency->unit == FT_EVERY_MONTHS ? 12 : 24);
        beyond = __builtin_mul_overflow(steps, frequency->months, &count) || count > most;
        if (!beyond && month + count < most)
            result = ft_frequency_day(frequency, month + count) * FT_MICROSECONDS_A_DAY + from -
                     days * FT_MICROSECONDS_A_DAY;
    } else if (frequency->week.n_stretches > 0) {
        int64_t number = ft_week_pattern_number(&frequency->week, from, &is_row),
                per_week = ft_week_pattern_count(&frequency->week);
        beyond = __builtin_mul_overflow(steps, frequency->stride, &count) || count / per_week > 600000;
        if (!beyond) result = ft_week_pattern_time(&frequency->week, number + count);
    } else {
        beyond = __builtin_mul_overflow(steps, frequency->step, &count) ||
                 __builtin_add_overflow(from, count, &result);
    }
    if (beyond || result >= end)
        return ft_fail(err, FT_BAD_INPUT, "%lld steps of this frequency go beyond the year 9999",
                       (long long)steps);
    *next = result - zone;
    return FT_OK;
}

static bool is_business_days(const ft_frequency *frequency)
{
    const ft_week_pattern *week = &frequency->week;
    return frequency->unit == FT_EVERY_STEP && week->n_stretches == 1 &&
           week->step == FT_MICROSECONDS_A_DAY && week->stretches[0].from < FT_MICROSECONDS_A_DAY &&
           ft_week_pattern_count(week) == 5;
}

bool ft_frequency_is_plain(const ft_frequency *frequency)
{
    return frequency->regular && (frequency->unit != FT_EVERY_STEP || frequency->week.n_stretches == 0 ||
                                  is_business_days(frequency));
}

static void describe_step(int64_t step, char *out, size_t size)
{
    static const struct {
        const char *name;
        int64_t microseconds;
    } units[] = {{"week", FT_MICROSECONDS_A_WEEK},
                 {"day", FT_MICROSECONDS_A_DAY},
                 {"hour", FT_MICROSECONDS_AN_HOUR},
                 {"minute", FT_MICROSECONDS_A_MINUTE},
                 {"second", 1000000},
                 {"millisecond", 1000},
                 {"microsecond", 1}};
    size_t i = 0;
    while (step % units[i].microseconds != 0) i++;
    long long count = step / units[i].microseconds;
    snprintf(out, size, "%lld %s%s", count, units[i].name, count == 1 ? "" : "s");
}

static char *describe_week(const ft_frequency *frequency, char out[FT_FREQUENCY_CHARS])
{
    const ft_week_pattern *week = &frequency->week;
    long long stride = frequency->stride;
    if (is_business_days(frequency)) {
        snprintf(out, FT_FREQUENCY_CHARS, stride == 1 ? "business days" : "%lld business days", stride);
        return out;
    }
    char step[64];
    bool is_weekly = ft_week_pattern_count(week) == 1;
    describe_step((is_weekly ? FT_MICROSECONDS_A_WEEK : week->step) * stride, step, sizeof step);
    size_t used = (size_t)snprintf(out, FT_FREQUENCY_CHARS, "%s, ", step);
    ft_week_pattern_describe(week, out + used, FT_FREQUENCY_CHARS - used);
    return out;
}

static char *describe_half_months(const ft_frequency *frequency, char out[FT_FREQUENCY_CHARS])
{
    char count[16] = "";
    if (frequency->months > 1) snprintf(count, sizeof count, "%d ", (int)frequency->months);
    if (frequency->second_day == 31)
        snprintf(out, FT_FREQUENCY_CHARS, "%shalf months, day %d and last days", count, (int)frequency->day);
    else
        snprintf(out, FT_FREQUENCY_CHARS, "%shalf months, days %d and %d", count, (int)frequency->day,
                 (int)frequency->second_day);
    return out;
}

char *ft_frequency_describe(const ft_frequency *frequency, char out[FT_FREQUENCY_CHARS])
{
    if (frequency->unit == FT_EVERY_STEP) {
        if (frequency->week.n_stretches > 0) return describe_week(frequency, out);
        describe_step(frequency->step, out, FT_FREQUENCY_CHARS);
        return out;
    }
    static const char *const nth[] = {"first", "second", "third", "fourth", "last"};
    char place[40];
    if (frequency->unit == FT_EVERY_HALF_MONTHS) return describe_half_months(frequency, out);
    if (frequency->anchor == FT_ANCHOR_BUSINESS_START)
        strcpy(place, "first weekdays");
    else if (frequency->anchor == FT_ANCHOR_BUSINESS_END)
        strcpy(place, "last weekdays");
    else if (frequency->anchor == FT_ANCHOR_NTH_WEEKDAY)
        snprintf(place, sizeof place, "%s %ss", nth[frequency->day - 1],
                 ft_weekday_names[frequency->weekday]);
    else if (frequency->day == 1 || frequency->day == 31)
        strcpy(place, frequency->day == 1 ? "first days" : "last days");
    else
        snprintf(place, sizeof place, "day %d", (int)frequency->day);
    if (frequency->months == 1)
        snprintf(out, FT_FREQUENCY_CHARS, "1 month, %s", place);
    else
        snprintf(out, FT_FREQUENCY_CHARS, "%d months, %s", (int)frequency->months, place);
    return out;
}
