/* CSV files beside results.json, as ftgpu writes them: a line cut into cells, and whole
 * files of up to 1 GiB, line by line. */
#ifndef FT_TRACKER_RAW_CELLS_H
#define FT_TRACKER_RAW_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* A cell of the file, quotes and all; not NUL-terminated. */
typedef struct ft_raw_cell {
    const char *text;
    size_t length;
} ft_raw_cell;
bool ft_raw_cell_is_same(ft_raw_cell a, ft_raw_cell b);
/* What the cell says, without its quotes, malloc'd; NULL when memory runs out. */
char *ft_raw_cell_copy(ft_raw_cell cell);
/* The \n that ends the line at `at`; within quotes there is none. NULL: there is none
 * before `end`. *n_lines: how many lines of the file it takes. */
const char *ft_raw_line_end(const char *at, const char *end, size_t *n_lines);
/* A number; an empty cell is NaN. False: not a number. */
bool ft_raw_cell_number(ft_raw_cell cell, double *value);
/* Cuts the line up to `end` into cells: (count); false where it has more or fewer. */
bool ft_raw_cells_cut(const char *line, const char *end, size_t count, ft_raw_cell *cells);
/* The CRC-32 of a cell and a comma, going on from another's. */
uint32_t ft_raw_cell_checksum(uint32_t before, ft_raw_cell cell);

enum { FT_MOST_RAW_CELLS = 16 };
/* A kind of file. Columns that were added later stand at the end: an older file has at
 * least the first n_least. */
typedef struct ft_raw_file {
    const char *name;        /* "baselines.csv" */
    const char *header;      /* its first line, with \n */
    size_t n_cells, n_least; /* columns: of the header, up to FT_MOST_RAW_CELLS */
} ft_raw_file;

/* cells: (file->n_cells), empty where the file has no such column. They point into the
 * file's text, which is freed when _read returns. Returns false where this is no line of
 * such a file; *status, with err, is a failure that ends the reading. */
typedef bool ft_raw_line_visit(void *context, const ft_raw_cell *cells, ft_status *status, ft_error *err);
/* Calls `visit` with each line but the header, until *status is not FT_OK. FT_BAD_INPUT,
 * naming the file, where the directory has none, and the line where it is not such a
 * file. */
ft_status ft_raw_file_read(const char *directory, const ft_raw_file *file, ft_raw_line_visit *visit,
                           void *context, ft_error *err);
/* Whether the directory has the file. */
ft_status ft_raw_file_exists(const char *directory, const ft_raw_file *file, bool *exists, ft_error *err);
/* Writes header and lines, whole or not at all. */
ft_status ft_raw_file_write(const char *directory, const ft_raw_file *file, const ft_text *lines,
                            ft_error *err);

#endif
