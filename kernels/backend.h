/* The backend contract: one device and every operation that the model runs on it.
 *
 * A backend is a struct of function pointers. `ref` is scalar C, for reading and for
 * testing the others against; `cpu` is the fast one for processors; `cuda` runs on NVIDIA
 * GPUs.
 *
 * Operations are queued in order on the backend's stream and return nothing. The caller
 * guarantees the shapes. The backend keeps the first failure of the device, and the next
 * `synchronize` reports it. An operation allocates nothing after its first call with a
 * shape: scratch memory only grows.
 *
 * Each backend has two element types. `real` holds what must stay precise: residual
 * stream, norms, logits, loss, adapters, their gradients, optimizer state. `matrix` holds
 * activations that enter or leave matrix products: bf16 on a backend created for bf16,
 * else the same as `real`. "real or matrix" in a comment means that the operation takes
 * either. Sums run in `real` or wider.
 *
 * Rows. A pass works on `n_sequences` sequences of `length` rows each, laid out adapter
 * by adapter: row s * length + t is position t of sequence s, and the rows of adapter g
 * are contiguous. `length` is an argument because encoder and decoder differ in it.
 *
 * Results are deterministic: with the same number of threads, every run gives the same
 * bits. */
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

/* A matrix view in device memory: row i starts at element i * stride. `data` is NULL
 * where the tensor is absent; an operation says which of its tensors may be. */
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

/* Where a row starts. */
static inline void *ft_row_address(ft_tensor tensor, int64_t row)
{
    return (char *)tensor.data + (size_t)(row * tensor.stride) * ft_dtype_bytes(tensor.dtype);
}

/* The adapters of a pass and the sequences that belong to each. The arrays are in device
 * memory; their contents may change between steps without a new capture. The shape,
 * n_adapters and n_sequences, may not. */
typedef struct ft_adapter_batch {
    int32_t n_adapters, n_sequences;
    /* (n_adapters + 1). Adapter g has sequences [start[g], start[g + 1]). */
    const int32_t *sequence_start;
    const int32_t *adapter_of; /* (n_sequences): the adapter of each sequence */
    /* (n_adapters): keys of the random numbers (base/philox.h) */
    const uint32_t *seed, *step;
    /* (n_adapters): probabilities. NULL: no dropout in this pass (evaluation). */
    const float *model_dropout;
    const float *lora_dropout; /* (n_adapters): probabilities, or NULL */
    const float *lora_scale;   /* (n_adapters): alpha / r, or alpha / sqrt(r) */
    /* (n_adapters): in data-parallel training, how many sequences of the adapter's step
     * other devices hold before the first one here. NULL: none. */
    const int32_t *sequence_offset;
} ft_adapter_batch;

/* Dropout. `site` numbers the place in the model; site 0 never drops. The random number
 * of feature f at position t of sequence s, which belongs to adapter g, is
 *
 *     number = ft_philox_at(ft_philox_key_of(seed[g], step[g], site), f, length - 1 - t,
 *                           sequence_offset[g] + s - sequence_start[g], 0)
 *
 * The element becomes 0 where number < ft_dropout_threshold(p[g]); otherwise it is
 * multiplied by ft_dropout_scale(p[g]). Numbers have 16 bits, so p is rounded to the
 * nearest 65536th. */

/* The number of sequence s within its adapter's step. For backends on the host. */
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
    /* (n_sequences, kv_length): 1 = attended to. NULL: all keys are. Every sequence has
     * at least one 1. */
    const uint8_t *key_mask;
    /* (n_buckets, n_heads) real: added to the scores by the bucket of key position -
     * query position. Absent in cross-attention. */
    ft_tensor bias;
    /* T5's relative_attention_max_distance; n_buckets = bias.rows */
    int32_t max_distance;
    bool bidirectional; /* true: the encoder's buckets; false: causal buckets */
    /* Dropout of the probabilities, after the softmax and without renormalising. The
     * random number is that of feature kv_length - 1 - key, position q_length - 1 -
     * query, the sequence and the head. */
    uint32_t dropout_site;
} ft_attention;

