/* Whether data can be trained on, and what it looks like; see dataset.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/data/dataset.h"
#include "tracker/insights.h"

static const char *const split_names[] = {"training", "validation", "test"};

/* Names the split's file before the message. */
static ft_status refuse(const ft_dataset *dataset, int split, ft_error *err)
{
    if (dataset->paths[split]) ft_error_prefix(err, dataset->paths[split]);
    return FT_BAD_INPUT;
}

/* The longest series of a split must have `needed` rows. */
static ft_status check_rows(const ft_dataset *dataset, int split, int64_t needed, const char *why,
                            ft_error *err)
{
    int64_t longest = 0;
    for (size_t i = 0; i < dataset->n_items; i++) {
        const int64_t *start = dataset->items[i].split_start;
        if (start[split + 1] - start[split] > longest) longest = start[split + 1] - start[split];
    }
    if (longest >= needed) return FT_OK;
    ft_fail(err, FT_BAD_INPUT, "the %s split has %lld row%s%s, but one window needs %lld (%s)",
            split_names[split], (long long)longest, longest == 1 ? "" : "s",
            dataset->id_name ? " in its longest series" : "", (long long)needed, why);
    return refuse(dataset, split, err);
}

/* Validation and test must have a known value. */
static ft_status check_known(const ft_dataset *dataset, int split, ft_error *err)
{
    for (size_t i = 0; i < dataset->n_items; i++) {
        const ft_dataset_item *item = &dataset->items[i];
        for (int64_t row = item->split_start[split]; row < item->split_start[split + 1]; row++)
            if (!isnan(item->values[row])) return FT_OK;
    }
    ft_fail(err, FT_BAD_INPUT,
            "column \"%.80s\": all values of the %s split are missing, there is nothing to measure by",
            dataset->target, split_names[split]);
    return refuse(dataset, split, err);
}

ft_status ft_dataset_check(const ft_dataset *dataset, int32_t prediction_length, ft_error *err)
{
    char why[128];
    snprintf(why, sizeof why, "prediction_length %d of context and as many to forecast",
             (int)prediction_length);
    ft_status status = check_rows(dataset, 0, 2 * (int64_t)prediction_length, why, err);
    snprintf(why, sizeof why, "prediction_length %d", (int)prediction_length);
    for (int split = 1; split < 3 && status == FT_OK; split++)
        status = check_rows(dataset, split, prediction_length, why, err);
    for (int split = 1; split < 3 && status == FT_OK; split++) status = check_known(dataset, split, err);
    if (status != FT_OK) return status;
    bool any = false;
    double known = NAN;
    for (size_t i = 0; i < dataset->n_items; i++) {
        const ft_dataset_item *item = &dataset->items[i];
        known = NAN; /* a series may be constant; all of them may not */
        for (int64_t row = 0; row < item->split_start[1]; row++) {
            if (isnan(item->values[row])) continue;
            if (!isnan(known) && item->values[row] != known) return FT_OK;
            known = item->values[row];
            any = true;
        }
    }
    if (any)
        ft_fail(
            err, FT_BAD_INPUT,
            "column \"%.80s\": all values of the training split are the same%s, there is nothing to learn",
            dataset->target, dataset->n_items > 1 ? " in each series" : "");
    else
        ft_fail(err, FT_BAD_INPUT, "column \"%.80s\": all values of the training split are missing",
                dataset->target);
    return refuse(dataset, 0, err);
}

size_t ft_dataset_count_short(const ft_dataset *dataset, int32_t prediction_length, ft_text *note)
{
    enum { NAMED = 3 };
    ft_text names = FT_TEXT_EMPTY;
    const int64_t needed = 2 * (int64_t)prediction_length;
    size_t count = 0;
    for (size_t i = 0; i < dataset->n_items; i++) {
        if (dataset->items[i].split_start[1] >= needed) continue;
        if (count++ < NAMED) ft_text_addf(&names, "%s\"%.80s\"", count > 1 ? ", " : "", dataset->items[i].id);
    }
    if (count && note && !names.failed)
        ft_text_addf(note,
                     "training leaves out %zu of %zu series, which have fewer than %lld training rows: %s%s",
                     count, dataset->n_items, (long long)needed, names.data, count > NAMED ? ", ..." : "");
    if (note && names.failed) note->failed = true;
    ft_text_free(&names);
    return count;
}

