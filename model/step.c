/* One optimizer step of an adapter batch; see step.h. */
#include "model/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/data_parallel_shard.h"
#include "model/step_graphs.h"

struct ft_stepper {
    ft_trainable *trainable;
    ft_comm *comm;                   /* NULL: alone */
    int32_t n_adapters, n_sequences; /* n_sequences: that the workspace holds */
    ft_workspace *workspace;
    ft_inputs *inputs, *next; /* of this step, and of the one after it */
    ft_inputs *shard;         /* of this rank, where there are several */
    /* one micro-batch of the step, where the backend prefers several passes */
    ft_inputs *micro_batch;
    int32_t encoder_length;   /* the longest */
    double *loss, *grad_norm; /* (n_adapters) of the last step */
    /* Of the steps that are queued, which take turns: (2, n_adapters) sums of losses, and
     * norms; (n_adapters) labels that they are sums over. */
    double *results[2];
    int64_t *counted[2];
    uint64_t queued, finished; /* steps */
    bool runs_ahead;
    ft_inputs *loaded; /* of the step that is being queued */
    ft_pass pass;      /* and its pass */
    ft_status reduced; /* how the queueing of its sums over the ranks went */
    ft_error not_reduced;
    ft_step_graphs graphs;
};

static ft_status create_results(ft_stepper *s, ft_error *err)
{
    const size_t n = (size_t)s->n_adapters;
    s->loss = calloc(6 * n, sizeof *s->loss);
    s->counted[0] = calloc(2 * n, sizeof *s->counted[0]);
    if (!s->loss || !s->counted[0]) return ft_no_memory(err, "a training step", 8 * n * sizeof *s->loss);
    s->grad_norm = s->loss + n;
    s->results[0] = s->loss + 2 * n;
    s->results[1] = s->loss + 4 * n;
    s->counted[1] = s->counted[0] + n;
    return FT_OK;
}

ft_status ft_stepper_create(ft_trainable *trainable, int32_t n_sequences, int32_t encoder_length,
                            int32_t decoder_length, ft_stepper **out, ft_error *err)
{
    *out = NULL;
    int32_t n_adapters = trainable->n_adapters > 0 ? trainable->n_adapters : 1;
    ft_comm *comm = trainable->comm && trainable->comm->size > 1 ? trainable->comm : NULL;
    ft_pass_shape shape = {.n_adapters = n_adapters,
                           .n_sequences = n_sequences,
                           .encoder_length = encoder_length,
                           .decoder_length = decoder_length,
                           .backward = trainable->grads.data != NULL,
                           .kind = trainable->kind,
                           .targets = trainable->targets,
                           .rank = trainable->rank};
    ft_stepper *s = calloc(1, sizeof *s);
    if (!s) return ft_no_memory(err, "a training step", sizeof *s);
    s->trainable = trainable;
    s->comm = comm;
    s->n_adapters = n_adapters;
    s->runs_ahead = !comm && !trainable->model->backend->host_memory;
    ft_status status = create_results(s, err);
    if (status == FT_OK) status = ft_inputs_create(&shape, &s->inputs, err);
    if (status == FT_OK) status = ft_inputs_create(&shape, &s->next, err);
    if (comm) shape.n_sequences = ft_shard_sequences(n_sequences, n_adapters, comm->size);
    if (status == FT_OK && comm) status = ft_inputs_create(&shape, &s->shard, err);
    s->encoder_length = encoder_length;
    const int64_t pass_rows = trainable->model->backend->pass_rows;
    if (!comm && pass_rows > 0) {
        shape.n_sequences = ft_micro_batch_sequences(n_sequences, n_adapters, encoder_length, pass_rows);
        if (status == FT_OK) status = ft_inputs_create(&shape, &s->micro_batch, err);
    }
    s->n_sequences = shape.n_sequences;
    if (status == FT_OK)
        status = ft_workspace_create(trainable->model->backend, &trainable->model->config, &shape,
                                     &s->workspace, err);
    if (status != FT_OK) {
        ft_stepper_free(s);
        return status;
    }
    *out = s;
    return FT_OK;
}

