/* Which devices there are, found without touching them in this process: after touching
 * one it could not fork workers any more. */
#ifndef FT_HOST_EXPERIMENT_DEVICES_H
#define FT_HOST_EXPERIMENT_DEVICES_H

#include <stdint.h>

#include "base/error.h"

/* The GPUs that a --device names: all for "cuda" and, if there are any, "auto"; 0 and
 * 2 for "cuda:0,2"; none for "cpu". gpus: (most). FT_BAD_INPUT if the text is
 * malformed or a GPU does not exist. */
ft_status ft_devices_find(const char *device, int32_t *gpus, int32_t most, int32_t *n_gpus, ft_error *err);

/* The --device name of a GPU, or of the CPU (-1). */
enum { FT_DEVICE_NAME = 32, FT_MOST_GPUS = 64 };
void ft_device_name(int32_t gpu, char name[FT_DEVICE_NAME]);

/* Parses the text only: writes the GPU numbers in it. *n_gpus is -1 for "auto" and
 * "cuda", 0 for "cpu". */
ft_status ft_devices_parse(const char *device, int32_t *gpus, int32_t most, int32_t *n_gpus, ft_error *err);

#endif
