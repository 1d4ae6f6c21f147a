/* Whole jobs against the device's matrix rate, on a fresh model: what `ftgpu bench`
 * and bench/gpu_check.sh print. */
#ifndef FT_HOST_BENCH_BENCH_H
#define FT_HOST_BENCH_BENCH_H

#include "host/bench/device.h"
#include "model/chronos.h"
#include "model/flops.h"

typedef struct ft_bench_job {
    const char *size; /* nano ... large */
    int64_t steps;    /* timed ones, after one that is not; of forecasts: repetitions */
    int64_t batch_size, context_length, prediction_length; /* of a training step */
    int64_t lora_rank;
    int64_t n_series, num_samples; /* of forecasts, with the lengths above */
} ft_bench_job;

extern const ft_bench_job
    ft_bench_default; /* small; batch 8, context 512, prediction 64; LoRA r 8; 32 series, 20 samples */

typedef struct ft_bench_figures {
    double seconds; /* the median */
    double tokens;  /* read and written in that time */
    double
        matrix_peak; /* the best rate, in FLOP/s, over the products of a training step and a decoding step */
    ft_flops flops;  /* counted, by part */
} ft_bench_figures;

/* Training steps on noise without padding, of a job's steps, batch and lengths: the
 * seconds of each, (steps), after one that is not timed. */
ft_status ft_bench_steps(ft_chronos *chronos, const ft_adapter *adapter, const ft_bench_job *job,
                         double *seconds, ft_error *err);

/* Fresh weights of a size, the caller's, which all jobs of that size share: drawing
 * them takes seconds. */
ft_status ft_bench_weights(const char *size, ft_weights **weights, ft_error *err);
/* A whole job on fresh weights of its size. */
ft_status ft_bench_train(ft_backend *backend, const ft_weights *weights, const ft_bench_job *job,
                         ft_bench_figures *figures, ft_error *err);
ft_status ft_bench_forecast(ft_backend *backend, const ft_weights *weights, const ft_bench_job *job,
                            ft_bench_figures *figures, ft_error *err);

/* A matrix product of the training step or of a decoding step, with its rates in
 * FLOP/s. */
typedef struct ft_bench_product {
    const char *name;
    int64_t rows;
    int32_t in_features, out_features;
    double forward, backward; /* y = x w^T, dx = dy w; the best of a few bursts */
    ft_error failure;         /* "", or why there are no rates */
} ft_bench_product;

/* Calls `report` with each product of the jobs, also with those that fail. Fails where
 * none could be measured any more (ft_bench_recover). */
ft_status ft_bench_gemm(ft_bench_device *device, const ft_bench_job *job,
                        void (*report)(void *context, const ft_bench_product *product), void *context,
                        ft_error *err);
/* The best rate, in FLOP/s, over these products. */
ft_status ft_bench_matrix_peak(ft_backend *backend, const ft_bench_job *job, double *rate, ft_error *err);
/* Measures one product. */
ft_status ft_bench_measure(ft_backend *backend, ft_bench_product *product, ft_error *err);

#endif
