/* What a sweep trains, in which passes; see plan.h. */
#define _GNU_SOURCE /* qsort_r */
#include "host/sweep/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/adapter_kinds.h"

/* The most trajectories for each slot of a batch that hands its slots on. Small enough
 * that a configuration which kills its worker costs little, and that devices finish at
 * about the same time. */
enum { TURNS = 4 };

static int compare_numbers(double a, double b)
{
    if (isnan(a) || isnan(b)) return (int)isnan(b) - (int)isnan(a);
    return a < b ? -1 : a > b;
}

/* Whether the steps taken so far do not depend on the number of epochs. */
static bool has_constant_schedule(const ft_hyperparameters *config)
{
    return config->lr_scheduler == FT_SCHEDULE_CONSTANT ||
           config->lr_scheduler == FT_SCHEDULE_CONSTANT_WITH_WARMUP;
}

/* Orders configurations so that those of one trajectory are adjacent, by rising
 * epochs. */
static int compare_trajectories(const ft_hyperparameters *a, const ft_hyperparameters *b)
{
    for (int i = 0; i < FT_N_FIELDS; i++) {
        if (ft_fields[i].offset == offsetof(ft_hyperparameters, epochs)) continue;
        int order = ft_field_compare(&ft_fields[i], a, b);
        if (order != 0) return order;
    }
    return 0;
}

static bool same_trajectory(const ft_hyperparameters *a, const ft_hyperparameters *b)
{
    return compare_trajectories(a, b) == 0 && (a->epochs == b->epochs || has_constant_schedule(a));
}

static int by_trajectory(const void *x, const void *y, void *context)
{
    const ft_hyperparameters *configs = context;
    size_t i = *(const size_t *)x, j = *(const size_t *)y;
    int order = compare_trajectories(&configs[i], &configs[j]);
    if (order == 0) order = compare_numbers((double)configs[i].epochs, (double)configs[j].epochs);
    return order != 0 ? order : i < j ? -1 : i > j;
}

static ft_status make_trajectories(const ft_hyperparameters *configs, size_t count, ft_plan *plan,
                                   ft_error *err)
{
    plan->members = malloc(count * sizeof *plan->members);
    plan->trajectories = malloc(count * sizeof *plan->trajectories);
    if (!plan->members || !plan->trajectories)
        return ft_no_memory(err, "the plan", count * (sizeof *plan->members + sizeof *plan->trajectories));
    plan->n_members = count;
    for (size_t i = 0; i < count; i++) plan->members[i] = i;
    qsort_r(plan->members, count, sizeof *plan->members, by_trajectory, (void *)(uintptr_t)configs);
    for (size_t i = 0; i < count; i++) {
        bool goes_on = i > 0 && same_trajectory(&configs[plan->members[i - 1]], &configs[plan->members[i]]);
        if (!goes_on) plan->trajectories[plan->n_trajectories++] = (ft_trajectory){i, 0};
        plan->trajectories[plan->n_trajectories - 1].count++;
    }
    return FT_OK;
}

/* Context of sorting trajectories into batches. */
typedef struct sorting {
    const ft_hyperparameters *configs;
    const ft_plan *plan;
} sorting;

static const ft_hyperparameters *trained(const sorting *s, const ft_trajectory *t)
{
    return &s->configs[s->plan->members[t->first + t->count - 1]];
}

/* 0 if trajectories may share passes; otherwise which group comes first. */
static int compare_groups(const ft_hyperparameters *a, const ft_hyperparameters *b)
{
    int order = 0;
    for (size_t f = 0; f < FT_N_FIELDS && order == 0; f++)
        if (ft_fields[f].separates_passes) order = ft_field_compare(&ft_fields[f], a, b);
    return order;
}

/* The windows that a trajectory trains on, up to a factor common to its group. */
static double work_of(const ft_hyperparameters *config)
{
    return (double)config->epochs / (double)ft_window_stride(config);
}

/* Within a group the longest first; those that see the same windows in the same order
 * are adjacent. */
static int by_batch(const void *x, const void *y, void *context)
{
    const sorting *s = context;
    const ft_trajectory *p = x, *q = y;
    const ft_hyperparameters *a = trained(s, p), *b = trained(s, q);
    int order = compare_groups(a, b);
    if (order == 0) order = compare_numbers(work_of(b), work_of(a));
    if (order == 0) order = compare_numbers((double)a->batch_size, (double)b->batch_size);
    if (order == 0) order = compare_numbers((double)a->seed, (double)b->seed);
    if (order == 0) order = p->first < q->first ? -1 : p->first > q->first;
    return order;
}

