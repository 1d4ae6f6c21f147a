/* Dates are read, and written back in their style. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/data/calendar.h"
#include "host/data/timestamps.h"

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
    /* nanoseconds are cut */
    cr_expect_eq(at("2024-02-29T12:34:56.123456789Z"), 1709210096123456);
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
                         "2023-01-01 24:01",
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

Test(timestamps, several_are_written_alike)
{
    ft_timestamp_style style = {.precision = FT_STYLE_DATE, .date_separator = '-', .time_separator = ' '};
    const int64_t times[] = {at("2024-02-28 12:00"), at("2024-02-29"), at("2024-02-29 12:00:00.25")};
    char out[FT_TIMESTAMP_CHARS];
    for (size_t i = 0; i < 2; i++) ft_timestamp_widen(&style, times[i]);
    cr_expect_str_eq(ft_timestamp_format(times[1], &style, out), "2024-02-29 00:00");
    ft_timestamp_widen(&style, times[2]);
    cr_expect_str_eq(ft_timestamp_format(times[1], &style, out), "2024-02-29 00:00:00.00");
}
