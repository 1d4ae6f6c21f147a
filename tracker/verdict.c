/* Whether the best experiment is of any use; see verdict.h. */
#include "tracker/verdict.h"

#include <math.h>
#include <string.h>

#include "tracker/baselines.h"
#include "tracker/confidence_set.h"
#include "tracker/table.h"

/* Quantiles of the normal distribution: of a 95 % interval, and of a power of 80 %. */
static const double Z_95 = 1.959963984540054, Z_80 = 0.8416212335729143;

const char *const ft_verdict_names[] = {
    [FT_VERDICT_NONE] = "unknown",
    [FT_VERDICT_SHIP] = "ship",
    [FT_VERDICT_NOT_YET] = "not yet",
    [FT_VERDICT_DO_NOT_SHIP] = "do not ship",
};

/* -- judging -- */

/* How many windows a test has 80 % power with, if the difference is as large as it seems:
 * the interval shrinks with their square root. */
static double count_needed(double ahead, double margin, size_t n_there)
{
    const double ratio = (1 + Z_80 / Z_95) * margin / fabs(ahead);
    return ahead != 0 && isfinite(ratio) ? ceil((double)n_there * ratio * ratio) : NAN;
}

/* Sets margin and n_needed of `a`, or why there is no interval. own: the windows of the
 * experiment. */
static ft_status compare(const ft_experiment *e, const ft_window_scores *own, ft_judgement *j, ft_against *a,
                         ft_error *err)
{
    ft_window_scores both[2] = {*own, {0}};
    ft_certainty certainty[2];
    ft_error read_error;
    size_t n_blocks = 0;
    ft_status status = ft_window_scores_of_baseline(e, a->name, j->metric, &both[1], &read_error);
    if (status == FT_NO_MEMORY) return ft_fail(err, status, "%s", read_error.message);
    if (both[1].n_windows == 0) {
        a->why = both[1].why_none;
    } else if (!ft_window_scores_match(own, &both[1])) {
        a->why = "baselines.csv is of other windows than forecasts.csv";
    } else {
        status = ft_confidence_set(both, 2, j->metric, 0, certainty, &n_blocks, err);
        if (status == FT_OK && n_blocks < FT_LEAST_BLOCKS)
            a->why = own->n_series > 1 ? "too few series, 6 are needed"
                                       : "too few windows, 12 are needed (more test rows, or a shorter "
                                         "prediction_length)";
        if (status == FT_OK && !a->why) {
            a->margin = certainty[1].behind_margin;
            a->n_needed =
                count_needed(a->ahead, a->margin, own->n_series > 1 ? own->n_series : own->n_windows);
        }
    }
    if (status != FT_NO_MEMORY) status = FT_OK;
    ft_window_scores_free(&both[1]);
    return status;
}

static ft_status compare_with_all(const ft_experiment *e, ft_judgement *j, ft_error *err)
{
    ft_window_scores own = {0};
    ft_error read_error;
    const char *why = NULL;
    ft_status status = FT_OK;
    if (j->split != FT_TEST || !e->directory)
        why = "there are windows of baselines for test alone";
    else if ((status = ft_window_scores_of(e, FT_TEST, j->metric, &own, &read_error)) != FT_NO_MEMORY)
        why = own.why_none;
    if (status == FT_NO_MEMORY) return ft_fail(err, status, "%s", read_error.message);
    j->n_windows = own.n_windows;
    j->n_series = own.n_series;
    status = FT_OK;
    for (size_t i = 0; i < j->n_baselines && status == FT_OK; i++) {
        j->against[i].why = why;
        if (!why) status = compare(e, &own, j, &j->against[i], err);
    }
    ft_window_scores_free(&own);
    return status;
}

/* Adds an experiment to n_compared and n_better of each baseline that its run has. */
static void count_one(const ft_experiment *e, ft_judgement *j)
{
    const char *name;
    ft_metrics baseline[FT_N_SPLITS];
    const double value = ft_metrics_get(&e->metrics[j->split], j->metric);
    for (size_t i = 0; isfinite(value) && ft_baseline_get(e, i, &name, baseline); i++) {
        const double other = ft_metrics_get(&baseline[j->split], j->metric);
        for (size_t k = 0; k < j->n_baselines && isfinite(other); k++) {
            if (strcmp(j->against[k].name, name) != 0) continue;
            j->against[k].n_compared++;
            j->against[k].n_better += ft_metric_cost(j->metric, value) < ft_metric_cost(j->metric, other);
        }
    }
}

/* Compares each experiment with the baselines of its own run: those of another run may be
 * of other data, another model or other lengths. */
