/* From the cells of a CSV file to columns of numbers; see csv.h. */
#include "host/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checksum.h"
#include "base/file.h"
#include "host/csv_scanner.h"

/* What the reader needs while it reads, besides what it leaves in the ft_csv. */
typedef struct loader {
    ft_csv *csv;
    ft_csv_scanner scanner;
    size_t width;       /* cells in a row */
    size_t *roles;      /* (width): index of the column, or one of the two below */
    size_t capacity;    /* rows for which there is memory */
    size_t *infinities; /* (n_columns): line of the first infinite number, 0: none */
    int32_t *buckets;   /* (n_buckets): index of a series by the hash of its name, -1: free */
    size_t n_buckets, items_capacity;
    size_t *last_rows; /* (n_items): the last row of each series so far */
} loader;

static const size_t role_date = SIZE_MAX, role_id = SIZE_MAX - 1;
static const size_t max_columns = 16384, max_rows = 1u << 30, max_file_bytes = (size_t)1 << 33;

static bool is_word(const ft_csv_cell *cell, const char *word)
{
    return cell->length == strlen(word) && strncasecmp(cell->text, word, cell->length) == 0;
}

static bool is_missing(const ft_csv_cell *cell)
{
    if (cell->length == 0) return true;
    if (cell->length > 4) return false;
    return is_word(cell, "nan") || is_word(cell, "na") || is_word(cell, "null");
}

static bool is_infinite_word(const ft_csv_cell *cell)
{
    ft_csv_cell word = *cell;
    if (word.length && (*word.text == '+' || *word.text == '-')) word.text++, word.length--;
    return is_word(&word, "inf") || is_word(&word, "infinity");
}

/* A copy fit for a message: not longer than 40 bytes, never cut inside a UTF-8 character. */
static char *shortened(const char *text, size_t length)
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

/* FT_BAD_INPUT for a name that is no column: the nearest one, or all of them. */
static ft_status unknown_column(const char *path, const char *name, const char *const *names, size_t count,
                                ft_error *err)
{
    const char *nearest = ft_nearest_name(name, names, count);
    if (nearest)
        return ft_fail(err, FT_BAD_INPUT, "%s: no column \"%.80s\" (did you mean \"%.80s\"?)", path, name,
                       nearest);
    ft_text list = FT_TEXT_EMPTY;
    for (size_t i = 0; i < count && list.length < 300; i++)
        ft_text_addf(&list, "%s%.80s", i ? ", " : "", names[i]);
    if (list.length >= 300) ft_text_add(&list, ", ...");
    ft_status status = ft_fail(err, FT_BAD_INPUT, "%s: no column \"%.80s\" (there are: %s)", path, name,
                               list.data && !list.failed ? list.data : "");
    ft_text_free(&list);
    return status;
}

/* The names of the header, *count of them, in a new array. */
static ft_status read_names(loader *load, char ***names, size_t *count, ft_error *err)
{
    const char *path = load->csv->path;
    *names = NULL;
    *count = 0;
    if (!ft_csv_next_row(&load->scanner)) return ft_fail(err, FT_BAD_INPUT, "%s: the file is empty", path);
    ft_csv_cell cell;
    do {
        ft_status status = ft_csv_next_cell(&load->scanner, &cell, err);
        if (status != FT_OK) return status;
        if (*count == max_columns)
            return ft_fail(err, FT_BAD_INPUT, "%s: more than %zu columns", path, max_columns);
        char **grown = realloc(*names, (*count + 1) * sizeof *grown);
        if (!grown) return ft_no_memory(err, path, (*count + 1) * sizeof *grown);
        *names = grown;
        grown[*count] = ft_copy_bytes(cell.text, cell.length);
        if (!grown[*count]) return ft_no_memory(err, path, cell.length);
        ++*count;
    } while (!cell.ends_row);
    return FT_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static ft_status check_names(const char *path, char *const *names, size_t count, ft_error *err)
{
    if (count == 1)
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s: only one column, \"%.80s\" (a date column and the target are needed; cells are separated by "
            "commas)",
            path, names[0]);
    const char **sorted = malloc(count * sizeof *sorted);
    if (!sorted) return ft_no_memory(err, path, count * sizeof *sorted);
    for (size_t i = 0; i < count; i++) sorted[i] = names[i];
    qsort(sorted, count, sizeof *sorted, by_name);
    ft_status status = FT_OK;
    for (size_t i = 1; i < count && status == FT_OK; i++)
        if (*sorted[i] && strcmp(sorted[i - 1], sorted[i]) == 0)
            status = ft_fail(err, FT_BAD_INPUT, "%s: two columns named \"%.80s\"", path, sorted[i]);
    free(sorted);
    return status;
}

