/* libftgpu: fine-tune Chronos-T5 with LoRA over grids of hyperparameters, record every
 * experiment, forecast.
 *
 *     ft_engine_settings settings = {.results = "results/fine_tuning"};
 *     ft_experiment_request request = {
 *         .name = "baseline", .model = "chronos-t5-small", .target = "Close",
 *         .data = {.train = "train.csv", .val = "val.csv", .test = "test.csv"}};
 *     if (ft_engine_open(&settings, &engine, &err) == FT_OK &&
 *         ft_run_experiment(engine, &request, &outcome, &err) == FT_OK)
 *         printf("test MAE %g\n", outcome.test.mae);
 *
 * Functions return a status. On failure the ft_error (which may be NULL) holds one line
 * that names the file, line, key or tensor at fault. The library prints nothing and never
 * exits. Arguments stay the caller's and must live until the call returns; an engine
 * copies the texts of its settings. A required argument that is NULL is FT_BAD_INPUT.
 *
 * An engine serves one call at a time, in the process that opened it. A second call at
 * the same time (also from a callback), or in another process, is FT_BAD_INPUT. Threads
 * that work at the same time need an engine each. A process that has computed must not
 * fork a child that computes, not even with its own engine, unless the child calls exec.
 *
 * The CPU's threads are OpenMP's. By default waiting threads keep their cores busy for
 * milliseconds, which is slow on a shared machine: set GOMP_SPINCOUNT=1000 in the
 * environment before the process starts, as the program ftgpu does for itself. A library
 * cannot do that: OpenMP reads it at the start of the process. */
#ifndef FTGPU_H
#define FTGPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Metrics of one split (docs/reference.md §7); NaN where undefined. */
typedef struct ft_scores {
    double mae, rmse, mase, directional_accuracy, smape, wql, coverage_80;
} ft_scores;

typedef struct ft_outcome {
    char experiment_id[256];
    char directory[4096];
    bool failed; /* recorded with `error` */
    char error[1024];
    /* the epoch after which a sweep's scheduler pruned it; it has no metrics then. 0: not
     * pruned */
    int64_t pruned_at_epoch;
    ft_scores train, val, test;
} ft_outcome;

/* What happens while a run or a sweep works. */
typedef enum ft_event_kind {
    FT_EVENT_SWEEP, /* a sweep begins or resumes; configuration is 0 */
    /* the baselines, zero-shot and seasonal naive, are about to be evaluated;
     * configuration is 0 */
    FT_EVENT_BASELINES,
    FT_EVENT_TRAINING, /* a step was trained; at most five times a second */
    FT_EVENT_EPOCH,    /* an epoch ended and val_loss is known */
    /* the metrics of a trained configuration are about to be computed; all that are
     * forecast together are told of before the first of them is finished */
    FT_EVENT_EVALUATING,
    FT_EVENT_FINISHED, /* the experiment is on disk, failed ones included */
    FT_N_EVENTS
} ft_event_kind;

/* What belongs to some kinds of events alone is under their names; in other events it is
 * 0, "" or NULL. An undefined number is NaN. Pointers are valid during the call. */
typedef struct ft_event {
    ft_event_kind kind;
    size_t configuration;    /* from 1, in the order of the grid */
    size_t configurations;   /* of the whole sweep; 0: a run */
    const char *what_varies; /* "learning_rate=0.001 lora_rank=8": what the grid sets */
    /* TRAINING, EPOCH: epochs of the configuration. SWEEP: epochs that this process's
     * shard has left to train */
    int64_t epochs;
    /* TRAINING, EPOCH: epochs_done: 1.5 in the middle of the second. The others: means of
     * this epoch so far, the last learning rate; val_loss: EPOCH alone */
    double epochs_done, loss, val_loss, learning_rate, grad_norm, tokens_per_second;
    /* SWEEP: configurations of this process's shard: all of them, those that earlier
     * starts recorded, and how many of these failed or were pruned */
    size_t own, done, failed, pruned;
    const ft_outcome *outcome; /* FINISHED */
} ft_event;

/* A device, and where results go. */
typedef struct ft_engine ft_engine;

#define FT_DEFAULT_RESULTS "results/fine_tuning"
enum { FT_DEFAULT_EVAL_WINDOWS = 256 };

