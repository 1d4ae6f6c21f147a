/* The measurements of `ftgpu bench` as JSON objects, from which tables are printed too. */
#ifndef FT_HOST_PROGRAM_BENCH_FIGURES_H
#define FT_HOST_PROGRAM_BENCH_FIGURES_H

#include <cjson/cJSON.h>

#include "host/bench_ops.h"

/* Each is the caller's, or NULL when memory runs out. */

/* A job: seconds, tokens_per_second, gflops, matrix_peak_gflops, fraction_of_peak, peak_rss_bytes, and the
 * FLOP count by part. */
cJSON *ft_bench_job_json(const ft_backend *backend, const ft_bench_job *job, const ft_bench_figures *figures);
/* A list of products: product, rows, in_features, out_features, forward_gflops, backward_gflops. */
cJSON *ft_bench_products_json(const ft_bench_product *products, int count);

/* A list of operations, each: operation, size, place, shape, seconds, gflops, gb_per_s, limit ("bytes" or
 * "flops"), fraction_of_floor (1: as fast as the device can be). It begins with the two limits themselves. */
cJSON *ft_bench_limits_json(const ft_bench_limits *limits);
bool ft_bench_add_op(cJSON *list, const ft_bench_op *op, const ft_bench_limits *limits);

#endif
