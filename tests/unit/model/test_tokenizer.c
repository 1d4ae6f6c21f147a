/* The tokenizer against chronos-forecasting's, bit by bit where docs/reference.md §2
 * promises bits. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "model/tokenizer.h"
#include "scratch.h"

enum { CONTEXT = 512 };

static ft_safetensors *golden;
static ft_tokenizer *tokenizer;

static void set_up(void)
{
    ft_error err;
    ft_model_config config;
    golden = golden_open("tokenizer.safetensors");
    expect_ok(ft_config_for_size("tiny", &config, &err), &err);
    expect_ok(ft_tokenizer_create(&config.chronos, &tokenizer, &err), &err);
}

static void tear_down(void)
{
    ft_tokenizer_free(tokenizer);
    golden_close(golden);
}

TestSuite(tokenizer, .init = set_up, .fini = tear_down);

static void expect_same_bits(const float *mine, const float *theirs, int64_t count, const char *what)
{
    for (int64_t i = 0; i < count; i++)
        if (memcmp(&mine[i], &theirs[i], sizeof *mine)) {
            cr_expect(false, "%s[%d]: %.9g, not %.9g", what, (int)i, (double)mine[i], (double)theirs[i]);
            return;
        }
}

Test(tokenizer, tables_are_torchs_bit_by_bit)
{
    int64_t n_centers, n_boundaries;
    float *centers = golden_floats(golden, "centers", &n_centers);
    float *boundaries = golden_floats(golden, "boundaries", &n_boundaries);
    cr_assert_eq(n_centers, tokenizer->n_centers);
    cr_assert_eq(n_boundaries, tokenizer->n_centers + 1);
    expect_same_bits(tokenizer->centers, centers, n_centers, "centers");
    expect_same_bits(tokenizer->boundaries, boundaries, n_boundaries, "boundaries");
    free(boundaries);
    free(centers);
}

/* Whether x/scale lies within 2e-6 relative of a boundary. */
static bool near_boundary(float value, float scale)
{
    double x = (double)value / (double)scale;
    for (int32_t i = 0; i <= tokenizer->n_centers; i++)
        if (fabs(x - (double)tokenizer->boundaries[i]) <= 2e-6 * fabs(x)) return true;
    return false;
}

Test(tokenizer, contexts_get_chronos_ids)
{
    int64_t n_scales;
    float *values = golden_floats(golden, "context_values", NULL);
    float *scales = golden_floats(golden, "scale", &n_scales);
    int32_t *offsets = golden_integers(golden, "context_offsets", NULL);
    int32_t *id_offsets = golden_integers(golden, "ids_offsets", NULL);
    int32_t *ids = golden_integers(golden, "ids", NULL);
    uint8_t *masks = golden_bytes(golden, "mask", NULL);
    cr_expect_eq(n_scales, 200);
    for (int64_t c = 0; c < n_scales; c++) {
        const float *context = values + offsets[c];
        int64_t count = offsets[c + 1] - offsets[c];
        int64_t cut = count > CONTEXT ? CONTEXT : count;
        const int32_t *theirs = ids + id_offsets[c];
        int32_t mine[CONTEXT + 1];
        uint8_t mask[CONTEXT + 1];
        cr_assert_eq(id_offsets[c + 1] - id_offsets[c], cut + 1);

        /* Given torch's scale: equal. */
        ft_tokenizer_encode(tokenizer, context + count - cut, cut, scales[c], mine, mask);
        cr_expect(!memcmp(mine, theirs, (size_t)cut * sizeof *mine), "context %d: ids", (int)c);
        cr_expect(!memcmp(mask, masks + id_offsets[c], (size_t)cut), "context %d: mask", (int)c);

        /* End to end: the scale within 2e-6, an id off by one only beside a boundary. */
        float scale = ft_tokenizer_context(tokenizer, context, count, CONTEXT, mine, mask, cut + 1);
        cr_expect(fabs((double)scale - (double)scales[c]) <= 2e-6 * (double)scales[c],
                  "context %d: scale %.9g, not %.9g", (int)c, (double)scale, (double)scales[c]);
        cr_expect(!memcmp(mask, masks + id_offsets[c], (size_t)cut + 1), "context %d: mask", (int)c);
        for (int64_t i = 0; i <= cut; i++) {
            if (mine[i] == theirs[i]) continue;
            cr_expect(i < cut && abs(mine[i] - theirs[i]) == 1 &&
                          near_boundary(context[count - cut + i], scale),
                      "context %d, value %d: id %d, not %d", (int)c, (int)i, (int)mine[i], (int)theirs[i]);
        }
    }
    free(masks);
    free(ids);
    free(id_offsets);
    free(offsets);
    free(scales);
    free(values);
}

