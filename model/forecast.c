/* Forecasts as ChronosPipeline.predict makes them; see forecast.h. */
#include "model/forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/decode.h"

/* The most that a group of series has: device memory of its caches and activations, and
 * paths. */
typedef struct group_limits {
    size_t bytes;
    int32_t paths;
} group_limits;

/* A small group keeps a CPU busy. A GPU takes as long for a token as it takes to read the
 * weights, however many the paths: so on a large GPU a group may take a sixteenth of the
 * memory. A sweep's plan leaves a fifth of the memory free. */
static group_limits limits_of(const ft_backend *backend)
{
    const group_limits small = {(size_t)768 << 20, 640}, large = {backend->memory_bytes / 16, 5120};
    return !backend->host_memory && large.bytes > small.bytes ? large : small;
}

ft_forecast_settings ft_forecast_defaults(const ft_chronos_config *config, int32_t horizon)
{
    return (ft_forecast_settings){.context_length = config->context_length,
                                  .prediction_length = config->prediction_length,
                                  .horizon = horizon,
                                  .num_samples = config->num_samples,
                                  .temperature = config->temperature,
                                  .top_p = config->top_p,
                                  .top_k = config->top_k};
}

/* A history that grows by the medians of its chunks. */
typedef struct history {
    /* (context_length + horizon): the last context values, then the medians */
    float *values;
    int64_t count;
} history;

