/* The measurements of `ftgpu bench` as JSON objects, from which tables are printed
 * too. */
#ifndef FT_CLI_BENCH_FIGURES_H
#define FT_CLI_BENCH_FIGURES_H

#include <cjson/cJSON.h>

#include "host/bench/ops.h"

/* Each is the caller's, or NULL when memory runs out. */

/* A job: seconds, tokens_per_second, gflops, matrix_peak_gflops, fraction_of_peak, if
 * it trains host_share (of a step, in which the device waits for the host),
 * peak_rss_bytes, and the FLOP count by part. */
cJSON *ft_bench_job_json(const ft_backend *backend, const ft_bench_job *job, bool trains,
                         const ft_bench_figures *figures);
/* A product of a list: product, rows, in_features, out_features, forward_gflops,
 * backward_gflops. False when memory runs out. */
bool ft_bench_add_product(cJSON *list, const ft_bench_product *product);

/* An operation of a list: operation, size, place, shape, seconds, gflops, gb_per_s,
 * limit ("bytes" or "flops"), fraction_of_floor (1: as fast as the device can be; null
 * where its limit could not be measured). False when memory runs out. */
bool ft_bench_add_op(cJSON *list, const ft_bench_op *op, const ft_bench_limits *limits);

/* What could not be measured has "failure", in words, in the place of its figures. */

#endif
