/* Training a queue of configurations in a few slots: each gets the results it would have
 * alone and uninterrupted. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counted.h"
#include "models.h"
#include "trial.h"

static const char *checkpoint_path(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/ftgpu-trainer-%d.safetensors", (int)getpid());
    return path;
}

static void expect_close(const taken *one, const taken *two, double bound, const char *what)
{
    cr_assert_eq(one->n_epochs, two->n_epochs, "%s: %d epochs, not %d", what, one->n_epochs, two->n_epochs);
    for (int32_t e = 0; e < one->n_epochs; e++) {
        double loss = fabs(one->history[e].loss - two->history[e].loss) / fabs(two->history[e].loss);
        double val =
            fabs(one->history[e].val_loss - two->history[e].val_loss) / fabs(two->history[e].val_loss);
        cr_expect_leq(loss, bound, "%s: epoch %d: loss off by %g", what, e + 1, loss);
        cr_expect_leq(val, bound, "%s: epoch %d: val_loss off by %g", what, e + 1, val);
        cr_expect_eq(one->history[e].learning_rate, two->history[e].learning_rate);
    }
}

Test(trainer, a_queue_in_two_slots_trains_each_as_alone)
{
    trial together, alone;
    ft_train_config configs[N_CONFIGS];
    trial_configs(configs);
    trial_open(&together);
    trial_open(&alone);
    cr_assert_eq(trial_train(&together, configs, N_CONFIGS, 2, NULL), FT_OK);
    for (int i = 0; i < N_CONFIGS; i++) {
        char what[32];
        snprintf(what, sizeof what, "configuration %d", i);
        trial_forget(&alone);
        cr_assert_eq(trial_train(&alone, &configs[i], 1, 1, NULL), FT_OK);
        expect_close(trial_last_of(&together, i), trial_last_of(&alone, 0), 1e-5, what);
    }
    /* Configurations 0 and 1 begin; each that ends makes room for the next. */
    cr_assert_eq(together.order[0] + together.order[1], 1);
    for (int k = 2; k < together.n_order; k++)
        if (together.order[k] == 4) cr_assert_gt(k, 3, "the last configuration came too early");
    trial_close(&alone);
    trial_close(&together);
}

Test(trainer, a_milestone_is_what_a_shorter_training_gives)
{
    trial t, shorter;
    trial_open(&t);
    trial_open(&shorter);
    ft_train_config config = trial_config(2);
    cr_assert_eq(trial_train(&t, &config, 1, 1, NULL), FT_OK);
    for (int32_t epochs = 1; epochs <= MOST_EPOCHS; epochs++) {
        if (epochs == 2) {
            cr_assert_eq(t.at[0][2].times, 0, "nobody asked for two epochs");
            continue;
        }
        ft_train_config short_config = trial_config(2);
        short_config.epochs = epochs;
        short_config.n_milestones = 0;
        trial_forget(&shorter);
        cr_assert_eq(trial_train(&shorter, &short_config, 1, 1, NULL), FT_OK);
        cr_assert_eq(t.at[0][epochs].times, 1);
        cr_assert_eq(t.at[0][epochs].ended, epochs == MOST_EPOCHS);
        expect_close(&t.at[0][epochs], trial_last_of(&shorter, 0), 0, "a shorter training");
        expect_equal_adapters(t.at[0][epochs].adapter, trial_last_of(&shorter, 0)->adapter);
    }
    trial_close(&shorter);
    trial_close(&t);
}

/* What is kept of a training whose val_loss rises again is what one that ends with the
 * best epoch gives, beside another adapter too, and trained in full. */
