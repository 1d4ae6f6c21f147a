/* Cross entropy and sampling; `in` is the vocabulary. */
#include <math.h>
#include <stdlib.h>

#include "tests/ops/cases.h"

/* FT_OP_ABSENT: no gradient is asked for. FT_OP_MASKED: some labels do not count. */
const ft_op_shape op_loss_shapes[] = {
    {.adapters = 1, .sequences = 1, .length = 1, .in = 4096},
    {.adapters = 1, .sequences = 1, .length = 1, .in = 1},
    {.adapters = 1, .sequences = 1, .length = 1, .in = 17, .flags = FT_OP_ABSENT},
    {.adapters = 1, .sequences = 2, .length = 3, .in = 33, .flags = FT_OP_MASKED},
    {.adapters = 1, .sequences = 1, .length = 65, .in = 512},
    {.adapters = 1, .sequences = 3, .length = 25, .in = 100, .flags = FT_OP_MASKED},
    {.adapters = 1, .sequences = 3, .length = 25, .in = 100, .flags = FT_OP_MASKED | FT_OP_ABSENT},
    {.adapters = 2, .sequences = 3, .length = 9, .in = 64},
    {.adapters = 2, .sequences = 3, .length = 9, .in = 64, .flags = FT_OP_MASKED},
    {.adapters = 3, .sequences = 6, .length = 5, .in = 4096, .flags = FT_OP_MASKED},
    {.adapters = 5, .sequences = 15, .length = 3, .in = 129, .flags = FT_OP_MASKED},
    {.adapters = 4, .sequences = 2, .length = 7, .in = 50},
    {.adapters = 5, .sequences = 5, .length = 1, .in = 31, .flags = FT_OP_ABSENT},
    {.adapters = 1, .sequences = 1, .length = 513, .in = 63, .flags = FT_OP_MASKED},
    {.adapters = 1, .sequences = 2, .length = 11, .in = 65, .flags = FT_OP_STRIDED},
    {.adapters = 3, .sequences = 7, .length = 4, .in = 257, .flags = FT_OP_STRIDED | FT_OP_MASKED},
    {.adapters = 2, .sequences = 4, .length = 6, .in = 200, .flags = FT_OP_STRIDED | FT_OP_ABSENT},
    {.adapters = 1, .sequences = 2, .length = 13, .in = 128, .scale = 100},
    {.adapters = 1, .sequences = 2, .length = 13, .in = 128, .scale = 3000, .flags = FT_OP_MASKED},
    {.adapters = 2, .sequences = 3, .length = 13, .in = 96, .scale = 20, .flags = FT_OP_MASKED},
    {.adapters = 1, .sequences = 2, .length = 13, .in = 96, .scale = 1e-3f},
    {.adapters = 2, .sequences = 3, .length = 1, .in = 5003, .flags = FT_OP_MASKED},
    {.adapters = 1, .sequences = 1, .length = 1, .in = 9000, .scale = 300, .flags = FT_OP_STRIDED},
};
const int op_loss_shapes_count = OP_COUNT(op_loss_shapes);

static double logit_scale(const ft_op_shape *shape)
{
    return shape->scale > 0 ? (double)shape->scale : 4;
}

void op_cross_entropy(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    int64_t rows = (int64_t)shape->sequences * shape->length;
    ft_adapter_batch batch = op_batch(scene);
    ft_tensor logits = op_values(scene, backend->real, rows, shape->in, logit_scale(shape));
    int32_t *host = malloc((size_t)rows * sizeof *host + 1);
    float *scales = malloc((size_t)shape->adapters * sizeof *scales + 1);
    if (!host || !scales) scene->status = FT_NO_MEMORY;
    for (int64_t row = 0; host && row < rows; row++) {
        host[row] = (int32_t)((row * 31 + 7) % shape->in);
        if (op_has(scene, FT_OP_MASKED) && row % 3 == 1) host[row] = -100;
    }
    for (int32_t g = 0; scales && g < shape->adapters; g++) scales[g] = 1.0f / (float)(g + 3);
    int32_t *labels = op_array(scene, host, (size_t)rows * sizeof *host);
    float *label_scale = op_array(scene, scales, (size_t)shape->adapters * sizeof *scales);
    if (op_has(scene, FT_OP_ABSENT)) label_scale = NULL;
    free(host);
    free(scales);

    /* loss_sum is double on every backend and gapless; it is added to. */
    float *start = calloc((size_t)shape->adapters + 1, sizeof *start);
    for (int32_t g = 0; start && g < shape->adapters; g++) start[g] = (float)g;
    ft_op_shape gapless = *shape;
    gapless.flags &= ~(uint32_t)FT_OP_STRIDED;
    scene->shape = &gapless;
    ft_tensor loss_sum = op_given(scene, FT_F64, 1, shape->adapters, start);
    scene->shape = shape;
    free(start);
    while (op_again(scene))
        backend->cross_entropy(backend, &batch, shape->length, logits, labels, label_scale, loss_sum.data);
    op_result(scene, "logits", logits);
    op_result(scene, "loss_sum", loss_sum);
}

