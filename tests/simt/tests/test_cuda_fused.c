/* Attention in the build that fuses multiplications and additions, as nvcc does: a
 * product in between is not rounded then, and what is 0 on paper may not be. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/bf16.h"
#include "has_fma.h"
#include "kernels/backend.h"
#include "tests/simt/simt.h"

enum { SEQUENCES = 128, FEATURES = 8 };

static void *on_device(ft_backend *b, const void *values, size_t bytes)
{
    ft_error err;
    void *memory = b->allocate(b, bytes, &err);
    cr_assert_not_null(memory, "%s", err.message);
    b->to_device(b, memory, values, bytes);
    return memory;
}

/* Sequence s has one query, s in its first feature, and one key, 1 there: s is its score
 * and, of one key, the logarithm of the sum. The score is scaled and shifted in one fused
 * step, and the shift was rounded before: the largest score's power is 1 up to a rounding
 * of the shift, which all of a query's powers share. */
Test(cuda_fused, the_logarithm_of_the_sum_is_the_score_up_to_rounding)
{
    SKIP_WITHOUT_FMA();
    ft_backend *b = NULL;
    ft_error err;
    uint16_t queries[SEQUENCES][FEATURES] = {{0}}, keys[SEQUENCES][FEATURES] = {{0}};
    const int32_t start[] = {0, SEQUENCES}, adapter_of[SEQUENCES] = {0};
    float lse[SEQUENCES];
    simt_reset(1, 1 << 24);
    cr_assert_eq(ft_cuda_create(0, FT_BF16, &b, &err), FT_OK, "%s", err.message);
    for (int s = 0; s < SEQUENCES; s++) {
        queries[s][0] = ft_bf16_from_float((float)s);
        keys[s][0] = ft_bf16_from_float(1);
    }
    ft_tensor q = {on_device(b, queries, sizeof queries), FT_BF16, SEQUENCES, FEATURES, FEATURES}, k = q,
              out = q;
    k.data = on_device(b, keys, sizeof keys);
    out.data = on_device(b, keys, sizeof keys);
    void *sums = on_device(b, lse, sizeof lse);
    const ft_adapter_batch batch = {.n_adapters = 1,
                                    .n_sequences = SEQUENCES,
                                    .sequence_start = on_device(b, start, sizeof start),
                                    .adapter_of = on_device(b, adapter_of, sizeof adapter_of)};
    const ft_attention attention = {
        .q = q, .k = k, .v = k, .n_heads = 1, .d_kv = FEATURES, .q_length = 1, .kv_length = 1};
    b->attention_forward(b, &batch, &attention, out, sums);
    b->to_host(b, lse, sums, sizeof lse);
    cr_assert_eq(b->synchronize(b, &err), FT_OK, "%s", err.message);
    for (int s = 0; s < SEQUENCES; s++)
        cr_expect_leq(fabs((double)lse[s] - s), 1.2e-7 * fmax(2, s), "%.9g, not %d", (double)lse[s], s);
    b->free(b);
    simt_reset(1, 1 << 24);
}
