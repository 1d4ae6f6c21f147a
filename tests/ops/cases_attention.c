/* Attention, forward, backward and one decoding step. `scale` sets the spread of the
 * scores and biases. */
#include <math.h>
#include <stdlib.h>

#include "tests/ops/cases.h"

enum { BUCKETS = 32, MAX_DISTANCE = 128, SITE = 21 };
enum { SELF = FT_OP_BIASED, DECODER = FT_OP_BIASED | FT_OP_CAUSAL };

const ft_op_shape op_attention_shapes[] = {
    {.adapters = 1, .sequences = 1, .length = 1, .heads = 1, .d_kv = 16},
    {.adapters = 1, .sequences = 2, .length = 2, .heads = 2, .d_kv = 16, .flags = SELF},
    {.adapters = 1, .sequences = 1, .length = 1, .heads = 4, .d_kv = 64, .flags = DECODER},
    {.adapters = 1, .sequences = 2, .length = 17, .heads = 4, .d_kv = 16, .flags = SELF | FT_OP_MASKED},
    {.adapters = 1, .sequences = 1, .length = 63, .heads = 8, .d_kv = 64, .flags = SELF},
    {.adapters = 1, .sequences = 1, .length = 63, .heads = 2, .d_kv = 64, .flags = DECODER},
    {.adapters = 1, .sequences = 1, .length = 129, .heads = 2, .d_kv = 64, .flags = SELF | FT_OP_MASKED},
    {.adapters = 1, .sequences = 1, .length = 129, .heads = 3, .d_kv = 24, .flags = DECODER},
    {.adapters = 1, .sequences = 1, .length = 513, .heads = 1, .d_kv = 16, .flags = SELF | FT_OP_MASKED},
    {.adapters = 1, .sequences = 1, .length = 513, .heads = 1, .d_kv = 8, .flags = DECODER},
    {.adapters = 1, .sequences = 1, .length = 33, .heads = 16, .d_kv = 64, .flags = SELF},
    {.adapters = 1, .sequences = 2, .length = 31, .heads = 2, .d_kv = 128, .flags = SELF | FT_OP_MASKED},
    {.adapters = 1,
     .sequences = 2,
     .length = 1,
     .heads = 4,
     .d_kv = 64,
     .kv_length = 65,
     .flags = FT_OP_MASKED},
    {.adapters = 1,
     .sequences = 2,
     .length = 25,
     .heads = 4,
     .d_kv = 64,
     .kv_length = 129,
     .flags = FT_OP_MASKED},
    {.adapters = 1, .sequences = 1, .length = 65, .heads = 2, .d_kv = 16, .kv_length = 513},
    {.adapters = 1, .sequences = 2, .length = 65, .heads = 2, .d_kv = 32, .kv_length = 1},
    {.adapters = 1, .sequences = 2, .length = 40, .heads = 4, .d_kv = 16, .flags = SELF | FT_OP_STRIDED},
    {.adapters = 1, .sequences = 2, .length = 40, .heads = 3, .d_kv = 20, .flags = DECODER | FT_OP_STRIDED},
    {.adapters = 1, .sequences = 1, .length = 64, .heads = 2, .d_kv = 64, .dropout = 0.1f, .flags = SELF},
    {.adapters = 1, .sequences = 2, .length = 65, .heads = 2, .d_kv = 64, .dropout = 0.1f, .flags = DECODER},
    {.adapters = 3,
     .sequences = 6,
     .length = 19,
     .heads = 4,
     .d_kv = 16,
     .dropout = 0.3f,
     .flags = SELF | FT_OP_MASKED},
    {.adapters = 5, .sequences = 15, .length = 8, .heads = 2, .d_kv = 16, .dropout = 0.5f, .flags = DECODER},
    {.adapters = 2,
     .sequences = 3,
     .length = 9,
     .heads = 4,
     .d_kv = 64,
     .kv_length = 70,
     .dropout = 0.1f,
     .flags = FT_OP_MASKED | FT_OP_STRIDED},
    {.adapters = 4, .sequences = 3, .length = 12, .heads = 6, .d_kv = 64, .dropout = 0.1f, .flags = SELF},
    {.adapters = 1,
     .sequences = 1,
     .length = 130,
     .heads = 1,
     .d_kv = 64,
     .dropout = 0.1f,
     .flags = SELF | FT_OP_MASKED},
    {.adapters = 1, .sequences = 1, .length = 70, .heads = 2, .d_kv = 16, .scale = 40, .flags = SELF},
    {.adapters = 1,
     .sequences = 1,
     .length = 70,
     .heads = 2,
     .d_kv = 16,
     .scale = 80,
     .flags = DECODER | FT_OP_ABSENT},
    /* Tiles of 64 and 32 queries, chunks of 64 keys, heads of 32, 64 and 128 features:
     * their edges. */
    {.adapters = 1, .sequences = 2, .length = 1, .heads = 2, .d_kv = 32, .flags = SELF},
    {.adapters = 1, .sequences = 2, .length = 2, .heads = 2, .d_kv = 80, .flags = DECODER},
    {.adapters = 1, .sequences = 1, .length = 63, .heads = 1, .d_kv = 80, .flags = SELF | FT_OP_MASKED},
    {.adapters = 1, .sequences = 1, .length = 512, .heads = 1, .d_kv = 64, .flags = SELF},
    {.adapters = 1, .sequences = 1, .length = 64, .heads = 1, .d_kv = 32, .kv_length = 512, .dropout = 0.1f},
    {.adapters = 1,
     .sequences = 1,
     .length = 97,
     .heads = 1,
     .d_kv = 128,
     .kv_length = 64,
     .dropout = 0.2f,
     .flags = FT_OP_MASKED},
    {.adapters = 2,
     .sequences = 2,
     .length = 66,
     .heads = 1,
     .d_kv = 80,
     .dropout = 0.2f,
     .flags = DECODER | FT_OP_STRIDED},
    /* Three chunks of queries and keys, with dropout, of each size of head. */
    {.adapters = 1, .sequences = 1, .length = 129, .heads = 1, .d_kv = 16, .dropout = 0.1f, .flags = DECODER},
    {.adapters = 1,
     .sequences = 1,
     .length = 131,
     .heads = 1,
     .d_kv = 32,
     .dropout = 0.2f,
     .flags = SELF | FT_OP_MASKED},
    {.adapters = 1, .sequences = 1, .length = 129, .heads = 1, .d_kv = 72, .dropout = 0.1f, .flags = SELF},
    {.adapters = 1,
     .sequences = 1,
     .length = 65,
     .heads = 1,
     .d_kv = 64,
     .kv_length = 129,
     .dropout = 0.1f,
     .flags = FT_OP_MASKED},
    /* More than 128 queries where the bias has no gradient, or there is none: CUDA's
     * kernels with 32 rows a warp. */
    {.adapters = 1,
     .sequences = 1,
     .length = 150,
     .heads = 2,
     .d_kv = 64,
     .dropout = 0.1f,
     .flags = SELF | FT_OP_ABSENT},
    {.adapters = 1, .sequences = 1, .length = 131, .heads = 1, .d_kv = 32, .flags = DECODER | FT_OP_ABSENT},
    {.adapters = 1,
     .sequences = 1,
     .length = 165,
     .heads = 1,
     .d_kv = 64,
     .kv_length = 70,
     .dropout = 0.1f,
     .flags = FT_OP_MASKED},
    /* Heads of odd sizes. */
    {.adapters = 1, .sequences = 2, .length = 9, .heads = 3, .d_kv = 7, .flags = SELF | FT_OP_MASKED},
    {.adapters = 1, .sequences = 1, .length = 35, .heads = 2, .d_kv = 33, .flags = DECODER},
    /* Padding that covers whole chunks. */
    {.adapters = 2,
     .sequences = 16,
     .length = 33,
     .heads = 1,
     .d_kv = 16,
     .kv_length = 80,
     .dropout = 0.1f,
     .flags = FT_OP_MASKED},
    /* dk and dv in the places of k and v, as in training: with several tiles of both. */
    {.adapters = 2,
     .sequences = 3,
     .length = 65,
     .heads = 2,
     .d_kv = 64,
     .kv_length = 150,
     .dropout = 0.1f,
     .flags = FT_OP_MASKED | FT_OP_IN_PLACE},
    {.adapters = 1,
     .sequences = 2,
     .length = 70,
     .heads = 3,
     .d_kv = 24,
     .kv_length = 70,
     .flags = FT_OP_STRIDED | FT_OP_IN_PLACE},
};
const int op_attention_shapes_count = OP_COUNT(op_attention_shapes);