/* LoRA of the targets of one input, in every adapter of the batch:
 *
 *     y_i += lora_scale[g] * B_ig A_ig dropout_i(x)
 *
 * y_i are the columns of y that target i adds to. All tensors are real; those of adapter
 * g start g * adapter_stride elements after the pointers. Ranks are zero-padded to
 * `rank`, a multiple of 8. */
enum { FT_LORA_TARGETS = 32 };
typedef struct ft_lora_target {
    void *a; /* (rank, in_features) */
    void *b; /* (out_features, rank) */
    /* Gradients, shaped as a and b; added to. NULL in passes without backward. */
    void *da;
    void *db;
    int32_t column;        /* of y: y_i is columns [column, column + out_features) */
    uint32_t dropout_site; /* drops with probability lora_dropout */
} ft_lora_target;
typedef struct ft_lora {
    int32_t n_targets; /* at most FT_LORA_TARGETS; their columns do not overlap */
    int32_t rank, in_features, out_features;
    int64_t adapter_stride;
    ft_lora_target target[FT_LORA_TARGETS];
} ft_lora;

/* The columns of y, or of dy, that belong to target i; and of u, or du. */
static inline ft_tensor ft_lora_y_of(const ft_lora *lora, int32_t i, ft_tensor y)
{
    return ft_columns(y, lora->target[i].column, lora->out_features);
}
static inline ft_tensor ft_lora_u_of(const ft_lora *lora, int32_t i, ft_tensor u)
{
    return ft_columns(u, (int64_t)i * lora->rank, lora->rank);
}

/* One AdamW step of every adapter, as torch.optim.AdamW with betas (0.9, 0.999) and eps
 * 1e-8. With t = step + 1:
 *
 *     g *= min(1, max_grad_norm / (norm + 1e-6))
 *     p *= 1 - lr * weight_decay
 *     m = b1 * m + (1 - b1) * g,  v = b2 * v + (1 - b2) * g^2
 *     p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps) */
typedef struct ft_adamw {
    /* (n_adapters, n_params) real. All but grads are updated. */
    ft_tensor params, grads, m, v;
    const float *learning_rate, *weight_decay; /* (n_adapters) */
    const float *max_grad_norm;                /* (n_adapters); <= 0: no clipping */
    const double *grad_norm;                   /* (n_adapters), from gradient_norm */
    /* (n_adapters), or NULL. Unless all of these are finite, no adapter is updated: the
     * losses of the step before, when this one was queued before they were known. */
    const double *loss_before;
    /* (n_adapters): steps already taken, t - 1 */
    const uint32_t *step;
} ft_adamw;

/* One decoding step: each path has one query. Path p attends to cache p /
 * paths_per_cache. */
typedef struct ft_decode_attention {
    ft_tensor q; /* (n_paths, n_heads * d_kv) matrix */
    /* (n_paths, n_heads * d_kv) matrix. Before attending they are stored at position
     * kv_length - 1 of the caches; paths_per_cache is then 1. Absent in
     * cross-attention. */
    ft_tensor k_new, v_new;
    /* (n_caches * capacity, n_heads * d_kv) matrix. Position t of cache c is row c *
     * capacity + t. */
    ft_tensor k_cache, v_cache;
    int32_t n_heads, d_kv, kv_length, capacity, paths_per_cache;
    const uint8_t *key_mask; /* (n_caches, kv_length) or NULL */
    /* (n_buckets, n_heads) real, or absent. Buckets are causal, with the query at
     * position kv_length - 1. */
    ft_tensor bias;
    int32_t max_distance;
} ft_decode_attention;

