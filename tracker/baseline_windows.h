/* baselines.csv: the errors of the baselines in the test windows of a run, a line for
 * each baseline and window. docs/interface.md §3. */
#ifndef FT_TRACKER_BASELINE_WINDOWS_H
#define FT_TRACKER_BASELINE_WINDOWS_H

#include "base/error.h"
#include "base/text.h"
#include "tracker/raw_cells.h"
#include "tracker/window_scores.h"

/* Adds a line. baseline: "zero_shot" or "seasonal_naive"; item_id NULL: one series;
 * origin: timestamp of the last row before the window. */
void ft_baseline_windows_add(ft_text *lines, const char *baseline, const char *item_id, const char *origin,
                             const ft_window_sums *sums);
/* Writes the file, whole or not at all, into the directory of an experiment. */
ft_status ft_baseline_windows_write(const char *directory, const ft_text *lines, ft_error *err);

/* A line. Cells point into the file's text, which is freed when _read returns. */
typedef struct ft_baseline_window {
    ft_raw_cell baseline, item, origin;
    ft_window_sums sums;
} ft_baseline_window;
typedef ft_status ft_baseline_window_visit(void *context, const ft_baseline_window *window, ft_error *err);
/* Calls `visit` with each line, in the order of the file; with none where the directory
 * has no baselines.csv, as older records. FT_BAD_INPUT, naming file and line, where it is
 * not one. */
ft_status ft_baseline_windows_read(const char *directory, ft_baseline_window_visit *visit, void *context,
                                   ft_error *err);

#endif
