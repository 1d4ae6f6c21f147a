/* From the cells of a CSV file to columns of numbers; see csv.h. */
#include "host/data/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checksum.h"
#include "host/data/csv_header.h"
#include "host/data/csv_hints.h"
#include "host/data/csv_items.h"
#include "host/data/csv_layout.h"
#include "host/data/csv_order.h"
#include "host/data/csv_scanner.h"
#include "host/data/csv_settings.h"
#include "host/data/csv_text.h"
#include "host/data/date_formats.h"

/* What the reader needs while it reads, besides what it leaves in the ft_csv. */
typedef struct loader {
    ft_csv *csv;
    const ft_csv *like; /* an earlier file, or NULL */
    ft_csv_settings settings;
    ft_csv_scanner scanner;
    size_t width; /* cells in a row */
    /* (width): index of the column, role_date, or role_id and more: place among the
     * ids */
    size_t *roles;
    const char **names; /* (width), for messages; the ft_csv's, or header's */
    char **header;      /* (width): names of the id columns, NULL for others */
    size_t date_place;
    char date_format[FT_DATE_FORMAT_CHARS], other_date_format[FT_DATE_FORMAT_CHARS];
    size_t capacity; /* rows for which there is memory */
    ft_csv_items items;
} loader;

static const size_t role_id = SIZE_MAX / 2, role_date = SIZE_MAX;
static const size_t max_rows = 1u << 30;

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

/* Gives each column its role; the names move into the ft_csv. */
static ft_status assign_roles(loader *load, ft_csv_header *header, ft_error *err)
{
    ft_csv *csv = load->csv;
    const size_t count = header->count;
    char **names = header->names;
    load->date_place = header->date;
    csv->n_ids = header->n_ids;
    load->roles = calloc(count, sizeof *load->roles);
    load->names = calloc(count, sizeof *load->names);
    load->header = calloc(count, sizeof *load->header);
    csv->columns = calloc(count, sizeof *csv->columns);
    if (!load->roles || !load->names || !load->header || !csv->columns)
        return ft_no_memory(err, csv->path, count * sizeof *csv->columns);
    load->width = count;
    for (size_t i = 0; i < count; i++) {
        size_t id = ft_csv_header_id(header, i);
        load->names[i] = names[i];
        if (i == load->date_place) {
            load->roles[i] = role_date;
            csv->timestamp_name = names[i];
        } else if (id < csv->n_ids) {
            load->roles[i] = role_id + id;
            load->header[i] = names[i];
        } else {
            load->roles[i] = csv->n_columns;
            csv->columns[csv->n_columns].repeated = header->repeated[i];
            csv->columns[csv->n_columns].notation = load->settings.notation;
            csv->columns[csv->n_columns++].name = names[i];
        }
        names[i] = NULL;
    }
    ft_text id_name = FT_TEXT_EMPTY;
    for (size_t i = 0; i < csv->n_ids; i++)
        ft_text_addf(&id_name, "%s%s", i ? "," : "", load->header[header->ids[i]]);
    csv->id_name = id_name.data;
    if (id_name.failed) return ft_no_memory(err, csv->path, 64);
    if (header->date_found)
        ft_text_addf(&csv->notes, "%s: the dates are those of column \"%.80s\" (--timestamp names another)\n",
                     csv->path, csv->timestamp_name);
    return FT_OK;
}

static ft_status read_header(loader *load, ft_error *err)
{
    ft_csv_header header;
    ft_status status = ft_csv_header_read(&load->scanner, load->settings.options, &header, err);
    if (status == FT_OK) status = assign_roles(load, &header, err);
    ft_csv_header_free(&header);
    return status;
}

static const ft_csv_column *column_like(const ft_csv *like, const char *name)
{
    for (size_t i = 0; like && i < like->n_columns; i++)
        if (strcmp(like->columns[i].name, name) == 0) return &like->columns[i];
    return NULL;
}

/* What its own file leaves open, an earlier file of the same data decides; where that one
 * was not certain either and this one differs from it, both are open. */
static void decide_like(ft_csv_column *column, const ft_csv_column *like)
{
    if (!like) return;
    const bool differs = column->notation.decimal != like->notation.decimal,
               was_open = like->certainty == FT_NUMBERS_ASSUMED && like->has_open;
    if (like->certainty == FT_NUMBERS_SHOWN && column->certainty != FT_NUMBERS_SHOWN) {
        if (differs || !column->has_open) column->notation = like->notation;
        if (column->has_open && column->notation.thousands == '\0') column->notation.thousands = ',';
        column->certainty = FT_NUMBERS_SHOWN;
    } else if (was_open && differs) {
        column->notation = (ft_number_notation){'\0', '\0'};
        column->certainty = FT_NUMBERS_OPEN;
    }
    column->has_open |= was_open;
}

