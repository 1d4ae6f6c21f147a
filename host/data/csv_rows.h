/* From the rows of a CSV file to columns of dates, series and numbers. Parts of a file
 * can be read at the same time. */
#ifndef FT_HOST_DATA_CSV_ROWS_H
#define FT_HOST_DATA_CSV_ROWS_H

#include "base/string_pool.h"
#include "host/data/csv.h"
#include "host/data/csv_items.h"
#include "host/data/csv_scanner.h"
#include "host/data/csv_settings.h"
#include "host/data/date_formats.h"

/* What column a cell belongs to: the index of one of numbers, FT_CSV_DATE, or FT_CSV_ID
 * and more: its place among the ids. */
#define FT_CSV_ID (SIZE_MAX / 2)
#define FT_CSV_DATE SIZE_MAX

/* How all rows are to be read. */
typedef struct ft_csv_table {
    ft_csv *csv; /* its columns have names and notations, its arrays room for the rows */
    ft_csv_settings *settings;
    size_t width;       /* cells in a row */
    size_t *roles;      /* (width) */
    const char **names; /* (width), for messages */
    size_t date_place;
    char date_format[FT_DATE_FORMAT_CHARS]; /* "": ft_timestamp_parse's */
    /* As good as the other: dates are refused; "": there is none. */
    char other_date_format[FT_DATE_FORMAT_CHARS];
} ft_csv_table;

/* The first cell of a column that is no number. */
typedef struct ft_csv_first_text {
    char *text; /* shortened; NULL: all are numbers */
    size_t line;
} ft_csv_first_text;

/* Rows that follow each other. They go to the csv's arrays from row `first` on. */
typedef struct ft_csv_rows {
    const ft_csv_table *table;
    ft_csv_scanner scanner;
    const char *end; /* rows that begin before it are read */
    size_t first, count;
    bool went_beyond, failed; /* the last row went on past `end`; the caller's */
    const char *row_start;    /* of the row that is being read */
    size_t row_line;
    ft_csv_items items;       /* csv->items has places in it */
    ft_csv_first_text *texts; /* (n_columns) */
    ft_string_pool dates;     /* owns csv->dates */
    ft_timestamp_style style; /* of the last row */
    size_t plain_bytes;       /* of its date, where that is plain; else 0 */
    struct ft_csv_day *days;  /* 2024-12-31 and the like, by their hash */
} ft_csv_rows;

/* From where the scanner is. FT_NO_MEMORY leaves *rows to be freed. */
ft_status ft_csv_rows_open(ft_csv_rows *rows, const ft_csv_table *table, const ft_csv_scanner *scanner,
                           const char *end, size_t first, ft_error *err);
/* Reads all of them. Refuses what ft_csv_read refuses in a row. */
ft_status ft_csv_rows_read(ft_csv_rows *rows, ft_error *err);
/* Makes of parts that follow each other the rows of the csv: closes gaps between them,
 * and numbers series and finds texts in columns as one part would have. */
ft_status ft_csv_rows_join(ft_csv *csv, ft_csv_rows *parts, size_t n_parts, ft_error *err);
void ft_csv_rows_free(ft_csv_rows *rows);

#endif
