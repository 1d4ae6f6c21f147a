/* The comparison for people; see compare_people.h. */
#include "tracker/compare_people.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracker/certainty.h"
#include "tracker/columns.h"
#include "tracker/terminal_text.h"

enum { SPARKS = 12 };

/* What the rows are made of. */
typedef struct view {
    const ft_people_comparison *c;
    const ft_experiment *best; /* NULL: none has the metric */
    ft_rivals on[FT_N_SPLITS]; /* certainty on val and on test */
    size_t *rank;              /* (n_groups): from 1; 0: it has not the metric */
    ft_table *table;
    size_t id, n_seeds, figure[FT_N_SPLITS], behind, sparks, epoch, time, error;
    ft_table hyperparams; /* ft_compare of all */
    size_t first_hyperparam, n_hyperparams;
} view;

static bool has_replicates(const view *v)
{
    return v->c->replicates->most > 1;
}

static ft_spread spread_of(const view *v, size_t group, ft_split split)
{
    return ft_replicates_spread(v->c->experiments, v->c->replicates, group, v->c->metric, split);
}

/* What stands for a group: the best of its experiments, or the first. */
static size_t index_of(const view *v, size_t group)
{
    const ft_spread spread = spread_of(v, group, v->c->split);
    return spread.n ? spread.best : v->c->replicates->members[v->c->replicates->first[group]];
}

/* -- ranking -- */

typedef struct place {
    double cost;
    size_t group;
} place;

static int by_cost(const void *left, const void *right)
{
    const place *a = left, *b = right;
    if (a->cost != b->cost) return a->cost < b->cost ? -1 : 1;
    return (a->group > b->group) - (a->group < b->group);
}

static ft_status rank_groups(view *v, ft_error *err)
{
    const size_t n = v->c->replicates->n_groups;
    place *places = malloc((n + 1) * sizeof *places);
    size_t n_ranked = 0;
    v->rank = calloc(n + 1, sizeof *v->rank);
    if (!places || !v->rank) {
        free(places);
        return ft_no_memory(err, "a ranking", n * sizeof *places);
    }
    for (size_t g = 0; g < n; g++) {
        const double cost = spread_of(v, g, v->c->split).cost;
        if (isfinite(cost)) places[n_ranked++] = (place){cost, g};
    }
    if (n_ranked) qsort(places, n_ranked, sizeof *places, by_cost);
    for (size_t i = 0; i < n_ranked; i++) v->rank[places[i].group] = i + 1;
    if (n_ranked) v->best = &v->c->experiments->items[index_of(v, places[0].group)];
    free(places);
    return FT_OK;
}

/* -- columns -- */

static bool has_metric(const view *v, ft_split split)
{
    for (size_t g = 0; g < v->c->replicates->n_groups; g++)
        if (spread_of(v, g, split).n) return true;
    return false;
}

static size_t add_figure_column(view *v, ft_split split)
{
    ft_text name = FT_TEXT_EMPTY;
    if (!has_metric(v, split)) return SIZE_MAX;
    ft_text_addf(&name, "%s %s", ft_split_names[split], ft_metric_names[v->c->metric]);
    if (name.failed) v->table->failed = true;
    const size_t column = name.failed ? SIZE_MAX : ft_table_column(v->table, name.data);
    ft_text_free(&name);
    return column;
}

/* Those that vary; the seed only where it makes no replicates. */
static void take_hyperparams(view *v, ft_text *caption)
{
    static const char prefix[] = "hp_";
    const size_t seed = ft_table_find(&v->hyperparams, "hp_seed");
    if (has_replicates(v) && seed < v->hyperparams.n_columns) ft_table_remove_column(&v->hyperparams, seed);
    ft_compare_fold_constants(&v->hyperparams, caption);
    v->first_hyperparam = v->table->n_columns;
    for (size_t c = 0; c < v->hyperparams.n_columns; c++)
        if (strncmp(v->hyperparams.columns[c], prefix, strlen(prefix)) == 0)
            ft_table_column(v->table, v->hyperparams.columns[c] + strlen(prefix));
    v->n_hyperparams = v->table->n_columns - v->first_hyperparam;
}

