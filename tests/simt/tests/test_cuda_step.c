/* The training step as a graph: each shape is queued plainly once, captured once and
 * replayed from then on, and the losses, norms and adapters have the same bits as without
 * graphs. Under sanitizers in f32 alone. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter_batch.h"
#include "model/step_graphs.h"
#include "sanitized.h"
#include "tests/simt/simt.h"

enum { STEPS = 3, DEVICE_BYTES = 1 << 28 };

/* Losses and norms of each step, and the parameters at the end. */
typedef struct trace {
    double loss[STEPS][BATCH_ADAPTERS], norm[STEPS][BATCH_ADAPTERS];
    float *params;
    size_t bytes;
    simt_counts counts;
} trace;

static trace train(ft_dtype dtype, simt_order order, bool with_graphs)
{
    trace result = {.params = NULL};
    ft_error err;
    simt_reset(1, DEVICE_BYTES);
    golden_model m = golden_model_open(&golden_backends[dtype == FT_BF16], "model_tied", NULL, true);
    simt_set_order(order, 5);
    if (!with_graphs) m.backend->capture_begin = NULL;
    batch_training training = batch_training_open(&m, 0, BATCH_ADAPTERS, NULL);
    for (int step = 0; step < STEPS; step++) {
        batch_training_step(&training, step);
        for (int g = 0; g < BATCH_ADAPTERS; g++) {
            result.loss[step][g] = ft_stepper_loss(training.stepper, g);
            result.norm[step][g] = ft_stepper_grad_norm(training.stepper, g);
        }
    }
    result.counts = simt_counted();
    ft_tensor params = training.trainable->params;
    result.bytes = (size_t)(params.rows * params.cols) * sizeof(float);
    result.params = malloc(result.bytes);
    cr_assert_eq(ft_read_tensor(m.backend, params, result.params, &err), FT_OK);
    batch_training_close(&training);
    golden_model_close(&m);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    cr_expect_eq(simt_counted().allocated_bytes, 0);
    return result;
}

Test(cuda_step, a_replayed_step_has_the_bits_of_a_queued_one)
{
    const struct {
        ft_dtype dtype;
        simt_order order;
    } cases[] = {{FT_F32, SIMT_FORWARD}, {FT_BF16, SIMT_RANDOM}};
    const size_t count = SANITIZED ? 1 : sizeof cases / sizeof *cases;
    for (size_t i = 0; i < count; i++) {
        trace queued = train(cases[i].dtype, cases[i].order, false);
        trace replayed = train(cases[i].dtype, cases[i].order, true);
        cr_expect_arr_eq(queued.loss, replayed.loss, sizeof queued.loss);
        cr_expect_arr_eq(queued.norm, replayed.norm, sizeof queued.norm);
        cr_assert_eq(queued.bytes, replayed.bytes);
        cr_expect_arr_eq(queued.params, replayed.params, queued.bytes);
        cr_expect_eq(queued.counts.captures, 0);
        cr_expect_eq(queued.counts.replays, 0);
        cr_expect_eq(replayed.counts.captures, 1);
        cr_expect_eq(replayed.counts.replays, STEPS - 1);
        /* The step's kernels are launched by the host twice: when it is queued and when
         * it is captured. */
        cr_expect_eq(replayed.counts.kernels * STEPS, queued.counts.kernels * 2);
        free(queued.params);
        free(replayed.params);
    }
}

/* -- the host does not wait inside a step -- */

static void (*plain_replay)(ft_backend *self, void *graph);
static uint64_t waits_before, waits_inside;
static void counting_replay(ft_backend *self, void *graph)
{
    plain_replay(self, graph);
    waits_inside = simt_counted().synchronizations - waits_before;
}

Test(cuda_step, the_host_waits_only_at_a_steps_end)
{
    simt_reset(1, DEVICE_BYTES);
    golden_model m = golden_model_open(&golden_backends[0], "model_tied", NULL, true);
    plain_replay = m.backend->replay;
    m.backend->replay = counting_replay;
    batch_training training = batch_training_open(&m, 0, BATCH_ADAPTERS, NULL);
    for (int step = 0; step < STEPS; step++) {
        waits_before = simt_counted().synchronizations;
        waits_inside = 1;
        batch_training_step(&training, step);
        if (step > 0) cr_expect_eq(waits_inside, 0, "step %d", step);
    }
    batch_training_close(&training);
    golden_model_close(&m);
}

/* -- how often a step copies and waits -- */

/* All that a step takes from the host goes up in one copy, and its losses and norms
 * come back in one, for which the host waits. One more lies inside the device: the
 * losses of the step before, by which a step that is queued ahead is left out. */