/* Heads' q and k whose products have about the standard deviation `scale` (2 by
 * default). */
static double query_scale(const ft_op_shape *shape)
{
    return 3 * (shape->scale > 0 ? (double)shape->scale : 2) / sqrt((double)shape->d_kv);
}

/* (rows, keys): the first few keys are not attended to (padding), nor is every seventh,
 * nor, counted from the last, every third group of 32; the last one is. */
static uint8_t *key_mask(ft_op_scene *scene, int64_t rows, int64_t keys)
{
    uint8_t *mask = malloc((size_t)(rows * keys) + 1);
    if (!mask || scene->status != FT_OK) {
        free(mask);
        if (scene->status == FT_OK) scene->status = FT_NO_MEMORY;
        return NULL;
    }
    for (int64_t row = 0; row < rows; row++)
        for (int64_t j = 0; j < keys; j++)
            mask[row * keys + j] =
                j == keys - 1 || (j >= (row * 5 + 2) % keys && j % 7 != 4 && (keys - 1 - j) / 32 % 3 != 2);
    uint8_t *array = op_array(scene, mask, (size_t)(rows * keys));
    free(mask);
    return array;
}

static ft_attention make_attention(ft_op_scene *scene, const ft_op_shape *shape)
{
    int32_t keys = shape->kv_length ? shape->kv_length : shape->length;
    int64_t width = (int64_t)shape->heads * shape->d_kv;
    ft_dtype matrix = scene->backend->matrix;
    ft_attention attention = {.n_heads = shape->heads,
                              .d_kv = shape->d_kv,
                              .q_length = shape->length,
                              .kv_length = keys,
                              .causal = op_has(scene, FT_OP_CAUSAL),
                              .bidirectional = !op_has(scene, FT_OP_CAUSAL),
                              .max_distance = MAX_DISTANCE,
                              .dropout_site = SITE};
    attention.q =
        op_values(scene, matrix, (int64_t)shape->sequences * shape->length, width, query_scale(shape));
    attention.k = op_values(scene, matrix, (int64_t)shape->sequences * keys, width, 1);
    attention.v = op_values(scene, matrix, (int64_t)shape->sequences * keys, width, 1);
    if (op_has(scene, FT_OP_BIASED))
        attention.bias = op_values(scene, scene->backend->real, BUCKETS, shape->heads,
                                   shape->scale > 0 ? 2 * (double)shape->scale : 4);
    if (op_has(scene, FT_OP_MASKED)) attention.key_mask = key_mask(scene, shape->sequences, keys);
    return attention;
}

