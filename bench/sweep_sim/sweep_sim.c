/* A sweep of any size without a device: the real planner, coordinator, journal and
 * schedulers, and workers that only say what workers say (sim_pool.h). What it tells:
 * how near the sweep comes to the shortest time that it could take, and what a
 * configuration costs the coordinator in processor time and memory. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "bench/sweep_sim/sim_pool.h"
#include "host/data/demo_data.h"
#include "host/workers/coordinator.h"
#include "model/weights.h"

static const char usage[] =
    "usage: sweep_sim --results DIR [--configs N] [--workers N] [--deaths N] [--epochs N,...] [--spread X]\n"
    "                 [--scheduler none|asha|median] [--retries N] [--alive SECONDS] [--seed N] [--files]\n"
    "                 [--stop N] [--check]\n"
    "  --results DIR   where the sweep's state goes; a directory of which nothing else is in use\n"
    "  --configs N     configurations, a multiple of 100 for each value of --epochs (default 100000)\n"
    "  --workers N     (default 100)\n"
    "  --deaths N      deaths in 1000 hours of one worker (default 0); implies --files\n"
    "  --epochs N,...  the grid's epochs (default 1,2,3,4,5,6,7,8,9,10)\n"
    "  --spread X      standard deviation of the logarithm of a trajectory's time (default 0.2)\n"
    "  --retries N     deaths in a row that a batch survives whole (default 2)\n"
    "  --alive SECONDS a worker gives a sign of life this often (default 1, as they do)\n"
    "  --files         each result has its directory and results.json\n"
    "  --stop N        stops, as by a signal, after N results; the same command goes on (implies --files)\n"
    "  --check         exit status 1 unless makespan is at most 1.05 of the ideal, a result costs under 200 "
    "us of\n"
    "                  processor time and a configuration under 1024 bytes\n";

/* What the request's `finished` counts. */
static void count_result(void *context, const ft_outcome *outcome)
{
    (void)outcome;
    (*(size_t *)context)++;
}

typedef struct options {
    const char *results, *epochs, *scheduler;
    long configs, retries, stop_after;
    sim_settings sim;
    bool check;
} options;

