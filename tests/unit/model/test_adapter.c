/* Adapters in memory: targets, ranks, fresh values, merging. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/file.h"
#include "model/adapter.h"
#include "models.h"
#include "scratch.h"

Test(adapter, targets_have_names)
{
    static const char *const names[] = {"q", "q+v", "k+o", "q+k+v+o+wi+wo", "wo"};
    static const uint32_t bits[] = {1, 5, 10, 63, 32};
    ft_error err;
    uint32_t targets = 0;
    char text[32];
    for (int i = 0; i < 5; i++) {
        expect_ok(ft_targets_parse(names[i], &targets, &err), &err);
        cr_expect_eq(targets, bits[i]);
        ft_targets_format(bits[i], text);
        cr_expect_str_eq(text, names[i]);
    }
    expect_ok(ft_targets_parse("wo+q+wo", &targets, &err), &err);
    ft_targets_format(targets, text);
    cr_expect_str_eq(text, "q+wo");
    /* as PEFT's users write lists */
    expect_ok(ft_targets_parse("v,q", &targets, &err), &err);
    ft_targets_format(targets, text);
    cr_expect_str_eq(text, "q+v");
    static const char *const wrong[] = {"", "q+", "+q", "q,,v", "Q", "w", "lm_head", "q++v", "q v"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_refused(ft_targets_parse(wrong[i], &targets, &err), &err, wrong[i], "is not a target", NULL);
}

Test(adapter, scale)
{
    ft_adapter_spec spec = {.rank = 8, .alpha = 16.0f};
    cr_expect_eq(ft_adapter_scale(&spec), 2.0f);
    spec.use_rslora = true;
    cr_expect_eq(ft_adapter_scale(&spec), (float)(16.0 / sqrt(8.0)));
}

Test(adapter, what_the_model_cannot_have_is_refused)
{
    ft_error err;
    ft_model_config config;
    /* d_model 64, d_ff 256, inner 64 */
    expect_ok(ft_config_for_size("nano", &config, &err), &err);
    config.d_kv = 8; /* inner 32 */
    ft_adapter_spec good = {FT_LORA, 8, 16.0f, 0.1f, false, FT_TARGET_Q | FT_TARGET_V}, spec = good;
    expect_ok(ft_adapter_check(&good, &config, &err), &err);
    spec.rank = 0;
    expect_refused(ft_adapter_check(&spec, &config, &err), &err, "lora_rank 0", "1 to 256", NULL);
    spec.rank = 257;
    expect_refused(ft_adapter_check(&spec, &config, &err), &err, "lora_rank 257", NULL);
    spec.rank = 33;
    expect_refused(ft_adapter_check(&spec, &config, &err), &err, "lora_rank 33 is above 32", "\"q\"", NULL);
    spec.targets = FT_TARGET_WI | FT_TARGET_WO;
    expect_ok(ft_adapter_check(&spec, &config, &err), &err);
    spec.rank = 65;
    expect_refused(ft_adapter_check(&spec, &config, &err), &err, "lora_rank 65 is above 64", "\"wi\"", NULL);
    spec = good;
    spec.targets = 0;
    expect_refused(ft_adapter_check(&spec, &config, &err), &err, "lora_targets", NULL);
    spec = good;
    spec.dropout = 1.0f;
    expect_refused(ft_adapter_check(&spec, &config, &err), &err, "dropout_rate", NULL);
    spec = good;
    spec.alpha = NAN;
    expect_refused(ft_adapter_check(&spec, &config, &err), &err, "lora_alpha", NULL);
    spec.kind = FT_FULL; /* the rest is LoRA's */
    expect_ok(ft_adapter_check(&spec, &config, &err), &err);
}

Test(adapter, merging_adds_the_scaled_product)
{
    ft_error err;
    ft_weights *base = models_read("model_untied"), *merged = models_read("model_untied");
    ft_adapter *adapter = models_read_adapter("adapter_lora_all", base);
    expect_ok(ft_adapter_merge(adapter, merged, &err), &err);
    cr_expect_neq(base->checksum, merged->checksum);
    for (int32_t i = 0; i < ft_tensor_count(&base->config); i++) {
        ft_tensor_info info = ft_tensor_describe(&base->config, i);
        for (int32_t row = 0; base->tensor[i] && row < info.rows; row++)
            for (int32_t col = 0; col < info.cols; col++) {
                double wanted = (double)base->tensor[i][row * info.cols + col];
                for (int32_t r = 0; info.is_linear && r < 3; r++)
                    wanted += 6 / sqrt(3) * (double)adapter->b[i][row * 3 + r] *
                              (double)adapter->a[i][r * info.cols + col];
                double got = (double)merged->tensor[i][row * info.cols + col];
                cr_assert(fabs(got - wanted) <= 1e-6 * fabs(wanted) + 1e-7, "%s: %g, not %g",
                          ft_tensor_name_of(&base->config, i).text, got, wanted);
            }
    }
    ft_adapter_free(adapter);
    ft_weights_free(merged);
    ft_weights_free(base);
}

