/* Comparing, choosing and describing experiments. */
#include "tests/unit/tracker/scratch.h"

#include "tracker/compare.h"
#include "tracker/select.h"
#include "tracker/show.h"

static ft_experiments set;

static void load(void)
{
    scratch_enter();
    scratch_results("lr_001_x",
                    "{\"experiment_id\": \"lr_001_x\", \"timestamp\": \"2025-01-01T12:00:00.000000\","
                    "\"hyperparams\": {\"learning_rate\": 0.0001, \"epochs\": 5, \"lora_targets\": \"q+v\"},"
                    "\"val_metrics\": {\"mae\": 1}, \"test_metrics\": {\"mae\": 3, \"rmse\": 4},"
                    "\"run\": {\"baseline_metrics\": {\"zero_shot\": {\"test_metrics\": {\"mae\": 7.5}}}}}");
    scratch_results(
        "lr_002_x",
        "{\"experiment_id\": \"lr_002_x\", \"timestamp\": \"2025-01-01T12:01:00.000000\","
        "\"hyperparams\": {\"learning_rate\": 0.001, \"epochs\": 5, \"lora_targets\": \"q+v\"},"
        "\"val_metrics\": {\"mae\": 2}, \"test_metrics\": {\"mae\": 2, \"rmse\": null},"
        "\"training_history\": [{\"epoch\": 1, \"loss\": 0.75}], \"notes\": \"line one\\nline two\","
        "\"data_insights\": {\"target_distribution\": {\"kurtosis\": 1.5}},"
        "\"run\": {\"baseline_metrics\": {\"zero_shot\": {\"test_metrics\": {\"mae\": 7.5}}}}}");
    scratch_results(
        "rank_x", "{\"experiment_id\": \"rank_x\", \"hyperparams\": {\"learning_rate\": 0.001, \"epochs\": 5,"
                  "\"lora_targets\": [\"q\"], \"lora_rank\": 4}, \"test_metrics\": {\"mae\": 2.5}}");
    ft_error err;
    cr_assert_eq(ft_experiments_load(scratch_directory, FT_BASELINES, &set, &err), FT_OK, "%s", err.message);
    cr_assert_eq(set.count, 3);
}

static void unload(void)
{
    ft_experiments_free(&set);
    scratch_leave();
}

TestSuite(compare, .init = load, .fini = unload);

static void expect_csv(const ft_table *table, const char *expected)
{
    ft_text out = FT_TEXT_EMPTY;
    cr_assert_eq(ft_table_print(table, FT_TABLE_CSV, &out, NULL), FT_OK);
    cr_expect_str_eq(out.data, expected);
    ft_text_free(&out);
}

Test(compare, has_the_columns_of_the_guide)
{
    ft_table table = FT_TABLE_EMPTY;
    cr_assert_eq(ft_compare(&set, &table, NULL), FT_OK);
    const char *const rows[] = {
        "experiment_id,timestamp,hp_learning_rate,hp_epochs,hp_lora_targets,hp_lora_rank",
        "lr_001_x,2025-01-01T12:00:00.000000,0.0001,5,q+v,,3,4",
        "lr_002_x,2025-01-01T12:01:00.000000,0.001,5,q+v,,2,", "rank_x,,0.001,5,\"[\"\"q\"\"]\",4,2.5,"};
    ft_text expected = FT_TEXT_EMPTY;
    for (int row = 0; row < 4; row++) { /* all but mae and rmse are undefined */
        ft_text_add(&expected, rows[row]);
        for (int m = row == 0 ? 0 : FT_RMSE + 1; m < FT_N_METRICS; m++)
            ft_text_addf(&expected, row == 0 ? ",test_%s" : ",", ft_metric_names[m]);
        ft_text_add(&expected, "\n");
    }
    expect_csv(&table, expected.data);
    ft_text_free(&expected);
    ft_table_free(&table);
}

Test(compare, shows_errors_where_there_are_some)
{
    ft_table table = FT_TABLE_EMPTY;
    set.items[2].error = ft_copy_string("NaN loss");
    cr_assert_eq(ft_compare(&set, &table, NULL), FT_OK);
    cr_expect_eq(ft_table_find(&table, "error"), table.n_columns - 1);
    const ft_cell *last = &table.cells[table.n_rows * table.n_columns - 1];
    cr_expect(last->kind == FT_CELL_TEXT && strcmp(last->text, "NaN loss") == 0);
    ft_table_free(&table);
}