static void keeps_best_of(ft_adapter_kind kind)
{
    trial kept, last;
    ft_train_config configs[2] = {trial_config(2), trial_config(0)};
    trial_open(&kept);
    trial_open(&last);
    if (kind == FT_FULL) configs[0].spec = (ft_adapter_spec){.kind = FT_FULL};
    configs[0].learning_rate = 0.04;
    configs[0].n_milestones = 0;
    const int32_t n = kind == FT_FULL ? 1 : 2;
    const taken *of;
    do { /* until the last epoch is not the best */
        trial_forget(&kept);
        configs[0].learning_rate *= 1.2;
        cr_assert(configs[0].learning_rate < 1);
        cr_assert_eq(trial_train(&kept, configs, n, n, NULL), FT_OK);
        of = trial_last_of(&kept, 0);
    } while (of->best_epoch == of->n_epochs);
    for (int32_t e = 0; e < of->n_epochs; e++)
        cr_expect_geq(of->history[e].val_loss, of->history[of->best_epoch - 1].val_loss);
    cr_expect_eq(of->kept_epoch, of->best_epoch);
    configs[0].keep_best = false;
    cr_assert_eq(trial_train(&last, configs, n, n, NULL), FT_OK);
    cr_expect_eq(trial_last_of(&last, 0)->best_epoch, of->best_epoch);
    cr_expect_eq(trial_last_of(&last, 0)->kept_epoch, MOST_EPOCHS);
    trial_forget(&last);
    configs[0].epochs = of->best_epoch;
    cr_assert_eq(trial_train(&last, configs, n, n, NULL), FT_OK);
    expect_equal_adapters(of->adapter, trial_last_of(&last, 0)->adapter);
    trial_close(&last);
    trial_close(&kept);
}

Test(trainer, keeps_the_weights_of_the_best_epoch)
{
    keeps_best_of(FT_LORA);
    keeps_best_of(FT_FULL);
}

/* As an evaluation does: the result's weights are put in the model's place, then the
 * base's again. */
static ft_status take_and_place(void *context, const ft_train_result *results, int32_t n, ft_error *err)
{
    trial *t = context;
    ft_trainable *placed;
    ft_adapter *adapter;
    cr_assert_eq(n, 1);
    cr_assert_eq(ft_train_read_adapter(results, &adapter, err), FT_OK);
    const ft_adapter *adapters[] = {adapter};
    cr_assert_eq(ft_trainable_create(t->model.chronos, adapters, 1, false, &placed, err), FT_OK);
    cr_assert_eq(ft_trainable_restore(placed, t->model.weights, err), FT_OK);
    ft_trainable_free(placed);
    ft_adapter_free(adapter);
    trial_take(t, results);
    return FT_OK;
}

Test(trainer, of_full_goes_on_though_a_result_was_placed_in_the_model)
{
    trial t, undisturbed;
    ft_error err;
    trial_open(&t);
    trial_open(&undisturbed);
    ft_train_config config = trial_config(2);
    config.spec = (ft_adapter_spec){.kind = FT_FULL};
    ft_train_settings settings = trial_settings(&t, 1, NULL);
    settings.results = take_and_place;
    cr_assert_eq(ft_train(t.model.chronos, t.model.weights, &t.series, 1, &config, 1, &settings, &err), FT_OK,
                 "%s", err.message);
    cr_assert_eq(trial_train(&undisturbed, &config, 1, 1, NULL), FT_OK);
    cr_assert_eq(t.at[0][1].times, 1);
    expect_same_results(trial_last_of(&t, 0), trial_last_of(&undisturbed, 0), 0);
    trial_close(&undisturbed);
    trial_close(&t);
}

Test(trainer, delivers_together_what_is_due_with_the_same_step)
{
    trial t, apart;
    trial_open(&t);
    trial_open(&apart);
    ft_train_config configs[] = {trial_config(2), trial_config(2), trial_config(2)};
    configs[1].spec.rank = 16;
    configs[2].n_milestones = 1; /* 1, not 3 */
    cr_assert_eq(trial_train(&t, configs, 3, 3, NULL), FT_OK);
    cr_expect_eq(t.most_results, 3);
    cr_expect_eq(t.at[1][3].times, 1);
    cr_expect_eq(t.at[2][3].times, 0);
    cr_assert_eq(trial_train(&apart, configs, 3, 1, NULL), FT_OK);
    cr_expect_eq(apart.most_results, 1);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(trial_last_of(&t, i)->kept_epoch, trial_last_of(&apart, i)->kept_epoch);
        cr_expect_eq(trial_last_of(&t, i)->adapter->spec.rank, configs[i].spec.rank);
    }
    trial_close(&apart);
    trial_close(&t);
}

