/* Dates by formats; see date_formats.h. */
#include "host/data/date_formats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "host/data/calendar.h"
#include "host/data/date_format_parts.h"

/* What has been read of a text. */
typedef struct parts {
    int32_t year, month, day, hour, minute, second, microseconds;
    /* ISO 8601's week, from 1; `year` is then the week's year; 0: none */
    int32_t week;
    int32_t year_week;                   /* the week of %W or %U, from 0; -1: none */
    bool from_sunday;                    /* %U: its weeks begin on Sunday */
    int32_t weekday;                     /* from 1, Monday; 0: none */
    int32_t day_of_year;                 /* from 1; 0: none */
    bool has_day;                        /* of the month, the year or the week */
    bool of_twelve, has_half, afternoon; /* of_twelve: %I, the hour of a half day */
    bool is_unix;
    int64_t unix_time; /* microseconds */
} parts;

/* %s, or %s%3N and the like, which have `decimals` digits after the seconds. */
static bool take_unix(const char **at, const char *end, int decimals, parts *p)
{
    size_t count = ft_date_count_digits(*at, end);
    if (count == 0 || count > 19) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) value = value * 10 + (uint64_t)(*(*at)++ - '0');
    if (decimals == 9) value /= 1000, decimals = 6;
    for (; decimals < 6; decimals++) {
        if (value > (uint64_t)INT64_MAX / 10) return false;
        value *= 10;
    }
    p->is_unix = true;
    p->unix_time = (int64_t)value;
    return value <= 253402300799999999u; /* the year 9999's end */
}

static bool take_half(const char **at, const char *end, parts *p)
{
    const size_t length = ft_date_half_bytes(*at, end);
    p->has_half = length > 0;
    p->afternoon = length > 0 && (**at == 'p' || **at == 'P');
    *at += length;
    return length > 0;
}

static bool take_year(const char **at, const char *end, bool is_short, parts *p)
{
    if (!ft_date_take_number(at, end, is_short ? 2 : 4, is_short ? 2 : 4, &p->year)) return false;
    if (is_short) p->year += p->year < 69 ? 2000 : 1900; /* as POSIX has it */
    return p->year >= 1;
}

/* A year, perhaps with a fraction of two or more digits that is a month's beginning, cut
 * or rounded. */
static bool take_decimal_year(const char **at, const char *end, parts *p, ft_timestamp_style *style)
{
    /* Twelve times the error of as many digits; what fits by more may be a day. */
    static const double near[] = {0.12, 0.12, 0.12, 0.012, 0.0012};
    enum { MOST_DIGITS = 9 };
    if (!take_year(at, end, false, p)) return false;
    p->month = 1;
    if (*at == end || **at != '.') return true;
    const size_t digits = ft_date_count_digits(++*at, end);
    double fraction = 0, unit = 1;
    for (size_t i = 0; i < digits; i++) fraction += (*(*at)++ - '0') * (unit /= 10);
    const int32_t months = (int32_t)(fraction * 12 + 0.5);
    style->fraction_digits = digits < MOST_DIGITS ? (int32_t)digits : MOST_DIGITS;
    p->year += months / 12;
    p->month = months % 12 + 1;
    return digits > 0 && fabs(fraction * 12 - months) <= near[digits < 4 ? digits : 4];
}

/* A conversion of the time of day. */
static bool take_time(char letter, const char **at, const char *end, parts *p, ft_timestamp_style *style)
{
    switch (letter) {
    case 'H':
    case 'I':
        p->of_twelve = letter == 'I';
        return ft_date_take_number(at, end, 1, 2, &p->hour) && p->hour <= (p->of_twelve ? 23 : 24);
    case 'M':
        return ft_date_take_number(at, end, 2, 2, &p->minute) && p->minute <= 59;
    case 'S':
        return ft_date_take_number(at, end, 2, 2, &p->second) && p->second <= 59;
    case 'f':
        return ft_fraction_parse(at, end, &p->microseconds, style);
    case 'p':
        return take_half(at, end, p);
    case 'z':
    case 'Z':
        return ft_zone_parse(at, end, style);
    default:
        return false;
    }
}

