/* One device and the operations on it: all that the model knows of hardware.
 *
 * A backend is a struct of function pointers. `ref` is scalar C to read and to test
 * against, `cpu` is fast, `cuda` is for GPUs. Operations are queued in order on the
 * backend's stream and return nothing: shapes are the caller's contract, and a failure of
 * the device is kept and reported by the next `synchronize`. No operation allocates after
 * its first call with a shape: a backend's scratch memory only grows.
 *
 * Two element types per backend: `real` for everything that must stay precise (residual
 * stream, norms, logits, loss, adapters, gradients of adapters, optimizer state),
 * `matrix` for activations that feed matrix products and come out of them (bf16 on a
 * backend made for bf16, else the same as `real`). An operation takes either where its
 * comment says "real or matrix". Sums run in `real` or wider.
 *
 * Rows. A pass works on `n_sequences` sequences laid out adapter by adapter, each of
 * `length` rows, so that row s * length + t is position t of sequence s, and the rows of
 * adapter g are contiguous. `length` is an argument because the encoder and the decoder
 * of one pass differ in it. All results are the same bits from run to run with one thread
 * count. */
#ifndef FT_KERNELS_BACKEND_H
#define FT_KERNELS_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ft_dtype { FT_F32, FT_F64, FT_BF16 } ft_dtype;

static inline size_t ft_dtype_bytes(ft_dtype dtype)
{
    return dtype == FT_F64 ? 8 : dtype == FT_BF16 ? 2 : 4;
}

/* A matrix view in device memory: row i starts at element i * stride. `data` NULL: absent
 * (where an operation allows). */
typedef struct ft_tensor {
    void *data;
    ft_dtype dtype;
    int64_t rows, cols, stride;
} ft_tensor;

/* Columns [first, first + cols) of a tensor. */
static inline ft_tensor ft_columns(ft_tensor t, int64_t first, int64_t cols)
{
    if (t.data) t.data = (char *)t.data + (size_t)first * ft_dtype_bytes(t.dtype);
    t.cols = cols;
    return t;
}

/* The adapters of a pass, one array element each, and whose the sequences are. Everything
 * is in device memory and may change between steps without re-capture; n_adapters and
 * n_sequences are the shape. */
typedef struct ft_adapter_batch {
    int32_t n_adapters, n_sequences;
    /* (n_adapters + 1): adapter g has sequences [start[g], start[g + 1]) */
    const int32_t *sequence_start;
    const int32_t *adapter_of; /* (n_sequences) */
    /* (n_adapters): keys of the random numbers, see base/philox.h */
    const uint32_t *seed, *step;
    /* (n_adapters) probability, or NULL: no dropout in this pass (evaluation) */
    const float *model_dropout;
    const float *lora_dropout; /* (n_adapters) probability, or NULL likewise */
    const float *lora_scale;   /* (n_adapters) alpha / r, or alpha / sqrt(r) */
    /* (n_adapters): how many sequences of the adapter's step, on other devices, come
     * before those here; NULL: none */
    const int32_t *sequence_offset;
} ft_adapter_batch;

/* Dropout. `site` names the place in the model (0: never any dropout there). Element (row
 * of sequence s and position t, feature f) of adapter g is dropped where
 * ft_philox_at(ft_philox_key_of(seed[g], step[g], site), f, length - 1 - t,
 * sequence_offset[g] + s - sequence_start[g], 0) < ft_dropout_threshold(p[g]) and else
 * multiplied by ft_dropout_scale(p[g]). Numbers have 16 bits, p counts as the nearest
 * 65536th. */

/* The number of sequence s of adapter g in the adapter's step, for backends on the
 * host. */
static inline uint32_t ft_sequence_number(const ft_adapter_batch *batch, int32_t g, int32_t s)
{
    return (uint32_t)(s - batch->sequence_start[g] +
                      (batch->sequence_offset ? batch->sequence_offset[g] : 0));
}

typedef struct ft_weight ft_weight; /* a frozen weight, packed as the backend likes */

