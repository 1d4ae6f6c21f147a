/* The live area: what it says after which events, and how it fits. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "cli/live.h"

static void tell(ft_live *live, ft_event event)
{
    event.configurations = 4;
    ft_live_event(live, &event);
}

static ft_event training(size_t configuration, double epochs_done, double val_loss)
{
    return (ft_event){.kind = isnan(val_loss) ? FT_EVENT_TRAINING : FT_EVENT_EPOCH,
                      .configuration = configuration,
                      .what_varies = configuration == 1 ? "learning_rate=0.0001" : "learning_rate=0.001",
                      .epochs = 4,
                      .epochs_done = epochs_done,
                      .loss = 3.25,
                      .val_loss = val_loss,
                      .tokens_per_second = 12345};
}

/* A sweep of four that was resumed with one failed; two are in training. */
static ft_live begun(void)
{
    ft_live live = {.style = FT_LIVE_QUIET, .name = "lr"};
    tell(&live, (ft_event){.kind = FT_EVENT_SWEEP, .own = 4, .done = 1, .failed = 1, .epochs = 12});
    tell(&live, training(1, 0.5, NAN));
    tell(&live, training(2, 2, 3.125));
    return live;
}

static ft_text drawn(const ft_live *live, int columns, int rows, double now)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_live_draw(live, columns, rows, now, &text);
    return text;
}

static void finish(ft_live *live, size_t configuration, ft_outcome outcome)
{
    const ft_event event = {.kind = FT_EVENT_FINISHED,
                            .configuration = configuration,
                            .what_varies = "learning_rate=0.001",
                            .outcome = &outcome};
    tell(live, event);
}

Test(live, says_what_runs_at_80_columns)
{
    ft_live live = begun();
    live.began = 100;
    live.training_since = 100;
    ft_text text = drawn(&live, 80, 10, 104);
    /* 1.5 epochs in 4 s (the second configuration had trained one before): 12 - 2.5
     * are left */
    cr_expect_str_eq(text.data, "0:04, 25 s left, 2 running, 1 failed, 1 waiting  training  lr\n"
                                "   1 [......] epoch 1/4  loss 3.250  learning_rate=0.0001  12.3k tokens/s\n"
                                "   2 [###...] epoch 2/4  val 3.125  learning_rate=0.001  12.3k tokens/s\n");
    ft_text_free(&text);
    ft_live_end(&live);
}

Test(live, fits_every_width_and_height)
{
    ft_live live = begun();
    finish(&live, 3, (ft_outcome){.val.mae = 2});
    for (int columns = 20; columns <= 200; columns += 20) {
        for (int rows = 3; rows < 8; rows++) {
            ft_text text = drawn(&live, columns, rows, 0);
            int lines = 0;
            for (const char *at = text.data; *at; lines++) {
                const size_t length = strcspn(at, "\n");
                cr_expect_leq(length, (size_t)columns);
                at += length + 1;
            }
            cr_expect_leq(lines, rows, "%d lines in %d rows", lines, rows);
            ft_text_free(&text);
        }
    }
    /* a terminal of 100 columns: the last one stays free */
    ft_text wide = drawn(&live, 99, 10, 0), low = drawn(&live, 80, 4, 0);
    cr_expect(strstr(wide.data, "2 [#####.....] epoch 2/4  loss 3.250  val_loss 3.125  learning_rate=0.001"));
    cr_expect(strstr(low.data, "     and 1 more\n"));
    ft_text_free(&low);
    ft_text_free(&wide);
    ft_live_end(&live);
}

Test(live, counts_what_is_finished_and_keeps_the_best)
{
    ft_live live = begun();
    finish(&live, 1, (ft_outcome){.val.mae = 2.5});
    finish(&live, 2, (ft_outcome){.val.mae = 2.25});
    finish(&live, 3, (ft_outcome){.pruned_at_epoch = 1, .val.mae = 1});
    ft_text text = drawn(&live, 80, 10, ft_live_seconds_left(&live, 0));
    cr_expect(strstr(text.data, "2 done, 1 failed, 1 pruned  training"), "%s", text.data);
    cr_expect(strstr(text.data, "best val mae 2.25  2  learning_rate=0.001\n"), "%s", text.data);
    ft_text_free(&text);
    ft_live_end(&live);
}

Test(live, evaluates_one_while_another_trains)
{
    ft_live live = begun();
    tell(&live, (ft_event){.kind = FT_EVENT_EVALUATING, .configuration = 2});
    ft_text text = drawn(&live, 80, 10, 0);
    cr_expect(strstr(text.data, "   2 [######] evaluating  val 3.125"), "%s", text.data);
    cr_expect(strstr(text.data, "  training  lr\n"), "%s", text.data);
    ft_text_free(&text);
    tell(&live, (ft_event){.kind = FT_EVENT_EVALUATING, .configuration = 1});
    text = drawn(&live, 80, 10, 0);
    cr_expect(strstr(text.data, "  evaluating  lr\n"), "%s", text.data);
    ft_text_free(&text);
    ft_live_end(&live);
}

Test(live, cuts_between_characters)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_live_cut("d\xC3\xA9j\xC3\xA0 vu", 4, &text);
    cr_expect_str_eq(text.data, "d\xC3\xA9j\xC3\xA0");
    ft_text_free(&text);
}

Test(live, does_not_guess_the_time_left)
{
    ft_live live = {.style = FT_LIVE_QUIET};
    cr_expect(isnan(ft_live_seconds_left(&live, 10)));
    tell(&live, (ft_event){.kind = FT_EVENT_SWEEP, .own = 4, .epochs = 12});
    tell(&live, training(1, 0, NAN));
    live.training_since = 5;
    cr_expect(isnan(ft_live_seconds_left(&live, 10)), "nothing is trained yet");
    tell(&live, training(1, 0.5, NAN));
    cr_expect_float_eq(ft_live_seconds_left(&live, 10), 5 * 11.5 / 0.5, 1e-9);
    ft_live_end(&live);
}
