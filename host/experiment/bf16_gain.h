/* Whether `--dtype auto` means bf16 on this machine's CPU. */
#ifndef FT_HOST_EXPERIMENT_BF16_GAIN_H
#define FT_HOST_EXPERIMENT_BF16_GAIN_H

#include <stdbool.h>

/* How many times as fast as in f32 the CPU multiplies matrices in bf16, forward and
 * backward, on one thread; 0 if it lacks the instructions or oneDNN may not use them.
 * Measured, since some processors have the instructions and are slower with them: once
 * for each processor, in 0.05 s, then cached (calibration_cache.h). On one thread
 * only, so that the process may still fork. */
double ft_bf16_gain(void);

/* Whether `auto` takes bf16 at this gain: from 1.2 on. A smaller gain is not worth the
 * rounding. */
bool ft_bf16_pays(double gain);

#endif
