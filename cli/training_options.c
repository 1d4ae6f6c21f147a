/* What `run` and `sweep` have in common; see training_options.h. */
#include "cli/training_options.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/data_options.h"
#include "cli/hub_bar.h"
#include "cli/live.h"
#include "host/search/hyperparameters.h"
#include "host/search/synonyms.h"
#include "kernels/comm.h"
#include "tracker/tensorboard.h"

/* Set by signals: the only state that is not passed. */
static volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t requeue_requested;
static volatile sig_atomic_t is_on_terminal; /* standard error */

static void request_stop(int signal_number)
{
    if (signal_number == SIGTERM || signal_number == SIGUSR1) requeue_requested = 1;
    const bool at_once = stop_requested && signal_number == SIGINT;
    if (at_once && is_on_terminal && write(STDERR_FILENO, "\n", 1) < 0) _exit(FT_EXIT_INTERRUPTED);
    if (at_once) _exit(FT_EXIT_INTERRUPTED);
    stop_requested = 1;
    /* A terminal shows ^C where it stands. */
    static const char message[] = "\nftgpu: stopping at the end of this epoch (once more: at once)\n";
    const size_t from = is_on_terminal ? 0 : 1;
    ft_live_was_disturbed = signal_number == SIGINT;
    if (signal_number == SIGINT && write(STDERR_FILENO, message + from, sizeof message - 1 - from) < 0)
        return;
}

