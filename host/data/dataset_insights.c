/* What data looks like, and how often its rows come; see dataset.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "host/data/dataset.h"
#include "tracker/insights.h"

enum { FEW_ROWS = 100000 }; /* not worth a thread */

/* One split with its rows side by side, as the insights want them. */
typedef struct gathered {
    ft_insights_split split;
    ft_insights_column *columns; /* (n_columns + n_ids): the dataset's and the ids */
    double **values;             /* (n_columns), NULL: texts, or the dataset's serve */
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
    if (rows == dataset->n_rows && !source->text) { /* they lie as they are wanted */
        g->columns[column] = (ft_insights_column){.name = source->name, .values = source->values};
        return true;
    }
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
    /* columns of texts, none of them missing */
    for (size_t i = 0; i < dataset->n_ids; i++)
        g->columns[g->split.n_columns++] = (ft_insights_column){.name = dataset->id_name};
    g->split.series_starts = g->series_starts;
    return FT_OK;
}

/* The object `frequency` of the insights. */
static ft_status add_frequency(const ft_dataset *dataset, cJSON *insights, ft_error *err)
{
    const ft_dataset_dates *dates = &dataset->dates_found;
    const bool is_known = ft_dataset_longest(dataset)->n_rows > 1;
    char words[FT_FREQUENCY_CHARS];
    cJSON *object = cJSON_AddObjectToObject(insights, "frequency");
    if (object &&
        (is_known
             ? cJSON_AddStringToObject(object, "inferred", ft_frequency_describe(&dates->frequency, words))
             : cJSON_AddNullToObject(object, "inferred")) &&
        cJSON_AddBoolToObject(object, "evenly_spaced",
                              is_known && ft_frequency_is_plain(&dates->frequency)) &&
        cJSON_AddNumberToObject(object, "series_that_differ", (double)dates->n_differ))
        return FT_OK;
    return ft_no_memory(err, "data insights", sizeof words);
}

/* What two threads compute: 0, the figures of values; 1, that of dates. */
typedef struct halves {
    ft_dataset *dataset;
    const ft_insights_split *splits[3]; /* NULL: without rows */
    cJSON *insights;
    ft_status status[2];
    ft_error errors[2];
} halves;

static void make_half(void *context, int64_t i)
{
    halves *h = context;
    h->status[i] = i == 0 ? ft_insights_create(h->splits[0], h->splits[1], h->splits[2], h->dataset->target,
                                               &h->insights, &h->errors[0])
                          : ft_dataset_look_at_dates(h->dataset, &h->errors[1]);
}

ft_status ft_dataset_insights(ft_dataset *dataset, cJSON **insights, ft_error *err)
{
    gathered splits[3];
    memset(splits, 0, sizeof splits);
    halves h = {.dataset = dataset};
    ft_status status = FT_OK;
    for (int s = 0; s < 3 && status == FT_OK; s++) {
        status = gather(dataset, s, &splits[s], err);
        if (splits[s].split.n_rows) h.splits[s] = &splits[s].split;
    }
    if (status == FT_OK) {
        ft_parallel(dataset->n_rows > FEW_ROWS ? 0 : 1, 2, make_half, &h);
        const int failed = h.status[0] == FT_OK;
        status = h.status[failed];
        if (status != FT_OK && err) *err = h.errors[failed];
    }
    if (status == FT_OK) status = add_frequency(dataset, h.insights, err);
    if (status != FT_OK) {
        cJSON_Delete(h.insights);
        h.insights = NULL;
    }
    *insights = h.insights;
    for (int s = 0; s < 3; s++) release(&splits[s], dataset->n_columns);
    return status;
}
