/* Paths, links and marker files of the Hugging Face cache; see cache.h. */
#include "host/hub/cache.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

/* Returns the finished text, malloc'd; NULL when memory ran out. */
static char *take(ft_text *text)
{
    if (text->failed) ft_text_free(text);
    return text->data;
}

/* Appends "models--ORG--NAME". */
static void add_directory_name(ft_text *text, const char *repository)
{
    ft_text_add(text, "models--");
    for (const char *c = repository; *c; c++)
        ft_text_add_bytes(text, *c == '/' ? "--" : c, *c == '/' ? 2 : 1);
}

char *ft_hub_cache_repository(const char *cache, const char *repository)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_addf(&text, "%s/", cache);
    add_directory_name(&text, repository);
    return take(&text);
}

char *ft_hub_cache_path(const char *cache, const char *repository, const char *kind, const char *name)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_addf(&text, "%s/", cache);
    add_directory_name(&text, repository);
    ft_text_addf(&text, "/%s/%s", kind, name);
    return take(&text);
}

char *ft_hub_cache_lock_path(const char *cache, const char *repository, const char *hash)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_addf(&text, "%s/.locks/", cache);
    add_directory_name(&text, repository);
    ft_text_addf(&text, "/%s.lock", hash);
    return take(&text);
}

static bool has(const char *directory, const char *file)
{
    struct stat info;
    char *path = ft_join_path(directory, file);
    const bool is_there = path && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    free(path);
    return is_there;
}

/* Reads the commit in refs/<revision>; "" if there is none. */
static ft_status read_revision(const char *cache, const ft_hub_name *name, char commit[FT_HUB_COMMIT_CHARS],
                               ft_error *err)
{
    char *path = ft_hub_cache_path(cache, name->repository, "refs", name->revision), *text = NULL;
    size_t size = 0;
    struct stat info;
    *commit = '\0';
    if (!path) return ft_no_memory(err, "a path", strlen(cache));
    ft_status status = FT_OK;
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) status = ft_read_file(path, 4096, &text, &size, err);
    if (text) text[strcspn(text, " \r\n")] = '\0';
    if (text && ft_hub_is_commit(text)) memcpy(commit, text, FT_HUB_COMMIT_CHARS);
    free(text);
    free(path);
    return status;
}

ft_status ft_hub_cache_find(const char *cache, const ft_hub_name *name, char **snapshot, ft_error *err)
{
    char commit[FT_HUB_COMMIT_CHARS];
    *snapshot = NULL;
    ft_status status = read_revision(cache, name, commit, err);
    if (status != FT_OK) return status;
    if (!*commit && ft_hub_is_commit(name->revision)) memcpy(commit, name->revision, sizeof commit);
    if (!*commit) return FT_OK;
    char *path = ft_hub_cache_path(cache, name->repository, "snapshots", commit);
    if (!path) return ft_no_memory(err, "a path", strlen(cache));
    if (ft_hub_cache_is_whole(path))
        *snapshot = path;
    else
        free(path);
    return FT_OK;
}

static ft_status add_name(char ***names, size_t *count, const char *name, ft_error *err)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*names)[i], name) == 0) return FT_OK;
    char **longer = realloc(*names, (*count + 1) * sizeof **names);
    if (!longer) return ft_no_memory(err, "names of shards", *count + 1);
    *names = longer;
    longer[*count] = ft_copy_string(name);
    if (!longer[*count]) return ft_no_memory(err, "the name of a shard", strlen(name));
    ++*count;
    return FT_OK;
}

ft_status ft_hub_cache_shards(const char *index, char ***names, size_t *count, ft_error *err)
{
    cJSON *root = NULL;
    *names = NULL;
    *count = 0;
    ft_status status = ft_json_read(index, &root, err);
    if (status != FT_OK) return status;
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(root, "weight_map"), *file;
    if (!cJSON_IsObject(map) || !map->child)
        status = ft_fail(err, FT_BAD_INPUT, "%s: has no \"weight_map\" that names the shards", index);
    if (status == FT_OK) cJSON_ArrayForEach(file, map)
        {
            if (!cJSON_IsString(file) || !ft_hub_is_file_name(file->valuestring))
                status = ft_fail(err, FT_BAD_INPUT, "%s: \"weight_map\": \"%s\" names no file beside it",
                                 index, file->string);
            else
                status = add_name(names, count, file->valuestring, err);
            if (status != FT_OK) break;
        }
    cJSON_Delete(root);
    if (status != FT_OK) {
        ft_hub_free_names(*names, *count);
        *names = NULL;
        *count = 0;
    }
    return status;
}

