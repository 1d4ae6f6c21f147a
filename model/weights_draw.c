/* Fresh values of all tensors, as transformers' T5PreTrainedModel._init_weights; see weights.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/initial_values.h"
#include "model/weights.h"

/* The standard deviation of a tensor's values over the factor F. */
static double deviation_of(const ft_model_config *config, int32_t index, const ft_tensor_info *info)
{
    double d_model = config->d_model;
    if (index == FT_SHARED || index == FT_LM_HEAD) return 1.0;
    if (!info->is_linear) return 1.0 / sqrt(d_model); /* relative bias */
    if (!strcmp(info->target, "q")) return 1.0 / sqrt(d_model * config->d_kv);
    return 1.0 / sqrt((double)info->cols); /* k, v, wi: d_model; o: n_heads * d_kv; wo: d_ff */
}

ft_status ft_weights_draw(const ft_model_config *config, uint32_t seed, ft_weights **weights, ft_error *err)
{
    *weights = NULL;
    ft_weights *made = NULL;
    ft_status status = ft_weights_create(config, &made, err);
    if (status) return status;
    /* A T5 that scales its decoder's output is one with a tied head, and the other way round. */
    made->tied = config->scale_decoder_outputs;
    for (int32_t i = 0; i < ft_tensor_count(config); i++) {
        ft_tensor_info info = ft_tensor_describe(config, i);
        if (info.rows == 0 || (i == FT_LM_HEAD && made->tied)) continue;
        status = ft_weights_allocate(made, i, err);
        if (status) goto cleanup;
        size_t count = (size_t)info.rows * (size_t)info.cols;
        double factor = (double)config->initializer_factor;
        if (info.is_norm)
            for (size_t j = 0; j < count; j++) made->tensor[i][j] = config->initializer_factor;
        else
            ft_fill_normal(made->tensor[i], count, factor * deviation_of(config, i, &info), seed,
                           ft_tensor_name_of(config, i).text);
    }
    *weights = made;
    made = NULL;
cleanup:
    ft_weights_free(made);
    return status;
}
