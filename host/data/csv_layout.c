/* How a CSV file is laid out; see csv_layout.h. */
#include "host/data/csv_layout.h"

#include <string.h>
#include <strings.h>

#include "host/data/csv_hints.h"
#include "host/data/csv_survey.h"
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

/* Of several separators in the header: the only one behind a date in the next line; else
 * the only one of which the next lines have as many; the first else. */
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

/* Looks at a cell; false where no more are to be shown. */
typedef bool cell_look(void *context, const ft_csv_cell *cell);

/* Shows the cells at `place` of all rows, until one is enough or a row cannot be read. */
static void look_at_column(const ft_csv_scanner *scanner, size_t place, cell_look *look, void *context)
{
    ft_csv_scanner ahead = ft_csv_scanner_copy(scanner);
    bool goes_on = true;
    ft_error ignored;
    while (goes_on && ft_csv_next_row(&ahead)) {
        ft_csv_cell cell = {0};
        for (size_t i = 0; goes_on && !cell.ends_row; i++) {
            goes_on = ft_csv_next_cell(&ahead, &cell, &ignored) == FT_OK;
            if (goes_on && i == place) goes_on = look(context, &cell);
        }
    }
    ft_csv_scanner_free(&ahead);
}

/* What the first cell of the date column shows. */
typedef struct first_date {
    bool is_iso;      /* ft_timestamp_parse reads it */
    bool may_be_year; /* "2019" or "2019.25" */
    ft_date_meaning meaning;
    char formats[2][FT_DATE_FORMAT_CHARS]; /* ft_date_format_find's */
} first_date;

static bool may_be_year(const ft_csv_cell *cell)
{
    for (size_t i = 0; i < cell->length; i++)
        if (i == 4 ? cell->text[i] != '.' : cell->text[i] < '0' || cell->text[i] > '9') return false;
    return cell->length == 4 || cell->length > 5;
}

static bool look_at_first(void *context, const ft_csv_cell *cell)
{
    first_date *first = context;
    int64_t time;
    first->is_iso = ft_timestamp_parse(cell->text, cell->length, &time, NULL);
    first->may_be_year = may_be_year(cell);
    if (!first->is_iso) first->meaning = ft_date_format_find(cell->text, cell->length, first->formats);
    return false;
}

/* Which of two formats read all cells. */
typedef struct contest {
    const char *formats[2];
    bool reads[2];
    bool has_point; /* a cell has one after four digits */
} contest;

/* A cell that neither reads is told of later. */
static bool try_formats(void *context, const ft_csv_cell *cell)
{
    contest *c = context;
    bool reads[2];
    int64_t time;
    for (int i = 0; i < 2; i++)
        reads[i] = ft_date_format_read(c->formats[i], cell->text, cell->length, &time, NULL);
    if (reads[0] || reads[1]) memcpy(c->reads, reads, sizeof reads);
    return c->reads[0] && c->reads[1];
}

/* Months have two digits, and years with a fraction none or any number. */
static bool try_years(void *context, const ft_csv_cell *cell)
{
    contest *c = context;
    int64_t time;
    c->has_point |= cell->length > 4 && cell->text[4] == '.';
    c->reads[0] &= ft_date_format_read(c->formats[0], cell->text, cell->length, &time, NULL);
    c->reads[1] &= cell->length == 7 && ft_date_format_read(c->formats[1], cell->text, 7, &time, NULL);
    return c->reads[0] || c->reads[1];
}

void ft_csv_find_date_format(const ft_csv_scanner *scanner, size_t place, const char *like,
                             char format[FT_DATE_FORMAT_CHARS], char other[FT_DATE_FORMAT_CHARS],
                             bool *decided)
{
    first_date first = {.meaning = FT_DATE_NONE};
    *format = *other = '\0';
    *decided = true;
    look_at_column(scanner, place, look_at_first, &first);
    contest c = {.formats = {first.formats[0], first.formats[1]}, .reads = {true, true}};
    if (first.may_be_year) {
        c.formats[0] = "%J", c.formats[1] = "%Y.%m";
        look_at_column(scanner, place, try_years, &c);
        if (!c.has_point || (!c.reads[0] && !c.reads[1])) return;
    } else if (first.meaning == FT_DATE_DAY_OR_MONTH) {
        look_at_column(scanner, place, try_formats, &c);
    } else {
        if (!first.is_iso && first.meaning == FT_DATE_ONE) strcpy(format, first.formats[0]);
        return;
    }
    int chosen = c.reads[0] ? 0 : 1;
    if (c.reads[0] && c.reads[1]) {
        if (strcmp(like, c.formats[1]) == 0) chosen = 1;
        *decided = chosen == 1 || strcmp(like, c.formats[0]) == 0;
        if (!*decided) strcpy(other, c.formats[1]);
    }
    strcpy(format, c.formats[chosen]);
}

ft_number_custom ft_csv_number_custom(const ft_csv_scanner *scanner, const char *date_format)
{
    if (scanner->separator == ';' || strstr(date_format, "%d.%m.") || strstr(date_format, "%m.%Y"))
        return FT_NUMBERS_CONTINENTAL;
    return scanner->separator == ',' ? FT_NUMBERS_COMMA_SEPARATED : FT_NUMBERS_ANY;
}

bool ft_csv_must_look_at_numbers(char separator, unsigned bytes, ft_number_custom custom)
{
    const unsigned looked_for = FT_CSV_APOSTROPHE | FT_CSV_WIDE |
                                (separator == ',' ? FT_CSV_QUOTE : FT_CSV_COMMA) |
                                (custom == FT_NUMBERS_CONTINENTAL ? FT_CSV_POINT : 0);
    return (bytes & looked_for) != 0;
}

size_t ft_csv_look_at_numbers(const ft_csv_scanner *scanner, const char *until, ft_csv_settings *settings,
                              size_t width, ft_number_evidence *evidence)
{
    ft_csv_scanner ahead = ft_csv_scanner_copy(scanner);
    ft_status status = FT_OK;
    ft_error ignored;
    size_t line = SIZE_MAX;
    for (bool first = true; status == FT_OK && ft_csv_next_row(&ahead); first = false) {
        if (!first && ahead.at >= until) {
            line = ahead.line;
            break;
        }
        ft_csv_cell cell = {0};
        for (size_t i = 0; status == FT_OK && !cell.ends_row; i++) {
            status = ft_csv_next_cell(&ahead, &cell, &ignored);
            if (status == FT_OK && i < width && !ft_number_look(&evidence[i], cell.text, cell.length) &&
                !evidence[i].text)
                evidence[i].text = !ft_csv_is_missing(settings, &cell);
        }
    }
    ft_csv_scanner_free(&ahead);
    return line;
}
