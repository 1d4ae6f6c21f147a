/* Schedulers: what asha and median stop, and what that saves. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "host/search/pruning.h"

static ft_scheduler *scheduler_of(ft_scheduler_kind kind, double eta, int32_t grace, size_t n)
{
    ft_scheduler *scheduler = NULL;
    cr_assert_eq(ft_scheduler_create(kind, eta, grace, n, &scheduler, NULL), FT_OK);
    return scheduler;
}

Test(pruning, asha_keeps_the_best_third_of_each_rung)
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

Test(pruning, what_is_no_number_is_the_worst_and_alone_no_reason)
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

Test(pruning, median_stops_what_is_worse_than_half_the_others)
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

/* A grid of 81 learning rates and decays for up to 27 epochs, whose loss falls to a floor
 * that has its only minimum at configuration 40, with a ripple that is not the same in
 * all. */
static double test_loss(size_t i, int32_t epoch)
{
    double away = fabs((double)i - 40.0) / 40.0;
    return 1 + 4 * away * away + (3 + away) * exp(-0.25 * epoch) + 0.02 * sin((double)i * 7.3 + epoch);
}

Test(pruning, asha_finds_the_best_in_under_a_third_of_the_epochs)
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

/* What pruning.h says, by counting and sorting. losses: of trajectory i after epoch e at
 * [i * EPOCHS + e - 1], the first reached[i] of them known. */
enum { MANY = 60, EPOCHS = 9 };

static bool is_better(double a, double b)
{
    return isnan(b) ? !isnan(a) : a < b;
}

static bool asha_by_definition(const double *losses, const int32_t *reached, size_t trajectory, int32_t epoch)
{
    size_t n = 0, better = 0, known = 0;
    if (epoch != 1 && epoch != 2 && epoch != 4 && epoch != 8) return false;
    for (size_t i = 0; i < MANY; i++) {
        if (reached[i] < epoch) continue;
        double loss = losses[i * EPOCHS + (size_t)epoch - 1];
        n++;
        known += isnan(loss) ? 0 : 1;
        better += is_better(loss, losses[trajectory * EPOCHS + (size_t)epoch - 1]) ? 1 : 0;
    }
    return known > 0 && better >= (n < 2 ? 1 : n / 2);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static bool median_by_definition(const double *losses, const int32_t *reached, size_t trajectory,
                                 int32_t epoch)
{
    double best = NAN, means[MANY];
    size_t n = 0;
    if (epoch < 2) return false;
    for (size_t i = 0; i < MANY; i++) {
        double sum = 0;
        if (reached[i] < epoch) continue;
        for (size_t e = 0; e < (size_t)epoch; e++) sum += losses[i * EPOCHS + e];
        if (i != trajectory && !isnan(sum)) means[n++] = sum / epoch;
    }
    for (size_t e = 0; e < (size_t)epoch; e++)
        if (is_better(losses[trajectory * EPOCHS + e], best)) best = losses[trajectory * EPOCHS + e];
    if (n == 0) return false;
    qsort(means, n, sizeof *means, by_value);
    return is_better(n % 2 ? means[n / 2] : (means[n / 2 - 1] + means[n / 2]) / 2, best);
}

Test(pruning, decides_as_defined_in_any_order)
{
    ft_scheduler *asha = scheduler_of(FT_SCHEDULER_ASHA, 2, 1, MANY),
                 *median = scheduler_of(FT_SCHEDULER_MEDIAN, 3, 2, MANY);
    double losses[MANY * EPOCHS];
    int32_t reached[MANY] = {0};
    size_t pruned[2] = {0};
    uint32_t random = 1;
    for (size_t i = 0; i < MANY * EPOCHS; i++) { /* many are equal, some no numbers */
        random = random * 1664525 + 1013904223;
        losses[i] = (random >> 24) < 10 ? NAN : (double)(random >> 27);
    }
    for (size_t added = 0; added < MANY * EPOCHS;) {
        random = random * 1664525 + 1013904223;
        size_t i = (random >> 16) % MANY;
        if (reached[i] == EPOCHS) continue;
        int32_t epoch = ++reached[i];
        double loss = losses[i * EPOCHS + (size_t)epoch - 1];
        cr_assert_eq(ft_scheduler_add(asha, i, epoch, loss, NULL), FT_OK);
        cr_assert_eq(ft_scheduler_add(median, i, epoch, loss, NULL), FT_OK);
        added++;
        bool stops[] = {asha_by_definition(losses, reached, i, epoch),
                        median_by_definition(losses, reached, i, epoch)};
        cr_assert_eq(ft_scheduler_prunes(asha, i, epoch), stops[0], "asha, %zu after %d", i, (int)epoch);
        cr_assert_eq(ft_scheduler_prunes(median, i, epoch), stops[1], "median, %zu after %d", i, (int)epoch);
        pruned[0] += stops[0];
        pruned[1] += stops[1];
    }
    cr_assert(pruned[0] > 20 && pruned[0] < 220 && pruned[1] > 20 && pruned[1] < 460, "%zu, %zu", pruned[0],
              pruned[1]);
    ft_scheduler_free(asha);
    ft_scheduler_free(median);
}
