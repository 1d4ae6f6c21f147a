/* Forecasts as ChronosPipeline.predict makes them: sampled paths for many series and
 * adapters at once. docs/reference.md §5. */
#ifndef FT_MODEL_FORECAST_H
#define FT_MODEL_FORECAST_H

#include "kernels/comm.h"
#include "model/tokenizer.h"
#include "model/trainable.h"

/* One series to forecast, with the adapter that forecasts it. */
typedef struct ft_forecast_request {
    const float *values; /* the history, NaN = missing; the caller's */
    int64_t count;       /* may be 0 */
    int32_t adapter;     /* index in the trainable; 0 when it holds no adapter */
    /* keys the random numbers, with the seed and the sample's number */
    uint32_t series;
} ft_forecast_request;

typedef struct ft_forecast_settings {
    int32_t context_length; /* last values that are looked at */
    /* tokens drawn before the context moves on by the median of the paths */
    int32_t prediction_length;
    int32_t horizon; /* values to forecast */
    int32_t num_samples;
    float temperature, top_p;
    int32_t top_k;
    uint32_t seed;
    bool (*stop)(void *context); /* asked between groups of series; NULL: never */
    void *context;
    /* The devices that share the requests (data-parallel); NULL: this one alone.
     * ft_forecast is called on each with the same arguments, and all get all samples. All
     * end when the first one fails or is asked to stop. */
    ft_comm *comm;
} ft_forecast_settings;

/* Settings from chronos_config for one chunk or more of a horizon. */
ft_forecast_settings ft_forecast_defaults(const ft_chronos_config *config, int32_t horizon);

/* Writes samples: (n_requests, num_samples, horizon). The requests must be in the order
 * of their adapters. The result of a request does not depend on the others.
 * FT_INTERRUPTED when `stop` returned true. */
ft_status ft_forecast(const ft_trainable *trainable, const ft_forecast_request *requests, int64_t n_requests,
                      const ft_forecast_settings *settings, float *samples, ft_error *err);

/* Writes tokens instead of values, for one chunk, on this device alone. tokens:
 * (n_requests, num_samples, prediction_length). */
ft_status ft_forecast_tokens(const ft_trainable *trainable, const ft_forecast_request *requests,
                             int64_t n_requests, const ft_forecast_settings *settings, int32_t *tokens,
                             ft_error *err);

#endif
