/* Timing one operation, and what a device reaches at best; see bench_ops.h. */
#include "host/bench_ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "host/bench_scene.h"

/* -- the device's limits -- */

/* Calls `run` a few times and returns the seconds of the fastest call, 0 after a failure. */
static double fastest(ft_backend *backend, void (*run)(void *context), void *context, ft_status *status,
                      ft_error *err)
{
    enum { CALLS = 4 };
    double best = 0;
    for (int i = 0; i <= CALLS && *status == FT_OK; i++) {
        double started = ft_now_seconds();
        run(context);
        *status = backend->synchronize(backend, err);
        double seconds = ft_now_seconds() - started;
        if (i > 0 && (best == 0 || seconds < best)) best = seconds; /* the first call plans */
    }
    return *status == FT_OK ? best : 0;
}

typedef struct stream {
    ft_backend *backend;
    ft_adapter_batch batch;
    void *from, *to;
    size_t bytes;
} stream;

static void run_copy(void *context)
{
    stream *s = context;
    s->backend->copy(s->backend, s->to, s->from, s->bytes);
}

static void run_relu(void *context)
{
    stream *s = context;
    int64_t cols = 4096, rows = (int64_t)(s->bytes / sizeof(float)) / cols;
    ft_tensor f = {s->from, FT_F32, rows, cols, cols};
    s->backend->relu_forward(s->backend, &s->batch, (int32_t)rows, 0, f);
}

/* A copy on the host is one thread's; relu in place moves as much with all of them. The better one counts. */
static ft_status measure_copy(ft_backend *backend, double *bytes_per_second, ft_error *err)
{
    static const int32_t start[2], adapter[1];
    stream s = {.backend = backend, .bytes = (size_t)256 << 20};
    ft_status status = FT_OK;
    s.from = backend->allocate(backend, s.bytes, err);
    s.to = s.from ? backend->allocate(backend, s.bytes, err) : NULL;
    int32_t *indices = s.to ? backend->allocate(backend, sizeof start + sizeof adapter, err) : NULL;
    if (!indices) {
        status = FT_NO_MEMORY;
    } else {
        backend->to_device(backend, indices, start, sizeof start);
        backend->to_device(backend, indices + 2, adapter, sizeof adapter);
        s.batch = (ft_adapter_batch){
            .n_adapters = 1, .n_sequences = 1, .sequence_start = indices, .adapter_of = indices + 2};
        backend->zero(backend, s.from, s.bytes);
        double copy = fastest(backend, run_copy, &s, &status, err);
        double relu = fastest(backend, run_relu, &s, &status, err);
        double best = relu < copy ? relu : copy;
        if (status == FT_OK) *bytes_per_second = 2 * (double)s.bytes / best;
    }
    if (indices) backend->release(backend, indices);
    if (s.to) backend->release(backend, s.to);
    if (s.from) backend->release(backend, s.from);
    return status;
}

typedef struct product {
    ft_backend *backend;
    ft_weight *weight;
    ft_tensor x, y;
} product;

static void run_product(void *context)
{
    product *p = context;
    p->backend->linear_forward(p->backend, p->weight, p->x, p->y, false);
}

/* The seconds of a product of two square matrices of `size`. */
static ft_status time_product(ft_backend *backend, int32_t size, double *seconds, ft_error *err)
{
    size_t count = (size_t)size * (size_t)size, bytes = count * ft_dtype_bytes(backend->matrix);
    product p = {.backend = backend};
    ft_status status = FT_OK;
    float *w = malloc(count * sizeof *w);
    void *x = backend->allocate(backend, bytes, err);
    void *y = x ? backend->allocate(backend, bytes, err) : NULL;
    if (!w || !y) status = ft_no_memory(err, "a matrix product", bytes);
    for (size_t i = 0; i < count && status == FT_OK; i++) w[i] = (float)(i % 17) * 0.01f - 0.08f;
    if (status == FT_OK) {
        p.x = (ft_tensor){x, backend->matrix, size, size, size};
        p.y = (ft_tensor){y, backend->matrix, size, size, size};
        status = ft_write_tensor(backend, p.x, w, err);
    }
    if (status == FT_OK) status = backend->prepare_weight(backend, w, size, size, false, &p.weight, err);
    if (status == FT_OK) *seconds = fastest(backend, run_product, &p, &status, err);
    if (p.weight) backend->free_weight(backend, p.weight);
    if (y) backend->release(backend, y);
    if (x) backend->release(backend, x);
    free(w);
    return status;
}

