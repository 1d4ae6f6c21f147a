/* Whole trainings and forecasts by 1, 2 and 8 simulated GPUs together give the losses and
 * samples of one, even if one of them is slow. If one dies, the others are told and end
 * with a clear message. Under sanitizers at most 2 GPUs. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/comm.h"
#include "model/forecast.h"
#include "model/trainer.h"
#include "models.h"
#include "sanitized.h"
#include "tests/simt/simt.h"

enum {
    ADAPTERS = 2,
    ROWS = 80,
    CONTEXT = 16,
    PREDICTION = 4,
    EPOCHS = 2,
    MOST_RANKS = 8,
    DEVICE_BYTES = 1 << 26
};
enum { NOBODY = -1 };

/* No rank gives up because another takes long: one that ends early was told so. */
#define NO_TIMEOUT 0.0

/* How many GPUs: 8 are more than there are sequences for. */
static const int sizes[] = {2, 8};
static const simt_order orders[] = {SIMT_REVERSE, SIMT_RANDOM};
enum { SIZES = SANITIZED ? 1 : 2, FOUR = SANITIZED ? 2 : 4 };

static float values[ROWS];
static ft_series series;
static const ft_train_config configs[ADAPTERS] = {
    {.spec = {FT_LORA, 8, 16.0f, 0.1f, false, FT_TARGET_Q | FT_TARGET_V},
     .learning_rate = 1e-3,
     .max_grad_norm = 1.0,
     .epochs = EPOCHS,
     .batch_size = 4,
     .window_stride = 6,
     .model_dropout = 0.1f,
     .seed = 1},
    {.spec = {FT_LORA, 4, 4.0f, 0.0f, true, FT_TARGET_Q | FT_TARGET_O | FT_TARGET_WO},
     .learning_rate = 1e-2,
     .weight_decay = 0.01,
     .epochs = EPOCHS,
     .batch_size = 3,
     .window_stride = 8,
     .seed = 2},
};

/* What a rank has: losses and val_losses of each epoch, and how its training ended. */
typedef struct member {
    double loss[ADAPTERS][EPOCHS], val_loss[ADAPTERS][EPOCHS];
    ft_status status;
    ft_error err;
} member;

typedef struct team {
    int size, slow, dying; /* ranks */
    bool dies_waiting;
    ft_comm_id id;
    member ranks[MOST_RANKS];
} team;

static ft_status keep(void *context, const ft_train_result *results, int32_t n, ft_error *err)
{
    member *self = context;
    (void)err;
    for (int32_t i = 0; i < n; i++)
        for (int e = 0; e < results[i].n_epochs; e++) {
            self->loss[results[i].index][e] = results[i].history[e].loss;
            self->val_loss[results[i].index][e] = results[i].history[e].val_loss;
        }
    return FT_OK;
}

/* After each of its steps the slow rank is late by a while: the others wait, as long as
 * that is. */
static ft_stop be_late(void *context)
{
    (void)context;
    usleep(20000);
    return FT_STOP_NOT;
}

/* The dying rank's calls fail from some on: sums that it queues, or its waiting for a
 * step's end. */
static ft_comm living;
static int calls_left;
static ft_status fall_off(ft_error *err)
{
    return ft_fail(err, FT_FAILED, "this GPU has fallen off the bus");
}

static ft_status sum_or_die(ft_comm *self, ft_tensor values_to_sum, ft_error *err)
{
    return calls_left-- > 0 ? living.all_reduce(self, values_to_sum, err) : fall_off(err);
}

static ft_status wait_or_die(ft_comm *self, ft_error *err)
{
    return calls_left-- > 0 ? living.wait(self, err) : fall_off(err);
}

