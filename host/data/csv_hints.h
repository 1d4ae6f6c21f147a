/* What to do about a cell that is no date or no number, for the end of a message. */
#ifndef FT_HOST_DATA_CSV_HINTS_H
#define FT_HOST_DATA_CSV_HINTS_H

#include "host/data/csv_numbers.h"
#include "host/data/csv_scanner.h"

/* A row whose date cannot be read. */
typedef struct ft_csv_undated {
    const ft_csv_scanner *row; /* where the row begins */
    const char *const *names;  /* (width), of the header */
    size_t width, place;       /* place: of the date column */
    bool is_first;             /* of the rows */
    bool is_missing;           /* the date's cell is empty, or a word for missing */
    const char *format;        /* of dates; "": they are for ft_timestamp_parse */
    /* "", or another format that may be meant as well (csv_layout.h) */
    const char *other;
} ft_csv_undated;

/* FT_BAD_INPUT with file, line, column and text, and what may be wrong: further header
 * rows, the header again, comments, a total or note below the data, dates as column
 * names, another date column, another format. */
ft_status ft_csv_refuse_date(const ft_csv_undated *undated, const ft_csv_cell *cell, ft_error *err);

/* Whether the text is certainly a date, rather than a small number. */
bool ft_csv_is_date(const char *text, size_t length);

/* The line of the first of the next 20 rows with a cell of this text; 0: none. */
size_t ft_csv_find_cell(const ft_csv_scanner *scanner, const char *text);

/* The hint on a text in a column that must hold numbers; `open`: its commas or points may
 * or may not be decimal ones. */
const char *ft_csv_number_hint(const char *text, bool open);

/* A copy of a cell's text that is fit for a message: at most 40 bytes, never cut inside a
 * UTF-8 character. NULL when memory runs out. */
char *ft_csv_shortened(const char *text, size_t length);

#endif