Test(tokenizer, labels_are_chronos)
{
    enum { LENGTH = 24 };
    int64_t n_labels;
    float *scales = golden_floats(golden, "scale", NULL);
    int32_t *context = golden_integers(golden, "label_context", &n_labels);
    float *values = golden_floats(golden, "label_values", NULL);
    int32_t *ids = golden_integers(golden, "label_ids", NULL);
    int missing = 0;
    cr_assert_gt(n_labels, 0);
    for (int64_t i = 0; i < n_labels; i++) {
        int32_t mine[LENGTH + 1];
        ft_tokenizer_labels(tokenizer, values + i * LENGTH, LENGTH, scales[context[i]], mine);
        cr_expect(!memcmp(mine, ids + i * (LENGTH + 1), sizeof mine), "labels %d", (int)i);
        for (int t = 0; t < LENGTH; t++) missing += mine[t] == -100;
    }
    cr_expect_gt(missing, 0);
    free(ids);
    free(values);
    free(context);
    free(scales);
}

Test(tokenizer, decoding_is_chronos)
{
    int64_t n_ids, n_scales;
    int32_t *ids = golden_integers(golden, "decode_ids", &n_ids);
    float *scales = golden_floats(golden, "decode_scale", &n_scales);
    float *values = golden_floats(golden, "decode_values", NULL);
    for (int64_t s = 0; s < n_scales; s++)
        for (int64_t i = 0; i < n_ids; i++) {
            float mine = ft_tokenizer_decode(tokenizer, ids[i], scales[s]);
            expect_same_bits(&mine, values + s * n_ids + i, 1, "decoded");
        }
    free(values);
    free(scales);
    free(ids);
}

Test(tokenizer, a_value_on_a_boundary_is_above_it)
{
    for (int32_t i = 0; i <= tokenizer->n_centers; i++) {
        float at = tokenizer->boundaries[i], values[2] = {nextafterf(at, -INFINITY), at};
        int32_t ids[2];
        uint8_t mask[2];
        ft_tokenizer_encode(tokenizer, values, 2, 1.0f, ids, mask);
        cr_expect_eq(ids[0], 2 + i);
        cr_expect_eq(ids[1], 2 + i + 1 < 4096 ? 2 + i + 1 : 4095);
    }
}

/* The bins of limits that are not those of Chronos, by counting boundaries. */
static void check_bins(double low, double high, int32_t n_tokens)
{
    ft_error err;
    ft_chronos_config config = tokenizer->config;
    config.low_limit = low;
    config.high_limit = high;
    config.n_tokens = n_tokens;
    ft_tokenizer *other;
    expect_ok(ft_tokenizer_create(&config, &other, &err), &err);
    for (int32_t i = 0; i <= other->n_centers; i++)
        for (int side = -1; side <= 1; side++) {
            const float at = other->boundaries[i], value = side ? nextafterf(at, (float)side * INFINITY) : at;
            int32_t wanted = 0, id;
            uint8_t mask;
            while (wanted <= other->n_centers && other->boundaries[wanted] <= value) wanted++;
            wanted += config.n_special_tokens;
            if (wanted >= n_tokens) wanted = n_tokens - 1;
            ft_tokenizer_encode(other, &value, 1, 1.0f, &id, &mask);
            cr_expect_eq(id, wanted, "%g ... %g, %d tokens: %.9g is token %d, not %d", low, high,
                         (int)n_tokens, (double)value, (int)id, (int)wanted);
        }
    ft_tokenizer_free(other);
}

Test(tokenizer, bins_are_found_whatever_the_limits)
{
    check_bins(-8, 8, 2048);
    check_bins(-0.1, 1000.3, 100);
    check_bins(-1e15, 1e15, 4096);
    check_bins(0, 1e-30, 50);
    check_bins(1e7, 1e7 + 3, 1000); /* narrower than a float's steps */
    check_bins(-1, 1, 4);           /* one bin */
}

