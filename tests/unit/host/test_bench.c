/* Measuring a backend: the values of its inputs while it is timed, and how calls are
 * timed in bursts. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/bench/clock.h"
#include "host/bench/host_share.h"
#include "host/bench/ops.h"
#include "host/bench/scene.h"

/* -- a backend that looks at what it is given -- */

static ft_backend plain; /* the functions that the looking ones call */
static int seen;         /* tensors */
/* of them: how far mean and deviation are from 0 and `deviation` */
static double worst;

/* Normal numbers; at most a few of which are equal. */
static void look(const float *values, size_t count, double deviation)
{
    double sum = 0, squares = 0;
    size_t zeros = 0, repeated = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)values[i];
        squares += (double)values[i] * (double)values[i];
        zeros += values[i] == 0;
        repeated += i >= 17 && values[i] == values[i - 17];
    }
    double mean = sum / (double)count / deviation, real = sqrt(squares / (double)count) / deviation;
    worst = fmax(worst, fmax(fabs(mean), fabs(real - 1)));
    cr_expect(zeros + repeated < 1 + count / 100, "tensor %d: %zu zeros and %zu repeated of %zu", seen, zeros,
              repeated, count);
    seen++;
}

static void look_at(ft_backend *self, ft_tensor t)
{
    ft_error err;
    float *values = malloc((size_t)(t.rows * t.cols) * sizeof *values);
    cr_assert(values);
    cr_assert_eq(ft_read_tensor(self, t, values, &err), FT_OK);
    look(values, (size_t)(t.rows * t.cols), 1);
    free(values);
}

static ft_status looking_prepare(ft_backend *self, const float *w, int32_t out, int32_t in,
                                 bool with_backward, ft_weight **weight, ft_error *err)
{
    look(w, (size_t)out * (size_t)in, 1 / sqrt(in));
    return plain.prepare_weight(self, w, out, in, with_backward, weight, err);
}

static void looking_forward(ft_backend *self, const ft_weight *weight, ft_tensor x, ft_tensor y,
                            bool accumulate)
{
    look_at(self, x);
    plain.linear_forward(self, weight, x, y, accumulate);
}

static void looking_backward(ft_backend *self, const ft_weight *weight, ft_tensor dy, ft_tensor dx,
                             bool accumulate)
{
    look_at(self, dy);
    plain.linear_backward(self, weight, dy, dx, accumulate);
}

static void looking_copy(ft_backend *self, void *to, const void *from, size_t bytes)
{
    if (self->real == FT_F32) look(from, bytes / sizeof(float), 1);
    plain.copy(self, to, from, bytes);
}

static ft_backend *looking_backend(void)
{
    ft_backend *backend;
    ft_error err;
    cr_assert_eq(ft_ref_create(FT_F32, &backend, &err), FT_OK);
    plain = *backend;
    backend->prepare_weight = looking_prepare;
    backend->linear_forward = looking_forward;
    backend->linear_backward = looking_backward;
    backend->copy = looking_copy;
    return backend;
}

Test(bench, a_matrix_rate_is_measured_on_random_numbers)
{
    ft_backend *backend = looking_backend();
    ft_bench_product product = {.name = "wi", .rows = 64, .in_features = 96, .out_features = 128};
    ft_error err = {""};
    cr_assert_eq(ft_bench_measure(backend, &product, &err), FT_OK, "%s", err.message);
    cr_expect(product.forward > 0 && product.backward > 0);
    cr_expect(seen >= 3 && worst < 0.3, "%d tensors, %g from normal numbers", seen, worst);
    backend->free(backend);
}

/* -- the share of a step in which the device waits for the host -- */

static ft_status slowly_fetched(ft_backend *self, ft_error *err)
{
    const struct timespec pause = {.tv_nsec = 200000000};
    nanosleep(&pause, NULL);
    return self->synchronize(self, err);
}

