/* Tables as text for people, as CSV and as JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "tracker/table.h"

ft_status ft_table_format_parse(const char *name, ft_table_format *format, ft_error *err)
{
    static const char *const names[] = {"table", "csv", "json"};
    for (int f = 0; f < 3; f++) {
        if (strcmp(name, names[f]) == 0) {
            *format = (ft_table_format)f;
            return FT_OK;
        }
    }
    return ft_fail(err, FT_BAD_INPUT, "unknown format \"%.100s\" (known: table, csv, json)", name);
}

void ft_csv_add_field(ft_text *out, const char *field)
{
    size_t length = strlen(field);
    bool blank_end = length && (strchr(" \t", field[0]) || strchr(" \t", field[length - 1]));
    if (!blank_end && !strpbrk(field, ",\"\r\n")) {
        ft_text_add(out, field);
        return;
    }
    ft_text_add(out, "\"");
    for (const char *rest = field; *rest;) {
        size_t plain = strcspn(rest, "\"");
        ft_text_add_bytes(out, rest, plain);
        rest += plain;
        if (*rest) {
            ft_text_add(out, "\"\"");
            rest++;
        }
    }
    ft_text_add(out, "\"");
}

void ft_csv_add_number(ft_text *out, double value)
{
    char number[FT_NUMBER_CHARS];
    ft_text_add(out, ",");
    if (isfinite(value)) ft_text_add(out, ft_format_double(value, number));
}

/* Whole numbers below `most` in full (4096), others to some digits; the shorter text
 * where that says the same. */
static char *print_number(double value, int digits, double most, char out[FT_NUMBER_CHARS])
{
    if (!isfinite(value)) return strcpy(out, "-");
    if (value == 0) return strcpy(out, "0"); /* -0 as well */
    if (value == floor(value) && fabs(value) < most) return ft_format_double(value, out);
    snprintf(out, FT_NUMBER_CHARS, "%.*g", digits, value);
    double rounded = strtod(out, NULL);
    return rounded == value ? ft_format_double(value, out) : out;
}

char *ft_people_number(double value, char out[FT_NUMBER_CHARS])
{
    return print_number(value, 6, 1e15, out);
}

char *ft_short_number(double value, char out[FT_NUMBER_CHARS])
{
    if (fabs(value) >= 1e4 && fabs(value) < 1e6) value = round(value); /* no 1.447e+04 */
    return print_number(value, 4, 1e6, out);
}

static const char *flag_name(const ft_cell *cell)
{
    return cell->number != 0 ? "true" : "false";
}

/* Whether a spreadsheet would compute the text. */
static bool is_formula(const char *text)
{
    double number;
    return *text && strchr("=+-@\t\r", *text) && !ft_parse_double(text, strlen(text), &number);
}

static void add_text_cell(ft_text *out, const char *text, bool spreadsheet)
{
    ft_text guarded = FT_TEXT_EMPTY;
    if (!spreadsheet || !is_formula(text)) {
        ft_csv_add_field(out, text);
        return;
    }
    ft_text_addf(&guarded, "'%s", text);
    if (guarded.failed)
        out->failed = true;
    else
        ft_csv_add_field(out, guarded.data);
    ft_text_free(&guarded);
}

static void print_csv(const ft_table *table, bool spreadsheet, ft_text *out)
{
    for (size_t c = 0; c < table->n_columns; c++) {
        if (c) ft_text_add(out, ",");
        add_text_cell(out, table->columns[c], spreadsheet);
    }
    ft_text_add(out, "\n");
    for (size_t i = 0; i < table->n_rows * table->n_columns; i++) {
        const ft_cell *cell = &table->cells[i];
        char number[FT_NUMBER_CHARS];
        if (i % table->n_columns) ft_text_add(out, ",");
        if (cell->kind == FT_CELL_NUMBER) ft_text_add(out, ft_format_double(cell->number, number));
        if (cell->kind == FT_CELL_FLAG) ft_text_add(out, flag_name(cell));
        if (cell->kind == FT_CELL_TEXT) add_text_cell(out, cell->text, spreadsheet);
        if (i % table->n_columns == table->n_columns - 1) ft_text_add(out, "\n");
    }
}

/* JSON text with its quotes; false when memory runs out. */
static bool add_json_string(ft_text *out, const char *text)
{
    cJSON *item = cJSON_CreateString(text);
    char *printed = item ? ft_json_print_line(item) : NULL;
    if (printed) ft_text_add(out, printed);
    free(printed);
    cJSON_Delete(item);
    return printed != NULL;
}