/* Whether there are windows enough to hold experiments against each other. */
static bool has_intervals(const ft_rivals *rivals)
{
    return rivals->count && rivals->n_blocks >= FT_LEAST_BLOCKS;
}

static void add_columns(view *v, ft_text *caption)
{
    const ft_experiments *all = v->c->experiments;
    bool any_failed = false, any_val_loss = false, any_time = false;
    for (size_t i = 0; i < all->count; i++) {
        const ft_history history = ft_history_of(&all->items[i]);
        any_val_loss |= isfinite(history.best_epoch) != 0;
        any_time |= isfinite(history.seconds) != 0;
        any_failed |= all->items[i].error || ft_experiment_pruned_at(&all->items[i]);
    }
    if (v->best) ft_table_column(v->table, "#");
    v->id = ft_table_column(v->table, "id");
    take_hyperparams(v, caption);
    v->n_seeds = has_replicates(v) ? ft_table_column(v->table, "seeds") : SIZE_MAX;
    v->figure[FT_VAL] = add_figure_column(v, FT_VAL);
    v->figure[FT_TEST] = add_figure_column(v, FT_TEST);
    v->behind = has_intervals(&v->on[v->c->split]) ? ft_table_column(v->table, "worse by") : SIZE_MAX;
    v->sparks = any_val_loss ? ft_table_column(v->table, "val_loss") : SIZE_MAX;
    v->epoch = any_val_loss ? ft_table_column(v->table, "best epoch") : SIZE_MAX;
    v->time = any_time ? ft_table_column(v->table, "time") : SIZE_MAX;
    v->error = any_failed ? ft_table_column(v->table, "ended") : SIZE_MAX;
}

/* -- rows -- */

/* Sets a text and empties it for the next. */
static void set_text(view *v, size_t column, ft_text *text)
{
    if (text->failed) v->table->failed = true;
    if (text->length) ft_table_set_text(v->table, column, text->data);
    text->length = 0;
}

static const ft_certainty *find_certainty(const view *v, size_t group, ft_split split)
{
    const ft_rivals *r = &v->on[split];
    for (size_t i = 0; i < r->count; i++)
        if (v->c->replicates->group[r->experiment[i] - v->c->experiments->items] == group)
            return has_intervals(r) ? &r->certainty[i] : NULL;
    return NULL;
}

/* "2.25 +- 0.3" */
static void set_figure(view *v, size_t group, ft_split split, ft_text *text)
{
    const ft_spread spread = spread_of(v, group, split);
    const ft_certainty *certainty = find_certainty(v, group, split);
    if (v->figure[split] == SIZE_MAX || spread.n == 0) return;
    ft_spread_describe(&spread, text);
    if (!has_replicates(v) && certainty && isfinite(certainty->standard_error))
        ft_text_addf(text, " ± %.2g", certainty->standard_error);
    set_text(v, v->figure[split], text);
}

static void set_behind(view *v, size_t group, ft_text *text)
{
    char room[FT_NUMBER_CHARS];
    const ft_certainty *certainty = find_certainty(v, group, v->c->split);
    if (v->behind == SIZE_MAX || !certainty) return;
    if (v->rank[group] == 1) {
        ft_text_add(text, "best");
    } else {
        snprintf(room, sizeof room, "%.2g", certainty->behind);
        ft_text_addf(text, "%s ± %.2g%s", room, certainty->behind_margin, certainty->is_tied ? " =" : "");
    }
    set_text(v, v->behind, text);
}

