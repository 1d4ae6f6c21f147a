/* The cells of a CSV text, one after the other (RFC 4180, and what people write besides). */
#ifndef FT_HOST_CSV_SCANNER_H
#define FT_HOST_CSV_SCANNER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { FT_CSV_MAX_CELL_BYTES = 1 << 20 };

typedef struct ft_csv_cell {
    const char *text; /* in the scanned text; not NUL-terminated */
    size_t length;    /* without the surrounding blanks of an unquoted cell */
    size_t line;      /* where it begins, from 1 */
    bool ends_row;
} ft_csv_cell;

/* Walks over `at` ... `end`, which it changes: quoted cells lose their doubled quotes in place. Lines end in
 * \n, \r\n or \r. */
typedef struct ft_csv_scanner {
    const char *path; /* for messages */
    char *at, *end;
    size_t line; /* of `at` */
} ft_csv_scanner;

/* Begins at the text's start, past a byte-order mark. Refuses a text with a NUL byte. */
ft_status ft_csv_scan(ft_csv_scanner *scanner, const char *path, char *text, size_t size, ft_error *err);

/* Goes over empty lines; false when nothing but these is left. */
bool ft_csv_next_row(ft_csv_scanner *scanner);

/* The next cell of the row. Refuses a quote that does not end, text after a closing quote and cells beyond
 * FT_CSV_MAX_CELL_BYTES. */
ft_status ft_csv_next_cell(ft_csv_scanner *scanner, ft_csv_cell *cell, ft_error *err);

#endif
