/* Sends experiments to an MLflow tracking server, by its REST interface (2.0):
 * parameters, metrics by epoch, tags, and the adapter as artifact. */
#ifndef FT_HOST_MLFLOW_MLFLOW_H
#define FT_HOST_MLFLOW_MLFLOW_H

#include "tracker/experiment.h"

/* A server, and the connection to it. */
typedef struct ft_mlflow ft_mlflow;

/* How long a server is waited for. */
typedef enum ft_mlflow_patience {
    FT_MLFLOW_PATIENT, /* until 10 s pass without a byte */
    FT_MLFLOW_BRIEF    /* 5 s for an answer, 60 s for a file; for a sweep, which waits */
} ft_mlflow_patience;

/* uri: "http://host:5000"; patience: for each request. The name and password, or the
 * token, are those of MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD and
 * MLFLOW_TRACKING_TOKEN. Asks the server nothing yet. FT_BAD_INPUT for an address that is
 * no server's (sqlite:, a directory, databricks); FT_FAILED without libcurl. */
ft_status ft_mlflow_open(const char *uri, ft_mlflow_patience patience, ft_mlflow **mlflow, ft_error *err);
void ft_mlflow_close(ft_mlflow *mlflow); /* NULL is fine */

/* Sends one experiment as a run of the MLflow experiment MLFLOW_EXPERIMENT_NAME, or,
 * where that is not set, of one named as the sweep (the id without number and time).
 * Needed with its history (FT_WHOLE). *is_new is false where the server had all of it
 * already. What an interrupted call has sent is completed, and nothing is there twice.
 * FT_FAILED, with the server's reason. */
ft_status ft_mlflow_send(ft_mlflow *mlflow, const ft_experiment *experiment, bool *is_new, ft_error *err);

#endif