static void set_history(view *v, const ft_experiment *e, ft_text *text)
{
    char room[FT_NUMBER_CHARS];
    const ft_history history = ft_history_of(e);
    double *losses = malloc((e->n_epochs + 1) * sizeof *losses);
    if (!losses) v->table->failed = true;
    for (size_t i = 0; losses && i < e->n_epochs; i++) losses[i] = e->training_history[i].val_loss;
    if (losses && isfinite(history.best_epoch)) {
        ft_add_sparkline(losses, e->n_epochs, SPARKS, text);
        set_text(v, v->sparks, text);
        ft_text_addf(text, "%.0f of %zu", history.best_epoch, history.epochs_run);
        set_text(v, v->epoch, text);
    }
    if (isfinite(history.seconds)) {
        ft_text_add(text, ft_people_duration(history.seconds, room));
        set_text(v, v->time, text);
    }
    free(losses);
}

static void set_end(view *v, const ft_experiment *e, ft_text *text)
{
    const int64_t pruned_at = ft_experiment_pruned_at(e);
    if (v->error == SIZE_MAX) return;
    if (e->error) {
        ft_text_add(text, "failed: ");
        ft_text_add_line(text, e->error);
    } else if (pruned_at) {
        ft_text_addf(text, "pruned after epoch %lld", (long long)pruned_at);
    }
    set_text(v, v->error, text);
}

static void add_row(view *v, size_t group, ft_text *text)
{
    static const char prefix[] = "hp_";
    const size_t index = index_of(v, group);
    const ft_experiment *e = &v->c->experiments->items[index];
    ft_table_add_row(v->table);
    if (v->best && v->rank[group]) ft_table_set_number(v->table, 0, (double)v->rank[group]);
    ft_table_set_text(v->table, v->id, e->experiment_id);
    for (size_t c = 0, at = v->first_hyperparam; c < v->hyperparams.n_columns; c++)
        if (strncmp(v->hyperparams.columns[c], prefix, strlen(prefix)) == 0)
            ft_table_set_cell(v->table, at++, &v->hyperparams.cells[index * v->hyperparams.n_columns + c]);
    const ft_spread spread = spread_of(v, group, v->c->split);
    if (v->n_seeds != SIZE_MAX && spread.n) ft_table_set_number(v->table, v->n_seeds, (double)spread.n);
    set_figure(v, group, FT_VAL, text);
    set_figure(v, group, FT_TEST, text);
    set_behind(v, group, text);
    set_history(v, e, text);
    set_end(v, e, text);
}

static ft_status add_rows(view *v, ft_error *err)
{
    const ft_replicates *r = v->c->replicates;
    bool *is_there = calloc(r->n_groups + 1, sizeof *is_there);
    ft_text text = FT_TEXT_EMPTY;
    for (size_t i = 0; is_there && i < v->c->experiments->count; i++) {
        const size_t group = r->group[v->c->order[i]];
        if (!is_there[group]) add_row(v, group, &text);
        is_there[group] = true;
    }
    ft_text_free(&text);
    free(is_there);
    return is_there && !v->table->failed ? FT_OK : ft_no_memory(err, "the comparison", 0);
}

/* -- width -- */

/* The column to do without next: what is least needed; SIZE_MAX where all are needed. */
static size_t find_needless(const ft_table *table, const view *v)
{
    static const char *const first[] = {"best epoch", "time", "worse by", "val_loss"};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        const size_t column = ft_table_find(table, first[i]);
        if (column < table->n_columns && column >= v->first_hyperparam + v->n_hyperparams) return column;
    }
    if (v->n_hyperparams) return v->first_hyperparam + v->n_hyperparams - 1;
    return SIZE_MAX;
}

/* Takes columns out until the table fits, and names them. How it ended may stand
 * below. */
static void fit(view *v, ft_text *left_out)
{
    const size_t ended = ft_table_find(v->table, "ended");
    size_t width = 0, column;
    for (size_t c = 0; c < v->table->n_columns; c++)
        if (c != ended) width += ft_column_width(v->table, c) + (c ? 2 : 0);
    while (width > v->c->width && (column = find_needless(v->table, v)) != SIZE_MAX) {
        width -= ft_column_width(v->table, column) + 2;
        if (left_out->length) ft_text_add(left_out, ", ");
        ft_text_add_line(left_out, v->table->columns[column]);
        v->n_hyperparams -= column < v->first_hyperparam + v->n_hyperparams;
        ft_table_remove_column(v->table, column);
    }
}

