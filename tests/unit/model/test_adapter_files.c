/* PEFT directories: what peft wrote is read, what is written is what peft writes, what is
 * refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "golden.h"
#include "model/adapter.h"
#include "model/safetensors.h"
#include "models.h"
#include "scratch.h"

TestSuite(adapter_files, .init = scratch_enter, .fini = scratch_leave);

Test(adapter_files, what_peft_wrote_is_read)
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
        ft_weights *base = models_read(cases[c].model);
        ft_adapter *adapter = models_read_adapter(cases[c].adapter, base);
        ft_safetensors *file = golden_open(name);
        const ft_adapter_spec *spec = &adapter->spec, *wanted = &cases[c].spec;
        cr_expect(spec->kind == wanted->kind && spec->rank == wanted->rank && spec->alpha == wanted->alpha &&
                      spec->dropout == wanted->dropout && spec->use_rslora == wanted->use_rslora &&
                      spec->targets == wanted->targets,
                  "%s", cases[c].adapter);
        size_t found = 0;
        for (int32_t i = 0; i < ft_tensor_count(&base->config); i++) {
            ft_tensor_info info = ft_tensor_describe(&base->config, i);
            ft_tensor_name module = ft_tensor_name_of(&base->config, i);
            char stem[160];
            bool trained = lora ? (ft_target_of(&info) & spec->targets) != 0 : info.is_norm;
            cr_assert_eq(trained, adapter->a[i] != NULL, "%s", module.text);
            cr_assert_eq(trained && lora, adapter->b[i] != NULL, "%s", module.text);
            if (!trained) continue;
            module.text[strlen(module.text) - strlen(".weight")] = '\0';
            for (int part = 0; part < (lora ? 2 : 1); part++) {
                snprintf(stem, sizeof stem, "base_model.model.%s.%s.weight", module.text,
                         !lora  ? "ln_tuning_layers"
                         : part ? "lora_B"
                                : "lora_A");
                int64_t count;
                float *values = golden_floats(file, stem, &count);
                cr_assert_eq((size_t)count,
                             part ? models_size_of_b(adapter, i) : models_size_of_a(adapter, i));
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

Test(adapter_files, what_is_written_reads_back_and_is_what_peft_writes)
{
    static const char *const adapters[] = {"adapter_lora_qv", "adapter_lora_all", "adapter_ln"};
    static const char *const models[] = {"model_tied", "model_untied", "model_tied"};
    for (int c = 0; c < 3; c++) {
        ft_error err;
        char name[96];
        ft_weights *base = models_read(models[c]);
        ft_adapter *adapter = models_read_adapter(adapters[c], base), *back;
        snprintf(name, sizeof name, "new/%s", adapters[c]);
        expect_ok(ft_adapter_write(scratch_path(name), adapter, base, "a model", &err), &err);
        expect_ok(ft_adapter_read(scratch_path(name), base, &back, &err), &err);
        expect_equal_adapters(adapter, back);

        /* The config has the same value under each of its keys as peft's own, but for the
         * base's name and the order of targets. */
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

