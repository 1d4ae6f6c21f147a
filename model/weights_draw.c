/* Fresh values of all tensors; see fresh_tensor.h and weights.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/fresh_tensor.h"
#include "model/weights.h"

/* In T5, a decoder's output is scaled exactly where the head is tied. */
static bool is_tied(const ft_model_config *config)
{
    return config->scale_decoder_outputs;
}

/* The standard deviation of a tensor's values over the config's initializer_factor. */
static double deviation_of(const ft_model_config *config, int32_t index, const ft_tensor_info *info)
{
    double d_model = config->d_model;
    if (index == FT_SHARED || index == FT_LM_HEAD) return 1.0;
    if (!info->is_linear) return 1.0 / sqrt(d_model); /* relative bias */
    if (!strcmp(info->target, "q")) return 1.0 / sqrt(d_model * config->d_kv);
    /* k, v, wi: d_model; o: n_heads * d_kv; wo: d_ff */
    return 1.0 / sqrt((double)info->cols);
}

bool ft_fresh_tensor_of(const ft_model_config *config, int32_t index, uint32_t seed, ft_fresh_tensor *fresh)
{
    ft_tensor_info info = ft_tensor_describe(config, index);
    if (info.rows == 0 || (index == FT_LM_HEAD && is_tied(config))) return false;
    *fresh = (ft_fresh_tensor){.is_norm = info.is_norm, .factor = config->initializer_factor};
    if (!info.is_norm)
        fresh->normal =
            ft_normal_values_of((double)config->initializer_factor * deviation_of(config, index, &info), seed,
                                ft_tensor_name_of(config, index).text);
    return true;
}

void ft_draw_fresh(const void *fresh, size_t first, size_t count, void *out)
{
    const ft_fresh_tensor *f = fresh;
    float *values = out;
    if (!f->is_norm) {
        ft_draw_normal(&f->normal, first, count, values);
        return;
    }
    for (size_t i = 0; i < count; i++) values[i] = f->factor;
}

ft_status ft_weights_draw(const ft_model_config *config, uint32_t seed, ft_weights **weights, ft_error *err)
{
    *weights = NULL;
    ft_weights *made = NULL;
    ft_status status = ft_weights_create(config, &made, err);
    if (status) return status;
    made->tied = is_tied(config);
    for (int32_t i = 0; i < ft_tensor_count(config) && status == FT_OK; i++) {
        ft_fresh_tensor fresh;
        if (!ft_fresh_tensor_of(config, i, seed, &fresh)) continue;
        ft_tensor_info info = ft_tensor_describe(config, i);
        size_t count = (size_t)info.rows * (size_t)info.cols;
        status = ft_weights_allocate(made, i, err);
        if (status != FT_OK) break;
        if (fresh.is_norm)
            ft_draw_fresh(&fresh, 0, count, made->tensor[i]);
        else
            ft_fill_normal(&fresh.normal, made->tensor[i], count);
    }
    if (status == FT_OK) {
        *weights = made;
        made = NULL;
    }
    ft_weights_free(made);
    return status;
}
