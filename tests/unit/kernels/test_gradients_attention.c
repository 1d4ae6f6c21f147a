/* Attention's backward operation against finite differences, and its forward against the
 * definition written out. */
#include <string.h>

#include "tests/unit/kernels/finite_difference.h"

enum {
    HEADS = 2,
    D_KV = 3,
    WIDTH = HEADS * D_KV,
    STRIDE = WIDTH + 2,
    MOST = 7,
    BUCKETS = 8,
    MAX_DISTANCE = 5
};

typedef struct scene {
    ft_backend *backend;
    const ft_adapter_batch *batch;
    ft_attention attention;
    double q[FD_SEQUENCES * MOST * STRIDE], k[FD_SEQUENCES * MOST * STRIDE], v[FD_SEQUENCES * MOST * STRIDE];
    double out[FD_SEQUENCES * MOST * STRIDE], factor[FD_SEQUENCES * MOST * STRIDE];
    double bias[BUCKETS * HEADS], lse[FD_SEQUENCES * HEADS * MOST];
    uint8_t mask[FD_SEQUENCES * MOST];
} scene;

static void fill(scene *s, const ft_adapter_batch *batch, int32_t q_length, int32_t kv_length, bool causal,
                 bool biased, bool masked)
{
    memset(s, 0, sizeof *s);
    s->backend = fd_backend();
    s->batch = batch;
    fd_fill(s->q, FD_SEQUENCES * MOST * STRIDE, 1);
    fd_fill(s->k, FD_SEQUENCES * MOST * STRIDE, 2);
    fd_fill(s->v, FD_SEQUENCES * MOST * STRIDE, 3);
    fd_fill(s->factor, FD_SEQUENCES * MOST * STRIDE, 4);
    fd_fill(s->bias, BUCKETS * HEADS, 5);
    for (int i = 0; i < FD_SEQUENCES * MOST * STRIDE; i++)
        if (i % STRIDE >= WIDTH) s->factor[i] = 0;
    for (int i = 0; i < FD_SEQUENCES * kv_length; i++)
        s->mask[i] = i % kv_length == kv_length - 1 || i % 3 != 0;
    s->attention = (ft_attention){.q = {s->q, FT_F64, FD_SEQUENCES * q_length, WIDTH, STRIDE},
                                  .k = {s->k, FT_F64, FD_SEQUENCES * kv_length, WIDTH, STRIDE},
                                  .v = {s->v, FT_F64, FD_SEQUENCES * kv_length, WIDTH, STRIDE},
                                  .n_heads = HEADS,
                                  .d_kv = D_KV,
                                  .q_length = q_length,
                                  .kv_length = kv_length,
                                  .causal = causal,
                                  .key_mask = masked ? s->mask : NULL,
                                  .max_distance = MAX_DISTANCE,
                                  .bidirectional = !causal,
                                  .dropout_site = 31};
    if (biased) s->attention.bias = fd_tensor(s->bias, BUCKETS, HEADS, HEADS);
}

static ft_tensor like(ft_tensor shape, double *values)
{
    shape.data = values;
    return shape;
}

static double attention_loss(void *context)
{
    scene *s = context;
    s->backend->attention_forward(s->backend, s->batch, &s->attention, like(s->attention.q, s->out), s->lse);
    return fd_dot(s->out, s->factor, s->attention.q.rows * STRIDE);
}

static void check(const ft_adapter_batch *batch, int32_t q_length, int32_t kv_length, bool causal,
                  bool biased, bool masked)
{
    scene s;
    double dq[FD_SEQUENCES * MOST * STRIDE], dk[FD_SEQUENCES * MOST * STRIDE],
        dv[FD_SEQUENCES * MOST * STRIDE];
    double dbias[BUCKETS * HEADS];
    fill(&s, batch, q_length, kv_length, causal, biased, masked);
    ft_tensor q = s.attention.q, k = s.attention.k;
    attention_loss(&s);
    for (int i = 0; i < FD_SEQUENCES * MOST * STRIDE; i++)
        dq[i] = dk[i] = dv[i] = i % STRIDE < WIDTH ? NAN : 0;
    for (int i = 0; i < BUCKETS * HEADS; i++) dbias[i] = 30;
    ft_tensor bias_gradient = {0};
    if (biased) bias_gradient = fd_tensor(dbias, BUCKETS, HEADS, HEADS);
    s.backend->attention_backward(s.backend, batch, &s.attention, like(q, s.out), s.lse, like(q, s.factor),
                                  like(q, dq), like(k, dk), like(k, dv), bias_gradient);
    fd_expect("dq", attention_loss, &s, s.q, dq, q.rows * STRIDE);
    fd_expect("dk", attention_loss, &s, s.k, dk, k.rows * STRIDE);
    fd_expect("dv", attention_loss, &s, s.v, dv, k.rows * STRIDE);
    for (int i = 0; i < BUCKETS * HEADS; i++) dbias[i] -= 30;
    if (biased) fd_expect("dbias", attention_loss, &s, s.bias, dbias, BUCKETS * HEADS);
    s.backend->free(s.backend);
}

Test(gradients, encoder_attention)
{
    check(&fd_keeping, 6, 6, false, true, false);
}
Test(gradients, encoder_attention_with_masked_keys)
{
    check(&fd_keeping, 7, 7, false, true, true);
}
Test(gradients, encoder_attention_with_dropout)
{
    check(&fd_dropping, 6, 6, false, true, true);
}
Test(gradients, decoder_attention)
{
    check(&fd_keeping, 7, 7, true, true, false);
}
Test(gradients, decoder_attention_with_dropout)
{
    check(&fd_dropping, 7, 7, true, true, false);
}
Test(gradients, cross_attention)
{
    check(&fd_keeping, 2, 7, false, false, true);
}
Test(gradients, cross_attention_with_dropout)
{
    check(&fd_dropping, 3, 5, false, false, true);
}

