/* The rows of a CSV file; see csv_rows.h. */
#include "host/data/csv_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/data/calendar.h"
#include "host/data/csv_hints.h"

enum { DAY = 10, DAY_AND_TIME = 19, HASH_BITS = 11 };

/* A date of the form 2024-12-31. */
typedef struct ft_csv_day {
    char text[DAY];
    int64_t start;    /* its 00:00 */
    const char *date; /* in the part's dates; NULL: not yet */
} ft_csv_day;

ft_status ft_csv_rows_open(ft_csv_rows *rows, const ft_csv_table *table, const ft_csv_scanner *scanner,
                           const char *end, size_t first, ft_error *err)
{
    const ft_csv *csv = table->csv;
    *rows = (ft_csv_rows){.table = table,
                          .scanner = ft_csv_scanner_copy(scanner),
                          .end = end,
                          .first = first,
                          .items = {.path = csv->path, .id_name = csv->id_name}};
    rows->texts = calloc(csv->n_columns + 1, sizeof *rows->texts);
    rows->days = calloc((size_t)1 << HASH_BITS, sizeof *rows->days);
    if (!rows->texts || !rows->days)
        return ft_no_memory(err, csv->path,
                            csv->n_columns * sizeof *rows->texts + (sizeof *rows->days << HASH_BITS));
    return csv->n_ids == 0 ? ft_csv_items_take_only(&rows->items, err) : FT_OK;
}

void ft_csv_rows_free(ft_csv_rows *rows)
{
    for (size_t i = 0; rows->texts && i < rows->table->csv->n_columns; i++) free(rows->texts[i].text);
    free(rows->texts);
    free(rows->days);
    ft_csv_items_free(&rows->items);
    ft_string_pool_free(&rows->dates);
    ft_csv_scanner_free(&rows->scanner);
}

static bool is_word_in_any_case(const ft_csv_cell *cell, const char *word)
{
    return cell->length == strlen(word) && strncasecmp(cell->text, word, cell->length) == 0;
}

static bool is_infinite_word(const ft_csv_cell *cell)
{
    ft_csv_cell word = *cell;
    if (word.length && (*word.text == '+' || *word.text == '-')) word.text++, word.length--;
    return is_word_in_any_case(&word, "inf") || is_word_in_any_case(&word, "infinity");
}

static ft_status refuse_date(const ft_csv_rows *rows, const ft_csv_cell *cell, ft_error *err)
{
    const ft_csv_table *table = rows->table;
    ft_csv_scanner row = ft_csv_scanner_copy(&rows->scanner);
    row.at = rows->row_start;
    row.line = rows->row_line;
    const ft_csv_undated undated = {.row = &row,
                                    .names = table->names,
                                    .width = table->width,
                                    .place = table->date_place,
                                    .is_first = rows->first + rows->count == 0,
                                    .is_missing = ft_csv_is_missing(table->settings, cell),
                                    .format = table->date_format,
                                    .other = table->other_date_format};
    return ft_csv_refuse_date(&undated, cell, err);
}

/* Stores the date of the row that is being read; NULL: memory ran out. */
static ft_status put_date(ft_csv_rows *rows, int64_t time, const char *date, ft_error *err)
{
    ft_csv *csv = rows->table->csv;
    const size_t row = rows->first + rows->count;
    csv->times[row] = time;
    csv->zones[row] = (int16_t)rows->style.zone_minutes;
    csv->dates[row] = date;
    return date ? FT_OK : ft_no_memory(err, csv->path, DAY_AND_TIME);
}

static ft_status take_date(ft_csv_rows *rows, const ft_csv_cell *cell, ft_error *err)
{
    const ft_csv_table *table = rows->table;
    int64_t time;
    bool is_date = !*table->other_date_format;
    rows->plain_bytes = 0;
    if (!*table->date_format)
        is_date = ft_timestamp_parse(cell->text, cell->length, &time, &rows->style);
    else if (is_date)
        is_date = ft_date_format_read(table->date_format, cell->text, cell->length, &time, &rows->style);
    if (!is_date) return refuse_date(rows, cell, err);
    return put_date(rows, time, ft_string_pool_add(&rows->dates, cell->text, cell->length), err);
}

static ft_number_notation notation_of(const ft_csv_column *column)
{
    return column->unmarked ? (ft_number_notation){'\0', '\0'} : column->notation;
}

static ft_status take_value(ft_csv_rows *rows, size_t index, const ft_csv_cell *cell, ft_error *err)
{
    const ft_csv_column *column = &rows->table->csv->columns[index];
    ft_csv_settings *settings = rows->table->settings;
    const ft_number_notation notation = notation_of(column);
    ft_csv_first_text *text = &rows->texts[index];
    double *value = &column->values[rows->first + rows->count];
    *value = 0;
    const bool has_words = settings->n_words > 0;
    if (cell->length == 0 || (has_words && ft_csv_is_named_missing(settings, cell))) {
        *value = NAN;
    } else if (!text->text && ft_number_read(notation, cell->text, cell->length, value)) {
        if (has_words && ft_csv_is_missing_number(settings, *value)) *value = NAN;
    } else if (!text->text && (isinf(*value) || is_infinite_word(cell))) {
        *value = INFINITY;
    } else if (ft_csv_is_missing(settings, cell)) {
        *value = NAN;
    } else {
        *value = 0;
        if (text->text) return FT_OK;
        *text = (ft_csv_first_text){ft_csv_shortened(cell->text, cell->length), cell->line};
        if (!text->text) return ft_no_memory(err, rows->table->csv->path, cell->length);
    }
    return FT_OK;
}

