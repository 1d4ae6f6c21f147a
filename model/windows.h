/* Windows: which rows a training step or an evaluation uses. Training windows, their
 * order in each epoch, evaluation windows. docs/reference.md §6. */
#ifndef FT_MODEL_WINDOWS_H
#define FT_MODEL_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum ft_series_split {
    FT_SPLIT_TRAIN,
    FT_SPLIT_VALIDATION,
    FT_SPLIT_TEST,
    FT_SPLITS
} ft_series_split;

/* One series (item): its whole history and the splits within it. NaN is a missing value.
 * The caller owns the values. */
typedef struct ft_series {
    const float *values; /* (split_start[FT_SPLITS]) */
    /* Split s is the rows [split_start[s], split_start[s + 1]); the starts never
     * decrease. */
    int64_t split_start[FT_SPLITS + 1];
} ft_series;

typedef struct ft_window_settings {
    int32_t context_length, prediction_length; /* rows, > 0 */
    /* Rows between the starts of windows, > 0. Training only, like the two members
     * below. */
    int32_t window_stride;
    bool window_shift; /* each epoch moves all starts back by an offset of its own */
    uint32_t seed;
} ft_window_settings;

/* Labels are the rows [label_start, label_start + label_count) and the context the rows
 * [context_start, label_start) of series `item`. label_count < prediction_length at the
 * end of an evaluated split only. */
typedef struct ft_window {
    int64_t label_start, context_start;
    int32_t item, label_count;
} ft_window;

/* Windows in the order in which they are used. Start from a zeroed list. The functions
 * below replace its contents and reuse its memory; ft_window_list_free frees it. */
typedef struct ft_window_list {
    ft_window *windows;
    int64_t count, capacity;
} ft_window_list;

/* The training windows of epoch `epoch` (from 0) in shuffled order. A window has
 * prediction_length labels inside the training split and at least prediction_length rows
 * of context before them; those without one observed label or one observed context value
 * are left out. Starts run back from the end of the split by window_stride, all moved
 * back by the epoch's offset in [0, window_stride); where that leaves no window at all,
 * the offset is 0. Offset and order depend on (seed, epoch) and the windows alone.
 * FT_BAD_INPUT when there is no window. */
ft_status ft_windows_train(const ft_series *series, int32_t n_series, const ft_window_settings *settings,
                           int32_t epoch, ft_window_list *list, ft_error *err);

/* Optimizer steps of a whole training: over epochs [0, epochs), the sum of ceil(windows
 * of the epoch / batch_size). FT_BAD_INPUT when there is no window. */
ft_status ft_windows_count_steps(const ft_series *series, int32_t n_series,
                                 const ft_window_settings *settings, int32_t epochs, int32_t batch_size,
                                 int64_t *total_steps, ft_error *err);

/* The windows on which a split is evaluated: from its first row in steps of
 * prediction_length, the last one perhaps shorter, context from all history before; those
 * without one observed label or context value are left out. If there are more than
 * max_windows (> 0), that many evenly spaced ones, the first and the last among them. In
 * order of item and row. An empty list is no error: the split may be empty. */
ft_status ft_windows_evaluate(const ft_series *series, int32_t n_series, const ft_window_settings *settings,
                              ft_series_split split, int64_t max_windows, ft_window_list *list,
                              ft_error *err);

void ft_window_list_free(ft_window_list *list);

#endif
