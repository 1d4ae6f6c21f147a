/* ftgpu report: all that the experiments tell, as one page to look at and to pass on. */
#include "tracker/report/report.h"

#include "base/file.h"
#include "cli/command.h"
#include "cli/selection_options.h"
#include "host/output.h"

typedef struct report_options {
    ft_selection_options selection;
    const char *out, *metric, *split;
} report_options;

static ft_status tell(const char *path, size_t n, const ft_text *page, ft_error *err)
{
    ft_text told = FT_TEXT_EMPTY;
    ft_text_add_line(&told, path);
    ft_text_addf(&told, ": %zu experiment%s, %zu kB; a browser opens it\n", n, n == 1 ? "" : "s",
                 (page->length + 500) / 1000);
    if (!ft_report_has_charts())
        ft_command_warn(
            "this ftgpu was built without Chart.js, so the report has tables and no charts: install "
            "libjs-chart.js and build again");
    ft_status status = ft_print_text(&told, err);
    ft_text_free(&told);
    return status;
}

static ft_status report(const void *context, ft_error *err)
{
    const report_options *options = context;
    ft_experiments experiments = {0};
    ft_report_request request = {.experiments = &experiments, .results = options->selection.results};
    ft_text page = FT_TEXT_EMPTY;
    ft_status status = ft_metric_parse(options->metric, &request.metric, err);
    if (status == FT_OK) status = ft_split_parse(options->split, &request.split, err);
    if (status == FT_OK) status = ft_output_check(options->out, NULL, 0, err);
    if (status == FT_OK) status = ft_selection_load(&options->selection, FT_WHOLE, true, &experiments, err);
    if (status == FT_OK) ft_selection_warn_data(&experiments);
    if (status == FT_OK) status = ft_report_make(&request, &page, err);
    if (status == FT_OK) status = ft_write_file(options->out, page.data, page.length, err);
    if (status == FT_OK) status = tell(options->out, experiments.count, &page, err);
    ft_text_free(&page);
    ft_experiments_free(&experiments);
    return status;
}

int ft_command_report(int argc, const char *const *argv)
{
    report_options options = {.selection = FT_SELECTION_DEFAULT, .metric = "mae", .split = "val"};
    const ft_option table[] = {
        FT_OPT_TEXT("out", &options.out, "FILE", "where the page goes; a file that is there is replaced",
                    .required = true),
        FT_OPTIONS_BEST_BY(options.metric, "one of " FT_METRIC_LIST " (default mae)", options.split,
                           "val or test (default val: test is held back, and shown beside it)"),
        FT_OPTIONS_SELECTION(options.selection),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu report",
        .summary =
            "Writes a report of experiments: one HTML page that needs no network and can be passed on.",
        .usage = "--out FILE [ID...] [options]",
        .example =
            "ftgpu report --out report.html\nftgpu report --out lr.html --match 'lr_search_*' --metric wql",
        .notes =
            "The verdict stands first. Below it: the ranking with its intervals, losses, each "
            "hyperparameter,\n"
            "parallel coordinates, importance, overfitting, forecasts of the best, the target. Charts have "
            "their\n"
            "tables beside them.\n",
        .options = table,
    };
    return ft_selection_command(&line, &options.selection, report, &options, argc, argv);
}
