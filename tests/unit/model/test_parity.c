/* Forward, loss, gradients and training traces against transformers and PEFT, on every
 * backend. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "golden.h"

/* Bounds of the f32 and bf16 columns: relative norms. */
static double bound(const golden_backend *backend, double f32, double bf16)
{
    return backend->bf16 ? bf16 : f32;
}

static void check_forward(const golden_backend *backend, const char *model, const char *file_name)
{
    ft_error err;
    golden_model m = golden_model_open(backend, model, NULL, false);
    ft_safetensors *file = golden_open(file_name);
    ft_pass_shape shape = golden_shape(&m, file, false);
    ft_workspace *workspace;
    ft_inputs *inputs;
    cr_assert_eq(ft_workspace_create(m.backend, &m.weights->config, &shape, &workspace, &err), FT_OK, "%s",
                 err.message);
    cr_assert_eq(ft_inputs_create(&shape, &inputs, &err), FT_OK, "%s", err.message);
    golden_load_batch(file, 0, inputs);
    ft_pass pass;
    ft_pass_load(&pass, m.trainable, workspace, inputs);
    ft_pass_forward(&pass);

    int64_t n_logits, n_encoder, d_model = m.weights->config.d_model;
    float *expected = golden_floats(file, "logits", &n_logits),
          *logits = malloc((size_t)n_logits * sizeof *logits);
    cr_assert_eq(ft_read_tensor(m.backend, workspace->logits, logits, &err), FT_OK, "%s", err.message);
    double distance = golden_distance(logits, expected, n_logits);
    cr_expect_lt(distance, bound(backend, 1e-5, 4e-2), "%s %s: logits differ by %g", backend->label, model,
                 distance);

    float *encoder = golden_floats(file, "encoder_output", &n_encoder),
          *out = malloc((size_t)n_encoder * sizeof *out);
    cr_assert_eq(ft_read_tensor(m.backend, workspace->stack[FT_ENCODER].out, out, &err), FT_OK, "%s",
                 err.message);
    for (int64_t row = 0; row < n_encoder / d_model; row++)
        for (int64_t i = 0; i < d_model && !inputs->key_mask[row]; i++)
            out[row * d_model + i] = encoder[row * d_model + i] = 0;
    distance = golden_distance(out, encoder, n_encoder);
    cr_expect_lt(distance, bound(backend, 1e-5, 4e-2), "%s %s: encoder output differs by %g", backend->label,
                 model, distance);

    ft_pass_loss(&pass, false);
    double loss_sum;
    m.backend->to_host(m.backend, &loss_sum, workspace->loss_sum, sizeof loss_sum);
    float *loss = golden_floats(file, "loss", NULL);
    distance = fabs(loss_sum / (double)inputs->n_counted[0] - loss[0]) / loss[0];
    cr_expect_lt(distance, bound(backend, 1e-5, 4e-2), "%s %s: loss differs by %g", backend->label, model,
                 distance);
    free(loss);
    free(out);
    free(encoder);
    free(logits);
    free(expected);
    ft_inputs_free(inputs);
    ft_workspace_free(workspace);
    golden_close(file);
    golden_model_close(&m);
}

Test(parity, forward_tied)
{
    for (int i = 0; i < GOLDEN_BACKENDS; i++)
        check_forward(&golden_backends[i], "model_tied", "forward_tied.safetensors");
}

Test(parity, forward_untied)
{
    for (int i = 0; i < GOLDEN_BACKENDS; i++)
        check_forward(&golden_backends[i], "model_untied", "forward_untied.safetensors");
}

/* The expected gradient of one tensor of the adapter against ours; adds to the sums over
 * all. */
