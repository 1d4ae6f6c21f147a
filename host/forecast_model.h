/* What a forecast is made with: a model and an adapter by their directories, or those
 * of a recorded experiment, wherever its results lie now. */
#ifndef FT_HOST_FORECAST_MODEL_H
#define FT_HOST_FORECAST_MODEL_H

#include "host/experiment/engine.h"
#include "model/weights.h"

/* Freed by ft_forecast_model_free. Without an experiment only model and adapter are
 * set. */
typedef struct ft_forecast_model {
    char *model;         /* directory, to be read */
    char *adapter;       /* directory; NULL: none */
    char *experiment_id; /* NULL: of none */
    /* by what it is the best, and its figure on test; NULL: it was asked for by its id */
    char *chosen_by;
    char *harm; /* the verdict on the best, where it is not to ship it; else NULL */
    /* of the base model that the experiment was tuned on; NULL: not recorded */
    char *hash;
    /* that it was tuned and measured with; 0: not known */
    int64_t context_length, prediction_length;
} ft_forecast_model;

/* Finds them. Of an experiment the adapter is the one beside results.json; the base
 * model is job->model, or the recorded path, as it is or from where the run was
 * started. Warnings go to the engine's progress. FT_BAD_INPUT, naming what was looked
 * for, where something is missing. */
ft_status ft_forecast_model_find(const ft_engine *engine, const ft_forecast_job *job,
                                 ft_forecast_model *found, ft_error *err);
void ft_forecast_model_free(ft_forecast_model *found);

/* FT_BAD_INPUT where the weights are not those that the experiment was tuned on, with
 * both hashes. */
ft_status ft_forecast_model_check(const ft_forecast_model *found, const ft_weights *weights, ft_error *err);

#endif
