/* Adapters: PEFT directories made by peft, round trips, merging, fresh values, what is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "golden.h"
#include "model/adapter.h"
#include "model/safetensors.h"
#include "scratch.h"

TestSuite(adapter, .init = scratch_enter, .fini = scratch_leave);

static ft_weights *read_model(const char *name)
{
    ft_error err;
    ft_weights *weights;
    char *path = golden_path(name);
    expect_ok(ft_weights_read(path, &weights, &err), &err);
    free(path);
    return weights;
}

static ft_adapter *read_adapter(const char *name, const ft_weights *base)
{
    ft_error err;
    ft_adapter *adapter;
    char *path = golden_path(name);
    expect_ok(ft_adapter_read(path, base, &adapter, &err), &err);
    free(path);
    return adapter;
}

/* How many values a and b of tensor `index` hold. */
static size_t size_of_a(const ft_adapter *adapter, int32_t index)
{
    ft_tensor_info info = ft_tensor_describe(&adapter->config, index);
    size_t rows = adapter->spec.kind == FT_LORA ? (size_t)adapter->spec.rank : (size_t)info.rows;
    return rows * (size_t)info.cols;
}

static size_t size_of_b(const ft_adapter *adapter, int32_t index)
{
    return (size_t)ft_tensor_describe(&adapter->config, index).rows * (size_t)adapter->spec.rank;
}

static void expect_equal(const ft_adapter *one, const ft_adapter *two)
{
    cr_expect_eq(one->spec.kind, two->spec.kind);
    cr_expect_eq(one->spec.rank, two->spec.rank);
    cr_expect_eq(one->spec.alpha, two->spec.alpha);
    cr_expect_eq(one->spec.dropout, two->spec.dropout);
    cr_expect_eq(one->spec.use_rslora, two->spec.use_rslora);
    cr_expect_eq(one->spec.targets, two->spec.targets);
    for (int32_t i = 0; i < ft_tensor_count(&one->config); i++) {
        cr_assert_eq(!one->a[i], !two->a[i]);
        cr_assert_eq(!one->b[i], !two->b[i]);
        if (one->a[i])
            cr_expect(!memcmp(one->a[i], two->a[i], size_of_a(one, i) * sizeof(float)), "a of %d", (int)i);
        if (one->b[i])
            cr_expect(!memcmp(one->b[i], two->b[i], size_of_b(one, i) * sizeof(float)), "b of %d", (int)i);
    }
}

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
    static const char *const wrong[] = {"", "q+", "+q", "q,v", "Q", "w", "lm_head", "q++v", "q v"};
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
    expect_ok(ft_config_for_size("nano", &config, &err), &err); /* d_model 64, d_ff 256, inner 64 */
    config.d_kv = 8;                                            /* inner 32 */
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

