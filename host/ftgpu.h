/* libftgpu: fine-tune Chronos-T5 with LoRA over grids of hyperparameters, record every experiment, forecast.
 *
 *     ft_engine_settings settings = {.results = "results/fine_tuning"};
 *     ft_experiment_request request = {.name = "baseline", .model = "chronos-t5-small", .target = "Close",
 *                                      .data = {.train = "train.csv", .val = "val.csv", .test = "test.csv"}};
 *     if (ft_engine_open(&settings, &engine, &err) == FT_OK && ft_run_experiment(engine, &request, &outcome,
 * &err) == FT_OK) printf("test MAE %g\n", outcome.test.mae);
 *
 * Functions return a status; on failure the ft_error, which may be NULL, holds one line that names the file,
 * line, key or tensor at fault. Nothing is printed, nothing exits. What is passed in is the caller's and must
 * live for the call: an engine copies the texts of its settings. What must be there and is NULL is
 * FT_BAD_INPUT.
 *
 * An engine serves one call at a time, in the process that opened it; a call while another is under way, from
 * one of its callbacks too, and a call in another process are FT_BAD_INPUT. Threads that work at the same
 * time need an engine each. A child that is forked by a process which has computed cannot compute, not even
 * with an engine of its own, unless it calls exec.
 *
 * The CPU's threads are OpenMP's. While they wait they keep their cores busy for milliseconds, which costs
 * much on a machine that others use, too: set GOMP_SPINCOUNT=1000 in the environment before the process
 * starts, as the program ftgpu does for itself. A library cannot: OpenMP reads it when the process starts. */
#ifndef FTGPU_H
#define FTGPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A device, and where results go. */
typedef struct ft_engine ft_engine;

typedef struct ft_engine_settings {
    const char *results; /* directory of experiments; NULL: results/fine_tuning */
    const char *device;  /* "auto" (the first GPU, else the CPU), "cpu", "cuda", "cuda:1", for workers
                           "cuda:0,2"; NULL: auto */
    const char *dtype;   /* "auto", "f32", "bf16"; NULL: auto, which is bf16 where the device is faster by
                            it, as measured once */
    int64_t threads;     /* 0: all cores that the process may use */
    bool launched; /* the processes that an MPI launcher (mpirun, srun) has started together, this one among
                      them, make the same calls with the same arguments and train each adapter batch together;
                      rank 0 writes the files and tells the progress, and all have the same results. false, or
                      no launcher: this process is alone */
    const char *command_line;                          /* recorded in results.json; may be NULL */
    void (*progress)(void *context, const char *line); /* a line an epoch and an event; may be NULL */
    int (*stop)(void *context); /* asked after each step: 0 to go on, 1 to stop at the end of an epoch, 2 to
                                   stop now; may be NULL */
    void (*fetching)(void *context, const char *file, int64_t done, int64_t total); /* about 5 times a second
                                   while a model comes from the Hugging Face Hub: bytes of a file that are
                                   here, of how many (-1: unknown); file is NULL at first; may be NULL */
    void *context;
} ft_engine_settings;

ft_status ft_engine_open(const ft_engine_settings *settings, ft_engine **engine, ft_error *err);
/* NULL is fine. In another process than the one that opened it, the device is left alone. */
void ft_engine_close(ft_engine *engine);

/* How CSV files are read. NULL and false: as the files themselves show; what they leave open is refused with
 * the option that settles it. */
typedef struct ft_csv_options {
    const char *timestamp;   /* date column; NULL: the first */
    const char *id;          /* column that tells several series apart, or several: "store,item"; NULL: one
                                series */
    const char *separator;   /* of cells: one character, or "tab" */
    const char *decimal;     /* "." or "," */
    const char *thousands;   /* between groups of three digits: one character */
    const char *date_format; /* strptime's: "%d.%m.%Y %H:%M" */
    const char *missing;     /* words for a missing value besides pandas': "-,." */
    bool sort;               /* rows may come in any order */
    const char *duplicates; /* of rows with one date take "mean", "first" or "last"; NULL: they are refused */
} ft_csv_options;

/* CSV files: train, val and test, or one file with split "0.7,0.15,0.15". They may be compressed by gzip. */
typedef struct ft_data_files {
    const char *train, *val, *test, *data, *split;
    ft_csv_options csv;
    int64_t train_last; /* keep only the last so many training rows; 0: all */
} ft_data_files;

/* One experiment, or what all experiments of a sweep share. */
typedef struct ft_experiment_request {
    const char *name;    /* NULL: "experiment" */
    const char *notes;   /* NULL: none */
    const char *model;   /* model directory, or ORG/NAME[@REVISION] on the Hugging Face Hub; NULL: the
                            built-in one, ftgpu-nano */
    const char *adapter; /* PEFT directory to go on from; NULL: a fresh adapter */
    const char *target;  /* column to forecast */
    ft_data_files data;
    const char *const *set; /* (n_set) hyperparameters, "key=value" */
    size_t n_set;
    int64_t season;              /* of mase and seasonal naive; 0: 1 */
    int64_t eval_windows;        /* at most, per split; 0: 256 */
    int64_t gpus_per_experiment; /* that share each step of a training; 0: 1. More than 1 needs an engine that
                                    has done nothing yet */
} ft_experiment_request;

