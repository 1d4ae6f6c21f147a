/* forecasts.csv: what was forecast in each evaluated window of a run. docs/interface.md
 * §3. */
#ifndef FT_TRACKER_FORECASTS_H
#define FT_TRACKER_FORECASTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "tracker/quantiles.h"

/* What a line is of: a split, or a baseline in some of the test windows. The first three
 * are those of ft_split. */
typedef enum ft_forecast_kind {
    FT_OF_TRAIN,
    FT_OF_VAL,
    FT_OF_TEST,
    FT_OF_ZERO_SHOT,
    FT_OF_SEASONAL_NAIVE,
    FT_N_FORECAST_KINDS
} ft_forecast_kind;
/* "train", "val", "test", "test_zero_shot", "test_seasonal_naive": the column split. */
extern const char *const ft_forecast_kind_names[FT_N_FORECAST_KINDS];

/* Columns: split, item_id, origin, timestamp, target, mean, 0.1 ... 0.9. Lines end in
 * \n. */
typedef struct ft_forecasts {
    ft_file_writer file;
    ft_text line;
    float *scratch; /* (n_scratch) */
    size_t n_scratch;
} ft_forecasts;

/* Starts from a zeroed struct and writes the header. */
ft_status ft_forecasts_create(ft_forecasts *forecasts, const char *path, ft_error *err);

/* Test windows, at most six, evenly chosen, that stand for all where all would be too
 * many: baselines are recorded for these, and reports show them. `window` of n, from
 * 0. */
bool ft_forecasts_is_example(size_t window, size_t n);

/* One window, a line a step, into the file; of a struct that has none, at the end of
 * `line`. origin: timestamp of the last row before the window; timestamps: (horizon);
 * truth: (horizon), NaN = unknown; samples: (n_samples, horizon) row-major. Undefined
 * values are empty cells. */
ft_status ft_forecasts_add_window(ft_forecasts *forecasts, const char *split, const char *item_id,
                                  const char *origin, const char *const *timestamps, const double *truth,
                                  const float *samples, size_t n_samples, size_t horizon, ft_error *err);

/* Lines that another struct collected in its `line`. */
void ft_forecasts_add_lines(ft_forecasts *forecasts, const ft_text *lines);

/* The file is there, whole, only after this. */
ft_status ft_forecasts_commit(ft_forecasts *forecasts, ft_error *err);
/* Frees everything; without a commit before it, no file is left. Safe twice and on a
 * zeroed struct. */
void ft_forecasts_close(ft_forecasts *forecasts);

#endif
