/* A small result table, printed for people (aligned), as CSV or as JSON. */
#ifndef FT_TRACKER_TABLE_H
#define FT_TRACKER_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

typedef enum ft_cell_kind { FT_CELL_NULL, FT_CELL_NUMBER, FT_CELL_TEXT, FT_CELL_FLAG } ft_cell_kind;

typedef struct ft_cell {
    ft_cell_kind kind;
    double number; /* of a number; 0 or 1 of a flag */
    char *text;    /* owned by the table */
} ft_cell;

/* Cell (row, column) is cells[row * n_columns + column]. When memory runs out `failed` is
 * set and later calls do nothing; ft_table_print reports it. */
typedef struct ft_table {
    char **columns; /* (n_columns) */
    size_t n_columns;
    ft_cell *cells; /* (n_rows, n_columns) */
    size_t n_rows, capacity /* rows */;
    bool failed;
} ft_table;
#define FT_TABLE_EMPTY ((ft_table){0})

void ft_table_free(ft_table *table);

/* The column's index; adds it (null in every row) if there is none of that name. */
size_t ft_table_column(ft_table *table, const char *name);
/* The index, or n_columns where there is none. */
size_t ft_table_find(const ft_table *table, const char *name);
/* Adds a row of nulls. */
void ft_table_add_row(ft_table *table);

/* Set a cell of the last row. A NaN number is null; a NULL text is null. */
void ft_table_set_number(ft_table *table, size_t column, double value);
void ft_table_set_text(ft_table *table, size_t column, const char *text);
void ft_table_set_flag(ft_table *table, size_t column, bool value);
/* a copy of another table's */
void ft_table_set_cell(ft_table *table, size_t column, const ft_cell *cell);
/* Sets a cell of any row, which is null so far; NaN leaves it so. */
void ft_table_put_number(ft_table *table, size_t row, size_t column, double value);

/* Sorts rows by a column, stable: numbers before texts before nulls (also when
 * descending). */
void ft_table_sort(ft_table *table, size_t column, bool descending);
/* Drops the rows after the first `count`. */
void ft_table_keep_rows(ft_table *table, size_t count);
/* Takes a column out. */
void ft_table_remove_column(ft_table *table, size_t column);

typedef enum ft_table_format {
    /* aligned; numbers to 6 significant digits, null "-", control characters '?' */
    FT_TABLE_TEXT,
    /* RFC 4180 with \n; numbers as the shortest text that reads back, null empty, flags
     * true/false */
    FT_TABLE_CSV,
    FT_TABLE_JSON,       /* a list of objects, a line each */
    FT_TABLE_JSON_LINES, /* an object a line */
    /* as CSV, but a text that begins as a formula does and is no number gets a ' before
     * it */
    FT_TABLE_SPREADSHEET,
} ft_table_format;

/* "table", "csv" or "json". */
ft_status ft_table_format_parse(const char *name, ft_table_format *format, ft_error *err);

/* Adds the table to `out`, with a newline at the end. */
ft_status ft_table_print(const ft_table *table, ft_table_format format, ft_text *out, ft_error *err);

/* A number for people: whole numbers in full, others to 6 significant digits, "-" where
 * not finite. Returns `out`. */
char *ft_people_number(double value, char out[FT_NUMBER_CHARS]);

/* The same to 4 significant digits; whole numbers in full below 1e6. Returns `out`. */
char *ft_short_number(double value, char out[FT_NUMBER_CHARS]);

/* What people see of a cell: its text, or a number written into `room`. */
const char *ft_cell_for_people(const ft_cell *cell, char room[FT_NUMBER_CHARS]);

/* Adds text from a file to a line, as ft_keep_line makes it. */
void ft_text_add_line(ft_text *out, const char *text);

/* One CSV field: quoted where it holds a comma, a quote, a line break or a blank at an
 * end. */
void ft_csv_add_field(ft_text *out, const char *field);
/* A comma and a number as the shortest text that reads back; nothing after the comma
 * where it is not finite. */
void ft_csv_add_number(ft_text *out, double value);

#endif