/* `sequences` paths. FT_OP_MASKED: a token is suppressed; FT_OP_ABSENT: no probabilities
 * are asked for. */
const ft_op_shape op_sample_shapes[] = {
    {.sequences = 1, .in = 4096, .temperature = 1, .top_k = 50, .top_p = 1, .flags = FT_OP_MASKED},
    {.sequences = 1, .in = 1, .temperature = 1, .top_p = 1},
    {.sequences = 3, .in = 2, .temperature = 1, .top_p = 1, .flags = FT_OP_MASKED},
    {.sequences = 20, .in = 4096, .temperature = 1, .top_k = 50, .top_p = 1, .flags = FT_OP_MASKED},
    {.sequences = 20, .in = 4096, .temperature = 1, .top_p = 1, .flags = FT_OP_MASKED},
    {.sequences = 20, .in = 1000, .temperature = 0.7f, .top_p = 0.9f, .flags = FT_OP_MASKED},
    {.sequences = 20, .in = 1000, .temperature = 1.3f, .top_k = 100, .top_p = 0.8f, .flags = FT_OP_MASKED},
    {.sequences = 16, .in = 65, .temperature = 1, .top_k = 1, .top_p = 1},
    {.sequences = 16, .in = 65, .temperature = 1, .top_k = 64, .top_p = 1},
    {.sequences = 16, .in = 65, .temperature = 1, .top_k = 65, .top_p = 1},
    {.sequences = 16, .in = 65, .temperature = 1, .top_k = 1000, .top_p = 1, .flags = FT_OP_MASKED},
    {.sequences = 16, .in = 63, .temperature = 1, .top_p = 0.01f},
    {.sequences = 16, .in = 63, .temperature = 1, .top_p = 0},
    {.sequences = 16, .in = 63, .temperature = 1, .top_p = 0.5f},
    {.sequences = 16, .in = 63, .temperature = 1, .top_p = 0.999f},
    {.sequences = 16, .in = 129, .temperature = 0.1f, .top_k = 10, .top_p = 0.95f},
    {.sequences = 16, .in = 129, .temperature = 10, .top_k = 10, .top_p = 0.95f},
    {.sequences = 7, .in = 33, .temperature = 1, .top_k = 5, .top_p = 1, .flags = FT_OP_ABSENT},
    {.sequences = 7, .in = 33, .temperature = 1, .top_p = 0.7f, .flags = FT_OP_ABSENT | FT_OP_MASKED},
    {.sequences = 9, .in = 100, .temperature = 1, .top_k = 20, .top_p = 0.9f, .flags = FT_OP_STRIDED},
    {.sequences = 9, .in = 100, .temperature = 1, .top_k = 20, .top_p = 1, .scale = 300},
    {.sequences = 9, .in = 100, .temperature = 1, .top_p = 0.9f, .scale = 1e-3f},
    {.sequences = 9, .in = 512, .temperature = 1, .top_k = 50, .top_p = 1, .scale = 1e-6f},
    {.sequences = 2, .in = 10300, .temperature = 1, .top_k = 300, .top_p = 0.9f, .flags = FT_OP_MASKED},
    /* Several tokens a thread. */
    {.sequences = 2, .in = 600, .temperature = 1, .top_p = 0.7f, .flags = FT_OP_MASKED},
    {.sequences = 2, .in = 700, .temperature = 0.8f, .top_k = 200, .top_p = 0.9f},
    {.sequences = 16, .in = 40, .temperature = 1, .top_p = 0, .flags = FT_OP_TIED},
    {.sequences = 16, .in = 40, .temperature = 1, .top_p = 0.05f, .flags = FT_OP_TIED | FT_OP_MASKED},
    {.sequences = 16, .in = 300, .temperature = 0.8f, .top_p = 0.6f, .flags = FT_OP_TIED},
    {.sequences = 16, .in = 300, .temperature = 1, .top_k = 20, .top_p = 0.3f, .flags = FT_OP_TIED},
    {.sequences = 9,
     .in = 99,
     .temperature = 1,
     .top_k = 9,
     .top_p = 1,
     .scale = 0x1p-23f,
     .flags = FT_OP_TIED},
    {.sequences = 9, .in = 99, .temperature = 1, .top_p = 0.45f, .scale = 0x1p-23f, .flags = FT_OP_TIED},
    {.sequences = 8, .in = 300, .temperature = 1, .top_k = 5, .top_p = 1, .flags = FT_OP_IMPOSSIBLE},
    {.sequences = 8, .in = 20, .temperature = 1, .top_p = 0.5f, .flags = FT_OP_IMPOSSIBLE | FT_OP_ABSENT},
};
const int op_sample_shapes_count = OP_COUNT(op_sample_shapes);