static ft_status take_cell(ft_csv_rows *rows, size_t place, const ft_csv_cell *cell, ft_error *err)
{
    const size_t role = rows->table->roles[place];
    if (role < FT_CSV_ID) return take_value(rows, role, cell, err);
    if (role == FT_CSV_DATE) return take_date(rows, cell, err);
    return rows->table->csv->n_ids == 1 ? ft_csv_items_take(&rows->items, cell, rows->scanner.separator, err)
                                        : ft_csv_items_take_part(&rows->items, role - FT_CSV_ID, cell, err);
}

/* The functions named _quickly read the commonest forms of cells in one go, without
 * looking for the cell's end first. False: the cell has another form; nothing has
 * changed, and take_cell must read it. */

static bool take_value_quickly(ft_csv_rows *rows, size_t index)
{
    const ft_csv_column *column = &rows->table->csv->columns[index];
    ft_csv_scanner *scanner = &rows->scanner;
    double *value = &column->values[rows->first + rows->count];
    if (rows->texts[index].text || rows->table->settings->n_words > 0) return false;
    if (ft_csv_cell_ends(scanner->at, scanner->separator)) {
        *value = NAN;
        return true;
    }
    const char decimal = notation_of(column).decimal;
    if (decimal == scanner->separator) return false;
    const char *end = ft_parse_plain_double(scanner->at, decimal, value);
    if (!end || !ft_csv_cell_ends(end, scanner->separator)) return false;
    scanner->at = end;
    return true;
}

/* The day that begins at `text`; NULL: none does. */
static ft_csv_day *find_day(ft_csv_rows *rows, const char *text)
{
    uint64_t last_bytes; /* "24-12-31" */
    int64_t start;
    memcpy(&last_bytes, text + DAY - sizeof last_bytes, sizeof last_bytes);
    ft_csv_day *day = &rows->days[last_bytes * UINT64_C(0x9E3779B97F4A7C15) >> (64 - HASH_BITS)];
    if (memcmp(day->text, text, DAY) == 0) return day;
    if (!ft_day_parse(text, &start)) return NULL;
    *day = (ft_csv_day){.start = start};
    memcpy(day->text, text, DAY);
    return day;
}

/* A day alone, or with " HH:MM:SS" behind it. */
static bool take_date_quickly(ft_csv_rows *rows, ft_error *err, ft_status *status)
{
    ft_csv_scanner *scanner = &rows->scanner;
    const char *at = scanner->at, separator = scanner->separator;
    int64_t clock = 0;
    if (*rows->table->date_format || scanner->end - at < DAY_AND_TIME || separator == ':') return false;
    const bool is_day = ft_csv_cell_ends(at + DAY, separator);
    if (!is_day && !(ft_csv_cell_ends(at + DAY_AND_TIME, separator) && ft_clock_parse(at + DAY, &clock)))
        return false;
    ft_csv_day *day = find_day(rows, at);
    if (!day) return false;
    const size_t length = is_day ? DAY : DAY_AND_TIME;
    if (rows->plain_bytes != length || (!is_day && rows->style.time_separator != at[DAY])) {
        rows->style = ft_timestamp_plain_style(at, length);
        rows->plain_bytes = length;
    }
    if (!is_day || !day->date) {
        const char *date = ft_string_pool_add(&rows->dates, at, length);
        if (is_day) day->date = date;
        *status = put_date(rows, day->start + clock, date, err);
    } else {
        *status = put_date(rows, day->start, day->date, err);
    }
    scanner->at = at + length;
    return true;
}

static bool take_id_quickly(ft_csv_rows *rows)
{
    const ft_csv_items *items = &rows->items;
    ft_csv_scanner *scanner = &rows->scanner;
    const size_t length = items->last_bytes;
    if (length == 0 || (size_t)(scanner->end - scanner->at) <= length) return false;
    if (memcmp(scanner->at, items->names[items->last], length) != 0) return false;
    if (!ft_csv_cell_ends(scanner->at + length, scanner->separator)) return false;
    scanner->at += length;
    return true;
}

static bool take_quickly(ft_csv_rows *rows, size_t place, ft_error *err, ft_status *status)
{
    const size_t role = rows->table->roles[place];
    if (role < FT_CSV_ID) return take_value_quickly(rows, role);
    if (role == FT_CSV_DATE) return take_date_quickly(rows, err, status);
    return take_id_quickly(rows);
}

