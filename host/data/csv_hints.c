/* What to do about a cell that is no date or no number; see csv_hints.h. */
#include "host/data/csv_hints.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/data/date_formats.h"

char *ft_csv_shortened(const char *text, size_t length)
{
    if (length <= 40) return ft_copy_bytes(text, length);
    size_t kept = 37;
    while (kept && ((unsigned char)text[kept] & 0xC0) == 0x80) kept--;
    ft_text copy = FT_TEXT_EMPTY;
    ft_text_add_bytes(&copy, text, kept);
    ft_text_add(&copy, "...");
    if (copy.failed) ft_text_free(&copy);
    return copy.data;
}

enum { ROWS_AHEAD = 20 };

bool ft_csv_is_date(const char *text, size_t length)
{
    char formats[2][FT_DATE_FORMAT_CHARS];
    int64_t time;
    if (length > 4 && ft_timestamp_parse(text, length, &time, NULL)) return true;
    ft_date_meaning meaning = ft_date_format_find(text, length, formats);
    return meaning == FT_DATE_ONE || meaning == FT_DATE_DAY_OR_MONTH;
}

size_t ft_csv_find_cell(const ft_csv_scanner *scanner, const char *text)
{
    ft_csv_scanner ahead = ft_csv_scanner_copy(scanner);
    const size_t length = strlen(text);
    size_t found = 0;
    ft_status status = FT_OK;
    ft_error ignored;
    for (int i = 0; i < ROWS_AHEAD && status == FT_OK && !found && ft_csv_next_row(&ahead); i++) {
        ft_csv_cell cell = {0};
        while (status == FT_OK && !cell.ends_row) {
            status = ft_csv_next_cell(&ahead, &cell, &ignored);
            if (status == FT_OK && cell.length == length && memcmp(cell.text, text, length) == 0)
                found = cell.line;
        }
    }
    ft_csv_scanner_free(&ahead);
    return found;
}

/* A row looked at from afar. */
typedef struct row_view {
    /* date_place: of the first date, SIZE_MAX: there is none */
    size_t line, n_cells, date_place;
    bool has_date; /* in the date column */
} row_view;

static bool view_row(ft_csv_scanner *scanner, size_t place, row_view *view)
{
    ft_csv_cell cell = {0};
    ft_error ignored;
    if (!ft_csv_next_row(scanner)) return false;
    *view = (row_view){.line = scanner->line, .date_place = SIZE_MAX};
    for (size_t i = 0; !cell.ends_row; i++) {
        if (ft_csv_next_cell(scanner, &cell, &ignored) != FT_OK) return false;
        const bool date = ft_csv_is_date(cell.text, cell.length);
        if (date && view->date_place == SIZE_MAX) view->date_place = i;
        if (date && i == place) view->has_date = true;
        view->n_cells++;
    }
    return true;
}

/* "line 2", "lines 2 and 3", "lines 2 to 5" */
static void add_lines(ft_text *out, size_t first, size_t last)
{
    if (first == last)
        ft_text_addf(out, "line %zu", first);
    else
        ft_text_addf(out, "lines %zu %s %zu", first, last == first + 1 ? "and" : "to", last);
}

/* The first row of all has no date: is there one in a row soon after it, or in another
 * column? has_digits: its date may be one that is not read; then it is no header. */
static void explain_first(const ft_csv_undated *undated, bool has_digits, ft_text *out)
{
    ft_csv_scanner ahead = ft_csv_scanner_copy(undated->row);
    row_view view, first = {.date_place = SIZE_MAX};
    size_t before = undated->row->line;
    for (int i = 0; i < ROWS_AHEAD && view_row(&ahead, undated->place, &view); i++) {
        if (i == 0) first = view;
        if (view.has_date && i > 0) {
            const bool title = view.n_cells != undated->width && before > 1;
            if (has_digits && !title) break;
            ft_text_addf(out, " (the first date is in line %zu; delete ", view.line);
            add_lines(out, title ? 1 : first.line, title ? before - 1 : view.line - 1);
            ft_text_add(out, title ? ": a title or comments above the header?)"
                                   : ": further header rows, as yfinance writes them, or comments?)");
            break;
        }
        before = view.line;
    }
    ft_csv_scanner_free(&ahead);
    if (!out->length && first.date_place < undated->width)
        ft_text_addf(out, " (column \"%.80s\" holds dates: --timestamp \"%.80s\")",
                     undated->names[first.date_place], undated->names[first.date_place]);
}

