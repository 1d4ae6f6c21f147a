/* forecasts.csv: what was forecast in each evaluated window of a run. docs/interface.md §3. */
#ifndef FT_TRACKER_FORECASTS_H
#define FT_TRACKER_FORECASTS_H

#include <stddef.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "tracker/quantiles.h"

/* Columns: split, item_id, origin, timestamp, target, mean, 0.1 ... 0.9. Lines end in \n. */
typedef struct ft_forecasts {
    ft_file_writer file;
    ft_text line;
    float *scratch; /* (n_scratch) */
    size_t n_scratch;
} ft_forecasts;

/* Starts from a zeroed struct and writes the header. */
ft_status ft_forecasts_create(ft_forecasts *forecasts, const char *path, ft_error *err);

/* One window, a line a step. origin: timestamp of the last row before the window; timestamps: (horizon);
 * truth: (horizon), NaN = unknown; samples: (n_samples, horizon) row-major. Undefined values are empty cells.
 */
ft_status ft_forecasts_add_window(ft_forecasts *forecasts, const char *split, const char *item_id,
                                  const char *origin, const char *const *timestamps, const double *truth,
                                  const float *samples, size_t n_samples, size_t horizon, ft_error *err);

/* The file is there, whole, only after this. */
ft_status ft_forecasts_commit(ft_forecasts *forecasts, ft_error *err);
/* Frees everything; without a commit before it, no file is left. Safe twice and on a zeroed struct. */
void ft_forecasts_close(ft_forecasts *forecasts);

#endif
