/* Decides which trajectories are pruned; see pruning.h. */
#include "host/search/pruning.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/search/order_statistic.h"

/* val_loss of a trajectory after each epoch. */
typedef struct curve {
    double *val_loss; /* (n) */
    int32_t n, capacity;
} curve;

struct ft_scheduler {
    ft_scheduler_kind kind;
    double eta;
    int32_t grace_epochs;
    curve *curves; /* (n_trajectories) */
    size_t n_trajectories;
    /* One for each judged epoch. asha: the val_loss of the trajectories that have
     * reached it; those that may go on are `low`. median: their mean val_loss up to
     * that epoch; the lower half is `low`. */
    ft_order_statistic *statistics; /* (n_epochs) */
    /* (n_epochs): for asha, how many of these val_losses are not NaN */
    size_t *n_known;
    int32_t n_epochs;
};

ft_status ft_scheduler_kind_parse(const char *name, ft_scheduler_kind *kind, ft_error *err)
{
    static const char *const names[] = {"none", "asha", "median"};
    for (int i = 0; i < 3; i++)
        if (strcmp(name ? name : "none", names[i]) == 0) {
            *kind = (ft_scheduler_kind)i;
            return FT_OK;
        }
    return ft_fail(err, FT_BAD_INPUT, "--scheduler %s: not one of none, asha, median", name);
}

ft_status ft_scheduler_create(ft_scheduler_kind kind, double eta, int32_t grace_epochs, size_t n_trajectories,
                              ft_scheduler **out, ft_error *err)
{
    *out = NULL;
    ft_scheduler *s = calloc(1, sizeof *s);
    if (s) {
        *s = (ft_scheduler){.kind = kind,
                            .eta = eta,
                            .grace_epochs = grace_epochs,
                            .n_trajectories = n_trajectories,
                            .curves = calloc(n_trajectories + 1, sizeof *s->curves)};
    }
    if (!s || !s->curves) {
        ft_scheduler_free(s);
        return ft_no_memory(err, "the scheduler", n_trajectories * sizeof(curve));
    }
    *out = s;
    return FT_OK;
}

void ft_scheduler_free(ft_scheduler *s)
{
    if (!s) return;
    for (size_t i = 0; s->curves && i < s->n_trajectories; i++) free(s->curves[i].val_loss);
    for (int32_t e = 0; e < s->n_epochs; e++) ft_order_statistic_free(&s->statistics[e]);
    free(s->statistics);
    free(s->n_known);
    free(s->curves);
    free(s);
}

/* Whether asha judges after this epoch. */
static bool is_rung(const ft_scheduler *s, int32_t epoch)
{
    for (double rung = s->grace_epochs; rung <= epoch; rung *= s->eta)
        if ((int32_t)rung == epoch) return true;
    return false;
}

/* Allocates the order statistics up to an epoch. */
static ft_status reach_epoch(ft_scheduler *s, int32_t epoch, ft_error *err)
{
    if (epoch <= s->n_epochs) return FT_OK;
    ft_order_statistic *statistics = realloc(s->statistics, (size_t)epoch * sizeof *statistics);
    if (statistics) s->statistics = statistics;
    size_t *n_known = realloc(s->n_known, (size_t)epoch * sizeof *n_known);
    if (n_known) s->n_known = n_known;
    if (!statistics || !n_known)
        return ft_no_memory(err, "the scheduler", (size_t)epoch * sizeof *statistics);
    for (; s->n_epochs < epoch; s->n_epochs++) {
        s->statistics[s->n_epochs] = (ft_order_statistic){0};
        s->n_known[s->n_epochs] = 0;
    }
    return FT_OK;
}

/* The sort key of a val_loss: NaN is worse than any number. */
static double asha_key(double val_loss)
{
    return isnan(val_loss) ? INFINITY : val_loss < DBL_MAX ? val_loss : DBL_MAX;
}

/* How many trajectories may pass a rung that `reached` have reached: 1/eta of them, at
 * least one. */
static size_t asha_places(const ft_scheduler *s, size_t reached)
{
    double places = floor((double)reached / s->eta);
    return places < 1 ? 1 : (size_t)places;
}

/* Mean val_loss up to an epoch; NaN if one of them is. */
static double mean_loss(const curve *c, int32_t epoch)
{
    double sum = 0;
    for (int32_t e = 0; e < epoch; e++) sum += c->val_loss[e];
    return sum / epoch;
}

