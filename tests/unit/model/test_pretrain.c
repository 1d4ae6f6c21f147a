/* Pretraining: batches that depend on the step alone, a loss that falls, resuming with
 * the same bits. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernels/backend.h"
#include "model/pretrain.h"
#include "model/pretrain_batch.h"
#include "models.h"
#include "scratch.h"

TestSuite(pretrain, .init = scratch_enter, .fini = scratch_leave);

/* -- batches -- */

static const ft_pretrain_batch_settings few = {6, 64, 5, 7, 1};

static ft_inputs *inputs_for(const ft_pretrain_batch_settings *s)
{
    const ft_pass_shape shape = {.n_adapters = 1,
                                 .n_sequences = s->batch_size,
                                 .encoder_length = s->context_length + 1,
                                 .decoder_length = s->prediction_length + 1,
                                 .kind = FT_FULL};
    ft_inputs *inputs = NULL;
    cr_assert_eq(ft_inputs_create(&shape, &inputs, NULL), FT_OK);
    return inputs;
}

static void take(const ft_pretrain_batch_settings *s, const ft_tokenizer *tokenizer, const int64_t *steps,
                 int n_steps, ft_inputs *inputs)
{
    ft_pretrain_batch *batch;
    cr_assert_eq(ft_pretrain_batch_create(tokenizer, s, &batch, NULL), FT_OK);
    for (int i = 0; i < n_steps; i++) {
        ft_pretrain_batch_begin(batch, steps[i]);
        ft_pretrain_batch_take(batch, inputs);
    }
    ft_pretrain_batch_free(batch);
}

Test(pretrain, a_batch_depends_on_seed_and_step_alone)
{
    ft_model_config config;
    ft_tokenizer *tokenizer;
    cr_assert_eq(ft_config_for_size("nano", &config, NULL), FT_OK);
    cr_assert_eq(ft_tokenizer_create(&config.chronos, &tokenizer, NULL), FT_OK);
    ft_pretrain_batch_settings threads = few, other = few;
    threads.threads = 3;
    other.seed++;
    ft_inputs *one = inputs_for(&few), *two = inputs_for(&few);
    take(&few, tokenizer, (const int64_t[]){4}, 1, one);
    take(&threads, tokenizer, (const int64_t[]){9, 3, 4}, 3, two);
    size_t ids = (size_t)(one->n_sequences * one->encoder_length),
           labels = (size_t)(one->n_sequences * one->decoder_length);
    cr_assert_eq(one->encoder_length, two->encoder_length);
    cr_assert_arr_eq(one->encoder_ids, two->encoder_ids, ids * sizeof(int32_t));
    cr_assert_arr_eq(one->key_mask, two->key_mask, ids);
    cr_assert_arr_eq(one->labels, two->labels, labels * sizeof(int32_t));
    take(&other, tokenizer, (const int64_t[]){4}, 1, two);
    cr_assert(one->encoder_length != two->encoder_length ||
              memcmp(one->encoder_ids, two->encoder_ids, ids * sizeof(int32_t)) != 0);
    ft_inputs_free(one);
    ft_inputs_free(two);
    ft_tokenizer_free(tokenizer);
}

Test(pretrain, contexts_of_a_step_have_one_of_five_lengths_the_longest_most_often)
{
    int count[5] = {0};
    for (int64_t step = 0; step < 1000; step++) {
        int32_t context = ft_pretrain_context(&(ft_pretrain_batch_settings){1, 512, 64, 3, 1}, step);
        int i = 0;
        while (i < 4 && context != 512 >> i) i++;
        cr_assert_eq(context, 512 >> i, "%d", (int)context);
        count[i]++;
    }
    for (int i = 0; i < 5; i++) cr_assert_gt(count[i], 60, "%d", i);
    cr_assert_gt(count[0], 400);
}

/* -- training -- */

typedef struct scene {
    int stop_after, asked; /* steps; 0: never */
    double first_loss, last_loss, val_loss;
} scene;

static ft_stop stop(void *context)
{
    scene *s = context;
    return s->stop_after > 0 && ++s->asked >= s->stop_after ? FT_STOP_NOW : FT_STOP_NOT;
}

static void report(void *context, const ft_pretrain_report *r)
{
    scene *s = context;
    if (s->first_loss == 0) s->first_loss = r->loss;
    s->last_loss = r->loss;
    if (!isnan(r->val_loss)) s->val_loss = r->val_loss;
}