/* Sizes double until a product is long enough that nothing else counts. */
static ft_status measure_products(ft_backend *backend, double *flops_per_second, ft_error *err)
{
    const double long_enough = 0.02;
    double seconds = 0;
    ft_status status = FT_OK;
    *flops_per_second = 0;
    for (int32_t size = 128; size <= 8192 && seconds < long_enough && status == FT_OK; size *= 2) {
        status = time_product(backend, size, &seconds, err);
        double rate = status == FT_OK ? 2.0 * size * size * size / seconds : 0;
        if (rate > *flops_per_second) *flops_per_second = rate;
    }
    return status;
}

ft_status ft_bench_measure_limits(ft_backend *backend, ft_bench_limits *limits, ft_error *err)
{
    ft_status status = measure_copy(backend, &limits->bytes_per_second, err);
    return status == FT_OK ? measure_products(backend, &limits->flops_per_second, err) : status;
}

double ft_bench_floor(const ft_bench_op *op, const ft_bench_limits *limits, bool *by_bytes)
{
    double moving = op->bytes / limits->bytes_per_second, computing = op->flops / limits->flops_per_second;
    *by_bytes = moving >= computing;
    return *by_bytes ? moving : computing;
}

/* -- one operation: bench_scene.h -- */

/* The first call warms up; then bursts of calls, doubled until one takes BURST seconds, so that queues stay
 * filled and the clock's grain does not count. */
bool bench_again(bench_scene *scene)
{
    const double long_enough = 0.01;
    ft_backend *backend = scene->backend;
    if (scene->status != FT_OK) return false;
    if (scene->call++ < scene->burst) return true;
    scene->status = backend->synchronize(backend, &scene->error);
    double now = ft_now_seconds(), seconds = now - scene->started;
    if (scene->status != FT_OK) return false;
    if (scene->burst == 0) { /* nothing was called yet: the call that warms up */
        scene->burst = 1;
        scene->call = 1;
        scene->n_bursts = -1;
        return true;
    }
    if (scene->n_bursts >= 0) {
        if (scene->n_bursts == 0 && seconds < long_enough && scene->burst < 1 << 20)
            scene->burst *= 2;
        else
            scene->seconds[scene->n_bursts++] = seconds / (double)scene->burst;
        if (scene->n_bursts == scene->job->steps) return false;
    } else {
        scene->n_bursts = 0;
    }
    scene->call = 1;
    scene->started = ft_now_seconds();
    return true;
}

static void fail(bench_scene *scene, const char *what, size_t bytes)
{
    if (scene->status == FT_OK) scene->status = ft_no_memory(&scene->error, what, bytes);
}

/* A block of device memory that ends with the scene. */
static void *block_of(bench_scene *scene, size_t bytes)
{
    if (scene->status != FT_OK) return NULL;
    void *block = NULL;
    if (scene->n_blocks < BENCH_MAX_BLOCKS)
        block = scene->backend->allocate(scene->backend, bytes, &scene->error);
    if (block)
        scene->blocks[scene->n_blocks++] = block;
    else
        scene->status = FT_NO_MEMORY;
    return block;
}

ft_tensor bench_tensor(bench_scene *scene, bench_traffic traffic, ft_dtype dtype, int64_t rows, int64_t cols)
{
    ft_tensor tensor = {NULL, dtype, rows, cols, cols};
    size_t count = (size_t)(rows * cols), bytes = count * ft_dtype_bytes(dtype);
    tensor.data = block_of(scene, bytes);
    float *values = tensor.data ? malloc(count * sizeof *values) : NULL;
    if (!values) {
        fail(scene, "a tensor", count * sizeof *values);
        return (ft_tensor){0};
    }
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = ((float)(state >> 8) * 0x1p-24f - 0.5f) * 0.5f;
    }
    scene->status = ft_write_tensor(scene->backend, tensor, values, &scene->error);
    scene->op.bytes += (double)traffic * (double)bytes;
    free(values);
    return tensor;
}

void *bench_array(bench_scene *scene, const void *host, size_t bytes)
{
    void *block = block_of(scene, bytes);
    if (block) scene->backend->to_device(scene->backend, block, host, bytes);
    scene->op.bytes += (double)bytes;
    return block;
}

int32_t *bench_integers(bench_scene *scene, int64_t count, int32_t below)
{
    size_t bytes = (size_t)count * sizeof(int32_t);
    int32_t *values = malloc(bytes);
    if (!values) fail(scene, "whole numbers", bytes);
    for (int64_t i = 0; values && i < count; i++)
        values[i] = (int32_t)((uint32_t)i * 2654435761u % (uint32_t)below);
    int32_t *array = values ? bench_array(scene, values, bytes) : NULL;
    free(values);
    return array;
}