Test(adapter, what_peft_wrote_is_read)
{
    static const struct {
        const char *adapter, *model;
        ft_adapter_spec spec;
    } cases[] = {
        {"adapter_lora_qv", "model_tied", {FT_LORA, 4, 8.0f, 0.0f, false, FT_TARGET_Q | FT_TARGET_V}},
        {"adapter_lora_all", "model_untied", {FT_LORA, 3, 6.0f, 0.0f, true, 63}},
        {"adapter_ln", "model_tied", {FT_LN_TUNING, 0, 0.0f, 0.0f, false, 0}},
    };
    for (int c = 0; c < 3; c++) {
        bool lora = cases[c].spec.kind == FT_LORA;
        char name[96];
        snprintf(name, sizeof name, "%s/adapter_model.safetensors", cases[c].adapter);
        ft_weights *base = read_model(cases[c].model);
        ft_adapter *adapter = read_adapter(cases[c].adapter, base);
        ft_safetensors *file = golden_open(name);
        const ft_adapter_spec *spec = &adapter->spec, *wanted = &cases[c].spec;
        cr_expect(spec->kind == wanted->kind && spec->rank == wanted->rank && spec->alpha == wanted->alpha &&
                      spec->dropout == wanted->dropout && spec->use_rslora == wanted->use_rslora &&
                      spec->targets == wanted->targets,
                  "%s", cases[c].adapter);
        size_t found = 0;
        for (int32_t i = 0; i < ft_tensor_count(&base->config); i++) {
            ft_tensor_info info = ft_tensor_describe(&base->config, i);
            char stem[160];
            bool trained = lora ? (ft_target_of(&info) & spec->targets) != 0 : info.is_norm;
            cr_assert_eq(trained, adapter->a[i] != NULL, "%s", info.name);
            cr_assert_eq(trained && lora, adapter->b[i] != NULL, "%s", info.name);
            if (!trained) continue;
            info.name[strlen(info.name) - strlen(".weight")] = '\0';
            for (int part = 0; part < (lora ? 2 : 1); part++) {
                snprintf(stem, sizeof stem, "base_model.model.%s.%s.weight", info.name,
                         !lora  ? "ln_tuning_layers"
                         : part ? "lora_B"
                                : "lora_A");
                int64_t count;
                float *values = golden_floats(file, stem, &count);
                cr_assert_eq((size_t)count, part ? size_of_b(adapter, i) : size_of_a(adapter, i));
                cr_expect(
                    !memcmp(values, part ? adapter->b[i] : adapter->a[i], (size_t)count * sizeof *values),
                    "%s", stem);
                free(values);
                found++;
            }
        }
        cr_expect_eq(found, file->count);
        golden_close(file);
        ft_adapter_free(adapter);
        ft_weights_free(base);
    }
}

Test(adapter, what_is_written_reads_back_and_is_what_peft_writes)
{
    static const char *const adapters[] = {"adapter_lora_qv", "adapter_lora_all", "adapter_ln"};
    static const char *const models[] = {"model_tied", "model_untied", "model_tied"};
    for (int c = 0; c < 3; c++) {
        ft_error err;
        char name[96];
        ft_weights *base = read_model(models[c]);
        ft_adapter *adapter = read_adapter(adapters[c], base), *back;
        snprintf(name, sizeof name, "new/%s", adapters[c]);
        expect_ok(ft_adapter_write(scratch_path(name), adapter, base, "a model", &err), &err);
        expect_ok(ft_adapter_read(scratch_path(name), base, &back, &err), &err);
        expect_equal(adapter, back);

        /* The config has the same value under each of its keys as peft's own, but for the base's name and the
         * order of targets. */
        cJSON *mine, *theirs;
        const cJSON *item;
        snprintf(name, sizeof name, "new/%s/adapter_config.json", adapters[c]);
        expect_ok(ft_json_read(scratch_path(name), &mine, &err), &err);
        snprintf(name, sizeof name, "%s/adapter_config.json", adapters[c]);
        theirs = golden_json(name);
        cr_expect_str_eq(cJSON_GetObjectItem(mine, "base_model_name_or_path")->valuestring, "a model");
        cJSON_ArrayForEach(item, mine)
        {
            const cJSON *other = cJSON_GetObjectItemCaseSensitive(theirs, item->string);
            cr_assert(other, "%s: a key that peft does not know", item->string);
            if (!strcmp(item->string, "base_model_name_or_path")) continue;
            if (!strcmp(item->string, "target_modules"))
                cr_expect_eq(cJSON_GetArraySize(item), cJSON_GetArraySize(other));
            else
                cr_expect(cJSON_Compare(item, other, true), "%s", item->string);
        }
        cJSON_Delete(mine);
        cJSON_Delete(theirs);

        /* The tensors are the same bytes under the same names with the same shapes. */
        ft_safetensors *file;
        snprintf(name, sizeof name, "new/%s/adapter_model.safetensors", adapters[c]);
        expect_ok(ft_safetensors_open(scratch_path(name), &file, &err), &err);
        snprintf(name, sizeof name, "%s/adapter_model.safetensors", adapters[c]);
        ft_safetensors *golden = golden_open(name);
        cr_expect_str_eq(ft_safetensors_metadata(file, "format"), "pt");
        cr_assert_eq(file->count, golden->count);
        for (size_t i = 0; i < file->count; i++) {
            cr_expect_str_eq(file->tensors[i].name, golden->tensors[i].name);
            cr_expect_eq(file->tensors[i].n_dims, golden->tensors[i].n_dims);
            cr_expect(
                !memcmp(file->tensors[i].shape, golden->tensors[i].shape, sizeof file->tensors[i].shape));
        }
        golden_close(golden);
        ft_safetensors_close(file);
        ft_adapter_free(back);
        ft_adapter_free(adapter);
        ft_weights_free(base);
    }
}

