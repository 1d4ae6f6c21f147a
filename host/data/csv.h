/* Series in a CSV file: a header, a date column, perhaps a column that tells the series
 * apart. docs/interface.md §2. */
#ifndef FT_HOST_DATA_CSV_H
#define FT_HOST_DATA_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/string_pool.h"
#include "base/text.h"
#include "host/data/csv_numbers.h"
#include "host/data/timestamps.h"
#include "host/ftgpu.h"

typedef struct ft_csv_column {
    /* as in the header, without surrounding blanks; "Vol.1" where it was given twice and
     * "Unnamed: 3" where there is none, as in pandas */
    char *name;
    /* (n_rows), NaN = missing; infinite numbers as INFINITY; in a text column anything
     * else stands for a text */
    double *values;
    /* NULL in a numeric column; else the (shortened) first cell that is not a number */
    char *text;
    size_t text_line; /* the line of the file it is in */
    ft_number_notation notation;
    /* open: its commas or points may be decimal ones or stand between thousands: they are
     * not read */
    ft_number_certainty certainty;
    /* cells like 1.234 or 1,234, in this file or an earlier one that did not decide */
    bool has_open;
    /* no cell that was looked at had a mark: numbers are read without any (csv.c) */
    bool unmarked;
    bool repeated; /* a later column had the same name */
} ft_csv_column;

/* A file read whole. Columns are those besides date and id. */
typedef struct ft_csv {
    char *path;
    char *timestamp_name;
    char *id_name;          /* of several "store,item"; NULL without an id column */
    size_t n_ids;           /* id columns */
    ft_csv_column *columns; /* (n_columns), in the file's order */
    size_t n_columns;
    size_t n_rows;
    bool grouped;              /* rows lie series by series */
    int64_t *times;            /* (n_rows) */
    int16_t *zones;            /* (n_rows), its date's minutes east of UTC, or 0 */
    const char **dates;        /* (n_rows), as written */
    ft_string_pool date_texts; /* owns them */
    uint32_t *lines;           /* (n_rows), where each row begins in the file, from 1 */
    int32_t *items;            /* (n_rows), which series, in the order of appearance */
    char **item_names;         /* (n_items); without an id column one, NULL */
    size_t n_items;
    ft_timestamp_style style; /* of the last row */
    uint32_t checksum;        /* ft_checksum of the text's bytes, decompressed */
    /* a line for each change made without being asked: reversed rows, ... */
    ft_text notes;
} ft_csv;

/* Reads `path`, "-" being stdin; pipes too with `takes_pipes`. Cells are numbers, or
 * missing: empty, or a word that pandas.read_csv takes for missing or options->missing
 * names. A column with a cell that is neither is a text column. Ambiguous dates and
 * numbers are settled by the other cells of the column, then by `like`, an earlier file
 * of the same data (or NULL). Of several id columns a series is named "a|b". Rows come
 * out with each series' dates rising (csv_order.h). FT_BAD_INPUT, with file and line,
 * when: an option makes no sense; there is no header or no row; a name is unknown; a row
 * has more or fewer cells; a cell is larger than 1 MiB; a NUL byte; a quote that does not
 * end; a date is missing, cannot be read, is ambiguous, is given twice or is out of
 * order. On failure *csv is zeroed. */
ft_status ft_csv_read(const char *path, const ft_csv_options *options, bool takes_pipes, const ft_csv *like,
                      ft_csv *csv, ft_error *err);
/* The same, in pieces of about so many bytes, which the cores read at the same time: the
 * result, be it a refusal, is that of one piece. */
ft_status ft_csv_read_pieces(const char *path, const ft_csv_options *options, bool takes_pipes,
                             const ft_csv *like, size_t piece_bytes, ft_csv *csv, ft_error *err);
void ft_csv_free(ft_csv *csv);

/* Adds the notes on a file (whole lines) to its refusal in *err, as "; note: ...":
 * whoever reads that a name is no column must know how the file was decoded. Does nothing
 * without notes, or where memory runs out. */
void ft_csv_add_notes(const ft_text *notes, ft_error *err);

/* The index of a column that must hold numbers. FT_BAD_INPUT with the nearest name, or
 * the place of the first text. */
ft_status ft_csv_numeric_column(const ft_csv *csv, const char *name, size_t *column, ft_error *err);

#endif
