/* Lists the Hugging Face cache; see hub.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/directory.h"
#include "base/file.h"
#include "base/text.h"
#include "host/hub/cache.h"
#include "host/hub/hub.h"
#include "host/hub/settings.h"

enum { DEEPEST_REVISION = 6 }; /* most parts, between slashes, of a branch's name */

/* A branch or tag of a model, and its commit. */
typedef struct revision {
    char *name, *commit;
} revision;

typedef struct revisions {
    revision *items;
    size_t count;
} revisions;

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The names in a directory, sorted; none if it does not exist. */
static ft_status list_names(const char *path, char ***names, size_t *count, ft_error *err)
{
    ft_directory directory = FT_NO_DIRECTORY;
    *names = NULL;
    *count = 0;
    if (!is_directory(path)) return FT_OK;
    ft_status status = ft_directory_open(path, &directory, err);
    if (status == FT_OK) status = ft_directory_list(&directory, NULL, names, count, err);
    ft_directory_close(&directory);
    return status;
}

static ft_status add_revision(const char *path, const char *name, revisions *all, ft_error *err)
{
    char *commit = NULL;
    size_t size = 0;
    ft_status status = ft_read_file(path, 4096, &commit, &size, err);
    if (status != FT_OK) return status;
    commit[strcspn(commit, " \r\n")] = '\0';
    revision *longer = realloc(all->items, (all->count + 1) * sizeof *longer);
    if (longer) all->items = longer;
    char *copy = longer ? ft_copy_string(name) : NULL;
    if (!copy) {
        free(commit);
        return ft_no_memory(err, "revisions", all->count);
    }
    all->items[all->count++] = (revision){copy, commit};
    return FT_OK;
}

/* Reads all revisions below refs/. A branch "a/b" is the file b in the directory a;
 * then `prefix` is "a/", else "". */
static ft_status read_revisions(const char *directory, const char *prefix, int depth, revisions *all,
                                ft_error *err)
{
    char **names = NULL;
    size_t count = 0;
    ft_status status = list_names(directory, &names, &count, err);
    for (size_t i = 0; i < count && status == FT_OK; i++) {
        char *path = ft_join_path(directory, names[i]);
        ft_text name = FT_TEXT_EMPTY;
        ft_text_addf(&name, "%s%s", prefix, names[i]);
        if (!path || name.failed) {
            status = ft_no_memory(err, "a path", strlen(directory));
        } else if (!is_directory(path)) {
            status = add_revision(path, name.data, all, err);
        } else if (depth < DEEPEST_REVISION) {
            ft_text_add(&name, "/");
            status = name.failed ? ft_no_memory(err, "a path", strlen(directory))
                                 : read_revisions(path, name.data, depth + 1, all, err);
        }
        ft_text_free(&name);
        free(path);
    }
    ft_directory_free_names(names, count);
    return status;
}

static void free_revisions(revisions *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free(all->items[i].name);
        free(all->items[i].commit);
    }
    free(all->items);
}

/* Joins the revisions of a commit: "main, v2". */
static char *join_revisions(const revisions *all, const char *commit)
{
    ft_text text = FT_TEXT_EMPTY;
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->items[i].commit, commit) == 0)
            ft_text_addf(&text, "%s%s", text.length ? ", " : "", all->items[i].name);
    if (text.length == 0 && !text.failed) return ft_copy_string("");
    if (text.failed) ft_text_free(&text);
    return text.data;
}

/* ORG/NAME of "models--ORG--NAME". */
static char *model_name(const char *directory)
{
    char *name = ft_copy_string(directory + strlen("models--")), *dashes = name ? strstr(name, "--") : NULL;
    if (dashes) {
        *dashes = '/';
        memmove(dashes + 1, dashes + 2, strlen(dashes + 2) + 1);
    }
    return name;
}

/* Adds the sizes of all files in and below a snapshot; follows its links. */
static ft_status add_bytes(const char *directory, int depth, int64_t *bytes, ft_error *err)
{
    char **names = NULL;
    size_t count = 0;
    ft_status status = list_names(directory, &names, &count, err);
    for (size_t i = 0; i < count && status == FT_OK; i++) {
        struct stat info;
        char *path = ft_join_path(directory, names[i]);
        if (!path)
            status = ft_no_memory(err, "a path", strlen(directory));
        else if (stat(path, &info) == 0 && S_ISREG(info.st_mode))
            *bytes += info.st_size;
        else if (is_directory(path) && depth < DEEPEST_REVISION)
            status = add_bytes(path, depth + 1, bytes, err);
        free(path);
    }
    ft_directory_free_names(names, count);
    return status;
}

typedef struct listing {
    ft_hub_cached *items;
    int64_t count;
} listing;

static ft_status add_snapshot(const char *model, const char *snapshots, const char *commit,
                              const revisions *all, listing *list, ft_error *err)
{
    ft_hub_cached *longer = realloc(list->items, (size_t)(list->count + 1) * sizeof *longer);
    if (!longer) return ft_no_memory(err, "the cache's list", sizeof *longer);
    list->items = longer;
    ft_hub_cached *item = &longer[list->count++];
    *item = (ft_hub_cached){.model = model_name(model),
                            .revisions = join_revisions(all, commit),
                            .commit = ft_copy_string(commit),
                            .path = ft_join_path(snapshots, commit)};
    if (!item->model || !item->revisions || !item->commit || !item->path)
        return ft_no_memory(err, "the cache's list", strlen(snapshots));
    item->is_whole = ft_hub_cache_is_whole(item->path);
    return add_bytes(item->path, 0, &item->bytes, err);
}

static ft_status list_model(const char *cache, const char *model, listing *list, ft_error *err)
{
    char *directory = ft_join_path(cache, model), **commits = NULL;
    char *refs = directory ? ft_join_path(directory, "refs") : NULL;
    char *snapshots = directory ? ft_join_path(directory, "snapshots") : NULL;
    size_t count = 0;
    revisions all = {0};
    ft_status status = refs && snapshots ? FT_OK : ft_no_memory(err, "a path", strlen(cache));
    if (status == FT_OK) status = read_revisions(refs, "", 0, &all, err);
    if (status == FT_OK) status = list_names(snapshots, &commits, &count, err);
    for (size_t i = 0; i < count && status == FT_OK; i++)
        status = add_snapshot(model, snapshots, commits[i], &all, list, err);
    ft_directory_free_names(commits, count);
    free_revisions(&all);
    free(snapshots);
    free(refs);
    free(directory);
    return status;
}

ft_status ft_hub_list(ft_hub_cached **items, int64_t *count, char **cache, ft_error *err)
{
    ft_hub_settings settings;
    listing list = {0};
    char **names = NULL;
    size_t n_names = 0;
    *cache = NULL;
    ft_status status = ft_hub_settings_read(&settings, err);
    if (status == FT_OK) status = list_names(settings.cache, &names, &n_names, err);
    for (size_t i = 0; i < n_names && status == FT_OK; i++)
        if (strncmp(names[i], "models--", strlen("models--")) == 0)
            status = list_model(settings.cache, names[i], &list, err);
    if (status == FT_OK) {
        *cache = settings.cache;
        settings.cache = NULL;
    } else {
        ft_hub_free_list(list.items, list.count);
        list = (listing){0};
    }
    *items = list.items;
    *count = list.count;
    ft_directory_free_names(names, n_names);
    ft_hub_settings_free(&settings);
    return status;
}

void ft_hub_free_list(ft_hub_cached *list, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        free(list[i].model);
        free(list[i].revisions);
        free(list[i].commit);
        free(list[i].path);
    }
    free(list);
}