static bool read_options(int argc, char **argv, options *o)
{
    static const struct option known[] = {
        {"results", required_argument, NULL, 'r'}, {"configs", required_argument, NULL, 'c'},
        {"workers", required_argument, NULL, 'w'}, {"deaths", required_argument, NULL, 'd'},
        {"epochs", required_argument, NULL, 'e'},  {"spread", required_argument, NULL, 'p'},
        {"alive", required_argument, NULL, 'a'},   {"scheduler", required_argument, NULL, 'k'},
        {"retries", required_argument, NULL, 't'}, {"seed", required_argument, NULL, 's'},
        {"files", no_argument, NULL, 'f'},         {"stop", required_argument, NULL, 'o'},
        {"check", no_argument, NULL, 'x'},         {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) switch (c) {
        case 'r':
            o->results = optarg;
            break;
        case 'c':
            o->configs = atol(optarg);
            break;
        case 'w':
            o->sim.n_workers = atoi(optarg);
            break;
        case 'd':
            o->sim.deaths_per_hour = atof(optarg) / 1000;
            break;
        case 'e':
            o->epochs = optarg;
            break;
        case 'p':
            o->sim.spread = atof(optarg);
            break;
        case 'a':
            o->sim.heartbeat_seconds = atof(optarg);
            break;
        case 'k':
            o->scheduler = optarg;
            break;
        case 't':
            o->retries = atol(optarg);
            break;
        case 's':
            o->sim.seed = (uint64_t)atoll(optarg);
            break;
        case 'f':
            o->sim.makes_files = true;
            break;
        case 'o':
            o->stop_after = atol(optarg);
            break;
        case 'x':
            o->check = true;
            break;
        default:
            return false;
        }
    if (o->sim.deaths_per_hour > 0 || o->stop_after > 0) o->sim.makes_files = true;
    return o->results && optind == argc && o->configs > 0 && o->sim.n_workers > 0 &&
           o->sim.heartbeat_seconds > 0;
}

/* 100 configurations for each number of epochs, as many times as it takes, with a seed
 * each time. Free by ft_text_free. */
static ft_status seed_values(const options *o, ft_text *text, ft_error *err)
{
    long n_epochs = 1;
    for (const char *at = o->epochs; *at; at++) n_epochs += *at == ',';
    long times = o->configs / (100 * n_epochs);
    if (times * 100 * n_epochs != o->configs)
        return ft_fail(err, FT_BAD_INPUT, "--configs %ld is not a multiple of %ld", o->configs,
                       100 * n_epochs);
    for (long i = 0; i < times; i++) ft_text_addf(text, "%s%ld", i ? "," : "seed=", i);
    return text->failed ? ft_no_memory(err, "seeds", (unsigned long long)times * 8) : FT_OK;
}

/* A small model and some prices, for the sweep to be checked against. */
static ft_status make_inputs(const char *directory, char *model, size_t size, ft_error *err)
{
    ft_model_config config;
    ft_weights *weights = NULL;
    snprintf(model, size, "%s/model", directory);
    ft_status status = ft_demo_data_write(directory, 0, err);
    if (status == FT_OK) status = ft_config_for_size("nano", &config, err);
    if (status == FT_OK) status = ft_weights_init(&config, 0, &weights, err);
    if (status == FT_OK) status = ft_weights_write(model, weights, NULL, err);
    ft_weights_free(weights);
    return status;
}

static double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* The most memory that the process has had, in bytes. */
static double peak_bytes(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return 1024.0 * (double)used.ru_maxrss;
}

/* What a part of the run took. */
typedef struct cost {
    double cpu, wall, peak;
} cost;

static cost cost_now(void)
{
    return (cost){cpu_seconds(), ft_now_seconds(), peak_bytes()};
}

static bool report(const options *o, const sim_pool *sim, size_t n_results, const cost *before,
                   const cost *opened, const cost *after)
{
    double n = (double)o->configs, workers = o->sim.n_workers;
    double ideal = sim->useful_seconds / workers;
    if (sim->longest_seconds > ideal) ideal = sim->longest_seconds;
    double ratio = sim->last_result / ideal;
    double cpu = (after->cpu - opened->cpu - sim->file_cpu_seconds) / (double)n_results;
    double bytes = (after->peak - before->peak) / n;
    printf("%ld configurations, %d workers, %zu results, %zu deaths\n", o->configs, (int)o->sim.n_workers,
           n_results, sim->n_deaths);
    printf("makespan            %.0f s, %.4f of the ideal %.0f s\n", sim->last_result, ratio, ideal);
    printf("lost by deaths      %.4f of the ideal: epochs that were trained again\n",
           sim->lost_seconds / workers / ideal);
    printf("processor time      %.1f us a result, of both ends of all messages (%.1f a result); %.1f s in "
           "all, %.1f s to "
           "begin\n",
           1e6 * cpu, (double)sim->n_messages / (double)n_results, after->cpu - before->cpu,
           opened->cpu - before->cpu);
    printf("memory              %.0f bytes a configuration, %.0f MB in all\n", bytes, after->peak / 1e6);
    printf("wall time           %.1f s; files of experiments %.1f us of processor time each\n",
           after->wall - before->wall, 1e6 * sim->file_cpu_seconds / (double)n_results);
#ifdef __SANITIZE_ADDRESS__ /* costs time and memory of its own */
    return ratio <= 1.05;
#else
    return ratio <= 1.05 && cpu < 200e-6 && bytes < 1024;
#endif
}

static void report_resumed(const ft_sweep *sweep, const cost *opened, const cost *after)
{
    printf("%zu results were there already; %.1f s of processor time, %.1f s, and %.0f MB in all\n",
           sweep->resumed, after->cpu - opened->cpu, after->wall - opened->wall, after->peak / 1e6);
}

/* For the engine: whether enough is done. */
typedef struct stopping {
    const options *options;
    const size_t *n_results;
} stopping;

static int stop(void *context)
{
    const stopping *s = context;
    long after = s->options->stop_after;
    return after > 0 && (long)*s->n_results >= after ? FT_STOP_AT_EPOCH : FT_STOP_NOT;
}

static ft_status run(const options *o, bool *is_good, ft_error *err)
{
    char inputs[4096], model[4200], data[3][4200], epochs[512];
    ft_engine *engine = NULL;
    ft_sweep sweep = {0};
    sim_pool sim = {0};
    ft_worker_pool pool;
    ft_text seeds = FT_TEXT_EMPTY;
    size_t n_results = 0;
    static const char *const parts[] = {"train", "val", "test"};
    snprintf(inputs, sizeof inputs, "%s/.inputs", o->results);
    for (int i = 0; i < 3; i++) snprintf(data[i], sizeof data[i], "%s/%s.csv", inputs, parts[i]);
    snprintf(epochs, sizeof epochs, "epochs=%s", o->epochs);
    ft_status status = seed_values(o, &seeds, err);
    if (status == FT_OK) status = ft_make_directories(o->results, err);
    if (status == FT_OK) status = make_inputs(inputs, model, sizeof model, err);
    const char *grids[] = {seeds.data, "learning_rate=1e-5,2e-5,5e-5,1e-4,2e-4,5e-4,1e-3,2e-3,5e-3,1e-2",
                           "lora_rank=4,8,16,32,64", "context_length=32,64", epochs};
    static const char *const set[] = {"prediction_length=4"};
    ft_sweep_request request = {
        .base = {.name = "sim",
                 .model = model,
                 .target = "Close",
                 .data = {.train = data[0], .val = data[1], .test = data[2]},
                 .set = set,
                 .n_set = 1},
        .grids = grids,
        .n_grids = 5,
        .max_configs = o->configs,
        .scheduler = o->scheduler,
        .retries = o->retries,
        .finished = count_result,
        .context = &n_results,
    };
    stopping until = {o, &n_results};
    const ft_engine_settings settings = {.results = o->results, .stop = stop, .context = &until};
    if (status == FT_OK) status = ft_engine_open(&settings, &engine, err);
    const cost before = cost_now();
    if (status == FT_OK) status = ft_sweep_open(engine, &request, &sweep, err);
    if (status == FT_OK) status = sim_pool_open(&sim, &o->sim, &sweep, &pool, err);
    const cost opened = cost_now();
    if (status == FT_OK) status = ft_coordinate_pool(&sweep, &pool, err);
    const cost after = cost_now();
    if (status == FT_OK && sweep.resumed > 0) report_resumed(&sweep, &opened, &after);
    if ((status == FT_OK || status == FT_INTERRUPTED) && n_results > 0)
        *is_good = report(o, &sim, n_results, &before, &opened, &after);
    sim_pool_close(&sim);
    ft_sweep_close(&sweep);
    ft_engine_close(engine);
    ft_text_free(&seeds);
    return status;
}

int main(int argc, char **argv)
{
    options o = {.epochs = "1,2,3,4,5,6,7,8,9,10",
                 .scheduler = "none",
                 .configs = 100000,
                 .sim = {.n_workers = 100, .spread = 0.2, .heartbeat_seconds = 1, .seed = 1}};
    ft_error err;
    bool is_good = false;
    if (!read_options(argc, argv, &o)) {
        fputs(usage, stderr);
        return FT_BAD_INPUT;
    }
    ft_status status = run(&o, &is_good, &err);
    if (status != FT_OK) fprintf(stderr, "sweep_sim: %s\n", err.message);
    return status != FT_OK ? (int)status : o.check && !is_good;
}
