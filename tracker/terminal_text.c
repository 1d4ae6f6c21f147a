/* Text and tables that fit a terminal; see terminal_text.h. */
#include "tracker/terminal_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* -- lines -- */

typedef enum breaking { AT_BLANKS, ANYWHERE } breaking;

/* A number and its sign stay together: "95 %", "2 ± 1". */
static bool may_break(const char *blank)
{
    return *blank == ' ' && blank[1] != '%' && strncmp(blank + 1, "±", strlen("±")) != 0;
}

/* The bytes of the next line of at most `width` characters: up to the last blank that
 * fits; without one the whole word, or with ANYWHERE as much of it as fits. */
static size_t next_line(const char *text, size_t width, breaking how)
{
    const size_t indent = strspn(text, " ");
    size_t at = 0, blank = 0, used = 0;
    for (; text[at] && used < width; used++) at += ft_utf8_step(text + at);
    if (!text[at]) return at;
    for (size_t i = indent + 1; i <= at; i++)
        if (may_break(text + i)) blank = i;
    if (blank) return blank;
    return how == ANYWHERE ? at : indent + strcspn(text + indent, " ");
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " ");
}

/* The indent of a line's continuation: where the text behind a label (lower-case letters,
 * then two blanks or more) begins; without a label, two more than the line's own. */
static size_t indent_of(const char *line)
{
    const size_t label = strspn(line, "abcdefghijklmnopqrstuvwxyz"), blanks = strspn(line + label, " ");
    if (label > 0 && blanks >= 2 && label + blanks <= 16) return label + blanks;
    return strspn(line, " ") + 2;
}

static void wrap_line(const char *line, size_t width, ft_text *out)
{
    size_t indent = indent_of(line), length = next_line(line, width, AT_BLANKS);
    if (indent > width / 2) indent = 2;
    ft_text_add_bytes(out, line, length);
    for (line = skip_blanks(line + length); *line; line = skip_blanks(line + length)) {
        length = next_line(line, width > indent ? width - indent : 1, AT_BLANKS);
        ft_text_addf(out, "\n%*s", (int)indent, "");
        ft_text_add_bytes(out, line, length);
    }
    ft_text_add(out, "\n");
}

void ft_wrap_lines(const char *text, size_t width, ft_text *out)
{
    while (*text) {
        const size_t length = strcspn(text, "\n");
        char *line = ft_copy_bytes(text, length);
        if (!line) {
            out->failed = true;
            return;
        }
        wrap_line(line, width, out);
        free(line);
        text += length + (text[length] == '\n');
    }
}

/* -- tables -- */

/* A cell as people see it, on one line; malloc'd, NULL when memory runs out. */
static char *show_cell(const ft_cell *cell)
{
    char room[FT_NUMBER_CHARS];
    ft_text text = FT_TEXT_EMPTY;
    if (cell->kind == FT_CELL_NUMBER)
        ft_text_add(&text, ft_short_number(cell->number, room));
    else
        ft_text_add_line(&text, ft_cell_for_people(cell, room));
    if (!text.data) ft_text_add(&text, " ");
    if (text.failed) ft_text_free(&text);
    return text.data;
}

/* A table as it is printed. */
typedef struct layout {
    const ft_table *table;
    char **cells;   /* (n_rows + 1, n_columns): the header, then rows */
    size_t *widths; /* (n_columns) */
    bool *is_text;  /* (n_columns): left-aligned */
} layout;

static void free_layout(layout *l)
{
    for (size_t i = 0; l->cells && i < (l->table->n_rows + 1) * l->table->n_columns; i++) free(l->cells[i]);
    free(l->cells);
    free(l->widths);
    free(l->is_text);
}

