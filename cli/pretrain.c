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

int ft_command_pretrain(int argc, const char *const *argv)
{
    static const char *const sizes[] = {"ftgpu-nano", "nano", "tiny", "mini", "small", "base", "large", NULL};
    static const char *const stores[] = {"f32", "bf16", NULL};
    const char *store = "f32";
    ft_silence_followers();
    ft_engine_settings engine = {0};
    ft_pretrain_job job = {0};
    numbers n = defaults;
    const ft_option table[] = {
        {.name = "size",
         .kind = FT_OPTION_CHOICE,
         .value = &job.size,
         .argument = "SIZE",
         .help = "of the model: ftgpu-nano (the one for the binary), nano, tiny, mini, small, base or large",
         .choices = sizes},
        {.name = "model",
         .kind = FT_OPTION_TEXT,
         .value = &job.model,
         .argument = "DIR",
         .help = "go on from this model instead of a fresh one; give another --seed, so that it sees other "
                 "series"},
        {.name = "out",
         .kind = FT_OPTION_TEXT,
         .value = &job.out,
         .argument = "DIR",
         .help = "the model directory to make; until then it holds the checkpoint",
         .required = true},
        {.name = "steps",
         .kind = FT_OPTION_INTEGER,
         .value = &n.steps,
         .argument = "N",
         .help = "optimizer steps",
         .least = 1,
         .most = 2e9},
        {.name = "minutes",
         .kind = FT_OPTION_REAL,
         .value = &n.minutes,
         .argument = "M",
         .help = "of training, over all starts; with --steps whichever comes first",
         .least = 1e-3,
         .most = 1e6},
        {.name = "batch-size",
         .kind = FT_OPTION_INTEGER,
         .value = &n.batch_size,
         .argument = "N",
         .help = "series a step (default 64)",
         .least = 1,
         .most = 65536},
        {.name = "learning-rate",
         .kind = FT_OPTION_REAL,
         .value = &n.learning_rate,
         .argument = "X",
         .help = "at its highest (default 1e-3); it rises to that and falls to 0 in straight lines",
         .least = 0,
         .most = 10},
        {.name = "warmup",
         .kind = FT_OPTION_REAL,
         .value = &n.warmup,
         .argument = "SHARE",
         .help = "of the training in which the learning rate rises (default 0.02)",
         .least = 0,
         .most = 0.9},
        {.name = "weight-decay",
         .kind = FT_OPTION_REAL,
         .value = &n.weight_decay,
         .argument = "X",
         .help = "of AdamW (default 0.01)",
         .least = 0,
         .most = 10},
        {.name = "max-grad-norm",
         .kind = FT_OPTION_REAL,
         .value = &n.max_grad_norm,
         .argument = "X",
         .help = "gradients are clipped to it (default 1; 0: not)",
         .least = 0,
         .most = 1e6},
        {.name = "dropout",
         .kind = FT_OPTION_REAL,
         .value = &n.dropout,
         .argument = "P",
         .help = "in the model (default 0: no series comes twice)",
         .least = 0,
         .most = 0.9},
        {.name = "context-length",
         .kind = FT_OPTION_INTEGER,
         .value = &n.context_length,
         .argument = "ROWS",
         .help = "that the model sees (default: the size's, 512)",
         .least = 8,
         .most = 4096},
        {.name = "prediction-length",
         .kind = FT_OPTION_INTEGER,
         .value = &n.prediction_length,
         .argument = "ROWS",
         .help = "that it is trained to forecast (default: the size's, 64)",
         .least = 1,
         .most = 1024},
        {.name = "seed",
         .kind = FT_OPTION_INTEGER,
         .value = &n.seed,
         .argument = "N",
         .help = "of the first weights and of the series (default 0)",
         .least = 0,
         .most = 4294967295.0},
        {.name = "validation-series",
         .kind = FT_OPTION_INTEGER,
         .value = &n.validation_series,
         .argument = "N",
         .help = "that are never trained on (default 256)",
         .least = 1,
         .most = 1e6},
        {.name = "checkpoint-minutes",
         .kind = FT_OPTION_REAL,
         .value = &n.checkpoint_minutes,
         .argument = "M",
         .help = "between two checkpoints, each with a val_loss (default 5)",
         .least = 0,
         .most = 1e6},
        {.name = "store",
         .kind = FT_OPTION_CHOICE,
         .value = &store,
         .argument = "TYPE",
         .help = "of the model's file: f32 (default), or bf16 for half the size",
         .choices = stores},
        FT_OPTIONS_ENGINE(engine),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu pretrain",
        .summary = "Trains a Chronos-T5 from scratch, all of its parameters, on artificial series.",
        .usage = "--size SIZE | --model DIR --out DIR --steps N [options]",
        .example = "ftgpu pretrain --size ftgpu-nano --out model --minutes 60",
        .notes = "Stopped or killed, the same command resumes it. With --steps the same command gives the "
                 "same model.\nChronosPipeline.from_pretrained loads the directory.\n",
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
