/* Whole jobs against the machine's matrix rate, on a fresh model: what `ftgpu bench` prints. */
#ifndef FT_HOST_BENCH_H
#define FT_HOST_BENCH_H

#include <cjson/cJSON.h>

#include "host/engine.h"

typedef struct ft_bench_job {
    const char *size; /* nano ... large */
    int64_t steps;    /* timed ones, after one that is not; of forecasts: repetitions */
    int64_t batch_size, context_length, prediction_length; /* of a training step */
    int64_t lora_rank;
    int64_t n_series, num_samples; /* of forecasts, with the lengths above */
} ft_bench_job;

extern const ft_bench_job
    ft_bench_default; /* small; batch 8, context 512, prediction 64; LoRA r 8; 32 series, 20 samples */

/* The figures as an object: seconds (median), tokens_per_second, gflops, matrix_peak_gflops,
 * fraction_of_peak, peak_rss_bytes, the FLOP count by part. The caller's. */
ft_status ft_bench_train(ft_engine *engine, const ft_bench_job *job, cJSON **figures, ft_error *err);
ft_status ft_bench_forecast(ft_engine *engine, const ft_bench_job *job, cJSON **figures, ft_error *err);
/* A list: each matrix product of the training step and of a decoding step, with its rate. */
ft_status ft_bench_gemm(ft_engine *engine, const ft_bench_job *job, cJSON **figures, ft_error *err);

#endif
