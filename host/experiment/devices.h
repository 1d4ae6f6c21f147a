/* Which devices there are, found out without touching them: a process that has may not
 * fork workers any more. */
#ifndef FT_HOST_EXPERIMENT_DEVICES_H
#define FT_HOST_EXPERIMENT_DEVICES_H

#include <stdint.h>

#include "base/error.h"

/* The GPUs that a --device means: "auto" and "cuda" all of them (auto none where there
 * is none), "cuda:0,2" those, "cpu" none. gpus: (most). FT_BAD_INPUT: not such a text,
 * or a GPU that is not there. */
ft_status ft_devices_find(const char *device, int32_t *gpus, int32_t most, int32_t *n_gpus, ft_error *err);

/* How a GPU is named by --device, or the CPU (-1). */
enum { FT_DEVICE_NAME = 32, FT_MOST_GPUS = 64 };
void ft_device_name(int32_t gpu, char name[FT_DEVICE_NAME]);

/* The text alone: the GPU numbers in it; *n_gpus is -1 for "auto" and "cuda", 0 for
 * "cpu". */
ft_status ft_devices_parse(const char *device, int32_t *gpus, int32_t most, int32_t *n_gpus, ft_error *err);

#endif
