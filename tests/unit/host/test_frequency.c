/* Series go on at the frequency of their dates, or at one that is named. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "host/data/calendar.h"
#include "host/data/frequency.h"
#include "host/data/season.h"
#include "host/data/timestamps.h"

enum { MAX_DATES = 4096 };

typedef struct history {
    int64_t times[MAX_DATES];
    int16_t zones[MAX_DATES];
    size_t n;
} history;

static history rows; /* of the test at hand */

static void add(const char *text, size_t length)
{
    ft_timestamp_style style;
    cr_assert(ft_timestamp_parse(text, length, &rows.times[rows.n], &style), "%.*s", (int)length, text);
    rows.zones[rows.n++] = (int16_t)style.zone_minutes;
}

static int64_t at(const char *text)
{
    int64_t time;
    cr_assert(ft_timestamp_parse(text, strlen(text), &time, NULL), "%s", text);
    return time;
}

static ft_frequency infer(void)
{
    ft_frequency frequency;
    ft_error err;
    cr_assert_eq(ft_frequency_infer(rows.times, rows.zones, rows.n, &frequency, &err), FT_OK, "%s",
                 err.message);
    return frequency;
}

static ft_frequency infer_from(const char *const *dates)
{
    rows.n = 0;
    for (; *dates; dates++) add(*dates, strlen(*dates));
    return infer();
}
#define DATES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void next_is(const ft_frequency *frequency, int64_t steps, const char *expected)
{
    int64_t next;
    ft_error err;
    char out[FT_TIMESTAMP_CHARS];
    cr_assert_eq(ft_frequency_next(frequency, steps, &next, &err), FT_OK, "%s", err.message);
    ft_timestamp_style style = {.precision = FT_STYLE_DATE, .date_separator = '-', .time_separator = ' '};
    style.zone_minutes = rows.n ? rows.zones[rows.n - 1] : 0;
    cr_expect_str_eq(ft_timestamp_format(next, &style, out), expected, "%s instead of %s", out, expected);
}

static void is(const ft_frequency *frequency, const char *words, bool plain)
{
    char out[FT_FREQUENCY_CHARS];
    cr_expect_str_eq(ft_frequency_describe(frequency, out), words, "%s instead of %s", out, words);
    cr_expect_eq(ft_frequency_is_plain(frequency), plain, "%s", words);
}

/* A series of dates, its frequency in words, and the date `steps` after its last. */
static void goes_on(const char *const *dates, const char *words, bool plain, int64_t steps,
                    const char *expected)
{
    ft_frequency frequency = infer_from(dates);
    is(&frequency, words, plain);
    next_is(&frequency, steps, expected);
}

Test(frequency, equal_steps)
{
    goes_on(DATES("2024-02-27", "2024-02-28", "2024-02-29"), "1 day", true, 2, "2024-03-02");
    goes_on(DATES("2024-01-01 00:00:00", "2024-01-01 00:00:30", "2024-01-01 00:01:00"), "30 seconds", true, 1,
            "2024-01-01 00:01:30");
    goes_on(DATES("2024-01-01 22:00", "2024-01-01 23:00", "2024-01-02 00:00"), "1 hour", true, 25,
            "2024-01-03 01:00");
    goes_on(DATES("2024-01-01 00:00", "2024-01-01 00:15", "2024-01-01 00:30"), "15 minutes", true, 1,
            "2024-01-01 00:45");
    goes_on(DATES("2024-01-07", "2024-01-14", "2024-01-21"), "1 week", true, 2, "2024-02-04");
    goes_on(DATES("2024-01-07", "2024-01-21", "2024-02-04"), "2 weeks", true, 1, "2024-02-18");
    goes_on(DATES("2024-01-05", "2024-01-08"), "3 days", true, 1, "2024-01-11");
}