static void train(int rank, void *context)
{
    team *t = context;
    member *self = &t->ranks[rank];
    ft_error err;
    ft_backend *backend;
    ft_comm *comm;
    ft_chronos *chronos;
    ft_weights *weights = models_read("model_tied");
    cr_assert_eq(ft_cuda_create(rank, FT_F32, &backend, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_comm_nccl(backend, &t->id, rank, t->size, NO_TIMEOUT, &comm, &err), FT_OK, "%s",
                 err.message);
    cr_assert_eq(ft_chronos_create(backend, weights, true, &chronos, &err), FT_OK, "%s", err.message);
    if (rank == t->dying) {
        living = *comm;
        if (t->dies_waiting)
            comm->wait = wait_or_die;
        else
            comm->all_reduce = sum_or_die;
    }
    const ft_train_settings settings = {.context_length = CONTEXT,
                                        .prediction_length = PREDICTION,
                                        .eval_windows = 3,
                                        .results = keep,
                                        .stop = rank == t->slow ? be_late : NULL,
                                        .context = self,
                                        .comm = comm};
    self->status = ft_train(chronos, weights, &series, 1, configs, ADAPTERS, &settings, &self->err);
    ft_chronos_free(chronos);
    ft_weights_free(weights);
    comm->free(comm);
    backend->free(backend);
}

static team train_by(team t, simt_order order)
{
    ft_error err;
    for (int i = 0; i < ROWS; i++) values[i] = i % 17 == 5 ? NAN : 20 + 5 * sinf((float)i / 3);
    series = (ft_series){values, {0, 60, 70, ROWS}};
    simt_reset(t.size, DEVICE_BYTES);
    simt_set_order(order, 29);
    cr_assert_eq(ft_comm_nccl_id(&t.id, &err), FT_OK, "%s", err.message);
    simt_run_ranks(t.size, train, &t);
    cr_assert_null(simt_fault(), "%s", simt_fault());
    cr_expect_eq(simt_counted().allocated_bytes, 0);
    return t;
}

static team train_well(int size, simt_order order, int slow)
{
    team t = train_by((team){.size = size, .slow = slow, .dying = NOBODY}, order);
    for (int rank = 0; rank < size; rank++) {
        const member *one = &t.ranks[rank];
        cr_assert_eq(one->status, FT_OK, "rank %d of %d: %s", rank, size, one->err.message);
        cr_expect_arr_eq(one->loss, t.ranks[0].loss, sizeof one->loss, "the losses of rank %d of %d", rank,
                         size);
        cr_expect_arr_eq(one->val_loss, t.ranks[0].val_loss, sizeof one->val_loss, "rank %d of %d", rank,
                         size);
    }
    return t;
}

static double largest_difference(const team *one, const team *other)
{
    const double *a = one->ranks[0].loss[0], *b = other->ranks[0].loss[0], *c = one->ranks[0].val_loss[0],
                 *d = other->ranks[0].val_loss[0];
    double most = 0;
    for (int i = 0; i < ADAPTERS * EPOCHS; i++) {
        most = fmax(most, fabs(a[i] - b[i]) / b[i]);
        most = fmax(most, fabs(c[i] - d[i]) / d[i]);
    }
    return most;
}

Test(cuda_together, gpus_that_train_together_have_the_single_ones_losses)
{
    team alone = train_well(1, SIMT_FORWARD, NOBODY);
    cr_expect_gt(alone.ranks[0].loss[0][0], 0);
    for (int i = 0; i < SIZES; i++) {
        team together = train_well(sizes[i], orders[i], NOBODY);
        double off = largest_difference(&together, &alone);
        printf("%d GPUs: losses differ by %.2g at most\n", sizes[i], off);
        cr_expect_lt(off, 1e-5, "%d GPUs: %g", sizes[i], off);
    }
}

Test(cuda_together, a_slow_gpu_changes_nothing_but_the_time)
{
    if (SANITIZED) return; /* nothing of it is about memory */
    team fast = train_well(2, SIMT_FORWARD, NOBODY), slow = train_well(2, SIMT_REVERSE, 1);
    cr_expect_eq(largest_difference(&slow, &fast), 0.0);
}

/* In its first step, in one that is captured, and in one that is replayed; rank 0,
 * too. */
Test(cuda_together, a_dying_gpu_ends_the_others)
{
    const struct {
        int size, dying, calls;
        bool waiting;
    } cases[] = {{2, 1, 3, false}, {FOUR, 0, 9, false}, {FOUR, FOUR / 2, 4, true}};
    for (int i = 0; i < 3; i++) {
        calls_left = cases[i].calls;
        team t = train_by((team){.size = cases[i].size,
                                 .slow = NOBODY,
                                 .dying = cases[i].dying,
                                 .dies_waiting = cases[i].waiting},
                          SIMT_FORWARD);
        for (int rank = 0; rank < t.size; rank++) {
            const char *said = t.ranks[rank].err.message;
            const char *expected =
                rank == t.dying ? "this GPU has fallen off the bus" : "remote process exited";
            cr_expect_eq(t.ranks[rank].status, FT_FAILED, "case %d, rank %d", i, rank);
            cr_expect(strstr(said, expected), "case %d, rank %d: %s", i, rank, said);
        }
    }
}

/* -- forecasts -- */

/* Two requests have as many paths as a group may have. */
enum { REQUESTS = 5, PATHS = 320, GROUP = 2 };

typedef struct forecaster {
    float samples[REQUESTS][PATHS];
    int64_t drawn; /* tokens */
    ft_status status;
    ft_error err;
} forecaster;

typedef struct forecasters {
    int size, stopping, dying; /* ranks */
    ft_comm_id id;
    forecaster *ranks; /* (size) */
} forecasters;

/* The backends of the ranks, whose draws are counted. */
static ft_backend *backends[MOST_RANKS];
static forecaster *counted_for;
static void (*draw)(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                    ft_tensor probabilities);

static void count_and_draw(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                           ft_tensor probabilities)
{
    int rank = 0;
    while (backends[rank] != self) rank++;
    counted_for[rank].drawn += logits.rows;
    draw(self, sampling, logits, token, probabilities);
}

static bool stop_after_a_group(void *context)
{
    const forecaster *self = context;
    return self->drawn > 0;
}

static ft_status add_up_or_die(ft_comm *self, double *sums, size_t count, ft_error *err)
{
    return calls_left-- > 0 ? living.all_reduce_host(self, sums, count, err) : fall_off(err);
}

static void forecast(int rank, void *context)
{
    forecasters *f = context;
    forecaster *self = &f->ranks[rank];
    ft_error err;
    ft_comm *comm;
    ft_chronos *chronos;
    ft_trainable *trainable;
    ft_weights *weights = models_read("model_tied");
    ft_forecast_request requests[REQUESTS];
    cr_assert_eq(ft_cuda_create(rank, FT_F32, &backends[rank], &err), FT_OK, "%s", err.message);
    draw = backends[rank]->sample;
    backends[rank]->sample = count_and_draw;
    cr_assert_eq(ft_comm_nccl(backends[rank], &f->id, rank, f->size, NO_TIMEOUT, &comm, &err), FT_OK, "%s",
                 err.message);
    cr_assert_eq(ft_chronos_create(backends[rank], weights, true, &chronos, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_trainable_create(chronos, NULL, 0, false, &trainable, &err), FT_OK, "%s", err.message);
    if (rank == f->dying) {
        living = *comm;
        comm->all_reduce_host = add_up_or_die;
    }
    for (uint32_t i = 0; i < REQUESTS; i++) requests[i] = (ft_forecast_request){values, 40 + 8 * i, 0, i};
    ft_forecast_settings settings = ft_forecast_defaults(&weights->config.chronos, 1);
    settings.num_samples = PATHS;
    settings.context_length = CONTEXT;
    settings.seed = 7;
    settings.comm = comm;
    settings.stop = rank == f->stopping ? stop_after_a_group : NULL;
    settings.context = self;
    self->status = ft_forecast(trainable, requests, REQUESTS, &settings, self->samples[0], &self->err);
    ft_trainable_free(trainable);
    ft_chronos_free(chronos);
    ft_weights_free(weights);
    comm->free(comm);
    backends[rank]->free(backends[rank]);
}

static forecasters forecast_by(forecasters f, simt_order order)
{
    ft_error err;
    for (int i = 0; i < ROWS; i++) values[i] = i % 17 == 5 ? NAN : 20 + 5 * sinf((float)i / 3);
    f.ranks = counted_for = calloc((size_t)f.size, sizeof *f.ranks);
    simt_reset(f.size, DEVICE_BYTES);
    simt_set_order(order, 31);
    cr_assert_eq(ft_comm_nccl_id(&f.id, &err), FT_OK, "%s", err.message);
    simt_run_ranks(f.size, forecast, &f);
    cr_assert_null(simt_fault(), "%s", simt_fault());
    cr_expect_eq(simt_counted().allocated_bytes, 0);
    return f;
}

/* How many requests a rank forecasts: as many as one group a rank are divided among all,
 * then the next. */
static int requests_of(int rank, int size)
{
    int sum = 0, per_rank = (REQUESTS + size - 1) / size, group = per_rank < GROUP ? per_rank : GROUP;
    for (int first = 0; first < REQUESTS; first += group * size) {
        int n = REQUESTS - first < group * size ? REQUESTS - first : group * size;
        sum += n * (rank + 1) / size - n * rank / size;
    }
    return sum;
}

Test(cuda_together, gpus_that_forecast_together_each_draw_a_part_of_the_single_ones_paths)
{
    forecasters alone = forecast_by((forecasters){1, NOBODY, NOBODY, .ranks = NULL}, SIMT_FORWARD);
    cr_assert_eq(alone.ranks[0].drawn, REQUESTS * PATHS);
    for (int i = 0; i < SIZES; i++) {
        forecasters f = forecast_by((forecasters){sizes[i], NOBODY, NOBODY, .ranks = NULL}, orders[i]);
        for (int rank = 0; rank < f.size; rank++) {
            const forecaster *one = &f.ranks[rank];
            cr_assert_eq(one->status, FT_OK, "rank %d of %d: %s", rank, f.size, one->err.message);
            cr_expect_arr_eq(one->samples, alone.ranks[0].samples, sizeof one->samples, "rank %d of %d", rank,
                             f.size);
            cr_expect_eq(one->drawn, requests_of(rank, f.size) * PATHS, "rank %d of %d drew %lld", rank,
                         f.size, (long long)one->drawn);
        }
        free(f.ranks);
    }
    free(alone.ranks);
}

Test(cuda_together, one_that_is_told_to_stop_forecasting_stops_all)
{
    forecasters f = forecast_by((forecasters){2, 1, NOBODY, .ranks = NULL}, SIMT_FORWARD);
    for (int rank = 0; rank < 2; rank++) {
        cr_expect_eq(f.ranks[rank].status, FT_INTERRUPTED);
        cr_expect(strstr(f.ranks[rank].err.message, "interrupted while forecasting"), "%s",
                  f.ranks[rank].err.message);
        cr_expect_eq(f.ranks[rank].drawn, GROUP * PATHS);
    }
    free(f.ranks);
}

/* Before it begins, before it says that it has memory for a group, before it tells how it
 * fared, before it hands its part round. */
Test(cuda_together, one_that_dies_forecasting_ends_the_others)
{
    for (calls_left = 0; calls_left < (SANITIZED ? 1 : 4);) {
        int calls = calls_left;
        forecasters f = forecast_by((forecasters){FOUR, NOBODY, calls % 2, .ranks = NULL}, SIMT_FORWARD);
        for (int rank = 0; rank < f.size; rank++) {
            const char *said = f.ranks[rank].err.message;
            const char *expected =
                rank == f.dying ? "this GPU has fallen off the bus" : "remote process exited";
            cr_expect_eq(f.ranks[rank].status, FT_FAILED, "after %d calls, rank %d", calls, rank);
            cr_expect(strstr(said, expected), "after %d calls, rank %d: %s", calls, rank, said);
        }
        free(f.ranks);
        calls_left = calls + 1;
    }
}
