/* Tensors and timing of one operation; see scene.h. */
#include "host/bench/scene.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bench/tensors.h"

bool ft_bench_scene_again(ft_bench_scene *scene)
{
    return scene->status == FT_OK && ft_bench_again(&scene->clock);
}

static void fail(ft_bench_scene *scene, const char *what, size_t bytes)
{
    if (scene->status == FT_OK) scene->status = ft_no_memory(&scene->error, what, bytes);
}

void *ft_bench_block(ft_bench_scene *scene, size_t bytes)
{
    if (scene->n_blocks == FT_BENCH_MAX_BLOCKS) fail(scene, "one block more of a case", bytes);
    if (scene->status != FT_OK) return NULL;
    void *block = scene->backend->allocate(scene->backend, bytes, &scene->error);
    if (block)
        scene->blocks[scene->n_blocks++] = block;
    else
        scene->status = FT_NO_MEMORY;
    return block;
}

ft_tensor ft_bench_tensor(ft_bench_scene *scene, ft_bench_traffic traffic, ft_dtype dtype, int64_t rows,
                          int64_t cols)
{
    ft_tensor tensor = {NULL, dtype, rows, cols, cols};
    size_t bytes = (size_t)(rows * cols) * ft_dtype_bytes(dtype);
    char name[32];
    snprintf(name, sizeof name, "tensor %d", scene->n_blocks);
    tensor.data = ft_bench_block(scene, bytes);
    if (tensor.data) scene->status = ft_bench_fill(scene->backend, tensor, name, &scene->error);
    scene->op.bytes += (double)traffic * (double)bytes;
    return tensor;
}

void *ft_bench_array(ft_bench_scene *scene, const void *host, size_t bytes)
{
    void *block = ft_bench_block(scene, bytes);
    if (block) scene->backend->to_device(scene->backend, block, host, bytes);
    scene->op.bytes += (double)bytes;
    return block;
}

int32_t *ft_bench_integers(ft_bench_scene *scene, int64_t count, int32_t below)
{
    size_t bytes = (size_t)count * sizeof(int32_t);
    int32_t *values = malloc(bytes);
    if (!values) fail(scene, "whole numbers", bytes);
    for (int64_t i = 0; values && i < count; i++)
        values[i] = (int32_t)((uint32_t)i * 2654435761u % (uint32_t)below);
    int32_t *array = values ? ft_bench_array(scene, values, bytes) : NULL;
    free(values);
    return array;
}

ft_weight *ft_bench_scene_weight(ft_bench_scene *scene, int32_t out, int32_t in)
{
    if (scene->status == FT_OK)
        scene->status = ft_bench_weight(scene->backend, out, in, true, &scene->weight, &scene->error);
    scene->op.bytes += (double)out * in * (double)ft_dtype_bytes(scene->backend->matrix);
    return scene->weight;
}

ft_adapter_batch ft_bench_batch(ft_bench_scene *scene, int32_t n_adapters)
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
    batch.sequence_start = ft_bench_array(scene, start, sizeof start);
    if (adapter_of)
        batch.adapter_of = ft_bench_array(scene, adapter_of, (size_t)n_sequences * sizeof *adapter_of);
    batch.seed = batch.step = ft_bench_array(scene, numbers, sizeof numbers);
    batch.model_dropout = batch.lora_dropout = ft_bench_array(scene, dropout, sizeof dropout);
    batch.lora_scale = ft_bench_array(scene, scale, sizeof scale);
    free(adapter_of);
    return batch;
}

void ft_bench_shape(ft_bench_scene *scene, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(scene->op.shape, sizeof scene->op.shape, format, args);
    va_end(args);
}

void ft_bench_run_case(ft_backend *backend, const ft_bench_job *job, const ft_model_config *config,
                       const char *size, const ft_bench_case *c, ft_bench_op *op, ft_bench_seconds *seconds)
{
    ft_bench_scene scene = {.backend = backend, .job = job, .config = config};
    *seconds = (ft_bench_seconds){0, 0};
    scene.op = (ft_bench_op){.operation = c->operation, .size = size, .place = c->place};
    ft_bench_clock_start(&scene.clock, backend, job->steps, 0.01);
    c->run(&scene, c->variant);
    ft_status timed = ft_bench_clock_stop(&scene.clock, seconds, &scene.op.failure);
    if (scene.status != FT_OK) scene.op.failure = scene.error;
    if (scene.status == FT_OK && timed == FT_OK) scene.op.seconds = seconds->median;
    if (scene.weight) backend->free_weight(backend, scene.weight);
    for (int i = 0; i < scene.n_blocks; i++) backend->release(backend, scene.blocks[i]);
    *op = scene.op;
}
