/* Analyses: what they find, and that few, failed or empty experiments do not trouble
 * them. */
#include "tests/unit/tracker/scratch.h"

#include <math.h>

#include "tracker/analyze.h"
#include "tracker/forecasts.h"

static ft_experiments set;
static ft_table table;
static ft_text remark;

static void unload(void)
{
    ft_experiments_free(&set);
    ft_table_free(&table);
    ft_text_free(&remark);
    scratch_leave();
}

TestSuite(analyze, .init = scratch_enter, .fini = unload);

static void load(const char *const *members, size_t count)
{
    scratch_experiments(members, count, &set);
}

/* The table, which starts again, as CSV. */
static void expect_csv(const char *expected)
{
    ft_text out = FT_TEXT_EMPTY;
    cr_assert_eq(ft_table_print(&table, FT_TABLE_CSV, &out, NULL), FT_OK);
    cr_expect_str_eq(out.data, expected);
    ft_text_free(&out);
    ft_table_free(&table);
}

static void expect_remark(const char *part)
{
    cr_expect(remark.data && strstr(remark.data, part), "\"%s\" is not in \"%s\"", part,
              remark.data ? remark.data : "");
    ft_text_free(&remark);
}

static const char *const grid[] = {
    "\"hyperparams\": {\"learning_rate\": 1, \"epochs\": 4, \"rank\": 1, \"kind\": \"a\"},"
    "\"test_metrics\": {\"mae\": 1, \"directional_accuracy\": 0.4, \"coverage_80\": 0.7}",
    "\"hyperparams\": {\"learning_rate\": 2, \"epochs\": 4, \"rank\": 0, \"kind\": \"b\"},"
    "\"test_metrics\": {\"mae\": 2, \"directional_accuracy\": 0.5, \"coverage_80\": 0.8}",
    "\"hyperparams\": {\"learning_rate\": 3, \"epochs\": 4, \"rank\": 0, \"kind\": 3},"
    "\"test_metrics\": {\"mae\": 3, \"directional_accuracy\": 0.6, \"coverage_80\": 0.9}",
    "\"hyperparams\": {\"learning_rate\": 9, \"epochs\": 5, \"rank\": 1, \"kind\": 4}, \"error\": "
    "\"diverged\","
    "\"test_metrics\": {\"mae\": 0}",
};

Test(analyze, importance_says_which_way_is_better)
{
    enum { EFFECT = 5 };
    load(grid, 4);
    cr_assert_eq(ft_analyze_importance(&set, FT_MAE, FT_TEST, 0, &table, &remark, NULL), FT_OK);
    /* rank: (1, 0, 0) with (1, 2, 3): -1.5 / sqrt(2 * 2/3 ...) = -sqrt(3)/2; epochs do
     * not vary among what succeeded; kind is not always a number: a choice. */
    cr_assert_eq(table.n_rows, 3);
    cr_assert_eq(table.n_columns, 6);
    cr_expect_str_eq(table.cells[0].text, "hp_learning_rate");
    cr_expect_eq(table.cells[1].number, 1);
    cr_expect_str_eq(table.cells[EFFECT].text, "lower values are better");
    const ft_cell *second = table.cells + table.n_columns, *third = second + table.n_columns;
    cr_expect_str_eq(second[0].text, "hp_rank");
    cr_expect_float_eq(second[1].number, -sqrt(3) / 2, 1e-12);
    cr_expect_float_eq(second[2].number, sqrt(3) / 2, 1e-12);
    cr_expect_str_eq(second[EFFECT].text, "higher values are better");
    cr_expect_str_eq(third[0].text, "hp_kind");
    cr_expect_eq(third[1].kind, FT_CELL_NULL);
    cr_expect_str_eq(third[EFFECT].text, "best on average: a");
    cr_expect(remark.data && strstr(remark.data, "left out, as it did not vary: epochs\n"), "%s",
              remark.data);
    cr_expect(strstr(remark.data, "best tenth, 1 of 3 experiments"), "%s", remark.data);
    cr_expect(strstr(remark.data, "looks better on test than it is"), "%s", remark.data);
    expect_remark("only 3 experiments");
    ft_table_free(&table);
    cr_assert_eq(ft_analyze_importance(&set, FT_DIRECTIONAL_ACCURACY, FT_TEST, 1, &table, &remark, NULL),
                 FT_OK);
    cr_assert_eq(table.n_rows, 1, "the first one only");
    cr_expect_str_eq(table.cells[EFFECT].text, "higher values are better");
    ft_table_free(&table);
    cr_assert_eq(ft_analyze_importance(&set, FT_COVERAGE_80, FT_TEST, 1, &table, &remark, NULL), FT_OK);
    cr_expect_str_eq(table.cells[EFFECT].text, "higher values widen the intervals");
}

