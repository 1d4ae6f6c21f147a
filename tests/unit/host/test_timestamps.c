/* Dates are read, written back in their style, and series go on at their frequency. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/timestamps.h"

static int64_t at(const char *text)
{
    int64_t time;
    cr_assert(ft_timestamp_parse(text, strlen(text), &time, NULL), "%s", text);
    return time;
}

Test(timestamps, instants)
{
    /* From `date -u -d "..." +%s`. */
    cr_expect_eq(at("1970-01-01"), 0);
    cr_expect_eq(at("2024-02-29 12:34:56"), 1709210096000000);
    cr_expect_eq(at("1969-12-31T23:59:59.5"), -500000);
    cr_expect_eq(at("2024-02-29T12:34:56+02:00"), 1709202896000000);
    cr_expect_eq(at("2024-02-29 12:34:56 -0330"), 1709222696000000);
    cr_expect_eq(at("2024-02"), at("2024/2/1"));
    cr_expect_eq(at("2024"), at("2024-01-01 0:00"));
    cr_expect_eq(at("2024-02-29T12:34:56.123456000Z"), 1709210096123456);
    cr_expect_eq(at("2024-02-29T12:34:56.123456789Z"), 1709210096123456); /* nanoseconds are cut */
    cr_expect_eq(at("2024-02-29 12:34:56 UTC"), at("2024-02-29 12:34:56"));
    cr_expect_eq(at("2024-02-29 12:34:56+00"), at("2024-02-29 12:34:56"));
    cr_expect_eq(at("2024-02-29T12:34:56 -05"), at("2024-02-29 17:34:56"));
    cr_expect_eq(at("2024-02-29T12"), at("2024-02-29 12:00"));
    cr_expect_eq(at("0001-01-01"), -62135596800000000);
    cr_expect_eq(at("9999-12-31 23:59:59"), 253402300799000000);
}

Test(timestamps, what_is_no_date)
{
    const char *bad[] = {"",
                         "n/a",
                         "2023-02-29",
                         "2023-13-01",
                         "2023-00-01",
                         "2023-01-00",
                         "2023-01/02",
                         "0000-01-01",
                         "23-01-01",
                         "20230101",
                         "01/02/2023",
                         "2023-01-01x",
                         "2023-01-01 24:00",
                         "2023-01-01 123",
                         "2023-01-01 12:60",
                         "2023-01-01 12:00:61",
                         "2023-01-01 12:00:00.",
                         "2023-01-01 12:00:00.0000000001",
                         "2023-01-01T12:00:00+2",
                         "2023-01-01T12:00:00+24:00",
                         "2023-01-01T12:00:00+020",
                         "2023-01-01 12:00:00 EST",
                         "2023-01T12:00",
                         "12023-01-01"};
    int64_t time;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect(!ft_timestamp_parse(bad[i], strlen(bad[i]), &time, NULL) ||
                      strcmp(bad[i], "2023-01-01 ") == 0,
                  "%s", bad[i]);
}

Test(timestamps, the_calendar_is_the_c_librarys)
{
    for (int32_t year = 1; year < 10000; year += 37) {
        for (int32_t month = 1; month <= 12; month++) {
            int32_t y, m, d;
            int64_t days = ft_days_from_date(year, month, 28);
            ft_date_from_days(days, &y, &m, &d);
            cr_assert(y == year && m == month && d == 28);
            struct tm broken = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = 28};
            cr_assert_eq((int64_t)timegm(&broken), days * 86400);
            cr_assert_eq((broken.tm_wday + 6) % 7, ft_weekday(days));
        }
    }
}

static void writes(const char *text, int64_t later, const char *expected)
{
    int64_t time;
    ft_timestamp_style style;
    char out[FT_TIMESTAMP_CHARS];
    cr_assert(ft_timestamp_parse(text, strlen(text), &time, &style));
    cr_expect_str_eq(ft_timestamp_format(time + later * 1000000, &style, out), expected);
}

Test(timestamps, the_style_is_kept)
{
    writes("2024", 0, "2024");
    writes("2024-02", 0, "2024-02");
    writes("2024/2/1", 0, "2024/02/01");
    writes("2024-02-28", 86400, "2024-02-29");
    writes("2024-02-28 10:00", 60, "2024-02-28 10:01");
    writes("2024-02-28T10:00:00", 1, "2024-02-28T10:00:01");
    writes("2024-02-28T10:00:00.250Z", 1, "2024-02-28T10:00:01.250Z");
    writes("2024-02-28 10:00:00+02:00", 60, "2024-02-28 10:01:00+02:00");
    writes("2024-02-28T10:00:00-0530", 60, "2024-02-28T10:01:00-0530");
    writes("1969-12-31 23:59:59.5", 0, "1969-12-31 23:59:59.5");
}

Test(timestamps, a_style_too_short_is_widened)
{
    writes("2024", 86400 * 31, "2024-02");
    writes("2024-02", 86400, "2024-02-02");
    writes("2024-02-28", 3600, "2024-02-28 01:00");
    writes("2024-02-28 10:00", 1, "2024-02-28 10:00:01");
    char out[FT_TIMESTAMP_CHARS];
    ft_timestamp_style seconds = {
        .precision = FT_STYLE_SECONDS, .date_separator = '-', .time_separator = ' '};
    cr_expect_str_eq(ft_timestamp_format(1500, &seconds, out), "1970-01-01 00:00:00.0015");
}

