/* The place of the built-in model; see builtin_place.h. */
#include "host/hub/builtin_place.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "model/pretrained/builtin.h"

/* Writes the model below `parent`. *directory stays NULL where that fails. */
static ft_status write_below(const char *parent, char **directory, ft_error *err)
{
    char version[FT_BUILTIN_VERSION_CHARS];
    ft_text path = FT_TEXT_EMPTY;
    ft_builtin_version(version);
    ft_text_addf(&path, "%s/models/%s", parent, version);
    if (path.failed) {
        ft_text_free(&path);
        return ft_no_memory(err, "a path", strlen(parent));
    }
    ft_status status = ft_builtin_write(path.data, err);
    if (status == FT_OK)
        *directory = path.data;
    else
        ft_text_free(&path);
    return status;
}

/* Makes a directory that only this user can write, in a parent that all can write. A
 * directory or link of somebody else is refused. */
static ft_status make_private(const char *path, ft_error *err)
{
    struct stat info;
    if (mkdir(path, 0700) != 0 && lstat(path, &info) != 0)
        return ft_fail(err, FT_BAD_INPUT, "%s: cannot be made", path);
    if (lstat(path, &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid() ||
        (info.st_mode & (S_IWGRP | S_IWOTH)))
        return ft_fail(err, FT_BAD_INPUT, "%s: is not a directory of this user alone", path);
    return FT_OK;
}

static ft_status write_temporary(char **directory, ft_error *err)
{
    const char *given = getenv("TMPDIR"), *temporary = given && *given == '/' ? given : "/tmp";
    ft_text path = FT_TEXT_EMPTY;
    ft_text_addf(&path, "%s/ftgpu-%ld", temporary, (long)geteuid());
    ft_status status = path.failed ? ft_no_memory(err, "a path", 64) : make_private(path.data, err);
    if (status == FT_OK) status = write_below(path.data, directory, err);
    ft_text_free(&path);
    return status;
}

/* In the user's cache; FT_BAD_INPUT where the environment names none. */
static ft_status write_cached(char **directory, ft_error *err)
{
    char *cache = ft_cache_directory();
    if (!cache) return ft_fail(err, FT_BAD_INPUT, "no cache directory is known");
    ft_status status = write_below(cache, directory, err);
    free(cache);
    return status;
}

ft_status ft_builtin_place(char **directory, ft_error *err)
{
    *directory = NULL;
    ft_error why;
    ft_status status = write_cached(directory, err);
    if (status == FT_OK || status == FT_NO_MEMORY) return status;
    if (write_temporary(directory, &why) == FT_OK) return FT_OK;
    return ft_fail(err, FT_BAD_INPUT,
                   "%s: no place for the built-in model (%s); set XDG_CACHE_HOME to a directory that can be "
                   "written, or give another --model",
                   ft_builtin_name, why.message);
}
