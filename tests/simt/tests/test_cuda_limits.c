/* What a GPU limits: shared memory of a block, blocks of a grid. Operations at the edges
 * of both against ref in double, on simulated devices of several compute capabilities;
 * what lies beyond is refused in one line. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/ops.h"
#include "tests/simt/simt.h"

enum { DEVICE_BYTES = 1 << 30, SELF = FT_OP_BIASED, DECODER = FT_OP_BIASED | FT_OP_CAUSAL };

static ft_backend *open_device(int capability, ft_dtype dtype)
{
    ft_backend *backend = NULL;
    ft_error err;
    simt_reset(1, DEVICE_BYTES);
    simt_set_capability(0, capability);
    cr_assert_eq(ft_cuda_create(0, dtype, &backend, &err), FT_OK, "%s", err.message);
    return backend;
}

/* One shape of an operation of the table. */
static void check(const char *operation, int capability, ft_dtype dtype, ft_op_shape shape)
{
    int one = 1;
    char text[256];
    ft_op op = {0};
    ft_op_result result;
    ft_error err;
    ft_backend *reference = NULL, *tested = open_device(capability, dtype);
    cr_assert_eq(ft_ref_create(FT_F64, &reference, &err), FT_OK, "%s", err.message);
    for (int i = 0; i < ft_ops_count; i++)
        if (strcmp(ft_ops[i].name, operation) == 0) op = ft_ops[i];
    cr_assert_not_null(op.run, "there is no operation %s", operation);
    op.shapes = &shape;
    op.n_shapes = &one;
    ft_op_describe(&shape, text);
    ft_status status = ft_op_check(&op, 0, reference, tested, &result, &err);
    cr_expect_eq(status, FT_OK, "%s (%s) on %d: %s", operation, text, capability, err.message);
    cr_expect(status != FT_OK || result.passed, "%s (%s) on %d: %s; error %.3g, allowed %.3g", operation,
              text, capability, result.worst, result.error, result.bound);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    tested->free(tested);
    reference->free(reference);
    simt_reset(1, DEVICE_BYTES);
}

static void check_in_both_types(const char *operation, int capability, ft_op_shape shape)
{
    check(operation, capability, FT_F32, shape);
    check(operation, capability, FT_BF16, shape);
}

/* -- shared memory -- */

/* Up to 48 KiB a kernel need not ask: what it declares and what it is launched with count
 * together. */
Test(cuda_limits, decode_around_48_kib)
{
    const int32_t four_paths[] = {1920, 1921, 1983, 1984, 1985}, one_path[] = {11200, 11201, 11256, 11257};
    ft_op_shape shape = {.sequences = 1, .heads = 1, .d_kv = 64, .paths_per_cache = 4};
    for (size_t i = 0; i < sizeof four_paths / sizeof *four_paths; i++) {
        shape.length = four_paths[i];
        check("decode_attention", 80, FT_F32, shape);
    }
    shape = (ft_op_shape){.sequences = 1, .heads = 1, .d_kv = 8, .paths_per_cache = 1, .flags = DECODER};
    for (size_t i = 0; i < sizeof one_path / sizeof *one_path; i++) {
        shape.length = one_path[i];
        check_in_both_types("decode_attention", 80, shape);
    }
}

/* 99 KiB a block, the least of all devices: the widest heads, with the gradient of the
 * bias. */
Test(cuda_limits, wide_heads_on_the_smallest_device)
{
    const int32_t widths[] = {128, 127, 72, 64};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        ft_op_shape shape = {.adapters = 1, .sequences = 1, .length = 66, .heads = 1, .d_kv = widths[i]};
        shape.flags = SELF | FT_OP_MASKED;
        check_in_both_types("attention_forward", 86, shape);
        check_in_both_types("attention_backward", 86, shape);
        shape.paths_per_cache = 1;
        check_in_both_types("decode_attention", 86, shape);
        shape.paths_per_cache = 5;
        shape.flags = FT_OP_MASKED;
        check_in_both_types("decode_attention", 86, shape);
    }
}

