/* Importance of hyperparameters and the test on returns, against values of Optuna, pandas
 * and scipy. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/sort.h"
#include "tracker/interaction.h"
#include "tracker/kolmogorov_smirnov.h"
#include "tracker/ped_anova.h"
#include "tracker/statistics.h"

enum { MOST = 200 };

static cJSON *read(const char *path)
{
    cJSON *json;
    ft_error err;
    cr_assert_eq(ft_json_read(path, &json, &err), FT_OK, "%s", err.message);
    return json;
}

static double number_at(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(object, key);
    cr_assert(cJSON_IsNumber(item), "no number %s", key);
    return item->valuedouble;
}

static size_t take(const cJSON *list, double *values)
{
    size_t n = 0;
    for (const cJSON *item = list->child; item; item = item->next) values[n++] = item->valuedouble;
    cr_assert_leq(n, MOST);
    return n;
}

static void expect_near(const char *what, double value, double expected, double tolerance)
{
    cr_expect(fabs(value - expected) <= tolerance, "%s: %.17g, should be %.17g", what, value, expected);
}

/* The values of a hyperparameter, as ped_anova.h takes them: by the rules of
 * golden_importance.py. */
static ft_ped_parameter parameter_of(const cJSON *trials, const char *name, double *values)
{
    ft_ped_parameter p = {.values = values, .is_whole = true};
    const char *choices[8];
    double low = INFINITY, high = -INFINITY;
    size_t i = 0;
    for (const cJSON *trial = trials->child; trial; trial = trial->next, i++) {
        const cJSON *item = cJSON_GetObjectItem(trial, name);
        values[i] = cJSON_IsNumber(item) ? item->valuedouble
                    : cJSON_IsTrue(item) ? 1
                    : cJSON_IsBool(item) ? 0
                                         : NAN;
        if (cJSON_IsBool(item)) p.n_choices = 2;
        if (cJSON_IsString(item)) {
            size_t c = 0;
            while (c < p.n_choices && strcmp(choices[c], item->valuestring) != 0) c++;
            if (c == p.n_choices) choices[p.n_choices++] = item->valuestring;
            values[i] = (double)c;
        }
        if (isnan(values[i])) continue;
        low = fmin(low, values[i]), high = fmax(high, values[i]);
        p.is_whole &= values[i] == floor(values[i]);
    }
    p.is_log = low > 0 && high >= 10 * low;
    return p;
}

Test(importance, ped_anova_agrees_with_optuna)
{
    cJSON *golden = read(FT_GOLDEN_DIR "/importance.json");
    for (const cJSON *c = cJSON_GetObjectItem(golden, "cases")->child; c; c = c->next) {
        const cJSON *expected = cJSON_GetObjectItem(c, "ped_anova"),
                    *trials = cJSON_GetObjectItem(c, "trials");
        double losses[MOST], values[MOST], room[3 * MOST], found[16], sum = 0;
        bool best[MOST];
        size_t n = take(cJSON_GetObjectItem(c, "losses"), losses), i = 0;
        ft_ped_mark_best(losses, n, best, room);
        for (const cJSON *e = expected->child; e; e = e->next, i++) {
            ft_ped_parameter p = parameter_of(trials, e->string, values);
            sum += found[i] = ft_ped_importance(&p, best, n, room);
        }
        i = 0;
        for (const cJSON *e = expected->child; e; e = e->next)
            expect_near(e->string, found[i++] / sum, e->valuedouble, 1e-9);
    }
    cJSON_Delete(golden);
}

Test(importance, correlations_agree_with_pandas)
{
    cJSON *golden = read(FT_GOLDEN_DIR "/importance.json");
    for (const cJSON *c = cJSON_GetObjectItem(golden, "cases")->child; c; c = c->next) {
        double losses[MOST], values[MOST], room[3 * MOST];
        size_t n = take(cJSON_GetObjectItem(c, "losses"), losses);
        for (const cJSON *e = cJSON_GetObjectItem(c, "spearman")->child; e; e = e->next) {
            parameter_of(cJSON_GetObjectItem(c, "trials"), e->string, values);
            expect_near(e->string, ft_rank_correlation(values, losses, n, room), e->valuedouble, 1e-9);
            expect_near(e->string, ft_correlation(values, losses, n),
                        number_at(cJSON_GetObjectItem(c, "pearson"), e->string), 1e-9);
        }
    }
    cJSON_Delete(golden);
}

Test(importance, a_parabola_and_its_test_agree_with_scipy)
{
    cJSON *golden = read(FT_GOLDEN_DIR "/importance.json");
    for (const cJSON *c = cJSON_GetObjectItem(golden, "parabolas")->child; c; c = c->next) {
        double x[MOST], y[MOST];
        size_t n = take(cJSON_GetObjectItem(c, "x"), x);
        take(cJSON_GetObjectItem(c, "y"), y);
        ft_parabola fit = ft_fit_parabola(x, y, n);
        expect_near("vertex", fit.vertex, number_at(c, "vertex"), 1e-9);
        expect_near("p", fit.p_value, number_at(c, "p_value"), 1e-9);
        cr_expect_eq(fit.bend, 1);
    }
    for (const cJSON *c = cJSON_GetObjectItem(golden, "student")->child; c; c = c->next)
        expect_near("student", ft_student_p_value(number_at(c, "t"), (size_t)number_at(c, "freedom")),
                    number_at(c, "p_value"), 1e-12);
    cJSON_Delete(golden);
}

Test(importance, two_values_have_no_parabola)
{
    const double x[] = {1, 1, 2, 2, 1, 2}, y[] = {3, 1, 4, 1, 5, 9};
    cr_expect(isnan(ft_fit_parabola(x, y, 6).p_value));
    cr_expect(isnan(ft_fit_parabola(x, y, 3).p_value));
}

