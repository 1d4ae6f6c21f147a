/* Which tensors a Chronos-T5 model has, their names and shapes; see weights.h. */
#include <stdio.h>
#include <string.h>

#include "model/weights.h"

int32_t ft_tensor_count(const ft_model_config *config)
{
    return FT_FIRST_BLOCK_TENSOR +
           (config->n_encoder_layers + config->n_decoder_layers) * (int32_t)FT_MODULES_PER_BLOCK;
}

static ft_tensor_info outside_of_blocks(const ft_model_config *config, int32_t index)
{
    static const char *const names[FT_FIRST_BLOCK_TENSOR] = {
        [FT_SHARED] = "shared.weight",
        [FT_LM_HEAD] = "lm_head.weight",
        [FT_ENCODER_BIAS] = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        [FT_DECODER_BIAS] = "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        [FT_ENCODER_NORM] = "encoder.final_layer_norm.weight",
        [FT_DECODER_NORM] = "decoder.final_layer_norm.weight",
    };
    ft_tensor_info info = {.rows = config->vocab_size, .cols = config->d_model};
    snprintf(info.name, sizeof info.name, "%s", names[index]);
    if (index == FT_ENCODER_BIAS || index == FT_DECODER_BIAS) {
        info.rows = config->n_buckets;
        info.cols = config->n_heads;
    } else if (index == FT_ENCODER_NORM || index == FT_DECODER_NORM) {
        info.rows = 1;
        info.is_norm = true;
    }
    return info;
}

ft_tensor_info ft_tensor_describe(const ft_model_config *config, int32_t index)
{
    /* layer: the sublayer of a decoder block; the encoder's feed-forward is its layer 1. */
    enum shape { QKV, O, WI, WO, NORM };
    static const struct {
        int layer;
        const char *name, *target;
        enum shape shape;
    } modules[FT_MODULES_PER_BLOCK] = {
        [FT_SELF_Q] = {0, "SelfAttention.q", "q", QKV},    [FT_SELF_K] = {0, "SelfAttention.k", "k", QKV},
        [FT_SELF_V] = {0, "SelfAttention.v", "v", QKV},    [FT_SELF_O] = {0, "SelfAttention.o", "o", O},
        [FT_SELF_NORM] = {0, "layer_norm", NULL, NORM},    [FT_CROSS_Q] = {1, "EncDecAttention.q", "q", QKV},
        [FT_CROSS_K] = {1, "EncDecAttention.k", "k", QKV}, [FT_CROSS_V] = {1, "EncDecAttention.v", "v", QKV},
        [FT_CROSS_O] = {1, "EncDecAttention.o", "o", O},   [FT_CROSS_NORM] = {1, "layer_norm", NULL, NORM},
        [FT_FF_WI] = {2, "DenseReluDense.wi", "wi", WI},   [FT_FF_WO] = {2, "DenseReluDense.wo", "wo", WO},
        [FT_FF_NORM] = {2, "layer_norm", NULL, NORM},
    };
    ft_tensor_info info = {0};
    if (index < 0 || index >= ft_tensor_count(config)) return info;
    if (index < FT_FIRST_BLOCK_TENSOR) return outside_of_blocks(config, index);

    int32_t block = (index - FT_FIRST_BLOCK_TENSOR) / (int32_t)FT_MODULES_PER_BLOCK;
    int32_t module = (index - FT_FIRST_BLOCK_TENSOR) % (int32_t)FT_MODULES_PER_BLOCK;
    bool decoder = block >= config->n_encoder_layers;
    int layer = modules[module].layer;
    if (!decoder && layer == 1) return info;
    if (!decoder && layer == 2) layer = 1;
    if (decoder) block -= config->n_encoder_layers;
    snprintf(info.name, sizeof info.name, "%s.block.%d.layer.%d.%s.weight", decoder ? "decoder" : "encoder",
             (int)block, layer, modules[module].name);
    info.target = modules[module].target;
    info.is_norm = modules[module].shape == NORM;
    info.is_linear = !info.is_norm;
    int32_t inner = ft_inner_dim(config);
    switch (modules[module].shape) {
    case QKV:
        info.rows = inner;
        info.cols = config->d_model;
        break;
    case O:
        info.rows = config->d_model;
        info.cols = inner;
        break;
    case WI:
        info.rows = config->d_ff;
        info.cols = config->d_model;
        break;
    case WO:
        info.rows = config->d_model;
        info.cols = config->d_ff;
        break;
    case NORM:
        info.rows = 1;
        info.cols = config->d_model;
        break;
    }
    return info;
}
