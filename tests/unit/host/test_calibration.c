/* Measurements of a device are cached, found again, and repeated where the cache cannot
 * be used. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "host/experiment/calibration_cache.h"
#include "host/sweep/calibration.h"
#include "host/sweep/memory_estimate.h"

static char cache[64];

static void make_cache(void)
{
    snprintf(cache, sizeof cache, "/tmp/ftgpu-calibration-XXXXXX");
    cr_assert_not_null(mkdtemp(cache));
    setenv("XDG_CACHE_HOME", cache, 1);
}

static void remove_cache(void)
{
    ft_remove_tree(cache);
}

TestSuite(calibration, .init = make_cache, .fini = remove_cache);

/* busy_rows of a model of size nano on one thread. */
static int64_t calibrate(void)
{
    ft_model_config config;
    ft_backend *backend = NULL;
    ft_error err;
    int64_t rows = 0;
    cr_assert_eq(ft_config_for_size("nano", &config, &err), FT_OK);
    cr_assert_eq(ft_cpu_create(FT_F32, 1, &backend, &err), FT_OK);
    cr_assert_eq(ft_calibrate(backend, &config, &rows, &err), FT_OK, "%s", err.message);
    backend->free(backend);
    return rows;
}

static char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/ftgpu/%s", cache, name);
    return path;
}

Test(calibration, measures_rows_of_whole_steps)
{
    int64_t rows = calibrate();
    cr_expect_geq(rows, 8 * 146);
    cr_expect_leq(rows, (8 << 8) * 146);
    cr_expect_eq(rows % (8 * 146), 0, "%lld rows are no whole sequences", (long long)rows);
    cr_expect_eq(access(path_of("calibration.json"), F_OK), 0);
}

Test(calibration, numbers_are_kept)
{
    double number = 1;
    cr_expect_not(ft_calibration_find("a", &number));
    number = 7;
    ft_calibration_keep("a", &number);
    cr_expect(ft_calibration_find("a", &number));
    cr_expect_eq(number, 7);
    number = 8; /* the first to come is right */
    ft_calibration_keep("a", &number);
    cr_expect_eq(number, 7);
    number = 9;
    ft_calibration_keep("b", &number);
    cr_expect(ft_calibration_find("a", &number));
    cr_expect_eq(number, 7);
    cr_expect(ft_calibration_find("b", &number));
    cr_expect_eq(number, 9);
}

/* It may hold other numbers, which a new file would not. */
Test(calibration, a_file_that_cannot_be_read_stays)
{
    double number = 7;
    char target[64] = "";
    ft_calibration_keep("a", &number);
    cr_assert_eq(unlink(path_of("calibration.json")), 0);
    cr_assert_eq(symlink("calibration.json", path_of("calibration.json")), 0);
    ft_calibration_keep("b", &number);
    cr_expect_geq(readlink(path_of("calibration.json"), target, sizeof target), 0);
    cr_expect_str_eq(target, "calibration.json");
}

Test(calibration, what_is_kept_is_not_measured)
{
    calibrate();
    char *text = NULL;
    size_t size = 0;
    ft_error err;
    cr_assert_eq(ft_read_file(path_of("calibration.json"), 1 << 16, &text, &size, &err), FT_OK);
    char *number = strrchr(text, ':');
    cr_assert_not_null(number);
    snprintf(number, size - (size_t)(number - text) + 1, ":12}");
    cr_assert_eq(ft_write_file(path_of("calibration.json"), text, strlen(text), &err), FT_OK);
    cr_expect_eq(calibrate(), 12);
    free(text);
}

Test(calibration, a_cache_that_is_broken_or_missing_is_no_fault)
{
    static const char *const broken[] = {
        "", "{", "[1]", "{\"a\": \"text\"}", "{\"a\": -1}", "{\"a\": 0}", "{\"a\": null}"};
    double number = 0;
    ft_error err;
    mkdir(path_of(""), 0777);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        cr_assert_eq(ft_write_file(path_of("calibration.json"), broken[i], strlen(broken[i]), &err), FT_OK);
        cr_expect_not(ft_calibration_find("a", &number), "found in %s", broken[i]);
        number = 5;
        ft_calibration_keep("a", &number);
        number = 0;
        cr_expect(ft_calibration_find("a", &number) && number == 5, "not kept after %s", broken[i]);
    }
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    number = 5;
    cr_expect_not(ft_calibration_find("a", &number));
    ft_calibration_keep("a", &number);
    cr_expect_eq(number, 5);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    cr_expect_not(ft_calibration_find("a", &number));
    ft_calibration_keep("a", &number);
    cr_expect_eq(number, 5);
}

/* Processes that measure different numbers at the same time go on with the same one. */
Test(calibration, processes_agree)
{
    enum { PROCESSES = 8 };
    int results[2];
    cr_assert_eq(pipe(results), 0);
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            double number = i + 1;
            ft_calibration_keep("a", &number);
            _exit(write(results[1], &number, sizeof number) == sizeof number ? 0 : 1);
        }
    double numbers[PROCESSES] = {0};
    for (int i = 0; i < PROCESSES; i++) {
        cr_expect_eq(read(results[0], &numbers[i], sizeof numbers[i]), (ssize_t)sizeof numbers[i]);
        cr_expect_eq(numbers[i], numbers[0]);
        wait(NULL);
    }
    double kept = 0;
    cr_expect(ft_calibration_find("a", &kept));
    cr_expect_eq(kept, numbers[0]);
}

Test(memory_estimate, slots_that_fill_the_rows)
{
    ft_hyperparameters small = ft_hyperparameters_default, large = ft_hyperparameters_default;
    small.batch_size = 8;
    small.context_length = 16;
    small.prediction_length = 4; /* 8 x 22 = 176 rows */
    large = small;
    large.batch_size = 16; /* 352 */
    const ft_hyperparameters *same[] = {&small, &small, &small, &small};
    const ft_hyperparameters *mixed[] = {&small, &large}; /* 264 in the mean */
    cr_expect_eq(ft_memory_estimate_busy_slots(same, 4, 1, 0), 1);
    cr_expect_eq(ft_memory_estimate_busy_slots(same, 4, 1, 176), 1);
    cr_expect_eq(ft_memory_estimate_busy_slots(same, 4, 1, 177), 2);
    cr_expect_eq(ft_memory_estimate_busy_slots(same, 4, 2, 177), 3);
    cr_expect_eq(ft_memory_estimate_busy_slots(same, 4, 1, INT64_MAX), 4);
    cr_expect_eq(ft_memory_estimate_busy_slots(mixed, 2, 1, 264), 1);
    cr_expect_eq(ft_memory_estimate_busy_slots(mixed, 2, 1, 265), 2);
}