/* The line of the last of the rows from the first on that begin with '#'. */
static size_t last_comment(const ft_csv_undated *undated)
{
    ft_csv_scanner ahead = ft_csv_scanner_copy(undated->row);
    ft_csv_cell cell = {.ends_row = true};
    ft_error ignored;
    size_t line = ahead.line;
    while (ft_csv_next_row(&ahead) && *ahead.at == '#') {
        line = ahead.line;
        do {
            if (ft_csv_next_cell(&ahead, &cell, &ignored) != FT_OK) break;
        } while (!cell.ends_row);
    }
    ft_csv_scanner_free(&ahead);
    return line;
}

/* A row that begins with '#'; if the header does so, too, all such rows are comments. */
static void explain_comment(const ft_csv_undated *undated, size_t line, ft_text *out)
{
    if (undated->is_first && *undated->names[0] == '#')
        ft_text_addf(out, " (comments above the header? delete lines 1 to %zu)", last_comment(undated));
    else
        ft_text_addf(out, " (a comment? delete line %zu)", line);
}

/* Where no row from this one to the end has a date: they may be totals or notes. */
static void explain_footer(const ft_csv_undated *undated, ft_text *out)
{
    ft_csv_scanner ahead = ft_csv_scanner_copy(undated->row);
    row_view view;
    size_t last = ahead.line, n_rows = 0;
    bool has_date = false;
    while (n_rows < ROWS_AHEAD && !has_date && view_row(&ahead, undated->place, &view)) {
        last = view.line;
        has_date = view.has_date;
        n_rows++;
    }
    if (!has_date && n_rows > 0 && ahead.at == ahead.end) {
        ft_text_add(out, " (a total or a note below the data? delete ");
        add_lines(out, undated->row->line, last);
        ft_text_add(out, ")");
    }
    ft_csv_scanner_free(&ahead);
}

/* Whether three columns or more are named by dates or years: a wide table, with a row for
 * each series. */
static bool has_dates_as_names(const ft_csv_undated *undated)
{
    enum { LEAST_NAMES = 3 };
    size_t count = 0;
    for (size_t i = 0; i < undated->width; i++) {
        const char *name = undated->names[i];
        const size_t length = strlen(name);
        long long year;
        const bool is_year = length == 4 && ft_parse_int(name, 4, &year) && year >= 1800 && year < 2200;
        count += is_year || ft_csv_is_date(name, length);
    }
    return count >= LEAST_NAMES;
}

static bool has_digit(const ft_csv_cell *cell)
{
    for (size_t i = 0; i < cell->length; i++)
        if (cell->text[i] >= '0' && cell->text[i] <= '9') return true;
    return false;
}

static size_t count_digits(const ft_csv_cell *cell)
{
    size_t count = 0;
    while (count < cell->length && cell->text[count] >= '0' && cell->text[count] <= '9') count++;
    return count;
}

/* Excel's number of a day from 1954 to 2119, perhaps with a time of day as a fraction. */
static bool is_excel_day(const ft_csv_cell *cell)
{
    double days;
    return count_digits(cell) == 5 && ft_parse_double(cell->text, cell->length, &days) && days >= 20000 &&
           days <= 80000;
}

/* What is to be done about digits alone; NULL: nothing is known of them. */
static const char *hint_on_digits(const ft_csv_cell *cell)
{
    int64_t time;
    const size_t digits = count_digits(cell);
    if (is_excel_day(cell))
        return " (it looks like Excel's number of a day: give the column a date format there before saving "
               "as "
               "CSV)";
    if (digits != cell->length) return NULL;
    if (digits == 6)
        return " (a year and a month? --date-format \"%Y%m\"; a year and a week? --date-format \"%G%V\")";
    if (digits == 8 && (ft_date_format_read("%d%m%Y", cell->text, 8, &time, NULL) ||
                        ft_date_format_read("%m%d%Y", cell->text, 8, &time, NULL)))
        return " (day and month before the year? --date-format \"%d%m%Y\" or \"%m%d%Y\")";
    return NULL;
}

