/* The operations of a training step and of a forecast, one function each; see scene.h. */
#include <stdlib.h>
#include <string.h>

#include "host/bench/scene.h"

enum { Y_SITE = 5, H_SITE = 6, PROBABILITY_SITE = 9, LORA_SITE = 7 };

/* -- sizes of the job -- */

static int32_t encoder_length(const ft_bench_scene *s)
{
    return (int32_t)s->job->context_length + 1;
}

static int32_t decoder_length(const ft_bench_scene *s)
{
    return (int32_t)s->job->prediction_length + 1;
}

static int64_t encoder_rows(const ft_bench_scene *s)
{
    return s->job->batch_size * encoder_length(s);
}

static int64_t decoder_rows(const ft_bench_scene *s)
{
    return s->job->batch_size * decoder_length(s);
}

static int64_t paths(const ft_bench_scene *s)
{
    return s->job->n_series * s->job->num_samples;
}

/* -- products with frozen weights -- */

enum { QKV, O, WI, WO, HEAD, STEP_QKV, STEP_WI, STEP_HEAD };

typedef struct product {
    int64_t rows;
    int32_t in, out;
} product;

static product product_of(const ft_bench_scene *s, int variant)
{
    const ft_model_config *c = s->config;
    int32_t inner = ft_inner_dim(c), d = c->d_model;
    const product products[] = {
        [QKV] = {encoder_rows(s), d, 3 * inner},      [O] = {encoder_rows(s), inner, d},
        [WI] = {encoder_rows(s), d, c->d_ff},         [WO] = {encoder_rows(s), c->d_ff, d},
        [HEAD] = {decoder_rows(s), d, c->vocab_size}, [STEP_QKV] = {paths(s), d, 3 * inner},
        [STEP_WI] = {paths(s), d, c->d_ff},           [STEP_HEAD] = {paths(s), d, c->vocab_size},
    };
    return products[variant];
}

static product begin_product(ft_bench_scene *s, int variant)
{
    product p = product_of(s, variant);
    s->op.flops = 2.0 * (double)p.rows * p.in * p.out;
    ft_bench_shape(s, "%lld x %d x %d", (long long)p.rows, (int)p.in, (int)p.out);
    return p;
}

/* The dtype of a product's output: logits are real. */
static ft_dtype output_of(const ft_bench_scene *s, int variant)
{
    return variant == HEAD || variant == STEP_HEAD ? s->backend->real : s->backend->matrix;
}

static void linear_forward(ft_bench_scene *s, int variant)
{
    product p = begin_product(s, variant);
    ft_weight *weight = ft_bench_scene_weight(s, p.out, p.in);
    ft_tensor x = ft_bench_tensor(s, FT_BENCH_ONCE, s->backend->matrix, p.rows, p.in);
    ft_tensor y = ft_bench_tensor(s, FT_BENCH_ONCE, output_of(s, variant), p.rows, p.out);
    while (ft_bench_scene_again(s)) s->backend->linear_forward(s->backend, weight, x, y, false);
}

static void linear_backward(ft_bench_scene *s, int variant)
{
    product p = begin_product(s, variant);
    ft_weight *weight = ft_bench_scene_weight(s, p.out, p.in);
    ft_tensor dy = ft_bench_tensor(s, FT_BENCH_ONCE, output_of(s, variant), p.rows, p.out);
    ft_tensor dx = ft_bench_tensor(s, FT_BENCH_ONCE, s->backend->matrix, p.rows, p.in);
    while (ft_bench_scene_again(s)) s->backend->linear_backward(s->backend, weight, dy, dx, false);
}

static void weight_gradient(ft_bench_scene *s, int variant)
{
    product p = begin_product(s, variant);
    ft_tensor dy = ft_bench_tensor(s, FT_BENCH_ONCE, s->backend->matrix, p.rows, p.out);
    ft_tensor x = ft_bench_tensor(s, FT_BENCH_ONCE, s->backend->matrix, p.rows, p.in);
    ft_tensor dw = ft_bench_tensor(s, FT_BENCH_TWICE, s->backend->real, p.out, p.in);
    while (ft_bench_scene_again(s)) s->backend->weight_gradient(s->backend, dy, x, dw);
}