/* Draws the next token of each path from its logits, as transformers' generate does with
 * ChronosPipeline's settings. In this order:
 *
 *   1. the logit of `suppressed_token` becomes -infinity; all logits are divided by
 *      temperature;
 *   2. top-k keeps the k largest and all that tie with the k-th (0: off);
 *   3. top-p sums the rest in ascending order and removes those with a cumulative
 *      sum <= 1 - top_p; of equal ones the smaller id comes first; the last one always
 *      stays (>= 1: off);
 *   4. softmax, then one draw: the first token, by id, at which the cumulative
 *      probability exceeds ft_philox_uniform of the path's random number.
 *
 * The token is -1 where the logits give no distribution: a NaN, +infinity, or nothing
 * above -infinity. */
typedef struct ft_sampling {
    float temperature; /* > 0 */
    int32_t top_k;
    float top_p;
    int32_t suppressed_token; /* EOS, or -1 for none */
    /* (n_paths). The random number is word 0 of the Philox block with key
     * ft_philox_key_of(seed, step, FT_SITE_SAMPLING) and counters (0, series, sample,
     * 0). */
    const uint32_t *seed;
    const uint32_t *series, *sample; /* (n_paths) */
    /* tokens drawn before this one, over all chunks of a horizon */
    uint32_t step;
} ft_sampling;
enum { FT_SITE_SAMPLING = 0x5a3b1e00 };

typedef struct ft_backend ft_backend;
/* What is done in one part of a backend; see ft_backend.in_parts. */
typedef void ft_part_work(void *context, ft_backend *part, int index);

struct ft_backend {
    const char *name; /* "ref", "cpu", "cuda" */
    char device[128]; /* the device's name, for messages and records */
    ft_dtype real, matrix;
    /* Whether inputs of matrix products are rounded to bf16: weights, x and dy always,
     * and LoRA's A, B, u and du where the backend chooses to. */
    bool bf16;
    int n_threads;
    size_t memory_bytes; /* the device's memory */
    bool host_memory;    /* device memory is host memory */
    /* Encoder rows beyond which a larger pass is no faster: a longer step is cut into
     * micro-batches of about so many rows, so that activations stay in a cache. 0: never
     * cut. Always 0 where steps are captured. */
    int64_t pass_rows;

    void (*free)(ft_backend *self);

    /* -- memory --
     *
     * Blocks of device memory, aligned to 64 bytes. `allocate` returns NULL and sets the
     * error when there is none left. */
    void *(*allocate)(ft_backend *self, size_t bytes, ft_error *err);
    void (*release)(ft_backend *self, void *block);
    /* The copy is queued like an operation; the caller may reuse `host` at once. */
    void (*to_device)(ft_backend *self, void *device, const void *host, size_t bytes);
    /* Waits for everything queued. */
    void (*to_host)(ft_backend *self, void *host, const void *device, size_t bytes);
    /* to_host in two halves. `fetch` queues the copy; `fetched` waits for the oldest one,
     * but not for what was queued after it, and returns the first failure, as synchronize
     * does. At most two copies are under way, and `host` stays until its copy is
     * fetched. */
    void (*fetch)(ft_backend *self, void *host, const void *device, size_t bytes);
    ft_status (*fetched)(ft_backend *self, ft_error *err);
    void (*copy)(ft_backend *self, void *to, const void *from, size_t bytes);
    void (*zero)(ft_backend *self, void *device, size_t bytes);

    /* -- order --
     *
     * Waits for everything queued. Returns the first failure since the last call. */
    ft_status (*synchronize)(ft_backend *self, ft_error *err);
    /* Captures what is queued between begin and end into a graph, which `replay` runs
     * again on the same memory. All four are NULL where capture gains nothing; the caller
     * then queues the operations at each step. */
    void (*capture_begin)(ft_backend *self);
    void *(*capture_end)(ft_backend *self);
    void (*replay)(ft_backend *self, void *graph);
    void (*graph_free)(ft_backend *self, void *graph);

