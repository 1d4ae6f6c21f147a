/* What `run` and `sweep` have in common: their options, progress on stderr, and
 * stopping by signals. */
#ifndef FT_CLI_TRAINING_OPTIONS_H
#define FT_CLI_TRAINING_OPTIONS_H

#include "cli/live.h"
#include "cli/mlflow_sender.h"
#include "cli/options.h"
#include "host/ftgpu.h"

typedef struct ft_training_options {
    ft_engine_settings engine;
    ft_experiment_request request;
    int64_t seed;
    ft_live live; /* what is shown; the style is set by _resolve */
    bool is_quiet;
    const char *tensorboard; /* directory for event files; NULL: none */
    ft_mlflow_sender mlflow;
    ft_option_list set;
    char seed_assignment[32];
    const char **assignments; /* set and the seed, for the request */
} ft_training_options;

enum { FT_TRAINING_OPTIONS = 32 };

/* --format of a command that trains: those of tables, and jsonl for events. */
extern const char *const ft_training_formats[];

/* Writes the rows of the common options, without an end, into `table` and returns
 * their number (at most FT_TRAINING_OPTIONS). */
size_t ft_training_options_table(ft_training_options *options, ft_option *table);

/* Progress as live->style has it, stopping by SIGINT, SIGTERM and SIGUSR1, the command
 * line for records, and an MPI launcher's processes: for a command that trains. */
void ft_training_start(ft_engine_settings *engine, ft_live *live, int argc, const char *const *argv,
                       const char *command);

/* After parsing: fills request and engine settings; SIGINT and SIGTERM are caught from
 * here on. */
ft_status ft_training_options_resolve(ft_training_options *options, int argc, const char *const *argv,
                                      const char *command, ft_error *err);
void ft_training_options_free(ft_training_options *options);

/* Writes the experiment's event file where --tensorboard asks for it, and sends it to the
 * MLflow server where --mlflow does. A failure is a warning: the experiment is on disk,
 * and `ftgpu export` does both later. */
void ft_training_publish(ft_training_options *options, const ft_outcome *outcome);
/* Says what an MLflow server lacks, and closes the connection. */
void ft_training_end_publishing(ft_training_options *options);

/* The help's note on hyperparameters. */
void ft_training_notes(ft_text *out);

/* What an unknown option is, where it is a hyperparameter. */
void ft_training_explain(const char *name, ft_text *out);

/* The exit status that goes with how a run ended, after telling the error. Ends
 * `live`. */
int ft_training_finish(ft_live *live, ft_status status, const ft_error *err);

/* Of the processes that an MPI launcher has started, rank 0 alone speaks: stdout and
 * stderr of the others go nowhere. Before anything is printed. */
void ft_silence_followers(void);

#endif
