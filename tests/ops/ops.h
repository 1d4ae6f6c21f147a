/* The table of operations: every operation of kernels/backend.h over many shapes, run on
 * a backend and compared with the ref backend in double, with an error bound an
 * operation.
 *
 * Inputs depend on (operation, case) alone. For a backend made for bf16 they are bf16
 * values, so that what is measured is the operation's own rounding. */
#ifndef FT_TESTS_OPS_OPS_H
#define FT_TESTS_OPS_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/backend.h"

enum {
    FT_OP_STRIDED = 1,    /* rows have gaps between them, which must stay untouched */
    FT_OP_ACCUMULATE = 2, /* results are added to what is there */
    /* where "real or matrix" is allowed, inputs are real, else matrix */
    FT_OP_REAL_IN = 4,
    FT_OP_REAL_OUT = 8,  /* the same of results */
    FT_OP_IN_PLACE = 16, /* the result is an input's memory */
    FT_OP_ABSENT = 32,   /* the optional tensor is not there */
    FT_OP_CAUSAL = 64,   /* attention: causal, with causal buckets */
    /* attention: some keys are not attended to, the first ones and single ones */
    FT_OP_MASKED = 128,
    FT_OP_BIASED = 256, /* attention: with relative bias */
    /* LoRA: each adapter's rank is smaller than the batch's, the rest is zeros */
    FT_OP_PADDED_RANK = 512,
    FT_OP_TIED = 1024, /* sampling: logits of few different values */
    /* sampling: most rows give no distribution: a NaN, +infinity, nothing at all */
    FT_OP_IMPOSSIBLE = 2048
};

/* Sizes of one case; an operation reads those it has. */
typedef struct ft_op_shape {
    /* rows = sequences * length; the adapters have different numbers of sequences */
    int32_t adapters, sequences, length;
    /* features; `in` also d_model, d_ff, vocabulary, parameters of an adapter */
    int32_t in, out;
    int32_t heads, d_kv, kv_length;         /* kv_length 0: length */
    int32_t rank, targets, paths_per_cache; /* targets: of LoRA, 0 meaning one */
    int32_t top_k;
    float top_p, temperature;
    /* the last adapter's (of several, the first has 0); 0: a pass without dropout */
    float dropout;
    float scale; /* of the inputs that may be large (scores, logits); 0: 1 */
    uint32_t flags;
} ft_op_shape;

typedef struct ft_op_scene ft_op_scene;

typedef struct ft_op {
    const char *name;
    void (*run)(ft_op_scene *scene, const ft_op_shape *shape);
    const ft_op_shape *shapes;
    const int *n_shapes;
    /* Largest allowed |got - wanted| / (|wanted| + root mean square of wanted + floor)
     * over the elements of a result, of a backend in f32 and in bf16. The floor is the
     * size of terms that may cancel in a result. */
    double bound_f32, bound_bf16;
} ft_op;

extern const ft_op ft_ops[];
extern const int ft_ops_count;

typedef struct ft_op_result {
    bool passed;
    double error, bound; /* the worst of all results */
    char worst[96];      /* which result and element, or what else was wrong */
} ft_op_result;

/* Runs one case on both and compares. Fails only when it could not be run. */
ft_status ft_op_check(const ft_op *op, int shape, ft_backend *reference, ft_backend *tested,
                      ft_op_result *result, ft_error *err);

/* Runs one case on `first`, then `times` times on `again`, which may be the same backend.
 * Passed: every result had the same bits each time; `worst` names the first that had not.
 * Fails only when it could not be run. */
ft_status ft_op_repeat(const ft_op *op, int shape, ft_backend *first, ft_backend *again, int times,
                       ft_op_result *result, ft_error *err);

/* Chunks of 64 along the longest that a block walks along: keys, queries, or features
 * (`in`, `out`, rank; of logits the vocabulary). From three on, what is loaded in advance
 * lies where something was read before. */
int ft_op_chunks(const ft_op_shape *shape);

/* Something that grows with the work of a case. */
double ft_op_size(const ft_op_shape *shape);

/* The indices of the `most` smallest cases, the smallest first; returns how many there
 * are. */
int ft_op_smallest(const ft_op *op, int most, int *indices);

/* One line of text for a shape: the sizes that are not 0. Returns `out`. */
char *ft_op_describe(const ft_op_shape *shape, char out[256]);

#endif
