/* The cells of a CSV text, one after the other (RFC 4180, and what people write
 * besides). */
#ifndef FT_HOST_DATA_CSV_SCANNER_H
#define FT_HOST_DATA_CSV_SCANNER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

enum { FT_CSV_MAX_CELL_BYTES = 1 << 20 };

typedef struct ft_csv_cell {
    /* in the scanned text, or until the next cell in the scanner; not NUL-terminated */
    const char *text;
    size_t length; /* without the surrounding blanks of an unquoted cell */
    size_t line;   /* where it begins, from 1 */
    bool quoted, ends_row;
} ft_csv_cell;

/* Walks over `at` ... `end`, which stay as they are. Lines end in \n, \r\n or \r; blanks,
 * tabs (unless they separate cells) and no-break spaces around a cell are not part of
 * it. */
typedef struct ft_csv_scanner {
    const char *path; /* for messages */
    const char *at, *end;
    size_t line; /* of `at` */
    char separator;
    ft_text unquoted; /* the last cell that had doubled quotes, without them */
} ft_csv_scanner;

/* Begins at the text's start, past a byte-order mark, with commas. A NUL byte stands
 * behind the text. */
ft_csv_scanner ft_csv_scan(const char *path, const char *text, size_t size);
/* Another one at the same place, to look ahead with. */
ft_csv_scanner ft_csv_scanner_copy(const ft_csv_scanner *scanner);
void ft_csv_scanner_free(ft_csv_scanner *scanner);

/* Goes over lines without anything but blanks, separators and empty quotes; false when
 * nothing but these is left. */
bool ft_csv_next_row(ft_csv_scanner *scanner);

/* The next cell of the row. Refuses a quote that does not end, text after a closing quote
 * and cells beyond FT_CSV_MAX_CELL_BYTES. */
ft_status ft_csv_next_cell(ft_csv_scanner *scanner, ft_csv_cell *cell, ft_error *err);

/* Whether a cell ends at `at`, be it the text's end or not. */
static inline bool ft_csv_cell_ends(const char *at, char separator)
{
    return *at == separator || *at == '\n' || *at == '\r';
}

/* Goes over \n, \r\n or \r at `at`. */
static inline void ft_csv_end_line(ft_csv_scanner *scanner)
{
    if (*scanner->at == '\r' && scanner->at + 1 < scanner->end && scanner->at[1] == '\n') scanner->at++;
    scanner->at++;
    scanner->line++;
}

/* Past the end of a cell, at which the scanner is. Returns whether its row ends there
 * too. */
static inline bool ft_csv_end_cell(ft_csv_scanner *scanner)
{
    if (scanner->at == scanner->end) return true;
    const bool separated = *scanner->at == scanner->separator;
    if (separated)
        scanner->at++;
    else
        ft_csv_end_line(scanner);
    return !separated;
}

/* How many lines end in [from, to), which does not end between \r and \n. `to` can be
 * read. */
size_t ft_csv_count_lines(const char *from, const char *to);

#endif
