/* See scratch.h. */
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

static char directory[64];

void scratch_enter(void)
{
    strcpy(directory, "/tmp/ftgpu-model-XXXXXX");
    cr_assert(mkdtemp(directory));
}

void scratch_leave(void)
{
    ft_remove_tree(directory);
}

const char *scratch_path(const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

void scratch_directory(const char *name)
{
    cr_assert_eq(mkdir(scratch_path(name), 0777), 0, "%s", name);
}

void scratch_write(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(scratch_path(name), "wb");
    cr_assert(file);
    cr_assert_eq(fwrite(data, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

void scratch_text(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

static char *read_bytes(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    cr_assert(file, "%s", path);
    cr_assert_eq(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*size + 1);
    cr_assert(data);
    cr_assert_eq(fread(data, 1, *size, file), *size);
    data[*size] = '\0';
    fclose(file);
    return data;
}

char *scratch_read(const char *path)
{
    size_t size;
    return read_bytes(path, &size);
}

void scratch_copy(const char *from, const char *name)
{
    size_t size;
    char *data = read_bytes(from, &size);
    scratch_write(name, data, size);
    free(data);
}

char *scratch_replace(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    cr_assert(at, "\"%s\" is not in the text", from);
    char *out = malloc(strlen(text) + strlen(to) + 1);
    cr_assert(out);
    memcpy(out, text, (size_t)(at - text));
    strcpy(out + (at - text), to);
    strcat(out, at + strlen(from));
    return out;
}

void expect_ok(ft_status status, const ft_error *err)
{
    cr_assert_eq(status, FT_OK, "%s", err->message);
}

void expect_refused(ft_status status, const ft_error *err, ...)
{
    cr_expect_eq(status, FT_BAD_INPUT, "status %d, message \"%s\"", (int)status,
                 status ? err->message : "accepted");
    if (status == FT_OK) return;
    va_list words;
    va_start(words, err);
    for (const char *word = va_arg(words, const char *); word; word = va_arg(words, const char *))
        cr_expect(strstr(err->message, word), "\"%s\" is not in \"%s\"", word, err->message);
    va_end(words);
}