/* Decides by the rows how the numbers of each column are written. */
static ft_status find_notations(loader *load, ft_error *err)
{
    ft_csv *csv = load->csv;
    ft_number_evidence file = {0}, *evidence = calloc(load->width, sizeof *evidence);
    if (!evidence) return ft_no_memory(err, csv->path, load->width * sizeof *evidence);
    const ft_number_custom custom = ft_csv_number_custom(&load->scanner, load->date_format);
    ft_csv_look_at_numbers(&load->scanner, &load->settings, custom, load->width, evidence);
    for (size_t i = 0; i < load->width; i++)
        if (load->roles[i] < role_id) ft_number_merge(&file, &evidence[i]);
    for (size_t i = 0; i < load->width; i++) {
        if (load->roles[i] >= role_id) continue;
        ft_csv_column *column = &csv->columns[load->roles[i]];
        column->certainty = ft_number_decide(&evidence[i], &file, custom, &column->notation);
        column->has_open = evidence[i].point_open || evidence[i].comma_open;
        decide_like(column, column_like(load->like, column->name));
    }
    free(evidence);
    return FT_OK;
}

/* Decides by the rows how dates and numbers are written. */
static ft_status find_layout(loader *load, ft_error *err)
{
    const char *given = load->settings.options->date_format;
    bool decided = true;
    if (given) {
        ft_status status = ft_date_format_check(given, err);
        if (status != FT_OK) return status;
        strcpy(load->date_format, given);
    } else {
        ft_csv_find_date_format(&load->scanner, load->date_place, load->like ? load->like->style.format : "",
                                load->date_format, load->other_date_format, &decided);
    }
    return load->settings.has_notation ? FT_OK : find_notations(load, err);
}

/* Makes `array` hold `count` elements of `size` bytes; false (array unchanged) when
 * memory runs out. */
static bool resize(void *array_pointer, size_t count, size_t size)
{
    void *old;
    memcpy(&old, array_pointer, sizeof old);
    void *grown = realloc(old, count * size);
    if (!grown) return false;
    memcpy(array_pointer, &grown, sizeof grown);
    return true;
}

static ft_status grow_rows(loader *load, ft_error *err)
{
    ft_csv *csv = load->csv;
    size_t capacity = load->capacity ? load->capacity * 2 : 1024;
    if (csv->n_rows >= max_rows)
        return ft_fail(err, FT_BAD_INPUT, "%s: more than %zu rows", csv->path, max_rows);
    bool done = resize(&csv->times, capacity, sizeof *csv->times) &&
                resize(&csv->zones, capacity, sizeof *csv->zones) &&
                resize(&csv->date_offsets, capacity, sizeof *csv->date_offsets) &&
                resize(&csv->lines, capacity, sizeof *csv->lines) &&
                resize(&csv->items, capacity, sizeof *csv->items);
    for (size_t i = 0; i < csv->n_columns && done; i++)
        done = resize(&csv->columns[i].values, capacity, sizeof *csv->columns[i].values);
    if (!done) return ft_no_memory(err, csv->path, capacity * sizeof(double) * (csv->n_columns + 4));
    load->capacity = capacity;
    return FT_OK;
}

/* `row`: where the row begins. */
static ft_status refuse_date(loader *load, const ft_csv_scanner *row, const ft_csv_cell *cell, ft_error *err)
{
    const ft_csv *csv = load->csv;
    const ft_csv_undated undated = {.row = row,
                                    .names = load->names,
                                    .width = load->width,
                                    .place = load->date_place,
                                    .is_first = csv->n_rows == 0,
                                    .format = load->date_format,
                                    .other = load->other_date_format};
    if (ft_csv_is_missing(&load->settings, cell))
        return ft_fail(err, FT_BAD_INPUT,
                       "%s:%zu: column \"%.80s\": the date is missing (delete the line if it is no data)",
                       csv->path, cell->line, csv->timestamp_name);
    return ft_csv_refuse_date(&undated, cell, err);
}

