/* The measurements of `ftgpu bench` and the model's check on GPU 0, linked without
 * oneDNN, cJSON and zlib: for bench/gpu_check.sh.
 *
 *   gpu_bench device                        the GPU's name
 *   gpu_bench check nano|small [f32|bf16]   whether the whole model is right:
 *                                           model_check.h
 *   gpu_bench ops SIZE JOB [SKIP]           every operation at the shapes of one model
 *                                           size, but for the first SKIP
 *   gpu_bench WHAT[,WHAT] SIZE JOB          WHAT: train or forecast; one model for all
 *
 * JOB: batch sizes (as 8 or 8,64; each is trained with; forecasts have none, operations
 * the first), context length, prediction length, series, samples. In bf16. Output: lines
 * of tab-separated values, each as soon as it is measured. A job: what, size, batch size,
 * seconds, tokens a second, TFLOP/s, TFLOP/s of the matrix products, fraction, of
 * training the share of a step in which the device waits for the host. An operation:
 * name, size, place, shape, microseconds, GB/s, TFLOP/s, what limits it, fraction of the
 * floor. The first two operations are the limits. What fails has empty values and one
 * more, the reason; the rest goes on with a new backend.
 *
 * Exit status: 0 all was measured, 1 some failed, 2 wrong usage or a device that does not
 * work, 3 the device was lost: what failed last left it so that this process can measure
 * nothing more. Another process can. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gpu_check/model_check.h"
#include "host/bench/ops.h"

enum { DONE, SOME_FAILED, UNUSABLE, LOST, MOST_BATCHES = 8 };

typedef struct command {
    bool ops, trains, forecasts;
    ft_bench_job job; /* with the first batch size */
    int64_t batch_sizes[MOST_BATCHES], skip;
    int n_batches;
} command;

/* -- operations -- */

static void print_op(void *context, const ft_bench_op *op, const ft_bench_limits *limits)
{
    int *exit_status = context;
    printf("%s\t%s\t%s\t%s\t", op->operation, op->size, op->place, op->shape);
    if (op->failure.message[0]) {
        *exit_status = SOME_FAILED;
        printf("\t\t\t\t\t%s\n", op->failure.message);
    } else {
        bool by_bytes;
        double floor = ft_bench_floor(op, limits, &by_bytes);
        printf("%.4g\t%.4g\t%.4g\t%s\t", op->seconds * 1e6, op->bytes / op->seconds / 1e9,
               op->flops / op->seconds / 1e12, by_bytes ? "bytes" : "flops");
        if (floor > 0) printf("%.4g", floor / op->seconds);
        printf("\n");
    }
    fflush(stdout);
}

/* -- jobs -- */

typedef ft_status job_function(ft_backend *backend, const ft_weights *weights, const ft_bench_job *job,
                               ft_bench_figures *figures, ft_error *err);

/* Measures a job and prints its line; `batch` is its batch size in words. Fails where
 * the device is lost. */
static ft_status run_job(ft_bench_device *device, job_function *run, const char *what, const char *batch,
                         const ft_weights *weights, const ft_bench_job *job, int *exit_status, ft_error *err)
{
    ft_bench_figures figures = {0};
    ft_error failure = {""};
    ft_status status = run(device->backend, weights, job, &figures, &failure);
    printf("%s\t%s\t%s\t", what, job->size, batch);
    if (status == FT_OK) {
        double rate = ft_flops_total(&figures.flops) / figures.seconds;
        printf("%.4g\t%.5g\t%.4g\t%.4g\t%.4g\t", figures.seconds, figures.tokens / figures.seconds,
               rate / 1e12, figures.matrix_peak / 1e12, rate / figures.matrix_peak);
        if (run == ft_bench_train) printf("%.4g", figures.host_share);
        printf("\n");
    } else {
        *exit_status = SOME_FAILED;
        printf("\t\t\t\t\t\t%s\n", failure.message);
    }
    fflush(stdout);
    return status == FT_OK ? FT_OK : ft_bench_recover(device, err);
}

static ft_status run_jobs(ft_bench_device *device, const command *c, int *exit_status, ft_error *err)
{
    ft_weights *weights = NULL;
    ft_bench_job job = c->job;
    ft_status status = ft_bench_weights(job.size, &weights, err);
    for (int i = 0; i < c->n_batches && c->trains && status == FT_OK; i++) {
        char batch[24];
        job.batch_size = c->batch_sizes[i];
        snprintf(batch, sizeof batch, "%lld", (long long)job.batch_size);
        status = run_job(device, ft_bench_train, "train", batch, weights, &job, exit_status, err);
    }
    if (status == FT_OK && c->forecasts)
        status = run_job(device, ft_bench_forecast, "forecast", "", weights, &c->job, exit_status, err);
    ft_weights_free(weights);
    return status;
}

