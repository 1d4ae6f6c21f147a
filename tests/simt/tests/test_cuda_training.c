/* A whole fine-tuning run and the forecasts after it, on simulated GPUs and on the CPU:
 * the same losses, the same tokens. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "counted.h"
#include "golden.h"
#include "kernels/comm.h"
#include "model/forecast.h"
#include "model/trainer.h"
#include "models.h"
#include "scratch.h"
#include "tests/simt/simt.h"

enum { ADAPTERS = 3, SERIES = 2, ROWS = 96, CONTEXT = 32, PREDICTION = 8, DEVICE_BYTES = 1 << 28 };
enum { MOST_EPOCHS = 2, PATHS = 5, REQUESTS = 3, TOKENS = REQUESTS * PATHS * PREDICTION, MOST_RANKS = 2 };

static float values[SERIES][ROWS];
static ft_series series[SERIES];

/* Seasons with gaps; the last rows are for validation. */
static void make_series(void)
{
    for (int i = 0; i < SERIES; i++) {
        for (int t = 0; t < ROWS; t++)
            values[i][t] = t % 17 == 5 ? NAN : (float)(20 * (i + 1)) + 5 * sinf((float)t / (3 + (float)i));
        series[i] = (ft_series){values[i], {0, 72, 88, ROWS}};
    }
}

/* Different in all that may differ in a batch: 5 steps each of the first, fewer of the
 * others. */
static const ft_train_config configs[ADAPTERS] = {
    {.spec = {FT_LORA, 8, 16.0f, 0.1f, false, FT_TARGET_Q | FT_TARGET_V},
     .learning_rate = 1e-3,
     .weight_decay = 0.01,
     .max_grad_norm = 1.0,
     .schedule = FT_SCHEDULE_COSINE,
     .warmup_steps = 1,
     .epochs = 1,
     .batch_size = 2,
     .window_stride = 12,
     .model_dropout = 0.1f,
     .seed = 1},
    {.spec = {FT_LORA, 3, 3.0f, 0.0f, true, FT_TARGET_Q | FT_TARGET_K | FT_TARGET_O | FT_TARGET_WO},
     .learning_rate = 5e-4,
     .epochs = 1,
     .batch_size = 3,
     .window_stride = 16,
     .schedule = FT_SCHEDULE_CONSTANT,
     .model_dropout = 0.2f,
     .seed = 2},
    {.spec = {FT_LORA, 16, 32.0f, 0.2f, false, FT_TARGET_V | FT_TARGET_WI},
     .learning_rate = 1e-3,
     .max_grad_norm = 0.5,
     .schedule = FT_SCHEDULE_LINEAR,
     .warmup_steps = 1,
     .epochs = 2,
     .batch_size = 4,
     .window_stride = 20,
     .early_stopping_patience = 1,
     .keep_best = true,
     .model_dropout = 0.0f,
     .seed = 3},
};

/* A configuration's result, kept. */
typedef struct kept {
    ft_status status;
    ft_adapter *adapter;
    ft_epoch history[MOST_EPOCHS];
    int32_t n_epochs, best_epoch;
} kept;

/* What comes out of a run. */
typedef struct outcome {
    kept results[ADAPTERS];
    int32_t tokens[2][TOKENS]; /* drawn from all tokens, and the likeliest */
    bool complete;
} outcome;

static void keep_one(outcome *out, const ft_train_result *result)
{
    kept *one = &out->results[result->index];
    ft_error err;
    cr_assert(result->ended && !one->adapter && ft_train_has_adapter(result));
    *one = (kept){.status = result->status, .n_epochs = result->n_epochs, .best_epoch = result->best_epoch};
    cr_assert_eq(ft_train_read_adapter(result, &one->adapter, &err), FT_OK, "%s", err.message);
    for (int32_t e = 0; e < result->n_epochs; e++) one->history[e] = result->history[e];
}

static ft_status keep(void *context, const ft_train_result *results, int32_t n, ft_error *err)
{
    (void)err;
    for (int32_t i = 0; i < n; i++) keep_one(context, &results[i]);
    return FT_OK;
}

