/* The tensors of an adapter file under plain names: the names that PEFT gives them when
 * it saves. Prefixes and suffixes of compiled models ("_orig_mod."), of state dicts saved
 * by hand (".default.weight"), of data-parallel models ("module.") and of nested ones
 * ("base_model.model.model.") are removed. */
#ifndef FT_MODEL_PEFT_TENSORS_H
#define FT_MODEL_PEFT_TENSORS_H

#include "model/safetensors.h"
#include "model/weights.h"

typedef struct ft_peft_tensors {
    const ft_safetensors *file;
    char **names; /* (file->count) plain names, malloc'd, as file->tensors lie */
    /* The tensors belong to a model that is another one's member "model", as in Chronos'
     * pipeline. */
    bool is_wrapped;
} ft_peft_tensors;

/* FT_BAD_INPUT where two tensors have one plain name. Freed by ft_peft_tensors_free, also
 * after a failure. */
ft_status ft_peft_tensors_open(const ft_safetensors *file, ft_peft_tensors *tensors, ft_error *err);
void ft_peft_tensors_free(ft_peft_tensors *tensors);

/* NULL where there is none of that plain name. */
const ft_stored_tensor *ft_peft_tensors_find(const ft_peft_tensors *tensors, const char *name);

/* Checks a tensor that is a copy of one of the base model's and adds nothing, as PEFT
 * saves with an embedding that was not trained. FT_BAD_INPUT where tensor `index` differs
 * from the base's, or belongs to no tensor of this model. */
ft_status ft_peft_tensors_check_copy(const ft_peft_tensors *tensors, size_t index, const ft_weights *base,
                                     ft_error *err);

#endif
