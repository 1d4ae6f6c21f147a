/* An experiment on disk: a directory with results.json, written whole or not at all.
 * docs/interface.md §3. */
#ifndef FT_TRACKER_EXPERIMENT_H
#define FT_TRACKER_EXPERIMENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "tracker/metrics.h"

/* One epoch of training; NaN = not known (null in the file). */
typedef struct ft_epoch_record {
    int64_t epoch; /* from 1 */
    double loss, val_loss, learning_rate, grad_norm, seconds, tokens_per_second;
} ft_epoch_record;

typedef enum ft_split { FT_TRAIN, FT_VAL, FT_TEST, FT_N_SPLITS } ft_split;
/* "train", "val", "test". */
extern const char *const ft_split_names[FT_N_SPLITS];
ft_status ft_split_parse(const char *name, ft_split *split, ft_error *err);

/* What results.json holds, its keys in this order. All pointers are owned (malloc,
 * cJSON); NULL objects are written as {}, NULL notes and model_path as "", NULL error as
 * null. Start from a zeroed struct. */
typedef struct ft_experiment {
    char *experiment_id;
    char *timestamp; /* ISO 8601, local time, microseconds */
    cJSON *hyperparams;
    ft_metrics metrics[FT_N_SPLITS]; /* train_metrics, val_metrics, test_metrics */
    cJSON *data_insights;
    ft_epoch_record *training_history; /* (n_epochs) */
    size_t n_epochs;
    char *notes;
    char *model_path;
    char *error; /* NULL: it succeeded */
    cJSON *run;

    char *directory; /* where it lies; not in the file */
} ft_experiment;

void ft_experiment_free(ft_experiment *experiment); /* what it owns, and zeroes it */

/* Checks a name of experiments: 1 to 150 bytes, no '/', control characters or leading '.'
 * or '-'. */
ft_status ft_experiment_check_name(const char *name, ft_error *err);

/* What hears of an experiment before anything of it is on disk. A failure keeps it from
 * being begun. */
typedef struct ft_announcer {
    ft_status (*announce)(void *context, const char *experiment_id, ft_error *err);
    void *context;
} ft_announcer;

/* Makes the experiment's directory under `results` (made if missing) and sets
 * experiment_id, timestamp and directory. The id is <stem>_<YYYYmmdd_HHMMSS>. "_2", "_3",
 * ... is added while such a directory exists; mkdir decides, so two processes never get
 * the same. The announcer (NULL: none) hears of each id that seems free before its
 * directory is made; the last one counts. `when` NULL: now. */
ft_status ft_experiment_begin(ft_experiment *experiment, const char *results, const char *name,
                              int64_t number, int64_t total, const struct timespec *when,
                              const ft_announcer *announcer, ft_error *err);

/* What ids begin with: <name>, or, with number > 0 (the configuration's place in a sweep
 * of `total`, from 1) <name>_<number>, three digits or as many as `total` needs. Returns
 * `stem`. */
enum { FT_STEM_CHARS = 192 };
const char *ft_experiment_stem(const char *name, int64_t number, int64_t total, char stem[FT_STEM_CHARS]);
/* Whether ft_experiment_begin could have given this id, at any time. */
bool ft_experiment_id_fits(const char *id, const char *name, int64_t number, int64_t total);
/* Whether ft_experiment_begin could have given this id for some name and number. */
bool ft_experiment_is_id(const char *id);

ft_status ft_experiment_add_epoch(ft_experiment *experiment, const ft_epoch_record *record, ft_error *err);
/* Adds a sentence to the notes (joined by "; "); an empty one adds nothing. */
ft_status ft_experiment_add_note(ft_experiment *experiment, const char *note, ft_error *err);
/* Adds the reasons in metrics[].notes ("test mase is undefined: ...") to the notes, a
 * reason shared by splits once. */
ft_status ft_experiment_add_metric_notes(ft_experiment *experiment, ft_error *err);

/* When it began, in seconds since 1970; 0 where its timestamp does not say. */
double ft_experiment_began(const ft_experiment *experiment);

/* The text of a member of `run`; "" where there is none. */
const char *ft_experiment_run_text(const ft_experiment *experiment, const char *key);
/* A hash of its data: run.rows_hash (dates and values), else run.data_hash (the files);
 * "" where neither is recorded. */
const char *ft_experiment_data(const ft_experiment *experiment);
/* The epoch after which a scheduler pruned it; 0: none did. */
int64_t ft_experiment_pruned_at(const ft_experiment *experiment);

/* The object of results.json (the caller's), and results.json itself in
 * experiment->directory. */
cJSON *ft_experiment_to_json(const ft_experiment *experiment);
ft_status ft_experiment_write(const ft_experiment *experiment, ft_error *err);

/* Reads one results.json, whoever wrote it: experiment_id (text) and hyperparams (object)
 * must be there, the rest may be missing; a value of the wrong type is FT_BAD_INPUT.
 * `directory` is the one that the file lies in. */
ft_status ft_experiment_read(const char *directory, ft_experiment *experiment, ft_error *err);
/* How much of a file is wanted: what is left out, most of it, costs no time over
 * thousands of experiments. */
typedef enum ft_detail {
    FT_WHOLE,
    FT_HISTORY,  /* without data_insights, and of run FT_RUN_ESSENCE alone */
    FT_SCORES,   /* without training_history, too */
    FT_BASELINES /* the scores, and the baselines */
} ft_detail;
/* Members of `run` that tell which experiments compare, and how one ended. */
#define FT_RUN_ESSENCE "data_hash", "rows_hash", "model_hash", "pruned_at_epoch"
ft_status ft_experiment_read_part(const char *directory, ft_detail detail, ft_experiment *experiment,
                                  ft_error *err);

#endif
