/* Explains paths that are not model or adapter directories; see place.h. */
#include "model/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/file.h"
#include "base/text.h"

/* Returns "<directory>/<a>/<b>" (without /<b> where b is NULL), malloc'd. *exists:
 * whether it exists. A path that cannot be examined counts as missing: no explanation is
 * better than a wrong one. */
static char *join(const char *directory, const char *a, const char *b, bool *exists)
{
    char *path = ft_join_path(directory, a), *longer = path && b ? ft_join_path(path, b) : NULL;
    if (b) {
        free(path);
        path = longer;
    }
    *exists = path && access(path, F_OK) == 0;
    return path;
}

static bool has(const char *directory, const char *a, const char *b)
{
    bool exists = false;
    free(join(directory, a, b, &exists));
    return exists;
}

/* The name on the Hub that a path may stand for: "amazon/chronos-t5-tiny", whatever is
 * before it; else NULL. */
static const char *hub_name(const char *path)
{
    static const char *const prefixes[] = {"https://huggingface.co/", "http://huggingface.co/", "hf://", ""};
    size_t i = 0;
    while (strncmp(path, prefixes[i], strlen(prefixes[i])) != 0) i++;
    path += strlen(prefixes[i]);
    const char *slash = strchr(path, '/');
    const bool is_name =
        slash && slash > path && slash[1] && !strchr(slash + 1, '/') && *path != '.' && *path != '~';
    return is_name ? path : NULL;
}

/* Whether it is the name of one of Chronos' other families: bolt, 2. */
static bool is_other_chronos(const char *name)
{
    const char *at = strstr(name, "chronos-");
    return at && (at == name || at[-1] == '/') && (strncmp(at, "chronos-bolt", 12) == 0 || at[8] == '2');
}

static ft_status explain_missing(const char *path, ft_error *err)
{
    const char *name = hub_name(path);
    if (is_other_chronos(name ? name : path))
        return ft_fail(err, FT_BAD_INPUT,
                       "%s: there is no such directory, and only Chronos-T5 models are read: "
                       "amazon/chronos-t5-tiny, -mini, -small, -base, -large",
                       path);
    if (name)
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s: there is no such directory; if it is a name on the Hugging Face Hub, download it first: "
            "hf download %s --local-dir DIR, and give DIR",
            path, name);
    if (strncmp(path, "chronos-t5-", 11) == 0)
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s: there is no such directory; the model of that name on the Hugging Face Hub is amazon/%s",
            path, path);
    return ft_fail(err, FT_BAD_INPUT, "%s: there is no such directory", path);
}

/* The snapshot of a model in Hugging Face's cache ("models--amazon--chronos-t5-tiny")
 * that holds `wanted`: the one of refs/main, else the last by name. malloc'd; NULL:
 * none. */
static char *snapshot_of(const char *model, const char *wanted)
{
    char *main_ref = ft_join_path(model, "refs/main"), *snapshots = ft_join_path(model, "snapshots"),
         *hash = NULL, *found = NULL, **names = NULL;
    size_t size = 0, count = 0;
    ft_directory directory = FT_NO_DIRECTORY;
    ft_error ignored;
    bool exists = false;
    if (main_ref && snapshots && ft_read_file(main_ref, 4096, &hash, &size, &ignored) == FT_OK) {
        hash[strcspn(hash, "\r\n")] = '\0';
        if (*hash && !strchr(hash, '/') && has(snapshots, hash, wanted))
            found = join(snapshots, hash, NULL, &exists);
    }
    if (snapshots && !found && ft_directory_open(snapshots, &directory, &ignored) == FT_OK &&
        ft_directory_list(&directory, NULL, &names, &count, &ignored) == FT_OK)
        for (size_t i = count; i-- > 0 && !found;)
            if (has(snapshots, names[i], wanted)) found = join(snapshots, names[i], NULL, &exists);
    ft_directory_free_names(names, count);
    ft_directory_close(&directory);
    free(hash);
    free(snapshots);
    free(main_ref);
    return found;
}

static bool is_cached_model(const char *name)
{
    return strncmp(name, "models--", 8) == 0;
}

/* The directory below `path` that is meant: in a cache the first model's snapshot, else
 * the only one with `wanted`. */
