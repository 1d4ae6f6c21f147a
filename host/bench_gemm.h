/* The matrix rate of a device over the shapes that the jobs have. */
#ifndef FT_HOST_BENCH_GEMM_H
#define FT_HOST_BENCH_GEMM_H

#include "host/bench.h"
#include "model/config.h"

/* The best rate, in GFLOP/s, over the products of the job's training step and decoding step. */
ft_status ft_matrix_peak(ft_engine *engine, const ft_bench_job *job, const ft_model_config *config,
                         double *gflops, ft_error *err);

#endif
