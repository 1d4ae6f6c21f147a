/* ftgpu refine: the next grid, around the best experiment so far. */
#include "host/search/refinement.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/selection_options.h"
#include "cli/terminal.h"
#include "host/output.h"
#include "tracker/metrics.h"
#include "tracker/replicates.h"
#include "tracker/terminal_text.h"

typedef struct refine_options {
    ft_selection_options selection;
    const char *metric, *split, *out, *format;
    ft_option_list keys, grids;
} refine_options;

/* "--grid key=v1,v2" for each list of several and "--set key=value" for each of one,
 * or "--grid-file F". */
static void add_grid_options(const cJSON *grid, const char *out, ft_text *text)
{
    if (out) {
        ft_text_add(text, " --grid-file ");
        ft_text_add_line(text, out);
    }
    for (const cJSON *list = out ? NULL : grid->child; list; list = list->next) {
        ft_text_addf(text, " \\\n      --%s %s=", cJSON_GetArraySize(list) == 1 ? "set" : "grid",
                     list->string);
        for (const cJSON *value = list->child; value; value = value->next) {
            char *printed = cJSON_IsString(value) ? NULL : ft_json_print_line(value);
            const char *shown = cJSON_IsString(value) ? value->valuestring : printed;
            if (value != list->child) ft_text_add(text, ",");
            if (shown)
                ft_text_add(text, shown);
            else
                text->failed = true;
            free(printed);
        }
    }
}