static void update_weight(ft_bench_scene *s, int variant)
{
    product p = product_of(s, variant);
    ft_bench_shape(s, "%d x %d", (int)p.out, (int)p.in);
    ft_weight *weight = ft_bench_scene_weight(s, p.out, p.in);
    ft_tensor w = ft_bench_tensor(s, FT_BENCH_ONCE, s->backend->real, p.out, p.in);
    while (ft_bench_scene_again(s)) s->backend->update_weight(s->backend, weight, w);
}

/* -- row by row -- */

/* Counts only the rows of the embedding table that are looked up. */
static void embedding(ft_bench_scene *s, int backward)
{
    const ft_model_config *c = s->config;
    int64_t rows = encoder_rows(s), known = rows < c->vocab_size ? rows : c->vocab_size;
    ft_adapter_batch batch = ft_bench_batch(s, 1);
    int32_t *ids = ft_bench_integers(s, rows, c->vocab_size);
    ft_tensor table = ft_bench_tensor(s, FT_BENCH_NOT_COUNTED, s->backend->real, c->vocab_size, c->d_model);
    ft_tensor out = ft_bench_tensor(s, FT_BENCH_ONCE, s->backend->real, rows, c->d_model);
    s->op.bytes += (backward ? 2.0 : 1.0) * (double)known * c->d_model * sizeof(float);
    ft_bench_shape(s, "%lld x %d", (long long)rows, (int)c->d_model);
    while (ft_bench_scene_again(s))
        if (backward)
            s->backend->embedding_backward(s->backend, &batch, encoder_length(s), out, ids, Y_SITE, table);
        else
            s->backend->embedding_forward(s->backend, &batch, encoder_length(s), table, ids, Y_SITE, out);
}

static void add_norm_forward(ft_bench_scene *s, int variant)
{
    (void)variant;
    ft_backend *b = s->backend;
    int64_t rows = encoder_rows(s), d = s->config->d_model;
    ft_adapter_batch batch = ft_bench_batch(s, 1);
    ft_tensor x = ft_bench_tensor(s, FT_BENCH_TWICE, b->real, rows, d); /* x_out is x */
    ft_tensor y = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, rows, d);
    ft_tensor h = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, rows, d);
    ft_tensor weight = ft_bench_tensor(s, FT_BENCH_ONCE, b->real, 1, d);
    ft_tensor rstd = ft_bench_tensor(s, FT_BENCH_ONCE, b->real, 1, rows);
    ft_bench_shape(s, "%lld x %lld", (long long)rows, (long long)d);
    while (ft_bench_scene_again(s))
        b->add_norm_forward(b, &batch, encoder_length(s), x, y, Y_SITE, weight.data, 0, 1e-6f, 0, 1.0f, x, h,
                            rstd.data);
}

static void add_norm_backward(ft_bench_scene *s, int variant)
{
    (void)variant;
    ft_backend *b = s->backend;
    int64_t rows = encoder_rows(s), d = s->config->d_model;
    ft_adapter_batch batch = ft_bench_batch(s, 1);
    ft_tensor x = ft_bench_tensor(s, FT_BENCH_ONCE, b->real, rows, d);
    ft_tensor dh = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, rows, d);
    ft_tensor dx = ft_bench_tensor(s, FT_BENCH_TWICE, b->real, rows, d);
    ft_tensor dy = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, rows, d);
    ft_tensor weight = ft_bench_tensor(s, FT_BENCH_ONCE, b->real, 1, d);
    ft_tensor rstd = ft_bench_tensor(s, FT_BENCH_ONCE, b->real, 1, rows);
    ft_bench_shape(s, "%lld x %lld", (long long)rows, (long long)d);
    while (ft_bench_scene_again(s))
        b->add_norm_backward(b, &batch, encoder_length(s), x, rstd.data, weight.data, 0, 0, 1.0f, dh, dx,
                             false, Y_SITE, dy, NULL);
}

static void relu(ft_bench_scene *s, int backward)
{
    ft_backend *b = s->backend;
    int64_t rows = encoder_rows(s), d = s->config->d_ff;
    ft_adapter_batch batch = ft_bench_batch(s, 1);
    ft_tensor f = ft_bench_tensor(s, backward ? FT_BENCH_ONCE : FT_BENCH_TWICE, b->matrix, rows, d), df = {0};
    if (backward) df = ft_bench_tensor(s, FT_BENCH_TWICE, b->matrix, rows, d);
    ft_bench_shape(s, "%lld x %lld", (long long)rows, (long long)d);
    while (ft_bench_scene_again(s))
        if (backward)
            b->relu_backward(b, &batch, encoder_length(s), Y_SITE, f, df);
        else
            b->relu_forward(b, &batch, encoder_length(s), Y_SITE, f);
}

