/* The rows and cells of a table. Printing is in table_print.c. */
#include "tracker/table.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void ft_table_free(ft_table *table)
{
    for (size_t i = 0; i < table->n_rows * table->n_columns; i++) free(table->cells[i].text);
    for (size_t c = 0; c < table->n_columns; c++) free(table->columns[c]);
    free(table->cells);
    free(table->columns);
    *table = FT_TABLE_EMPTY;
}

size_t ft_table_find(const ft_table *table, const char *name)
{
    size_t c = 0;
    while (c < table->n_columns && strcmp(table->columns[c], name) != 0) c++;
    return c;
}

/* Room for `rows` rows of `columns` cells, the rows that are there moved to the new
 * width. */
static bool resize(ft_table *table, size_t rows, size_t columns)
{
    if (columns && rows > SIZE_MAX / sizeof(ft_cell) / columns) return false;
    if (rows * columns == 0) return true;
    ft_cell *cells = calloc(rows * columns, sizeof *cells);
    if (!cells) return false;
    size_t kept = columns < table->n_columns ? columns : table->n_columns;
    for (size_t r = 0; r < table->n_rows && kept; r++)
        memcpy(&cells[r * columns], &table->cells[r * table->n_columns], kept * sizeof *cells);
    free(table->cells);
    table->cells = cells;
    table->capacity = rows;
    return true;
}

size_t ft_table_column(ft_table *table, const char *name)
{
    size_t found = ft_table_find(table, name);
    if (found < table->n_columns || table->failed) return found;
    char **grown = realloc(table->columns, (table->n_columns + 1) * sizeof *grown);
    if (grown) table->columns = grown;
    char *copy = grown ? ft_copy_string(name) : NULL;
    size_t rows = table->capacity > table->n_rows ? table->capacity : table->n_rows;
    if (!copy || !resize(table, rows, table->n_columns + 1)) {
        free(copy);
        table->failed = true;
        return found;
    }
    table->columns[table->n_columns++] = copy;
    return found;
}

void ft_table_add_row(ft_table *table)
{
    if (table->failed) return;
    if (table->n_rows >= table->capacity &&
        !resize(table, table->capacity ? 2 * table->capacity : 16, table->n_columns))
        table->failed = true;
    else
        table->n_rows++;
}

/* The cell of the last row, emptied; NULL when there is none. */
static ft_cell *last_cell(ft_table *table, size_t column)
{
    if (table->failed || table->n_rows == 0 || column >= table->n_columns) return NULL;
    ft_cell *cell = &table->cells[(table->n_rows - 1) * table->n_columns + column];
    free(cell->text);
    *cell = (ft_cell){0};
    return cell;
}

void ft_table_set_number(ft_table *table, size_t column, double value)
{
    ft_cell *cell = last_cell(table, column);
    if (cell && isfinite(value)) *cell = (ft_cell){.kind = FT_CELL_NUMBER, .number = value};
}

void ft_table_set_text(ft_table *table, size_t column, const char *text)
{
    ft_cell *cell = last_cell(table, column);
    if (!cell || !text) return;
    char *copy = ft_copy_string(text);
    if (copy)
        *cell = (ft_cell){.kind = FT_CELL_TEXT, .text = copy};
    else
        table->failed = true;
}

void ft_table_set_flag(ft_table *table, size_t column, bool value)
{
    ft_cell *cell = last_cell(table, column);
    if (cell) *cell = (ft_cell){.kind = FT_CELL_FLAG, .number = value};
}

void ft_table_set_cell(ft_table *table, size_t column, const ft_cell *cell)
{
    if (cell->kind == FT_CELL_NUMBER) ft_table_set_number(table, column, cell->number);
    if (cell->kind == FT_CELL_TEXT) ft_table_set_text(table, column, cell->text);
    if (cell->kind == FT_CELL_FLAG) ft_table_set_flag(table, column, cell->number != 0);
}

void ft_table_put_number(ft_table *table, size_t row, size_t column, double value)
{
    if (table->failed || isnan(value)) return;
    table->cells[row * table->n_columns + column] = (ft_cell){FT_CELL_NUMBER, value, NULL};
}

/* A row's place in the order, with what it is compared by. */
typedef struct sort_key {
    const ft_cell *cell;
    size_t row;
    bool descending;
} sort_key;

static int rank_of(const ft_cell *cell)
{
    return cell->kind == FT_CELL_NULL ? 2 : cell->kind == FT_CELL_TEXT ? 1 : 0;
}

static int compare_keys(const void *left, const void *right)
{
    const sort_key *a = left, *b = right;
    int order = rank_of(a->cell) - rank_of(b->cell);
    if (order) return order;
    if (rank_of(a->cell) == 0)
        order = (a->cell->number > b->cell->number) - (a->cell->number < b->cell->number);
    else if (rank_of(a->cell) == 1)
        order = strcmp(a->cell->text, b->cell->text);
    if (order) return a->descending ? -order : order;
    return (a->row > b->row) - (a->row < b->row);
}

void ft_table_sort(ft_table *table, size_t column, bool descending)
{
    if (table->failed || table->n_rows < 2 || column >= table->n_columns) return;
    size_t width = table->n_columns;
    sort_key *keys = malloc(table->n_rows * sizeof *keys);
    ft_cell *sorted = malloc(table->n_rows * width * sizeof *sorted);
    if (keys && sorted) {
        for (size_t r = 0; r < table->n_rows; r++)
            keys[r] = (sort_key){&table->cells[r * width + column], r, descending};
        qsort(keys, table->n_rows, sizeof *keys, compare_keys);
        for (size_t r = 0; r < table->n_rows; r++)
            memcpy(&sorted[r * width], &table->cells[keys[r].row * width], width * sizeof *sorted);
        memcpy(table->cells, sorted, table->n_rows * width * sizeof *sorted);
    } else {
        table->failed = true;
    }
    free(keys);
    free(sorted);
}

void ft_table_keep_rows(ft_table *table, size_t count)
{
    if (table->failed || count >= table->n_rows) return;
    for (size_t i = count * table->n_columns; i < table->n_rows * table->n_columns; i++) {
        free(table->cells[i].text);
        table->cells[i] = (ft_cell){0};
    }
    table->n_rows = count;
}

void ft_table_remove_column(ft_table *table, size_t column)
{
    if (table->failed || column >= table->n_columns) return;
    size_t width = table->n_columns, to = 0;
    for (size_t i = 0; i < table->n_rows * width; i++) {
        if (i % width == column)
            free(table->cells[i].text);
        else
            table->cells[to++] = table->cells[i];
    }
    for (size_t i = to; i < table->capacity * width; i++) table->cells[i] = (ft_cell){0};
    free(table->columns[column]);
    memmove(&table->columns[column], &table->columns[column + 1],
            (width - column - 1) * sizeof *table->columns);
    table->n_columns--;
}
