/* What a GPU limits: shared memory of a block, blocks of a grid. Operations at the edges of both against ref
 * in double, on simulated devices of several compute capabilities; what lies beyond is refused in one line.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/ops.h"
#include "tests/simt/simt.h"

enum { DEVICE_BYTES = 1 << 30 };

static ft_backend *open_device(int capability, ft_dtype dtype)
{
    ft_backend *backend = NULL;
    ft_error err;
    simt_reset(1, DEVICE_BYTES);
    simt_set_capability(0, capability);
    cr_assert_eq(ft_cuda_create(0, dtype, &backend, &err), FT_OK, "%s", err.message);
    return backend;
}

/* -- blocks of a grid: the last of more rows than its second and third dimensions have -- */

enum { MANY = 65535 + 9, LAST = 16 /* blocks that run */, FEATURES = 8, RESULTS = 6 };

/* One case: n times the same row, of which the last result of each kind is kept. Of many blocks only the last
 * run. */
typedef struct rows_alike {
    ft_backend *backend;
    int64_t n;
    float last[RESULTS][FEATURES];
    int n_results;
} rows_alike;

static ft_tensor made(rows_alike *c, ft_dtype dtype, int64_t rows, int64_t cols, const float *row)
{
    ft_error err;
    ft_backend *b = c->backend;
    ft_tensor t = {b->allocate(b, (size_t)(rows * cols) * ft_dtype_bytes(dtype), &err), dtype, rows, cols,
                   cols};
    float *values = malloc((size_t)(rows * cols) * sizeof *values);
    cr_assert(t.data && values, "%s", err.message);
    for (int64_t i = 0; i < rows * cols; i++) values[i] = row[i % cols];
    cr_assert_eq(ft_write_tensor(b, t, values, &err), FT_OK, "%s", err.message);
    free(values);
    return t;
}

/* Rows of multiples of 1/16, which bf16 has, different for each `seed`. */
static ft_tensor rows_of(rows_alike *c, ft_dtype dtype, int64_t rows, int seed)
{
    float row[FEATURES];
    for (int i = 0; i < FEATURES; i++) row[i] = (float)((i * 7 + seed * 5) % 16 - 7) / 16;
    return made(c, dtype, rows, FEATURES, row);
}

/* A device array of n numbers. */
static void *integers(rows_alike *c, int64_t n, int32_t first, int32_t others)
{
    ft_error err;
    int32_t *values = malloc((size_t)n * sizeof *values), *array;
    array = c->backend->allocate(c->backend, (size_t)n * sizeof *values, &err);
    cr_assert(values && array);
    for (int64_t i = 0; i < n; i++) values[i] = i == 0 ? first : others;
    c->backend->to_device(c->backend, array, values, (size_t)n * sizeof *values);
    free(values);
    return array;
}

/* One adapter has all n sequences. */
static ft_adapter_batch one_adapter(rows_alike *c, int32_t n)
{
    const float one = 1;
    return (ft_adapter_batch){.n_adapters = 1,
                              .n_sequences = n,
                              .sequence_start = integers(c, 2, 0, n),
                              .adapter_of = integers(c, n, 0, 0),
                              .seed = integers(c, 1, 1, 1),
                              .step = integers(c, 1, 1, 1),
                              .lora_scale = made(c, FT_F32, 1, 1, &one).data};
}

static void keep_last(rows_alike *c, ft_tensor t)
{
    ft_error err;
    ft_tensor last = t;
    last.data = (char *)t.data + (size_t)((t.rows - 1) * t.stride) * ft_dtype_bytes(t.dtype);
    last.rows = 1;
    cr_assert_eq(ft_read_tensor(c->backend, last, c->last[c->n_results++], &err), FT_OK, "%s", err.message);
}

/* The last of `many` is what a single one is. */
static void check_last(void (*run)(rows_alike *c), ft_dtype dtype, int64_t many)
{
    rows_alike one = {.n = 1}, all = {.n = many};
    for (rows_alike *c = &one; c; c = c == &one ? &all : NULL) {
        ft_error err = {""};
        c->backend = open_device(80, dtype);
        if (c == &all) simt_run_last_blocks(LAST);
        run(c);
        cr_expect_eq(c->backend->synchronize(c->backend, &err), FT_OK, "%s", err.message);
        c->backend->free(c->backend);
    }
    cr_expect_null(simt_fault(), "%s", simt_fault());
    cr_assert(one.n_results > 0 && one.n_results == all.n_results);
    for (int i = 0; i < one.n_results; i++)
        cr_expect_arr_eq(one.last[i], all.last[i], sizeof one.last[i], "result %d, feature 0: %g, not %g", i,
                         (double)all.last[i][0], (double)one.last[i][0]);
    simt_reset(1, DEVICE_BYTES);
}

