/* Numbers as people write them: 10,204.00 or 10.204,00. All cells of a column decide
 * which of the two it has. */
#ifndef FT_HOST_DATA_CSV_NUMBERS_H
#define FT_HOST_DATA_CSV_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ft_number_notation {
    char decimal; /* '.' or ','; '\0': neither is read, since either may be meant */
    /* stands between groups of three digits; ' ' means no-break spaces too, '\'' U+2019
     * too; '\0': nothing does */
    char thousands;
} ft_number_notation;

/* A number in that notation, the whole of `text`. As ft_parse_double otherwise. */
bool ft_number_read(ft_number_notation notation, const char *text, size_t length, double *value);

/* What cells have shown, of a column or of a whole file. */
typedef struct ft_number_evidence {
    bool comma_groups;   /* 1,020,400 or 10,204.00: groups of three */
    bool comma_decimals; /* 100,00 or 10.204,00 */
    bool comma_open;     /* 994,900: either */
    bool point_groups;   /* 1.234.567 */
    bool point_decimals; /* 100.5 */
    bool point_open;     /* 1.234: either */
    char thousands;      /* ' ' or '\'' of 100'000; '\0': no cell has them */
    /* set by the caller: a cell is no number, and not missing: it shows nothing of
     * others */
    bool text;
} ft_number_evidence;

/* What a cell shows. False where it is no number. */
bool ft_number_look(ft_number_evidence *evidence, const char *text, size_t length);
/* Adds what `other` has shown. */
void ft_number_merge(ft_number_evidence *evidence, const ft_number_evidence *other);

/* Whether no cell has had a comma, a point or another mark between thousands. */
bool ft_number_is_unmarked(const ft_number_evidence *evidence);
/* Whether these cells alone decide how the rest of the column is read: a cell that
 * contradicts them is no number. */
bool ft_number_is_settled(const ft_number_evidence *evidence);

/* Which notation is likely in a file, by its separator and dates. */
typedef enum ft_number_custom {
    FT_NUMBERS_ANY,
    FT_NUMBERS_COMMA_SEPARATED, /* "1,007" in quotes */
    /* ; between cells, or dates as 31.12.2024: decimal commas are likely */
    FT_NUMBERS_CONTINENTAL
} ft_number_custom;

typedef enum ft_number_certainty {
    FT_NUMBERS_SHOWN,
    /* decimal points, as is usual; no cell shows or contradicts them */
    FT_NUMBERS_ASSUMED,
    /* refused: a comma or a point may be decimal or stand between thousands */
    FT_NUMBERS_OPEN
} ft_number_certainty;

/* The notation that fits a column; where its own cells leave that open, the one that fits
 * the file. */
ft_number_certainty ft_number_decide(const ft_number_evidence *column, const ft_number_evidence *file,
                                     ft_number_custom custom, ft_number_notation *notation);

#endif
