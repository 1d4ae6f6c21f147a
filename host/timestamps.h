/* Dates as people write them in CSV files: reading, writing in the same style, and going on at a series'
 * frequency.
 *
 * An instant is an int64_t: microseconds since 1970-01-01 00:00 UTC in the proleptic Gregorian calendar,
 * years 1 to 9999. A text without a zone counts as UTC. */
#ifndef FT_HOST_TIMESTAMPS_H
#define FT_HOST_TIMESTAMPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

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
    bool zone_blank;                   /* a blank before the zone */
    int32_t zone_minutes;              /* east of UTC */
    char format[FT_DATE_FORMAT_CHARS]; /* of host/date_formats.h where it was read by one; else "" */
} ft_timestamp_style;

/* Reads the whole of `text` (length bytes): YYYY, YYYY-MM, YYYY-MM-DD or with '/', the date perhaps followed
 * by 'T' or a blank and HH, HH:MM, HH:MM:SS or HH:MM:SS.frac (up to 9 digits, cut to 6, more if they are
 * zeros), then perhaps a zone: Z, UTC, GMT, +hh:mm, +hhmm or +hh. Month, day and hour may have one digit.
 * `style` may be NULL. Returns false for anything else, days that do not exist among it. */
bool ft_timestamp_parse(const char *text, size_t length, int64_t *time, ft_timestamp_style *style);

enum { FT_TIMESTAMP_CHARS = 64 };

/* The parts of it that other forms have too: a zone at *at, which is moved past it; digits of a fraction of a
 * second (1 to 9, more if they are zeros), cut to microseconds. False: there is none. */
bool ft_zone_parse(const char **at, const char *end, ft_timestamp_style *style);
bool ft_fraction_parse(const char **at, const char *end, int32_t *microseconds, ft_timestamp_style *style);
/* Writes the style's zone, at most 8 bytes with their NUL. */
void ft_zone_format(const ft_timestamp_style *style, char out[8]);

/* The instant in that style; where the style cannot show it (a date without a time of day, but it is not
 * midnight) as much more is written as is needed. Returns `out`. */
char *ft_timestamp_format(int64_t time, const ft_timestamp_style *style, char out[FT_TIMESTAMP_CHARS]);

/* Days since 1970-01-01 of a date, and back. */
int64_t ft_days_from_date(int32_t year, int32_t month, int32_t day);
void ft_date_from_days(int64_t days, int32_t *year, int32_t *month, int32_t *day);
/* 0 = Monday ... 6 = Sunday. */
int32_t ft_weekday(int64_t days);

/* How a series goes on. */
typedef struct ft_frequency {
    enum { FT_EVERY_STEP, FT_EVERY_BUSINESS_DAY, FT_EVERY_MONTHS } unit;
    int64_t step;   /* FT_EVERY_STEP: microseconds */
    int32_t months; /* FT_EVERY_MONTHS: 1 monthly, 3 quarterly, 12 yearly, ... */
    enum {
        FT_ANCHOR_DAY,            /* `day`, or the month's last where it is shorter */
        FT_ANCHOR_BUSINESS_START, /* the month's first weekday */
        FT_ANCHOR_BUSINESS_END    /* the month's last weekday */
    } anchor;
    int32_t day;          /* FT_ANCHOR_DAY: 1 month starts, 31 month ends */
    int32_t zone_minutes; /* days and months are those of this zone */
    bool regular;         /* false: the steps differ; see ft_frequency_infer */
} ft_frequency;

/* The frequency of `n` ascending instants: the first that fits of
 *
 * - months, as many as there are between neighbours: all at one time of day, on the first days of their
 * months, the last days, the first weekdays, the last weekdays or one day (pandas' MS, ME, BMS, BME, QS, ...,
 * YE);
 *
 * - equal steps: that step (pandas' s, min, h, D, W);
 *
 * - business days: all at one time of day on Monday to Friday, with at least 3 of 4 weekdays of the range
 * (pandas' B, but there one missing holiday leaves no frequency at all);
 *
 * - the median step, the lower of the two in the middle.
 *
 * `regular` is false where neighbours do not all follow each other at this frequency; months that differ give
 * their lower median. One instant alone, or none: one day, not regular. zone_minutes is ft_timestamp_style's.
 */
ft_frequency ft_frequency_infer(const int64_t *times, size_t n, int32_t zone_minutes);

/* The instant `steps` (>= 0) after `time`. Fails with FT_BAD_INPUT beyond the year 9999. */
ft_status ft_frequency_next(const ft_frequency *frequency, int64_t time, int64_t steps, int64_t *next,
                            ft_error *err);

/* In words: "1 hour", "business days", "1 month, last days", "3 months, first weekdays". Returns `out`. */
char *ft_frequency_describe(const ft_frequency *frequency, char out[FT_TIMESTAMP_CHARS]);

#endif