/* What is to be done about a date with something behind it; NULL: there is none. */
static const char *hint_on_rest(const ft_csv_cell *cell)
{
    size_t letters = 0;
    while (letters < cell->length && cell->text[cell->length - letters - 1] >= 'A' &&
           cell->text[cell->length - letters - 1] <= 'Z')
        letters++;
    const size_t before = cell->length - letters;
    if (letters >= 2 && letters <= 5 && before > 1 && cell->text[before - 1] == ' ' &&
        ft_csv_is_date(cell->text, before - 1))
        return " (write the time zone as an offset from UTC, as in 2024-12-31 23:59:00+01:00)";
    for (size_t i = 1; i + 3 < cell->length; i++)
        if (memcmp(cell->text + i, " - ", 3) == 0 && ft_csv_is_date(cell->text, i))
            return " (a period? keep its first date alone)";
    return NULL;
}

/* The formats that read a date with a year of two digits. */
static void add_short_years(const ft_csv_cell *cell, char formats[2][FT_DATE_FORMAT_CHARS], ft_text *out)
{
    char year_first[FT_DATE_FORMAT_CHARS];
    int64_t time;
    ft_text_addf(out, " (which part is the year? --date-format \"%s\"", formats[0]);
    if (*formats[1]) ft_text_addf(out, " or \"%s\"", formats[1]);
    if (ft_date_format_year_first(formats[0], year_first) && strcmp(year_first, formats[0]) != 0 &&
        ft_date_format_read(year_first, cell->text, cell->length, &time, NULL))
        ft_text_addf(out, " or \"%s\"", year_first);
    ft_text_add(out, ")");
}

/* What is to be done about 2023/24 and 2023-45; NULL: it is neither. */
static const char *hint_on_year_and_number(const ft_csv_cell *cell)
{
    long long year, number;
    if (cell->length != 7 || !ft_parse_int(cell->text, 4, &year) || !ft_parse_int(cell->text + 5, 2, &number))
        return NULL;
    if (cell->text[4] == '/' && number == (year + 1) % 100)
        return " (from one year into the next? write the year in which it begins, or its first day, as "
               "2024-07-01)";
    if (cell->text[4] == '-' && number > 12 && number <= 53)
        return " (a year and a week? --date-format \"%G-%V\" reads the weeks of ISO 8601)";
    return NULL;
}

/* What is to be done about a year that something unknown stands behind; NULL: it is no
 * such. */
static const char *hint_on_year(const ft_csv_cell *cell)
{
    size_t at = 0;
    while (at < cell->length && cell->text[at] >= '0' && cell->text[at] <= '9') at++;
    if (at != 4 || cell->length < 6) return NULL;
    if (cell->text[at] == '.' && cell->text[at + 1] >= '0' && cell->text[at + 1] <= '9')
        return " (a year with a fraction is read where a month begins with it, as 2019.25 or 2019.0833, and "
               "a "
               "month where it has two digits, as 2019.03: write the dates as 2019-03-31 or 2019-03)";
    at += cell->text[at] == '-';
    if (cell->text[at] == 'W' || cell->text[at] == 'w')
        return " (weeks are those of ISO 8601, as 2024-W05 or 2024-W05-1: 1 to 52 or 53, days 1 to 7; write "
               "others by one of their days, as 2024-01-29)";
    return NULL;
}

/* The first of two hints that there is. */
static void add_first(ft_text *out, const char *hint, const char *other)
{
    if (hint || other) ft_text_add(out, hint ? hint : other);
}

static void explain(const ft_csv_undated *undated, const ft_csv_cell *cell, ft_text *out)
{
    char formats[2][FT_DATE_FORMAT_CHARS];
    const char *name = undated->names[undated->place];
    const bool is_text = cell->length && (*cell->text < '0' || *cell->text > '9');
    if (is_text && *cell->text == '#')
        explain_comment(undated, cell->line, out);
    else if (cell->length == strlen(name) && memcmp(cell->text, name, cell->length) == 0)
        ft_text_addf(out, " (the header again? delete line %zu)", cell->line);
    else if (undated->is_first && has_dates_as_names(undated))
        ft_text_add(out, " (the dates are the header: make a row of each date, as pandas.melt does)");
    else if (is_text && !undated->is_first)
        explain_footer(undated, out);
    if (out->length) return;
    add_first(out, hint_on_year(cell), hint_on_year_and_number(cell));
    if (undated->is_first && !out->length) explain_first(undated, has_digit(cell), out);
    if (!out->length) add_first(out, hint_on_digits(cell), hint_on_rest(cell));
    if (out->length) return;
    ft_date_meaning meaning = ft_date_format_find(cell->text, cell->length, formats);
    if (meaning == FT_DATE_SHORT_YEAR)
        add_short_years(cell, formats, out);
    else if (*undated->format)
        ft_text_addf(
            out, " in the form \"%s\" of --date-format or the first row (delete line %zu if it is no data)",
            undated->format, cell->line);
    else
        ft_text_addf(out,
                     " (write it as 2024-12-31 or 2024-12-31 23:59:00, or say how it is written, as in "
                     "--date-format \"%%d.%%m.%%Y %%H:%%M\"; --timestamp names the date column%s)",
                     undated->is_first ? "" : "; delete the line if it is no data");
}

