/* Learning-rate schedules against transformers.get_scheduler. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "golden.h"
#include "model/schedule.h"

static const char *const names[FT_SCHEDULE_COUNT] = {FT_SCHEDULE_NAMES};

Test(schedule, multipliers_are_transformers)
{
    cJSON *cases = golden_json("schedules.json");
    const cJSON *one;
    int n_cases = 0, kinds[FT_SCHEDULE_COUNT] = {0};
    cJSON_ArrayForEach(one, cases)
    {
        const char *name = cJSON_GetObjectItem(one, "name")->valuestring;
        int kind = 0;
        while (kind < FT_SCHEDULE_COUNT && strcmp(name, names[kind]) != 0) kind++;
        cr_assert_lt(kind, FT_SCHEDULE_COUNT, "%s", name);
        int64_t warmup = (int64_t)cJSON_GetObjectItem(one, "warmup_steps")->valuedouble;
        int64_t total = (int64_t)cJSON_GetObjectItem(one, "total_steps")->valuedouble;
        int64_t step = 0;
        const cJSON *multiplier;
        cJSON_ArrayForEach(multiplier, cJSON_GetObjectItem(one, "multipliers"))
        {
            double factor = ft_schedule_factor((ft_schedule)kind, step, warmup, total);
            cr_expect(fabs(factor - multiplier->valuedouble) <= 1e-15,
                      "%s, %d of %d, warm-up %d: %.17g, not %.17g", name, (int)step, (int)total, (int)warmup,
                      factor, multiplier->valuedouble);
            step++;
        }
        cr_expect_gt(step, total);
        n_cases++;
        kinds[kind]++;
    }
    cr_expect_geq(n_cases, 4);
    for (int i = 0; i < FT_SCHEDULE_COUNT; i++)
        cr_expect_gt(kinds[i], 0, "%s is not in the goldens", names[i]);
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
