/* What all backends share: T5's relative-position buckets, and host values in and out of
 * tensors of any type. */
#include "kernels/backend.h"

#include <math.h>
#include <stdlib.h>

#include "base/bf16.h"

#define NAME(name) #name,
const char *const ft_operation_names[FT_N_OPERATIONS] = {FT_OPERATIONS(NAME)};

/* Half of the buckets are exact distances, the others grow logarithmically up to
 * max_distance. The float arithmetic (logarithm in f32, divisor rounded to f32,
 * truncation) is torch's, since a bucket's edge may fall on a whole number. */
int32_t ft_relative_bucket(int32_t distance, bool bidirectional, int32_t n_buckets, int32_t max_distance)
{
    int32_t bucket = 0;
    int64_t away = distance;
    if (bidirectional) {
        n_buckets /= 2;
        if (away > 0) bucket = n_buckets;
        if (away < 0) away = -away;
    } else {
        away = away < 0 ? -away : 0;
    }
    int32_t max_exact = n_buckets / 2;
    if (away < max_exact) return bucket + (int32_t)away;
    const int32_t last = n_buckets - 1;
    if (n_buckets < 2) return bucket;
    if (away >= max_distance) return bucket + last; /* most distances: no logarithms */
    float growth = logf((float)away / (float)max_exact) / (float)log((double)max_distance / max_exact);
    float steps = growth * (float)(n_buckets - max_exact);
    int32_t large = max_exact + (int32_t)steps;
    return bucket + (large < last ? large : last);
}

static void encode(ft_dtype dtype, void *to, const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) switch (dtype) {
        case FT_F32:
            ((float *)to)[i] = values[i];
            break;
        case FT_F64:
            ((double *)to)[i] = (double)values[i];
            break;
        case FT_BF16:
            ((uint16_t *)to)[i] = ft_bf16_from_float(values[i]);
            break;
        }
}

static void decode(ft_dtype dtype, const void *from, float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) switch (dtype) {
        case FT_F32:
            values[i] = ((const float *)from)[i];
            break;
        case FT_F64:
            values[i] = (float)((const double *)from)[i];
            break;
        case FT_BF16:
            values[i] = ft_bf16_to_float(((const uint16_t *)from)[i]);
            break;
        }
}

/* A tensor without gaps is one long row: one transfer instead of many. */
static ft_tensor joined(ft_tensor tensor)
{
    if (tensor.stride == tensor.cols || tensor.rows == 1) {
        tensor.cols *= tensor.rows;
        tensor.rows = tensor.cols > 0;
        tensor.stride = tensor.cols;
    }
    return tensor;
}

ft_status ft_write_tensor(ft_backend *backend, ft_tensor tensor, const float *values, ft_error *err)
{
    tensor = joined(tensor);
    size_t size = ft_dtype_bytes(tensor.dtype), bytes = (size_t)tensor.cols * size;
    char *row_values = malloc(bytes + 1);
    if (!row_values) return ft_no_memory(err, "a transfer to the device", bytes);
    for (int64_t row = 0; row < tensor.rows; row++) {
        encode(tensor.dtype, row_values, values + row * tensor.cols, tensor.cols);
        backend->to_device(backend, ft_row_address(tensor, row), row_values, bytes);
    }
    free(row_values);
    return FT_OK;
}

ft_status ft_read_tensor(ft_backend *backend, ft_tensor tensor, float *values, ft_error *err)
{
    tensor = joined(tensor);
    size_t size = ft_dtype_bytes(tensor.dtype), bytes = (size_t)tensor.cols * size;
    char *row_values = malloc(bytes + 1);
    if (!row_values) return ft_no_memory(err, "a transfer from the device", bytes);
    for (int64_t row = 0; row < tensor.rows; row++) {
        backend->to_host(backend, row_values, ft_row_address(tensor, row), bytes);
        decode(tensor.dtype, row_values, values + row * tensor.cols, tensor.cols);
    }
    free(row_values);
    return FT_OK;
}
