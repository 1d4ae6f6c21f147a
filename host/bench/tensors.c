/* Random tensors and weights; see tensors.h. */
#include "host/bench/tensors.h"

#include <math.h>
#include <stdlib.h>

#include "model/initial_values.h"

static float *draw(size_t count, double deviation, const char *name, ft_error *err)
{
    float *values = malloc(count * sizeof *values + 1);
    const ft_normal_values random = ft_normal_values_of(deviation, 1, name);
    if (values)
        ft_fill_normal(&random, values, count);
    else
        ft_no_memory(err, name, count * sizeof *values);
    return values;
}

ft_status ft_bench_fill(ft_backend *backend, ft_tensor tensor, const char *name, ft_error *err)
{
    float *values = draw((size_t)(tensor.rows * tensor.cols), 1, name, err);
    ft_status status = values ? ft_write_tensor(backend, tensor, values, err) : FT_NO_MEMORY;
    free(values);
    return status;
}

ft_status ft_bench_weight(ft_backend *backend, int32_t out_features, int32_t in_features, bool with_backward,
                          ft_weight **weight, ft_error *err)
{
    *weight = NULL;
    float *values = draw((size_t)out_features * (size_t)in_features, 1 / sqrt(in_features), "a weight", err);
    ft_status status = values ? backend->prepare_weight(backend, values, out_features, in_features,
                                                        with_backward, weight, err)
                              : FT_NO_MEMORY;
    free(values);
    return status;
}
