/* The tensors of an adapter file by the names that PEFT gives them when it saves: those
 * of a compiled model ("_orig_mod."), of a state dict saved by hand (".default.weight"),
 * of a data-parallel one ("module.") and of one in another ("base_model.model.model.")
 * are the same under plain names. */
#ifndef FT_MODEL_PEFT_TENSORS_H
#define FT_MODEL_PEFT_TENSORS_H

#include "model/safetensors.h"
#include "model/weights.h"

typedef struct ft_peft_tensors {
    const ft_safetensors *file;
    char **names; /* (file->count) plain names, malloc'd, as file->tensors lie */
    /* they are those of a model in another one's "model", as in Chronos' pipeline */
    bool is_wrapped;
} ft_peft_tensors;

/* FT_BAD_INPUT where two tensors have one plain name. Freed by ft_peft_tensors_free, also
 * after a failure. */
ft_status ft_peft_tensors_open(const ft_safetensors *file, ft_peft_tensors *tensors, ft_error *err);
void ft_peft_tensors_free(ft_peft_tensors *tensors);

/* NULL where there is none of that plain name. */
const ft_stored_tensor *ft_peft_tensors_find(const ft_peft_tensors *tensors, const char *name);

/* Whether tensor `index` of the file is a copy of one of the base model's (as PEFT saves
 * with an embedding that was not trained), which says nothing. FT_BAD_INPUT where it
 * differs from the base's, or is none of this model. */
ft_status ft_peft_tensors_check_copy(const ft_peft_tensors *tensors, size_t index, const ft_weights *base,
                                     ft_error *err);

#endif
