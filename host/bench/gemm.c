/* Measures the matrix products of the jobs; see bench.h. */
#include <math.h>
#include <string.h>

#include "host/bench/bench.h"
#include "host/bench/clock.h"
#include "host/bench/tensors.h"
#include "model/config.h"

enum { PRODUCTS = 8 };

static ft_status products_of(const ft_bench_job *job, ft_bench_product products[PRODUCTS], ft_error *err)
{
    ft_model_config config;
    ft_status status = ft_config_for_size(job->size, &config, err);
    if (status != FT_OK) return status;
    const int64_t encoder_rows = job->batch_size * (job->context_length + 1),
                  decoder_rows = job->batch_size * (job->prediction_length + 1),
                  paths = job->n_series * job->num_samples;
    const int32_t inner = ft_inner_dim(&config), d = config.d_model, d_ff = config.d_ff;
    const ft_bench_product all[PRODUCTS] = {
        {.name = "encoder qkv", .rows = encoder_rows, .in_features = d, .out_features = 3 * inner},
        {.name = "encoder o", .rows = encoder_rows, .in_features = inner, .out_features = d},
        {.name = "encoder wi", .rows = encoder_rows, .in_features = d, .out_features = d_ff},
        {.name = "encoder wo", .rows = encoder_rows, .in_features = d_ff, .out_features = d},
        {.name = "decoder wi", .rows = decoder_rows, .in_features = d, .out_features = d_ff},
        {.name = "head", .rows = decoder_rows, .in_features = d, .out_features = config.vocab_size},
        {.name = "decode step wi", .rows = paths, .in_features = d, .out_features = d_ff},
        {.name = "decode step head", .rows = paths, .in_features = d, .out_features = config.vocab_size},
    };
    memcpy(products, all, sizeof all);
    return FT_OK;
}

/* Allocates and fills a matrix of the product in device memory; data is NULL on
 * failure. */
static ft_status make_operand(ft_backend *backend, int64_t rows, int32_t cols, const char *name,
                              ft_tensor *tensor, ft_error *err)
{
    size_t bytes = (size_t)rows * (size_t)cols * ft_dtype_bytes(backend->matrix);
    *tensor = (ft_tensor){backend->allocate(backend, bytes, err), backend->matrix, rows, cols, cols};
    return tensor->data ? ft_bench_fill(backend, *tensor, name, err) : FT_NO_MEMORY;
}

ft_status ft_bench_measure(ft_backend *backend, ft_bench_product *p, ft_error *err)
{
    enum { BURSTS = 5 };
    const double burst_seconds = 0.002, flop = 2.0 * (double)p->rows * p->in_features * p->out_features;
    ft_tensor x = {0}, y = {0};
    ft_weight *weight = NULL;
    ft_bench_clock clock;
    ft_bench_seconds seconds;
    ft_status status = make_operand(backend, p->rows, p->in_features, "x", &x, err);
    if (status == FT_OK) status = make_operand(backend, p->rows, p->out_features, "y", &y, err);
    if (status == FT_OK)
        status = ft_bench_weight(backend, p->out_features, p->in_features, true, &weight, err);
    if (status == FT_OK) {
        ft_bench_clock_start(&clock, backend, BURSTS, burst_seconds);
        while (ft_bench_again(&clock)) backend->linear_forward(backend, weight, x, y, false);
        status = ft_bench_clock_stop(&clock, &seconds, err);
    }
    if (status == FT_OK) {
        p->forward = flop / seconds.least;
        ft_bench_clock_start(&clock, backend, BURSTS, burst_seconds);
        while (ft_bench_again(&clock)) backend->linear_backward(backend, weight, y, x, false);
        status = ft_bench_clock_stop(&clock, &seconds, err);
    }
    if (status == FT_OK) p->backward = flop / seconds.least;
    if (weight) backend->free_weight(backend, weight);
    if (x.data) backend->release(backend, x.data);
    if (y.data) backend->release(backend, y.data);
    return status;
}

ft_status ft_bench_gemm(ft_bench_device *device, const ft_bench_job *job,
                        void (*report)(void *context, const ft_bench_product *product), void *context,
                        ft_error *err)
{
    ft_bench_product products[PRODUCTS];
    ft_status status = products_of(job, products, err);
    for (int i = 0; i < PRODUCTS && status == FT_OK; i++) {
        ft_status measured = ft_bench_measure(device->backend, &products[i], &products[i].failure);
        report(context, &products[i]);
        if (measured != FT_OK) status = ft_bench_recover(device, err);
    }
    return status;
}

ft_status ft_bench_matrix_peak(ft_backend *backend, const ft_bench_job *job, double *rate, ft_error *err)
{
    ft_bench_product products[PRODUCTS];
    ft_status status = products_of(job, products, err);
    *rate = 0;
    for (int i = 0; i < PRODUCTS && status == FT_OK; i++) {
        status = ft_bench_measure(backend, &products[i], err);
        *rate = fmax(*rate, fmax(products[i].forward, products[i].backward));
    }
    return status;
}