void op_attention_forward(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    ft_adapter_batch batch = op_batch(scene);
    ft_attention attention = make_attention(scene, shape);
    ft_tensor out = op_empty(scene, backend->matrix, attention.q.rows, attention.q.cols);
    ft_tensor lse = {0};
    if (!op_has(scene, FT_OP_ABSENT))
        lse = op_empty(scene, backend->real, 1, (int64_t)shape->sequences * shape->heads * shape->length);
    while (op_again(scene)) backend->attention_forward(backend, &batch, &attention, out, lse.data);
    op_result(scene, "out", out);
    op_result(scene, "lse", lse);
}

/* The gradient of a score is a difference, nothing where one key takes all: hence the
 * floors. out and lse are the backend's own. Without FT_OP_ABSENT and with a bias there
 * is dbias; with FT_OP_IN_PLACE dk and dv are k and v. */
void op_attention_backward(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    ft_adapter_batch batch = op_batch(scene);
    ft_attention attention = make_attention(scene, shape);
    ft_dtype matrix = backend->matrix;
    int64_t width = attention.q.cols, q_rows = attention.q.rows, kv_rows = attention.k.rows;
    ft_tensor out = op_empty(scene, matrix, q_rows, width), dout = op_values(scene, matrix, q_rows, width, 1);
    ft_tensor lse =
        op_empty(scene, backend->real, 1, (int64_t)shape->sequences * shape->heads * shape->length);
    ft_tensor dq = op_empty(scene, matrix, q_rows, width), dbias = {0};
    bool in_place = op_has(scene, FT_OP_IN_PLACE);
    ft_tensor dk = in_place ? attention.k : op_empty(scene, matrix, kv_rows, width);
    ft_tensor dv = in_place ? attention.v : op_empty(scene, matrix, kv_rows, width);
    if (attention.bias.data && !op_has(scene, FT_OP_ABSENT))
        dbias = op_values(scene, backend->real, BUCKETS, shape->heads, 1);
    if (scene->status == FT_OK) backend->attention_forward(backend, &batch, &attention, out, lse.data);
    while (op_again(scene))
        backend->attention_backward(backend, &batch, &attention, out, lse.data, dout, dq, dk, dv, dbias);
    op_result_floor(scene, "dq", dq, 0.5);
    op_result_floor(scene, "dk", dk, 0.5 * query_scale(shape));
    op_result(scene, "dv", dv);
    op_result_floor(scene, "dbias", dbias, 0.5);
}