Test(adapter_files, a_directory_appears_whole_or_not_at_all)
{
    ft_error err;
    ft_weights *base = models_read("model_tied");
    ft_adapter *adapter = models_read_adapter("adapter_lora_qv", base), *back;
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

Test(adapter_files, what_a_crash_left_is_in_nobodys_way)
{
    ft_error err;
    ft_weights *base = models_read("model_tied");
    ft_adapter *adapter = models_read_adapter("adapter_lora_qv", base), *back;
    /* In a container process numbers come again, so that names by process and count do as
     * well. */
    for (int i = 0; i < 20; i++) {
        char name[64];
        snprintf(name, sizeof name, "adapter.tmp.%ld.%d", (long)getpid(), i);
        scratch_directory(name);
    }
    expect_ok(ft_adapter_write(scratch_path("adapter"), adapter, base, NULL, &err), &err);
    expect_ok(ft_adapter_read(scratch_path("adapter"), base, &back, &err), &err);
    ft_adapter_free(back);
    ft_adapter_free(adapter);
    ft_weights_free(base);
}

Test(adapter_files, full_training_is_written_as_a_model)
{
    ft_error err;
    ft_weights *base = models_read("model_tied"), *back;
    ft_adapter *full, *none;
    ft_adapter_spec spec = {.kind = FT_FULL};
    char *from = golden_path("model_tied");
    expect_ok(ft_adapter_init(&spec, base, 0, &full, &err), &err);
    full->a[FT_SHARED][3] += 1.0f;
    expect_ok(ft_adapter_write(scratch_path("full"), full, base, from, &err), &err);
    expect_ok(ft_weights_read(scratch_path("full"), &back, &err), &err);
    expect_ok(ft_adapter_merge(full, base, &err), &err);
    expect_equal_weights(base, back);
    expect_refused(ft_adapter_read(scratch_path("full"), base, &none, &err), &err, scratch_path("full"),
                   "is a model", NULL);
    free(from);
    ft_weights_free(back);
    ft_adapter_free(full);
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

Test(adapter_files, settings_that_are_not_followed_are_refused_by_name)
{
    static const struct {
        const char *from, *to, *key; /* key NULL: accepted */
    } cases[] = {
        {"\"use_dora\": false", "\"use_dora\": true", "use_dora"},
        {"\"lora_bias\": false", "\"lora_bias\": true", "lora_bias"},
        {"\"bias\": \"none\"", "\"bias\": \"some\"", "bias"},
        {"\"bias\": \"none\"", "\"bias\": \"all\"", NULL}, /* T5 has no biases */
        {"\"bias\": \"none\"", "\"bias\": \"lora_only\"", NULL},
        /* names no module */
        {"\"alpha_pattern\": {}", "\"alpha_pattern\": {\"^q_proj\": 100}", NULL},
        /* says nothing new */
        {"\"alpha_pattern\": {}", "\"alpha_pattern\": {\"q\": 8}", NULL},
        {"\"rank_pattern\": {}", "\"rank_pattern\": {\"wi\": 2, \"block.7.*q\": 2}", NULL},
        {"\"rank_pattern\": {}", "\"rank_pattern\": {\"block\\\\.1.*q\": 2}", "rank_pattern"},
        {"\"rank_pattern\": {}", "\"rank_pattern\": {\"[qv]\": 2}", "rank_pattern"},
        {"\"rank_pattern\": {}", "\"rank_pattern\": {\"q\\\\d\": 2}", "not understood"},
        {"\"rank_pattern\": {}", "\"rank_pattern\": [\"q\"]", "rank_pattern"},
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
        {"\"peft_type\": \"LORA\"", "\"peft_type\": \"IA3\"",
         "\"IA3\" is not supported (supported: LORA, LN_TUNING)"},
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
    ft_weights *base = models_read("model_tied");
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
    ft_weights *other = models_read("model_untied");
    changed_config("adapter_lora_qv", "\"r\": 4", "\"r\": 4");
    expect_refused(ft_adapter_read(scratch_path("d"), other, &adapter, &err), &err,
                   "adapter_model.safetensors", "lora_B.weight", "its shape", NULL);
    expect_refused(ft_adapter_read(scratch_path("none"), base, &adapter, &err), &err, "none",
                   "no such directory", NULL);
    cr_expect_eq(unlink(scratch_path("d/adapter_model.safetensors")), 0);
    expect_refused(ft_adapter_read(scratch_path("d"), base, &adapter, &err), &err,
                   "adapter_model.safetensors is missing", NULL);
    ft_weights_free(other);
    ft_weights_free(base);
}

/* The config names other modules than the file of tensors has. */
Test(adapter_files, targets_are_those_of_the_config)
{
    static const struct {
        const char *targets, *more, *said; /* said NULL: accepted */
    } cases[] = {
        {"[\"q\", \"v\"]", "null", NULL},
        {"[\"SelfAttention.q\", \"EncDecAttention.q\", \"v\"]", "null", NULL},
        {"\".*\\\\.(q|v)$\"", "null", NULL},
        {"\".*\\\\.(?P<x>q|v)$\"", "null", NULL}, /* for Python only */
        {"null", "null", NULL},
        {"[\"q\", \"v\", \"k\"]", "[\"k\"]", NULL},
        {"[\"q\", \"k\", \"v\"]", "null", "means encoder.block.0.layer.0.SelfAttention.k"},
        {"\"all-linear\"", "null", "means encoder.block.0.layer.0.SelfAttention.k"},
        {"\".*decoder.*(q|v)\"", "null", "tensors of encoder.block.0.layer.0.SelfAttention.q"},
        {"[\"q\"]", "null", "tensors of encoder.block.0.layer.0.SelfAttention.v"},
        {"[\"q\", \"v\"]", "[\"EncDecAttention.q\"]", "EncDecAttention.q, which"},
        {"[\"q\", \"v\"]", "null, \"layers_to_transform\": [1], \"layers_pattern\": \"block\"",
         "tensors of encoder.block.0.layer.0.SelfAttention.q"},
        {"[\"q\", \"v\"]", "null, \"layers_to_transform\": [0, 1, 2], \"layers_pattern\": [\"block\"]", NULL},
    };
    ft_weights *base = models_read("model_tied");
    scratch_directory("d");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ft_error err;
        ft_adapter *adapter = NULL;
        char text[400];
        changed_config("adapter_lora_qv", "\"r\": 4", "\"r\": 4");
        snprintf(text, sizeof text,
                 "{\"peft_type\": \"LORA\", \"r\": 4, \"target_modules\": %s, \"exclude_modules\": %s}",
                 cases[i].targets, cases[i].more);
        scratch_text("d/adapter_config.json", text);
        ft_status status = ft_adapter_read(scratch_path("d"), base, &adapter, &err);
        if (cases[i].said)
            expect_refused(status, &err, "d/adapter_config.json", cases[i].said, NULL);
        else
            expect_ok(status, &err);
        ft_adapter_free(adapter);
    }
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
                 "{\"peft_type\": \"LORA\", \"lora_alpha\": 3.5, "
                 "\"target_modules\": \".*encoder.block.1.layer.0.SelfAttention.q\"}");
    return ft_adapter_read(scratch_path("d"), base, adapter, err);
}

Test(adapter_files, tensors_tell_targets_and_rank)
{
    ft_error err;
    ft_adapter *adapter;
    ft_weights *base = models_read("model_tied"); /* d_model 24, inner 48 */
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
        for (size_t k = 0; k < models_size_of_a(adapter, i); k++)
            cr_assert_eq(adapter->a[i][k], i == there ? 1.0f : 0.0f);
        for (size_t k = 0; k < models_size_of_b(adapter, i); k++)
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
        ENCODER_Q ".lora_A.other.weight", ENCODER_Q ".lora_magnitude_vector",
        "base_model.model.shared.lora_embedding_A"};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        good[2].name = strangers[i];
        expect_refused(read_tensors(base, good, 3, &adapter, &err), &err, "d/adapter_model.safetensors",
                       strangers[i], "no module", NULL);
    }
    /* as saved by hand, beside the plain one */
    good[2].name = ENCODER_Q ".lora_A.default.weight";
    expect_refused(read_tensors(base, good, 3, &adapter, &err), &err, "d/adapter_model.safetensors",
                   good[2].name, "twice", NULL);
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

