/* Measures the device's limits like operations; see ops.h. */
#include <math.h>

#include "host/bench/scene.h"

/* Bytes to copy: far more than a cache holds, and at most an eighth of the device's
 * memory. */
static size_t copied_bytes(const ft_backend *backend)
{
    const size_t enough = (size_t)256 << 20, most = backend->memory_bytes / 8;
    return most == 0 || enough < most ? enough : most;
}

/* Two ways to measure the memory's rate. A copy on the host uses one thread; relu in
 * place moves as many bytes with all of them. */
enum { BY_COPY, BY_RELU };

static void copy_block(ft_bench_scene *s, int how)
{
    static const int32_t start[2] = {0, 1}, adapter[1] = {0};
    ft_backend *b = s->backend;
    const int64_t cols = 4096, rows = (int64_t)(copied_bytes(b) / ft_dtype_bytes(b->real)) / cols;
    const size_t bytes = (size_t)(rows * cols) * ft_dtype_bytes(b->real);
    ft_adapter_batch batch = {.n_adapters = 1, .n_sequences = 1};
    batch.sequence_start = ft_bench_array(s, start, sizeof start);
    batch.adapter_of = ft_bench_array(s, adapter, sizeof adapter);
    ft_tensor from = ft_bench_tensor(s, FT_BENCH_NOT_COUNTED, b->real, rows, cols);
    void *to = how == BY_COPY ? ft_bench_block(s, bytes) : NULL;
    s->op.bytes = 2 * (double)bytes;
    ft_bench_shape(s, "%zu MiB", bytes >> 20);
    while (ft_bench_scene_again(s))
        if (how == BY_COPY)
            b->copy(b, to, from.data, bytes);
        else
            b->relu_forward(b, &batch, (int32_t)rows, 0, from);
}

static void square_product(ft_bench_scene *s, int size)
{
    ft_backend *b = s->backend;
    ft_weight *weight = ft_bench_scene_weight(s, size, size);
    ft_tensor x = ft_bench_tensor(s, FT_BENCH_NOT_COUNTED, b->matrix, size, size);
    ft_tensor y = ft_bench_tensor(s, FT_BENCH_NOT_COUNTED, b->matrix, size, size);
    s->op.flops = 2.0 * size * size * size;
    s->op.bytes = 0; /* the matrix product is not limited by memory */
    ft_bench_shape(s, "%d x %d x %d", size, size, size);
    while (ft_bench_scene_again(s)) b->linear_forward(b, weight, x, y, false);
}

/* The fastest of several ways to reach a limit, tried until one takes long_enough
 * seconds; or the first that fails. */
static ft_bench_op best_of(ft_backend *backend, const ft_bench_job *job, const ft_bench_case *ways,
                           int n_ways, double long_enough)
{
    ft_bench_op best = {.seconds = 0}, op = {.seconds = 0};
    double best_rate = 0;
    for (int i = 0; i < n_ways && op.seconds < long_enough; i++) {
        ft_bench_seconds seconds;
        ft_bench_run_case(backend, job, NULL, "", &ways[i], &op, &seconds);
        if (op.failure.message[0]) return op;
        op.seconds = seconds.least;
        double rate = (op.bytes + op.flops) / op.seconds;
        if (rate > best_rate) best = op;
        best_rate = fmax(rate, best_rate);
    }
    return best;
}

ft_status ft_bench_measure_limits(ft_bench_device *device, const ft_bench_job *job, ft_bench_limits *limits,
                                  ft_bench_report *report, void *context, ft_error *err)
{
    static const ft_bench_case copies[] = {{"copy", "limit", copy_block, BY_COPY},
                                           {"copy", "limit", copy_block, BY_RELU}};
    static const ft_bench_case products[] = {
        {"matrix product", "limit", square_product, 128},  {"matrix product", "limit", square_product, 256},
        {"matrix product", "limit", square_product, 512},  {"matrix product", "limit", square_product, 1024},
        {"matrix product", "limit", square_product, 2048}, {"matrix product", "limit", square_product, 4096},
        {"matrix product", "limit", square_product, 8192}};
    const double nothing_else_counts = 0.02;
    ft_status status = FT_OK;
    ft_bench_op op = best_of(device->backend, job, copies, device->backend->n_threads > 1 ? 2 : 1, HUGE_VAL);
    if (op.seconds > 0) limits->bytes_per_second = op.bytes / op.seconds;
    report(context, &op, limits);
    if (op.failure.message[0]) status = ft_bench_recover(device, err);
    if (status != FT_OK) return status;
    op = best_of(device->backend, job, products, 7, nothing_else_counts);
    if (op.seconds > 0) limits->flops_per_second = op.flops / op.seconds;
    report(context, &op, limits);
    return op.failure.message[0] ? ft_bench_recover(device, err) : FT_OK;
}