/* -- LoRA on the encoder's q, or on its q and v -- */

enum { Q_AND_V = 64 }; /* a flag beside the number of adapters, in one `variant` */

typedef struct lora_scene {
    ft_adapter_batch batch;
    ft_lora lora;
    ft_tensor x, y, u;
} lora_scene;

/* The element of a tensor of one row, or NULL where there is no tensor yet. */
static void *element(ft_tensor t, int64_t index)
{
    return t.data ? ft_columns(t, index, 1).data : NULL;
}

/* A and B of every adapter, which are read, and their gradients, which are added to. y
 * has the columns of the targets alone, so that its bytes count. */
static lora_scene make_lora(ft_bench_scene *s, int variant, bool backward)
{
    int32_t n_targets = variant & Q_AND_V ? 2 : 1, n_adapters = variant & ~Q_AND_V;
    const ft_model_config *c = s->config;
    ft_backend *b = s->backend;
    int64_t rows = encoder_rows(s), inner = ft_inner_dim(c);
    int32_t rank = (int32_t)(s->job->lora_rank + 7) / 8 * 8;
    if (n_adapters > s->job->batch_size) n_adapters = (int32_t)s->job->batch_size;
    int64_t size = rank * (c->d_model + inner), a_size = (int64_t)rank * c->d_model;
    lora_scene made = {.batch = ft_bench_batch(s, n_adapters)};
    ft_tensor values = ft_bench_tensor(s, FT_BENCH_ONCE, b->real, n_adapters, n_targets * size),
              gradients = {0};
    if (backward) gradients = ft_bench_tensor(s, FT_BENCH_TWICE, b->real, n_adapters, n_targets * size);
    made.lora = (ft_lora){.n_targets = n_targets,
                          .rank = rank,
                          .in_features = c->d_model,
                          .out_features = (int32_t)inner,
                          .adapter_stride = n_targets * size};
    for (int32_t i = 0; i < n_targets; i++)
        made.lora.target[i] = (ft_lora_target){.a = element(values, i * size),
                                               .b = element(values, i * size + a_size),
                                               .da = element(gradients, i * size),
                                               .db = element(gradients, i * size + a_size),
                                               .column = (int32_t)(i * inner),
                                               .dropout_site = LORA_SITE + (uint32_t)i};
    made.x = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, rows, c->d_model);
    made.y =
        ft_bench_tensor(s, backward ? FT_BENCH_ONCE : FT_BENCH_TWICE, b->matrix, rows, n_targets * inner);
    made.u = ft_bench_tensor(s, FT_BENCH_ONCE, b->real, rows, n_targets * rank);
    s->op.flops = 2.0 * (double)rows * rank * (double)(c->d_model + inner) * n_targets * (backward ? 2 : 1);
    ft_bench_shape(s, "%lld x %d, rank %d, %d adapters", (long long)rows, (int)c->d_model, (int)rank,
                   (int)n_adapters);
    return made;
}

static void lora_forward(ft_bench_scene *s, int variant)
{
    lora_scene l = make_lora(s, variant, false);
    while (ft_bench_scene_again(s))
        s->backend->lora_forward(s->backend, &l.batch, encoder_length(s), &l.lora, l.x, l.y, l.u);
}

/* dx is the gradient of a norm's output, which is real. */
static void lora_backward(ft_bench_scene *s, int variant)
{
    ft_backend *b = s->backend;
    lora_scene l = make_lora(s, variant, true);
    ft_tensor dx = ft_bench_tensor(s, FT_BENCH_TWICE, b->real, encoder_rows(s), s->config->d_model);
    ft_tensor du = ft_bench_tensor(s, FT_BENCH_NOT_COUNTED, b->real, encoder_rows(s), l.u.cols);
    while (ft_bench_scene_again(s))
        b->lora_backward(b, &l.batch, encoder_length(s), &l.lora, l.x, l.u, l.y, dx, du);
}

/* -- attention -- */

enum { ENCODER, DECODER, CROSS, WITH_DROPOUT = 4 };

typedef struct attention_scene {
    ft_adapter_batch batch;
    ft_attention attention;
    ft_tensor out, lse;
} attention_scene;

