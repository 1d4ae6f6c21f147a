/* From CSV files to the histories of series; see dataset.h. */
#include "host/data/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/pages.h"
#include "host/data/csv.h"
#include "host/data/dataset_target.h"

enum { MAX_FILES = 3 };

struct ft_dataset_texts {
    ft_string_pool dates;
    char *paths[MAX_FILES];
    char **ids; /* (n_items) */
    size_t n_items;
};

ft_status ft_split_fractions_parse(const char *text, double split[3], ft_error *err)
{
    const char *at = text;
    double sum = 0;
    bool good = true;
    for (int i = 0; i < 3 && good; i++) {
        size_t length = strcspn(at, ",");
        good = ft_parse_double(at, length, &split[i]) && split[i] >= 0 && (at[length] == ',') == (i < 2);
        if (good) sum += split[i];
        at += length + 1;
    }
    if (good && fabs(sum - 1) < 1e-6 && split[0] > 0) return FT_OK;
    return ft_fail(
        err, FT_BAD_INPUT,
        "split \"%.60s\": three parts for training, validation and test are needed whose sum is 1, like "
        "0.7,0.15,0.15",
        text);
}

void ft_split_rows(const double split[3], int64_t n_rows, int64_t start[4])
{
    /* 0.7 + 0.1 is a little less than 0.8 in double: a thousandth of a row makes up for
     * that. */
    start[0] = 0;
    start[1] = (int64_t)floor(split[0] * (double)n_rows + 1e-3);
    start[2] = (int64_t)floor((split[0] + split[1]) * (double)n_rows + 1e-3);
    start[3] = n_rows;
    for (int i = 1; i < 3; i++)
        if (start[i] > n_rows) start[i] = n_rows;
}

/* The files while they are joined. */
typedef struct joiner {
    ft_dataset *dataset;
    ft_csv files[MAX_FILES];
    size_t n_files;
    size_t *shared; /* (n_shared): columns of the first file that all have */
    size_t n_shared;
    /* (n_shared): column of the dataset -> column of the file */
    size_t *columns[MAX_FILES];
    /* (n_items of the file) -> item of the dataset; NULL: the same */
    int32_t *items[MAX_FILES];
    /* (n_items) of the dataset: those of the first file, then new ones */
    char **names;
    size_t n_items;
    int64_t *counts; /* (n_items, MAX_FILES): rows of an item in each file */
} joiner;

static ft_status check_source(const ft_dataset_source *source, ft_error *err)
{
    bool parts = source->train || source->val || source->test;
    if (source->data && parts)
        return ft_fail(err, FT_BAD_INPUT,
                       "one file (--data) or parts (--train, --val, --test) can be given, not both");
    if (!source->data && !source->train)
        return ft_fail(err, FT_BAD_INPUT,
                       "no data: --train, --val and --test, or --data and --split are needed");
    if (parts && source->has_split)
        return ft_fail(err, FT_BAD_INPUT, "--split cuts the file of --data: it does not go with --train");
    if (!source->target) return ft_fail(err, FT_BAD_INPUT, "the target is not named (--target COLUMN)");
    if (source->train_last < 0)
        return ft_fail(err, FT_BAD_INPUT, "the number of last training rows is %lld",
                       (long long)source->train_last);
    return FT_OK;
}

static ft_status read_files(const ft_dataset_source *source, joiner *join, ft_error *err)
{
    const char *paths[MAX_FILES] = {source->data ? source->data : source->train, source->val, source->test};
    const ft_csv *like = NULL; /* the file before, which is read as those before it */
    ft_status status = FT_OK;
    /* A missing validation file keeps its place: file number = split number. */
    for (size_t i = 0; i < MAX_FILES && status == FT_OK; i++) {
        if (!paths[i]) continue;
        status = ft_csv_read(paths[i], &source->csv, source->takes_pipes, like, &join->files[i], err);
        if (status != FT_OK) break;
        join->n_files = i + 1;
        like = &join->files[i];
        if (join->files[i].notes.length) ft_text_add(&join->dataset->notes, join->files[i].notes.data);
    }
    return status;
}

static size_t find_column(const ft_csv *csv, const char *name)
{
    size_t i = 0;
    while (i < csv->n_columns && strcmp(csv->columns[i].name, name) != 0) i++;
    return i;
}