/* -- the command line -- */

/* A whole number above 0, and what comes after it. */
static bool take_number(const char **text, int64_t *number)
{
    char *end;
    *number = strtoll(*text, &end, 10);
    bool good = end != *text && *number > 0 && *number < 1 << 20;
    *text = end;
    return good;
}

static bool parse_batches(const char *text, command *c)
{
    do {
        if (c->n_batches == MOST_BATCHES || !take_number(&text, &c->batch_sizes[c->n_batches++]))
            return false;
    } while (*text++ == ',');
    c->job.batch_size = c->batch_sizes[0];
    return text[-1] == '\0';
}

/* The words of a list. */
static bool parse_what(const char *text, command *c)
{
    c->ops = strcmp(text, "ops") == 0;
    while (!c->ops) {
        size_t length = strcspn(text, ",");
        if (length == 5 && memcmp(text, "train", length) == 0)
            c->trains = true;
        else if (length == 8 && memcmp(text, "forecast", length) == 0)
            c->forecasts = true;
        else
            return false;
        if (text[length] == '\0') break;
        text += length + 1;
    }
    return true;
}

static bool parse(int argc, char **argv, command *c)
{
    int64_t *numbers[] = {&c->job.context_length, &c->job.prediction_length, &c->job.n_series,
                          &c->job.num_samples, &c->skip};
    if (argc < 8 || argc > 9 || !parse_what(argv[1], c) || !parse_batches(argv[3], c)) return false;
    if (argc == 9 && !c->ops) return false;
    c->job.size = argv[2];
    for (int i = 4; i < argc; i++) {
        const char *text = argv[i];
        if (!take_number(&text, numbers[i - 4]) || *text) return false;
    }
    return true;
}

static ft_status reopen(void *context, ft_backend **backend, ft_error *err)
{
    (void)context;
    if (*backend) (*backend)->free(*backend);
    *backend = NULL;
    return ft_cuda_create(0, FT_BF16, backend, err);
}

/* -- the model's check, which opens backends of both types by itself -- */

static ft_status create_gpu(ft_dtype dtype, ft_backend **backend, ft_error *err)
{
    return ft_cuda_create(0, dtype, backend, err);
}

static bool parse_check(int argc, char **argv, model_check_scene *scene)
{
    if (argc < 3 || argc > 4 || strcmp(argv[1], "check") != 0) return false;
    const model_check_scene *found = model_check_scene_of(argv[2]);
    if (found) *scene = *found;
    if (argc == 4) scene->skip_f32 = strcmp(argv[3], "bf16") == 0;
    if (argc == 4) scene->skip_bf16 = strcmp(argv[3], "f32") == 0;
    return found && (argc == 3 || scene->skip_f32 || scene->skip_bf16);
}

static int check_model(const model_check_scene *scene)
{
    ft_error err = {""};
    int status = model_check(scene, create_gpu, stdout, &err);
    if (status == UNUSABLE) fprintf(stderr, "gpu_bench: %s\n", err.message);
    return status;
}

int main(int argc, char **argv)
{
    model_check_scene scene;
    if (parse_check(argc, argv, &scene)) return check_model(&scene);
    command c = {.job = ft_bench_default};
    ft_bench_device device = {NULL, reopen, NULL};
    ft_error err = {""};
    int exit_status = DONE;
    bool names = argc == 2 && strcmp(argv[1], "device") == 0;
    if (!names && !parse(argc, argv, &c)) {
        fputs("usage: gpu_bench device | check nano|small [f32|bf16] | "
              "ops SIZE BATCH CONTEXT PREDICTION SERIES SAMPLES [SKIP] | "
              "train,forecast SIZE BATCH[,BATCH] CONTEXT PREDICTION SERIES SAMPLES\n",
              stderr);
        return UNUSABLE;
    }
    ft_status status = ft_cuda_create(0, FT_BF16, &device.backend, &err);
    if (status != FT_OK) {
        exit_status = UNUSABLE;
    } else if (names) {
        printf("%s\n", device.backend->device);
    } else {
        status = c.ops ? ft_bench_ops(&device, &c.job, NULL, c.skip, print_op, &exit_status, &err)
                       : run_jobs(&device, &c, &exit_status, &err);
        if (status != FT_OK) exit_status = status == FT_BAD_INPUT ? UNUSABLE : LOST;
    }
    if (device.backend) device.backend->free(device.backend);
    if (status != FT_OK) fprintf(stderr, "gpu_bench: %s\n", err.message);
    return exit_status;
}
