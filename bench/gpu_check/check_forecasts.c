/* Forecasts on the device, greedy and sampled, over a horizon of several chunks; see
 * model_check.h.
 *
 * Every token that is drawn is kept, and of ref the distribution that it was drawn
 * from. Draws are keyed, so that a token which is not ref's tells how far off in
 * probability the device was: at least as far as the draw's uniform number lies from
 * that token's place in ref's cumulative distribution. Rounding moves that by very
 * little. After one such draw its path has another past, and in the next chunk its
 * whole series. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/philox.h"
#include "bench/gpu_check/check.h"
#include "model/forecast.h"

enum { REQUESTS = 4 };

/* All draws of a forecast: chunk by chunk, step by step, path by path. */
typedef struct draws {
    ft_status status;
    ft_error err;
    int32_t count, vocab_size;
    int32_t *token;      /* (count) */
    float *uniform;      /* (count), of ref alone like the next */
    char *probabilities; /* (count, vocab_size) */
    ft_dtype real;       /* of the probabilities */
} draws;

static void free_draws(draws *d)
{
    free(d->token);
    free(d->uniform);
    free(d->probabilities);
}

/* -- a forecast whose draws are kept -- */

static void (*plain_sample)(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                            ft_tensor probabilities);
static draws *kept;

static void keeping_sample(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                           ft_tensor probabilities)
{
    draws *d = kept;
    if (d->probabilities) { /* ref: its device memory is the host's */
        size_t at = (size_t)d->count * (size_t)d->vocab_size * ft_dtype_bytes(self->real);
        probabilities =
            (ft_tensor){d->probabilities + at, self->real, logits.rows, d->vocab_size, d->vocab_size};
        for (int64_t i = 0; i < logits.rows; i++) {
            ft_philox_key key = ft_philox_key_of(sampling->seed[i], sampling->step, FT_SITE_SAMPLING);
            ft_philox_block block = ft_philox(key, 0, sampling->series[i], sampling->sample[i], 0);
            d->uniform[d->count + i] = ft_philox_uniform(block.word[0]);
        }
    }
    plain_sample(self, sampling, logits, token, probabilities);
    self->to_host(self, d->token + d->count, token, (size_t)logits.rows * sizeof *token);
    d->count += (int32_t)logits.rows;
}

/* Room for as many draws as the settings make. */
static ft_status make_room(const check_run *run, const ft_forecast_settings *settings, bool is_reference,
                           draws *d)
{
    size_t n = (size_t)REQUESTS * (size_t)settings->num_samples * (size_t)settings->horizon;
    d->vocab_size = run->config.vocab_size;
    d->token = calloc(n, sizeof *d->token);
    d->uniform = calloc(n, sizeof *d->uniform);
    if (is_reference) d->probabilities = malloc(n * (size_t)d->vocab_size * sizeof(double));
    if (d->token && d->uniform && (d->probabilities || !is_reference)) return FT_OK;
    return ft_no_memory(&d->err, "the draws of a forecast", n * (size_t)d->vocab_size * sizeof(double));
}

/* Histories longer than the context, with missing values, short, and all missing. */
static void make_requests(const check_run *run, const float *missing, ft_forecast_request requests[REQUESTS])
{
    const ft_series *series = run->series;
    const int64_t context = run->scene->context_length, rows = series[0].split_start[FT_SPLITS];
    const ft_forecast_request made[REQUESTS] = {{series[0].values, rows, 0, 0},
                                                {series[1].values, context, 0, 1},
                                                {series[2].values, context / 3, 1, 2},
                                                {missing, context / 2, 1, 3}};
    memcpy(requests, made, sizeof made);
}

static ft_status run_forecast(const check_run *run, ft_backend *backend, const ft_forecast_settings *settings,
                              ft_error *err)
{
    ft_chronos *chronos = NULL;
    ft_trainable *trainable = NULL;
    ft_forecast_request requests[REQUESTS];
    size_t n = (size_t)REQUESTS * (size_t)settings->num_samples * (size_t)settings->horizon,
           n_missing = (size_t)run->scene->context_length;
    float *samples = malloc(n * sizeof *samples), *missing = malloc(n_missing * sizeof *missing);
    ft_status status = samples && missing ? FT_OK : ft_no_memory(err, "a forecast", n * 4);
    for (size_t i = 0; i < n_missing && missing; i++) missing[i] = NAN;
    make_requests(run, missing, requests);
    if (status == FT_OK) status = ft_chronos_create(backend, run->weights, false, &chronos, err);
    if (status == FT_OK)
        status = ft_trainable_create(chronos, (const ft_adapter *const *)run->adapters, CHECK_ADAPTERS, false,
                                     &trainable, err);
    if (status == FT_OK) status = ft_forecast(trainable, requests, REQUESTS, settings, samples, err);
    ft_trainable_free(trainable);
    ft_chronos_free(chronos);
    free(missing);
    free(samples);
    return status;
}

/* Frees the backend. */
static draws draw(const check_run *run, ft_backend *backend, bool is_reference,
                  const ft_forecast_settings *settings)
{
    draws d = {.real = backend->real};
    plain_sample = backend->sample;
    backend->sample = keeping_sample;
    kept = &d;
    d.status = make_room(run, settings, is_reference, &d);
    if (d.status == FT_OK) d.status = run_forecast(run, backend, settings, &d.err);
    backend->free(backend);
    return d;
}

static draws draw_on_reference(check_run *run, ft_dtype dtype, const ft_forecast_settings *settings)
{
    draws d = {0};
    ft_backend *backend;
    clock_t started = clock();
    d.status = check_reference(dtype, &backend, &d.err);
    if (d.status == FT_OK) d = draw(run, backend, true, settings);
    run->reference_seconds += (double)(clock() - started) / CLOCKS_PER_SEC;
    return d;
}

