/* Writing model directories: weights that are in memory, and fresh ones that are drawn
 * while they are written; see weights.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bf16.h"
#include "base/file.h"
#include "model/config_copy.h"
#include "model/fresh_tensor.h"
#include "model/safetensors.h"
#include "model/weights.h"

/* The tensors to write; room for every tensor of the model. */
typedef struct tensor_list {
    ft_tensor_name *names;
    ft_fresh_tensor *fresh;
    ft_tensor_to_store *stored;
    size_t count;
} tensor_list;

static ft_status make_list(const ft_model_config *config, tensor_list *list, ft_error *err)
{
    size_t capacity = (size_t)ft_tensor_count(config);
    *list = (tensor_list){
        .names = calloc(capacity, sizeof *list->names),
        .fresh = calloc(capacity, sizeof *list->fresh),
        .stored = calloc(capacity, sizeof *list->stored),
    };
    if (list->names && list->fresh && list->stored) return FT_OK;
    return ft_no_memory(err, "model.safetensors", capacity * sizeof *list->stored);
}

static void free_list(tensor_list *list)
{
    free(list->stored);
    free(list->fresh);
    free(list->names);
}

/* The next entry of the list: a tensor's name and shape. */
static ft_tensor_to_store *add(tensor_list *list, const ft_model_config *config, int32_t index)
{
    const ft_tensor_info info = ft_tensor_describe(config, index);
    ft_tensor_name *name = &list->names[list->count];
    ft_tensor_to_store *stored = &list->stored[list->count++];
    *name = ft_tensor_name_of(config, index);
    *stored = (ft_tensor_to_store){
        .name = name->text,
        .dtype = FT_STORED_F32,
        .n_dims = info.is_norm ? 1 : 2,
        .shape = {info.is_norm ? info.cols : info.rows, info.is_norm ? 0 : info.cols},
    };
    return stored;
}

/* With own_head a tied head is written under its own name too. */
static void list_weights(const ft_weights *weights, bool own_head, tensor_list *list)
{
    for (int32_t i = 0; i < ft_tensor_count(&weights->config); i++) {
        const float *values = weights->tensor[i];
        if (i == FT_LM_HEAD && own_head && weights->tied) values = weights->tensor[FT_SHARED];
        if (values) add(list, &weights->config, i)->data = values;
    }
}

static void list_fresh(const ft_model_config *config, uint32_t seed, tensor_list *list)
{
    for (int32_t i = 0; i < ft_tensor_count(config); i++) {
        ft_fresh_tensor *fresh = &list->fresh[list->count];
        if (!ft_fresh_tensor_of(config, i, seed, fresh)) continue;
        add(list, config, i)->data = fresh;
    }
}

/* Writes both files, the config last: a directory without it is no model. */
static ft_status write_directory(const char *model_dir, const tensor_list *list, ft_make_elements *make,
                                 const char *config_text, ft_error *err)
{
    static const char *const metadata[] = {"format", "pt"};
    char *config = ft_join_path(model_dir, "config.json");
    char *tensors = ft_join_path(model_dir, "model.safetensors");
    ft_status status = config && tensors ? FT_OK : ft_no_memory(err, model_dir, strlen(model_dir));
    if (status == FT_OK) status = ft_make_directories(model_dir, err);
    if (status == FT_OK)
        status = ft_safetensors_write_made(tensors, list->stored, list->count, make, metadata, 1, err);
    if (status == FT_OK) {
        status = ft_write_file(config, config_text, strlen(config_text), err);
        if (status) unlink(tensors);
    }
    free(tensors);
    free(config);
    return status;
}

static ft_status print_config(const ft_model_config *config, char **text, ft_error *err)
{
    *text = ft_config_print(config);
    return *text ? FT_OK : ft_no_memory(err, "config.json", 0);
}

/* As ft_make_elements: floats of a tensor in bf16. */
static void round_to_bf16(const void *source, size_t first, size_t count, void *out)
{
    const float *values = (const float *)source + first;
    uint16_t *rounded = out;
    for (size_t i = 0; i < count; i++) rounded[i] = ft_bf16_from_float(values[i]);
}

static ft_status write_weights(const char *model_dir, const ft_weights *weights, const char *config_from,
                               ft_stored_dtype dtype, ft_error *err)
{
    bool own_head = false;
    char *text = NULL;
    tensor_list list = {0};
    ft_status status = config_from
                           ? ft_config_copy(config_from, &weights->config.chronos, &text, &own_head, err)
                           : print_config(&weights->config, &text, err);
    if (status == FT_OK) status = make_list(&weights->config, &list, err);
    if (status == FT_OK) {
        list_weights(weights, own_head, &list);
        for (size_t i = 0; i < list.count; i++) list.stored[i].dtype = dtype;
        status = write_directory(model_dir, &list, dtype == FT_STORED_BF16 ? round_to_bf16 : NULL, text, err);
    }
    free_list(&list);
    free(text);
    return status;
}

ft_status ft_weights_write(const char *model_dir, const ft_weights *weights, const char *config_from,
                           ft_error *err)
{
    return write_weights(model_dir, weights, config_from, FT_STORED_F32, err);
}

ft_status ft_weights_write_bf16(const char *model_dir, const ft_weights *weights, const char *config_from,
                                ft_error *err)
{
    return write_weights(model_dir, weights, config_from, FT_STORED_BF16, err);
}

ft_status ft_weights_write_fresh(const char *model_dir, const ft_model_config *config, uint32_t seed,
                                 int64_t *n_parameters, ft_error *err)
{
    char *text = NULL;
    tensor_list list = {0};
    ft_status status = print_config(config, &text, err);
    if (status == FT_OK) status = make_list(config, &list, err);
    if (status == FT_OK) {
        list_fresh(config, seed, &list);
        status = write_directory(model_dir, &list, ft_draw_fresh, text, err);
    }
    *n_parameters = 0;
    for (size_t i = 0; i < list.count; i++) {
        const ft_tensor_to_store *stored = &list.stored[i];
        *n_parameters += stored->shape[0] * (stored->n_dims == 2 ? stored->shape[1] : 1);
    }
    free_list(&list);
    free(text);
    return status;
}