/* Values that the encoder sees of a history. */
static int64_t visible(int64_t count, int32_t context_length)
{
    return count < context_length ? count : context_length;
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* torch.median: the lower of the two middle values. */
static float lower_median(float *values, int32_t count)
{
    qsort(values, (size_t)count, sizeof *values, compare_floats);
    return values[(count - 1) / 2];
}

/* Series of one decoder call, of n_requests: as many as the memory allows. */
static int64_t group_size(const ft_trainable *trainable, const ft_forecast_settings *settings,
                          int64_t n_requests, int32_t n_tokens)
{
    const group_limits limits = limits_of(trainable->model->backend);
    int64_t size = limits.paths / settings->num_samples;
    if (size < 1) size = 1;
    if (size > n_requests) size = n_requests;
    while (size > 1) {
        ft_decode_shape shape = {trainable->n_adapters > 0 ? trainable->n_adapters : 1, (int32_t)size,
                                 settings->num_samples, settings->context_length + 1, n_tokens};
        if (ft_decoder_bytes(trainable, &shape) <= limits.bytes) break;
        size = (size + 1) / 2;
    }
    return size;
}

/* One group of series, one chunk: tokens (n, num_samples, n_tokens) and the scales of the
 * contexts. */
static ft_status run_group(ft_decoder *decoder, const ft_tokenizer *tokenizer,
                           const ft_forecast_request *requests, const history *histories, int32_t n,
                           const ft_forecast_settings *settings, uint32_t first_step, uint32_t *series,
                           int32_t *tokens, float *scales, ft_error *err)
{
    ft_inputs *in = ft_decoder_inputs(decoder);
    int64_t longest = 0;
    for (int32_t i = 0; i < n; i++) {
        int64_t length = visible(histories[i].count, settings->context_length);
        if (length > longest) longest = length;
    }
    in->encoder_length = (int32_t)longest + 1;
    in->n_sequences = n;
    for (int32_t i = 0; i < n; i++) {
        scales[i] =
            ft_tokenizer_context(tokenizer, histories[i].values, histories[i].count, settings->context_length,
                                 in->encoder_ids + (int64_t)i * in->encoder_length,
                                 in->key_mask + (int64_t)i * in->encoder_length, in->encoder_length);
        series[i] = requests[i].series;
    }
    for (int32_t g = 0, i = 0; g <= in->n_adapters; g++) {
        while (i < n && requests[i].adapter < g) i++;
        in->sequence_start[g] = i;
    }
    ft_decode_sampling sampling = {settings->temperature, settings->top_p, settings->top_k, series,
                                   settings->seed,        first_step};
    return ft_decoder_run(decoder, &sampling, tokens, err);
}

/* The outputs of a call; exactly one of them is not NULL. */
typedef struct outputs {
    float *samples;
    int32_t *tokens;
} outputs;

/* Decodes one series' tokens into its samples and appends the medians to its history.
 * sorted: (num_samples) scratch. */
static void store_chunk(const ft_tokenizer *tokenizer, const ft_forecast_settings *settings,
                        const int32_t *tokens, float scale, int32_t done, int32_t n_tokens, float *samples,
                        history *past, float *sorted)
{
    for (int32_t t = 0; t < n_tokens; t++) {
        for (int32_t k = 0; k < settings->num_samples; k++) {
            float value = ft_tokenizer_decode(tokenizer, tokens[(int64_t)k * n_tokens + t], scale);
            samples[(int64_t)k * settings->horizon + done + t] = value;
            sorted[k] = value;
        }
        past->values[past->count++] = lower_median(sorted, settings->num_samples);
    }
}

/* A decoder that is reused from group to group while the number of tokens stays the
 * same. */
typedef struct kept_decoder {
    ft_decoder *decoder;
    ft_decode_shape shape;
} kept_decoder;

static ft_status need_decoder(const ft_trainable *trainable, kept_decoder *kept, int32_t n_tokens,
                              ft_error *err)
{
    if (kept->decoder && kept->shape.n_tokens == n_tokens) return FT_OK;
    ft_decoder_free(kept->decoder);
    kept->shape.n_tokens = n_tokens;
    return ft_decoder_create(trainable, &kept->shape, &kept->decoder, err);
}

/* Creates the first decoder; halves the group until the device has memory for it. All
 * ranks have groups of one size. */
static ft_status open_decoder(const ft_trainable *trainable, kept_decoder *kept, int32_t n_tokens,
                              ft_comm *comm, ft_error *err)
{
    for (;;) {
        ft_status status = ft_comm_agree(comm, need_decoder(trainable, kept, n_tokens, err), NULL, err);
        if (status != FT_NO_MEMORY || kept->shape.n_series == 1) return status;
        ft_decoder_free(kept->decoder);
        kept->decoder = NULL;
        kept->shape.n_series = (kept->shape.n_series + 1) / 2;
    }
}

/* Tokens that are drawn before the context moves on. */
static int32_t chunk_of(const ft_forecast_settings *settings)
{
    return settings->prediction_length < settings->horizon ? settings->prediction_length : settings->horizon;
}

static ft_status forecast_group(const ft_trainable *trainable, const ft_tokenizer *tokenizer,
                                const ft_forecast_request *requests, int32_t n,
                                const ft_forecast_settings *settings, kept_decoder *kept, outputs out,
                                ft_error *err)
{
    int32_t chunk = chunk_of(settings);
    size_t history_values = (size_t)settings->context_length + (size_t)settings->horizon;
    size_t n_tokens = (size_t)n * (size_t)settings->num_samples * (size_t)chunk;
    history *histories = calloc((size_t)n, sizeof *histories);
    float *values = malloc((size_t)n * history_values * sizeof *values);
    int32_t *tokens = malloc(n_tokens * sizeof *tokens);
    float *scales = malloc((size_t)n * sizeof *scales);
    uint32_t *series = malloc((size_t)n * sizeof *series);
    float *sorted = malloc((size_t)settings->num_samples * sizeof *sorted);
    ft_status status = FT_OK;
    if (!histories || !values || !tokens || !scales || !series || !sorted) {
        status = ft_no_memory(err, "a group of forecasts", (size_t)n * history_values * 4 + n_tokens * 4);
        goto cleanup;
    }
    for (int32_t i = 0; i < n; i++) {
        int64_t count = visible(requests[i].count, settings->context_length);
        histories[i] = (history){values + (size_t)i * history_values, count};
        memcpy(histories[i].values, requests[i].values + (requests[i].count - count),
               (size_t)count * sizeof *values);
    }
    for (int32_t done = 0; done < settings->horizon && status == FT_OK;) {
        int32_t now = settings->horizon - done < chunk ? settings->horizon - done : chunk;
        status = need_decoder(trainable, kept, now, err);
        if (status != FT_OK) break;
        status = run_group(kept->decoder, tokenizer, requests, histories, n, settings, (uint32_t)done, series,
                           tokens, scales, err);
        if (status != FT_OK) break;
        if (out.tokens) {
            memcpy(out.tokens, tokens, n_tokens * sizeof *tokens);
            break;
        }
        for (int32_t i = 0; i < n; i++)
            store_chunk(tokenizer, settings, tokens + (int64_t)i * settings->num_samples * now, scales[i],
                        done, now, out.samples + (int64_t)i * settings->num_samples * settings->horizon,
                        &histories[i], sorted);
        done += now;
    }
cleanup:
    free(sorted);
    free(series);
    free(scales);
    free(tokens);
    free(values);
    free(histories);
    return status;
}

/* Tokens of the longest context of any chunk, and its end: later chunks see the medians
 * of earlier ones. */
static int32_t longest_input(const ft_forecast_request *requests, int64_t n_requests,
                             const ft_forecast_settings *settings)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < n_requests; i++)
        if (requests[i].count > longest) longest = requests[i].count;
    /* Before the last chunk, which may be shorter than the others. */
    int64_t chunk = chunk_of(settings), added = (settings->horizon - 1) / chunk * chunk;
    return (int32_t)visible(visible(longest, settings->context_length) + added, settings->context_length) + 1;
}