/* One conversion of one letter. */
static bool take_conversion(char letter, const char **at, const char *end, parts *p,
                            ft_timestamp_style *style)
{
    switch (letter) {
    case 'Y':
    case 'y':
        return take_year(at, end, letter == 'y', p);
    case 'G':
        return take_year(at, end, false, p);
    case 'V':
        return ft_date_take_number(at, end, 1, 2, &p->week) && p->week >= 1;
    case 'u':
        p->has_day = true;
        return ft_date_take_number(at, end, 1, 1, &p->weekday) && p->weekday >= 1 && p->weekday <= 7;
    case 'j':
        p->has_day = true;
        return ft_date_take_number(at, end, 1, 3, &p->day_of_year) && p->day_of_year >= 1;
    case 'J':
        return take_decimal_year(at, end, p, style);
    case 'm':
        return ft_date_take_number(at, end, 1, 2, &p->month);
    case 'q':
        if (!ft_date_take_number(at, end, 1, 1, &p->month) || p->month < 1 || p->month > 4) return false;
        p->month = p->month * 3 - 2;
        return true;
    case 'e':
        p->has_day = true;
        while (*at < end && **at == ' ') ++*at;
        return ft_date_take_number(at, end, 1, 2, &p->day);
    case 'd':
        p->has_day = true;
        return ft_date_take_number(at, end, 1, 2, &p->day);
    case 'W':
    case 'U':
        p->from_sunday = letter == 'U';
        return ft_date_take_number(at, end, 1, 2, &p->year_week) && p->year_week <= 53;
    case 'w':
        p->has_day = true;
        if (!ft_date_take_number(at, end, 1, 1, &p->weekday) || p->weekday > 6) return false;
        p->weekday = p->weekday ? p->weekday : 7;
        return true;
    case 'b':
    case 'B':
        return (p->month = ft_month_take(at, end, &style->months)) > 0;
    case 'a':
    case 'A':
        return (p->weekday = 1 + ft_date_take_weekday(at, end)) > 0;
    case '%':
        return *at < end && *(*at)++ == '%';
    default:
        return take_time(letter, at, end, p, style);
    }
}

/* In one column some months have a dot and others have none: "févr.", but "mars". format:
 * what follows %b. Skips a dot of the text that the format lacks. True where the text
 * lacks a dot of the format, which the caller then skips. */
static bool adjust_dot(const char *format, const char **at, const char *end, ft_month_style *months)
{
    const bool in_text = *at < end && **at == '.', in_format = *format == '.';
    if (in_text && !in_format && ft_month_may_be_short(months)) {
        months->has_dot = true;
        ++*at;
    }
    return !in_text && in_format && format[1] != '%' && ft_month_may_be_whole(months);
}

static bool read_parts(const char *format, const char **at, const char *end, parts *p,
                       ft_timestamp_style *style)
{
    for (; *format; format++) {
        if (*format == ' ') {
            for (size_t bytes; (bytes = ft_date_blank_bytes(*at, end)) > 0;) *at += bytes;
        } else if (*format != '%') {
            if (*at == end || *(*at)++ != *format) return false;
        } else if (*++format == 's') {
            int decimals = ft_date_unix_decimals(format + 1);
            if (!take_unix(at, end, decimals, p)) return false;
            if (decimals) format += 3;
        } else if (ft_date_composite(*format)) {
            if (!read_parts(ft_date_composite(*format), at, end, p, style)) return false;
        } else if (!*format || !take_conversion(*format, at, end, p, style)) {
            return false;
        } else if ((*format == 'b' || *format == 'B') && adjust_dot(format + 1, at, end, &style->months)) {
            format++;
        }
    }
    return true;
}

/* The Thursday of a week lies in the year that the week belongs to. */
static bool days_of_week(const parts *p, int64_t *days)
{
    int32_t year, month, day;
    /* January 4 lies in the first week */
    const int64_t fourth = ft_days_from_date(p->year, 1, 4),
                  monday = fourth - ft_weekday(fourth) + 7 * (p->week - 1);
    *days = monday + (p->weekday ? p->weekday - 1 : 0);
    ft_date_from_days(monday + 3, &year, &month, &day);
    return year == p->year;
}

/* The day of a week that counts from the year's first Monday or Sunday, as Python's
 * strptime reads it; without a weekday the week's first day in the year. */
static bool days_of_year_week(const parts *p, int64_t *days)
{
    const int64_t first = ft_days_from_date(p->year, 1, 1);
    const int32_t shift = p->from_sunday ? 1 : 0, begins = (ft_weekday(first) + shift) % 7,
                  day = p->weekday ? (p->weekday - 1 + shift) % 7 : 0;
    *days = first + (p->year_week == 0 ? day - begins : (7 - begins) % 7 + 7 * (p->year_week - 1) + day);
    if (p->weekday) return true;
    if (p->year_week == 0) *days = first;
    return *days < ft_days_from_date(p->year + 1, 1, 1);
}

