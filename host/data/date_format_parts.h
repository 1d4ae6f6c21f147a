/* What reading, writing and finding date formats (date_formats.h) share. */
#ifndef FT_HOST_DATA_DATE_FORMAT_PARTS_H
#define FT_HOST_DATA_DATE_FORMAT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "January" ... "December". */
extern const char *const ft_month_names[12];

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

/* A whole name or its first three letters at *at, which is moved past it: its index of `count`; -1: none of
 * them. "Sept" is a month too. */
int32_t ft_date_take_name(const char **at, const char *end, const char *const *names, int32_t count);

/* The conversions that a conversion of several parts, as %F, stands for; NULL: it is no such. */
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