Test(cuda_step, a_step_copies_twice_and_waits_once)
{
    enum { COPIES = 3, WAITS = 1 };
    simt_reset(1, DEVICE_BYTES);
    golden_model m = golden_model_open(&golden_backends[0], "model_tied", NULL, true);
    batch_training training = batch_training_open(&m, 0, BATCH_ADAPTERS, NULL);
    for (int step = 0; step < STEPS; step++) {
        simt_counts before = simt_counted();
        batch_training_step(&training, step);
        simt_counts after = simt_counted();
        int copies = (int)(after.copies - before.copies),
            waits = (int)(after.synchronizations - before.synchronizations);
        cr_expect_leq(copies, COPIES, "step %d has %d copies", step, copies);
        cr_expect_leq(waits, WAITS, "step %d waits %d times", step, waits);
    }
    batch_training_close(&training);
    golden_model_close(&m);
}

/* -- a step that is queued while the one before it runs -- */

enum { DIVERGING = 1 }; /* the adapter */

static float *params_of(const batch_training *t, size_t *bytes)
{
    ft_error err;
    ft_tensor params = t->trainable->params;
    *bytes = (size_t)(params.rows * params.cols) * sizeof(float);
    float *values = malloc(*bytes);
    cr_assert_eq(ft_read_tensor(t->model->backend, params, values, &err), FT_OK, "%s", err.message);
    return values;
}

static void note(trace *to, const batch_training *t, int step)
{
    for (int g = 0; g < BATCH_ADAPTERS; g++) {
        to->loss[step][g] = ft_stepper_loss(t->stepper, g);
        to->norm[step][g] = ft_stepper_grad_norm(t->stepper, g);
    }
}

/* Whether a step's rate makes the loss of the next one infinite or NaN. */
static void fill(const batch_training *t, int step, bool diverges, ft_inputs *in)
{
    batch_training_fill(t, step, in);
    if (diverges && step == 0) in->learning_rate[DIVERGING] = 1e30f;
}

/* Each step is queued before the losses of the one before it are read. Where one of those
 * is not finite, the step is taken back and queued again. */
static void train_ahead(const batch_training *t, bool diverges, trace *result)
{
    ft_error err;
    fill(t, 0, diverges, ft_stepper_inputs(t->stepper));
    cr_assert_eq(ft_stepper_queue(t->stepper, &err), FT_OK, "%s", err.message);
    for (int step = 0; step < STEPS; step++) {
        bool finite = true, last = step + 1 == STEPS;
        if (!last) {
            fill(t, step + 1, diverges, ft_stepper_next_inputs(t->stepper));
            cr_assert_eq(ft_stepper_queue_next(t->stepper, &err), FT_OK, "%s", err.message);
        }
        cr_assert_eq(ft_stepper_finish(t->stepper, &err), FT_OK, "%s", err.message);
        note(result, t, step);
        for (int g = 0; g < BATCH_ADAPTERS; g++) finite = finite && isfinite(result->loss[step][g]);
        cr_expect_eq(finite, !diverges || step == 0);
        if (last) continue;
        if (finite) {
            ft_stepper_take_next(t->stepper);
        } else {
            cr_assert_eq(ft_stepper_drop_next(t->stepper, &err), FT_OK, "%s", err.message);
            fill(t, step + 1, diverges, ft_stepper_inputs(t->stepper));
            cr_assert_eq(ft_stepper_queue(t->stepper, &err), FT_OK, "%s", err.message);
        }
    }
}

static void train_one_by_one(const batch_training *t, bool diverges, trace *result)
{
    ft_error err;
    for (int step = 0; step < STEPS; step++) {
        fill(t, step, diverges, ft_stepper_inputs(t->stepper));
        cr_assert_eq(ft_stepper_step(t->stepper, &err), FT_OK, "%s", err.message);
        note(result, t, step);
    }
}

static trace train_so(simt_order order, bool ahead, bool diverges)
{
    trace result = {.params = NULL};
    simt_reset(1, DEVICE_BYTES);
    golden_model m = golden_model_open(&golden_backends[0], "model_tied", NULL, true);
    simt_set_order(order, 11);
    batch_training t = batch_training_open(&m, 0, BATCH_ADAPTERS, NULL);
    cr_assert(ft_stepper_runs_ahead(t.stepper));
    (ahead ? train_ahead : train_one_by_one)(&t, diverges, &result);
    result.params = params_of(&t, &result.bytes);
    batch_training_close(&t);
    golden_model_close(&m);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    return result;
}

static void expect_same_ahead(simt_order order, bool diverges)
{
    trace one = train_so(order, false, diverges), ahead = train_so(order, true, diverges);
    cr_expect_arr_eq(one.loss, ahead.loss, sizeof one.loss);
    cr_expect_arr_eq(one.norm, ahead.norm, sizeof one.norm);
    cr_expect_arr_eq(one.params, ahead.params, one.bytes);
    free(one.params);
    free(ahead.params);
}

