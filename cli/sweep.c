/* `ftgpu sweep`: a grid or a list of configurations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/slurm.h"
#include "cli/training_options.h"
#include "host/dry_run.h"
#include "host/experiment/engine.h"
#include "kernels/comm.h"

/* A row a configuration: what varies, its batch, and with whose training it comes. */
static void fill_plan_table(const ft_sweep *sweep, ft_table *table)
{
    const ft_grid *grid = &sweep->grid;
    const ft_plan *plan = &sweep->plan;
    ft_text cell = FT_TEXT_EMPTY;
    size_t number = ft_table_column(table, "configuration");
    size_t *batch_of = calloc(grid->count, sizeof *batch_of), *trained = calloc(grid->count, sizeof *trained);
    table->failed = table->failed || !batch_of || !trained;
    for (size_t b = 0; b < plan->n_batches && !table->failed; b++)
        for (size_t i = 0; i < plan->batches[b].count; i++) {
            const ft_trajectory *t = &plan->trajectories[plan->batches[b].first + i];
            for (size_t k = 0; k < t->count; k++) {
                batch_of[plan->members[t->first + k]] = b + 1;
                trained[plan->members[t->first + k]] = plan->members[t->first + t->count - 1] + 1;
            }
        }
    for (size_t k = 0; k < grid->n_keys; k++) ft_table_column(table, grid->keys[k]->name);
    size_t batch = ft_table_column(table, "batch"), with = ft_table_column(table, "trained_with");
    for (size_t i = 0; i < grid->count && !table->failed; i++) {
        ft_table_add_row(table);
        ft_table_set_number(table, number, (double)i + 1);
        for (size_t k = 0; k < grid->n_keys; k++) {
            cell.length = 0;
            ft_field_to_text(grid->keys[k], &grid->configs[i], &cell);
            table->failed = table->failed || cell.failed;
            ft_table_set_text(table, number + 1 + k, cell.data);
        }
        ft_table_set_number(table, batch, (double)batch_of[i]);
        ft_table_set_number(table, with, (double)trained[i]);
    }
    free(trained);
    free(batch_of);
    ft_text_free(&cell);
}

static double figure(const cJSON *figures, const char *key)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(figures, key));
}

/* The plan in numbers, on stderr: a line for all, and one a batch. */
static void tell_figures(const cJSON *figures)
{
    double n_configurations = figure(figures, "n_configurations"),
           n_trajectories = figure(figures, "n_trajectories"), n_batches = figure(figures, "n_batches");
    fprintf(stderr,
            "%.0f configuration%s, %.0f trajector%s, %.0f batch%s, about %.3g s of training and %.3g s of "
            "evaluation\n",
            n_configurations, n_configurations == 1 ? "" : "s", n_trajectories,
            n_trajectories == 1 ? "y" : "ies", n_batches, n_batches == 1 ? "" : "es",
            figure(figures, "train_seconds"), figure(figures, "evaluation_seconds"));
    const cJSON *batch, *list = cJSON_GetObjectItemCaseSensitive(figures, "batches");
    if (n_batches > 20) return;
    cJSON_ArrayForEach(batch, list)
    {
        int count = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(batch, "trajectories"));
        fprintf(stderr, "batch %.0f: %d trajector%s, %.0f at a time, %.3g GB, about %.3g s\n",
                figure(batch, "batch"), count, count == 1 ? "y" : "ies", figure(batch, "slots"),
                figure(batch, "memory_bytes") / 1e9, figure(batch, "train_seconds"));
    }
}

static ft_status print_plan(ft_engine *engine, const ft_sweep_request *request, const char *format,
                            ft_error *err)
{
    ft_sweep sweep;
    cJSON *figures = NULL;
    ft_table_format how;
    ft_status status = ft_table_format_parse(format, &how, err);
    if (status == FT_OK) status = ft_dry_run(engine, request, &sweep, &figures, err);
    if (status != FT_OK) return status;
    if (how == FT_TABLE_JSON) {
        status = ft_print_json(figures, err);
    } else {
        ft_table table = FT_TABLE_EMPTY;
        fill_plan_table(&sweep, &table);
        status = ft_print_table(&table, how, err);
        if (status == FT_OK) tell_figures(figures);
        ft_table_free(&table);
    }
    cJSON_Delete(figures);
    ft_sweep_close(&sweep);
    return status;
}

