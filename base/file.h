/* Files that are whole or absent: reading with a bound on the size, writing through a
 * temporary name. */
#ifndef FT_BASE_FILE_H
#define FT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* Maps the errno of a failed file call to a status: FT_BAD_INPUT where the user can mend
 * it by choosing another place, FT_NO_MEMORY, else FT_FAILED. */
ft_status ft_status_of_errno(int code);

/* Reads the whole file. *data is malloc'd, owned by the caller and NUL-terminated (not
 * counted in *size). Fails with FT_BAD_INPUT when the file is missing, unreadable, not a
 * regular file or larger than max_bytes. */
ft_status ft_read_file(const char *path, size_t max_bytes, char **data, size_t *size, ft_error *err);
/* The same for an open file, from where it stands; `path` is for messages. */
ft_status ft_read_descriptor(int descriptor, const char *path, size_t max_bytes, char **data, size_t *size,
                             ft_error *err);
/* The same for a pipe or another descriptor that can be read only once. */
ft_status ft_read_stream(int descriptor, const char *path, size_t max_bytes, char **data, size_t *size,
                         ft_error *err);

/* A file being written: bytes go to "<path>.tmp.<8 random digits>"; ft_file_commit syncs
 * it and renames it to `path`; ft_file_abandon (also safe after a commit, or on a zeroed
 * struct) removes it. A crash at any instant leaves `path` as it was or whole. */
typedef struct ft_file_writer {
    FILE *stream; /* write here; write errors are found by ft_file_commit */
    char *path, *temporary;
    struct ft_file_sink *sink; /* the descriptor, and why a write failed */
} ft_file_writer;

ft_status ft_file_create(ft_file_writer *writer, const char *path, ft_error *err);
/* Writes at an offset, after ft_file_flush of what the stream has got and beyond it;
 * threads may do so at the same time. Not for a device or a pipe. Errors are found by
 * ft_file_commit. */
void ft_file_flush(ft_file_writer *writer);
void ft_file_write_at(ft_file_writer *writer, int64_t offset, const void *data, size_t size);
/* Whether a write has failed: further writes are useless. */
bool ft_file_has_failed(const ft_file_writer *writer);
ft_status ft_file_commit(ft_file_writer *writer, ft_error *err);
void ft_file_abandon(ft_file_writer *writer);

/* ft_file_create, one write, ft_file_commit. */
ft_status ft_write_file(const char *path, const void *data, size_t size, ft_error *err);

/* Makes the directory and its parents; an existing directory is fine. */
ft_status ft_make_directories(const char *path, ft_error *err);

/* Makes an empty directory "<path>.tmp.<8 random digits>", to be filled and renamed to
 * `path`. *temporary, its name, is malloc'd. */
ft_status ft_make_temporary_directory(const char *path, char **temporary, ft_error *err);

/* "directory/name", malloc'd; NULL when memory runs out. */
char *ft_join_path(const char *directory, const char *name);

/* Where ftgpu keeps what it can make again: $XDG_CACHE_HOME/ftgpu, else ~/.cache/ftgpu;
 * malloc'd, not made. NULL if the environment names neither, or memory runs out. */
char *ft_cache_directory(void);

/* Whether something exists at `path`; links are followed. FT_FAILED where that cannot be
 * decided: a failing disk or network does not mean absence. */
ft_status ft_path_exists(const char *path, bool *exists, ft_error *err);

/* Removes a directory and all in it, as far as that is possible; links are removed, not
 * followed. */
void ft_remove_tree(const char *path);

#endif
