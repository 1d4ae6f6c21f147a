/* Event files against TensorBoard's own (golden/tensorboard.events), byte for byte. */
#include "tests/unit/tracker/scratch.h"

#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "tracker/tensorboard.h"

TestSuite(tensorboard, .init = scratch_enter, .fini = scratch_leave);

static ft_epoch_record history[] = {{1, 3.25, 3.5, 1e-3, NAN, 1.5, NAN}, {200, 2.75, NAN, NAN, NAN, 2, NAN}};

static ft_experiment experiment_of(const char *id)
{
    ft_experiment e = {.experiment_id = (char *)id,
                       .timestamp = (char *)"2026-01-02T03:04:05.250000",
                       .training_history = history,
                       .n_epochs = 2};
    e.hyperparams = cJSON_Parse("{\"adapter_type\": \"lora\", \"learning_rate\": 0.001, \"model_dropout\": "
                                "null, \"use_rslora\": true}");
    for (int split = 0; split < FT_N_SPLITS; split++)
        for (int metric = 0; metric < FT_N_METRICS; metric++)
            ft_metrics_set(&e.metrics[split], (ft_metric)metric, NAN);
    ft_metrics_set(&e.metrics[FT_TEST], FT_MAE, 0.1);
    return e;
}

Test(tensorboard, the_file_is_tensorboards_own)
{
    ft_error err;
    char *expected, *written;
    size_t n_expected, n_written;
    ft_experiment e = experiment_of("lr_001");
    for (int again = 0; again < 2; again++) {
        cr_assert_eq(ft_tensorboard_write(scratch_path("events"), &e, &err), FT_OK, "%s", err.message);
        cr_assert_eq(ft_read_file(scratch_path("events/lr_001/events.out.tfevents.1767323045.ftgpu"), 1 << 20,
                                  &written, &n_written, &err),
                     FT_OK, "%s", err.message);
        cr_assert_eq(ft_read_file(FT_GOLDEN_DIR "/tensorboard.events", 1 << 20, &expected, &n_expected, &err),
                     FT_OK);
        cr_expect_eq(n_written, n_expected);
        cr_expect(n_written == n_expected && memcmp(written, expected, n_written) == 0);
        free(expected);
        free(written);
    }
    cJSON_Delete(e.hyperparams);
}

Test(tensorboard, an_id_does_not_lead_out_of_the_directory)
{
    static const char *const ids[] = {"../lr", "a/b", "..", "."};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        ft_error err;
        ft_experiment e = experiment_of(ids[i]);
        cr_expect_eq(ft_tensorboard_write(scratch_path("events"), &e, &err), FT_BAD_INPUT);
        cr_expect(strstr(err.message, "cannot be the name of a directory"), "%s", err.message);
        cJSON_Delete(e.hyperparams);
    }
    cr_expect_neq(access(scratch_path("events"), F_OK), 0, "a refused experiment made a directory");
}
