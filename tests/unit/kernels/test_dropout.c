/* Statistics of dropout masks, and that a mask depends on nothing but the adapter's own
 * seed, step, site, sequence number and the position counted from the last. Masks are
 * read off the embedding of ones and the attention over equal keys. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "kernels/backend.h"

enum { SEQUENCES = 4, LENGTH = 50, D = 64, COUNT = SEQUENCES * LENGTH * D };

/* A batch of `n_adapters`, `sequences` each. */
typedef struct batch_arrays {
    int32_t start[5], adapter_of[16];
    uint32_t seed[4], step[4];
    float dropout[4];
} batch_arrays;

static ft_adapter_batch make_batch(batch_arrays *arrays, int32_t n_adapters, int32_t sequences)
{
    for (int32_t g = 0; g <= n_adapters; g++) arrays->start[g] = g * sequences;
    for (int32_t s = 0; s < n_adapters * sequences; s++) arrays->adapter_of[s] = s / sequences;
    return (ft_adapter_batch){.n_adapters = n_adapters,
                              .n_sequences = n_adapters * sequences,
                              .sequence_start = arrays->start,
                              .adapter_of = arrays->adapter_of,
                              .seed = arrays->seed,
                              .step = arrays->step,
                              .model_dropout = arrays->dropout,
                              .lora_dropout = arrays->dropout};
}

/* Embedding of ones: what each element was multiplied by. */
static void mask_of(const ft_adapter_batch *batch, int32_t length, uint32_t site, double *mask)
{
    ft_backend *backend = NULL;
    ft_error err;
    double ones[D];
    cr_assert_eq(ft_ref_create(FT_F64, &backend, &err), FT_OK, "%s", err.message);
    int64_t rows = (int64_t)batch->n_sequences * length;
    int32_t *ids = calloc((size_t)rows, sizeof *ids);
    for (int i = 0; i < D; i++) ones[i] = 1;
    backend->embedding_forward(backend, batch, length, (ft_tensor){ones, FT_F64, 1, D, D}, ids, site,
                               (ft_tensor){mask, FT_F64, rows, D, D});
    free(ids);
    backend->free(backend);
}

static void mask_of_one(uint32_t seed, uint32_t step, uint32_t site, float dropout, double *mask)
{
    batch_arrays arrays = {.seed = {seed}, .step = {step}, .dropout = {dropout}};
    ft_adapter_batch batch = make_batch(&arrays, 1, SEQUENCES);
    mask_of(&batch, LENGTH, site, mask);
}

Test(dropout, rate_and_scale)
{
    const float rates[] = {0.05f, 0.1f, 0.5f, 0.9f};
    static double mask[COUNT];
    for (int r = 0; r < 4; r++) {
        double rate = (double)rates[r], dropped = 0, sum = 0;
        mask_of_one(3, 4, 5, rates[r], mask);
        for (int i = 0; i < COUNT; i++) {
            cr_assert(mask[i] == 0 || mask[i] == (double)ft_dropout_scale(rates[r]));
            dropped += mask[i] == 0;
            sum += mask[i];
        }
        double deviation = sqrt(rate * (1 - rate) / COUNT);
        cr_expect_lt(fabs(dropped / COUNT - rate), 5 * deviation, "rate %g came out as %g", rate,
                     dropped / COUNT);
        cr_expect_lt(fabs(sum / COUNT - 1), 5 * deviation / (1 - rate), "the mean %g is not kept",
                     sum / COUNT);
    }
}

Test(dropout, none_at_rate_0_site_0_or_without_probabilities)
{
    static double mask[COUNT];
    mask_of_one(3, 4, 5, 0, mask);
    for (int i = 0; i < COUNT; i++) cr_assert_eq(mask[i], 1);
    mask_of_one(3, 4, 0, 0.5f, mask);
    for (int i = 0; i < COUNT; i++) cr_assert_eq(mask[i], 1);
    batch_arrays arrays = {.seed = {3}, .step = {4}};
    ft_adapter_batch batch = make_batch(&arrays, 1, SEQUENCES);
    batch.model_dropout = NULL;
    mask_of(&batch, LENGTH, 5, mask);
    for (int i = 0; i < COUNT; i++) cr_assert_eq(mask[i], 1);
}

/* Correlation of two masks over all pairs `shift` elements apart. */
static double correlation(const double *a, const double *b, int count)
{
    double sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;
    for (int i = 0; i < count; i++) {
        sum_a += a[i], sum_b += b[i];
        aa += a[i] * a[i], bb += b[i] * b[i], ab += a[i] * b[i];
    }
    double n = count, variances = (aa - sum_a * sum_a / n) * (bb - sum_b * sum_b / n);
    return (ab - sum_a * sum_b / n) / sqrt(variances);
}

static void expect_independent(const char *what, const double *a, const double *b, int count)
{
    double r = correlation(a, b, count);
    cr_expect_lt(fabs(r), 5 / sqrt(count), "%s: correlation %g", what, r);
}

