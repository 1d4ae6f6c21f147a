/* The target in a report, as far as the best experiment's forecasts.csv holds it: its
 * splits, and where its volatility is high. Of several series the first. */
#include <math.h>
#include <stdlib.h>

#include "tracker/forecast_rows.h"
#include "tracker/insights.h"
#include "tracker/report/report_parts.h"

enum { MOST_STEPS = 3000 };

typedef struct step {
    char *time; /* owned */
    double value;
    ft_split split;
    bool follows; /* the step before it is the one before in time */
} step;

typedef struct steps {
    step *items; /* (count) */
    size_t count, capacity;
    char *series; /* its name */
    ft_raw_cell item, origin, last;
} steps;

static void free_steps(steps *s)
{
    for (size_t i = 0; i < s->count; i++) free(s->items[i].time);
    free(s->items);
    free(s->series);
}

static ft_status grow(steps *s, ft_error *err)
{
    if (s->count < s->capacity) return FT_OK;
    const size_t more = s->capacity ? 2 * s->capacity : 256;
    step *grown = realloc(s->items, more * sizeof *grown);
    if (!grown) return ft_no_memory(err, "the target of a report", more * sizeof *grown);
    s->items = grown;
    s->capacity = more;
    return FT_OK;
}

/* The splits follow each other in the file, each with all series. */
static ft_status take_row(void *context, const ft_forecast_row *row, ft_error *err)
{
    steps *s = context;
    const bool is_first = s->count == 0;
    if (is_first) s->item = row->item;
    if (!ft_raw_cell_is_same(row->item, s->item)) return FT_OK;
    ft_status status = grow(s, err);
    if (status != FT_OK) return status;
    const bool same_window = !is_first && ft_raw_cell_is_same(row->origin, s->origin);
    const bool follows = same_window || (!is_first && ft_raw_cell_is_same(row->origin, s->last));
    if (is_first && !(s->series = ft_raw_cell_copy(row->item))) return ft_no_memory(err, "a name", 0);
    char *time = ft_raw_cell_copy(row->timestamp);
    if (!time) return ft_no_memory(err, "a date", row->timestamp.length);
    s->items[s->count++] = (step){time, row->target, (ft_split)row->kind, follows};
    s->origin = row->origin;
    s->last = row->timestamp;
    return FT_OK;
}

/* (count): run by run, since volatility is of rows that follow each other. NULL when
 * memory runs out. */
static double *make_volatility(const steps *s)
{
    double *values = malloc((3 * s->count + 1) * sizeof *values), *returns = values + s->count;
    if (!values) return NULL;
    for (size_t i = 0; i < s->count; i++) values[i] = s->items[i].value;
    for (size_t start = 0, end; start < s->count; start = end) {
        for (end = start + 1; end < s->count && s->items[end].follows;) end++;
        ft_insights_volatility(values + start, end - start, returns + start, returns + s->count + start);
    }
    for (size_t i = 0; i < s->count; i++) values[i] = returns[s->count + i];
    return values;
}

/* A list of runs, each of one split without a gap. */
static void add_runs(const steps *s, const double *volatility, double threshold, ft_report_data *data,
                     cJSON *out)
{
    const size_t every = s->count / MOST_STEPS + 1;
    cJSON *runs = ft_report_add_list(data, out, "runs"), *time = NULL, *value = NULL, *high = NULL;
    for (size_t i = 0; i < s->count; i++) {
        const step *at = &s->items[i];
        if (i == 0 || !at->follows || at->split != s->items[i - 1].split) {
            cJSON *run = ft_report_add_object(data, runs, NULL);
            ft_report_add_text(data, run, "split", ft_split_names[at->split]);
            time = ft_report_add_list(data, run, "time");
            value = ft_report_add_list(data, run, "value");
            high = ft_report_add_list(data, run, "is_volatile");
        } else if (i % every) {
            continue;
        }
        ft_report_add_text(data, time, NULL, at->time);
        ft_report_add_number(data, value, NULL, at->value);
        ft_report_add_flag(data, high, NULL, volatility[i] > threshold);
    }
    ft_report_add_number(data, out, "every", (double)every);
}

static double threshold_of(const ft_experiment *e)
{
    const cJSON *regimes = cJSON_GetObjectItemCaseSensitive(e->data_insights, "train_regimes");
    const cJSON *threshold = cJSON_GetObjectItemCaseSensitive(regimes, "volatility_threshold");
    return cJSON_IsNumber(threshold) ? threshold->valuedouble : NAN;
}

ft_status ft_report_add_target(const ft_report_ranking *ranking, ft_report_data *data, ft_error *err)
{
    const unsigned all = 1u << FT_TRAIN | 1u << FT_VAL | 1u << FT_TEST;
    const ft_experiment *best = ranking->best;
    cJSON *out = ft_report_add_object(data, data->root, "target");
    if (!best || !best->directory) return FT_OK;
    steps s = {0};
    ft_error read_error = {""};
    ft_status status = ft_forecast_rows_read(best->directory, all, take_row, &s, &read_error);
    if (status == FT_OK && s.count) {
        double *volatility = make_volatility(&s);
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(best->run, "target");
        if (!volatility) data->failed = true;
        ft_report_add_text(data, out, "name", cJSON_IsString(name) ? name->valuestring : NULL);
        ft_report_add_text(data, out, "series", s.series);
        ft_report_add_number(data, out, "threshold", threshold_of(best));
        if (volatility) add_runs(&s, volatility, threshold_of(best), data, out);
        free(volatility);
    }
    free_steps(&s);
    return status == FT_NO_MEMORY ? ft_fail(err, status, "%s", read_error.message) : FT_OK;
}
