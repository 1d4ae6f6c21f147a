/* Which hyperparameters drive a metric: correlations with each, PED-ANOVA, and what they
 * mean in words. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracker/analyze.h"
#include "tracker/importance_sample.h"
#include "tracker/statistics.h"

/* Below this nothing is claimed, whatever the number of experiments. */
static const double negligible = 0.1;

/* Columns of the table. TEST_CORRELATION is there unless the split is test; the effect in
 * words is the last. */
enum { NAME, CORRELATION, SIZE, SPEARMAN, PED_ANOVA, TEST_CORRELATION };

/* What all hyperparameters together show. */
typedef struct findings {
    double total;       /* of PED-ANOVA's importances */
    ft_text in_between; /* names of those whose best or worst value lies in between */
    ft_text unsure;     /* names of those whose effect is within chance */
    ft_text disputed;   /* names of those that test says the opposite of */
    ft_text left_out;   /* whole lines: what did not vary, and the seed */
} findings;

/* The finding in words. The sign alone misleads: for an error, a positive correlation
 * means that more is worse. */
static const char *effect_of(ft_metric metric, double correlation)
{
    if (fabs(correlation) < negligible) return "hardly matters";
    bool up = correlation > 0;
    if (ft_metric_better(metric) == FT_NEAR_80_IS_BETTER)
        return up ? "higher values widen the intervals" : "higher values narrow the intervals";
    bool better = up == (ft_metric_better(metric) == FT_HIGHER_IS_BETTER);
    return better ? "higher values are better" : "lower values are better";
}

/* The choice whose experiments have the lowest mean cost: the first experiment that made
 * it. */
static size_t find_best_choice(const ft_importance_sample *s, size_t n_choices)
{
    double *sum = s->scratch, *count = s->scratch + s->n, least = INFINITY;
    size_t best = 0;
    for (size_t c = 0; c < n_choices; c++) sum[c] = count[c] = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (isnan(s->values[i])) continue;
        sum[(size_t)s->values[i]] += s->cost[i];
        count[(size_t)s->values[i]]++;
    }
    for (size_t i = s->n; i-- > 0;) {
        if (isnan(s->values[i])) continue;
        const double mean = sum[(size_t)s->values[i]] / count[(size_t)s->values[i]];
        if (mean <= least) least = mean, best = i;
    }
    return best;
}

/* An effect that turns within the range that was tried, beyond chance (5 %): 1 where the
 * best lies in between, -1 where the worst does, else 0. A turn that is nearer to the
 * least or the greatest value than to the next is none: what was tried rises or falls. */
static int find_bend(const ft_importance_sample *s, double *vertex)
{
    double low = INFINITY, high = -INFINITY, second = INFINITY, last_but_one = -INFINITY;
    const ft_parabola fit = ft_fit_parabola(s->scaled, s->cost, s->n);
    for (size_t i = 0; i < s->n; i++) low = fmin(low, s->scaled[i]), high = fmax(high, s->scaled[i]);
    for (size_t i = 0; i < s->n; i++) {
        if (s->scaled[i] > low) second = fmin(second, s->scaled[i]);
        if (s->scaled[i] < high) last_but_one = fmax(last_but_one, s->scaled[i]);
    }
    *vertex = fit.vertex;
    const bool is_within = fit.vertex > (low + second) / 2 && fit.vertex < (last_but_one + high) / 2;
    if (s->n < 6 || !(fit.p_value < 0.05) || !is_within) return 0;
    return fit.bend > 0 ? 1 : -1;
}

/* Whether a row that cannot be told from the best has another choice than row `best`. */
static bool is_choice_unsure(const ft_importance_sample *s, size_t best)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->is_tied[i] && !isnan(s->values[i]) && s->values[i] != s->values[best]) return true;
    return false;
}

/* Whether rows that cannot be told from the best have both the least and the greatest
 * value that was tried. */
static bool is_range_unsure(const ft_importance_sample *s)
{
    double low = INFINITY, high = -INFINITY;
    bool has_low = false, has_high = false;
    for (size_t i = 0; i < s->n; i++) low = fmin(low, s->values[i]), high = fmax(high, s->values[i]);
    for (size_t i = 0; i < s->n; i++) {
        has_low |= s->is_tied[i] && s->values[i] == low;
        has_high |= s->is_tied[i] && s->values[i] == high;
    }
    return has_low && has_high;
}

static void add_name(ft_text *list, const char *name)
{
    if (list->length) ft_text_add(list, ", ");
    ft_text_add_line(list, name);
}

/* Marks an effect as within chance, and notes the hyperparameter for the remark. */
static void add_caution(const ft_importance_sample *s, size_t column, findings *f, ft_text *effect)
{
    ft_text_add(effect, " (within chance)");
    add_name(&f->unsure, s->all.columns[column]);
}

