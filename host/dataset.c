/* From CSV files to the histories of series; see dataset.h. */
#include "host/dataset.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "host/csv.h"

enum { MAX_FILES = 3 };

struct ft_dataset_texts {
    ft_text dates[MAX_FILES];
    char *paths[MAX_FILES];
    char **ids; /* (n_ids) */
    size_t n_ids;
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
    /* 0.7 + 0.1 is a little less than 0.8 in double: a thousandth of a row makes up for that. */
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
    size_t *columns[MAX_FILES]; /* (n_columns): column of the dataset -> column of the file */
    int32_t *items[MAX_FILES];  /* (n_items of the file) -> item of the dataset; NULL: the same */
    int64_t *counts;            /* (n_items, MAX_FILES): rows of an item in each file */
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
    ft_status status = FT_OK;
    /* A missing validation file keeps its place: file number = split number. */
    for (size_t i = 0; i < MAX_FILES && status == FT_OK; i++) {
        if (!paths[i]) continue;
        status = ft_csv_read(paths[i], source->timestamp, source->id, &join->files[i], err);
        if (status == FT_OK) join->n_files = i + 1;
    }
    return status;
}

static size_t find_column(const ft_csv *csv, const char *name)
{
    size_t i = 0;
    while (i < csv->n_columns && strcmp(csv->columns[i].name, name) != 0) i++;
    return i;
}