static void attend(rows_alike *c)
{
    ft_backend *b = c->backend;
    ft_dtype matrix = b->matrix;
    ft_adapter_batch batch = one_adapter(c, (int32_t)c->n);
    ft_attention a = {.q = rows_of(c, matrix, c->n, 0),
                      .k = rows_of(c, matrix, c->n, 1),
                      .v = rows_of(c, matrix, c->n, 2),
                      .n_heads = 1,
                      .d_kv = FEATURES,
                      .q_length = 1,
                      .kv_length = 1};
    const float zero = 0;
    ft_tensor lse = made(c, FT_F32, c->n, 1, &zero), out = rows_of(c, matrix, c->n, 3);
    ft_tensor dq = rows_of(c, matrix, c->n, 4), dk = rows_of(c, matrix, c->n, 5),
              dv = rows_of(c, matrix, c->n, 6);
    ft_tensor absent = {0};
    b->attention_forward(b, &batch, &a, out, lse.data);
    b->attention_backward(b, &batch, &a, out, lse.data, rows_of(c, matrix, c->n, 7), dq, dk, dv, absent);
    keep_last(c, lse);
    keep_last(c, out);
    keep_last(c, dq);
    keep_last(c, dk);
    keep_last(c, dv);
}

Test(cuda_limits, attention_of_many_sequences)
{
    check_last(attend, FT_F32, MANY);
    check_last(attend, FT_BF16, MANY);
}

/* A cache of two paths each: in bf16 they are sequences. */
static void decode(rows_alike *c)
{
    ft_backend *b = c->backend;
    ft_decode_attention a = {.q = rows_of(c, b->matrix, 2 * c->n, 0),
                             .k_cache = rows_of(c, b->matrix, c->n, 1),
                             .v_cache = rows_of(c, b->matrix, c->n, 2),
                             .n_heads = 1,
                             .d_kv = FEATURES,
                             .kv_length = 1,
                             .capacity = 1,
                             .paths_per_cache = 2};
    ft_tensor out = rows_of(c, b->matrix, 2 * c->n, 3);
    b->decode_attention(b, &a, out);
    keep_last(c, out);
}

Test(cuda_limits, decode_of_many_caches)
{
    check_last(decode, FT_F32, MANY);
    check_last(decode, FT_BF16, MANY);
}

/* A parameter an adapter. */
static void optimize(rows_alike *c)
{
    ft_backend *b = c->backend;
    const float gradient = 2, parameter = 3, rate = 0.5f, none = 0;
    ft_tensor norm = made(c, FT_F64, c->n, 1, &none);
    ft_adamw step = {.params = made(c, FT_F32, c->n, 1, &parameter),
                     .grads = made(c, FT_F32, c->n, 1, &gradient),
                     .m = made(c, FT_F32, c->n, 1, &none),
                     .v = made(c, FT_F32, c->n, 1, &none),
                     .learning_rate = made(c, FT_F32, c->n, 1, &rate).data,
                     .weight_decay = made(c, FT_F32, c->n, 1, &none).data,
                     .max_grad_norm = made(c, FT_F32, c->n, 1, &none).data,
                     .grad_norm = norm.data,
                     .step = integers(c, c->n, 0, 0)};
    b->gradient_norm(b, step.grads, norm.data);
    b->adamw(b, &step);
    keep_last(c, norm);
    keep_last(c, step.params);
}

Test(cuda_limits, optimizer_of_many_adapters)
{
    check_last(optimize, FT_F32, MANY);
}

/* Of an adapter's 64 rows, which a block takes together, or of so many times as many. */
static void adapt(rows_alike *c)
{
    enum { TILE = 64 };
    ft_backend *b = c->backend;
    ft_adapter_batch batch = one_adapter(c, (int32_t)c->n);
    ft_lora lora = {.a = rows_of(c, FT_F32, FEATURES, 0).data,
                    .b = rows_of(c, FT_F32, FEATURES, 1).data,
                    .rank = FEATURES,
                    .in_features = FEATURES,
                    .out_features = FEATURES};
    ft_tensor y = rows_of(c, FT_F32, TILE * c->n, 3), u = rows_of(c, FT_F32, TILE * c->n, 4);
    b->lora_forward(b, &batch, TILE, &lora, rows_of(c, FT_F32, TILE * c->n, 2), y, u);
    keep_last(c, y);
    keep_last(c, u);
}

Test(cuda_limits, adapters_of_many_rows)
{
    check_last(adapt, FT_F32, MANY);
}

/* -- what is refused -- */

/* The one line that tells of it, and that the operation was not begun. */
static void expect_refused(ft_backend *backend, const char *words)
{
    ft_error err = {""};
    cr_expect_eq(backend->synchronize(backend, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, words) && !strchr(err.message, '\n'), "\"%s\" does not say \"%s\"",
              err.message, words);
    cr_expect_eq(simt_counted().kernels, 0);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    backend->free(backend);
    simt_reset(1, DEVICE_BYTES);
}

Test(cuda_limits, more_blocks_than_a_grid_has_are_refused)
{
    ft_backend *b = open_device(80, FT_F32);
    ft_sampling sampling = {.temperature = 1};
    ft_tensor logits = {.dtype = FT_F32, .rows = (int64_t)1 << 32 | 1, .cols = 1, .stride = 1};
    b->sample(b, &sampling, logits, NULL, (ft_tensor){0});
    expect_refused(b, "lower batch_size");
}
