/* Training a queue of configurations in a few slots: each as if it were alone, and as if never interrupted.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "counted.h"
#include "golden.h"
#include "model/trainer.h"
#include "models.h"

enum { N_CONFIGS = 5, ROWS = 150, CONTEXT = 24, PREDICTION = 8, MOST_EPOCHS = 4 };

/* What was handed over of one configuration at one length. */
typedef struct taken {
    ft_status status;
    ft_epoch history[MOST_EPOCHS];
    int32_t n_epochs, times;
    bool ended, pruned;
    ft_adapter *adapter;
} taken;

typedef struct trial {
    golden_model model;
    float values[ROWS];
    ft_series series;
    taken at[N_CONFIGS][MOST_EPOCHS + 1]; /* by configuration and finished epochs */
    int steps, stop_after;                /* stop_after: steps; 0: never */
    int prune;                            /* the configuration to prune after its first epoch, or -1 */
    int order[64], n_order;               /* configurations in the order of their epochs' ends */
} trial;

static const char *checkpoint_path(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/ftgpu-trainer-%d.safetensors", (int)getpid());
    return path;
}

static ft_train_config config_at(int index)
{
    static const int32_t milestones[] = {1, 3};
    ft_train_config config = {.spec = {FT_LORA, 4, 16, 0.1f, false, FT_TARGET_Q | FT_TARGET_V},
                              .learning_rate = 1e-3,
                              .weight_decay = 0.01,
                              .max_grad_norm = 1,
                              .schedule = FT_SCHEDULE_LINEAR,
                              .epochs = 2,
                              .batch_size = 4,
                              .window_stride = PREDICTION,
                              .window_shift = true,
                              .model_dropout = 0.1f,
                              .seed = 3};
    switch (index) {
    case 1:
        config.spec.rank = 8;
        config.spec.dropout = 0;
        config.batch_size = 3;
        config.seed = 9;
        break;
    case 2:
        config.schedule = FT_SCHEDULE_CONSTANT;
        config.epochs = MOST_EPOCHS;
        config.milestones = milestones;
        config.n_milestones = 2;
        break;
    case 3:
        config.spec.targets = FT_TARGET_WI | FT_TARGET_WO;
        config.learning_rate = 1e-2;
        config.epochs = 3;
        config.early_stopping_patience = 1;
        break;
    case 4:
        config.weight_decay = 0.2;
        config.schedule = FT_SCHEDULE_COSINE;
        config.epochs = 1;
        config.batch_size = 7;
        break;
    default:
        break;
    }
    return config;
}

static ft_status take(void *context, int32_t index, const ft_train_result *result, ft_error *err)
{
    trial *t = context;
    (void)err;
    taken *at = &t->at[index][result->n_epochs];
    at->times++;
    at->status = result->status;
    at->n_epochs = result->n_epochs;
    at->ended = result->ended;
    at->pruned = result->pruned;
    for (int32_t e = 0; e < result->n_epochs; e++) at->history[e] = result->history[e];
    if (result->adapter && !at->adapter) at->adapter = models_copy_adapter(result->adapter, t->model.weights);
    return FT_OK;
}

static void note_epochs(void *context, const int32_t *indices, const ft_epoch *epochs, int32_t n,
                        bool *pruned)
{
    trial *t = context;
    for (int32_t k = 0; k < n; k++) {
        if (t->n_order < 64) t->order[t->n_order++] = indices[k];
        pruned[k] = indices[k] == t->prune && epochs[k].epoch == 1;
    }
}

static ft_stop count_steps(void *context)
{
    trial *t = context;
    t->steps++; /* the first time before any step */
    return t->stop_after > 0 && t->steps > t->stop_after ? FT_STOP_NOW : FT_STOP_NOT;
}

static void open_trial(trial *t)
{
    *t = (trial){.prune = -1};
    t->model = golden_model_open(&golden_backends[3], "model_tied", NULL, true);
    for (int i = 0; i < ROWS; i++)
        t->values[i] = 10 + 3 * sinf((float)i * 0.3f) + 0.01f * (float)(i * i % 97);
    t->series = (ft_series){t->values, {0, 110, 130, ROWS}};
}

static void forget(trial *t)
{
    for (int i = 0; i < N_CONFIGS; i++)
        for (int e = 0; e <= MOST_EPOCHS; e++) {
            ft_adapter_free(t->at[i][e].adapter);
            t->at[i][e] = (taken){0};
        }
    t->steps = t->n_order = 0;
}

static void close_trial(trial *t)
{
    forget(t);
    golden_model_close(&t->model);
}

static ft_train_settings settings_of(trial *t, int32_t slots, const char *checkpoint)
{
    return (ft_train_settings){.context_length = CONTEXT,
                               .prediction_length = PREDICTION,
                               .eval_windows = 8,
                               .slots = slots,
                               .checkpoint = checkpoint,
                               .result = take,
                               .epochs = note_epochs,
                               .stop = count_steps,
                               .context = t};
}