/* A mask that hides no key: reading it costs time, and no work is saved. */
static uint8_t *ones(ft_bench_scene *s, int64_t count)
{
    uint8_t *values = malloc((size_t)count);
    if (!values) s->status = ft_no_memory(&s->error, "a mask", (size_t)count);
    if (values) memset(values, 1, (size_t)count);
    uint8_t *mask = values ? ft_bench_array(s, values, (size_t)count) : NULL;
    free(values);
    return mask;
}

/* WITH_DROPOUT as in training; without as in validation and in other libraries. There
 * is a mask where the keys are the encoder's. FLOPs are counted as in model/flops.h:
 * half of a causal square, and not the scores that backward recomputes. */
static attention_scene make_attention(ft_bench_scene *s, int variant, bool backward)
{
    const int place = variant & ~WITH_DROPOUT;
    const ft_model_config *c = s->config;
    ft_backend *b = s->backend;
    int32_t queries = place == ENCODER ? encoder_length(s) : decoder_length(s);
    int32_t keys = place == DECODER ? decoder_length(s) : encoder_length(s);
    int64_t n = s->job->batch_size, inner = ft_inner_dim(c);
    attention_scene made = {.batch = ft_bench_batch(s, 1)};
    if (!(variant & WITH_DROPOUT)) made.batch.model_dropout = NULL;
    made.attention = (ft_attention){.n_heads = c->n_heads,
                                    .d_kv = c->d_kv,
                                    .q_length = queries,
                                    .kv_length = keys,
                                    .causal = place == DECODER,
                                    .bidirectional = place != DECODER,
                                    .max_distance = c->max_distance,
                                    .dropout_site = PROBABILITY_SITE};
    made.attention.q = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, n * queries, inner);
    made.attention.k = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, n * keys, inner);
    made.attention.v = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, n * keys, inner);
    if (place != CROSS)
        made.attention.bias = ft_bench_tensor(s, FT_BENCH_ONCE, b->real, c->n_buckets, c->n_heads);
    if (place != DECODER) made.attention.key_mask = ones(s, n * keys);
    made.out = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, n * queries, inner);
    made.lse = ft_bench_tensor(s, FT_BENCH_ONCE, b->real, n * c->n_heads, queries);
    double pairs = (double)queries * (place == DECODER ? (keys + 1) / 2.0 : keys);
    s->op.flops = (backward ? 8.0 : 4.0) * (double)n * (double)inner * pairs;
    ft_bench_shape(s, "%lld x %d heads x %d, %d x %d", (long long)n, (int)c->n_heads, (int)c->d_kv,
                   (int)queries, (int)keys);
    return made;
}

static void attention_forward(ft_bench_scene *s, int variant)
{
    attention_scene a = make_attention(s, variant, false);
    while (ft_bench_scene_again(s))
        s->backend->attention_forward(s->backend, &a.batch, &a.attention, a.out, a.lse.data);
}

static void attention_backward(ft_bench_scene *s, int variant)
{
    ft_backend *b = s->backend;
    attention_scene a = make_attention(s, variant, true);
    const ft_attention *at = &a.attention;
    ft_tensor dout = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, at->q.rows, at->q.cols);
    ft_tensor dq = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, at->q.rows, at->q.cols);
    ft_tensor dk = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, at->k.rows, at->k.cols);
    ft_tensor dv = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, at->k.rows, at->k.cols);
    if (s->status == FT_OK) b->attention_forward(b, &a.batch, at, a.out, a.lse.data);
    while (ft_bench_scene_again(s))
        b->attention_backward(b, &a.batch, at, a.out, a.lse.data, dout, dq, dk, dv, (ft_tensor){0});
}

/* The last decoding step of a forecast, with full caches. Self-attention has a cache
 * for each path, cross-attention one for each series. */
static void decode_attention(ft_bench_scene *s, int place)
{
    const ft_model_config *c = s->config;
    ft_backend *b = s->backend;
    int32_t keys = place == DECODER ? (int32_t)s->job->prediction_length : encoder_length(s);
    int64_t inner = ft_inner_dim(c), n = paths(s), caches = place == DECODER ? n : s->job->n_series;
    ft_decode_attention a = {.n_heads = c->n_heads,
                             .d_kv = c->d_kv,
                             .kv_length = keys,
                             .capacity = keys,
                             .paths_per_cache = (int32_t)(n / caches),
                             .max_distance = c->max_distance};
    a.q = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, n, inner);
    a.k_cache = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, caches * keys, inner);
    a.v_cache = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, caches * keys, inner);
    if (place == DECODER) {
        a.k_new = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, n, inner);
        a.v_new = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, n, inner);
        a.bias = ft_bench_tensor(s, FT_BENCH_ONCE, b->real, c->n_buckets, c->n_heads);
    } else {
        a.key_mask = ones(s, caches * keys);
    }
    ft_tensor out = ft_bench_tensor(s, FT_BENCH_ONCE, b->matrix, n, inner);
    s->op.flops = 4.0 * (double)n * (double)inner * keys;
    ft_bench_shape(s, "%lld x %d heads x %d, %d keys", (long long)n, (int)c->n_heads, (int)c->d_kv,
                   (int)keys);
    while (ft_bench_scene_again(s)) b->decode_attention(b, &a, out);
}

