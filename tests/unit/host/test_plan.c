/* The plan of a sweep: which configurations are one trajectory, and which trajectories
 * share a batch. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#include "host/search/grid.h"
#include "host/sweep/plan.h"

/* The plan of a grid with some values set for all. */
static ft_plan plan_of(const char *const *grids, size_t n_grids, const char *const *set, size_t n_set,
                       ft_plan_settings settings, ft_grid *grid)
{
    ft_hyperparameters base = ft_hyperparameters_default;
    ft_error err = {""};
    ft_plan plan;
    for (size_t i = 0; i < n_set; i++) cr_assert_eq(ft_hyperparameters_set(&base, set[i], &err), FT_OK);
    ft_grid_source source = {.grids = grids, .n_grids = n_grids, .max_configs = 2000000};
    cr_assert_eq(ft_grid_expand(&source, &base, grid, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_plan_make(grid->configs, grid->count, &settings, &plan, &err), FT_OK, "%s", err.message);
    return plan;
}

/* Every configuration is in one trajectory, every trajectory in one batch. */
static void check_whole(const ft_plan *plan, size_t count)
{
    char *seen = calloc(count, 1);
    size_t at = 0, n_members = 0;
    cr_assert_eq(plan->n_members, count);
    for (size_t i = 0; i < count; i++) seen[plan->members[i]]++;
    for (size_t i = 0; i < count; i++) cr_assert_eq(seen[i], 1);
    memset(seen, 0, count);
    for (size_t b = 0; b < plan->n_batches; b++)
        for (size_t i = 0; i < plan->batches[b].count; i++) {
            seen[plan->batches[b].first + i]++;
            at++;
        }
    cr_assert_eq(at, plan->n_trajectories);
    for (size_t t = 0; t < plan->n_trajectories; t++) {
        cr_assert_eq(seen[t], 1);
        n_members += plan->trajectories[t].count;
    }
    cr_assert_eq(n_members, count);
    free(seen);
}

static const char *const guide[] = {"learning_rate=1e-4,5e-5", "epochs=3,5,10", "weight_decay=0,0.01,0.1"};

Test(plan, a_constant_schedule_shares_trajectories_of_different_epochs)
{
    ft_grid grid;
    const char *set[] = {"lr_scheduler=constant"};
    ft_plan_settings settings = {.max_adapters = 16, .n_workers = 1};
    ft_plan plan = plan_of(guide, 3, set, 1, settings, &grid);
    check_whole(&plan, 18);
    cr_assert_eq(plan.n_trajectories, 6);
    cr_assert_eq(plan.n_batches, 1);
    cr_assert_eq(plan.batches[0].slots, 6);
    for (size_t t = 0; t < 6; t++) {
        const ft_trajectory *one = &plan.trajectories[t];
        const ft_hyperparameters *shortest = &grid.configs[plan.members[one->first]];
        const ft_hyperparameters *longest = &grid.configs[ft_plan_trained(&plan, t)];
        cr_assert_eq(one->count, 3);
        cr_assert_eq(shortest->epochs, 3);
        cr_assert_eq(longest->epochs, 10);
        cr_assert_eq(shortest->learning_rate, longest->learning_rate);
        cr_assert_eq(shortest->weight_decay, longest->weight_decay);
    }
    ft_plan_free(&plan);
    ft_grid_free(&grid);
}

Test(plan, a_linear_schedule_does_not)
{
    ft_grid grid;
    ft_plan_settings settings = {.max_adapters = 32, .n_workers = 1};
    ft_plan plan = plan_of(guide, 3, NULL, 0, settings, &grid);
    check_whole(&plan, 18);
    cr_assert_eq(plan.n_trajectories, 18);
    cr_assert_eq(plan.n_batches, 1);
    /* The longest take their slots first. */
    for (size_t t = 1; t < 18; t++)
        cr_assert_leq(grid.configs[ft_plan_trained(&plan, t)].epochs,
                      grid.configs[ft_plan_trained(&plan, t - 1)].epochs);
    ft_plan_free(&plan);
    ft_grid_free(&grid);
}

Test(plan, duplicates_are_trained_once)
{
    ft_hyperparameters configs[3] = {ft_hyperparameters_default, ft_hyperparameters_default,
                                     ft_hyperparameters_default};
    ft_plan_settings settings = {.max_adapters = 4, .n_workers = 1};
    ft_plan plan;
    configs[1].lora_rank = 4;
    cr_assert_eq(ft_plan_make(configs, 3, &settings, &plan, NULL), FT_OK);
    check_whole(&plan, 3);
    cr_assert_eq(plan.n_trajectories, 2);
    ft_plan_free(&plan);
}

Test(plan, lengths_and_adapter_kinds_do_not_mix)
{
    ft_grid grid;
    const char *grids[] = {"context_length=64,128", "prediction_length=8,16",
                           "adapter_type=lora,ln_tuning,full"};
    ft_plan_settings settings = {.max_adapters = 16, .n_workers = 1};
    ft_plan plan = plan_of(grids, 3, NULL, 0, settings, &grid);
    check_whole(&plan, 12);
    cr_assert_eq(plan.n_batches, 12);
    ft_plan_free(&plan);
    const char *more[] = {"adapter_type=full", "learning_rate=1e-4,1e-3"};
    ft_grid_free(&grid);
    plan = plan_of(more, 2, NULL, 0, settings, &grid);
    for (size_t b = 0; b < plan.n_batches; b++) cr_assert_eq(plan.batches[b].slots, 1, "full trains alone");
    ft_plan_free(&plan);
    ft_grid_free(&grid);
}

static ft_status three(void *context, const ft_hyperparameters *const *configs, size_t count, int32_t *slots,
                       ft_error *err)
{
    *(size_t *)context += count;
    (void)configs, (void)err;
    *slots = 3;
    return FT_OK;
}

/* Narrower batches for want of memory to think would have other bits. */
static ft_status lack_memory(void *context, const ft_hyperparameters *const *configs, size_t count,
                             int32_t *slots, ft_error *err)
{
    (void)context, (void)configs, (void)count, (void)slots;
    return ft_no_memory(err, "a test", 8);
}

Test(plan, is_none_where_nobody_can_say_how_wide)
{
    ft_hyperparameters configs[2] = {ft_hyperparameters_default, ft_hyperparameters_default};
    ft_plan_settings settings = {.max_adapters = 16, .n_workers = 1, .slots = lack_memory};
    ft_plan plan;
    ft_error err = {""};
    configs[1].learning_rate = 1e-5;
    cr_expect_eq(ft_plan_make(configs, 2, &settings, &plan, &err), FT_NO_MEMORY);
}

Test(plan, every_worker_gets_a_batch_and_the_device_says_how_wide)
{
    ft_grid grid;
    size_t asked = 0;
    const char *grids[] = {"learning_rate=1e-4,2e-4,3e-4,4e-4,5e-4", "lora_rank=2,4"};
    ft_plan_settings settings = {.max_adapters = 16, .n_workers = 4, .slots = three, .context = &asked};
    ft_plan plan = plan_of(grids, 2, NULL, 0, settings, &grid);
    check_whole(&plan, 10);
    cr_assert_eq(asked, 10);
    cr_assert_eq(plan.n_batches, 4);
    for (size_t b = 0; b < 4; b++) {
        cr_assert_leq(plan.batches[b].slots, 3);
        cr_assert_geq(plan.batches[b].count, 2);
        cr_assert_leq(plan.batches[b].count, 3);
    }
    ft_plan_free(&plan);
    ft_grid_free(&grid);
}

/* What workers take that always take the first batch left, over what they would take if
 * all ended together. */
static double makespan(const ft_plan *plan, const ft_grid *grid, size_t n_workers)
{
    double busy[16] = {0}, all = 0, last = 0;
    for (size_t b = 0; b < plan->n_batches; b++) {
        size_t next = 0;
        double work = 0;
        for (size_t i = 0; i < plan->batches[b].count; i++)
            work += (double)grid->configs[ft_plan_trained(plan, plan->batches[b].first + i)].epochs;
        for (size_t w = 1; w < n_workers; w++)
            if (busy[w] < busy[next]) next = w;
        busy[next] += work;
        all += work;
        if (busy[next] > last) last = busy[next];
    }
    return last / (all / (double)n_workers);
}

Test(plan, workers_end_together_though_some_train_longer)
{
    ft_grid grid;
    const char *grids[] = {"learning_rate=1e-4,2e-4,3e-4,4e-4,5e-4,6e-4,7e-4,8e-4,9e-4,1e-3",
                           "lora_rank=2,4,8,16", "epochs=1,2,3,4,5,6,7,8,9,10"};
    ft_plan_settings settings = {.max_adapters = 16, .n_workers = 8};
    ft_plan plan = plan_of(grids, 3, NULL, 0, settings, &grid);
    check_whole(&plan, 400);
    cr_assert_lt(makespan(&plan, &grid, 8), 1.05, "%.3f", makespan(&plan, &grid, 8));
    ft_plan_free(&plan);
    ft_grid_free(&grid);
}

Test(plan, a_hundred_thousand_configurations_take_less_than_a_second)
{
    ft_hyperparameters *configs = malloc(100000 * sizeof *configs);
    ft_plan_settings settings = {.max_adapters = 16, .n_workers = 8};
    ft_plan plan;
    for (int i = 0; i < 100000; i++) {
        configs[i] = ft_hyperparameters_default;
        configs[i].learning_rate = 1e-6 * (1 + i * 7919 % 1000);
        configs[i].weight_decay = 0.001 * (i / 1000 % 10);
        configs[i].epochs = 1 + i / 10000;
        configs[i].lr_scheduler = FT_SCHEDULE_CONSTANT;
    }
    clock_t started = clock(); /* processor time */
    cr_assert_eq(ft_plan_make(configs, 100000, &settings, &plan, NULL), FT_OK);
    double seconds = (double)(clock() - started) / CLOCKS_PER_SEC;
    check_whole(&plan, 100000);
    cr_assert_eq(plan.n_trajectories, 10000);
    cr_log_info("%.3f s", seconds);
#ifndef __SANITIZE_ADDRESS__
    cr_assert_lt(seconds, 1.0);
#endif
    ft_plan_free(&plan);
    free(configs);
}