static void forecast(ft_chronos *chronos, const kept *results, outcome *out)
{
    ft_error err;
    const ft_adapter *adapters[ADAPTERS];
    ft_trainable *trainable;
    for (int g = 0; g < ADAPTERS; g++) adapters[g] = results[g].adapter;
    cr_assert_eq(ft_trainable_create(chronos, adapters, ADAPTERS, false, &trainable, &err), FT_OK, "%s",
                 err.message);
    const ft_forecast_request requests[REQUESTS] = {
        {values[0], ROWS, 0, 0}, {values[1], 70, 1, 1}, {values[1] + 40, 20, 2, 2}};
    ft_forecast_settings settings = ft_forecast_defaults(&chronos->config.chronos, PREDICTION);
    settings.num_samples = PATHS;
    settings.prediction_length = PREDICTION;
    settings.context_length = CONTEXT;
    settings.seed = 9;
    for (int greedy = 0; greedy < 2; greedy++) {
        if (greedy) settings.top_k = 1;
        cr_assert_eq(ft_forecast_tokens(trainable, requests, REQUESTS, &settings, out->tokens[greedy], &err),
                     FT_OK, "%s", err.message);
    }
    ft_trainable_free(trainable);
}

/* Trains on a backend and forecasts with `with`'s adapters, or its own where that is
 * NULL. */
static void run(ft_backend *backend, ft_comm *comm, outcome *with, outcome *out)
{
    ft_error err;
    ft_chronos *chronos;
    ft_weights *weights = models_read("model_tied");
    const ft_train_settings settings = {.context_length = CONTEXT,
                                        .prediction_length = PREDICTION,
                                        .eval_windows = 3,
                                        .results = keep,
                                        .context = out,
                                        .comm = comm};
    size_t predicted = 0, on_host = 0;
    cr_assert_eq(ft_train_bytes(backend->real, backend->matrix, backend->pass_rows, weights, series, SERIES,
                                configs, ADAPTERS, &settings, &predicted, &on_host, &err),
                 FT_OK, "%s", err.message);
    cr_assert_eq(ft_chronos_create(backend, weights, true, &chronos, &err), FT_OK, "%s", err.message);
    if (!comm) counted_begin(backend);
    cr_assert_eq(ft_train(chronos, weights, series, SERIES, configs, ADAPTERS, &settings, &err), FT_OK, "%s",
                 err.message);
    if (!comm) cr_expect_eq(counted_end(backend), predicted, "%zu bytes were predicted", predicted);
    for (int g = 0; g < ADAPTERS; g++) cr_assert_eq(out->results[g].status, FT_OK);
    forecast(chronos, with ? with->results : out->results, out);
    ft_chronos_free(chronos);
    ft_weights_free(weights);
    out->complete = true;
}

static void forget(outcome *one)
{
    for (int g = 0; g < ADAPTERS; g++) ft_adapter_free(one->results[g].adapter);
}

static double off(double a, double b)
{
    return fabs(a - b) / fabs(b);
}

/* The bounds are those of 20 AdamW steps against transformers. */
static void expect_near(const outcome *one, const outcome *other, bool bf16)
{
    double loss = bf16 ? 3e-2 : 1e-4, norm = bf16 ? 1e-1 : 1e-3;
    for (int g = 0; g < ADAPTERS; g++) {
        const kept *a = &one->results[g], *b = &other->results[g];
        cr_assert_eq(a->n_epochs, b->n_epochs);
        for (int e = 0; e < a->n_epochs; e++) {
            cr_expect_lt(off(a->history[e].loss, b->history[e].loss), loss, "adapter %d, epoch %d: %g, %g", g,
                         e, a->history[e].loss, b->history[e].loss);
            cr_expect_lt(off(a->history[e].val_loss, b->history[e].val_loss), loss, "adapter %d, epoch %d", g,
                         e);
            cr_expect_lt(off(a->history[e].grad_norm, b->history[e].grad_norm), norm, "adapter %d, epoch %d",
                         g, e);
        }
    }
}

