/* How a CSV file is laid out; see csv_layout.h. */
#include "host/data/csv_layout.h"

#include <string.h>
#include <strings.h>

#include "host/data/csv_hints.h"
#include "host/data/date_formats.h"

static const char separators[] = ",;\t|";
enum { N_SEPARATORS = 4 };

/* How often each separator stands in a line, outside of quotes. */
typedef struct line_counts {
    size_t of[N_SEPARATORS];
    bool has_text;
} line_counts;

/* Counts the line at *at, which moves to the next one; false at the end of the text. */
static bool count_line(const char **at, const char *end, size_t *line, line_counts *counts)
{
    *counts = (line_counts){0};
    if (*at == end) return false;
    bool quoted = false;
    for (; *at < end && (quoted || (**at != '\n' && **at != '\r')); ++*at) {
        const char *found = memchr(separators, **at, N_SEPARATORS);
        if (**at == '"')
            quoted = !quoted;
        else if (found && !quoted)
            counts->of[found - separators]++;
        else if (**at != ' ')
            counts->has_text = true;
        if (**at == '\n') ++*line; /* in a quoted cell */
    }
    if (*at < end && **at == '\r' && *at + 1 < end && (*at)[1] == '\n') ++*at;
    if (*at < end) ++*at;
    ++*line;
    return true;
}

/* The next line with text; *line is its number. */
static bool next_text(const char **at, const char *end, size_t *line, size_t *next, line_counts *counts)
{
    do {
        *line = *next;
        if (!count_line(at, end, next, counts)) return false;
    } while (!counts->has_text);
    return true;
}

/* Goes over a line "sep=;", which Excel understands and writes. */
static void take_sep_line(ft_csv_scanner *scanner, char *separator)
{
    const char *at = scanner->at, *end = scanner->end;
    const bool quoted = at < end && *at == '"';
    if (quoted) at++;
    if (end - at < 5 || strncasecmp(at, "sep=", 4) != 0 || at[4] == '\n' || at[4] == '\r') return;
    const char found = at[4];
    at += 5;
    if (quoted && at < end && *at == '"') at++;
    if (at < end && *at != '\n' && *at != '\r') return;
    *separator = found;
    if (at < end && *at == '\r' && at + 1 < end && at[1] == '\n') at++;
    scanner->at = at < end ? at + 1 : at;
    scanner->line++;
}

/* The header is one cell: FT_BAD_INPUT where a line below it begins a table. */
static ft_status check_title(const ft_csv_scanner *scanner, const char *at, size_t next, size_t title,
                             ft_error *err)
{
    enum { LINES = 30 };
    line_counts counts, after;
    size_t line = next;
    bool more = next_text(&at, scanner->end, &line, &next, &counts);
    for (int i = 0; i < LINES && more; i++) {
        size_t table = line;
        more = next_text(&at, scanner->end, &line, &next, &after);
        for (int s = 0; s < N_SEPARATORS && more; s++) {
            if (counts.of[s] == 0 || counts.of[s] != after.of[s]) continue;
            if (table - title == 1)
                return ft_fail(err, FT_BAD_INPUT,
                               "%s:%zu: one cell, where line %zu has %zu: a title or a comment above the "
                               "header? (delete line %zu)",
                               scanner->path, title, table, counts.of[s] + 1, title);
            return ft_fail(err, FT_BAD_INPUT,
                           "%s:%zu: one cell, where line %zu has %zu: titles or comments above the header? "
                           "(delete lines %zu to %zu)",
                           scanner->path, title, table, counts.of[s] + 1, title, table - 1);
        }
        counts = after;
    }
    return FT_OK;
}

/* Whether the next line begins with a date where this separates its cells. */
static bool begins_with_date(const ft_csv_scanner *scanner, const char *at, char separator)
{
    ft_csv_scanner ahead = ft_csv_scanner_copy(scanner);
    ft_csv_cell cell;
    ft_error ignored;
    ahead.at = at;
    ahead.separator = separator;
    const bool found = ft_csv_next_row(&ahead) && ft_csv_next_cell(&ahead, &cell, &ignored) == FT_OK &&
                       ft_csv_is_date(cell.text, cell.length);
    ft_csv_scanner_free(&ahead);
    return found;
}

/* Of several separators in the header: the only one behind a date in the next line; else the only one of
 * which the next lines have as many; the first else. */
static int choose(const ft_csv_scanner *scanner, const line_counts *header, const char *at, size_t next)
{
    enum { LINES = 5 };
    bool same[N_SEPARATORS];
    line_counts counts;
    size_t line;
    int first = -1, n_same = 0, found = -1, n_dated = 0, dated = -1;
    for (int s = 0; s < N_SEPARATORS; s++) {
        same[s] = header->of[s] > 0;
        if (!same[s]) continue;
        if (first < 0) first = s;
        if (begins_with_date(scanner, at, separators[s])) n_dated++, dated = s;
    }
    for (int i = 0; i < LINES && next_text(&at, scanner->end, &line, &next, &counts); i++)
        for (int s = 0; s < N_SEPARATORS; s++) same[s] = same[s] && counts.of[s] == header->of[s];
    for (int s = 0; s < N_SEPARATORS; s++)
        if (same[s]) n_same++, found = s;
    return n_dated == 1 ? dated : n_same == 1 ? found : first;
}

