/* Replicates: experiments that differ in `seed` alone are one configuration, compared
 * by their mean. */
#include "tests/unit/tracker/scratch.h"

#include <math.h>

#include "tracker/certainty.h"
#include "tracker/forecasts.h"
#include "tracker/replicates.h"

static ft_experiments set;
static ft_replicates replicates;

static void unload(void)
{
    ft_replicates_free(&replicates);
    ft_experiments_free(&set);
    scratch_leave();
}

TestSuite(replicates, .init = scratch_enter, .fini = unload);

static void find(const char *const *members, size_t count)
{
    ft_error err;
    scratch_experiments(members, count, &set);
    cr_assert_eq(ft_replicates_find(&set, &replicates, &err), FT_OK);
}

static void expect_groups(const size_t *expected)
{
    for (size_t i = 0; i < set.count; i++)
        cr_expect_eq(replicates.group[i], expected[i], "e%zu is in group %zu", i, replicates.group[i]);
}

Test(replicates, all_but_the_seed_must_be_the_same)
{
    static const char *const members[] = {
        "\"hyperparams\": {\"rate\": 1, \"kind\": \"a\", \"seed\": 0}",
        "\"hyperparams\": {\"rate\": 2, \"kind\": \"a\", \"seed\": 0}",
        /* in another order */
        "\"hyperparams\": {\"seed\": 1, \"kind\": \"a\", \"rate\": 1}",
        "\"hyperparams\": {\"rate\": 1, \"kind\": \"b\", \"seed\": 2}",
        "\"hyperparams\": {\"rate\": 1, \"kind\": \"a\"}", /* without a seed: its own */
        "\"hyperparams\": {\"rate\": 1, \"kind\": \"a\"}",
        /* again: a repetition */
        "\"hyperparams\": {\"rate\": 1, \"kind\": \"a\", \"seed\": 1}",
        "\"hyperparams\": {\"rate\": 1, \"kind\": \"a\", \"seed\": 0}",
    };
    find(members, 8);
    expect_groups((const size_t[]){0, 1, 0, 2, 3, 4, 5, 5});
    cr_expect_eq(replicates.n_groups, 6);
    cr_expect_eq(replicates.most, 2);
    cr_expect_eq(replicates.members[replicates.first[0] + 1], 2);
    cr_expect_eq(replicates.first[6], 8);
}

Test(replicates, data_and_model_must_be_the_same)
{
    static const char *const members[] = {
        "\"hyperparams\": {\"seed\": 0}, \"run\": {\"rows_hash\": \"a\", \"model_hash\": \"m\"}",
        "\"hyperparams\": {\"seed\": 1}, \"run\": {\"rows_hash\": \"b\", \"model_hash\": \"m\"}",
        /* another file of the same rows */
        "\"hyperparams\": {\"seed\": 2}, \"run\": {\"rows_hash\": \"a\", \"data_hash\": \"c\", "
        "\"model_hash\": "
        "\"m\"}",
        "\"hyperparams\": {\"seed\": 3}, \"run\": {\"rows_hash\": \"a\", \"model_hash\": \"n\"}",
        "\"hyperparams\": {\"seed\": 4}", /* it does not say */
        "\"hyperparams\": {\"seed\": 5}, \"run\": {\"data_hash\": \"b\", \"model_hash\": \"m\"}",
    };
    find(members, 6);
    expect_groups((const size_t[]){0, 1, 0, 2, 3, 1});
    ft_text text = FT_TEXT_EMPTY;
    ft_experiments_describe_data(&set, &text);
    cr_expect_str_eq(text.data,
                     "experiments of 2 data sets (3 as e0, 2 as e1): their metrics do not compare; "
                     "choose by --match, --where or ids");
    text.length = 0;
    set.count = 1;
    ft_experiments_describe_data(&set, &text);
    cr_expect_eq(text.length, 0, "%s", text.data);
    set.count = 6;
    ft_text_free(&text);
}

#define SEED(rate, seed, mae, more)                                                                          \
    "\"hyperparams\": {\"rate\": " #rate ", \"seed\": " #seed "}, \"val_metrics\": {\"mae\": " #mae "}" more

/* A lucky seed of rate 1 has the lowest mae, and rate 2 the lowest mean. */
static const char *const lucky[] = {
    SEED(1, 0, 1, ""),
    SEED(1, 1, 5, ""),
    SEED(1, 2, 6, ""),
    SEED(2, 0, 2, ""),
    SEED(2, 1, 1.5, ""),
    SEED(2, 2, 2.5, ""),
    SEED(2, 3, 0.1, ", \"error\": \"diverged\""),
};