/* Adds the newest epoch of a curve to the order statistic of that epoch. */
static ft_status place(ft_scheduler *s, const curve *c, int32_t epoch, ft_error *err)
{
    bool is_judged = s->kind == FT_SCHEDULER_ASHA     ? is_rung(s, epoch)
                     : s->kind == FT_SCHEDULER_MEDIAN ? epoch >= s->grace_epochs
                                                      : false;
    ft_status status = is_judged ? reach_epoch(s, epoch, err) : FT_OK;
    if (!is_judged || status != FT_OK) return status;
    ft_order_statistic *statistic = &s->statistics[epoch - 1];
    size_t count = ft_order_statistic_count(statistic) + 1;
    double own = c->val_loss[epoch - 1];
    if (s->kind == FT_SCHEDULER_ASHA) {
        s->n_known[epoch - 1] += isnan(own) ? 0 : 1;
        return ft_order_statistic_add(statistic, asha_key(own), asha_places(s, count), err);
    }
    double mean = mean_loss(c, epoch);
    return isnan(mean) ? FT_OK : ft_order_statistic_add(statistic, mean, (count + 1) / 2, err);
}

static ft_status append(ft_scheduler *s, curve *c, double val_loss, ft_error *err)
{
    c->val_loss[c->n++] = val_loss;
    return place(s, c, c->n, err);
}

ft_status ft_scheduler_add(ft_scheduler *s, size_t trajectory, int32_t epoch, double val_loss, ft_error *err)
{
    curve *c = &s->curves[trajectory];
    if (epoch <= c->n) return FT_OK;
    if (epoch > c->capacity) {
        int32_t capacity = epoch < 3 ? 4 : 2 * epoch;
        double *grown = realloc(c->val_loss, (size_t)capacity * sizeof *grown);
        if (!grown) return ft_no_memory(err, "the scheduler", (size_t)capacity * sizeof *grown);
        c->val_loss = grown;
        c->capacity = capacity;
    }
    ft_status status = FT_OK;
    while (c->n < epoch && status == FT_OK) status = append(s, c, c->n < epoch - 1 ? NAN : val_loss, err);
    return status;
}

/* Smaller is better; NaN is worst. */
static bool is_better(double a, double b)
{
    return isnan(b) ? !isnan(a) : a < b;
}

static bool asha_prunes(const ft_scheduler *s, size_t trajectory, int32_t epoch)
{
    if (!is_rung(s, epoch) || s->n_known[epoch - 1] == 0) return false;
    double own = s->curves[trajectory].val_loss[epoch - 1];
    return asha_key(own) > ft_order_statistic_last_low(&s->statistics[epoch - 1]);
}

/* The median of all values but `own` (of all, if `own` is NaN). The statistic's low
 * values are its lower half, and it has at least one other value. */
static double median_without(const ft_order_statistic *statistic, double own)
{
    size_t count = ft_order_statistic_count(statistic);
    double last = ft_order_statistic_last_low(statistic);
    if (isnan(own)) return count % 2 ? last : (last + ft_order_statistic_first_high(statistic)) / 2;
    if (count % 2 == 0) return own <= last ? ft_order_statistic_first_high(statistic) : last;
    if (own < last) return (last + ft_order_statistic_first_high(statistic)) / 2;
    double before = ft_order_statistic_second_last_low(statistic);
    return (before + (own == last ? ft_order_statistic_first_high(statistic) : last)) / 2;
}

static bool median_prunes(const ft_scheduler *s, size_t trajectory, int32_t epoch)
{
    if (epoch < s->grace_epochs) return false;
    const curve *own = &s->curves[trajectory];
    const ft_order_statistic *statistic = &s->statistics[epoch - 1];
    double best = NAN, mean = mean_loss(own, epoch);
    for (int32_t e = 0; e < epoch; e++)
        if (is_better(own->val_loss[e], best)) best = own->val_loss[e];
    size_t others = ft_order_statistic_count(statistic) - (isnan(mean) ? 0 : 1);
    return others > 0 && is_better(median_without(statistic, mean), best);
}

bool ft_scheduler_prunes(const ft_scheduler *s, size_t trajectory, int32_t epoch)
{
    if (s->curves[trajectory].n < epoch) return false;
    switch (s->kind) {
    case FT_SCHEDULER_ASHA:
        return asha_prunes(s, trajectory, epoch);
    case FT_SCHEDULER_MEDIAN:
        return median_prunes(s, trajectory, epoch);
    default:
        return false;
    }
}
