/* Dates in other forms than ISO 8601's: found, read, written. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "host/data/date_formats.h"

static int64_t iso(const char *text)
{
    int64_t time = 0;
    cr_assert(ft_timestamp_parse(text, strlen(text), &time, NULL), "%s", text);
    return time;
}

static void is_read(const char *format, const char *text, const char *expected, const char *written)
{
    char out[FT_TIMESTAMP_CHARS];
    int64_t time = 0;
    ft_timestamp_style style;
    cr_assert(ft_date_format_read(format, text, strlen(text), &time, &style), "%s", text);
    cr_expect_eq(time, iso(expected), "%s", text);
    cr_expect_str_eq(ft_timestamp_format(time, &style, out), written, "%s: %s", text, out);
}

/* The text is found to have `format`, by which it is the instant `expected`, and is
 * written as it was. */
static void is_found(const char *text, const char *format, const char *expected)
{
    char formats[2][FT_DATE_FORMAT_CHARS];
    cr_expect_eq(ft_date_format_find(text, strlen(text), formats), FT_DATE_ONE, "%s", text);
    cr_expect_str_eq(formats[0], format, "%s: %s", text, formats[0]);
    is_read(formats[0], text, expected, text);
}

Test(date_formats, that_have_one_meaning)
{
    is_found("20230102", "%Y%m%d", "2023-01-02");
    is_found("202301021504", "%Y%m%d%H%M", "2023-01-02 15:04");
    is_found("20230102150405", "%Y%m%d%H%M%S", "2023-01-02 15:04:05");
    is_found("20230102 150405", "%Y%m%d %H%M%S", "2023-01-02 15:04:05");
    is_found("20230102T150405Z", "%Y%m%dT%H%M%S%z", "2023-01-02 15:04:05");
    is_found("999999999", "%s", "2001-09-09 01:46:39");
    is_found("1672531200", "%s", "2023-01-01");
    is_found("1672531200.5", "%s.%f", "2023-01-01 00:00:00.5");
    is_found("978307200000", "%s%3N", "2001-01-01");
    is_found("1672531200123", "%s%3N", "2023-01-01 00:00:00.123");
    is_found("1672531200123456", "%s%6N", "2023-01-01 00:00:00.123456");
    is_found("1672531200123456000", "%s%9N", "2023-01-01 00:00:00.123456");
    is_found("2000Q1", "%YQ%q", "2000-01-01");
    is_found("2000-Q4", "%Y-Q%q", "2000-10-01");
    is_found("2000 Q2", "%Y Q%q", "2000-04-01");
    is_found("Q3 2000", "Q%q %Y", "2000-07-01");
    is_found("2023M06", "%YM%m", "2023-06-01");
    is_found("Jun 16, 2023", "%b %d, %Y", "2023-06-16");
    is_found("June 16, 2023", "%B %d, %Y", "2023-06-16");
    is_found("16 Jun 2023", "%d %b %Y", "2023-06-16");
    is_found("16-Jun-2023", "%d-%b-%Y", "2023-06-16");
    is_found("16Jun2023", "%d%b%Y", "2023-06-16");
    is_found("2023-Jun-16", "%Y-%b-%d", "2023-06-16");
    is_found("Jun 2023", "%b %Y", "2023-06-01");
    is_found("2023 Jun", "%Y %b", "2023-06-01");
    is_found("Jun 16, 2023 03:04 PM", "%b %d, %Y %I:%M %p", "2023-06-16 15:04");
    is_found("Fri, 16 Jun 2023 10:00:00 UTC", "%a, %d %b %Y %H:%M:%S %z", "2023-06-16 10:00");
    is_found("16 Jun 2023 030405PM", "%d %b %Y %I%M%S%p", "2023-06-16 15:04:05");
    is_found("2023.06.16 03:04", "%Y.%m.%d %H:%M", "2023-06-16 03:04");
    is_found("2023-06-16 12:04:05 AM", "%Y-%m-%d %I:%M:%S %p", "2023-06-16 00:04:05");
    is_found("2023011300", "%Y%m%d%H", "2023-01-13");
    is_found("2023011323", "%Y%m%d%H", "2023-01-13 23:00");
    is_found("1893456000", "%s", "2030-01-01");
    is_found("2023-01-13 09.30", "%Y-%m-%d %H.%M", "2023-01-13 09:30");
    is_found("2023-01-13 09.30.15", "%Y-%m-%d %H.%M.%S", "2023-01-13 09:30:15");
    is_found("2023-01-13 09.30.15.250", "%Y-%m-%d %H.%M.%S.%f", "2023-01-13 09:30:15.25");
    is_found("13 Jan 2023 093015.5", "%d %b %Y %H%M%S.%f", "2023-01-13 09:30:15.5");
    is_found("16 Jun 2023 10:00:00 +0130", "%d %b %Y %H:%M:%S %z", "2023-06-16 08:30");
}

