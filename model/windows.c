/* Training and evaluation windows; see windows.h. */
#include "model/windows.h"

#include <math.h>
#include <stdlib.h>

#include "base/philox.h"

/* Beside FT_SITE_SAMPLING: its own random numbers. */
enum { SITE_WINDOWS = 0x5a3b1e01 };

/* Number `index` of epoch `epoch`, in [0, bound). Multiplying instead of taking the
 * remainder: the bias is below bound / 2^32. */
static uint32_t draw(uint32_t seed, int32_t epoch, uint32_t index, uint32_t bound)
{
    ft_philox_key key = ft_philox_key_of(seed, (uint32_t)epoch, SITE_WINDOWS);
    uint32_t word = ft_philox(key, index >> 2, 0, 0, 0).word[index & 3u];
    return (uint32_t)(((uint64_t)word * bound) >> 32);
}

static bool any_observed(const float *values, int64_t start, int64_t end)
{
    for (int64_t row = end - 1; row >= start; row--)
        if (!isnan(values[row])) return true;
    return false;
}

static int64_t context_start(int64_t label_start, int32_t context_length)
{
    return label_start > context_length ? label_start - context_length : 0;
}

static bool usable(const ft_series *series, const ft_window *window)
{
    return any_observed(series->values, window->context_start, window->label_start) &&
           any_observed(series->values, window->label_start, window->label_start + window->label_count);
}

/* Appends to the list, or counts only where there is none. */
static ft_status add(ft_window_list *list, int64_t *count, ft_window window, ft_error *err)
{
    ++*count;
    if (!list) return FT_OK;
    if (list->count == list->capacity) {
        int64_t capacity = list->capacity ? list->capacity * 2 : 64;
        size_t bytes = (size_t)capacity * sizeof *list->windows;
        ft_window *larger = realloc(list->windows, bytes);
        if (!larger) return ft_no_memory(err, "windows", bytes);
        list->windows = larger;
        list->capacity = capacity;
    }
    list->windows[list->count++] = window;
    return FT_OK;
}

/* The training windows whose starts are moved back by `offset`, by item and from the
 * earliest start to the last. */
static ft_status collect_train(const ft_series *series, int32_t n_series, const ft_window_settings *settings,
                               int64_t offset, ft_window_list *list, int64_t *count, ft_error *err)
{
    *count = 0;
    int64_t length = settings->prediction_length, stride = settings->window_stride;
    for (int32_t item = 0; item < n_series; item++) {
        int64_t first = series[item].split_start[FT_SPLIT_TRAIN] + length;
        int64_t last = series[item].split_start[FT_SPLIT_TRAIN + 1] - length - offset;
        if (last < first) continue;
        for (int64_t start = last - (last - first) / stride * stride; start <= last; start += stride) {
            ft_window window = {start, context_start(start, settings->context_length), item,
                                settings->prediction_length};
            if (!usable(&series[item], &window)) continue;
            ft_status status = add(list, count, window, err);
            if (status) return status;
        }
    }
    return FT_OK;
}

/* collect_train with the epoch's offset, or with 0 where that leaves nothing. */
static ft_status collect_epoch(const ft_series *series, int32_t n_series, const ft_window_settings *settings,
                               int32_t epoch, ft_window_list *list, int64_t *count, ft_error *err)
{
    int64_t offset =
        settings->window_shift ? draw(settings->seed, epoch, 0, (uint32_t)settings->window_stride) : 0;
    ft_status status = collect_train(series, n_series, settings, offset, list, count, err);
    if (status == FT_OK && *count == 0 && offset > 0)
        status = collect_train(series, n_series, settings, 0, list, count, err);
    if (status) return status;
    if (*count == 0)
        return ft_fail(
            err, FT_BAD_INPUT,
            "the training split holds no window: it needs at least %lld rows in a series (context and "
            "labels of prediction_length %d each), with observed values in both",
            2 * (long long)settings->prediction_length, (int)settings->prediction_length);
    if (*count > UINT32_MAX - 8)
        return ft_fail(err, FT_BAD_INPUT,
                       "the training split holds %lld windows, more than are supported "
                       "(use a larger window_stride)",
                       (long long)*count);
    return FT_OK;
}

