/* From the cells of a CSV file to columns of numbers; see csv.h. */
#include "host/data/csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "base/parallel.h"
#include "host/data/csv_header.h"
#include "host/data/csv_hints.h"
#include "host/data/csv_layout.h"
#include "host/data/csv_order.h"
#include "host/data/csv_rows.h"
#include "host/data/csv_scanner.h"
#include "host/data/csv_settings.h"
#include "host/data/csv_survey.h"
#include "host/data/csv_text.h"
#include "host/data/date_formats.h"

/* The first FIRST_SHARE-th of a piece mostly shows how numbers are written. */
enum { PIECE_BYTES = 1 << 21, FIRST_SHARE = 32 };
static const size_t max_rows = 1u << 30;

/* What the reader needs while it reads, besides what it leaves in the ft_csv. */
typedef struct loader {
    ft_csv *csv;
    const ft_csv *like; /* an earlier file, or NULL */
    ft_csv_settings settings;
    ft_csv_survey survey;
    ft_csv_scanner scanner;
    ft_csv_table table;
    char **id_names;    /* (table.width): NULL for other columns */
    ft_csv_rows *parts; /* (n_parts), which are not yet in the ft_csv */
    size_t n_parts, piece_bytes;
    /* The first line whose cells were not looked at to decide how numbers are written;
     * SIZE_MAX: all were, or none had to be. */
    size_t first_unseen_line;
} loader;

