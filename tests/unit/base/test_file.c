/* Files are whole or absent, and each failure names the path. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/large_file.h"
#include "base/text.h"

static char directory[64];

static void enter(void)
{
    strcpy(directory, "/tmp/ftgpu-file-XXXXXX");
    cr_assert(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
}

static void leave(void)
{
    DIR *dir = opendir(directory);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') remove(entry->d_name);
    closedir(dir);
    cr_assert_eq(chdir("/"), 0);
    rmdir(directory);
}

static int count_files(void)
{
    int count = 0;
    DIR *dir = opendir(".");
    for (struct dirent *entry; (entry = readdir(dir));) count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

TestSuite(file, .init = enter, .fini = leave);

Test(file, reads_back_what_it_wrote)
{
    ft_error err = {0};
    char *data;
    size_t size;
    cr_assert_eq(ft_write_file("a", "x\0y\n", 4, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_read_file("a", 4, &data, &size, &err), FT_OK, "%s", err.message);
    cr_expect(size == 4 && memcmp(data, "x\0y\n", 5) == 0);
    free(data);
    cr_assert_eq(ft_write_file("a", "", 0, &err), FT_OK);
    cr_assert_eq(ft_read_file("a", 4, &data, &size, &err), FT_OK);
    cr_expect(size == 0 && data[0] == '\0');
    free(data);
    cr_expect_eq(count_files(), 1);
}

Test(file, reading_what_cannot_be_read)
{
    ft_error err;
    char *data;
    size_t size;
    cr_expect_eq(ft_read_file("none.csv", 10, &data, &size, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "none.csv: cannot be opened: No such file or directory");
    cr_expect_eq(ft_read_file(".", 10, &data, &size, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, ".: is a directory, a file is needed");
    ft_write_file("large", "12345", 5, &err);
    cr_expect_eq(ft_read_file("large", 4, &data, &size, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "large: 5 bytes, larger than the 4 allowed");
    mkfifo("fifo", 0600);
    cr_expect_eq(ft_read_file("fifo", 4, &data, &size, &err),
                 FT_BAD_INPUT); /* and does not wait for a writer */
    cr_expect_str_eq(err.message, "fifo: is not a regular file");
    cr_expect_eq(ft_read_file("/proc/self/status", 1 << 20, &data, &size, &err), FT_OK);
    cr_expect(size > 100 && strncmp(data, "Name:", 5) == 0); /* stat says 0 bytes */
    free(data);
}

Test(file, the_old_file_stays_until_the_commit)
{
    ft_error err;
    ft_file_writer writer;
    char *data;
    size_t size;
    ft_write_file("a", "old", 3, &err);
    cr_assert_eq(ft_file_create(&writer, "a", &err), FT_OK);
    fputs("newer", writer.stream);
    fflush(writer.stream);
    cr_assert_eq(ft_read_file("a", 10, &data, &size, &err), FT_OK);
    cr_expect_str_eq(data, "old");
    free(data);
    ft_file_abandon(&writer);
    cr_expect_eq(count_files(), 1);
    cr_assert_eq(ft_file_create(&writer, "a", &err), FT_OK);
    fputs("newer", writer.stream);
    cr_assert_eq(ft_file_commit(&writer, &err), FT_OK);
    ft_file_abandon(&writer);
    cr_assert_eq(ft_read_file("a", 10, &data, &size, &err), FT_OK);
    cr_expect_str_eq(data, "newer");
    free(data);
    cr_expect_eq(count_files(), 1);
}

Test(file, writing_where_it_cannot_be)
{
    ft_error err;
    ft_file_writer writer;
    cr_expect_eq(ft_file_create(&writer, "no/such/a", &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "no/such/a: cannot be written: No such file or directory");
    ft_file_abandon(&writer);
    cr_expect_eq(ft_file_create(&writer, ".", &err), FT_BAD_INPUT);
    cr_expect_eq(count_files(), 0);
}

/* The random numbers of temporary names, in turn; then others. */
static uint32_t drawn[4];
static size_t n_drawn, next_drawn;

/* In place of the C library's. */
ssize_t getrandom(void *buffer, size_t size, unsigned flags)
{
    static uint32_t other = 0xabc00000u;
    uint32_t number = next_drawn < n_drawn ? drawn[next_drawn++] : other++;
    (void)flags;
    cr_assert_eq(size, sizeof number);
    memcpy(buffer, &number, sizeof number);
    return (ssize_t)size;
}

Test(file, what_a_crash_left_is_in_nobodys_way)
{
    ft_error err;
    ft_file_writer left, writer;
    char name[64];
    /* In a container process numbers come again, so that names by process and count do as
     * well. */
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "a.tmp.%ld.%d", (long)getpid(), i);
        FILE *file = fopen(name, "w");
        cr_assert_not_null(file);
        fclose(file);
    }
    cr_expect_eq(ft_write_file("a", "x", 1, &err), FT_OK, "%s", err.message);
    /* The same random number twice: another one is drawn. */
    drawn[0] = drawn[1] = 7;
    n_drawn = 2;
    cr_assert_eq(ft_file_create(&left, "b", &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_file_create(&writer, "b", &err), FT_OK, "%s", err.message);
    cr_expect_eq(access("b.tmp.00000007", F_OK), 0);
    fputs("first", writer.stream);
    cr_expect_eq(ft_file_commit(&writer, &err), FT_OK, "%s", err.message);
    fputs("second", left.stream);
    cr_expect_eq(ft_file_commit(&left, &err), FT_OK, "%s", err.message);
    cr_expect_eq(count_files(), 22);
}

