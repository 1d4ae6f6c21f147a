/* The options that say where data comes from (INTERFACE §2), the same in every command that reads a dataset.
 */
#ifndef FT_HOST_PROGRAM_DATA_OPTIONS_H
#define FT_HOST_PROGRAM_DATA_OPTIONS_H

#include "host/dataset.h"
#include "host/ftgpu.h"
#include "host/options.h"

/* Rows of an option table that fill `files`, an ft_data_files, and `target`, a const char *. */
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
         .help = "validation rows, which follow"},                                                           \
        {.name = "test",                                                                                     \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(files).test,                                                                             \
         .argument = "FILE",                                                                                 \
         .help = "test rows, which follow"},                                                                 \
        {.name = "data",                                                                                     \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(files).data,                                                                             \
         .argument = "FILE",                                                                                 \
         .help = "one file instead of three"},                                                               \
        {.name = "split",                                                                                    \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(files).split,                                                                            \
         .argument = "A,B,C",                                                                                \
         .help = "parts of --data (0.7,0.15,0.15)"},                                                         \
        {.name = "target",                                                                                   \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(column),                                                                                 \
         .argument = "COLUMN",                                                                               \
         .help = "the column to forecast",                                                                   \
         .required = true},                                                                                  \
        {.name = "timestamp",                                                                                \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(files).timestamp,                                                                        \
         .argument = "COLUMN",                                                                               \
         .help = "the date column (default: the first)"},                                                    \
        {.name = "id",                                                                                       \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(files).id,                                                                               \
         .argument = "COLUMN",                                                                               \
         .help = "a column that tells several series apart"},                                                \
    {                                                                                                        \
        .name = "train-last", .kind = FT_OPTION_INTEGER, .value = &(files).train_last, .argument = "N",      \
        .help = "keep only the last N training rows of each series", .least = 1, .most = 1e15                \
    }

#endif
