/* What the tools of check_interop.py share; see tool.h. */
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ft_status find_shape(tool *t, ft_error *err)
{
    const ft_stored_tensor *ids = ft_safetensors_find(t->file, "input_ids"),
                           *labels = ft_safetensors_find(t->file, "labels");
    if (!ids || !labels || ids->n_dims != labels->n_dims || ids->n_dims < 2 || ids->n_dims > 3)
        return ft_fail(err, FT_BAD_INPUT, "%s: no input_ids and labels of 2 or 3 dimensions", t->file->path);
    int batched = ids->n_dims == 3;
    t->n_batches = batched ? ids->shape[0] : 1;
    t->shape = (ft_pass_shape){.n_adapters = 1,
                               .n_sequences = (int32_t)ids->shape[batched],
                               .encoder_length = (int32_t)ids->shape[batched + 1],
                               .decoder_length = (int32_t)labels->shape[batched + 1],
                               .kind = t->trainable->kind,
                               .targets = t->trainable->targets,
                               .rank = t->trainable->rank};
    return FT_OK;
}

ft_status tool_open(tool *t, const char *model, const char *adapter, const char *file, bool for_training,
                    ft_error *err)
{
    *t = (tool){0};
    ft_status status = ft_cpu_create(FT_F32, 0, &t->backend, err);
    if (status == FT_OK) status = ft_weights_read(model, &t->weights, err);
    if (status == FT_OK) status = ft_chronos_create(t->backend, t->weights, for_training, &t->chronos, err);
    if (status == FT_OK && adapter) status = ft_adapter_read(adapter, t->weights, &t->adapter, err);
    const ft_adapter *adapters[] = {t->adapter};
    if (status == FT_OK)
        status =
            ft_trainable_create(t->chronos, adapters, t->adapter != NULL, for_training, &t->trainable, err);
    if (status == FT_OK) status = ft_safetensors_open(file, &t->file, err);
    if (status == FT_OK) status = find_shape(t, err);
    if (status == FT_OK) status = ft_inputs_create(&t->shape, &t->inputs, err);
    return status;
}

/* Part `index` of n_batches of a tensor's bytes. */
static void load_part(const tool *t, const char *name, size_t element, int64_t index, void *out, size_t count)
{
    ft_error err = {""};
    const ft_stored_tensor *tensor = ft_safetensors_find(t->file, name);
    size_t bytes = count * element;
    char *all = tensor ? malloc((size_t)tensor->bytes + 1) : NULL;
    if (!all || tensor->bytes != bytes * (size_t)t->n_batches ||
        ft_safetensors_read(t->file, tensor, all, &err) != FT_OK) {
        fprintf(stderr, "%s: %s is missing or of another size %s\n", t->file->path, name, err.message);
        exit(2);
    }
    memcpy(out, all + bytes * (size_t)index, bytes);
    free(all);
}

void tool_load(const tool *t, ft_inputs *inputs, int64_t index)
{
    size_t encoder = (size_t)t->shape.n_sequences * (size_t)t->shape.encoder_length;
    size_t decoder = (size_t)t->shape.n_sequences * (size_t)t->shape.decoder_length;
    load_part(t, "input_ids", 4, index, inputs->encoder_ids, encoder);
    load_part(t, "attention_mask", 1, index, inputs->key_mask, encoder);
    load_part(t, "labels", 4, index, inputs->labels, decoder);
    inputs->n_sequences = t->shape.n_sequences;
    inputs->encoder_length = t->shape.encoder_length;
    inputs->decoder_length = t->shape.decoder_length;
    inputs->sequence_start[0] = 0;
    inputs->sequence_start[1] = t->shape.n_sequences;
}

int tool_close(tool *t, ft_status status, const ft_error *err)
{
    ft_inputs_free(t->inputs);
    ft_safetensors_close(t->file);
    ft_trainable_free(t->trainable);
    ft_adapter_free(t->adapter);
    ft_chronos_free(t->chronos);
    ft_weights_free(t->weights);
    if (t->backend) t->backend->free(t->backend);
    if (status != FT_OK) fprintf(stderr, "%s\n", err->message);
    return status == FT_OK ? 0 : 1;
}
