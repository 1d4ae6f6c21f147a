/* How sure the choice of the best experiment is, in words; see certainty.h. */
#include "tracker/certainty.h"

#include <math.h>
#include <stdlib.h>

#include "tracker/baselines.h"
#include "tracker/confidence_set.h"
#include "tracker/table.h"

/* The best experiments, the best first, and their windows. */
typedef struct rivals {
    const ft_experiment *experiment[FT_MOST_COMPARED];
    ft_window_scores scores[FT_MOST_COMPARED];
    ft_certainty certainty[FT_MOST_COMPARED];
    size_t count;
    size_t n_left_out; /* with the metric, but worse than these, or without forecasts of the same windows */
} rivals;

static double cost_of(const ft_experiment *e, ft_metric metric, ft_split split)
{
    return e->error ? NAN : ft_metric_cost(metric, ft_metrics_get(&e->metrics[split], metric));
}

/* Puts an experiment in its place among those that are best so far. */
static void insert(rivals *r, const ft_experiment *e, const ft_experiment *best, ft_metric metric,
                   ft_split split)
{
    const double cost = cost_of(e, metric, split);
    if (!isfinite(cost)) return;
    size_t place = r->count;
    while (place > 0 && r->experiment[place - 1] != best &&
           (e == best || cost < cost_of(r->experiment[place - 1], metric, split)))
        place--;
    if (r->count == FT_MOST_COMPARED) r->n_left_out++;
    if (place == FT_MOST_COMPARED) return;
    if (r->count < FT_MOST_COMPARED) r->count++;
    for (size_t i = r->count - 1; i > place; i--) r->experiment[i] = r->experiment[i - 1];
    r->experiment[place] = e;
}

/* Reads the windows, and leaves out whose are others than the best one's. */
static ft_status read_windows(rivals *r, ft_metric metric, ft_split split, ft_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        ft_window_scores *scores = &r->scores[kept];
        ft_error unread;
        if (!r->experiment[i]->directory) continue;
        ft_status status = ft_window_scores_read(r->experiment[i]->directory, split, metric, scores, &unread);
        if (status == FT_NO_MEMORY) return ft_fail(err, status, "%s", unread.message);
        if (status == FT_OK && scores->n_windows > 0 &&
            (i == 0 || (kept > 0 && scores->windows == r->scores[0].windows))) {
            r->experiment[kept++] = r->experiment[i];
            continue;
        }
        ft_window_scores_free(scores);
        r->n_left_out++;
    }
    r->count = kept;
    return FT_OK;
}

static void add_tied(const rivals *r, ft_text *out)
{
    size_t n_tied = 0;
    for (size_t i = 1; i < r->count; i++) n_tied += r->certainty[i].is_tied;
    if (n_tied == 0) {
        ft_text_addf(out, "; the %zu other%s worse beyond chance (95 %%)", r->count - 1,
                     r->count == 2 ? " is" : "s are");
        return;
    }
    ft_text_addf(out, "; %zu of %zu others cannot be told from it (95 %%):", n_tied, r->count - 1);
    for (size_t i = 1; i < r->count; i++)
        if (r->certainty[i].is_tied) {
            ft_text_add(out, " ");
            ft_text_add_line(out, r->experiment[i]->experiment_id);
        }
}

static void add_certainty(const rivals *r, ft_metric metric, ft_split split, size_t n_blocks, ft_text *out)
{
    char room[FT_NUMBER_CHARS];
    const size_t n = r->scores[0].n_windows;
    ft_text_addf(out, "certainty    %zu %s window%s", n, ft_split_names[split], n == 1 ? "" : "s");
    if (r->scores[0].n_series > 1) ft_text_addf(out, " of %zu series", r->scores[0].n_series);
    if (n_blocks < FT_LEAST_BLOCKS) {
        ft_text_addf(out, ": too few to tell experiments apart (at least %s are needed)",
                     r->scores[0].n_series > 1 ? "6 series" : "12 windows");
    } else {
        ft_text_addf(out, ": standard error of %s %s", ft_metric_names[metric],
                     ft_people_number(r->certainty[0].standard_error, room));
        add_tied(r, out);
    }
    if (r->n_left_out > 0) ft_text_addf(out, " (%zu not compared)", r->n_left_out);
    ft_text_add(out, "\n");
}

ft_status ft_certainty_describe(const ft_experiments *experiments, const ft_experiment *best,
                                ft_metric metric, ft_split split, ft_text *out, ft_error *err)
{
    rivals *r = calloc(1, sizeof *r);
    size_t n_blocks = 0;
    if (!r) return ft_no_memory(err, "the experiments", sizeof *r);
    for (size_t i = 0; i < experiments->count && ft_metric_has_windows(metric); i++)
        insert(r, &experiments->items[i], best, metric, split);
    ft_status status = r->count > 1 ? read_windows(r, metric, split, err) : FT_OK;
    if (status == FT_OK && r->count > 1) {
        status = ft_confidence_set(r->scores, r->count, metric, 0, r->certainty, &n_blocks, err);
        if (status == FT_OK) add_certainty(r, metric, split, n_blocks, out);
    }
    for (size_t i = 0; i < FT_MOST_COMPARED; i++) ft_window_scores_free(&r->scores[i]);
    free(r);
    return status;
}

void ft_verdict_describe(const ft_experiment *experiment, ft_metric metric, ft_split split, ft_text *out)
{
    const char *name;
    char room[FT_NUMBER_CHARS];
    ft_metrics baseline[FT_N_SPLITS];
    const double own = cost_of(experiment, metric, split);
    ft_text better = FT_TEXT_EMPTY, worse = FT_TEXT_EMPTY;
    for (size_t i = 0; ft_baseline_get(experiment, i, &name, baseline); i++) {
        const double value = ft_metrics_get(&baseline[split], metric);
        if (!isfinite(value)) continue;
        ft_text *list = ft_metric_cost(metric, value) <= own ? &better : &worse;
        if (list->length > 0) ft_text_add(list, " and ");
        ft_text_add_line(list, name);
        ft_text_addf(list, " (%s)", ft_people_number(value, room));
    }
    if (better.length > 0) {
        ft_text_add(out, "verdict      do not use it: not better than ");
        ft_text_add(out, better.data);
        ft_text_add(out, " on the same windows\n");
    } else if (worse.length > 0) {
        ft_text_add(out, "verdict      better than ");
        ft_text_add(out, worse.data);
        ft_text_add(out, " on the same windows\n");
    }
    if (better.failed || worse.failed) out->failed = true;
    ft_text_free(&better);
    ft_text_free(&worse);
}
