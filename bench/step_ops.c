/* The operations of one training step (size small, batch 8, context 512, prediction 64, LoRA r 8 on q and v),
 * each timed by itself on the cpu backend at its own shapes, with its rate and its share of a step. The
 * matrix peak is measured in between, as the best rate of the step's own products, so that other work on the
 * machine falls on both.
 *
 *   bench_step_ops [f32|bf16] [seconds for each operation] [threads] [part of a name]
 *
 * With one thread the thread's own CPU time is measured, which other work on the machine disturbs little. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/backend.h"

enum {
    SEQUENCES = 8,
    CONTEXT = 513,
    TARGET = 65,
    D = 512,
    HEADS = 8,
    D_KV = 64,
    D_FF = 2048,
    VOCAB = 4096,
    RANK = 8,
    LAYERS = 6,
    ENCODER_ROWS = SEQUENCES * CONTEXT,
    DECODER_ROWS = SEQUENCES * TARGET,
    PATHS = 640,
    SAMPLES = 20,
    SERIES = 32,
};

typedef struct bench {
    ft_backend *backend;
    double seconds; /* for each operation */
    ft_adapter_batch batch;
    ft_weight *square, *qkv, *kv, *wi, *wo, *head;
    ft_tensor x, x2, y, h, qkv_rows, dqkv, ff, logits, u, du, out, dout, bias, dbias;
    ft_tensor k_cache, v_cache;
    float *rstd, *lse, *norm, *lora;
    int32_t *ids, *labels, *tokens;
    uint32_t *numbers;
    float *scale;
    double *loss;
    uint8_t *mask;
    double step_seconds, step_flops, peak;
} bench;

static clockid_t clock_used = CLOCK_MONOTONIC;

