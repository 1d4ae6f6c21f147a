/* Whether data can be trained on; see dataset.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/data/dataset.h"

static const char *const split_names[] = {"training", "validation", "test"};

/* Names the split's file before the message. */
static ft_status refuse(const ft_dataset *dataset, int split, ft_error *err)
{
    if (dataset->paths[split]) ft_error_prefix(err, dataset->paths[split]);
    return FT_BAD_INPUT;
}

/* The longest series of a split must have `needed` rows. */
static ft_status check_rows(const ft_dataset *dataset, int split, int64_t needed, const char *why,
                            ft_error *err)
{
    int64_t longest = 0;
    for (size_t i = 0; i < dataset->n_items; i++) {
        const int64_t *start = dataset->items[i].split_start;
        if (start[split + 1] - start[split] > longest) longest = start[split + 1] - start[split];
    }
    if (longest >= needed) return FT_OK;
    ft_fail(err, FT_BAD_INPUT,
            "the %s split has %lld row%s%s, but one window needs %lld (%s): give it more rows, or set a "
            "shorter prediction_length",
            split_names[split], (long long)longest, longest == 1 ? "" : "s",
            dataset->id_name ? " in its longest series" : "", (long long)needed, why);
    return refuse(dataset, split, err);
}

/* Validation and test must have a known value. */
static ft_status check_known(const ft_dataset *dataset, int split, ft_error *err)
{
    for (size_t i = 0; i < dataset->n_items; i++) {
        const ft_dataset_item *item = &dataset->items[i];
        for (int64_t row = item->split_start[split]; row < item->split_start[split + 1]; row++)
            if (!isnan(item->values[row])) return FT_OK;
    }
    ft_fail(err, FT_BAD_INPUT,
            "column \"%.80s\": all values of the %s split are missing, there is nothing to measure by",
            dataset->target, split_names[split]);
    return refuse(dataset, split, err);
}

ft_status ft_dataset_check(const ft_dataset *dataset, int32_t prediction_length, ft_error *err)
{
    char why[128];
    snprintf(why, sizeof why, "prediction_length %d of context and as many to forecast",
             (int)prediction_length);
    ft_status status = check_rows(dataset, 0, 2 * (int64_t)prediction_length, why, err);
    snprintf(why, sizeof why, "prediction_length %d", (int)prediction_length);
    for (int split = 1; split < 3 && status == FT_OK; split++)
        status = check_rows(dataset, split, prediction_length, why, err);
    for (int split = 1; split < 3 && status == FT_OK; split++) status = check_known(dataset, split, err);
    if (status != FT_OK) return status;
    bool any = false;
    double known = NAN;
    for (size_t i = 0; i < dataset->n_items; i++) {
        const ft_dataset_item *item = &dataset->items[i];
        known = NAN; /* a series may be constant; all of them may not */
        for (int64_t row = 0; row < item->split_start[1]; row++) {
            if (isnan(item->values[row])) continue;
            if (!isnan(known) && item->values[row] != known) return FT_OK;
            known = item->values[row];
            any = true;
        }
    }
    if (any)
        ft_fail(
            err, FT_BAD_INPUT,
            "column \"%.80s\": all values of the training split are the same%s, there is nothing to learn",
            dataset->target, dataset->n_items > 1 ? " in each series" : "");
    else
        ft_fail(err, FT_BAD_INPUT, "column \"%.80s\": all values of the training split are missing",
                dataset->target);
    return refuse(dataset, 0, err);
}

size_t ft_dataset_count_short(const ft_dataset *dataset, int32_t prediction_length, ft_text *note)
{
    enum { NAMED = 3 };
    ft_text names = FT_TEXT_EMPTY;
    const int64_t needed = 2 * (int64_t)prediction_length;
    size_t count = 0;
    for (size_t i = 0; i < dataset->n_items; i++) {
        if (dataset->items[i].split_start[1] >= needed) continue;
        if (count++ < NAMED) ft_text_addf(&names, "%s\"%.80s\"", count > 1 ? ", " : "", dataset->items[i].id);
    }
    if (count && note && !names.failed)
        ft_text_addf(note,
                     "training leaves out %zu of %zu series, which have fewer than %lld training rows: %s%s",
                     count, dataset->n_items, (long long)needed, names.data, count > NAMED ? ", ..." : "");
    if (note && names.failed) note->failed = true;
    ft_text_free(&names);
    return count;
}
