/* Resolves model names to directories; see hub.h. */
#include "host/hub/hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "host/hub/attempts.h"
#include "host/hub/builtin_place.h"
#include "host/hub/cache.h"
#include "host/hub/fetch.h"
#include "host/hub/name.h"
#include "host/hub/remote.h"
#include "host/hub/settings.h"
#include "model/config.h"
#include "model/pretrained/builtin.h"

/* Asks about a file of a commit. Refuses an answer about another commit. */
static ft_status look_at_commit(ft_hub_remote *remote, const char *commit, const char *name,
                                ft_hub_file *file, ft_error *err)
{
    ft_status status = ft_hub_look(remote, commit, name, file, err);
    if (status == FT_OK && file->exists && strcmp(file->commit, commit) != 0)
        return ft_fail(err, FT_FAILED, "%s: %s: commit %s was asked for, %s came: check HF_ENDPOINT",
                       remote->name->repository, name, commit, file->commit);
    return status;
}

static void say_size(ft_hub_remote *remote, const ft_hub_file *file)
{
    ft_text line = FT_TEXT_EMPTY;
    ft_text_addf(&line, "fetching %s", remote->name->repository);
    if (strcmp(remote->name->revision, "main") != 0) ft_text_addf(&line, "@%s", remote->name->revision);
    ft_text_addf(&line, ", %s", file->name);
    if (file->size >= 0) ft_text_addf(&line, " (%.1f MB)", 1e-6 * (double)file->size);
    ft_text_addf(&line, ", from %s", remote->settings->endpoint);
    if (!line.failed) ft_hub_say(remote, line.data);
    ft_text_free(&line);
}

/* Downloads a file that may be missing; the cache then marks it as absent. */
static ft_status fetch_if_there(ft_hub_remote *remote, const char *commit, const char *name, bool *exists,
                                ft_error *err)
{
    ft_hub_file file;
    ft_status status = look_at_commit(remote, commit, name, &file, err);
    *exists = status == FT_OK && file.exists;
    if (status != FT_OK) return status;
    if (!file.exists)
        return ft_hub_cache_note_absent(remote->settings->cache, remote->name->repository, commit, name, err);
    if (strncmp(name, "model", 5) == 0) say_size(remote, &file);
    return ft_hub_fetch(remote, &file, err);
}

static ft_status fetch_needed(ft_hub_remote *remote, const char *commit, const char *name, ft_error *err)
{
    bool exists = false;
    ft_status status = fetch_if_there(remote, commit, name, &exists, err);
    if (status != FT_OK || exists) return status;
    return ft_fail(err, FT_BAD_INPUT, "%s: has no %s, which its index names: it is not whole on the Hub",
                   remote->name->repository, name);
}

static ft_status explain_no_weights(ft_hub_remote *remote, const char *commit, ft_error *err)
{
    ft_hub_file file;
    ft_status status = ft_hub_look(remote, commit, "pytorch_model.bin", &file, err);
    if (status != FT_OK) return status;
    return ft_fail(
        err, FT_BAD_INPUT,
        file.exists
            ? "%s: has pytorch_model.bin alone, which is not read: convert it by Python's transformers, "
              "from_pretrained(NAME).save_pretrained(DIR, safe_serialization=True), and give DIR"
            : "%s: has no model.safetensors: it is no model that ftgpu reads",
        remote->name->repository);
}

static ft_status fetch_weights(ft_hub_remote *remote, const char *commit, const char *snapshot, ft_error *err)
{
    bool exists = false;
    ft_status status = fetch_if_there(remote, commit, "model.safetensors", &exists, err);
    if (status != FT_OK || exists) return status;
    status = fetch_if_there(remote, commit, "model.safetensors.index.json", &exists, err);
    if (status != FT_OK) return status;
    if (!exists) return explain_no_weights(remote, commit, err);
    char *index = ft_join_path(snapshot, "model.safetensors.index.json"), **shards = NULL;
    size_t count = 0;
    status = index ? ft_hub_cache_shards(index, &shards, &count, err) : ft_no_memory(err, "a path", 256);
    for (size_t i = 0; i < count && status == FT_OK; i++)
        status = fetch_needed(remote, commit, shards[i], err);
    ft_hub_free_names(shards, count);
    free(index);
    return status;
}

/* Downloads the revision's current commit. Weights come last, and only if the config
 * can be read. */