/* How many slots a group of trajectories that may share passes gets. */
static ft_status slots_of(const sorting *s, size_t first, size_t count, const ft_plan_settings *settings,
                          int32_t *slots, ft_error *err)
{
    *slots = 1;
    const ft_trajectory *trajectories = &s->plan->trajectories[first];
    if (ft_adapter_kinds[trained(s, trajectories)->adapter_type].replaces_weights) return FT_OK;
    size_t most = count < (size_t)settings->max_adapters ? count : (size_t)settings->max_adapters;
    *slots = (int32_t)most;
    if (!settings->slots) return FT_OK;
    const ft_hyperparameters **configs = malloc(count * sizeof *configs);
    if (!configs) return ft_no_memory(err, "the plan", count * sizeof *configs);
    for (size_t i = 0; i < count; i++) configs[i] = trained(s, &trajectories[i]);
    int32_t wanted = 1;
    ft_status status = settings->slots(settings->context, configs, count, &wanted, err);
    free(configs);
    if (wanted < *slots) *slots = wanted > 0 ? wanted : 1;
    return status;
}

/* Adds a batch with the fewest turns (trajectories for each slot, rounded up), and
 * then with as few slots as these turns allow. */
static void add_batch(ft_plan *plan, size_t first, size_t end, int32_t slots)
{
    size_t count = end - first, turns = (count + (size_t)slots - 1) / (size_t)slots;
    int32_t width = (int32_t)((count + turns - 1) / turns);
    plan->batches[plan->n_batches++] = (ft_plan_batch){first, count, width};
}

/* Cuts a group into batches of nearly equal size, if possible a multiple of the number
 * of workers. With several workers the last round, which holds the shortest
 * trajectories, is cut further, into batches of one turn. They are handed out last, so
 * workers finish at about the same time even if equal counts are unequal work. */
static void cut_group(ft_plan *plan, size_t first, size_t count, int32_t slots,
                      const ft_plan_settings *settings)
{
    size_t workers = (size_t)settings->n_workers, most = (size_t)slots * TURNS;
    size_t pieces = (count + most - 1) / most;
    pieces = (pieces + workers - 1) / workers * workers;
    if (pieces > count) pieces = count;
    for (size_t i = 0; i < pieces; i++) {
        size_t from = count * i / pieces, to = count * (i + 1) / pieces;
        bool is_last_round = workers > 1 && i + workers >= pieces;
        size_t turns = is_last_round ? (to - from + (size_t)slots - 1) / (size_t)slots : 1;
        for (size_t k = 0; k < turns; k++)
            add_batch(plan, first + from + (to - from) * k / turns,
                      first + from + (to - from) * (k + 1) / turns, slots);
    }
}

static double batch_work(const sorting *s, const ft_plan_batch *batch)
{
    double work = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const ft_hyperparameters *config = trained(s, &s->plan->trajectories[batch->first + i]);
        work += work_of(config) * (double)(config->context_length + config->prediction_length);
    }
    return work;
}

static int by_work(const void *x, const void *y, void *context)
{
    const ft_plan_batch *a = x, *b = y;
    int order = compare_numbers(batch_work(context, b), batch_work(context, a));
    return order != 0 ? order : a->first < b->first ? -1 : a->first > b->first;
}

static ft_status make_batches(const ft_hyperparameters *configs, const ft_plan_settings *settings,
                              ft_plan *plan, ft_error *err)
{
    sorting s = {configs, plan};
    plan->batches = malloc(plan->n_trajectories * sizeof *plan->batches);
    if (!plan->batches) return ft_no_memory(err, "the plan", plan->n_trajectories * sizeof *plan->batches);
    qsort_r(plan->trajectories, plan->n_trajectories, sizeof *plan->trajectories, by_batch, &s);
    ft_status status = FT_OK;
    for (size_t first = 0, end; first < plan->n_trajectories && status == FT_OK; first = end) {
        const ft_hyperparameters *head = trained(&s, &plan->trajectories[first]);
        for (end = first + 1; end < plan->n_trajectories; end++)
            if (compare_groups(head, trained(&s, &plan->trajectories[end])) != 0) break;
        int32_t slots = 1;
        status = slots_of(&s, first, end - first, settings, &slots, err);
        if (status == FT_OK) cut_group(plan, first, end - first, slots, settings);
    }
    if (status == FT_OK) qsort_r(plan->batches, plan->n_batches, sizeof *plan->batches, by_work, &s);
    return status;
}

ft_status ft_plan_make(const ft_hyperparameters *configs, size_t count, const ft_plan_settings *settings,
                       ft_plan *plan, ft_error *err)
{
    *plan = (ft_plan){0};
    ft_status status = make_trajectories(configs, count, plan, err);
    if (status == FT_OK) status = make_batches(configs, settings, plan, err);
    if (status != FT_OK) ft_plan_free(plan);
    return status;
}

void ft_plan_free(ft_plan *plan)
{
    free(plan->members);
    free(plan->trajectories);
    free(plan->batches);
    *plan = (ft_plan){0};
}
