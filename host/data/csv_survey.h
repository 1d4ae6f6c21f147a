/* What a CSV text holds, found before its cells are: lines, bytes that need care, and
 * where it may be cut into pieces that are read at the same time. */
#ifndef FT_HOST_DATA_CSV_SURVEY_H
#define FT_HOST_DATA_CSV_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Bytes that are looked for. */
typedef enum ft_csv_byte {
    FT_CSV_NUL = 1 << 0,
    FT_CSV_QUOTE = 1 << 1,
    FT_CSV_COMMA = 1 << 2,
    FT_CSV_POINT = 1 << 3,
    FT_CSV_APOSTROPHE = 1 << 4,
    FT_CSV_WIDE = 1 << 5 /* begins a wide blank, apostrophe or minus sign */
} ft_csv_byte;

/* A part of the text that begins at its start or behind a \n, and ends at its end or
 * behind a \n. */
typedef struct ft_csv_piece {
    const char *start, *end;
    size_t n_lines;    /* that end in it, or with the text */
    size_t first_line; /* the number of its first one, from 1 */
    uint32_t checksum; /* of its bytes */
    unsigned bytes;    /* ft_csv_byte of those that are in it */
} ft_csv_piece;

typedef struct ft_csv_survey {
    ft_csv_piece *pieces; /* (n_pieces), one after the other; at least one */
    size_t n_pieces;
    uint32_t checksum; /* ft_checksum of the text */
} ft_csv_survey;

/* text: (size) and a NUL byte. Pieces have about piece_bytes. `name` is for messages.
 * Refuses a text with a NUL byte. On failure nothing is left to free. */
ft_status ft_csv_survey_make(const char *name, const char *text, size_t size, size_t piece_bytes,
                             ft_csv_survey *survey, ft_error *err);
/* Leaves out what lies before `at`, which line `line` begins at: the header. */
void ft_csv_survey_skip(ft_csv_survey *survey, const char *at, size_t line);
/* ft_csv_byte of all pieces. */
unsigned ft_csv_survey_bytes(const ft_csv_survey *survey);
void ft_csv_survey_free(ft_csv_survey *survey);

#endif
