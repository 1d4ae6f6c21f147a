/* How much device memory an adapter batch will take, computed without a device, and
 * how many slots it may have. */
#ifndef FT_HOST_SWEEP_MEMORY_ESTIMATE_H
#define FT_HOST_SWEEP_MEMORY_ESTIMATE_H

#include "host/experiment/run_context.h"

/* In these functions `ranks` is the number of devices that share the steps of a batch,
 * and bytes are those of one of them. */

/* Device memory in bytes for training `slots` adapters at a time, frozen weights
 * included. configs: (count), which may share passes. An upper bound, as if all were
 * as large as the largest. pass_rows: of the device's backend. */
ft_status ft_memory_estimate_bytes(const ft_run_context *run_context, bool bf16, int64_t pass_rows,
                                   const ft_hyperparameters *const *configs, size_t count, int32_t slots,
                                   int32_t ranks, size_t *bytes, ft_error *err);

/* The largest number of slots in [1, most] that leaves a fifth of the memory free; 1
 * if none does. */
ft_status ft_memory_estimate_slots(const ft_run_context *run_context, bool bf16, int64_t pass_rows,
                                   const ft_hyperparameters *const *configs, size_t count, int32_t most,
                                   int32_t ranks, size_t memory_bytes, int32_t *slots, ft_error *err);

/* How many of these configurations at a time fill the rows that a device needs to be
 * fast (busy_rows of calibration.h). */
int32_t ft_memory_estimate_busy_slots(const ft_hyperparameters *const *configs, size_t count, int32_t ranks,
                                      int64_t busy_rows);

#endif
