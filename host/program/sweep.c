/* `ftgpu sweep`: a grid or a list of configurations. */
#include <stdio.h>

#include "host/program/command.h"
#include "host/program/training_options.h"
#include "host/sweep.h"

static void tell_finished(void *context, const ft_outcome *outcome)
{
    (void)context;
    ft_progress_end();
    if (outcome->failed)
        fprintf(stderr, "%s  failed: %s\n", outcome->experiment_id, outcome->error);
    else
        fprintf(stderr, "%s  val mae %.6g  test mae %.6g\n", outcome->experiment_id, outcome->val.mae,
                outcome->test.mae);
}

/* The configurations as a table: what varies. */
static ft_status print_plan(const ft_sweep_request *request, const char *format, ft_error *err)
{
    ft_grid grid = {0};
    ft_table table = FT_TABLE_EMPTY;
    ft_text cell = FT_TEXT_EMPTY;
    ft_table_format how;
    ft_status status = ft_table_format_parse(format, &how, err);
    if (status == FT_OK) status = ft_sweep_configurations(request, &grid, err);
    size_t number = ft_table_column(&table, "configuration");
    for (size_t k = 0; k < grid.n_keys; k++) ft_table_column(&table, grid.keys[k]->name);
    for (size_t i = 0; i < grid.count; i++) {
        ft_table_add_row(&table);
        ft_table_set_number(&table, number, (double)i + 1);
        for (size_t k = 0; k < grid.n_keys; k++) {
            cell.length = 0;
            ft_field_to_text(grid.keys[k], &grid.configs[i], &cell);
            table.failed = table.failed || cell.failed;
            ft_table_set_text(&table, ft_table_find(&table, grid.keys[k]->name), cell.data);
        }
    }
    if (status == FT_OK) status = ft_print_table(&table, how, err);
    ft_text_free(&cell);
    ft_table_free(&table);
    ft_grid_free(&grid);
    return status;
}

int ft_command_sweep(int argc, const char *const *argv)
{
    ft_training_options options;
    ft_option table[FT_TRAINING_OPTIONS + 14] = {{0}};
    ft_sweep_request request = {.finished = tell_finished, .workers = -1};
    int64_t workers = 0;
    ft_option_list grids = {0};
    bool dry_run = false;
    const char *format = "table";
    size_t n = ft_training_options_table(&options, table);
    table[n++] = (ft_option){.name = "grid",
                             .kind = FT_OPTION_LIST,
                             .value = &grids,
                             .argument = "KEY=V1,V2,...",
                             .help = "values of a hyperparameter (repeatable: all combinations)"};
    table[n++] = (ft_option){.name = "grid-file",
                             .kind = FT_OPTION_TEXT,
                             .value = &request.grid_file,
                             .argument = "FILE",
                             .help = "JSON: an object of lists"};
    table[n++] = (ft_option){.name = "configs",
                             .kind = FT_OPTION_TEXT,
                             .value = &request.configs,
                             .argument = "FILE",
                             .help = "JSON: a list of objects, instead of a grid"};
    table[n++] = (ft_option){.name = "max-configs",
                             .kind = FT_OPTION_INTEGER,
                             .value = &request.max_configs,
                             .argument = "N",
                             .help = "refuse more configurations than N (default 100000)",
                             .least = 1,
                             .most = 1e9};
    table[n++] = (ft_option){.name = "max-adapters",
                             .kind = FT_OPTION_INTEGER,
                             .value = &request.max_adapters,
                             .argument = "N",
                             .help = "train at most N configurations in one pass (default 16)",
                             .least = 1,
                             .most = 1024};
    table[n++] = (ft_option){.name = "workers",
                             .kind = FT_OPTION_INTEGER,
                             .value = &workers,
                             .argument = "N",
                             .help = "worker processes (default: one a GPU, or one that has all cores)",
                             .least = 1,
                             .most = 1024};
    table[n++] = (ft_option){.name = "retries",
                             .kind = FT_OPTION_INTEGER,
                             .value = &request.retries,
                             .argument = "N",
                             .help = "deaths of its worker that a configuration is allowed (default 2)",
                             .least = 1,
                             .most = 100};
    table[n++] = (ft_option){.name = "worker-timeout",
                             .kind = FT_OPTION_REAL,
                             .value = &request.worker_timeout,
                             .argument = "SECONDS",
                             .help = "end a worker that gives no sign of life for so long (default 1800)",
                             .least = 1,
                             .most = 1e9};
    table[n++] = (ft_option){.name = "scheduler",
                             .kind = FT_OPTION_TEXT,
                             .value = &request.scheduler,
                             .argument = "KIND",
                             .help = "stop configurations early by their val_loss: none, asha or median (default none)"};
    table[n++] = (ft_option){.name = "eta",
                             .kind = FT_OPTION_REAL,
                             .value = &request.eta,
                             .argument = "X",
                             .help = "asha goes on with the best 1/X (default 3)",
                             .least = 1.5,
                             .most = 100};
    table[n++] = (ft_option){.name = "grace-epochs",
                             .kind = FT_OPTION_INTEGER,
                             .value = &request.grace_epochs,
                             .argument = "N",
                             .help = "no configuration is stopped before N epochs (default 1)",
                             .least = 1,
                             .most = 1e9};
    table[n++] = (ft_option){.name = "dry-run",
                             .kind = FT_OPTION_FLAG,
                             .value = &dry_run,
                             .help = "print the configurations and stop"};
    table[n++] = (ft_option)FT_OPTION_FORMAT(format);
    ft_command_line line = {
        .command = "ftgpu sweep",
        .summary = "Fine-tunes every configuration of a grid or a list and records each as an experiment.",
        .usage =
            "--model DIR --train FILE --val FILE --test FILE --target COLUMN --grid KEY=V1,V2 ... [options]",
        .example =
            "ftgpu sweep --model demo/model --train demo/train.csv --val demo/val.csv --test demo/test.csv "
            "\\\n"
            "    --target Close --name lr_search --grid learning_rate=1e-4,1e-3 --grid lora_rank=4,8\n",
        .shared_notes = ft_training_notes,
        .options = table};
    int exit_status;
    ft_error err = {""};
    ft_engine *engine = NULL;
    ft_sweep_summary summary = {0};
    if (!ft_command_parse(&line, argc, argv, &exit_status)) goto cleanup;
    ft_status status = ft_training_options_resolve(&options, argc, argv, "sweep", &err);
    request.base = options.request;
    if (workers > 0) request.workers = workers;
    request.grids = grids.items;
    request.n_grids = grids.count;
    if (status == FT_OK && dry_run) {
        exit_status = ft_command_finish(print_plan(&request, format, &err), &err);
        goto cleanup;
    }
    if (status == FT_OK) status = ft_engine_open(&options.engine, &engine, &err);
    if (status == FT_OK) status = ft_run_sweep(engine, &request, &summary, &err);
    exit_status = ft_training_finish(status, &err);
    if (status == FT_OK) {
        fprintf(stderr, "%zu of %zu experiments done, %zu of them failed\n", summary.done,
                summary.configurations, summary.failed);
        if (summary.resumed == summary.configurations)
            fprintf(stderr, "all of them were done before: choose another --name to run them again\n");
        if (summary.failed > 0) exit_status = FT_EXIT_SOME_FAILED;
    }
cleanup:
    ft_engine_close(engine);
    ft_option_list_free(&grids);
    ft_training_options_free(&options);
    return exit_status;
}
