/* What the parity tests share; see golden.h. */
#include "golden.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void must(ft_status status, const ft_error *err)
{
    cr_assert_eq(status, FT_OK, "%s", err->message);
}

char *golden_path(const char *name)
{
    char *path = malloc(strlen(FT_GOLDEN_DIR) + strlen(name) + 2);
    cr_assert_not_null(path);
    strcpy(path, FT_GOLDEN_DIR);
    strcat(path, "/");
    return strcat(path, name);
}

ft_safetensors *golden_open(const char *name)
{
    ft_error err;
    char *path = golden_path(name);
    ft_safetensors *file = NULL;
    must(ft_safetensors_open(path, &file, &err), &err);
    free(path);
    return file;
}

void golden_close(ft_safetensors *file)
{
    ft_safetensors_close(file);
}

static void *whole(const ft_safetensors *file, const char *name, ft_stored_dtype dtype, int64_t *count)
{
    ft_error err;
    const ft_stored_tensor *tensor = ft_safetensors_find(file, name);
    cr_assert_not_null(tensor, "%s has no tensor %s", file->path, name);
    cr_assert_eq(tensor->dtype, dtype, "dtype of %s", name);
    void *values = malloc((size_t)tensor->bytes + 1);
    cr_assert_not_null(values);
    must(ft_safetensors_read(file, tensor, values, &err), &err);
    if (count) *count = (int64_t)tensor->count;
    return values;
}

float *golden_floats(const ft_safetensors *file, const char *name, int64_t *count)
{
    return whole(file, name, FT_STORED_F32, count);
}
int32_t *golden_integers(const ft_safetensors *file, const char *name, int64_t *count)
{
    return whole(file, name, FT_STORED_I32, count);
}
uint8_t *golden_bytes(const ft_safetensors *file, const char *name, int64_t *count)
{
    return whole(file, name, FT_STORED_BOOL, count);
}

int64_t golden_dim(const ft_safetensors *file, const char *name, int dim)
{
    const ft_stored_tensor *tensor = ft_safetensors_find(file, name);
    cr_assert_not_null(tensor, "%s has no tensor %s", file->path, name);
    cr_assert_lt(dim, tensor->n_dims);
    return tensor->shape[dim];
}

cJSON *golden_json(const char *name)
{
    ft_error err;
    char *path = golden_path(name);
    cJSON *root = NULL;
    must(ft_json_read(path, &root, &err), &err);
    free(path);
    return root;
}

double golden_distance(const float *a, const float *b, int64_t count)
{
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < count; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        norm += (double)b[i] * b[i];
    }
    return sqrt(difference) / (norm > 0 ? sqrt(norm) : 1);
}

golden_model golden_model_open(const golden_backend *backend, const char *model, const char *adapter,
                               bool for_training)
{
    golden_model m = {0};
    ft_error err;
    char *path = golden_path(model);
    must(backend->create(&m.backend, &err), &err);
    must(ft_weights_read(path, &m.weights, &err), &err);
    must(ft_chronos_create(m.backend, m.weights, for_training, &m.chronos, &err), &err);
    free(path);
    if (adapter && strcmp(adapter, "full") == 0) {
        ft_adapter_spec spec = {.kind = FT_FULL};
        must(ft_adapter_init(&spec, m.weights, 0, &m.adapter, &err), &err);
    } else if (adapter) {
        path = golden_path(adapter);
        must(ft_adapter_read(path, m.weights, &m.adapter, &err), &err);
        free(path);
    }
    const ft_adapter *adapters[] = {m.adapter};
    must(ft_trainable_create(m.chronos, adapters, m.adapter != NULL, for_training, &m.trainable, &err), &err);
    return m;
}

void golden_model_close(golden_model *m)
{
    ft_trainable_free(m->trainable);
    ft_adapter_free(m->adapter);
    ft_chronos_free(m->chronos);
    ft_weights_free(m->weights);
    m->backend->free(m->backend);
}

void golden_load_batch(const ft_safetensors *file, int64_t index, ft_inputs *in)
{
    const ft_stored_tensor *shape = ft_safetensors_find(file, "input_ids");
    cr_assert_not_null(shape);
    bool batched = shape->n_dims == 3;
    int64_t n = shape->shape[batched], encoder_length = shape->shape[1 + batched];
    int64_t decoder_length = golden_dim(file, "labels", 1 + batched);
    int32_t *ids = golden_integers(file, "input_ids", NULL), *labels = golden_integers(file, "labels", NULL);
    uint8_t *mask = golden_bytes(file, "attention_mask", NULL);
    in->n_sequences = (int32_t)n;
    in->encoder_length = (int32_t)encoder_length;
    in->decoder_length = (int32_t)decoder_length;
    in->sequence_start[0] = 0;
    in->sequence_start[1] = (int32_t)n;
    memcpy(in->encoder_ids, ids + index * n * encoder_length, (size_t)(n * encoder_length) * 4);
    memcpy(in->key_mask, mask + index * n * encoder_length, (size_t)(n * encoder_length));
    memcpy(in->labels, labels + index * n * decoder_length, (size_t)(n * decoder_length) * 4);
    free(ids);
    free(labels);
    free(mask);
}

ft_pass_shape golden_shape(const golden_model *m, const ft_safetensors *file, bool backward)
{
    const ft_stored_tensor *ids = ft_safetensors_find(file, "input_ids");
    cr_assert_not_null(ids);
    bool batched = ids->n_dims == 3;
    return (ft_pass_shape){.n_adapters = 1,
                           .n_sequences = (int32_t)ids->shape[batched],
                           .encoder_length = (int32_t)ids->shape[1 + batched],
                           .decoder_length = (int32_t)golden_dim(file, "labels", 1 + batched),
                           .backward = backward,
                           .kind = m->trainable->kind,
                           .targets = m->trainable->targets,
                           .rank = m->trainable->rank};
}