/* -- loss and sampling -- */

static void cross_entropy(ft_bench_scene *s, int variant)
{
    (void)variant;
    ft_backend *b = s->backend;
    int64_t rows = decoder_rows(s), vocabulary = s->config->vocab_size;
    const float scale[1] = {1.0f / 64};
    const double zero[1] = {0};
    ft_adapter_batch batch = ft_bench_batch(s, 1);
    ft_tensor logits = ft_bench_tensor(s, FT_BENCH_TWICE, b->real, rows, vocabulary);
    int32_t *labels = ft_bench_integers(s, rows, (int32_t)vocabulary);
    float *label_scale = ft_bench_array(s, scale, sizeof scale);
    double *loss = ft_bench_array(s, zero, sizeof zero);
    ft_bench_shape(s, "%lld x %lld", (long long)rows, (long long)vocabulary);
    while (ft_bench_scene_again(s))
        b->cross_entropy(b, &batch, decoder_length(s), logits, labels, label_scale, loss);
}

static void sample(ft_bench_scene *s, int variant)
{
    (void)variant;
    ft_backend *b = s->backend;
    const ft_chronos_config *chronos = &s->config->chronos;
    int64_t n = paths(s), vocabulary = s->config->vocab_size;
    ft_tensor logits = ft_bench_tensor(s, FT_BENCH_ONCE, b->real, n, vocabulary);
    uint32_t *numbers = (uint32_t *)ft_bench_integers(s, n, 1 << 30);
    int32_t *tokens = ft_bench_integers(s, n, 1);
    ft_sampling sampling = {.temperature = chronos->temperature,
                            .top_k = chronos->top_k,
                            .top_p = chronos->top_p,
                            .suppressed_token = 1,
                            .seed = numbers,
                            .series = numbers,
                            .sample = numbers};
    ft_bench_shape(s, "%lld x %lld", (long long)n, (long long)vocabulary);
    while (ft_bench_scene_again(s)) b->sample(b, &sampling, logits, tokens, (ft_tensor){0});
}

/* -- optimizer, over the job's adapter on q and v of every attention -- */

enum { ADAPTERS = 4 };

static int64_t parameters_of(const ft_bench_scene *s)
{
    const ft_model_config *c = s->config;
    int64_t targets = 2 * (c->n_encoder_layers + 2 * c->n_decoder_layers);
    return targets * s->job->lora_rank * (c->d_model + ft_inner_dim(c));
}

static void gradient_norm(ft_bench_scene *s, int variant)
{
    (void)variant;
    const double zeros[ADAPTERS] = {0};
    ft_tensor grads = ft_bench_tensor(s, FT_BENCH_ONCE, s->backend->real, ADAPTERS, parameters_of(s));
    double *norm = ft_bench_array(s, zeros, sizeof zeros);
    ft_bench_shape(s, "%d x %lld", ADAPTERS, (long long)grads.cols);
    while (ft_bench_scene_again(s)) s->backend->gradient_norm(s->backend, grads, norm);
}

