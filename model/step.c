/* One optimizer step of an adapter batch; see step.h. */
#include "model/step.h"

#include <math.h>
#include <stdlib.h>

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
    ft_step_rates *rates;     /* (n_adapters) */
    float *staging;           /* (3, n_adapters) */
    double *loss, *grad_norm; /* (n_adapters) of the last step */
    ft_pass pass;             /* of the step that is queued */
    ft_status reduced;        /* how the queueing of its sums over the ranks went */
    ft_error not_reduced;
    ft_step_graphs graphs;
};

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
    s->rates = calloc((size_t)n_adapters, sizeof *s->rates);
    s->staging = calloc((size_t)n_adapters * 3, sizeof *s->staging);
    s->loss = calloc((size_t)n_adapters * 2, sizeof *s->loss);
    ft_status status = FT_OK;
    if (!s->rates || !s->staging || !s->loss)
        status = ft_no_memory(err, "a training step", (size_t)n_adapters * 40);
    else
        s->grad_norm = s->loss + n_adapters;
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
    ft_step_graphs_clear(&s->graphs, s->trainable->model->backend);
    ft_workspace_free(s->workspace);
    ft_inputs_free(s->inputs);
    ft_inputs_free(s->next);
    ft_inputs_free(s->shard);
    ft_inputs_free(s->micro_batch);
    free(s->rates);
    free(s->staging);
    free(s->loss);
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

ft_step_rates *ft_stepper_rates(ft_stepper *s, int32_t adapter)
{
    return &s->rates[adapter];
}

static void load_rates(ft_stepper *s)
{
    ft_backend *backend = s->workspace->backend;
    size_t n = (size_t)s->n_adapters;
    for (size_t g = 0; g < n; g++) {
        s->staging[g] = s->rates[g].learning_rate;
        s->staging[n + g] = s->rates[g].weight_decay;
        s->staging[2 * n + g] = s->rates[g].max_grad_norm;
    }
    backend->to_device(backend, s->workspace->learning_rate, s->staging, n * sizeof(float));
    backend->to_device(backend, s->workspace->weight_decay, s->staging + n, n * sizeof(float));
    backend->to_device(backend, s->workspace->max_grad_norm, s->staging + 2 * n, n * sizeof(float));
}

/* Copies everything that differs between steps of one shape to the device, before the
 * captured part. */
static void load(ft_stepper *s)
{
    load_rates(s);
    s->inputs->dropout = true;
    for (int32_t g = 0; g < s->trainable->n_adapters; g++) {
        s->inputs->lora_scale[g] = s->trainable->lora_scale[g];
        s->inputs->lora_dropout[g] = s->trainable->lora_dropout[g];
    }
    if (s->micro_batch) return; /* each micro-batch is loaded before its pass */
    if (s->shard) ft_inputs_shard(s->inputs, s->comm->rank, s->comm->size, s->shard);
    ft_pass_load(&s->pass, s->trainable, s->workspace, s->shard ? s->shard : s->inputs);
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
    int32_t count = ft_micro_batch_count(s->inputs, s->encoder_length, s->workspace->backend->pass_rows);
    for (int32_t i = 0; i < count; i++) {
        ft_inputs_micro_batch(s->inputs, i, count, s->micro_batch);
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
    ft_status status = queue_gradients(s, err);
    ft_adamw update = {.params = s->trainable->params,
                       .grads = s->trainable->grads,
                       .m = s->trainable->m,
                       .v = s->trainable->v,
                       .learning_rate = w->learning_rate,
                       .weight_decay = w->weight_decay,
                       .max_grad_norm = w->max_grad_norm,
                       .grad_norm = w->grad_norm,
                       .step = w->step};
    backend->adamw(backend, &update);
    ft_trainable_repack(s->trainable);
    return status;
}

static ft_status read_losses(ft_stepper *s, ft_error *err)
{
    ft_backend *backend = s->workspace->backend;
    size_t bytes = (size_t)s->n_adapters * sizeof(double);
    const int64_t *n_counted = (s->shard ? s->shard : s->micro_batch ? s->micro_batch : s->inputs)->n_counted;
    ft_status status = s->comm ? s->comm->wait(s->comm, err) : FT_OK;
    if (status != FT_OK) return status;
    backend->to_host(backend, s->loss, s->workspace->loss_sum, bytes);
    backend->to_host(backend, s->grad_norm, s->workspace->grad_norm, bytes);
    for (int32_t g = 0; g < s->n_adapters; g++)
        s->loss[g] = n_counted[g] > 0 ? s->loss[g] / (double)n_counted[g] : 0.0;
    return backend->synchronize(backend, err);
}

ft_status ft_stepper_gradients(ft_stepper *s, ft_error *err)
{
    load(s);
    ft_status status = queue_gradients(s, err);
    return status == FT_OK ? read_losses(s, err) : status;
}

ft_status ft_stepper_queue(ft_stepper *s, ft_error *err)
{
    load(s);
    ft_step_shape shape = {s->pass.batch.n_sequences, s->pass.encoder_length, s->pass.decoder_length};
    return ft_step_graphs_run(&s->graphs, s->workspace->backend, shape, queue_step, s, err);
}

ft_status ft_stepper_finish(ft_stepper *s, ft_error *err)
{
    return read_losses(s, err);
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