static void count_all(const ft_experiments *all, ft_judgement *j)
{
    for (size_t i = 0; i < all->count; i++)
        if (!all->items[i].error) count_one(&all->items[i], j);
}

/* Whether the interval holds 0; false where there is none. */
static bool holds_zero(const ft_against *a)
{
    return fabs(a->ahead) <= a->margin;
}

/* Whether the interval excludes 0; false where there is none. */
static bool excludes_zero(const ft_against *a)
{
    return fabs(a->ahead) > a->margin;
}

static ft_verdict decide(const ft_judgement *j)
{
    ft_verdict verdict = j->n_baselines ? FT_VERDICT_SHIP : FT_VERDICT_NONE;
    for (size_t i = 0; i < j->n_baselines; i++) {
        if (j->against[i].ahead <= 0) return FT_VERDICT_DO_NOT_SHIP;
        if (!excludes_zero(&j->against[i])) verdict = FT_VERDICT_NOT_YET;
    }
    return verdict;
}

/* The season that a run recorded; 0: none. */
static int64_t season_of(const ft_experiment *e)
{
    const cJSON *season = cJSON_GetObjectItemCaseSensitive(e->run, "season");
    return cJSON_IsNumber(season) && season->valuedouble >= 1 && season->valuedouble < 1e9
               ? (int64_t)season->valuedouble
               : 0;
}

ft_status ft_judge(const ft_experiment *experiment, const ft_experiments *all, ft_metric metric,
                   ft_split chosen_by, ft_judgement *j, ft_error *err)
{
    const char *name;
    ft_metrics baseline[FT_N_SPLITS];
    const bool has_test = isfinite(ft_metrics_get(&experiment->metrics[FT_TEST], metric));
    const ft_split split = has_test ? FT_TEST : chosen_by;
    *j = (ft_judgement){.metric = metric, .split = split, .is_optimistic = split == chosen_by};
    j->value = ft_metrics_get(&experiment->metrics[split], metric);
    j->season = season_of(experiment);
    for (size_t i = 0; ft_baseline_get(experiment, i, &name, baseline); i++) {
        const double value = ft_metrics_get(&baseline[split], metric);
        if (!isfinite(value) || !isfinite(j->value) || j->n_baselines == FT_MOST_BASELINES) continue;
        j->against[j->n_baselines++] =
            (ft_against){.name = name,
                         .value = value,
                         .ahead = ft_metric_cost(metric, value) - ft_metric_cost(metric, j->value),
                         .margin = NAN,
                         .n_needed = NAN};
    }
    ft_status status = j->n_baselines ? compare_with_all(experiment, j, err) : FT_OK;
    j->verdict = decide(j);
    if (status == FT_OK && j->verdict == FT_VERDICT_DO_NOT_SHIP) count_all(all, j);
    return status;
}

/* -- in words -- */

static bool is_zero_shot(const ft_against *a)
{
    return strcmp(a->name, "zero_shot") == 0;
}

/* Adds the separator before each part but the first. */
static void begin_part(ft_text *out, size_t *n_parts, const char *separator)
{
    if ((*n_parts)++) ft_text_add(out, separator);
}

static bool beats_all(const ft_against *a)
{
    return a->n_better == 0;
}

/* Adds that tuning has not helped. */
static void describe_tuning(const ft_against *a, ft_text *out)
{
    const bool of_all = beats_all(a) && a->n_compared > 1;
    if (!holds_zero(a))
        ft_text_add(out, "tuning made it worse");
    else
        ft_text_add(out, of_all ? "tuning made it better in none" : "tuning did not make it better");
    if (of_all)
        ft_text_addf(out, holds_zero(a) ? " of %zu experiments" : " in all %zu experiments", a->n_compared);
}

/* The worst first: baselines that no experiment beats; then those that others beat, and
 * zero_shot, which tuning has made worse. */
static void describe_losses(const ft_judgement *j, ft_text *out)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n_baselines; i++) {
        const ft_against *a = &j->against[i];
        if (a->ahead > 0 || !beats_all(a) || is_zero_shot(a)) continue;
        begin_part(out, &n, "; ");
        if (a->n_compared > 1)
            ft_text_addf(out, "none of %zu experiments beats ", a->n_compared);
        else
            ft_text_add(out, "it does not beat ");
        ft_text_add_line(out, a->name);
    }
    for (size_t i = 0; i < j->n_baselines; i++) {
        const ft_against *a = &j->against[i];
        if (a->ahead > 0 || (beats_all(a) && !is_zero_shot(a))) continue;
        begin_part(out, &n, "; ");
        if (is_zero_shot(a)) {
            describe_tuning(a, out);
        } else {
            ft_text_add(out, "it is not better than ");
            ft_text_add_line(out, a->name);
        }
    }
}

