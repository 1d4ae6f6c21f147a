/* Reads rows of a CSV file into the columns of an ft_csv: dates, series, numbers. Several
 * threads can read a part of the file each; the parts are then joined. */
#ifndef FT_HOST_DATA_CSV_ROWS_H
#define FT_HOST_DATA_CSV_ROWS_H

#include "base/string_pool.h"
#include "host/data/csv.h"
#include "host/data/csv_items.h"
#include "host/data/csv_scanner.h"
#include "host/data/csv_settings.h"
#include "host/data/date_formats.h"

/* The role of a column: FT_CSV_DATE; FT_CSV_ID + i: the i-th id column; a smaller number:
 * its index in csv->columns. */
#define FT_CSV_ID (SIZE_MAX / 2)
#define FT_CSV_DATE SIZE_MAX

/* How rows are read: the same for all parts of a file. */
typedef struct ft_csv_table {
    ft_csv *csv; /* its columns have names and notations, its arrays room for the rows */
    ft_csv_settings *settings;
    size_t width;       /* cells in a row */
    size_t *roles;      /* (width) */
    const char **names; /* (width), for messages */
    size_t date_place;
    char date_format[FT_DATE_FORMAT_CHARS]; /* "": ft_timestamp_parse's */
    /* A second format that fits as well, so that dates are ambiguous and refused; "":
     * none. */
    char other_date_format[FT_DATE_FORMAT_CHARS];
} ft_csv_table;

/* The first cell in a column of numbers that is none. */
typedef struct ft_csv_first_text {
    char *text; /* shortened; NULL: all are numbers */
    size_t line;
} ft_csv_first_text;

/* A part of the file: rows that follow each other. */
typedef struct ft_csv_rows {
    const ft_csv_table *table;
    ft_csv_scanner scanner;
    const char *end;          /* rows that begin before it are read */
    size_t first, count;      /* they go to the csv's arrays from row `first` on */
    bool went_beyond;         /* the last row ends behind `end` */
    bool failed;              /* for the caller's use */
    const char *row_start;    /* of the row that is being read */
    size_t row_line;          /* its line, from 1 */
    ft_csv_items items;       /* the part's series; csv->items are indices into them */
    ft_csv_first_text *texts; /* (csv->n_columns) */
    ft_string_pool dates;     /* owns the part's csv->dates */
    ft_timestamp_style style; /* of the last row's date */
    size_t plain_bytes;       /* its length if it was read quickly; else 0 */
    struct ft_csv_day *days;  /* cache of dates like 2024-12-31, by hash */
} ft_csv_rows;

/* A part that begins where the scanner is. Fails by FT_NO_MEMORY; _free is needed then,
 * too. */
ft_status ft_csv_rows_open(ft_csv_rows *rows, const ft_csv_table *table, const ft_csv_scanner *scanner,
                           const char *end, size_t first, ft_error *err);
/* Reads all rows of the part. FT_BAD_INPUT, naming the line, where ft_csv_read refuses a
 * row. */
ft_status ft_csv_rows_read(ft_csv_rows *rows, ft_error *err);
/* Joins parts, (n_parts) in the order of the file, to the rows of the csv: moves rows
 * together, and numbers series and finds texts in columns as if all had been one part. */
ft_status ft_csv_rows_join(ft_csv *csv, ft_csv_rows *parts, size_t n_parts, ft_error *err);
void ft_csv_rows_free(ft_csv_rows *rows);

#endif