static void adamw(ft_bench_scene *s, int variant)
{
    (void)variant;
    ft_backend *b = s->backend;
    const float rate[ADAPTERS] = {1e-4f, 1e-4f, 1e-4f, 1e-4f}, decay[ADAPTERS] = {0.01f, 0.01f, 0.01f, 0.01f};
    const float limit[ADAPTERS] = {1, 1, 1, 1};
    const double ones_of_norm[ADAPTERS] = {1, 1, 1, 1};
    const uint32_t taken[ADAPTERS] = {1, 2, 3, 4};
    int64_t n = parameters_of(s);
    ft_adamw step = {.params = ft_bench_tensor(s, FT_BENCH_TWICE, b->real, ADAPTERS, n),
                     .grads = ft_bench_tensor(s, FT_BENCH_ONCE, b->real, ADAPTERS, n),
                     .m = ft_bench_tensor(s, FT_BENCH_TWICE, b->real, ADAPTERS, n),
                     .v = ft_bench_tensor(s, FT_BENCH_TWICE, b->real, ADAPTERS, n),
                     .learning_rate = ft_bench_array(s, rate, sizeof rate),
                     .weight_decay = ft_bench_array(s, decay, sizeof decay),
                     .max_grad_norm = ft_bench_array(s, limit, sizeof limit),
                     .grad_norm = ft_bench_array(s, ones_of_norm, sizeof ones_of_norm),
                     .step = ft_bench_array(s, taken, sizeof taken)};
    if (s->status == FT_OK) b->zero(b, step.v.data, (size_t)(ADAPTERS * n) * ft_dtype_bytes(b->real));
    ft_bench_shape(s, "%d x %lld", ADAPTERS, (long long)n);
    while (ft_bench_scene_again(s)) b->adamw(b, &step);
}

const ft_bench_case ft_bench_cases[] = {
    {"embedding_forward", "encoder", embedding, false},
    {"embedding_backward", "encoder", embedding, true},
    {"add_norm_forward", "encoder", add_norm_forward, 0},
    {"add_norm_backward", "encoder", add_norm_backward, 0},
    {"linear_forward", "encoder q, k, v", linear_forward, QKV},
    {"linear_forward", "encoder o", linear_forward, O},
    {"linear_forward", "encoder wi", linear_forward, WI},
    {"linear_forward", "encoder wo", linear_forward, WO},
    {"linear_forward", "head", linear_forward, HEAD},
    {"linear_forward", "decode step q, k, v", linear_forward, STEP_QKV},
    {"linear_forward", "decode step wi", linear_forward, STEP_WI},
    {"linear_forward", "decode step head", linear_forward, STEP_HEAD},
    {"linear_backward", "encoder q, k, v", linear_backward, QKV},
    {"linear_backward", "encoder o", linear_backward, O},
    {"linear_backward", "encoder wi", linear_backward, WI},
    {"linear_backward", "encoder wo", linear_backward, WO},
    {"linear_backward", "head", linear_backward, HEAD},
    {"weight_gradient", "encoder wi", weight_gradient, WI},
    {"update_weight", "wi", update_weight, WI},
    {"lora_forward", "encoder q", lora_forward, 1},
    {"lora_forward", "encoder q", lora_forward, ADAPTERS},
    {"lora_forward", "encoder q and v", lora_forward, 1 | Q_AND_V},
    {"lora_backward", "encoder q", lora_backward, 1},
    {"lora_backward", "encoder q", lora_backward, ADAPTERS},
    {"lora_backward", "encoder q and v", lora_backward, 1 | Q_AND_V},
    {"attention_forward", "encoder", attention_forward, ENCODER},
    {"attention_forward", "encoder with dropout", attention_forward, ENCODER | WITH_DROPOUT},
    {"attention_forward", "decoder", attention_forward, DECODER},
    {"attention_forward", "decoder with dropout", attention_forward, DECODER | WITH_DROPOUT},
    {"attention_forward", "cross", attention_forward, CROSS},
    {"attention_forward", "cross with dropout", attention_forward, CROSS | WITH_DROPOUT},
    {"attention_backward", "encoder", attention_backward, ENCODER},
    {"attention_backward", "encoder with dropout", attention_backward, ENCODER | WITH_DROPOUT},
    {"attention_backward", "decoder", attention_backward, DECODER},
    {"attention_backward", "decoder with dropout", attention_backward, DECODER | WITH_DROPOUT},
    {"attention_backward", "cross", attention_backward, CROSS},
    {"attention_backward", "cross with dropout", attention_backward, CROSS | WITH_DROPOUT},
    {"decode_attention", "decode step self", decode_attention, DECODER},
    {"decode_attention", "decode step cross", decode_attention, CROSS},
    {"relu_forward", "encoder", relu, false},
    {"relu_backward", "encoder", relu, true},
    {"cross_entropy", "head", cross_entropy, 0},
    {"sample", "decode step", sample, 0},
    {"gradient_norm", "optimizer", gradient_norm, 0},
    {"adamw", "optimizer", adamw, 0},
};
const int ft_bench_cases_count = (int)(sizeof ft_bench_cases / sizeof *ft_bench_cases);
