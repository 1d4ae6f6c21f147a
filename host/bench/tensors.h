/* Random tensors and weights for measurements, normally distributed as a model's are.
 * A GPU multiplies zeros and simple patterns faster, since fewer bits change and its
 * clock stays higher. */
#ifndef FT_HOST_BENCH_TENSORS_H
#define FT_HOST_BENCH_TENSORS_H

#include "kernels/backend.h"

/* Fills a tensor with standard normal numbers; the same name gives the same numbers. */
ft_status ft_bench_fill(ft_backend *backend, ft_tensor tensor, const char *name, ft_error *err);

/* A weight (out_features, in_features) with standard deviation 1 / sqrt(in_features),
 * so that y = x w^T has the deviation of x. */
ft_status ft_bench_weight(ft_backend *backend, int32_t out_features, int32_t in_features, bool with_backward,
                          ft_weight **weight, ft_error *err);

#endif
