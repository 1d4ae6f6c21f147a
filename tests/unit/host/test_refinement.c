/* The grid around the best experiment: which values, in which order, and what is said of
 * them. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "host/search/refinement.h"

enum { MOST = 8 };
static ft_experiment items[MOST];
static ft_experiments set = {.items = items};
static ft_text remark;

/* Experiments with these hyperparameters; the first is the best. */
static void given(const char *const *hyperparams, size_t count)
{
    static char ids[MOST][4];
    for (size_t i = 0; i < count; i++) {
        ids[i][0] = (char)('a' + i);
        items[i] = (ft_experiment){.experiment_id = ids[i]};
        cr_assert_eq(ft_json_parse(hyperparams[i], strlen(hyperparams[i]), "hp", &items[i].hyperparams, NULL),
                     FT_OK);
    }
    set.count = count;
}
#define GIVEN(...)                                                                                           \
    given((const char *const[]){__VA_ARGS__}, sizeof(const char *const[]){__VA_ARGS__} / sizeof(const char *))

static void leave(void)
{
    for (size_t i = 0; i < set.count; i++) cJSON_Delete(items[i].hyperparams);
    ft_text_free(&remark);
}

TestSuite(refinement, .fini = leave);

static void expect_grid(const char *const *keys, size_t n_keys, const char *const *grids, size_t n_grids,
                        const char *expected, size_t expected_count)
{
    ft_refinement_request request = {items, keys, n_keys, grids, n_grids};
    ft_table table = FT_TABLE_EMPTY;
    cJSON *grid = NULL;
    size_t count = 0;
    ft_error err = {""};
    ft_text_free(&remark);
    cr_assert_eq(ft_refine(&set, &request, &grid, &table, &remark, &count, &err), FT_OK, "%s", err.message);
    char *printed = ft_json_print_line(grid);
    cr_expect_str_eq(printed, expected);
    cr_expect_eq(count, expected_count);
    cr_expect_eq(table.n_rows, (size_t)cJSON_GetArraySize(grid));
    free(printed);
    cJSON_Delete(grid);
    ft_table_free(&table);
}

static void expect_refused(const char *key, const char *grid, const char *part)
{
    ft_refinement_request request = {items, &key, key != NULL, &grid, grid != NULL};
    ft_table table = FT_TABLE_EMPTY;
    cJSON *made = NULL;
    size_t count;
    ft_error err = {""};
    cr_expect_eq(ft_refine(&set, &request, &made, &table, &remark, &count, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, part), "\"%s\" is not in \"%s\"", part, err.message);
    ft_table_free(&table);
}

Test(refinement, half_the_best_and_double)
{
    GIVEN("{\"learning_rate\": 1e-4, \"epochs\": 7}", "{\"learning_rate\": 1e-5, \"epochs\": 7}",
          "{\"learning_rate\": 1e-3, \"epochs\": 7}");
    expect_grid(NULL, 0, NULL, 0, "{\"learning_rate\":[5e-05,0.0001,0.0002],\"epochs\":[7]}", 3);
    cr_expect_null(remark.data);
}

Test(refinement, values_that_were_tried_near_the_best_bound_it)
{
    GIVEN("{\"learning_rate\": 1e-4, \"lora_rank\": 8}", "{\"learning_rate\": 5e-5, \"lora_rank\": 4}",
          "{\"learning_rate\": 2e-4, \"lora_rank\": 16}", "{\"learning_rate\": 9e-5, \"lora_rank\": 7}");
    /* sqrt(9e-5 * 1e-4) = 9.487e-5, sqrt(2e-8) = 1.414e-4; sqrt(7 * 8) = 7.48, sqrt(8 *
     * 16) = 11.3. */
    expect_grid(NULL, 0, NULL, 0, "{\"learning_rate\":[9.49e-05,0.0001,0.000141],\"lora_rank\":[7,8,11]}", 9);
}