/* The definition, by the numbers of one head written out: sum over visible keys of
 * exp(q.k + bias) times v. */
Test(attention, forward_is_the_definition)
{
    scene s;
    fill(&s, &fd_keeping, 7, 7, true, true, false);
    attention_loss(&s);
    for (int sequence = 0; sequence < FD_SEQUENCES; sequence++)
        for (int head = 0; head < HEADS; head++)
            for (int i = 0; i < 7; i++) {
                double sum = 0, out[D_KV] = {0};
                const double *q = s.q + (sequence * 7 + i) * STRIDE + head * D_KV;
                for (int j = 0; j <= i; j++) {
                    const double *k = s.k + (sequence * 7 + j) * STRIDE + head * D_KV;
                    const double *v = s.v + (sequence * 7 + j) * STRIDE + head * D_KV;
                    /* Causal buckets of 8 with distances up to 5: 0 … 3 exact, then 4 + 4
                     * log(n / 4) / log(5 / 4). */
                    int distance = i - j, bucket = distance < 5 ? distance : 7;
                    double weight = exp(fd_dot(q, k, D_KV) + s.bias[bucket * HEADS + head]);
                    sum += weight;
                    for (int d = 0; d < D_KV; d++) out[d] += weight * v[d];
                }
                for (int d = 0; d < D_KV; d++)
                    cr_expect_float_eq(s.out[(sequence * 7 + i) * STRIDE + head * D_KV + d], out[d] / sum,
                                       1e-13);
                cr_expect_float_eq(s.lse[(sequence * HEADS + head) * 7 + i], log(sum), 1e-13);
            }
    s.backend->free(s.backend);
}

/* Decoding position by position with a cache gives the rows of causal attention over the
 * whole. */
Test(attention, decoding_equals_the_causal_pass)
{
    enum { LENGTH = 7, CAPACITY = 9 };
    scene s;
    double k_cache[FD_SEQUENCES * CAPACITY * WIDTH], v_cache[FD_SEQUENCES * CAPACITY * WIDTH];
    double out[FD_SEQUENCES * WIDTH];
    for (int i = 0; i < FD_SEQUENCES * CAPACITY * WIDTH; i++) k_cache[i] = v_cache[i] = NAN;
    fill(&s, &fd_keeping, LENGTH, LENGTH, true, true, false);
    attention_loss(&s);
    for (int t = 0; t < LENGTH; t++) {
        /* from position t of a sequence to that of the next */
        int64_t stride = (int64_t)LENGTH * STRIDE;
        ft_decode_attention step = {.q = fd_tensor(s.q + t * STRIDE, FD_SEQUENCES, WIDTH, stride),
                                    .k_new = fd_tensor(s.k + t * STRIDE, FD_SEQUENCES, WIDTH, stride),
                                    .v_new = fd_tensor(s.v + t * STRIDE, FD_SEQUENCES, WIDTH, stride),
                                    .k_cache = fd_tensor(k_cache, FD_SEQUENCES * CAPACITY, WIDTH, WIDTH),
                                    .v_cache = fd_tensor(v_cache, FD_SEQUENCES * CAPACITY, WIDTH, WIDTH),
                                    .n_heads = HEADS,
                                    .d_kv = D_KV,
                                    .kv_length = t + 1,
                                    .capacity = CAPACITY,
                                    .paths_per_cache = 1,
                                    .bias = s.attention.bias,
                                    .max_distance = MAX_DISTANCE};
        s.backend->decode_attention(s.backend, &step, fd_tensor(out, FD_SEQUENCES, WIDTH, WIDTH));
        for (int sequence = 0; sequence < FD_SEQUENCES; sequence++)
            for (int i = 0; i < WIDTH; i++)
                cr_expect_float_eq(out[sequence * WIDTH + i], s.out[(sequence * LENGTH + t) * STRIDE + i],
                                   1e-13);
    }
    s.backend->free(s.backend);
}

/* Paths that share a cache see the keys of their series only: each path is that series'
 * cross-attention. */
Test(attention, decoding_paths_share_a_cache)
{
    enum { PATHS = 2, KEYS = 5 };
    scene s;
    double q[FD_SEQUENCES * PATHS * WIDTH], out[FD_SEQUENCES * PATHS * WIDTH];
    fill(&s, &fd_keeping, PATHS, KEYS, false, false, true);
    attention_loss(&s);
    for (int path = 0; path < FD_SEQUENCES * PATHS; path++)
        memcpy(q + path * WIDTH, s.q + path * STRIDE, WIDTH * sizeof *q);
    ft_decode_attention step = {.q = fd_tensor(q, FD_SEQUENCES * PATHS, WIDTH, WIDTH),
                                .k_cache = s.attention.k,
                                .v_cache = s.attention.v,
                                .n_heads = HEADS,
                                .d_kv = D_KV,
                                .kv_length = KEYS,
                                .capacity = KEYS,
                                .paths_per_cache = PATHS,
                                .key_mask = s.mask};
    s.backend->decode_attention(s.backend, &step, fd_tensor(out, FD_SEQUENCES * PATHS, WIDTH, WIDTH));
    for (int path = 0; path < FD_SEQUENCES * PATHS; path++)
        for (int i = 0; i < WIDTH; i++)
            cr_expect_float_eq(out[path * WIDTH + i], s.out[path * STRIDE + i], 1e-13);
    s.backend->free(s.backend);
}