static char *meant_inside(const char *path, const char *wanted)
{
    ft_directory directory = FT_NO_DIRECTORY;
    char **names = NULL, *found = NULL;
    size_t count = 0, n_found = 0;
    ft_error ignored;
    bool exists = false;
    if (ft_directory_open(path, &directory, &ignored) == FT_OK &&
        ft_directory_list(&directory, NULL, &names, &count, &ignored) == FT_OK) {
        for (size_t i = 0; i < count && !found; i++) {
            char *model = is_cached_model(names[i]) ? join(path, names[i], NULL, &exists) : NULL;
            if (model) found = snapshot_of(model, wanted);
            free(model);
        }
        for (size_t i = 0; i < count && !found; i++) n_found += has(path, names[i], wanted);
        for (size_t i = 0; i < count && n_found == 1 && !found; i++)
            if (has(path, names[i], wanted)) found = join(path, names[i], NULL, &exists);
    }
    ft_directory_free_names(names, count);
    ft_directory_close(&directory);
    return found;
}

/* The directory exists but has no `wanted`: says what it is instead. */
static ft_status explain_other(const char *path, const char *wanted, ft_error *err)
{
    const bool wants_adapter = strcmp(wanted, "adapter_config.json") == 0;
    bool exists = false;
    char *link = join(path, wanted, NULL, &exists), *hub = join(path, "hub", NULL, &exists), *meant = NULL;
    struct stat info;
    ft_status status = FT_OK;
    if (link && lstat(link, &info) == 0 && S_ISLNK(info.st_mode)) {
        status = ft_fail(
            err, FT_BAD_INPUT,
            "%s: is a link to a file that is not there (a copy of a cache? cp -rL copies the files)", link);
    } else if (has(path, "results.json", NULL)) {
        status =
            ft_fail(err, FT_BAD_INPUT, "%s: is an experiment; what it trained is in %s/adapter", path, path);
    } else if (!wants_adapter && has(path, "adapter_config.json", NULL)) {
        status = ft_fail(
            err, FT_BAD_INPUT,
            "%s: is an adapter, not a model: give it by --adapter, and its base model by --model", path);
    } else if (has(path, "snapshots", NULL)) {
        meant = snapshot_of(path, wanted);
        status =
            meant
                ? ft_fail(err, FT_BAD_INPUT, "%s: is a model's directory in Hugging Face's cache; give %s",
                          path, meant)
                : ft_fail(err, FT_BAD_INPUT,
                          "%s: is a model's directory in Hugging Face's cache, of which no snapshot has %s: "
                          "download it again",
                          path, wanted);
    } else {
        meant = meant_inside(path, wanted);
        if (!meant && hub && exists) meant = meant_inside(hub, wanted);
        if (meant)
            status = ft_fail(err, FT_BAD_INPUT, "%s: has no %s, but one is below it; give %s", path, wanted,
                             meant);
    }
    free(meant);
    free(hub);
    free(link);
    return status;
}

ft_status ft_place_check(const char *directory, const char *wanted, ft_error *err)
{
    struct stat info;
    if (stat(directory, &info) != 0)
        return errno == ENOENT || errno == ENOTDIR ? explain_missing(directory, err) : FT_OK;
    if (!S_ISDIR(info.st_mode))
        return ft_fail(err, FT_BAD_INPUT, "%s: is a file; the directory that holds it and %s is needed",
                       directory, wanted);
    bool exists = false;
    errno = 0;
    char *path = join(directory, wanted, NULL, &exists);
    /* what cannot be looked at is not missing */
    const bool is_missing = path && !exists && errno == ENOENT;
    free(path);
    return is_missing ? explain_other(directory, wanted, err) : FT_OK;
}

ft_status ft_place_check_bytes(const char *path, const void *bytes, size_t size, ft_error *err)
{
    static const struct {
        const char *start, *what;
    } known[] = {
        {"version https://git-lfs",
         "is a git-lfs pointer, not the file itself: run `git lfs pull` where it was cloned"},
        {"<!DOCTYPE", "is a web page: the download went wrong"},
        {"<!doctype", "is a web page: the download went wrong"},
        {"<html", "is a web page: the download went wrong"},
        {"PK\003\004", "is what torch.save writes (a .bin), which is not read; save it anew with "
                       "save_pretrained(DIR, safe_serialization=True)"},
        {"GGUF", "is a GGUF file, which is not read"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t length = strlen(known[i].start);
        if (size >= length && memcmp(bytes, known[i].start, length) == 0)
            return ft_fail(err, FT_BAD_INPUT, "%s: %s", path, known[i].what);
    }
    return FT_OK;
}

ft_status ft_place_check_file(const char *path, ft_error *err)
{
    char bytes[64];
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return FT_OK;
    FILE *file = fopen(path, "rbe");
    if (!file) return FT_OK;
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return ft_place_check_bytes(path, bytes, size, err);
}
