/* The cells of a CSV text; see csv_scanner.h. */
#include "host/data/csv_scanner.h"

#include <stdint.h>
#include <string.h>

/* The bytes of the blank that begins at `at`: 1 of a blank or a tab, 2 or 3 of a no-break
 * space (U+00A0, U+202F) in UTF-8; 0: there is none. */
static size_t blank_at(const char *at, const char *end, char separator)
{
    if (at == end) return 0;
    if (*at == ' ' || *at == '\t') return *at != separator;
    if (end - at >= 2 && memcmp(at, "\xC2\xA0", 2) == 0) return 2;
    return end - at >= 3 && memcmp(at, "\xE2\x80\xAF", 3) == 0 ? 3 : 0;
}

/* What a cell mostly begins and ends with. */
static bool is_plain(char letter)
{
    return (unsigned char)letter > ' ' && (unsigned char)letter < 0x80;
}

static const char *past_blanks(const char *at, const char *end, char separator)
{
    size_t bytes;
    if (at < end && is_plain(*at)) return at;
    while ((bytes = blank_at(at, end, separator))) at += bytes;
    return at;
}

/* `end` without the blanks before it. */
static const char *before_blanks(const char *start, const char *end, char separator)
{
    if (end > start && is_plain(end[-1])) return end;
    for (;;) {
        size_t length = (size_t)(end - start);
        if (length >= 1 && blank_at(end - 1, end, separator) == 1)
            end -= 1;
        else if (length >= 2 && blank_at(end - 2, end, separator) == 2)
            end -= 2;
        else if (length >= 3 && blank_at(end - 3, end, separator) == 3)
            end -= 3;
        else
            return end;
    }
}

static bool ends_cell(const ft_csv_scanner *scanner, const char *at)
{
    return at == scanner->end || *at == scanner->separator || *at == '\n' || *at == '\r';
}

size_t ft_csv_count_lines(const char *from, const char *to)
{
    enum { BLOCK = 128 }; /* sums of bytes, which compilers make vectors of */
    size_t lines = 0;
    while (from < to) {
        const size_t count = to - from < BLOCK ? (size_t)(to - from) : BLOCK;
        uint8_t in_block = 0;
        for (size_t i = 0; i < count; i++)
            in_block =
                (uint8_t)(in_block + ((from[i] == '\n') | ((from[i] == '\r') & (from[i + 1] != '\n'))));
        lines += in_block;
        from += count;
    }
    return lines;
}

ft_csv_scanner ft_csv_scan(const char *path, const char *text, size_t size)
{
    const bool has_mark = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0;
    return (ft_csv_scanner){
        .path = path, .at = text + (has_mark ? 3 : 0), .end = text + size, .line = 1, .separator = ','};
}

ft_csv_scanner ft_csv_scanner_copy(const ft_csv_scanner *scanner)
{
    ft_csv_scanner copy = *scanner;
    copy.unquoted = FT_TEXT_EMPTY;
    return copy;
}

void ft_csv_scanner_free(ft_csv_scanner *scanner)
{
    ft_text_free(&scanner->unquoted);
}

/* Where a line ends in which nothing stands; NULL: something does. */
static const char *past_empty_line(const ft_csv_scanner *scanner)
{
    const char *at = scanner->at, *end = scanner->end;
    for (;;) {
        at = past_blanks(at, end, scanner->separator);
        if (at == end || *at == '\n' || *at == '\r') return at;
        if (*at == scanner->separator)
            at++;
        else if (*at == '"' && end - at >= 2 && at[1] == '"' && (end - at == 2 || at[2] != '"'))
            at += 2;
        else
            return NULL;
    }
}

bool ft_csv_next_row(ft_csv_scanner *scanner)
{
    while (scanner->at < scanner->end) {
        if (*scanner->at >= '0' && *scanner->at <= '9') return true; /* mostly a date */
        const char *line_end = past_empty_line(scanner);
        if (!line_end) return true;
        scanner->at = line_end;
        if (line_end < scanner->end) ft_csv_end_line(scanner);
    }
    return false;
}

/* A quoted cell with doubled quotes, [from, to), into scanner->unquoted. */
static ft_status take_doubled(ft_csv_scanner *scanner, const char *from, const char *to, ft_csv_cell *cell,
                              ft_error *err)
{
    ft_text *text = &scanner->unquoted;
    text->length = 0;
    while (from < to) {
        const char *quote = memchr(from, '"', (size_t)(to - from));
        const char *until = quote ? quote + 1 : to; /* one of the two quotes stays */
        ft_text_add_bytes(text, from, (size_t)(until - from));
        from = quote ? quote + 2 : to;
    }
    if (text->failed) return ft_no_memory(err, scanner->path, cell->length);
    cell->text = text->data;
    cell->length = text->length;
    return FT_OK;
}

/* Past the closing quote of a cell that begins at `at` with its opening one. */
static ft_status take_quoted(ft_csv_scanner *scanner, ft_csv_cell *cell, ft_error *err)
{
    const char *start = scanner->at + 1, *from = start;
    size_t doubled = 0;
    cell->quoted = true;
    for (;;) {
        size_t left = (size_t)(scanner->end - from);
        const char *quote =
            memchr(from, '"', left < FT_CSV_MAX_CELL_BYTES + 1 ? left : FT_CSV_MAX_CELL_BYTES + 1);
        const char *until = quote ? quote : from + left;
        if ((size_t)(until - start) - doubled > FT_CSV_MAX_CELL_BYTES)
            return ft_fail(err, FT_BAD_INPUT,
                           "%s:%zu: a cell of more than 1 MiB (is a closing quote missing?)", scanner->path,
                           cell->line);
        if (!quote)
            return ft_fail(err, FT_BAD_INPUT, "%s:%zu: a quoted cell without its closing quote",
                           scanner->path, cell->line);
        from = quote + 1;
        if (from == scanner->end || *from != '"') break;
        doubled++;
        from++;
    }
    const char *to = from - 1;
    cell->text = start;
    cell->length = (size_t)(to - start);
    scanner->line += ft_csv_count_lines(start, to);
    scanner->at = past_blanks(from, scanner->end, scanner->separator);
    if (!ends_cell(scanner, scanner->at))
        return ft_fail(err, FT_BAD_INPUT,
                       "%s:%zu: text after a closing quote (a quote inside a cell is written twice)",
                       scanner->path, scanner->line);
    return doubled ? take_doubled(scanner, start, to, cell, err) : FT_OK;
}

ft_status ft_csv_next_cell(ft_csv_scanner *scanner, ft_csv_cell *cell, ft_error *err)
{
    const char *end = scanner->end;
    scanner->at = past_blanks(scanner->at, end, scanner->separator);
    cell->line = scanner->line;
    cell->ends_row = cell->quoted = false;
    if (scanner->at < end && *scanner->at == '"') {
        ft_status status = take_quoted(scanner, cell, err);
        if (status != FT_OK) return status;
    } else {
        const char *at = scanner->at;
        const char separator = scanner->separator;
        while (at < end && *at != separator && *at != '\n' && *at != '\r') at++;
        cell->text = scanner->at;
        if ((size_t)(at - scanner->at) > FT_CSV_MAX_CELL_BYTES)
            return ft_fail(err, FT_BAD_INPUT, "%s:%zu: a cell of more than 1 MiB", scanner->path, cell->line);
        cell->length = (size_t)(before_blanks(scanner->at, at, separator) - scanner->at);
        scanner->at = at;
    }
    cell->ends_row = ft_csv_end_cell(scanner);
    return FT_OK;
}
