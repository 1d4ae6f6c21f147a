/* Schedulers: what asha and median stop, and what that saves. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "host/scheduler.h"

static ft_scheduler *scheduler_of(ft_scheduler_kind kind, double eta, int32_t grace, size_t n)
{
    ft_scheduler *scheduler = NULL;
    cr_assert_eq(ft_scheduler_create(kind, eta, grace, n, &scheduler, NULL), FT_OK);
    return scheduler;
}

Test(scheduler, asha_keeps_the_best_third_of_each_rung)
{
    ft_scheduler *s = scheduler_of(FT_SCHEDULER_ASHA, 3, 1, 9);
    for (size_t i = 0; i < 9; i++) cr_assert_eq(ft_scheduler_add(s, i, 1, (double)(9 - i), NULL), FT_OK);
    for (size_t i = 0; i < 9; i++) cr_assert_eq(ft_scheduler_prunes(s, i, 1), i < 6, "trajectory %zu", i);
    /* No rung: nobody stops. The next rung: one of three. */
    for (size_t i = 6; i < 9; i++) {
        ft_scheduler_add(s, i, 2, 100, NULL);
        cr_assert_not(ft_scheduler_prunes(s, i, 2));
    }
    for (size_t i = 6; i < 9; i++) ft_scheduler_add(s, i, 3, i == 7 ? 1 : 2, NULL);
    for (size_t i = 6; i < 9; i++) cr_assert_eq(ft_scheduler_prunes(s, i, 3), i != 7);
    ft_scheduler_free(s);
}

Test(scheduler, what_is_no_number_is_the_worst_and_alone_no_reason)
{
    ft_scheduler *s = scheduler_of(FT_SCHEDULER_ASHA, 2, 1, 3);
    ft_scheduler_add(s, 0, 1, NAN, NULL);
    cr_assert_not(ft_scheduler_prunes(s, 0, 1), "the validation split may have no window at all");
    ft_scheduler_add(s, 1, 1, 5, NULL);
    cr_assert(ft_scheduler_prunes(s, 0, 1));
    cr_assert_not(ft_scheduler_prunes(s, 1, 1));
    cr_assert_not(ft_scheduler_prunes(s, 2, 1), "it has no such epoch yet");
    ft_scheduler_free(s);
}

Test(scheduler, median_stops_what_is_worse_than_half_the_others)
{
    ft_scheduler *s = scheduler_of(FT_SCHEDULER_MEDIAN, 3, 2, 4);
    for (int32_t epoch = 1; epoch <= 3; epoch++)
        for (size_t i = 0; i < 4; i++) ft_scheduler_add(s, i, epoch, (double)i + 1, NULL);
    cr_assert_not(ft_scheduler_prunes(s, 3, 1), "within the grace");
    cr_assert(ft_scheduler_prunes(s, 3, 2));
    cr_assert_not(ft_scheduler_prunes(s, 0, 2));
    cr_assert_not(ft_scheduler_prunes(s, 1, 3), "its best, 2, is below the median of 1, 3 and 4");
    ft_scheduler_free(s);
}

/* A grid of 81 learning rates and decays for up to 27 epochs, whose loss falls to a floor that has its only
 * minimum at configuration 40, with a ripple that is not the same in all. */
static double test_loss(size_t i, int32_t epoch)
{
    double away = fabs((double)i - 40.0) / 40.0;
    return 1 + 4 * away * away + (3 + away) * exp(-0.25 * epoch) + 0.02 * sin((double)i * 7.3 + epoch);
}

Test(scheduler, asha_finds_the_best_in_under_a_third_of_the_epochs)
{
    enum { N = 81, EPOCHS = 27, SLOTS = 16 };
    ft_scheduler *s = scheduler_of(FT_SCHEDULER_ASHA, 3, 1, N);
    size_t in_slot[SLOTS], next = 0, live = 0, best = N;
    int32_t epoch[SLOTS], spent = 0;
    double best_loss = INFINITY;
    /* As a batch trains them: slots are refilled as they become free. */
    for (int g = 0; g < SLOTS; g++) {
        in_slot[g] = next++ * 32 % N; /* in no order of merit */
        epoch[g] = 0;
        live++;
    }
    while (live > 0) {
        for (int g = 0; g < SLOTS; g++)
            if (in_slot[g] < N) {
                epoch[g]++;
                spent++;
                ft_scheduler_add(s, in_slot[g], epoch[g], test_loss(in_slot[g], epoch[g]), NULL);
            }
        for (int g = 0; g < SLOTS; g++) {
            if (in_slot[g] >= N) continue;
            double loss = test_loss(in_slot[g], epoch[g]);
            if (epoch[g] == EPOCHS && loss < best_loss) {
                best_loss = loss;
                best = in_slot[g];
            }
            if (epoch[g] < EPOCHS && !ft_scheduler_prunes(s, in_slot[g], epoch[g])) continue;
            live -= next >= N;
            in_slot[g] = next < N ? next++ * 32 % N : N;
            epoch[g] = 0;
        }
    }
    cr_log_info("%d of %d epochs", spent, N * EPOCHS);
    cr_assert_eq(best, 40, "found %zu", best);
    cr_assert_lt(3 * spent, N * EPOCHS, "%d of %d epochs", spent, N * EPOCHS);
    ft_scheduler_free(s);
}