Test(trainer, stopped_after_any_step_it_goes_on_with_the_same_bits)
{
    trial whole, stopped;
    ft_train_config configs[N_CONFIGS];
    trial_configs(configs);
    trial_open(&whole);
    trial_open(&stopped);
    cr_assert_eq(trial_train(&whole, configs, N_CONFIGS, 2, NULL), FT_OK);
    int steps = whole.steps;
    cr_assert_gt(steps, 10);
    for (int pause = 1; pause < steps; pause += 3) {
        trial_forget(&stopped);
        unlink(checkpoint_path());
        stopped.stop_after = pause;
        int starts = 0;
        while (trial_train(&stopped, configs, N_CONFIGS, 2, checkpoint_path()) == FT_INTERRUPTED) {
            cr_assert_lt(starts++, steps + 1, "it does not get on");
            stopped.steps = 0;
        }
        for (int i = 0; i < N_CONFIGS; i++)
            expect_same_results(trial_last_of(&stopped, i), trial_last_of(&whole, i), i);
        for (int i = 0; i < N_CONFIGS; i++)
            for (int e = 0; e <= MOST_EPOCHS; e++)
                cr_assert_eq(stopped.at[i][e].times, whole.at[i][e].times, "configuration %d at %d", i, e);
    }
    unlink(checkpoint_path());
    trial_close(&stopped);
    trial_close(&whole);
}

Test(trainer, one_that_diverges_and_one_that_is_pruned_end_alone)
{
    trial t, alone;
    ft_train_config configs[3] = {trial_config(0), trial_config(0), trial_config(1)};
    configs[0].learning_rate = 1e30;
    configs[0].max_grad_norm = 0;
    configs[1].seed = 5;
    trial_open(&t);
    trial_open(&alone);
    t.prune = 1;
    cr_assert_eq(trial_train(&t, configs, 3, 3, NULL), FT_OK);
    cr_expect_eq(trial_last_of(&t, 0)->status, FT_DIVERGED);
    cr_expect_null(trial_last_of(&t, 0)->adapter);
    cr_expect(trial_last_of(&t, 1)->pruned);
    cr_expect_eq(trial_last_of(&t, 1)->n_epochs, 1);
    cr_assert_eq(trial_train(&alone, &configs[2], 1, 1, NULL), FT_OK);
    expect_close(trial_last_of(&t, 2), trial_last_of(&alone, 0), 1e-5, "the one that is left");
    trial_close(&alone);
    trial_close(&t);
}

/* The batch that was made while a step diverged has windows of a slot that another
 * configuration takes. */
Test(trainer, what_follows_one_that_diverges_gets_its_own_windows)
{
    trial t, alone;
    ft_train_config configs[3] = {trial_config(0), trial_config(0), trial_config(1)};
    configs[0].learning_rate = 1e30;
    configs[0].max_grad_norm = 0;
    configs[2].seed = 5;
    trial_open(&t);
    trial_open(&alone);
    cr_assert_eq(trial_train(&t, configs, 3, 2, NULL), FT_OK);
    cr_expect_eq(trial_last_of(&t, 0)->status, FT_DIVERGED);
    for (int i = 1; i < 3; i++) {
        trial_forget(&alone);
        cr_assert_eq(trial_train(&alone, &configs[i], 1, 1, NULL), FT_OK);
        expect_close(trial_last_of(&t, i), trial_last_of(&alone, 0), 1e-5, "the ones that are left");
    }
    trial_close(&alone);
    trial_close(&t);
}

/* As on a GPU, where the next step is queued before the losses of this one are read: the
 * results are those of a training that reads first, also of the adapters beside one that
 * diverges, and of one that is stopped. */
Test(trainer, steps_that_are_queued_ahead_change_nothing)
{
    trial ahead, after;
    ft_train_config configs[N_CONFIGS];
    trial_configs(configs);
    configs[1].learning_rate = 1e30;
    configs[1].max_grad_norm = 0;
    trial_open(&ahead);
    trial_open(&after);
    ahead.model.backend->host_memory = false;
    cr_assert_eq(trial_train(&after, configs, N_CONFIGS, 2, NULL), FT_OK);
    cr_assert_eq(trial_last_of(&after, 1)->status, FT_DIVERGED);
    for (int pause = 0; pause < after.steps; pause += 5) {
        unlink(checkpoint_path());
        trial_forget(&ahead);
        ahead.stop_after = pause;
        int starts = 0;
        while (trial_train(&ahead, configs, N_CONFIGS, 2, pause ? checkpoint_path() : NULL) ==
               FT_INTERRUPTED) {
            cr_assert_lt(starts++, after.steps + 1, "it does not get on");
            ahead.steps = 0;
        }
        for (int i = 0; i < N_CONFIGS; i++) {
            cr_expect_eq(trial_last_of(&ahead, i)->status, trial_last_of(&after, i)->status);
            if (i != 1) expect_same_results(trial_last_of(&ahead, i), trial_last_of(&after, i), i);
        }
    }
    unlink(checkpoint_path());
    ahead.model.backend->host_memory = true;
    trial_close(&after);
    trial_close(&ahead);
}

