/* CSV files of an experiment's directory; see raw_cells.h. */
#include "tracker/raw_cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"

static const size_t MOST_BYTES = (size_t)1 << 30;

bool ft_raw_cell_is_same(ft_raw_cell a, ft_raw_cell b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

char *ft_raw_cell_copy(ft_raw_cell cell)
{
    const bool quoted = cell.length >= 2 && cell.text[0] == '"';
    char *copy =
        quoted ? ft_copy_bytes(cell.text + 1, cell.length - 2) : ft_copy_bytes(cell.text, cell.length);
    size_t length = 0;
    for (const char *at = copy; copy && quoted && *at; at++) {
        copy[length++] = *at;
        if (at[0] == '"' && at[1] == '"') at++;
    }
    if (copy && quoted) copy[length] = '\0';
    return copy;
}

const char *ft_raw_line_end(const char *at, const char *end, size_t *n_lines)
{
    const char *stop = NULL;
    bool quoted = false;
    *n_lines = 0;
    while (at < end && (stop = memchr(at, '\n', (size_t)(end - at)))) {
        ++*n_lines;
        for (const char *q = at; (q = memchr(q, '"', (size_t)(stop - q))); q++) quoted = !quoted;
        if (!quoted) return stop;
        at = stop + 1;
    }
    return NULL;
}

bool ft_raw_cells_cut(const char *line, const char *end, size_t count, ft_raw_cell *cells)
{
    for (size_t i = 0; i < count; i++) {
        bool quoted = false;
        const char *at = line;
        while (at < end && (quoted || *at != ',')) quoted ^= *at++ == '"';
        cells[i] = (ft_raw_cell){line, (size_t)(at - line)};
        if (i + 1 == count) return at == end;
        if (at == end) return false;
        line = at + 1;
    }
    return false;
}

bool ft_raw_cell_number(ft_raw_cell c, double *value)
{
    *value = NAN;
    return c.length == 0 || ft_parse_double(c.text, c.length, value);
}

uint32_t ft_raw_cell_checksum(uint32_t before, ft_raw_cell cell)
{
    return ft_checksum(ft_checksum(before, cell.text, cell.length), ",", 1);
}

/* How many columns a header line has: all of the file's, or the first n_least or more; 0:
 * it is another header. */
static size_t count_columns(const ft_raw_file *file, const char *line, const char *end)
{
    const size_t length = (size_t)(end - line);
    size_t n = 1;
    if (length >= strlen(file->header) || strncmp(line, file->header, length) != 0) return 0;
    if (!strchr(",\n", file->header[length])) return 0;
    for (const char *at = line; at < end; at++) n += *at == ',';
    return n >= file->n_least ? n : 0;
}

static ft_status read_lines(const char *path, const ft_raw_file *file, const char *text, size_t size,
                            ft_raw_line_visit *visit, void *context, ft_error *err)
{
    const char *at = text, *end;
    size_t n_columns = 0, n_lines;
    ft_status status = FT_OK;
    for (size_t line = 1; status == FT_OK && at < text + size; line += n_lines, at = end + 1) {
        ft_raw_cell cells[FT_MOST_RAW_CELLS] = {{"", 0}};
        bool is_line = (end = ft_raw_line_end(at, text + size, &n_lines)) != NULL;
        for (size_t i = n_columns; i < file->n_cells; i++) cells[i] = (ft_raw_cell){"", 0};
        if (is_line && line == 1)
            is_line = (n_columns = count_columns(file, at, end)) > 0;
        else if (is_line)
            is_line = ft_raw_cells_cut(at, end, n_columns, cells) && visit(context, cells, &status, err);
        if (!is_line)
            return ft_fail(err, FT_BAD_INPUT, "%s:%zu: this is no line of a %s", path, line, file->name);
    }
    return status;
}

ft_status ft_raw_file_read(const char *directory, const ft_raw_file *file, ft_raw_line_visit *visit,
                           void *context, ft_error *err)
{
    char *path = ft_join_path(directory, file->name), *text = NULL;
    size_t size = 0;
    ft_status status = path ? ft_read_file(path, MOST_BYTES, &text, &size, err)
                            : ft_no_memory(err, "a path", strlen(directory));
    if (status == FT_OK) status = read_lines(path, file, text, size, visit, context, err);
    free(text);
    free(path);
    return status;
}

ft_status ft_raw_file_exists(const char *directory, const ft_raw_file *file, bool *exists, ft_error *err)
{
    char *path = ft_join_path(directory, file->name);
    ft_status status =
        path ? ft_path_exists(path, exists, err) : ft_no_memory(err, "a path", strlen(directory));
    free(path);
    return status;
}

ft_status ft_raw_file_write(const char *directory, const ft_raw_file *file, const ft_text *lines,
                            ft_error *err)
{
    ft_text whole = FT_TEXT_EMPTY;
    char *path = ft_join_path(directory, file->name);
    ft_text_add(&whole, file->header);
    if (lines->length) ft_text_add(&whole, lines->data);
    ft_status status = !path || whole.failed || lines->failed
                           ? ft_no_memory(err, file->name, lines->length)
                           : ft_write_file(path, whole.data, whole.length, err);
    ft_text_free(&whole);
    free(path);
    return status;
}