static bool make_layout(const ft_table *table, layout *l)
{
    const size_t n = table->n_columns;
    *l = (layout){table, calloc((table->n_rows + 1) * n + 1, sizeof *l->cells),
                  calloc(n + 1, sizeof *l->widths), calloc(n + 1, sizeof *l->is_text)};
    if (!l->cells || !l->widths || !l->is_text) return false;
    for (size_t i = 0; i < (table->n_rows + 1) * n; i++) {
        const ft_cell *cell = i < n ? NULL : &table->cells[i - n];
        const ft_cell heading = {FT_CELL_TEXT, 0, i < n ? table->columns[i] : NULL};
        l->cells[i] = show_cell(cell ? cell : &heading);
        if (!l->cells[i]) return false;
        const size_t width = ft_utf8_width(l->cells[i]);
        if (width > l->widths[i % n]) l->widths[i % n] = width;
        if (cell && cell->kind == FT_CELL_TEXT) l->is_text[i % n] = true;
    }
    return true;
}

static void add_padded(ft_text *out, const char *text, size_t bytes, size_t width, bool right, bool last)
{
    char *piece = ft_copy_bytes(text, bytes);
    const size_t used = piece ? ft_utf8_width(piece) : 0, padding = width > used ? width - used : 0;
    if (!piece) out->failed = true;
    if (right) ft_text_addf(out, "%*s", (int)padding, "");
    if (piece) ft_text_add(out, piece);
    if (!right && !last) ft_text_addf(out, "%*s", (int)padding, "");
    free(piece);
}

/* Whether the rest of a line is blank: nothing is printed of it. */
static bool is_rest_empty(const char *const *rest, const size_t *columns, size_t n, size_t from)
{
    for (size_t k = from; k < n; k++)
        if (*rest[columns[k]]) return false;
    return true;
}

/* A row in as many lines as its longest cell takes. rest: (n_columns) scratch. */
static void print_row(const layout *l, size_t row, const size_t *columns, size_t n, const char **rest,
                      ft_text *out)
{
    for (size_t k = 0; k < n; k++) rest[columns[k]] = l->cells[row * l->table->n_columns + columns[k]];
    do {
        for (size_t k = 0; k < n; k++) {
            const size_t c = columns[k], length = next_line(rest[c], l->widths[c], ANYWHERE);
            const bool last = is_rest_empty(rest, columns, n, k + 1);
            add_padded(out, rest[c], length, l->widths[c], !l->is_text[c], last);
            rest[c] = skip_blanks(rest[c] + length);
            if (last) break;
            ft_text_add(out, "  ");
        }
        ft_text_add(out, "\n");
    } while (!is_rest_empty(rest, columns, n, 0));
}

/* Prints the table in pieces, side by side as far as they fit. */
static bool print_pieces(layout *l, size_t width, ft_text *out)
{
    const size_t n = l->table->n_columns;
    size_t *columns = calloc(n + 1, sizeof *columns);
    const char **rest = calloc(n + 1, sizeof *rest);
    if (l->widths[0] > width / 2) l->widths[0] = width / 2;
    const size_t most = width > l->widths[0] + 10 ? width - l->widths[0] - 2 : 8;
    for (size_t c = 1; c < n; c++)
        if (l->widths[c] > most) l->widths[c] = most;
    for (size_t next = n > 1, first = 1; columns && rest && (first || next < n); first = 0) {
        size_t count = 1, used = l->widths[0];
        columns[0] = 0;
        for (; next < n && (count == 1 || used + 2 + l->widths[next] <= width); next++) {
            used += 2 + l->widths[next];
            columns[count++] = next;
        }
        if (!first) ft_text_add(out, "\n");
        for (size_t r = 0; r <= l->table->n_rows; r++) print_row(l, r, columns, count, rest, out);
        if (next == 0) break;
    }
    const bool ok = columns && rest;
    free(columns);
    free(rest);
    return ok;
}

ft_status ft_table_print_fitting(const ft_table *table, size_t width, ft_text *out, ft_error *err)
{
    layout l = {.table = table};
    bool ok = !table->failed && make_layout(table, &l);
    if (ok && table->n_columns) ok = print_pieces(&l, width, out);
    free_layout(&l);
    return ok && !out->failed ? FT_OK : ft_no_memory(err, "a table", table->n_rows * table->n_columns);
}

