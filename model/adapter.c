/* Adapters in memory: their specification, fresh values, merging; see adapter.h. */
#include "model/adapter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "model/initial_values.h"

static const char *const letters[] = {"q", "k", "v", "o", "wi", "wo"};
enum { N_TARGETS = 6 };

uint32_t ft_target_of(const ft_tensor_info *info)
{
    for (int i = 0; info->target && i < N_TARGETS; i++)
        if (!strcmp(info->target, letters[i])) return 1u << i;
    return 0;
}

ft_status ft_targets_parse(const char *text, uint32_t *targets, ft_error *err)
{
    uint32_t found = 0;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, "+,");
        int i = 0;
        while (i < N_TARGETS && (strlen(letters[i]) != length || memcmp(at, letters[i], length) != 0)) i++;
        if (i == N_TARGETS)
            return ft_fail(err, FT_BAD_INPUT,
                           "\"%.100s\": \"%.*s\" is not a target (join some of q, k, v, o, wi, wo by +)",
                           text, (int)(length > 100 ? 100 : length), at);
        found |= 1u << i;
        at += length;
        if (!*at) break;
    }
    *targets = found;
    return FT_OK;
}

void ft_targets_format(uint32_t targets, char out[32])
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < N_TARGETS; i++)
        if (targets >> i & 1u)
            used += (size_t)snprintf(out + used, 32 - used, used ? "+%s" : "%s", letters[i]);
}

float ft_adapter_scale(const ft_adapter_spec *spec)
{
    /* In double, as in Python. */
    double rank = spec->rank;
    return (float)((double)spec->alpha / (spec->use_rslora ? sqrt(rank) : rank));
}

ft_status ft_adapter_check(const ft_adapter_spec *spec, const ft_model_config *config, ft_error *err)
{
    if (spec->kind != FT_LORA) return FT_OK;
    if (spec->targets == 0 || spec->targets >> N_TARGETS)
        return ft_fail(err, FT_BAD_INPUT, "lora_targets: at least one of q, k, v, o, wi, wo is needed");
    if (spec->rank < 1 || spec->rank > FT_MAX_RANK)
        return ft_fail(err, FT_BAD_INPUT, "lora_rank %d: a rank from 1 to %d is needed", (int)spec->rank,
                       FT_MAX_RANK);
    if (!isfinite(spec->alpha)) return ft_fail(err, FT_BAD_INPUT, "lora_alpha: a finite number is needed");
    if (!(spec->dropout >= 0.0f && spec->dropout < 1.0f))
        return ft_fail(err, FT_BAD_INPUT, "dropout_rate %g: a number from 0 to below 1 is needed",
                       (double)spec->dropout);
    /* A decoder's block has all that an encoder's has, and all blocks are alike. */
    int32_t block = ft_block_tensor(config, FT_DECODER, 0, (ft_module)0);
    for (int32_t i = block; i < block + FT_MODULES_PER_BLOCK; i++) {
        ft_tensor_info info = ft_tensor_describe(config, i);
        int32_t smaller = info.rows < info.cols ? info.rows : info.cols;
        if (!(ft_target_of(&info) & spec->targets) || spec->rank <= smaller) continue;
        return ft_fail(err, FT_BAD_INPUT, "lora_rank %d is above %d, the smaller side of target \"%s\"",
                       (int)spec->rank, (int)smaller, info.target);
    }
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
        size_t rank = (size_t)spec->rank, rows = (size_t)info.rows, cols = (size_t)info.cols;
        if (!base->tensor[i]) continue;
        if (spec->kind == FT_LORA && !(ft_target_of(&info) & spec->targets)) continue;
        if (spec->kind == FT_LN_TUNING && !info.is_norm) continue;
        made->a[i] = calloc(spec->kind == FT_LORA ? rank * cols : rows * cols, sizeof(float));
        if (spec->kind == FT_LORA) made->b[i] = calloc(rows * rank, sizeof(float));
        if (!made->a[i] || (spec->kind == FT_LORA && !made->b[i]))
            status =
                ft_no_memory(err, ft_tensor_name_of(config, i).text, (rows + cols) * rank * sizeof(float));
        else if (spec->kind != FT_LORA)
            memcpy(made->a[i], base->tensor[i], rows * cols * sizeof(float));
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
    if (status || spec->kind != FT_LORA) return status;
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
    float scale = adapter->spec.kind == FT_LORA ? ft_adapter_scale(&adapter->spec) : 0.0f;
    for (int32_t i = 0; i < count; i++) {
        if (!adapter->a[i]) continue;
        ft_tensor_info info = ft_tensor_describe(config, i);
        size_t bytes = (size_t)info.rows * (size_t)info.cols * sizeof(float);
        if (adapter->spec.kind == FT_LORA)
            add_product(weights->tensor[i], adapter->a[i], adapter->b[i], scale, &info, adapter->spec.rank);
        else
            memcpy(weights->tensor[i], adapter->a[i], bytes);
        /* Other weights have another checksum: combine the old one with the new
         * values. */
        weights->checksum = ft_checksum(weights->checksum, weights->tensor[i], bytes);
    }
    return FT_OK;
}
