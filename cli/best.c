/* ftgpu best: the experiment to go on with. */
#include "cli/command.h"
#include "cli/selection_options.h"
#include "cli/terminal.h"
#include "tracker/metrics.h"
#include "tracker/show.h"
#include "tracker/terminal_text.h"
#include "tracker/verdict.h"

typedef struct best_options {
    ft_selection_options selection;
    const char *metric, *split, *format;
} best_options;

/* Its results.json and, as "verdict", what the table says of it against its baselines. */
static ft_status print_json(const ft_experiments *experiments, const ft_experiment *found, ft_metric metric,
                            ft_split split, ft_error *err)
{
    ft_experiment whole = {0};
    ft_judgement judgement;
    ft_status status = ft_judge(found, experiments, metric, split, &judgement, err);
    if (status == FT_OK) status = ft_experiment_read(found->directory, &whole, err);
    if (status != FT_OK) return status;
    cJSON *object = ft_experiment_to_json(&whole);
    ft_json_set(&object, "verdict", ft_judgement_to_json(&judgement));
    status = object ? ft_print_json(object, err) : ft_no_memory(err, "the experiment", 0);
    cJSON_Delete(object);
    ft_experiment_free(&whole);
    return status;
}

static ft_status best(const void *context, ft_error *err)
{
    const best_options *options = context;
    ft_experiments experiments = {0};
    ft_table_format format;
    ft_metric metric;
    ft_split split;
    ft_text text = FT_TEXT_EMPTY, wrapped = FT_TEXT_EMPTY;
    ft_status status = ft_table_format_parse(options->format, &format, err);
    if (status == FT_OK) status = ft_metric_parse(options->metric, &metric, err);
    if (status == FT_OK) status = ft_split_parse(options->split, &split, err);
    if (status == FT_OK)
        status = ft_selection_load(&options->selection, FT_BASELINES, true, &experiments, err);
    if (status == FT_OK) ft_selection_warn_data(&experiments);
    if (status == FT_OK && format == FT_TABLE_TEXT) {
        status = ft_describe_best(&experiments, metric, split, ft_terminal_width(stdout), &text, err);
        if (status == FT_OK) ft_wrap_lines(text.data, ft_terminal_width(stdout), &wrapped);
        if (status == FT_OK) status = ft_print_text(&wrapped, err);
    } else if (status == FT_OK) {
        const ft_experiment *found;
        status = ft_experiments_best(&experiments, metric, split, &found, err);
        if (status == FT_OK)
            status = format == FT_TABLE_JSON ? print_json(&experiments, found, metric, split, err)
                                             : ft_print_experiment(found->directory, format, err);
    }
    ft_text_free(&wrapped);
    ft_text_free(&text);
    ft_experiments_free(&experiments);
    return status;
}

int ft_command_best(int argc, const char *const *argv)
{
    best_options options = {
        .selection = FT_SELECTION_DEFAULT, .metric = "mae", .split = "val", .format = "table"};
    const ft_option table[] = {
        FT_OPTIONS_BEST_BY(options.metric, "one of " FT_METRIC_LIST " (default mae)", options.split,
                           "val or test (default val: test is held back, and shown beside it)"),
        FT_OPTIONS_SELECTION(options.selection),
        FT_OPTION_FORMAT(options.format),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu best",
        .summary = "Shows the best experiment by a metric, beside the baselines that its run recorded.",
        .usage = "[ID...] [options]",
        .example = "ftgpu best\nftgpu best --metric wql --match 'lr_search_*' "
                   "--format json",
        .notes =
            "Lower is better but for directional_accuracy (higher) and coverage_80 (nearest to 0.8). The\n"
            "validation split chooses, so that the error on test stays honest; --split test chooses by\n"
            "test. mae, rmse, mase and smape measure the median of the sampled paths, the column 0.5 of\n"
            "forecasts.csv and of ftgpu forecast (which calls the mean predictions). json prints\n"
            "results.json and adds the verdict; csv prints the row of `ftgpu compare`.\n",
        .options = table,
    };
    return ft_selection_command(&line, &options.selection, best, &options, argc, argv);
}
