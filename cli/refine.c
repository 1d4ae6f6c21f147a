/* ftgpu refine: the next grid, around the best experiment so far. */
#include "host/search/refinement.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/selection_options.h"
#include "host/output.h"
#include "tracker/metrics.h"

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

/* The proposal in words. */
static ft_status describe(const refine_options *options, const ft_experiments *experiments,
                          const ft_experiment *best, const cJSON *grid, const ft_table *table,
                          const ft_text *remark, size_t count, ft_metric metric, ft_split split,
                          ft_error *err)
{
    char number[FT_NUMBER_CHARS];
    ft_text text = FT_TEXT_EMPTY;
    ft_text_addf(&text, "best of %zu experiment%s: ", experiments->count, experiments->count == 1 ? "" : "s");
    ft_text_add_line(&text, best->experiment_id);
    ft_text_addf(&text, ", %s %s %s (%s)\n", options->split, ft_metric_names[metric],
                 ft_people_number(ft_metrics_get(&best->metrics[split], metric), number),
                 ft_metric_direction(metric));
    if (split == FT_TEST)
        ft_text_add(&text, "chosen by test: the best of several looks better there than it is\n\n");
    else
        ft_text_addf(&text, "its test %s, which had no part in the choice: %s\n\n", ft_metric_names[metric],
                     ft_people_number(ft_metrics_get(&best->metrics[FT_TEST], metric), number));
    ft_status status = ft_table_print(table, FT_TABLE_TEXT, &text, err);
    ft_text_addf(&text,
                 "\n%s%zu configurations; with the same --model and data as before:\n  ftgpu sweep ...",
                 remark->data ? remark->data : "", count);
    add_grid_options(grid, options->out, &text);
    ft_text_add(&text, "\n");
    if (status == FT_OK) status = ft_print_text(&text, err);
    ft_text_free(&text);
    return status;
}

static ft_status refine(const refine_options *options, ft_error *err)
{
    ft_experiments experiments = {0};
    ft_refinement_request request = {.keys = options->keys.items,
                                     .n_keys = options->keys.count,
                                     .grids = options->grids.items,
                                     .n_grids = options->grids.count};
    ft_table table = FT_TABLE_EMPTY;
    ft_text remark = FT_TEXT_EMPTY;
    cJSON *grid = NULL;
    size_t count = 0;
    ft_table_format format;
    ft_metric metric;
    ft_split split;
    ft_status status = ft_table_format_parse(options->format, &format, err);
    if (status == FT_OK && options->out) status = ft_output_check(options->out, NULL, 0, err);
    if (status == FT_OK) status = ft_metric_parse(options->metric, &metric, err);
    if (status == FT_OK) status = ft_split_parse(options->split, &split, err);
    if (status == FT_OK) status = ft_selection_load(&options->selection, FT_SCORES, true, &experiments, err);
    if (status == FT_OK) status = ft_experiments_best(&experiments, metric, split, &request.best, err);
    if (status == FT_OK) status = ft_refine(&experiments, &request, &grid, &table, &remark, &count, err);
    if (status == FT_OK && options->out) status = ft_json_write(options->out, grid, err);
    if (status == FT_OK && format == FT_TABLE_TEXT)
        status =
            describe(options, &experiments, request.best, grid, &table, &remark, count, metric, split, err);
    else if (status == FT_OK && format == FT_TABLE_CSV)
        status = ft_print_table(&table, format, err);
    else if (status == FT_OK)
        status = ft_print_json(grid, err);
    cJSON_Delete(grid);
    ft_text_free(&remark);
    ft_table_free(&table);
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
            "ftgpu sweep --model demo/model --train demo/train.csv --val demo/val.csv --test demo/test.csv "
            "\\\n"
            "    --target Close --name stage2 --grid-file stage2.json",
        .notes = "Each refined number gets half its best value, the value and its double; where a value that "
                 "near\n"
                 "was tried already, one between the two instead. The best experiment's other "
                 "hyperparameters are\n"
                 "kept in the grid, so that the grid alone says how to train. Nothing is trained. json "
                 "prints the\n"
                 "grid.\n",
        .options = table,
        .positional = "ID",
        .arguments = &options.selection.ids,
        .most_arguments = FT_MOST_IDS,
    };
    int exit_status;
    if (ft_command_parse(&line, argc, argv, &exit_status)) {
        ft_error err = {""};
        exit_status = ft_command_finish(refine(&options, &err), &err);
    }
    ft_selection_options_free(&options.selection);
    ft_option_list_free(&options.keys);
    ft_option_list_free(&options.grids);
    return exit_status;
}
