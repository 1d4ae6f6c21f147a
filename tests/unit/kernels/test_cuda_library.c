/* Where CUDA's libraries are looked for: in a planted tree that has the layouts of the
 * toolkit, of pip for CUDA 12 (a directory a package) and 13 (one for all), of conda and
 * of pyenv. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "kernels/cuda/library.h"

#define LIBRARY "libplanted.so.13"

static char root[64];

/* "<root>/<name>": one of 8 buffers in turn. */
static const char *in_root(const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void enter(void)
{
    const char *const variables[] = {
        "FTGPU_CUDA_LIBRARIES", "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "VIRTUAL_ENV",
        "CONDA_PREFIX",         "PYTHONPATH",      "HOME",      "PATH"};
    strcpy(root, "/tmp/ftgpu-library-XXXXXX");
    cr_assert(mkdtemp(root));
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) unsetenv(variables[i]);
}

static void leave(void)
{
    ft_remove_tree(root);
}

TestSuite(cuda_library, .init = enter, .fini = leave);

/* Plants a file, which is a link to `target` where that is not NULL. */
static void plant(const char *name, const char *target)
{
    ft_error err;
    char directory[512];
    snprintf(directory, sizeof directory, "%s", in_root(name));
    *strrchr(directory, '/') = '\0';
    cr_assert_eq(ft_make_directories(directory, &err), FT_OK, "%s", err.message);
    FILE *file = target ? NULL : fopen(in_root(name), "w");
    cr_assert(target ? symlink(target, in_root(name)) == 0 : file && fclose(file) == 0, "%s", name);
}

static void plant_library(const char *directory)
{
    char name[512];
    snprintf(name, sizeof name, "%s/" LIBRARY, directory);
    plant(name, FT_PLANTED_LIBRARY);
}

static void set(const char *variable, const char *value)
{
    cr_assert_eq(setenv(variable, value, 1), 0);
}

/* -- the list -- */

/* Adds a line; places of the machine itself are of no interest. */
static bool note(const char *path, void *context)
{
    char *lines = context;
    bool bare = strcmp(path, LIBRARY) == 0, planted = strncmp(path, root, strlen(root)) == 0;
    if (bare || planted) sprintf(lines + strlen(lines), "%s\n", bare ? path : path + strlen(root) + 1);
    return false;
}

static void expect_places(const char *expected)
{
    char lines[4096] = "";
    cr_expect_not(ft_library_places(LIBRARY, note, lines));
    cr_expect_str_eq(lines, expected);
}

Test(cuda_library, without_variables_the_loader_is_asked)
{
    expect_places(LIBRARY "\n");
}

Test(cuda_library, directories_that_are_named_come_first_and_the_toolkit_after_the_loader)
{
    char named[256];
    snprintf(named, sizeof named, "%s:%s", in_root("mine"), in_root("yours"));
    set("FTGPU_CUDA_LIBRARIES", named);
    set("CUDA_HOME", in_root("home"));
    set("CUDA_PATH", in_root("path"));
    expect_places("mine/" LIBRARY "\n"
                  "yours/" LIBRARY "\n" LIBRARY "\n"
                  "home/lib64/" LIBRARY "\n"
                  "home/lib/" LIBRARY "\n"
                  "path/lib64/" LIBRARY "\n"
                  "path/lib/" LIBRARY "\n");
}