static ft_status pull(ft_hub_remote *remote, char **directory, ft_error *err)
{
    const char *cache = remote->settings->cache, *repository = remote->name->repository;
    ft_hub_file config;
    ft_model_config unused;
    bool exists = false;
    ft_status status = ft_http_open(remote->settings->timeout_seconds, &remote->http, err);
    if (status == FT_OK) status = ft_hub_look(remote, remote->name->revision, "config.json", &config, err);
    if (status == FT_OK && !config.exists)
        status =
            ft_fail(err, FT_BAD_INPUT, "%s: has no config.json: it is no model that ftgpu reads", repository);
    if (status != FT_OK) return status;
    char *snapshot = ft_hub_cache_path(cache, repository, "snapshots", config.commit);
    if (!snapshot) return ft_no_memory(err, "a path", strlen(cache));
    if (!ft_hub_cache_is_whole(snapshot)) {
        status = ft_hub_fetch(remote, &config, err);
        if (status == FT_OK)
            status = fetch_if_there(remote, config.commit, "generation_config.json", &exists, err);
        if (status == FT_OK) status = ft_config_read(snapshot, &unused, err);
        if (status == FT_OK) status = fetch_weights(remote, config.commit, snapshot, err);
    }
    /* Last, so that refs/ keeps the old commit until the new one is complete. */
    if (status == FT_OK) status = ft_hub_cache_set_revision(cache, remote->name, config.commit, err);
    if (status == FT_OK)
        *directory = snapshot;
    else
        free(snapshot);
    return status;
}

/* Fails, and says what can be done without a network. */
static ft_status explain_no_network(const ft_hub_remote *remote, ft_error *err)
{
    const ft_hub_settings *s = remote->settings;
    const char *name = remote->name->repository;
    if (s->is_offline)
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s: is no directory here and not in the cache %s, and HF_HUB_OFFLINE forbids to fetch it: "
            "unset that, or give the directory of a copy",
            name, s->cache);
    const ft_error reason = *err;
    return ft_fail(
        err, FT_FAILED,
        "%s; it is no directory here and not in the cache %s: connect, set https_proxy or HF_ENDPOINT, "
        "or give the directory of a copy",
        reason.message, s->cache);
}

static ft_status fetch(const ft_hub_settings *settings, const ft_hub_name *name, const ft_hub_watch *watch,
                       char **directory, ft_error *err)
{
    ft_hub_remote remote = {.settings = settings, .name = name, .watch = watch};
    ft_status status =
        settings->is_offline ? explain_no_network(&remote, err) : pull(&remote, directory, err);
    if (status != FT_OK && remote.is_unreachable) status = explain_no_network(&remote, err);
    ft_http_close(remote.http);
    return status;
}

/* If ORG is a directory here, "ORG/NAME" may be a mistyped path. */
static bool is_ambiguous(const ft_hub_name *name)
{
    struct stat info;
    char *organization = ft_copy_bytes(name->repository, strcspn(name->repository, "/"));
    const bool is_directory = organization && stat(organization, &info) == 0;
    free(organization);
    return is_directory && !name->is_explicit;
}

static ft_status find_or_fetch(const char *model, const ft_hub_name *name, const ft_hub_watch *watch,
                               char **directory, ft_error *err)
{
    ft_hub_settings settings;
    if (is_ambiguous(name))
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s: there is no such directory; if the model of that name on the Hugging Face Hub is meant: "
            "hf://%s",
            model, model);
    ft_status status = ft_hub_settings_read(&settings, err);
    if (status == FT_OK) status = ft_hub_cache_find(settings.cache, name, directory, err);
    if (status == FT_OK && !*directory) status = fetch(&settings, name, watch, directory, err);
    ft_hub_settings_free(&settings);
    return status;
}

ft_status ft_hub_resolve(const char *model, const ft_hub_watch *watch, char **directory, ft_error *err)
{
    struct stat info;
    ft_hub_name name;
    *directory = NULL;
    const bool is_missing = lstat(model, &info) != 0 && (errno == ENOENT || errno == ENOTDIR);
    if (is_missing && ft_is_builtin(model)) return ft_builtin_place(directory, err);
    if (is_missing && ft_hub_name_parse(model, &name))
        return find_or_fetch(model, &name, watch, directory, err);
    *directory = ft_copy_string(model);
    return *directory ? FT_OK : ft_no_memory(err, "a path", strlen(model));
}

ft_status ft_hub_find(const char *model, char **directory, ft_error *err)
{
    ft_hub_settings settings;
    ft_hub_name name;
    *directory = NULL;
    if (ft_is_builtin(model)) return ft_builtin_place(directory, err);
    if (!ft_hub_name_parse(model, &name)) return FT_OK;
    ft_status status = ft_hub_settings_read(&settings, err);
    if (status == FT_OK) status = ft_hub_cache_find(settings.cache, &name, directory, err);
    ft_hub_settings_free(&settings);
    return status;
}

ft_status ft_hub_pull(const char *model, const ft_hub_watch *watch, char **directory, ft_error *err)
{
    ft_hub_settings settings;
    ft_hub_name name;
    *directory = NULL;
    if (ft_is_builtin(model)) return ft_builtin_place(directory, err);
    if (!ft_hub_name_parse(model, &name))
        return ft_fail(err, FT_BAD_INPUT,
                       "\"%s\" is no name on the Hugging Face Hub: ORG/NAME or ORG/NAME@REVISION, as "
                       "amazon/chronos-t5-small",
                       model);
    ft_status status = ft_hub_settings_read(&settings, err);
    if (status == FT_OK) status = fetch(&settings, &name, watch, directory, err);
    ft_hub_settings_free(&settings);
    return status;
}
