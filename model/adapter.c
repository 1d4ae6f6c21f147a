/* Adapters in memory: their specification, fresh values, merging; see adapter.h. */
#include "model/adapter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "model/adapter_kinds.h"
#include "model/initial_values.h"

float ft_adapter_scale(const ft_adapter_spec *spec)
{
    /* In double, as in Python. */
    double rank = spec->rank;
    return (float)((double)spec->alpha / (spec->use_rslora ? sqrt(rank) : rank));
}

ft_status ft_adapter_check(const ft_adapter_spec *spec, const ft_model_config *config, ft_error *err)
{
    const ft_adapter_properties *kind = &ft_adapter_kinds[spec->kind];
    return kind->check ? kind->check(spec, config, err) : FT_OK;
}

/* Room for one tensor's A and B, which are zero, or its replacement, which is the
 * base's. */
static ft_status create_tensor(const ft_weights *base, int32_t index, ft_adapter *adapter, ft_error *err)
{
    ft_tensor_info info = ft_tensor_describe(&base->config, index);
    size_t rank = (size_t)adapter->spec.rank, rows = (size_t)info.rows, cols = (size_t)info.cols;
    bool is_low_rank = ft_adapter_kinds[adapter->spec.kind].is_low_rank;
    adapter->a[index] = calloc(is_low_rank ? rank * cols : rows * cols, sizeof(float));
    if (is_low_rank) adapter->b[index] = calloc(rows * rank, sizeof(float));
    if (!adapter->a[index] || (is_low_rank && !adapter->b[index]))
        return ft_no_memory(err, ft_tensor_name_of(&base->config, index).text,
                            (is_low_rank ? (rows + cols) * rank : rows * cols) * sizeof(float));
    if (!is_low_rank) memcpy(adapter->a[index], base->tensor[index], rows * cols * sizeof(float));
    return FT_OK;
}

ft_status ft_adapter_create(const ft_adapter_spec *spec, const ft_weights *base, ft_adapter **adapter,
                            ft_error *err)
{
    const ft_model_config *config = &base->config;
    *adapter = NULL;
    ft_status status = ft_adapter_check(spec, config, err);
    if (status) return status;
    size_t count = (size_t)ft_tensor_count(config), bytes = count * sizeof(float *);
    ft_adapter *made = calloc(1, sizeof *made);
    if (!made) return ft_no_memory(err, "an adapter", sizeof *made);
    made->spec = *spec;
    made->config = *config;
    made->a = calloc(1, bytes);
    made->b = calloc(1, bytes);
    if (!made->a || !made->b) status = ft_no_memory(err, "an adapter", 2 * bytes);
    for (int32_t i = 0; status == FT_OK && i < (int32_t)count; i++) {
        ft_tensor_info info = ft_tensor_describe(config, i);
        if (base->tensor[i] && ft_adapter_kinds[spec->kind].trains(&info, spec->targets))
            status = create_tensor(base, i, made, err);
    }
    if (status) {
        ft_adapter_free(made);
        return status;
    }
    *adapter = made;
    return FT_OK;
}

void ft_adapter_free(ft_adapter *adapter)
{
    if (!adapter) return;
    for (int32_t i = 0; i < ft_tensor_count(&adapter->config); i++) {
        if (adapter->a) free(adapter->a[i]);
        if (adapter->b) free(adapter->b[i]);
    }
    free(adapter->a);
    free(adapter->b);
    free(adapter);
}

ft_status ft_adapter_init(const ft_adapter_spec *spec, const ft_weights *base, uint32_t seed,
                          ft_adapter **adapter, ft_error *err)
{
    ft_status status = ft_adapter_create(spec, base, adapter, err);
    if (status || !ft_adapter_kinds[spec->kind].is_low_rank) return status;
    for (int32_t i = 0; i < ft_tensor_count(&base->config); i++) {
        if (!(*adapter)->a[i]) continue;
        ft_tensor_info info = ft_tensor_describe(&base->config, i);
        ft_fill_uniform((*adapter)->a[i], (size_t)spec->rank * (size_t)info.cols,
                        1.0 / sqrt((double)info.cols), seed, ft_tensor_name_of(&base->config, i).text);
    }
    return FT_OK;
}

/* weight += scale * b a. a: (rank, cols), b: (rows, rank). Sums in double; one rounding
 * an element. */
static void add_product(float *weight, const float *a, const float *b, float scale,
                        const ft_tensor_info *info, int32_t rank)
{
    enum { TILE = 256 };
    int64_t cols = info->cols;
    for (int64_t row = 0; row < info->rows; row++)
        for (int64_t first = 0; first < cols; first += TILE) {
            int64_t n = cols - first < TILE ? cols - first : TILE;
            double sum[TILE] = {0};
            float *values = weight + row * cols + first;
            for (int64_t r = 0; r < rank; r++) {
                double factor = (double)b[row * rank + r];
                for (int64_t k = 0; k < n; k++) sum[k] += factor * (double)a[r * cols + first + k];
            }
            for (int64_t k = 0; k < n; k++) values[k] = (float)((double)values[k] + (double)scale * sum[k]);
        }
}

ft_status ft_adapter_merge(const ft_adapter *adapter, ft_weights *weights, ft_error *err)
{
    const ft_model_config *config = &weights->config;
    int32_t count = ft_tensor_count(config);
    bool fits = config->n_encoder_layers == adapter->config.n_encoder_layers &&
                config->n_decoder_layers == adapter->config.n_decoder_layers;
    for (int32_t i = 0; i < count && fits; i++) {
        if (!adapter->a[i]) continue;
        ft_tensor_info mine = ft_tensor_describe(&adapter->config, i), theirs = ft_tensor_describe(config, i);
        fits = weights->tensor[i] && mine.rows == theirs.rows && mine.cols == theirs.cols;
    }
    if (!fits) return ft_fail(err, FT_BAD_INPUT, "the adapter is for a model of another shape");
    bool is_low_rank = ft_adapter_kinds[adapter->spec.kind].is_low_rank;
    float scale = is_low_rank ? ft_adapter_scale(&adapter->spec) : 0.0f;
    for (int32_t i = 0; i < count; i++) {
        if (!adapter->a[i]) continue;
        ft_tensor_info info = ft_tensor_describe(config, i);
        size_t bytes = (size_t)info.rows * (size_t)info.cols * sizeof(float);
        if (is_low_rank)
            add_product(weights->tensor[i], adapter->a[i], adapter->b[i], scale, &info, adapter->spec.rank);
        else
            memcpy(weights->tensor[i], adapter->a[i], bytes);
        /* Other weights have another checksum: combine the old one with the new
         * values. */
        weights->checksum = ft_checksum(weights->checksum, weights->tensor[i], bytes);
    }
    return FT_OK;
}