static ft_status refuse_width(const ft_csv_rows *rows, size_t line, size_t count, ft_error *err)
{
    const ft_csv_table *table = rows->table;
    const char *hint = "";
    if (rows->first + rows->count == 0)
        hint = count > table->width
                   ? " (is line 1 a title? delete it; a number with a comma in it stands in quotes)"
                   : " (is line 1 the header?)";
    return ft_fail(err, FT_BAD_INPUT, "%s:%zu: %zu cell%s, but the header has %zu columns%s",
                   table->csv->path, line, count, count == 1 ? "" : "s", table->width, hint);
}

/* Cells behind the last column may stand there if they are empty. */
static ft_status read_row(ft_csv_rows *rows, ft_error *err)
{
    const ft_csv_table *table = rows->table;
    ft_csv_scanner *scanner = &rows->scanner;
    const size_t line = scanner->line;
    size_t count = 0, beyond = 0;
    ft_status status = FT_OK;
    rows->row_start = scanner->at;
    rows->row_line = line;
    for (bool ends_row = false; status == FT_OK && !ends_row; count++) {
        if (count < table->width && take_quickly(rows, count, err, &status)) {
            ends_row = ft_csv_end_cell(scanner);
            continue;
        }
        ft_csv_cell cell;
        status = ft_csv_next_cell(scanner, &cell, err);
        if (status != FT_OK) return status;
        ends_row = cell.ends_row;
        if (count < table->width) {
            status = take_cell(rows, count, &cell, err);
        } else if (cell.length > 0) {
            beyond = count + 1;
        }
    }
    if (status != FT_OK) return status;
    if (count < table->width || beyond) return refuse_width(rows, line, beyond ? beyond : count, err);
    if (table->csv->n_ids > 1) status = ft_csv_items_take_parts(&rows->items, table->csv->n_ids, err);
    table->csv->lines[rows->first + rows->count] = (uint32_t)line;
    table->csv->items[rows->first + rows->count] = rows->items.last;
    if (status == FT_OK) rows->count++;
    return status;
}

ft_status ft_csv_rows_read(ft_csv_rows *rows, ft_error *err)
{
    ft_status status = FT_OK;
    while (status == FT_OK && ft_csv_next_row(&rows->scanner) && rows->scanner.at < rows->end) {
        status = read_row(rows, err);
        rows->went_beyond = rows->scanner.at > rows->end;
    }
    return status;
}

/* Moves the rows of a part behind those of the parts before it. */
static void close_gap(ft_csv *csv, const ft_csv_rows *part)
{
    const size_t to = csv->n_rows, from = part->first, count = part->count;
    if (to == from) return;
    memmove(csv->times + to, csv->times + from, count * sizeof *csv->times);
    memmove(csv->zones + to, csv->zones + from, count * sizeof *csv->zones);
    memmove(csv->dates + to, csv->dates + from, count * sizeof *csv->dates);
    memmove(csv->lines + to, csv->lines + from, count * sizeof *csv->lines);
    memmove(csv->items + to, csv->items + from, count * sizeof *csv->items);
    for (size_t c = 0; c < csv->n_columns; c++)
        memmove(csv->columns[c].values + to, csv->columns[c].values + from,
                count * sizeof *csv->columns[c].values);
}

/* Renumbers the part's series as those of all parts. */
static ft_status join_items(ft_csv *csv, ft_csv_items *all, ft_csv_rows *part, ft_error *err)
{
    int32_t *items = csv->items + csv->n_rows;
    bool same = true;
    int32_t *places = malloc((part->items.n_items + 1) * sizeof *places);
    if (!places) return ft_no_memory(err, csv->path, part->items.n_items * sizeof *places);
    ft_status status = ft_csv_items_join(all, &part->items, places, err);
    for (size_t i = 0; i < part->items.n_items && same; i++) same = places[i] == (int32_t)i;
    for (size_t row = 0; row < part->count && status == FT_OK && !same; row++)
        items[row] = places[items[row]];
    free(places);
    return status;
}

/* Behind a text, a column's values say only which are missing (NaN), as take_value has
 * it. */
static void join_columns(ft_csv *csv, ft_csv_rows *part)
{
    for (size_t c = 0; c < csv->n_columns; c++) {
        ft_csv_column *column = &csv->columns[c];
        if (!column->text) {
            column->text = part->texts[c].text;
            column->text_line = part->texts[c].line;
            part->texts[c].text = NULL;
            continue;
        }
        double *values = column->values + csv->n_rows;
        for (size_t row = 0; row < part->count; row++)
            if (!isnan(values[row])) values[row] = 0;
    }
}

ft_status ft_csv_rows_join(ft_csv *csv, ft_csv_rows *parts, size_t n_parts, ft_error *err)
{
    ft_csv_items all = {.path = csv->path, .id_name = csv->id_name};
    ft_status status = FT_OK;
    for (size_t i = 0; i < n_parts && status == FT_OK; i++) {
        ft_csv_rows *part = &parts[i];
        close_gap(csv, part);
        status = join_items(csv, &all, part, err);
        join_columns(csv, part);
        ft_string_pool_join(&csv->date_texts, &part->dates);
        csv->n_rows += part->count;
        if (part->count) csv->style = part->style;
    }
    csv->item_names = all.names;
    csv->n_items = all.n_items;
    all.names = NULL;
    all.n_items = 0;
    ft_csv_items_free(&all);
    return status;
}
