/* `ftgpu sweep`: a grid or a list of configurations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/slurm.h"
#include "cli/sweep_plan.h"
#include "cli/training_options.h"
#include "cli/verdict.h"
#include "host/dry_run.h"
#include "host/experiment/engine.h"
#include "host/output.h"
#include "kernels/comm.h"

enum { SEARCH_ROWS = 14 }; /* of the option table */

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
        status = ft_print_plan(&sweep, how, err);
        if (status == FT_OK) ft_tell_plan_figures(figures);
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
    if (dry_run && request->report)
        return ft_fail(
            err, FT_BAD_INPUT,
            "--report shows what was trained, but --dry-run trains nothing: leave out one of them");
    const bool is_jsonl = strcmp(format, "jsonl") == 0;
    if (!dry_run && !is_jsonl && strcmp(format, "table") != 0)
        return ft_fail(
            err, FT_BAD_INPUT,
            "--format says how a plan is printed, but --dry-run is not given (--format jsonl prints "
            "what happens)");
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

/* What the command line says. */
typedef struct sweep_options {
    ft_training_options training;
    ft_slurm_options slurm;
    ft_sweep_request request;
    ft_option_list grids;
    int64_t workers; /* 0: not said */
    bool dry_run;
    const char *format, *shard;
} sweep_options;

/* The rows on what is searched, how, and by whom. Returns how many they are. */
static size_t add_search_rows(sweep_options *o, ft_option *table)
{
    ft_sweep_request *r = &o->request;
    const ft_option rows[SEARCH_ROWS] = {
        FT_OPT_LIST("grid", &o->grids, "KEY=V1,V2,...",
                    "values of a hyperparameter (repeatable: all combinations)"),
        FT_OPT_TEXT("grid-file", &r->grid_file, "FILE", "JSON: an object of lists"),
        FT_OPT_TEXT("configs", &r->configs, "FILE", "JSON: a list of objects, instead of a grid"),
        FT_OPT_INTEGER(
            "seeds", &r->seeds, "N", 1, 1e6,
            "repeat each configuration with N seeds: its own, and those that follow (without a grid, "
            "the one configuration)"),
        FT_OPT_INTEGER("max-configs", &r->max_configs, "N", 1, 1e9,
                       "refuse more configurations than N (default 100000)"),
        FT_OPT_INTEGER("max-adapters", &r->max_adapters, "N", 1, 1024,
                       "train at most N configurations in one pass (default: as many as the device gains "
                       "from, up to 16)"),
        FT_OPT_INTEGER("workers", &o->workers, "N", 1, 1024,
                       "worker processes (default: one a GPU, or one that has all cores)"),
        FT_OPT_INTEGER("retries", &r->retries, "N", 1, 100,
                       "retry a configuration after at most N deaths of its worker (default 2)"),
        /* a worker sends a heartbeat each second */
        FT_OPT_REAL("worker-timeout", &r->worker_timeout, "SECONDS", 2, 1e9,
                    "kill a worker that sends no heartbeat for so long (default 1800)"),
        FT_OPT_TEXT("scheduler", &r->scheduler, "KIND",
                    "prune configurations by their val_loss: none, asha or median (default none)"),
        FT_OPT_REAL("eta", &r->eta, "X", 1.5, 100,
                    "asha keeps the best 1/X of the configurations (default 3)"),
        FT_OPT_INTEGER("grace-epochs", &r->grace_epochs, "N", 1, 1e9,
                       "prune no configuration before N epochs (default 1)"),
        FT_OPT_TEXT("shard", &o->shard, "i/N",
                    "train part i of N; other processes train the others into the same --results"),
        FT_OPT_TEXT("report", &r->report, "FILE",
                    "keep an HTML report of this sweep up to date in FILE while it runs"),
    };
    memcpy(table, rows, sizeof rows);
    return SEARCH_ROWS;
}

/* The report must not replace what the sweep reads. */
static ft_status check_report(const ft_sweep_request *request, ft_error *err)
{
    const ft_data_files *data = &request->base.data;
    const ft_input inputs[] = {{"the training data", data->train}, {"the validation data", data->val},
                               {"the test data", data->test},      {"the data", data->data},
                               {"the grid", request->grid_file},   {"the list", request->configs},
                               {"the model", request->base.model}, {"the adapter", request->base.adapter}};
    return request->report ? ft_output_check(request->report, inputs, sizeof inputs / sizeof *inputs, err)
                           : FT_OK;
}