/* -- all of it -- */

/* What the marks mean. */
static void add_legend(const view *v, const ft_text *left_out, ft_text *out)
{
    const ft_rivals *r = &v->on[v->c->split];
    const bool has_errors = has_intervals(r);
    if (has_replicates(v))
        ft_text_add(out, "± is the standard deviation over seeds; id is that of the best of them\n");
    else if (has_errors)
        ft_text_add(out, "± is the standard error over windows\n");
    if (has_errors && ft_table_find(v->table, "worse by") < v->table->n_columns)
        ft_text_addf(out, "worse by: ± is half the 95 %% interval on %s; = cannot be told from the best\n",
                     ft_split_names[v->c->split]);
    if (r->why_none || (r->count && !has_errors)) {
        ft_rivals_describe(r, v->c->metric, v->c->split, FT_RIVALS_ERROR, out);
        ft_text_add(out, "\n");
    }
    if (v->c->split == FT_TEST && v->best)
        ft_text_add(out, "ranked by test: the best of several looks better there than it is\n");
    if (left_out->length)
        ft_text_addf(out, "left out for the width: %s (a wider terminal or COLUMNS=200 shows them)\n",
                     left_out->data);
}

static ft_status find_certainties(view *v, ft_error *err)
{
    ft_status status = FT_OK;
    for (int s = FT_VAL; s <= FT_TEST && status == FT_OK && v->best; s++)
        status = ft_rivals_find(v->c->experiments, v->c->replicates, v->best, v->c->metric, (ft_split)s,
                                &v->on[s], err);
    return status;
}

ft_status ft_compare_for_people(const ft_people_comparison *comparison, ft_text *out, ft_error *err)
{
    ft_table table = FT_TABLE_EMPTY;
    ft_text caption = FT_TEXT_EMPTY, left_out = FT_TEXT_EMPTY, legend = FT_TEXT_EMPTY;
    view v = {.c = comparison, .table = &table};
    ft_status status = rank_groups(&v, err);
    if (status == FT_OK) status = ft_compare(comparison->experiments, &v.hyperparams, err);
    if (status == FT_OK) status = find_certainties(&v, err);
    if (status == FT_OK) {
        add_columns(&v, &caption);
        status = add_rows(&v, err);
    }
    if (status == FT_OK) {
        ft_shorten_ids(&table, v.id);
        fit(&v, &left_out);
        if (caption.length) ft_wrap_lines(caption.data, comparison->width, out);
        status = ft_table_print_fitting(&table, comparison->width, out, err);
        add_legend(&v, &left_out, &legend);
        if (legend.length) ft_wrap_lines(legend.data, comparison->width, out);
        if (status == FT_OK && (caption.failed || left_out.failed || legend.failed || out->failed))
            status = ft_no_memory(err, "the comparison", 0);
    }
    ft_text_free(&legend);
    ft_text_free(&left_out);
    ft_text_free(&caption);
    ft_table_free(&v.hyperparams);
    ft_table_free(&table);
    free(v.rank);
    return status;
}

void ft_compare_take_means(const ft_experiments *experiments, const ft_replicates *replicates,
                           ft_table *table)
{
    for (size_t c = 0; c < table->n_columns; c++)
        for (int s = FT_VAL; s <= FT_TEST; s++) {
            ft_metric metric;
            const size_t length = strlen(ft_split_names[s]);
            const char *name = table->columns[c];
            if (strncmp(name, ft_split_names[s], length) != 0 || name[length] != '_') continue;
            if (ft_metric_parse(name + length + 1, &metric, NULL) != FT_OK) continue;
            for (size_t i = 0; i < experiments->count; i++)
                ft_table_put_number(
                    table, i, c,
                    ft_replicates_spread(experiments, replicates, replicates->group[i], metric, (ft_split)s)
                        .mean);
        }
}