static size_t index_of(const char *name, char *const *names, size_t count)
{
    size_t i = 0;
    while (i < count && strcmp(names[i], name) != 0) i++;
    return i;
}

/* Reads the header and gives each column its role; the names move into the ft_csv. */
static ft_status read_header(loader *load, const char *timestamp, const char *id, ft_error *err)
{
    ft_csv *csv = load->csv;
    char **names;
    size_t count;
    ft_status status = read_names(load, &names, &count, err);
    if (status == FT_OK) status = check_names(csv->path, names, count, err);
    if (status != FT_OK) goto cleanup;
    size_t date_index = timestamp ? index_of(timestamp, names, count) : 0;
    size_t id_index = id ? index_of(id, names, count) : SIZE_MAX;
    if (date_index == count || id_index == count) {
        status = unknown_column(csv->path, id_index == count ? id : timestamp, (const char *const *)names,
                                count, err);
        goto cleanup;
    }
    if (date_index == id_index && timestamp) {
        status =
            ft_fail(err, FT_BAD_INPUT, "%s: column \"%.80s\" cannot be both dates and ids", csv->path, id);
        goto cleanup;
    }
    if (date_index == id_index) date_index = 1; /* the first column that is not the id */
    load->width = count;
    load->roles = calloc(count, sizeof *load->roles);
    load->infinities = calloc(count, sizeof *load->infinities);
    csv->columns = calloc(count, sizeof *csv->columns);
    if (!load->roles || !load->infinities || !csv->columns) {
        status = ft_no_memory(err, csv->path, count * sizeof *csv->columns);
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) {
        load->roles[i] = i == date_index ? role_date : i == id_index ? role_id : csv->n_columns;
        if (i == date_index)
            csv->timestamp_name = names[i];
        else if (i == id_index)
            csv->id_name = names[i];
        else
            csv->columns[csv->n_columns++].name = names[i];
        names[i] = NULL;
    }
cleanup:
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
    return status;
}

/* Makes `array` hold `count` elements of `size` bytes; false (array unchanged) when memory runs out. */
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

static size_t hash_of(const char *text, size_t length)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32);
}

static bool is_item(const ft_csv *csv, int32_t item, const ft_csv_cell *cell)
{
    const char *name = csv->item_names[item];
    return strncmp(name, cell->text, cell->length) == 0 && name[cell->length] == '\0';
}

/* The bucket of a name: where it is, or the free one where it belongs. */
static size_t bucket_of(const loader *load, const char *text, size_t length)
{
    ft_csv_cell cell = {.text = text, .length = length};
    size_t i = hash_of(text, length) & (load->n_buckets - 1);
    while (load->buckets[i] >= 0 && !is_item(load->csv, load->buckets[i], &cell))
        i = (i + 1) & (load->n_buckets - 1);
    return i;
}

/* Doubles the memory for series, which also keeps the hash table at most half full. */
static bool grow_items(loader *load)
{
    ft_csv *csv = load->csv;
    size_t capacity = load->items_capacity ? load->items_capacity * 2 : 16;
    if (!resize(&csv->item_names, capacity, sizeof *csv->item_names) ||
        !resize(&load->last_rows, capacity, sizeof *load->last_rows) ||
        !resize(&load->buckets, capacity * 2, sizeof *load->buckets))
        return false;
    load->items_capacity = capacity;
    load->n_buckets = capacity * 2;
    for (size_t i = 0; i < load->n_buckets; i++) load->buckets[i] = -1;
    for (size_t i = 0; i < csv->n_items; i++) {
        const char *name = csv->item_names[i];
        if (name) load->buckets[bucket_of(load, name, strlen(name))] = (int32_t)i;
    }
    return true;
}