/* Columns of the first file are the dataset's; the others must have the same, in any order. */
static ft_status match_columns(joiner *join, ft_error *err)
{
    const ft_csv *first = &join->files[0];
    for (size_t f = 0; f < join->n_files; f++) {
        const ft_csv *csv = &join->files[f];
        if (!csv->path) continue;
        join->columns[f] = calloc(first->n_columns + 1, sizeof *join->columns[f]);
        if (!join->columns[f])
            return ft_no_memory(err, csv->path, first->n_columns * sizeof *join->columns[f]);
        for (size_t i = 0; i < first->n_columns; i++) {
            bool same_place = i < csv->n_columns && strcmp(csv->columns[i].name, first->columns[i].name) == 0;
            join->columns[f][i] = same_place ? i : find_column(csv, first->columns[i].name);
            if (join->columns[f][i] == csv->n_columns)
                return ft_fail(err, FT_BAD_INPUT, "%s: no column \"%.80s\", which %s has", csv->path,
                               first->columns[i].name, first->path);
        }
        for (size_t i = 0; i < csv->n_columns && csv->n_columns > first->n_columns; i++)
            if (find_column(first, csv->columns[i].name) == first->n_columns)
                return ft_fail(err, FT_BAD_INPUT, "%s: column \"%.80s\", which %s does not have", csv->path,
                               csv->columns[i].name, first->path);
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

/* Series of later files by the names of the first. */
static ft_status match_items(joiner *join, ft_error *err)
{
    const ft_csv *first = &join->files[0];
    if (!first->id_name) return FT_OK;
    named_item *names = malloc(first->n_items * sizeof *names);
    if (!names) return ft_no_memory(err, first->path, first->n_items * sizeof *names);
    for (size_t i = 0; i < first->n_items; i++) names[i] = (named_item){first->item_names[i], (int32_t)i};
    qsort(names, first->n_items, sizeof *names, by_name);
    ft_status status = FT_OK;
    for (size_t f = 1; f < join->n_files && status == FT_OK; f++) {
        const ft_csv *csv = &join->files[f];
        if (!csv->path) continue;
        join->items[f] = malloc(csv->n_items * sizeof *join->items[f]);
        if (!join->items[f]) status = ft_no_memory(err, csv->path, csv->n_items * sizeof *join->items[f]);
        for (size_t i = 0; i < csv->n_items && status == FT_OK; i++) {
            named_item wanted = {.name = csv->item_names[i]};
            const named_item *found = bsearch(&wanted, names, first->n_items, sizeof *names, by_name);
            if (found)
                join->items[f][i] = found->item;
            else
                status = ft_fail(err, FT_BAD_INPUT, "%s: series \"%.80s\" of column \"%.80s\" is not in %s",
                                 csv->path, csv->item_names[i], csv->id_name, first->path);
        }
    }
    free(names);
    return status;
}

static int32_t item_of(const joiner *join, size_t file, size_t row)
{
    int32_t item = join->files[file].items[row];
    return join->items[file] ? join->items[file][item] : item;
}

/* The target must hold numbers of float's range in each file. */
static ft_status check_target(const joiner *join, const char *target, ft_error *err)
{
    for (size_t f = 0; f < join->n_files; f++) {
        const ft_csv *csv = &join->files[f];
        size_t column;
        if (!csv->path) continue;
        ft_status status = ft_csv_numeric_column(csv, target, &column, err);
        if (status != FT_OK) return status;
        for (size_t row = 0; row < csv->n_rows; row++)
            if (fabs(csv->columns[column].values[row]) > (double)FLT_MAX)
                return ft_fail(err, FT_BAD_INPUT,
                               "%s:%u: column \"%.80s\": %g is beyond single precision (scale the column)",
                               csv->path, csv->lines[row], target, csv->columns[column].values[row]);
    }
    return FT_OK;
}

/* Counts rows, finds each item's splits and makes room. */
static ft_status lay_out(joiner *join, const ft_dataset_source *source, ft_error *err)
{
    ft_dataset *dataset = join->dataset;
    const ft_csv *first = &join->files[0];
    dataset->n_items = first->n_items;
    dataset->items = calloc(first->n_items, sizeof *dataset->items);
    join->counts = calloc(first->n_items * MAX_FILES, sizeof *join->counts);
    if (!dataset->items || !join->counts)
        return ft_no_memory(err, "the series", first->n_items * sizeof *dataset->items);
    for (size_t f = 0; f < join->n_files; f++)
        for (size_t row = 0; row < join->files[f].n_rows; row++)
            join->counts[(size_t)item_of(join, f, row) * MAX_FILES + f]++;
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
    size_t rows = dataset->n_rows + 1; /* never an empty allocation */
    dataset->times = malloc(rows * sizeof *dataset->times);
    dataset->zones = malloc(rows * sizeof *dataset->zones);
    dataset->dates = malloc(rows * sizeof *dataset->dates);
    dataset->single = malloc(rows * sizeof *dataset->single);
    dataset->columns = calloc(first->n_columns + 1, sizeof *dataset->columns);
    bool done = dataset->times && dataset->zones && dataset->dates && dataset->single && dataset->columns;
    for (size_t c = 0; c < first->n_columns && done; c++) {
        dataset->n_columns = c + 1;
        dataset->columns[c].name = ft_copy_string(first->columns[c].name);
        dataset->columns[c].values = malloc(rows * sizeof(double));
        done = dataset->columns[c].name && dataset->columns[c].values;
    }
    return done ? FT_OK : ft_no_memory(err, "the data", rows * sizeof(double) * (first->n_columns + 3));
}

static ft_status not_after(const joiner *join, size_t file, size_t row, const char *last_date, ft_error *err)
{
    const ft_csv *csv = &join->files[file];
    const char *name = csv->item_names[csv->items[row]];
    return ft_fail(
        err, FT_BAD_INPUT,
        "%s:%u: the date \"%.60s\" does not come after \"%.60s\", the last of the file before it%s%.80s%s",
        csv->path, csv->lines[row], ft_csv_date(csv, row), last_date, name ? " for series \"" : "",
        name ? name : "", name ? "\"" : "");
}

/* Moves the rows to their places, and checks that each file goes on after the one before it. */
static ft_status place_rows(joiner *join, ft_error *err)
{
    ft_dataset *dataset = join->dataset;
    size_t *seen = calloc(dataset->n_items, sizeof *seen);
    if (!seen) return ft_no_memory(err, "the series", dataset->n_items * sizeof *seen);
    ft_status status = FT_OK;
    for (size_t f = 0; f < join->n_files; f++) {
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
            dataset->dates[place] = ft_csv_date(csv, row);
            for (size_t c = 0; c < dataset->n_columns; c++)
                dataset->columns[c].values[place] = csv->columns[join->columns[f][c]].values[row];
        }
    }
    free(seen);
    return status;
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
        dataset->texts->dates[f] = csv->date_texts; /* dates point into it */
        csv->date_texts = FT_TEXT_EMPTY;
        dataset->style = csv->style;
        dataset->checksum = ft_checksum(dataset->checksum, &csv->checksum, sizeof csv->checksum);
        for (size_t c = 0; c < dataset->n_columns; c++)
            if (csv->columns[join->columns[f][c]].text) dataset->columns[c].text = true;
    }
    if (source->has_split) dataset->paths[1] = dataset->paths[2] = dataset->paths[0];
    dataset->timestamp_name = first->timestamp_name;
    dataset->id_name = first->id_name;
    dataset->texts->ids = first->item_names;
    dataset->texts->n_ids = first->n_items;
    first->timestamp_name = first->id_name = NULL;
    first->item_names = NULL;
    first->n_items = 0;
    dataset->target_column = 0;
    while (strcmp(dataset->columns[dataset->target_column].name, source->target) != 0)
        dataset->target_column++;
    double *target = dataset->columns[dataset->target_column].values;
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
    return FT_OK;
}

ft_status ft_dataset_read(const ft_dataset_source *source, ft_dataset *dataset, ft_error *err)
{
    *dataset = (ft_dataset){0};
    joiner join = {.dataset = dataset};
    ft_status status = check_source(source, err);
    if (status == FT_OK) status = read_files(source, &join, err);
    if (status == FT_OK) status = match_columns(&join, err);
    if (status == FT_OK) status = match_items(&join, err);
    if (status == FT_OK) status = check_target(&join, source->target, err);
    if (status == FT_OK) status = lay_out(&join, source, err);
    if (status == FT_OK) status = place_rows(&join, err);
    if (status == FT_OK) status = finish(&join, source, err);
    for (size_t f = 0; f < MAX_FILES; f++) {
        ft_csv_free(&join.files[f]);
        free(join.columns[f]);
        free(join.items[f]);
    }
    free(join.counts);
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
        for (size_t f = 0; f < MAX_FILES; f++) {
            ft_text_free(&dataset->texts->dates[f]);
            free(dataset->texts->paths[f]);
        }
        for (size_t i = 0; i < dataset->texts->n_ids; i++) free(dataset->texts->ids[i]);
        free(dataset->texts->ids);
    }
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
