/* The directories that hold adapters, as PEFT reads and writes them; see adapter.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "model/adapter_kinds.h"
#include "model/peft_config.h"
#include "model/peft_kinds.h"
#include "model/peft_tensors.h"
#include "model/place.h"
#include "model/safetensors.h"

enum { NAME_CHARS = 160 };

/* "base_model.model.<module>.<part>.weight" of a base tensor "<module>.weight". */
static void peft_name(const ft_model_config *config, int32_t index, const char *part, char out[NAME_CHARS])
{
    const ft_tensor_name name = ft_tensor_name_of(config, index);
    int module = (int)(strlen(name.text) - strlen(".weight"));
    snprintf(out, NAME_CHARS, "base_model.model.%.*s.%s.weight", module, name.text, part);
}

/* An adapter file while it is read: which stored tensor is which part of which base
 * tensor. */
typedef struct parts {
    const ft_safetensors *file;
    ft_peft_tensors tensors;         /* the file's, by plain names */
    const ft_stored_tensor **a, **b; /* (ft_tensor_count); NULL where the file has none */
    size_t found;                    /* tensors of the file that have their place */
} parts;

/* Finds the adapter's tensors by name, and a LoRA's rank and targets. All other
 * tensors must be copies of the base model's. */
static ft_status find_parts(const ft_weights *base, ft_adapter_spec *spec, parts *p, ft_error *err)
{
    const ft_model_config *config = &base->config;
    const ft_adapter_properties *kind = &ft_adapter_kinds[spec->kind];
    const ft_peft_kind *peft = &ft_peft_kinds[spec->kind];
    int64_t stated = spec->rank, rank = 0;
    for (int32_t i = 0; i < ft_tensor_count(config); i++) {
        ft_tensor_info info = ft_tensor_describe(config, i);
        char a[NAME_CHARS], b[NAME_CHARS];
        if (!kind->trains(&info, FT_ALL_TARGETS)) continue;
        peft_name(config, i, peft->a, a);
        p->a[i] = ft_peft_tensors_find(&p->tensors, a);
        if (p->a[i]) p->found++;
        if (!kind->is_low_rank) continue;
        peft_name(config, i, peft->b, b);
        p->b[i] = ft_peft_tensors_find(&p->tensors, b);
        if (p->b[i]) p->found++;
        if (!p->a[i] != !p->b[i])
            return ft_fail(err, FT_BAD_INPUT, "%s: tensor \"%s\" is missing", p->file->path, p->a[i] ? b : a);
        if (!p->a[i]) continue;
        spec->targets |= ft_target_of(&info);
        if (rank == 0) rank = p->a[i]->shape[0];
        if (p->a[i]->n_dims == 2 && p->a[i]->shape[0] != rank)
            return ft_fail(err, FT_BAD_INPUT,
                           "%s: tensor \"%s\" has rank %lld, others have %lld: one rank is needed",
                           p->file->path, a, (long long)p->a[i]->shape[0], (long long)rank);
    }
    for (size_t k = 0; k < p->file->count && p->found < p->file->count; k++) {
        bool placed = false;
        for (int32_t i = 0; i < ft_tensor_count(config) && !placed; i++)
            placed = p->a[i] == &p->file->tensors[k] || p->b[i] == &p->file->tensors[k];
        const ft_status status = placed ? FT_OK : ft_peft_tensors_check_copy(&p->tensors, k, base, err);
        if (status != FT_OK) return status;
    }
    if (p->found == 0) return ft_fail(err, FT_BAD_INPUT, "%s: holds no tensor of an adapter", p->file->path);
    if (kind->is_low_rank && stated && rank != stated)
        return ft_fail(err, FT_BAD_INPUT, "%s: the tensors' rank is %lld, adapter_config.json says r %lld",
                       p->file->path, (long long)rank, (long long)stated);
    if (kind->is_low_rank && (rank < 1 || rank > FT_MAX_RANK))
        return ft_fail(err, FT_BAD_INPUT, "%s: the tensors' rank is %lld, 1 to %d is supported",
                       p->file->path, (long long)rank, FT_MAX_RANK);
    spec->rank = (int32_t)rank;
    return FT_OK;
}