Test(replicates, a_lucky_seed_is_not_best)
{
    find(lucky, 7);
    const ft_experiment *best;
    cr_assert_eq(ft_experiments_best(&set, FT_MAE, FT_VAL, &best, NULL), FT_OK);
    cr_expect_str_eq(best->experiment_id, "e4"); /* the best of the best mean */
    const ft_spread s = ft_replicates_spread(&set, &replicates, 1, FT_MAE, FT_VAL);
    cr_expect_eq(s.n, 3); /* who failed does not count */
    cr_expect_eq(s.mean, 2);
    cr_expect_float_eq(s.std, 0.5, 1e-15);
    cr_expect_eq(s.best, 4);
    ft_text text = FT_TEXT_EMPTY;
    ft_spread_describe(&s, &text);
    cr_expect_str_eq(text.data, "2 ± 0.5");
    ft_text_free(&text);
    const ft_spread none = ft_replicates_spread(&set, &replicates, 1, FT_MAE, FT_TEST);
    cr_expect_eq(none.n, 0);
    cr_expect(isnan(none.mean) && isnan(none.cost));
}

/* 20 windows of one step whose truth is 0, and which are forecast as `off`. origins:
 * what the names of their origins begin with. */
static void write_windows_of(const char *id, float off, const char *origins)
{
    static const char *const time[] = {"t"};
    const double truth[] = {0};
    ft_forecasts f = {0};
    ft_error err;
    char name[64], origin[16];
    snprintf(name, sizeof name, "%s/forecasts.csv", id);
    cr_assert_eq(ft_forecasts_create(&f, scratch_path(name), &err), FT_OK, "%s", err.message);
    for (int w = 0; w < 20; w++) {
        const float path[] = {off + (w % 2 ? 0.25f : -0.25f)};
        snprintf(origin, sizeof origin, "%s%d", origins, w);
        cr_assert_eq(ft_forecasts_add_window(&f, "val", "a", origin, time, truth, path, 1, 1, &err), FT_OK);
    }
    cr_assert_eq(ft_forecasts_commit(&f, &err), FT_OK);
    ft_forecasts_close(&f);
}

static void write_windows(const char *id, float off)
{
    write_windows_of(id, off, "o");
}

static void expect_certainty(const ft_experiment *best, const char *expected)
{
    ft_rivals rivals;
    ft_text text = FT_TEXT_EMPTY;
    ft_error err;
    cr_assert_eq(ft_rivals_find(&set, &replicates, best, FT_MAE, FT_VAL, &rivals, &err), FT_OK);
    ft_rivals_describe(&rivals, FT_MAE, FT_VAL, FT_RIVALS_NAMES, &text);
    cr_expect_str_eq(text.data ? text.data : "", expected);
    ft_text_free(&text);
}

Test(replicates, other_windows_do_not_compare)
{
    find(lucky, 6);
    const ft_experiment *best;
    cr_assert_eq(ft_experiments_best(&set, FT_MAE, FT_VAL, &best, NULL), FT_OK);
    expect_certainty(best, "val mae has no standard error: its forecasts.csv cannot be read");
    static const float off[] = {1, 5, 6, 2, 1.5f, 2.5f};
    for (int i = 0; i < 6; i++) write_windows_of(set.items[i].experiment_id, off[i], i < 3 ? "other" : "o");
    expect_certainty(best,
                     "1 other forecast other windows (other data or prediction_length): its mae does not "
                     "compare with the best's (choose by --match or --where)");
    /* a replicate of the best, too */
    for (int i = 0; i < 6; i++) write_windows_of(set.items[i].experiment_id, off[i], i == 3 ? "other" : "o");
    expect_certainty(best,
                     "20 val windows: standard error of mae 0.03267; the 1 other is worse beyond chance (95 "
                     "%); 1 other forecast other windows (other data or prediction_length): its mae does "
                     "not compare with the best's (choose by --match or --where)");
}

Test(replicates, rivals_are_configurations_with_the_mean_of_their_windows)
{
    find(lucky, 6);
    static const float off[] = {1, 5, 6, 2, 1.5f, 2.5f};
    for (int i = 0; i < 6; i++) write_windows(set.items[i].experiment_id, off[i]);
    ft_rivals rivals;
    const ft_experiment *best;
    ft_error err;
    cr_assert_eq(ft_experiments_best(&set, FT_MAE, FT_VAL, &best, NULL), FT_OK);
    cr_assert_eq(ft_rivals_find(&set, &replicates, best, FT_MAE, FT_VAL, &rivals, &err), FT_OK);
    cr_assert_eq(rivals.count, 2);
    cr_expect_str_eq(rivals.experiment[0]->experiment_id, "e4");
    cr_expect_str_eq(rivals.experiment[1]->experiment_id, "e0");
    cr_expect_eq(rivals.n_replicates[1], 3);
    /* of means, not of the named ones */
    cr_expect_float_eq(rivals.certainty[1].behind, 4 - 2, 1e-12);
    cr_expect_not(rivals.certainty[1].is_tied);
}