    /* -- parts --
     *
     * Calls work(context, part, i) for each i in [0, n_parts), all at once, and waits for
     * them. A part is a backend of one thread on the same memory and weights. Rows that
     * do not depend on each other go through many operations in parts without waiting for
     * each other after every one. 1 <= n_parts <= n_threads. `synchronize` reports
     * failures of the parts. NULL in `ref`, on a GPU and in a part itself. */
    void (*in_parts)(ft_backend *self, int n_parts, ft_part_work *work, void *context);

    /* -- frozen weights -- */

    /* Packs w: (out_features, in_features) f32 on the host, for y = x w^T and, with
     * with_backward, for dx = dy w. */
    ft_status (*prepare_weight)(ft_backend *self, const float *w, int32_t out_features, int32_t in_features,
                                bool with_backward, ft_weight **weight, ft_error *err);
    /* Packs w: (out_features, in_features) real in device memory into an existing weight.
     * Called after each step of full training. */
    void (*update_weight)(ft_backend *self, ft_weight *weight, ft_tensor w);
    void (*free_weight)(ft_backend *self, ft_weight *weight);
    size_t (*weight_bytes)(ft_backend *self, int32_t out_features, int32_t in_features, bool with_backward);

    /* y = x w^T, or y += x w^T with `accumulate`. x: (rows, in), y: (rows, out), each
     * real or matrix. */
    void (*linear_forward)(ft_backend *self, const ft_weight *weight, ft_tensor x, ft_tensor y,
                           bool accumulate);
    /* dx = dy w, or dx += dy w with `accumulate`. dy: (rows, out), dx: (rows, in), each
     * real or matrix. */
    void (*linear_backward)(ft_backend *self, const ft_weight *weight, ft_tensor dy, ft_tensor dx,
                            bool accumulate);
    /* dw += dy^T x. dw: (out, in) real; dy: (rows, out), x: (rows, in), each real or
     * matrix. */
    void (*weight_gradient)(ft_backend *self, ft_tensor dy, ft_tensor x, ft_tensor dw);

    /* -- embedding -- */

    /* out[row] = dropout(table[ids[row]]), or zeros where the id is negative (a token
     * that could not be drawn). table: (vocab, d_model) real, ids: (rows), out: (rows,
     * d_model) real. */
    void (*embedding_forward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor table, const int32_t *ids, uint32_t dropout_site, ft_tensor out);
    /* dtable[ids[row]] += dropout'(dout[row]), summed in a fixed order. */
    void (*embedding_backward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                               ft_tensor dout, const int32_t *ids, uint32_t dropout_site, ft_tensor dtable);

    /* -- residual add + RMS norm, between two sublayers -- */

    /* x_out = x + dropout(y), rstd = 1 / sqrt(mean(x_out^2) + eps), h = h_scale *
     * dropout(x_out * rstd * weight).
     *
     *   x, x_out  (rows, d) real; may be the same tensor
     *   y         (rows, d) real or matrix. Absent: x_out = x, and nothing is written
     *             where both are the same tensor
     *   h         (rows, d) real or matrix
     *   rstd      (rows) of real's type, saved for backward
     *   weight    (d) real; adapter g's starts g * weight_stride elements in (0: shared)
     *
     * y drops at y_site, h at h_site (0 except for final norms). */
    void (*add_norm_forward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor x,
                             ft_tensor y, uint32_t y_site, const void *weight, int64_t weight_stride,
                             float eps, uint32_t h_site, float h_scale, ft_tensor x_out, ft_tensor h,
                             void *rstd);
    /* dx += the gradient of h through the norm; then dy = dropout'(dx).
     *
     *   x_out, rstd  as saved by add_norm_forward
     *   dh           (rows, d) real or matrix
     *   dx           (rows, d) real: on entry the gradient that reaches x_out through the
     *                residual connection. With dx_is_zero it is overwritten without
     *                being read
     *   dy           (rows, d) real or matrix, or absent
     *   dweight      real, adapter g's at g * weight_stride, or NULL; added to */
    void (*add_norm_backward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor x_out, const void *rstd, const void *weight, int64_t weight_stride,
                              uint32_t h_site, float h_scale, ft_tensor dh, ft_tensor dx, bool dx_is_zero,
                              uint32_t y_site, ft_tensor dy, void *dweight);