Test(adapter, a_directory_appears_whole_or_not_at_all)
{
    ft_error err;
    ft_weights *base = read_model("model_tied");
    ft_adapter *adapter = read_adapter("adapter_lora_qv", base), *back;
    scratch_directory("empty");
    expect_ok(ft_adapter_write(scratch_path("empty/"), adapter, base, NULL, &err), &err);
    expect_ok(ft_adapter_read(scratch_path("empty"), base, &back, &err), &err);
    ft_adapter_free(back);
    /* One that holds something is left as it is, and nothing is left beside it. */
    expect_refused(ft_adapter_write(scratch_path("empty"), adapter, base, NULL, &err), &err,
                   scratch_path("empty"), NULL);
    scratch_text("file", "");
    cr_expect_neq(ft_adapter_write(scratch_path("file"), adapter, base, NULL, &err), FT_OK);
    cr_expect_neq(ft_adapter_write(scratch_path("file/adapter"), adapter, base, NULL, &err), FT_OK);
    cr_expect_eq(rmdir(scratch_path("none")), -1);
    char command[600];
    snprintf(command, sizeof command, "test -z \"$(find '%s' -name '*.tmp*')\"", scratch_path(""));
    cr_expect_eq(system(command), 0, "temporary files are left");
    ft_adapter_free(adapter);
    ft_weights_free(base);
}

Test(adapter, merging_adds_the_scaled_product)
{
    ft_error err;
    ft_weights *base = read_model("model_untied"), *merged = read_model("model_untied");
    ft_adapter *adapter = read_adapter("adapter_lora_all", base);
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
                cr_assert(fabs(got - wanted) <= 1e-6 * fabs(wanted) + 1e-7, "%s: %g, not %g", info.name, got,
                          wanted);
            }
    }
    ft_adapter_free(adapter);
    ft_weights_free(merged);
    ft_weights_free(base);
}