Test(frequency, months_quarters_years)
{
    goes_on(DATES("2023-11-01", "2023-12-01", "2024-01-01"), "1 month, first days", true, 2, "2024-03-01");
    goes_on(DATES("2023-11-30", "2023-12-31", "2024-01-31"), "1 month, last days", true, 1, "2024-02-29");
    goes_on(DATES("2023-06-30", "2023-09-30", "2023-12-31"), "3 months, last days", true, 1, "2024-03-31");
    goes_on(DATES("2023-04-01", "2023-07-01", "2023-10-01"), "3 months, first days", true, 1, "2024-01-01");
    goes_on(DATES("2020", "2021", "2022"), "12 months, first days", true, 3, "2025-01-01");
    goes_on(DATES("2020-12-31", "2021-12-31", "2022-12-31"), "12 months, last days", true, 1, "2023-12-31");
    goes_on(DATES("2024-01-15", "2024-02-15", "2024-03-15"), "1 month, day 15", true, 1, "2024-04-15");
    goes_on(DATES("2024-01-30", "2024-02-29", "2024-03-30"), "1 month, day 30", true, 11, "2025-02-28");
    goes_on(DATES("2024-03-01", "2024-04-01", "2024-05-01", "2024-06-03"), "1 month, first weekdays", true, 3,
            "2024-09-02");
    goes_on(DATES("2024-03-29", "2024-04-30", "2024-05-31"), "1 month, last weekdays", true, 3, "2024-08-30");
    goes_on(DATES("2000-01-03", "2000-04-03", "2000-07-03"), "3 months, first weekdays", true, 1,
            "2000-10-02");
    goes_on(DATES("2023-02-28", "2024-02-29", "2025-02-28"), "12 months, last days", true, 3, "2028-02-29");
    goes_on(DATES("2024-01-01", "2024-02-01", "2024-04-01", "2024-05-01"), "1 month, first days", false, 1,
            "2024-06-01");
    goes_on(DATES("2024-01-19", "2024-02-16", "2024-03-15", "2024-04-19"), "1 month, third Fridays", true, 2,
            "2024-06-21");
}

Test(frequency, last_weekdays_of_months)
{
    goes_on(DATES("2024-01-26", "2024-02-23", "2024-03-29", "2024-04-26", "2024-05-31", "2024-06-28",
                  "2024-07-26", "2024-08-30", "2024-09-27", "2024-10-25", "2024-11-29", "2024-12-27"),
            "1 month, last Fridays", true, 1, "2025-01-31");
    goes_on(DATES("2023-01-26", "2023-02-23", "2023-03-30", "2023-04-27", "2023-05-25", "2023-06-29"),
            "1 month, last Thursdays", true, 2, "2023-08-31");
    /* Years of 52 or 53 weeks, which end with January's last Saturday. */
    goes_on(DATES("2021-01-30", "2022-01-29", "2023-01-28"), "12 months, last Saturdays", true, 3,
            "2026-01-31");
    goes_on(DATES("2019-01-26", "2020-01-25", "2021-01-30", "2022-01-29", "2023-01-28"),
            "12 months, last Saturdays", true, 1, "2024-01-27");
}

Test(frequency, half_months)
{
    goes_on(DATES("2024-01-01", "2024-01-15", "2024-02-01", "2024-02-15"), "half months, days 1 and 15", true,
            3, "2024-04-01");
    goes_on(DATES("2023-12-15", "2023-12-31", "2024-01-15", "2024-01-31", "2024-02-15"),
            "half months, day 15 and last days", true, 1, "2024-02-29");
    goes_on(DATES("2023-12-16", "2024-01-01", "2024-01-16"), "half months, days 1 and 16", true, 2,
            "2024-02-16");
    goes_on(DATES("2024-01-01", "2024-01-15", "2024-02-01", "2024-02-15", "2024-03-15", "2024-04-01",
                  "2024-04-15", "2024-05-01"),
            "half months, days 1 and 15", false, 1, "2024-05-15");
}

/* Holidays, a day late, a month that is still under way: each month has its row. */
Test(frequency, one_odd_row_does_not_spoil_months)
{
    goes_on(DATES("2021-01-29", "2021-02-26", "2021-03-31", "2021-04-30", "2021-05-28"),
            "1 month, last weekdays", false, 1, "2021-06-30");
    goes_on(DATES("2021-01-31", "2021-02-28", "2021-03-31", "2021-04-30", "2021-05-14"), "1 month, last days",
            false, 1, "2021-06-30");
    goes_on(DATES("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-04-19"),
            "1 month, first days", false, 1, "2024-05-01");
    goes_on(DATES("2023-03-31", "2023-06-30", "2023-09-30", "2023-12-31", "2024-02-09"),
            "3 months, last days", false, 1, "2024-06-30");
    goes_on(DATES("2023-01-01", "2023-04-01", "2023-07-01", "2023-10-02", "2024-01-01"),
            "3 months, first days", false, 1, "2024-04-01");
    goes_on(DATES("2021-02-01", "2021-05-01", "2021-08-01", "2021-11-01", "2022-02-02"),
            "3 months, first days", false, 2, "2022-08-01");
    /* No common day, but one row each month, quarter or year. */
    goes_on(DATES("2024-01-05", "2024-02-12", "2024-03-04", "2024-04-17", "2024-05-06"), "1 month, day 6",
            false, 2, "2024-07-06");
    goes_on(DATES("2023-02-02", "2023-05-04", "2023-07-27", "2023-10-26", "2024-02-01", "2024-05-02"),
            "3 months, first weekdays", false, 1, "2024-08-01");
}