static outcome on_simulated_gpu(ft_dtype dtype, simt_order order)
{
    outcome out = {.complete = false};
    ft_backend *backend;
    ft_error err;
    simt_reset(1, DEVICE_BYTES);
    simt_set_order(order, 23);
    cr_assert_eq(ft_cuda_create(0, dtype, &backend, &err), FT_OK, "%s", err.message);
    run(backend, NULL, NULL, &out);
    backend->free(backend);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    cr_expect_eq(simt_counted().allocated_bytes, 0);
    return out;
}

static void check(ft_dtype dtype, simt_order order)
{
    ft_error err;
    ft_backend *cpu;
    make_series();
    outcome gpu = on_simulated_gpu(dtype, order), host = {.complete = false};
    cr_assert_eq(ft_cpu_create(dtype, 2, &cpu, &err), FT_OK, "%s", err.message);
    run(cpu, NULL, &gpu, &host);
    cpu->free(cpu);
    expect_near(&gpu, &host, dtype == FT_BF16);
    int32_t longest = 0;
    for (int g = 0; g < ADAPTERS; g++)
        if (gpu.results[g].n_epochs > longest) longest = gpu.results[g].n_epochs;
    cr_expect_eq(longest, 2);
    /* A rounding to bf16 may move a draw. */
    if (dtype == FT_F32) cr_expect_arr_eq(gpu.tokens, host.tokens, sizeof gpu.tokens);
    forget(&gpu);
    forget(&host);
}

Test(cuda_training, a_run_and_its_forecasts_are_the_cpus_in_f32)
{
    check(FT_F32, SIMT_RANDOM);
}

Test(cuda_training, a_run_is_the_cpus_in_bf16)
{
    check(FT_BF16, SIMT_FORWARD);
}

/* -- two GPUs -- */

typedef struct shared_run {
    ft_comm_id id;
    outcome ranks[MOST_RANKS];
} shared_run;