/* "2/4" */
static ft_status parse_shard(const char *text, ft_sweep_request *request, ft_error *err)
{
    if (!text) return FT_OK;
    const char *slash = strchr(text, '/');
    long long shard = 0, count = 0;
    if (!slash || !ft_parse_int(text, (size_t)(slash - text), &shard) ||
        !ft_parse_int(slash + 1, strlen(slash + 1), &count) || shard < 1 || shard > count ||
        count > FT_MOST_SHARDS)
        return ft_fail(
            err, FT_BAD_INPUT,
            "--shard: \"%.60s\" is not i/N, with i from 1 to N and N to %d: 1/4 to 4/4 are four shards", text,
            FT_MOST_SHARDS);
    request->shard = shard;
    request->n_shards = count;
    return FT_OK;
}

/* Checks the sweep as far as that can be done without a device, and leaves it to
 * Slurm. */
static ft_status submit(ft_engine *engine, const ft_sweep_request *request, const ft_slurm_options *slurm,
                        int argc, const char *const *argv, ft_error *err)
{
    ft_sweep sweep;
    ft_status status = ft_sweep_open(engine, request, &sweep, err);
    if (status != FT_OK) return status;
    const ft_slurm_sweep job = {sweep.run_context.name, engine->settings.results, engine->settings.threads,
                                argc, argv};
    status = ft_slurm_submit(slurm, &job, err);
    ft_sweep_close(&sweep);
    return status;
}

/* Options that say how another works go with it. */
static ft_status check_company(const ft_sweep_request *request, bool dry_run, const char *format,
                               ft_error *err)
{
    bool schedules = request->scheduler && strcmp(request->scheduler, "none") != 0;
    if (!schedules && (request->eta > 0 || request->grace_epochs > 0))
        return ft_fail(err, FT_BAD_INPUT,
                       "--%s says when configurations are stopped, but --scheduler is not given",
                       request->eta > 0 ? "eta" : "grace-epochs");
    const bool is_jsonl = strcmp(format, "jsonl") == 0;
    if (!dry_run && !is_jsonl && strcmp(format, "table") != 0)
        return ft_fail(
            err, FT_BAD_INPUT,
            "--format %s says how a plan is printed, but --dry-run is not given; a sweep prints its "
            "events with --format jsonl",
            format);
    if (dry_run && is_jsonl)
        return ft_fail(err, FT_BAD_INPUT,
                       "--format jsonl prints what happens, and with --dry-run nothing does");
    return FT_OK;
}

static void tell_summary(const ft_sweep_request *request, const ft_sweep_summary *summary)
{
    fprintf(stderr, "%zu of %zu experiments done, %zu of them failed", summary->done, summary->configurations,
            summary->failed);
    if (summary->pruned > 0) fprintf(stderr, ", %zu pruned", summary->pruned);
    fprintf(stderr, "\n");
    if (summary->resumed == summary->configurations && summary->resumed > 0)
        fprintf(stderr, "all of them were done before: choose another --name to run them again\n");
    if (request->n_shards == 0) return;
    if (summary->all_done == summary->all)
        fprintf(stderr, "the whole sweep is complete: %zu experiments\n", summary->all);
    else
        fprintf(stderr, "of the whole sweep %zu of %zu experiments are done\n", summary->all_done,
                summary->all);
}