Test(adapter, merging_puts_replacements_in_place)
{
    ft_error err;
    ft_weights *base = models_read("model_tied"), *merged = models_read("model_tied"),
               *other = models_read("model_untied");
    ft_adapter *norms = models_read_adapter("adapter_ln", base), *full;
    ft_adapter_spec spec = {.kind = FT_FULL};
    expect_ok(ft_adapter_merge(norms, merged, &err), &err);
    for (int32_t i = 0; i < ft_tensor_count(&base->config); i++) {
        ft_tensor_info info = ft_tensor_describe(&base->config, i);
        if (!base->tensor[i]) continue;
        const float *wanted = info.is_norm ? norms->a[i] : base->tensor[i];
        cr_expect(!memcmp(merged->tensor[i], wanted, (size_t)info.rows * (size_t)info.cols * sizeof(float)),
                  "%s", ft_tensor_name_of(&base->config, i).text);
    }
    /* `full` starts from the base and holds all of it. */
    expect_ok(ft_adapter_init(&spec, merged, 0, &full, &err), &err);
    expect_ok(ft_adapter_merge(full, base, &err), &err);
    for (int32_t i = 0; i < ft_tensor_count(&base->config); i++) {
        cr_assert_eq(!base->tensor[i], !full->a[i]);
        cr_expect_null(full->b[i]);
        if (base->tensor[i])
            cr_expect(!memcmp(base->tensor[i], merged->tensor[i], models_size_of_a(full, i) * sizeof(float)));
    }
    ft_adapter *lora = models_read_adapter("adapter_lora_qv", base);
    expect_refused(ft_adapter_merge(lora, other, &err), &err, "another shape", NULL);
    ft_adapter_free(lora);
    ft_adapter_free(full);
    ft_adapter_free(norms);
    ft_weights_free(other);
    ft_weights_free(merged);
    ft_weights_free(base);
}

/* A checksum of all fresh values of a small adapter. */
static uint32_t fresh_checksum(const ft_weights *base, uint32_t seed)
{
    ft_error err;
    ft_adapter *adapter;
    ft_adapter_spec spec = {FT_LORA, 4, 8.0f, 0.0f, false, 63};
    uint32_t checksum = 0;
    expect_ok(ft_adapter_init(&spec, base, seed, &adapter, &err), &err);
    for (int32_t i = 0; i < ft_tensor_count(&base->config); i++)
        if (adapter->a[i])
            checksum = ft_checksum(checksum, adapter->a[i], models_size_of_a(adapter, i) * sizeof(float));
    ft_adapter_free(adapter);
    return checksum;
}

Test(adapter, fresh_values)
{
    ft_error err;
    ft_model_config config;
    ft_weights *base;
    ft_adapter *adapter;
    expect_ok(ft_config_for_size("nano", &config, &err), &err);
    expect_ok(ft_weights_init(&config, 0, &base, &err), &err);
    ft_adapter_spec spec = {FT_LORA, 16, 16.0f, 0.1f, false, 63};
    expect_ok(ft_adapter_init(&spec, base, 11, &adapter, &err), &err);
    const float *seen[256];
    size_t n_seen = 0;
    for (int32_t i = 0; i < ft_tensor_count(&config); i++) {
        if (!adapter->a[i]) continue;
        ft_tensor_info info = ft_tensor_describe(&config, i);
        const ft_tensor_name name = ft_tensor_name_of(&config, i);
        size_t count = models_size_of_a(adapter, i);
        double bound = 1 / sqrt((double)info.cols), n = (double)count, sum = 0, squares = 0, largest = 0;
        int quarters[4] = {0};
        for (size_t k = 0; k < count; k++) {
            double x = (double)adapter->a[i][k] / bound;
            cr_assert(x >= -1.0 && x < 1.0);
            quarters[(int)((x + 1) * 2)]++;
            sum += x;
            squares += x * x;
            largest = fmax(largest, fabs(x));
        }
        /* Uniform in [-1, 1): variance 1/3, of x^2 4/45; five standard errors. */
        cr_expect(fabs(sum / n) < 5 * sqrt(1 / (3 * n)), "%s: mean %g", name.text, sum / n);
        cr_expect(fabs(squares / n - 1.0 / 3) < 5 * sqrt(4 / (45 * n)), "%s: variance %g", name.text,
                  squares / n);
        cr_expect_gt(largest, 0.99);
        for (int q = 0; q < 4; q++)
            cr_expect(fabs(quarters[q] / n - 0.25) < 5 * sqrt(0.1875 / n), "%s: quarter %d", name.text, q);
        for (size_t k = 0; k < models_size_of_b(adapter, i); k++) cr_assert_eq(adapter->b[i][k], 0.0f);
        for (size_t s = 0; s < n_seen; s++)
            cr_expect(memcmp(seen[s], adapter->a[i], 32) != 0, "%s repeats another's values", name.text);
        seen[n_seen++] = adapter->a[i];
    }
    cr_expect_eq(n_seen, 2 * 6 + 2 * 10);

    /* The same in every process, whatever was drawn before; another seed, other
     * values. */
    uint32_t here = fresh_checksum(base, 3);
    cr_expect_neq(here, fresh_checksum(base, 4));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(fresh_checksum(base, 3) == here ? 0 : 1);
    int how;
    cr_assert_eq(waitpid(child, &how, 0), child);
    cr_expect(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    ft_adapter_free(adapter);
    ft_weights_free(base);
}