/* A series of dates, its frequency in words, and the date `steps` after its last. */
static ft_frequency infer(const char *const *dates)
{
    int64_t times[32];
    size_t n = 0;
    while (dates[n]) times[n] = at(dates[n]), n++;
    return ft_frequency_infer(times, n, 0);
}

static void goes_on(const char *const *dates, const char *words, bool regular, int64_t steps,
                    const char *expected)
{
    ft_frequency frequency = infer(dates);
    char out[FT_TIMESTAMP_CHARS];
    cr_expect_str_eq(ft_frequency_describe(&frequency, out), words);
    cr_expect_eq(frequency.regular, regular, "%s", words);
    size_t n = 0;
    while (dates[n]) n++;
    int64_t next;
    ft_error err;
    cr_assert_eq(ft_frequency_next(&frequency, at(dates[n - 1]), steps, &next, &err), FT_OK, "%s",
                 err.message);
    ft_timestamp_style style = {.precision = FT_STYLE_DATE, .date_separator = '-', .time_separator = ' '};
    cr_expect_str_eq(ft_timestamp_format(next, &style, out), expected, "%s: %s", words, out);
}
#define DATES(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(timestamps, equal_steps)
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

Test(timestamps, months_quarters_years)
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
}

Test(timestamps, business_days)
{
    goes_on(DATES("2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"), "business days", true, 4,
            "2024-01-15");
    goes_on(DATES("2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"), "business days", true, 13,
            "2024-01-25");
    /* A holiday is missing: Monday, 15 January. */
    goes_on(DATES("2024-01-11", "2024-01-12", "2024-01-16", "2024-01-17", "2024-01-18", "2024-01-19"),
            "business days", false, 1, "2024-01-22");
}

Test(timestamps, every_count_of_business_days_is_a_walk)
{
    int64_t times[] = {at("2024-01-04"), at("2024-01-05"), at("2024-01-08")};
    ft_frequency frequency = ft_frequency_infer(times, 3, 0);
    ft_error err;
    for (int64_t day = 0; day < 5; day++) {
        int64_t start = at("2024-01-01") + day * 86400000000, walk = start, next;
        for (int64_t steps = 1; steps < 40; steps++) {
            do walk += 86400000000;
            while (ft_weekday(walk / 86400000000) > 4);
            cr_assert_eq(ft_frequency_next(&frequency, start, steps, &next, &err), FT_OK);
            cr_assert_eq(next, walk);
        }
    }
    /* From a weekend, the first step is Monday. */
    int64_t next;
    cr_assert_eq(ft_frequency_next(&frequency, at("2024-01-06"), 1, &next, &err), FT_OK);
    cr_expect_eq(next, at("2024-01-08"));
    cr_assert_eq(ft_frequency_next(&frequency, at("2024-01-07"), 2, &next, &err), FT_OK);
    cr_expect_eq(next, at("2024-01-09"));
}

Test(timestamps, irregular_series_go_on_at_the_median_step)
{
    goes_on(DATES("2024-01-01", "2024-01-02", "2024-01-06", "2024-01-07", "2024-01-09"), "1 day", false, 1,
            "2024-01-10");
    goes_on(DATES("2024-01-01 10:00", "2024-01-01 11:00", "2024-01-02 10:00", "2024-01-02 11:00"), "1 hour",
            false, 1, "2024-01-02 12:00");
    goes_on(DATES("2024-01-01"), "1 day", false, 1, "2024-01-02");
}

Test(timestamps, days_are_those_of_the_zone)
{
    int64_t times[] = {at("2024-01-01T00:00+09:00"), at("2024-02-01T00:00+09:00"),
                       at("2024-03-01T00:00+09:00")},
            next;
    ft_error err;
    ft_frequency frequency = ft_frequency_infer(times, 3, 9 * 60);
    cr_expect(frequency.unit == FT_EVERY_MONTHS && frequency.day == 1 && frequency.regular);
    cr_assert_eq(ft_frequency_next(&frequency, times[2], 1, &next, &err), FT_OK);
    cr_expect_eq(next, at("2024-04-01T00:00+09:00"));
}

Test(timestamps, the_end_of_time)
{
    ft_error err;
    int64_t next;
    ft_frequency year = infer(DATES("9997", "9998")), day = infer(DATES("9999-12-30", "9999-12-31"));
    cr_expect_eq(ft_frequency_next(&year, at("9998"), 1, &next, &err), FT_OK);
    cr_expect_eq(ft_frequency_next(&year, at("9998"), 2, &next, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "2 steps of this frequency go beyond the year 9999");
    cr_expect_eq(ft_frequency_next(&day, at("9999-12-31"), 1, &next, &err), FT_BAD_INPUT);
    cr_expect_eq(ft_frequency_next(&day, at("9999-12-31"), INT64_MAX, &next, &err), FT_BAD_INPUT);
    cr_expect_eq(ft_frequency_next(&year, at("9998"), INT64_MAX, &next, &err), FT_BAD_INPUT);
}