/* (sequences, in): random; or FT_OP_IMPOSSIBLE; or FT_OP_TIED, of seven values from 0 to
 * 3, with `scale` from 1 on and that far apart. */
static ft_tensor make_logits(ft_op_scene *scene, const ft_op_shape *shape)
{
    int64_t rows = shape->sequences, cols = shape->in;
    if (!op_has(scene, FT_OP_TIED | FT_OP_IMPOSSIBLE))
        return op_values(scene, scene->backend->real, rows, cols, logit_scale(shape));
    float *values = malloc((size_t)(rows * cols) * sizeof *values + 1);
    if (!values) scene->status = FT_NO_MEMORY;
    float first = shape->scale > 0 ? 1 : 0, step = shape->scale > 0 ? shape->scale : 0.5f;
    for (int64_t i = 0; values && i < rows * cols; i++) {
        int64_t row = i / cols, col = i % cols;
        values[i] = op_draw(scene, 3.5);
        if (op_has(scene, FT_OP_TIED)) values[i] = first + step * floorf(3.5f + values[i]);
        if (!op_has(scene, FT_OP_IMPOSSIBLE)) continue;
        if (row % 4 == 1 && col == cols / 2) values[i] = NAN;
        if (row % 4 == 2 && col == cols - 1) values[i] = INFINITY;
        if (row % 4 == 3) values[i] = -INFINITY;
    }
    ft_tensor logits = op_given(scene, scene->backend->real, rows, cols, values);
    free(values);
    return logits;
}

void op_sample(ft_op_scene *scene, const ft_op_shape *shape)
{
    enum { MOST = 64 };
    ft_backend *backend = scene->backend;
    size_t bytes = (size_t)shape->sequences * sizeof(uint32_t);
    uint32_t seed[MOST] = {0}, series[MOST] = {0}, sample[MOST] = {0};
    int32_t zeros[MOST] = {0};
    for (uint32_t path = 0; path < MOST; path++) {
        seed[path] = path < 4 ? 5 : 6;
        series[path] = path / 3;
        sample[path] = path % 3;
    }
    ft_tensor logits = make_logits(scene, shape), probabilities = {0};
    if (!op_has(scene, FT_OP_ABSENT))
        probabilities = op_empty(scene, backend->real, shape->sequences, shape->in);
    ft_sampling sampling = {.temperature = shape->temperature,
                            .top_k = shape->top_k,
                            .top_p = shape->top_p,
                            .suppressed_token = op_has(scene, FT_OP_MASKED) ? 1 : -1,
                            .seed = op_array(scene, seed, bytes),
                            .series = op_array(scene, series, bytes),
                            .sample = op_array(scene, sample, bytes),
                            .step = 17};
    int32_t *token = op_array(scene, zeros, bytes);
    while (op_again(scene)) backend->sample(backend, &sampling, logits, token, probabilities);
    op_result_integers(scene, "token", token, shape->sequences);
    /* What they are without a distribution nobody asks. */
    if (!op_has(scene, FT_OP_IMPOSSIBLE)) op_result(scene, "probabilities", probabilities);
}
