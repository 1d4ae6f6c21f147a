/* Directories by their descriptors: nothing outside is read, written or removed, and an
 * error is no absence. */
#include "base/directory.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char scratch[] = "/tmp/ftgpu_directory_XXXXXX";
static ft_directory directory;

static void enter(void)
{
    ft_error err;
    cr_assert(mkdtemp(scratch) && chdir(scratch) == 0);
    cr_assert_eq(ft_make_directories("outside", &err), FT_OK);
    cr_assert_eq(ft_write_file("outside/file", "mine", 4, &err), FT_OK);
    cr_assert_eq(ft_make_directories("inside/deep", &err), FT_OK);
    cr_assert_eq(ft_directory_open("inside", &directory, &err), FT_OK, "%s", err.message);
}

static void leave(void)
{
    ft_directory_close(&directory);
    ft_remove_tree(scratch);
}

TestSuite(directory, .init = enter, .fini = leave);

static void write_inside(const char *name)
{
    char path[128];
    ft_error err;
    snprintf(path, sizeof path, "inside/%s", name);
    cr_assert_eq(ft_write_file(path, name, strlen(name), &err), FT_OK, "%s", err.message);
}

Test(directory, tells_what_is_there_from_what_is_not_and_from_what_it_cannot_see)
{
    ft_error err = {""};
    bool has = false;
    write_inside("file");
    cr_assert_eq(symlink("loop", "inside/loop"), 0);
    cr_assert_eq(symlink("file", "inside/link"), 0);
    cr_assert_eq(symlink("../outside", "inside/linked"), 0);
    const struct {
        const char *name;
        bool has, is_directory;
    } cases[] = {{"file", true, false},    {"deep", true, true},   {"none", false, false},
                 {"file/x", false, false}, {"link", true, false},  {"linked/file", true, false},
                 {"deep/x", false, false}, {"linked", true, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(ft_directory_has(&directory, cases[i].name, &has, &err), FT_OK, "%s", err.message);
        cr_expect_eq(has, cases[i].has, "%s", cases[i].name);
        cr_expect_eq(ft_directory_has_directory(&directory, cases[i].name, &has, &err), FT_OK, "%s",
                     err.message);
        cr_expect_eq(has, cases[i].is_directory, "%s", cases[i].name);
    }
    cr_expect_eq(ft_directory_has(&directory, "loop", &has, &err), FT_FAILED);
    cr_expect(strstr(err.message, "inside/loop: cannot be looked at: Too many levels of symbolic links"),
              "%s", err.message);
    cr_expect_eq(ft_path_exists("inside/loop", &has, &err), FT_FAILED);
    cr_expect_eq(ft_path_exists("inside/link", &has, &err), FT_OK);
    cr_expect(has);
}

Test(directory, opens_its_own_files_and_no_others)
{
    ft_error err = {""};
    int descriptor = 0;
    write_inside("file");
    cr_assert_eq(symlink("../outside/file", "inside/link"), 0);
    cr_assert_eq(symlink("nowhere", "inside/dangling"), 0);
    cr_assert_eq(link("outside/file", "inside/hard"), 0);
    cr_assert_eq(mkfifo("inside/fifo", 0666), 0);
    cr_expect_eq(ft_directory_open_file(&directory, "none", O_RDONLY, &descriptor, &err), FT_OK);
    cr_expect_eq(descriptor, -1);
    static const char *const refused[] = {"link", "dangling", "hard", "fifo", "deep"};
    for (size_t i = 0; i < 5; i++) {
        cr_expect_neq(ft_directory_open_file(&directory, refused[i], O_RDWR | O_CREAT, &descriptor, &err),
                      FT_OK, "%s", refused[i]);
        cr_expect(descriptor == -1 && strstr(err.message, refused[i]), "%s", err.message);
    }
    char *text = NULL;
    size_t size = 0;
    cr_expect_eq(ft_directory_read_file(&directory, "link", 100, &text, &size, &err), FT_BAD_INPUT);
    cr_expect_eq(ft_directory_read_file(&directory, "hard", 100, &text, &size, &err), FT_OK);
    cr_expect(size == 4 && strcmp(text, "mine") == 0);
    free(text);
    cr_expect_eq(ft_directory_read_file(&directory, "none", 100, &text, &size, &err), FT_OK);
    cr_expect_null(text);
    cr_assert_eq(ft_directory_open_file(&directory, "new", O_RDWR | O_CREAT, &descriptor, &err), FT_OK, "%s",
                 err.message);
    close(descriptor);
    cr_expect_eq(access("inside/new", F_OK), 0);
}

Test(directory, makes_and_opens_directories_in_it)
{
    ft_error err = {""};
    ft_directory made = FT_NO_DIRECTORY;
    write_inside("file");
    cr_assert_eq(symlink("../outside", "inside/link"), 0);
    for (int i = 0; i < 2; i++) { /* makes it; finds it */
        cr_assert_eq(ft_directory_open_in(&directory, "made", &made, &err), FT_OK, "%s", err.message);
        cr_expect_str_eq(made.path, "inside/made");
        ft_directory_close(&made);
    }
    cr_expect_eq(ft_directory_open_in(&directory, "link", &made, &err), FT_BAD_INPUT);
    cr_expect_eq(ft_directory_open_in(&directory, "file", &made, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "inside/file: is a file, a directory is needed");
}

/* Another directory under the old path is none of ours. */
Test(directory, stays_the_one_that_was_opened)
{
    ft_error err;
    bool has = false;
    write_inside("file");
    cr_assert_eq(rename("inside", "moved"), 0);
    cr_assert_eq(symlink("outside", "inside"), 0);
    cr_assert_eq(ft_directory_remove_tree(&directory, "file", &err), FT_OK, "%s", err.message);
    cr_expect_eq(access("outside/file", F_OK), 0);
    cr_expect_eq(ft_directory_has(&directory, "file", &has, &err), FT_OK);
    cr_expect_not(has);
}

static bool is_wanted(const char *name)
{
    return name[0] == 'b';
}

Test(directory, lists_in_order)
{
    ft_error err;
    char **names = NULL, name[16];
    size_t count = 0;
    for (int i = 39; i >= 0; i--) {
        snprintf(name, sizeof name, "b%02d", i);
        write_inside(name);
    }
    cr_assert_eq(ft_directory_list(&directory, is_wanted, &names, &count, &err), FT_OK);
    cr_assert_eq(count, 40);
    for (size_t i = 0; i < count; i++) cr_expect_eq(atoi(names[i] + 1), (int)i);
    ft_directory_free_names(names, count);
    cr_assert_eq(ft_directory_list(&directory, NULL, &names, &count, &err), FT_OK);
    cr_expect_eq(count, 41);
    ft_directory_free_names(names, count);
}

Test(directory, says_what_cannot_be_removed)
{
    ft_error err;
    ft_directory own;
    cr_assert_eq(ft_directory_open("/proc/self", &own, &err), FT_OK);
    cr_expect_eq(ft_directory_remove_tree(&own, "status", &err), FT_FAILED);
    cr_expect_str_eq(err.message, "/proc/self/status: cannot be removed: Operation not permitted");
    cr_expect_eq(ft_directory_remove_tree(&own, "none", &err), FT_OK);
    ft_directory_close(&own);
    cr_expect_eq(ft_directory_sync(&directory, &err), FT_OK);
}

Test(directory, removes_trees_and_follows_no_link_out_of_them)
{
    ft_error err;
    bool holds = true, has = true;
    cr_assert_eq(ft_make_directories("inside/deep/er/still", &err), FT_OK);
    write_inside("deep/er/file");
    cr_assert_eq(symlink("../../outside", "inside/deep/link"), 0);
    cr_assert_eq(ft_directory_tree_holds(&directory, "deep", "wanted", &holds, &err), FT_OK);
    cr_expect_not(holds, "the link leads out of the tree");
    cr_assert_eq(ft_directory_tree_holds(&directory, "none", "wanted", &holds, &err), FT_OK);
    cr_expect_not(holds);
    write_inside("deep/er/still/wanted");
    cr_assert_eq(ft_directory_tree_holds(&directory, "deep", "wanted", &holds, &err), FT_OK);
    cr_expect(holds);
    cr_assert_eq(ft_directory_remove_tree(&directory, "deep", &err), FT_OK, "%s", err.message);
    cr_expect_eq(ft_directory_has(&directory, "deep", &has, &err), FT_OK);
    cr_expect_not(has);
    cr_expect_eq(access("outside/file", F_OK), 0);
}