Test(dropout, independent_between_seeds_steps_sites)
{
    static double mask[COUNT], other[COUNT];
    mask_of_one(3, 4, 5, 0.5f, mask);
    mask_of_one(4, 4, 5, 0.5f, other);
    expect_independent("seeds", mask, other, COUNT);
    mask_of_one(3, 5, 5, 0.5f, other);
    expect_independent("steps", mask, other, COUNT);
    mask_of_one(3, 4, 6, 0.5f, other);
    expect_independent("sites", mask, other, COUNT);
    mask_of_one(4, 3, 5, 0.5f, other);
    expect_independent("seed and step exchanged", mask, other, COUNT);
}

Test(dropout, independent_within_a_mask)
{
    static double mask[COUNT];
    mask_of_one(3, 4, 5, 0.5f, mask);
    /* features, positions, sequences */
    const int shifts[] = {1, 4, 16, 32, D, 2 * D, LENGTH * D, 2 * LENGTH * D};
    for (unsigned i = 0; i < sizeof shifts / sizeof *shifts; i++)
        expect_independent("elements of one mask", mask, mask + shifts[i], COUNT - shifts[i]);
}

/* Adapter 2 of three, in sequences padded to a greater length: the last positions' masks
 * are those it has alone. */
Test(dropout, same_in_any_batch_at_any_padding)
{
    enum { PADDED = LENGTH + 7 };
    static double alone[COUNT], together[3 * SEQUENCES * PADDED * D];
    mask_of_one(3, 4, 5, 0.5f, alone);
    batch_arrays arrays = {.seed = {9, 1, 3}, .step = {0, 0, 4}, .dropout = {0.1f, 0, 0.5f}};
    ft_adapter_batch batch = make_batch(&arrays, 3, SEQUENCES);
    mask_of(&batch, PADDED, 5, together);
    for (int s = 0; s < SEQUENCES; s++) {
        const double *mine = together + ((int64_t)(2 * SEQUENCES + s) * PADDED + 7) * D;
        cr_expect_eq(memcmp(mine, alone + (int64_t)s * LENGTH * D, sizeof(double) * LENGTH * D), 0,
                     "sequence %d", s);
    }
    for (int i = 0; i < SEQUENCES * PADDED * D; i++)
        cr_assert_eq(together[SEQUENCES * PADDED * D + i], 1, "the adapter without dropout lost something");
}

/* The same mask by backend.h's formula, element by element. */
Test(dropout, is_the_documented_formula)
{
    static double mask[COUNT];
    mask_of_one(77, 12, 9, 0.3f, mask);
    ft_philox_key key = ft_philox_key_of(77, 12, 9);
    for (int s = 0; s < SEQUENCES; s++)
        for (int t = 0; t < LENGTH; t++)
            for (int f = 0; f < D; f++) {
                uint32_t number = ft_philox_at(key, (uint32_t)f, (uint32_t)(LENGTH - 1 - t), (uint32_t)s, 0);
                cr_assert_eq(mask[(s * LENGTH + t) * D + f] == 0, number < ft_dropout_threshold(0.3f));
            }
}

/* Each operation that drops rows' elements, with a site, an input of ones and something
 * that lets the mask through. */
Test(dropout, every_row_operation_follows_the_formula)
{
    enum { SITE = 40, ROWS = SEQUENCES * LENGTH };
    static double ones[ROWS * D], zeros[ROWS * D], result[5][ROWS * D], rstd[ROWS], weight[D],
        identity[D * D];
    batch_arrays arrays = {.seed = {77}, .step = {12}, .dropout = {0.3f}};
    const float lora_dropout[] = {0.6f}, lora_scale[] = {1};
    ft_adapter_batch batch = make_batch(&arrays, 1, SEQUENCES);
    batch.lora_dropout = lora_dropout;
    batch.lora_scale = lora_scale;
    ft_backend *backend = NULL;
    ft_error err;
    ft_tensor rows = {NULL, FT_F64, ROWS, D, D}, of[5], x = rows, nothing = rows, absent = {0};
    cr_assert_eq(ft_ref_create(FT_F64, &backend, &err), FT_OK, "%s", err.message);
    for (int i = 0; i < ROWS * D; i++) ones[i] = 1;
    for (int i = 0; i < D; i++) weight[i] = identity[i * D + i] = 1;
    x.data = ones, nothing.data = zeros;
    for (int i = 0; i < 5; i++) of[i] = rows, of[i].data = result[i];
    /* The sublayer's output, the norm's (of ones with eps 0), the gradient of the former,
     * relu, and LoRA's u. */
    backend->add_norm_forward(backend, &batch, LENGTH, nothing, x, SITE, weight, 0, 1, 0, 1, of[0], of[4],
                              rstd);
    backend->add_norm_forward(backend, &batch, LENGTH, x, absent, 0, weight, 0, 0, SITE, 1, x, of[1], rstd);
    memcpy(result[3], ones, sizeof ones);
    backend->add_norm_backward(backend, &batch, LENGTH, x, rstd, weight, 0, 0, 1, nothing, of[3], false, SITE,
                               of[2], NULL);
    memcpy(result[3], ones, sizeof ones);
    backend->relu_forward(backend, &batch, LENGTH, SITE, of[3]);
    ft_lora lora = {.n_targets = 1,
                    .rank = D,
                    .in_features = D,
                    .out_features = D,
                    .target = {{.a = identity, .b = identity, .dropout_site = SITE}}};
    backend->lora_forward(backend, &batch, LENGTH, &lora, x, nothing, of[4]);
    ft_philox_key key = ft_philox_key_of(77, 12, SITE);
    for (int i = 0; i < ROWS * D; i++) {
        uint32_t position = (uint32_t)(LENGTH - 1 - i / D % LENGTH), sequence = (uint32_t)(i / D / LENGTH);
        uint32_t number = ft_philox_at(key, (uint32_t)(i % D), position, sequence, 0);
        for (int r = 0; r < 5; r++) {
            float p = r == 4 ? 0.6f : 0.3f;
            double factor = number < ft_dropout_threshold(p) ? 0 : (double)ft_dropout_scale(p);
            cr_assert_float_eq(result[r][i], factor, 1e-12, "operation %d, element %d: %g, not %g", r, i,
                               result[r][i], factor);
        }
    }
    backend->free(backend);
}

