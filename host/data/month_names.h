/* Names of months in the languages that people's files have them in. No name means two
 * different months, so that a date is read without knowing its language; to write others
 * like it, what the names have shown is kept. */
#ifndef FT_HOST_DATA_MONTH_NAMES_H
#define FT_HOST_DATA_MONTH_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* How names of months were written. Start from {0}: English. */
typedef struct ft_month_style {
    /* set of what fits: bit 2 l is language l's whole names, 2 l + 1 its short ones */
    uint32_t fits;
    bool has_capital; /* the first letter */
    bool has_dot;     /* behind a short name, where the date's format has none */
} ft_month_style;

/* English, French, German, Spanish, Italian, Portuguese or Dutch, whole or short, in any
 * letter case, at *at, which is moved past it: 1 to 12, and what it shows; 0: there is
 * none. */
int32_t ft_month_take(const char **at, const char *end, ft_month_style *shown);

/* Whether the name may be a whole one, as "May" may, or a short one. */
bool ft_month_may_be_whole(const ft_month_style *style);
bool ft_month_may_be_short(const ft_month_style *style);

/* Narrows a style by that of another date of the same column. True once one language and
 * one length are left. */
bool ft_month_style_narrow(ft_month_style *style, const ft_month_style *other);

/* The month's name (1 to 12): where the style leaves both open a whole or a short one, as
 * is asked for. Returns `out`. *is_short: it is a short one, unlike the whole. */
enum { FT_MONTH_CHARS = 16 };
char *ft_month_write(const ft_month_style *style, int32_t month, bool whole, char out[FT_MONTH_CHARS],
                     bool *is_short);

#endif