static bool days_of(const parts *p, int64_t *days)
{
    if (p->year_week >= 0) return days_of_year_week(p, days);
    if (p->week) return days_of_week(p, days);
    if (p->day_of_year) {
        *days = ft_days_from_date(p->year, 1, 1) + p->day_of_year - 1;
        return *days < ft_days_from_date(p->year + 1, 1, 1);
    }
    if (p->month < 1 || p->month > 12 || p->day < 1 || p->day > 31) return false;
    int32_t year, month, day;
    *days = ft_days_from_date(p->year, p->month, p->day);
    ft_date_from_days(*days, &year, &month, &day);
    return month == p->month && day == p->day;
}

bool ft_date_format_read(const char *format, const char *text, size_t length, int64_t *time,
                         ft_timestamp_style *style)
{
    const char *at = text, *end = text + length;
    parts p = {.year = 1970, .month = 1, .day = 1, .year_week = -1};
    ft_timestamp_style found = {.date_separator = '-', .time_separator = ' '};
    int64_t days;
    while (at < end && *at == ' ') at++;
    while (at < end && end[-1] == ' ') end--;
    if (!read_parts(format, &at, end, &p, &found) || at != end) return false;
    if (p.of_twelve && p.has_half) {
        if (p.hour < 1 || p.hour > 12) return false;
        p.hour = p.hour % 12 + (p.afternoon ? 12 : 0);
    }
    if (!days_of(&p, &days)) return false;
    /* 24:00 ends a day. */
    if (p.hour == 24 && (!p.has_day || p.minute || p.second || p.microseconds)) return false;
    if (days + p.hour / 24 > ft_days_from_date(9999, 12, 31)) return false;
    const int64_t seconds = ((int64_t)p.hour * 60 + p.minute - found.zone_minutes) * 60 + p.second;
    *time = p.is_unix ? p.unix_time + p.microseconds
                      : days * FT_MICROSECONDS_A_DAY + seconds * FT_MICROSECONDS_A_SECOND + p.microseconds;
    if (style) {
        *style = found;
        snprintf(style->format, sizeof style->format, "%s", format);
    }
    return true;
}

ft_status ft_date_format_check(const char *format, ft_error *err)
{
    bool has_year = false, has_month = false, has_day = false, has_week = false, has_week_year = false,
         has_year_week = false;
    if (strlen(format) >= FT_DATE_FORMAT_CHARS)
        return ft_fail(err, FT_BAD_INPUT, "--date-format: longer than %d bytes", FT_DATE_FORMAT_CHARS - 1);
    for (const char *at = format; *at; at++) {
        if (*at != '%') continue;
        const char letter = *++at;
        if (!letter || !strchr("YymdebBaAHIMSpzZFTRDfqsGVuWUwjJ%", letter))
            return ft_fail(
                err, FT_BAD_INPUT,
                "--date-format: \"%.60s\" has an unknown conversion %%%.1s (there are %%Y %%m %%d %%H %%M "
                "%%S and others of strptime)",
                format, at);
        if (letter == 's' && ft_date_unix_decimals(at + 1)) at += 3;
        const bool whole = strchr("sFDJ", letter) != NULL;
        has_week = has_week || letter == 'V';
        has_week_year = has_week_year || letter == 'G';
        has_year_week = has_year_week || letter == 'W' || letter == 'U';
        has_year = has_year || whole || strchr("YyG", letter);
        has_month = has_month || whole || strchr("mbBq", letter);
        has_day = has_day || whole || letter == 'd' || letter == 'e';
    }
    if (has_week != has_week_year || (has_week && (has_month || has_day)))
        return ft_fail(err, FT_BAD_INPUT,
                       "--date-format: \"%.60s\": a week is written by %%G and %%V, as in %%G-W%%V or "
                       "%%G-W%%V-%%u (year, week, weekday of ISO 8601)",
                       format);
    if (has_year_week && (has_week_year || has_month || has_day))
        return ft_fail(
            err, FT_BAD_INPUT,
            "--date-format: \"%.60s\": with %%W or %%U, the week of the year, write the year and at "
            "most the weekday, as in %%Y-%%W or %%Y-%%W-%%u",
            format);
    if (!has_year || (has_day && !has_month))
        return ft_fail(err, FT_BAD_INPUT, "--date-format: \"%.60s\" has no %s", format,
                       has_year ? "month (%m or %b)" : "year (%Y or %y)");
    ft_timestamp_style longest = {.fraction_digits = 6, .zone = FT_ZONE_COLON};
    char text[FT_TIMESTAMP_CHARS];
    strcpy(longest.format, format);
    ft_date_format_write(253360396799999999 /* Wednesday, September 2, 9998 */, &longest, text);
    if (strlen(text) >= sizeof text - 8)
        return ft_fail(err, FT_BAD_INPUT, "--date-format: \"%.60s\" makes dates of more than %zu bytes",
                       format, sizeof text - 8);
    return FT_OK;
}
