/* Finds and opens libraries; see library.h. */
#define _GNU_SOURCE /* dlinfo */
#include "kernels/cuda/library.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct search {
    const char *file;
    bool (*visit)(const char *path, void *context);
    void *context;
} search;

/* pip's packages have a directory each (CUDA 12: nvidia/cublas/lib) or share one (CUDA
 * 13: nvidia/cu13/lib). */
#define PACKAGES "/lib*/python3*/*-packages/nvidia/*/lib"

static bool visit_directory(const search *s, const char *directory)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", directory, s->file);
    return length < (int)sizeof path && s->visit(path, s->context);
}

/* Visits the file in each directory that matches `directory` + `pattern`. `directory` is
 * a literal name: its special characters are escaped. */
static bool visit_matching(const search *s, const char *directory, const char *pattern)
{
    char whole[PATH_MAX];
    size_t used = 0, room = sizeof whole;
    glob_t found;
    bool done = false;
    for (const char *c = directory; *c && used + 2 < room; c++) {
        if (strchr("*?[\\", *c)) whole[used++] = '\\';
        whole[used++] = *c;
    }
    int length = snprintf(whole + used, room - used, "%s/%s", pattern, s->file);
    if ((size_t)length >= room - used || glob(whole, 0, NULL, &found) != 0) return false;
    for (size_t i = 0; i < found.gl_pathc && !done; i++) done = s->visit(found.gl_pathv[i], s->context);
    globfree(&found);
    return done;
}

static bool visit_toolkit(const search *s, const char *home)
{
    char directory[PATH_MAX];
    if (snprintf(directory, sizeof directory, "%s/lib64", home) >= (int)sizeof directory) return false;
    if (visit_directory(s, directory)) return true;
    directory[strlen(directory) - strlen("64")] = '\0';
    return visit_directory(s, directory);
}

/* An environment's prefix, the directory that holds "bin". conda has libraries in its
 * "lib". */
static bool visit_environment(const search *s, const char *prefix)
{
    return visit_matching(s, prefix, "/lib") || visit_matching(s, prefix, PACKAGES);
}

/* One entry of PYTHONPATH. */
static bool visit_packages(const search *s, const char *directory)
{
    return visit_matching(s, directory, "/nvidia/*/lib");
}

/* Cuts a path to its parent directory. Returns false where the path does not show it. */
static bool to_parent(char *path)
{
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/') path[--length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash) *slash = '\0';
    return slash != NULL;
}

/* One entry of PATH. If it has a python3, visits the environment that this belongs to,
 * then the one that it is a link into. pyenv's python3 is a script beside the directory
 * of all versions. */
static bool visit_python(const search *s, const char *directory)
{
    char prefix[PATH_MAX], python[PATH_MAX], target[PATH_MAX];
    int length = snprintf(python, sizeof python, "%s/python3", directory);
    if (length >= (int)sizeof python || access(python, F_OK) != 0) return false;
    strcpy(prefix, directory);
    if (to_parent(prefix) &&
        (visit_environment(s, prefix) || visit_matching(s, prefix, "/versions/*" PACKAGES)))
        return true;
    return realpath(python, target) && to_parent(target) && to_parent(target) &&
           strcmp(target, prefix) != 0 && visit_environment(s, target);
}

/* Visits each entry of a variable such as PATH. */
static bool visit_entries(const search *s, const char *variable,
                          bool (*visit)(const search *s, const char *entry))
{
    char entry[PATH_MAX];
    const char *at = getenv(variable);
    while (at && *at) {
        size_t length = strcspn(at, ":");
        if (length > 0 && length < sizeof entry) {
            memcpy(entry, at, length);
            entry[length] = '\0';
            if (visit(s, entry)) return true;
        }
        at += length + (at[length] == ':');
    }
    return false;
}

bool ft_library_places(const char *file, bool (*visit)(const char *path, void *context), void *context)
{
    const search s = {file, visit, context};
    const char *home = getenv("HOME");
    return visit_entries(&s, "FTGPU_CUDA_LIBRARIES", visit_directory) || visit(file, context) ||
           visit_entries(&s, "CUDA_HOME", visit_toolkit) || visit_entries(&s, "CUDA_PATH", visit_toolkit) ||
           visit_matching(&s, "", "/usr/local/cuda*/lib64") ||
           visit_entries(&s, "VIRTUAL_ENV", visit_environment) ||
           visit_entries(&s, "CONDA_PREFIX", visit_environment) ||
           visit_entries(&s, "PYTHONPATH", visit_packages) || visit_entries(&s, "PATH", visit_python) ||
           (home && visit_matching(&s, home, "/.local" PACKAGES)) || visit_environment(&s, "/usr/local") ||
           visit_environment(&s, "/usr");
}

/* -- opening -- */

typedef struct opening {
    void *library;
    char reason[768]; /* why the first file found could not be opened */
} opening;

/* The loader searches for a bare name, and does not say whether it found a file. */
static bool try_to_open(const char *path, void *context)
{
    opening *o = context;
    bool bare = !strchr(path, '/');
    if (!bare && access(path, F_OK) != 0) return false;
    o->library = dlopen(path, RTLD_NOW);
    const char *reason = o->library ? NULL : dlerror();
    bool absent =
        bare && reason && strncmp(reason, path, strlen(path)) == 0 && strstr(reason, "No such file");
    if (reason && !absent && !o->reason[0]) snprintf(o->reason, sizeof o->reason, "%s", reason);
    return o->library != NULL;
}

void *ft_library_open(const char *what, const char *file, ft_error *err)
{
    opening o = {.library = NULL};
    if (ft_library_places(file, try_to_open, &o)) return o.library;
    if (o.reason[0])
        ft_fail(err, FT_BAD_INPUT,
                "%s cannot be opened: %s (FTGPU_CUDA_LIBRARIES may name the directory of another)", what,
                o.reason);
    else
        ft_fail(
            err, FT_BAD_INPUT,
            "%s (%s) is not found: not by the loader, nor in CUDA_HOME, /usr/local/cuda or NVIDIA's packages "
            "for Python; install it, or name its directory in FTGPU_CUDA_LIBRARIES",
            what, file);
    return NULL;
}

const char *ft_library_path(void *library)
{
    struct link_map *map = NULL;
    return dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 ? map->l_name : "an unknown place";
}

void *ft_library_find(void *library, const char *what, const char *name, ft_error *err)
{
    void *found = dlsym(library, name);
    if (!found) ft_fail(err, FT_BAD_INPUT, "%s (%s) has no %s", what, ft_library_path(library), name);
    return found;
}