Test(cuda_step, a_step_queued_ahead_has_the_bits_of_one_that_was_waited_for)
{
    expect_same_ahead(SIMT_FORWARD, false);
    if (!SANITIZED) expect_same_ahead(SIMT_RANDOM, false);
}

Test(cuda_step, a_step_queued_ahead_changes_nothing_after_a_loss_that_is_not_finite)
{
    expect_same_ahead(SIMT_REVERSE, true);
}

/* In forward order the simulated device does what is waited for and no more. */
Test(cuda_step, the_results_of_a_step_do_not_wait_for_the_one_queued_ahead)
{
    ft_error err;
    simt_reset(1, DEVICE_BYTES);
    golden_model m = golden_model_open(&golden_backends[0], "model_tied", NULL, true);
    batch_training t = batch_training_open(&m, 0, 1, NULL);
    batch_training_fill(&t, 0, ft_stepper_inputs(t.stepper));
    batch_training_fill(&t, 1, ft_stepper_next_inputs(t.stepper));
    cr_assert_eq(ft_stepper_queue(t.stepper, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_stepper_queue_next(t.stepper, &err), FT_OK, "%s", err.message);
    uint64_t queued = simt_counted().blocks;
    cr_assert_eq(ft_stepper_finish(t.stepper, &err), FT_OK, "%s", err.message);
    uint64_t first = simt_counted().blocks;
    cr_assert_eq(m.backend->synchronize(m.backend, &err), FT_OK, "%s", err.message);
    uint64_t second = simt_counted().blocks;
    cr_expect_gt(first, queued);
    cr_expect_gt(second, first, "the second step was waited for: %d, %d, %d blocks", (int)queued, (int)first,
                 (int)second);
    batch_training_close(&t); /* with results that nobody has read */
    golden_model_close(&m);
}

/* -- how many launches a step has -- */

/* Kernels and products of one step of a LoRA on q and v, of a model of so many blocks. */
static int launches_of(const golden_model *like, int32_t n_encoder, int32_t n_decoder)
{
    ft_error err;
    golden_model m = *like;
    ft_model_config config = like->weights->config;
    config.n_encoder_layers = n_encoder;
    config.n_decoder_layers = n_decoder;
    cr_assert_eq(ft_weights_init(&config, 1, &m.weights, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_chronos_create(m.backend, m.weights, true, &m.chronos, &err), FT_OK, "%s", err.message);
    batch_training training = batch_training_open(&m, 0, 1, NULL);
    simt_counts before = simt_counted();
    batch_training_step(&training, 0);
    simt_counts after = simt_counted();
    batch_training_close(&training);
    ft_chronos_free(m.chronos);
    ft_weights_free(m.weights);
    return (int)(after.kernels - before.kernels + after.matmuls - before.matmuls);
}

/* A launch takes some microseconds, of which a small step has nothing else. Size base has
 * 12 blocks in each stack. */
Test(cuda_step, a_step_of_size_base_keeps_to_its_launches)
{
    enum { BASE_BLOCKS = 12, ENCODER_BLOCK = 21, DECODER_BLOCK = 34, BASE = 676 };
    simt_reset(1, DEVICE_BYTES);
    golden_model m = golden_model_open(&golden_backends[1], "model_tied", NULL, true);
    int one = launches_of(&m, 1, 1), encoder = launches_of(&m, 2, 1) - one,
        decoder = launches_of(&m, 1, 2) - one;
    int base = one + (BASE_BLOCKS - 1) * (encoder + decoder);
    cr_expect_leq(encoder, ENCODER_BLOCK, "a block of the encoder has %d launches", encoder);
    cr_expect_leq(decoder, DECODER_BLOCK, "a block of the decoder has %d launches", decoder);
    cr_expect_leq(base, BASE, "a step at base has %d launches", base);
    golden_model_close(&m);
}

/* -- which graph a step gets -- */

typedef struct counter {
    ft_backend *backend;
    void *data;
    size_t bytes;
    int queued;
} counter;

static ft_status queue_zero(void *context, ft_error *err)
{
    counter *c = context;
    (void)err;
    c->queued++;
    c->backend->zero(c->backend, c->data, c->bytes);
    return FT_OK;
}

Test(cuda_step, each_shape_has_a_graph_of_its_own)
{
    ft_error err;
    simt_reset(1, DEVICE_BYTES);
    counter c = {.bytes = 64};
    cr_assert_eq(ft_cuda_create(0, FT_F32, &c.backend, &err), FT_OK, "%s", err.message);
    c.data = c.backend->allocate(c.backend, c.bytes, &err);
    ft_step_graphs graphs = {0};
    const ft_step_shape shapes[] = {{8, 65, 11}, {3, 65, 11}, {8, 49, 11}, {8, 65, 12}};
    for (int round = 0; round < 5; round++)
        for (size_t i = 0; i < 4; i++)
            cr_assert_eq(ft_step_graphs_run(&graphs, c.backend, shapes[i], queue_zero, &c, &err), FT_OK);
    cr_expect_eq(c.queued, 2 * 4);
    cr_expect_eq(simt_counted().captures, 4);
    cr_expect_eq(simt_counted().replays, 4 * 4);
    /* More shapes than there are places: those used last stay. */
    for (int32_t n = 100; n < 100 + FT_STEP_GRAPHS - 1; n++)
        ft_step_graphs_run(&graphs, c.backend, (ft_step_shape){n, 1, 1}, queue_zero, &c, &err);
    c.queued = 0;
    ft_step_graphs_run(&graphs, c.backend, shapes[3], queue_zero, &c, &err);
    cr_expect_eq(c.queued, 0);
    ft_step_graphs_run(&graphs, c.backend, shapes[0], queue_zero, &c, &err);
    cr_expect_eq(c.queued, 1);
    ft_step_graphs_clear(&graphs, c.backend);
    c.backend->release(c.backend, c.data);
    c.backend->free(c.backend);
}

Test(cuda_step, a_step_that_fails_while_it_is_captured_leaves_no_graph)
{
    const char *calls[] = {"cudaStreamBeginCapture", "cudaMemsetAsync", "cudaStreamEndCapture",
                           "cudaGraphInstantiate", "cudaGraphLaunch"};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        ft_error err = {""};
        simt_reset(1, DEVICE_BYTES);
        counter c = {.bytes = 64};
        cr_assert_eq(ft_cuda_create(0, FT_F32, &c.backend, &err), FT_OK, "%s", err.message);
        c.data = c.backend->allocate(c.backend, c.bytes, &err);
        ft_step_graphs graphs = {0};
        ft_step_shape shape = {1, 1, 1};
        ft_step_graphs_run(&graphs, c.backend, shape, queue_zero, &c, &err);
        simt_fail_call(calls[i], 1, 719);
        ft_step_graphs_run(&graphs, c.backend, shape, queue_zero, &c, &err);
        cr_expect_neq(c.backend->synchronize(c.backend, &err), FT_OK, "%s", calls[i]);
        cr_expect(strstr(err.message, calls[i]), "%s", err.message);
        ft_step_graphs_run(&graphs, c.backend, shape, queue_zero, &c, &err);
        cr_expect_eq(c.backend->synchronize(c.backend, &err), FT_OK, "%s: %s", calls[i], err.message);
        cr_expect_eq(simt_counted().replays, 1, "%s", calls[i]);
        ft_step_graphs_clear(&graphs, c.backend);
        c.backend->release(c.backend, c.data);
        c.backend->free(c.backend);
    }
}

/* A graph names scratch memory by its address: a larger shape that comes later must leave
 * it where it is. */
Test(cuda_step, scratch_memory_that_a_graph_names_stays)
{
    ft_error err;
    enum { SMALL = 1024, LARGE = 64 * 1024 };
    ft_backend *backend;
    static float ones[LARGE];
    for (int i = 0; i < LARGE; i++) ones[i] = 1;
    simt_reset(1, DEVICE_BYTES);
    cr_assert_eq(ft_cuda_create(0, FT_F32, &backend, &err), FT_OK, "%s", err.message);
    ft_tensor large = {backend->allocate(backend, sizeof ones, &err), FT_F32, 1, LARGE, LARGE};
    ft_tensor small = ft_columns(large, 0, SMALL);
    double *norm = backend->allocate(backend, sizeof *norm, &err), got = 0;
    cr_assert_eq(ft_write_tensor(backend, large, ones, &err), FT_OK);
    backend->gradient_norm(backend, small, norm);
    backend->capture_begin(backend);
    backend->gradient_norm(backend, small, norm);
    void *graph = backend->capture_end(backend);
    backend->gradient_norm(backend, large, norm);
    backend->to_host(backend, &got, norm, sizeof got);
    cr_expect_eq(got, 256.0);
    backend->replay(backend, graph);
    backend->to_host(backend, &got, norm, sizeof got);
    cr_expect_eq(got, 32.0);
    size_t with_graph = simt_counted().allocated_bytes;
    backend->graph_free(backend, graph);
    cr_expect_lt(simt_counted().allocated_bytes, with_graph, "it goes with the last graph");
    cr_expect_eq(backend->synchronize(backend, &err), FT_OK, "%s", err.message);
    backend->release(backend, large.data);
    backend->release(backend, norm);
    backend->free(backend);
}