/* Gives each column its role; the names move into the ft_csv. */
static ft_status assign_roles(loader *load, ft_csv_header *header, ft_error *err)
{
    ft_csv *csv = load->csv;
    const size_t count = header->count;
    char **names = header->names;
    ft_csv_table *table = &load->table;
    table->date_place = header->date;
    csv->n_ids = header->n_ids;
    table->roles = calloc(count, sizeof *table->roles);
    table->names = calloc(count, sizeof *table->names);
    load->id_names = calloc(count, sizeof *load->id_names);
    csv->columns = calloc(count, sizeof *csv->columns);
    if (!table->roles || !table->names || !load->id_names || !csv->columns)
        return ft_no_memory(err, csv->path, count * sizeof *csv->columns);
    table->width = count;
    for (size_t i = 0; i < count; i++) {
        size_t id = ft_csv_header_id(header, i);
        table->names[i] = names[i];
        if (i == table->date_place) {
            table->roles[i] = FT_CSV_DATE;
            csv->timestamp_name = names[i];
        } else if (id < csv->n_ids) {
            table->roles[i] = FT_CSV_ID + id;
            load->id_names[i] = names[i];
        } else {
            table->roles[i] = csv->n_columns;
            csv->columns[csv->n_columns].repeated = header->repeated[i];
            csv->columns[csv->n_columns].notation = load->settings.notation;
            csv->columns[csv->n_columns++].name = names[i];
        }
        names[i] = NULL;
    }
    ft_text id_name = FT_TEXT_EMPTY;
    for (size_t i = 0; i < csv->n_ids; i++)
        ft_text_addf(&id_name, "%s%s", i ? "," : "", load->id_names[header->ids[i]]);
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

/* A notation that this file leaves open is that of the earlier file (`like`). If the
 * earlier one was not certain either and the two differ, both stay open. */
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

/* Whether the cells that were looked at suffice: each column has shown how its numbers
 * are written, or has no mark so far. evidence: (width). */
static bool show_all_columns(const loader *load, const ft_number_evidence *evidence)
{
    for (size_t i = 0; i < load->table.width; i++)
        if (load->table.roles[i] < FT_CSV_ID && !ft_number_is_settled(&evidence[i]) &&
            !ft_number_is_unmarked(&evidence[i]))
            return false;
    return true;
}

/* Gives each column the notation that its cells show. Where only the first rows were
 * looked at, a column without a mark in them is read without any. evidence: (width). */
static void decide_notations(loader *load, ft_number_custom custom, const ft_number_evidence *evidence)
{
    const size_t *roles = load->table.roles;
    ft_number_evidence file = {0};
    for (size_t i = 0; i < load->table.width; i++)
        if (roles[i] < FT_CSV_ID) ft_number_merge(&file, &evidence[i]);
    for (size_t i = 0; i < load->table.width; i++) {
        if (roles[i] >= FT_CSV_ID) continue;
        ft_csv_column *column = &load->csv->columns[roles[i]];
        column->certainty = ft_number_decide(&evidence[i], &file, custom, &column->notation);
        column->has_open = evidence[i].point_open || evidence[i].comma_open;
        column->unmarked = load->first_unseen_line < SIZE_MAX && ft_number_is_unmarked(&evidence[i]);
        decide_like(column, column_like(load->like, column->name));
    }
}

/* Decides how the numbers of each column are written, by the rows that begin before
 * `until`, or by all rows where those leave it open. */
static ft_status find_notations(loader *load, const char *until, ft_error *err)
{
    const size_t width = load->table.width;
    const ft_csv_scanner *scanner = &load->scanner;
    const ft_number_custom custom = ft_csv_number_custom(scanner, load->table.date_format);
    ft_number_evidence *evidence = calloc(width, sizeof *evidence);
    if (!evidence) return ft_no_memory(err, load->csv->path, width * sizeof *evidence);
    load->first_unseen_line = SIZE_MAX;
    if (ft_csv_must_look_at_numbers(scanner->separator, ft_csv_survey_found(&load->survey), custom)) {
        load->first_unseen_line = ft_csv_look_at_numbers(scanner, until, &load->settings, width, evidence);
        if (load->first_unseen_line < SIZE_MAX && !show_all_columns(load, evidence)) {
            memset(evidence, 0, width * sizeof *evidence);
            load->first_unseen_line =
                ft_csv_look_at_numbers(scanner, scanner->end, &load->settings, width, evidence);
        }
    }
    decide_notations(load, custom, evidence);
    free(evidence);
    return FT_OK;
}

/* Decides by the rows how dates and numbers are written. */
static ft_status find_layout(loader *load, ft_error *err)
{
    const char *given = load->settings.options->date_format;
    ft_csv_table *table = &load->table;
    bool decided = true;
    if (given) {
        ft_status status = ft_date_format_check(given, err);
        if (status != FT_OK) return status;
        strcpy(table->date_format, given);
    } else {
        ft_csv_find_date_format(&load->scanner, table->date_place, load->like ? load->like->style.format : "",
                                table->date_format, table->other_date_format, &decided);
    }
    if (load->settings.has_notation) return FT_OK;
    const size_t left = (size_t)(load->scanner.end - load->scanner.at),
                 first = load->piece_bytes / FIRST_SHARE;
    return find_notations(load, load->scanner.at + (first < left ? first : left), err);
}

/* Memory for `count` elements of `size` bytes; NULL when memory runs out. */
static void *allocate(size_t count, size_t size)
{
    void *memory = malloc(count * size);
    ft_use_large_pages(memory, count * size);
    return memory;
}

/* Makes room for as many rows as there are lines. */
static ft_status make_room(ft_csv *csv, const ft_csv_survey *survey, ft_error *err)
{
    size_t rows = 1; /* never an empty allocation */
    for (size_t i = 0; i < survey->n_pieces; i++) rows += survey->pieces[i].n_lines;
    if (rows > max_rows) return ft_fail(err, FT_BAD_INPUT, "%s: more than %zu rows", csv->path, max_rows);
    csv->times = allocate(rows, sizeof *csv->times);
    csv->zones = allocate(rows, sizeof *csv->zones);
    csv->dates = allocate(rows, sizeof *csv->dates);
    csv->lines = allocate(rows, sizeof *csv->lines);
    csv->items = allocate(rows, sizeof *csv->items);
    bool done = csv->times && csv->zones && csv->dates && csv->lines && csv->items;
    for (size_t i = 0; i < csv->n_columns && done; i++)
        done = (csv->columns[i].values = allocate(rows, sizeof *csv->columns[i].values)) != NULL;
    return done ? FT_OK : ft_no_memory(err, csv->path, rows * sizeof(double) * (csv->n_columns + 4));
}

static void free_parts(loader *load)
{
    for (size_t i = 0; i < load->n_parts; i++) ft_csv_rows_free(&load->parts[i]);
    load->n_parts = 0;
}

/* Opens a part for each piece, or (n_parts 1) one part for all pieces. */
static ft_status open_parts(loader *load, size_t n_parts, ft_error *err)
{
    const ft_csv_survey *survey = &load->survey;
    const size_t pieces = survey->n_pieces / n_parts;
    ft_status status = FT_OK;
    for (size_t i = 0, first = 0; i < n_parts && status == FT_OK; first += survey->pieces[i++].n_lines) {
        ft_csv_scanner at = load->scanner;
        at.at = survey->pieces[i].start;
        at.line = survey->pieces[i].first_line;
        const char *end = survey->pieces[i * pieces + pieces - 1].end;
        status = ft_csv_rows_open(&load->parts[load->n_parts++], &load->table, &at, end, first, err);
    }
    return status;
}

/* A part fails if it cannot be read, or its last row goes on in the next part. */
static void read_part(void *context, int64_t i)
{
    ft_csv_rows *rows = &((loader *)context)->parts[i];
    ft_error ignored;
    rows->failed = ft_csv_rows_read(rows, &ignored) != FT_OK || rows->went_beyond;
}

/* Reads all pieces in parallel, which supposes that none begins inside a quoted cell.
 * False: that was wrong, or there is an error to find; nothing is read then. With
 * --missing the parts are not tried: each word that is found is marked in
 * `load->settings`, which threads must not do at the same time. */
static bool read_in_parts(loader *load)
{
    ft_error ignored;
    const size_t n_parts = load->survey.n_pieces;
    bool done = n_parts > 1 && load->settings.n_words == 0 && open_parts(load, n_parts, &ignored) == FT_OK;
    if (done) ft_parallel(0, (int64_t)n_parts, read_part, load);
    for (size_t i = 0; i < load->n_parts; i++) done &= !load->parts[i].failed;
    if (!done) free_parts(load);
    return done;
}

static ft_status read_all(loader *load, ft_error *err)
{
    if (read_in_parts(load)) return FT_OK;
    ft_status status = open_parts(load, 1, err);
    return status == FT_OK ? ft_csv_rows_read(&load->parts[0], err) : status;
}

/* Whether a column's first text stands in a row that was not looked at: it may be a
 * number with a mark that the first rows do not have. */
static bool has_late_text(const loader *load)
{
    for (size_t c = 0; c < load->csv->n_columns; c++) {
        size_t i = 0;
        while (i < load->n_parts && !load->parts[i].texts[c].text) i++;
        if (i < load->n_parts && load->parts[i].texts[c].line >= load->first_unseen_line) return true;
    }
    return false;
}

/* Decides by all cells how numbers are written, and reads all rows again. */
static ft_status read_again(loader *load, ft_error *err)
{
    free_parts(load);
    for (size_t i = 0; i < load->settings.n_words; i++) load->settings.words[i].found = false;
    ft_status status = find_notations(load, load->scanner.end, err);
    return status == FT_OK ? read_all(load, err) : status;
}

static ft_status read_rows(loader *load, ft_error *err)
{
    ft_csv *csv = load->csv;
    load->parts = calloc(load->survey.n_pieces, sizeof *load->parts);
    if (!load->parts) return ft_no_memory(err, csv->path, load->survey.n_pieces * sizeof *load->parts);
    ft_status status = make_room(csv, &load->survey, err);
    if (status == FT_OK) status = read_all(load, err);
    if (status == FT_OK && has_late_text(load)) status = read_again(load, err);
    return status != FT_OK ? status : ft_csv_rows_join(csv, load->parts, load->n_parts, err);
}

/* Takes the style of the last date: rows were put in order, so that it need not be the
 * last of the file. Its month's name may be of several languages: as many rows before it
 * are read as it takes to leave one. */
static void find_style(const loader *load)
{
    ft_csv *csv = load->csv;
    const char *format = load->table.date_format, *date = csv->dates[csv->n_rows - 1];
    int64_t time;
    ft_timestamp_style earlier;
    if (!*format) (void)ft_timestamp_parse(date, strlen(date), &time, &csv->style);
    if (*format) (void)ft_date_format_read(format, date, strlen(date), &time, &csv->style);
    if (csv->style.months.fits == 0) return;
    for (size_t row = csv->n_rows - 1; row-- > 0;) {
        date = csv->dates[row];
        if (ft_date_format_read(format, date, strlen(date), &time, &earlier) &&
            ft_month_style_narrow(&csv->style.months, &earlier.months))
            break;
    }
}

static ft_status read_text(loader *load, const char *text, size_t size, size_t piece_bytes, ft_error *err)
{
    ft_csv *csv = load->csv;
    load->scanner = ft_csv_scan(csv->path, text, size);
    ft_status status = ft_csv_survey_make(csv->path, text, size, piece_bytes, &load->survey, err);
    csv->checksum = load->survey.checksum;
    if (status == FT_OK) status = ft_csv_find_separator(&load->scanner, load->settings.separator, err);
    if (status == FT_OK) status = read_header(load, err);
    if (status == FT_OK) ft_csv_survey_skip(&load->survey, load->scanner.at, load->scanner.line);
    if (status == FT_OK) status = find_layout(load, err);
    if (status == FT_OK) status = read_rows(load, err);
    if (status == FT_OK && csv->n_rows == 0)
        status = ft_fail(err, FT_BAD_INPUT, "%s: a header, but no row of data", csv->path);
    if (status == FT_OK) status = ft_csv_put_in_order(csv, &load->settings, err);
    if (status == FT_OK) find_style(load);
    /* Only for the first file: later ones need not have every word. */
    if (status == FT_OK && !load->like) ft_csv_note_unused_words(&load->settings, csv->path, &csv->notes);
    if (status == FT_OK && csv->notes.failed) status = ft_no_memory(err, csv->path, 128);
    return status;
}

ft_status ft_csv_read_pieces(const char *path, const ft_csv_options *options, bool takes_pipes,
                             const ft_csv *like, size_t piece_bytes, ft_csv *csv, ft_error *err)
{
    *csv = (ft_csv){0};
    loader load = {.csv = csv,
                   .like = like,
                   .table = {.csv = csv, .settings = &load.settings},
                   .piece_bytes = piece_bytes,
                   .first_unseen_line = SIZE_MAX};
    char *text = NULL;
    size_t size;
    csv->path = ft_copy_string(ft_csv_text_name(path));
    if (!csv->path) return ft_no_memory(err, path, strlen(path));
    ft_status status = ft_csv_settings_parse(options, &load.settings, err);
    if (status == FT_OK) status = ft_csv_text_read(path, takes_pipes, &text, &size, &csv->notes, err);
    if (status == FT_OK) status = read_text(&load, text, size, piece_bytes, err);
    free_parts(&load);
    free(load.parts);
    free(text);
    for (size_t i = 0; i < load.table.width && load.id_names; i++) free(load.id_names[i]);
    ft_csv_survey_free(&load.survey);
    ft_csv_scanner_free(&load.scanner);
    free(load.id_names);
    free(load.table.names);
    free(load.table.roles);
    if (status == FT_BAD_INPUT) ft_csv_add_notes(&csv->notes, err);
    if (status != FT_OK) ft_csv_free(csv);
    return status;
}

ft_status ft_csv_read(const char *path, const ft_csv_options *options, bool takes_pipes, const ft_csv *like,
                      ft_csv *csv, ft_error *err)
{
    return ft_csv_read_pieces(path, options, takes_pipes, like, PIECE_BYTES, csv, err);
}

void ft_csv_add_notes(const ft_text *notes, ft_error *err)
{
    if (!err || notes->length == 0) return;
    ft_error refusal = *err;
    /* without the last newline */
    char *line = ft_copy_bytes(notes->data, notes->length - 1);
    if (!line) return;
    for (char *at = line; (at = strchr(at, '\n'));) *at = ';';
    ft_fail(err, FT_BAD_INPUT, "%.600s; note: %.400s", refusal.message, line);
    free(line);
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
    free(csv->dates);
    free(csv->lines);
    free(csv->items);
    ft_string_pool_free(&csv->date_texts);
    ft_text_free(&csv->notes);
    *csv = (ft_csv){0};
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