Test(frequency, one_odd_row_does_not_spoil_weeks)
{
    goes_on(DATES("2024-03-01", "2024-03-08", "2024-03-15", "2024-03-22", "2024-03-28"), "1 week, Friday",
            false, 1, "2024-04-05");
    goes_on(DATES("2024-03-04", "2024-03-11", "2024-03-18", "2024-03-25", "2024-04-02"), "1 week, Monday",
            false, 1, "2024-04-08");
    goes_on(DATES("2024-03-01", "2024-03-08", "2024-03-22", "2024-03-29"), "1 week, Friday", false, 1,
            "2024-04-05");
    goes_on(DATES("2024-01-05", "2024-01-19", "2024-02-01", "2024-02-16", "2024-03-01"), "2 weeks, Friday",
            false, 2, "2024-03-29");
}

Test(frequency, business_days)
{
    goes_on(DATES("2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"), "business days", true, 4,
            "2024-01-15");
    goes_on(DATES("2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"), "business days", true, 13,
            "2024-01-25");
    /* A holiday is missing: Monday, 15 January. */
    goes_on(DATES("2024-01-11", "2024-01-12", "2024-01-16", "2024-01-17", "2024-01-18", "2024-01-19"),
            "business days", false, 1, "2024-01-22");
    /* Two Mondays are holidays, and there were no others. */
    goes_on(DATES("2023-12-21", "2023-12-22", "2023-12-26", "2023-12-27", "2023-12-28", "2023-12-29",
                  "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"),
            "business days", false, 1, "2024-01-08");
}

Test(frequency, every_count_of_business_days_is_a_walk)
{
    ft_error err;
    for (int64_t day = 0; day < 7; day++) {
        ft_frequency frequency;
        cr_assert_eq(ft_frequency_parse("B", &frequency, &err), FT_OK);
        int64_t walk = at("2024-01-01") + day * FT_MICROSECONDS_A_DAY, next;
        ft_frequency_start(&frequency, walk, 0);
        for (int64_t steps = 1; steps < 40; steps++) {
            do walk += FT_MICROSECONDS_A_DAY;
            while (ft_weekday(walk / FT_MICROSECONDS_A_DAY) > 4);
            cr_assert_eq(ft_frequency_next(&frequency, steps, &next, &err), FT_OK);
            cr_assert_eq(next, walk);
        }
    }
}

Test(frequency, irregular_series_go_on_at_the_median_step)
{
    goes_on(DATES("2024-01-01", "2024-01-02", "2024-01-06", "2024-01-07", "2024-01-09"), "1 day", false, 1,
            "2024-01-10");
    goes_on(DATES("2024-01-01 10:00", "2024-01-01 11:00", "2024-01-02 10:00", "2024-01-02 11:00"), "1 hour",
            false, 1, "2024-01-02 12:00");
    goes_on(DATES("2022-01-01", "2022-01-04", "2022-01-05", "2022-01-19", "2022-02-03", "2022-02-04"),
            "3 days", false, 1, "2022-02-07");
    goes_on(DATES("2024-01-01"), "1 day", false, 1, "2024-01-02");
}

/* Each date has its own offset; what follows has the last. */
Test(frequency, days_and_months_are_those_of_the_wall_clock)
{
    goes_on(DATES("2024-01-01T00:00+09:00", "2024-02-01T00:00+09:00", "2024-03-01T00:00+09:00"),
            "1 month, first days", true, 1, "2024-04-01");
    goes_on(DATES("2024-03-01T00:00+01:00", "2024-04-01T00:00+02:00", "2024-05-01T00:00+02:00"),
            "1 month, first days", true, 7, "2024-12-01");
    goes_on(DATES("2024-03-07T00:00-05:00", "2024-03-08T00:00-05:00", "2024-03-11T00:00-04:00",
                  "2024-03-12T00:00-04:00"),
            "business days", true, 4, "2024-03-18");
    goes_on(DATES("2024-03-30T00:00+01:00", "2024-03-31T00:00+01:00", "2024-04-01T00:00+02:00"), "1 day",
            true, 1, "2024-04-02");
    goes_on(DATES("2024-10-26T22:00+02:00", "2024-10-27T02:00+02:00", "2024-10-27T05:00+01:00"), "4 hours",
            true, 2, "2024-10-27 13:00");
    goes_on(DATES("2024-10-27T01:00+02:00", "2024-10-27T02:00+02:00", "2024-10-27T02:00+01:00",
                  "2024-10-27T03:00+01:00"),
            "1 hour", true, 1, "2024-10-27 04:00");
    goes_on(
        DATES("2024-10-20T00:00+01:00", "2024-10-27T00:00+01:00", "2024-11-03T00:00Z", "2024-11-10T00:00Z"),
        "1 week", true, 1, "2024-11-17");
}