Test(file, a_write_that_fails_says_why)
{
    ft_error err;
    char *much = calloc(1, 1 << 20);
    /* Found by the write itself, long before the commit. */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, RLIM_INFINITY});
    cr_expect_eq(ft_write_file("a", much, 1 << 20, &err), FT_FAILED);
    cr_expect_str_eq(err.message, "a: cannot be written: File too large");
    cr_expect_eq(ft_write_file("/dev/full", much, 1 << 20, &err), FT_FAILED);
    cr_expect_str_eq(err.message, "/dev/full: cannot be written: No space left on device");
    cr_expect_eq(count_files(), 0);
    free(much);
}

Test(file, a_device_is_written_to_and_not_replaced)
{
    ft_error err;
    struct stat info;
    cr_expect_eq(ft_write_file("/dev/null", "x", 1, &err), FT_OK);
    cr_expect(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
    cr_expect_eq(ft_write_file("/dev/full", "x", 1, &err), FT_FAILED);
    cr_expect_str_eq(err.message, "/dev/full: cannot be written: No space left on device");
}

Test(file, directories)
{
    ft_error err;
    cr_expect_eq(ft_make_directories("x/y/", &err), FT_OK);
    cr_expect_eq(ft_make_directories("x/y", &err), FT_OK);
    cr_expect_eq(access("x/y", F_OK), 0);
    ft_write_file("x/f", "", 0, &err);
    cr_expect_eq(ft_make_directories("x/f/z", &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "x/f: is a file, a directory is needed");
    cr_expect_eq(ft_make_directories("", &err), FT_BAD_INPUT);
    remove("x/f"), remove("x/y");
    char *path = ft_join_path("a/", "b"), *plain = ft_join_path("a", "b"), *bare = ft_join_path("", "b");
    cr_expect_str_eq(path, "a/b");
    cr_expect_str_eq(plain, "a/b");
    cr_expect_str_eq(bare, "b");
    free(path), free(plain), free(bare);
}

Test(file, checksum_is_crc32_and_chains)
{
    /* the check value of CRC-32 */
    cr_expect_eq(ft_checksum(0, "123456789", 9), 0xCBF43926u);
    cr_expect_eq(ft_checksum(ft_checksum(0, "1234", 4), "56789", 5), 0xCBF43926u);
}

/* Processors that can fold; every length around what they fold at a time, from any
 * place. */
Test(file, checksum_is_zlibs_of_any_length)
{
    enum { MOST = 5 << 20 };
    unsigned char *bytes = malloc(MOST);
    for (size_t i = 0, state = 1; i < MOST; i++)
        bytes[i] = (unsigned char)((state = state * 69069 + 1) >> 16);
    for (size_t size = 0; size < 400; size++)
        cr_assert_eq(ft_checksum(77, bytes + size % 17, size), crc32(77, bytes + size % 17, (uInt)size),
                     "%zu bytes", size);
    for (size_t size = MOST - 3; size < MOST; size++) {
        const uint32_t right = (uint32_t)crc32(9, bytes, (uInt)size);
        cr_expect_eq(ft_checksum(9, bytes, size), right);
        cr_expect_eq(ft_checksum_large(9, bytes, size), right);
        cr_expect_eq(ft_checksum_join(ft_checksum(9, bytes, 1000), ft_checksum(0, bytes + 1000, size - 1000),
                                      size - 1000),
                     right);
    }
    free(bytes);
}

Test(file, reads_a_large_file_whole)
{
    const size_t size = (9 << 20) + 77;
    char *bytes = malloc(size), *data;
    size_t length;
    ft_error err = {0};
    for (size_t i = 0; i < size; i++) bytes[i] = (char)(i * 2654435761u >> 13);
    cr_assert_eq(ft_write_file("large", bytes, size, &err), FT_OK);
    cr_assert_eq(ft_read_large_file("large", size, &data, &length, &err), FT_OK, "%s", err.message);
    cr_assert(length == size && memcmp(data, bytes, size) == 0 && data[size] == '\0');
    free(data);
    cr_assert_eq(ft_read_large_file("large", size - 1, &data, &length, &err), FT_BAD_INPUT);
    cr_assert_eq(ft_write_file("small", bytes, 99, &err), FT_OK);
    cr_assert_eq(ft_read_large_file("small", size, &data, &length, &err), FT_OK);
    cr_assert(length == 99 && memcmp(data, bytes, 99) == 0);
    free(data);
    cr_assert_eq(ft_read_large_file("none", size, &data, &length, &err), FT_BAD_INPUT);
    free(bytes);
}
