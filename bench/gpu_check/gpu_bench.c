/* What bench/gpu_check.sh measures on GPU 0: `ftgpu bench` without the program and the libraries that it
 * needs.
 *
 *   gpu_bench device                 the GPU's name
 *   gpu_bench ops SIZE JOB           every operation at the shapes of one model size
 *   gpu_bench train|forecast SIZE JOB
 *   gpu_bench check nano|small       whether the whole model is right: model_check.h
 *
 * JOB: five numbers, batch size, context length, prediction length, series, samples. In bf16. Output: lines
 * of tab-separated values; a job is one line: what, size, seconds, tokens a second, TFLOP/s, TFLOP/s of the
 * matrix products, fraction. An operation: name, size, place, shape, microseconds, GB/s, TFLOP/s, what limits
 * it, fraction of the floor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gpu_check/model_check.h"
#include "host/bench_ops.h"

static ft_bench_limits limits;

static void print_op(void *context, const ft_bench_op *op)
{
    bool by_bytes;
    double floor = ft_bench_floor(op, &limits, &by_bytes);
    (void)context;
    printf("%s\t%s\t%s\t%s\t%.4g\t%.4g\t%.4g\t%s\t%.4g\n", op->operation, op->size, op->place, op->shape,
           op->seconds * 1e6, op->bytes / op->seconds / 1e9, op->flops / op->seconds / 1e12,
           by_bytes ? "bytes" : "flops", floor / op->seconds);
    fflush(stdout);
}

static ft_status run_ops(ft_backend *backend, const ft_bench_job *job, ft_error *err)
{
    ft_status status = ft_bench_measure_limits(backend, &limits, err);
    if (status != FT_OK) return status;
    printf("copy\t\tlimit\t\t\t%.4g\t\tbytes\t1\n", limits.bytes_per_second / 1e9);
    printf("matrix product\t\tlimit\tbf16\t\t\t%.4g\tflops\t1\n", limits.flops_per_second / 1e12);
    return ft_bench_ops(backend, job, NULL, print_op, NULL, err);
}

static ft_status run_job(ft_backend *backend, const char *what, const ft_bench_job *job, ft_error *err)
{
    ft_bench_figures figures = {0};
    ft_status status =
        (strcmp(what, "train") == 0 ? ft_bench_train : ft_bench_forecast)(backend, job, &figures, err);
    if (status != FT_OK) return status;
    double rate = ft_flops_total(&figures.flops) / figures.seconds;
    printf("%s\t%s\t%.4g\t%.5g\t%.4g\t%.4g\t%.4g\n", what, job->size, figures.seconds,
           figures.tokens / figures.seconds, rate / 1e12, figures.matrix_peak / 1e12,
           rate / figures.matrix_peak);
    return FT_OK;
}

static ft_status create_gpu(ft_dtype dtype, ft_backend **backend, ft_error *err)
{
    return ft_cuda_create(0, dtype, backend, err);
}

static int check_model(const model_check_scene *scene)
{
    ft_error err = {""};
    int status = model_check(scene, create_gpu, stdout, &err);
    if (status == 2) fprintf(stderr, "gpu_bench: %s\n", err.message);
    return status;
}

int main(int argc, char **argv)
{
    const model_check_scene *scene =
        argc == 3 && strcmp(argv[1], "check") == 0 ? model_check_scene_of(argv[2]) : NULL;
    if (scene) return check_model(scene);
    ft_bench_job job = ft_bench_default;
    ft_backend *backend = NULL;
    ft_error err = {""};
    bool names = argc == 2 && strcmp(argv[1], "device") == 0;
    int64_t *numbers[] = {&job.batch_size, &job.context_length, &job.prediction_length, &job.n_series,
                          &job.num_samples};
    for (int i = 0; i < 5 && argc == 8; i++) *numbers[i] = atoi(argv[3 + i]);
    bool good = names || argc == 8;
    for (int i = 0; i < 5; i++) good = good && *numbers[i] > 0;
    if (!good) {
        fputs("usage: gpu_bench device | ops|train|forecast SIZE BATCH CONTEXT PREDICTION SERIES SAMPLES | "
              "check "
              "nano|small\n",
              stderr);
        return 2;
    }
    ft_status status = ft_cuda_create(0, FT_BF16, &backend, &err);
    if (status == FT_OK) {
        if (!names) job.size = argv[2];
        if (names)
            printf("%s\n", backend->device);
        else if (strcmp(argv[1], "ops") == 0)
            status = run_ops(backend, &job, &err);
        else
            status = run_job(backend, argv[1], &job, &err);
        backend->free(backend);
    }
    if (status == FT_OK) return 0;
    fprintf(stderr, "gpu_bench: %s\n", err.message);
    return 1;
}