/* Two rows are a step by the wall clock where that is whole days. */
Test(frequency, two_rows_across_a_change_of_clocks)
{
    goes_on(DATES("2024-03-31 00:00:00+01:00", "2024-04-01 00:00:00+02:00"), "1 day", true, 2, "2024-04-03");
    goes_on(DATES("2024-10-27 00:00:00+02:00", "2024-10-28 00:00:00+01:00"), "1 day", true, 1, "2024-10-29");
    goes_on(DATES("2024-03-25 00:00:00+01:00", "2024-04-01 00:00:00+02:00"), "1 week", true, 1, "2024-04-08");
    goes_on(DATES("2024-03-31 00:00+01:00", "2024-04-01 01:00+02:00"), "1 day", true, 1, "2024-04-02 01:00");
}

/* Midnight in New York, Berlin and London, written in UTC. */
Test(frequency, a_change_of_clocks_shows_in_utc_too)
{
    goes_on(DATES("2024-03-05 05:00Z", "2024-03-06 05:00Z", "2024-03-07 05:00Z", "2024-03-08 05:00Z",
                  "2024-03-11 04:00Z", "2024-03-12 04:00Z", "2024-03-13 04:00Z"),
            "business days", true, 3, "2024-03-18 04:00");
    goes_on(DATES("2024-01-31 23:00", "2024-02-29 23:00", "2024-03-31 22:00", "2024-04-30 22:00",
                  "2024-05-31 22:00"),
            "1 month, last days", true, 1, "2024-06-30 22:00");
    goes_on(DATES("2024-03-27 00:00", "2024-03-28 00:00", "2024-03-29 00:00", "2024-03-31 23:00",
                  "2024-04-01 23:00", "2024-04-02 23:00"),
            "business days", true, 3, "2024-04-07 23:00");
    goes_on(DATES("2024-10-06 23:00", "2024-10-13 23:00", "2024-10-20 23:00", "2024-10-28 00:00",
                  "2024-11-04 00:00"),
            "1 week", true, 1, "2024-11-11");
}

Test(frequency, times_that_waver)
{
    goes_on(DATES("2024-03-01 07:12", "2024-03-02 08:40", "2024-03-03 06:55", "2024-03-04 07:30",
                  "2024-03-05 09:01"),
            "1 day", true, 2, "2024-03-07 09:01");
    goes_on(DATES("2024-03-01 10:00:03", "2024-03-01 10:05:01", "2024-03-01 10:10:02", "2024-03-01 10:15:05",
                  "2024-03-01 10:20:02"),
            "5 minutes", false, 1, "2024-03-01 10:25:02");
    goes_on(DATES("2024-03-01 00:00", "2024-03-02 12:00", "2024-03-04 00:00", "2024-03-07 00:00",
                  "2024-03-08 12:00"),
            "36 hours", false, 1, "2024-03-10");
    /* Yearly on the first trading day: 1 January is a holiday. */
    goes_on(DATES("2016-01-04", "2017-01-03", "2018-01-02", "2019-01-02", "2020-01-02", "2021-01-04",
                  "2022-01-03"),
            "12 months, first weekdays", false, 1, "2023-01-02");
}

/* Adds a row each `step` minutes of a time: the opening hours [from, to] on the days that
 * `week` has, bit 0 for Monday. */
static void add_hours(const char *first_day, int32_t n_days, unsigned week, int32_t from, int32_t to,
                      int32_t step)
{
    int64_t first = at(first_day);
    for (int32_t day = 0; day < n_days; day++)
        for (int32_t minute = from; minute <= to; minute += step) {
            int64_t midnight = first + day * FT_MICROSECONDS_A_DAY;
            if (!(week >> ft_weekday(midnight / FT_MICROSECONDS_A_DAY) & 1)) continue;
            rows.zones[rows.n] = 0;
            rows.times[rows.n++] = midnight + minute * FT_MICROSECONDS_A_MINUTE;
        }
}

/* Takes away rows by chance, but neither the first nor the last. */
static void take_away(double share, unsigned seed)
{
    size_t kept = 1;
    for (size_t i = 1; i < rows.n; i++) {
        seed = seed * 1664525u + 1013904223u;
        if (i + 1 < rows.n && (double)(seed >> 8) / (1 << 24) < share) continue;
        rows.times[kept++] = rows.times[i];
    }
    rows.n = kept;
}

