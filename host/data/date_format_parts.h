/* What all forms of dates share: names, numbers, fractions of a second, zones,
 * conversions of several parts. */
#ifndef FT_HOST_DATA_DATE_FORMAT_PARTS_H
#define FT_HOST_DATA_DATE_FORMAT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/data/timestamps.h"

static inline bool ft_date_is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

static inline bool ft_date_is_letter(const char *at, const char *end)
{
    return at < end && ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z'));
}

/* How many digits there are at `at`, before `end`. */
size_t ft_date_count_digits(const char *at, const char *end);

/* An English weekday's whole name or its first three letters at *at, which is moved past
 * it: 0 for Monday; -1: there is none. */
int32_t ft_date_take_weekday(const char **at, const char *end);

/* A number of `least` to `most` digits at *at, which is moved past it. */
bool ft_date_take_number(const char **at, const char *end, size_t least, size_t most, int32_t *value);

/* How many bytes "am", "PM", "a.m.", "a. m." or the like has at `at`; 0: there is
 * none. */
size_t ft_date_half_bytes(const char *at, const char *end);
/* The bytes of a blank at `at`, be it a no-break one as browsers write it before "AM"; 0:
 * there is none. */
size_t ft_date_blank_bytes(const char *at, const char *end);

/* A zone at *at, which is moved past it; digits of a fraction of a second (1 to 9, more
 * if they are zeros), cut to microseconds. False: there is none. */
bool ft_zone_parse(const char **at, const char *end, ft_timestamp_style *style);
bool ft_fraction_parse(const char **at, const char *end, int32_t *microseconds, ft_timestamp_style *style);

/* Writes the style's zone, at most 8 bytes with their NUL. */
void ft_zone_format(const ft_timestamp_style *style, char out[8]);

/* The conversions that a conversion of several parts, as %F, stands for; NULL: it is no
 * such. */
const char *ft_date_composite(char letter);

/* "3N" of "%s%3N" at `format`, which stands behind %s: 3, 6 or 9; 0: it does not. */
int ft_date_unix_decimals(const char *format);

/* Text of a bounded length, cut where it would get longer. */
typedef struct ft_date_line {
    char *text;
    size_t used, room;
} ft_date_line;

__attribute__((format(printf, 2, 3))) void ft_date_line_add(ft_date_line *out, const char *format, ...);

#endif
