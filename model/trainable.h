/* What an adapter batch trains, on the device: the parameters of all its adapters, their
 * gradients and optimizer state.
 *
 * Every adapter of a batch is one row of `params`: (n_adapters, n_params), with the same
 * layout in each row, so that AdamW and the gradient norm are one operation over a
 * matrix. A row has the tensors in their order, but cross-attention's k and v of all
 * blocks last: they are one product (model/chronos.h), and so are their gradients. LoRA
 * ranks are zero-padded to the batch's largest, a multiple of 8; padding has zero
 * gradients and stays zero. An adapter without a target that others have holds zeros
 * there, with no rows trained (its A is zero too, so both gradients vanish: rank 0). */
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
    uint32_t targets; /* LoRA: the union over adapters */
    int32_t rank;     /* LoRA: padded */
    int64_t n_params; /* a row's length, padded to a multiple of 16 */
    /* (ft_tensor_count): elements into a row, -1 where nothing is trained */
    int64_t *a_offset, *b_offset;
    int64_t cross_kv_offset; /* where cross-attention's k and v begin in a row */
    /* (n_adapters) on the host; 0 where there is no LoRA */
    float *lora_scale, *lora_dropout;
    /* (n_adapters, n_params) real; grads, m, v absent where not for training */
    ft_tensor params, grads, m, v;
    void *memory; /* the one block that holds them */
    /* the devices that train these adapters together, each with a trainable like this
     * one; not owned, set before a stepper is made. NULL: this device alone */
    ft_comm *comm;
} ft_trainable;

/* Creates adapters of one kind in device memory, with the values of `adapters` and zeroed
 * optimizer state. `full` allows one adapter. With no adapters it is the base model
 * alone. */
ft_status ft_trainable_create(ft_chronos *model, const ft_adapter *const *adapters, int32_t n_adapters,
                              bool for_training, ft_trainable **trainable, ft_error *err);
/* The same for n_adapters whose values will be written later and whose specs are among
 * `specs`. Until then they are zeros. */
ft_status ft_trainable_reserve(ft_chronos *model, const ft_adapter_spec *const *specs, int32_t n_specs,
                               int32_t n_adapters, bool for_training, ft_trainable **trainable,
                               ft_error *err);
void ft_trainable_free(ft_trainable *trainable);
/* The layout only, without device memory, for ft_trainable_bytes. It uses the model's
 * config and the backend's types. */
ft_status ft_trainable_measure(ft_chronos *model, const ft_adapter_spec *const *specs, int32_t n_specs,
                               int32_t n_adapters, bool for_training, ft_trainable **trainable,
                               ft_error *err);
size_t ft_trainable_bytes(const ft_trainable *trainable); /* device memory */

/* Reads the values of adapter `index` from the device into `adapter`, which has the spec
 * that it was created with. */
ft_status ft_trainable_read(const ft_trainable *trainable, int32_t index, ft_adapter *adapter, ft_error *err);
/* Reads its gradients, in the same layout. */
ft_status ft_trainable_read_gradients(const ft_trainable *trainable, int32_t index, ft_adapter *adapter,
                                      ft_error *err);
/* Replaces adapter `index` by the values, scale and dropout of `adapter`; m and v become
 * zero. Its rank and targets must fit the layout. */
ft_status ft_trainable_write(ft_trainable *trainable, int32_t index, const ft_adapter *adapter,
                             ft_error *err);

/* Sets only the scale and dropout of an adapter; the caller writes its values by other
 * means. */
void ft_trainable_describe(ft_trainable *trainable, int32_t index, const ft_adapter_spec *spec);

/* Row `index` of params, m or v as a (1, n_params) tensor. */
ft_tensor ft_trainable_row(const ft_trainable *trainable, ft_tensor matrix, int32_t index);

/* Packs the trained parameters into the packed weights, after a step of a kind that
 * replaces them (`full`). Other kinds: nothing. */
void ft_trainable_repack(const ft_trainable *trainable);
/* Packs the base's weights again, after training such a kind. Other kinds: nothing. */
ft_status ft_trainable_restore(const ft_trainable *trainable, const ft_weights *base, ft_error *err);

/* Returns vector tensor `index` (embedding, bias, norm weight) for a pass: the adapters'
 * own, or the frozen one. *stride: elements between adapters (0: shared). */
ft_tensor ft_trainable_vector(const ft_trainable *trainable, int32_t index, int64_t *stride);
/* The gradients of tensors [first, end) but cross-attention's k and v; they are
 * contiguous in each row: (n_adapters, elements). Without columns where none of them is
 * trained. */
ft_tensor ft_trainable_gradients(const ft_trainable *trainable, int32_t first, int32_t end);
/* The gradients of cross-attention's k and v in all blocks, in the same form. */
ft_tensor ft_trainable_cross_kv_gradients(const ft_trainable *trainable);
/* The gradient of tensor `index`; an absent tensor where it is not trained. */
ft_tensor ft_trainable_gradient(const ft_trainable *trainable, int32_t index);
/* Appends base tensor `index` to the targets of `lora` and sets lora's other members;
 * does nothing where the tensor is no LoRA target. column: where the target's columns
 * begin in the output. All targets of a lora have the same shape. */
void ft_trainable_add_target(const ft_trainable *trainable, int32_t index, int32_t column,
                             uint32_t dropout_site, ft_lora *lora);

#endif
