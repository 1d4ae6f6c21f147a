/* Building blocks for readers and makers of weights; see weights.h. */
#include <stdlib.h>

#include "base/checksum.h"
#include "model/weights.h"

ft_status ft_weights_create(const ft_model_config *config, ft_weights **weights, ft_error *err)
{
    *weights = NULL;
    size_t bytes = (size_t)ft_tensor_count(config) * sizeof(float *);
    ft_weights *made = calloc(1, sizeof *made);
    if (made) made->tensor = calloc(1, bytes);
    if (!made || !made->tensor) {
        free(made);
        return ft_no_memory(err, "weights", bytes);
    }
    made->config = *config;
    *weights = made;
    return FT_OK;
}

ft_status ft_weights_allocate(ft_weights *weights, int32_t index, ft_error *err)
{
    ft_tensor_info info = ft_tensor_describe(&weights->config, index);
    size_t bytes = (size_t)info.rows * (size_t)info.cols * sizeof(float);
    weights->tensor[index] = malloc(bytes);
    return weights->tensor[index] ? FT_OK
                                  : ft_no_memory(err, ft_tensor_name_of(&weights->config, index).text, bytes);
}

void ft_weights_set_checksum(ft_weights *weights, const char *config_text, size_t size)
{
    weights->checksum = ft_checksum(0, config_text, size);
    for (int32_t i = 0; i < ft_tensor_count(&weights->config); i++) {
        if (!weights->tensor[i]) continue;
        ft_tensor_info info = ft_tensor_describe(&weights->config, i);
        size_t bytes = (size_t)info.rows * (size_t)info.cols * sizeof(float);
        weights->checksum = ft_checksum(weights->checksum, weights->tensor[i], bytes);
    }
}

void ft_weights_free(ft_weights *weights)
{
    if (!weights) return;
    for (int32_t i = 0; i < ft_tensor_count(&weights->config); i++) free(weights->tensor[i]);
    free(weights->tensor);
    free(weights);
}