/* The number of the series that the cell names (NULL: the only series), in csv->items of this row. */
static ft_status take_item(loader *load, const ft_csv_cell *cell, ft_error *err)
{
    ft_csv *csv = load->csv;
    int32_t *item = &csv->items[csv->n_rows];
    if (csv->n_items && (!cell || is_item(csv, item[-1], cell))) { /* mostly that of the row before */
        *item = item[-1];
        return FT_OK;
    }
    if (cell && cell->length == 0)
        return ft_fail(err, FT_BAD_INPUT,
                       "%s:%zu: column \"%.80s\": the cell is empty (each row must name its series)",
                       csv->path, cell->line, csv->id_name);
    if (csv->n_items == load->items_capacity && !grow_items(load))
        return ft_no_memory(err, csv->path, load->items_capacity * 2 * sizeof *csv->item_names);
    size_t bucket = cell ? bucket_of(load, cell->text, cell->length) : 0;
    if (load->buckets[bucket] < 0) {
        csv->item_names[csv->n_items] = cell ? ft_copy_bytes(cell->text, cell->length) : NULL;
        if (cell && !csv->item_names[csv->n_items]) return ft_no_memory(err, csv->path, cell->length);
        load->last_rows[csv->n_items] = SIZE_MAX;
        load->buckets[bucket] = (int32_t)csv->n_items++;
    }
    *item = load->buckets[bucket];
    return FT_OK;
}

static ft_status take_date(loader *load, const ft_csv_cell *cell, ft_error *err)
{
    ft_csv *csv = load->csv;
    if (!ft_timestamp_parse(cell->text, cell->length, &csv->times[csv->n_rows], &csv->style)) {
        if (is_missing(cell))
            return ft_fail(err, FT_BAD_INPUT, "%s:%zu: column \"%.80s\": the date is missing", csv->path,
                           cell->line, csv->timestamp_name);
        char *text = shortened(cell->text, cell->length);
        ft_status status =
            ft_fail(err, FT_BAD_INPUT,
                    "%s:%zu: column \"%.80s\": \"%s\" is not a date (write it as 2024-12-31 or 2024-12-31 "
                    "23:59:00; --timestamp names the date column)",
                    csv->path, cell->line, csv->timestamp_name, text ? text : "");
        free(text);
        return status;
    }
    csv->zones[csv->n_rows] = (int16_t)csv->style.zone_minutes;
    csv->date_offsets[csv->n_rows] = csv->date_texts.length;
    ft_text_add_bytes(&csv->date_texts, cell->text, cell->length);
    ft_text_add_bytes(&csv->date_texts, "", 1);
    return csv->date_texts.failed ? ft_no_memory(err, csv->path, csv->date_texts.length * 2) : FT_OK;
}

static ft_status take_value(loader *load, size_t index, const ft_csv_cell *cell, ft_error *err)
{
    ft_csv_column *column = &load->csv->columns[index];
    double *value = &column->values[load->csv->n_rows];
    *value = 0;
    if (is_missing(cell)) {
        *value = NAN;
    } else if (!column->text && !ft_parse_double(cell->text, cell->length, value)) {
        if (isinf(*value) || is_infinite_word(cell)) {
            if (!load->infinities[index]) load->infinities[index] = cell->line;
        } else {
            column->text = shortened(cell->text, cell->length);
            column->text_line = cell->line;
            if (!column->text) return ft_no_memory(err, load->csv->path, cell->length);
        }
        *value = 0;
    }
    return FT_OK;
}

/* The row's date must come after the one before it of the same series. */
static ft_status check_order(loader *load, ft_error *err)
{
    ft_csv *csv = load->csv;
    size_t row = csv->n_rows, before = load->last_rows[csv->items[row]];
    load->last_rows[csv->items[row]] = row;
    if (before == SIZE_MAX || csv->times[row] > csv->times[before]) return FT_OK;
    const char *hint =
        csv->id_name ? "" : "; if the file holds several series, --id names the column that tells them apart";
    if (csv->times[row] == csv->times[before])
        return ft_fail(err, FT_BAD_INPUT, "%s:%u: the date \"%.60s\" is given twice, first in line %u%s",
                       csv->path, csv->lines[row], ft_csv_date(csv, row), csv->lines[before], hint);
    return ft_fail(err, FT_BAD_INPUT,
                   "%s:%u: the date \"%.60s\" comes after \"%.60s\" of line %u, but is earlier (sort the "
                   "rows by time%s)",
                   csv->path, csv->lines[row], ft_csv_date(csv, row), ft_csv_date(csv, before),
                   csv->lines[before], hint);
}