/* Twelve experiments whose mae is lowest in the middle of four learning rates; three
 * seeds; test the other way round in epochs. */
Test(analyze, importance_sees_what_turns_and_takes_seeds_for_replicates)
{
    static char members[12][300];
    const char *list[12];
    static const double noise[] = {0.01, -0.02, 0.015, 0.005};
    for (int i = 0; i < 12; i++) {
        double mae = 1 + 0.2 * fabs(i % 4 - 1.5) + noise[(i * 3) % 4] + 0.02 * i / 4;
        snprintf(members[i], sizeof members[i],
                 "\"hyperparams\": {\"learning_rate\": 1e%d, \"seed\": %d, \"epochs\": %d}, "
                 "\"val_metrics\": {\"mae\": %g}, \"test_metrics\": {\"mae\": %g}",
                 i % 4 - 5, i / 4, i / 4 + 1, mae, 3 - mae);
        list[i] = members[i];
    }
    load(list, 12);
    cr_assert_eq(ft_analyze_importance(&set, FT_MAE, FT_VAL, 0, &table, &remark, NULL), FT_OK);
    cr_assert_eq(table.n_rows, 2);
    size_t row = strcmp(table.cells[0].text, "hp_learning_rate") == 0 ? 0 : 1;
    const ft_cell *rate = table.cells + row * table.n_columns;
    cr_expect_str_eq(rate[0].text, "hp_learning_rate");
    cr_expect(strncmp(rate[6].text, "best in between, near 0.000", 27) == 0, "%s", rate[6].text);
    cr_expect(strstr(remark.data, "lies in between: hp_learning_rate\n"), "%s", remark.data);
    cr_expect(strstr(remark.data, "test says the opposite of val about:"), "%s", remark.data);
    expect_remark("left out: seed, which makes replicates and is no hyperparameter");
}

/* The curve of mae over learning_rate bends, and is steepest at the greatest of four
 * values: its top lies right above the least, and in between nothing turns. */
Test(analyze, importance_sees_no_turn_where_values_only_fall)
{
    static const double rates[] = {1e-4, 5e-4, 1e-3, 2e-3}, mae[] = {60.8, 59.5, 58.1, 56.1};
    static char members[8][200];
    const char *list[8];
    for (int i = 0; i < 8; i++) {
        snprintf(members[i], sizeof members[i],
                 "\"hyperparams\": {\"learning_rate\": %g, \"lora_rank\": %d}, "
                 "\"val_metrics\": {\"mae\": %g}, \"test_metrics\": {\"mae\": 1}",
                 rates[i % 4], i / 4 ? 4 : 8, mae[i % 4] + 0.1 * (i / 4));
        list[i] = members[i];
    }
    load(list, 8);
    cr_assert_eq(ft_analyze_importance(&set, FT_MAE, FT_VAL, 0, &table, &remark, NULL), FT_OK);
    cr_expect_str_eq(table.cells[0].text, "hp_learning_rate");
    cr_expect_str_eq(table.cells[6].text, "higher values are better");
    cr_expect_not(strstr(remark.data, "in between"), "%s", remark.data);
}

/* Four experiments of rates 1 to 4 and kinds a, b, a, b. Their errors in each window are
 * 1 plus or minus 0.5, and `apart` more from one experiment to the next; n_windows, 10 or
 * 48, has as many of both. */
static void load_with_windows(double apart, int n_windows)
{
    static const char *const time[] = {"t"};
    static char members[4][200];
    const char *list[4];
    const double truth[] = {0};
    ft_error err;
    for (int i = 0; i < 4; i++) {
        snprintf(members[i], sizeof members[i],
                 "\"hyperparams\": {\"rate\": %d, \"kind\": \"%s\"}, \"val_metrics\": {\"mae\": %.17g}",
                 i + 1, i % 2 ? "b" : "a", 1 + i * apart + i * 1e-6);
        list[i] = members[i];
    }
    ft_experiments_free(&set);
    load(list, 4);
    for (int i = 0; i < 4; i++) {
        ft_forecasts f = {0};
        char name[64];
        snprintf(name, sizeof name, "e%d/forecasts.csv", i);
        cr_assert_eq(ft_forecasts_create(&f, scratch_path(name), &err), FT_OK, "%s", err.message);
        for (int w = 0; w < n_windows; w++) {
            char origin[16];
            snprintf(origin, sizeof origin, "o%d", w);
            const bool is_above = n_windows == 10 ? (w + i) % 2 : w >> i & 1;
            const float path[] = {(float)(1 + i * apart + (is_above ? 0.5 : -0.5))};
            cr_assert_eq(ft_forecasts_add_window(&f, "val", "a", origin, time, truth, path, 1, 1, &err),
                         FT_OK);
        }
        cr_assert_eq(ft_forecasts_commit(&f, &err), FT_OK);
        ft_forecasts_close(&f);
    }
}

