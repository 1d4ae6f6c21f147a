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
    {.name = "timestamp",                                                                                    \
     .kind = FT_OPTION_TEXT,                                                                                 \
     .value = &(csv).timestamp,                                                                              \
     .argument = "COLUMN",                                                                                   \
     .help = "the date column (default: the first, or the one with dates)"},                                 \
        {.name = "id",                                                                                       \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(csv).id,                                                                                 \
         .argument = "COLUMN",                                                                               \
         .help = "a column that tells several series apart, or several: A,B"},                               \
        {.name = "separator",                                                                                \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(csv).separator,                                                                          \
         .argument = "CHAR",                                                                                 \
         .help = "between cells, or tab (default: what the header has of , ; tab |)"},                       \
        {.name = "decimal",                                                                                  \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(csv).decimal,                                                                            \
         .argument = "CHAR",                                                                                 \
         .help = "of numbers, . or , (default: as each column shows)"},                                      \
        {.name = "thousands",                                                                                \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(csv).thousands,                                                                          \
         .argument = "CHAR",                                                                                 \
         .help = "between groups of three digits (default: as each column shows)"},                          \
        {.name = "date-format",                                                                              \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(csv).date_format,                                                                        \
         .argument = "FORMAT",                                                                               \
         .help = "of the dates, as strptime's: %d/%m/%Y (default: as the column shows)"},                    \
        {.name = "missing",                                                                                  \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(csv).missing,                                                                            \
         .argument = "WORD,...",                                                                             \
         .help = "words for a missing value besides pandas' (NA, NaN, null, ...)"},                          \
        {.name = "sort", .kind = FT_OPTION_FLAG, .value = &(csv).sort, .help = "sort the rows by time"},     \
    {                                                                                                        \
        .name = "duplicates", .kind = FT_OPTION_CHOICE, .value = &(csv).duplicates, .argument = "HOW",       \
        .help = "how to merge rows with the same date: mean, first or last",                                 \
        .choices = ft_duplicates_choices                                                                     \
    }
extern const char *const ft_duplicates_choices[];

/* Rows of an option table that fill `files`, an ft_data_files, and `target`, a const
 * char *. */
#define FT_OPTIONS_DATA(files, column)                                                                       \
    {.name = "train",                                                                                        \
     .kind = FT_OPTION_TEXT,                                                                                 \
     .value = &(files).train,                                                                                \
     .argument = "FILE",                                                                                     \
     .help = "CSV file of training rows"},                                                                   \
        {.name = "val",                                                                                      \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(files).val,                                                                              \
         .argument = "FILE",                                                                                 \
         .help = "validation rows, later than the training rows"},                                           \
        {.name = "test",                                                                                     \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(files).test,                                                                             \
         .argument = "FILE",                                                                                 \
         .help = "test rows, later than the validation rows"},                                               \
        {.name = "data",                                                                                     \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(files).data,                                                                             \
         .argument = "FILE",                                                                                 \
         .help = "one file instead of three, with --split"},                                                 \
        {.name = "split",                                                                                    \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(files).split,                                                                            \
         .argument = "A,B,C",                                                                                \
         .help = "parts of --data for training, validation and test, as in 0.7,0.15,0.15; each series is "   \
                 "cut by itself"},                                                                           \
        {.name = "target",                                                                                   \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(column),                                                                                 \
         .argument = "COLUMN",                                                                               \
         .help = "the column to forecast",                                                                   \
         .required = true},                                                                                  \
        FT_OPTIONS_READING((files).csv),                                                                     \
    {                                                                                                        \
        .name = "train-last", .kind = FT_OPTION_INTEGER, .value = &(files).train_last, .argument = "N",      \
        .help = "keep only the last N training rows of each series", .least = 1, .most = 1e15                \
    }

#endif
