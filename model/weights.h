/* The base model's parameters on the host: one f32 array a tensor, in a fixed order that
 * follows the config. docs/reference.md §1. */
#ifndef FT_MODEL_WEIGHTS_H
#define FT_MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/comm.h"
#include "model/config.h"

/* The tensors of a block, in the order in which a block's tensors are stored. */
typedef enum ft_module {
    FT_SELF_Q,
    FT_SELF_K,
    FT_SELF_V,
    FT_SELF_O,
    FT_SELF_NORM,
    FT_CROSS_Q,
    FT_CROSS_K,
    FT_CROSS_V,
    FT_CROSS_O,
    FT_CROSS_NORM, /* decoder only */
    FT_FF_WI,
    FT_FF_WO,
    FT_FF_NORM,
    FT_MODULES_PER_BLOCK,
} ft_module;

typedef enum ft_stack { FT_ENCODER = 0, FT_DECODER = 1 } ft_stack;

/* Index of a tensor in ft_weights.tensor. Those outside of blocks: */
enum {
    FT_SHARED = 0,
    FT_LM_HEAD,
    FT_ENCODER_BIAS,
    FT_DECODER_BIAS,
    FT_ENCODER_NORM,
    FT_DECODER_NORM,
    FT_FIRST_BLOCK_TENSOR
};

/* Index of a block's tensor: blocks of the encoder come first. Encoder blocks have no
 * FT_CROSS_* (their entries are absent: rows 0). */
static inline int32_t ft_block_tensor(const ft_model_config *config, ft_stack stack, int32_t block,
                                      ft_module module)
{
    int32_t index = stack == FT_ENCODER ? block : config->n_encoder_layers + block;
    return FT_FIRST_BLOCK_TENSOR + index * FT_MODULES_PER_BLOCK + (int32_t)module;
}
int32_t ft_tensor_count(const ft_model_config *config);

/* What the config says about tensor `index`. Norm weights are (1, d_model), relative bias
 * (n_buckets, n_heads), projections (out_features, in_features). rows is 0 for an absent
 * tensor. */
typedef struct ft_tensor_info {
    int32_t rows, cols;
    /* is_linear: a projection of a block, with a target letter */
    bool is_norm, is_linear;
    const char *target; /* "q", "k", "v", "o", "wi", "wo" for linears, else NULL */
} ft_tensor_info;
ft_tensor_info ft_tensor_describe(const ft_model_config *config, int32_t index);

/* A tensor's name in the file, "encoder.block.0.layer.0.SelfAttention.q.weight"; empty
 * for an absent one. */
typedef struct ft_tensor_name {
    char text[96];
} ft_tensor_name;
ft_tensor_name ft_tensor_name_of(const ft_model_config *config, int32_t index);

typedef struct ft_weights {
    ft_model_config config;
    /* (ft_tensor_count) each rows * cols values, or NULL where absent */
    float **tensor;
    /* lm_head is shared: tensor[FT_LM_HEAD] is NULL and tensor[FT_SHARED] is the head */
    bool tied;
    /* of the config file and the tensors' values, for records of runs */
    uint32_t checksum;
} ft_weights;

/* Reads a model directory: config.json and model.safetensors or the shards of
 * model.safetensors.index.json, f32, bf16 or f16. Aliases, tying and missing tensors as
 * docs/reference.md §1 says; errors name the file and tensor. */
ft_status ft_weights_read(const char *model_dir, ft_weights **weights, ft_error *err);

/* Fresh weights as T5's initialisation with the config's initializer_factor; normal
 * numbers by Philox keyed by (seed, tensor name). */
ft_status ft_weights_init(const ft_model_config *config, uint32_t seed, ft_weights **weights, ft_error *err);
/* The same, with checksum 0: the checksum covers the config file, which does not exist
 * yet. */
ft_status ft_weights_draw(const ft_model_config *config, uint32_t seed, ft_weights **weights, ft_error *err);

/* Writes <model_dir>/model.safetensors: f32, metadata {"format":"pt"}; a tied head is
 * written once, as shared.weight, so that transformers loads it. Also writes config.json.
 * With config_from (a model directory) it copies that one's config.json, but with the
 * dtype f32 and, where weights->config has others, its lengths in chronos_config. With
 * NULL, ft_config_write makes one. */
ft_status ft_weights_write(const char *model_dir, const ft_weights *weights, const char *config_from,
                           ft_error *err);
/* The same with the tensors in bf16, rounded to the nearest: half the size. */
ft_status ft_weights_write_bf16(const char *model_dir, const ft_weights *weights, const char *config_from,
                                ft_error *err);
/* ft_weights_draw and ft_weights_write in one, without holding the weights in memory. */
ft_status ft_weights_write_fresh(const char *model_dir, const ft_model_config *config, uint32_t seed,
                                 int64_t *n_parameters, ft_error *err);

/* Broadcasts the weights that rank 0 has read to all other ranks, which own what they
 * get. For processes that share no memory, over a communicator with buffers in host
 * memory. Workers on one machine need no broadcast: they are forks of the process that
 * has read the weights. */
ft_status ft_weights_broadcast(ft_comm *comm, ft_weights **weights, ft_error *err);

void ft_weights_free(ft_weights *weights);

/* Building blocks for readers and makers of weights: weights without tensors, memory for
 * one tensor, and the checksum once all tensors are there (config_text is the text of
 * config.json). */
ft_status ft_weights_create(const ft_model_config *config, ft_weights **weights, ft_error *err);
ft_status ft_weights_allocate(ft_weights *weights, int32_t index, ft_error *err);
void ft_weights_set_checksum(ft_weights *weights, const char *config_text, size_t size);

#endif
