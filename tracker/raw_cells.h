/* CSV files of an experiment's directory as ftgpu writes them: cells of lines, and whole
 * small files line by line. */
#ifndef FT_TRACKER_RAW_CELLS_H
#define FT_TRACKER_RAW_CELLS_H

#include <stdbool.h>
#include <stddef.h>

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
/* A number; an empty cell is NaN. False: not a number. */
bool ft_raw_cell_number(ft_raw_cell cell, double *value);
/* Cuts the line up to `end` into cells: (count); false where it has not so many. */
bool ft_raw_cells_cut(const char *line, const char *end, size_t count, ft_raw_cell *cells);

enum { FT_MOST_RAW_CELLS = 16 };
/* A file beside results.json. Columns that were added later stand at the end: a file of
 * before them has the first n_least. */
typedef struct ft_raw_file {
    const char *name;   /* "baselines.csv" */
    const char *header; /* its first line, with \n */
    size_t n_cells, n_least;
} ft_raw_file;

/* cells: (file->n_cells); empty where the file has no such column. They point into the
 * file's text, which is freed when _read returns. False: this is no line of the file. */
typedef bool ft_raw_line_visit(void *context, const ft_raw_cell *cells, ft_status *status, ft_error *err);
/* Calls `visit` with each line but the first, until *status is not FT_OK. FT_BAD_INPUT,
 * naming file and line, where the directory has no such file or it is not one. */
ft_status ft_raw_file_read(const char *directory, const ft_raw_file *file, ft_raw_line_visit *visit,
                           void *context, ft_error *err);
/* Writes header and lines, whole or not at all. */
ft_status ft_raw_file_write(const char *directory, const ft_raw_file *file, const ft_text *lines,
                            ft_error *err);

#endif