Test(cuda_limits, many_keys_on_the_smallest_device)
{
    /* Four paths share a block up to 4096 keys; beyond each has its own. */
    for (int keys = 4096; keys <= 4097; keys++)
        check_in_both_types("decode_attention", 86,
                            (ft_op_shape){.sequences = 1,
                                          .length = keys,
                                          .heads = 1,
                                          .d_kv = 128,
                                          .paths_per_cache = 4,
                                          .flags = FT_OP_BIASED});
    check_in_both_types(
        "decode_attention", 80,
        (ft_op_shape){.sequences = 1, .length = 30000, .heads = 1, .d_kv = 8, .paths_per_cache = 1});
}

/* -- blocks of a grid: the last of more rows than its second and third dimensions have
 * -- */

enum { MANY = 65535 + 9, LAST = 16 /* blocks that run */, FEATURES = 8, RESULTS = 6 };

/* One case: n times the same row, of which the last result of each kind is kept. Of many
 * blocks only the last run. */
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

/* Of an adapter's 16 rows, which a block takes together, or of so many times as many. */
static void adapt(rows_alike *c)
{
    enum { TILE = 16 };
    ft_backend *b = c->backend;
    ft_adapter_batch batch = one_adapter(c, (int32_t)c->n);
    ft_lora lora = {.n_targets = 1, .rank = FEATURES, .in_features = FEATURES, .out_features = FEATURES};
    lora.target[0].a = rows_of(c, FT_F32, FEATURES, 0).data;
    lora.target[0].b = rows_of(c, FT_F32, FEATURES, 1).data;
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

/* One more token than the message names is one too many. */
static void check_most_tokens(int capability, ft_dtype dtype, int32_t d_kv, int32_t paths, int32_t most)
{
    char words[96];
    for (int32_t tokens = most; tokens <= most + 1; tokens++) {
        ft_backend *b = open_device(capability, dtype);
        ft_error err;
        size_t bytes = (size_t)tokens * (size_t)d_kv * ft_dtype_bytes(dtype);
        void *memory = b->allocate(b, bytes, &err);
        cr_assert_not_null(memory, "%s", err.message);
        b->zero(b, memory, bytes);
        ft_tensor rows = {memory, dtype, tokens, d_kv, d_kv}, out = {memory, dtype, paths, d_kv, d_kv};
        ft_decode_attention a = {.q = rows,
                                 .k_cache = rows,
                                 .v_cache = rows,
                                 .n_heads = 1,
                                 .d_kv = d_kv,
                                 .kv_length = tokens,
                                 .capacity = tokens,
                                 .paths_per_cache = paths};
        b->decode_attention(b, &a, out);
        if (tokens > most) {
            snprintf(words, sizeof words, "has room for %d (lower context_length or prediction_length)",
                     most);
            expect_refused(b, words);
            continue;
        }
        cr_expect_eq(b->synchronize(b, &err), FT_OK, "%s", err.message);
        b->free(b);
    }
}

Test(cuda_limits, more_tokens_than_shared_memory_has_room_for_are_refused)
{
    check_most_tokens(86, FT_F32, 8, 1, 24256);
    check_most_tokens(80, FT_F32, 8, 1, 40640);
    check_most_tokens(90, FT_F32, 64, 1, 56960);
    /* on tensor cores, where a chunk of keys takes 8 bytes */
    check_most_tokens(86, FT_BF16, 8, 2, 556928);
}

Test(cuda_limits, more_blocks_than_a_grid_has_are_refused)
{
    ft_backend *b = open_device(80, FT_F32);
    ft_sampling sampling = {.temperature = 1};
    ft_tensor logits = {.dtype = FT_F32, .rows = (int64_t)1 << 32 | 1, .cols = 1, .stride = 1};
    b->sample(b, &sampling, logits, NULL, (ft_tensor){0});
    expect_refused(b, "lower batch_size");
}
