/* How sure the choice of the best experiment is, in words; see certainty.h. */
#include "tracker/certainty.h"

#include <math.h>
#include <stdlib.h>

#include "tracker/confidence_set.h"
#include "tracker/replicates.h"
#include "tracker/table.h"

/* A configuration: its replicates, and the best of them. */
typedef struct candidate {
    const ft_experiment *experiment;
    size_t group;
    double cost; /* the mean of its replicates; of the best configuration -INFINITY */
} candidate;

/* Puts a candidate in its place among those that are best so far. */
static void insert(ft_rivals *r, candidate *candidates, const candidate *c)
{
    if (isnan(c->cost) || c->cost == INFINITY) return;
    size_t place = r->count;
    while (place > 0 && c->cost < candidates[place - 1].cost) place--;
    if (r->count == FT_MOST_COMPARED) r->n_left_out++;
    if (place == FT_MOST_COMPARED) return;
    if (r->count < FT_MOST_COMPARED) r->count++;
    for (size_t i = r->count - 1; i > place; i--) candidates[i] = candidates[i - 1];
    candidates[place] = *c;
}

/* Adds the windows of one more replicate, whose are the same. */
static void add_windows(ft_window_scores *sum, const ft_window_scores *more)
{
    for (size_t w = 0; w < sum->n_windows; w++) {
        sum->sum[w] += more->sum[w];
        sum->weight[w] += more->weight[w];
    }
}

/* What rivals are found among. */
typedef struct search {
    const ft_experiments *experiments;
    const ft_replicates *replicates;
    ft_metric metric;
    ft_split split;
} search;

/* Reads the windows of a configuration: its best experiment's, and those of its
 * replicates. *n: how many; *n_other: replicates of other windows. */
static ft_status read_configuration(const search *s, const candidate *c, ft_window_scores *scores, size_t *n,
                                    size_t *n_other, ft_error *err)
{
    const ft_replicates *r = s->replicates;
    ft_error read_error;
    *n = 0;
    if (!c->experiment->directory) return FT_OK;
    ft_status status = ft_window_scores_of(c->experiment, s->split, s->metric, scores, &read_error);
    if (status == FT_NO_MEMORY) return ft_fail(err, status, "%s", read_error.message);
    if (status != FT_OK || scores->n_windows == 0) return FT_OK;
    *n = 1;
    for (size_t i = r->first[c->group]; i < r->first[c->group + 1]; i++) {
        const ft_experiment *e = &s->experiments->items[r->members[i]];
        ft_window_scores more = {0};
        if (e == c->experiment || e->error || !e->directory) continue;
        status = ft_window_scores_of(e, s->split, s->metric, &more, &read_error);
        if (status == FT_NO_MEMORY) return ft_fail(err, status, "%s", read_error.message);
        if (status == FT_OK && more.window_checksum == scores->window_checksum) {
            add_windows(scores, &more);
            ++*n;
        } else if (status == FT_OK && more.n_windows > 0) {
            ++*n_other;
        }
        ft_window_scores_free(&more);
    }
    return FT_OK;
}

/* Reads the windows of all, and leaves out whose are others than the best one's. */
static ft_status read_windows(const search *s, const candidate *candidates, ft_rivals *r,
                              ft_window_scores *all, ft_error *err)
{
    const size_t n_candidates = r->count;
    ft_status status = FT_OK;
    r->count = 0;
    for (size_t i = 0; i < n_candidates && status == FT_OK; i++) {
        ft_window_scores *scores = &all[r->count];
        size_t n = 0, n_other = 0;
        status = read_configuration(s, &candidates[i], scores, &n, &n_other, err);
        if (n > 0 && (i == 0 || (r->count > 0 && scores->window_checksum == all[0].window_checksum))) {
            r->n_of_other_windows += n_other;
            r->n_replicates[r->count] = n;
            r->experiment[r->count++] = candidates[i].experiment;
            continue;
        }
        if (i == 0) r->why_none = scores->why_none;
        ft_window_scores_free(scores);
        if (n > 0 && r->count > 0)
            r->n_of_other_windows++;
        else
            r->n_left_out++;
    }
    return status;
}