static void compare_gradient(const golden_backend *backend, const ft_safetensors *file, const char *name,
                             const float *ours, double *difference, double *norm)
{
    int64_t count;
    float *expected = golden_floats(file, name, &count);
    double distance = golden_distance(ours, expected, count);
    cr_expect_lt(distance, bound(backend, 1e-4, 2.5e-1), "%s: gradient of %s differs by %g", backend->label,
                 name, distance);
    for (int64_t i = 0; i < count; i++) {
        *difference += ((double)ours[i] - expected[i]) * ((double)ours[i] - expected[i]);
        *norm += (double)expected[i] * expected[i];
    }
    free(expected);
}

/* peft's name of base tensor `name`: "base_model.model.<module><suffix>". */
static void peft_name(char out[192], const char *name, const char *suffix)
{
    size_t length = strlen(name) - strlen(".weight");
    snprintf(out, 192, "base_model.model.%.*s%s", (int)length, name, suffix);
}

static void check_gradients(const golden_backend *backend, const char *model, const char *adapter,
                            const char *batch_name, const char *gradients_name)
{
    ft_error err;
    golden_model m = golden_model_open(backend, model, adapter, true);
    ft_safetensors *batch = golden_open(batch_name), *file = golden_open(gradients_name);
    ft_pass_shape shape = golden_shape(&m, batch, true);
    ft_stepper *stepper;
    cr_assert_eq(ft_stepper_create(m.trainable, shape.n_sequences, shape.encoder_length, shape.decoder_length,
                                   &stepper, &err),
                 FT_OK, "%s", err.message);
    golden_load_batch(batch, 0, ft_stepper_inputs(stepper));
    cr_assert_eq(ft_stepper_gradients(stepper, &err), FT_OK, "%s", err.message);
    float *loss = golden_floats(file, "loss", NULL);
    double off = fabs(ft_stepper_loss(stepper, 0) - loss[0]) / loss[0];
    cr_expect_lt(off, bound(backend, 1e-5, 4e-2), "%s %s: loss differs by %g", backend->label, gradients_name,
                 off);
    free(loss);

    ft_adapter *gradients;
    cr_assert_eq(ft_adapter_init(&m.adapter->spec, m.weights, 0, &gradients, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_trainable_read_gradients(m.trainable, 0, gradients, &err), FT_OK, "%s", err.message);
    double difference = 0, norm = 0;
    int compared = 0;
    for (int32_t i = 0; i < ft_tensor_count(&m.weights->config); i++) {
        if (!gradients->a[i]) continue;
        const ft_tensor_name tensor = ft_tensor_name_of(&m.weights->config, i);
        char name[192];
        if (m.adapter->spec.kind == FT_FULL) {
            snprintf(name, sizeof name, "%s", tensor.text);
            /* full_untied holds some of them */
            if (!ft_safetensors_find(file, name)) continue;
        } else
            peft_name(name, tensor.text,
                      m.adapter->spec.kind == FT_LORA ? ".lora_A.weight" : ".ln_tuning_layers.weight");
        compare_gradient(backend, file, name, gradients->a[i], &difference, &norm);
        compared++;
        if (m.adapter->spec.kind != FT_LORA) continue;
        peft_name(name, tensor.text, ".lora_B.weight");
        compare_gradient(backend, file, name, gradients->b[i], &difference, &norm);
        compared++;
    }
    int in_file = 0;
    for (size_t i = 0; i < file->count; i++)
        in_file += strcmp(file->tensors[i].name, "loss") != 0 && strcmp(file->tensors[i].name, "logits") != 0;
    cr_expect_eq(compared, in_file, "%s holds %d gradients, %d were compared", gradients_name, in_file,
                 compared);
    double all = sqrt(difference / norm);
    cr_expect_lt(all, bound(backend, 1e-4, 1e-1), "%s %s: gradients differ by %g", backend->label,
                 gradients_name, all);
    ft_adapter_free(gradients);
    ft_stepper_free(stepper);
    golden_close(file);
    golden_close(batch);
    golden_model_close(&m);
}

#define GRADIENT_TEST(name, model, adapter, batch)                                                           \
    Test(parity, gradients_##name)                                                                           \
    {                                                                                                        \
        for (int i = 0; i < GOLDEN_BACKENDS; i++)                                                            \
            check_gradients(&golden_backends[i], model, adapter, batch, "gradients_" #name ".safetensors");  \
    }
GRADIENT_TEST(lora_qv, "model_tied", "adapter_lora_qv", "forward_tied.safetensors")
GRADIENT_TEST(lora_all, "model_untied", "adapter_lora_all", "forward_untied.safetensors")
GRADIENT_TEST(ln, "model_tied", "adapter_ln", "forward_tied.safetensors")
GRADIENT_TEST(full_tied, "model_tied", "full", "forward_tied.safetensors")
GRADIENT_TEST(full_untied, "model_untied", "full", "forward_untied.safetensors")

/* Steps of AdamW with warm-up, decay and clipping: the losses of the trace. */
static void check_trace(const golden_backend *backend, const char *adapter, const char *name)
{
    ft_error err;
    char file_name[64], json_name[64];
    snprintf(file_name, sizeof file_name, "%s.safetensors", name);
    snprintf(json_name, sizeof json_name, "%s.json", name);
    golden_model m = golden_model_open(backend, "model_tied", adapter, true);
    ft_safetensors *file = golden_open(file_name);
    cJSON *settings = golden_json(json_name);
    ft_pass_shape shape = golden_shape(&m, file, true);
    ft_stepper *stepper;
    cr_assert_eq(ft_stepper_create(m.trainable, shape.n_sequences, shape.encoder_length, shape.decoder_length,
                                   &stepper, &err),
                 FT_OK, "%s", err.message);
    int64_t steps, n_batches = golden_dim(file, "input_ids", 0);
    float *losses = golden_floats(file, "losses", &steps),
          *rates = golden_floats(file, "learning_rates", NULL);
    float *norms = golden_floats(file, "grad_norms", NULL);
    double decay = cJSON_GetObjectItem(settings, "weight_decay")->valuedouble;
    double clip = cJSON_GetObjectItem(settings, "max_grad_norm")->valuedouble;
    int clipped = 0;
    for (int64_t s = 0; s < steps; s++) {
        ft_inputs *in = ft_stepper_inputs(stepper);
        golden_load_batch(file, s % n_batches, in);
        in->step[0] = (uint32_t)s;
        ft_inputs_set_rates(ft_stepper_inputs(stepper), 0,
                            (ft_step_rates){rates[s], (float)decay, (float)clip});
        cr_assert_eq(ft_stepper_step(stepper, &err), FT_OK, "%s", err.message);
        double off = fabs(ft_stepper_loss(stepper, 0) - losses[s]) / losses[s];
        cr_expect_lt(off, bound(backend, 1e-4, 3e-2), "%s %s: loss of step %d differs by %g", backend->label,
                     name, (int)s, off);
        off = fabs(ft_stepper_grad_norm(stepper, 0) - norms[s]) / norms[s];
        cr_expect_lt(off, bound(backend, 1e-3, 1e-1), "%s %s: norm of step %d differs by %g", backend->label,
                     name, (int)s, off);
        clipped += norms[s] > clip;
    }
    cr_expect_gt(clipped, 0, "%s: clipping never acted", name);
    free(norms);
    free(rates);
    free(losses);
    ft_stepper_free(stepper);
    cJSON_Delete(settings);
    golden_close(file);
    golden_model_close(&m);
}

#define TRACE_TEST(name, adapter)                                                                            \
    Test(parity, name)                                                                                       \
    {                                                                                                        \
        for (int i = 0; i < GOLDEN_BACKENDS; i++) check_trace(&golden_backends[i], adapter, #name);          \
    }
TRACE_TEST(trace_lora, "adapter_lora_qv")
TRACE_TEST(trace_ln, "adapter_ln")
TRACE_TEST(trace_full, "full")
TRACE_TEST(continue_lora, "adapter_lora_trained")
