/* Numbers as people write them: 10,204.00 or 10.204,00. Which of the two a column has is decided by all of
 * its cells. */
#ifndef FT_HOST_CSV_NUMBERS_H
#define FT_HOST_CSV_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ft_number_notation {
    char decimal;   /* '.' or ',' */
    char thousands; /* stands between groups of three digits; ' ' means no-break spaces too; '\0': nothing
                       does */
} ft_number_notation;

/* A number in that notation, the whole of `text`. As ft_parse_double otherwise. */
bool ft_number_read(ft_number_notation notation, const char *text, size_t length, double *value);

/* What cells have shown, of a column or of a whole file. */
typedef struct ft_number_evidence {
    bool comma_groups;   /* 1,020,400 or 10,204.00: groups of three */
    bool comma_decimals; /* 100,00 or 10.204,00 */
    bool comma_open;     /* 994,900: either */
    bool point_decimals; /* 100.5 */
    bool point_open;     /* 1.234: a decimal point, unless commas are decimal */
} ft_number_evidence;

void ft_number_look(ft_number_evidence *evidence, const char *text, size_t length);
/* Adds what `other` has shown. */
void ft_number_merge(ft_number_evidence *evidence, const ft_number_evidence *other);

/* The notation that fits a column; where its own cells leave that open, the one that fits the file. False
 * where both do, or none: then it is plain, without thousands. */
bool ft_number_decide(const ft_number_evidence *column, const ft_number_evidence *file,
                      ft_number_notation *notation);

#endif
