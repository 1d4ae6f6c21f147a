/* Drawing tokens: the distribution against transformers'
 * (tests/golden/sampling.safetensors), and the draws' frequencies. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/backend.h"
#include "model/safetensors.h"

/* A whole tensor, to be freed. */
static float *floats(const ft_safetensors *file, const char *name, int64_t shape[3])
{
    ft_error err;
    const ft_stored_tensor *tensor = ft_safetensors_find(file, name);
    cr_assert_not_null(tensor, "%s", name);
    cr_assert_eq(tensor->dtype, FT_STORED_F32);
    for (int i = 0; i < tensor->n_dims && i < 3; i++) shape[i] = tensor->shape[i];
    float *values = malloc((size_t)tensor->bytes + 1);
    cr_assert_not_null(values);
    cr_assert_eq(ft_safetensors_read(file, tensor, values, &err), FT_OK, "%s", err.message);
    return values;
}

typedef ft_status (*create_function)(ft_backend **backend, ft_error *err);

static ft_status create_ref_double(ft_backend **backend, ft_error *err)
{
    return ft_ref_create(FT_F64, backend, err);
}
static ft_status create_ref_float(ft_backend **backend, ft_error *err)
{
    return ft_ref_create(FT_F32, backend, err);
}
static ft_status create_cpu(ft_backend **backend, ft_error *err)
{
    return ft_cpu_create(FT_F32, 2, backend, err);
}

/* Device memory for one call. */
typedef struct paths {
    ft_backend *backend;
    ft_tensor logits, probabilities;
    int32_t *token;
    uint32_t *seed, *series, *sample;
} paths;

static paths make_paths(ft_backend *backend, int64_t rows, int64_t vocabulary)
{
    ft_error err;
    paths made = {.backend = backend};
    size_t bytes = (size_t)(rows * vocabulary) * ft_dtype_bytes(backend->real), words = (size_t)rows * 4;
    made.logits =
        (ft_tensor){backend->allocate(backend, bytes, &err), backend->real, rows, vocabulary, vocabulary};
    made.probabilities = made.logits;
    made.probabilities.data = backend->allocate(backend, bytes, &err);
    made.token = backend->allocate(backend, words, &err);
    uint32_t **arrays[] = {&made.seed, &made.series, &made.sample};
    for (int i = 0; i < 3; i++) {
        *arrays[i] = backend->allocate(backend, words, &err);
        cr_assert_not_null(*arrays[i]);
        backend->zero(backend, *arrays[i], words);
    }
    return made;
}

static void free_paths(paths *made)
{
    void *blocks[] = {made->logits.data, made->probabilities.data, made->token, made->seed, made->series,
                      made->sample};
    for (int i = 0; i < 6; i++) made->backend->release(made->backend, blocks[i]);
}

/* Overwrites logits; tokens and probabilities come back to the host. */
static void sample(paths *made, ft_sampling sampling, const float *logits, int32_t *token,
                   float *probabilities)
{
    ft_error err;
    ft_backend *backend = made->backend;
    sampling.seed = made->seed, sampling.series = made->series, sampling.sample = made->sample;
    cr_assert_eq(ft_write_tensor(backend, made->logits, logits, &err), FT_OK);
    backend->sample(backend, &sampling, made->logits, made->token, made->probabilities);
    backend->to_host(backend, token, made->token, (size_t)made->logits.rows * sizeof *token);
    if (probabilities) cr_assert_eq(ft_read_tensor(backend, made->probabilities, probabilities, &err), FT_OK);
    cr_assert_eq(backend->synchronize(backend, &err), FT_OK, "%s", err.message);
}

