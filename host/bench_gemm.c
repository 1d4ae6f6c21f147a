/* The matrix products of the jobs, one by one; see bench.h. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "host/bench.h"
#include "model/config.h"

enum { REPETITIONS = 5 };

static void products_of(const ft_bench_job *job, const ft_model_config *c,
                        ft_bench_product products[FT_BENCH_PRODUCTS])
{
    int64_t encoder_rows = job->batch_size * (job->context_length + 1);
    int64_t decoder_rows = job->batch_size * (job->prediction_length + 1),
            paths = job->n_series * job->num_samples;
    int32_t inner = ft_inner_dim(c);
    const ft_bench_product all[FT_BENCH_PRODUCTS] = {
        {"encoder qkv", encoder_rows, c->d_model, 3 * inner, 0, 0},
        {"encoder o", encoder_rows, inner, c->d_model, 0, 0},
        {"encoder wi", encoder_rows, c->d_model, c->d_ff, 0, 0},
        {"encoder wo", encoder_rows, c->d_ff, c->d_model, 0, 0},
        {"decoder wi", decoder_rows, c->d_model, c->d_ff, 0, 0},
        {"head", decoder_rows, c->d_model, c->vocab_size, 0, 0},
        {"decode step wi", paths, c->d_model, c->d_ff, 0, 0},
        {"decode step head", paths, c->d_model, c->vocab_size, 0, 0},
    };
    memcpy(products, all, sizeof all);
}

/* Best rates of both directions over a few repetitions. */
static ft_status measure(ft_backend *backend, ft_bench_product *p, ft_error *err)
{
    size_t n_weights = (size_t)p->in_features * (size_t)p->out_features;
    size_t bytes = ft_dtype_bytes(backend->matrix);
    float *w = malloc(n_weights * sizeof *w);
    ft_weight *weight = NULL;
    void *x = backend->allocate(backend, (size_t)p->rows * (size_t)p->in_features * bytes, err);
    void *y = backend->allocate(backend, (size_t)p->rows * (size_t)p->out_features * bytes, err);
    ft_status status = FT_OK;
    if (!w || !x || !y) status = ft_no_memory(err, "a matrix product", n_weights * sizeof *w);
    for (size_t i = 0; i < n_weights && status == FT_OK; i++) w[i] = (float)(i % 17) * 0.01f;
    if (status == FT_OK)
        status = backend->prepare_weight(backend, w, p->out_features, p->in_features, true, &weight, err);
    if (status == FT_OK) {
        backend->zero(backend, x, (size_t)p->rows * (size_t)p->in_features * bytes);
        ft_tensor tx = {x, backend->matrix, p->rows, p->in_features, p->in_features};
        ft_tensor ty = {y, backend->matrix, p->rows, p->out_features, p->out_features};
        double flop = 2.0 * (double)p->rows * p->in_features * p->out_features;
        for (int i = 0; i <= REPETITIONS && status == FT_OK; i++) {
            double started = ft_now_seconds();
            backend->linear_forward(backend, weight, tx, ty, false);
            status = backend->synchronize(backend, err);
            double between = ft_now_seconds();
            backend->linear_backward(backend, weight, ty, tx, false);
            if (status == FT_OK) status = backend->synchronize(backend, err);
            double ended = ft_now_seconds();
            if (i == 0) continue; /* the first call plans */
            if (flop / (between - started) > p->forward) p->forward = flop / (between - started);
            if (flop / (ended - between) > p->backward) p->backward = flop / (ended - between);
        }
    }
    if (weight) backend->free_weight(backend, weight);
    if (x) backend->release(backend, x);
    if (y) backend->release(backend, y);
    free(w);
    return status;
}

ft_status ft_bench_gemm(ft_backend *backend, const ft_bench_job *job,
                        ft_bench_product products[FT_BENCH_PRODUCTS], ft_error *err)
{
    ft_model_config config;
    ft_status status = ft_config_for_size(job->size, &config, err);
    if (status != FT_OK) return status;
    products_of(job, &config, products);
    for (int i = 0; i < FT_BENCH_PRODUCTS && status == FT_OK; i++)
        status = measure(backend, &products[i], err);
    return status;
}
