/* Windows as sequences of a pass: the labels, and when EOS is one of them. */
#include <criterion/criterion.h>

#include "model/window_batch.h"

enum { CONTEXT = 8, OWN = 4, EOS = 1 };

/* The labels of a window with `known` values after its context, of a model whose own
 * prediction_length is `own`, and which expects EOS after `eos` (0: after that). */
static void labels_of_model(int32_t own, int32_t eos, int32_t prediction_length, int32_t known,
                            int32_t labels[])
{
    float values[CONTEXT + 2 * OWN];
    for (int i = 0; i < CONTEXT + 2 * OWN; i++) values[i] = (float)(1 + i % 3);
    const int64_t end = CONTEXT + known;
    const ft_series series = {.values = values, .split_start = {0, end, end, end}};
    const ft_window window = {.context_start = 0, .label_start = CONTEXT, .label_count = known};
    const ft_window_use use = {&window, 0};
    const ft_pass_shape shape = {.n_adapters = 1,
                                 .n_sequences = 1,
                                 .encoder_length = CONTEXT + 1,
                                 .decoder_length = prediction_length + 1};
    ft_model_config config;
    ft_tokenizer *tokenizer;
    ft_inputs *inputs;
    cr_assert_eq(ft_config_for_size("nano", &config, NULL), FT_OK);
    config.chronos.prediction_length = own;
    config.chronos.eos_prediction_length = eos;
    cr_assert_eq(ft_tokenizer_create(&config.chronos, &tokenizer, NULL), FT_OK);
    cr_assert_eq(ft_inputs_create(&shape, &inputs, NULL), FT_OK);
    ft_window_batch(inputs, tokenizer, &series, &use, 1, CONTEXT, prediction_length);
    for (int32_t t = 0; t <= prediction_length; t++) labels[t] = inputs->labels[t];
    ft_inputs_free(inputs);
    ft_tokenizer_free(tokenizer);
}

static void labels_of(int32_t prediction_length, int32_t known, int32_t labels[])
{
    labels_of_model(OWN, 0, prediction_length, known, labels);
}

Test(window_batch, eos_is_a_label_after_the_models_own_prediction_length)
{
    int32_t labels[OWN + 1];
    labels_of(OWN, OWN, labels);
    for (int32_t t = 0; t < OWN; t++) cr_expect_gt(labels[t], EOS);
    cr_expect_eq(labels[OWN], EOS);
    labels_of(OWN, OWN - 2, labels);
    cr_expect_eq(labels[OWN - 2], -100);
    cr_expect_eq(labels[OWN], EOS);
}

Test(window_batch, eos_is_no_label_after_another_length)
{
    for (int32_t p = 1; p <= 2 * OWN; p++) {
        int32_t labels[2 * OWN + 1];
        if (p == OWN) continue;
        labels_of(p, p, labels);
        for (int32_t t = 0; t < p; t++) cr_expect_gt(labels[t], EOS);
        cr_expect_eq(labels[p], -100, "prediction_length %d", p);
    }
}

/* A model that was tuned in full with a shorter horizon says so, and has not learned EOS
 * after it. */
Test(window_batch, eos_is_no_label_after_a_length_that_was_tuned_with_only)
{
    int32_t labels[OWN + 1];
    labels_of_model(OWN - 1, OWN, OWN - 1, OWN - 1, labels);
    cr_expect_eq(labels[OWN - 1], -100);
    labels_of_model(OWN - 1, OWN, OWN, OWN, labels);
    cr_expect_eq(labels[OWN], EOS);
}
