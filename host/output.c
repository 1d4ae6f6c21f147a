/* Whether a file may be written; see output.h. */
#include "host/output.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/file.h"
#include "base/text.h"

/* What is at `path`, whose links are followed. */
static ft_status look(const char *path, struct stat *info, bool *exists, ft_error *err)
{
    *exists = stat(path, info) == 0;
    if (*exists || errno == ENOENT || errno == ENOTDIR) return FT_OK;
    return ft_fail(err, FT_FAILED, "%s: cannot be looked at: %s", path, strerror(errno));
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether a file of the directory is the one that would be written; *name is then its
 * name, malloc'd. */
static ft_status find_in(const char *path, const struct stat *out, char **name, ft_error *err)
{
    ft_directory directory = FT_NO_DIRECTORY;
    char **names = NULL;
    size_t count = 0;
    *name = NULL;
    ft_status status = ft_directory_open(path, &directory, err);
    if (status == FT_OK) status = ft_directory_list(&directory, NULL, &names, &count, err);
    for (size_t i = 0; i < count && status == FT_OK && !*name; i++) {
        struct stat entry;
        if (fstatat(directory.descriptor, names[i], &entry, 0) != 0 || !is_same(&entry, out)) continue;
        *name = ft_copy_string(names[i]);
        if (!*name) status = ft_no_memory(err, "a path", strlen(names[i]));
    }
    ft_directory_free_names(names, count);
    ft_directory_close(&directory);
    return status;
}

/* What an input is: "-" and /dev/stdin are the file that stdin reads. */
static ft_status look_at_input(const char *path, struct stat *info, bool *exists, ft_error *err)
{
    if (strcmp(path, "-") != 0 && strcmp(path, "/dev/stdin") != 0) return look(path, info, exists, err);
    *exists = fstat(STDIN_FILENO, info) == 0;
    return FT_OK;
}

static ft_status check_input(const char *path, const struct stat *out, const ft_input *input, ft_error *err)
{
    struct stat info;
    bool exists = false;
    if (!input->path) return FT_OK;
    ft_status status = look_at_input(input->path, &info, &exists, err);
    if (status != FT_OK || !exists) return status;
    if (is_same(&info, out))
        return ft_fail(err, FT_BAD_INPUT, "%s: is %s, which would be lost; choose another place", path,
                       input->what);
    if (!S_ISDIR(info.st_mode) || !S_ISREG(out->st_mode)) return FT_OK;
    char *name = NULL;
    status = find_in(input->path, out, &name, err);
    if (status == FT_OK && name)
        status = ft_fail(err, FT_BAD_INPUT, "%s: is %s of %s, which would be lost; choose another place",
                         path, name, input->what);
    free(name);
    return status;
}

/* What a directory is that holds one of these files. */
static const struct {
    const char *file, *owner;
} marks[] = {
    {"results.json", "an experiment"}, {"adapter_config.json", "an adapter"},
    {"model.safetensors", "a model"},  {"model.safetensors.index.json", "a model"},
    {"journal.jsonl", "a sweep"},
};

/* The file is there, with all its links followed: whose is it? */
static ft_status check_owner(const char *path, ft_error *err)
{
    static const char *const of_a_sweep[] = {"plan.json", "journal.jsonl"};
    char *real = realpath(path, NULL), *slash = real ? strrchr(real, '/') : NULL;
    if (!real) return ft_fail(err, FT_FAILED, "%s: cannot be looked at: %s", path, strerror(errno));
    const char *name = slash ? slash + 1 : real;
    const bool is_index = strcmp(name, of_a_sweep[0]) == 0 || strcmp(name, of_a_sweep[1]) == 0;
    ft_status status = FT_OK;
    if (slash) *slash = '\0';
    for (size_t i = 0; i < sizeof marks / sizeof *marks && slash && status == FT_OK; i++) {
        bool marked = false;
        char *mark = ft_join_path(*real ? real : "/", marks[i].file);
        status = mark ? ft_path_exists(mark, &marked, err) : ft_no_memory(err, "a path", strlen(path));
        /* A sweep's comparison lies beside its state, and is replaced. */
        if (status == FT_OK && marked && (is_index || strcmp(marks[i].file, "journal.jsonl") != 0))
            status =
                ft_fail(err, FT_BAD_INPUT, "%s: belongs to %s; choose another place", path, marks[i].owner);
        free(mark);
    }
    free(real);
    return status;
}

ft_status ft_output_check(const char *path, const ft_input *inputs, size_t n_inputs, ft_error *err)
{
    struct stat out;
    bool exists = false;
    ft_status status = look(path, &out, &exists, err);
    if (status != FT_OK || !exists) return status;
    for (size_t i = 0; i < n_inputs && status == FT_OK; i++)
        status = check_input(path, &out, &inputs[i], err);
    return status == FT_OK && S_ISREG(out.st_mode) ? check_owner(path, err) : status;
}

ft_status ft_output_check_absent(const char *directory, const char *name, ft_error *err)
{
    bool there = false;
    char *path = ft_join_path(directory, name);
    if (!path) return ft_no_memory(err, "a path", strlen(directory));
    ft_status status = ft_path_exists(path, &there, err);
    free(path);
    if (status == FT_OK && there)
        status = ft_fail(err, FT_BAD_INPUT, "%s: %s is there already; choose another --out or remove it",
                         directory, name);
    return status;
}
