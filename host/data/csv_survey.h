/* A first look at a CSV text before its cells are read: how many lines it has, which
 * bytes occur in it, and where it can be cut into pieces to read in parallel. */
#ifndef FT_HOST_DATA_CSV_SURVEY_H
#define FT_HOST_DATA_CSV_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Bytes that are looked for, as bits of a set. */
typedef enum ft_csv_byte {
    FT_CSV_NUL = 1 << 0,
    FT_CSV_QUOTE = 1 << 1,
    FT_CSV_COMMA = 1 << 2,
    FT_CSV_POINT = 1 << 3,
    FT_CSV_APOSTROPHE = 1 << 4,
    /* \xC2 or \xE2: may begin a blank, an apostrophe or a minus in UTF-8 */
    FT_CSV_WIDE = 1 << 5
} ft_csv_byte;

/* A piece of the text: whole lines. */
typedef struct ft_csv_piece {
    const char *start, *end;
    size_t n_lines;
    size_t first_line; /* the number of its first line, from 1 */
    uint32_t checksum; /* ft_checksum of the piece */
    unsigned found;    /* set of ft_csv_byte: those that occur in it */
} ft_csv_piece;

typedef struct ft_csv_survey {
    ft_csv_piece *pieces; /* (n_pieces), one after the other; at least one */
    size_t n_pieces;
    uint32_t checksum; /* ft_checksum of the text */
} ft_csv_survey;

/* text: (size) and a terminating NUL. Pieces have piece_bytes and the rest of a line.
 * `name` is for messages. FT_BAD_INPUT for a text with a NUL byte in it. On failure
 * nothing is left to free. */
ft_status ft_csv_survey_make(const char *name, const char *text, size_t size, size_t piece_bytes,
                             ft_csv_survey *survey, ft_error *err);
/* Takes the header out of the pieces: what lies before `at`, where line `line` begins. */
void ft_csv_survey_skip(ft_csv_survey *survey, const char *at, size_t line);
/* Set of ft_csv_byte: those that occur in any piece. */
unsigned ft_csv_survey_found(const ft_csv_survey *survey);
void ft_csv_survey_free(ft_csv_survey *survey);

#endif