Test(analyze, importance_is_as_cautious_as_best)
{
    enum { EFFECT = 6 };
    load_with_windows(0, 48);
    cr_assert_eq(ft_analyze_importance(&set, FT_MAE, FT_VAL, 0, &table, &remark, NULL), FT_OK);
    cr_expect_str_eq(table.cells[EFFECT].text, "lower values are better (within chance)");
    cr_expect_str_eq(table.cells[table.n_columns + EFFECT].text, "best on average: a (within chance)");
    expect_remark("within chance: what cannot be told from the best (ftgpu best, 95 %) has other values, "
                  "too, of hp_rate, hp_kind\n");
    ft_table_free(&table);
    load_with_windows(3, 48);
    cr_assert_eq(ft_analyze_importance(&set, FT_MAE, FT_VAL, 0, &table, &remark, NULL), FT_OK);
    cr_expect_str_eq(table.cells[EFFECT].text, "lower values are better");
    cr_expect_str_eq(table.cells[table.n_columns + EFFECT].text, "best on average: a");
    cr_expect_not(strstr(remark.data, "within chance"), "%s", remark.data);
    ft_table_free(&table);
    load_with_windows(3, 10);
    cr_assert_eq(ft_analyze_importance(&set, FT_MAE, FT_VAL, 0, &table, &remark, NULL), FT_OK);
    cr_expect_str_eq(table.cells[EFFECT].text, "lower values are better (within chance)");
    expect_remark("within chance, as val has too few windows or series to tell experiments apart (ftgpu "
                  "best): hp_rate, hp_kind\n");
}

Test(analyze, importance_without_enough_experiments)
{
    cr_assert_eq(ft_analyze_importance(&set, FT_MAE, FT_TEST, 5, &table, &remark, NULL), FT_OK);
    expect_csv("hyperparameter,correlation,abs_correlation,spearman,ped_anova,effect\n");
    expect_remark("0 of 0 experiments");
    load(grid, 4);
    cr_assert_eq(ft_analyze_importance(&set, FT_MAE, FT_VAL, 5, &table, &remark, NULL), FT_OK);
    cr_expect_eq(table.n_rows, 0);
    expect_remark("0 of 4 experiments have a mae on val");
}

Test(analyze, overfitting_is_a_ratio_above_1_3)
{
    static const char *const cases[] = {
        "\"hyperparams\": {}, \"train_metrics\": {\"mae\": 1}, \"val_metrics\": {\"mae\": 1.25}, "
        "\"training_history\": [{\"epoch\": 1, \"val_loss\": 2}, {\"epoch\": 2, \"val_loss\": 1}, "
        "{\"epoch\": 3, \"val_loss\": 1.5}]",
        "\"hyperparams\": {}, \"train_metrics\": {\"mae\": 1}, \"val_metrics\": {\"mae\": 1.5}",
        "\"hyperparams\": {}, \"train_metrics\": {\"mae\": 0}, \"val_metrics\": {\"mae\": 1}",
        "\"hyperparams\": {}, \"train_metrics\": {\"mae\": null}, \"val_metrics\": {\"mae\": 1}",
        "\"hyperparams\": {}, \"error\": \"failed\"",
    };
    load(cases, 5);
    cr_assert_eq(ft_analyze_overfitting(&set, &table, &remark, NULL), FT_OK);
    expect_csv("experiment_id,train_mae,val_mae,ratio,overfitting_flag,best_val_epoch\n"
               "e0,1,1.25,1.25,false,2\n"
               "e1,1,1.5,1.5,true,\n"
               "e2,0,1,,true,\n"
               "e3,,1,,,\n"
               "e4,,,,,\n");
    cr_expect(strstr(remark.data,
                     "val_loss of 1 experiment was lowest in a middle epoch of 1 (fewer epochs or early "
                     "stopping)\n"),
              "%s", remark.data);
    expect_remark("2 of 5 experiments cannot be judged");
}

/* The training loss of e0 only falls, and that of e1 rises every other epoch: val_loss
 * decides. */