Test(adapter, merging_puts_replacements_in_place)
{
    ft_error err;
    ft_weights *base = read_model("model_tied"), *merged = read_model("model_tied"),
               *other = read_model("model_untied");
    ft_adapter *norms = read_adapter("adapter_ln", base), *full;
    ft_adapter_spec spec = {.kind = FT_FULL};
    expect_ok(ft_adapter_merge(norms, merged, &err), &err);
    for (int32_t i = 0; i < ft_tensor_count(&base->config); i++) {
        ft_tensor_info info = ft_tensor_describe(&base->config, i);
        if (!base->tensor[i]) continue;
        const float *wanted = info.is_norm ? norms->a[i] : base->tensor[i];
        cr_expect(!memcmp(merged->tensor[i], wanted, (size_t)info.rows * (size_t)info.cols * sizeof(float)),
                  "%s", info.name);
    }
    /* `full` starts from the base and holds all of it. */
    expect_ok(ft_adapter_init(&spec, merged, 0, &full, &err), &err);
    expect_ok(ft_adapter_merge(full, base, &err), &err);
    for (int32_t i = 0; i < ft_tensor_count(&base->config); i++) {
        cr_assert_eq(!base->tensor[i], !full->a[i]);
        cr_expect_null(full->b[i]);
        if (base->tensor[i])
            cr_expect(!memcmp(base->tensor[i], merged->tensor[i], size_of_a(full, i) * sizeof(float)));
    }
    ft_adapter *lora = read_adapter("adapter_lora_qv", base);
    expect_refused(ft_adapter_merge(lora, other, &err), &err, "another shape", NULL);
    ft_adapter_free(lora);

    /* It is written as a model. */
    char *from = golden_path("model_tied");
    ft_weights *back;
    expect_ok(ft_adapter_write(scratch_path("full"), full, base, from, &err), &err);
    expect_ok(ft_weights_read(scratch_path("full"), &back, &err), &err);
    cr_expect(back->tied);
    for (int32_t i = 0; i < ft_tensor_count(&base->config); i++)
        if (base->tensor[i])
            cr_expect(!memcmp(back->tensor[i], full->a[i], size_of_a(full, i) * sizeof(float)));
    ft_adapter *none;
    expect_refused(ft_adapter_read(scratch_path("full"), base, &none, &err), &err, scratch_path("full"),
                   "is a model", NULL);
    free(from);
    ft_weights_free(back);
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
            checksum = ft_checksum(checksum, adapter->a[i], size_of_a(adapter, i) * sizeof(float));
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
        size_t count = size_of_a(adapter, i);
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
        cr_expect(fabs(sum / n) < 5 * sqrt(1 / (3 * n)), "%s: mean %g", info.name, sum / n);
        cr_expect(fabs(squares / n - 1.0 / 3) < 5 * sqrt(4 / (45 * n)), "%s: variance %g", info.name,
                  squares / n);
        cr_expect_gt(largest, 0.99);
        for (int q = 0; q < 4; q++)
            cr_expect(fabs(quarters[q] / n - 0.25) < 5 * sqrt(0.1875 / n), "%s: quarter %d", info.name, q);
        for (size_t k = 0; k < size_of_b(adapter, i); k++) cr_assert_eq(adapter->b[i][k], 0.0f);
        for (size_t s = 0; s < n_seen; s++)
            cr_expect(memcmp(seen[s], adapter->a[i], 32) != 0, "%s repeats another's values", info.name);
        seen[n_seen++] = adapter->a[i];
    }
    cr_expect_eq(n_seen, 2 * 6 + 2 * 10);

    /* The same in every process, whatever was drawn before; another seed, other values. */
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

/* A directory "d" with a golden adapter's tensors and a changed config. */
static void changed_config(const char *adapter, const char *from, const char *to)
{
    char name[96];
    snprintf(name, sizeof name, "%s/adapter_model.safetensors", adapter);
    char *path = golden_path(name);
    scratch_copy(path, "d/adapter_model.safetensors");
    free(path);
    snprintf(name, sizeof name, "%s/adapter_config.json", adapter);
    path = golden_path(name);
    char *text = scratch_read(path), *changed = scratch_replace(text, from, to);
    scratch_text("d/adapter_config.json", changed);
    free(changed);
    free(text);
    free(path);
}

