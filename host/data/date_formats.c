/* Dates by formats; see date_formats.h. */
#include "host/data/date_formats.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "host/data/calendar.h"
#include "host/data/date_format_parts.h"

static bool take_number(const char **at, const char *end, size_t least, size_t most, int32_t *value)
{
    size_t count = 0;
    *value = 0;
    for (; count < most && ft_date_is_digit(*at, end); count++) *value = *value * 10 + (*(*at)++ - '0');
    return count >= least;
}

/* What has been read of a text. */
typedef struct parts {
    int32_t year, month, day, hour, minute, second, microseconds;
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
    if (end - *at < 2 || (strncasecmp(*at, "am", 2) != 0 && strncasecmp(*at, "pm", 2) != 0)) return false;
    p->has_half = true;
    p->afternoon = **at == 'p' || **at == 'P';
    *at += 2;
    return true;
}

static bool take_year(const char **at, const char *end, bool is_short, parts *p)
{
    if (!take_number(at, end, is_short ? 2 : 4, is_short ? 2 : 4, &p->year)) return false;
    if (is_short) p->year += p->year < 69 ? 2000 : 1900; /* as POSIX has it */
    return p->year >= 1;
}

/* One conversion of one letter. */
static bool take_conversion(char letter, const char **at, const char *end, parts *p,
                            ft_timestamp_style *style)
{
    switch (letter) {
    case 'Y':
    case 'y':
        return take_year(at, end, letter == 'y', p);
    case 'm':
        return take_number(at, end, 1, 2, &p->month);
    case 'q':
        if (!take_number(at, end, 1, 1, &p->month) || p->month < 1 || p->month > 4) return false;
        p->month = p->month * 3 - 2;
        return true;
    case 'e':
        while (*at < end && **at == ' ') ++*at;
        return take_number(at, end, 1, 2, &p->day);
    case 'd':
        return take_number(at, end, 1, 2, &p->day);
    case 'b':
    case 'B':
        return (p->month = 1 + ft_date_take_name(at, end, ft_month_names, 12)) > 0;
    case 'a':
    case 'A':
        return ft_date_take_name(at, end, ft_weekday_names, 7) >= 0;
    case 'H':
    case 'I':
        p->of_twelve = letter == 'I';
        return take_number(at, end, 1, 2, &p->hour) && p->hour <= 23;
    case 'M':
        return take_number(at, end, 2, 2, &p->minute) && p->minute <= 59;
    case 'S':
        return take_number(at, end, 2, 2, &p->second) && p->second <= 59;
    case 'f':
        return ft_fraction_parse(at, end, &p->microseconds, style);
    case 'p':
        return take_half(at, end, p);
    case 'z':
    case 'Z':
        return ft_zone_parse(at, end, style);
    case '%':
        return *at < end && *(*at)++ == '%';
    default:
        return false;
    }
}

static bool read_parts(const char *format, const char **at, const char *end, parts *p,
                       ft_timestamp_style *style)
{
    for (; *format; format++) {
        if (*format == ' ') {
            while (*at < end && **at == ' ') ++*at;
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
        }
    }
    return true;
}

static bool days_of(const parts *p, int64_t *days)
{
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
    parts p = {.year = 1970, .month = 1, .day = 1};
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
    bool has_year = false, has_month = false, has_day = false;
    if (strlen(format) >= FT_DATE_FORMAT_CHARS)
        return ft_fail(err, FT_BAD_INPUT, "--date-format: longer than %d bytes", FT_DATE_FORMAT_CHARS - 1);
    for (const char *at = format; *at; at++) {
        if (*at != '%') continue;
        const char letter = *++at;
        if (!letter || !strchr("YymdebBaAHIMSpzZFTRDfqs%", letter))
            return ft_fail(
                err, FT_BAD_INPUT,
                "--date-format: \"%.60s\" has an unknown conversion %%%.1s (there are %%Y %%m %%d %%H %%M "
                "%%S and others of strptime)",
                format, at);
        if (letter == 's' && ft_date_unix_decimals(at + 1)) at += 3;
        const bool whole = letter == 's' || letter == 'F' || letter == 'D';
        has_year = has_year || whole || letter == 'Y' || letter == 'y';
        has_month = has_month || whole || strchr("mbBq", letter);
        has_day = has_day || whole || letter == 'd' || letter == 'e';
    }
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
