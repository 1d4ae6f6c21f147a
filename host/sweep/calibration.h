/* How many rows at a time a device needs to be fast: what makes a sweep's adapter
 * batches as wide as they are. */
#ifndef FT_HOST_SWEEP_CALIBRATION_H
#define FT_HOST_SWEEP_CALIBRATION_H

#include "kernels/backend.h"
#include "model/config.h"

/* The rows of a training step, encoder's and decoder's together, beyond which a step
 * of a model of this shape gets hardly any faster by the row. Measured, in a second or
 * two, by steps of LoRA on a fresh model with one block in each stack; and once only
 * for a device, its dtype and threads, and a shape: what was measured is kept
 * (calibration_cache.h), so that the same sweep has the same plan every time. */
ft_status ft_calibrate(ft_backend *backend, const ft_model_config *config, int64_t *busy_rows, ft_error *err);

#endif