size_t ft_column_width(const ft_table *table, size_t column)
{
    size_t width = ft_utf8_width(table->columns[column]);
    for (size_t r = 0; r < table->n_rows; r++) {
        char room[FT_NUMBER_CHARS];
        const ft_cell *cell = &table->cells[r * table->n_columns + column];
        const size_t used = ft_utf8_width(cell->kind == FT_CELL_NUMBER ? ft_short_number(cell->number, room)
                                                                       : ft_cell_for_people(cell, room));
        if (used > width) width = used;
    }
    return width;
}

/* -- ids, durations, sparklines -- */

/* The length without "_YYYYmmdd_HHMMSS" and a number behind it. */
static size_t length_without_time(const char *id)
{
    const size_t length = strlen(id);
    for (size_t at = length; at-- > 0;) {
        const char *t = id + at;
        if (*t != '_' || strspn(t + 1, "0123456789") != 8 || t[9] != '_') continue;
        const size_t clock = strspn(t + 10, "0123456789");
        const char *end = t + 10 + clock;
        if (clock == 6 && (!*end || (*end == '_' && end[1] && !end[1 + strspn(end + 1, "0123456789")])))
            return at;
    }
    return length;
}

/* How many ids begin with `length` bytes of `id`. */
static size_t count_beginning(const ft_table *table, size_t column, const char *id, size_t length)
{
    size_t n = 0;
    for (size_t r = 0; r < table->n_rows; r++) {
        const ft_cell *cell = &table->cells[r * table->n_columns + column];
        n += cell->kind == FT_CELL_TEXT && strncmp(cell->text, id, length) == 0;
    }
    return n;
}

void ft_shorten_ids(ft_table *table, size_t column)
{
    enum { MOST_ROWS = 5000 }; /* each is compared with each; long ids are right, too */
    size_t *lengths = table->n_rows <= MOST_ROWS ? calloc(table->n_rows + 1, sizeof *lengths) : NULL;
    if (!lengths) return;
    for (size_t r = 0; r < table->n_rows; r++) {
        const ft_cell *cell = &table->cells[r * table->n_columns + column];
        if (cell->kind != FT_CELL_TEXT) continue;
        lengths[r] = length_without_time(cell->text);
        if (lengths[r] == 0 || count_beginning(table, column, cell->text, lengths[r]) != 1)
            lengths[r] = strlen(cell->text);
    }
    for (size_t r = 0; r < table->n_rows; r++) {
        ft_cell *cell = &table->cells[r * table->n_columns + column];
        if (cell->kind == FT_CELL_TEXT) cell->text[lengths[r]] = '\0';
    }
    free(lengths);
}

char *ft_people_duration(double seconds, char out[FT_NUMBER_CHARS])
{
    if (!isfinite(seconds)) return strcpy(out, "-");
    if (seconds < 9.95)
        snprintf(out, FT_NUMBER_CHARS, "%.2g s", seconds);
    else if (seconds < 119.5)
        snprintf(out, FT_NUMBER_CHARS, "%.0f s", seconds);
    else if (seconds < 5370)
        snprintf(out, FT_NUMBER_CHARS, "%.0f min", seconds / 60);
    else
        snprintf(out, FT_NUMBER_CHARS, seconds < 35820 ? "%.1f h" : "%.0f h", seconds / 3600);
    return out;
}

void ft_add_sparkline(const double *values, size_t count, size_t width, ft_text *out)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    double low = INFINITY, high = -INFINITY;
    if (count > width) values += count - width, count = width;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) low = fmin(low, values[i]), high = fmax(high, values[i]);
    for (size_t i = 0; i < count; i++) {
        const double place = high > low ? (values[i] - low) / (high - low) : 0;
        ft_text_add(out, isfinite(values[i]) ? blocks[(int)(7 * place + 0.5)] : " ");
    }
}
