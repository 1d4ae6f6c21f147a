/* Dates as people write them in CSV files: reading, and writing in the same style.
 *
 * An instant is an int64_t: microseconds since 1970-01-01 00:00 UTC in the proleptic
 * Gregorian calendar, years 1 to 9999. A text without a zone counts as UTC. */
#ifndef FT_HOST_DATA_TIMESTAMPS_H
#define FT_HOST_DATA_TIMESTAMPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/data/month_names.h"

enum { FT_DATE_FORMAT_CHARS = 48 };

/* How a text was written, to write others like it. */
typedef struct ft_timestamp_style {
    enum {
        FT_STYLE_YEAR,
        FT_STYLE_MONTH,
        FT_STYLE_DATE,
        FT_STYLE_HOURS,
        FT_STYLE_MINUTES,
        FT_STYLE_SECONDS
    } precision;
    char date_separator;     /* '-' or '/' */
    char time_separator;     /* ' ' or 'T' */
    int32_t fraction_digits; /* after the seconds, 0 to 6 */
    enum {
        FT_ZONE_NONE,
        FT_ZONE_Z,
        FT_ZONE_COLON, /* +hh:mm */
        FT_ZONE_PLAIN, /* +hhmm */
        FT_ZONE_HOURS, /* +hh */
        FT_ZONE_UTC,   /* " UTC" or "UTC" */
    } zone;
    bool zone_blank;       /* a blank before the zone */
    int32_t zone_minutes;  /* east of UTC */
    ft_month_style months; /* of %b and %B */
    /* of host/data/date_formats.h where it was read by one; else "" */
    char format[FT_DATE_FORMAT_CHARS];
} ft_timestamp_style;

/* Reads the whole of `text` (length bytes): YYYY, YYYY-MM, YYYY-MM-DD or with '/', the
 * date perhaps followed by 'T' or a blank and HH, HH:MM, HH:MM:SS or HH:MM:SS.frac (up to
 * 9 digits, cut to 6, more if they are zeros), then perhaps a zone: Z, UTC, GMT, +hh:mm,
 * +hhmm or +hh. Month, day and hour may have one digit; 24:00 is the next day's 00:00.
 * `style` may be NULL. Returns false for anything else, days that do not exist among
 * it. */
bool ft_timestamp_parse(const char *text, size_t length, int64_t *time, ft_timestamp_style *style);

/* The parts of the most frequent form: YYYY-MM-DD, as the day's 00:00, and what may stand
 * behind it, " HH:MM:SS" or "THH:MM:SS". False: something else stands there. */
bool ft_day_parse(const char text[10], int64_t *time);
bool ft_clock_parse(const char text[9], int64_t *time);
/* The style of the two together (length 19) or of the first alone (10). */
ft_timestamp_style ft_timestamp_plain_style(const char *text, size_t length);

/* Makes the style show this instant too, so that several are written alike: with as much
 * more precision as is needed. */
void ft_timestamp_widen(ft_timestamp_style *style, int64_t time);

enum { FT_TIMESTAMP_CHARS = 64 };

/* The instant in that style; where the style cannot show it (a date without a time of
 * day, but it is not midnight) as much more is written as is needed. Returns `out`. */
char *ft_timestamp_format(int64_t time, const ft_timestamp_style *style, char out[FT_TIMESTAMP_CHARS]);

#endif
