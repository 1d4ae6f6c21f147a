/* What an adapter batch trains, on the device: the parameters of all its adapters, their gradients and
 * optimizer state.
 *
 * Every adapter of a batch is one row of `params`: (n_adapters, n_params), with the same layout in each row,
 * so that AdamW and the gradient norm are one operation over a matrix. LoRA ranks are zero-padded to the
 * batch's largest, a multiple of 8; padding has zero gradients and stays zero. An adapter without a target
 * that others have holds zeros there, with no rows trained (its A is zero too, so both gradients vanish: rank
 * 0). */
#ifndef FT_MODEL_TRAINABLE_H
#define FT_MODEL_TRAINABLE_H

#include "kernels/backend.h"
#include "kernels/comm.h"
#include "model/adapter.h"
#include "model/chronos.h"

typedef struct ft_trainable {
    ft_chronos *model; /* not owned */
    ft_adapter_kind kind;
    int32_t n_adapters;
    bool for_training;
    uint32_t targets;             /* LoRA: the union over adapters */
    int32_t rank;                 /* LoRA: padded */
    int64_t n_params;             /* a row's length, padded to a multiple of 16 */
    int64_t *a_offset, *b_offset; /* (ft_tensor_count): elements into a row, -1 where nothing is trained */
    float *lora_scale, *lora_dropout; /* (n_adapters) on the host; 0 where there is no LoRA */
    ft_tensor params, grads, m,
        v;         /* (n_adapters, n_params) real; grads, m, v absent where not for training */
    void *memory;  /* the one block that holds them */
    ft_comm *comm; /* the devices that train these adapters together, each with a trainable like this one; not
                      owned, set before a stepper is made. NULL: this device alone */
} ft_trainable;

/* Device memory for adapters of one kind, holding `adapters`' values and zeroed optimizer state. `full` takes
 * one adapter. Zero adapters is the base model alone. */
ft_status ft_trainable_create(ft_chronos *model, const ft_adapter *const *adapters, int32_t n_adapters,
                              bool for_training, ft_trainable **trainable, ft_error *err);
/* The same for n_adapters that will be written later and whose specs are among `specs`; until then they hold
 * zeros. */
ft_status ft_trainable_reserve(ft_chronos *model, const ft_adapter_spec *const *specs, int32_t n_specs,
                               int32_t n_adapters, bool for_training, ft_trainable **trainable,
                               ft_error *err);
void ft_trainable_free(ft_trainable *trainable);
/* The layout alone, without device memory: for ft_trainable_bytes. Of the model, the configuration and the
 * backend's types are used. */
ft_status ft_trainable_measure(ft_chronos *model, const ft_adapter_spec *const *specs, int32_t n_specs,
                               int32_t n_adapters, bool for_training, ft_trainable **trainable,
                               ft_error *err);
size_t ft_trainable_bytes(const ft_trainable *trainable); /* device memory */

/* Values of adapter `index` from the device into `adapter` (of the same spec as when created). */
ft_status ft_trainable_read(const ft_trainable *trainable, int32_t index, ft_adapter *adapter, ft_error *err);
/* Gradients, by the same layout. */
ft_status ft_trainable_read_gradients(const ft_trainable *trainable, int32_t index, ft_adapter *adapter,
                                      ft_error *err);
/* Values of `adapter`, its scale and dropout take the place of what was there; m and v are zeroed. Its rank
 * and targets must fit the layout. */
ft_status ft_trainable_write(ft_trainable *trainable, int32_t index, const ft_adapter *adapter,
                             ft_error *err);

/* Scale and dropout of an adapter whose values are placed otherwise. */
void ft_trainable_describe(ft_trainable *trainable, int32_t index, const ft_adapter_spec *spec);

/* Row `index` of params, m or v as a (1, n_params) tensor. */
ft_tensor ft_trainable_row(const ft_trainable *trainable, ft_tensor matrix, int32_t index);

/* After a step of `full`: the packed weights follow the parameters. */
void ft_trainable_repack(const ft_trainable *trainable);
/* After `full`: the packed weights are the base's again. */
ft_status ft_trainable_restore(const ft_trainable *trainable, const ft_weights *base, ft_error *err);

/* Where a pass finds vector tensor `index` (embedding, bias, norm weight): the adapters' own or the frozen
 * one. *stride: elements between adapters (0: shared). */
ft_tensor ft_trainable_vector(const ft_trainable *trainable, int32_t index, int64_t *stride);
/* The gradients of tensors [first, end), whose elements lie side by side in each row: (n_adapters, elements),
 * without columns where none of them is trained. */
ft_tensor ft_trainable_gradients(const ft_trainable *trainable, int32_t first, int32_t end);
/* Its gradient, or an absent tensor where it is not trained. */
ft_tensor ft_trainable_gradient(const ft_trainable *trainable, int32_t index);
/* The LoRA of base tensor `index`; false where it is no target. */
bool ft_trainable_lora(const ft_trainable *trainable, int32_t index, uint32_t dropout_site, ft_lora *lora);

#endif