typedef struct ft_engine_settings {
    const char *results; /* directory of experiments; NULL: FT_DEFAULT_RESULTS */
    /* "auto" (the first GPU, else the CPU), "cpu", "cuda", "cuda:1", or for workers
     * "cuda:0,2"; NULL: auto */
    const char *device;
    /* "auto", "f32", "bf16"; NULL: auto, which is bf16 if that is faster on the device
     * (measured once) */
    const char *dtype;
    int64_t threads; /* 0: all cores that the process may use */
    /* All processes started by an MPI launcher (mpirun, srun) make the same calls with
     * the same arguments and train each adapter batch together. Rank 0 writes the
     * files and reports progress; all get the same results. false, or no launcher:
     * this process works alone. */
    bool launched;
    const char *command_line; /* recorded in results.json; may be NULL */
    /* called with a line for people: notes, warnings and, without `event`, a line for
     * each epoch; may be NULL */
    void (*progress)(void *context, const char *line);
    /* called when something happens; may be NULL */
    void (*event)(void *context, const ft_event *event);
    /* called after each step; returns 0 to go on, 1 to stop at the end of the epoch, 2 to
     * stop now; may be NULL */
    int (*stop)(void *context);
    /* called about 5 times a second while a model is downloaded from the Hugging Face
     * Hub: `done` of `total` bytes (-1: unknown) of `file` (NULL at first); may be
     * NULL */
    void (*fetching)(void *context, const char *file, int64_t done, int64_t total);
    void *context; /* passed to the callbacks */
} ft_engine_settings;

ft_status ft_engine_open(const ft_engine_settings *settings, ft_engine **engine, ft_error *err);
/* NULL is fine. In a process other than the one that opened it, the device is not
 * touched. */
void ft_engine_close(ft_engine *engine);

/* How CSV files are read. NULL and false: detected from the file; a file that can be read
 * in two ways is refused with the option that settles it. */
typedef struct ft_csv_options {
    const char *timestamp; /* date column; NULL: the first */
    /* column, or columns ("store,item"), that tell several series apart; NULL: one
     * series */
    const char *id;
    const char *separator;   /* of cells: one character, or "tab" */
    const char *decimal;     /* "." or "," */
    const char *thousands;   /* between groups of three digits: one character */
    const char *date_format; /* strptime's: "%d.%m.%Y %H:%M" */
    const char *missing;     /* words for a missing value besides pandas': "-,." */
    bool sort;               /* rows may be in any order */
    /* of rows with the same date take the "mean", "first" or "last"; NULL: refuse them */
    const char *duplicates;
} ft_csv_options;

/* CSV files, which may be compressed by gzip: train, val and test, or one file `data`
 * with split "0.7,0.15,0.15". */
typedef struct ft_data_files {
    const char *train, *val, *test, *data, *split;
    ft_csv_options csv;
    int64_t train_last; /* use only the last so many training rows; 0: all */
} ft_data_files;

/* One experiment, or what all experiments of a sweep share. */
typedef struct ft_experiment_request {
    const char *name;  /* NULL: "experiment" */
    const char *notes; /* NULL: none */
    /* model directory, or ORG/NAME[@REVISION] on the Hugging Face Hub; NULL: the built-in
     * ftgpu-nano */
    const char *model;
    const char *adapter; /* PEFT directory to continue from; NULL: a fresh adapter */
    const char *target;  /* column to forecast */
    ft_data_files data;
    const char *const *set; /* (n_set) hyperparameters, "key=value" */
    size_t n_set;
    /* in rows, for mase and seasonal naive; 0: that of the dates' frequency, hourly 24
     * (docs/reference.md §7) */
    int64_t season;
    /* the most windows evaluated in a split; 0: FT_DEFAULT_EVAL_WINDOWS */
    int64_t eval_windows;
    /* sample paths of each window in an evaluation; 0: chronos_config's num_samples */
    int64_t eval_samples;
    /* GPUs that share each training step; 0: 1. More than 1 requires an engine that has
     * not been used yet. */
    int64_t gpus_per_experiment;
} ft_experiment_request;

/* Trains, evaluates and records one experiment. FT_FAILED if it was recorded as failed;
 * the outcome says so. */
ft_status ft_run_experiment(ft_engine *engine, const ft_experiment_request *request, ft_outcome *outcome,
                            ft_error *err);

enum { FT_MOST_SHARDS = 1000000 };