Test(date_formats, halves_of_the_day)
{
    static const char *const texts[] = {"16 Jun 2023 3:04 p.m.", "16 Jun 2023 3:04 PM",
                                        "16 Jun 2023 3:04 p. m.", "16 Jun 2023 3:04 p.\u00A0m.",
                                        "16 Jun 2023 3:04pm"};
    char formats[2][FT_DATE_FORMAT_CHARS];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_expect_eq(ft_date_format_find(texts[i], strlen(texts[i]), formats), FT_DATE_ONE, "%s", texts[i]);
        is_read(formats[0], texts[i], "2023-06-16 15:04",
                i < 4 ? "16 Jun 2023 03:04 PM" : "16 Jun 2023 03:04PM");
    }
}

/* The days are those of pandas.to_datetime(..., format="%G-W%V-%u"), "%Y-%j" and
 * "%Y%j". */
Test(date_formats, weeks_and_days_of_the_year)
{
    is_found("2020-W53-7", "%G-W%V-%u", "2021-01-03");
    is_found("2021-W01-1", "%G-W%V-%u", "2021-01-04");
    is_found("2009-W01-1", "%G-W%V-%u", "2008-12-29");
    is_found("2026-W53-4", "%G-W%V-%u", "2026-12-31");
    is_found("2004-W53-6", "%G-W%V-%u", "2005-01-01");
    is_found("2015-W53-1", "%G-W%V-%u", "2015-12-28");
    is_found("2019W011", "%GW%V%u", "2018-12-31");
    is_found("2024-W05", "%G-W%V", "2024-01-29");
    is_found("2024W05", "%GW%V", "2024-01-29");
    is_found("2024 W05", "%G W%V", "2024-01-29");
    is_found("W05-2024", "W%V-%G", "2024-01-29");
    is_found("2024-W05-1T10:30", "%G-W%V-%uT%H:%M", "2024-01-29 10:30");
    is_found("2024-032", "%Y-%j", "2024-02-01");
    is_found("2024-366", "%Y-%j", "2024-12-31");
    is_found("2023-060", "%Y-%j", "2023-03-01");
    is_found("2024060", "%Y%j", "2024-02-29");
    is_found("2000366", "%Y%j", "2000-12-31");
    is_found("2024-032 06:00", "%Y-%j %H:%M", "2024-02-01 06:00");
}

/* A year with a fraction is found by the whole column (csv_layout.h), as it may be any
 * number. */
static void is_month(const char *text, const char *expected, const char *written)
{
    is_read("%J", text, expected, written);
}

