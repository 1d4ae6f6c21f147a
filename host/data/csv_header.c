/* The header of a CSV file; see csv_header.h. */
#include "host/data/csv_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "host/data/csv_hints.h"

static const size_t max_columns = 16384;

ft_status ft_csv_unknown_column(const char *path, const char *name, const char *const *names, size_t count,
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

/* For a column that the header lacks: a row below may be the header. */
static ft_status lacks_column(const ft_csv_scanner *scanner, const char *name, const ft_csv_header *header,
                              ft_error *err)
{
    const size_t line = ft_csv_find_cell(scanner, name);
    if (line)
        return ft_fail(err, FT_BAD_INPUT,
                       "%s: no column \"%.80s\" in the header, but it is in line %zu: what stands above that "
                       "is to be deleted",
                       scanner->path, name, line);
    return ft_csv_unknown_column(scanner->path, name, (const char *const *)header->names, header->count, err);
}

static ft_status read_names(ft_csv_scanner *scanner, ft_csv_header *header, ft_error *err)
{
    const char *path = scanner->path;
    if (!ft_csv_next_row(scanner)) return ft_fail(err, FT_BAD_INPUT, "%s: the file is empty", path);
    ft_csv_cell cell;
    do {
        ft_status status = ft_csv_next_cell(scanner, &cell, err);
        if (status != FT_OK) return status;
        if (header->count == max_columns)
            return ft_fail(err, FT_BAD_INPUT, "%s: more than %zu columns", path, max_columns);
        char **grown = realloc(header->names, (header->count + 1) * sizeof *grown);
        if (!grown) return ft_no_memory(err, path, (header->count + 1) * sizeof *grown);
        header->names = grown;
        grown[header->count] = ft_copy_bytes(cell.text, cell.length);
        if (!grown[header->count]) return ft_no_memory(err, path, cell.length);
        header->count++;
    } while (!cell.ends_row);
    header->repeated = calloc(header->count, sizeof *header->repeated);
    return header->repeated ? FT_OK : ft_no_memory(err, path, header->count);
}

static size_t find_name(const char *name, char *const *names, size_t count)
{
    size_t i = 0;
    while (i < count && strcmp(names[i], name) != 0) i++;
    return i;
}

static int by_name(const void *a, const void *b)
{
    const char *const *x = *(const char *const *const *)a, *const *y = *(const char *const *const *)b;
    const int order = strcmp(*x, *y);
    return order ? order : x < y ? -1 : x > y;
}

/* The first of name.1, name.2, ... from *number on that no column has. */
static char *free_name(const char *name, size_t *number, char *const *names, size_t count)
{
    ft_text text = FT_TEXT_EMPTY;
    do {
        text.length = 0;
        ft_text_addf(&text, "%s.%zu", name, (*number)++);
    } while (!text.failed && find_name(text.data, names, count) < count);
    if (text.failed) ft_text_free(&text);
    return text.data;
}

/* "Unnamed: 3" for the column at place 3, or "Unnamed: 3.1" where another is called
 * that. */
static char *name_for(size_t place, char *const *names, size_t count)
{
    char name[40];
    size_t number = 1;
    snprintf(name, sizeof name, "Unnamed: %zu", place);
    return find_name(name, names, count) < count ? free_name(name, &number, names, count)
                                                 : ft_copy_string(name);
}

/* Gives names to columns that have none or another's, as pandas does; marks the first of
 * those that share one. */
static ft_status complete_names(const char *path, char **names, bool *repeated, size_t count, ft_error *err)
{
    ft_status status = FT_OK;
    char ***sorted = malloc(count * sizeof *sorted);
    if (!sorted) return ft_no_memory(err, path, count * sizeof *sorted);
    for (size_t i = 0; i < count && status == FT_OK; i++) {
        sorted[i] = &names[i];
        if (*names[i]) continue;
        char *name = name_for(i, names, count);
        if (!name) status = ft_no_memory(err, path, 32);
        if (!name) break;
        free(names[i]);
        names[i] = name;
    }
    if (status == FT_OK) qsort(sorted, count, sizeof *sorted, by_name);
    for (size_t i = 0, next; i < count && status == FT_OK; i = next) {
        size_t number = 1;
        for (next = i + 1; next < count && strcmp(*sorted[i], *sorted[next]) == 0; next++) {
            char *name = free_name(*sorted[next], &number, names, count);
            if (!name) status = ft_no_memory(err, path, 32);
            if (!name) break;
            free(*sorted[next]);
            *sorted[next] = name;
            repeated[sorted[i] - names] = true;
        }
    }
    free(sorted);
    return status;
}

static ft_status check_width(const char *path, const ft_csv_header *header, ft_error *err)
{
    if (header->count > 1) return FT_OK;
    if (strpbrk(header->names[0], " \t"))
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s: only one column, \"%.80s\" (a date column and the target are needed; blanks do not "
            "separate cells: write commas, semicolons, tabs or | between them)",
            path, header->names[0]);
    return ft_fail(
        err, FT_BAD_INPUT,
        "%s: only one column, \"%.80s\" (a date column and the target are needed; cells are separated by "
        "commas, semicolons, tabs, | or what --separator names)",
        path, header->names[0]);
}