/* Checks the settings for single modules in adapter_config.json. */
static ft_status check_modules(const char *config_path, const ft_model_config *config,
                               const ft_adapter_spec *spec, const parts *p, ft_error *err)
{
    const ft_adapter_properties *kind = &ft_adapter_kinds[spec->kind];
    size_t count = 0;
    const size_t most = (size_t)ft_tensor_count(config);
    ft_tensor_name *names = calloc(2 * most, sizeof *names), *adapted = names + most;
    bool *has = calloc(most, sizeof *has);
    if (!names || !has) {
        free(names);
        free(has);
        return ft_no_memory(err, config_path, 2 * most * sizeof *names);
    }
    size_t n_possible = 0;
    for (int32_t i = 0; i < (int32_t)most; i++) {
        const ft_tensor_info info = ft_tensor_describe(config, i);
        if (!kind->trains(&info, FT_ALL_TARGETS)) continue;
        ft_tensor_name *name = &names[n_possible];
        *name = ft_tensor_name_of(config, i);
        name->text[strlen(name->text) - strlen(".weight")] = '\0';
        has[n_possible++] = p->a[i] != NULL;
        if (kind->is_low_rank && p->a[i]) adapted[count++] = *name;
    }
    ft_status status =
        ft_peft_config_check(config_path, spec, adapted, count, p->found < p->file->count, err);
    if (status == FT_OK)
        status = ft_peft_config_check_targets(config_path, names, has, n_possible,
                                              p->tensors.is_wrapped ? "model." : "", err);
    free(names);
    free(has);
    return status;
}

/* Copies A and B. Blocks in which a LoRA target has no tensors get zeros: A and B both
 * zero change nothing, and no gradient moves them. */
static ft_status read_parts(const parts *p, ft_adapter *adapter, ft_error *err)
{
    ft_status status = FT_OK;
    for (int32_t i = 0; i < ft_tensor_count(&adapter->config) && status == FT_OK; i++) {
        ft_tensor_info info = ft_tensor_describe(&adapter->config, i);
        int64_t rank = adapter->spec.rank;
        if (!p->a[i]) continue;
        if (!ft_adapter_kinds[adapter->spec.kind].is_low_rank) {
            status = ft_safetensors_read_matrix(p->file, p->a[i], 1, info.cols, adapter->a[i], err);
            continue;
        }
        status = ft_safetensors_read_matrix(p->file, p->a[i], rank, info.cols, adapter->a[i], err);
        if (status == FT_OK)
            status = ft_safetensors_read_matrix(p->file, p->b[i], info.rows, rank, adapter->b[i], err);
    }
    return status;
}

/* Explains a directory without adapter_model.safetensors, if it is recognisably
 * something else. */
static ft_status check_directory(const char *directory, const char *config_path, const char *tensors_path,
                                 ft_error *err)
{
    ft_status status = ft_place_check(directory, "adapter_config.json", err);
    if (status != FT_OK) return status;
    char *model = ft_join_path(directory, "config.json"),
         *pickled = ft_join_path(directory, "adapter_model.bin");
    const char *const paths[] = {config_path, tensors_path, model, pickled};
    bool there[4] = {false};
    if (!model || !pickled) status = ft_no_memory(err, directory, 0);
    for (int i = 0; i < 4 && status == FT_OK; i++) status = ft_path_exists(paths[i], &there[i], err);
    const bool has_config = there[0], has_tensors = there[1], is_model = there[2], is_pickled = there[3];
    if (status == FT_OK && !has_config && is_model)
        status =
            ft_fail(err, FT_BAD_INPUT, "%s: is a model, not an adapter (give it as the model)", directory);
    else if (status == FT_OK && !has_config)
        status = ft_fail(err, FT_BAD_INPUT, "%s: adapter_config.json is missing", directory);
    else if (status == FT_OK && !has_tensors)
        status = ft_fail(
            err, FT_BAD_INPUT, "%s: adapter_model.safetensors is missing%s", directory,
            is_pickled ? "; adapter_model.bin is, which is not read: save it anew with peft, "
                         "PeftModel.from_pretrained(BASE, DIR).save_pretrained(DIR, safe_serialization=True)"
                       : "");
    free(model);
    free(pickled);
    return status;
}

ft_status ft_adapter_read(const char *directory, const ft_weights *base, ft_adapter **adapter, ft_error *err)
{
    *adapter = NULL;
    ft_adapter_spec spec;
    ft_safetensors *file = NULL;
    size_t bytes = (size_t)ft_tensor_count(&base->config) * sizeof(ft_stored_tensor *);
    char *config_path = ft_join_path(directory, "adapter_config.json");
    char *tensors_path = ft_join_path(directory, "adapter_model.safetensors");
    parts p = {.a = calloc(1, bytes), .b = calloc(1, bytes)};
    ft_status status = FT_OK;
    if (!config_path || !tensors_path || !p.a || !p.b) status = ft_no_memory(err, directory, 2 * bytes);
    if (status == FT_OK) status = check_directory(directory, config_path, tensors_path, err);
    if (status == FT_OK) status = ft_peft_config_read(config_path, &spec, err);
    if (status == FT_OK) status = ft_safetensors_open(tensors_path, &file, err);
    p.file = file;
    if (status == FT_OK) status = ft_peft_tensors_open(file, &p.tensors, err);
    if (status == FT_OK) status = find_parts(base, &spec, &p, err);
    if (status == FT_OK) status = check_modules(config_path, &base->config, &spec, &p, err);
    if (status == FT_OK) {
        status = ft_adapter_create(&spec, base, adapter, err);
        if (status) ft_error_prefix(err, tensors_path);
    }
    if (status == FT_OK) status = read_parts(&p, *adapter, err);
    if (status) {
        ft_adapter_free(*adapter);
        *adapter = NULL;
    }
    ft_peft_tensors_free(&p.tensors);
    ft_safetensors_close(file);
    free(p.a);
    free(p.b);
    free(tensors_path);
    free(config_path);
    return status;
}