enum { EACH_DAY = 0x7f, WEEKDAYS = 0x1f, NO_SATURDAY = 0x5f, SUNDAY_TO_THURSDAY = 0x4f };

Test(frequency, opening_hours_recur)
{
    rows.n = 0;
    add_hours("2024-01-01", 11, WEEKDAYS, 600, 960, 60);
    ft_frequency frequency = infer();
    is(&frequency, "1 hour, Monday to Friday 10:00 to 16:00", false);
    cr_expect_eq(ft_season_of_frequency(&frequency), 7, "a day has 7 rows");
    next_is(&frequency, 1, "2024-01-12 10:00");
    next_is(&frequency, 8, "2024-01-15 10:00");
    take_away(0.1, 3);
    frequency = infer();
    is(&frequency, "1 hour, Monday to Friday 10:00 to 16:00", false);

    rows.n = 0; /* minutes, with a break at noon: two of the three stretches of the day */
    for (int32_t day = 1; day < 20; day++) {
        char text[32];
        snprintf(text, sizeof text, "2024-04-%02d", (int)day);
        add_hours(text, 1, WEEKDAYS, 570, 690, 1);
        add_hours(text, 1, WEEKDAYS, 780, 900, 1);
    }
    frequency = infer();
    is(&frequency, "1 minute, Monday to Friday 09:30 to 11:30, 13:00 to 15:00", false);
    next_is(&frequency, 1, "2024-04-22 09:30");
    next_is(&frequency, 122, "2024-04-22 13:00");

    rows.n = 0; /* thrice a day */
    for (int32_t day = 1; day < 10; day++) {
        char text[32];
        snprintf(text, sizeof text, "2024-04-%02d", (int)day);
        add_hours(text, 1, EACH_DAY, 480, 480, 1);
        add_hours(text, 1, EACH_DAY, 720, 720, 1);
        add_hours(text, 1, EACH_DAY, 1080, 1080, 1);
    }
    frequency = infer();
    next_is(&frequency, 1, "2024-04-10 08:00");
    next_is(&frequency, 6, "2024-04-11 18:00");
}

/* 09:30 to 15:30 in New York, written in UTC, until three weeks after its clocks went
 * forward. */
Test(frequency, opening_hours_follow_a_change_of_clocks_in_utc)
{
    rows.n = 0;
    add_hours("2024-02-05", 35, WEEKDAYS, 14 * 60 + 30, 20 * 60 + 30, 60);
    add_hours("2024-03-11", 19, WEEKDAYS, 13 * 60 + 30, 19 * 60 + 30, 60);
    ft_frequency frequency = infer();
    is(&frequency, "1 hour, Monday to Friday 13:30 to 19:30", false);
    next_is(&frequency, 1, "2024-04-01 13:30");
    next_is(&frequency, 7, "2024-04-01 19:30");
    next_is(&frequency, 8, "2024-04-02 13:30");
    rows.n = 0; /* and back in autumn, three days after */
    add_hours("2024-09-30", 33, WEEKDAYS, 13 * 60 + 30, 19 * 60 + 30, 60);
    add_hours("2024-11-04", 3, WEEKDAYS, 14 * 60 + 30, 20 * 60 + 30, 60);
    frequency = infer();
    next_is(&frequency, 1, "2024-11-07 14:30");
}

/* No Saturday was there to show that it has no rows. */
Test(frequency, one_week_of_opening_hours)
{
    rows.n = 0;
    add_hours("2024-04-01", 5, WEEKDAYS, 570, 960, 5);
    ft_frequency frequency = infer();
    is(&frequency, "5 minutes, Monday to Friday 09:30 to 16:00", false);
    next_is(&frequency, 1, "2024-04-08 09:30");
}

/* Rows that are weekdays all go on with weekdays, though some are missing. */
Test(frequency, business_days_with_gaps)
{
    rows.n = 0;
    add_hours("2024-01-01", 60, WEEKDAYS, 0, 0, 1);
    size_t kept = 0;
    for (size_t i = 0; i < rows.n; i += 2)
        if (i != 10) rows.times[kept++] = rows.times[i];
    rows.n = kept;
    ft_frequency frequency = infer();
    is(&frequency, "2 business days", false);
    next_is(&frequency, 1, "2024-03-01");
    next_is(&frequency, 2, "2024-03-05");
    rows.n = 0;
    add_hours("2024-01-01", 61, WEEKDAYS, 0, 0, 1);
    take_away(0.5, 5);
    frequency = infer();
    is(&frequency, "business days", false);
    next_is(&frequency, 1, "2024-03-04");
}

