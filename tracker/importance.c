/* Which hyperparameters drive a metric: correlations with each, PED-ANOVA, and what they
 * mean in words. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracker/analyze.h"
#include "tracker/compare.h"
#include "tracker/interaction.h"
#include "tracker/ped_anova.h"
#include "tracker/replicates.h"
#include "tracker/statistics.h"

/* Below this nothing is claimed, whatever the number of experiments. */
static const double negligible = 0.1;

/* The finding in words. The sign alone misleads: for an error, a positive correlation
 * means that more is worse. */
static const char *effect_of(ft_metric metric, double correlation)
{
    if (fabs(correlation) < negligible) return "hardly matters";
    bool up = correlation > 0;
    if (metric == FT_COVERAGE_80)
        return up ? "higher values widen the intervals" : "higher values narrow the intervals";
    bool better = up == (metric == FT_DIRECTIONAL_ACCURACY);
    return better ? "higher values are better" : "lower values are better";
}

/* What is looked at, and room for it. Rows are the configurations that have the
 * metric: some experiment of theirs succeeded and it is finite. */
typedef struct study {
    ft_metric metric;
    ft_split split;
    /* another split was chosen by: test stands beside it */
    bool with_test;
    const ft_table *all; /* ft_compare of all experiments */
    /* configurations; their experiments, replicates and all */
    size_t n, n_experiments;
    size_t *row; /* (n): of `all`, the best of its replicates */
    /* (n): the metric, its badness, and the metric on test (NaN: none) */
    double *metrics, *cost, *test;
    /* (n): of a hyperparameter; logarithms where it spans decades */
    double *values, *place;
    double *room;  /* (3 n) */
    bool *is_best; /* (n): for PED-ANOVA */
    size_t n_best;
    double total; /* of importances so far */
    /* hyperparameters best in between, and those that test says the opposite of */
    ft_text bent, turned;
} study;

static const ft_cell *cell_at(const study *s, size_t i, size_t column)
{
    return &s->all->cells[s->row[i] * s->all->n_columns + column];
}

static bool is_same(const ft_cell *a, const ft_cell *b)
{
    return a->kind == b->kind &&
           (a->kind == FT_CELL_TEXT ? strcmp(a->text, b->text) == 0 : a->number == b->number);
}

/* The values of a column: numbers, or numbers of choices where one is a text or a flag.
 * Those that an experiment lacks are NaN. */
static ft_ped_parameter take_column(const study *s, size_t column, bool *varies)
{
    ft_ped_parameter p = {.values = s->values, .is_whole = true};
    double low = INFINITY, high = -INFINITY;
    bool numbers = true;
    for (size_t i = 0; i < s->n; i++) {
        const ft_cell *cell = cell_at(s, i, column);
        numbers &= cell->kind == FT_CELL_NUMBER || cell->kind == FT_CELL_NULL;
        s->values[i] = cell->kind == FT_CELL_NUMBER ? cell->number : NAN;
        if (isnan(s->values[i])) continue;
        low = fmin(low, cell->number), high = fmax(high, cell->number);
        p.is_whole &= cell->number == floor(cell->number);
    }
    for (size_t i = 0; i < s->n && !numbers; i++) {
        const ft_cell *cell = cell_at(s, i, column);
        size_t before = 0;
        s->values[i] = NAN;
        if (cell->kind == FT_CELL_NULL) continue;
        while (before < i && !is_same(cell, cell_at(s, before, column))) before++;
        s->values[i] = before < i ? s->values[before] : (double)p.n_choices++;
    }
    p.is_log = numbers && low > 0 && high >= 10 * low;
    for (size_t i = 0; i < s->n; i++) s->place[i] = p.is_log ? log(s->values[i]) : s->values[i];
    *varies = numbers ? low < high : p.n_choices > 1;
    return p;
}

/* The choice whose experiments have the lowest mean cost: the first experiment that made
 * it. */