/* Adds "zero_shot and seasonal_naive": baselines that it is ahead of, those within chance
 * or those beyond. Returns how many. */
static size_t add_names(const ft_judgement *j, bool unsure, ft_text *out)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n_baselines; i++) {
        const ft_against *a = &j->against[i];
        if (a->ahead <= 0 || holds_zero(a) != unsure) continue;
        begin_part(out, &n, " and ");
        ft_text_add_line(out, a->name);
    }
    return n;
}

static const char *reason_of(const ft_judgement *j)
{
    const char *why = NULL;
    for (size_t i = 0; i < j->n_baselines && !why; i++) why = j->against[i].why;
    return why;
}

void ft_judgement_describe(const ft_judgement *j, ft_text *out)
{
    const char *why = reason_of(j);
    switch (j->verdict) {
    case FT_VERDICT_NONE:
        return;
    case FT_VERDICT_DO_NOT_SHIP:
        ft_text_add(out, "do not ship it: ");
        describe_losses(j, out);
        break;
    case FT_VERDICT_NOT_YET:
        ft_text_add(out, "do not ship it yet: better than ");
        if (add_names(j, true, out))
            ft_text_add(out, " by no more than chance explains");
        else
            add_names(j, false, out);
        break;
    case FT_VERDICT_SHIP:
        ft_text_add(out, "ship it: better than ");
        add_names(j, false, out);
        ft_text_add(out, ", beyond chance (95 %)");
        break;
    }
    ft_text_addf(out, ", on %s", ft_split_names[j->split]);
    if (why) ft_text_addf(out, "; how sure that is cannot be told: %s", why);
    if (j->is_optimistic)
        ft_text_addf(out, "; %s chose it, too, so that this is optimistic", ft_split_names[j->split]);
}

/* Rounds up to two significant digits: more would feign precision. */
static double round_up(double count)
{
    const double scale = pow(10, fmax(0, floor(log10(count)) - 1));
    return ceil(count / scale) * scale;
}

void ft_judgement_describe_against(const ft_judgement *j, const ft_against *a, ft_text *out)
{
    char room[3][FT_NUMBER_CHARS];
    const double size = fabs(a->ahead);
    const size_t n = j->n_series > 1 ? j->n_series : j->n_windows;
    const char *what = j->n_series > 1 ? "series" : "windows";
    ft_text_add_line(out, a->name);
    ft_text_add(out, " (");
    if (j->season && strcmp(a->name, "seasonal_naive") == 0)
        ft_text_addf(out, "season %lld, ", (long long)j->season);
    ft_text_addf(out, "%s %s): %s %s", ft_metric_names[j->metric], ft_short_number(a->value, room[0]),
                 ft_short_number(size, room[1]), a->ahead < 0 ? "worse" : "better");
    if (!isfinite(a->margin)) return;
    ft_text_addf(out, ", 95 %% interval %s to %s, %zu %s", ft_short_number(size - a->margin, room[0]),
                 ft_short_number(size + a->margin, room[1]), n, what);
    if (!holds_zero(a) || !isfinite(a->n_needed)) return;
    if (a->n_needed < 1e6)
        ft_text_addf(out, "; about %s would tell%s", ft_short_number(round_up(a->n_needed), room[2]),
                     j->n_series > 1 ? "" : " (more test rows; --eval-windows, if it left some out)");
    else
        ft_text_add(out, "; a million would not tell");
}

/* -- for programs -- */

static cJSON *against_to_json(const ft_against *a)
{
    cJSON *out = cJSON_CreateObject();
    ft_json_set_string(&out, "name", a->name);
    ft_json_set(&out, "value", ft_json_number(a->value));
    ft_json_set(&out, "better_by", ft_json_number(a->ahead));
    ft_json_set(&out, "margin", ft_json_number(a->margin));
    return out;
}

cJSON *ft_judgement_to_json(const ft_judgement *j)
{
    ft_text sentence = FT_TEXT_EMPTY;
    cJSON *out = cJSON_CreateObject(), *against = cJSON_CreateArray();
    ft_judgement_describe(j, &sentence);
    ft_json_set_string(&out, "is", ft_verdict_names[j->verdict]);
    if (sentence.length) ft_json_set_string(&out, "sentence", sentence.data);
    ft_json_set_string(&out, "metric", ft_metric_names[j->metric]);
    ft_json_set_string(&out, "split", ft_split_names[j->split]);
    for (size_t i = 0; i < j->n_baselines; i++) ft_json_append(&against, against_to_json(&j->against[i]));
    ft_json_set(&out, "against", against);
    if (sentence.failed) {
        cJSON_Delete(out);
        out = NULL;
    }
    ft_text_free(&sentence);
    return out;
}
