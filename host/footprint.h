/* How much device memory an adapter batch will take, before a device is there, and how wide it may be. */
#ifndef FT_HOST_FOOTPRINT_H
#define FT_HOST_FOOTPRINT_H

#include "host/study.h"

/* Device memory of training and of the frozen weights, for `slots` adapters at a time of configurations that
 * may share passes. An upper bound: as if all were as large as the largest of them. */
ft_status ft_footprint_bytes(const ft_study *study, bool bf16, const ft_hyperparameters *const *configs,
                             size_t count, int32_t slots, size_t *bytes, ft_error *err);

/* The most slots, at most `most` and at least 1, whose footprint leaves a fifth of the memory free. */
int32_t ft_footprint_slots(const ft_study *study, bool bf16, const ft_hyperparameters *const *configs,
                           size_t count, int32_t most, size_t memory_bytes);

#endif
