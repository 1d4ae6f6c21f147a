/* Reading and writing dates; see timestamps.h. */
#include "host/timestamps.h"

#include <stdio.h>
#include <string.h>

#include "host/calendar.h"

static const int64_t microseconds_a_second = 1000000, microseconds_a_day = 86400000000;

typedef struct reader {
    const char *at, *end;
} reader;

static bool take(reader *r, char letter)
{
    if (r->at == r->end || *r->at != letter) return false;
    r->at++;
    return true;
}

static bool take_digits(reader *r, int least, int most, int32_t *value)
{
    int count = 0;
    *value = 0;
    while (count < most && r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        *value = *value * 10 + (*r->at++ - '0');
        count++;
    }
    return count >= least;
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
    int32_t hour, minute, second = 0, fraction = 0;
    if (!take_digits(r, 1, 2, &hour) || hour > 23) return false;
    if (!take(r, ':') || !take_digits(r, 2, 2, &minute) || minute > 59) return false;
    style->precision = FT_STYLE_MINUTES;
    if (take(r, ':')) {
        if (!take_digits(r, 2, 2, &second) || second > 59) return false;
        style->precision = FT_STYLE_SECONDS;
        if (take(r, '.')) {
            int32_t digit, count = 0;
            while (take_digits(r, 1, 1, &digit)) {
                count++;
                if (count <= 6)
                    fraction = fraction * 10 + digit;
                else if (digit != 0)
                    return false;
            }
            if (count == 0) return false;
            style->fraction_digits = count < 6 ? count : 6;
            for (; count < 6; count++) fraction *= 10;
        }
    }
    *microseconds = (((int64_t)hour * 60 + minute) * 60 + second) * microseconds_a_second + fraction;
    return true;
}

static bool take_zone(reader *r, ft_timestamp_style *style)
{
    if (take(r, 'Z') || take(r, 'z')) {
        style->zone = FT_ZONE_Z;
        return true;
    }
    bool west = r->at < r->end && *r->at == '-';
    if (!take(r, '+') && !take(r, '-')) return false;
    int32_t hours, minutes = 0;
    if (!take_digits(r, 2, 2, &hours) || hours > 23) return false;
    style->zone = take(r, ':') ? FT_ZONE_COLON : FT_ZONE_PLAIN;
    if (!take_digits(r, 2, 2, &minutes) || minutes > 59) return false;
    style->zone_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

bool ft_timestamp_parse(const char *text, size_t length, int64_t *time, ft_timestamp_style *style)
{
    reader r = {text, text + length};
    while (r.at < r.end && *r.at == ' ') r.at++;
    while (r.at < r.end && r.end[-1] == ' ') r.end--;
    ft_timestamp_style found = {.precision = FT_STYLE_YEAR, .date_separator = '-', .time_separator = ' '};
    int64_t days, microseconds = 0;
    const char *blank = memchr(r.at, ' ', (size_t)(r.end - r.at)),
               *letter = memchr(r.at, 'T', (size_t)(r.end - r.at));
    const char *separator = blank ? blank : letter;
    reader date = {r.at, separator ? separator : r.end};
    if (!take_date(&date, &days, &found) || date.at != date.end) return false;
    if (separator) {
        found.time_separator = *separator;
        r.at = separator + 1;
        if (found.precision != FT_STYLE_DATE || !take_time(&r, &microseconds, &found)) return false;
        if (r.at < r.end && *r.at == ' ') r.at++; /* "10:00:00 +02:00" */
        if (r.at < r.end && (!take_zone(&r, &found) || r.at != r.end)) return false;
    }
    *time =
        days * microseconds_a_day + microseconds - (int64_t)found.zone_minutes * 60 * microseconds_a_second;
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
    ft_date_from_days(ft_floor_divide(clock, microseconds_a_day), &local.year, &local.month, &local.day);
    local.rest = ft_floor_rest(clock, microseconds_a_day);
    return local;
}

void ft_timestamp_widen(ft_timestamp_style *style, int64_t time)
{
    const local_time local = take_apart(time, style);
    if (local.month > 1 && style->precision < FT_STYLE_MONTH) style->precision = FT_STYLE_MONTH;
    if (local.day > 1 && style->precision < FT_STYLE_DATE) style->precision = FT_STYLE_DATE;
    if (local.rest != 0 && style->precision < FT_STYLE_MINUTES) style->precision = FT_STYLE_MINUTES;
    if (local.rest % FT_MICROSECONDS_A_MINUTE != 0) style->precision = FT_STYLE_SECONDS;
    int64_t unit = 1;
    for (int i = style->fraction_digits; i < 6; i++) unit *= 10;
    for (; local.rest % unit != 0; unit /= 10) style->fraction_digits++;
}

char *ft_timestamp_format(int64_t time, const ft_timestamp_style *narrow, char out[FT_TIMESTAMP_CHARS])
{
    ft_timestamp_style wide = *narrow;
    ft_timestamp_widen(&wide, time);
    const ft_timestamp_style *style = &wide;
    const local_time local = take_apart(time, style);
    const int32_t year = local.year, month = local.month, day = local.day;
    int32_t seconds = (int32_t)(local.rest / microseconds_a_second),
            fraction = (int32_t)(local.rest % microseconds_a_second);
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
    if (precision < FT_STYLE_MINUTES) return out;
    used += (size_t)snprintf(out + used, FT_TIMESTAMP_CHARS - used, "%c%02d:%02d", style->time_separator,
                             (int)(seconds / 3600), (int)(seconds / 60 % 60));
    if (precision >= FT_STYLE_SECONDS)
        used += (size_t)snprintf(out + used, FT_TIMESTAMP_CHARS - used, ":%02d", (int)(seconds % 60));
    if (precision >= FT_STYLE_SECONDS && digits > 0)
        used +=
            (size_t)snprintf(out + used, FT_TIMESTAMP_CHARS - used, ".%0*d", digits, (int)(fraction / unit));
    int zone = style->zone_minutes < 0 ? -style->zone_minutes : style->zone_minutes;
    if (style->zone == FT_ZONE_Z)
        snprintf(out + used, FT_TIMESTAMP_CHARS - used, "Z");
    else if (style->zone != FT_ZONE_NONE)
        snprintf(out + used, FT_TIMESTAMP_CHARS - used, "%c%02d%s%02d", style->zone_minutes < 0 ? '-' : '+',
                 zone / 60, style->zone == FT_ZONE_COLON ? ":" : "", zone % 60);
    return out;
}