/* Notes the columns of `from` that `other` lacks. */
static void note_lacking(joiner *join, const ft_csv *from, const ft_csv *other)
{
    ft_text *notes = &join->dataset->notes;
    size_t lacking = 0;
    for (size_t i = 0; i < from->n_columns; i++) {
        if (find_column(other, from->columns[i].name) < other->n_columns) continue;
        if (lacking++ < 3)
            ft_text_addf(
                notes, "%s\"%.80s\"",
                lacking > 1 ? ", " : "columns left out, which not all files have: ", from->columns[i].name);
    }
    if (lacking > 3) ft_text_addf(notes, " and %zu more", lacking - 3);
    if (lacking) ft_text_addf(notes, " (in %s, not in %s)\n", from->path, other->path);
}

/* The dataset's columns are those of the first file that all files have, in any order;
 * the target is asked for, and looked at first. */
static ft_status match_columns(joiner *join, ft_error *err)
{
    const ft_csv *first = &join->files[0];
    join->shared = calloc(first->n_columns + 1, sizeof *join->shared);
    if (!join->shared) return ft_no_memory(err, first->path, first->n_columns * sizeof *join->shared);
    for (size_t i = 0; i < first->n_columns; i++) {
        bool shared = true;
        for (size_t f = 1; f < join->n_files && shared; f++)
            shared = !join->files[f].path ||
                     find_column(&join->files[f], first->columns[i].name) < join->files[f].n_columns;
        if (shared) join->shared[join->n_shared++] = i;
    }
    for (size_t f = 0; f < join->n_files; f++) {
        const ft_csv *csv = &join->files[f];
        if (!csv->path) continue;
        join->columns[f] = calloc(join->n_shared + 1, sizeof *join->columns[f]);
        if (!join->columns[f]) return ft_no_memory(err, csv->path, join->n_shared * sizeof *join->columns[f]);
        for (size_t i = 0; i < join->n_shared; i++)
            join->columns[f][i] = find_column(csv, first->columns[join->shared[i]].name);
        if (f > 0) note_lacking(join, first, csv);
        if (f > 0) note_lacking(join, csv, first);
    }
    return FT_OK;
}

typedef struct named_item {
    const char *name;
    int32_t item;
} named_item;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const named_item *)a)->name, ((const named_item *)b)->name);
}

/* Adds a series that no earlier file has. */
static ft_status add_item(joiner *join, const ft_csv *csv, size_t item, int32_t *place, ft_error *err)
{
    char **grown = realloc(join->names, (join->n_items + 1) * sizeof *grown);
    if (!grown) return ft_no_memory(err, csv->path, (join->n_items + 1) * sizeof *grown);
    join->names = grown;
    grown[join->n_items] = ft_copy_string(csv->item_names[item]);
    if (!grown[join->n_items]) return ft_no_memory(err, csv->path, 16);
    *place = (int32_t)join->n_items++;
    return FT_OK;
}

/* Finds the series of a later file among the `known` ones, or adds them. */
static ft_status match_file(joiner *join, size_t file, const named_item *known, size_t n_known, ft_error *err)
{
    const ft_csv *csv = &join->files[file];
    size_t n_new = 0, first_new = 0;
    ft_status status = FT_OK;
    join->items[file] = malloc(csv->n_items * sizeof *join->items[file]);
    if (!join->items[file]) return ft_no_memory(err, csv->path, csv->n_items * sizeof *join->items[file]);
    for (size_t i = 0; i < csv->n_items && status == FT_OK; i++) {
        named_item wanted = {.name = csv->item_names[i]};
        const named_item *found = bsearch(&wanted, known, n_known, sizeof *known, by_name);
        if (found) {
            join->items[file][i] = found->item;
        } else {
            if (n_new++ == 0) first_new = i;
            status = add_item(join, csv, i, &join->items[file][i], err);
        }
    }
    if (status == FT_OK && n_new)
        ft_text_addf(
            &join->dataset->notes,
            "%s: %zu of %zu series are in no earlier file, the first \"%.80s\": they are forecast from rows "
            "of their own\n",
            csv->path, n_new, csv->n_items, csv->item_names[first_new]);
    return status;
}