Test(adapter, settings_that_are_not_followed_are_refused_by_name)
{
    static const struct {
        const char *from, *to, *key; /* key NULL: accepted */
    } cases[] = {
        {"\"use_dora\": false", "\"use_dora\": true", "use_dora"},
        {"\"lora_bias\": false", "\"lora_bias\": true", "lora_bias"},
        {"\"bias\": \"none\"", "\"bias\": \"all\"", "bias"},
        {"\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]", "modules_to_save"},
        {"\"rank_pattern\": {}", "\"rank_pattern\": {\"q\": 2}", "rank_pattern"},
        {"\"alpha_pattern\": {}", "\"alpha_pattern\": {\"q\": 2}", "alpha_pattern"},
        {"\"target_parameters\": null", "\"target_parameters\": [\"x\"]", "target_parameters"},
        {"\"trainable_token_indices\": null", "\"trainable_token_indices\": [1]", "trainable_token_indices"},
        {"\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa\"", "init_lora_weights"},
        {"\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa_niter_4\"", "init_lora_weights"},
        {"\"init_lora_weights\": true", "\"init_lora_weights\": \"olora\"", "init_lora_weights"},
        {"\"init_lora_weights\": true", "\"init_lora_weights\": \"loftq\"", "init_lora_weights"},
        {"\"init_lora_weights\": true", "\"init_lora_weights\": \"corda\"", "init_lora_weights"},
        {"\"corda_config\": null", "\"corda_config\": {\"x\": 1}", "corda_config"},
        {"\"use_qalora\": false", "\"use_qalora\": true", "use_qalora"},
        {"\"layer_replication\": null", "\"layer_replication\": [[0, 1]]", "layer_replication"},
        {"\"peft_type\": \"LORA\"", "\"peft_type\": \"IA3\"", "peft_type"},
        {"\"peft_type\": \"LORA\",", "", "peft_type"},
        {"\"use_rslora\": false", "\"use_rslora\": 1", "use_rslora"},
        {"\"lora_alpha\": 8", "\"lora_alpha\": \"8\"", "lora_alpha"},
        {"\"lora_alpha\": 8", "\"lora_alpha\": 1e300", "lora_alpha"},
        {"\"lora_dropout\": 0.0", "\"lora_dropout\": 1.5", "lora_dropout"},
        {"\"r\": 4", "\"r\": 0", "\"r\""},
        {"\"r\": 4", "\"r\": 4.5", "\"r\""},
        {"\"init_lora_weights\": true", "\"init_lora_weights\": \"gaussian\"", NULL},
        {"\"init_lora_weights\": true", "\"init_lora_weights\": false", NULL},
        {"\"revision\": null", "\"revision\": \"main\"", NULL},
        {"\"r\": 4,", "", NULL},
    };
    ft_weights *base = read_model("model_tied");
    scratch_directory("d");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ft_error err = {0};
        ft_adapter *adapter = NULL;
        changed_config("adapter_lora_qv", cases[i].from, cases[i].to);
        ft_status status = ft_adapter_read(scratch_path("d"), base, &adapter, &err);
        if (cases[i].key) {
            expect_refused(status, &err, scratch_path("d/adapter_config.json"), cases[i].key, NULL);
            cr_expect_null(adapter);
        } else {
            expect_ok(status, &err);
            cr_expect_eq(adapter->spec.rank, 4);
        }
        ft_adapter_free(adapter);
    }
    ft_error err;
    ft_adapter *adapter;
    changed_config("adapter_lora_qv", "\"r\": 4", "\"r\": 8");
    expect_refused(ft_adapter_read(scratch_path("d"), base, &adapter, &err), &err,
                   "adapter_model.safetensors", "rank is 4", "r 8", NULL);
    /* The other model's d_kv x heads differs: its tensors do not fit. */
    ft_weights *other = read_model("model_untied");
    changed_config("adapter_lora_qv", "\"r\": 4", "\"r\": 4");
    expect_refused(ft_adapter_read(scratch_path("d"), other, &adapter, &err), &err,
                   "adapter_model.safetensors", "lora_B.weight", "its shape", NULL);
    expect_refused(ft_adapter_read(scratch_path("none"), base, &adapter, &err), &err, "none",
                   "adapter_config.json", NULL);
    cr_expect_eq(unlink(scratch_path("d/adapter_model.safetensors")), 0);
    expect_refused(ft_adapter_read(scratch_path("d"), base, &adapter, &err), &err,
                   "adapter_model.safetensors is missing", NULL);
    ft_weights_free(other);
    ft_weights_free(base);
}

#define ENCODER_Q "base_model.model.encoder.block.1.layer.0.SelfAttention.q"

/* Writes "d" with these tensors and a config of rank 2; reads it. */
static ft_status read_tensors(const ft_weights *base, const ft_tensor_to_store *tensors, size_t count,
                              ft_adapter **adapter, ft_error *err)
{
    ft_error write_err;
    expect_ok(ft_safetensors_write(scratch_path("d/adapter_model.safetensors"), tensors, count, NULL, 0,
                                   &write_err),
              &write_err);
    scratch_text("d/adapter_config.json",
                 "{\"peft_type\": \"LORA\", \"target_modules\": \".*q\", \"lora_alpha\": 3.5}");
    return ft_adapter_read(scratch_path("d"), base, adapter, err);
}

