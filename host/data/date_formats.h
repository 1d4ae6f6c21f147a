/* Dates in other forms than ISO 8601's, each described by a format as strptime has it:
 * which format a text is in, reading by a format, writing by it.
 *
 * Conversions: %Y %y %m %d %e %b %B %a %A %H %I %M %S %p %z %Z %F %T %R %D %% as in
 * strptime, without a locale: months in the languages of month_names.h, weekdays in
 * English; %G %V %u the year, week and weekday of ISO 8601 (a week alone is its Monday);
 * %W %U %w the week of the year from its first Monday or Sunday and the weekday from 0,
 * Sunday (a week alone is its first day in the year); %j the day of the year; %f digits
 * of a fraction of a second (Python's); %q the quarter, 1 to 4 (R's zoo); %s seconds
 * since 1970, and %s%3N, %s%6N, %s%9N milli-, micro- and nanoseconds (GNU date's); %J a
 * year whose fraction is a month (2019.25, 2019.0833; whole is January). A blank stands
 * for any blanks. Names may be whole or short in any letter case; months, days and hours
 * may have one digit. */
#ifndef FT_HOST_DATA_DATE_FORMATS_H
#define FT_HOST_DATA_DATE_FORMATS_H

#include "host/data/timestamps.h"

/* Reads the whole of `text` by `format`; *style is set to write dates the same way. False
 * where the text does not fit or is no date. */
bool ft_date_format_read(const char *format, const char *text, size_t length, int64_t *time,
                         ft_timestamp_style *style);

/* The instant by style->format. Returns `out`. */
char *ft_date_format_write(int64_t time, const ft_timestamp_style *style, char out[FT_TIMESTAMP_CHARS]);

/* FT_BAD_INPUT where the format has an unknown conversion, no year, a day without a
 * month, or a week and its year not together. */
ft_status ft_date_format_check(const char *format, ft_error *err);

typedef enum ft_date_meaning {
    FT_DATE_NONE, /* no form that is known */
    FT_DATE_ONE,  /* formats[0] */
    /* formats[0] has the day before the month, formats[1] the month before the day */
    FT_DATE_DAY_OR_MONTH,
    /* a year of two digits: formats[0] is the likely one, formats[1] another or "" */
    FT_DATE_SHORT_YEAR
} ft_date_meaning;

/* Finds the form of a text that ft_timestamp_parse does not read. */
ft_date_meaning ft_date_format_find(const char *text, size_t length, char formats[2][FT_DATE_FORMAT_CHARS]);

/* The same with %y before %m before %d. False where these are not its first three
 * parts. */
bool ft_date_format_year_first(const char *format, char out[FT_DATE_FORMAT_CHARS]);

#endif
