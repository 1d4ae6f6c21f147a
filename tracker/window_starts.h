/* windows.csv: the last value before each evaluated window of a run, and its series' mase
 * scale, a line a window. mase and directional_accuracy need them besides the forecasts.
 * docs/interface.md §3. */
#ifndef FT_TRACKER_WINDOW_STARTS_H
#define FT_TRACKER_WINDOW_STARTS_H

#include "tracker/experiment.h"
#include "tracker/raw_cells.h"

/* Adds a line. item_id NULL: one series; origin: timestamp of the last row before the
 * window; last: the last known value before it; scale: the mase scale of its series. NaN:
 * there is none. */
void ft_window_starts_add(ft_text *lines, ft_split split, const char *item_id, const char *origin,
                          double last, double scale);
/* Writes the file, whole or not at all, into the directory of an experiment. */
ft_status ft_window_starts_write(const char *directory, const ft_text *lines, ft_error *err);

/* A line. */
typedef struct ft_window_start {
    uint32_t checksum;  /* ft_window_checksum(0, ...) of its series and origin */
    double last, scale; /* NaN: there is none */
} ft_window_start;
/* The windows of a split, in the order of the file, which is that of forecasts.csv. */
typedef struct ft_window_starts {
    ft_window_start *items; /* (count) */
    size_t count, capacity;
} ft_window_starts;

/* The CRC-32 of a window's series and origin as the files have them, going on from
 * another's. */
uint32_t ft_window_checksum(uint32_t before, ft_raw_cell item, ft_raw_cell origin);

/* Reads the windows of a split; freed by _free. count is 0 where there is no such file,
 * as in older records. FT_BAD_INPUT, naming file and line, where it is not one. */
ft_status ft_window_starts_read(const char *directory, ft_split split, ft_window_starts *starts,
                                ft_error *err);
/* The start of a window, searched for from the index *next, which then is the one after
 * it; NULL: none. Start with *next = 0. */
const ft_window_start *ft_window_starts_find(const ft_window_starts *starts, size_t *next, ft_raw_cell item,
                                             ft_raw_cell origin);
void ft_window_starts_free(ft_window_starts *starts);

#endif
