/* Directories by their descriptors. What is opened, made or removed in a directory stays
 * in it, even if its path changes; symbolic links out of it are not followed. An I/O
 * error never counts as "does not exist". */
#ifndef FT_BASE_DIRECTORY_H
#define FT_BASE_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Start from FT_NO_DIRECTORY; closed by ft_directory_close. */
typedef struct ft_directory {
    int descriptor;
    char *path; /* as it was opened, for messages */
} ft_directory;
#define FT_NO_DIRECTORY ((ft_directory){-1, NULL})

/* Opens a directory that is there; links on the way to it are followed. */
ft_status ft_directory_open(const char *path, ft_directory *directory, ft_error *err);
/* Opens the directory `name` of `parent`, and makes it where it is missing. FT_BAD_INPUT
 * where it is a link or a file. */
ft_status ft_directory_open_in(const ft_directory *parent, const char *name, ft_directory *directory,
                               ft_error *err);
void ft_directory_close(ft_directory *directory);

/* Whether `name`, a path within the directory, exists; links are followed. FT_FAILED
 * where that cannot be decided: only ENOENT and ENOTDIR mean that it does not. */
ft_status ft_directory_has(const ft_directory *directory, const char *name, bool *has, ft_error *err);

/* Whether it exists and is not empty. FT_FAILED as above. */
ft_status ft_directory_has_content(const ft_directory *directory, const char *name, bool *has, ft_error *err);

/* Whether `name` is a directory itself, no link to one. FT_FAILED as above. */
ft_status ft_directory_has_directory(const ft_directory *directory, const char *name, bool *has,
                                     ft_error *err);

/* Opens a file with the flags of open(2). *descriptor is -1 where there is none and flags
 * do not make it. FT_BAD_INPUT where it is a link or no regular file, or, to be written,
 * has another name (a hard link). */
ft_status ft_directory_open_file(const ft_directory *directory, const char *name, int flags, int *descriptor,
                                 ft_error *err);
/* Reads a file whole; as ft_read_file. *data is NULL where there is none. */
ft_status ft_directory_read_file(const ft_directory *directory, const char *name, size_t max_bytes,
                                 char **data, size_t *size, ft_error *err);

/* The names in the directory that are `wanted` (NULL: all), sorted. Freed by
 * ft_directory_free_names. */
ft_status ft_directory_list(const ft_directory *directory, bool (*wanted)(const char *name), char ***names,
                            size_t *count, ft_error *err);
void ft_directory_free_names(char **names, size_t count);

/* Whether something called `file` is anywhere in the tree `name`. FT_FAILED where that
 * cannot be told. */
ft_status ft_directory_tree_holds(const ft_directory *directory, const char *name, const char *file,
                                  bool *holds, ft_error *err);
/* Removes `name` and all in it, as far as that is possible; links are removed, not
 * followed. FT_FAILED where something stays; nothing to remove is no failure. */
ft_status ft_directory_remove_tree(const ft_directory *directory, const char *name, ft_error *err);
/* Syncs the directory, so that files added, renamed and removed in it outlast a power
 * cut. Does nothing on file systems that cannot sync directories. */
ft_status ft_directory_sync(const ft_directory *directory, ft_error *err);

#endif