Test(tokenizer, the_quotient_is_rounded_once)
{
    /* A float quotient by way of double is correctly rounded (53 >= 2 * 24 + 2); a
     * product with the reciprocal is not. */
    int differs = 0;
    for (int k = 0; k < 50; k++) {
        float scale = 0.37f + 1.7f * (float)k;
        for (int32_t i = 1; i < tokenizer->n_centers; i++) {
            float value = tokenizer->boundaries[i] * scale;
            float quotient = (float)((double)value / (double)scale);
            int32_t ids[2];
            uint8_t mask[2];
            ft_tokenizer_encode(tokenizer, &value, 1, scale, ids, mask);
            ft_tokenizer_encode(tokenizer, &quotient, 1, 1.0f, ids + 1, mask + 1);
            cr_assert_eq(ids[0], ids[1], "%.9g / %.9g", (double)value, (double)scale);
            differs +=
                value * (1.0f / scale) < tokenizer->boundaries[i] && quotient >= tokenizer->boundaries[i];
        }
    }
    cr_expect_gt(differs, 0, "no value tells a quotient from a product");
}

Test(tokenizer, contexts_are_cut_and_padded_on_the_left)
{
    float values[5] = {1e6f, -2.0f, NAN, 4.0f, 6.0f};
    int32_t ids[8];
    uint8_t mask[8];
    float scale = ft_tokenizer_context(tokenizer, values, 5, 4, ids, mask, 8);
    /* the first value was cut off, the missing one does not count */
    cr_expect_float_eq(scale, 4.0f, 1e-6);
    const uint8_t wanted[8] = {0, 0, 0, 1, 0, 1, 1, 1};
    cr_expect(!memcmp(mask, wanted, sizeof wanted));
    for (int i = 0; i < 8; i++) cr_expect((ids[i] == 0) == (mask[i] == 0));
    cr_expect_eq(ids[7], 1); /* EOS */
    float decoded = ft_tokenizer_decode(tokenizer, ids[3], scale);
    cr_expect_float_eq(decoded, -2.0f, 4.0f * 30.0f / 4092.0f);
}

Test(tokenizer, without_an_observed_value_only_eos_remains)
{
    float values[3] = {NAN, NAN, NAN};
    int32_t ids[4];
    uint8_t mask[4];
    cr_expect_eq(ft_tokenizer_context(tokenizer, values, 3, 512, ids, mask, 4), 1.0f);
    const int32_t wanted_ids[4] = {0, 0, 0, 1};
    const uint8_t wanted_mask[4] = {0, 0, 0, 1};
    cr_expect(!memcmp(ids, wanted_ids, sizeof ids));
    cr_expect(!memcmp(mask, wanted_mask, sizeof mask));
    cr_expect_eq(ft_tokenizer_context(tokenizer, values, 0, 512, ids, mask, 4), 1.0f);
    cr_expect_eq(ids[3], 1);
}

Test(tokenizer, values_beyond_the_limits_take_the_last_tokens)
{
    float values[6] = {1e30f, -1e30f, 15.0f, -15.0f, INFINITY, -INFINITY};
    int32_t ids[6];
    uint8_t mask[6];
    ft_tokenizer_encode(tokenizer, values, 6, 1.0f, ids, mask);
    cr_expect_eq(ids[0], 4095); /* above 1e20 would be 4096: clamped */
    cr_expect_eq(ids[1], 2);    /* below -1e20: no boundary at all */
    cr_expect_eq(ids[2], 4095);
    cr_expect_eq(ids[3], 3);
    cr_expect_eq(ids[4], 4095);
    cr_expect_eq(ids[5], 2);
    cr_expect_eq(ft_tokenizer_decode(tokenizer, 0, 2.0f), -30.0f);
    cr_expect_eq(ft_tokenizer_decode(tokenizer, 1, 2.0f), -30.0f);
    cr_expect_eq(ft_tokenizer_decode(tokenizer, 4095, 2.0f), 30.0f);
}

Test(tokenizer, no_bins_are_refused)
{
    ft_error err;
    ft_chronos_config config = tokenizer->config;
    ft_tokenizer *none;
    config.n_tokens = 3;
    expect_refused(ft_tokenizer_create(&config, &none, &err), &err, "n_tokens 3", NULL);
    cr_expect_null(none);
    config.n_tokens = 4; /* one bin: torch.linspace with one step is its start */
    expect_ok(ft_tokenizer_create(&config, &none, &err), &err);
    cr_expect_eq(none->centers[0], -15.0f);
    ft_tokenizer_free(none);
}