/* `sequences` caches of capacity kv_length + 3, of which `length` positions are attended
 * to; FT_OP_CAUSAL: self-attention, with new keys. */
const ft_op_shape op_decode_shapes[] = {
    {.sequences = 1, .length = 1, .heads = 1, .d_kv = 16, .paths_per_cache = 1, .flags = DECODER},
    {.sequences = 1, .length = 1, .heads = 4, .d_kv = 64, .paths_per_cache = 1, .flags = DECODER},
    {.sequences = 3, .length = 2, .heads = 2, .d_kv = 16, .paths_per_cache = 1, .flags = DECODER},
    {.sequences = 5, .length = 17, .heads = 4, .d_kv = 16, .paths_per_cache = 1, .flags = DECODER},
    {.sequences = 20, .length = 33, .heads = 8, .d_kv = 64, .paths_per_cache = 1, .flags = DECODER},
    {.sequences = 4, .length = 64, .heads = 8, .d_kv = 64, .paths_per_cache = 1, .flags = DECODER},
    {.sequences = 2, .length = 129, .heads = 3, .d_kv = 24, .paths_per_cache = 1, .flags = DECODER},
    {.sequences = 2, .length = 129, .heads = 16, .d_kv = 64, .paths_per_cache = 1, .flags = DECODER},
    {.sequences = 2, .length = 40, .heads = 2, .d_kv = 128, .paths_per_cache = 1, .flags = DECODER},
    {.sequences = 7,
     .length = 9,
     .heads = 4,
     .d_kv = 16,
     .paths_per_cache = 1,
     .flags = DECODER | FT_OP_STRIDED},
    {.sequences = 3, .length = 21, .heads = 2, .d_kv = 32, .paths_per_cache = 1, .flags = FT_OP_CAUSAL},
    {.sequences = 3,
     .length = 21,
     .heads = 2,
     .d_kv = 32,
     .paths_per_cache = 1,
     .flags = DECODER | FT_OP_MASKED},
    {.sequences = 1, .length = 1, .heads = 2, .d_kv = 16, .paths_per_cache = 1},
    {.sequences = 1, .length = 33, .heads = 4, .d_kv = 64, .paths_per_cache = 20},
    {.sequences = 3, .length = 65, .heads = 4, .d_kv = 64, .paths_per_cache = 20, .flags = FT_OP_MASKED},
    {.sequences = 2, .length = 513, .heads = 8, .d_kv = 64, .paths_per_cache = 5, .flags = FT_OP_MASKED},
    {.sequences = 4, .length = 129, .heads = 16, .d_kv = 64, .paths_per_cache = 1, .flags = FT_OP_MASKED},
    {.sequences = 2, .length = 63, .heads = 3, .d_kv = 24, .paths_per_cache = 7, .flags = FT_OP_MASKED},
    {.sequences = 2,
     .length = 63,
     .heads = 3,
     .d_kv = 20,
     .paths_per_cache = 3,
     .flags = FT_OP_MASKED | FT_OP_STRIDED},
    {.sequences = 3, .length = 50, .heads = 2, .d_kv = 128, .paths_per_cache = 2, .flags = FT_OP_MASKED},
    {.sequences = 2,
     .length = 50,
     .heads = 2,
     .d_kv = 16,
     .paths_per_cache = 2,
     .scale = 80,
     .flags = FT_OP_MASKED},
    {.sequences = 2,
     .length = 50,
     .heads = 2,
     .d_kv = 16,
     .paths_per_cache = 1,
     .scale = 40,
     .flags = DECODER},
    {.sequences = 3, .length = 5, .heads = 3, .d_kv = 7, .paths_per_cache = 2, .flags = FT_OP_MASKED},
    {.sequences = 2, .length = 21, .heads = 2, .d_kv = 33, .paths_per_cache = 1, .flags = DECODER},
    /* Three chunks and more of keys. */
    {.sequences = 1, .length = 129, .heads = 1, .d_kv = 16, .paths_per_cache = 1, .flags = DECODER},
    {.sequences = 1, .length = 193, .heads = 1, .d_kv = 32, .paths_per_cache = 5, .flags = FT_OP_MASKED},
    {.sequences = 1, .length = 130, .heads = 1, .d_kv = 64, .paths_per_cache = 3},
    /* Single scores far below what lies behind them in memory. */
    {.sequences = 9, .length = 1, .heads = 2, .d_kv = 16, .paths_per_cache = 1, .scale = 80},
    {.sequences = 2, .length = 512, .heads = 1, .d_kv = 80, .paths_per_cache = 70, .flags = FT_OP_MASKED},
    {.sequences = 2,
     .length = 3,
     .heads = 2,
     .d_kv = 80,
     .paths_per_cache = 6,
     .flags = FT_OP_BIASED | FT_OP_MASKED | FT_OP_STRIDED},
};
const int op_decode_shapes_count = OP_COUNT(op_decode_shapes);