/* Writes adapter_model.safetensors. */
static ft_status write_tensors(const char *path, const ft_adapter *adapter, ft_error *err)
{
    static const char *const metadata[] = {"format", "pt"};
    const ft_model_config *config = &adapter->config;
    const ft_peft_kind *peft = &ft_peft_kinds[adapter->spec.kind];
    const bool is_low_rank = ft_adapter_kinds[adapter->spec.kind].is_low_rank;
    ft_status status = FT_OK;
    size_t count = 0, capacity = 2 * (size_t)ft_tensor_count(config);
    char(*names)[NAME_CHARS] = calloc(capacity, sizeof *names);
    ft_tensor_to_store *stored = calloc(capacity, sizeof *stored);
    if (!names || !stored) {
        status = ft_no_memory(err, path, capacity * (sizeof *names + sizeof *stored));
        goto cleanup;
    }
    for (int32_t i = 0; i < ft_tensor_count(config); i++) {
        ft_tensor_info info = ft_tensor_describe(config, i);
        int64_t rank = adapter->spec.rank;
        if (!adapter->a[i]) continue;
        peft_name(config, i, peft->a, names[count]);
        stored[count] =
            (ft_tensor_to_store){.name = names[count],
                                 .dtype = FT_STORED_F32,
                                 .n_dims = is_low_rank ? 2 : 1,
                                 .shape = {is_low_rank ? rank : info.cols, is_low_rank ? info.cols : 0},
                                 .data = adapter->a[i]};
        count++;
        if (!is_low_rank) continue;
        peft_name(config, i, peft->b, names[count]);
        stored[count] = (ft_tensor_to_store){.name = names[count],
                                             .dtype = FT_STORED_F32,
                                             .n_dims = 2,
                                             .shape = {info.rows, rank},
                                             .data = adapter->b[i]};
        count++;
    }
    status = ft_safetensors_write(path, stored, count, metadata, 1, err);
cleanup:
    free(stored);
    free(names);
    return status;
}

/* Writes an adapter's files into an existing directory. */
static ft_status write_files(const char *directory, const ft_adapter *adapter, const ft_weights *base,
                             const char *base_model, ft_error *err)
{
    if (ft_adapter_kinds[adapter->spec.kind].replaces_weights) {
        ft_weights whole = {.config = adapter->config, .tensor = adapter->a, .tied = base->tied};
        return ft_weights_write(directory, &whole, base_model, err);
    }
    char *config_path = ft_join_path(directory, "adapter_config.json");
    char *tensors_path = ft_join_path(directory, "adapter_model.safetensors");
    ft_status status = config_path && tensors_path ? FT_OK : ft_no_memory(err, directory, 0);
    if (status == FT_OK) status = write_tensors(tensors_path, adapter, err);
    if (status == FT_OK) status = ft_peft_config_write(config_path, &adapter->spec, base_model, err);
    free(tensors_path);
    free(config_path);
    return status;
}

/* Syncs a directory. Not every file system can; that is no failure. */
static void sync_directory(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    (void)fsync(descriptor);
    close(descriptor);
}

ft_status ft_adapter_write(const char *directory, const ft_adapter *adapter, const ft_weights *base,
                           const char *base_model, ft_error *err)
{
    ft_status status = FT_OK;
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/') length--;
    char *target = ft_copy_bytes(directory, length), *parent = NULL, *temporary = NULL;
    const char *slash = target ? strrchr(target, '/') : NULL;
    parent = !target || !slash ? ft_copy_string(".")
                               : ft_copy_bytes(target, slash == target ? 1 : (size_t)(slash - target));
    if (!target || !parent) {
        status = ft_no_memory(err, directory, length);
        goto cleanup;
    }
    status = ft_make_directories(parent, err);
    if (status == FT_OK) status = ft_make_temporary_directory(target, &temporary, err);
    if (status) goto cleanup;
    status = write_files(temporary, adapter, base, base_model, err);
    if (status == FT_OK) {
        sync_directory(temporary);
        /* Replaces an empty directory; fails on one that is not. */
        if (rename(temporary, target) != 0)
            status =
                ft_fail(err, ft_status_of_errno(errno), "%s: cannot be written: %s", target, strerror(errno));
    }
    if (status)
        ft_remove_tree(temporary);
    else
        sync_directory(parent);
cleanup:
    free(temporary);
    free(parent);
    free(target);
    return status;
}
