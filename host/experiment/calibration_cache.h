/* Numbers that were measured once and are kept for this user, in
 * $XDG_CACHE_HOME/ftgpu/calibration.json or ~/.cache/ftgpu/calibration.json: {"what
 * was measured": number, ...}. Nothing is lost with the file: where it is missing,
 * broken or cannot be written, numbers are measured anew. */
#ifndef FT_HOST_EXPERIMENT_CALIBRATION_CACHE_H
#define FT_HOST_EXPERIMENT_CALIBRATION_CACHE_H

#include <stdbool.h>

/* Whether there is a number > 0 under this key. */
bool ft_calibration_find(const char *key, double *number);
/* Keeps a number. Of processes that measure at the same time the first to come is
 * right: *number becomes what it has kept. */
void ft_calibration_keep(const char *key, double *number);

#endif