/* Takes the name of `length` bytes from --id. */
static ft_status add_id(const ft_csv_scanner *scanner, const char *text, size_t length, ft_csv_header *header,
                        ft_error *err)
{
    if (header->n_ids == FT_CSV_MAX_IDS)
        return ft_fail(err, FT_BAD_INPUT, "--id: more than %d columns", FT_CSV_MAX_IDS);
    char *name = ft_copy_bytes(text, length);
    if (!name) return ft_no_memory(err, scanner->path, length);
    const size_t place = find_name(name, header->names, header->count);
    ft_status status = FT_OK;
    if (place == header->count) status = lacks_column(scanner, name, header, err);
    for (size_t i = 0; i < header->n_ids && status == FT_OK; i++)
        if (header->ids[i] == place)
            status = ft_fail(err, FT_BAD_INPUT, "--id: column \"%.80s\" is named twice", name);
    free(name);
    if (status == FT_OK) header->ids[header->n_ids++] = place;
    return status;
}

/* Finds the columns that --id names: one, or several with commas between. */
static ft_status find_ids(const ft_csv_scanner *scanner, const char *id, ft_csv_header *header, ft_error *err)
{
    if (!id) return FT_OK;
    if (find_name(id, header->names, header->count) < header->count)
        return add_id(scanner, id, strlen(id), header, err);
    ft_status status = FT_OK;
    for (const char *at = id, *next; at && status == FT_OK; at = next) {
        size_t length = strcspn(at, ",");
        next = at[length] ? at + length + 1 : NULL;
        while (length && *at == ' ') at++, length--;
        while (length && at[length - 1] == ' ') length--;
        status = add_id(scanner, at, length, header, err);
    }
    return status;
}

size_t ft_csv_header_id(const ft_csv_header *header, size_t place)
{
    size_t i = 0;
    while (i < header->n_ids && header->ids[i] != place) i++;
    return i;
}

/* What the first rows have in a column. */
typedef struct first_cells {
    bool digits, dates; /* all of them: digits alone; dates that are no numbers */
} first_cells;

/* cells: (header->count). False where there is no row. */
static bool look_at_first_cells(const ft_csv_scanner *scanner, size_t count, first_cells *cells)
{
    enum { ROWS = 5 };
    ft_csv_scanner ahead = ft_csv_scanner_copy(scanner);
    ft_status status = FT_OK;
    ft_error ignored;
    int rows = 0;
    for (size_t i = 0; i < count; i++) cells[i] = (first_cells){true, true};
    for (; rows < ROWS && status == FT_OK && ft_csv_next_row(&ahead); rows++) {
        ft_csv_cell cell = {0};
        size_t place = 0;
        for (; status == FT_OK && !cell.ends_row && place < count; place++) {
            status = ft_csv_next_cell(&ahead, &cell, &ignored);
            if (status != FT_OK) break;
            double number;
            size_t digits = 0;
            while (digits < cell.length && cell.text[digits] >= '0' && cell.text[digits] <= '9') digits++;
            cells[place].digits &= cell.length > 0 && digits == cell.length;
            cells[place].dates = cells[place].dates && ft_csv_is_date(cell.text, cell.length) &&
                                 !ft_parse_double(cell.text, cell.length, &number);
        }
        for (; place < count; place++) cells[place] = (first_cells){0};
        /* too many cells, which is told of later */
        if (status == FT_OK && !cell.ends_row) break;
    }
    ft_csv_scanner_free(&ahead);
    return rows > 0;
}

