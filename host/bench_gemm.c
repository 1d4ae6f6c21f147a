/* The matrix rate of a device over the shapes that the jobs have; see bench_gemm.h. */
#include "host/bench_gemm.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* One product y = x w^T (or dx = dy w): (rows, in_features) times (in_features, out_features). */
typedef struct product {
    const char *name;
    int64_t rows;
    int32_t in_features, out_features;
} product;
enum { N_PRODUCTS = 8, REPETITIONS = 5 };

static void products_of(const ft_bench_job *job, const ft_model_config *c, product products[N_PRODUCTS])
{
    int64_t encoder_rows = job->batch_size * (job->context_length + 1);
    int64_t decoder_rows = job->batch_size * (job->prediction_length + 1),
            paths = job->n_series * job->num_samples;
    int32_t inner = ft_inner_dim(c);
    const product all[N_PRODUCTS] = {
        {"encoder qkv", encoder_rows, c->d_model, 3 * inner},
        {"encoder o", encoder_rows, inner, c->d_model},
        {"encoder wi", encoder_rows, c->d_model, c->d_ff},
        {"encoder wo", encoder_rows, c->d_ff, c->d_model},
        {"decoder wi", decoder_rows, c->d_model, c->d_ff},
        {"head", decoder_rows, c->d_model, c->vocab_size},
        {"decode step wi", paths, c->d_model, c->d_ff},
        {"decode step head", paths, c->d_model, c->vocab_size},
    };
    memcpy(products, all, sizeof all);
}

/* Best rates of both directions over a few repetitions. */
static ft_status measure(ft_backend *backend, const product *p, double *forward, double *backward,
                         ft_error *err)
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
    *forward = *backward = 0;
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
            if (flop / (between - started) > *forward) *forward = flop / (between - started);
            if (flop / (ended - between) > *backward) *backward = flop / (ended - between);
        }
    }
    if (weight) backend->free_weight(backend, weight);
    if (x) backend->release(backend, x);
    if (y) backend->release(backend, y);
    free(w);
    return status;
}

ft_status ft_matrix_peak(ft_engine *engine, const ft_bench_job *job, const ft_model_config *config,
                         double *gflops, ft_error *err)
{
    product products[N_PRODUCTS];
    ft_status status = FT_OK;
    products_of(job, config, products);
    *gflops = 0;
    for (int i = 0; i < N_PRODUCTS && status == FT_OK; i++) {
        double forward, backward;
        status = measure(engine->backend, &products[i], &forward, &backward, err);
        if (forward / 1e9 > *gflops) *gflops = forward / 1e9;
        if (backward / 1e9 > *gflops) *gflops = backward / 1e9;
    }
    return status;
}

ft_status ft_bench_gemm(ft_engine *engine, const ft_bench_job *job, cJSON **figures, ft_error *err)
{
    ft_model_config config;
    product products[N_PRODUCTS];
    ft_status status = ft_config_for_size(job->size, &config, err);
    if (status != FT_OK) return status;
    products_of(job, &config, products);
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < N_PRODUCTS && status == FT_OK; i++) {
        double forward, backward;
        status = measure(engine->backend, &products[i], &forward, &backward, err);
        if (status != FT_OK) break;
        cJSON *o = cJSON_CreateObject();
        bool ok = o && cJSON_AddStringToObject(o, "product", products[i].name) &&
                  cJSON_AddNumberToObject(o, "rows", (double)products[i].rows) &&
                  cJSON_AddNumberToObject(o, "in_features", products[i].in_features) &&
                  cJSON_AddNumberToObject(o, "out_features", products[i].out_features) &&
                  cJSON_AddNumberToObject(o, "forward_gflops", forward / 1e9) &&
                  cJSON_AddNumberToObject(o, "backward_gflops", backward / 1e9) &&
                  cJSON_AddItemToArray(list, o);
        if (!ok) status = ft_no_memory(err, "the figures", 1024);
    }
    if (status == FT_OK)
        *figures = list;
    else
        cJSON_Delete(list);
    return status;
}