void ft_stepper_free(ft_stepper *s)
{
    if (!s) return;
    ft_backend *backend = s->trainable->model->backend;
    ft_error ignored;
    for (; s->finished < s->queued; s->finished++) backend->fetched(backend, &ignored);
    ft_step_graphs_clear(&s->graphs, backend);
    ft_workspace_free(s->workspace);
    ft_inputs_free(s->inputs);
    ft_inputs_free(s->next);
    ft_inputs_free(s->shard);
    ft_inputs_free(s->micro_batch);
    free(s->loss);
    free(s->counted[0]);
    free(s);
}

ft_inputs *ft_stepper_inputs(ft_stepper *s)
{
    return s->inputs;
}

ft_inputs *ft_stepper_next_inputs(ft_stepper *s)
{
    return s->next;
}

void ft_stepper_take_next(ft_stepper *s)
{
    ft_inputs *taken = s->next;
    s->next = s->inputs;
    s->inputs = taken;
}

/* Copies everything that differs between steps of one shape to the device, before the
 * captured part. */
static void load(ft_stepper *s, ft_inputs *inputs)
{
    s->loaded = inputs;
    inputs->dropout = true;
    for (int32_t g = 0; g < s->trainable->n_adapters; g++) {
        inputs->lora_scale[g] = s->trainable->lora_scale[g];
        inputs->lora_dropout[g] = s->trainable->lora_dropout[g];
    }
    if (s->micro_batch) return; /* each micro-batch is loaded before its pass */
    if (s->shard) ft_inputs_shard(inputs, s->comm->rank, s->comm->size, s->shard);
    ft_pass_load(&s->pass, s->trainable, s->workspace, s->shard ? s->shard : inputs);
}

/* Sums values over the ranks (all-reduce); overlaps with what is queued next. Keeps the
 * first failure. */
static void reduce(ft_stepper *s, ft_tensor values)
{
    if (s->reduced == FT_OK) s->reduced = s->comm->all_reduce(s->comm, values, &s->not_reduced);
}

static void reduce_gradients(void *context, ft_tensor gradients)
{
    reduce(context, gradients);
}

/* Queues the step micro-batch by micro-batch; the sums are those of one pass. */
static void queue_micro_batches(ft_stepper *s)
{
    int32_t count = ft_micro_batch_count(s->loaded, s->encoder_length, s->workspace->backend->pass_rows);
    for (int32_t i = 0; i < count; i++) {
        ft_inputs_micro_batch(s->loaded, i, count, s->micro_batch);
        ft_pass_load(&s->pass, s->trainable, s->workspace, s->micro_batch);
        s->pass.adds = i > 0;
        ft_pass_forward(&s->pass);
        ft_pass_loss(&s->pass, true);
        ft_pass_backward(&s->pass);
    }
}

/* The losses and gradients of this rank's shard; where it has no sequences, zeros. */
static void queue_passes(ft_stepper *s)
{
    if (s->micro_batch) {
        queue_micro_batches(s);
        return;
    }
    ft_backend *backend = s->workspace->backend;
    ft_tensor losses = {s->workspace->loss_sum, FT_F64, 1, s->n_adapters, s->n_adapters};
    if (s->pass.batch.n_sequences > 0) {
        ft_pass_forward(&s->pass);
        ft_pass_loss(&s->pass, true);
    } else {
        backend->zero(backend, losses.data, (size_t)s->n_adapters * sizeof(double));
    }
    if (s->comm) reduce(s, losses);
    ft_pass_backward(&s->pass);
}

/* Queues everything up to the gradients and their norms. With several ranks, the
 * all-reduce of a block's gradients overlaps with the backward pass of the blocks
 * below. */
static ft_status queue_gradients(ft_stepper *s, ft_error *err)
{
    ft_backend *backend = s->workspace->backend;
    if (s->comm) {
        s->pass.final = reduce_gradients;
        s->pass.context = s;
    }
    s->reduced = FT_OK;
    queue_passes(s);
    if (s->comm && s->reduced == FT_OK) s->reduced = s->comm->join(s->comm, &s->not_reduced);
    if (s->reduced != FT_OK && err) *err = s->not_reduced;
    backend->gradient_norm(backend, s->trainable->grads, s->workspace->grad_norm);
    return s->reduced;
}