static double now(void)
{
    struct timespec t;
    clock_gettime(clock_used, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static ft_tensor tensor(bench *b, int64_t rows, int64_t cols, ft_dtype dtype)
{
    ft_error err;
    ft_tensor t = {NULL, dtype, rows, cols, cols};
    t.data = b->backend->allocate(b->backend, (size_t)(rows * cols) * ft_dtype_bytes(dtype), &err);
    float *values = malloc((size_t)(rows * cols) * sizeof(float));
    if (!t.data || !values) exit(1);
    uint32_t state = 1;
    for (int64_t i = 0; i < rows * cols; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = ((float)(state >> 8) / 16777216.0f - 0.5f) * 0.5f;
    }
    if (ft_write_tensor(b->backend, t, values, &err) != FT_OK) exit(1);
    free(values);
    return t;
}

static ft_weight *weight(bench *b, int32_t out, int32_t in)
{
    ft_error err;
    ft_weight *w = NULL;
    float *values = malloc((size_t)out * (size_t)in * sizeof(float));
    for (int64_t i = 0; i < (int64_t)out * in; i++) values[i] = (float)(i % 17 - 8) * 0.01f;
    if (b->backend->prepare_weight(b->backend, values, out, in, true, &w, &err) != FT_OK) exit(1);
    free(values);
    return w;
}

static ft_tensor rows_of(ft_tensor t, int64_t rows)
{
    t.rows = rows;
    return t;
}

static const char *only; /* measure operations with this in their name */
typedef void (*operation)(bench *b, int64_t rows);

/* Times `run`; flops and bytes are of one call, `count` the calls of a step (0: not of a training step). */
static void measure(bench *b, const char *name, operation run, int64_t rows, double flops, double bytes,
                    int count)
{
    if (only && !strstr(name, only)) return;
    run(b, rows);
    double best = 1e30, start = now();
    int calls = 0;
    while (calls < 3 || now() - start < b->seconds) {
        double t = now();
        run(b, rows);
        t = now() - t;
        if (t < best) best = t;
        calls++;
    }
    b->step_seconds += best * count;
    b->step_flops += flops * count;
    printf("%-28s %6lld rows  %8.3f ms x %2d = %7.1f ms  %7.0f GFLOP/s  %6.1f GB/s\n", name, (long long)rows,
           best * 1e3, count, best * 1e3 * count, flops / best * 1e-9, bytes / best * 1e-9);
    fflush(stdout);
}

static struct {
    ft_weight *weight;
    ft_tensor x, y;
    bool accumulate, backward;
} product;

static void run_product(bench *b, int64_t rows)
{
    (void)rows;
    if (product.backward)
        b->backend->linear_backward(b->backend, product.weight, product.y, product.x, product.accumulate);
    else
        b->backend->linear_forward(b->backend, product.weight, product.x, product.y, product.accumulate);
}

static void linear(bench *b, const char *name, ft_weight *w, int64_t rows, int64_t in, int64_t out,
                   bool y_real, int count)
{
    ft_dtype m = b->backend->matrix;
    product.weight = w;
    product.x = (ft_tensor){b->ff.data, m, rows, in, in};
    product.y = (ft_tensor){b->logits.data, y_real ? FT_F32 : m, rows, out, out};
    double flops = 2.0 * (double)rows * (double)in * (double)out;
    double before = b->step_seconds, peak;
    char text[64];
    for (int backward = 0; backward < 2; backward++) {
        product.backward = backward;
        snprintf(text, sizeof text, "linear %s%s", name, backward ? " back" : "");
        before = b->step_seconds;
        measure(b, text, run_product, rows, flops, 0, count);
        peak = flops * count / (b->step_seconds - before) * 1e-9;
        if (count && peak > b->peak) b->peak = peak;
    }
}

static int32_t length_of(int64_t rows)
{
    return (int32_t)(rows / SEQUENCES);
}

static void run_norm(bench *b, int64_t rows)
{
    b->backend->add_norm_forward(b->backend, &b->batch, length_of(rows), rows_of(b->x, rows),
                                 rows_of(b->y, rows), 5, b->norm, 0, 1e-6f, 0, 1.0f, rows_of(b->x2, rows),
                                 rows_of(b->h, rows), b->rstd);
}

static void run_norm_backward(bench *b, int64_t rows)
{
    b->backend->add_norm_backward(b->backend, &b->batch, length_of(rows), rows_of(b->x, rows), b->rstd,
                                  b->norm, 0, 0, 1.0f, rows_of(b->h, rows), rows_of(b->x2, rows), true, 5,
                                  rows_of(b->y, rows), NULL);
}

static void run_relu(bench *b, int64_t rows)
{
    b->backend->relu_forward(b->backend, &b->batch, length_of(rows), 6, rows_of(b->ff, rows));
}

static void run_relu_backward(bench *b, int64_t rows)
{
    ft_tensor df = {b->logits.data, b->backend->matrix, rows, D_FF, D_FF};
    b->backend->relu_backward(b->backend, &b->batch, length_of(rows), 6, rows_of(b->ff, rows), df);
}

static void run_weight_gradient(bench *b, int64_t rows)
{
    ft_tensor dw = {b->logits.data, FT_F32, D_FF, D, D};
    b->backend->weight_gradient(b->backend, rows_of(b->ff, rows), rows_of(b->h, rows), dw);
}

static ft_lora lora_of(bench *b)
{
    return (ft_lora){
        b->lora, b->lora + RANK * D, b->lora + 2 * RANK * D, b->lora + 3 * RANK * D, 0, RANK, D, D, 7};
}

static void run_lora(bench *b, int64_t rows)
{
    ft_lora l = lora_of(b);
    b->backend->lora_forward(b->backend, &b->batch, length_of(rows), &l, rows_of(b->h, rows),
                             ft_columns(rows_of(b->qkv_rows, rows), 0, D), rows_of(b->u, rows));
}

static void run_lora_backward(bench *b, int64_t rows)
{
    ft_lora l = lora_of(b);
    b->backend->lora_backward(b->backend, &b->batch, length_of(rows), &l, rows_of(b->h, rows),
                              rows_of(b->u, rows), ft_columns(rows_of(b->qkv_rows, rows), 0, D),
                              rows_of(b->y, rows), rows_of(b->du, rows));
}

static ft_attention attention_of(bench *b, int which)
{
    int q = which == 0 ? CONTEXT : TARGET, kv = which == 1 ? TARGET : CONTEXT;
    ft_attention a = {0};
    a.q = ft_columns(rows_of(b->qkv_rows, SEQUENCES * q), 0, D);
    a.k = ft_columns(rows_of(b->qkv_rows, SEQUENCES * kv), D, D);
    a.v = ft_columns(rows_of(b->qkv_rows, SEQUENCES * kv), 2 * D, D);
    a.n_heads = HEADS, a.d_kv = D_KV, a.q_length = q, a.kv_length = kv;
    a.causal = which == 1;
    if (which != 1) a.key_mask = b->mask;
    if (which != 2) a.bias = b->bias;
    a.max_distance = 128;
    a.bidirectional = which == 0;
    a.dropout_site = 9;
    return a;
}

static int which_attention;
static void run_attention(bench *b, int64_t rows)
{
    ft_attention a = attention_of(b, which_attention);
    b->backend->attention_forward(b->backend, &b->batch, &a, rows_of(b->out, rows), b->lse);
}

static void run_attention_backward(bench *b, int64_t rows)
{
    ft_attention a = attention_of(b, which_attention);
    ft_tensor d = b->dqkv;
    b->backend->attention_backward(b->backend, &b->batch, &a, rows_of(b->out, rows), b->lse,
                                   rows_of(b->dout, rows), ft_columns(rows_of(d, rows), 0, D),
                                   ft_columns(rows_of(d, a.kv_length * SEQUENCES), D, D),
                                   ft_columns(rows_of(d, a.kv_length * SEQUENCES), 2 * D, D), (ft_tensor){0});
}

static void attention(bench *b, const char *name, int which)
{
    int q = which == 0 ? CONTEXT : TARGET, kv = which == 1 ? TARGET : CONTEXT;
    double product_flops = 2.0 * SEQUENCES * HEADS * q * kv * D_KV * (which == 1 ? 0.5 : 1.0);
    char text[64];
    which_attention = which;
    snprintf(text, sizeof text, "attention %s", name);
    measure(b, text, run_attention, SEQUENCES * q, 2 * product_flops, 0, LAYERS);
    snprintf(text, sizeof text, "attention %s back", name);
    measure(b, text, run_attention_backward, SEQUENCES * q, 5 * product_flops, 0, LAYERS);
}

static void run_embedding(bench *b, int64_t rows)
{
    ft_tensor table = {b->logits.data, FT_F32, VOCAB, D, D};
    b->backend->embedding_forward(b->backend, &b->batch, length_of(rows), table, b->ids, 3,
                                  rows_of(b->x, rows));
}

static void run_loss(bench *b, int64_t rows)
{
    b->backend->cross_entropy(b->backend, &b->batch, length_of(rows), rows_of(b->logits, rows), b->labels,
                              b->scale, b->loss);
}

static int decode_length, decode_paths, decode_capacity;
static void run_decode(bench *b, int64_t rows)
{
    ft_decode_attention a = {0};
    a.q = ft_columns(rows_of(b->qkv_rows, rows), 0, D);
    if (decode_paths == 1) {
        a.k_new = ft_columns(rows_of(b->qkv_rows, rows), D, D);
        a.v_new = ft_columns(rows_of(b->qkv_rows, rows), 2 * D, D);
        a.bias = b->bias;
    } else {
        a.key_mask = b->mask;
    }
    a.k_cache = b->k_cache, a.v_cache = b->v_cache;
    a.n_heads = HEADS, a.d_kv = D_KV, a.kv_length = decode_length, a.capacity = decode_capacity;
    a.paths_per_cache = decode_paths, a.max_distance = 128;
    b->backend->decode_attention(b->backend, &a, rows_of(b->out, rows));
}

static void run_sample(bench *b, int64_t rows)
{
    ft_sampling s = {1.0f, 50, 1.0f, 1, b->numbers, b->numbers, b->numbers, 3};
    b->backend->sample(b->backend, &s, rows_of(b->logits, rows), b->tokens, (ft_tensor){0});
}

static void prepare(bench *b)
{
    static const int32_t starts[2] = {0, SEQUENCES}, adapter_of[SEQUENCES];
    static const uint32_t seed[1] = {1}, step[1] = {2};
    static const float dropout[1] = {0.1f}, lora_scale[1] = {2.0f};
    ft_dtype m = b->backend->matrix;
    b->batch = (ft_adapter_batch){1, SEQUENCES, starts, adapter_of, seed, step, dropout, dropout, lora_scale, NULL};
    b->square = weight(b, D, D), b->qkv = weight(b, 3 * D, D), b->kv = weight(b, 2 * D, D);
    b->wi = weight(b, D_FF, D), b->wo = weight(b, D, D_FF), b->head = weight(b, VOCAB, D);
    b->x = tensor(b, ENCODER_ROWS, D, FT_F32), b->x2 = tensor(b, ENCODER_ROWS, D, FT_F32);
    b->y = tensor(b, ENCODER_ROWS, D, m), b->h = tensor(b, ENCODER_ROWS, D, m);
    b->qkv_rows = tensor(b, ENCODER_ROWS, 3 * D, m), b->dqkv = tensor(b, ENCODER_ROWS, 3 * D, m);
    b->ff = tensor(b, ENCODER_ROWS, D_FF, m), b->logits = tensor(b, ENCODER_ROWS, VOCAB, FT_F32);
    b->u = tensor(b, ENCODER_ROWS, RANK, FT_F32), b->du = tensor(b, ENCODER_ROWS, RANK, FT_F32);
    b->out = tensor(b, ENCODER_ROWS, D, m), b->dout = tensor(b, ENCODER_ROWS, D, m);
    b->bias = tensor(b, 32, HEADS, FT_F32);
    b->k_cache = tensor(b, PATHS * TARGET, D, m), b->v_cache = tensor(b, PATHS * TARGET, D, m);
    b->rstd = tensor(b, ENCODER_ROWS, 1, FT_F32).data, b->lse = tensor(b, ENCODER_ROWS, HEADS, FT_F32).data;
    b->norm = tensor(b, 1, D, FT_F32).data, b->lora = tensor(b, 4, RANK * D, FT_F32).data;
    b->ids = malloc(ENCODER_ROWS * sizeof(int32_t)), b->labels = malloc(ENCODER_ROWS * sizeof(int32_t));
    b->tokens = malloc(ENCODER_ROWS * sizeof(int32_t)), b->numbers = malloc(ENCODER_ROWS * sizeof(int32_t));
    b->scale = malloc(sizeof(float)), b->loss = calloc(1, sizeof(double)), b->mask = malloc(SERIES * CONTEXT);
    for (int i = 0; i < ENCODER_ROWS; i++)
        b->ids[i] = b->labels[i] = i * 7 % VOCAB, b->numbers[i] = (uint32_t)i;
    *b->scale = 1.0f / DECODER_ROWS;
    memset(b->mask, 1, SERIES * CONTEXT);
}

int main(int argc, char **argv)
{
    bench b = {0};
    ft_error err;
    ft_dtype dtype = argc > 1 && strcmp(argv[1], "f32") == 0 ? FT_F32 : FT_BF16;
    b.seconds = argc > 2 ? atof(argv[2]) : 0.3;
    if (ft_cpu_create(dtype, argc > 3 ? atoi(argv[3]) : 0, &b.backend, &err) != FT_OK) return 1;
    only = argc > 4 ? argv[4] : NULL;
    if (b.backend->n_threads == 1) clock_used = CLOCK_THREAD_CPUTIME_ID;
    printf("%s, %s, %d threads\n", b.backend->device, dtype == FT_F32 ? "f32" : "bf16", b.backend->n_threads);
    prepare(&b);
    const double width = (double)ft_dtype_bytes(b.backend->matrix), rows = ENCODER_ROWS;

    linear(&b, "qkv", b.qkv, ENCODER_ROWS, D, 3 * D, false, LAYERS);
    linear(&b, "o", b.square, ENCODER_ROWS, D, D, false, LAYERS);
    linear(&b, "wi", b.wi, ENCODER_ROWS, D, D_FF, false, LAYERS);
    linear(&b, "wo", b.wo, ENCODER_ROWS, D_FF, D, false, LAYERS);
    linear(&b, "cross kv", b.kv, ENCODER_ROWS, D, 2 * D, false, LAYERS);
    linear(&b, "qkv", b.qkv, DECODER_ROWS, D, 3 * D, false, LAYERS);
    linear(&b, "o, cross q, cross o", b.square, DECODER_ROWS, D, D, false, 3 * LAYERS);
    linear(&b, "wi", b.wi, DECODER_ROWS, D, D_FF, false, LAYERS);
    linear(&b, "wo", b.wo, DECODER_ROWS, D_FF, D, false, LAYERS);
    linear(&b, "head", b.head, DECODER_ROWS, D, VOCAB, true, 1);
    const double linears = b.step_seconds;
    attention(&b, "encoder", 0);
    attention(&b, "decoder", 1);
    attention(&b, "cross", 2);
    const double attentions = b.step_seconds - linears;
    measure(&b, "add_norm", run_norm, ENCODER_ROWS, 0, rows * D * (8 + 2 * width), 2 * LAYERS + 1);
    measure(&b, "add_norm back", run_norm_backward, ENCODER_ROWS, 0, rows * D * (8 + 2 * width),
            2 * LAYERS + 1);
    measure(&b, "add_norm", run_norm, DECODER_ROWS, 0, DECODER_ROWS * D * (8 + 2 * width), 3 * LAYERS + 1);
    measure(&b, "add_norm back", run_norm_backward, DECODER_ROWS, 0, DECODER_ROWS * D * (8 + 2 * width),
            3 * LAYERS + 1);
    measure(&b, "relu", run_relu, ENCODER_ROWS, 0, rows * D_FF * 2 * width, LAYERS);
    measure(&b, "relu back", run_relu_backward, ENCODER_ROWS, 0, rows * D_FF * 3 * width, LAYERS);
    measure(&b, "relu", run_relu, DECODER_ROWS, 0, DECODER_ROWS * D_FF * 2 * width, LAYERS);
    measure(&b, "relu back", run_relu_backward, DECODER_ROWS, 0, DECODER_ROWS * D_FF * 3 * width, LAYERS);
    const double lora_flops = 2.0 * 2.0 * RANK * D;
    measure(&b, "lora", run_lora, ENCODER_ROWS, lora_flops * rows, rows * D * 3 * width, 3 * LAYERS);
    measure(&b, "lora back", run_lora_backward, ENCODER_ROWS, 2 * lora_flops * rows, rows * D * 4 * width,
            3 * LAYERS);
    measure(&b, "lora", run_lora, DECODER_ROWS, lora_flops * DECODER_ROWS, DECODER_ROWS * D * 3 * width,
            3 * LAYERS);
    measure(&b, "lora back", run_lora_backward, DECODER_ROWS, 2 * lora_flops * DECODER_ROWS,
            DECODER_ROWS * D * 4 * width, 3 * LAYERS);
    measure(&b, "embedding", run_embedding, ENCODER_ROWS, 0, rows * D * 8, 1);
    measure(&b, "cross entropy", run_loss, DECODER_ROWS, 0, DECODER_ROWS * VOCAB * 8, 1);
    printf("step: %.0f ms (linear %.0f, attention %.0f, other %.0f); %.0f GFLOP, %.0f GFLOP/s = %.1f %% of "
           "the matrix peak %.0f\n",
           b.step_seconds * 1e3, linears * 1e3, attentions * 1e3,
           (b.step_seconds - linears - attentions) * 1e3, b.step_flops * 1e-9,
           b.step_flops / b.step_seconds * 1e-9, 100 * b.step_flops * 1e-9 / b.step_seconds / b.peak, b.peak);

    measure(&b, "weight gradient wi", run_weight_gradient, ENCODER_ROWS, 2.0 * rows * D * D_FF, 0, 0);
    decode_length = decode_capacity = TARGET, decode_paths = 1;
    measure(&b, "decode self, 65 keys", run_decode, PATHS, 4.0 * PATHS * TARGET * D,
            2.0 * PATHS * TARGET * D * width, 0);
    decode_length = decode_capacity = CONTEXT, decode_paths = SAMPLES;
    measure(&b, "decode cross, 513 keys", run_decode, PATHS, 4.0 * PATHS * CONTEXT * D,
            2.0 * SERIES * CONTEXT * D * width, 0);
    measure(&b, "sample", run_sample, PATHS, 0, PATHS * VOCAB * 4, 0);
    linear(&b, "qkv", b.qkv, PATHS, D, 3 * D, false, 0);
    linear(&b, "head", b.head, PATHS, D, VOCAB, true, 0);
    return 0;
}
