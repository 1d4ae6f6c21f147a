/* Which two hyperparameters act together most, beyond what each does alone: a test of
 * every pair's interaction (tracker/interaction.h), corrected for their number. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tracker/importance_sample.h"
#include "tracker/interaction.h"

/* The levels of every hyperparameter that varies and is known in all rows. */
typedef struct factors {
    size_t n;
    size_t *column; /* (columns): of `all` */
    size_t *n_levels;
    size_t *levels; /* (columns, n rows) */
} factors;

static ft_status take_factors(const ft_importance_sample *s, factors *f, ft_error *err)
{
    const size_t most = s->all.n_columns + 1;
    *f = (factors){0, malloc(most * sizeof *f->column), malloc(most * sizeof *f->n_levels),
                   malloc(most * (s->n + 1) * sizeof *f->levels)};
    if (!f->column || !f->n_levels || !f->levels) return ft_no_memory(err, "pairs", most * s->n);
    for (size_t c = 0; c < s->all.n_columns; c++) {
        const char *name = s->all.columns[c];
        bool varies, is_known = true;
        if (strncmp(name, "hp_", 3) != 0 || strcmp(name, "hp_seed") == 0) continue;
        const ft_ped_parameter p = ft_importance_take_column(s, c, &varies);
        for (size_t i = 0; i < s->n; i++) is_known &= !isnan(s->values[i]);
        if (!varies || !is_known || p.n_choices > FT_MOST_LEVELS) continue;
        f->column[f->n] = c;
        f->n_levels[f->n] = ft_make_levels(s->values, s->n, s->scratch, f->levels + f->n * s->n);
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
static size_t find_best_together(const ft_importance_sample *s, const size_t *a, const size_t *b)
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

static void describe_pair(const ft_importance_sample *s, const factors *f, size_t a, size_t b,
                          const ft_interaction *found, size_t n_pairs, ft_text *remark)
{
    char room[FT_NUMBER_CHARS];
    /* Bonferroni: the strongest of so many */
    const double p = fmin(1, found->p_value * (double)n_pairs);
    const bool is_beyond = p < 0.05;
    const size_t columns[] = {f->column[a], f->column[b]};
    ft_text_add(remark, is_beyond ? "strongest interaction: "
                                  : "no interaction of a pair beyond chance; strongest: ");
    ft_text_add_line(remark, s->all.columns[columns[0]]);
    ft_text_add(remark, " and ");
    ft_text_add_line(remark, s->all.columns[columns[1]]);
    ft_text_addf(remark, ", %.0f %% of the variance (F test, p %s", 100 * found->share,
                 ft_short_number(p, room));
    if (n_pairs > 1) ft_text_addf(remark, " for the strongest of %zu pairs", n_pairs);
    ft_text_add(remark, ")");
    const size_t best = find_best_together(s, f->levels + a * s->n, f->levels + b * s->n);
    for (int k = 0; k < 2 && is_beyond; k++) {
        ft_text_add(remark, k ? ", " : "; best together: ");
        ft_text_add_line(remark, s->all.columns[columns[k]] + strlen("hp_"));
        ft_text_add(remark, " ");
        ft_text_add_line(remark, ft_cell_for_people(ft_importance_cell(s, best, columns[k]), room));
    }
    ft_text_add(remark, "\n");
}

ft_status ft_importance_remark_pairs(const ft_importance_sample *s, ft_text *remark, ft_error *err)
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
            s->n, ft_importance_unit(s));
    free_factors(&f);
    return status;
}