/* T5 attention, not scaled by 1/sqrt(d_kv). */
typedef struct ft_attention {
    ft_tensor q;    /* (n_sequences * q_length, n_heads * d_kv), matrix */
    ft_tensor k, v; /* (n_sequences * kv_length, n_heads * d_kv), matrix */
    int32_t n_heads, d_kv, q_length, kv_length;
    bool causal; /* query t attends to keys [0, t] (q_length == kv_length) */
    /* (n_sequences, kv_length): 1 = attended to; NULL: all. Each sequence has at least
     * one 1 */
    const uint8_t *key_mask;
    /* (n_buckets, n_heads) real, absent in cross-attention: added to the scores by bucket
     * of key position - query position */
    ft_tensor bias;
    int32_t max_distance; /* of the buckets; n_buckets = bias.rows */
    bool bidirectional;   /* buckets of the encoder; false: causal buckets */
    /* dropout of the probabilities, after the softmax and not renormalised: number of
     * (feature = kv_length - 1 - key, position = q_length - 1 - query, sequence, head) */
    uint32_t dropout_site;
} ft_attention;

/* One LoRA target of every adapter in the batch: y += lora_scale[g] * B_g A_g dropout(x).
 * Adapter g's tensors start g * adapter_stride elements after the pointers, real. Ranks
 * are zero-padded to `rank` (a multiple of 8). */
typedef struct ft_lora {
    void *a;  /* (rank, in_features) */
    void *b;  /* (out_features, rank) */
    void *da; /* gradients, added to; NULL in passes without backward */
    void *db;
    int64_t adapter_stride;
    int32_t rank, in_features, out_features;
    uint32_t dropout_site; /* with lora_dropout */
} ft_lora;

/* One AdamW step of every adapter, as torch.optim.AdamW, betas 0.9 and 0.999, eps 1e-8:
 *   g *= min(1, max_grad_norm / (norm + 1e-6));  p *= 1 - lr * weight_decay;  m, v;  p -= lr / (1 - b1^t) * m
 * / (sqrt(v) / sqrt(1 - b2^t) + eps) */
typedef struct ft_adamw {
    /* (n_adapters, n_params) real; all but grads are updated */
    ft_tensor params, grads, m, v;
    const float *learning_rate, *weight_decay; /* (n_adapters) */
    const float *max_grad_norm;                /* (n_adapters); <= 0: no clipping */
    const double *grad_norm;                   /* (n_adapters), from gradient_norm */
    /* (n_adapters): steps already taken; t = step + 1 */
    const uint32_t *step;
} ft_adamw;

/* One decoding step: one query a path. Path p reads cache row-block p /
 * paths_per_cache. */
typedef struct ft_decode_attention {
    ft_tensor q; /* (n_paths, n_heads * d_kv) matrix */
    ft_tensor k_new,
        /* (n_paths, n_heads * d_kv) matrix, stored at position kv_length - 1 of the
         * caches before attending, paths_per_cache being 1; absent in cross-attention */
        v_new;
    /* (n_caches * capacity, n_heads * d_kv) matrix; row c * capacity + t */
    ft_tensor k_cache, v_cache;
    int32_t n_heads, d_kv, kv_length, capacity, paths_per_cache;
    const uint8_t *key_mask; /* (n_caches, kv_length) or NULL */
    /* (n_buckets, n_heads) real with causal buckets, the query at position kv_length - 1;
     * or absent */
    ft_tensor bias;
    int32_t max_distance;
} ft_decode_attention;

/* Drawing the next token of each path from its logits, as transformers' generate with
 * ChronosPipeline's settings: `suppressed_token` to -inf, divide by temperature, top-k
 * (ties with the k-th kept; 0 = off), top-p on what is left (ascending cumulative sum,
 * remove where <= 1 - top_p, the last always kept; of equally likely ones the smaller id
 * goes first; >= 1 = off), softmax, one draw: the first token, by id, at which the sum of
 * probabilities exceeds ft_philox_uniform of its number. Where the logits give no
 * distribution (a NaN, +infinity, nothing above -infinity) the token is -1. */