Test(frequency, hours_may_differ_between_days)
{
    rows.n = 0; /* a shop that closes at noon on Saturdays */
    for (int32_t day = 1; day <= 28; day++) {
        char text[32];
        snprintf(text, sizeof text, "2024-07-%02d", (int)day);
        add_hours(text, 1, WEEKDAYS, 540, 1080, 60);
        add_hours(text, 1, 0x20, 540, 720, 60);
    }
    ft_frequency shop = infer();
    is(&shop, "1 hour, Monday to Friday 09:00 to 18:00, Saturday 09:00 to 12:00", false);
    next_is(&shop, 51, "2024-08-03 09:00");
    next_is(&shop, 55, "2024-08-05 09:00");
    rows.n = 0; /* from Sunday evening to Friday evening, five weeks */
    int64_t sunday = at("2024-06-02 22:00");
    for (int64_t week = 0; week < 5; week++)
        for (int64_t hour = 0; hour < 5 * 24; hour++) {
            rows.zones[rows.n] = 0;
            rows.times[rows.n++] = sunday + week * FT_MICROSECONDS_A_WEEK + hour * 3600000000;
        }
    ft_frequency frequency = infer();
    is(&frequency, "1 hour, Monday 00:00 to Friday 21:00, Sunday 22:00 to 23:00", false);
    next_is(&frequency, 1, "2024-07-07 22:00");
    next_is(&frequency, 121, "2024-07-14 22:00");
}

Test(frequency, weekdays_recur)
{
    rows.n = 0;
    add_hours("2024-03-03", 26, SUNDAY_TO_THURSDAY, 0, 0, 1);
    ft_frequency frequency = infer();
    is(&frequency, "1 day, Sunday to Thursday", false);
    next_is(&frequency, 1, "2024-03-31");
    rows.n = 0;
    add_hours("2024-03-01", 29, NO_SATURDAY, 0, 0, 1);
    frequency = infer();
    is(&frequency, "1 day, Sunday to Friday", false);
    next_is(&frequency, 1, "2024-03-31");
    rows.n = 0;
    add_hours("2024-03-01", 31, 0x15, 600, 600, 1);
    frequency = infer();
    is(&frequency, "2 days, Monday, Wednesday, Friday", false);
    next_is(&frequency, 3, "2024-04-05 10:00");
    rows.n = 0; /* one odd Saturday in two months */
    add_hours("2024-03-01", 60, WEEKDAYS, 0, 0, 1);
    int64_t saturday = at("2024-04-13");
    for (size_t i = rows.n++; i > 0 && rows.times[i - 1] > saturday; i--) {
        rows.times[i] = rows.times[i - 1];
        rows.times[i - 1] = saturday;
    }
    frequency = infer();
    is(&frequency, "business days", false);
}

/* Gaps by chance make no pattern. */
Test(frequency, what_never_stops_stays_plain)
{
    for (unsigned seed = 0; seed < 60; seed++) {
        for (int32_t days = 10; days <= 60; days += 10) {
            for (int gaps = 1; gaps <= 3; gaps++) {
                rows.n = 0;
                add_hours("2024-01-03", days, EACH_DAY, 0, 1439, 60);
                take_away(0.05 * gaps, seed);
                ft_frequency frequency = infer();
                is(&frequency, "1 hour", false);
            }
        }
    }
    size_t patterns = 0, files = 0;
    for (unsigned seed = 0; seed < 200; seed++) {
        for (int32_t days = 20; days <= 100; days += 20, files++) {
            rows.n = 0;
            add_hours("2024-01-03", days, EACH_DAY, 0, 0, 1);
            take_away(0.1, seed);
            ft_frequency frequency = infer();
            patterns += frequency.week.n_stretches > 0;
        }
    }
    cr_expect(patterns * 100 <= files, "%zu of %zu", patterns, files);
}