/* Metrics of one split; NaN where undefined. */
typedef struct ft_scores {
    double mae, rmse, mase, directional_accuracy, smape, wql, coverage_80;
} ft_scores;

typedef struct ft_outcome {
    char experiment_id[256];
    char directory[4096];
    bool failed; /* recorded with `error` */
    char error[1024];
    int64_t
        pruned_at_epoch; /* a sweep's scheduler stopped it after this epoch, without metrics; 0: it did not */
    ft_scores train, val, test;
} ft_outcome;

/* Trains, evaluates and records one experiment. FT_FAILED when it was recorded as failed (outcome says so).
 */
ft_status ft_run_experiment(ft_engine *engine, const ft_experiment_request *request, ft_outcome *outcome,
                            ft_error *err);

enum { FT_MOST_SHARDS = 1000000 };

typedef struct ft_sweep_request {
    ft_experiment_request base;
    const char *const *grids; /* (n_grids) "key=v1,v2,...": the last varies fastest */
    size_t n_grids;
    const char *grid_file; /* JSON: an object of lists */
    const char *configs;   /* JSON: a list of objects, instead of a grid */
    int64_t max_configs;   /* 0: 100,000 */
    int64_t max_adapters; /* trained in one pass at most; 0: as many as the device gains from, up to 16, which
                             is measured once and kept in $XDG_CACHE_HOME/ftgpu or ~/.cache/ftgpu */
    int64_t workers;  /* processes that train; -1: one a device; 0: none, this one does. Processes can only
                         be started from an engine that has done nothing yet; they end with this one */
    int64_t shard;    /* 1 ... n_shards: this process trains this part of the sweep, and others may train
                         theirs at the same time */
    int64_t n_shards; /* at most FT_MOST_SHARDS; 0: this process trains all of it */
    int64_t retries;  /* deaths of workers, without a result in between, that a batch of adapters survives;
                         0: 2 */
    double worker_timeout; /* seconds without a sign of life after which a worker is ended; 0: 1800 */
    const char *scheduler; /* "none", "asha", "median": stops configurations early by val_loss; NULL: none */
    double eta;            /* asha goes on with the best 1 / eta; 0: 3 */
    int64_t grace_epochs;  /* no configuration is stopped before; 0: 1 */
    void (*finished)(void *context, const ft_outcome *outcome); /* after each experiment; may be NULL */
    void *context;
} ft_sweep_request;

/* Of the configurations that are this process's: without shards, of all. */
typedef struct ft_sweep_summary {
    size_t configurations, done;
    size_t failed;        /* of those done, recorded with an error */
    size_t pruned;        /* of those done, stopped by the scheduler */
    size_t resumed;       /* of those done, by an earlier start of the same sweep */
    size_t all, all_done; /* of the whole sweep, whoever did them */
} ft_sweep_summary;

/* Runs every configuration. A configuration that fails is recorded and the sweep goes on; the status is FT_OK
 * when all were recorded, failed ones included. Interrupted at any instant, the same request goes on where it
 * stopped (its state is in <results>/.sweeps/<name>/); FT_BAD_INPUT when data, model or arguments changed
 * since, or another process runs a sweep, or the shard, of that name. */
ft_status ft_run_sweep(ft_engine *engine, const ft_sweep_request *request, ft_sweep_summary *summary,
                       ft_error *err);

/* Forecasts beyond the end of each series of a file. */
typedef struct ft_forecast_job {
    const char *model, *adapter; /* directories, the model also ORG/NAME[@REVISION] on the Hugging Face
                                    Hub; either may be NULL: the built-in model, no adapter */
    const char *experiment;      /* of the engine's results, instead of an adapter: an id or the beginning of
                                    one, or "best"; NULL: none. model, when NULL, is then what the
                                    experiment was tuned on: another is FT_BAD_INPUT */
    const char *metric;          /* what "best" means, on the test split; NULL: mae */
    const char *data;            /* "-": stdin; a pipe will do */
    const char *target;
    ft_csv_options csv;
    const char *freq; /* frequency of the forecast dates as pandas names it, "B", "W-FRI", "15min"; NULL:
                         taken from the dates of each series */
    int64_t context_length;  /* last rows that are looked at; 0: as the experiment was tuned, without one
                                chronos_config's */
    int64_t horizon;         /* 0: the experiment's prediction_length, without one chronos_config's */
    const double *quantiles; /* (n_quantiles) in (0, 1), no two the same; 0 of them: 0.1 ... 0.9. 0.5 is
                                added where it is not among them */
    size_t n_quantiles;
    int64_t num_samples; /* 0, and likewise below: chronos_config's */
    double temperature, top_p;
    int64_t top_k; /* -1: chronos_config's; 0: off */
    uint32_t seed;
    const char *out; /* CSV file, written whole or not at all; NULL: into *text */
} ft_forecast_job;

/* CSV with item_id, timestamp, target_name, predictions (the mean of the sampled paths) and a column a
 * quantile; metrics measure the column 0.5. *text is malloc'd where job->out is NULL. What is worth a word
 * (the experiment's lengths, series without values) goes to the engine's progress. job->out must not be an
 * input, by whatever name. */
ft_status ft_forecast_csv(ft_engine *engine, const ft_forecast_job *job, char **text, ft_error *err);

#ifdef __cplusplus
}
#endif
#endif