/* Series of later files by the names of the earlier ones. */
static ft_status match_items(joiner *join, ft_error *err)
{
    ft_csv *first = &join->files[0];
    join->names = first->item_names;
    join->n_items = first->n_items;
    first->item_names = NULL;
    first->n_items = 0;
    if (!first->id_name) return FT_OK;
    ft_status status = FT_OK;
    for (size_t f = 1; f < join->n_files && status == FT_OK; f++) {
        if (!join->files[f].path) continue;
        size_t n_known = join->n_items;
        named_item *known = malloc(n_known * sizeof *known);
        if (!known) return ft_no_memory(err, first->path, n_known * sizeof *known);
        for (size_t i = 0; i < n_known; i++) known[i] = (named_item){join->names[i], (int32_t)i};
        qsort(known, n_known, sizeof *known, by_name);
        status = match_file(join, f, known, n_known, err);
        free(known);
    }
    return status;
}

static int32_t item_of(const joiner *join, size_t file, size_t row)
{
    int32_t item = join->files[file].items[row];
    return join->items[file] ? join->items[file][item] : item;
}

/* The target must hold numbers of float's range in each file. */
static ft_status check_target(joiner *join, const char *target, ft_error *err)
{
    ft_status status = FT_OK;
    for (size_t f = 0; f < join->n_files && status == FT_OK; f++)
        if (join->files[f].path)
            status = ft_dataset_check_target(&join->files[f], target, &join->dataset->notes, err);
    return status;
}

/* The rows of each item in each file. */
static void count_rows(joiner *join)
{
    for (size_t f = 0; f < join->n_files; f++) {
        const ft_csv *csv = &join->files[f];
        for (size_t row = 0, next; row < csv->n_rows; row = next) {
            next = row + 1;
            while (next < csv->n_rows && csv->items[next] == csv->items[row]) next++;
            join->counts[(size_t)item_of(join, f, row) * MAX_FILES + f] += (int64_t)(next - row);
        }
    }
}

/* Counts rows and finds each item's splits. */
static ft_status lay_out(joiner *join, const ft_dataset_source *source, ft_error *err)
{
    ft_dataset *dataset = join->dataset;
    dataset->n_items = join->n_items;
    dataset->items = calloc(join->n_items, sizeof *dataset->items);
    join->counts = calloc(join->n_items * MAX_FILES, sizeof *join->counts);
    if (!dataset->items || !join->counts)
        return ft_no_memory(err, "the series", join->n_items * sizeof *dataset->items);
    count_rows(join);
    for (size_t i = 0; i < dataset->n_items; i++) {
        const int64_t *counts = join->counts + i * MAX_FILES;
        int64_t start[4] = {0, counts[0], counts[0] + counts[1], counts[0] + counts[1] + counts[2]};
        if (source->has_split) ft_split_rows(source->split, counts[0], start);
        int64_t dropped =
            source->train_last && start[1] > source->train_last ? start[1] - source->train_last : 0;
        ft_dataset_item *item = &dataset->items[i];
        for (int s = 1; s < 4; s++) item->split_start[s] = start[s] - dropped;
        item->first_row = dataset->n_rows;
        item->n_rows = (size_t)(start[3] - dropped);
        dataset->n_rows += item->n_rows;
    }
    return FT_OK;
}

static ft_status name_columns(joiner *join, ft_error *err)
{
    ft_dataset *dataset = join->dataset;
    bool done = (dataset->columns = calloc(join->n_shared + 1, sizeof *dataset->columns)) != NULL;
    for (size_t c = 0; c < join->n_shared && done; c++) {
        dataset->n_columns = c + 1;
        dataset->columns[c].name = ft_copy_string(join->files[0].columns[join->shared[c]].name);
        done = dataset->columns[c].name != NULL;
    }
    return done ? FT_OK : ft_no_memory(err, "the columns", join->n_shared * sizeof *dataset->columns);
}

/* The rows of a single file that lie where the dataset has them: takes its arrays. */
static void take_rows(joiner *join)
{
    ft_dataset *dataset = join->dataset;
    ft_csv *csv = &join->files[0];
    dataset->times = csv->times;
    dataset->zones = csv->zones;
    dataset->dates = csv->dates;
    csv->times = NULL;
    csv->zones = NULL;
    csv->dates = NULL;
    for (size_t c = 0; c < dataset->n_columns; c++) {
        double **values = &csv->columns[join->columns[0][c]].values;
        dataset->columns[c].values = *values;
        *values = NULL;
    }
}

