/* `ftgpu pretrain`: a model trained from scratch on artificial series. */
#include <string.h>

#include "cli/command.h"
#include "cli/training_options.h"
#include "host/pretrain.h"

/* The options' numbers, before they are settings. */
typedef struct numbers {
    int64_t steps, batch_size, context_length, prediction_length, seed, validation_series;
    double minutes, learning_rate, weight_decay, max_grad_norm, warmup, dropout, checkpoint_minutes;
} numbers;

static const numbers defaults = {.batch_size = 64,
                                 .seed = 0,
                                 .validation_series = 256,
                                 .learning_rate = 1e-3,
                                 .weight_decay = 0.01,
                                 .max_grad_norm = 1,
                                 .warmup = 0.02,
                                 .checkpoint_minutes = 5};

static ft_pretrain_settings settings_of(const numbers *n, int64_t threads)
{
    return (ft_pretrain_settings){.steps = n->steps,
                                  .minutes = n->minutes,
                                  .batch_size = (int32_t)n->batch_size,
                                  .context_length = (int32_t)n->context_length,
                                  .prediction_length = (int32_t)n->prediction_length,
                                  .learning_rate = n->learning_rate,
                                  .warmup = n->warmup,
                                  .weight_decay = n->weight_decay,
                                  .max_grad_norm = n->max_grad_norm,
                                  .dropout = (float)n->dropout,
                                  .seed = (uint32_t)n->seed,
                                  .threads = (int)threads,
                                  .validation_series = (int32_t)n->validation_series,
                                  .checkpoint_seconds = 60 * n->checkpoint_minutes,
                                  .report_seconds = 5};
}

static ft_status print_result(const char *out, const ft_pretrain_result *result, ft_error *err)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_add_line(&text, out);
    ft_text_addf(&text, ": pretrained for %lld steps, %.4g tokens, %.0f s; val_loss %.4f\n",
                 (long long)result->steps, (double)result->tokens, result->seconds, result->val_loss);
    ft_status status = ft_print_text(&text, err);
    ft_text_free(&text);
    return status;
}

static ft_status pretrain(ft_engine_settings *engine_settings, const ft_pretrain_job *job, ft_error *err)
{
    ft_engine *engine = NULL;
    ft_pretrain_result result;
    ft_status status = FT_OK;
    if (job->settings.steps == 0 && job->settings.minutes == 0)
        status = ft_fail(err, FT_BAD_INPUT, "how long? give --steps N, --minutes M or both");
    if (status == FT_OK) status = ft_engine_open(engine_settings, &engine, err);
    if (status == FT_OK) status = ft_run_pretraining(engine, job, &result, err);
    ft_live_clear(engine_settings->context);
    if (status == FT_OK) status = print_result(job->out, &result, err);
    ft_engine_close(engine);
    return status;
}

static const char *const sizes[] = {"ftgpu-nano", "nano", "tiny", "mini", "small", "base", "large", NULL};
static const char *const stores[] = {"f32", "bf16", NULL};

int ft_command_pretrain(int argc, const char *const *argv)
{
    const char *store = "f32";
    ft_silence_followers();
    ft_engine_settings engine = {0};
    ft_pretrain_job job = {0};
    numbers n = defaults;
    const ft_option table[] = {
        FT_OPT_CHOICE(
            "size", &job.size, "SIZE", sizes,
            "size of the model: ftgpu-nano (the built-in model's), nano, tiny, mini, small, base or large"),
        FT_OPT_TEXT("model", &job.model, "DIR",
                    "go on from this model instead of a fresh one; give another --seed, for other series"),
        FT_OPT_TEXT("out", &job.out, "DIR", "the model directory to make; until then it holds the checkpoint",
                    .required = true),
        FT_OPT_INTEGER("steps", &n.steps, "N", 1, 2e9, "optimizer steps"),
        FT_OPT_REAL("minutes", &n.minutes, "M", 1e-3, 1e6,
                    "minutes of training, all resumed runs together; with --steps, whichever comes first"),
        FT_OPT_INTEGER("batch-size", &n.batch_size, "N", 1, 65536, "series in a step (default 64)"),
        FT_OPT_REAL("learning-rate", &n.learning_rate, "X", 0, 10,
                    "peak of the learning rate (default 1e-3), which rises to it and falls to 0 linearly"),
        FT_OPT_REAL("warmup", &n.warmup, "SHARE", 0, 0.9,
                    "share of the training in which the learning rate rises (default 0.02)"),
        FT_OPT_REAL("weight-decay", &n.weight_decay, "X", 0, 10, "of AdamW (default 0.01)"),
        FT_OPT_REAL("max-grad-norm", &n.max_grad_norm, "X", 0, 1e6,
                    "clip gradients to this norm (default 1; 0: never)"),
        FT_OPT_REAL("dropout", &n.dropout, "P", 0, 0.9,
                    "dropout in the model (default 0: no series comes twice)"),
        FT_OPT_INTEGER("context-length", &n.context_length, "ROWS", 8, 4096,
                       "rows that the model sees (default: the size's, 512)"),
        FT_OPT_INTEGER("prediction-length", &n.prediction_length, "ROWS", 1, 1024,
                       "rows that it learns to forecast (default: the size's, 64)"),
        FT_OPT_INTEGER("seed", &n.seed, "N", 0, 4294967295.0,
                       "of the initial weights and of the series (default 0)"),
        FT_OPT_INTEGER("validation-series", &n.validation_series, "N", 1, 1e6,
                       "series for val_loss, never trained on (default 256)"),
        FT_OPT_REAL("checkpoint-minutes", &n.checkpoint_minutes, "M", 0, 1e6,
                    "minutes between checkpoints, each with a val_loss (default 5)"),
        FT_OPT_CHOICE("store", &store, "TYPE", stores,
                      "dtype of model.safetensors: f32 (default), or bf16 for half the size"),
        FT_OPTIONS_ENGINE(engine),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu pretrain",
        .summary = "Trains a Chronos-T5 from scratch, all of its parameters, on artificial series.",
        .usage = "--size SIZE | --model DIR --out DIR --steps N [options]",
        .example = "ftgpu pretrain --size ftgpu-nano --out model --minutes 60",
        .notes =
            "The same command resumes a pretraining that was stopped or killed. With --steps it gives the "
            "same\nmodel as one that was not.\nChronosPipeline.from_pretrained loads the directory.\n",
        .options = table,
    };
    int exit_status;
    ft_error err = {""};
    if (!ft_command_parse(&line, argc, argv, &exit_status)) return exit_status;
    job.stores_bf16 = strcmp(store, "bf16") == 0;
    job.settings = settings_of(&n, engine.threads);
    ft_live live = {.style = ft_live_style_of_terminal()};
    ft_training_start(&engine, &live, argc, argv, "pretrain");
    return ft_training_finish(&live, pretrain(&engine, &job, &err), &err);
}