/* The names of compiled models, of state dicts saved by hand and of data-parallel
 * models. */
Test(adapter_files, other_names_of_the_same_tensors)
{
    static const char *const names[][2] = {
        {"_orig_mod." ENCODER_Q ".lora_A.weight", "_orig_mod." ENCODER_Q ".lora_B.weight"},
        {"base_model.model._orig_mod.encoder.block.1.layer.0.SelfAttention.q.lora_A.weight",
         "base_model.model._orig_mod.encoder.block.1.layer.0.SelfAttention.q.lora_B.weight"},
        {ENCODER_Q ".lora_A.default.weight", ENCODER_Q ".lora_B.default.weight"},
        {"base_model.model.model.encoder.block.1.layer.0.SelfAttention.q.lora_A.weight",
         "base_model.model.model.encoder.block.1.layer.0.SelfAttention.q.lora_B.weight"},
        {"module." ENCODER_Q ".lora_A.default.weight", ENCODER_Q ".lora_B.weight"}};
    ft_error err;
    ft_adapter *adapter;
    ft_weights *base = models_read("model_tied"); /* d_model 24, inner 48 */
    const int32_t q = ft_block_tensor(&base->config, FT_ENCODER, 1, FT_SELF_Q);
    float a[2 * 24], b[48 * 2];
    for (int i = 0; i < 48; i++) a[i] = (float)i;
    for (int i = 0; i < 96; i++) b[i] = (float)-i;
    scratch_directory("d");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const ft_tensor_to_store stored[] = {{names[i][0], FT_STORED_F32, 2, {2, 24}, a},
                                             {names[i][1], FT_STORED_F32, 2, {48, 2}, b}};
        expect_ok(read_tensors(base, stored, 2, &adapter, &err), &err);
        cr_expect(!memcmp(adapter->a[q], a, sizeof a) && !memcmp(adapter->b[q], b, sizeof b), "%s",
                  names[i][0]);
        ft_adapter_free(adapter);
    }
    ft_weights_free(base);
}

