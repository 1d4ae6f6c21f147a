/* The model that is part of the program: ftgpu-nano, pretrained on artificial series
 * alone. docs/pretrained.md. */
#ifndef FT_MODEL_PRETRAINED_BUILTIN_H
#define FT_MODEL_PRETRAINED_BUILTIN_H

#include <stdbool.h>

#include "base/error.h"

/* Its name for --model. */
extern const char ft_builtin_name[];
bool ft_is_builtin(const char *model);

/* "ftgpu-nano-<checksum of its files>": other versions of the model have other names. */
enum { FT_BUILTIN_VERSION_CHARS = 32 };
void ft_builtin_version(char text[FT_BUILTIN_VERSION_CHARS]);

/* Makes `directory` its model directory: config.json, model.safetensors,
 * pretraining.json. Files that are there already and are right stay untouched. */
ft_status ft_builtin_write(const char *directory, ft_error *err);

#endif