void ft_hub_free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}

bool ft_hub_cache_is_whole(const char *snapshot)
{
    if (!has(snapshot, "config.json")) return false;
    if (has(snapshot, "model.safetensors")) return true;
    if (!has(snapshot, "model.safetensors.index.json")) return false;
    char *index = ft_join_path(snapshot, "model.safetensors.index.json"), **shards = NULL;
    size_t count = 0;
    ft_error ignored;
    bool is_whole = index && ft_hub_cache_shards(index, &shards, &count, &ignored) == FT_OK;
    for (size_t i = 0; i < count && is_whole; i++) is_whole = has(snapshot, shards[i]);
    ft_hub_free_names(shards, count);
    free(index);
    return is_whole;
}

/* Makes the parent directory of a path. */
static ft_status make_parent(const char *path, ft_error *err)
{
    char *parent = ft_copy_string(path);
    if (!parent) return ft_no_memory(err, "a path", strlen(path));
    *strrchr(parent, '/') = '\0';
    ft_status status = ft_make_directories(parent, err);
    free(parent);
    return status;
}

/* Makes the link. Fine if it exists and leads to the same file: another process may
 * have made it at the same moment. */
static ft_status make_link(const char *target, const char *link, const char *blob, ft_error *err)
{
    struct stat info;
    for (int i = 0; i < 3; i++) {
        if (stat(link, &info) == 0) return FT_OK;
        if (symlink(target, link) == 0) return FT_OK;
        if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS) {
            if (rename(blob, link) == 0) return FT_OK;
            break;
        }
        if (errno != EEXIST) break;
        unlink(link); /* a dangling link */
    }
    return ft_fail(err, ft_status_of_errno(errno), "%s: cannot be made: %s", link, strerror(errno));
}

ft_status ft_hub_cache_link(const char *cache, const char *repository, const char *commit, const char *file,
                            const char *hash, ft_error *err)
{
    ft_text target = FT_TEXT_EMPTY, name = FT_TEXT_EMPTY;
    ft_text_addf(&target, "../../blobs/%s", hash);
    ft_text_addf(&name, "%s/%s", commit, file);
    char *link = name.failed ? NULL : ft_hub_cache_path(cache, repository, "snapshots", name.data);
    char *blob = ft_hub_cache_path(cache, repository, "blobs", hash);
    ft_status status =
        link && blob && !target.failed ? make_parent(link, err) : ft_no_memory(err, "a path", strlen(cache));
    if (status == FT_OK) status = make_link(target.data, link, blob, err);
    free(blob);
    free(link);
    ft_text_free(&name);
    ft_text_free(&target);
    return status;
}

/* Writes a marker file, unless it has this content already. */
static ft_status write_note(char *path, const char *text, ft_error *err)
{
    char *old = NULL;
    size_t size = 0;
    ft_error ignored;
    if (!path) return ft_no_memory(err, "a path", 256);
    const bool is_same = ft_read_file(path, 4096, &old, &size, &ignored) == FT_OK && strcmp(old, text) == 0;
    free(old);
    ft_status status = is_same ? FT_OK : make_parent(path, err);
    if (!is_same && status == FT_OK) status = ft_write_file(path, text, strlen(text), err);
    free(path);
    return status;
}

ft_status ft_hub_cache_note_absent(const char *cache, const char *repository, const char *commit,
                                   const char *file, ft_error *err)
{
    ft_text name = FT_TEXT_EMPTY;
    ft_text_addf(&name, "%s/%s", commit, file);
    ft_status status = write_note(
        name.failed ? NULL : ft_hub_cache_path(cache, repository, ".no_exist", name.data), "", err);
    ft_text_free(&name);
    return status;
}

ft_status ft_hub_cache_set_revision(const char *cache, const ft_hub_name *name, const char *commit,
                                    ft_error *err)
{
    if (strcmp(name->revision, commit) == 0) return FT_OK;
    return write_note(ft_hub_cache_path(cache, name->repository, "refs", name->revision), commit, err);
}