    /* -- feed-forward -- */

    /* f = dropout(relu(f)) in place, (rows, d_ff) real or matrix. */
    void (*relu_forward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                         uint32_t dropout_site, ft_tensor f);
    /* df *= the dropout scale where f > 0, else df = 0; in place. f is as relu_forward
     * saved it, so no random number is drawn again. */
    void (*relu_backward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          uint32_t dropout_site, ft_tensor f, ft_tensor df);

    /* -- LoRA --
     *
     * x: (rows, in), y: (rows, columns of all targets and others), each real or matrix.
     * u: (rows, n_targets * rank) real, of which target i has columns [i * rank, (i + 1)
     * * rank). */

    /* u_i = lora_scale * A_i dropout_i(x), saved for backward; y_i += B_i u_i. */
    void (*lora_forward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                         ft_tensor x, ft_tensor y, ft_tensor u);
    /* db_i += dy_i^T u_i, du_i = lora_scale * dy_i B_i, da_i += du_i^T dropout_i(x), dx
     * += the sum of dropout_i'(du_i A_i). dy has the columns of y. dx may be absent. du,
     * shaped as u, is scratch. */
    void (*lora_backward)(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          const ft_lora *lora, ft_tensor x, ft_tensor u, ft_tensor dy, ft_tensor dx,
                          ft_tensor du);

    /* -- attention -- */

    /* out: (n_sequences * q_length, n_heads * d_kv) matrix. lse: (n_sequences, n_heads,
     * q_length) of real's type, saved for backward: log(sum of exp(score)), the log of
     * the softmax's denominator without a maximum subtracted. NULL in passes without
     * backward. */
    void (*attention_forward)(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                              ft_tensor out, void *lse);
    /* dq, dk, dv: matrix, overwritten; dk and dv may be the tensors k and v themselves.
     * dbias: (n_buckets, n_heads) real, added to, or absent. */
    void (*attention_backward)(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                               ft_tensor out, const void *lse, ft_tensor dout, ft_tensor dq, ft_tensor dk,
                               ft_tensor dv, ft_tensor dbias);
    /* out: (n_paths, n_heads * d_kv) matrix. */
    void (*decode_attention)(ft_backend *self, const ft_decode_attention *attention, ft_tensor out);

    /* -- loss and sampling -- */

    /* loss_sum[g] += the sum, in double, of -log softmax(logits)[label] over the counted
     * rows of adapter g. logits: (rows, vocab) real. labels: (rows); rows with label -100
     * are not counted. label_scale: (n_adapters), 1 / counted labels of the adapter: the
     * logits are overwritten with the gradient of the mean loss, label_scale[g] *
     * (softmax - onehot), 0 in rows that are not counted. NULL: the logits stay as they
     * are. */
    void (*cross_entropy)(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor logits,
                          const int32_t *labels, const float *label_scale, double *loss_sum);
    /* Draws token[p] from logits: (n_paths, vocab) real, which are scratch afterwards.
     * probabilities: (n_paths, vocab) real or absent: gets the distribution drawn
     * from. */
    void (*sample)(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                   ft_tensor probabilities);

    /* -- optimizer -- */

    /* norm[g] = sqrt(sum of squares of row g), in double. grads: (n_adapters, n_params)
     * real. */
    void (*gradient_norm)(ft_backend *self, ft_tensor grads, double *norm);
    void (*adamw)(ft_backend *self, const ft_adamw *step);
};

/* The operations by their names in ft_backend. Each needs a row in the tests' table
 * (tests/ops/cases.h), which does not compile without it, and one in the table of `ftgpu
 * bench ops` (host/bench/ops_cases.c), which a test checks. */
