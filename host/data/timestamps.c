/* Reading and writing dates; see timestamps.h. */
#include "host/data/timestamps.h"

#include <stdio.h>
#include <string.h>

#include "host/data/calendar.h"
#include "host/data/date_format_parts.h"
#include "host/data/date_formats.h"

/* The bytes of a day, and of one with hours, minutes and seconds. */
enum { PLAIN_DAY = 10, PLAIN_CLOCK = 19 };

typedef struct reader {
    const char *at, *end;
} reader;

static bool take(reader *r, char letter)
{
    if (r->at == r->end || *r->at != letter) return false;
    r->at++;
    return true;
}

static bool take_digits(reader *r, size_t least, size_t most, int32_t *value)
{
    return ft_date_take_number(&r->at, r->end, least, most, value);
}

static bool take_date(reader *r, int64_t *days, ft_timestamp_style *style)
{
    int32_t year, month = 1, day = 1;
    if (!take_digits(r, 4, 4, &year) || year < 1) return false;
    if (r->at < r->end) {
        style->date_separator = *r->at;
        if (!take(r, '-') && !take(r, '/')) return false;
        if (!take_digits(r, 1, 2, &month) || month < 1 || month > 12) return false;
        style->precision = FT_STYLE_MONTH;
        if (take(r, style->date_separator)) {
            if (!take_digits(r, 1, 2, &day)) return false;
            style->precision = FT_STYLE_DATE;
        }
    }
    *days = ft_days_from_date(year, month, day);
    int32_t real_year, real_month, real_day;
    ft_date_from_days(*days, &real_year, &real_month, &real_day);
    return day >= 1 && real_month == month && real_day == day;
}

static bool take_time(reader *r, int64_t *microseconds, ft_timestamp_style *style)
{
    int32_t hour, minute = 0, second = 0, fraction = 0;
    if (!take_digits(r, 1, 2, &hour) || hour > 24) return false;
    style->precision = FT_STYLE_HOURS;
    if (take(r, ':')) {
        if (!take_digits(r, 2, 2, &minute) || minute > 59) return false;
        style->precision = FT_STYLE_MINUTES;
    }
    if (style->precision == FT_STYLE_MINUTES && take(r, ':')) {
        if (!take_digits(r, 2, 2, &second) || second > 59) return false;
        style->precision = FT_STYLE_SECONDS;
        if (take(r, '.') && !ft_fraction_parse(&r->at, r->end, &fraction, style)) return false;
    }
    /* 24:00 ends the day */
    if (hour == 24 && (minute || second || fraction)) return false;
    *microseconds = (((int64_t)hour * 60 + minute) * 60 + second) * FT_MICROSECONDS_A_SECOND + fraction;
    return true;
}

/* The number of two digits; -1: they are none. */
static int32_t two_digits(const char *text)
{
    const unsigned tens = (unsigned)text[0] - '0', ones = (unsigned)text[1] - '0';
    return tens <= 9 && ones <= 9 ? (int32_t)(tens * 10 + ones) : -1;
}

bool ft_day_parse(const char text[10], int64_t *time)
{
    static const int8_t days_of[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (text[4] != '-' || text[7] != '-') return false;
    const int32_t century = two_digits(text), years = two_digits(text + 2), month = two_digits(text + 5),
                  day = two_digits(text + 8), year = century * 100 + years;
    if (century < 0 || years < 0 || year < 1 || month < 1 || month > 12 || day < 1) return false;
    const bool leaps = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day > days_of[month] + (month == 2 && leaps)) return false;
    *time = ft_days_from_date(year, month, day) * FT_MICROSECONDS_A_DAY;
    return true;
}

bool ft_clock_parse(const char text[9], int64_t *time)
{
    if ((text[0] != ' ' && text[0] != 'T') || text[3] != ':' || text[6] != ':') return false;
    const int32_t hour = two_digits(text + 1), minute = two_digits(text + 4), second = two_digits(text + 7);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
    *time = (((int64_t)hour * 60 + minute) * 60 + second) * FT_MICROSECONDS_A_SECOND;
    return true;
}

ft_timestamp_style ft_timestamp_plain_style(const char *text, size_t length)
{
    return (ft_timestamp_style){.precision = length == PLAIN_CLOCK ? FT_STYLE_SECONDS : FT_STYLE_DATE,
                                .date_separator = '-',
                                .time_separator = length == PLAIN_CLOCK ? text[PLAIN_DAY] : ' '};
}

/* YYYY-MM-DD, alone or with " HH:MM:SS" behind it: the form of most files, read in a
 * tenth of the time. */
static bool parse_plain(const char *text, size_t length, int64_t *time, ft_timestamp_style *style)
{
    int64_t day, clock = 0;
    if ((length != PLAIN_DAY && length != PLAIN_CLOCK) || !ft_day_parse(text, &day)) return false;
    if (length == PLAIN_CLOCK && !ft_clock_parse(text + PLAIN_DAY, &clock)) return false;
    *time = day + clock;
    if (style) *style = ft_timestamp_plain_style(text, length);
    return true;
}

