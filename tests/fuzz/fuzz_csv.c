/* CSV files, joined to a dataset: up to three parts, training, validation and test. The
 * first byte chooses options; '0' is none of them. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "host/data/csv.h"
#include "host/data/dataset.h"
#include "host/data/date_formats.h"
#include "host/data/frequency.h"
#include "tests/fuzz/fuzz.h"

/* What the rest of the program takes for granted. */
static void check_dataset(const ft_dataset *dataset)
{
    FUZZ_EXPECT(dataset->n_items > 0 && dataset->target_column < dataset->n_columns);
    for (size_t i = 0; i < dataset->n_items; i++) {
        const ft_dataset_item *item = &dataset->items[i];
        FUZZ_EXPECT(item->split_start[0] == 0 && item->split_start[3] == (int64_t)item->n_rows);
        for (int s = 0; s < 3; s++) FUZZ_EXPECT(item->split_start[s] <= item->split_start[s + 1]);
        FUZZ_EXPECT(item->first_row + item->n_rows <= dataset->n_rows);
        for (size_t row = 0; row < item->n_rows; row++) {
            FUZZ_EXPECT(row == 0 || item->times[row] > item->times[row - 1]);
            FUZZ_EXPECT(strlen(item->dates[row]) > 0);
            FUZZ_EXPECT(!__builtin_isinf(item->values_single[row]));
        }
    }
}

/* The next dates at a frequency: each later than the one before it, the first later than
 * `last`. */
static void count_on(const ft_frequency *frequency, int64_t last, const ft_timestamp_style *style)
{
    char text[FT_TIMESTAMP_CHARS];
    for (int64_t steps = 1, next; steps < 4; steps++) {
        ft_error err;
        ft_status status = ft_frequency_next(frequency, steps, &next, &err);
        fuzz_check(status, &err, NULL);
        if (status != FT_OK) break;
        FUZZ_EXPECT(next > last);
        last = next;
        ft_timestamp_style read;
        ft_timestamp_format(next, style, text);
        FUZZ_EXPECT(*style->format ? ft_date_format_read(style->format, text, strlen(text), &next, &read)
                                   : ft_timestamp_parse(text, strlen(text), &next, &read));
    }
}

/* The dates after the end of each series, as forecast writes them, and at some
 * frequencies that are named. */
static void continue_dates(const ft_dataset *dataset)
{
    for (size_t i = 0; i < dataset->n_items; i++) {
        const ft_dataset_item *item = &dataset->items[i];
        if (item->n_rows == 0) continue;
        ft_frequency frequency;
        ft_error err = {""};
        ft_status status = ft_frequency_infer(item->times, item->zones, item->n_rows, &frequency, &err);
        fuzz_check(status, &err, NULL);
        if (status != FT_OK) continue;
        char words[FT_FREQUENCY_CHARS];
        FUZZ_EXPECT(strlen(ft_frequency_describe(&frequency, words)) > 0);
        int64_t last = item->times[item->n_rows - 1];
        ft_timestamp_style style = dataset->style;
        style.zone_minutes = item->zones[item->n_rows - 1];
        count_on(&frequency, last, &style);
        static const char *const names[] = {"B", "2W-FRI", "MS", "BQE-FEB", "YE", "WOM-3FRI", "90min"};
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            FUZZ_EXPECT(ft_frequency_parse(names[k], &frequency, &err) == FT_OK);
            ft_frequency_start(&frequency, last, item->zones[item->n_rows - 1]);
            count_on(&frequency, last, &style);
        }
    }
}

/* Read in pieces, a file is what it is when read at once, or refused with the same
 * words. */
static void read_pieces(const ft_dataset_source *source, const char *path, size_t piece)
{
    ft_csv whole, csv;
    ft_error expected = {""}, err = {""};
    ft_status status = ft_csv_read_pieces(path, &source->csv, false, NULL, SIZE_MAX / 2, &whole, &expected);
    FUZZ_EXPECT(ft_csv_read_pieces(path, &source->csv, false, NULL, piece, &csv, &err) == status);
    FUZZ_EXPECT(strcmp(err.message, expected.message) == 0);
    FUZZ_EXPECT(csv.n_rows == whole.n_rows && csv.n_items == whole.n_items && csv.grouped == whole.grouped);
    FUZZ_EXPECT(csv.checksum == whole.checksum);
    for (size_t row = 0; row < csv.n_rows; row++) {
        FUZZ_EXPECT(csv.times[row] == whole.times[row] && csv.zones[row] == whole.zones[row]);
        FUZZ_EXPECT(csv.lines[row] == whole.lines[row] && csv.items[row] == whole.items[row]);
        FUZZ_EXPECT(strcmp(csv.dates[row], whole.dates[row]) == 0);
        for (size_t c = 0; c < csv.n_columns; c++)
            FUZZ_EXPECT(memcmp(&csv.columns[c].values[row], &whole.columns[c].values[row], sizeof(double)) ==
                        0);
    }
    ft_csv_free(&whole);
    ft_csv_free(&csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"train.csv", "val.csv", "test.csv"};
    const char *paths[3] = {NULL};
    if (size == 0) return 0;
    const unsigned options = data[0] ^ (unsigned)'0';
    const uint8_t *at = data + 1, *part;
    size_t left = size - 1, part_size;
    for (int i = 0; i < 3 && (part = fuzz_part(&at, &left, &part_size)); i++)
        paths[i] = fuzz_put(names[i], part, part_size);
    ft_dataset_source source = {.train = paths[0],
                                .val = paths[1],
                                .test = paths[2],
                                .target = "Close",
                                .csv = {.timestamp = options & 1 ? "Date" : NULL,
                                        .id = options & 128 ? "item,Note"
                                              : options & 2 ? "item"
                                                            : NULL,
                                        .sort = options & 16,
                                        .duplicates = options & 32 ? "mean" : NULL,
                                        .missing = options & 64 ? "-,-999" : NULL,
                                        .decimal = options & 64 ? "," : NULL,
                                        .date_format = options & 64 ? "%d.%m.%Y" : NULL},
                                .train_last = options & 4 ? 3 : 0};
    if (options & 8) {
        source.data = source.train;
        source.train = source.val = source.test = NULL;
        source.has_split = true;
        source.split[0] = 0.5;
        source.split[1] = source.split[2] = 0.25;
    }
    if (paths[0]) read_pieces(&source, paths[0], 1 + size % 40);
    ft_dataset dataset;
    ft_error err = {""};
    ft_status status = ft_dataset_read(&source, &dataset, &err);
    fuzz_check(status, &err, fuzz_directory());
    if (status != FT_OK) return 0;
    check_dataset(&dataset);
    continue_dates(&dataset);
    fuzz_check(ft_dataset_check(&dataset, 2, &err), &err, NULL);
    cJSON *insights = NULL;
    status = ft_dataset_insights(&dataset, &insights, &err);
    fuzz_check(status, &err, NULL);
    char *text = status == FT_OK ? ft_json_print(insights) : NULL;
    FUZZ_EXPECT(status != FT_OK || text);
    free(text);
    cJSON_Delete(insights);
    ft_dataset_free(&dataset);
    return 0;
}