Test(compare, of_nothing_has_only_a_header)
{
    ft_experiments none = {0};
    ft_table table = FT_TABLE_EMPTY;
    cr_assert_eq(ft_compare(&none, &table, NULL), FT_OK);
    cr_expect(table.n_rows == 0 && ft_table_find(&table, "test_mae") < table.n_columns);
    ft_table_free(&table);
}

Test(compare, people_see_constants_once)
{
    ft_table table = FT_TABLE_EMPTY;
    ft_text caption = FT_TEXT_EMPTY;
    cr_assert_eq(ft_compare(&set, &table, NULL), FT_OK);
    ft_compare_fold_constants(&table, &caption);
    cr_expect_str_eq(caption.data, "the same in all: epochs 5\n");
    cr_expect_eq(ft_table_find(&table, "hp_epochs"), table.n_columns);
    cr_expect_lt(ft_table_find(&table, "hp_learning_rate"), table.n_columns);
    cr_expect_lt(ft_table_find(&table, "test_mase"), table.n_columns, "only hyperparameters are folded");
    ft_text_free(&caption);
    ft_table_free(&table);
}

Test(compare, groups_by_hyperparameters)
{
    ft_table table = FT_TABLE_EMPTY, groups = FT_TABLE_EMPTY;
    ft_error err;
    const char *const keys[] = {"learning_rate"}, *const wrong[] = {"learning_rat"},
                      *const twice[] = {"epochs", "hp_epochs"};
    cr_assert_eq(ft_compare(&set, &table, NULL), FT_OK);
    cr_assert_eq(ft_compare_group(&table, keys, 1, &groups, &err), FT_OK, "%s", err.message);
    cr_assert_eq(groups.n_rows, 2);
    const char *const names[] = {"hp_learning_rate", "count", "test_mae_mean", "test_mae_std",
                                 "test_rmse_mean"};
    /* -1: null */
    const double expected[2][5] = {{0.0001, 1, 3, -1, 4}, {0.001, 2, 2.25, 0.3535533905932738, -1}};
    for (size_t r = 0; r < 2; r++) {
        for (int i = 0; i < 5; i++) {
            const ft_cell *cell = &groups.cells[r * groups.n_columns + ft_table_find(&groups, names[i])];
            if (expected[r][i] < 0)
                cr_expect_eq(cell->kind, FT_CELL_NULL, "%s", names[i]);
            else
                cr_expect(cell->kind == FT_CELL_NUMBER && cell->number - expected[r][i] < 1e-12 &&
                              expected[r][i] - cell->number < 1e-12,
                          "%s %g", names[i], cell->number);
        }
    }
    ft_table_free(&groups);
    cr_expect_eq(ft_compare_group(&table, wrong, 1, &groups, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "learning_rate"), "%s", err.message);
    ft_table_free(&groups);
    cr_expect_eq(ft_compare_group(&table, twice, 2, &groups, &err), FT_BAD_INPUT);
    ft_table_free(&groups);
    ft_table_free(&table);
}

static void expect_selected(ft_selection selection, const char *ids)
{
    ft_text joined = FT_TEXT_EMPTY;
    ft_error err;
    cr_assert_eq(ft_experiments_select(&set, &selection, &err), FT_OK, "%s", err.message);
    for (size_t i = 0; i < set.count; i++) ft_text_addf(&joined, "%s ", set.items[i].experiment_id);
    cr_expect_str_eq(joined.data ? joined.data : "", ids);
    ft_text_free(&joined);
}

Test(compare, chooses_by_id)
{
    const char *const ids[] = {"rank", "lr_001_x"};
    expect_selected((ft_selection){.ids = ids, .n_ids = 2}, "lr_001_x rank_x ");
}

Test(compare, chooses_by_glob)
{
    expect_selected((ft_selection){.match = "lr_*"}, "lr_001_x lr_002_x ");
}

Test(compare, chooses_by_regular_expression)
{
    expect_selected((ft_selection){.match = "^lr_[0-9]+|nk", .regex = true}, "lr_001_x lr_002_x rank_x ");
    expect_selected((ft_selection){.match = "00[2-9]", .regex = true}, "lr_002_x ");
}