static draws draw_on_device(const check_run *run, ft_dtype dtype, const ft_forecast_settings *settings)
{
    draws d = {0};
    ft_backend *backend;
    d.status = run->create(dtype, &backend, &d.err);
    return d.status == FT_OK ? draw(run, backend, false, settings) : d;
}

/* -- comparing -- */

static double probability(const draws *ref, int32_t draw, int32_t token)
{
    size_t at = (size_t)draw * (size_t)ref->vocab_size + (size_t)token;
    const void *all = ref->probabilities;
    return ref->real == FT_F64 ? ((const double *)all)[at] : (double)((const float *)all)[at];
}

/* How far the draw's number lies from a token's place in ref's cumulative
 * distribution; infinitely far where there is no such token. */
static double distance(const draws *ref, int32_t draw, int32_t token)
{
    if (token < 0 || token >= ref->vocab_size) return INFINITY;
    double below = 0, uniform = (double)ref->uniform[draw];
    for (int32_t i = 0; i < token; i++) below += probability(ref, draw, i);
    double above = below + probability(ref, draw, token);
    return uniform < below ? below - uniform : uniform > above ? uniform - above : 0;
}

typedef struct comparison {
    /* draws from the same past, and those that gave another token than ref's */
    int32_t compared, different;
    double worst; /* distance of these */
    char where[96];
} comparison;

/* The draws of one path in a chunk, up to the first that differs; false if one did.
 * first: of the chunk. */
static bool compare_path(const draws *got, const draws *ref, int32_t first, int32_t n_tokens, int32_t n_paths,
                         int32_t path, comparison *c)
{
    for (int32_t t = 0; t < n_tokens; t++) {
        int32_t i = first + t * n_paths + path;
        c->compared++;
        if (got->token[i] == ref->token[i]) continue;
        double far = distance(ref, i, got->token[i]);
        if (c->different++ == 0 || far > c->worst) {
            c->worst = far;
            snprintf(c->where, sizeof c->where, "path %d, step %d: token %d, not %d", (int)path,
                     (int)(first / n_paths + t), (int)got->token[i], (int)ref->token[i]);
        }
        return false;
    }
    return true;
}

static comparison compare(const draws *got, const draws *ref, const ft_forecast_settings *settings)
{
    comparison c = {0};
    const int32_t chunk = settings->prediction_length, samples = settings->num_samples,
                  paths = REQUESTS * samples;
    for (int32_t series = 0; series < REQUESTS; series++) {
        bool same = true;
        for (int32_t done = 0; done < settings->horizon && same; done += chunk) {
            int32_t now = settings->horizon - done < chunk ? settings->horizon - done : chunk;
            for (int32_t k = 0; k < samples; k++)
                same &= compare_path(got, ref, done * paths, now, paths, series * samples + k, &c);
        }
    }
    return c;
}

/* -- the lines -- */

static void write_line(check_run *run, const char *name, ft_dtype dtype, const draws *one, const draws *other,
                       double worst, double bound, const char *detail)
{
    if (one->status == FT_OK && other->status == FT_OK)
        check_result(run, name, dtype, worst, bound, detail);
    else
        check_error(run, name, dtype, one->status == FT_OK ? &other->err : &one->err);
}

static void write_comparison(check_run *run, const char *name, ft_dtype dtype, const draws *got,
                             const draws *ref, const ft_forecast_settings *settings, double bound)
{
    comparison c = {0};
    char detail[192];
    if (got->status == FT_OK && ref->status == FT_OK) c = compare(got, ref, settings);
    snprintf(detail, sizeof detail, "%d of %d draws differ%s%s", (int)c.different, (int)c.compared,
             c.different ? ": " : "", c.where);
    write_line(run, name, dtype, got, ref, settings->top_k == 1 ? c.different : c.worst, bound, detail);
}

/* Always the likeliest token, one path a series. */
static void check_greedy(check_run *run, ft_forecast_settings settings)
{
    settings.num_samples = settings.top_k = 1;
    draws ref = draw_on_reference(run, FT_F32, &settings), got = draw_on_device(run, FT_F32, &settings);
    write_comparison(run, "greedy", FT_F32, &got, &ref, &settings, 0);
    free_draws(&ref);
    free_draws(&got);
}

static void check_sampled(check_run *run, ft_dtype dtype, const ft_forecast_settings *settings)
{
    draws ref = draw_on_reference(run, dtype, settings), got = draw_on_device(run, dtype, settings);
    write_comparison(run, "sampled", dtype, &got, &ref, settings, dtype == FT_BF16 ? 5e-2 : 1e-4);
    draws again = draw_on_device(run, dtype, settings);
    int32_t different = 0;
    for (int32_t i = 0; i < got.count && i < again.count; i++) different += got.token[i] != again.token[i];
    write_line(run, "forecast_repeat", dtype, &again, &got, different, 0, "");
    free_draws(&ref);
    free_draws(&got);
    free_draws(&again);
}

void check_forecasts(check_run *run, ft_dtype dtype)
{
    if (run->lost) return;
    ft_forecast_settings settings = ft_forecast_defaults(&run->config.chronos, run->scene->horizon);
    settings.context_length = run->scene->context_length;
    settings.prediction_length = run->scene->prediction_length;
    settings.num_samples = run->scene->num_samples;
    settings.top_p = 0.9f;
    settings.seed = 11;
    if (dtype == FT_F32) check_greedy(run, settings);
    check_sampled(run, dtype, &settings);
}
