/* The data of a run: per series one contiguous history of the target with its training,
 * validation and test splits. */
#ifndef FT_HOST_DATA_DATASET_H
#define FT_HOST_DATA_DATASET_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "host/data/frequency.h"
#include "host/data/timestamps.h"
#include "host/ftgpu.h"

/* Where the data comes from: `train`, `val` and `test` (val and test may be NULL), or
 * `data` alone, cut by `split` where has_split is set; without it all of it is training
 * rows (what forecasting wants). */
typedef struct ft_dataset_source {
    const char *train, *val, *test, *data;
    bool has_split;
    double split[3];    /* parts of each series: their sum is 1 */
    const char *target; /* a column */
    ft_csv_options csv;
    bool takes_pipes; /* the files may be pipes, "-" among them */
    /* keeps only the last so many training rows of each series; 0: all */
    int64_t train_last;
} ft_dataset_source;

/* "0.7,0.15,0.15": three parts, none negative, the first positive, sum 1. */
ft_status ft_split_fractions_parse(const char *text, double split[3], ft_error *err);
/* Where those parts lie in n_rows rows: [start[0], start[1]) is the first. Ends are
 * rounded down, so that 0.7 of 1304 rows are 912. */
void ft_split_rows(const double split[3], int64_t n_rows, int64_t start[4]);

typedef struct ft_dataset_item {
    const char *id; /* the target's name where there is no id column */
    size_t first_row, n_rows;
    /* Training rows are [split_start[0], split_start[1]), then validation, then test up
     * to split_start[3] = n_rows; counted within the item. */
    int64_t split_start[4];
    /* (n_rows) of the target, NaN = missing; points into the dataset */
    double *values;
    /* (n_rows), the same in float; what is beyond float's range was refused */
    float *values_single;
    const int64_t *times;     /* (n_rows) */
    const int16_t *zones;     /* (n_rows), each date's own offset: minutes east of UTC */
    const char *const *dates; /* (n_rows), as in the files */
} ft_dataset_item;

typedef struct ft_dataset_column {
    char *name;
    double *values; /* (n_rows), NaN = missing */
    bool text;      /* a text column: values only say what is missing */
} ft_dataset_column;

/* What ft_dataset_look_at_dates finds. */
typedef struct ft_dataset_dates {
    bool are_known;         /* the rest is filled in */
    ft_frequency frequency; /* of the longest series */
    /* series with another frequency, of those with FT_ROWS_OF_A_FREQUENCY rows */
    size_t n_differ;
    size_t n_with_gaps; /* of the same: series that lack rows at their frequency */
    /* a note: how many dates have no row in the first such series, and how many more
     * series lack rows; empty: none does */
    ft_text gaps;
} ft_dataset_dates;

/* Rows lie item by item, within an item by time. */
typedef struct ft_dataset {
    /* id_name NULL: one series; of several columns "store,item" */
    char *target, *timestamp_name, *id_name;
    size_t n_ids; /* id columns */
    /* of the file that each split is in; NULL: of none */
    const char *paths[3];
    ft_dataset_item *items; /* (n_items) */
    size_t n_items, n_rows;
    /* (n_columns): those that all files have besides date and id, the target among
     * them */
    ft_dataset_column *columns;
    size_t n_columns, target_column;
    int64_t *times;
    int16_t *zones;
    const char **dates;
    float *single;
    ft_timestamp_style style; /* of the last row read */
    /* of the files' texts, in the order train, val, test */
    uint32_t checksum;
    uint32_t rows_checksum; /* of dates and target as they were read */
    /* lines on what was done with the files that nobody asked for */
    ft_text notes;
    ft_dataset_dates dates_found;
    struct ft_dataset_texts *texts; /* owns ids and dates */
} ft_dataset;

/* Reads and joins the files. Columns that a file lacks are left out, with a note; a
 * series in val or test that is not in train has no training rows, with a note.
 * FT_BAD_INPUT besides what ft_csv_read refuses: no source, or both kinds; a target that
 * is unknown, no number, infinite or beyond float's range; a date in val (test) that does
 * not come after the last one before it. *dataset is zeroed on failure. */
ft_status ft_dataset_read(const ft_dataset_source *source, ft_dataset *dataset, ft_error *err);
void ft_dataset_free(ft_dataset *dataset);

/* Whether one can train on it: at least one series has 2 * prediction_length training
 * rows (a window's context and its labels), the validation and test splits have at least
 * one series with prediction_length rows, and the target is neither all missing in a
 * split nor constant in the training rows. FT_BAD_INPUT with the file and the figures
 * otherwise. */
ft_status ft_dataset_check(const ft_dataset *dataset, int32_t prediction_length, ft_error *err);

/* How many series have too few training rows for one window. The note on them, with the
 * names of the first, is appended to *note where that is not NULL and there are any. */
size_t ft_dataset_count_short(const ft_dataset *dataset, int32_t prediction_length, ft_text *note);

/* Fills in dataset->dates_found by the first call; later calls do nothing. Not counted as
 * missing are holidays (up to 5 % of weekdays or opening hours, at most 5 in a row) and,
 * where dates have no offset, the hour that summer time skips. Fails by FT_NO_MEMORY
 * alone. */
ft_status ft_dataset_look_at_dates(ft_dataset *dataset, ft_error *err);

/* The series with the most rows, the first of several. */
const ft_dataset_item *ft_dataset_longest(const ft_dataset *dataset);

/* data_insights of docs/reference.md §8: ft_insights_create over the splits, and the
 * frequency of the dates, which are looked at first. *insights is the caller's. */
ft_status ft_dataset_insights(ft_dataset *dataset, cJSON **insights, ft_error *err);

#endif