Test(compare, chooses_by_hyperparameter_as_number)
{
    const char *const where[] = {"learning_rate=1e-3", "hp_epochs=5.0"};
    expect_selected((ft_selection){.where = where, .n_where = 2}, "lr_002_x rank_x ");
    const char *const rank[] = {"lora_rank=4"};
    expect_selected((ft_selection){.where = rank, .n_where = 1}, "rank_x ");
    const char *const none[] = {"lora_rank=5"};
    expect_selected((ft_selection){.where = none, .n_where = 1}, "");
}

Test(compare, selections_that_make_no_sense_are_refused)
{
    const char *const ids[] = {"lr_003_x"}, *const conditions[] = {"epochs", "=5", "epoch=5"};
    ft_error err;
    cr_expect_eq(ft_experiments_select(&set, &(ft_selection){.ids = ids, .n_ids = 1}, &err), FT_BAD_INPUT);
    cr_expect_eq(ft_experiments_select(&set, &(ft_selection){.match = "(", .regex = true}, &err),
                 FT_BAD_INPUT);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(
            ft_experiments_select(&set, &(ft_selection){.where = conditions + i, .n_where = 1}, &err),
            FT_BAD_INPUT);
    cr_expect(strstr(err.message, "did you mean \"epochs\""), "%s", err.message);
    cr_expect_eq(set.count, 3, "a refused selection drops nothing");
}

Test(compare, best_says_when_validation_would_choose_another)
{
    ft_text out = FT_TEXT_EMPTY;
    ft_error err;
    cr_assert_eq(ft_describe_best(&set, FT_MAE, FT_TEST, SIZE_MAX, &out, &err), FT_OK, "%s", err.message);
    cr_expect(strstr(out.data, "lr_002_x: test mae 2 (lower is better; 3 experiments)"), "%s", out.data);
    out.length = 0;
    cr_assert_eq(ft_describe_best(&set, FT_RMSE, FT_TEST, SIZE_MAX, &out, &err), FT_OK, "%s", err.message);
    cr_expect(strstr(out.data, "lr_001_x: test rmse 4 (lower is better; 1 of 3 experiments has it)"), "%s",
              out.data);
    out.length = 0;
    cr_assert_eq(ft_describe_best(&set, FT_MAE, FT_TEST, SIZE_MAX, &out, &err), FT_OK, "%s", err.message);
    cr_expect(strstr(out.data, "would choose lr_001_x: val mae 1 (here val mae 2), but test mae 3"), "%s",
              out.data);
    cr_expect(strstr(out.data, "zero_shot") && strstr(out.data, "7.5"), "baselines come from the file: %s",
              out.data);
    out.length = 0;
    cr_assert_eq(ft_describe_best(&set, FT_MAE, FT_VAL, SIZE_MAX, &out, &err), FT_OK);
    cr_expect(strstr(out.data, "lr_001_x") && !strstr(out.data, "would choose"), "%s", out.data);
    cr_expect_eq(ft_describe_best(&set, FT_WQL, FT_VAL, SIZE_MAX, &out, &err), FT_BAD_INPUT);
    ft_text_free(&out);
}

Test(compare, best_is_at_ease_when_validation_agrees)
{
    ft_text out = FT_TEXT_EMPTY;
    const char *const ids[] = {"lr_001_x"};
    cr_assert_eq(ft_experiments_select(&set, &(ft_selection){.ids = ids, .n_ids = 1}, NULL), FT_OK);
    cr_assert_eq(ft_describe_best(&set, FT_MAE, FT_TEST, SIZE_MAX, &out, NULL), FT_OK);
    cr_expect(strstr(out.data, "would choose the same"), "%s", out.data);
    ft_text_free(&out);
}

Test(compare, shows_one_experiment_whole)
{
    ft_text out = FT_TEXT_EMPTY;
    ft_experiment whole;
    ft_error err;
    cr_assert_eq(ft_experiment_read(scratch_path("lr_002_x"), &whole, &err), FT_OK);
    cr_assert_eq(ft_show_experiment(&whole, SIZE_MAX, &out, &err), FT_OK);
    const char *const there[] = {"lr_002_x", "learning_rate 0.001", "line one?line two", "test of zero_shot",
                                 "0.75",     "kurtosis is excess"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        cr_expect(strstr(out.data, there[i]), "%s is missing in %s", there[i], out.data);
    ft_experiment_free(&whole);
    out.length = 0;
    cr_assert_eq(ft_show_experiment(&(ft_experiment){0}, SIZE_MAX, &out, &err), FT_OK);
    cr_expect(strstr(out.data, "no metrics"));
    ft_text_free(&out);
}