static void publish(void *context, const ft_outcome *outcome)
{
    ft_training_publish(context, outcome);
}

/* Checks what the options say together, and completes the request. */
static ft_status resolve(sweep_options *o, int argc, const char *const *argv, ft_error *err)
{
    ft_status status = ft_training_options_resolve(&o->training, argc, argv, "sweep", err);
    if (status == FT_OK) status = parse_shard(o->shard, &o->request, err);
    if (status == FT_OK) status = check_company(&o->request, o->dry_run, o->format, err);
    if (status == FT_OK) status = ft_slurm_options_check(&o->slurm, err);
    if (strcmp(o->format, "jsonl") == 0) o->training.live.style = FT_LIVE_JSONL;
    o->training.live.name = o->training.request.name ? o->training.request.name : "experiment";
    if (status == FT_OK && o->slurm.how && o->shard)
        status = ft_fail(err, FT_BAD_INPUT,
                         "--slurm makes shards of its own (--array-tasks N): leave out --shard");
    if (status == FT_OK && o->slurm.how && ft_comm_is_launched())
        status = ft_fail(err, FT_BAD_INPUT, "--slurm submits jobs: call it without an MPI launcher");
    o->request.base = o->training.request;
    o->request.finished = publish;
    o->request.context = &o->training;
    if (o->workers > 0) o->request.workers = o->workers;
    o->request.grids = o->grids.items;
    o->request.n_grids = o->grids.count;
    return status == FT_OK ? check_report(&o->request, err) : status;
}

/* Once all experiments are there, of all shards. */
static void tell_verdict(const ft_training_options *options, const ft_sweep_request *request,
                         const ft_sweep_summary *summary)
{
    const bool is_whole =
        request->n_shards > 0 ? summary->all_done == summary->all : summary->done == summary->configurations;
    const char *results = options->engine.results, *name = options->request.name;
    if (is_whole) ft_tell_verdict(results ? results : FT_DEFAULT_RESULTS, name ? name : "experiment");
}

static int train(ft_engine *engine, sweep_options *o, ft_status status, ft_error *err)
{
    ft_sweep_summary summary = {0};
    if (status == FT_OK) status = ft_run_sweep(engine, &o->request, &summary, err);
    ft_training_end_publishing(&o->training);
    int exit_status = ft_training_finish(&o->training.live, status, err);
    if (status != FT_OK) return exit_status;
    tell_summary(&o->request, &summary);
    tell_verdict(&o->training, &o->request, &summary);
    return summary.failed > 0 ? FT_EXIT_SOME_FAILED : exit_status;
}

/* Prints the plan, submits the jobs, or trains. */
static int run(sweep_options *o, int argc, const char *const *argv)
{
    ft_error err = {""};
    ft_engine *engine = NULL;
    int exit_status;
    ft_status status = resolve(o, argc, argv, &err);
    if (status == FT_OK) status = ft_engine_open(&o->training.engine, &engine, &err);
    if (status == FT_OK && o->dry_run)
        exit_status = ft_command_finish(print_plan(engine, &o->request, o->format, &err), &err);
    else if (status == FT_OK && o->slurm.how)
        exit_status = ft_command_finish(submit(engine, &o->request, &o->slurm, argc, argv, &err), &err);
    else
        exit_status = train(engine, o, status, &err);
    ft_engine_close(engine);
    return exit_status;
}

int ft_command_sweep(int argc, const char *const *argv)
{
    ft_silence_followers();
    sweep_options o = {.request = {.workers = -1}, .format = "table"};
    ft_option table[FT_TRAINING_OPTIONS + SEARCH_ROWS + FT_SLURM_OPTIONS + 3] = {{0}};
    size_t n = ft_training_options_table(&o.training, table);
    n += add_search_rows(&o, table + n);
    n += ft_slurm_options_table(&o.slurm, table + n);
    table[n++] = (ft_option)FT_OPT_FLAG("dry-run", &o.dry_run,
                                        "print the plan, with predicted memory and time, and stop");
    table[n] = (ft_option)FT_OPTION_FORMAT(o.format);
    table[n].choices = ft_training_formats;
    table[n].help =
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
    if (ft_command_parse(&line, argc, argv, &exit_status)) exit_status = run(&o, argc, argv);
    ft_option_list_free(&o.grids);
    ft_slurm_options_free(&o.slurm);
    ft_training_options_free(&o.training);
    return exit_status;
}
