/* Experiments on their way to an MLflow server while a run or sweep works: that goes on
 * whatever the server does. */
#ifndef FT_CLI_MLFLOW_SENDER_H
#define FT_CLI_MLFLOW_SENDER_H

#include "base/text.h"
#include "host/mlflow/mlflow.h"

/* Start from {.uri = ...}. */
typedef struct ft_mlflow_sender {
    const char *uri; /* NULL: nothing is sent */
    ft_mlflow *mlflow;
    double failed_at; /* ft_now_seconds; 0: it has not failed */
    size_t unsent;    /* experiments that the server does not have */
} ft_mlflow_sender;

/* Sets uri to MLFLOW_TRACKING_URI where that is set and --mlflow is not. FT_BAD_INPUT
 * for a --mlflow that is no server's address; a variable that is none (a database, a
 * directory) is passed over with a line in `remark`. */
ft_status ft_mlflow_sender_begin(ft_mlflow_sender *sender, ft_text *remark, ft_error *err);

/* Sends an experiment. A server that does not answer is waited for as FT_MLFLOW_BRIEF
 * says. On failure it is counted, nothing is sent for a minute, and the first time
 * `remark` gets a line. */
void ft_mlflow_sender_add(ft_mlflow_sender *sender, const ft_experiment *experiment, ft_text *remark);

/* Adds a line with what to do where the server lacks some, and closes the connection. */
void ft_mlflow_sender_end(ft_mlflow_sender *sender, ft_text *remark);

#endif