Test(cuda_library, packages_for_python_come_in_the_order_of_environments)
{
    char path[512], pythons[256];
    plant_library("venv/lib/python3.12/site-packages/nvidia/cu13/lib");
    plant_library("conda/lib");
    plant_library("conda/lib/python3.11/site-packages/nvidia/cublas/lib");
    plant_library("own/nvidia/cu13/lib");
    plant_library("opt/lib64/python3.13/site-packages/nvidia/cu13/lib");
    plant("opt/bin/python3.13", NULL);
    plant("links/bin/python3", in_root("opt/bin/python3.13"));
    plant("pyenv/shims/python3", NULL);
    plant_library("pyenv/versions/3.11.7/lib/python3.11/site-packages/nvidia/nccl/lib");
    /* there is no bin/python3 */
    plant_library("without/lib/python3.12/site-packages/nvidia/cu13/lib");
    plant_library("user/.local/lib/python3.12/site-packages/nvidia/cu13/lib");
    set("VIRTUAL_ENV", in_root("venv"));
    set("CONDA_PREFIX", in_root("conda"));
    snprintf(pythons, sizeof pythons, "%s:%s", in_root("nothing"), in_root("own"));
    set("PYTHONPATH", pythons);
    snprintf(path, sizeof path, "%s:%s:%s", in_root("without/bin"), in_root("links/bin"),
             in_root("pyenv/shims"));
    set("PATH", path);
    set("HOME", in_root("user"));
    expect_places(LIBRARY "\n"
                          "venv/lib/python3.12/site-packages/nvidia/cu13/lib/" LIBRARY "\n"
                          "conda/lib/" LIBRARY "\n"
                          "conda/lib/python3.11/site-packages/nvidia/cublas/lib/" LIBRARY "\n"
                          "own/nvidia/cu13/lib/" LIBRARY "\n"
                          "opt/lib64/python3.13/site-packages/nvidia/cu13/lib/" LIBRARY "\n"
                          "pyenv/versions/3.11.7/lib/python3.11/site-packages/nvidia/nccl/lib/" LIBRARY "\n"
                          "user/.local/lib/python3.12/site-packages/nvidia/cu13/lib/" LIBRARY "\n");
}

/* A directory's name is no pattern. */
Test(cuda_library, names_with_brackets_and_stars_are_taken_as_they_are)
{
    plant_library("a[b]*/lib/python3.12/site-packages/nvidia/cu13/lib");
    plant_library("ab/lib/python3.12/site-packages/nvidia/cu13/lib");
    set("VIRTUAL_ENV", in_root("a[b]*"));
    expect_places(LIBRARY "\na[b]*/lib/python3.12/site-packages/nvidia/cu13/lib/" LIBRARY "\n");
}

/* -- opening -- */

static void expect_opened(const char *place)
{
    ft_error err = {""};
    void *library = ft_library_open("Planted", LIBRARY, &err);
    cr_assert_not_null(library, "%s", err.message);
    cr_expect_str_eq(ft_library_path(library), in_root(place));
    int (*planted)(void);
    *(void **)&planted = ft_library_find(library, "Planted", "planted", &err);
    cr_assert_not_null(planted, "%s", err.message);
    cr_expect_eq(planted(), 13);
    cr_expect_null(ft_library_find(library, "Planted", "absent", &err));
    cr_expect_str_eq(err.message + strlen(err.message) - strlen(" has no absent"), " has no absent");
    cr_expect_not_null(strstr(err.message, in_root(place)), "%s", err.message);
}

Test(cuda_library, opens_what_pip_installed_for_cuda_13)
{
    plant_library("venv/lib/python3.12/site-packages/nvidia/cu13/lib");
    set("VIRTUAL_ENV", in_root("venv"));
    expect_opened("venv/lib/python3.12/site-packages/nvidia/cu13/lib/" LIBRARY);
}

Test(cuda_library, opens_what_pip_installed_for_cuda_12)
{
    plant_library("usr/lib/python3.12/dist-packages/nvidia/cublas/lib");
    plant("usr/bin/python3", NULL);
    set("PATH", in_root("usr/bin"));
    expect_opened("usr/lib/python3.12/dist-packages/nvidia/cublas/lib/" LIBRARY);
}

/* A file that is no library is passed over, and told of only where no other is found. */
Test(cuda_library, goes_on_after_a_file_that_cannot_be_opened)
{
    plant("bad/" LIBRARY, NULL);
    set("FTGPU_CUDA_LIBRARIES", in_root("bad"));
    ft_error err = {""};
    cr_expect_null(ft_library_open("Planted", LIBRARY, &err));
    cr_expect_not_null(strstr(err.message, in_root("bad/" LIBRARY)), "%s", err.message);
    plant_library("home/lib64");
    set("CUDA_HOME", in_root("home"));
    expect_opened("home/lib64/" LIBRARY);
}

Test(cuda_library, says_where_it_has_looked_and_what_to_do)
{
    ft_error err = {""};
    cr_expect_null(ft_library_open("Planted", LIBRARY, &err));
    cr_expect_not_null(strstr(err.message, "Planted (" LIBRARY ") is not found"), "%s", err.message);
    cr_expect_not_null(strstr(err.message, "FTGPU_CUDA_LIBRARIES"), "%s", err.message);
}