Test(refinement, values_stay_in_range)
{
    GIVEN("{\"epochs\": 1, \"dropout_rate\": 0.75, \"lora_rank\": 256, \"weight_decay\": 0, "
          "\"learning_rate\": 0}",
          "{\"epochs\": 2, \"dropout_rate\": 0.125, \"lora_rank\": 128, \"weight_decay\": 0.5, "
          "\"learning_rate\": 0}");
    expect_grid(NULL, 0, NULL, 0,
                "{\"epochs\":[1],\"weight_decay\":[0,0.25],\"lora_rank\":[181,256],\"dropout_rate\":[0.375,0."
                "75,0.875],"
                "\"learning_rate\":[0]}",
                12);
    cr_expect(strstr(remark.data, "the best epochs, 1, is the smallest that was tried"), "%s", remark.data);
    cr_expect(strstr(remark.data, "the best lora_rank, 256, is the largest that was tried"), "%s",
              remark.data);
}

Test(refinement, seeds_and_horizons_are_not_refined_unless_asked_for)
{
    GIVEN("{\"learning_rate\": 0.5, \"seed\": 1, \"prediction_length\": 24, \"lora_targets\": \"q\"}",
          "{\"learning_rate\": 0.5, \"seed\": 2, \"prediction_length\": 12}");
    expect_grid(NULL, 0, NULL, 0, "{\"learning_rate\":[0.25,0.5,1],\"lora_targets\":[\"q\"]}", 3);
    const char *keys[] = {"prediction_length"};
    expect_grid(keys, 1, NULL, 0,
                "{\"prediction_length\":[17,24,48],\"learning_rate\":[0.5],\"lora_targets\":[\"q\"]}", 3);
}

Test(refinement, lists_of_the_user_are_taken_as_they_are)
{
    GIVEN("{\"learning_rate\": 0.5, \"epochs\": 2}", "{\"learning_rate\": 0.25, \"epochs\": 4}");
    const char *keys[] = {"learning_rate"}, *grids[] = {"epochs=3,5", "adapter_type=lora,ln_tuning"};
    expect_grid(
        keys, 1, grids, 2,
        "{\"learning_rate\":[0.354,0.5,1],\"epochs\":[3,5],\"adapter_type\":[\"lora\",\"ln_tuning\"]}", 12);
    expect_grid(NULL, 0, grids, 1, "{\"learning_rate\":[0.354,0.5,1],\"epochs\":[3,5]}", 6);
    const char *rate[] = {"learning_rate=0.5"};
    expect_grid(NULL, 0, rate, 1, "{\"epochs\":[1,2,3],\"learning_rate\":[0.5]}", 3);
}

Test(refinement, what_is_foreign_is_left_out_and_told)
{
    GIVEN("{\"learning_rate\": 0.5, \"lerning_rate\": 3, \"lora_rank\": 0.5, \"lora_targets\": [3], "
          "\"momentum\": 0.9}");
    expect_grid(NULL, 0, NULL, 0, "{\"learning_rate\":[0.25,0.5,1]}", 3);
    cr_expect(strstr(remark.data, "left out: unknown hyperparameter \"lerning_rate\""), "%s", remark.data);
    cr_expect(strstr(remark.data, "left out: lora_rank: 0.5 is not allowed"), "%s", remark.data);
    cr_expect(strstr(remark.data, "left out: lora_targets"), "%s", remark.data);
}

Test(refinement, what_cannot_be_refined_is_refused)
{
    GIVEN("{\"learning_rate\": -1, \"epochs\": \"many\", \"lora_rank\": 8}");
    expect_refused("lerning_rate", NULL, "did you mean \"learning_rate\"");
    expect_refused("learning_rate", NULL, "a: learning_rate: -1 is not allowed");
    expect_refused("epochs", NULL, "a: has no number epochs");
    expect_refused("adapter_type", NULL, "adapter_type is no number");
    expect_refused("lora_rank", "lora_rank=4", "lora_rank is given twice");
    expect_refused("lora_rank", "epochs=0", "epochs: 0 is not allowed");
    expect_refused(NULL, NULL, "learning_rate: -1");
}