static void catch_signals(void)
{
    struct sigaction action = {0};
    is_on_terminal = isatty(STDERR_FILENO);
    action.sa_handler = request_stop;
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

/* Asked several times a second. */
static int how_to_stop(void *context)
{
    ft_live_tick(context);
    return requeue_requested ? 2 : stop_requested ? 1 : 0;
}

void ft_silence_followers(void)
{
    if (ft_comm_launched_rank() == 0) return;
    if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(FT_EXIT_FAILED);
}

const char *const ft_training_formats[] = {"table", "csv", "json", "jsonl", NULL};

size_t ft_training_options_table(ft_training_options *o, ft_option *table)
{
    *o = (ft_training_options){.seed = -1};
    ft_data_files *data = &o->request.data;
    const ft_option rows[] = {
        FT_OPT_TEXT(
            "model", &o->request.model, "DIR",
            "the Chronos-T5 model to tune: a directory, or ORG/NAME on the Hugging Face Hub (default: "
            "ftgpu-nano, which is built in)"),
        FT_OPTIONS_DATA(*data, o->request.target),
        FT_OPT_LIST("set", &o->set, "KEY=VALUE", "a hyperparameter of the list below (repeatable)"),
        FT_OPT_INTEGER("seed", &o->seed, "N", 0, 4294967295.0, "the same as --set seed=N"),
        FT_OPT_TEXT("name", &o->request.name, "NAME", "begins the experiments' ids (default: experiment)"),
        FT_OPT_TEXT("notes", &o->request.notes, "TEXT", "recorded with the experiments"),
        FT_OPT_INTEGER(
            "season", &o->request.season, "M", 1, 1e9,
            "length of a season in rows, for mase and seasonal naive (default: that of the dates' frequency, "
            "as hourly 24, business days 5, monthly 12, daily 1)"),
        FT_OPT_INTEGER("eval-windows", &o->request.eval_windows, "N", 1, 1e9,
                       "evaluate at most N windows of each split (default 256)"),
        FT_OPT_INTEGER(
            "eval-samples", &o->request.eval_samples, "N", 1, 1e5,
            "sample N paths of each window that is evaluated: more of them, less noise in the metrics "
            "(default: the model's num_samples)"),
        FT_OPT_INTEGER("gpus-per-experiment", &o->request.gpus_per_experiment, "K", 1, 64,
                       "GPUs that share each step of a training (default 1)"),
        FT_OPT_TEXT("tensorboard", &o->tensorboard, "DIR",
                    "write an event file for each finished experiment, for tensorboard --logdir DIR"),
        FT_OPT_TEXT("mlflow", &o->mlflow.uri, "URI",
                    "send each finished experiment to this MLflow server, http://HOST:5000 (default: "
                    "MLFLOW_TRACKING_URI, if that is set)"),
        FT_OPT_FLAG("quiet", &o->is_quiet, "say nothing on stderr while it works but warnings"),
        FT_OPTION_RESULTS(o->engine.results),
        FT_OPTIONS_ENGINE(o->engine),
    };
    size_t count = sizeof rows / sizeof *rows;
    _Static_assert(sizeof rows / sizeof *rows == FT_TRAINING_OPTIONS, "room for all rows");
    memcpy(table, rows, sizeof rows);
    return count;
}

/* The command line as it was typed, as far as 4 KB go. */
static const char *command_line(int argc, const char *const *argv, const char *command)
{
    static char text[4096];
    size_t used = (size_t)snprintf(text, sizeof text, "ftgpu %s", command);
    for (int i = 0; i < argc && used < sizeof text - 1; i++) {
        int n = snprintf(text + used, sizeof text - used, strpbrk(argv[i], " \t'\"$*") ? " '%s'" : " %s",
                         argv[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    return text;
}

void ft_training_start(ft_engine_settings *engine, ft_live *live, int argc, const char *const *argv,
                       const char *command)
{
    engine->command_line = command_line(argc, argv, command);
    engine->context = live;
    engine->progress = ft_live_line;
    engine->event = ft_live_event;
    engine->fetching = ft_hub_bar_fetching;
    engine->stop = how_to_stop;
    engine->launched = true;
    catch_signals();
}

/* Shows a line that something else has put together, and begins it anew. */
static void show(const ft_training_options *o, ft_text *line)
{
    if (line->length > 0 && !line->failed) ft_live_line(o->engine.context, line->data);
    ft_text_free(line);
}

ft_status ft_training_options_resolve(ft_training_options *o, int argc, const char *const *argv,
                                      const char *command, ft_error *err)
{
    o->assignments = malloc((o->set.count + 1) * sizeof *o->assignments);
    if (!o->assignments) return ft_no_memory(err, "options", (o->set.count + 1) * sizeof *o->assignments);
    if (o->set.count > 0) memcpy(o->assignments, o->set.items, o->set.count * sizeof *o->assignments);
    o->request.set = o->assignments;
    o->request.n_set = o->set.count;
    if (o->seed >= 0) {
        snprintf(o->seed_assignment, sizeof o->seed_assignment, "seed=%lld", (long long)o->seed);
        o->assignments[o->request.n_set++] = o->seed_assignment;
    }
    o->live.is_quiet = o->is_quiet;
    o->live.style = o->is_quiet ? FT_LIVE_QUIET : ft_live_style_of_terminal();
    ft_training_start(&o->engine, &o->live, argc, argv, command);
    ft_text line = FT_TEXT_EMPTY;
    ft_status status = ft_mlflow_sender_begin(&o->mlflow, &line, err);
    show(o, &line);
    return status;
}

void ft_training_options_free(ft_training_options *o)
{
    ft_live_end(&o->live);
    ft_mlflow_close(o->mlflow.mlflow);
    ft_option_list_free(&o->set);
    free(o->assignments);
}

void ft_training_publish(ft_training_options *o, const ft_outcome *outcome)
{
    ft_experiment experiment = {0};
    ft_text line = FT_TEXT_EMPTY;
    ft_error err;
    if (!o->tensorboard && !o->mlflow.uri) return;
    ft_status status = ft_experiment_read_part(outcome->directory, FT_WHOLE, &experiment, &err);
    if (status == FT_OK) {
        ft_mlflow_sender_add(&o->mlflow, &experiment, &line);
        show(o, &line);
    }
    if (status == FT_OK && o->tensorboard) status = ft_tensorboard_write(o->tensorboard, &experiment, &err);
    ft_experiment_free(&experiment);
    if (status == FT_OK) return;
    ft_text_addf(&line, "warning: --tensorboard: %s", err.message);
    show(o, &line);
}

void ft_training_notes(ft_text *out)
{
    ft_text help = FT_TEXT_EMPTY;
    ft_text_add(out, "Hyperparameters (key=value):\n");
    for (size_t i = 0; i < FT_N_FIELDS; i++) {
        help.length = 0;
        ft_field_help(&ft_fields[i], &help);
        ft_options_add_item(ft_fields[i].name, help.data ? help.data : "", out);
    }
    out->failed = out->failed || help.failed;
    ft_text_free(&help);
    ft_text_add(out, "\nforecasts.csv has the forecasts behind the metrics: mae, rmse, mase and smape "
                     "measure the median,\n"
                     "its column 0.5; mean is the mean of the sampled paths.\n");
}

void ft_training_explain(const char *name, ft_text *out)
{
    const char *known = ft_hyperparameter_synonym(name);
    if (known) ft_text_addf(out, "a hyperparameter: --set %s=VALUE", known);
}

void ft_training_end_publishing(ft_training_options *o)
{
    ft_text line = FT_TEXT_EMPTY;
    ft_mlflow_sender_end(&o->mlflow, &line);
    show(o, &line);
}

int ft_training_finish(ft_live *live, ft_status status, const ft_error *err)
{
    ft_live_end(live);
    int exit_status = ft_command_finish(status, err);
    return status == FT_INTERRUPTED && requeue_requested ? FT_EXIT_REQUEUE : exit_status;
}
