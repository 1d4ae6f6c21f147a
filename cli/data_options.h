/* The options that say where data comes from (docs/interface.md §2), the same in every
 * command that reads a dataset. */
#ifndef FT_CLI_DATA_OPTIONS_H
#define FT_CLI_DATA_OPTIONS_H

#include "cli/options.h"
#include "host/data/dataset.h"
#include "host/ftgpu.h"

/* Rows of an option table on how CSV files are read: they fill `csv`, an
 * ft_csv_options. */
#define FT_OPTIONS_READING(csv)                                                                              \
    FT_OPT_TEXT("timestamp", &(csv).timestamp, "COLUMN",                                                     \
                "the date column (default: the first, or the one with dates)"),                              \
        FT_OPT_TEXT("id", &(csv).id, "COLUMN", "a column that tells several series apart, or several: A,B"), \
        FT_OPT_TEXT("separator", &(csv).separator, "CHAR",                                                   \
                    "between cells, or tab (default: what the header has of , ; tab |)"),                    \
        FT_OPT_TEXT("decimal", &(csv).decimal, "CHAR",                                                       \
                    "of numbers, . or , (default: as each column shows)"),                                   \
        FT_OPT_TEXT("thousands", &(csv).thousands, "CHAR",                                                   \
                    "between groups of three digits (default: as each column shows)"),                       \
        FT_OPT_TEXT("date-format", &(csv).date_format, "FORMAT",                                             \
                    "of the dates, as strptime's: %d/%m/%Y (default: as the column shows)"),                 \
        FT_OPT_TEXT("missing", &(csv).missing, "WORD,...",                                                   \
                    "words for a missing value besides pandas' (NA, NaN, null, ...)"),                       \
        FT_OPT_FLAG("sort", &(csv).sort, "sort the rows by time"),                                           \
        FT_OPT_CHOICE("duplicates", &(csv).duplicates, "HOW", ft_duplicates_choices,                         \
                      "how to merge rows with the same date: mean, first or last")
extern const char *const ft_duplicates_choices[];

/* Rows of an option table that fill `files`, an ft_data_files, and `target`, a const
 * char *. */
#define FT_OPTIONS_DATA(files, column)                                                                       \
    FT_OPT_TEXT("train", &(files).train, "FILE", "CSV file of training rows"),                               \
        FT_OPT_TEXT("val", &(files).val, "FILE", "validation rows, later than the training rows"),           \
        FT_OPT_TEXT("test", &(files).test, "FILE", "test rows, later than the validation rows"),             \
        FT_OPT_TEXT("data", &(files).data, "FILE", "one file instead of three"),                             \
        FT_OPT_TEXT("split", &(files).split, "A,B,C", "how to cut --data, as in 0.7,0.15,0.15"),             \
        FT_OPT_TEXT("target", &(column), "COLUMN", "the column to forecast", .required = true),              \
        FT_OPTIONS_READING((files).csv),                                                                     \
        FT_OPT_INTEGER("train-last", &(files).train_last, "N", 1, 1e15,                                      \
                       "keep only the last N training rows of each series")

#endif
