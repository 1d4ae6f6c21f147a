/* The cells of a CSV text; see csv_scanner.h. */
#include "host/csv_scanner.h"

#include <string.h>

static bool is_blank(char letter)
{
    return letter == ' ' || letter == '\t';
}

static bool ends_cell(const ft_csv_scanner *scanner, const char *at)
{
    return at == scanner->end || *at == ',' || *at == '\n' || *at == '\r';
}

/* How many lines end in [from, to). */
static size_t count_lines(const char *from, const char *to)
{
    size_t lines = 0;
    for (; from < to; from++)
        if (*from == '\n' || (*from == '\r' && (from + 1 == to || from[1] != '\n'))) lines++;
    return lines;
}

ft_status ft_csv_scan(ft_csv_scanner *scanner, const char *path, char *text, size_t size, ft_error *err)
{
    *scanner = (ft_csv_scanner){.path = path, .at = text, .end = text + size, .line = 1};
    const char *nul = size ? memchr(text, '\0', size) : NULL;
    if (nul)
        return ft_fail(err, FT_BAD_INPUT,
                       "%s:%zu: a NUL byte (this is no CSV text; if it is UTF-16, save it as UTF-8)", path,
                       1 + count_lines(text, nul));
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) scanner->at += 3;
    return FT_OK;
}

/* Goes over \n, \r\n or \r at `at`. */
static void take_line_end(ft_csv_scanner *scanner)
{
    if (*scanner->at == '\r' && scanner->at + 1 < scanner->end && scanner->at[1] == '\n') scanner->at++;
    scanner->at++;
    scanner->line++;
}

bool ft_csv_next_row(ft_csv_scanner *scanner)
{
    for (;;) {
        char *at = scanner->at;
        while (at < scanner->end && is_blank(*at)) at++;
        if (at == scanner->end) return false;
        if (*at != '\n' && *at != '\r') return true;
        scanner->at = at;
        take_line_end(scanner);
    }
}

/* Past the closing quote of a cell that begins at `at` with its opening one. */
static ft_status take_quoted(ft_csv_scanner *scanner, ft_csv_cell *cell, ft_error *err)
{
    char *from = scanner->at + 1, *to = from;
    cell->text = to;
    for (;;) {
        size_t left = (size_t)(scanner->end - from);
        char *quote = memchr(from, '"', left < FT_CSV_MAX_CELL_BYTES + 1 ? left : FT_CSV_MAX_CELL_BYTES + 1);
        size_t piece = quote ? (size_t)(quote - from) : left;
        if ((size_t)(to - cell->text) + piece > FT_CSV_MAX_CELL_BYTES)
            return ft_fail(err, FT_BAD_INPUT,
                           "%s:%zu: a cell of more than 1 MiB (is a closing quote missing?)", scanner->path,
                           cell->line);
        if (!quote)
            return ft_fail(err, FT_BAD_INPUT, "%s:%zu: a quoted cell without its closing quote",
                           scanner->path, cell->line);
        memmove(to, from, piece);
        to += piece;
        from = quote + 1;
        if (from == scanner->end || *from != '"') break;
        *to++ = '"';
        from++;
    }
    cell->length = (size_t)(to - cell->text);
    scanner->line += count_lines(cell->text, to);
    while (from < scanner->end && is_blank(*from)) from++;
    scanner->at = from;
    if (!ends_cell(scanner, from))
        return ft_fail(err, FT_BAD_INPUT,
                       "%s:%zu: text after a closing quote (a quote inside a cell is written twice)",
                       scanner->path, scanner->line);
    return FT_OK;
}

ft_status ft_csv_next_cell(ft_csv_scanner *scanner, ft_csv_cell *cell, ft_error *err)
{
    while (scanner->at < scanner->end && is_blank(*scanner->at)) scanner->at++;
    cell->line = scanner->line;
    cell->ends_row = false;
    if (scanner->at < scanner->end && *scanner->at == '"') {
        ft_status status = take_quoted(scanner, cell, err);
        if (status != FT_OK) return status;
    } else {
        char *at = scanner->at;
        while (!ends_cell(scanner, at)) at++;
        cell->text = scanner->at;
        cell->length = (size_t)(at - scanner->at);
        scanner->at = at;
        if (cell->length > FT_CSV_MAX_CELL_BYTES)
            return ft_fail(err, FT_BAD_INPUT, "%s:%zu: a cell of more than 1 MiB", scanner->path, cell->line);
        while (cell->length && is_blank(cell->text[cell->length - 1])) cell->length--;
    }
    if (scanner->at == scanner->end) {
        cell->ends_row = true;
    } else if (*scanner->at == ',') {
        scanner->at++;
    } else {
        cell->ends_row = true;
        take_line_end(scanner);
    }
    return FT_OK;
}