static bool names_a_date(const char *name)
{
    static const char *const names[] = {"date", "ds",  "datetime", "date_time",
                                        "time", "day", "datum",    "timestamp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0) return true;
    return false;
}

/* Numbers alone in the first column may be ids, where another column has dates: that is
 * the date column then. FT_BAD_INPUT where this is not certain. */
static ft_status prefer_dates(const ft_csv_scanner *scanner, ft_csv_header *header, ft_error *err)
{
    const size_t count = header->count;
    if (names_a_date(header->names[header->date])) return FT_OK;
    first_cells *cells = malloc(count * sizeof *cells);
    if (!cells) return ft_no_memory(err, scanner->path, count * sizeof *cells);
    size_t found = count, n_found = 0;
    if (look_at_first_cells(scanner, count, cells) && cells[header->date].digits) {
        for (size_t i = 0; i < count; i++) {
            if (!cells[i].dates || ft_csv_header_id(header, i) < header->n_ids) continue;
            if (!n_found++) found = i;
        }
    }
    free(cells);
    if (n_found == 0) return FT_OK;
    /* A column without a name is the index of a table that pandas wrote. */
    const bool is_index = strncmp(header->names[header->date], "Unnamed: ", 9) == 0;
    if (n_found > 1 || (!is_index && !names_a_date(header->names[found])))
        return ft_fail(err, FT_BAD_INPUT,
                       "%s: column \"%.80s\" holds numbers and column \"%.80s\" dates: --timestamp \"%.80s\" "
                       "or \"%.80s\" says which are the dates",
                       scanner->path, header->names[header->date], header->names[found], header->names[found],
                       header->names[header->date]);
    header->date = found;
    header->date_found = true;
    return FT_OK;
}

/* The date column: that of --timestamp, or the first that is no id, or the one with dates
 * where that one has numbers alone. */
static ft_status find_date(const ft_csv_scanner *scanner, const char *timestamp, ft_csv_header *header,
                           ft_error *err)
{
    const size_t count = header->count;
    size_t place = timestamp ? find_name(timestamp, header->names, count) : 0;
    if (timestamp && place == count) return lacks_column(scanner, timestamp, header, err);
    if (timestamp && ft_csv_header_id(header, place) < header->n_ids)
        return ft_fail(err, FT_BAD_INPUT, "%s: column \"%.80s\" cannot be both dates and ids", scanner->path,
                       timestamp);
    while (place < count && ft_csv_header_id(header, place) < header->n_ids) place++;
    if (place == count)
        return ft_fail(err, FT_BAD_INPUT, "%s: all columns are ids, none is left for the dates",
                       scanner->path);
    header->date = place;
    if (ft_csv_is_date(header->names[place], strlen(header->names[place])))
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s: the first row has the date \"%.60s\": is the header missing? (put a line with the columns' "
            "names above it)",
            scanner->path, header->names[place]);
    return timestamp ? FT_OK : prefer_dates(scanner, header, err);
}

ft_status ft_csv_header_read(ft_csv_scanner *scanner, const ft_csv_options *options, ft_csv_header *header,
                             ft_error *err)
{
    *header = (ft_csv_header){0};
    ft_status status = read_names(scanner, header, err);
    if (status == FT_OK) status = check_width(scanner->path, header, err);
    if (status == FT_OK)
        status = complete_names(scanner->path, header->names, header->repeated, header->count, err);
    if (status == FT_OK) status = find_ids(scanner, options->id, header, err);
    if (status == FT_OK) status = find_date(scanner, options->timestamp, header, err);
    if (status != FT_OK) ft_csv_header_free(header);
    return status;
}

void ft_csv_header_free(ft_csv_header *header)
{
    for (size_t i = 0; i < header->count; i++) free(header->names[i]);
    free(header->names);
    free(header->repeated);
    *header = (ft_csv_header){0};
}