typedef struct ft_sampling {
    float temperature; /* > 0 */
    int32_t top_k;
    float top_p;
    int32_t suppressed_token; /* EOS; -1: none */
    /* (n_paths): the draw's number is word 0 of the block of key ft_philox_key_of(seed,
     * step, FT_SITE_SAMPLING), counters (0, series, sample, 0) */
    const uint32_t *seed;
    const uint32_t *series, *sample; /* (n_paths) */
    /* tokens drawn before, over all chunks of a horizon */
    uint32_t step;
} ft_sampling;
enum { FT_SITE_SAMPLING = 0x5a3b1e00 };

typedef struct ft_backend ft_backend;
struct ft_backend {
    const char *name; /* "ref", "cpu", "cuda" */
    char device[128]; /* in words, for people and records */
    ft_dtype real, matrix;
    /* what enters a matrix product is rounded to bf16: weights, x, dy; of LoRA, where a
     * backend likes, A, B, u, du too */
    bool bf16;
    int n_threads;
    size_t memory_bytes; /* of the device */
    bool host_memory;    /* device memory is the host's own */
    /* Rows of the encoder beyond which a pass gains nothing: a longer step is cut into
     * passes of as many, whose activations stay in a cache. 0: never. Not where steps are
     * captured. */
    int64_t pass_rows;

    void (*free)(ft_backend *self);

    /* -- memory: blocks of device memory, 64-byte aligned; NULL and an error when there is none -- */
    void *(*allocate)(ft_backend *self, size_t bytes, ft_error *err);
    void (*release)(ft_backend *self, void *block);
    /* host may be reused at once, the copy is queued like an operation */
    void (*to_device)(ft_backend *self, void *device, const void *host, size_t bytes);
    void (*to_host)(ft_backend *self, void *host, const void *device,
                    size_t bytes); /* waits for what is queued */
    void (*copy)(ft_backend *self, void *to, const void *from, size_t bytes);
    void (*zero)(ft_backend *self, void *device, size_t bytes);

    /* -- order: waits for everything queued and returns the first failure since the last call -- */
    ft_status (*synchronize)(ft_backend *self, ft_error *err);
    /* Streams 0 (the default) and 1; operations go to the one in use. `record` marks a
     * point of the current stream in event 0..63; `wait` makes the current stream wait
     * for it. Nothing happens where a device has one stream. */
    void (*use_stream)(ft_backend *self, int stream);
    void (*record)(ft_backend *self, int event);
    void (*wait)(ft_backend *self, int event);
    /* Capture of what is queued between begin and end into a graph, to be replayed on the
     * same memory. NULL where there is no gain: then the caller queues anew each step. */
    void (*capture_begin)(ft_backend *self);
    void *(*capture_end)(ft_backend *self);
    void (*replay)(ft_backend *self, void *graph);
    void (*graph_free)(ft_backend *self, void *graph);

    /* -- frozen weights -- */

    /* Packs w: (out_features, in_features) f32 on the host, for y = x w^T and, where
     * with_backward, for dx = dy w. */
    ft_status (*prepare_weight)(ft_backend *self, const float *w, int32_t out_features, int32_t in_features,
                                bool with_backward, ft_weight **weight, ft_error *err);
    /* Packs anew from device memory, w: (out_features, in_features) real, after a step of
     * full training. */
    void (*update_weight)(ft_backend *self, ft_weight *weight, ft_tensor w);
    void (*free_weight)(ft_backend *self, ft_weight *weight);
    size_t (*weight_bytes)(ft_backend *self, int32_t out_features, int32_t in_features, bool with_backward);

