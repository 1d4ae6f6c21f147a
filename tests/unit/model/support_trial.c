/* See trial.h. */
#include "trial.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "models.h"

ft_train_config trial_config(int index)
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
        config.keep_best = true;
        config.milestones = milestones;
        config.n_milestones = 2;
        break;
    case 3:
        config.spec.targets = FT_TARGET_WI | FT_TARGET_WO;
        config.learning_rate = 1e-2;
        config.epochs = 3;
        config.early_stopping_patience = 1;
        config.keep_best = true;
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

void trial_take(trial *t, const ft_train_result *result)
{
    ft_error err;
    taken *at = &t->at[result->index][result->n_epochs];
    at->times++;
    at->status = result->status;
    at->n_epochs = result->n_epochs;
    at->best_epoch = result->best_epoch;
    at->kept_epoch = result->kept_epoch;
    at->ended = result->ended;
    at->pruned = result->pruned;
    for (int32_t e = 0; e < result->n_epochs; e++) at->history[e] = result->history[e];
    if (ft_train_has_adapter(result) && !at->adapter)
        cr_assert_eq(ft_train_read_adapter(result, &at->adapter, &err), FT_OK, "%s", err.message);
}

static ft_status take_all(void *context, const ft_train_result *results, int32_t n, ft_error *err)
{
    trial *t = context;
    if (n > t->most_results) t->most_results = n;
    for (int32_t i = 0; i < n; i++) {
        if (t->results_left-- == 0) return ft_fail(err, FT_FAILED, "crashed");
        trial_take(t, &results[i]);
    }
    return FT_OK;
}

static ft_status note_epochs(void *context, const int32_t *indices, const ft_epoch *epochs, int32_t n,
                             bool *pruned, ft_error *err)
{
    trial *t = context;
    if (t->is_unanswered) return ft_fail(err, FT_INTERRUPTED, "no answer");
    for (int32_t k = 0; k < n; k++) {
        if (t->n_order < 64) t->order[t->n_order++] = indices[k];
        pruned[k] = indices[k] == t->prune && epochs[k].epoch == 1;
    }
    return FT_OK;
}

static ft_stop count_steps(void *context)
{
    trial *t = context;
    t->steps++; /* the first time before any step */
    return t->stop_after > 0 && t->steps > t->stop_after ? FT_STOP_NOW : FT_STOP_NOT;
}

static void hear(void *context, const char *line)
{
    trial *t = context;
    t->n_said++;
    snprintf(t->said, sizeof t->said, "%s", line);
}

void trial_open(trial *t)
{
    *t = (trial){.prune = -1, .results_left = -1};
    t->model = golden_model_open(&golden_backends[3], "model_tied", NULL, true);
    for (int i = 0; i < ROWS; i++)
        t->values[i] = 10 + 3 * sinf((float)i * 0.3f) + 0.01f * (float)(i * i % 97);
    t->series = (ft_series){t->values, {0, 110, 130, ROWS}};
}

void trial_forget(trial *t)
{
    for (int i = 0; i < N_CONFIGS; i++)
        for (int e = 0; e <= MOST_EPOCHS; e++) {
            ft_adapter_free(t->at[i][e].adapter);
            t->at[i][e] = (taken){0};
        }
    t->steps = t->n_order = t->n_said = t->most_results = 0;
    t->results_left = -1;
}

void trial_close(trial *t)
{
    trial_forget(t);
    golden_model_close(&t->model);
}

ft_train_settings trial_settings(trial *t, int32_t slots, const char *checkpoint)
{
    return (ft_train_settings){.context_length = CONTEXT,
                               .prediction_length = PREDICTION,
                               .eval_windows = 8,
                               .slots = slots,
                               .checkpoint = checkpoint,
                               .results = take_all,
                               .epochs = note_epochs,
                               .stop = count_steps,
                               .say = hear,
                               .context = t};
}

ft_status trial_train(trial *t, const ft_train_config *configs, int32_t n, int32_t slots,
                      const char *checkpoint)
{
    ft_error err = {""};
    ft_train_settings settings = trial_settings(t, slots, checkpoint);
    ft_status status =
        ft_train(t->model.chronos, t->model.weights, &t->series, 1, configs, n, &settings, &err);
    cr_assert(status == FT_OK || status == FT_INTERRUPTED, "%s", err.message);
    return status;
}

void trial_configs(ft_train_config configs[N_CONFIGS])
{
    for (int i = 0; i < N_CONFIGS; i++) configs[i] = trial_config(i);
}

const taken *trial_last_of(const trial *t, int index)
{
    for (int e = MOST_EPOCHS; e >= 0; e--)
        if (t->at[index][e].times && t->at[index][e].ended) return &t->at[index][e];
    cr_assert_fail("configuration %d has no last result", index);
    return NULL;
}

void expect_same_results(const taken *one, const taken *two, int index)
{
    cr_assert_eq(one->n_epochs, two->n_epochs);
    for (int32_t e = 0; e < one->n_epochs; e++) {
        cr_assert_eq(one->history[e].loss, two->history[e].loss, "configuration %d, epoch %d", index, e + 1);
        cr_assert_eq(one->history[e].val_loss, two->history[e].val_loss);
        cr_assert_eq(one->history[e].grad_norm, two->history[e].grad_norm);
    }
    expect_equal_adapters(one->adapter, two->adapter);
}
