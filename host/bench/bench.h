/* Times whole jobs (training steps, forecasts) of a fresh model and the device's
 * matrix rate: what `ftgpu bench` and bench/gpu_check.sh print. */
#ifndef FT_HOST_BENCH_BENCH_H
#define FT_HOST_BENCH_BENCH_H

#include "host/bench/device.h"
#include "model/chronos.h"
#include "model/flops.h"

typedef struct ft_bench_job {
    const char *size; /* nano ... large */
    int64_t steps;    /* timed steps, after an untimed one; for forecasts: repetitions */
    int64_t batch_size, context_length, prediction_length; /* of a training step */
    int64_t lora_rank;
    int64_t n_series, num_samples; /* of forecasts, with the lengths above */
} ft_bench_job;

/* size small; batch 8, context 512, prediction 64; LoRA rank 8; 32 series, 20 samples */
extern const ft_bench_job ft_bench_default;

typedef struct ft_bench_figures {
    double seconds; /* median of the timed steps */
    double tokens;  /* encoder and decoder tokens of one step */
    /* the best rate, in FLOP/s, over the matrix products of a training step and a
     * decoding step */
    double matrix_peak;
    ft_flops flops;    /* counted, by part */
    double host_share; /* of a training step, see host_share.h */
} ft_bench_figures;

/* Times training steps on random tokens with the job's batch and lengths. seconds:
 * (job->steps), after one untimed step. */
ft_status ft_bench_steps(ft_chronos *chronos, const ft_adapter *adapter, const ft_bench_job *job,
                         double *seconds, ft_error *err);

/* Fresh weights of a size, for all jobs of that size: drawing them takes seconds. The
 * caller owns them. */
ft_status ft_bench_weights(const char *size, ft_weights **weights, ft_error *err);
/* _train and _forecast time a whole job on these weights. */
ft_status ft_bench_train(ft_backend *backend, const ft_weights *weights, const ft_bench_job *job,
                         ft_bench_figures *figures, ft_error *err);
ft_status ft_bench_forecast(ft_backend *backend, const ft_weights *weights, const ft_bench_job *job,
                            ft_bench_figures *figures, ft_error *err);

/* A matrix product of a training step or a decoding step, and its measured rates in
 * FLOP/s. */
typedef struct ft_bench_product {
    const char *name;
    int64_t rows;
    int32_t in_features, out_features;
    double forward, backward; /* y = x w^T, and dx = dy w; the best of a few bursts */
    ft_error failure;         /* "", or why it could not be measured */
} ft_bench_product;

/* Measures each product of the jobs and calls `report` with it, also if it failed.
 * Fails if no product could be measured any more (ft_bench_recover). */
ft_status ft_bench_gemm(ft_bench_device *device, const ft_bench_job *job,
                        void (*report)(void *context, const ft_bench_product *product), void *context,
                        ft_error *err);
/* The best rate, in FLOP/s, over these products. */
ft_status ft_bench_matrix_peak(ft_backend *backend, const ft_bench_job *job, double *rate, ft_error *err);
/* Measures one product. */
ft_status ft_bench_measure(ft_backend *backend, ft_bench_product *product, ft_error *err);

#endif
