/* Learning-rate schedules against transformers.get_scheduler. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "golden.h"
#include "model/schedule.h"
#include "scratch.h"

Test(schedule, multipliers_are_transformers)
{
    cJSON *cases = golden_json("schedules.json");
    const cJSON *one;
    int n_cases = 0, kinds[FT_SCHEDULE_COUNT] = {0};
    cJSON_ArrayForEach(one, cases)
    {
        ft_error err;
        ft_schedule kind;
        expect_ok(ft_schedule_parse(cJSON_GetObjectItem(one, "name")->valuestring, &kind, &err), &err);
        int64_t warmup = (int64_t)cJSON_GetObjectItem(one, "warmup_steps")->valuedouble;
        int64_t total = (int64_t)cJSON_GetObjectItem(one, "total_steps")->valuedouble;
        int64_t step = 0;
        const cJSON *multiplier;
        cJSON_ArrayForEach(multiplier, cJSON_GetObjectItem(one, "multipliers"))
        {
            double factor = ft_schedule_factor(kind, step, warmup, total);
            cr_expect(fabs(factor - multiplier->valuedouble) <= 1e-15,
                      "%s, %d of %d, warm-up %d: %.17g, not %.17g", ft_schedule_name(kind), (int)step,
                      (int)total, (int)warmup, factor, multiplier->valuedouble);
            step++;
        }
        cr_expect_gt(step, total);
        n_cases++;
        kinds[kind]++;
    }
    cr_expect_geq(n_cases, 4);
    for (int i = 0; i < FT_SCHEDULE_COUNT; i++)
        cr_expect_gt(kinds[i], 0, "%s is not in the goldens", ft_schedule_name((ft_schedule)i));
    cJSON_Delete(cases);
}

Test(schedule, edges)
{
    /* Warm-up as long as the training or longer: the division is by 1, never by 0; past
     * the end nothing is negative. */
    cr_expect_eq(ft_schedule_factor(FT_SCHEDULE_LINEAR, 0, 0, 0), 0.0);
    cr_expect_eq(ft_schedule_factor(FT_SCHEDULE_LINEAR, 5, 5, 5), 0.0);
    cr_expect_eq(ft_schedule_factor(FT_SCHEDULE_LINEAR, 3, 10, 5), 0.3);
    cr_expect_eq(ft_schedule_factor(FT_SCHEDULE_LINEAR, 100, 0, 10), 0.0);
    cr_expect_eq(ft_schedule_factor(FT_SCHEDULE_COSINE, 5, 5, 5), 1.0);
    cr_expect_eq(ft_schedule_factor(FT_SCHEDULE_CONSTANT, 0, 10, 100), 1.0);
    cr_expect_eq(ft_schedule_factor(FT_SCHEDULE_CONSTANT_WITH_WARMUP, 0, 10, 100), 0.0);
}

Test(schedule, names)
{
    ft_error err;
    ft_schedule kind;
    for (int i = 0; i < FT_SCHEDULE_COUNT; i++) {
        expect_ok(ft_schedule_parse(ft_schedule_name((ft_schedule)i), &kind, &err), &err);
        cr_expect_eq((int)kind, i);
    }
    expect_refused(ft_schedule_parse("polynomial", &kind, &err), &err, "polynomial", "constant_with_warmup",
                   NULL);
}
