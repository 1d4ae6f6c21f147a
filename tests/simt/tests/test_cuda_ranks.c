/* Several simulated GPUs that share each training step, as so many processes would: the
 * single device's losses, gradient norms and adapters up to rounding, and the same bits
 * on all ranks. Under sanitizers 2 GPUs in f32. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter_batch.h"
#include "kernels/comm.h"
#include "sanitized.h"
#include "tests/simt/simt.h"

enum { STEPS = 3, MOST_RANKS = 8, DEVICE_BYTES = 1 << 28 };

/* What a rank has seen: losses and norms of each step, the parameters at the end. */
typedef struct trace {
    double loss[STEPS][BATCH_ADAPTERS], norm[STEPS][BATCH_ADAPTERS];
    float *params;
    size_t bytes;
    bool complete;
} trace;

typedef struct scene {
    ft_dtype dtype;
    /* groups of gradients that are summed: the blocks of both stacks, and
     * cross-attention's k and v of all blocks */
    int size, groups;
    /* each rank forgets this wait for an event, from 1, of its second step; 0: none */
    int forgets;
    bool without_graphs;
    uint64_t seed;
    ft_comm_id id;
    ft_error failed; /* a step of some rank; no message: none */
    trace ranks[MOST_RANKS];
} scene;

static int opened_rank;
static ft_status open_f32(ft_backend **backend, ft_error *err)
{
    return ft_cuda_create(opened_rank, FT_F32, backend, err);
}
static ft_status open_bf16(ft_backend **backend, ft_error *err)
{
    return ft_cuda_create(opened_rank, FT_BF16, backend, err);
}

static void train(int rank, void *context)
{
    scene *s = context;
    trace *seen = &s->ranks[rank];
    ft_error err;
    ft_comm *comm;
    const golden_backend device = {"a rank", s->dtype == FT_BF16, s->dtype == FT_BF16 ? open_bf16 : open_f32};
    opened_rank = rank;
    golden_model m = golden_model_open(&device, "model_tied", NULL, true);
    if (s->without_graphs) m.backend->capture_begin = NULL;
    cr_assert_eq(ft_comm_nccl(m.backend, &s->id, rank, s->size, 0, &comm, &err), FT_OK, "%s", err.message);
    batch_training training = batch_training_open(&m, 0, BATCH_ADAPTERS, comm);
    s->groups = m.chronos->config.n_encoder_layers + m.chronos->config.n_decoder_layers + 1;
    for (int step = 0; step < STEPS; step++) {
        if (s->forgets && step == 1) simt_fail_call("cudaStreamWaitEvent", s->forgets, SIMT_FORGET);
        if (batch_training_try(&training, step, &s->failed) != FT_OK) break;
        for (int g = 0; g < BATCH_ADAPTERS; g++) {
            seen->loss[step][g] = ft_stepper_loss(training.stepper, g);
            seen->norm[step][g] = ft_stepper_grad_norm(training.stepper, g);
        }
    }
    ft_tensor params = training.trainable->params;
    seen->bytes = (size_t)(params.rows * params.cols) * sizeof(float);
    seen->params = malloc(seen->bytes);
    seen->complete = ft_read_tensor(m.backend, params, seen->params, &err) == FT_OK && !*s->failed.message;
    batch_training_close(&training);
    comm->free(comm);
    golden_model_close(&m);
}

/* All ranks; s has what is to be tried. */
static void train_all(scene *s, simt_order order)
{
    ft_error err;
    simt_reset(s->size, DEVICE_BYTES);
    simt_set_order(order, 17 + s->seed);
    cr_assert_eq(ft_comm_nccl_id(&s->id, &err), FT_OK, "%s", err.message);
    simt_run_ranks(s->size, train, s);
}

static scene train_on(int size, ft_dtype dtype, simt_order order)
{
    scene s = {.dtype = dtype, .size = size};
    train_all(&s, order);
    cr_assert_null(simt_fault(), "%s", simt_fault());
    for (int rank = 0; rank < size; rank++)
        cr_assert(s.ranks[rank].complete, "rank %d of %d: %s", rank, size, s.failed.message);
    /* In each step of each rank the losses and, of every group, a row for each adapter:
     * by the host in the first step, captured in the second. */
    uint64_t sums = 1 + (uint64_t)(s.groups * BATCH_ADAPTERS);
    cr_expect_eq(simt_counted().collectives, size > 1 ? 2 * sums * (uint64_t)size : 0);
    cr_expect_eq(simt_counted().replays, (uint64_t)(size * (STEPS - 1)));
    cr_expect_eq(simt_counted().allocated_bytes, 0);
    return s;
}

static void forget(scene *s)
{
    for (int rank = 0; rank < s->size; rank++) free(s->ranks[rank].params);
}

