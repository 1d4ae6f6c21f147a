/* Names of months in seven languages. No name means two different months, so that a date
 * is read without knowing its language. What a name shows of language and form is kept,
 * so that forecasts' dates are written like it. */
#ifndef FT_HOST_DATA_MONTH_NAMES_H
#define FT_HOST_DATA_MONTH_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* How names of months were written. Start from {0}: English. */
typedef struct ft_month_style {
    /* the set of languages and forms that fit: bit 2 l, whole names of language l (as
     * numbered in month_names.c); bit 2 l + 1, its short ones */
    uint32_t fits;
    bool has_capital; /* the first letter */
    bool has_dot;     /* behind a short name, where the date's format has none */
} ft_month_style;

/* Reads a name at *at, which is moved past it: English, French, German, Spanish, Italian,
 * Portuguese or Dutch, whole or short, in any letter case. Returns the month, 1 to 12,
 * and in *shown what fits the name; 0: there is none. */
int32_t ft_month_take(const char **at, const char *end, ft_month_style *shown);

/* Whether the name may be a whole one, as "May" may, or a short one. */
bool ft_month_may_be_whole(const ft_month_style *style);
bool ft_month_may_be_short(const ft_month_style *style);

/* Narrows a style by that of another date of the same column. True once one language and
 * one length are left. */
bool ft_month_style_narrow(ft_month_style *style, const ft_month_style *other);

/* Writes the name of a month, 1 to 12, in the style: a whole or a short one, as `whole`
 * asks where the style allows both. Returns `out`. *is_short: whether the name is
 * shortened ("May" is not). */
enum { FT_MONTH_CHARS = 16 };
char *ft_month_write(const ft_month_style *style, int32_t month, bool whole, char out[FT_MONTH_CHARS],
                     bool *is_short);

#endif
