/* Writing dates by formats; see date_formats.h. */
#include <stdio.h>
#include <string.h>

#include "host/data/calendar.h"
#include "host/data/date_format_parts.h"
#include "host/data/date_formats.h"

/* What an instant's parts are in its zone. */
typedef struct written {
    int64_t time, days;
    int32_t year, month, day, seconds, microseconds;
    const ft_timestamp_style *style;
} written;

static void add_fraction(ft_date_line *out, const written *w)
{
    int digits = w->style->fraction_digits > 0 ? w->style->fraction_digits : 1;
    int32_t unit = 1;
    for (int i = digits; i < 6; i++) unit *= 10;
    for (; w->microseconds % unit != 0; digits++) unit /= 10;
    ft_date_line_add(out, "%0*d", digits, (int)(w->microseconds / unit));
}

static void add_unix(ft_date_line *out, const written *w, int decimals)
{
    int64_t unit = 1;
    for (int i = decimals; i < 6; i++) unit *= 10;
    const int64_t value = w->time / unit - (w->time % unit < 0);
    ft_date_line_add(out, "%lld%s", (long long)value, decimals == 9 && value != 0 ? "000" : "");
}

/* The year of ISO 8601 that the day's week belongs to, and the week's number in it. */
static void find_week(int64_t days, int32_t *year, int32_t *week)
{
    int32_t month, day;
    const int64_t thursday = days - ft_weekday(days) + 3;
    ft_date_from_days(thursday, year, &month, &day);
    *week = (int32_t)(thursday - ft_days_from_date(*year, 1, 1)) / 7 + 1;
}

/* %W or %U (from_sunday): the week of the year, which counts from its first Monday or
 * Sunday; 0 before that. */
static int week_of_year(const written *w, bool from_sunday)
{
    const int32_t weekday = (ft_weekday(w->days) + (from_sunday ? 1 : 0)) % 7;
    return (int)(w->days - ft_days_from_date(w->year, 1, 1) + 7 - weekday) / 7;
}

/* With as many digits as the dates that were read, more where these would not show the
 * month; without a tail of zeros, which who writes many digits leaves out. */
static void add_decimal_year(ft_date_line *out, const written *w)
{
    int32_t digits = w->style->fraction_digits;
    const bool is_quarter = w->month % 3 == 1;
    if (digits < 2 || (is_quarter && digits > 4)) digits = is_quarter ? 2 : 4;
    /* years have four digits, as they are read */
    const int width = 5 + (int)digits;
    ft_date_line_add(out, "%0*.*f", width, (int)digits, (double)w->year + (double)(w->month - 1) / 12);
}

/* A conversion of the date; false: `letter` is none. */
static bool add_date(ft_date_line *out, char letter, const written *w)
{
    int32_t week_year, week;
    switch (letter) {
    case 'G':
    case 'V':
        find_week(w->days, &week_year, &week);
        ft_date_line_add(out, letter == 'G' ? "%04d" : "%02d", (int)(letter == 'G' ? week_year : week));
        return true;
    case 'W':
    case 'U':
        ft_date_line_add(out, "%02d", week_of_year(w, letter == 'U'));
        return true;
    case 'w':
        ft_date_line_add(out, "%d", (int)(ft_weekday(w->days) + 1) % 7);
        return true;
    case 'u':
        ft_date_line_add(out, "%d", (int)ft_weekday(w->days) + 1);
        return true;
    case 'j':
        ft_date_line_add(out, "%03d", (int)(w->days - ft_days_from_date(w->year, 1, 1)) + 1);
        return true;
    case 'J':
        add_decimal_year(out, w);
        return true;
    case 'Y':
        ft_date_line_add(out, "%04d", (int)w->year);
        return true;
    case 'y':
        ft_date_line_add(out, "%02d", (int)(w->year % 100));
        return true;
    case 'q':
        ft_date_line_add(out, "%d", (int)(w->month + 2) / 3);
        return true;
    case 'm':
        ft_date_line_add(out, "%02d", (int)w->month);
        return true;
    case 'd':
    case 'e':
        ft_date_line_add(out, letter == 'd' ? "%02d" : "%2d", (int)w->day);
        return true;
    case 'a':
    case 'A':
        ft_date_line_add(out, letter == 'a' ? "%.3s" : "%s", ft_weekday_names[ft_weekday(w->days)]);
        return true;
    default:
        return false;
    }
}

/* A conversion of the time of day, or of its zone; false: `letter` is none. */
static bool add_time(ft_date_line *out, char letter, const written *w)
{
    char zone[8];
    const int hour = w->seconds / 3600;
    switch (letter) {
    case 'H':
        ft_date_line_add(out, "%02d", hour);
        return true;
    case 'I':
        ft_date_line_add(out, "%02d", hour % 12 ? hour % 12 : 12);
        return true;
    case 'M':
        ft_date_line_add(out, "%02d", (int)(w->seconds / 60 % 60));
        return true;
    case 'S':
        ft_date_line_add(out, "%02d", (int)(w->seconds % 60));
        return true;
    case 'f':
        add_fraction(out, w);
        return true;
    case 'p':
        ft_date_line_add(out, "%s", hour < 12 ? "AM" : "PM");
        return true;
    case 'z':
    case 'Z':
        ft_zone_format(w->style, zone);
        ft_date_line_add(out, "%s", zone);
        return true;
    default:
        return false;
    }
}

/* The month's name by %b or %B (whole). format: what follows. Returns how many of its
 * characters to skip: 1 for a dot that the name, not being shortened, has none of. */
static size_t add_month(ft_date_line *out, bool whole, const char *format, const written *w)
{
    char name[FT_MONTH_CHARS];
    bool is_short;
    ft_month_write(&w->style->months, w->month, whole, name, &is_short);
    ft_date_line_add(out, "%s%s", name, is_short && w->style->months.has_dot ? "." : "");
    return !is_short && format[0] == '.' && format[1] != '%';
}

static void add_parts(ft_date_line *out, const char *format, const written *w)
{
    for (; *format; format++) {
        if (*format != '%' || !format[1]) {
            ft_date_line_add(out, "%c", *format);
        } else if (*++format == 's') {
            int decimals = ft_date_unix_decimals(format + 1);
            add_unix(out, w, decimals);
            if (decimals) format += 3;
        } else if (ft_date_composite(*format)) {
            add_parts(out, ft_date_composite(*format), w);
        } else if (*format == 'b' || *format == 'B') {
            format += add_month(out, *format == 'B', format + 1, w);
        } else if (!add_date(out, *format, w) && !add_time(out, *format, w)) {
            ft_date_line_add(out, "%c", *format);
        }
    }
}

char *ft_date_format_write(int64_t time, const ft_timestamp_style *style, char out[FT_TIMESTAMP_CHARS])
{
    const int64_t local = time + style->zone_minutes * FT_MICROSECONDS_A_MINUTE;
    written w = {.time = time, .style = style};
    const int64_t rest = ft_time_of_day(local);
    w.days = ft_day_of(local);
    ft_date_from_days(w.days, &w.year, &w.month, &w.day);
    w.seconds = (int32_t)(rest / FT_MICROSECONDS_A_SECOND);
    w.microseconds = (int32_t)(rest % FT_MICROSECONDS_A_SECOND);
    ft_date_line text = {out, 0, FT_TIMESTAMP_CHARS};
    *out = '\0';
    add_parts(&text, style->format, &w);
    return out;
}
