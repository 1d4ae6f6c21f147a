/* ftgpu analyze: what a set of experiments tells. */
#include "tracker/analyze.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/selection_options.h"
#include "cli/terminal.h"
#include "tracker/terminal_text.h"

typedef struct analyze_options analyze_options;

/* One of the analyses. */
typedef ft_status analysis(const ft_experiments *experiments, const analyze_options *options, ft_table *table,
                           ft_text *remark, ft_error *err);

struct analyze_options {
    analysis *run;
    ft_detail detail; /* how much of each experiment it needs */
    ft_selection_options selection;
    const char *metric, *split, *format;
    int64_t top;
};

/* The table with short ids, as wide as the terminal, and the remark below it. */
static ft_status print_for_people(ft_table *table, const char *remark, ft_error *err)
{
    ft_text text = FT_TEXT_EMPTY;
    const size_t id = ft_table_find(table, "experiment_id"), width = ft_terminal_width(stdout);
    ft_status status = FT_OK;
    if (id < table->n_columns) ft_shorten_ids(table, id);
    if (table->n_rows) status = ft_table_print_fitting(table, width, &text, err);
    if (table->n_rows && *remark) ft_text_add(&text, "\n");
    ft_wrap_lines(remark, width, &text);
    if (status == FT_OK) status = ft_print_text(&text, err);
    ft_text_free(&text);
    return status;
}

/* For people the remark follows the table; for programs it goes to stderr, and stdout is
 * data alone. */
static ft_status print(ft_table *table, const ft_text *remark, ft_table_format format, ft_error *err)
{
    const char *lines = remark->data ? remark->data : "";
    if (format == FT_TABLE_TEXT) return print_for_people(table, lines, err);
    ft_status status = ft_print_table(table, format, err);
    for (size_t length; status == FT_OK && *lines; lines += length + (lines[length] == '\n')) {
        length = strcspn(lines, "\n");
        fprintf(stderr, "ftgpu: %.*s\n", (int)length, lines);
    }
    return status;
}

static ft_status analyze(const void *context, ft_error *err)
{
    const analyze_options *options = context;
    ft_experiments experiments = {0};
    ft_table table = FT_TABLE_EMPTY;
    ft_text remark = FT_TEXT_EMPTY;
    ft_table_format format;
    ft_status status = ft_table_format_parse(options->format, &format, err);
    if (status == FT_OK)
        status = ft_selection_load(&options->selection, options->detail, false, &experiments, err);
    if (status == FT_OK) status = options->run(&experiments, options, &table, &remark, err);
    if (status == FT_OK) status = print(&table, &remark, format, err);
    ft_text_free(&remark);
    ft_table_free(&table);
    ft_experiments_free(&experiments);
    return status;
}

/* The command whose help `line` has begun; extra: (n_extra) options besides those that
 * all analyses have. */
static int command(ft_command_line *line, analyze_options *options, const ft_option *extra, size_t n_extra,
                   int argc, const char *const *argv)
{
    const ft_option common[] = {
        FT_OPTIONS_SELECTION(options->selection), FT_OPTION_FORMAT(options->format), {.name = NULL}};
    enum { N_COMMON = sizeof common / sizeof *common, MOST_EXTRA = 3 };
    ft_option table[MOST_EXTRA + N_COMMON];
    if (n_extra) memcpy(table, extra, n_extra * sizeof *extra);
    memcpy(table + n_extra, common, sizeof common);
    options->format = "table";
    options->selection = FT_SELECTION_DEFAULT;
    line->usage = "[ID...] [options]";
    line->options = table;
    return ft_selection_command(line, &options->selection, analyze, options, argc, argv);
}

static ft_status importance(const ft_experiments *experiments, const analyze_options *options,
                            ft_table *table, ft_text *remark, ft_error *err)
{
    ft_metric metric;
    ft_split split;
    ft_status status = ft_metric_parse(options->metric, &metric, err);
    if (status == FT_OK) status = ft_split_parse(options->split, &split, err);
    if (status != FT_OK) return status;
    ft_selection_warn_data(experiments);
    return ft_analyze_importance(experiments, metric, split, (size_t)options->top, table, remark, err);
}