Test(trainer, whom_nobody_tells_what_to_prune_keeps_nothing_of_the_epoch)
{
    trial t;
    const ft_train_config config = trial_config(0);
    trial_open(&t);
    t.prune = 0;
    t.stop_after = 2;
    cr_assert_eq(trial_train(&t, &config, 1, 1, checkpoint_path()), FT_INTERRUPTED);
    t.stop_after = 0;
    t.is_unanswered = true;
    cr_assert_eq(trial_train(&t, &config, 1, 1, checkpoint_path()), FT_INTERRUPTED);
    cr_expect_eq(t.n_order, 0);
    t.is_unanswered = false;
    cr_assert_eq(trial_train(&t, &config, 1, 1, checkpoint_path()), FT_OK);
    cr_expect(trial_last_of(&t, 0)->pruned, "its first epoch was not asked for again");
    cr_expect_eq(trial_last_of(&t, 0)->n_epochs, 1);
    unlink(checkpoint_path());
    trial_close(&t);
}

Test(trainer, its_memory_is_predicted)
{
    trial t;
    ft_train_config configs[N_CONFIGS];
    ft_error err;
    trial_configs(configs);
    trial_open(&t);
    ft_backend *backend = t.model.chronos->backend;
    size_t row = 0;
    for (int32_t slots = 1; slots <= N_CONFIGS; slots += 2) {
        size_t predicted = 0, on_host = 0;
        ft_train_settings settings = trial_settings(&t, slots, NULL);
        cr_assert_eq(ft_train_bytes(backend->real, backend->matrix, backend->pass_rows, t.model.weights,
                                    &t.series, 1, configs, N_CONFIGS, &settings, &predicted, &on_host, &err),
                     FT_OK);
        /* two of the five keep their best weights, in rows of one length */
        size_t rows = slots < 2 ? 1 : 2;
        cr_expect(on_host > 0 && on_host % (rows * 64) == 0);
        if (slots == 1) row = on_host;
        cr_expect_eq(on_host, rows * row, "%d slots: %zu bytes", slots, on_host);
        trial_forget(&t);
        counted_begin(backend);
        cr_assert_eq(trial_train(&t, configs, N_CONFIGS, slots, NULL), FT_OK);
        size_t allocated = counted_end(backend);
        cr_expect_eq(allocated, predicted, "%d slots: %zu bytes allocated, %zu predicted", slots, allocated,
                     predicted);
    }
    trial_close(&t);
}

Test(trainer, a_checkpoint_of_another_batch_is_left_aside)
{
    trial t, whole;
    ft_train_config configs[N_CONFIGS];
    trial_configs(configs);
    trial_open(&t);
    trial_open(&whole);
    for (int other = 0; other < 3; other++) {
        unlink(checkpoint_path());
        trial_forget(&t);
        trial_forget(&whole);
        trial_configs(configs);
        t.stop_after = 4;
        cr_assert_eq(trial_train(&t, configs, N_CONFIGS, 2, checkpoint_path()), FT_INTERRUPTED);
        /* More slots; the same ones for another seed; other data. */
        int32_t slots = other == 0 ? 3 : 2;
        if (other == 1) configs[4].seed++;
        if (other == 2) whole.values[7] = t.values[7] = 11;
        cr_assert_eq(trial_train(&whole, configs, N_CONFIGS, slots, NULL), FT_OK);
        t.stop_after = 0;
        cr_assert_eq(trial_train(&t, configs, N_CONFIGS, slots, checkpoint_path()), FT_OK);
        cr_expect_eq(t.n_said, 1);
        cr_expect(strstr(t.said, checkpoint_path()) && strstr(t.said, "of another adapter batch"), "%s",
                  t.said);
        for (int i = 0; i < N_CONFIGS; i++)
            expect_same_results(trial_last_of(&t, i), trial_last_of(&whole, i), i);
    }
    unlink(checkpoint_path());
    trial_close(&whole);
    trial_close(&t);
}