/* Of a host that reads losses slowly, or not. */
static double host_share(bool slow, bool ahead)
{
    const ft_bench_job job = {
        .steps = 1, .batch_size = 2, .context_length = 16, .prediction_length = 4, .lora_rank = 8};
    const ft_adapter_spec spec = {FT_LORA, 8, 16.0f, 0, false, FT_TARGET_Q};
    ft_error err;
    ft_backend *backend;
    ft_weights *weights;
    ft_chronos *chronos;
    ft_adapter *adapter;
    double share = -1;
    cr_assert_eq(ft_cpu_create(FT_F32, 1, &backend, &err), FT_OK, "%s", err.message);
    if (slow) backend->fetched = slowly_fetched;
    backend->host_memory = !ahead;
    cr_assert_eq(ft_bench_weights("nano", &weights, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_chronos_create(backend, weights, true, &chronos, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_adapter_init(&spec, weights, 1, &adapter, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_bench_host_share(chronos, adapter, &job, &share, &err), FT_OK, "%s", err.message);
    ft_adapter_free(adapter);
    ft_chronos_free(chronos);
    ft_weights_free(weights);
    backend->free(backend);
    return share;
}

Test(bench, the_share_of_a_step_that_waits_for_the_host_is_measured)
{
    for (int ahead = 0; ahead < 2; ahead++) {
        double quick = host_share(false, ahead), slow = host_share(true, ahead);
        cr_expect(quick >= 0 && quick < 1, "%g", quick);
        cr_expect(slow > quick && slow > 0.3 && slow < 1, "%g, and %g of a slow host", quick, slow);
    }
}

static void count_op(void *context, const ft_bench_op *op, const ft_bench_limits *limits)
{
    (void)limits;
    cr_expect(op->seconds > 0 && !op->failure.message[0], "%s: %s", op->operation, op->failure.message);
    ++*(int *)context;
}

static ft_status no_other(void *context, ft_backend **backend, ft_error *err)
{
    (void)context;
    *backend = NULL;
    return ft_fail(err, FT_FAILED, "there is no other backend");
}

Test(bench, so_are_limits_and_operations)
{
    ft_bench_device device = {looking_backend(), no_other, NULL};
    const ft_bench_job job = {.size = "nano",
                              .steps = 1,
                              .batch_size = 2,
                              .context_length = 31,
                              .prediction_length = 15,
                              .lora_rank = 8,
                              .n_series = 2,
                              .num_samples = 16};
    ft_error err = {""};
    int count = 0;
    cr_assert_eq(ft_bench_ops(&device, &job, "linear", 0, count_op, &count, &err), FT_OK, "%s", err.message);
    cr_expect_eq(count, 2 + 13);
    cr_expect(seen > 2 * 13 && worst < 0.3, "%d tensors, %g from normal numbers", seen, worst);
    device.backend->free(device.backend);
}

/* -- the clock, on a backend whose calls take as long as it is told -- */

typedef struct fake {
    ft_backend base;
    int calls, synchronized, captures, replays, freed;
    int captured; /* calls in the graph */
    bool capturing;
    int fail_at; /* the synchronize that fails; 0: none */
} fake;

static ft_status fake_synchronize(ft_backend *self, ft_error *err)
{
    fake *f = (fake *)self;
    return ++f->synchronized == f->fail_at ? ft_fail(err, FT_FAILED, "it fell off") : FT_OK;
}

static void fake_capture_begin(ft_backend *self)
{
    fake *f = (fake *)self;
    f->capturing = true;
    f->captures++;
}

static void *fake_capture_end(ft_backend *self)
{
    fake *f = (fake *)self;
    f->capturing = false;
    return f;
}

static void fake_replay(ft_backend *self, void *graph)
{
    cr_expect_eq(graph, self);
    ((fake *)self)->replays++;
}

static void fake_graph_free(ft_backend *self, void *graph)
{
    cr_expect_eq(graph, self);
    ((fake *)self)->freed++;
}

static fake fake_gpu(void)
{
    return (fake){.base = {.synchronize = fake_synchronize,
                           .capture_begin = fake_capture_begin,
                           .capture_end = fake_capture_end,
                           .replay = fake_replay,
                           .graph_free = fake_graph_free}};
}

static ft_status time_fake(fake *f, double burst_seconds, ft_bench_seconds *seconds, ft_error *err)
{
    ft_bench_clock clock;
    ft_bench_clock_start(&clock, &f->base, 3, burst_seconds);
    while (ft_bench_again(&clock)) {
        f->calls++;
        f->captured += f->capturing;
    }
    return ft_bench_clock_stop(&clock, seconds, err);
}

Test(bench, a_small_call_is_timed_by_replays_of_a_graph)
{
    fake f = fake_gpu();
    ft_bench_seconds seconds = {0, 0};
    ft_error err = {""};
    cr_assert_eq(time_fake(&f, 0.001, &seconds, &err), FT_OK);
    cr_expect_eq(f.captures, 1);
    cr_expect(f.captured == 256 && f.replays > 3 && f.freed == 1, "%d calls captured, %d replays, %d freed",
              f.captured, f.replays, f.freed);
    cr_expect(seconds.least > 0 && seconds.median >= seconds.least);
    /* A replay of this backend is one call of a function: far less than a microsecond for
     * 256 calls. */
    cr_expect_lt(seconds.least, 1e-6);
}

Test(bench, a_backend_without_graphs_is_timed_by_bursts_of_calls)
{
    fake f = {.base = {.synchronize = fake_synchronize}};
    ft_bench_seconds seconds = {0, 0};
    ft_error err = {""};
    cr_assert_eq(time_fake(&f, 0.001, &seconds, &err), FT_OK);
    cr_expect(f.captures == 0 && f.calls > 1000, "%d captures, %d calls", f.captures, f.calls);
    f = (fake){.base = {.synchronize = fake_synchronize}};
    cr_assert_eq(time_fake(&f, 0, &seconds, &err), FT_OK);
    cr_expect_eq(f.calls, 1 + 3, "a call that is long enough: one to warm up and one a burst, not %d",
                 f.calls);
}

/* Whenever it fails: the message comes out, nothing is called afterwards and no graph is
 * left. */
Test(bench, a_failure_ends_the_calls)
{
    for (int captures = 0; captures < 2; captures++) {
        ft_bench_seconds seconds;
        ft_error err;
        fake whole = captures ? fake_gpu() : (fake){.base = {.synchronize = fake_synchronize}};
        cr_assert_eq(time_fake(&whole, 0, &seconds, &err), FT_OK);
        for (int at = 1; at <= whole.synchronized; at++) {
            fake f = captures ? fake_gpu() : (fake){.base = {.synchronize = fake_synchronize}};
            f.fail_at = at;
            cr_expect_eq(time_fake(&f, 0, &seconds, &err), FT_FAILED, "failure %d of %d", at,
                         whole.synchronized);
            cr_expect_str_eq(err.message, "it fell off");
            cr_expect_eq(f.synchronized, at);
            cr_expect_eq(f.freed, f.replays > 0);
        }
    }
}

Test(bench, every_operation_is_timed)
{
    for (int o = 0; o < FT_N_OPERATIONS; o++) {
        int n = 0;
        for (int i = 0; i < ft_bench_cases_count; i++)
            n += strcmp(ft_bench_cases[i].operation, ft_operation_names[o]) == 0;
        cr_expect_gt(n, 0, "%s", ft_operation_names[o]);
    }
}
