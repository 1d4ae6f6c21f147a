/* See adapter_batch.h. */
#include "adapter_batch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const batch_setting batch_settings[BATCH_ADAPTERS] = {
    {{FT_LORA, 4, 8.0f, 0.1f, false, FT_TARGET_Q | FT_TARGET_V}, 3, 1e-3f, 0.01f, 1.0f, 0.1f, 7},
    {{FT_LORA, 9, 18.0f, 0.0f, true, FT_TARGET_Q | FT_TARGET_O | FT_TARGET_WI},
     1,
     3e-4f,
     0.0f,
     0.2f,
     0.0f,
     8},
    {{FT_LORA, 16, 16.0f, 0.3f, false, FT_TARGET_V | FT_TARGET_WO}, 2, 5e-4f, 0.1f, 0.0f, 0.2f, 7},
};
enum { MOST_SEQUENCES = 8 };

ft_adapter *batch_adapter(const golden_model *m, int g)
{
    ft_error err;
    ft_adapter *adapter;
    cr_assert_eq(ft_adapter_init(&batch_settings[g].spec, m->weights, batch_settings[g].seed, &adapter, &err),
                 FT_OK, "%s", err.message);
    for (int32_t i = 0; i < ft_tensor_count(&m->weights->config); i++) {
        ft_tensor_info info = ft_tensor_describe(&m->weights->config, i);
        for (int32_t j = 0; adapter->b[i] && j < info.rows * batch_settings[g].spec.rank; j++)
            adapter->b[i][j] = 0.05f * sinf((float)(j + i + g));
    }
    return adapter;
}

batch_training batch_training_open(const golden_model *m, int first, int count, ft_comm *comm)
{
    ft_error err;
    ft_adapter *adapters[BATCH_ADAPTERS];
    batch_training t = {.model = m, .first = first, .count = count};
    for (int i = 0; i < count; i++) adapters[i] = batch_adapter(m, first + i);
    cr_assert_eq(
        ft_trainable_create(m->chronos, (const ft_adapter *const *)adapters, count, true, &t.trainable, &err),
        FT_OK, "%s", err.message);
    for (int i = 0; i < count; i++) ft_adapter_free(adapters[i]);
    t.trainable->comm = comm;
    ft_safetensors *file = golden_open("trace_lora.safetensors");
    t.n_batches = golden_dim(file, "input_ids", 0), t.per_batch = golden_dim(file, "input_ids", 1);
    t.encoder_length = golden_dim(file, "input_ids", 2), t.decoder_length = golden_dim(file, "labels", 2);
    t.ids = golden_integers(file, "input_ids", NULL);
    t.labels = golden_integers(file, "labels", NULL);
    t.mask = golden_bytes(file, "attention_mask", NULL);
    golden_close(file);
    cr_assert_eq(ft_stepper_create(t.trainable, MOST_SEQUENCES, (int32_t)t.encoder_length,
                                   (int32_t)t.decoder_length, &t.stepper, &err),
                 FT_OK, "%s", err.message);
    return t;
}

void batch_training_fill(const batch_training *t, int step, ft_inputs *in)
{
    size_t encoder_length = (size_t)t->encoder_length, decoder_length = (size_t)t->decoder_length;
    size_t s = 0;
    for (int i = 0; i < t->count; i++) {
        const batch_setting *setting = &batch_settings[t->first + i];
        in->sequence_start[i] = (int32_t)s;
        for (int32_t k = 0; k < setting->sequences; k++, s++) {
            size_t source = (size_t)((step + t->first + i) % t->n_batches * t->per_batch + k);
            memcpy(in->encoder_ids + s * encoder_length, t->ids + source * encoder_length,
                   encoder_length * 4);
            memcpy(in->key_mask + s * encoder_length, t->mask + source * encoder_length, encoder_length);
            memcpy(in->labels + s * decoder_length, t->labels + source * decoder_length, decoder_length * 4);
        }
        in->sequence_start[i + 1] = (int32_t)s;
        in->seed[i] = setting->seed;
        in->step[i] = (uint32_t)step;
        in->model_dropout[i] = setting->model_dropout;
        ft_inputs_set_rates(
            in, i, (ft_step_rates){setting->learning_rate, setting->weight_decay, setting->max_grad_norm});
    }
    in->n_sequences = (int32_t)s;
    in->encoder_length = (int32_t)t->encoder_length;
    in->decoder_length = (int32_t)t->decoder_length;
}

ft_status batch_training_try(batch_training *t, int step, ft_error *err)
{
    batch_training_fill(t, step, ft_stepper_inputs(t->stepper));
    return ft_stepper_step(t->stepper, err);
}

void batch_training_step(batch_training *t, int step)
{
    ft_error err;
    cr_assert_eq(batch_training_try(t, step, &err), FT_OK, "%s", err.message);
}

void batch_training_close(batch_training *t)
{
    ft_stepper_free(t->stepper);
    ft_trainable_free(t->trainable);
    free(t->ids);
    free(t->labels);
    free(t->mask);
}