/* The effect of a hyperparameter in words. */
static void describe_effect(const ft_importance_sample *s, const ft_ped_parameter *p, size_t column,
                            double correlation, double ranks, findings *f, ft_text *effect)
{
    char room[FT_NUMBER_CHARS];
    double vertex;
    if (p->n_choices) {
        size_t best = find_best_choice(s, p->n_choices);
        ft_text_add(effect, "best on average: ");
        ft_text_add_line(effect, ft_cell_for_people(ft_importance_cell(s, best, column), room));
        if (is_choice_unsure(s, best)) add_caution(s, column, f, effect);
        return;
    }
    int bend = find_bend(s, &vertex);
    if (bend) {
        char rounded[FT_NUMBER_CHARS];
        snprintf(rounded, sizeof rounded, "%.2g", p->is_log ? exp(vertex) : vertex);
        ft_text_addf(effect, "%s in between, near %s", bend > 0 ? "best" : "worst", rounded);
        add_name(&f->in_between, s->all.columns[column]);
        if (is_range_unsure(s)) add_caution(s, column, f, effect);
        return;
    }
    /* The stronger of the two: ranks see what is steady but not straight. */
    const bool by_ranks = fabs(correlation) < negligible && fabs(ranks) > fabs(correlation);
    const double strength = by_ranks ? ranks : correlation;
    ft_text_add(effect, effect_of(s->metric, strength));
    if (fabs(strength) >= negligible && is_range_unsure(s)) add_caution(s, column, f, effect);
}

static void add_hyperparameter(const ft_importance_sample *s, const ft_ped_parameter *p, size_t column,
                               findings *f, ft_table *table)
{
    double correlation = NAN, ranks = NAN, on_test = NAN;
    ft_text effect = FT_TEXT_EMPTY;
    if (!p->n_choices) {
        correlation = ft_correlation(s->values, s->metrics, s->n);
        ranks = ft_rank_correlation(s->values, s->metrics, s->n, s->scratch);
        on_test = ft_correlation(s->values, s->test, s->n);
    }
    describe_effect(s, p, column, correlation, ranks, f, &effect);
    const bool with_test = s->split != FT_TEST;
    if (with_test && correlation * on_test < 0 && fmin(fabs(correlation), fabs(on_test)) >= negligible)
        add_name(&f->disputed, s->all.columns[column]);
    const double importance = ft_ped_importance(p, s->is_best, s->n, s->scratch);
    f->total += importance;
    ft_table_add_row(table);
    ft_table_set_text(table, NAME, s->all.columns[column]);
    ft_table_set_number(table, CORRELATION, correlation);
    ft_table_set_number(table, SIZE, fabs(correlation));
    ft_table_set_number(table, SPEARMAN, ranks);
    ft_table_set_number(table, PED_ANOVA, importance);
    if (with_test) ft_table_set_number(table, TEST_CORRELATION, on_test);
    ft_table_set_text(table, table->n_columns - 1, effect.data ? effect.data : "");
    if (effect.failed) table->failed = true;
    ft_text_free(&effect);
}

/* Whether the metric is not the same in all. */
static bool metric_varies(const ft_importance_sample *s)
{
    for (size_t i = 1; i < s->n; i++)
        if (s->metrics[i] != s->metrics[0]) return true;
    return false;
}

/* Makes importances shares of their total. */
static void share_importance(double total, ft_table *table)
{
    for (size_t r = 0; r < table->n_rows && !table->failed; r++) {
        ft_cell *importance = &table->cells[r * table->n_columns + PED_ANOVA];
        if (total > 0)
            importance->number /= total;
        else /* all are equally good: nothing decides */
            importance->kind = FT_CELL_NULL;
    }
}

static void note_left_out(const ft_importance_sample *s, const ft_text *constant, size_t n_constant,
                          bool has_seeds, ft_text *lines)
{
    if (n_constant)
        ft_text_addf(lines, "left out, as %s did not vary: %s\n", n_constant == 1 ? "it" : "they",
                     constant->data);
    if (has_seeds && s->n_experiments > s->n)
        ft_text_addf(lines,
                     "left out: seed; experiments that differ in it alone are replicates and count by their "
                     "mean: %zu configurations of %zu experiments\n",
                     s->n, s->n_experiments);
    else if (has_seeds)
        ft_text_add(lines, "left out: seed, which makes replicates and is no hyperparameter\n");
    if (constant->failed) lines->failed = true;
}