/* A row as an object. */
static bool print_object(const ft_table *table, size_t row, ft_text *out)
{
    bool ok = true;
    ft_text_add(out, "{");
    for (size_t c = 0; c < table->n_columns && ok; c++) {
        const ft_cell *cell = &table->cells[row * table->n_columns + c];
        char number[FT_NUMBER_CHARS];
        if (c) ft_text_add(out, ", ");
        ok = add_json_string(out, table->columns[c]);
        ft_text_add(out, ": ");
        if (cell->kind == FT_CELL_NULL) ft_text_add(out, "null");
        if (cell->kind == FT_CELL_NUMBER) ft_text_add(out, ft_format_double(cell->number, number));
        if (cell->kind == FT_CELL_FLAG) ft_text_add(out, flag_name(cell));
        if (cell->kind == FT_CELL_TEXT) ok = ok && add_json_string(out, cell->text);
    }
    ft_text_add(out, "}");
    return ok;
}

static bool print_json(const ft_table *table, ft_text *out)
{
    bool ok = true;
    ft_text_add(out, "[");
    for (size_t r = 0; r < table->n_rows && ok; r++) {
        ft_text_add(out, r ? ",\n  " : "\n  ");
        ok = print_object(table, r, out);
    }
    ft_text_add(out, table->n_rows ? "\n]\n" : "]\n");
    return ok;
}

static bool print_json_lines(const ft_table *table, ft_text *out)
{
    bool ok = true;
    for (size_t r = 0; r < table->n_rows && ok; r++) {
        ok = print_object(table, r, out);
        ft_text_add(out, "\n");
    }
    return ok;
}

const char *ft_cell_for_people(const ft_cell *cell, char room[FT_NUMBER_CHARS])
{
    if (cell->kind == FT_CELL_TEXT) return cell->text;
    if (cell->kind == FT_CELL_FLAG) return flag_name(cell);
    if (cell->kind == FT_CELL_NULL) return "-";
    return ft_people_number(cell->number, room);
}

void ft_text_add_line(ft_text *out, const char *text)
{
    size_t before = out->length;
    ft_text_add(out, text);
    if (out->failed || out->length == before) return;
    ft_keep_line(out->data + before);
    out->length = before + strlen(out->data + before);
}

static void add_padded(ft_text *out, const char *text, size_t width, bool right, bool last)
{
    size_t used = ft_utf8_width(text), padding = width > used ? width - used : 0;
    if (right) ft_text_addf(out, "%*s", (int)padding, "");
    ft_text_add_line(out, text);
    if (!right && !last) ft_text_addf(out, "%*s", (int)padding, "");
    ft_text_add(out, last ? "\n" : "  ");
}

/* Right-aligned are columns without text. */
static bool print_people(const ft_table *table, ft_text *out)
{
    size_t n = table->n_columns;
    size_t *widths = calloc(n + 1, sizeof *widths);
    bool *left = calloc(n + 1, sizeof *left);
    if (widths && left) {
        char room[FT_NUMBER_CHARS];
        for (size_t c = 0; c < n; c++) widths[c] = ft_utf8_width(table->columns[c]);
        for (size_t i = 0; i < table->n_rows * n; i++) {
            size_t width = ft_utf8_width(ft_cell_for_people(&table->cells[i], room));
            if (width > widths[i % n]) widths[i % n] = width;
            if (table->cells[i].kind == FT_CELL_TEXT) left[i % n] = true;
        }
        for (size_t c = 0; c < n; c++) add_padded(out, table->columns[c], widths[c], !left[c], c == n - 1);
        for (size_t i = 0; i < table->n_rows * n; i++)
            add_padded(out, ft_cell_for_people(&table->cells[i], room), widths[i % n], !left[i % n],
                       i % n == n - 1);
    }
    bool ok = widths && left;
    free(widths);
    free(left);
    return ok;
}

ft_status ft_table_print(const ft_table *table, ft_table_format format, ft_text *out, ft_error *err)
{
    bool ok = !table->failed;
    if (ok && format == FT_TABLE_CSV) print_csv(table, false, out);
    if (ok && format == FT_TABLE_SPREADSHEET) print_csv(table, true, out);
    if (ok && format == FT_TABLE_JSON) ok = print_json(table, out);
    if (ok && format == FT_TABLE_JSON_LINES) ok = print_json_lines(table, out);
    if (ok && format == FT_TABLE_TEXT) ok = print_people(table, out);
    if (ok && !out->failed) return FT_OK;
    return ft_no_memory(err, "a table", table->n_rows * table->n_columns * sizeof(ft_cell));
}
