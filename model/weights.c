/* Reading and writing a model directory; see weights.h. */
#include "model/weights.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "model/place.h"
#include "model/safetensors.h"

/* The tensors of a model directory: model.safetensors, or what
 * model.safetensors.index.json names. */
typedef struct shards {
    const char *directory;
    char *index_path;        /* NULL without an index */
    cJSON *index;            /* owns weight_map */
    const cJSON *weight_map; /* tensor name -> file name; NULL without an index */
    ft_safetensors **files;  /* (n_files) */
    const char **file_names; /* (n_files) as in weight_map */
    size_t n_files;
} shards;

static void close_shards(shards *s)
{
    for (size_t i = 0; i < s->n_files; i++) ft_safetensors_close(s->files[i]);
    free(s->files);
    free(s->file_names);
    free(s->index_path);
    cJSON_Delete(s->index);
}

static ft_status open_file(shards *s, const char *name, ft_error *err)
{
    char *path = ft_join_path(s->directory, name);
    if (!path) return ft_no_memory(err, name, 0);
    ft_status status = ft_safetensors_open(path, &s->files[s->n_files], err);
    free(path);
    if (status) return status;
    s->file_names[s->n_files++] = name;
    return FT_OK;
}

static size_t shard_of(const shards *s, const char *name)
{
    size_t i = 0;
    while (i < s->n_files && strcmp(s->file_names[i], name) != 0) i++;
    return i;
}

/* Opens each file that the index names, once. */
static ft_status open_index(shards *s, ft_error *err)
{
    ft_status status = ft_place_check_file(s->index_path, err);
    if (status == FT_OK) status = ft_json_read(s->index_path, &s->index, err);
    if (status) return status;
    s->weight_map = cJSON_GetObjectItemCaseSensitive(s->index, "weight_map");
    if (!cJSON_IsObject(s->weight_map))
        return ft_fail(err, FT_BAD_INPUT, "%s: key \"weight_map\" is missing or not an object",
                       s->index_path);
    size_t entries = (size_t)cJSON_GetArraySize(s->weight_map);
    s->files = calloc(entries + 1, sizeof *s->files);
    s->file_names = calloc(entries + 1, sizeof *s->file_names);
    if (!s->files || !s->file_names) return ft_no_memory(err, s->index_path, entries * sizeof *s->files);
    const cJSON *entry;
    cJSON_ArrayForEach(entry, s->weight_map)
    {
        const char *name = cJSON_IsString(entry) ? entry->valuestring : "";
        if (!*name || strchr(name, '/'))
            return ft_fail(err, FT_BAD_INPUT,
                           "%s: tensor \"%s\": a file name in the same directory is needed", s->index_path,
                           entry->string);
        if (shard_of(s, name) < s->n_files) continue;
        status = open_file(s, name, err);
        if (status) return status;
    }
    return FT_OK;
}

/* Explains a directory without a safetensors file by what it has instead. */
static ft_status explain_no_tensors(const char *directory, ft_error *err)
{
    static const char *const others[] = {"pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5",
                                         "flax_model.msgpack"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        bool exists = false;
        char *path = ft_join_path(directory, others[i]);
        ft_status status = path ? ft_path_exists(path, &exists, err) : ft_no_memory(err, directory, 0);
        free(path);
        if (status != FT_OK) return status;
        if (exists)
            return ft_fail(err, FT_BAD_INPUT,
                           "%s: only %s is there, which is not read: save it anew with transformers, "
                           "T5ForConditionalGeneration.from_pretrained(DIR).save_pretrained(DIR, "
                           "safe_serialization=True)",
                           directory, others[i]);
    }
    return ft_fail(err, FT_BAD_INPUT,
                   "%s: neither model.safetensors nor model.safetensors.index.json is there", directory);
}

static ft_status open_shards(const char *directory, shards *s, ft_error *err)
{
    ft_status status = FT_OK;
    *s = (shards){.directory = directory};
    char *path = ft_join_path(directory, "model.safetensors");
    s->index_path = ft_join_path(directory, "model.safetensors.index.json");
    bool is_whole = false, has_index = false;
    status = path && s->index_path ? ft_path_exists(path, &is_whole, err) : ft_no_memory(err, directory, 0);
    if (status == FT_OK) status = ft_path_exists(s->index_path, &has_index, err);
    if (status != FT_OK) {
        free(path);
        return status;
    }
    if (!is_whole && has_index) {
        status = open_index(s, err);
    } else if (!is_whole) {
        status = explain_no_tensors(directory, err);
    } else {
        s->files = calloc(1, sizeof *s->files);
        s->file_names = calloc(1, sizeof *s->file_names);
        status = s->files && s->file_names ? open_file(s, "model.safetensors", err)
                                           : ft_no_memory(err, path, sizeof *s->files);
    }
    free(path);
    return status;
}

/* Finds a tensor. *tensor is NULL where the model has none of that name; an index that
 * names a shard without it is an error. */