static ft_status make_room(joiner *join, ft_error *err)
{
    ft_dataset *dataset = join->dataset;
    size_t rows = dataset->n_rows + 1; /* never an empty allocation */
    dataset->times = malloc(rows * sizeof *dataset->times);
    dataset->zones = malloc(rows * sizeof *dataset->zones);
    dataset->dates = malloc(rows * sizeof *dataset->dates);
    bool done = dataset->times && dataset->zones && dataset->dates;
    for (size_t c = 0; c < dataset->n_columns && done; c++)
        done = (dataset->columns[c].values = malloc(rows * sizeof(double))) != NULL;
    return done ? FT_OK : ft_no_memory(err, "the data", rows * sizeof(double) * (join->n_shared + 3));
}

static ft_status not_after(const joiner *join, size_t file, size_t row, const char *last_date, ft_error *err)
{
    const ft_csv *csv = &join->files[file];
    const char *name = join->names[item_of(join, file, row)];
    return ft_fail(
        err, FT_BAD_INPUT,
        "%s:%u: the date \"%.60s\" does not come after \"%.60s\", the last of the file before it%s%.80s%s",
        csv->path, csv->lines[row], csv->dates[row], last_date, name ? " for series \"" : "",
        name ? name : "", name ? "\"" : "");
}

/* Moves the rows to their places, and checks that each file goes on after the one before
 * it. */
static ft_status place_rows(joiner *join, ft_error *err)
{
    ft_dataset *dataset = join->dataset;
    ft_status status = make_room(join, err);
    size_t *seen = calloc(dataset->n_items, sizeof *seen);
    if (!seen) status = ft_no_memory(err, "the series", dataset->n_items * sizeof *seen);
    for (size_t f = 0; f < join->n_files && status == FT_OK; f++) {
        const ft_csv *csv = &join->files[f];
        for (size_t row = 0; row < csv->n_rows && status == FT_OK; row++) {
            const int32_t i = item_of(join, f, row);
            const ft_dataset_item *item = &dataset->items[i];
            const int64_t *counts = join->counts + (size_t)i * MAX_FILES;
            size_t dropped = (size_t)(counts[0] + counts[1] + counts[2]) - item->n_rows, place = seen[i]++;
            if (place < dropped) continue;
            place += item->first_row - dropped;
            if (place > item->first_row && csv->times[row] <= dataset->times[place - 1])
                status = not_after(join, f, row, dataset->dates[place - 1], err);
            dataset->times[place] = csv->times[row];
            dataset->zones[place] = csv->zones[row];
            dataset->dates[place] = csv->dates[row];
            for (size_t c = 0; c < dataset->n_columns; c++)
                dataset->columns[c].values[place] = csv->columns[join->columns[f][c]].values[row];
        }
    }
    free(seen);
    return status;
}

static ft_status set_rows(joiner *join, ft_error *err)
{
    ft_dataset *dataset = join->dataset;
    const ft_csv *first = &join->files[0];
    if (join->n_files > 1 || !first->grouped || dataset->n_rows < first->n_rows) return place_rows(join, err);
    take_rows(join);
    return FT_OK;
}

