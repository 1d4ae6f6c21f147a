/* ftgpu best: the experiment to go on with. */
#include "host/program/command.h"
#include "tracker/metrics.h"
#include "tracker/show.h"

static ft_status best(const char *results, const char *metric_name, const char *split_name,
                      const char *format_name, ft_error *err)
{
    ft_experiments experiments = {0};
    ft_table_format format;
    ft_metric metric;
    ft_split split;
    ft_text text = FT_TEXT_EMPTY;
    ft_status status = ft_table_format_parse(format_name, &format, err);
    if (status == FT_OK) status = ft_metric_parse(metric_name, &metric, err);
    if (status == FT_OK) status = ft_split_parse(split_name, &split, err);
    if (status == FT_OK) status = ft_command_load(results, true, &experiments, err);
    if (status == FT_OK && format == FT_TABLE_PEOPLE) {
        status = ft_describe_best(&experiments, metric, split, &text, err);
        if (status == FT_OK) status = ft_print_text(&text, err);
    } else if (status == FT_OK) {
        const ft_experiment *found;
        status = ft_experiments_best(&experiments, metric, split, &found, err);
        if (status == FT_OK) status = ft_print_experiment(found->directory, format, err);
    }
    ft_text_free(&text);
    ft_experiments_free(&experiments);
    return status;
}

int ft_command_best(int argc, const char *const *argv)
{
    static const char *const splits[] = {"val", "test", NULL};
    const char *results = FT_DEFAULT_RESULTS, *format = "table", *metric = NULL, *split = "test";
    const ft_option table[] = {
        {.name = "metric",
         .kind = FT_OPTION_TEXT,
         .value = &metric,
         .argument = "METRIC",
         .help = "mae, rmse, mase, directional_accuracy, smape, wql or coverage_80",
         .required = true},
        {.name = "split",
         .kind = FT_OPTION_CHOICE,
         .value = &split,
         .argument = "SPLIT",
         .help = "val or test (default test)",
         .choices = splits},
        FT_OPTION_RESULTS(results),
        FT_OPTION_FORMAT(format),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu best",
        .summary = "Shows the best experiment by a metric, beside the baselines that its run recorded.",
        .usage = "--metric METRIC [options]",
        .example = "ftgpu best --metric mae\nftgpu best --metric wql --split val --format json",
        .notes =
            "Lower is better but for directional_accuracy (higher) and coverage_80 (nearest to 0.8). Where\n"
            "validation would choose another experiment, the table says so.\n",
        .options = table,
    };
    int exit_status;
    ft_error err = {""};
    if (!ft_command_parse(&line, argc, argv, &exit_status)) return exit_status;
    return ft_command_finish(best(results, metric, split, format, &err), &err);
}