static void check_golden(create_function create, double tolerance)
{
    ft_error err;
    ft_safetensors *file = NULL;
    ft_backend *backend = NULL;
    cr_assert_eq(create(&backend, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_safetensors_open(FT_GOLDEN_DIR "/sampling.safetensors", &file, &err), FT_OK, "%s",
                 err.message);
    int64_t shape[3], wanted_shape[3], settings_shape[3];
    float *logits = floats(file, "logits", shape), *settings = floats(file, "settings", settings_shape);
    float *wanted = floats(file, "probabilities", wanted_shape);
    int64_t rows = shape[0], vocabulary = shape[1], size = rows * vocabulary;
    cr_assert(wanted_shape[0] == settings_shape[0] && wanted_shape[1] == rows &&
              wanted_shape[2] == vocabulary);
    float *got = malloc((size_t)size * sizeof *got);
    int32_t *token = malloc((size_t)rows * sizeof *token);
    paths made = make_paths(backend, rows, vocabulary);
    for (int64_t i = 0; i < settings_shape[0]; i++) {
        ft_sampling sampling = {.temperature = settings[3 * i],
                                .top_k = (int32_t)settings[3 * i + 1],
                                .top_p = settings[3 * i + 2],
                                .suppressed_token = 1};
        sample(&made, sampling, logits, token, got);
        for (int64_t j = 0; j < size; j++)
            cr_expect_lt(fabs((double)got[j] - (double)wanted[i * size + j]), tolerance,
                         "temperature %g, top_k %g, top_p %g: row %lld, token %lld: %g, not %g",
                         (double)settings[3 * i], (double)settings[3 * i + 1], (double)settings[3 * i + 2],
                         (long long)(j / vocabulary), (long long)(j % vocabulary), (double)got[j],
                         (double)wanted[i * size + j]);
        for (int64_t row = 0; row < rows; row++) {
            cr_assert(token[row] >= 0 && token[row] < vocabulary);
            cr_expect_gt(got[row * vocabulary + token[row]], 0, "an impossible token was drawn");
        }
    }
    free_paths(&made);
    free(logits), free(settings), free(wanted), free(got), free(token);
    ft_safetensors_close(file);
    backend->free(backend);
}

Test(sampling, distribution_is_transformers_on_ref)
{
    check_golden(create_ref_double, 1e-5);
    check_golden(create_ref_float, 1e-5);
}
Test(sampling, distribution_is_transformers_on_cpu)
{
    check_golden(create_cpu, 1e-5);
}

/* 8000 paths of 8 tokens: each frequency is within five standard deviations. Series,
 * samples, seeds and steps each give other draws; the same of all gives the same. */
enum { PATHS = 8000, TOKENS = 8 };

static void check_draws(create_function create)
{
    static float logits[PATHS * TOKENS], probabilities[PATHS * TOKENS];
    static int32_t token[PATHS], again[PATHS];
    static uint32_t ids[PATHS];
    ft_error err;
    ft_backend *backend = NULL;
    cr_assert_eq(create(&backend, &err), FT_OK, "%s", err.message);
    paths made = make_paths(backend, PATHS, TOKENS);
    const ft_sampling plain = {.temperature = 1, .top_p = 1, .suppressed_token = 3, .step = 2};
    for (int i = 0; i < PATHS * TOKENS; i++) logits[i] = 0.5f * (float)(i % TOKENS);
    for (int varied = 0; varied < 3; varied++) {
        uint32_t *arrays[] = {made.seed, made.series, made.sample};
        for (uint32_t path = 0; path < PATHS; path++) ids[path] = path;
        backend->to_device(backend, arrays[varied], ids, sizeof ids);
        sample(&made, plain, logits, token, probabilities);
        double count[TOKENS] = {0};
        for (int path = 0; path < PATHS; path++) {
            cr_assert(token[path] >= 0 && token[path] < TOKENS);
            count[token[path]]++;
        }
        for (int i = 0; i < TOKENS; i++) {
            double p = (double)probabilities[i], deviation = sqrt(PATHS * p * (1 - p));
            cr_expect_leq(fabs(count[i] - PATHS * p), 5 * deviation,
                          "token %d: %g draws of %d at probability %g", i, count[i], PATHS, p);
        }
        cr_expect_eq(count[3], 0, "the suppressed token was drawn");
        sample(&made, plain, logits, again, NULL);
        cr_expect_eq(memcmp(token, again, sizeof token), 0);
        ft_sampling next = plain;
        next.step++;
        int same = 0;
        sample(&made, next, logits, again, NULL);
        for (int path = 0; path < PATHS; path++) same += token[path] == again[path];
        cr_expect_lt(same, PATHS / 2, "the next step draws the same");
        backend->zero(backend, arrays[varied], sizeof ids);
    }
    free_paths(&made);
    backend->free(backend);
}

Test(sampling, frequencies_on_ref)
{
    check_draws(create_ref_double);
}
Test(sampling, frequencies_on_cpu)
{
    check_draws(create_cpu);
}

/* Logits that give no distribution give no token: one NaN, an infinite one, nothing but
 * -infinity. */
static void check_no_distribution(create_function create)
{
    float logits[5 * 4] = {0,         1,         NAN, 2, INFINITY, 0, 0, 0,         -INFINITY, -INFINITY,
                           -INFINITY, -INFINITY, 1,   2, 3,        4, 1, -INFINITY, -INFINITY, -INFINITY};
    int32_t token[5];
    ft_error err;
    ft_backend *backend = NULL;
    cr_assert_eq(create(&backend, &err), FT_OK, "%s", err.message);
    paths made = make_paths(backend, 5, 4);
    for (int variant = 0; variant < 3; variant++) {
        ft_sampling sampling = {.temperature = 1, .top_p = 1, .suppressed_token = -1};
        if (variant == 1) sampling.top_k = 2;
        if (variant == 2) sampling.top_p = 0.5f;
        sample(&made, sampling, logits, token, NULL);
        for (int path = 0; path < 3; path++)
            cr_expect_eq(token[path], -1, "path %d, variant %d", path, variant);
        cr_expect(token[3] >= 0 && token[3] < 4);
        cr_expect_eq(token[4], 0);
    }
    free_paths(&made);
    backend->free(backend);
}

Test(sampling, no_distribution_no_token_on_ref)
{
    check_no_distribution(create_ref_double);
}
Test(sampling, no_distribution_no_token_on_cpu)
{
    check_no_distribution(create_cpu);
}