static size_t find_best_choice(const study *s, size_t n_choices)
{
    double *sum = s->room, *count = s->room + s->n, least = INFINITY;
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
 * best lies in between, -1 where the worst does, else 0. */
static int find_bend(const study *s, double *vertex)
{
    double low = INFINITY, high = -INFINITY;
    const ft_parabola fit = ft_fit_parabola(s->place, s->cost, s->n);
    for (size_t i = 0; i < s->n; i++) low = fmin(low, s->place[i]), high = fmax(high, s->place[i]);
    *vertex = fit.vertex;
    if (s->n < 6 || !(fit.p_value < 0.05) || !(fit.vertex > low && fit.vertex < high)) return 0;
    return fit.bend > 0 ? 1 : -1;
}

static void add_name(ft_text *list, const char *name)
{
    if (list->length) ft_text_add(list, ", ");
    ft_text_add_line(list, name);
}

/* The effect of a hyperparameter in words. */
static void describe_effect(study *s, const ft_ped_parameter *p, size_t column, double correlation,
                            double ranks, ft_text *effect)
{
    char room[FT_NUMBER_CHARS];
    double vertex;
    if (p->n_choices) {
        size_t best = find_best_choice(s, p->n_choices);
        ft_text_add(effect, "best on average: ");
        ft_text_add_line(effect, ft_cell_for_people(cell_at(s, best, column), room));
        return;
    }
    int bend = find_bend(s, &vertex);
    if (bend) {
        char rounded[FT_NUMBER_CHARS];
        snprintf(rounded, sizeof rounded, "%.2g", p->is_log ? exp(vertex) : vertex);
        ft_text_addf(effect, "%s in between, near %s", bend > 0 ? "best" : "worst", rounded);
        add_name(&s->bent, s->all->columns[column]);
        return;
    }
    /* The stronger of the two: ranks see what is steady but not straight. */
    const bool by_ranks = fabs(correlation) < negligible && fabs(ranks) > fabs(correlation);
    ft_text_add(effect, effect_of(s->metric, by_ranks ? ranks : correlation));
}

static void add_hyperparameter(study *s, const ft_ped_parameter *p, size_t column, ft_table *table)
{
    double correlation = NAN, ranks = NAN, on_test = NAN;
    ft_text effect = FT_TEXT_EMPTY;
    if (!p->n_choices) {
        correlation = ft_correlation(s->values, s->metrics, s->n);
        ranks = ft_rank_correlation(s->values, s->metrics, s->n, s->room);
        on_test = ft_correlation(s->values, s->test, s->n);
    }
    describe_effect(s, p, column, correlation, ranks, &effect);
    if (s->with_test && correlation * on_test < 0 && fmin(fabs(correlation), fabs(on_test)) >= negligible)
        add_name(&s->turned, s->all->columns[column]);
    const double importance = ft_ped_importance(p, s->is_best, s->n, s->room);
    s->total += importance;
    ft_table_add_row(table);
    ft_table_set_text(table, 0, s->all->columns[column]);
    ft_table_set_number(table, 1, correlation);
    ft_table_set_number(table, 2, fabs(correlation));
    ft_table_set_number(table, 3, ranks);
    ft_table_set_number(table, 4, importance);
    if (s->with_test) ft_table_set_number(table, 5, on_test);
    ft_table_set_text(table, table->n_columns - 1, effect.data ? effect.data : "");
    if (effect.failed) table->failed = true;
    ft_text_free(&effect);
}

/* Whether the metric is not the same in all. */
static bool metric_varies(const study *s)
{
    for (size_t i = 1; i < s->n; i++)
        if (s->metrics[i] != s->metrics[0]) return true;
    return false;
}

static void add_hyperparameters(study *s, ft_table *table, ft_text *remark)
{
    static const char prefix[] = "hp_";
    ft_text constant = FT_TEXT_EMPTY;
    size_t n_constant = 0;
    bool seeds = false;
    for (size_t c = 0; c < s->all->n_columns && s->n > 1 && metric_varies(s); c++) {
        if (strncmp(s->all->columns[c], prefix, strlen(prefix)) != 0) continue;
        const char *name = s->all->columns[c] + strlen(prefix);
        bool varies;
        ft_ped_parameter p = take_column(s, c, &varies);
        if (strcmp(name, "seed") == 0 && (varies || s->n_experiments > s->n)) {
            seeds = true;
        } else if (!varies) {
            add_name(&constant, name);
            n_constant++;
        } else {
            add_hyperparameter(s, &p, c, table);
        }
    }
    for (size_t r = 0; r < table->n_rows && !table->failed; r++) {
        ft_cell *importance = &table->cells[r * table->n_columns + 4];
        if (s->total > 0)
            importance->number /= s->total;
        else /* all are equally good: nothing decides */
            importance->kind = FT_CELL_NULL;
    }
    if (n_constant)
        ft_text_addf(remark, "left out, as %s did not vary: %s\n", n_constant == 1 ? "it" : "they",
                     constant.data);
    if (seeds && s->n_experiments > s->n)
        ft_text_addf(remark,
                     "left out: seed; experiments that differ in it alone are replicates and count by their "
                     "mean: %zu configurations of %zu experiments\n",
                     s->n, s->n_experiments);
    else if (seeds)
        ft_text_add(remark, "left out: seed, which makes replicates and is no hyperparameter\n");
    if (constant.failed) remark->failed = true;
    ft_text_free(&constant);
}

static void remark_few(const study *s, size_t n_all, size_t n_rows, ft_text *remark)
{
    enum { ENOUGH = 10, ADVISED_BEST = 5, ADVISED = 50 };
    const char *of = ft_metric_names[s->metric], *on = ft_split_names[s->split];
    const char *what = s->n_experiments > s->n ? "configurations" : "experiments";
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

static void remark_findings(const study *s, ft_text *remark)
{
    if (s->bent.length)
        ft_text_addf(remark, "correlations do not show it, but the best or worst lies in between: %s\n",
                     s->bent.data);
    if (s->turned.length)
        ft_text_addf(remark, "test says the opposite of %s about: %s\n", ft_split_names[s->split],
                     s->turned.data);
    if (s->split == FT_TEST && s->n > 1)
        ft_text_add(remark,
                    "by the test split: what one chooses by this looks better on test than it is; --split "
                    "val holds test back\n");
}

/* A row a configuration: of replicates the means. */
static ft_status take_rows(study *s, const ft_experiments *experiments, ft_error *err)
{
    ft_replicates replicates;
    ft_status status = ft_replicates_find(experiments, &replicates, err);
    if (status != FT_OK) return status;
    for (size_t g = 0; g < replicates.n_groups; g++) {
        const ft_spread spread = ft_replicates_spread(experiments, &replicates, g, s->metric, s->split);
        if (spread.n == 0) continue;
        s->n_experiments += spread.n;
        s->row[s->n] = spread.best;
        s->metrics[s->n] = spread.mean;
        s->cost[s->n] = spread.cost;
        s->test[s->n++] = ft_replicates_spread(experiments, &replicates, g, s->metric, FT_TEST).mean;
    }
    s->n_best = ft_ped_mark_best(s->cost, s->n, s->is_best, s->room);
    ft_replicates_free(&replicates);
    return FT_OK;
}

/* -- pairs -- */

/* The levels of every hyperparameter that varies and is known in all rows. */
typedef struct factors {
    size_t n;
    size_t *column; /* (columns): of `all` */
    size_t *n_levels;
    size_t *levels; /* (columns, n rows) */
} factors;

static ft_status take_factors(study *s, factors *f, ft_error *err)
{
    const size_t most = s->all->n_columns + 1;
    *f = (factors){0, malloc(most * sizeof *f->column), malloc(most * sizeof *f->n_levels),
                   malloc(most * (s->n + 1) * sizeof *f->levels)};
    if (!f->column || !f->n_levels || !f->levels) return ft_no_memory(err, "pairs", most * s->n);
    for (size_t c = 0; c < s->all->n_columns; c++) {
        const char *name = s->all->columns[c];
        bool varies, is_known = true;
        if (strncmp(name, "hp_", 3) != 0 || strcmp(name, "hp_seed") == 0) continue;
        const ft_ped_parameter p = take_column(s, c, &varies);
        for (size_t i = 0; i < s->n; i++) is_known &= !isnan(s->values[i]);
        if (!varies || !is_known || p.n_choices > FT_MOST_LEVELS) continue;
        f->column[f->n] = c;
        f->n_levels[f->n] = ft_make_levels(s->values, s->n, s->room, f->levels + f->n * s->n);
        f->n++;
    }
    return FT_OK;
}

static void free_factors(factors *f)
{
    free(f->column);
    free(f->n_levels);
    free(f->levels);
}

/* The row whose two levels are the best together: of the combination with the lowest
 * mean cost the best one. */
static size_t find_best_together(const study *s, const size_t *a, const size_t *b)
{
    double sum[FT_MOST_LEVELS][FT_MOST_LEVELS] = {{0}}, count[FT_MOST_LEVELS][FT_MOST_LEVELS] = {{0}};
    size_t best = 0;
    for (size_t i = 0; i < s->n; i++) sum[a[i]][b[i]] += s->cost[i], count[a[i]][b[i]]++;
    for (size_t i = 1; i < s->n; i++) {
        const double mean = sum[a[i]][b[i]] / count[a[i]][b[i]],
                     least = sum[a[best]][b[best]] / count[a[best]][b[best]];
        if (mean < least || (mean == least && s->cost[i] < s->cost[best])) best = i;
    }
    return best;
}

static void describe_pair(const study *s, const factors *f, size_t a, size_t b, const ft_interaction *found,
                          size_t n_pairs, ft_text *remark)
{
    char room[FT_NUMBER_CHARS];
    /* Bonferroni: the strongest of so many */
    const double p = fmin(1, found->p_value * (double)n_pairs);
    const bool is_beyond = p < 0.05;
    const size_t columns[] = {f->column[a], f->column[b]};
    ft_text_add(remark, is_beyond ? "strongest interaction: "
                                  : "no interaction of a pair beyond chance; strongest: ");
    ft_text_add_line(remark, s->all->columns[columns[0]]);
    ft_text_add(remark, " and ");
    ft_text_add_line(remark, s->all->columns[columns[1]]);
    ft_text_addf(remark, ", %.0f %% of the variance (F test, p %s", 100 * found->share,
                 ft_short_number(p, room));
    if (n_pairs > 1) ft_text_addf(remark, " for the strongest of %zu pairs", n_pairs);
    ft_text_add(remark, ")");
    const size_t best = find_best_together(s, f->levels + a * s->n, f->levels + b * s->n);
    for (int k = 0; k < 2 && is_beyond; k++) {
        ft_text_add(remark, k ? ", " : "; best together: ");
        ft_text_add_line(remark, s->all->columns[columns[k]] + strlen("hp_"));
        ft_text_add(remark, " ");
        ft_text_add_line(remark, ft_cell_for_people(cell_at(s, best, columns[k]), room));
    }
    ft_text_add(remark, "\n");
}

/* Which pair acts together most: one line, where two hyperparameters vary. */
static ft_status remark_pairs(study *s, ft_text *remark, ft_error *err)
{
    factors f;
    ft_interaction strongest = {.p_value = INFINITY}, found;
    size_t first = 0, second = 0, n_pairs = 0;
    ft_status status = take_factors(s, &f, err);
    for (size_t a = 0; a < f.n && status == FT_OK; a++)
        for (size_t b = a + 1; b < f.n; b++) {
            if (!ft_interaction_of(f.levels + a * s->n, f.n_levels[a], f.levels + b * s->n, f.n_levels[b],
                                   s->metrics, s->n, &found))
                continue;
            n_pairs++;
            if (found.p_value < strongest.p_value) strongest = found, first = a, second = b;
        }
    if (status == FT_OK && n_pairs)
        describe_pair(s, &f, first, second, &strongest, n_pairs, remark);
    else if (status == FT_OK && f.n > 1 && s->n > 1)
        ft_text_addf(
            remark,
            "interactions of pairs cannot be told from chance by %zu %s: more are needed than there are "
            "combinations of two values\n",
            s->n, s->n_experiments > s->n ? "configurations" : "experiments");
    free_factors(&f);
    return status;
}

ft_status ft_analyze_importance(const ft_experiments *experiments, ft_metric metric, ft_split split,
                                size_t top, ft_table *table, ft_text *remark, ft_error *err)
{
    const size_t n = experiments->count + 1;
    ft_table compared = FT_TABLE_EMPTY;
    double *room = malloc(8 * n * sizeof *room);
    size_t *row = malloc(n * sizeof *row);
    bool *is_best = malloc(n * sizeof *is_best);
    study s = {.metric = metric,
               .split = split,
               .with_test = split != FT_TEST,
               .all = &compared,
               .row = row,
               .is_best = is_best};
    ft_table_column(table, "hyperparameter");
    ft_table_column(table, "correlation");
    ft_table_column(table, "abs_correlation");
    ft_table_column(table, "spearman");
    ft_table_column(table, "ped_anova");
    if (s.with_test) ft_table_column(table, "test_correlation");
    ft_table_column(table, "effect");
    ft_status status = room && row && is_best ? ft_compare(experiments, &compared, err)
                                              : ft_no_memory(err, "correlations", 8 * n * sizeof *room);
    if (status == FT_OK) {
        s.metrics = room, s.cost = room + n, s.test = room + 2 * n, s.values = room + 3 * n;
        s.place = room + 4 * n, s.room = room + 5 * n;
        ft_text left_out = FT_TEXT_EMPTY;
        status = take_rows(&s, experiments, err);
        if (status == FT_OK) add_hyperparameters(&s, table, &left_out);
        ft_table_sort(table, 2, true);
        remark_few(&s, experiments->count, table->n_rows, remark);
        remark_findings(&s, remark);
        if (status == FT_OK) status = remark_pairs(&s, remark, err);
        ft_text_add(remark, left_out.data ? left_out.data : "");
        if (top) ft_table_keep_rows(table, top);
        if (status == FT_OK &&
            (table->failed || remark->failed || left_out.failed || s.bent.failed || s.turned.failed))
            status = ft_no_memory(err, "correlations", 0);
        ft_text_free(&left_out);
    }
    ft_text_free(&s.bent);
    ft_text_free(&s.turned);
    ft_table_free(&compared);
    free(is_best);
    free(row);
    free(room);
    return status;
}
