/* How sure the choice of the best experiment is, in words; see certainty.h. */
#include "tracker/certainty.h"

#include <math.h>
#include <stdlib.h>

#include "tracker/confidence_set.h"
#include "tracker/table.h"

static double cost_of(const ft_experiment *e, ft_metric metric, ft_split split)
{
    return e->error ? NAN : ft_metric_cost(metric, ft_metrics_get(&e->metrics[split], metric));
}

/* Puts an experiment in its place among those that are best so far. */
static void insert(ft_rivals *r, const ft_experiment *e, const ft_experiment *best, ft_metric metric,
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
static ft_status read_windows(ft_rivals *r, ft_window_scores *all, ft_metric metric, ft_split split,
                              ft_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        ft_window_scores *scores = &all[kept];
        ft_error unread;
        if (!r->experiment[i]->directory) continue;
        ft_status status = ft_window_scores_read(r->experiment[i]->directory, split, metric, scores, &unread);
        if (status == FT_NO_MEMORY) return ft_fail(err, status, "%s", unread.message);
        if (status == FT_OK && scores->n_windows > 0 &&
            (i == 0 || (kept > 0 && scores->windows == all[0].windows))) {
            r->experiment[kept++] = r->experiment[i];
            continue;
        }
        ft_window_scores_free(scores);
        r->n_left_out++;
    }
    r->count = kept;
    return FT_OK;
}

ft_status ft_rivals_find(const ft_experiments *experiments, const ft_experiment *best, ft_metric metric,
                         ft_split split, ft_rivals *rivals, ft_error *err)
{
    ft_window_scores *scores = calloc(FT_MOST_COMPARED, sizeof *scores);
    *rivals = (ft_rivals){0};
    if (!scores) return ft_no_memory(err, "the experiments", FT_MOST_COMPARED * sizeof *scores);
    for (size_t i = 0; i < experiments->count && ft_metric_has_windows(metric); i++)
        insert(rivals, &experiments->items[i], best, metric, split);
    ft_status status = rivals->count > 1 ? read_windows(rivals, scores, metric, split, err) : FT_OK;
    if (rivals->count < 2) rivals->count = 0;
    if (status == FT_OK && rivals->count) {
        rivals->n_windows = scores[0].n_windows;
        rivals->n_series = scores[0].n_series;
        status =
            ft_confidence_set(scores, rivals->count, metric, 0, rivals->certainty, &rivals->n_blocks, err);
    }
    for (size_t i = 0; i < FT_MOST_COMPARED; i++) ft_window_scores_free(&scores[i]);
    free(scores);
    return status;
}

size_t ft_rivals_tied(const ft_rivals *rivals)
{
    size_t n_tied = 0;
    for (size_t i = 1; i < rivals->count; i++) n_tied += rivals->certainty[i].is_tied;
    return n_tied;
}

static void add_tied(const ft_rivals *r, ft_text *out)
{
    const size_t n_tied = ft_rivals_tied(r);
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

void ft_rivals_describe(const ft_rivals *r, ft_metric metric, ft_split split, ft_rivals_detail detail,
                        ft_text *out)
{
    char room[FT_NUMBER_CHARS];
    const size_t n = r->n_windows;
    if (r->count == 0) return;
    ft_text_addf(out, "%zu %s window%s", n, ft_split_names[split], n == 1 ? "" : "s");
    if (r->n_series > 1) ft_text_addf(out, " of %zu series", r->n_series);
    if (r->n_blocks < FT_LEAST_BLOCKS) {
        ft_text_addf(out, ": too few to tell experiments apart (at least %s are needed)",
                     r->n_series > 1 ? "6 series" : "12 windows");
    } else {
        ft_text_addf(out, ": standard error of %s %s", ft_metric_names[metric],
                     ft_people_number(r->certainty[0].standard_error, room));
        if (detail == FT_RIVALS_NAMES) add_tied(r, out);
    }
    if (r->n_left_out > 0) ft_text_addf(out, " (%zu not compared)", r->n_left_out);
}