bool ft_timestamp_parse(const char *text, size_t length, int64_t *time, ft_timestamp_style *style)
{
    if (parse_plain(text, length, time, style)) return true;
    reader r = {text, text + length};
    while (r.at < r.end && *r.at == ' ') r.at++;
    while (r.at < r.end && r.end[-1] == ' ') r.end--;
    ft_timestamp_style found = {.precision = FT_STYLE_YEAR, .date_separator = '-', .time_separator = ' '};
    int64_t days, microseconds = 0;
    const char *separator = r.at;
    while (separator < r.end && *separator != ' ' && *separator != 'T') separator++;
    if (separator == r.end) separator = NULL;
    reader date = {r.at, separator ? separator : r.end};
    if (!take_date(&date, &days, &found) || date.at != date.end) return false;
    if (separator) {
        found.time_separator = *separator;
        r.at = separator + 1;
        if (found.precision != FT_STYLE_DATE || !take_time(&r, &microseconds, &found)) return false;
        found.zone_blank = take(&r, ' '); /* "10:00:00 +02:00" */
        if (r.at < r.end && (!ft_zone_parse(&r.at, r.end, &found) || r.at != r.end)) return false;
    }
    if (days + microseconds / FT_MICROSECONDS_A_DAY > ft_days_from_date(9999, 12, 31)) return false;
    *time = days * FT_MICROSECONDS_A_DAY + microseconds - found.zone_minutes * FT_MICROSECONDS_A_MINUTE;
    if (style) *style = found;
    return true;
}

/* An instant taken apart by the clock of a style. */
typedef struct local_time {
    int32_t year, month, day;
    int64_t rest; /* microseconds since midnight */
} local_time;

static local_time take_apart(int64_t time, const ft_timestamp_style *style)
{
    local_time local;
    int64_t clock = time + style->zone_minutes * FT_MICROSECONDS_A_MINUTE;
    ft_date_from_days(ft_day_of(clock), &local.year, &local.month, &local.day);
    local.rest = ft_time_of_day(clock);
    return local;
}

void ft_timestamp_widen(ft_timestamp_style *style, int64_t time)
{
    if (*style->format) return; /* it shows what it can */
    const local_time local = take_apart(time, style);
    if (local.month > 1 && style->precision < FT_STYLE_MONTH) style->precision = FT_STYLE_MONTH;
    if (local.day > 1 && style->precision < FT_STYLE_DATE) style->precision = FT_STYLE_DATE;
    if (local.rest != 0 && style->precision < FT_STYLE_HOURS) style->precision = FT_STYLE_MINUTES;
    if (local.rest % FT_MICROSECONDS_AN_HOUR != 0 && style->precision < FT_STYLE_MINUTES)
        style->precision = FT_STYLE_MINUTES;
    if (local.rest % FT_MICROSECONDS_A_MINUTE != 0) style->precision = FT_STYLE_SECONDS;
    int64_t unit = 1;
    for (int i = style->fraction_digits; i < 6; i++) unit *= 10;
    for (; local.rest % unit != 0; unit /= 10) style->fraction_digits++;
}

char *ft_timestamp_format(int64_t time, const ft_timestamp_style *narrow, char out[FT_TIMESTAMP_CHARS])
{
    if (*narrow->format) return ft_date_format_write(time, narrow, out);
    ft_timestamp_style wide = *narrow;
    ft_timestamp_widen(&wide, time);
    const ft_timestamp_style *style = &wide;
    const local_time local = take_apart(time, style);
    const int32_t year = local.year, month = local.month, day = local.day;
    int32_t seconds = (int32_t)(local.rest / FT_MICROSECONDS_A_SECOND),
            fraction = (int32_t)(local.rest % FT_MICROSECONDS_A_SECOND);
    const int precision = style->precision, digits = style->fraction_digits;
    int unit = 1;
    for (int i = digits; i < 6; i++) unit *= 10;

    size_t used = (size_t)snprintf(out, FT_TIMESTAMP_CHARS, "%04d", (int)year);
    if (precision >= FT_STYLE_MONTH)
        used += (size_t)snprintf(out + used, FT_TIMESTAMP_CHARS - used, "%c%02d", style->date_separator,
                                 (int)month);
    if (precision >= FT_STYLE_DATE)
        used += (size_t)snprintf(out + used, FT_TIMESTAMP_CHARS - used, "%c%02d", style->date_separator,
                                 (int)day);
    if (precision < FT_STYLE_HOURS) return out;
    used += (size_t)snprintf(out + used, FT_TIMESTAMP_CHARS - used, "%c%02d", style->time_separator,
                             (int)(seconds / 3600));
    if (precision >= FT_STYLE_MINUTES)
        used += (size_t)snprintf(out + used, FT_TIMESTAMP_CHARS - used, ":%02d", (int)(seconds / 60 % 60));
    if (precision >= FT_STYLE_SECONDS)
        used += (size_t)snprintf(out + used, FT_TIMESTAMP_CHARS - used, ":%02d", (int)(seconds % 60));
    if (precision >= FT_STYLE_SECONDS && digits > 0)
        used +=
            (size_t)snprintf(out + used, FT_TIMESTAMP_CHARS - used, ".%0*d", digits, (int)(fraction / unit));
    char zone[8];
    ft_zone_format(style, zone);
    snprintf(out + used, FT_TIMESTAMP_CHARS - used, "%s%s", *zone && style->zone_blank ? " " : "", zone);
    return out;
}