static ft_status compare(const search *s, const ft_experiment *best, ft_rivals *rivals,
                         ft_window_scores *scores, ft_error *err)
{
    candidate candidates[FT_MOST_COMPARED];
    for (size_t g = 0; g < s->replicates->n_groups; g++) {
        const ft_spread spread = ft_replicates_spread(s->experiments, s->replicates, g, s->metric, s->split);
        candidate c = {&s->experiments->items[spread.best], g, spread.cost};
        if (s->replicates->group[best - s->experiments->items] == g) c.experiment = best, c.cost = -INFINITY;
        insert(rivals, candidates, &c);
    }
    ft_status status = rivals->count > 1 ? read_windows(s, candidates, rivals, scores, err) : FT_OK;
    if (rivals->count < 2) rivals->count = 0;
    if (status != FT_OK || rivals->count == 0) return status;
    rivals->n_windows = scores[0].n_windows;
    rivals->n_series = scores[0].n_series;
    return ft_confidence_set(scores, rivals->count, s->metric, 0, rivals->certainty, &rivals->n_blocks, err);
}

ft_status ft_rivals_find(const ft_experiments *experiments, const ft_replicates *replicates,
                         const ft_experiment *best, ft_metric metric, ft_split split, ft_rivals *rivals,
                         ft_error *err)
{
    const search s = {experiments, replicates, metric, split};
    ft_window_scores *scores = calloc(FT_MOST_COMPARED, sizeof *scores);
    *rivals = (ft_rivals){0};
    if (!scores) return ft_no_memory(err, "the experiments", FT_MOST_COMPARED * sizeof *scores);
    ft_status status = compare(&s, best, rivals, scores, err);
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

/* Results of several data sets in one directory: the best of them is none. */
static void add_other_windows(const ft_rivals *r, ft_metric metric, ft_text *out)
{
    const size_t n = r->n_of_other_windows;
    if (n == 0) return;
    ft_text_addf(out,
                 "%s%zu other%s forecast other windows (other data or prediction_length): %s %s does not "
                 "compare with the best's (choose by --match or --where)",
                 r->count ? "; " : "", n, n == 1 ? "" : "s", n == 1 ? "its" : "their",
                 ft_metric_names[metric]);
}

static void add_certainty(const ft_rivals *r, ft_metric metric, ft_split split, ft_rivals_detail detail,
                          ft_text *out)
{
    char room[FT_NUMBER_CHARS];
    const size_t n = r->n_windows;
    ft_text_addf(out, "%zu %s window%s", n, ft_split_names[split], n == 1 ? "" : "s");
    if (r->n_series > 1) ft_text_addf(out, " of %zu series", r->n_series);
    if (r->n_blocks < FT_LEAST_BLOCKS) {
        ft_text_addf(out, ": too few to tell experiments apart (at least %s are needed)",
                     r->n_series > 1 ? "6 series" : "12 windows");
    } else {
        ft_text_addf(out, ": standard error of %s %s", ft_metric_names[metric],
                     ft_short_number(r->certainty[0].standard_error, room));
        if (detail == FT_RIVALS_NAMES) add_tied(r, out);
    }
    if (r->n_left_out > 0) ft_text_addf(out, " (%zu not compared)", r->n_left_out);
}

void ft_rivals_describe(const ft_rivals *r, ft_metric metric, ft_split split, ft_rivals_detail detail,
                        ft_text *out)
{
    if (r->count > 0) add_certainty(r, metric, split, detail, out);
    if (r->why_none)
        ft_text_addf(out, "%s %s has no standard error: %s", ft_split_names[split], ft_metric_names[metric],
                     r->why_none);
    add_other_windows(r, metric, out);
}
