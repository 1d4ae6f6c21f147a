/* Windows against their definition in docs/reference.md §6, worked out by hand and, over
 * random series, anew and slowly. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/windows.h"
#include "scratch.h"

enum { ROWS = 100 };
static float ramp[ROWS];

static ft_series whole_series(void)
{
    for (int i = 0; i < ROWS; i++) ramp[i] = (float)i;
    return (ft_series){ramp, {0, 60, 80, ROWS}};
}

static int by_start(const void *a, const void *b)
{
    const ft_window *left = a, *right = b;
    if (left->item != right->item) return left->item < right->item ? -1 : 1;
    return left->label_start < right->label_start ? -1 : left->label_start > right->label_start;
}

Test(windows, training_starts_run_back_from_the_end)
{
    ft_error err;
    ft_series series = whole_series();
    ft_window_settings settings = {.context_length = 16, .prediction_length = 10, .window_stride = 12};
    ft_window_list list = {0};
    expect_ok(ft_windows_train(&series, 1, &settings, 0, &list, &err), &err);
    /* 60 - 10 = 50, 38, 26, 14; 2 has less than 10 rows before it. */
    const int64_t starts[] = {14, 26, 38, 50}, contexts[] = {0, 10, 22, 34};
    cr_assert_eq(list.count, 4);
    qsort(list.windows, 4, sizeof *list.windows, by_start);
    for (int i = 0; i < 4; i++) {
        cr_expect_eq(list.windows[i].label_start, starts[i]);
        cr_expect_eq(list.windows[i].context_start, contexts[i]);
        cr_expect_eq(list.windows[i].label_count, 10);
        cr_expect_eq(list.windows[i].item, 0);
    }
    ft_window_list_free(&list);
}

Test(windows, a_start_with_exactly_enough_context_counts)
{
    ft_error err;
    ft_series series = whole_series();
    ft_window_settings settings = {.context_length = 512, .prediction_length = 30, .window_stride = 30};
    ft_window_list list = {0};
    expect_ok(ft_windows_train(&series, 1, &settings, 0, &list, &err), &err);
    cr_assert_eq(list.count, 1);
    cr_expect_eq(list.windows[0].label_start, 30);
    cr_expect_eq(list.windows[0].context_start, 0);
    settings.context_length = 29; /* and no row more than context_length is looked at */
    expect_ok(ft_windows_train(&series, 1, &settings, 0, &list, &err), &err);
    cr_expect_eq(list.windows[0].context_start, 1);
    settings.prediction_length = 31;
    expect_refused(ft_windows_train(&series, 1, &settings, 0, &list, &err), &err, "at least 62 rows", NULL);
    ft_window_list_free(&list);
}

/* The definition, window by window, for one offset: the number of windows and a checksum
 * of their starts. */
static int64_t count_slowly(const ft_series *series, int32_t n_series, const ft_window_settings *s,
                            int64_t offset, int64_t *sum)
{
    int64_t count = 0;
    for (int32_t item = 0; item < n_series; item++)
        for (int64_t k = 0;; k++) {
            int64_t start =
                series[item].split_start[1] - s->prediction_length - offset - k * s->window_stride;
            if (start < s->prediction_length) break;
            bool label = false, context = false;
            for (int64_t row = 0; row < series[item].split_start[1]; row++) {
                bool observed = !isnan(series[item].values[row]);
                label = label || (observed && row >= start && row < start + s->prediction_length);
                context = context || (observed && row < start && row >= start - s->context_length);
            }
            if (!label || !context) continue;
            count++;
            *sum += start * (item + 1);
        }
    return count;
}