static ft_status train(trial *t, const ft_train_config *configs, int32_t n, int32_t slots,
                       const char *checkpoint)
{
    ft_error err = {""};
    ft_train_settings settings = settings_of(t, slots, checkpoint);
    ft_status status =
        ft_train(t->model.chronos, t->model.weights, &t->series, 1, configs, n, &settings, &err);
    cr_assert(status == FT_OK || status == FT_INTERRUPTED, "%s", err.message);
    return status;
}

static void all_configs(ft_train_config configs[N_CONFIGS])
{
    for (int i = 0; i < N_CONFIGS; i++) configs[i] = config_at(i);
}

/* The last result of a configuration. */
static const taken *last_of(const trial *t, int index)
{
    for (int e = MOST_EPOCHS; e >= 0; e--)
        if (t->at[index][e].times && t->at[index][e].ended) return &t->at[index][e];
    cr_assert_fail("configuration %d has no last result", index);
    return NULL;
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
    all_configs(configs);
    open_trial(&together);
    open_trial(&alone);
    cr_assert_eq(train(&together, configs, N_CONFIGS, 2, NULL), FT_OK);
    for (int i = 0; i < N_CONFIGS; i++) {
        char what[32];
        snprintf(what, sizeof what, "configuration %d", i);
        forget(&alone);
        cr_assert_eq(train(&alone, &configs[i], 1, 1, NULL), FT_OK);
        expect_close(last_of(&together, i), last_of(&alone, 0), 1e-5, what);
    }
    /* Configurations 0 and 1 begin; each that ends makes room for the next. */
    cr_assert_eq(together.order[0] + together.order[1], 1);
    for (int k = 2; k < together.n_order; k++)
        if (together.order[k] == 4) cr_assert_gt(k, 3, "the last configuration came too early");
    close_trial(&alone);
    close_trial(&together);
}

Test(trainer, a_milestone_is_what_a_shorter_training_gives)
{
    trial t, shorter;
    open_trial(&t);
    open_trial(&shorter);
    ft_train_config config = config_at(2);
    cr_assert_eq(train(&t, &config, 1, 1, NULL), FT_OK);
    for (int32_t epochs = 1; epochs <= MOST_EPOCHS; epochs++) {
        if (epochs == 2) {
            cr_assert_eq(t.at[0][2].times, 0, "nobody asked for two epochs");
            continue;
        }
        ft_train_config short_config = config_at(2);
        short_config.epochs = epochs;
        short_config.n_milestones = 0;
        forget(&shorter);
        cr_assert_eq(train(&shorter, &short_config, 1, 1, NULL), FT_OK);
        cr_assert_eq(t.at[0][epochs].times, 1);
        cr_assert_eq(t.at[0][epochs].ended, epochs == MOST_EPOCHS);
        expect_close(&t.at[0][epochs], last_of(&shorter, 0), 0, "a shorter training");
        expect_equal_adapters(t.at[0][epochs].adapter, last_of(&shorter, 0)->adapter);
    }
    close_trial(&shorter);
    close_trial(&t);
}

static void expect_same(const taken *one, const taken *two, int index)
{
    cr_assert_eq(one->n_epochs, two->n_epochs);
    for (int32_t e = 0; e < one->n_epochs; e++) {
        cr_assert_eq(one->history[e].loss, two->history[e].loss, "configuration %d, epoch %d", index, e + 1);
        cr_assert_eq(one->history[e].val_loss, two->history[e].val_loss);
        cr_assert_eq(one->history[e].grad_norm, two->history[e].grad_norm);
    }
    expect_equal_adapters(one->adapter, two->adapter);
}

/* As an evaluation does: the result's weights are put in the model's place, then the base's again. */
static ft_status take_and_place(void *context, int32_t index, const ft_train_result *result, ft_error *err)
{
    const trial *t = context;
    ft_trainable *placed;
    cr_assert_eq(ft_trainable_create(t->model.chronos, &result->adapter, 1, false, &placed, err), FT_OK);
    cr_assert_eq(ft_trainable_restore(placed, t->model.weights, err), FT_OK);
    ft_trainable_free(placed);
    return take(context, index, result, err);
}

Test(trainer, of_full_goes_on_though_a_result_was_placed_in_the_model)
{
    trial t, undisturbed;
    ft_error err;
    open_trial(&t);
    open_trial(&undisturbed);
    ft_train_config config = config_at(2);
    config.spec = (ft_adapter_spec){.kind = FT_FULL};
    ft_train_settings settings = settings_of(&t, 1, NULL);
    settings.result = take_and_place;
    cr_assert_eq(ft_train(t.model.chronos, t.model.weights, &t.series, 1, &config, 1, &settings, &err), FT_OK,
                 "%s", err.message);
    cr_assert_eq(train(&undisturbed, &config, 1, 1, NULL), FT_OK);
    cr_assert_eq(t.at[0][1].times, 1);
    expect_same(last_of(&t, 0), last_of(&undisturbed, 0), 0);
    close_trial(&undisturbed);
    close_trial(&t);
}

