/* Time that stands still while the process does. */
#include <criterion/criterion.h>

#include "base/clock.h"

Test(clock, goes_with_short_looks_and_stands_still_in_long_pauses)
{
    ft_awake_clock clock = {.looked_at = 1000};
    for (int i = 1; i <= 20; i++)
        cr_expect_float_eq(ft_awake_seconds(&clock, 1000 + 0.25 * i), 0.25 * i, 1e-9);
    cr_expect_float_eq(ft_awake_seconds(&clock, 5000), 5.5, 1e-9, "a pause is half a second");
    cr_expect_float_eq(ft_awake_seconds(&clock, 9000), 6, 1e-9);
    cr_expect_float_eq(ft_awake_seconds(&clock, 9000.25), 6.25, 1e-9);
}

Test(clock, never_runs_back)
{
    double before = ft_now_seconds();
    for (int i = 0; i < 1000; i++) {
        double now = ft_now_seconds();
        cr_assert(now >= before);
        before = now;
    }
}