int ft_command_sweep(int argc, const char *const *argv)
{
    ft_silence_followers();
    ft_training_options options;
    ft_option table[FT_TRAINING_OPTIONS + FT_SLURM_OPTIONS + 15] = {{0}};
    ft_slurm_options slurm;
    ft_sweep_request request = {.workers = -1};
    int64_t workers = 0;
    ft_option_list grids = {0};
    bool dry_run = false;
    const char *format = "table", *shard = NULL;
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
                             .help = "train at most N configurations in one pass (default: as many as the "
                                     "device gains from, up to 16)",
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
                             .least = 2, /* it gives one a second */
                             .most = 1e9};
    table[n++] = (ft_option){
        .name = "scheduler",
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
    table[n++] = (ft_option){
        .name = "shard",
        .kind = FT_OPTION_TEXT,
        .value = &shard,
        .argument = "i/N",
        .help = "train the i-th of N parts; other processes may train theirs into the same --results"};
    n += ft_slurm_options_table(&slurm, table + n);
    table[n++] = (ft_option){.name = "dry-run",
                             .kind = FT_OPTION_FLAG,
                             .value = &dry_run,
                             .help = "print the plan, with predicted memory and time, and stop"};
    table[n] = (ft_option)FT_OPTION_FORMAT(format);
    table[n].choices = ft_training_formats;
    table[n++].help =
        "jsonl: a JSON object a line for each event; with --dry-run: table (default), csv or json";
    ft_command_line line = {
        .command = "ftgpu sweep",
        .summary = "Fine-tunes every configuration of a grid or a list and records each as an experiment.",
        .usage = "--train FILE --val FILE --test FILE --target COLUMN --grid KEY=V1,V2 ... [options]",
        .example =
            "ftgpu sweep --model demo/model --train demo/train.csv --val demo/val.csv --test demo/test.csv "
            "\\\n"
            "    --target Close --name lr_search --grid learning_rate=1e-4,1e-3 --grid lora_rank=4,8\n",
        .notes = "With --shard or --slurm the schedulers asha and median compare configurations within a "
                 "shard only.\n",
        .shared_notes = ft_training_notes,
        .explain = ft_training_explain,
        .options = table};
    int exit_status;
    ft_error err = {""};
    ft_engine *engine = NULL;
    ft_sweep_summary summary = {0};
    if (!ft_command_parse(&line, argc, argv, &exit_status)) goto cleanup;
    ft_status status = ft_training_options_resolve(&options, argc, argv, "sweep", &err);
    if (status == FT_OK) status = parse_shard(shard, &request, &err);
    if (status == FT_OK) status = check_company(&request, dry_run, format, &err);
    if (strcmp(format, "jsonl") == 0) options.live.style = FT_LIVE_JSONL;
    options.live.name = options.request.name ? options.request.name : "experiment";
    if (status == FT_OK) status = ft_slurm_options_check(&slurm, &err);
    if (status == FT_OK && slurm.how && shard)
        status = ft_fail(&err, FT_BAD_INPUT,
                         "--slurm makes shards of its own (--array-tasks N): leave out --shard");
    if (status == FT_OK && slurm.how && ft_comm_is_launched())
        status = ft_fail(&err, FT_BAD_INPUT, "--slurm submits jobs: call it without an MPI launcher");
    request.base = options.request;
    if (workers > 0) request.workers = workers;
    request.grids = grids.items;
    request.n_grids = grids.count;
    if (status == FT_OK) status = ft_engine_open(&options.engine, &engine, &err);
    if (status == FT_OK && dry_run) {
        exit_status = ft_command_finish(print_plan(engine, &request, format, &err), &err);
        goto cleanup;
    }
    if (status == FT_OK && slurm.how) {
        exit_status = ft_command_finish(submit(engine, &request, &slurm, argc, argv, &err), &err);
        goto cleanup;
    }
    if (status == FT_OK) status = ft_run_sweep(engine, &request, &summary, &err);
    exit_status = ft_training_finish(&options.live, status, &err);
    if (status == FT_OK) {
        tell_summary(&request, &summary);
        if (summary.failed > 0) exit_status = FT_EXIT_SOME_FAILED;
    }
cleanup:
    ft_engine_close(engine);
    ft_option_list_free(&grids);
    ft_slurm_options_free(&slurm);
    ft_training_options_free(&options);
    return exit_status;
}
