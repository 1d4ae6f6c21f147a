/* Which trajectories are worth going on with; see scheduler.h. */
#include "host/scheduler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* val_loss of a trajectory's epochs, from the first. */
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
    double *scratch; /* (n_trajectories) */
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
                            .curves = calloc(n_trajectories + 1, sizeof *s->curves),
                            .scratch = calloc(n_trajectories + 1, sizeof *s->scratch)};
    }
    if (!s || !s->curves || !s->scratch) {
        ft_scheduler_free(s);
        return ft_no_memory(err, "the scheduler", n_trajectories * (sizeof(curve) + sizeof(double)));
    }
    *out = s;
    return FT_OK;
}

void ft_scheduler_free(ft_scheduler *s)
{
    if (!s) return;
    for (size_t i = 0; s->curves && i < s->n_trajectories; i++) free(s->curves[i].val_loss);
    free(s->curves);
    free(s->scratch);
    free(s);
}

ft_status ft_scheduler_add(ft_scheduler *s, size_t trajectory, int32_t epoch, double val_loss, ft_error *err)
{
    curve *c = &s->curves[trajectory];
    if (epoch <= c->n) return FT_OK;
    if (epoch > c->capacity) {
        int32_t capacity = epoch < 8 ? 16 : 2 * epoch;
        double *grown = realloc(c->val_loss, (size_t)capacity * sizeof *grown);
        if (!grown) return ft_no_memory(err, "the scheduler", (size_t)capacity * sizeof *grown);
        c->val_loss = grown;
        c->capacity = capacity;
    }
    while (c->n < epoch - 1) c->val_loss[c->n++] = NAN;
    c->val_loss[c->n++] = val_loss;
    return FT_OK;
}

/* Whether asha judges after this epoch. */
static bool is_rung(const ft_scheduler *s, int32_t epoch)
{
    for (double rung = s->grace_epochs; rung <= epoch; rung *= s->eta)
        if ((int32_t)rung == epoch) return true;
    return false;
}

/* Smaller is better; what is no number is worst. */
static bool is_better(double a, double b)
{
    return isnan(b) ? !isnan(a) : a < b;
}

/* Goes on if it is among the best 1/eta of its rung, or the very best where that is less than one. */
static bool asha_prunes(const ft_scheduler *s, size_t trajectory, int32_t epoch)
{
    if (!is_rung(s, epoch)) return false;
    double own = s->curves[trajectory].val_loss[epoch - 1];
    size_t reached = 0, better = 0, known = 0;
    for (size_t i = 0; i < s->n_trajectories; i++) {
        if (s->curves[i].n < epoch) continue;
        double other = s->curves[i].val_loss[epoch - 1];
        reached++;
        known += isnan(other) ? 0 : 1;
        better += is_better(other, own) ? 1 : 0;
    }
    double places = floor((double)reached / s->eta);
    return known > 0 && (double)better >= (places < 1 ? 1 : places);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static bool median_prunes(const ft_scheduler *s, size_t trajectory, int32_t epoch)
{
    if (epoch < s->grace_epochs) return false;
    const curve *own = &s->curves[trajectory];
    double best = NAN;
    for (int32_t e = 0; e < epoch; e++)
        if (is_better(own->val_loss[e], best)) best = own->val_loss[e];
    size_t n = 0;
    for (size_t i = 0; i < s->n_trajectories; i++) {
        if (i == trajectory || s->curves[i].n < epoch) continue;
        double sum = 0;
        for (int32_t e = 0; e < epoch; e++) sum += s->curves[i].val_loss[e];
        if (!isnan(sum)) s->scratch[n++] = sum / epoch;
    }
    if (n == 0) return false;
    qsort(s->scratch, n, sizeof *s->scratch, by_value);
    double median = n % 2 ? s->scratch[n / 2] : (s->scratch[n / 2 - 1] + s->scratch[n / 2]) / 2;
    return is_better(median, best);
}

bool ft_scheduler_prunes(const ft_scheduler *s, size_t trajectory, int32_t epoch)
{
    if (s->curves[trajectory].n < epoch) return false;
    switch (s->kind) {
    case FT_SCHEDULER_ASHA: return asha_prunes(s, trajectory, epoch);
    case FT_SCHEDULER_MEDIAN: return median_prunes(s, trajectory, epoch);
    default: return false;
    }
}