/* The bounds of the adapter batch's test. */
static void expect_near(const trace *one, const trace *alone, bool bf16, int size)
{
    for (int step = 0; step < STEPS; step++)
        for (int g = 0; g < BATCH_ADAPTERS; g++) {
            double off = fabs(one->loss[step][g] - alone->loss[step][g]) / alone->loss[step][g];
            cr_expect_lt(off, bf16 ? 1e-2 : 1e-5, "%d ranks, step %d, adapter %d: losses differ by %g", size,
                         step, g, off);
            off = fabs(one->norm[step][g] - alone->norm[step][g]) / alone->norm[step][g];
            cr_expect_lt(off, bf16 ? 5e-2 : 1e-4, "%d ranks, step %d, adapter %d: norms differ by %g", size,
                         step, g, off);
        }
}

static void expect_same_bits(const trace *one, const trace *other, int rank)
{
    cr_assert_eq(one->bytes, other->bytes);
    cr_expect_arr_eq(one->params, other->params, one->bytes, "the adapters of rank %d", rank);
    cr_expect_arr_eq(one->loss, other->loss, sizeof one->loss, "the losses of rank %d", rank);
    cr_expect_arr_eq(one->norm, other->norm, sizeof one->norm, "the norms of rank %d", rank);
}

static void compare(ft_dtype dtype, const int *sizes, int n_sizes)
{
    scene alone = train_on(1, dtype, SIMT_FORWARD);
    for (int i = 0; i < n_sizes; i++) {
        scene shared = train_on(sizes[i], dtype, i == 0 ? SIMT_REVERSE : SIMT_RANDOM);
        expect_near(&shared.ranks[0], &alone.ranks[0], dtype == FT_BF16, sizes[i]);
        for (int rank = 1; rank < sizes[i]; rank++)
            expect_same_bits(&shared.ranks[rank], &shared.ranks[0], rank);
        forget(&shared);
    }
    forget(&alone);
}

/* With 8 ranks for adapters of 3, 1 and 2 sequences some have none of an adapter, and
 * some none at all. */
Test(cuda_ranks, ranks_share_a_step_in_f32)
{
    compare(FT_F32, (const int[]){2, 8}, SANITIZED ? 1 : 2);
}

Test(cuda_ranks, ranks_share_a_step_in_bf16)
{
    if (!SANITIZED) compare(FT_BF16, (const int[]){2}, 1);
}

/* One rank's step on its own is what it is without a communicator, to the bit. */
Test(cuda_ranks, a_rank_alone_is_a_device_alone)
{
    if (SANITIZED) return; /* the run that compare begins with takes the same path */
    scene alone = train_on(1, FT_F32, SIMT_RANDOM);
    simt_reset(1, DEVICE_BYTES);
    golden_model m = golden_model_open(&golden_backends[0], "model_tied", NULL, true);
    batch_training training = batch_training_open(&m, 0, BATCH_ADAPTERS, NULL);
    for (int step = 0; step < STEPS; step++) {
        batch_training_step(&training, step);
        for (int g = 0; g < BATCH_ADAPTERS; g++)
            cr_expect_eq(ft_stepper_loss(training.stepper, g), alone.ranks[0].loss[step][g]);
    }
    batch_training_close(&training);
    golden_model_close(&m);
    forget(&alone);
}

/* Forgets one wait for an event, in a few orders of a kind; forward is but one. */
static bool is_noticed(const scene *right, int wait, bool without_graphs, simt_order order)
{
    bool same = true;
    const uint64_t orders = wait == 0 || order == SIMT_FORWARD ? 1 : 4;
    for (uint64_t seed = 0; seed < orders && same; seed++) {
        scene wrong = {.dtype = FT_F32,
                       .size = right->size,
                       .forgets = wait,
                       .without_graphs = without_graphs,
                       .seed = seed};
        train_all(&wrong, order);
        same = !simt_fault() && wrong.ranks[0].complete && wrong.ranks[1].complete;
        for (int rank = 0; rank < 2 && same; rank++)
            same = memcmp(wrong.ranks[rank].loss, right->ranks[0].loss, sizeof right->ranks[0].loss) == 0 &&
                   memcmp(wrong.ranks[rank].params, right->ranks[0].params, right->ranks[0].bytes) == 0;
        forget(&wrong);
    }
    return !same;
}

/* In each step the sums' stream waits for the losses and then for each group's gradients,
 * at last the backend's stream for the sums, whether the step is captured or not. What
 * sums that come too early make of it shows where other streams go first, and that they
 * come too late where they go last. Nothing of that is about memory. */
Test(cuda_ranks, a_forgotten_event_between_the_streams_shows)
{
    if (SANITIZED) return;
    scene right = train_on(2, FT_F32, SIMT_FORWARD);
    const int join = right.groups + 2;
    for (int plain = 0; plain < 2; plain++) {
        cr_expect(is_noticed(&right, 1, plain, SIMT_REVERSE), "the losses, without graphs: %d", plain);
        cr_expect(is_noticed(&right, 2, plain, plain ? SIMT_REVERSE : SIMT_RANDOM),
                  "the last block, without graphs: %d", plain);
        cr_expect(is_noticed(&right, join, plain, SIMT_FORWARD), "the sums, without graphs: %d", plain);
    }
    cr_expect_not(is_noticed(&right, 0, true, SIMT_REVERSE), "nothing is forgotten");
    forget(&right);
}