static ft_status read_row(loader *load, ft_error *err)
{
    ft_csv *csv = load->csv;
    ft_status status = csv->n_rows == load->capacity ? grow_rows(load, err) : FT_OK;
    size_t line = load->scanner.line, count = 0;
    ft_csv_cell cell = {0};
    while (status == FT_OK && !cell.ends_row) {
        status = ft_csv_next_cell(&load->scanner, &cell, err);
        if (status != FT_OK) return status;
        if (count < load->width) {
            size_t role = load->roles[count];
            status = role == role_date ? take_date(load, &cell, err)
                     : role == role_id ? take_item(load, &cell, err)
                                       : take_value(load, role, &cell, err);
        }
        count++;
    }
    if (status != FT_OK) return status;
    if (count != load->width)
        return ft_fail(err, FT_BAD_INPUT, "%s:%zu: %zu cell%s, but the header has %zu columns", csv->path,
                       line, count, count == 1 ? "" : "s", load->width);
    csv->lines[csv->n_rows] = (uint32_t)line;
    if (!csv->id_name) status = take_item(load, NULL, err);
    if (status == FT_OK) status = check_order(load, err);
    if (status == FT_OK) csv->n_rows++;
    return status;
}

static ft_status check_infinities(const loader *load, ft_error *err)
{
    const ft_csv *csv = load->csv;
    for (size_t i = 0; i < csv->n_columns; i++)
        if (load->infinities[i] && !csv->columns[i].text)
            return ft_fail(
                err, FT_BAD_INPUT,
                "%s:%zu: column \"%.80s\": an infinite number (leave the cell empty for a missing value)",
                csv->path, load->infinities[i], csv->columns[i].name);
    return FT_OK;
}

ft_status ft_csv_read(const char *path, const char *timestamp, const char *id, ft_csv *csv, ft_error *err)
{
    *csv = (ft_csv){0};
    loader load = {.csv = csv};
    char *text = NULL;
    size_t size;
    csv->path = ft_copy_string(path);
    if (!csv->path) return ft_no_memory(err, path, strlen(path));
    ft_status status = ft_read_file(path, max_file_bytes, &text, &size, err);
    if (status != FT_OK) goto cleanup;
    csv->checksum = ft_checksum(0, text, size);
    status = ft_csv_scan(&load.scanner, csv->path, text, size, err);
    if (status == FT_OK) status = read_header(&load, timestamp, id, err);
    while (status == FT_OK && ft_csv_next_row(&load.scanner)) status = read_row(&load, err);
    if (status == FT_OK && csv->n_rows == 0)
        status = ft_fail(err, FT_BAD_INPUT, "%s: a header, but no row of data", path);
    if (status == FT_OK) status = check_infinities(&load, err);
cleanup:
    free(text);
    free(load.roles);
    free(load.infinities);
    free(load.buckets);
    free(load.last_rows);
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
        if (!csv->columns[i].text) return FT_OK;
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s:%zu: column \"%.80s\": \"%s\" is not a number (leave the cell empty for a missing value)",
            csv->path, csv->columns[i].text_line, name, csv->columns[i].text);
    }
    if (strcmp(csv->timestamp_name, name) == 0 || (csv->id_name && strcmp(csv->id_name, name) == 0))
        return ft_fail(err, FT_BAD_INPUT, "%s: column \"%.80s\" holds the %s, it cannot be the target",
                       csv->path, name, strcmp(csv->timestamp_name, name) == 0 ? "dates" : "series' ids");
    const char **names = malloc(csv->n_columns * sizeof *names);
    if (!names) return ft_no_memory(err, csv->path, csv->n_columns * sizeof *names);
    for (size_t i = 0; i < csv->n_columns; i++) names[i] = csv->columns[i].name;
    ft_status status = unknown_column(csv->path, name, names, csv->n_columns, err);
    free(names);
    return status;
}