ft_weight *bench_weight(bench_scene *scene, int32_t out, int32_t in)
{
    size_t count = (size_t)out * (size_t)in;
    float *values = malloc(count * sizeof *values);
    if (!values) fail(scene, "a weight", count * sizeof *values);
    for (size_t i = 0; values && i < count; i++) values[i] = (float)(i % 17) * 0.01f - 0.08f;
    if (scene->status == FT_OK)
        scene->status = scene->backend->prepare_weight(scene->backend, values, out, in, true, &scene->weight,
                                                       &scene->error);
    scene->op.bytes += (double)(count * ft_dtype_bytes(scene->backend->matrix));
    free(values);
    return scene->weight;
}

ft_adapter_batch bench_batch(bench_scene *scene, int32_t n_adapters)
{
    enum { MOST = 8 };
    int32_t n_sequences = (int32_t)scene->job->batch_size, start[MOST + 1] = {0};
    uint32_t numbers[MOST] = {1, 2, 3, 4, 5, 6, 7, 8};
    float dropout[MOST], scale[MOST];
    int32_t *adapter_of = calloc((size_t)n_sequences, sizeof *adapter_of);
    if (!adapter_of) fail(scene, "a batch", (size_t)n_sequences * sizeof *adapter_of);
    for (int32_t g = 0; g < MOST; g++) {
        dropout[g] = scene->config->dropout_rate;
        scale[g] = 2;
    }
    for (int32_t g = 0; g <= n_adapters; g++) start[g] = n_sequences * g / n_adapters;
    for (int32_t g = 0; adapter_of && g < n_adapters; g++)
        for (int32_t s = start[g]; s < start[g + 1]; s++) adapter_of[s] = g;
    ft_adapter_batch batch = {.n_adapters = n_adapters, .n_sequences = n_sequences};
    batch.sequence_start = bench_array(scene, start, sizeof start);
    if (adapter_of)
        batch.adapter_of = bench_array(scene, adapter_of, (size_t)n_sequences * sizeof *adapter_of);
    batch.seed = batch.step = bench_array(scene, numbers, sizeof numbers);
    batch.model_dropout = batch.lora_dropout = bench_array(scene, dropout, sizeof dropout);
    batch.lora_scale = bench_array(scene, scale, sizeof scale);
    free(adapter_of);
    return batch;
}

void bench_shape(bench_scene *scene, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(scene->op.shape, sizeof scene->op.shape, format, args);
    va_end(args);
}

/* -- the table -- */

static ft_status run_case(ft_backend *backend, const ft_bench_job *job, const ft_model_config *config,
                          const char *size, const bench_case *c, ft_bench_op *op, ft_error *err)
{
    bench_scene scene = {.backend = backend, .job = job, .config = config};
    scene.op = (ft_bench_op){.operation = c->operation, .size = size, .place = c->place};
    scene.seconds = calloc((size_t)job->steps, sizeof *scene.seconds);
    if (!scene.seconds) fail(&scene, "timings", (size_t)job->steps * sizeof *scene.seconds);
    if (scene.status == FT_OK) c->run(&scene, c->variant);
    if (scene.status == FT_OK) {
        scene.op.seconds = ft_bench_median(scene.seconds, job->steps);
        *op = scene.op;
    } else {
        ft_fail(err, scene.status, "%s, %s, %s: %s", c->operation, size, c->place, scene.error.message);
    }
    if (scene.weight) backend->free_weight(backend, scene.weight);
    for (int i = 0; i < scene.n_blocks; i++) backend->release(backend, scene.blocks[i]);
    free(scene.seconds);
    return scene.status;
}

ft_status ft_bench_ops(ft_backend *backend, const ft_bench_job *job, const char *operation,
                       void (*report)(void *context, const ft_bench_op *op), void *context, ft_error *err)
{
    static const char *const sizes[] = {"nano", "tiny", "mini", "small", "base", "large"};
    enum { N_SIZES = sizeof sizes / sizeof *sizes };
    ft_status status = FT_OK;
    bool found = false;
    for (int i = 0; i < (job->size ? 1 : N_SIZES) && status == FT_OK; i++) {
        const char *size = job->size ? job->size : sizes[i];
        ft_model_config config;
        status = ft_config_for_size(size, &config, err);
        for (int c = 0; c < bench_cases_count && status == FT_OK; c++) {
            ft_bench_op op;
            if (operation && !strstr(bench_cases[c].operation, operation)) continue;
            found = true;
            status = run_case(backend, job, &config, size, &bench_cases[c], &op, err);
            if (status == FT_OK) report(context, &op);
        }
    }
    if (status == FT_OK && !found)
        return ft_fail(err, FT_BAD_INPUT,
                       "no operation has \"%.60s\" in its name (they are named as in kernels/backend.h: "
                       "attention_forward, adamw, ...)",
                       operation);
    return status;
}