Test(date_formats, years_with_a_fraction)
{
    is_month("2019", "2019-01-01", "2019.00");
    is_month("0019.25", "0019-04-01", "0019.25");
    is_month("2019.25", "2019-04-01", "2019.25");
    is_month("2019.5", "2019-07-01", "2019.50");
    is_month("2019.0833", "2019-02-01", "2019.0833");
    is_month("2019.083", "2019-02-01", "2019.083");
    is_month("2019.08", "2019-02-01", "2019.08");
    is_month("2019.92", "2019-12-01", "2019.92");
    is_month("1949.16666666667", "1949-03-01", "1949.166666667");
    is_month("2018.99999999999", "2019-01-01", "2019.00");
    static const char *const none[] = {"2019.1",    "2019.12", "2019.042", "2019.003",
                                       "2019.0849", "2019.",   "19.5",     "9999.9999"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        int64_t time;
        cr_expect(!ft_date_format_read("%J", none[i], strlen(none[i]), &time, NULL), "%s", none[i]);
    }
}

/* ISO 8601 lets a day end at 24:00, which is the next one's beginning. */
Test(date_formats, hour_24)
{
    int64_t time;
    cr_expect_eq(iso("2024-02-28 24:00"), iso("2024-02-29"));
    cr_expect_eq(iso("2024-12-31T24:00:00"), iso("2025-01-01"));
    cr_expect_eq(iso("2024-12-31T24"), iso("2025-01-01"));
    cr_assert(ft_date_format_read("%d.%m.%Y %H:%M", "31.12.2024 24:00", 16, &time, NULL));
    cr_expect_eq(time, iso("2025-01-01"));
    static const char *const none[] = {"2024-01-01 24:01", "2024-01-01 24:00:01", "2024-01-01 24:00:00.5",
                                       "2024-01-01 25:00", "9999-12-31 24:00"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        cr_expect(!ft_timestamp_parse(none[i], strlen(none[i]), &time, NULL), "%s", none[i]);
    cr_expect(!ft_date_format_read("%d.%m.%Y %H:%M", "31.12.2024 24:01", 16, &time, NULL));
    /* no day is there */
    cr_expect(!ft_date_format_read("%G-W%V %H:%M", "2024-W05 24:00", 14, &time, NULL));
    cr_expect(!ft_date_format_read("%YQ%q %H:%M", "2024Q1 24:00", 12, &time, NULL));
    cr_expect(!ft_date_format_read("%d.%m.%Y %I:%M %p", "31.12.2024 24:00 AM", 19, &time, NULL));
}

static void means(const char *text, ft_date_meaning expected, const char *first, const char *second)
{
    char formats[2][FT_DATE_FORMAT_CHARS];
    cr_expect_eq(ft_date_format_find(text, strlen(text), formats), expected, "%s", text);
    if (!first) return;
    cr_expect_str_eq(formats[0], first, "%s: %s", text, formats[0]);
    cr_expect_str_eq(formats[1], second, "%s: %s", text, formats[1]);
}

Test(date_formats, that_have_two_meanings)
{
    means("01/02/2023", FT_DATE_DAY_OR_MONTH, "%d/%m/%Y", "%m/%d/%Y");
    means("1/2/2023 3:04 PM", FT_DATE_DAY_OR_MONTH, "%d/%m/%Y %I:%M %p", "%m/%d/%Y %I:%M %p");
    means("13.02.2023 00:00", FT_DATE_DAY_OR_MONTH, "%d.%m.%Y %H:%M", "%m.%d.%Y %H:%M");
    means("13-01-2023 09.30", FT_DATE_DAY_OR_MONTH, "%d-%m-%Y %H.%M", "%m-%d-%Y %H.%M");
    means("13.01.2023 09.15", FT_DATE_DAY_OR_MONTH, "%d.%m.%Y %H.%M", "%m.%d.%Y %H.%M");
    means("13-Jan-23 09.15", FT_DATE_SHORT_YEAR, "%d-%b-%y %H.%M", "");
    means("01-13-2023", FT_DATE_DAY_OR_MONTH, "%d-%m-%Y", "%m-%d-%Y");
    means("16-Jun-23", FT_DATE_SHORT_YEAR, "%d-%b-%y", "");
    means("Jun-23", FT_DATE_SHORT_YEAR, "%b-%y", "");
    means("1/2/23", FT_DATE_SHORT_YEAR, "%d/%m/%y", "%m/%d/%y");
}

Test(date_formats, what_is_no_date)
{
    const char *texts[] = {"",
                           "Ticker",
                           "12",
                           "44927",
                           "20231301",
                           "1.5",
                           "2024-W54",
                           "9999-W52-6",
                           "2023-W53",
                           "2024-W00",
                           "2024-W05-8",
                           "2024-367",
                           "2023-366",
                           "2024-000",
                           "2023366",
                           "3023060",
                           "1999.250",
                           "2000,125",
                           "2019.25",
                           "2000Q5",
                           "Jun 31, 2023",
                           "32/01/2023",
                           "13/13/2023",
                           "16 Foo 2023",
                           "12345678901",
                           "Total: 5",
                           "2023-06-16x",
                           "16 Jun 2023 25:00",
                           "1,020,400",
                           "192.168.2.1",
                           "M06",
                           "13 Jan 2023 09.5",
                           "13 Jan 2023 09:30.5",
                           "13 Jan 2023 0930.5",
                           "13 Jan 2023 09.99"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) means(texts[i], FT_DATE_NONE, NULL, NULL);
}

static void reads(const char *format, const char *text, const char *expected)
{
    int64_t time = 0;
    ft_error err = {""};
    cr_expect_eq(ft_date_format_check(format, &err), FT_OK, "%s", err.message);
    bool read = ft_date_format_read(format, text, strlen(text), &time, NULL);
    cr_expect_eq(read, expected != NULL, "%s by %s", text, format);
    if (read && expected) cr_expect_eq(time, iso(expected), "%s by %s", text, format);
}

Test(date_formats, given_by_the_user)
{
    reads("%d/%m/%y", "2/1/23", "2023-01-02");
    reads("%d/%m/%y", "2/1/69", "1969-01-02");
    reads("%F %T", "2023-01-02 03:04:05", "2023-01-02 03:04:05");
    reads("%D", "1/2/23", "2023-01-02");
    reads("%e %B %Y", " 2 september 2023", "2023-09-02");
    reads("%e %B %Y", " 2 sept 2023", "2023-09-02");
    reads("%H%% %Y", "7% 2023", "2023-01-01 07:00");
    reads("%d.%m.%Y", "2.1.2023", "2023-01-02");
    reads("%d.%m.%Y", "2.1.2023 10:00", NULL);
    reads("%d.%m.%Y", "31.2.2023", NULL);
    reads("%d.%m.%Y", "2023-01-02", NULL);
    reads("%Y %I:%M %p", "2023 13:00 PM", NULL);
    reads("%Y %H:%M %p", "2023 13:30 PM", "2023-01-01 13:30");
    reads("%Y %I:%M %p", "2023 12:30 pm", "2023-01-01 12:30");
}

Test(date_formats, that_tell_no_day)
{
    const char *formats[] = {"%d", "",   "%m-%d",  "%Y-%d", "%Y%k",     "%Y%",
                             "%G", "%V", "%Y-W%V", "%G-%j", "%G-%m-%d", "%A %A %A %A %A %A %A %A %Y"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        ft_error err = {""};
        cr_expect_eq(ft_date_format_check(formats[i], &err), FT_BAD_INPUT, "%s", formats[i]);
        cr_expect(strncmp(err.message, "--date-format: ", 15) == 0, "%s", err.message);
    }
}

Test(date_formats, months_in_other_languages)
{
    is_found("16 juin 2023", "%d %b %Y", "2023-06-16");
    is_found("16 février 2023", "%d %B %Y", "2023-02-16");
    is_found("16 févr. 2023", "%d %b. %Y", "2023-02-16");
    is_found("16. Juni 2023", "%d. %B %Y", "2023-06-16");
    is_found("01. März 2023 14:30", "%d. %B %Y %H:%M", "2023-03-01 14:30");
    is_found("16 set. 2023", "%d %b. %Y", "2023-09-16");
    is_found("16-ene-2023", "%d-%b-%Y", "2023-01-16");
    is_found("gennaio 2023", "%B %Y", "2023-01-01");
    is_found("Dezembro 2023", "%B %Y", "2023-12-01");
    is_found("03 mei 2023", "%d %b %Y", "2023-05-03");
    is_read("%d %B %Y", "1 AO\xC3\x9BT 2023", "2023-08-01", "01 Août 2023");
    is_read("%d %b %Y", "16 Mrz 2023", "2023-03-16", "16 Mär 2023");
    /* Short names that differ from the whole ones have a dot. */
    is_read("%d %b. %Y", "16 mars 2023", "2023-03-16", "16 mars 2023");
    is_read("%d %b %Y", "16 févr. 2023", "2023-02-16", "16 févr. 2023");
    is_read("%b %d, %Y", "Jun 16, 2023", "2023-06-16", "Jun 16, 2023");
    static const char *const none[] = {"16 jui 2023", "16 juine 2023", "16 mor 2023", "16 févre 2023"};
    char formats[2][FT_DATE_FORMAT_CHARS];
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        cr_expect_eq(ft_date_format_find(none[i], strlen(none[i]), formats), FT_DATE_NONE, "%s", none[i]);
}

/* Each name of each language is read as its month: none means two months. */
Test(date_formats, names_of_months_mean_one_month)
{
    for (unsigned bit = 0; bit < 14; bit++)
        for (int32_t month = 1; month <= 12; month++) {
            const ft_month_style style = {.fits = 1u << bit};
            ft_month_style shown;
            char name[FT_MONTH_CHARS];
            bool is_short;
            const char *at = ft_month_write(&style, month, bit % 2 == 0, name, &is_short);
            cr_expect_eq(ft_month_take(&at, at + strlen(at), &shown), month, "%s", name);
            cr_expect(shown.fits & style.fits, "%s", name);
            cr_expect_eq(*at, '\0');
        }
}

/* The days are those of Python's datetime.strptime. A week alone is its first day in the
 * year, which is written as it was read. */
Test(date_formats, weeks_of_the_year)
{
    char *text;
    size_t size, asked = 0;
    ft_error err;
    cr_assert_eq(ft_read_file(FT_GOLDEN_DIR "/weeks.csv", 1 << 16, &text, &size, &err), FT_OK, "%s",
                 err.message);
    for (char *line = strtok(strchr(text, '\n'), "\n"); line; line = strtok(NULL, "\n"), asked++) {
        char *date = strchr(line, ','), *day = strrchr(line, ',');
        int64_t time = 0;
        *date++ = *day++ = '\0';
        cr_expect(ft_date_format_read(line, date, strlen(date), &time, NULL), "%s", date);
        cr_expect_eq(time, iso(day), "%s by %s", date, line);
        cr_expect_eq(ft_date_format_check(line, &err), FT_OK, "%s", err.message);
    }
    cr_expect_eq(asked, 720);
    free(text);
    is_read("%Y-%W", "2023-00", "2023-01-01", "2023-00");
    is_read("%Y-%W", "2023-01", "2023-01-02", "2023-01");
    is_read("%Y-%U", "2023-01", "2023-01-01", "2023-01");
    is_read("%Y-%W-%w", "2023-01-0", "2023-01-08", "2023-01-0");
    is_read("%G-W%V %a", "2024-W05 Tue", "2024-01-30", "2024-W05 Tue");
    int64_t time;
    cr_expect(!ft_date_format_read("%Y-%W", "2023-53", 7, &time, NULL));
    cr_expect(!ft_date_format_read("%Y-%W", "2023-54", 7, &time, NULL));
    static const char *const bad[] = {"%W", "%G-%W", "%Y-%m-%W", "%Y-%V"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(ft_date_format_check(bad[i], &err), FT_BAD_INPUT, "%s", bad[i]);
}
