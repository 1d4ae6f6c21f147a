/* Chronos-T5 on a device: the frozen weights, packed once, that every adapter batch of a
 * process shares. */
#ifndef FT_MODEL_CHRONOS_H
#define FT_MODEL_CHRONOS_H

#include "kernels/backend.h"
#include "model/weights.h"

/* The projections of a block. Those that share an input are one product: their modules
 * stand side by side in the output's columns. */
typedef enum ft_projection {
    FT_PROJECT_SELF_QKV, /* (3 * inner, d_model) */
    FT_PROJECT_SELF_O,   /* (d_model, inner) */
    FT_PROJECT_CROSS_Q,  /* (inner, d_model), decoder only like the next one */
    FT_PROJECT_CROSS_O,  /* (d_model, inner) */
    FT_PROJECT_WI,       /* (d_ff, d_model) */
    FT_PROJECT_WO,       /* (d_model, d_ff) */
    FT_PROJECTIONS,
} ft_projection;

/* Modules [first, first + count) make up a projection. */
typedef struct ft_projection_modules {
    ft_module first;
    int32_t count;
} ft_projection_modules;
ft_projection_modules ft_modules_of(ft_projection projection);
/* Cross-attention's k and v, which share the encoder's output in all decoder blocks. */
ft_projection_modules ft_cross_kv_modules(void);

typedef struct ft_block {
    ft_weight *projection[FT_PROJECTIONS]; /* NULL where the block has none */
} ft_block;

typedef struct ft_chronos {
    ft_backend *backend; /* not owned */
    ft_model_config config;
    bool tied;
    ft_block *blocks[2]; /* by ft_stack */
    /* (n_decoder_layers * 2 * inner, d_model): k and v of cross-attention, block after
     * block, so that all of them are one product */
    ft_weight *cross_kv;
    ft_weight *head; /* (vocab_size, d_model) */
    void *vectors;   /* device: everything that is not a packed weight, as real: */
    /* (ft_tensor_count): elements into `vectors`, -1 for packed weights and absent
     * tensors */
    int64_t *vector_offset;
} ft_chronos;

/* Packs the weights for a backend; with_backward also for the backward pass (training).
 * `weights` may be freed afterwards. */
ft_status ft_chronos_create(ft_backend *backend, const ft_weights *weights, bool with_backward,
                            ft_chronos **model, ft_error *err);
void ft_chronos_free(ft_chronos *model);

/* The frozen embedding, relative bias or norm weight `index` as a tensor on the
 * device. */
ft_tensor ft_chronos_vector(const ft_chronos *model, int32_t index);

#endif
