/* Measures how many rows a step needs before a device is fast. The plan makes adapter
 * batches about that wide. */
#ifndef FT_HOST_SWEEP_CALIBRATION_H
#define FT_HOST_SWEEP_CALIBRATION_H

#include "kernels/backend.h"
#include "model/config.h"

/* Sets *busy_rows: the rows of a training step (encoder and decoder together) beyond
 * which a step of a model of this shape gets hardly any faster by the row. Measured in
 * one or two seconds by LoRA steps of a fresh model with one block in each stack, once
 * for each device, dtype, number of threads and shape. The result is cached
 * (calibration_cache.h), so the same sweep gets the same plan every time. */
ft_status ft_calibrate(ft_backend *backend, const ft_model_config *config, int64_t *busy_rows, ft_error *err);

#endif