static ft_status take_date(loader *load, const ft_csv_scanner *row, const ft_csv_cell *cell, ft_error *err)
{
    ft_csv *csv = load->csv;
    int64_t *time = &csv->times[csv->n_rows];
    const bool is_date = !*load->date_format ? ft_timestamp_parse(cell->text, cell->length, time, &csv->style)
                         : *load->other_date_format ? false
                                                    : ft_date_format_read(load->date_format, cell->text,
                                                                          cell->length, time, &csv->style);
    if (!is_date) return refuse_date(load, row, cell, err);
    csv->zones[csv->n_rows] = (int16_t)csv->style.zone_minutes;
    csv->date_offsets[csv->n_rows] = csv->date_texts.length;
    ft_text_add_bytes(&csv->date_texts, cell->text, cell->length);
    if (csv->date_texts.failed) return ft_no_memory(err, csv->path, csv->date_texts.length * 2);
    csv->date_texts.length++; /* the NUL that stands there */
    return FT_OK;
}

static ft_status take_value(loader *load, size_t index, const ft_csv_cell *cell, ft_error *err)
{
    ft_csv_column *column = &load->csv->columns[index];
    double *value = &column->values[load->csv->n_rows];
    *value = 0;
    const bool has_words = load->settings.n_words > 0;
    if (cell->length == 0 || (has_words && ft_csv_is_named_missing(&load->settings, cell))) {
        *value = NAN;
    } else if (!column->text && ft_number_read(column->notation, cell->text, cell->length, value)) {
        if (has_words && ft_csv_is_missing_number(&load->settings, *value)) *value = NAN;
    } else if (!column->text && (isinf(*value) || is_infinite_word(cell))) {
        *value = INFINITY;
    } else if (ft_csv_is_missing(&load->settings, cell)) {
        *value = NAN;
    } else {
        *value = 0;
        if (column->text) return FT_OK;
        column->text = ft_csv_shortened(cell->text, cell->length);
        column->text_line = cell->line;
        if (!column->text) return ft_no_memory(err, load->csv->path, cell->length);
    }
    return FT_OK;
}

static ft_status take_cell(loader *load, size_t place, const ft_csv_scanner *row, const ft_csv_cell *cell,
                           ft_error *err)
{
    const size_t role = load->roles[place];
    if (role < role_id) return take_value(load, role, cell, err);
    if (role == role_date) return take_date(load, row, cell, err);
    return load->csv->n_ids == 1 ? ft_csv_items_take(&load->items, load->csv, cell, err)
                                 : ft_csv_items_take_part(&load->items, load->csv, role - role_id, cell, err);
}

static ft_status refuse_width(const loader *load, size_t line, size_t count, ft_error *err)
{
    const char *hint = "";
    if (load->csv->n_rows == 0)
        hint = count > load->width
                   ? " (is line 1 a title? delete it; a number with a comma in it stands in quotes)"
                   : " (is line 1 the header?)";
    return ft_fail(err, FT_BAD_INPUT, "%s:%zu: %zu cell%s, but the header has %zu columns%s", load->csv->path,
                   line, count, count == 1 ? "" : "s", load->width, hint);
}

/* Cells behind the last column may stand there if they are empty. */
static ft_status read_row(loader *load, ft_error *err)
{
    ft_csv *csv = load->csv;
    ft_status status = csv->n_rows == load->capacity ? grow_rows(load, err) : FT_OK;
    const ft_csv_scanner row = load->scanner;
    size_t count = 0, beyond = 0;
    ft_csv_cell cell = {0};
    while (status == FT_OK && !cell.ends_row) {
        status = ft_csv_next_cell(&load->scanner, &cell, err);
        if (status != FT_OK) return status;
        if (count < load->width)
            status = take_cell(load, count, &row, &cell, err);
        else if (cell.length > 0)
            beyond = count + 1;
        count++;
    }
    if (status != FT_OK) return status;
    if (count < load->width || beyond) return refuse_width(load, row.line, beyond ? beyond : count, err);
    csv->lines[csv->n_rows] = (uint32_t)row.line;
    if (csv->n_ids != 1) status = ft_csv_items_take_parts(&load->items, csv, row.line, err);
    if (status == FT_OK) csv->n_rows++;
    return status;
}

/* Reads the style again where another row than the last of the file is the last now. */
static void find_style(const loader *load)
{
    ft_csv *csv = load->csv;
    const char *date = ft_csv_date(csv, csv->n_rows - 1);
    int64_t time;
    if (*load->date_format)
        (void)ft_date_format_read(load->date_format, date, strlen(date), &time, &csv->style);
    else
        (void)ft_timestamp_parse(date, strlen(date), &time, &csv->style);
}