#define FT_OPERATIONS(OPERATION)                                                                             \
    OPERATION(linear_forward)                                                                                \
    OPERATION(linear_backward)                                                                               \
    OPERATION(weight_gradient)                                                                               \
    OPERATION(update_weight)                                                                                 \
    OPERATION(embedding_forward)                                                                             \
    OPERATION(embedding_backward)                                                                            \
    OPERATION(add_norm_forward)                                                                              \
    OPERATION(add_norm_backward)                                                                             \
    OPERATION(relu_forward)                                                                                  \
    OPERATION(relu_backward)                                                                                 \
    OPERATION(lora_forward)                                                                                  \
    OPERATION(lora_backward)                                                                                 \
    OPERATION(attention_forward)                                                                             \
    OPERATION(attention_backward)                                                                            \
    OPERATION(decode_attention)                                                                              \
    OPERATION(cross_entropy)                                                                                 \
    OPERATION(sample)                                                                                        \
    OPERATION(gradient_norm)                                                                                 \
    OPERATION(adamw)
#define FT_OPERATION_ENTRY(name) FT_OPERATION_##name,
typedef enum ft_operation { FT_OPERATIONS(FT_OPERATION_ENTRY) FT_N_OPERATIONS } ft_operation;
extern const char *const ft_operation_names[FT_N_OPERATIONS];

/* T5's relative-position bucket, in [0, n_buckets), for `distance` = key position - query
 * position. Follows transformers' T5Attention._relative_position_bucket, its float
 * arithmetic included. */
int32_t ft_relative_bucket(int32_t distance, bool bidirectional, int32_t n_buckets, int32_t max_distance);

/* Copies host values to a device tensor of any dtype, and back. values: (rows * cols),
 * row by row. */
ft_status ft_write_tensor(ft_backend *backend, ft_tensor tensor, const float *values, ft_error *err);
ft_status ft_read_tensor(ft_backend *backend, ft_tensor tensor, float *values, ft_error *err);

/* Create the backends. `dtype` is FT_F64 (ref only), FT_F32 or FT_BF16. The caller frees
 * each by its own `free`. */
ft_status ft_ref_create(ft_dtype dtype, ft_backend **backend, ft_error *err);
/* n_threads <= 0: as many as the process has cores. */
ft_status ft_cpu_create(ft_dtype dtype, int n_threads, ft_backend **backend, ft_error *err);
/* Whether the CPU backend can compute in bf16 at all: oneDNN needs AVX-512 for it. */
bool ft_cpu_takes_bf16(void);
/* Whether the processor multiplies bf16 natively and oneDNN may use that. It may still be
 * slower than f32. */
bool ft_cpu_has_bf16(void);
/* Writes the processor's name, as the system reports it, in at most `size` bytes. */
void ft_cpu_describe(char *text, size_t size);
/* What measurements depend on: the name, eight digits that tell processors of one name
 * apart, and the instruction sets that ftgpu's own operations and oneDNN use. */
void ft_cpu_identify(char *text, size_t size);
/* The instruction set that oneDNN uses, e.g. "avx512_core_bf16": the processor's best,
 * unless DNNL_MAX_CPU_ISA limits it. */
const char *ft_cpu_onednn_isa(void);
enum { FT_CPU_PASS_ROWS = 2048 }; /* pass_rows of the cpu backend */
/* The CUDA backend for GPU number `device`. A build without it counts 0 devices and fails
 * to create one. On a machine without a driver, neither function loads a library. */
int ft_cuda_device_count(void);
ft_status ft_cuda_create(int device, ft_dtype dtype, ft_backend **backend, ft_error *err);

/* What this build has of CUDA, for people to read; empty strings in a build without it.
 * With `open`, each library is opened and reported by version and file, or by the reason
 * why it cannot be used. Without, its name is reported and nothing is loaded. */
typedef struct ft_cuda_parts {
    char code[128]; /* the compute capabilities that the kernels are compiled for */
    char cublaslt[1024], nccl[1024];
} ft_cuda_parts;
void ft_cuda_describe(bool open, ft_cuda_parts *parts);

#ifdef __cplusplus
}
#endif
#endif