    /* y = x w^T, or y += where accumulate. x: (rows, in), y: (rows, out), each real or
     * matrix. */
    void (*linear_forward)(ft_backend *self, const ft_weight *weight, ft_tensor x, ft_tensor y,
                           bool accumulate);
    /* dx = dy w, or dx += where accumulate. dy: (rows, out), dx: (rows, in), each real or
     * matrix. */
    void (*linear_backward)(ft_backend *self, const ft_weight *weight, ft_tensor dy, ft_tensor dx,
                            bool accumulate);
    /* dw += dy^T x. dw: (out, in) real; dy: (rows, out), x: (rows, in), each real or
     * matrix. */
    void (*weight_gradient)(ft_backend *self, ft_tensor dy, ft_tensor x, ft_tensor dw);

    /* -- embedding -- */

    /* out[row] = dropout(table[ids[row]]), zeros where the id is below 0 (a token that
     * could not be drawn). table: (vocab, d_model) real, ids: (rows), out: (rows,
     * d_model) real. */
    void (*embedding_forward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor table, const int32_t *ids, uint32_t dropout_site, ft_tensor out);
    /* dtable[ids[row]] += dropout'(dout[row]), always in the same order. */
    void (*embedding_backward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                               ft_tensor dout, const int32_t *ids, uint32_t dropout_site, ft_tensor dtable);

    /* -- residual add + RMS norm, the seam between two sublayers -- */

    /* x_out = x + dropout(y); h = h_scale * dropout(x_out * rstd * weight), rstd =
     * 1/sqrt(mean(x_out^2) + eps). x, x_out: (rows, d) real, may be the same; y: (rows,
     * d) real or matrix, or absent: x_out = x (nothing is written when they are the
     * same); h: (rows, d) real or matrix; rstd: (rows) of real's type, saved for
     * backward. Adapter g's norm weight, (d) real, starts g * weight_stride elements
     * after `weight` (0: shared). Dropout sites: y_site for y, h_site for h (0 but for
     * final norms). */
    void (*add_norm_forward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor x,
                             ft_tensor y, uint32_t y_site, const void *weight, int64_t weight_stride,
                             float eps, uint32_t h_site, float h_scale, ft_tensor x_out, ft_tensor h,
                             void *rstd);
    /* Given x_out (as saved), rstd, dh: (rows, d) real or matrix, and dx: (rows, d) real
     * holding the gradient that reaches x_out by the residual way: dx += the gradient
     * through the norm (dx = where dx_is_zero: what is there is not read); then dy =
     * dropout'(dx) (rows, d) real or matrix, where dy is there. dweight (real, adapter
     * g's at g * weight_stride; or NULL) is added to. */
    void (*add_norm_backward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor x_out, const void *rstd, const void *weight, int64_t weight_stride,
                              uint32_t h_site, float h_scale, ft_tensor dh, ft_tensor dx, bool dx_is_zero,
                              uint32_t y_site, ft_tensor dy, void *dweight);

    /* -- feed-forward -- */

    /* f = dropout(relu(f)) in place, (rows, d_ff) real or matrix. */
    void (*relu_forward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                         uint32_t dropout_site, ft_tensor f);
    /* df = df where f > 0, times the dropout scale, else 0; in place. f as saved by
     * relu_forward: no number is drawn again. */
    void (*relu_backward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          uint32_t dropout_site, ft_tensor f, ft_tensor df);

    /* -- LoRA; x: (rows, in) and y: (rows, out), real or matrix; u: (rows, rank) real = lora_scale * A
     * dropout(x), saved -- */

    /* y += B u. */
    void (*lora_forward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                         ft_tensor x, ft_tensor y, ft_tensor u);
    /* db += dy^T u; du = lora_scale * dy B; da += du^T dropout(x); dx += dropout'(du A)
     * where dx is there. du: (rows, rank) real is scratch. */
    void (*lora_backward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          const ft_lora *lora, ft_tensor x, ft_tensor u, ft_tensor dy, ft_tensor dx,
                          ft_tensor du);

    /* -- attention -- */