void op_decode_attention(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    ft_dtype matrix = backend->matrix;
    int64_t width = (int64_t)shape->heads * shape->d_kv,
            paths = (int64_t)shape->sequences * shape->paths_per_cache;
    ft_decode_attention attention = {.n_heads = shape->heads,
                                     .d_kv = shape->d_kv,
                                     .kv_length = shape->length,
                                     .capacity = shape->length + 3,
                                     .paths_per_cache = shape->paths_per_cache,
                                     .max_distance = MAX_DISTANCE};
    int64_t cache_rows = (int64_t)shape->sequences * attention.capacity;
    attention.q = op_values(scene, matrix, paths, width, query_scale(shape));
    attention.k_cache = op_values(scene, matrix, cache_rows, width, 1);
    attention.v_cache = op_values(scene, matrix, cache_rows, width, 1);
    if (op_has(scene, FT_OP_CAUSAL)) {
        attention.k_new = op_values(scene, matrix, paths, width, 1);
        attention.v_new = op_values(scene, matrix, paths, width, 1);
    }
    if (op_has(scene, FT_OP_BIASED))
        attention.bias = op_values(scene, backend->real, BUCKETS, shape->heads, 4);
    if (op_has(scene, FT_OP_MASKED)) attention.key_mask = key_mask(scene, shape->sequences, shape->length);
    ft_tensor out = op_empty(scene, matrix, paths, width);
    while (op_again(scene)) backend->decode_attention(backend, &attention, out);
    op_result(scene, "out", out);
    op_result(scene, "k_cache", attention.k_cache);
    op_result(scene, "v_cache", attention.v_cache);
}