Test(adapter, tensors_tell_targets_and_rank)
{
    ft_error err;
    ft_adapter *adapter;
    ft_weights *base = read_model("model_tied"); /* d_model 24, inner 48 */
    scratch_directory("d");
    uint16_t a[2 * 24], b[48 * 2], other_rank[48 * 3] = {0};
    for (int i = 0; i < 48; i++) a[i] = 0x3c00; /* 1.0 in f16 */
    for (int i = 0; i < 96; i++) b[i] = 0x4000; /* 2.0 in bf16 */
    ft_tensor_to_store good[] = {{ENCODER_Q ".lora_A.weight", FT_STORED_F16, 2, {2, 24}, a},
                                 {ENCODER_Q ".lora_B.weight", FT_STORED_BF16, 2, {48, 2}, b},
                                 {"", FT_STORED_F16, 2, {3, 24}, other_rank},
                                 {"", FT_STORED_F16, 2, {48, 3}, other_rank}};
    /* One block only: the others' targets stay zero, A too, so that they never move. */
    expect_ok(read_tensors(base, good, 2, &adapter, &err), &err);
    cr_expect(adapter->spec.rank == 2 && adapter->spec.targets == FT_TARGET_Q &&
              adapter->spec.alpha == 3.5f && adapter->spec.dropout == 0.0f);
    int32_t there = ft_block_tensor(&base->config, FT_ENCODER, 1, FT_SELF_Q);
    for (int32_t i = 0; i < ft_tensor_count(&base->config); i++) {
        if (!adapter->a[i]) continue;
        for (size_t k = 0; k < size_of_a(adapter, i); k++)
            cr_assert_eq(adapter->a[i][k], i == there ? 1.0f : 0.0f);
        for (size_t k = 0; k < size_of_b(adapter, i); k++)
            cr_assert_eq(adapter->b[i][k], i == there ? 2.0f : 0.0f);
    }
    ft_adapter_free(adapter);

    expect_refused(read_tensors(base, good, 1, &adapter, &err), &err, "d/adapter_model.safetensors",
                   ENCODER_Q ".lora_B.weight", "missing", NULL);
    expect_refused(read_tensors(base, good + 1, 1, &adapter, &err), &err, ENCODER_Q ".lora_A.weight",
                   "missing", NULL);
    expect_refused(read_tensors(base, good, 0, &adapter, &err), &err, "d/adapter_model.safetensors",
                   "no tensor", NULL);
    static const char *const strangers[] = {
        "base_model.model.lm_head.lora_A.weight",
        "base_model.model.encoder.block.2.layer.0.SelfAttention.q.lora_A.weight",
        ENCODER_Q ".lora_A.default.weight", ENCODER_Q ".lora_magnitude_vector",
        "base_model.model.shared.lora_embedding_A"};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        good[2].name = strangers[i];
        expect_refused(read_tensors(base, good, 3, &adapter, &err), &err, "d/adapter_model.safetensors",
                       strangers[i], "no module", NULL);
    }
    good[2].name = "base_model.model.decoder.block.0.layer.0.SelfAttention.v.lora_A.weight";
    good[3].name = "base_model.model.decoder.block.0.layer.0.SelfAttention.v.lora_B.weight";
    expect_refused(read_tensors(base, good, 4, &adapter, &err), &err, "SelfAttention.v.lora_A.weight",
                   "rank 3", NULL);
    good[0].shape[0] = 24;
    good[0].shape[1] = 2;
    expect_refused(read_tensors(base, good, 2, &adapter, &err), &err, ENCODER_Q ".lora_A.weight", "(24, 2)",
                   NULL);
    good[0].n_dims = 1;
    good[0].shape[0] = 48;
    expect_refused(read_tensors(base, good, 2, &adapter, &err), &err, "adapter_model.safetensors", NULL);
    good[0].n_dims = 2;
    good[0].shape[0] = 0;
    good[0].shape[1] = 24;
    expect_refused(read_tensors(base, good, 2, &adapter, &err), &err, "adapter_model.safetensors",
                   "rank is 0", NULL);
    ft_weights_free(base);
}