static void train_together(int rank, void *context)
{
    shared_run *shared = context;
    ft_error err;
    ft_backend *backend;
    ft_comm *comm;
    cr_assert_eq(ft_cuda_create(rank, FT_F32, &backend, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_comm_nccl(backend, &shared->id, rank, MOST_RANKS, 0, &comm, &err), FT_OK, "%s",
                 err.message);
    run(backend, comm, NULL, &shared->ranks[rank]);
    comm->free(comm);
    backend->free(backend);
}

Test(cuda_training, two_gpus_share_a_run)
{
    ft_error err;
    static shared_run shared;
    make_series();
    outcome alone = on_simulated_gpu(FT_F32, SIMT_FORWARD);
    simt_reset(MOST_RANKS, DEVICE_BYTES);
    cr_assert_eq(ft_comm_nccl_id(&shared.id, &err), FT_OK, "%s", err.message);
    simt_run_ranks(MOST_RANKS, train_together, &shared);
    cr_assert_null(simt_fault(), "%s", simt_fault());
    cr_assert(shared.ranks[0].complete && shared.ranks[1].complete);
    expect_near(&shared.ranks[0], &alone, false);
    for (int g = 0; g < ADAPTERS; g++) {
        const kept *a = &shared.ranks[0].results[g], *b = &shared.ranks[1].results[g];
        expect_equal_adapters(a->adapter, b->adapter);
        cr_expect_eq(a->best_epoch, b->best_epoch);
        for (int e = 0; e < a->n_epochs; e++) {
            cr_expect_eq(a->history[e].loss, b->history[e].loss);
            cr_expect_eq(a->history[e].val_loss, b->history[e].val_loss);
        }
    }
    for (int rank = 0; rank < MOST_RANKS; rank++) forget(&shared.ranks[rank]);
    forget(&alone);
}

/* Rank 1 is told to stop after two steps, rank 0 writes the checkpoint. */
typedef struct stopped_rank {
    int rank, asked;
    ft_comm_id id;
    ft_status status;
    ft_error err;
    char said[512]; /* the last line */
} stopped_rank;

static ft_stop tell_one(void *context)
{
    stopped_rank *self = context;
    return ++self->asked > 2 && self->rank == 1 ? FT_STOP_NOW : FT_STOP_NOT;
}

static void note_line(void *context, const char *line)
{
    stopped_rank *self = context;
    snprintf(self->said, sizeof self->said, "%s", line);
}

static ft_status keep_none(void *context, const ft_train_result *results, int32_t n, ft_error *err)
{
    (void)context, (void)results, (void)n;
    return ft_fail(err, FT_FAILED, "a result of a training that is to be gone on with");
}

static void train_until_stopped(int rank, void *context)
{
    stopped_rank *self = (stopped_rank *)context + rank;
    ft_error err;
    ft_backend *backend;
    ft_comm *comm;
    ft_chronos *chronos;
    ft_weights *weights = models_read("model_tied");
    const char *checkpoint = scratch_path(rank == 0 ? "rank_0" : "rank_1");
    cr_assert_eq(ft_cuda_create(rank, FT_F32, &backend, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_comm_nccl(backend, &self->id, rank, MOST_RANKS, 0, &comm, &err), FT_OK, "%s",
                 err.message);
    cr_assert_eq(ft_chronos_create(backend, weights, true, &chronos, &err), FT_OK, "%s", err.message);
    self->rank = rank;
    self->asked = 0;
    const ft_train_settings settings = {.context_length = CONTEXT,
                                        .prediction_length = PREDICTION,
                                        .eval_windows = 3,
                                        .checkpoint = checkpoint,
                                        .stop = tell_one,
                                        .say = note_line,
                                        .results = keep_none,
                                        .context = self,
                                        .comm = comm};
    self->status = ft_train(chronos, weights, series, SERIES, &configs[0], 1, &settings, &self->err);
    ft_chronos_free(chronos);
    ft_weights_free(weights);
    comm->free(comm);
    backend->free(backend);
}

Test(cuda_training, all_ranks_stop_where_one_is_told_to, .init = scratch_enter, .fini = scratch_leave)
{
    ft_error err;
    stopped_rank ranks[MOST_RANKS] = {0};
    make_series();
    simt_reset(MOST_RANKS, DEVICE_BYTES);
    cr_assert_eq(ft_comm_nccl_id(&ranks[0].id, &err), FT_OK, "%s", err.message);
    ranks[1].id = ranks[0].id;
    simt_run_ranks(MOST_RANKS, train_until_stopped, ranks);
    cr_assert_null(simt_fault(), "%s", simt_fault());
    for (int rank = 0; rank < MOST_RANKS; rank++) {
        cr_expect_eq(ranks[rank].status, FT_INTERRUPTED);
        cr_expect_eq(ranks[rank].asked, 3);
    }
    cr_expect_eq(access(scratch_path("rank_0"), F_OK), 0);
    cr_expect_neq(access(scratch_path("rank_1"), F_OK), 0);
    /* Rank 1 does not see it: the two must not go on from where each thinks they are. */
    simt_reset(MOST_RANKS, DEVICE_BYTES);
    cr_assert_eq(ft_comm_nccl_id(&ranks[0].id, &err), FT_OK, "%s", err.message);
    ranks[1].id = ranks[0].id;
    simt_run_ranks(MOST_RANKS, train_until_stopped, ranks);
    for (int rank = 0; rank < MOST_RANKS; rank++) {
        cr_expect_eq(ranks[rank].status, FT_FAILED);
        cr_expect(strstr(ranks[rank].err.message, "different checkpoints"), "%s", ranks[rank].err.message);
    }
    /* Rank 1 sees half of it: both start from the beginning. */
    scratch_copy(scratch_path("rank_0"), "rank_1");
    cr_assert_eq(truncate(scratch_path("rank_1"), 5000), 0);
    simt_reset(MOST_RANKS, DEVICE_BYTES);
    cr_assert_eq(ft_comm_nccl_id(&ranks[0].id, &err), FT_OK, "%s", err.message);
    ranks[1].id = ranks[0].id;
    simt_run_ranks(MOST_RANKS, train_until_stopped, ranks);
    cr_expect(strstr(ranks[0].said, "rank_0: another rank cannot use it; training starts"), "%s",
              ranks[0].said);
    cr_expect(strstr(ranks[1].said, "cut short?); training starts"), "%s", ranks[1].said);
    for (int rank = 0; rank < MOST_RANKS; rank++) {
        cr_expect_eq(ranks[rank].status, FT_INTERRUPTED, "%s", ranks[rank].err.message);
        cr_expect_eq(ranks[rank].asked, 3);
    }
}