ft_status ft_csv_refuse_date(const ft_csv_undated *undated, const ft_csv_cell *cell, ft_error *err)
{
    ft_text hint = FT_TEXT_EMPTY;
    char *text = ft_csv_shortened(cell->text, cell->length);
    const size_t line = cell->line;
    const char *path = undated->row->path, *name = undated->names[undated->place];
    ft_status status;
    if (undated->is_missing) {
        if (undated->is_first) explain_first(undated, false, &hint);
        status =
            ft_fail(err, FT_BAD_INPUT, "%s:%zu: column \"%.80s\": the date is missing%s", path, line, name,
                    hint.length && !hint.failed ? hint.data : " (delete the line if it is no data)");
    } else if (*undated->other) {
        const bool is_year = strcmp(undated->format, "%J") == 0;
        status =
            ft_fail(err, FT_BAD_INPUT,
                    "%s:%zu: column \"%.80s\": %s in \"%s\"? (--date-format \"%s\" or \"%s\")", path, line,
                    name, is_year ? "is the year's fraction or the month" : "is the day or the month first",
                    text ? text : "", undated->format, undated->other);
    } else {
        explain(undated, cell, &hint);
        status = ft_fail(err, FT_BAD_INPUT, "%s:%zu: column \"%.80s\": \"%s\" is not a date%s", path, line,
                         name, text ? text : "", hint.data && !hint.failed ? hint.data : "");
    }
    ft_text_free(&hint);
    free(text);
    return status;
}

static bool is_edge_digit(const char *text, size_t length)
{
    return (*text >= '0' && *text <= '9') || (text[length - 1] >= '0' && text[length - 1] <= '9');
}

const char *ft_csv_number_hint(const char *text, bool open)
{
    const size_t length = strlen(text);
    size_t digits = 0;
    double value;
    const bool comma = strchr(text, ',') != NULL, point = strchr(text, '.') != NULL;
    const bool is_english = ft_number_read((ft_number_notation){'.', ','}, text, length, &value),
               is_german = ft_number_read((ft_number_notation){',', '.'}, text, length, &value);
    if (open && ((comma && point) || is_english != is_german))
        return "other cells or files of this data may have commas and points the other way: --decimal , or "
               "--decimal .";
    if (open && point) return "its point may be decimal or between thousands: --decimal , or --decimal .";
    if (open && comma) return "its comma may be decimal or between thousands: --decimal , or --thousands ,";
    const ft_number_notation notations[] = {{',', '.'}, {'.', '\0'}, {'.', ','}, {'.', ' '},
                                            {',', ' '}, {'.', '\''}, {'.', '_'}};
    static const char *const hints[] = {"a decimal comma? --decimal ,",
                                        "a decimal point? --decimal .",
                                        "thousands? --thousands ,",
                                        "thousands? --thousands \" \"",
                                        "decimal comma and thousands? --decimal , --thousands \" \"",
                                        "thousands? --thousands \"'\"",
                                        "thousands? --thousands _"};
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (ft_number_read(notations[i], text, length, &value)) return hints[i];
    for (const char *at = text; *at; at++) digits += *at >= '0' && *at <= '9';
    if (digits && (text[length - 1] == '-' || (*text == '(' && text[length - 1] == ')')))
        return "write negative numbers with a minus sign before them";
    if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)
        return "write 1 for true and 0 for false";
    if (digits * 2 >= length || (digits && is_edge_digit(text, length)))
        return "leave the cell empty for a missing value; units and signs do not belong in it";
    return "leave the cell empty for a missing value, or name the word by --missing";
}
