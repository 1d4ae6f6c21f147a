/* Plain names of an adapter's tensors, and its copies of base tensors; see
 * peft_tensors.h. */
#include "model/peft_tensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Takes `part` out of the name wherever it is. */
static void remove_part(char *name, const char *part)
{
    const size_t length = strlen(part);
    for (char *at = name; (at = strstr(at, part)) != NULL;) memmove(at, at + length, strlen(at + length) + 1);
}

static char *plain_name(const char *stored, bool *is_wrapped)
{
    static const char *const wrappers[] = {"_orig_mod.", "base_layer.", "original_module.",
                                           "modules_to_save.default."};
    static const char parallel[] = "module.base_model.", by_hand[] = ".default.weight", plain[] = ".weight",
                      wrapped[] = "base_model.model.model.";
    char *name = ft_copy_string(stored);
    if (!name) return NULL;
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) remove_part(name, wrappers[i]);
    size_t length = strlen(name);
    if (strncmp(name, parallel, sizeof parallel - 1) == 0) {
        memmove(name, name + strlen("module."), length + 1 - strlen("module."));
        length = strlen(name);
    }
    if (strncmp(name, wrapped, sizeof wrapped - 1) == 0) {
        const size_t model = strlen("model.");
        memmove(name + sizeof wrapped - 1 - model, name + sizeof wrapped - 1, length + 2 - sizeof wrapped);
        length -= model;
        *is_wrapped = true;
    }
    if (length >= sizeof by_hand && strcmp(name + length + 1 - sizeof by_hand, by_hand) == 0)
        memcpy(name + length + 1 - sizeof by_hand, plain, sizeof plain);
    return name;
}

ft_status ft_peft_tensors_open(const ft_safetensors *file, ft_peft_tensors *tensors, ft_error *err)
{
    *tensors = (ft_peft_tensors){.file = file, .names = calloc(file->count + 1, sizeof(char *))};
    if (!tensors->names) return ft_no_memory(err, file->path, file->count * sizeof(char *));
    for (size_t i = 0; i < file->count; i++) {
        tensors->names[i] = plain_name(file->tensors[i].name, &tensors->is_wrapped);
        if (!tensors->names[i]) return ft_no_memory(err, file->path, strlen(file->tensors[i].name));
    }
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(tensors->names[i], file->tensors[i].name) == 0)
            continue; /* all names in the file differ */
        for (size_t k = 0; k < file->count; k++)
            if (k != i && strcmp(tensors->names[k], tensors->names[i]) == 0)
                return ft_fail(err, FT_BAD_INPUT,
                               "%s: tensors \"%.200s\" and \"%.200s\" are the same one twice", file->path,
                               file->tensors[k].name, file->tensors[i].name);
    }
    return FT_OK;
}

void ft_peft_tensors_free(ft_peft_tensors *tensors)
{
    for (size_t i = 0; tensors->names && i < tensors->file->count; i++) free(tensors->names[i]);
    free(tensors->names);
    *tensors = (ft_peft_tensors){0};
}

const ft_stored_tensor *ft_peft_tensors_find(const ft_peft_tensors *tensors, const char *name)
{
    for (size_t i = 0; i < tensors->file->count; i++)
        if (strcmp(tensors->names[i], name) == 0) return &tensors->file->tensors[i];
    return NULL;
}

/* The base tensor of that name, an alias of the embedding included; -1: none. */
static int32_t base_tensor(const ft_weights *base, const char *name)
{
    const ft_model_config *config = &base->config;
    if (strcmp(name, "encoder.embed_tokens.weight") == 0 || strcmp(name, "decoder.embed_tokens.weight") == 0)
        return FT_SHARED;
    if (strcmp(name, "lm_head.weight") == 0) return base->tied ? FT_SHARED : FT_LM_HEAD;
    for (int32_t i = 0; i < ft_tensor_count(config); i++)
        if (base->tensor[i] && strcmp(ft_tensor_name_of(config, i).text, name) == 0) return i;
    return -1;
}

ft_status ft_peft_tensors_check_copy(const ft_peft_tensors *tensors, size_t index, const ft_weights *base,
                                     ft_error *err)
{
    static const char prefix[] = "base_model.model.";
    const ft_stored_tensor *tensor = &tensors->file->tensors[index];
    const char *path = tensors->file->path, *name = tensors->names[index];
    const bool is_prefixed = strncmp(name, prefix, sizeof prefix - 1) == 0;
    const int32_t i = is_prefixed ? base_tensor(base, name + sizeof prefix - 1) : -1;
    if (i < 0)
        return ft_fail(err, FT_BAD_INPUT,
                       "%s: tensor \"%s\" belongs to no module of this model that can be adapted", path,
                       tensor->name);
    const ft_tensor_info info = ft_tensor_describe(&base->config, i);
    ft_status status = ft_safetensors_expect_matrix(tensors->file, tensor, info.rows, info.cols, err);
    if (status != FT_OK) return status;
    const size_t bytes = (size_t)info.rows * (size_t)info.cols * sizeof(float);
    float *values = malloc(bytes);
    if (!values) return ft_no_memory(err, tensor->name, bytes);
    status = ft_safetensors_read_matrix(tensors->file, tensor, info.rows, info.cols, values, err);
    if (status == FT_OK && memcmp(values, base->tensor[i], bytes) != 0)
        status = ft_fail(
            err, FT_BAD_INPUT,
            "%s: tensor \"%s\" is the base model's with other values: it was trained too, which is not "
            "supported, or the base model is another",
            path, tensor->name);
    free(values);
    return status;
}