Test(windows, every_epoch_is_a_permutation_of_one_offsets_windows)
{
    enum { ITEMS = 3, EPOCHS = 60 };
    ft_error err;
    static float values[ITEMS][ROWS];
    ft_series series[ITEMS];
    srand(7);
    for (int item = 0; item < ITEMS; item++) {
        for (int i = 0; i < ROWS; i++) values[item][i] = rand() % 3 || i / 20 == 1 ? NAN : (float)rand();
        series[item] = (ft_series){values[item], {0, 70 + 7 * item, 90, ROWS}};
    }
    ft_window_settings settings = {
        .context_length = 9, .prediction_length = 6, .window_stride = 7, .window_shift = true, .seed = 3};
    ft_window_list list = {0};
    int64_t steps = 0, offsets_seen[7] = {0}, total;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        expect_ok(ft_windows_train(series, ITEMS, &settings, epoch, &list, &err), &err);
        /* The offset shows in the starts. */
        int64_t offset = (series[list.windows[0].item].split_start[1] - 6 - list.windows[0].label_start) % 7;
        int64_t sum = 0, wanted_sum = 0;
        cr_expect_eq(list.count, count_slowly(series, ITEMS, &settings, offset, &wanted_sum));
        for (int64_t i = 0; i < list.count; i++)
            sum += list.windows[i].label_start * (list.windows[i].item + 1);
        cr_expect_eq(sum, wanted_sum);
        qsort(list.windows, (size_t)list.count, sizeof *list.windows, by_start);
        for (int64_t i = 1; i < list.count; i++)
            cr_expect(by_start(&list.windows[i - 1], &list.windows[i]) < 0, "twice");
        offsets_seen[offset]++;
        steps += (list.count + 3) / 4;
    }
    for (int i = 0; i < 7; i++) cr_expect_gt(offsets_seen[i], 0, "offset %d never came", i);
    expect_ok(ft_windows_count_steps(series, ITEMS, &settings, EPOCHS, 4, &total, &err), &err);
    cr_expect_eq(total, steps);
    ft_window_list_free(&list);
}

Test(windows, order_depends_on_seed_and_epoch_alone)
{
    ft_error err;
    ft_series series = whole_series();
    ft_window_settings settings = {
        .context_length = 16, .prediction_length = 4, .window_stride = 1, .seed = 1};
    ft_window_list first = {0}, again = {0}, next = {0}, other = {0};
    expect_ok(ft_windows_train(&series, 1, &settings, 5, &first, &err), &err);
    expect_ok(ft_windows_train(&series, 1, &settings, 5, &again, &err), &err);
    expect_ok(ft_windows_train(&series, 1, &settings, 6, &next, &err), &err);
    settings.seed = 2;
    expect_ok(ft_windows_train(&series, 1, &settings, 5, &other, &err), &err);
    int64_t same_next = 0, same_other = 0;
    cr_assert_eq(first.count, 53);
    for (int64_t i = 0; i < first.count; i++) {
        cr_expect_eq(first.windows[i].label_start, again.windows[i].label_start);
        same_next += first.windows[i].label_start == next.windows[i].label_start;
        same_other += first.windows[i].label_start == other.windows[i].label_start;
    }
    /* One fixed point is expected of a random permutation. */
    cr_expect_lt(same_next, 8);
    cr_expect_lt(same_other, 8);
    ft_window_list_free(&first);
    ft_window_list_free(&again);
    ft_window_list_free(&next);
    ft_window_list_free(&other);
}

Test(windows, shuffles_are_uniform)
{
    /* Where the earliest of 8 windows lands, over 4000 epochs: 500 each, standard
     * deviation 21. */
    ft_error err;
    ft_series series = whole_series();
    ft_window_settings settings = {
        .context_length = 16, .prediction_length = 4, .window_stride = 7, .seed = 9};
    ft_window_list list = {0};
    int landed[8] = {0};
    for (int epoch = 0; epoch < 4000; epoch++) {
        expect_ok(ft_windows_train(&series, 1, &settings, epoch, &list, &err), &err);
        cr_assert_eq(list.count, 8);
        for (int i = 0; i < 8; i++) landed[i] += list.windows[i].label_start == 7;
    }
    for (int i = 0; i < 8; i++) cr_expect(abs(landed[i] - 500) < 110, "place %d: %d of 4000", i, landed[i]);
    ft_window_list_free(&list);
}

Test(windows, an_offset_that_leaves_nothing_is_not_taken)
{
    ft_error err;
    ft_series series = whole_series();
    ft_window_settings settings = {
        .context_length = 64, .prediction_length = 29, .window_stride = 29, .window_shift = true};
    ft_window_list list = {0};
    int64_t steps;
    for (int epoch = 0; epoch < 20; epoch++) {
        expect_ok(ft_windows_train(&series, 1, &settings, epoch, &list, &err), &err);
        cr_expect_eq(list.count, 1);
    }
    expect_ok(ft_windows_count_steps(&series, 1, &settings, 20, 32, &steps, &err), &err);
    cr_expect_eq(steps, 20);
    ft_window_list_free(&list);
}