static ft_status queue_step(void *context, ft_error *err)
{
    ft_stepper *s = context;
    ft_backend *backend = s->workspace->backend;
    const ft_workspace *w = s->workspace;
    if (s->runs_ahead)
        backend->copy(backend, w->loss_before, w->loss_sum, (size_t)s->n_adapters * sizeof(double));
    ft_status status = queue_gradients(s, err);
    ft_adamw update = {.params = s->trainable->params,
                       .grads = s->trainable->grads,
                       .m = s->trainable->m,
                       .v = s->trainable->v,
                       .learning_rate = w->learning_rate,
                       .weight_decay = w->weight_decay,
                       .max_grad_norm = w->max_grad_norm,
                       .grad_norm = w->grad_norm,
                       .loss_before = s->runs_ahead ? w->loss_before : NULL,
                       .step = w->step};
    backend->adamw(backend, &update);
    ft_trainable_repack(s->trainable);
    return status;
}

/* Queues the copy of what the step comes to: losses and norms, which lie side by side. */
static void fetch_results(ft_stepper *s)
{
    ft_backend *backend = s->workspace->backend;
    const ft_inputs *loaded = s->shard ? s->shard : s->micro_batch ? s->micro_batch : s->loaded;
    const uint64_t turn = s->queued++ % 2;
    memcpy(s->counted[turn], loaded->n_counted, (size_t)s->n_adapters * sizeof *loaded->n_counted);
    backend->fetch(backend, s->results[turn], s->workspace->loss_sum,
                   2 * (size_t)s->n_adapters * sizeof(double));
}

/* Waits for the results of the oldest step that is queued. */
static ft_status take_results(ft_stepper *s, ft_error *err)
{
    ft_backend *backend = s->workspace->backend;
    const size_t n = (size_t)s->n_adapters;
    ft_status status = s->comm ? s->comm->wait(s->comm, err) : FT_OK;
    if (status != FT_OK) return status;
    const uint64_t turn = s->finished++ % 2;
    const double *results = s->results[turn];
    const int64_t *counted = s->counted[turn];
    status = backend->fetched(backend, err);
    for (size_t g = 0; g < n; g++) {
        s->loss[g] = counted[g] > 0 ? results[g] / (double)counted[g] : 0.0;
        s->grad_norm[g] = results[n + g];
    }
    return status;
}

ft_status ft_stepper_gradients(ft_stepper *s, ft_error *err)
{
    load(s, s->inputs);
    ft_status status = queue_gradients(s, err);
    if (status != FT_OK) return status;
    fetch_results(s);
    return take_results(s, err);
}

static ft_status queue_inputs(ft_stepper *s, ft_inputs *inputs, ft_error *err)
{
    load(s, inputs);
    ft_step_shape shape = {s->pass.batch.n_sequences, s->pass.encoder_length, s->pass.decoder_length};
    ft_status status = ft_step_graphs_run(&s->graphs, s->workspace->backend, shape, queue_step, s, err);
    if (status == FT_OK) fetch_results(s);
    return status;
}

ft_status ft_stepper_queue(ft_stepper *s, ft_error *err)
{
    ft_backend *backend = s->workspace->backend;
    /* This step does not depend on what was computed before: its losses are known. */
    if (s->runs_ahead) backend->zero(backend, s->workspace->loss_sum, (size_t)s->n_adapters * sizeof(double));
    return queue_inputs(s, s->inputs, err);
}

ft_status ft_stepper_queue_next(ft_stepper *s, ft_error *err)
{
    return queue_inputs(s, s->next, err);
}

ft_status ft_stepper_finish(ft_stepper *s, ft_error *err)
{
    return take_results(s, err);
}

ft_status ft_stepper_drop_next(ft_stepper *s, ft_error *err)
{
    ft_backend *backend = s->workspace->backend;
    s->finished++;
    return backend->fetched(backend, err);
}