/* One split with its rows side by side, as the insights want them. */
typedef struct gathered {
    ft_insights_split split;
    ft_insights_column *columns; /* (n_columns + n_ids): the dataset's and the ids */
    double **values;             /* (n_columns), NULL for a text column */
    uint8_t **missing;           /* (n_columns), NULL for a numeric one */
    size_t *series_starts;
} gathered;

static void release(gathered *g, size_t n_columns)
{
    for (size_t c = 0; c < n_columns; c++) {
        if (g->values) free(g->values[c]);
        if (g->missing) free(g->missing[c]);
    }
    free(g->values);
    free(g->missing);
    free(g->columns);
    free(g->series_starts);
    *g = (gathered){0};
}

/* Finds where the split's series begin and the first and last of all dates. */
static void gather_rows(const ft_dataset *dataset, int split, gathered *g)
{
    int64_t earliest = INT64_MAX, latest = INT64_MIN;
    for (size_t i = 0; i < dataset->n_items; i++) {
        const ft_dataset_item *item = &dataset->items[i];
        int64_t from = item->split_start[split], to = item->split_start[split + 1];
        if (from == to) continue;
        g->series_starts[g->split.n_series++] = g->split.n_rows;
        g->split.n_rows += (size_t)(to - from);
        if (item->times[from] < earliest) {
            earliest = item->times[from];
            g->split.first_date = item->dates[from];
        }
        if (item->times[to - 1] > latest) {
            latest = item->times[to - 1];
            g->split.last_date = item->dates[to - 1];
        }
    }
}

static bool gather_column(const ft_dataset *dataset, int split, size_t column, gathered *g)
{
    const ft_dataset_column *source = &dataset->columns[column];
    size_t rows = g->split.n_rows, place = 0;
    if (source->text)
        g->missing[column] = malloc(rows);
    else
        g->values[column] = malloc(rows * sizeof(double));
    if (!g->missing[column] && !g->values[column]) return false;
    for (size_t i = 0; i < dataset->n_items; i++) {
        const ft_dataset_item *item = &dataset->items[i];
        for (int64_t row = item->split_start[split]; row < item->split_start[split + 1]; row++, place++) {
            double value = source->values[item->first_row + (size_t)row];
            if (source->text)
                g->missing[column][place] = (uint8_t)(isnan(value) != 0);
            else
                g->values[column][place] = value;
        }
    }
    g->columns[column] = (ft_insights_column){
        .name = source->name, .values = g->values[column], .missing = g->missing[column]};
    return true;
}

static ft_status gather(const ft_dataset *dataset, int split, gathered *g, ft_error *err)
{
    size_t n_columns = dataset->n_columns;
    g->columns = calloc(n_columns + dataset->n_ids + 1, sizeof *g->columns);
    g->values = calloc(n_columns + 1, sizeof *g->values);
    g->missing = calloc(n_columns + 1, sizeof *g->missing);
    g->series_starts = calloc(dataset->n_items + 1, sizeof *g->series_starts);
    bool done = g->columns && g->values && g->missing && g->series_starts;
    if (done) gather_rows(dataset, split, g);
    if (done && g->split.n_rows == 0) return FT_OK;
    for (size_t c = 0; c < n_columns && done; c++) done = gather_column(dataset, split, c, g);
    if (!done) return ft_no_memory(err, "data insights", dataset->n_rows * sizeof(double) * n_columns);
    g->split.columns = g->columns;
    g->split.n_columns = n_columns;
    for (size_t i = 0; i < dataset->n_ids; i++) /* columns of texts, none of them missing */
        g->columns[g->split.n_columns++] = (ft_insights_column){.name = dataset->id_name};
    g->split.series_starts = g->series_starts;
    return FT_OK;
}

ft_status ft_dataset_insights(const ft_dataset *dataset, cJSON **insights, ft_error *err)
{
    gathered splits[3];
    memset(splits, 0, sizeof splits);
    const ft_insights_split *shown[3] = {NULL};
    ft_status status = FT_OK;
    for (int s = 0; s < 3 && status == FT_OK; s++) {
        status = gather(dataset, s, &splits[s], err);
        if (splits[s].split.n_rows) shown[s] = &splits[s].split;
    }
    if (status == FT_OK)
        status = ft_insights_create(shown[0], shown[1], shown[2], dataset->target, insights, err);
    for (int s = 0; s < 3; s++) release(&splits[s], dataset->n_columns);
    return status;
}