static void shuffle(ft_window_list *list, uint32_t seed, int32_t epoch)
{
    /* Fisher and Yates; number 0 of the epoch is the offset. */
    for (int64_t i = list->count - 1; i > 0; i--) {
        int64_t j = draw(seed, epoch, (uint32_t)i, (uint32_t)(i + 1));
        ft_window window = list->windows[i];
        list->windows[i] = list->windows[j];
        list->windows[j] = window;
    }
}

static ft_status check(const ft_window_settings *settings, ft_error *err)
{
    if (settings->context_length > 0 && settings->prediction_length > 0 && settings->window_stride > 0)
        return FT_OK;
    return ft_fail(err, FT_BAD_INPUT,
                   "context_length, prediction_length and window_stride must be at least 1");
}

ft_status ft_windows_train(const ft_series *series, int32_t n_series, const ft_window_settings *settings,
                           int32_t epoch, ft_window_list *list, ft_error *err)
{
    list->count = 0;
    ft_status status = check(settings, err);
    if (status) return status;
    int64_t count = 0;
    status = collect_epoch(series, n_series, settings, epoch, list, &count, err);
    if (status) return status;
    shuffle(list, settings->seed, epoch);
    return FT_OK;
}

ft_status ft_windows_count_steps(const ft_series *series, int32_t n_series,
                                 const ft_window_settings *settings, int32_t epochs, int32_t batch_size,
                                 int64_t *total_steps, ft_error *err)
{
    *total_steps = 0;
    ft_status status = check(settings, err);
    if (status) return status;
    if (batch_size < 1) return ft_fail(err, FT_BAD_INPUT, "batch_size must be at least 1");
    int64_t count = 0, without_shift = 0;
    for (int32_t epoch = 0; epoch < epochs; epoch++) {
        if (epoch > 0 && !settings->window_shift)
            count = without_shift; /* every epoch is the first's */
        else
            status = collect_epoch(series, n_series, settings, epoch, NULL, &count, err);
        if (status) return status;
        without_shift = count;
        *total_steps += (count + batch_size - 1) / batch_size;
    }
    return FT_OK;
}

ft_status ft_windows_evaluate(const ft_series *series, int32_t n_series, const ft_window_settings *settings,
                              ft_series_split split, int64_t max_windows, ft_window_list *list, ft_error *err)
{
    list->count = 0;
    ft_status status = check(settings, err);
    if (status) return status;
    if (max_windows < 1)
        return ft_fail(err, FT_BAD_INPUT, "the number of evaluation windows must be at least 1");
    int64_t count = 0;
    for (int32_t item = 0; item < n_series; item++) {
        int64_t end = series[item].split_start[split + 1];
        for (int64_t start = series[item].split_start[split]; start < end;
             start += settings->prediction_length) {
            int64_t labels = end - start;
            if (labels > settings->prediction_length) labels = settings->prediction_length;
            ft_window window = {start, context_start(start, settings->context_length), item, (int32_t)labels};
            if (!usable(&series[item], &window)) continue;
            status = add(list, &count, window, err);
            if (status) return status;
        }
    }
    if (count <= max_windows) return FT_OK;
    for (int64_t i = 0; i < max_windows; i++) {
        /* Split so that no product overflows: count and max_windows fit in memory, so
         * both are far below 2^31.5. */
        int64_t kept = max_windows == 1 ? count - 1 : i * (count - 1) / (max_windows - 1);
        list->windows[i] = list->windows[kept];
    }
    list->count = max_windows;
    return FT_OK;
}

void ft_window_list_free(ft_window_list *list)
{
    free(list->windows);
    *list = (ft_window_list){0};
}