/* Those of request `first` on. */
static outputs outputs_at(outputs of, const ft_forecast_settings *settings, int64_t first)
{
    int64_t paths = first * settings->num_samples;
    return (outputs){of.samples ? of.samples + paths * settings->horizon : NULL,
                     of.tokens ? of.tokens + paths * chunk_of(settings) : NULL};
}

static ft_status forecast(const ft_trainable *trainable, const ft_forecast_request *requests,
                          int64_t n_requests, const ft_forecast_settings *settings, outputs out,
                          ft_error *err)
{
    if (n_requests == 0) return FT_OK;
    ft_comm *comm = out.samples ? settings->comm : NULL;
    const int64_t rank = comm ? comm->rank : 0, ranks = comm ? comm->size : 1;
    ft_tokenizer *tokenizer = NULL;
    ft_status status = ft_tokenizer_create(&trainable->model->config.chronos, &tokenizer, err);
    status = ft_comm_agree(comm, status, NULL, err);
    /* of a request */
    const size_t values = (size_t)settings->num_samples * (size_t)settings->horizon;
    const int32_t chunk = chunk_of(settings);
    kept_decoder kept = {.shape = {.n_adapters = trainable->n_adapters > 0 ? trainable->n_adapters : 1,
                                   .n_series = (int32_t)group_size(trainable, settings,
                                                                   (n_requests + ranks - 1) / ranks, chunk),
                                   .num_samples = settings->num_samples,
                                   .encoder_length = longest_input(requests, n_requests, settings)}};
    if (status == FT_OK) status = open_decoder(trainable, &kept, chunk, comm, err);
    const int64_t size = kept.shape.n_series;
    /* Each rank forecasts a group; then all ranks agree on the status. */
    for (int64_t first = 0; first < n_requests && status == FT_OK; first += size * ranks) {
        int64_t n = n_requests - first < size * ranks ? n_requests - first : size * ranks;
        int64_t from = n * rank / ranks, to = n * (rank + 1) / ranks;
        outputs all = outputs_at(out, settings, first), own = outputs_at(out, settings, first + from);
        if (settings->stop && settings->stop(settings->context))
            status = ft_fail(err, FT_INTERRUPTED, "interrupted while forecasting");
        else if (from < to)
            status = forecast_group(trainable, tokenizer, requests + first + from, (int32_t)(to - from),
                                    settings, &kept, own, err);
        status = ft_comm_agree(comm, status, NULL, err);
        if (status == FT_OK)
            status = ft_comm_gather(comm, all.samples, (size_t)n * values, (size_t)from * values,
                                    (size_t)(to - from) * values, err);
    }
    ft_decoder_free(kept.decoder);
    ft_tokenizer_free(tokenizer);
    return status;
}

ft_status ft_forecast(const ft_trainable *trainable, const ft_forecast_request *requests, int64_t n_requests,
                      const ft_forecast_settings *settings, float *samples, ft_error *err)
{
    return forecast(trainable, requests, n_requests, settings, (outputs){.samples = samples}, err);
}

ft_status ft_forecast_tokens(const ft_trainable *trainable, const ft_forecast_request *requests,
                             int64_t n_requests, const ft_forecast_settings *settings, int32_t *tokens,
                             ft_error *err)
{
    return forecast(trainable, requests, n_requests, settings, (outputs){.tokens = tokens}, err);
}