Test(analyze, convergence_judges_val_loss)
{
    static const char *const cases[] = {
        "\"hyperparams\": {}, \"training_history\": [{\"epoch\": 1, \"loss\": 4, \"val_loss\": 2}, "
        "{\"epoch\": 2, \"loss\":"
        " 3, \"val_loss\": 1.5}, {\"epoch\": 3, \"loss\": 1, \"val_loss\": 1.75}]",
        "\"hyperparams\": {}, \"training_history\": [{\"epoch\": 1, \"loss\": 4, \"val_loss\": 2}, "
        "{\"epoch\": 2, \"loss\": 5, \"val_loss\": 1.5}, {\"epoch\": 3, \"loss\": 4, \"val_loss\": 1.25}]",
        "\"hyperparams\": {}, \"training_history\": [{\"epoch\": 1, \"loss\": 4, \"val_loss\": 2}, "
        "{\"epoch\": 2, \"loss\": 3, \"val_loss\": 2.5}]",
        "\"hyperparams\": {}, \"training_history\": [{\"loss\": 4}, {\"loss\": 1}, {\"loss\": null}, "
        "{\"loss\": 2}]",
        "\"hyperparams\": {}, \"training_history\": [{\"loss\": 2, \"val_loss\": 2}]",
        "\"hyperparams\": {}",
    };
    load(cases, 6);
    cr_assert_eq(ft_analyze_convergence(&set, &table, &remark, NULL), FT_OK);
    expect_csv("experiment_id,epochs,initial_loss,final_loss,reduction,increasing_pct,convergence_issue,best_"
               "val_epoch,finding\n"
               "e0,3,4,1,0.75,0,true,2,best val_loss 1.5 in epoch 2; 50 % of the gain was lost by the end\n"
               "e1,3,4,4,0,0.5,false,3,\"best val_loss 1.25 in epoch 3, the last: still falling\"\n"
               "e2,2,4,3,0.25,0,true,1,\"best val_loss 2 in epoch 1, the first: later ones made it worse\"\n"
               "e3,4,4,2,0.5,0.5,true,,\n"
               "e4,1,2,2,0,,,1,best val_loss 2 in epoch 1\n"
               "e5,0,,,,,,,\n");
    cr_expect(strstr(remark.data,
                     "val_loss of 3 experiments was lowest in the last epoch of 1 (more epochs may help), in "
                     "the first epoch of 1 (later ones made it worse), in a middle epoch of 1 ("),
              "%s", remark.data);
    expect_remark("2 of 6 experiments");
}

Test(analyze, regimes_that_shift_are_flagged)
{
    static const char *const cases[] = {
        "\"hyperparams\": {}, \"data_insights\": {\"train_regimes\": {\"volatility_mean\": 0.5},"
        "\"test_regimes\": {\"volatility_mean\": 1}}",
        "\"hyperparams\": {}, \"data_insights\": {\"train_regimes\": {\"volatility_mean\": 0.5},"
        "\"test_regimes\": {\"volatility_mean\": 0.5}}",
        "\"hyperparams\": {}, \"data_insights\": {\"train_regimes\": {\"volatility_mean\": 0.5},"
        "\"test_regimes\": {\"volatility_mean\": 1}, \"returns_test\": {\"ks_statistic\": 0.25, "
        "\"ks_pvalue\": 0.5,"
        "\"method\": \"exact\"}}",
        "\"hyperparams\": {}, \"data_insights\": {\"train_regimes\": 7, \"test_regimes\": "
        "{\"volatility_mean\": \"x\"}}",
    };
    load(cases, 4);
    cr_assert_eq(ft_analyze_regimes(&set, &table, &remark, NULL), FT_OK);
    expect_csv(
        "experiment_id,train_volatility_mean,test_volatility_mean,ratio,regime_shift,ks_statistic,ks_pvalue\n"
        "e0,0.5,1,2,true,,\ne1,0.5,0.5,1,false,,\ne2,0.5,1,2,false,0.25,0.5\ne3,,,,,,\n");
    cr_expect(strstr(remark.data,
                     "volatility is 0.5 in training and 1 in test, 2 times that; returns of the two "
                     "cannot be told apart (Kolmogorov-Smirnov D 0.25, p 0.5, exact)"),
              "%s", remark.data);
    expect_remark("2 have no test on returns recorded");
}

Test(analyze, summary_of_a_grid)
{
    load(grid, 4);
    cr_assert_eq(ft_analyze_summary(&set, FT_TEST, &table, &remark, NULL), FT_OK);
    cr_assert_eq(table.n_rows, FT_N_METRICS);
    cr_expect(remark.data && strstr(remark.data, "4 experiments: 3 succeeded, 1 failed"), "%s", remark.data);
    expect_remark("strongest for test mae: hp_learning_rate, correlation 1: lower values are better");
    ft_table_keep_rows(&table, 1);
    expect_csv("metric,count,mean,std,min,median,max,best_experiment\nmae,3,2,1,1,2,3,e0\n");
}

Test(analyze, summary_of_nothing)
{
    cr_assert_eq(ft_analyze_summary(&set, FT_TEST, &table, &remark, NULL), FT_OK);
    expect_remark("0 experiments");
    ft_table_keep_rows(&table, 1);
    expect_csv("metric,count,mean,std,min,median,max,best_experiment\nmae,0,,,,,,\n");
}