Test(windows, steps_are_counted_epoch_by_epoch)
{
    ft_error err;
    ft_series series = whole_series();
    /* 53 windows without a shift: 7 batches of 8, the last one short. */
    ft_window_settings settings = {.context_length = 16, .prediction_length = 4, .window_stride = 1};
    int64_t steps;
    expect_ok(ft_windows_count_steps(&series, 1, &settings, 3, 8, &steps, &err), &err);
    cr_expect_eq(steps, 21);
    expect_ok(ft_windows_count_steps(&series, 1, &settings, 0, 8, &steps, &err), &err);
    cr_expect_eq(steps, 0);
    for (int i = 0; i < 60; i++) ramp[i] = NAN;
    expect_refused(ft_windows_count_steps(&series, 1, &settings, 3, 8, &steps, &err), &err, "no window",
                   NULL);
    expect_refused(ft_windows_count_steps(&series, 1, &settings, 3, 0, &steps, &err), &err, "batch_size",
                   NULL);
    settings.window_stride = 0;
    expect_refused(ft_windows_count_steps(&series, 1, &settings, 3, 8, &steps, &err), &err, "window_stride",
                   NULL);
}

Test(windows, evaluation_rolls_over_the_split)
{
    ft_error err;
    ft_series series = whole_series();
    ft_window_settings settings = {.context_length = 70, .prediction_length = 8, .window_stride = 8};
    ft_window_list list = {0};
    expect_ok(ft_windows_evaluate(&series, 1, &settings, FT_SPLIT_VALIDATION, 256, &list, &err), &err);
    cr_assert_eq(list.count, 3);
    const ft_window wanted[] = {{60, 0, 0, 8}, {68, 0, 0, 8}, {76, 6, 0, 4}};
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(list.windows[i].label_start, wanted[i].label_start);
        cr_expect_eq(list.windows[i].context_start, wanted[i].context_start);
        cr_expect_eq(list.windows[i].label_count, wanted[i].label_count);
    }
    /* The first window of the training split has nothing before it. */
    expect_ok(ft_windows_evaluate(&series, 1, &settings, FT_SPLIT_TRAIN, 256, &list, &err), &err);
    cr_assert_eq(list.count, 7);
    cr_expect_eq(list.windows[0].label_start, 8);
    /* Labels that are all missing: nothing to compare with. */
    for (int i = 68; i < 76; i++) ramp[i] = NAN;
    expect_ok(ft_windows_evaluate(&series, 1, &settings, FT_SPLIT_VALIDATION, 256, &list, &err), &err);
    cr_expect_eq(list.count, 2);
    series.split_start[2] = 60;
    expect_ok(ft_windows_evaluate(&series, 1, &settings, FT_SPLIT_VALIDATION, 256, &list, &err), &err);
    cr_expect_eq(list.count, 0);
    ft_window_list_free(&list);
}

Test(windows, too_many_evaluation_windows_are_thinned_evenly)
{
    ft_error err;
    ft_series base = whole_series(), series[2] = {base, base};
    ft_window_settings settings = {.context_length = 10, .prediction_length = 2, .window_stride = 2};
    ft_window_list list = {0};
    expect_ok(ft_windows_evaluate(series, 2, &settings, FT_SPLIT_TEST, 256, &list, &err), &err);
    cr_assert_eq(list.count, 20);
    expect_ok(ft_windows_evaluate(series, 2, &settings, FT_SPLIT_TEST, 5, &list, &err), &err);
    cr_assert_eq(list.count, 5);
    /* Of 0 ... 19: 0, 4, 9, 14, 19. */
    const int32_t items[] = {0, 0, 0, 1, 1};
    const int64_t starts[] = {80, 88, 98, 88, 98};
    for (int i = 0; i < 5; i++) {
        cr_expect_eq(list.windows[i].item, items[i]);
        cr_expect_eq(list.windows[i].label_start, starts[i]);
    }
    expect_ok(ft_windows_evaluate(series, 2, &settings, FT_SPLIT_TEST, 1, &list, &err), &err);
    cr_assert_eq(list.count, 1);
    cr_expect_eq(list.windows[0].label_start, 98);
    expect_refused(ft_windows_evaluate(series, 2, &settings, FT_SPLIT_TEST, 0, &list, &err), &err,
                   "evaluation windows", NULL);
    ft_window_list_free(&list);
}