Test(trainer, stopped_after_any_step_it_goes_on_with_the_same_bits)
{
    trial whole, stopped;
    ft_train_config configs[N_CONFIGS];
    all_configs(configs);
    open_trial(&whole);
    open_trial(&stopped);
    cr_assert_eq(train(&whole, configs, N_CONFIGS, 2, NULL), FT_OK);
    int steps = whole.steps;
    cr_assert_gt(steps, 10);
    for (int pause = 1; pause < steps; pause += 3) {
        forget(&stopped);
        unlink(checkpoint_path());
        stopped.stop_after = pause;
        int starts = 0;
        while (train(&stopped, configs, N_CONFIGS, 2, checkpoint_path()) == FT_INTERRUPTED) {
            cr_assert_lt(starts++, steps + 1, "it does not get on");
            stopped.steps = 0;
        }
        for (int i = 0; i < N_CONFIGS; i++) expect_same(last_of(&stopped, i), last_of(&whole, i), i);
        for (int i = 0; i < N_CONFIGS; i++)
            for (int e = 0; e <= MOST_EPOCHS; e++)
                cr_assert_eq(stopped.at[i][e].times, whole.at[i][e].times, "configuration %d at %d", i, e);
    }
    unlink(checkpoint_path());
    close_trial(&stopped);
    close_trial(&whole);
}

Test(trainer, one_that_diverges_and_one_that_is_pruned_end_alone)
{
    trial t, alone;
    ft_train_config configs[3] = {config_at(0), config_at(0), config_at(1)};
    configs[0].learning_rate = 1e30;
    configs[0].max_grad_norm = 0;
    configs[1].seed = 5;
    open_trial(&t);
    open_trial(&alone);
    t.prune = 1;
    cr_assert_eq(train(&t, configs, 3, 3, NULL), FT_OK);
    cr_expect_eq(last_of(&t, 0)->status, FT_DIVERGED);
    cr_expect_null(last_of(&t, 0)->adapter);
    cr_expect(last_of(&t, 1)->pruned);
    cr_expect_eq(last_of(&t, 1)->n_epochs, 1);
    cr_assert_eq(train(&alone, &configs[2], 1, 1, NULL), FT_OK);
    expect_close(last_of(&t, 2), last_of(&alone, 0), 1e-5, "the one that is left");
    close_trial(&alone);
    close_trial(&t);
}

Test(trainer, its_memory_is_predicted)
{
    trial t;
    ft_train_config configs[N_CONFIGS];
    ft_error err;
    all_configs(configs);
    open_trial(&t);
    ft_backend *backend = t.model.chronos->backend;
    for (int32_t slots = 1; slots <= N_CONFIGS; slots += 2) {
        size_t predicted = 0;
        ft_train_settings settings = settings_of(&t, slots, NULL);
        cr_assert_eq(ft_train_bytes(backend->real, backend->matrix, backend->pass_rows, t.model.weights,
                                    &t.series, 1, configs, N_CONFIGS, &settings, &predicted, &err),
                     FT_OK);
        forget(&t);
        counted_begin(backend);
        cr_assert_eq(train(&t, configs, N_CONFIGS, slots, NULL), FT_OK);
        size_t allocated = counted_end(backend);
        cr_expect_eq(allocated, predicted, "%d slots: %zu bytes allocated, %zu predicted", slots, allocated,
                     predicted);
    }
    close_trial(&t);
}

Test(trainer, a_checkpoint_of_another_batch_is_refused)
{
    trial t;
    ft_train_config configs[N_CONFIGS];
    ft_error err = {""};
    all_configs(configs);
    open_trial(&t);
    unlink(checkpoint_path());
    t.stop_after = 4;
    cr_assert_eq(train(&t, configs, N_CONFIGS, 2, checkpoint_path()), FT_INTERRUPTED);
    ft_train_settings settings = settings_of(&t, 3, checkpoint_path());
    cr_expect_eq(
        ft_train(t.model.chronos, t.model.weights, &t.series, 1, configs, N_CONFIGS, &settings, &err),
        FT_BAD_INPUT);
    cr_expect_str_not_empty(err.message);
    cr_assert_eq(truncate(checkpoint_path(), 100), 0);
    settings.slots = 2;
    cr_expect_eq(
        ft_train(t.model.chronos, t.model.weights, &t.series, 1, configs, N_CONFIGS, &settings, &err),
        FT_BAD_INPUT);
    unlink(checkpoint_path());
    close_trial(&t);
}