/* Probabilities' masks: with equal scores and one-hot values, output feature j is the
 * factor of key j divided by the number of visible keys. Padding in front is masked;
 * heads and the batch around change nothing. */
enum { KEYS = 16, HEADS = 2, QUERIES = 6 };

static void attention_mask(const ft_adapter_batch *batch, int32_t padding, double *factors)
{
    enum { MOST = 12 * (KEYS + 4) * HEADS * KEYS };
    static double zeros[MOST], values[MOST], out[MOST];
    uint8_t mask[12 * (KEYS + 4)];
    ft_backend *backend = NULL;
    ft_error err;
    cr_assert_eq(ft_ref_create(FT_F64, &backend, &err), FT_OK, "%s", err.message);
    int32_t keys = KEYS + padding, queries = QUERIES + padding;
    memset(values, 0, sizeof values);
    for (int32_t s = 0; s < batch->n_sequences; s++)
        for (int32_t j = 0; j < keys; j++) {
            mask[s * keys + j] = j >= padding;
            for (int head = 0; head < HEADS && j >= padding; head++)
                values[((int64_t)s * keys + j) * HEADS * KEYS + head * KEYS + j - padding] = KEYS;
        }
    ft_attention attention = {.q = {zeros, FT_F64, batch->n_sequences * queries, HEADS * KEYS, HEADS * KEYS},
                              .k = {zeros, FT_F64, batch->n_sequences * keys, HEADS * KEYS, HEADS * KEYS},
                              .v = {values, FT_F64, batch->n_sequences * keys, HEADS * KEYS, HEADS * KEYS},
                              .n_heads = HEADS,
                              .d_kv = KEYS,
                              .q_length = queries,
                              .kv_length = keys,
                              .key_mask = mask,
                              .dropout_site = 15};
    ft_tensor result = attention.q;
    result.data = out;
    backend->attention_forward(backend, batch, &attention, result, NULL);
    /* the last two sequences are the last adapter's */
    int32_t first = batch->n_sequences - 2;
    for (int s = 0; s < 2; s++)
        memcpy(factors + s * QUERIES * HEADS * KEYS,
               out + ((int64_t)(first + s) * queries + padding) * HEADS * KEYS,
               sizeof(double) * QUERIES * HEADS * KEYS);
    backend->free(backend);
}

Test(dropout, attention_same_in_any_batch_at_any_padding)
{
    enum { FACTORS = 2 * QUERIES * HEADS * KEYS };
    static double alone[FACTORS], together[FACTORS];
    batch_arrays one = {.seed = {3}, .step = {4}, .dropout = {0.5f}};
    ft_adapter_batch batch = make_batch(&one, 1, 2);
    attention_mask(&batch, 0, alone);
    batch_arrays three = {.seed = {9, 1, 3}, .step = {0, 0, 4}, .dropout = {0.1f, 0, 0.5f}};
    batch = make_batch(&three, 3, 2);
    attention_mask(&batch, 4, together);
    double dropped = 0;
    for (int i = 0; i < FACTORS; i++) {
        cr_assert_float_eq(alone[i], together[i], 1e-12);
        dropped += alone[i] == 0;
        uint32_t key = (uint32_t)(KEYS - 1 - i % KEYS), head = (uint32_t)(i / KEYS % HEADS);
        uint32_t query = (uint32_t)(QUERIES - 1 - i / KEYS / HEADS % QUERIES),
                 sequence = (uint32_t)(i / KEYS / HEADS / QUERIES);
        uint32_t number = ft_philox_at(ft_philox_key_of(3, 4, 15), key, query, sequence, head);
        cr_assert_float_eq(alone[i], number < ft_dropout_threshold(0.5f) ? 0 : 2, 1e-12);
    }
    cr_expect_lt(fabs(dropped / FACTORS - 0.5), 5 * 0.5 / sqrt(FACTORS));
    expect_independent("heads", alone, alone + KEYS, FACTORS - KEYS);
    expect_independent("queries", alone, alone + HEADS * KEYS, FACTORS - HEADS * KEYS);
}
