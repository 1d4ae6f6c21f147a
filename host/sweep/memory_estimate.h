/* How much device memory an adapter batch will take, before a device is there, and how
 * wide it may be. */
#ifndef FT_HOST_SWEEP_MEMORY_ESTIMATE_H
#define FT_HOST_SWEEP_MEMORY_ESTIMATE_H

#include "host/experiment/run_context.h"

/* `ranks`: devices that share the steps of a batch; figures are of one of them. */

/* Device memory of training and of the frozen weights, for `slots` adapters at a time
 * of configurations that may share passes. An upper bound: as if all were as large as
 * the largest of them. pass_rows: of the device's backend. */
ft_status ft_memory_estimate_bytes(const ft_run_context *run_context, bool bf16, int64_t pass_rows,
                                   const ft_hyperparameters *const *configs, size_t count, int32_t slots,
                                   int32_t ranks, size_t *bytes, ft_error *err);

/* The most slots, at most `most` and at least 1, whose memory leaves a fifth of the
 * memory free. */
ft_status ft_memory_estimate_slots(const ft_run_context *run_context, bool bf16, int64_t pass_rows,
                                   const ft_hyperparameters *const *configs, size_t count, int32_t most,
                                   int32_t ranks, size_t memory_bytes, int32_t *slots, ft_error *err);

/* How many of these configurations at a time fill the rows that a device needs to be
 * fast (calibration.h). */
int32_t ft_memory_estimate_busy_slots(const ft_hyperparameters *const *configs, size_t count, int32_t ranks,
                                      int64_t busy_rows);

#endif