static ft_status read_text(loader *load, const char *text, size_t size, ft_error *err)
{
    ft_csv *csv = load->csv;
    csv->checksum = ft_checksum(0, text, size);
    ft_status status = ft_csv_scan(&load->scanner, csv->path, text, size, err);
    if (status == FT_OK) status = ft_csv_find_separator(&load->scanner, load->settings.separator, err);
    if (status == FT_OK) status = read_header(load, err);
    if (status == FT_OK) status = find_layout(load, err);
    while (status == FT_OK && ft_csv_next_row(&load->scanner)) status = read_row(load, err);
    if (status == FT_OK && csv->n_rows == 0)
        status = ft_fail(err, FT_BAD_INPUT, "%s: a header, but no row of data", csv->path);
    if (status == FT_OK) status = ft_csv_put_in_order(csv, &load->settings, err);
    if (status == FT_OK) find_style(load);
    /* Only for the first file: later ones need not have every word. */
    if (status == FT_OK && !load->like) ft_csv_note_unused_words(&load->settings, csv->path, &csv->notes);
    if (status == FT_OK && csv->notes.failed) status = ft_no_memory(err, csv->path, 128);
    return status;
}

ft_status ft_csv_read(const char *path, const ft_csv_options *options, bool takes_pipes, const ft_csv *like,
                      ft_csv *csv, ft_error *err)
{
    *csv = (ft_csv){0};
    loader load = {.csv = csv, .like = like};
    char *text = NULL;
    size_t size;
    csv->path = ft_copy_string(ft_csv_text_name(path));
    if (!csv->path) return ft_no_memory(err, path, strlen(path));
    ft_status status = ft_csv_settings_parse(options, &load.settings, err);
    if (status == FT_OK) status = ft_csv_text_read(path, takes_pipes, &text, &size, err);
    if (status == FT_OK) status = read_text(&load, text, size, err);
    free(text);
    for (size_t i = 0; i < load.width && load.header; i++) free(load.header[i]);
    ft_csv_items_free(&load.items);
    ft_csv_scanner_free(&load.scanner);
    free(load.header);
    free(load.names);
    free(load.roles);
    if (status != FT_OK) ft_csv_free(csv);
    return status;
}

void ft_csv_free(ft_csv *csv)
{
    for (size_t i = 0; i < csv->n_columns; i++) {
        free(csv->columns[i].name);
        free(csv->columns[i].values);
        free(csv->columns[i].text);
    }
    for (size_t i = 0; i < csv->n_items; i++) free(csv->item_names[i]);
    free(csv->columns);
    free(csv->item_names);
    free(csv->path);
    free(csv->timestamp_name);
    free(csv->id_name);
    free(csv->times);
    free(csv->zones);
    free(csv->date_offsets);
    free(csv->lines);
    free(csv->items);
    ft_text_free(&csv->date_texts);
    ft_text_free(&csv->notes);
    *csv = (ft_csv){0};
}

const char *ft_csv_date(const ft_csv *csv, size_t row)
{
    return csv->date_texts.data + csv->date_offsets[row];
}

ft_status ft_csv_numeric_column(const ft_csv *csv, const char *name, size_t *column, ft_error *err)
{
    for (size_t i = 0; i < csv->n_columns; i++) {
        if (strcmp(csv->columns[i].name, name) != 0) continue;
        *column = i;
        const ft_csv_column *found = &csv->columns[i];
        if (!found->text) return FT_OK;
        return ft_fail(err, FT_BAD_INPUT, "%s:%zu: column \"%.80s\": \"%s\" is not a number (%s)", csv->path,
                       found->text_line, name, found->text,
                       ft_csv_number_hint(found->text, found->certainty == FT_NUMBERS_OPEN));
    }
    if (strcmp(csv->timestamp_name, name) == 0 || (csv->id_name && strcmp(csv->id_name, name) == 0))
        return ft_fail(err, FT_BAD_INPUT, "%s: column \"%.80s\" holds the %s, it cannot be the target",
                       csv->path, name, strcmp(csv->timestamp_name, name) == 0 ? "dates" : "series' ids");
    const char **names = malloc(csv->n_columns * sizeof *names);
    if (!names) return ft_no_memory(err, csv->path, csv->n_columns * sizeof *names);
    for (size_t i = 0; i < csv->n_columns; i++) names[i] = csv->columns[i].name;
    ft_status status = ft_csv_unknown_column(csv->path, name, names, csv->n_columns, err);
    free(names);
    return status;
}