ft_status ft_csv_find_separator(ft_csv_scanner *scanner, char given, ft_error *err)
{
    char separator = '\0';
    take_sep_line(scanner, &separator);
    if (given) separator = given;
    if (separator) {
        scanner->separator = separator;
        return FT_OK;
    }
    const char *at = scanner->at;
    size_t line, next = scanner->line;
    line_counts header;
    if (!next_text(&at, scanner->end, &line, &next, &header)) return FT_OK;
    int chosen = choose(scanner, &header, at, next);
    if (chosen < 0) return check_title(scanner, at, next, line, err);
    scanner->separator = separators[chosen];
    return FT_OK;
}

/* The cell at `place` of the next row; false where there is none. */
static bool next_cell_at(ft_csv_scanner *scanner, size_t place, ft_csv_cell *cell)
{
    ft_error ignored;
    if (!ft_csv_next_row(scanner)) return false;
    for (size_t i = 0; i <= place; i++)
        if ((i > 0 && cell->ends_row) || ft_csv_next_cell(scanner, cell, &ignored) != FT_OK) return false;
    return true;
}

/* Which of two formats reads the whole column: bit 0 the first, bit 1 the second. */
static unsigned formats_that_read(ft_csv_scanner *scanner, size_t place,
                                  char formats[2][FT_DATE_FORMAT_CHARS])
{
    unsigned both = 3, reading = both;
    ft_csv_cell cell;
    int64_t time;
    ft_error ignored;
    while (reading == both && ft_csv_next_row(scanner)) {
        cell = (ft_csv_cell){0};
        unsigned reads = both;
        for (size_t i = 0; !cell.ends_row; i++) {
            if (ft_csv_next_cell(scanner, &cell, &ignored) != FT_OK) return reading;
            if (i != place) continue;
            for (unsigned f = 0; f < 2; f++)
                if (!ft_date_format_read(formats[f], cell.text, cell.length, &time, NULL))
                    reads &= ~(1u << f);
        }
        if (reads) reading = reads; /* a cell that neither reads is told of later */
    }
    return reading;
}

void ft_csv_find_date_format(const ft_csv_scanner *scanner, size_t place, const char *like,
                             char format[FT_DATE_FORMAT_CHARS], char other[FT_DATE_FORMAT_CHARS],
                             bool *decided)
{
    char formats[2][FT_DATE_FORMAT_CHARS];
    int64_t time;
    ft_csv_cell cell;
    ft_csv_scanner ahead = ft_csv_scanner_copy(scanner);
    *format = *other = '\0';
    *decided = true;
    bool any = next_cell_at(&ahead, place, &cell);
    if (any && !ft_timestamp_parse(cell.text, cell.length, &time, NULL)) {
        ft_date_meaning meaning = ft_date_format_find(cell.text, cell.length, formats);
        unsigned reading = 1;
        if (meaning == FT_DATE_DAY_OR_MONTH) {
            ft_csv_scanner_free(&ahead);
            ahead = ft_csv_scanner_copy(scanner);
            reading = formats_that_read(&ahead, place, formats);
            if (reading == 3 && strcmp(like, formats[1]) == 0) reading = 2;
            if (reading == 3 && strcmp(like, formats[0]) != 0) *decided = false;
            if (!*decided) strcpy(other, formats[1]);
        }
        if (meaning == FT_DATE_ONE || meaning == FT_DATE_DAY_OR_MONTH) strcpy(format, formats[reading == 2]);
    }
    ft_csv_scanner_free(&ahead);
}

static bool has_byte(const ft_csv_scanner *scanner, char byte)
{
    return memchr(scanner->at, byte, (size_t)(scanner->end - scanner->at)) != NULL;
}

ft_number_custom ft_csv_number_custom(const ft_csv_scanner *scanner, const char *date_format)
{
    if (scanner->separator == ';' || strstr(date_format, "%d.%m.") || strstr(date_format, "%m.%Y"))
        return FT_NUMBERS_CONTINENTAL;
    return scanner->separator == ',' ? FT_NUMBERS_COMMA_SEPARATED : FT_NUMBERS_ANY;
}

void ft_csv_look_at_numbers(const ft_csv_scanner *scanner, ft_csv_settings *settings, ft_number_custom custom,
                            size_t width, ft_number_evidence *evidence)
{
    const bool looks = has_byte(scanner, scanner->separator == ',' ? '"' : ',') ||
                       (custom == FT_NUMBERS_CONTINENTAL && has_byte(scanner, '.')) ||
                       has_byte(scanner, '\'') || has_byte(scanner, '\xC2') || has_byte(scanner, '\xE2');
    if (!looks) return;
    ft_csv_scanner ahead = ft_csv_scanner_copy(scanner);
    ft_status status = FT_OK;
    ft_error ignored;
    while (status == FT_OK && ft_csv_next_row(&ahead)) {
        ft_csv_cell cell = {0};
        for (size_t i = 0; status == FT_OK && !cell.ends_row; i++) {
            status = ft_csv_next_cell(&ahead, &cell, &ignored);
            if (status == FT_OK && i < width && !ft_number_look(&evidence[i], cell.text, cell.length) &&
                !evidence[i].text)
                evidence[i].text = !ft_csv_is_missing(settings, &cell);
        }
    }
    ft_csv_scanner_free(&ahead);
}
