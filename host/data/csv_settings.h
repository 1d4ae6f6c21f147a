/* The reading options of a CSV file, checked and taken apart. */
#ifndef FT_HOST_DATA_CSV_SETTINGS_H
#define FT_HOST_DATA_CSV_SETTINGS_H

#include "base/text.h"
#include "host/data/csv_numbers.h"
#include "host/data/csv_scanner.h"
#include "host/ftgpu.h"

typedef enum ft_duplicates {
    FT_DUPLICATES_REFUSED,
    FT_DUPLICATES_MEAN,
    FT_DUPLICATES_FIRST,
    FT_DUPLICATES_LAST
} ft_duplicates;

enum { FT_CSV_MAX_WORDS = 64 };

/* A word for a missing value, of --missing. */
typedef struct ft_csv_word {
    const char *text; /* (length), not NUL-terminated */
    size_t length;
    bool is_number, found; /* found: a cell had it */
    double value;          /* where is_number is set: -999 means -999.0 too */
} ft_csv_word;

typedef struct ft_csv_settings {
    const ft_csv_options *options;
    char separator; /* '\0': as the header shows */
    bool has_notation;
    ft_number_notation notation; /* of all columns, where has_notation is set */
    ft_duplicates duplicates;
    ft_csv_word words[FT_CSV_MAX_WORDS];
    size_t n_words;
} ft_csv_settings;

/* FT_BAD_INPUT names the option. The settings point to the options. */
ft_status ft_csv_settings_parse(const ft_csv_options *options, ft_csv_settings *settings, ft_error *err);

/* Whether the cell is missing: empty, a word that pandas.read_csv takes for missing, or
 * one of --missing, which is marked as found. */
bool ft_csv_is_missing(ft_csv_settings *settings, const ft_csv_cell *cell);
/* Of these, whether it is one of --missing, which may look like a number: "-999". */
bool ft_csv_is_named_missing(ft_csv_settings *settings, const ft_csv_cell *cell);
/* Whether a number is one of --missing, however it is written. */
bool ft_csv_is_missing_number(ft_csv_settings *settings, double value);

/* Adds a line for each word of --missing that no cell has had: it may be misspelt. */
void ft_csv_note_unused_words(const ft_csv_settings *settings, const char *path, ft_text *notes);

#endif