    /* out: (n_sequences * q_length, n_heads * d_kv) matrix; lse: (n_sequences, n_heads,
     * q_length) of real's type: the log of the softmax's denominator (of the sum of
     * exp(score), nothing subtracted), saved for backward (NULL in passes without
     * one). */
    void (*attention_forward)(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                              ft_tensor out, void *lse);
    /* dq, dk, dv (overwritten), matrix; dbias: (n_buckets, n_heads) real, added to, or
     * absent. */
    void (*attention_backward)(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                               ft_tensor out, const void *lse, ft_tensor dout, ft_tensor dq, ft_tensor dk,
                               ft_tensor dv, ft_tensor dbias);
    /* out: (n_paths, n_heads * d_kv) matrix. */
    void (*decode_attention)(ft_backend *self, const ft_decode_attention *attention, ft_tensor out);

    /* -- loss and sampling -- */

    /* logits: (rows, vocab) real, labels: (rows), -100 = not counted. loss_sum[g] += sum
     * of -log softmax(logits)[label] over the adapter's counted rows, double. With
     * label_scale (n_adapters; 1 / counted tokens of the adapter) the logits are
     * overwritten by the loss' gradient, label_scale[g] * (softmax - onehot), 0 in rows
     * not counted; with NULL they are left alone. */
    void (*cross_entropy)(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor logits,
                          const int32_t *labels, const float *label_scale, double *loss_sum);
    /* token[p] drawn from logits: (n_paths, vocab) real, which is scratch afterwards.
     * probabilities: (n_paths, vocab) real or absent: the distribution drawn from. */
    void (*sample)(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                   ft_tensor probabilities);

    /* -- optimizer -- */

    /* norm[g] = sqrt(sum of squares of row g), double. grads: (n_adapters, n_params)
     * real. */
    void (*gradient_norm)(ft_backend *self, ft_tensor grads, double *norm);
    void (*adamw)(ft_backend *self, const ft_adamw *step);
};

/* Relative-position bucket of T5 for key position - query position = `distance` (in [0,
 * n_buckets)); transformers' T5Attention._relative_position_bucket, float arithmetic
 * included. */
int32_t ft_relative_bucket(int32_t distance, bool bidirectional, int32_t n_buckets, int32_t max_distance);

/* Host values to a device tensor of any dtype and back; `count` = rows * cols values, row
 * by row. */
ft_status ft_write_tensor(ft_backend *backend, ft_tensor tensor, const float *values, ft_error *err);
ft_status ft_read_tensor(ft_backend *backend, ft_tensor tensor, float *values, ft_error *err);

/* The backends. `dtype` FT_F64 (ref only), FT_F32 or FT_BF16. Each is freed by its own
 * `free`. */
ft_status ft_ref_create(ft_dtype dtype, ft_backend **backend, ft_error *err);
/* n_threads <= 0: all cores that the process may use. */
ft_status ft_cpu_create(ft_dtype dtype, int n_threads, ft_backend **backend, ft_error *err);
/* Whether the processor multiplies bf16 natively, and oneDNN may make use of that. It may
 * be slower by it. */
bool ft_cpu_has_bf16(void);
/* The processor's name as the system tells it, in at most `size` bytes. */
void ft_cpu_describe(char *text, size_t size);
/* The instruction set that oneDNN goes by, "avx512_core_bf16": the processor's, unless
 * DNNL_MAX_CPU_ISA says less. */
const char *ft_cpu_onednn_isa(void);
enum { FT_CPU_PASS_ROWS = 2048 }; /* its pass_rows */
/* GPU number `device`. Where the build has no CUDA backend there are 0 devices and
 * creation fails. Without a driver neither loads a library. */
int ft_cuda_device_count(void);
ft_status ft_cuda_create(int device, ft_dtype dtype, ft_backend **backend, ft_error *err);

/* What the build has of CUDA, in words for people; "" each where it has no CUDA backend.
 * The libraries: with `open` their version and file, or why they cannot be used; without,
 * which they are, and nothing is loaded. */
typedef struct ft_cuda_parts {
    char code[128]; /* the compute capabilities that the kernels are compiled for */
    char cublaslt[1024], nccl[1024];
} ft_cuda_parts;
void ft_cuda_describe(bool open, ft_cuda_parts *parts);

#ifdef __cplusplus
}
#endif
#endif