static void add_hyperparameters(const ft_importance_sample *s, findings *f, ft_table *table)
{
    static const char prefix[] = "hp_";
    ft_text constant = FT_TEXT_EMPTY;
    size_t n_constant = 0;
    bool has_seeds = false;
    for (size_t c = 0; c < s->all.n_columns && s->n > 1 && metric_varies(s); c++) {
        if (strncmp(s->all.columns[c], prefix, strlen(prefix)) != 0) continue;
        const char *name = s->all.columns[c] + strlen(prefix);
        bool varies;
        const ft_ped_parameter p = ft_importance_take_column(s, c, &varies);
        if (strcmp(name, "seed") == 0 && (varies || s->n_experiments > s->n)) {
            has_seeds = true;
        } else if (!varies) {
            add_name(&constant, name);
            n_constant++;
        } else {
            add_hyperparameter(s, &p, c, f, table);
        }
    }
    share_importance(f->total, table);
    note_left_out(s, &constant, n_constant, has_seeds, &f->left_out);
    ft_text_free(&constant);
}

static void remark_few(const ft_importance_sample *s, size_t n_all, size_t n_rows, ft_text *remark)
{
    enum { ENOUGH = 10, ADVISED_BEST = 5, ADVISED = 50 };
    const char *of = ft_metric_names[s->metric], *on = ft_split_names[s->split];
    const char *what = ft_importance_unit(s);
    if (s->n < 2) {
        if (s->n_experiments > s->n) n_all = s->n;
        ft_text_addf(remark, "%zu of %zu %s have a %s on %s: two are needed to see what matters\n", s->n,
                     n_all, what, of, on);
        return;
    }
    if (n_rows == 0)
        ft_text_addf(remark, "no hyperparameter varies together with a %s on %s that varies\n", of, on);
    else if (s->n < ENOUGH)
        ft_text_addf(remark, "only %zu %s have a %s on %s: correlations of so few say little\n", s->n, what,
                     of, on);
    if (n_rows && s->n_best < ADVISED_BEST)
        ft_text_addf(remark,
                     "ped_anova rests on the best tenth, %zu of %zu %s; %d are advised, the best of %d\n",
                     s->n_best, s->n, what, ADVISED_BEST, ADVISED);
}

static void remark_findings(const ft_importance_sample *s, const findings *f, ft_text *remark)
{
    if (f->in_between.length)
        ft_text_addf(remark, "correlations do not show it, but the best or worst lies in between: %s\n",
                     f->in_between.data);
    if (f->unsure.length && !s->can_tell)
        ft_text_addf(remark,
                     "within chance, as %s has too few windows or series to tell experiments apart (ftgpu "
                     "best): %s\n",
                     ft_split_names[s->split], f->unsure.data);
    else if (f->unsure.length)
        ft_text_addf(remark,
                     "within chance: what cannot be told from the best (ftgpu best, 95 %%) has other values, "
                     "too, of %s\n",
                     f->unsure.data);
    if (f->disputed.length)
        ft_text_addf(remark, "test says the opposite of %s about: %s\n", ft_split_names[s->split],
                     f->disputed.data);
    if (s->split == FT_TEST && s->n > 1)
        ft_text_add(remark,
                    "by the test split: what one chooses by this looks better on test than it is; --split "
                    "val holds test back\n");
}

static void add_columns(ft_split split, ft_table *table)
{
    ft_table_column(table, "hyperparameter");
    ft_table_column(table, "correlation");
    ft_table_column(table, "abs_correlation");
    ft_table_column(table, "spearman");
    ft_table_column(table, "ped_anova");
    if (split != FT_TEST) ft_table_column(table, "test_correlation");
    ft_table_column(table, "effect");
}

/* The table, strongest first, and the remark below it. */
static ft_status analyze(const ft_importance_sample *s, size_t n_all, ft_table *table, ft_text *remark,
                         ft_error *err)
{
    findings f = {0};
    add_hyperparameters(s, &f, table);
    ft_table_sort(table, SIZE, true);
    remark_few(s, n_all, table->n_rows, remark);
    remark_findings(s, &f, remark);
    ft_status status = ft_importance_remark_pairs(s, remark, err);
    if (f.left_out.length) ft_text_add(remark, f.left_out.data);
    if (status == FT_OK && (table->failed || remark->failed || f.left_out.failed || f.in_between.failed ||
                            f.disputed.failed || f.unsure.failed))
        status = ft_no_memory(err, "correlations", 0);
    ft_text_free(&f.left_out);
    ft_text_free(&f.in_between);
    ft_text_free(&f.unsure);
    ft_text_free(&f.disputed);
    return status;
}

ft_status ft_analyze_importance(const ft_experiments *experiments, ft_metric metric, ft_split split,
                                size_t top, ft_table *table, ft_text *remark, ft_error *err)
{
    ft_importance_sample sample;
    add_columns(split, table);
    ft_status status = ft_importance_sample_take(experiments, metric, split, &sample, err);
    if (status == FT_OK) status = analyze(&sample, experiments->count, table, remark, err);
    if (status == FT_OK && top) ft_table_keep_rows(table, top);
    ft_importance_sample_free(&sample);
    return status;
}