/* PEFT saves an embedding beside the adapter, trained or not; a state dict saved by hand
 * holds all of the base. */
Test(adapter_files, copies_of_the_base_model_are_taken_if_they_are_equal)
{
    static const char *const names[] = {"base_model.model.shared.weight", "base_model.model.lm_head.weight",
                                        "base_model.model.encoder.embed_tokens.weight",
                                        "base_model.model.shared.modules_to_save.default.weight"};
    ft_error err;
    ft_adapter *adapter;
    ft_weights *base = models_read("model_tied");
    const ft_model_config *config = &base->config;
    float a[2 * 24] = {1}, b[48 * 2] = {1};
    const size_t bytes = models_size(base, FT_SHARED) * sizeof(float);
    float *copy = malloc(bytes);
    memcpy(copy, base->tensor[FT_SHARED], bytes);
    ft_tensor_to_store stored[] = {{ENCODER_Q ".lora_A.weight", FT_STORED_F32, 2, {2, 24}, a},
                                   {ENCODER_Q ".lora_B.weight", FT_STORED_F32, 2, {48, 2}, b},
                                   {"", FT_STORED_F32, 2, {config->vocab_size, config->d_model}, copy}};
    scratch_directory("d");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        stored[2].name = names[i];
        expect_ok(read_tensors(base, stored, 3, &adapter, &err), &err);
        ft_adapter_free(adapter);
        copy[5] += 1;
        expect_refused(read_tensors(base, stored, 3, &adapter, &err), &err, names[i], "trained too", NULL);
        copy[5] -= 1;
    }
    const int32_t k = ft_block_tensor(config, FT_ENCODER, 1, FT_SELF_Q);
    const ft_tensor_info info = ft_tensor_describe(config, k);
    stored[2] = (ft_tensor_to_store){
        ENCODER_Q ".base_layer.weight", FT_STORED_F32, 2, {info.rows, info.cols}, base->tensor[k]};
    expect_ok(read_tensors(base, stored, 3, &adapter, &err), &err);
    ft_adapter_free(adapter);
    stored[2].shape[0] = info.cols;
    stored[2].shape[1] = info.rows;
    expect_refused(read_tensors(base, stored, 3, &adapter, &err), &err, "base_layer.weight", "its shape",
                   NULL);
    free(copy);
    ft_weights_free(base);
}
