/* An adapter in a batch computes what it computes alone: gradients, losses over steps,
 * forecasts. docs/architecture.md §2. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter_batch.h"
#include "model/forecast.h"

#ifndef FT_BATCH_STEPS /* simt.cmake has fewer */
#define FT_BATCH_STEPS 20
#endif
enum { N_ADAPTERS = BATCH_ADAPTERS, STEPS = FT_BATCH_STEPS };

/* Trains adapters [first, first + count) in one batch; losses: (STEPS, N_ADAPTERS),
 * gradients: (N_ADAPTERS) of the first step. */
static void train(const golden_model *m, int first, int count, double *losses, ft_adapter **gradients)
{
    ft_error err;
    batch_training training = batch_training_open(m, first, count, NULL);
    for (int step = 0; step < STEPS; step++) {
        batch_training_step(&training, step);
        for (int i = 0; i < count; i++) {
            losses[step * N_ADAPTERS + first + i] = ft_stepper_loss(training.stepper, i);
            if (step > 0) continue;
            gradients[first + i] = batch_adapter(m, first + i);
            cr_assert_eq(ft_trainable_read_gradients(training.trainable, i, gradients[first + i], &err),
                         FT_OK, "%s", err.message);
        }
    }
    batch_training_close(&training);
}

static void compare_gradients(const char *label, const golden_model *m, const ft_adapter *a,
                              const ft_adapter *b, int g)
{
    for (int32_t i = 0; i < ft_tensor_count(&m->weights->config); i++) {
        if (!a->a[i]) continue;
        ft_tensor_info info = ft_tensor_describe(&m->weights->config, i);
        double da = golden_distance(a->a[i], b->a[i], (int64_t)info.cols * batch_settings[g].spec.rank);
        double db = golden_distance(a->b[i], b->b[i], (int64_t)info.rows * batch_settings[g].spec.rank);
        cr_expect_lt(fmax(da, db), 1e-5, "%s: adapter %d: gradients of %s differ by %g and %g", label, g,
                     ft_tensor_name_of(&m->weights->config, i).text, da, db);
    }
}

Test(adapter_batch, equals_each_adapter_alone)
{
    for (int b = 0; b < GOLDEN_BACKENDS; b++) {
        const golden_backend *backend = &golden_backends[b];
        golden_model m = golden_model_open(backend, "model_tied", NULL, true);
        double together[STEPS * N_ADAPTERS], alone[STEPS * N_ADAPTERS];
        ft_adapter *gradients_together[N_ADAPTERS], *gradients_alone[N_ADAPTERS];
        train(&m, 0, N_ADAPTERS, together, gradients_together);
        for (int g = 0; g < N_ADAPTERS; g++) train(&m, g, 1, alone, gradients_alone);
        for (int i = 0; i < STEPS * N_ADAPTERS; i++) {
            double off = fabs(together[i] - alone[i]) / alone[i];
            cr_expect_lt(off, backend->bf16 ? 1e-2 : 1e-5, "%s: step %d, adapter %d: losses differ by %g",
                         backend->label, i / N_ADAPTERS, i % N_ADAPTERS, off);
        }
        for (int g = 0; g < N_ADAPTERS; g++) {
            if (!backend->bf16)
                compare_gradients(backend->label, &m, gradients_together[g], gradients_alone[g], g);
            ft_adapter_free(gradients_together[g]);
            ft_adapter_free(gradients_alone[g]);
        }
        golden_model_close(&m);
    }
}

/* A step that is cut into passes adds up to the same gradients. Where steps are captured
 * none is cut. */