/* Takes over what the files own of texts, and fills in what follows from the rows. */
static ft_status finish(joiner *join, const ft_dataset_source *source, ft_error *err)
{
    ft_dataset *dataset = join->dataset;
    ft_csv *first = &join->files[0];
    dataset->texts = calloc(1, sizeof *dataset->texts);
    dataset->target = ft_copy_string(source->target);
    if (!dataset->texts || !dataset->target) return ft_no_memory(err, "the data", sizeof *dataset->texts);
    for (size_t f = 0; f < join->n_files; f++) {
        ft_csv *csv = &join->files[f];
        if (!csv->path) continue;
        dataset->paths[f] = dataset->texts->paths[f] = csv->path;
        csv->path = NULL;
        ft_string_pool_join(&dataset->texts->dates, &csv->date_texts);
        dataset->style = csv->style;
        dataset->checksum = ft_checksum(dataset->checksum, &csv->checksum, sizeof csv->checksum);
        for (size_t c = 0; c < dataset->n_columns; c++)
            if (csv->columns[join->columns[f][c]].text) dataset->columns[c].text = true;
    }
    if (source->has_split) dataset->paths[1] = dataset->paths[2] = dataset->paths[0];
    dataset->timestamp_name = first->timestamp_name;
    dataset->id_name = first->id_name;
    dataset->n_ids = first->n_ids;
    first->timestamp_name = first->id_name = NULL;
    dataset->texts->ids = join->names;
    dataset->texts->n_items = join->n_items;
    join->names = NULL;
    join->n_items = 0;
    dataset->target_column = 0;
    while (strcmp(dataset->columns[dataset->target_column].name, source->target) != 0)
        dataset->target_column++;
    double *target = dataset->columns[dataset->target_column].values;
    dataset->single = malloc((dataset->n_rows + 1) * sizeof *dataset->single);
    if (!dataset->single) return ft_no_memory(err, "the data", dataset->n_rows * sizeof *dataset->single);
    ft_use_large_pages(dataset->single, dataset->n_rows * sizeof *dataset->single);
    for (size_t row = 0; row < dataset->n_rows; row++) dataset->single[row] = (float)target[row];
    for (size_t i = 0; i < dataset->n_items; i++) {
        ft_dataset_item *item = &dataset->items[i];
        item->id = dataset->texts->ids[i] ? dataset->texts->ids[i] : dataset->target;
        item->values = target + item->first_row;
        item->values_single = dataset->single + item->first_row;
        item->times = dataset->times + item->first_row;
        item->zones = dataset->zones + item->first_row;
        item->dates = dataset->dates + item->first_row;
    }
    dataset->rows_checksum = ft_checksum_large(0, dataset->times, dataset->n_rows * sizeof *dataset->times);
    dataset->rows_checksum =
        ft_checksum_large(dataset->rows_checksum, dataset->single, dataset->n_rows * sizeof *dataset->single);
    return dataset->notes.failed ? ft_no_memory(err, "the notes", dataset->notes.length) : FT_OK;
}

ft_status ft_dataset_read(const ft_dataset_source *source, ft_dataset *dataset, ft_error *err)
{
    *dataset = (ft_dataset){0};
    joiner join = {.dataset = dataset};
    ft_status status = check_source(source, err);
    if (status == FT_OK) status = read_files(source, &join, err);
    if (status == FT_OK) status = check_target(&join, source->target, err);
    if (status == FT_OK) status = match_columns(&join, err);
    if (status == FT_OK) status = match_items(&join, err);
    if (status == FT_OK) status = lay_out(&join, source, err);
    if (status == FT_OK) status = name_columns(&join, err);
    if (status == FT_OK) status = set_rows(&join, err);
    if (status == FT_OK) status = finish(&join, source, err);
    for (size_t f = 0; f < MAX_FILES; f++) {
        ft_csv_free(&join.files[f]);
        free(join.columns[f]);
        free(join.items[f]);
    }
    for (size_t i = 0; i < join.n_items; i++) free(join.names[i]);
    free(join.names);
    free(join.shared);
    free(join.counts);
    if (status == FT_BAD_INPUT) ft_csv_add_notes(&dataset->notes, err);
    if (status != FT_OK) ft_dataset_free(dataset);
    return status;
}

void ft_dataset_free(ft_dataset *dataset)
{
    for (size_t c = 0; c < dataset->n_columns; c++) {
        free(dataset->columns[c].name);
        free(dataset->columns[c].values);
    }
    if (dataset->texts) {
        for (size_t f = 0; f < MAX_FILES; f++) free(dataset->texts->paths[f]);
        ft_string_pool_free(&dataset->texts->dates);
        for (size_t i = 0; i < dataset->texts->n_items; i++) free(dataset->texts->ids[i]);
        free(dataset->texts->ids);
    }
    ft_text_free(&dataset->notes);
    ft_text_free(&dataset->dates_found.gaps);
    free(dataset->texts);
    free(dataset->columns);
    free(dataset->items);
    free(dataset->times);
    free(dataset->zones);
    free(dataset->dates);
    free(dataset->single);
    free(dataset->target);
    free(dataset->timestamp_name);
    free(dataset->id_name);
    *dataset = (ft_dataset){0};
}