Test(frequency, names)
{
    ft_frequency frequency;
    ft_error err;
    static const char *const bad[][2] = {{"yearly", "did you mean \"YE\""},
                                         {"BMEE", "did you mean \"BME\""},
                                         {"monthly", "did you mean \"ME\""},
                                         {"Hourly", "did you mean \"h\""},
                                         {"", "pandas' names"},
                                         {"7", "pandas' names"},
                                         {"D-MON", "nothing after"},
                                         {"W-FRIDAY", "like W-FRI"},
                                         {"QE-FRI", "like QE-NOV"},
                                         {"0D", "at least 1"},
                                         {"WOM-5FRI", "like WOM-3FRI"},
                                         {"LWOM", "like WOM-3FRI or LWOM-FRI"},
                                         {"LWOM-3FRI", "like WOM-3FRI or LWOM-FRI"},
                                         {"99999999999999999999D", "unknown"},
                                         {"999999999YE", "too long"},
                                         {"99999999W", "too long"},
                                         {"99999999B", "too long"},
                                         {"1.5", "unknown"},
                                         {"1h30", "unknown"},
                                         {"1.5B", "unknown"},
                                         {"0.0000001s", "unknown"},
                                         {"0h0min", "unknown"},
                                         {"w-fri", "did you mean \"W-FRI\""},
                                         {"W-fri", "did you mean \"W-FRI\""},
                                         {"2qe-nov", "did you mean \"2QE-NOV\""},
                                         {"MIN", "did you mean \"min\""},
                                         {"mS", "did you mean \"MS\""},
                                         {"BSMS", "did you mean \"BMS\""},
                                         {"SMS-31", "like SMS-15"},
                                         {"-1D", "unknown"},
                                         {"d", "did you mean \"D\""}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(ft_frequency_parse(bad[i][0], &frequency, &err), FT_BAD_INPUT, "%s", bad[i][0]);
        cr_expect(strstr(err.message, bad[i][1]), "%s: %s", bad[i][0], err.message);
    }
    static const char *const good[][2] = {{"2h", "2 hours"},
                                          {"15T", "15 minutes"},
                                          {"B", "business days"},
                                          {"3B", "3 business days"},
                                          {"W", "1 week, Sunday"},
                                          {"2W-MON", "2 weeks, Monday"},
                                          {"BQE", "3 months, last weekdays"},
                                          {"250ms", "250 milliseconds"},
                                          {"1.5h", "90 minutes"},
                                          {"1h30min", "90 minutes"},
                                          {"1D12h", "36 hours"},
                                          {"SMS", "half months, days 1 and 15"},
                                          {"SMS-16", "half months, days 1 and 16"},
                                          {"SME", "half months, day 15 and last days"},
                                          {"SM", "half months, day 15 and last days"},
                                          {"2SMS", "2 half months, days 1 and 15"},
                                          {"LWOM-FRI", "1 month, last Fridays"},
                                          {"WOM-3FRI", "1 month, third Fridays"}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        cr_assert_eq(ft_frequency_parse(good[i][0], &frequency, &err), FT_OK, "%s", err.message);
        ft_frequency_start(&frequency, 0, 0);
        is(&frequency, good[i][1], !strchr(good[i][0], 'W') || strstr(good[i][0], "WOM"));
    }
}