Test(adapter_batch, a_step_in_parts_is_the_same_step)
{
    enum { ROWS_OF_TWO_SEQUENCES = 70 };
    for (int b = 0; b < GOLDEN_BACKENDS; b++) {
        const golden_backend *backend = &golden_backends[b];
        golden_model m = golden_model_open(backend, "model_tied", NULL, true);
        if (m.chronos->backend->capture_begin) {
            golden_model_close(&m);
            continue;
        }
        double whole[STEPS * N_ADAPTERS], parts[STEPS * N_ADAPTERS];
        ft_adapter *gradients_whole[N_ADAPTERS], *gradients_parts[N_ADAPTERS];
        m.chronos->backend->pass_rows = 0;
        train(&m, 0, N_ADAPTERS, whole, gradients_whole);
        m.chronos->backend->pass_rows = ROWS_OF_TWO_SEQUENCES;
        train(&m, 0, N_ADAPTERS, parts, gradients_parts);
        for (int i = 0; i < STEPS * N_ADAPTERS; i++) {
            double off = fabs(whole[i] - parts[i]) / whole[i];
            cr_expect_lt(off, backend->bf16 ? 1e-2 : 1e-5, "%s: step %d, adapter %d: losses differ by %g",
                         backend->label, i / N_ADAPTERS, i % N_ADAPTERS, off);
        }
        for (int g = 0; g < N_ADAPTERS; g++) {
            if (!backend->bf16)
                compare_gradients(backend->label, &m, gradients_whole[g], gradients_parts[g], g);
            ft_adapter_free(gradients_whole[g]);
            ft_adapter_free(gradients_parts[g]);
        }
        golden_model_close(&m);
    }
}

/* Forecasts of adapters of other ranks and targets and several series in one call, whose
 * contexts are encoded two by two, have the bits of those of each series and adapter
 * alone. */
Test(adapter_batch, forecasts_do_not_depend_on_company)
{
    for (int b = 0; b < GOLDEN_BACKENDS; b++) {
        const golden_backend *backend = &golden_backends[b];
        ft_error err;
        golden_model m = golden_model_open(backend, "model_tied", NULL, false);
        ft_adapter *adapters[N_ADAPTERS];
        for (int g = 0; g < N_ADAPTERS; g++) adapters[g] = batch_adapter(&m, g);
        ft_trainable *all, *one;
        cr_assert_eq(ft_trainable_create(m.chronos, (const ft_adapter *const *)adapters, N_ADAPTERS, false,
                                         &all, &err),
                     FT_OK, "%s", err.message);
        float values[50];
        for (int i = 0; i < 50; i++) values[i] = 10 + 3 * sinf((float)i / 3);
        values[20] = NAN;
        enum { REQUESTS = 6 };
        ft_forecast_request requests[REQUESTS] = {{values, 50, 0, 11},     {values, 9, 0, 12},
                                                  {values + 1, 49, 1, 11}, {values + 5, 30, 2, 11},
                                                  {values, 50, 2, 12},     {values, 0, 2, 13}};
        ft_forecast_settings s = ft_forecast_defaults(&m.weights->config.chronos, 30);
        s.seed = 5;
        size_t per_series = (size_t)s.num_samples * 30;
        float *together = malloc(REQUESTS * per_series * sizeof *together),
              *alone = malloc(per_series * sizeof *alone);
        const int64_t pass_rows = m.chronos->backend->pass_rows;
        m.chronos->backend->pass_rows = 65; /* a context of 64, and EOS */
        cr_assert_eq(ft_forecast(all, requests, REQUESTS, &s, together, &err), FT_OK, "%s", err.message);
        m.chronos->backend->pass_rows = pass_rows;
        for (int i = 0; i < REQUESTS; i++) {
            const ft_adapter *adapter = adapters[requests[i].adapter];
            ft_forecast_request request = requests[i];
            request.adapter = 0;
            cr_assert_eq(ft_trainable_create(m.chronos, &adapter, 1, false, &one, &err), FT_OK, "%s",
                         err.message);
            cr_assert_eq(ft_forecast(one, &request, 1, &s, alone, &err), FT_OK, "%s", err.message);
            cr_expect_arr_eq(alone, together + (size_t)i * per_series, per_series * sizeof *alone,
                             "%s: series %d differs", backend->label, i);
            ft_trainable_free(one);
        }
        free(together);
        free(alone);
        ft_trainable_free(all);
        for (int g = 0; g < N_ADAPTERS; g++) ft_adapter_free(adapters[g]);
        golden_model_close(&m);
    }
}