int ft_command_analyze_importance(int argc, const char *const *argv)
{
    analyze_options options = {.run = importance, .detail = FT_SCORES, .metric = "mae", .split = "val"};
    const ft_option extra[] = {
        FT_OPTIONS_BEST_BY(options.metric, "one of " FT_METRIC_LIST " (default mae)", options.split,
                           "val or test (default val: test is held back, and shown beside it)"),
        FT_OPT_INTEGER("top", &options.top, "N", 1, 1e6, "only the N strongest (default: all)"),
    };
    ft_command_line line = {
        .command = "ftgpu analyze importance",
        .summary = "Shows which hyperparameters go with a better or worse metric, the strongest first.",
        .example = "ftgpu analyze importance --metric mae --top 5\n"
                   "ftgpu analyze importance --metric directional_accuracy --match 'lr_search_*'",
        .notes =
            "correlation is Pearson's and spearman that of ranks, over the experiments that have the "
            "metric;\n"
            "a positive one means that higher values go with a higher metric, which for an error is worse:\n"
            "`effect` says which way is better; \"(within chance)\": trials that `best` cannot tell from\n"
            "the best have other values, too.\n"
            "ped_anova is the share of importance by PED-ANOVA, Optuna's default, which also sees choices\n"
            "and effects that turn. What did not vary is left out, and seed, which makes replicates.\n"
            "test_correlation is Pearson's on the test split.\n",
    };
    return command(&line, &options, extra, sizeof extra / sizeof *extra, argc, argv);
}

static ft_status overfitting(const ft_experiments *experiments, const analyze_options *options,
                             ft_table *table, ft_text *remark, ft_error *err)
{
    (void)options;
    return ft_analyze_overfitting(experiments, table, remark, err);
}

int ft_command_analyze_overfitting(int argc, const char *const *argv)
{
    analyze_options options = {.run = overfitting, .detail = FT_HISTORY};
    ft_command_line line = {
        .command = "ftgpu analyze overfitting",
        .summary = "Shows which experiments fit the training split much better than the validation split.",
        .example = "ftgpu analyze overfitting",
        .notes = "ratio is val_mae / train_mae; overfitting_flag is set above 1.3.\n",
    };
    return command(&line, &options, NULL, 0, argc, argv);
}

static ft_status convergence(const ft_experiments *experiments, const analyze_options *options,
                             ft_table *table, ft_text *remark, ft_error *err)
{
    (void)options;
    return ft_analyze_convergence(experiments, table, remark, err);
}

int ft_command_analyze_convergence(int argc, const char *const *argv)
{
    analyze_options options = {.run = convergence, .detail = FT_HISTORY};
    ft_command_line line = {
        .command = "ftgpu analyze convergence",
        .summary = "Shows how the losses of each experiment went down, or did not.",
        .example = "ftgpu analyze convergence --match 'lr_search_*'",
        .notes =
            "reduction is 1 - final_loss / initial_loss; increasing_pct the fraction of steps from one "
            "epoch to\n"
            "the next in which the training loss rose. convergence_issue judges val_loss: set where it "
            "never\n"
            "fell below that of the first epoch, or where the end has lost more than 0.3 of what the best\n"
            "epoch, best_val_epoch, had gained. Without val_loss: where increasing_pct is above 0.3.\n",
    };
    return command(&line, &options, NULL, 0, argc, argv);
}

static ft_status summary(const ft_experiments *experiments, const analyze_options *options, ft_table *table,
                         ft_text *remark, ft_error *err)
{
    ft_split split;
    ft_status status = ft_split_parse(options->split, &split, err);
    ft_selection_warn_data(experiments);
    return status == FT_OK ? ft_analyze_summary(experiments, split, table, remark, err) : status;
}

int ft_command_analyze_summary(int argc, const char *const *argv)
{
    analyze_options options = {.run = summary, .detail = FT_HISTORY, .split = "val"};
    const ft_option extra[] = {
        FT_OPTION_SPLIT(options.split,
                        "val or test (default val: test is held back, and shown beside the best)"),
    };
    ft_command_line line = {
        .command = "ftgpu analyze summary",
        .summary = "Shows the metrics of all experiments in short: how they spread and whose are best.",
        .example = "ftgpu analyze summary",
        .notes =
            "Metrics of the validation split, which chooses best_experiment; best_test is its value on "
            "test.\n"
            "Below: how many succeeded and failed, overfit, or did not converge, and the hyperparameter that "
            "mae\ngoes with most.\n",
    };
    return command(&line, &options, extra, sizeof extra / sizeof *extra, argc, argv);
}

static ft_status regimes(const ft_experiments *experiments, const analyze_options *options, ft_table *table,
                         ft_text *remark, ft_error *err)
{
    (void)options;
    return ft_analyze_regimes(experiments, table, remark, err);
}

int ft_command_analyze_regimes(int argc, const char *const *argv)
{
    analyze_options options = {.run = regimes, .detail = FT_WHOLE};
    ft_command_line line = {
        .command = "ftgpu analyze regimes",
        .summary = "Shows whether the test split is more or less volatile than what was trained on.",
        .example = "ftgpu analyze regimes",
        .notes =
            "From the experiments' data_insights; ratio is volatility in test / train. regime_shift is\n"
            "set where the returns of the two are distributed differently: by the test of Kolmogorov and\n"
            "Smirnov, p below 0.05, or in records without it by a ratio outside 1/1.5 to 1.5.\n",
    };
    return command(&line, &options, NULL, 0, argc, argv);
}
