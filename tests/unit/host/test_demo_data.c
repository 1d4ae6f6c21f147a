/* The demo data is what it promises: business days, prices with something to learn, the
 * same for a seed. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/file.h"
#include "host/data/calendar.h"
#include "host/data/csv.h"
#include "host/data/dataset.h"
#include "host/data/demo_data.h"
#include "host/data/frequency.h"

static char directory[64];
static const char *const files[] = {"data.csv", "train.csv", "val.csv", "test.csv"};

static void enter(void)
{
    strcpy(directory, "/tmp/ftgpu-demo-XXXXXX");
    cr_assert(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
}

static void leave(void)
{
    for (size_t i = 0; i < 4; i++) {
        char name[32];
        for (int d = 0; d < 3; d++) snprintf(name, sizeof name, "%c/%s", "abc"[d], files[i]), remove(name);
    }
    remove("a"), remove("b"), remove("c");
    cr_assert_eq(chdir("/"), 0);
    rmdir(directory);
}

TestSuite(demo_data, .init = enter, .fini = leave);

static uint32_t checksum(const char *path)
{
    char *data;
    size_t size;
    ft_error err;
    cr_assert_eq(ft_read_file(path, 1 << 20, &data, &size, &err), FT_OK, "%s", err.message);
    uint32_t sum = ft_checksum(0, data, size);
    free(data);
    return sum;
}

Test(demo_data, prices)
{
    ft_csv csv;
    const ft_csv_options plain = {NULL};
    ft_error err;
    cr_assert_eq(ft_demo_data_write("a", 0, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_csv_read("a/data.csv", &plain, false, NULL, &csv, &err), FT_OK, "%s", err.message);
    cr_assert(csv.n_rows == FT_DEMO_ROWS && csv.n_columns == 5);
    const char *names[] = {"Close", "SMA_20", "SMA_50", "Volume", "Volatility"};
    for (size_t c = 0; c < 5; c++)
        cr_expect(strcmp(csv.columns[c].name, names[c]) == 0 && csv.columns[c].text == NULL);
    ft_frequency frequency;
    char words[FT_FREQUENCY_CHARS];
    cr_assert_eq(ft_frequency_infer(csv.times, csv.zones, csv.n_rows, &frequency, &err), FT_OK);
    cr_expect_str_eq(ft_frequency_describe(&frequency, words), "business days");
    cr_expect(ft_frequency_is_plain(&frequency));
    cr_expect_str_eq(csv.dates[0], "2019-01-01");
    cr_expect_str_eq(csv.dates[FT_DEMO_ROWS - 1], "2023-12-29");

    const double *close = csv.columns[0].values;
    double by_weekday[5] = {0}, change = 0, noise = 0;
    for (size_t i = 1; i < csv.n_rows; i++) {
        cr_assert(close[i] > 20 && close[i] < 1000);
        double log_return = log(close[i] / close[i - 1]);
        cr_assert(fabs(log_return) < 0.2);
        by_weekday[ft_weekday(csv.times[i] / 86400000000)] += log_return / (FT_DEMO_ROWS / 5.0);
        noise += log_return * log_return / FT_DEMO_ROWS;
    }
    change = log(close[csv.n_rows - 1] / close[0]);
    cr_expect(change > 0.1, "no trend: %g", change);
    cr_expect(by_weekday[1] > 0.005 && by_weekday[3] < -0.005, "no week: %g %g", by_weekday[1],
              by_weekday[3]);
    cr_expect(noise > 1e-5, "no noise: %g", noise);

    /* averages by their definition, rounded as in the file */
    for (size_t i = 0; i < csv.n_rows; i++) {
        for (size_t c = 1; c <= 2; c++) {
            size_t window = c == 1 ? 20 : 50;
            double sum = 0;
            for (size_t j = 0; j < window && j <= i; j++) sum += close[i - j];
            double average = csv.columns[c].values[i];
            cr_assert(i + 1 < window ? isnan(average) : fabs(average - sum / (double)window) < 1e-4);
        }
        cr_assert_eq(isnan(csv.columns[4].values[i]) != 0, i < 20);
    }
    ft_csv_free(&csv);
}

Test(demo_data, the_parts_are_the_splits_of_the_whole)
{
    ft_error err;
    ft_dataset whole, parts;
    cr_assert_eq(ft_demo_data_write("a", 0, &err), FT_OK, "%s", err.message);
    ft_dataset_source one = {
        .data = "a/data.csv", .has_split = true, .split = {0.7, 0.15, 0.15}, .target = "Close"};
    ft_dataset_source three = {
        .train = "a/train.csv", .val = "a/val.csv", .test = "a/test.csv", .target = "Close"};
    cr_assert_eq(ft_dataset_read(&one, &whole, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_dataset_read(&three, &parts, &err), FT_OK, "%s", err.message);
    cr_assert_eq(whole.n_rows, parts.n_rows);
    cr_expect_eq(memcmp(whole.items->split_start, parts.items->split_start, sizeof whole.items->split_start),
                 0);
    cr_expect_eq(memcmp(whole.items->values, parts.items->values, whole.n_rows * sizeof(double)), 0);
    ft_dataset_free(&whole);
    ft_dataset_free(&parts);
}

Test(demo_data, a_seed_gives_the_same_files_another_seed_others)
{
    ft_error err;
    cr_assert_eq(ft_demo_data_write("a", 0, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_demo_data_write("b", 0, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_demo_data_write("c", 1, &err), FT_OK, "%s", err.message);
    cr_expect_eq(checksum("a/data.csv"), checksum("b/data.csv"));
    cr_expect_neq(checksum("a/data.csv"), checksum("c/data.csv"));
}