/* -- pairs -- */

static size_t take_levels(const cJSON *list, size_t *levels)
{
    size_t n = 0, most = 0;
    for (const cJSON *item = list->child; item; item = item->next, n++) {
        levels[n] = (size_t)item->valuedouble;
        if (levels[n] > most) most = levels[n];
    }
    return most + 1;
}

Test(interaction, agrees_with_scipy)
{
    cJSON *golden = read(FT_GOLDEN_DIR "/interaction.json");
    for (const cJSON *c = cJSON_GetObjectItem(golden, "cases")->child; c; c = c->next) {
        size_t a[MOST], b[MOST];
        double y[MOST];
        ft_interaction found;
        const size_t n = take(cJSON_GetObjectItem(c, "y"), y),
                     n_a = take_levels(cJSON_GetObjectItem(c, "a"), a),
                     n_b = take_levels(cJSON_GetObjectItem(c, "b"), b);
        cr_assert(ft_interaction_of(a, n_a, b, n_b, y, n, &found));
        cr_expect_eq(found.freedom, (size_t)number_at(c, "freedom"));
        cr_expect_eq(found.residual, (size_t)number_at(c, "residual"));
        expect_near("F", found.f, number_at(c, "f"), 1e-9 * number_at(c, "f"));
        expect_near("p", found.p_value, number_at(c, "p_value"), 1e-9);
        expect_near("share", found.share, number_at(c, "share"), 1e-9);
    }
    for (const cJSON *c = cJSON_GetObjectItem(golden, "f")->child; c; c = c->next)
        expect_near("p of F",
                    ft_f_p_value(number_at(c, "f"), (size_t)number_at(c, "freedom"),
                                 (size_t)number_at(c, "residual")),
                    number_at(c, "p_value"), 1e-12);
    cJSON_Delete(golden);
}

/* By hand: means 1, 3, 3, 1 of pairs that are off by 1 each: all of 8 + 8 squares but
 * the 8 within is interaction, with 1 and 4 degrees of freedom. */
Test(interaction, crossed_effects_are_all_interaction)
{
    const size_t a[] = {0, 0, 0, 0, 1, 1, 1, 1}, b[] = {0, 0, 1, 1, 0, 0, 1, 1};
    const double y[] = {0, 2, 2, 4, 2, 4, 0, 2};
    ft_interaction found;
    cr_assert(ft_interaction_of(a, 2, b, 2, y, 8, &found));
    cr_expect_eq(found.freedom, 1);
    cr_expect_eq(found.residual, 4);
    expect_near("F", found.f, 4, 1e-12);
    expect_near("share", found.share, 0.5, 1e-12);
    /* One observation a combination tells nothing; nor does a factor that does not
     * vary. */
    const size_t half_a[] = {0, 0, 1, 1}, half_b[] = {0, 1, 0, 1}, none[8] = {0};
    cr_expect_not(ft_interaction_of(half_a, 2, half_b, 2, y, 4, &found));
    cr_expect_not(ft_interaction_of(none, 1, b, 2, y, 8, &found));
}

Test(interaction, few_values_are_levels_and_many_are_thirds)
{
    const double few[] = {3, 1, 2, 1, 3}, many[] = {9, 1, 2, 3, 4, 5, 6, 7, 8},
                 tied[] = {1, 1, 1, 1, 1, 2, 3, 4, 5, 6};
    double sorted[10];
    size_t levels[10];
    cr_expect_eq(ft_make_levels(few, 5, sorted, levels), 3);
    cr_expect_arr_eq(levels, ((size_t[]){2, 0, 1, 0, 2}), 5 * sizeof *levels);
    cr_expect_eq(ft_make_levels(many, 9, sorted, levels), 3);
    cr_expect_arr_eq(levels, ((size_t[]){2, 0, 0, 0, 1, 1, 1, 2, 2}), 9 * sizeof *levels);
    cr_expect_eq(ft_make_levels(tied, 10, sorted, levels), 3);
    cr_expect_arr_eq(levels, ((size_t[]){0, 0, 0, 0, 0, 1, 1, 2, 2, 2}), 10 * sizeof *levels);
}

Test(kolmogorov_smirnov, agrees_with_scipy)
{
    cJSON *golden = read(FT_GOLDEN_DIR "/kolmogorov_smirnov.json");
    for (const cJSON *c = golden->child; c; c = c->next) {
        double a[MOST], b[MOST];
        size_t n = take(cJSON_GetObjectItem(c, "a"), a), m = take(cJSON_GetObjectItem(c, "b"), b);
        ft_sort_doubles(a, n);
        ft_sort_doubles(b, m);
        ft_ks_test test;
        cr_assert(ft_ks_two_samples(a, n, b, m, &test));
        cr_expect(test.is_exact);
        expect_near("D", test.statistic, number_at(c, "statistic"), 1e-12);
        expect_near("p", test.p_value, number_at(c, "p_value"), 1e-9);
        expect_near("p of the limit", ft_ks_limit(test.statistic * sqrt((double)(n * m) / (double)(n + m))),
                    number_at(c, "limit"), 1e-9);
    }
    cJSON_Delete(golden);
}

Test(kolmogorov_smirnov, long_samples_take_the_limit)
{
    static double a[10001], b[3] = {1, 2, 3};
    ft_ks_test test;
    cr_assert(ft_ks_two_samples(a, 10001, b, 3, &test));
    cr_expect(!test.is_exact);
    cr_expect_eq(test.statistic, 1);
    cr_assert(ft_ks_two_samples(a, 0, b, 3, &test));
    cr_expect(isnan(test.p_value));
}