typedef struct ft_sweep_request {
    ft_experiment_request base;
    const char *const *grids; /* (n_grids) "key=v1,v2,...": the last varies fastest */
    size_t n_grids;
    const char *grid_file; /* JSON: an object of lists */
    const char *configs;   /* JSON: a list of objects, instead of a grid */
    /* how many times each configuration is trained: with its own seed, and with the next
     * ones; without grids and configs that is `base`. 0: 1 */
    int64_t seeds;
    int64_t max_configs; /* 0: 100,000 */
    /* the most configurations trained in one pass; 0: as many as make the device faster,
     * up to 16, which is measured once and cached in $XDG_CACHE_HOME/ftgpu or
     * ~/.cache/ftgpu */
    int64_t max_adapters;
    /* processes that train; -1: one for each device; 0: none, this process trains.
     * Worker processes require an engine that has not been used yet, and end with this
     * process. */
    int64_t workers;
    /* 1 ... n_shards: this process trains that part of the sweep; others may train theirs
     * at the same time */
    int64_t shard;
    int64_t n_shards; /* at most FT_MOST_SHARDS; 0: this process trains the whole sweep */
    /* deaths of workers, without a result in between, after which a batch of
     * configurations is split; 0: 2 */
    int64_t retries;
    /* seconds without a heartbeat until a worker is killed; 0: 1800 */
    double worker_timeout;
    const char *scheduler; /* "none", "asha", "median": prunes by val_loss; NULL: none */
    double eta;            /* asha keeps the best 1 / eta; 0: 3 */
    int64_t grace_epochs;  /* no configuration is pruned before; 0: 1 */
    /* HTML file with what is recorded of this sweep so far (docs/report.md), written
     * again every few seconds, whole or not at all. If it cannot be written at the start,
     * the sweep fails; later there is a warning. NULL: none */
    const char *report;
    /* called after each experiment; may be NULL */
    void (*finished)(void *context, const ft_outcome *outcome);
    void *context; /* passed to `finished` */
} ft_sweep_request;

/* Counts of the configurations of this process's shard; without shards, of all. */
typedef struct ft_sweep_summary {
    size_t configurations, done;
    size_t failed;        /* of those done, recorded with an error */
    size_t pruned;        /* of those done, stopped by the scheduler */
    size_t resumed;       /* of those done, by an earlier start of the same sweep */
    size_t all, all_done; /* of the whole sweep, over all shards */
} ft_sweep_summary;

/* Trains every configuration. One that fails is recorded and the sweep goes on; FT_OK
 * when all are recorded, failed ones included. After an interruption at any moment the
 * same request resumes (the state is in <results>/.sweeps/<name>/). FT_BAD_INPUT if
 * data, model or arguments have changed since, or if another process runs a sweep of
 * that name or the same shard. */
ft_status ft_run_sweep(ft_engine *engine, const ft_sweep_request *request, ft_sweep_summary *summary,
                       ft_error *err);

/* Forecasts beyond the end of each series of a file. */
typedef struct ft_forecast_job {
    /* directories; the model also as ORG/NAME[@REVISION] on the Hugging Face Hub; either
     * may be NULL: the built-in model, no adapter */
    const char *model, *adapter;
    /* instead of an adapter, an experiment in the engine's results: an id, the beginning
     * of one, or "best"; NULL: none. model, if NULL, is then the one that the experiment
     * was tuned on; another is FT_BAD_INPUT. */
    const char *experiment;
    const char *metric; /* that "best" goes by; NULL: mae */
    const char *split;  /* that "best" goes by: "val" or "test"; NULL: val */
    /* "best" is chosen among experiments whose id matches this glob; NULL: among all */
    const char *match;
    const char *data; /* "-": stdin, which may be a pipe */
    const char *target;
    ft_csv_options csv;
    /* frequency of the forecast dates in pandas' notation, "B", "W-FRI", "15min"; NULL:
     * detected from the dates of each series */
    const char *freq;
    /* the last rows that the model sees; 0: the experiment's context_length, or without
     * one chronos_config's */
    int64_t context_length;
    /* rows to forecast; 0: the experiment's prediction_length, or without one
     * chronos_config's */
    int64_t horizon;
    /* (n_quantiles) in (0, 1), all different; none: 0.1 ... 0.9. 0.5 is added if it is
     * missing. */
    const double *quantiles;
    size_t n_quantiles;
    int64_t num_samples; /* this and the next two: 0: chronos_config's */
    double temperature, top_p;
    int64_t top_k; /* -1: chronos_config's; 0: off */
    uint32_t seed;
    const char *out; /* CSV file, written whole or not at all; NULL: into *text */
} ft_forecast_job;

/* Writes a CSV with item_id, timestamp, target_name, predictions (the mean of the
 * sampled paths) and a column for each quantile; metrics measure the column 0.5. *text
 * is malloc'd if job->out is NULL. Remarks (the experiment's lengths, series without
 * values) go to the engine's progress callback. job->out must not be one of the
 * inputs, under any name. */
ft_status ft_forecast_csv(ft_engine *engine, const ft_forecast_job *job, char **text, ft_error *err);

#ifdef __cplusplus
}
#endif
#endif
