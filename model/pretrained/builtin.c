/* The built-in model; see builtin.h. The assembler puts its files into the program. */
#include "model/pretrained/builtin.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/embed.h"
#include "base/file.h"

const char ft_builtin_name[] = "ftgpu-nano";

FT_EMBED(ft_builtin_config, FT_BUILTIN_DIRECTORY "/config.json");
FT_EMBED(ft_builtin_tensors, FT_BUILTIN_DIRECTORY "/model.safetensors");
FT_EMBED(ft_builtin_record, FT_BUILTIN_DIRECTORY "/pretraining.json");

typedef struct embedded_file {
    const char *name, *begin, *end;
} embedded_file;

/* config.json last: a directory without it is no model. */
static const embedded_file files[] = {
    {"pretraining.json", ft_builtin_record, ft_builtin_record_end},
    {"model.safetensors", ft_builtin_tensors, ft_builtin_tensors_end},
    {"config.json", ft_builtin_config, ft_builtin_config_end},
};
enum { N_FILES = sizeof files / sizeof *files };

bool ft_is_builtin(const char *model)
{
    return strcmp(model, ft_builtin_name) == 0;
}

static size_t size_of(const embedded_file *file)
{
    return (size_t)(file->end - file->begin);
}

void ft_builtin_version(char text[FT_BUILTIN_VERSION_CHARS])
{
    uint32_t checksum = 0;
    for (int i = 0; i < N_FILES; i++) checksum = ft_checksum(checksum, files[i].begin, size_of(&files[i]));
    snprintf(text, FT_BUILTIN_VERSION_CHARS, "%s-%08lx", ft_builtin_name, (unsigned long)checksum);
}

/* Whether the file at `path` has the embedded bytes. */
static bool is_there(const embedded_file *file, const char *path)
{
    char *data = NULL;
    size_t size = 0;
    ft_error ignored;
    bool same = ft_read_file(path, size_of(file), &data, &size, &ignored) == FT_OK && size == size_of(file) &&
                memcmp(data, file->begin, size) == 0;
    free(data);
    return same;
}

ft_status ft_builtin_write(const char *directory, ft_error *err)
{
    ft_status status = ft_make_directories(directory, err);
    for (int i = 0; i < N_FILES && status == FT_OK; i++) {
        char *path = ft_join_path(directory, files[i].name);
        if (!path)
            status = ft_no_memory(err, "a path", strlen(directory));
        else if (!is_there(&files[i], path))
            status = ft_write_file(path, files[i].begin, size_of(&files[i]), err);
        free(path);
    }
    return status;
}
