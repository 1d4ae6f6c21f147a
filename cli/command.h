/* The commands of the program, and what they share: options, output, errors and exit
 * statuses. */
#ifndef FT_CLI_COMMAND_H
#define FT_CLI_COMMAND_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/options.h"
#include "host/ftgpu.h"
#include "tracker/experiments.h"
#include "tracker/table.h"

/* docs/interface.md §4. */
enum {
    FT_EXIT_DONE = 0,
    FT_EXIT_FAILED = 1,
    FT_EXIT_BAD_INPUT = 2, /* wrong usage too */
    FT_EXIT_SOME_FAILED = 3,
    FT_EXIT_REQUEUE = 75,
    FT_EXIT_INTERRUPTED = 130,
};

/* A command takes the arguments after its name and returns an exit status. A command
 * of two words ("data demo") begins after the second. */
typedef int ft_command_function(int argc, const char *const *argv);

typedef struct ft_command {
    const char *name; /* one word, or two as in "data demo" */
    ft_command_function *run;
    const char *summary;
} ft_command;

/* All commands, in the order of a user's day: name, function, summary. */
#define FT_COMMANDS(COMMAND)                                                                                 \
    COMMAND("run", ft_command_run, "fine-tune one configuration and record the experiment")                  \
    COMMAND("sweep", ft_command_sweep, "fine-tune a grid or a list of configurations")                       \
    COMMAND("forecast", ft_command_forecast, "forecast series with a model, tuned or not")                   \
    COMMAND("compare", ft_command_compare, "experiments side by side")                                       \
    COMMAND("best", ft_command_best, "the best experiment by a metric")                                      \
    COMMAND("show", ft_command_show, "one experiment in full")                                               \
    COMMAND("analyze importance", ft_command_analyze_importance,                                             \
            "which hyperparameters matter for a metric")                                                     \
    COMMAND("analyze overfitting", ft_command_analyze_overfitting,                                           \
            "validation errors against training errors")                                                     \
    COMMAND("analyze convergence", ft_command_analyze_convergence, "how the training losses went down")      \
    COMMAND("analyze summary", ft_command_analyze_summary, "all experiments in short")                       \
    COMMAND("analyze regimes", ft_command_analyze_regimes,                                                   \
            "volatility of the test split against the training split")                                       \
    COMMAND("refine", ft_command_refine, "the next grid, around the best experiment")                        \
    COMMAND("export", ft_command_export, "the comparison into a CSV file")                                   \
    COMMAND("report", ft_command_report, "all that the experiments tell, as one HTML page")                  \
    COMMAND("data demo", ft_command_data_demo, "write demo data: five years of invented daily prices")       \
    COMMAND("data insights", ft_command_data_insights, "what the data looks like, before training on it")    \
    COMMAND("model info", ft_command_model_info, "sizes and settings of a model directory")                  \
    COMMAND("model init", ft_command_model_init, "write a fresh, untrained model")                           \
    COMMAND("model merge", ft_command_model_merge, "write a model with an adapter merged into it")           \
    COMMAND("model pull", ft_command_model_pull, "fetch a model from the Hugging Face Hub")                  \
    COMMAND("model list", ft_command_model_list, "the models in the Hugging Face cache")                     \
    COMMAND("pretrain", ft_command_pretrain, "train a fresh model from scratch, on artificial series")       \
    COMMAND("devices", ft_command_devices, "what this machine computes with")                                \
    COMMAND("bench", ft_command_bench, "measure training, forecasts and single operations")

#define FT_DECLARE_COMMAND(name, run, summary) ft_command_function run;
FT_COMMANDS(FT_DECLARE_COMMAND)

/* Parses the options, before which a command does nothing. True: go on. False: return
 * *exit_status, after the help was printed (in the form asked for, see help.h) or the
 * error told. */
bool ft_command_parse(const ft_command_line *line, int argc, const char *const *argv, int *exit_status);

/* Tells the error on stderr ("ftgpu: message") unless status is FT_OK, and returns the
 * exit status that goes with it. */
int ft_command_finish(ft_status status, const ft_error *err);
/* "ftgpu: warning: message" on stderr. */
void ft_command_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writing to stdout; a full disk or the like is FT_FAILED. ft_print_text also reports
 * a text that `failed`. */
ft_status ft_print_text(const ft_text *text, ft_error *err);
ft_status ft_print_table(const ft_table *table, ft_table_format format, ft_error *err);
ft_status ft_print_json(const cJSON *value, ft_error *err);
/* An object in any format; as a table or csv a row "name, value" each, "part.name" for
 * members of members. */
ft_status ft_print_object(const cJSON *object, ft_table_format format, ft_error *err);

/* Rows of option tables that several commands have. */
#define FT_OPTION_RESULTS(target)                                                                            \
    FT_OPT_TEXT("results", &(target), "DIR", "where experiments are kept (default " FT_DEFAULT_RESULTS ")")
#define FT_OPTION_FORMAT(target)                                                                             \
    FT_OPT_CHOICE("format", &(target), "FORMAT", ft_format_choices,                                          \
                  "table for people (default), csv or json for programs")
/* Three rows: device, dtype and threads of an ft_engine_settings. */
#define FT_OPTIONS_ENGINE(settings)                                                                          \
    FT_OPT_TEXT("device", &(settings).device, "DEVICE",                                                      \
                "auto (default: the first GPU, else the CPU), cpu, cuda or cuda:NUMBER",                     \
                .choices = ft_device_choices),                                                               \
        FT_OPT_TEXT("dtype", &(settings).dtype, "TYPE",                                                      \
                    "auto (default: bf16 where the device is faster with it), f32 or bf16",                  \
                    .choices = ft_dtype_choices),                                                            \
        FT_OPT_INTEGER("threads", &(settings).threads, "N", 1, 1024, "CPU threads (default: all cores)")
extern const char *const ft_format_choices[];
/* offered by completion */
extern const char *const ft_device_choices[], *const ft_dtype_choices[];

/* Loads a results directory and warns on stderr of what could not be read. */
ft_status ft_command_load(const char *results, ft_detail detail, ft_experiments *experiments, ft_error *err);

/* Prints the experiment in `directory`: in words, as its row of the comparison (csv),
 * or as its results.json. */
ft_status ft_print_experiment(const char *directory, ft_table_format format, ft_error *err);

#endif
