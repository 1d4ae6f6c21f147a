/* A few training steps on a backend; see trace.h. */
#include "bench/gpu_check/trace.h"

#include <stdlib.h>
#include <time.h>

#include "model/adapter_kinds.h"
#include "model/step.h"

static void (*plain_replay)(ft_backend *self, void *graph);
static int32_t replays;

static void counting_replay(ft_backend *self, void *graph)
{
    replays++;
    plain_replay(self, graph);
}

static ft_status make_trainable(const check_run *run, ft_chronos *chronos, ft_adapter_kind kind,
                                ft_trainable **trainable, ft_error *err)
{
    const ft_adapter_spec spec = {.kind = kind};
    const ft_adapter *adapters[CHECK_ADAPTERS] = {run->adapters[0], run->adapters[1]};
    ft_adapter *base = NULL;
    ft_status status =
        ft_adapter_kinds[kind].is_low_rank ? FT_OK : ft_adapter_init(&spec, run->weights, 1, &base, err);
    if (base) adapters[0] = adapters[1] = base;
    if (status == FT_OK)
        status = ft_trainable_create(chronos, adapters,
                                     ft_adapter_kinds[kind].replaces_weights ? 1 : CHECK_ADAPTERS, true,
                                     trainable, err);
    ft_adapter_free(base);
    return status;
}

/* Other windows in each step, of the same shape: an adapter's first context is as long
 * as can be, others are padded; every second horizon ends early. */
static void fill_step(const check_run *run, int32_t step, ft_stepper *stepper)
{
    const model_check_scene *scene = run->scene;
    ft_window windows[CHECK_SEQUENCES];
    ft_window_use uses[CHECK_SEQUENCES];
    ft_inputs *in = ft_stepper_inputs(stepper);
    int32_t n = 0;
    for (int32_t g = 0; g < in->n_adapters; g++)
        for (int32_t k = 0; k < scene->sequences[g] && n < CHECK_SEQUENCES; k++, n++) {
            int64_t start = scene->context_length + 5 * step + n;
            windows[n] = (ft_window){.label_start = start,
                                     .context_start = start - scene->context_length / (1 + 2 * k),
                                     .item = (n + step) % CHECK_SERIES,
                                     .label_count = scene->prediction_length - n % 2};
            uses[n] = (ft_window_use){&windows[n], g};
        }
    ft_window_batch(in, run->tokenizer, run->series, uses, n, scene->context_length,
                    scene->prediction_length);
    for (int32_t g = 0; g < in->n_adapters; g++) {
        /* The first adapter's gradient is clipped, the second's is not. Steps are
         * small: AdamW makes more of a rounding than it was. */
        const ft_step_rates rates[CHECK_ADAPTERS] = {{1e-4f, 0.01f, 0.5f}, {3e-5f, 0.1f, 0}};
        ft_inputs_set_rates(ft_stepper_inputs(stepper), g, rates[g]);
        in->seed[g] = 7 + (uint32_t)g;
        in->step[g] = (uint32_t)step;
        in->model_dropout[g] = run->config.dropout_rate;
    }
}

/* Room for what comes out; what lies where in it. */
static ft_status prepare(const check_run *run, const ft_trainable *trainable, trace *t, ft_error *err)
{
    const int32_t n_tensors = ft_tensor_count(&run->config);
    const size_t n = (size_t)(trainable->n_adapters * trainable->n_params);
    t->n_adapters = trainable->n_adapters;
    t->n_params = trainable->n_params;
    if (2 * n_tensors > TRACE_PARTS)
        return ft_fail(err, FT_FAILED, "a model of %d tensors, which is more than are compared",
                       (int)n_tensors);
    t->start = calloc(3 * n, sizeof *t->start);
    if (!t->start) return ft_no_memory(err, "a training's parameters", 12 * n);
    t->end = t->start + n;
    t->gradients = t->end + n;
    for (int32_t i = 0; i < n_tensors; i++) {
        ft_tensor_info info = ft_tensor_describe(&run->config, i);
        int64_t rows = ft_adapter_kinds[trainable->kind].is_low_rank ? trainable->rank : info.rows;
        if (trainable->a_offset[i] >= 0)
            t->parts[t->n_parts++] = (trace_part){i, false, trainable->a_offset[i], rows * info.cols};
        if (trainable->b_offset[i] >= 0)
            t->parts[t->n_parts++] = (trace_part){i, true, trainable->b_offset[i], rows * info.rows};
    }
    return FT_OK;
}

static ft_status take_steps(const check_run *run, const ft_trainable *trainable, ft_stepper *stepper,
                            trace *t, ft_error *err)
{
    ft_backend *backend = trainable->model->backend;
    ft_status status = ft_read_tensor(backend, trainable->params, t->start, err);
    for (int32_t step = 0; step < t->n_steps && status == FT_OK; step++) {
        fill_step(run, step, stepper);
        status = ft_stepper_step(stepper, err);
        for (int32_t g = 0; g < t->n_adapters; g++) {
            t->loss[step][g] = ft_stepper_loss(stepper, g);
            t->grad_norm[step][g] = ft_stepper_grad_norm(stepper, g);
        }
        if (status == FT_OK && step == 0)
            status = ft_read_tensor(backend, trainable->grads, t->gradients, err);
    }
    return status == FT_OK ? ft_read_tensor(backend, trainable->params, t->end, err) : status;
}

/* Frees the backend. */
static trace train(const check_run *run, ft_adapter_kind kind, ft_backend *backend)
{
    const model_check_scene *scene = run->scene;
    trace t = {.kind = kind, .n_steps = ft_adapter_kinds[kind].is_low_rank ? TRACE_STEPS : 2};
    ft_chronos *chronos = NULL;
    ft_trainable *trainable = NULL;
    ft_stepper *stepper = NULL;
    plain_replay = backend->replay;
    backend->replay = counting_replay;
    replays = 0;
    t.status = ft_chronos_create(backend, run->weights, true, &chronos, &t.err);
    if (t.status == FT_OK) t.status = make_trainable(run, chronos, kind, &trainable, &t.err);
    if (t.status == FT_OK) t.status = prepare(run, trainable, &t, &t.err);
    if (t.status == FT_OK)
        t.status = ft_stepper_create(trainable, CHECK_SEQUENCES, scene->context_length + 1,
                                     scene->prediction_length + 1, &stepper, &t.err);
    if (t.status == FT_OK) t.status = take_steps(run, trainable, stepper, &t, &t.err);
    t.n_replays = replays;
    ft_stepper_free(stepper);
    ft_trainable_free(trainable);
    ft_chronos_free(chronos);
    backend->free(backend);
    return t;
}

trace trace_on_reference(check_run *run, ft_adapter_kind kind, ft_dtype dtype)
{
    trace t = {.kind = kind};
    ft_backend *backend;
    clock_t started = clock();
    t.status = check_reference(dtype, &backend, &t.err);
    if (t.status == FT_OK) t = train(run, kind, backend);
    run->reference_seconds += (double)(clock() - started) / CLOCKS_PER_SEC;
    return t;
}

trace trace_on_device(const check_run *run, ft_adapter_kind kind, ft_dtype dtype, bool with_graphs)
{
    trace t = {.kind = kind};
    ft_backend *backend;
    t.status = run->create(dtype, &backend, &t.err);
    if (t.status != FT_OK) return t;
    if (!with_graphs) backend->capture_begin = NULL;
    return train(run, kind, backend);
}

void trace_free(trace *t)
{
    free(t->start);
}