/* A number of `run` in results.json; 0: there is none. */
static double number_of_run(const ft_experiment *e, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(e->run, key);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* Adds the best's season, windows and samples of evaluation, unless they are the
 * defaults: else the metrics of the next sweep would not compare with its own. */
static ft_status add_evaluation_options(const char *directory, ft_text *text, ft_error *err)
{
    ft_experiment e = {0};
    ft_status status = ft_experiment_read(directory, &e, err);
    if (status != FT_OK) return status;
    const double season = number_of_run(&e, "season"), windows = number_of_run(&e, "eval_windows"),
                 samples = number_of_run(&e, "eval_samples");
    if (season >= 1 && strcmp(ft_experiment_run_text(&e, "season_reason"), "--season") == 0)
        ft_text_addf(text, " --season %.0f", season);
    if (windows >= 1 && windows != FT_DEFAULT_EVAL_WINDOWS)
        ft_text_addf(text, " --eval-windows %.0f", windows);
    /* their default depends on the model */
    if (samples >= 1 && strstr(ft_experiment_run_text(&e, "command_line"), "--eval-samples"))
        ft_text_addf(text, " --eval-samples %.0f", samples);
    ft_experiment_free(&e);
    return FT_OK;
}

/* What is proposed, and around what. */
typedef struct proposal {
    const ft_experiment *best;
    size_t n_seeds; /* of the best configuration; 1: no replicates */
    ft_metric metric;
    ft_split split;
    cJSON *grid;
    ft_table table;
    ft_text replicates, remark; /* what there is to say of them */
    size_t count;               /* configurations */
} proposal;

/* The best one and its replicates. */
static ft_status choose(const ft_experiments *experiments, proposal *p, ft_error *err)
{
    ft_replicates replicates;
    ft_status status = ft_replicates_find(experiments, &replicates, err);
    if (status != FT_OK) return status;
    status = ft_replicates_choose(experiments, &replicates, p->metric, p->split, &p->best, err);
    if (status == FT_OK) {
        const size_t group = replicates.group[p->best - experiments->items];
        p->n_seeds = ft_replicates_spread(experiments, &replicates, group, p->metric, p->split).n;
        ft_replicates_describe(experiments, &replicates, p->best, p->metric, p->split, &p->replicates);
    }
    ft_replicates_free(&replicates);
    return status;
}

/* "best of 8 experiments: ID, val mae 1.25 (lower is better)", and by what else. */
static void add_best(const ft_experiments *experiments, const proposal *p, ft_text *text)
{
    char number[FT_NUMBER_CHARS];
    ft_text_addf(text, "best of %zu experiment%s: ", experiments->count, experiments->count == 1 ? "" : "s");
    ft_text_add_line(text, p->best->experiment_id);
    ft_text_addf(text, ", %s %s %s (%s)\n", ft_split_names[p->split], ft_metric_names[p->metric],
                 ft_people_number(ft_metrics_get(&p->best->metrics[p->split], p->metric), number),
                 ft_metric_direction(p->metric));
    if (p->replicates.data) ft_text_addf(text, "%s\n", p->replicates.data);
    if (p->split == FT_TEST)
        ft_text_add(text, "chosen by test: the best of several looks better there than it is\n\n");
    else
        ft_text_addf(text, "its test %s, which had no part in the choice: %s\n\n", ft_metric_names[p->metric],
                     ft_people_number(ft_metrics_get(&p->best->metrics[FT_TEST], p->metric), number));
}

/* What is to be said of the grid, and how many configurations it has. */
static void add_count(const proposal *p, ft_text *text)
{
    if (p->remark.data) ft_text_add(text, p->remark.data);
    ft_text_addf(text, "%zu configuration%s", p->count, p->count == 1 ? "" : "s");
    if (p->n_seeds > 1) ft_text_addf(text, ", %zu seeds of each", p->n_seeds);
    ft_text_add(text, "; with the same --model and data as before:\n");
}

/* The proposal in words. The command is to be copied, so that it is not wrapped. */
static ft_status describe(const refine_options *options, const ft_experiments *experiments, const proposal *p,
                          ft_error *err)
{
    ft_text text = FT_TEXT_EMPTY, above = FT_TEXT_EMPTY, below = FT_TEXT_EMPTY;
    const size_t width = ft_terminal_width(stdout);
    add_best(experiments, p, &above);
    add_count(p, &below);
    if (!above.failed) ft_wrap_lines(above.data, width, &text);
    ft_status status = ft_table_print_fitting(&p->table, width, &text, err);
    ft_text_add(&text, "\n");
    if (!below.failed) ft_wrap_lines(below.data, width, &text);
    ft_text_add(&text, "  ftgpu sweep ...");
    if (strcmp(options->selection.results, FT_DEFAULT_RESULTS) != 0) {
        ft_text_add(&text, " --results ");
        ft_text_add_word(&text, options->selection.results);
    }
    if (status == FT_OK) status = add_evaluation_options(p->best->directory, &text, err);
    add_grid_options(p->grid, options->out, &text);
    if (p->n_seeds > 1) ft_text_addf(&text, "%s--seeds %zu", options->out ? " " : " \\\n      ", p->n_seeds);
    ft_text_add(&text, "\n");
    if (text.failed || above.failed || below.failed || p->replicates.failed)
        status = ft_no_memory(err, "the proposal", text.length);
    if (status == FT_OK) status = ft_print_text(&text, err);
    ft_text_free(&below);
    ft_text_free(&above);
    ft_text_free(&text);
    return status;
}

static ft_status refine(const void *context, ft_error *err)
{
    const refine_options *options = context;
    ft_experiments experiments = {0};
    ft_refinement_request request = {.keys = options->keys.items,
                                     .n_keys = options->keys.count,
                                     .grids = options->grids.items,
                                     .n_grids = options->grids.count};
    proposal p = {.table = FT_TABLE_EMPTY};
    ft_table_format format;
    ft_status status = ft_table_format_parse(options->format, &format, err);
    if (status == FT_OK && options->out) status = ft_output_check(options->out, NULL, 0, err);
    if (status == FT_OK) status = ft_metric_parse(options->metric, &p.metric, err);
    if (status == FT_OK) status = ft_split_parse(options->split, &p.split, err);
    if (status == FT_OK) status = ft_selection_load(&options->selection, FT_SCORES, true, &experiments, err);
    if (status == FT_OK) ft_selection_warn_data(&experiments);
    if (status == FT_OK) status = choose(&experiments, &p, err);
    request.best = p.best;
    if (status == FT_OK)
        status = ft_refine(&experiments, &request, &p.grid, &p.table, &p.remark, &p.count, err);
    if (status == FT_OK && options->out) status = ft_json_write(options->out, p.grid, err);
    if (status == FT_OK && format == FT_TABLE_TEXT)
        status = describe(options, &experiments, &p, err);
    else if (status == FT_OK && format == FT_TABLE_CSV)
        status = ft_print_table(&p.table, format, err);
    else if (status == FT_OK)
        status = ft_print_json(p.grid, err);
    cJSON_Delete(p.grid);
    ft_text_free(&p.replicates);
    ft_text_free(&p.remark);
    ft_table_free(&p.table);
    ft_experiments_free(&experiments);
    return status;
}

int ft_command_refine(int argc, const char *const *argv)
{
    refine_options options = {
        .selection = FT_SELECTION_DEFAULT, .metric = "mae", .split = "val", .format = "table"};
    const ft_option table[] = {
        FT_OPTIONS_BEST_BY(options.metric, "what is best, one of " FT_METRIC_LIST " (default mae)",
                           options.split, "val or test (default val: test is held back)"),
        FT_OPT_LIST("key", &options.keys, "KEY",
                    "refine this hyperparameter; may be given again (default: what varies)"),
        FT_OPT_LIST("grid", &options.grids, "KEY=V1,V2,...",
                    "values to try besides, as they are; may be given again"),
        FT_OPT_TEXT("out", &options.out, "FILE",
                    "write the grid as JSON, for ftgpu sweep --grid-file; a file that is there is replaced"),
        FT_OPTIONS_SELECTION(options.selection),
        FT_OPTION_FORMAT(options.format),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu refine",
        .summary = "Proposes the next grid for a sweep, a finer one around the best experiment so far.",
        .usage = "[ID...] [options]",
        .example =
            "ftgpu refine --match 'stage1_*' --key learning_rate --grid epochs=3,5,10 --out stage2.json\n"
            "ftgpu sweep --data demo/data.csv --split 0.7,0.15,0.15 --target Close --name stage2 \\\n"
            "    --grid-file stage2.json",
        .notes = "Each refined number gets half its best value, the value and its double; where a value that "
                 "near\n"
                 "was tried already, one between the two instead. The best experiment's other "
                 "hyperparameters are\n"
                 "kept in the grid, so that the grid alone says how to train. Nothing is trained. json "
                 "prints the\n"
                 "grid.\n",
        .options = table,
    };
    const int exit_status = ft_selection_command(&line, &options.selection, refine, &options, argc, argv);
    ft_option_list_free(&options.keys);
    ft_option_list_free(&options.grids);
    return exit_status;
}
