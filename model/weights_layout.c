/* Which tensors a Chronos-T5 model has, their names and shapes; see weights.h. */
#include <stdio.h>

#include "model/weights.h"

int32_t ft_tensor_count(const ft_model_config *config)
{
    return FT_FIRST_BLOCK_TENSOR +
           (config->n_encoder_layers + config->n_decoder_layers) * (int32_t)FT_MODULES_PER_BLOCK;
}

/* The modules of a block. */
enum shape { QKV, O, WI, WO, NORM };
static const struct {
    /* the sublayer of a decoder block; the encoder's feed-forward is its layer 1 */
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

/* Where a tensor of a block stands. */
typedef struct place {
    ft_stack stack;
    int32_t block; /* of its stack */
    ft_module module;
} place;

/* False where a block has no such tensor. */
static bool find_place(const ft_model_config *config, int32_t index, place *p)
{
    if (index < FT_FIRST_BLOCK_TENSOR || index >= ft_tensor_count(config)) return false;
    int32_t block = (index - FT_FIRST_BLOCK_TENSOR) / (int32_t)FT_MODULES_PER_BLOCK;
    p->module = (ft_module)((index - FT_FIRST_BLOCK_TENSOR) % (int32_t)FT_MODULES_PER_BLOCK);
    p->stack = block >= config->n_encoder_layers ? FT_DECODER : FT_ENCODER;
    p->block = p->stack == FT_DECODER ? block - config->n_encoder_layers : block;
    bool is_cross = modules[p->module].layer == 1;
    return p->stack == FT_DECODER || !is_cross;
}

static ft_tensor_info outside_of_blocks(const ft_model_config *config, int32_t index)
{
    switch (index) {
    case FT_SHARED:
    case FT_LM_HEAD:
        return (ft_tensor_info){.rows = config->vocab_size, .cols = config->d_model};
    case FT_ENCODER_BIAS:
    case FT_DECODER_BIAS:
        return (ft_tensor_info){.rows = config->n_buckets, .cols = config->n_heads};
    case FT_ENCODER_NORM:
    case FT_DECODER_NORM:
        return (ft_tensor_info){.rows = 1, .cols = config->d_model, .is_norm = true};
    default:
        return (ft_tensor_info){0};
    }
}

ft_tensor_info ft_tensor_describe(const ft_model_config *config, int32_t index)
{
    place p;
    if (!find_place(config, index, &p)) return outside_of_blocks(config, index);
    ft_tensor_info info = {.target = modules[p.module].target};
    info.is_norm = modules[p.module].shape == NORM;
    info.is_linear = !info.is_norm;
    int32_t inner = ft_inner_dim(config);
    switch (modules[p.module].shape) {
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

ft_tensor_name ft_tensor_name_of(const ft_model_config *config, int32_t index)
{
    static const char *const outside[FT_FIRST_BLOCK_TENSOR] = {
        [FT_SHARED] = "shared.weight",
        [FT_LM_HEAD] = "lm_head.weight",
        [FT_ENCODER_BIAS] = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        [FT_DECODER_BIAS] = "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        [FT_ENCODER_NORM] = "encoder.final_layer_norm.weight",
        [FT_DECODER_NORM] = "decoder.final_layer_norm.weight",
    };
    ft_tensor_name name = {""};
    place p;
    if (find_place(config, index, &p)) {
        bool decoder = p.stack == FT_DECODER;
        int layer = modules[p.module].layer;
        snprintf(name.text, sizeof name.text, "%s.block.%d.layer.%d.%s.weight",
                 decoder ? "decoder" : "encoder", (int)p.block, !decoder && layer == 2 ? 1 : layer,
                 modules[p.module].name);
    } else if (index >= 0 && index < FT_FIRST_BLOCK_TENSOR) {
        snprintf(name.text, sizeof name.text, "%s", outside[index]);
    }
    return name;
}
