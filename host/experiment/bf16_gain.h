/* Whether `--dtype auto` means bf16 on this machine's CPU. */
#ifndef FT_HOST_EXPERIMENT_BF16_GAIN_H
#define FT_HOST_EXPERIMENT_BF16_GAIN_H

#include <stdbool.h>

/* How many times as fast as in f32 the CPU multiplies matrices in bf16, forward and
 * backward on one thread; 0 where it lacks the instructions or oneDNN may not use
 * them. Some processors have the instructions and are slower by them. Measured once
 * for a processor, in a twentieth of a second (calibration_cache.h). One thread, so
 * that the process may fork afterwards. */
double ft_bf16_gain(void);

/* Whether `auto` takes bf16 for such a gain, at least 1.2: a smaller gain is not worth
 * its rounding. */
bool ft_bf16_pays(double gain);

#endif
