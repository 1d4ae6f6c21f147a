/* Small text tools that every part needs: growing strings, numbers as the shortest text,
 * nearest names. */
#ifndef FT_BASE_TEXT_H
#define FT_BASE_TEXT_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* A string that grows. Start from FT_TEXT_EMPTY; `data` is NULL until something is added,
 * else NUL-terminated. When memory runs out `failed` is set, later additions do nothing,
 * and the owner checks once at the end. */
typedef struct ft_text {
    char *data;
    size_t length, capacity;
    bool failed;
} ft_text;
#define FT_TEXT_EMPTY ((ft_text){0})

void ft_text_add(ft_text *text, const char *string);
void ft_text_add_bytes(ft_text *text, const char *bytes, size_t count);
void ft_text_addf(ft_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* In single quotes, as one word of the shell. */
void ft_text_add_word(ft_text *text, const char *word);
void ft_text_free(ft_text *text);

/* Room for any ft_format_double text. */
enum { FT_NUMBER_CHARS = 40 };

/* The shortest decimal text that strtod reads back as exactly `value` ("0.1", "1e-05",
 * "32", "-0"); "nan", "inf" or "-inf" otherwise. Independent of the locale. Returns
 * `out`. */
char *ft_format_double(double value, char out[FT_NUMBER_CHARS]);
/* The value, or a NaN without the sign that printf would print. */
static inline double ft_unsigned_nan(double value)
{
    return isnan(value) ? (double)NAN : value;
}
/* The same for a float: the shortest text that strtof reads back exactly. */
char *ft_format_float(float value, char out[FT_NUMBER_CHARS]);

/* Reads the whole of `text` (length bytes, surrounding blanks allowed) as a decimal
 * number in the C locale's notation, without hexadecimal. "nan", "inf" and the like are
 * not numbers here. Returns false and leaves *value alone if it is not one; values beyond
 * double's range read as +-inf and return false. */
bool ft_parse_double(const char *text, size_t length, double *value);
/* The number at the start of a NUL-terminated text, if it is digits alone, up to 19,
 * perhaps with a minus sign and a decimal mark ('\0': none): where it ends. NULL:
 * ft_parse_double may know more. */
const char *ft_parse_plain_double(const char *text, char decimal, double *value);
/* The same for a whole number in [-2^63, 2^63). "1e3" and "5.0" are not whole numbers
 * here. */
bool ft_parse_int(const char *text, size_t length, long long *value);

/* Returns the one of `count` names with the smallest edit distance to `name`. NULL where
 * none is close enough to be a likely typo (more than a third of the longer name's
 * letters would change). Letter case is ignored; two swapped letters count once. */
const char *ft_nearest_name(const char *name, const char *const *names, size_t count);

/* malloc'd copy of `string` or of its first `length` bytes; NULL when memory runs out. */
char *ft_copy_string(const char *string);
char *ft_copy_bytes(const char *bytes, size_t length);

#endif