static ft_pretrain_settings settings_for(scene *s)
{
    return (ft_pretrain_settings){.steps = 30,
                                  .batch_size = 4,
                                  .context_length = 32,
                                  .prediction_length = 8,
                                  .learning_rate = 3e-3,
                                  .warmup = 0.1,
                                  .max_grad_norm = 1,
                                  .threads = 1,
                                  .validation_series = 8,
                                  .checkpoint = scratch_path("checkpoint"),
                                  .checkpoint_seconds = 1e9,
                                  .stop = stop,
                                  .report = report,
                                  .context = s};
}

/* Trains a fresh nano model, which is the caller's. */
static ft_status train(const ft_pretrain_settings *settings, ft_weights **weights, ft_error *err)
{
    ft_model_config config;
    ft_backend *backend;
    ft_chronos *chronos;
    ft_pretrain_result result;
    cr_assert_eq(ft_config_for_size("nano", &config, NULL), FT_OK);
    config.chronos.prediction_length = settings->prediction_length;
    cr_assert_eq(ft_weights_init(&config, 5, weights, NULL), FT_OK);
    cr_assert_eq(ft_cpu_create(FT_F32, 1, &backend, NULL), FT_OK);
    cr_assert_eq(ft_chronos_create(backend, *weights, true, &chronos, NULL), FT_OK);
    ft_status status = ft_pretrain(chronos, *weights, settings, &result, err);
    if (status == FT_OK) cr_expect_eq(result.steps, settings->steps);
    ft_chronos_free(chronos);
    backend->free(backend);
    return status;
}

Test(pretrain, the_loss_falls)
{
    scene s = {0};
    ft_pretrain_settings settings = settings_for(&s);
    ft_weights *weights;
    cr_assert_eq(train(&settings, &weights, NULL), FT_OK);
    cr_expect_lt(s.last_loss, s.first_loss - 0.2, "%g after %g", s.last_loss, s.first_loss);
    cr_expect_lt(s.val_loss, s.first_loss - 0.2, "%g", s.val_loss);
    ft_weights_free(weights);
}

Test(pretrain, stopped_and_resumed_it_gives_the_same_bits)
{
    scene s = {0};
    ft_pretrain_settings settings = settings_for(&s);
    ft_weights *whole, *resumed;
    ft_error err;
    cr_assert_eq(train(&settings, &whole, NULL), FT_OK);
    unlink(settings.checkpoint);
    for (int i = 0; i < 3; i++) {
        s = (scene){.stop_after = 4 + 3 * i};
        cr_assert_eq(train(&settings, &resumed, &err), FT_INTERRUPTED, "start %d: %s", i, err.message);
        cr_assert(strstr(err.message, "resumes it"), "%s", err.message);
        ft_weights_free(resumed);
    }
    s = (scene){0};
    cr_assert_eq(train(&settings, &resumed, NULL), FT_OK);
    expect_equal_weights(whole, resumed);
    ft_weights_free(whole);
    ft_weights_free(resumed);
}

Test(pretrain, a_checkpoint_of_other_settings_is_refused_and_kept)
{
    scene s = {.stop_after = 2};
    ft_pretrain_settings settings = settings_for(&s);
    ft_weights *weights;
    ft_error err;
    cr_assert_eq(train(&settings, &weights, &err), FT_INTERRUPTED, "%s", err.message);
    ft_weights_free(weights);
    settings.learning_rate = 1e-3;
    cr_assert_eq(train(&settings, &weights, &err), FT_BAD_INPUT);
    cr_assert(strstr(err.message, "give the options it was made with"), "%s", err.message);
    cr_assert_eq(access(settings.checkpoint, F_OK), 0);
    ft_weights_free(weights);
}

Test(pretrain, a_loss_that_is_no_number_ends_it)
{
    scene s = {0};
    ft_pretrain_settings settings = settings_for(&s);
    settings.learning_rate = 1e30;
    ft_weights *weights;
    ft_error err;
    cr_assert_eq(train(&settings, &weights, &err), FT_DIVERGED, "%s", err.message);
    cr_assert(strstr(err.message, "lower learning rate"), "%s", err.message);
    ft_weights_free(weights);
}