Test(frequency, the_end_of_time)
{
    ft_error err;
    int64_t next;
    ft_frequency year = infer_from(DATES("9997", "9998"));
    cr_expect_eq(ft_frequency_next(&year, 1, &next, &err), FT_OK);
    cr_expect_eq(ft_frequency_next(&year, 2, &next, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "2 steps of this frequency go beyond the year 9999");
    cr_expect_eq(ft_frequency_next(&year, INT64_MAX, &next, &err), FT_BAD_INPUT);
    const char *const names[] = {"D", "B", "W", "h", "s", "2W-FRI", "ME", "BYE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ft_frequency frequency;
        cr_assert_eq(ft_frequency_parse(names[i], &frequency, &err), FT_OK);
        ft_frequency_start(&frequency, at("9999-12-31 23:59:59.5"), 0);
        cr_expect_eq(ft_frequency_next(&frequency, 1, &next, &err), FT_BAD_INPUT, "%s", names[i]);
        cr_expect_eq(ft_frequency_next(&frequency, INT64_MAX, &next, &err), FT_BAD_INPUT, "%s", names[i]);
        ft_frequency_start(&frequency, at("0001-01-01"), 0);
        cr_expect_eq(ft_frequency_next(&frequency, 1, &next, &err), FT_OK, "%s", names[i]);
    }
}

/* Dates after the known ones: the same as pandas' by the wall clock, or, at steps below a
 * day, at the same instants (pandas knows the offset of later dates). */
static size_t differences(const ft_frequency *frequency, size_t known, const char *what, size_t line)
{
    char words[FT_FREQUENCY_CHARS], got[FT_TIMESTAMP_CHARS];
    bool absolute = frequency->unit == FT_EVERY_STEP && frequency->week.n_stretches == 0 &&
                    frequency->step % FT_MICROSECONDS_A_DAY != 0;
    for (size_t i = known; i < rows.n; i++) {
        int64_t next;
        ft_error err;
        cr_assert_eq(ft_frequency_next(frequency, (int64_t)(i - known) + 1, &next, &err), FT_OK, "%s",
                     err.message);
        int64_t later = absolute ? 0 : rows.zones[i] - frequency->zone_minutes;
        if (next == rows.times[i] + later * FT_MICROSECONDS_A_MINUTE) continue;
        ft_timestamp_style style = {.precision = FT_STYLE_DATE, .date_separator = '-', .time_separator = ' '};
        style.zone_minutes = frequency->zone_minutes;
        printf("frequencies.csv:%zu: %s (%s): date %zu is %s\n", line, what,
               ft_frequency_describe(frequency, words), i, ft_timestamp_format(next, &style, got));
        return 1;
    }
    return 0;
}

static char *take_field(char **line, char end)
{
    char *field = *line, *at_end = strchr(field, end);
    if (!at_end) at_end = field + strlen(field);
    *line = *at_end ? at_end + 1 : at_end;
    *at_end = '\0';
    return field;
}

Test(frequency, dates_are_pandas_ones)
{
    char *text;
    size_t size, line_number = 1, asked = 0, wrong = 0;
    ft_error err;
    cr_assert_eq(ft_read_file(FT_GOLDEN_DIR "/frequencies.csv", 1 << 24, &text, &size, &err), FT_OK, "%s",
                 err.message);
    char *rest = text;
    for (take_field(&rest, '\n'); *rest;) {
        char *line = take_field(&rest, '\n');
        line_number++;
        const char *asks = take_field(&line, ',');
        char *names = take_field(&line, ',');
        size_t known = strtoul(take_field(&line, ','), NULL, 10), n;
        for (rows.n = 0; *line;) {
            const char *date = take_field(&line, ' ');
            add(date, strlen(date));
        }
        cr_assert(known > 0 && known < rows.n, "line %zu", line_number);
        if (strcmp(asks, "name") != 0) {
            n = rows.n;
            rows.n = known;
            ft_frequency frequency = infer();
            rows.n = n;
            wrong += differences(&frequency, known, "inferred", line_number);
            asked++;
        }
        while (*names) {
            const char *name = take_field(&names, '|');
            ft_frequency frequency;
            cr_assert_eq(ft_frequency_parse(name, &frequency, &err), FT_OK, "%s", err.message);
            ft_frequency_start(&frequency, rows.times[known - 1], rows.zones[known - 1]);
            wrong += differences(&frequency, known, name, line_number);
            asked++;
        }
    }
    free(text);
    cr_expect(wrong == 0 && asked >= 400, "%zu of %zu continue otherwise", wrong, asked);
}

Test(frequency, seasons_are_gluonts_ones)
{
    char *text;
    size_t size, asked = 0;
    ft_error err;
    cr_assert_eq(ft_read_file(FT_GOLDEN_DIR "/seasons.csv", 1 << 16, &text, &size, &err), FT_OK, "%s",
                 err.message);
    char *rest = text;
    for (take_field(&rest, '\n'); *rest; asked++) {
        char *line = take_field(&rest, '\n');
        const char *name = take_field(&line, ',');
        ft_frequency frequency;
        cr_assert_eq(ft_frequency_parse(name, &frequency, &err), FT_OK, "%s", err.message);
        cr_expect_eq(ft_season_of_frequency(&frequency), strtoll(line, NULL, 10), "%s: %lld instead of %s",
                     name, (long long)ft_season_of_frequency(&frequency), line);
    }
    cr_expect(asked > 30);
    free(text);
}

/* What GluonTS has no name for: months on their weekdays, weekdays that recur, days of
 * unequal hours. */
Test(frequency, seasons_of_weeks_and_months)
{
    ft_frequency frequency = infer_from(DATES("2024-03-29", "2024-04-30", "2024-05-31"));
    cr_expect_eq(ft_season_of_frequency(&frequency), 12);
    frequency = (ft_frequency){.unit = FT_EVERY_STEP, .stride = 1};
    frequency.week.step = FT_MICROSECONDS_A_DAY;
    for (int64_t day = 0; day < 6; day++) ft_week_pattern_add(&frequency.week, day * FT_MICROSECONDS_A_DAY);
    cr_expect_eq(ft_season_of_frequency(&frequency), 6);
    frequency.week = (ft_week_pattern){.step = FT_MICROSECONDS_AN_HOUR};
    for (int64_t hour = 20; hour < 30; hour++)
        ft_week_pattern_add(&frequency.week, hour * FT_MICROSECONDS_AN_HOUR);
    cr_expect_eq(ft_season_of_frequency(&frequency), 1);
}
