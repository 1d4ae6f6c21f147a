/* A cache of measurements, in $XDG_CACHE_HOME/ftgpu/calibration.json or
 * ~/.cache/ftgpu/calibration.json: {"key": number, ...}. The file may be deleted: if
 * it is missing, damaged or cannot be written, numbers are measured again. */
#ifndef FT_HOST_EXPERIMENT_CALIBRATION_CACHE_H
#define FT_HOST_EXPERIMENT_CALIBRATION_CACHE_H

#include <stdbool.h>

/* Whether the cache has a number > 0 for this key; sets *number. */
bool ft_calibration_find(const char *key, double *number);
/* Stores a number. If another process has stored one meanwhile, that one stays and
 * *number becomes it, so that all use the same. */
void ft_calibration_keep(const char *key, double *number);

#endif