ft_status ft_stepper_repeat(ft_stepper *s, int32_t n, double *seconds, ft_error *err)
{
    ft_backend *backend = s->workspace->backend;
    ft_step_shape shape = {s->pass.batch.n_sequences, s->pass.encoder_length, s->pass.decoder_length};
    double started = ft_now_seconds();
    ft_status status = FT_OK;
    for (int32_t i = 0; i < n && status == FT_OK; i++)
        status = ft_step_graphs_run(&s->graphs, backend, shape, queue_step, s, err);
    if (status == FT_OK) status = backend->synchronize(backend, err);
    *seconds = (ft_now_seconds() - started) / n;
    return status;
}

bool ft_stepper_runs_ahead(const ft_stepper *s)
{
    return s->runs_ahead;
}

ft_status ft_stepper_step(ft_stepper *s, ft_error *err)
{
    ft_status status = ft_stepper_queue(s, err);
    return status == FT_OK ? ft_stepper_finish(s, err) : status;
}

double ft_stepper_loss(const ft_stepper *s, int32_t adapter)
{
    return s->loss[adapter];
}

double ft_stepper_grad_norm(const ft_stepper *s, int32_t adapter)
{
    return s->grad_norm[adapter];
}

/* Passes over the windows for one group of adapters; adds to their sums. */
static ft_status evaluate_windows(ft_stepper *s, const ft_evaluated *of, ft_window_use *uses,
                                  const ft_window_list *windows, double *sum, double *counted, ft_error *err)
{
    ft_backend *backend = s->workspace->backend;
    /* windows of each adapter in a pass */
    int64_t share = s->n_sequences / of->n_adapters;
    int64_t pass_index = 0;
    ft_status status = FT_OK;
    for (int64_t first = 0; first < windows->count && status == FT_OK; first += share) {
        if (s->comm && pass_index++ % s->comm->size != s->comm->rank) continue;
        int64_t n = windows->count - first < share ? windows->count - first : share;
        int32_t n_uses = 0;
        for (int32_t k = 0; k < of->n_adapters; k++)
            for (int64_t i = 0; i < n; i++)
                uses[n_uses++] = (ft_window_use){&windows->windows[first + i], of->adapters[k]};
        ft_window_batch(s->inputs, of->tokenizer, of->series, uses, n_uses, of->context_length,
                        of->prediction_length);
        s->inputs->dropout = false;
        for (int32_t g = 0; g < s->trainable->n_adapters; g++)
            s->inputs->lora_scale[g] = s->trainable->lora_scale[g];
        ft_pass pass;
        ft_pass_load(&pass, s->trainable, s->workspace, s->inputs);
        ft_pass_forward(&pass);
        ft_pass_loss(&pass, false);
        backend->to_host(backend, s->loss, s->workspace->loss_sum, (size_t)s->n_adapters * sizeof *s->loss);
        status = backend->synchronize(backend, err);
        for (int32_t k = 0; k < of->n_adapters; k++) {
            sum[k] += s->loss[of->adapters[k]];
            counted[k] += (double)s->inputs->n_counted[of->adapters[k]];
        }
    }
    return status;
}

ft_status ft_stepper_evaluate(ft_stepper *s, const ft_evaluated *of, const ft_window_list *windows,
                              double *losses, ft_error *err)
{
    size_t n = (size_t)of->n_adapters;
    ft_window_use *uses = malloc((size_t)s->n_sequences * sizeof *uses);
    double *sum = calloc(2 * n, sizeof *sum), *counted = sum ? sum + n : NULL;
    ft_status status = FT_OK;
    if (!uses || !sum)
        status = ft_no_memory(err, "an evaluation", (size_t)s->n_sequences * sizeof *uses);
    else
        status = evaluate_windows(s, of, uses, windows, sum, counted, err);
    if (status == FT_OK && s->comm) status = s->comm->all_reduce_host(s->comm, sum, 2 * n, err);
    for (size_t k = 0; k < n && status == FT_OK; k++) losses[k] = counted[k] > 0 ? sum[k] / counted[k] : NAN;
    free(sum);
    free(uses);
    return status;
}