static ft_status find(const shards *s, const char *name, const ft_safetensors **file,
                      const ft_stored_tensor **tensor, ft_error *err)
{
    *tensor = NULL;
    *file = s->weight_map ? NULL : s->files[0];
    if (s->weight_map) {
        const cJSON *entry = cJSON_GetObjectItemCaseSensitive(s->weight_map, name);
        if (!entry) return FT_OK;
        *file = s->files[shard_of(s, entry->valuestring)];
    }
    *tensor = ft_safetensors_find(*file, name);
    if (s->weight_map && !*tensor)
        return ft_fail(err, FT_BAD_INPUT, "%s: tensor \"%s\" is not in %s", s->index_path, name,
                       (*file)->path);
    return FT_OK;
}

/* Reads the tensor of `name` as tensor `index` into a new array; *values is NULL where
 * the model has none of that name. */
static ft_status read_tensor(const shards *s, const ft_model_config *config, const char *name, int32_t index,
                             float **values, ft_error *err)
{
    const ft_safetensors *file;
    const ft_stored_tensor *tensor;
    ft_tensor_info info = ft_tensor_describe(config, index);
    *values = NULL;
    ft_status status = find(s, name, &file, &tensor, err);
    if (status || !tensor) return status;
    /* Check before allocating, so that a config.json with absurd sizes gets no memory. */
    status = ft_safetensors_expect_matrix(file, tensor, info.rows, info.cols, err);
    if (status) return status;
    size_t bytes = (size_t)info.rows * (size_t)info.cols * sizeof(float);
    *values = malloc(bytes);
    if (!*values) return ft_no_memory(err, name, bytes);
    status = ft_safetensors_read_matrix(file, tensor, info.rows, info.cols, *values, err);
    if (status) {
        free(*values);
        *values = NULL;
    }
    return status;
}

/* shared.weight and its aliases, docs/reference.md §1: the first that is there is the
 * embedding; an embed_tokens must equal it; an lm_head that equals it is tied to it, and
 * so is one that is missing, where config.json ties it. */
static ft_status read_embeddings(const shards *s, ft_weights *weights, ft_error *err)
{
    static const char *const names[] = {"shared.weight", "encoder.embed_tokens.weight",
                                        "decoder.embed_tokens.weight", "lm_head.weight"};
    const ft_model_config *config = &weights->config;
    size_t bytes = (size_t)config->vocab_size * (size_t)config->d_model * sizeof(float);
    weights->tied = true;
    for (int i = 0; i < 4; i++) {
        float *values;
        ft_status status = read_tensor(s, config, names[i], FT_SHARED, &values, err);
        if (status) return status;
        if (i == 3 && !config->tie_word_embeddings && (!values || !weights->tensor[FT_SHARED])) {
            free(values);
            return ft_fail(
                err, FT_BAD_INPUT,
                "%s: tensor \"%s\" is missing, and no other takes its place: config.json says that "
                "tie_word_embeddings is false",
                s->directory, values ? "shared.weight" : "lm_head.weight");
        }
        if (!values) continue;
        if (!weights->tensor[FT_SHARED]) {
            weights->tensor[FT_SHARED] = values;
        } else if (!memcmp(values, weights->tensor[FT_SHARED], bytes)) {
            free(values);
        } else if (i == 3) {
            weights->tensor[FT_LM_HEAD] = values;
            weights->tied = false;
        } else {
            free(values);
            return ft_fail(err, FT_BAD_INPUT,
                           "%s: tensor \"%s\" differs from the shared embedding, which is not supported",
                           s->directory, names[i]);
        }
    }
    if (!weights->tensor[FT_SHARED])
        return ft_fail(err, FT_BAD_INPUT, "%s: tensor \"shared.weight\" is missing", s->directory);
    return FT_OK;
}

ft_status ft_weights_read(const char *model_dir, ft_weights **weights, ft_error *err)
{
    *weights = NULL;
    ft_model_config config;
    ft_weights *made = NULL;
    shards s = {0};
    char *text = NULL;
    size_t size = 0;
    char *config_path = ft_join_path(model_dir, "config.json");
    if (!config_path) return ft_no_memory(err, model_dir, 0);
    ft_status status = ft_config_read(model_dir, &config, err);
    if (status == FT_OK) status = ft_read_file(config_path, FT_CONFIG_MAX_BYTES, &text, &size, err);
    if (status == FT_OK) status = open_shards(model_dir, &s, err);
    if (status == FT_OK) status = ft_weights_create(&config, &made, err);
    if (status == FT_OK) status = read_embeddings(&s, made, err);
    for (int32_t i = FT_ENCODER_BIAS; status == FT_OK && i < ft_tensor_count(&config); i++) {
        if (ft_tensor_describe(&config, i).rows == 0) continue;
        const ft_tensor_name name = ft_tensor_name_of(&config, i);
        status = read_tensor(&s, &config, name.text, i, &made->tensor[i], err);
        if (status == FT_OK && !made->tensor[i])
            status = ft_fail(err, FT_BAD_INPUT, "%s: tensor \"%s\" is missing", model_dir, name.text);
    }
    if (status == FT_OK) {
        ft_weights_set_checksum(made, text, size);
        *weights = made;
        made = NULL;
    }
    ft_weights_free(made);
    close_shards(&s);
    free(text);
    free(config_path);
    return status;
}
