/* Model directories: goldens that transformers wrote, aliases, shards, what is refused,
 * fresh weights. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bf16.h"
#include "base/file.h"
#include "golden.h"
#include "model/safetensors.h"
#include "model/weights.h"
#include "models.h"
#include "scratch.h"

TestSuite(weights, .init = scratch_enter, .fini = scratch_leave);

Test(weights, every_tensor_of_the_goldens_has_its_place)
{
    static const char *const models[] = {"model_tied", "model_untied"};
    for (int m = 0; m < 2; m++) {
        char name[64];
        snprintf(name, sizeof name, "%s/model.safetensors", models[m]);
        ft_weights *weights = models_read(models[m]);
        ft_safetensors *file = golden_open(name);
        size_t found = 0;
        cr_expect_eq(weights->tied, m == 0);
        for (int32_t i = 0; i < ft_tensor_count(&weights->config); i++) {
            const ft_tensor_name of = ft_tensor_name_of(&weights->config, i);
            const ft_stored_tensor *tensor = ft_safetensors_find(file, of.text);
            cr_assert_eq(!tensor, !weights->tensor[i], "%s", of.text);
            if (!tensor) continue;
            found++;
            /* Halves, widened here by another way than the reader's. */
            uint16_t *halves = malloc((size_t)tensor->bytes);
            ft_error err;
            cr_assert(halves);
            cr_assert_eq(tensor->count, models_size(weights, i), "%s", of.text);
            expect_ok(ft_safetensors_read(file, tensor, halves, &err), &err);
            for (size_t k = 0; k < tensor->count; k++) {
                double sign = halves[k] >> 15 ? -1.0 : 1.0, wanted;
                if (m == 0)
                    wanted = (double)ft_bf16_to_float(halves[k]);
                else if (halves[k] & 0x7c00)
                    wanted = sign * ldexp(1024 + (halves[k] & 0x3ff), (halves[k] >> 10 & 31) - 25);
                else
                    wanted = sign * ldexp(halves[k] & 0x3ff, -24);
                cr_assert_eq((double)weights->tensor[i][k], wanted, "%s[%d]", of.text, (int)k);
            }
            free(halves);
        }
        cr_expect_eq(found, file->count, "the file holds tensors that have no place");
        golden_close(file);
        ft_weights_free(weights);
    }
}

Test(weights, layout)
{
    ft_error err;
    ft_model_config config;
    expect_ok(ft_config_for_size("nano", &config, &err), &err);
    config.n_decoder_layers = 3;
    cr_expect_eq(ft_tensor_count(&config), 6 + 5 * FT_MODULES_PER_BLOCK);
    int32_t linears = 0, norms = 0;
    for (int32_t i = 0; i < ft_tensor_count(&config); i++) {
        ft_tensor_info info = ft_tensor_describe(&config, i);
        linears += info.is_linear;
        norms += info.is_norm;
        cr_expect_eq(info.is_linear, info.target != NULL);
    }
    cr_expect_eq(linears, 2 * 6 + 3 * 10);
    cr_expect_eq(norms, 2 * 2 + 3 * 3 + 2);
    int32_t at = ft_block_tensor(&config, FT_DECODER, 2, FT_FF_WO);
    ft_tensor_info wo = ft_tensor_describe(&config, at);
    cr_expect_str_eq(ft_tensor_name_of(&config, at).text, "decoder.block.2.layer.2.DenseReluDense.wo.weight");
    cr_expect(wo.rows == 64 && wo.cols == 256 && !strcmp(wo.target, "wo"));
    at = ft_block_tensor(&config, FT_ENCODER, 1, FT_FF_WI);
    ft_tensor_info wi = ft_tensor_describe(&config, at);
    cr_expect_str_eq(ft_tensor_name_of(&config, at).text, "encoder.block.1.layer.1.DenseReluDense.wi.weight");
    cr_expect(wi.rows == 256 && wi.cols == 64);
}

Test(weights, what_is_absent_has_no_rows_and_no_name)
{
    ft_error err;
    ft_model_config config;
    expect_ok(ft_config_for_size("nano", &config, &err), &err);
    const int32_t absent[] = {-1, ft_tensor_count(&config),
                              ft_block_tensor(&config, FT_ENCODER, 1, FT_CROSS_Q),
                              ft_block_tensor(&config, FT_ENCODER, 1, FT_CROSS_NORM)};
    for (int i = 0; i < 4; i++) {
        cr_expect_eq(ft_tensor_describe(&config, absent[i]).rows, 0, "tensor %d", (int)absent[i]);
        cr_expect_str_eq(ft_tensor_name_of(&config, absent[i]).text, "", "tensor %d", (int)absent[i]);
    }
}

Test(weights, what_is_written_reads_back_bit_by_bit)
{
    static const char *const models[] = {"model_tied", "model_untied"};
    for (int m = 0; m < 2; m++) {
        ft_error err;
        ft_weights *weights = models_read(models[m]), *back;
        char *from = golden_path(models[m]);
        expect_ok(ft_weights_write(scratch_path(models[m]), weights, from, &err), &err);
        expect_ok(ft_weights_read(scratch_path(models[m]), &back, &err), &err);
        expect_equal_weights(weights, back);
        cr_expect_eq(weights->config.scale_decoder_outputs, back->config.scale_decoder_outputs);
        ft_weights_free(back);
        ft_weights_free(weights);
        free(from);
    }
}

Test(weights, fresh_ones_are_written_with_their_checksum)
{
    ft_error err;
    ft_model_config config;
    ft_weights *fresh, *again, *other, *back;
    expect_ok(ft_config_for_size("nano", &config, &err), &err);
    expect_ok(ft_weights_init(&config, 1, &fresh, &err), &err);
    expect_ok(ft_weights_init(&config, 1, &again, &err), &err);
    expect_ok(ft_weights_init(&config, 2, &other, &err), &err);
    expect_equal_weights(fresh, again);
    cr_expect_eq(fresh->checksum, again->checksum);
    cr_expect_neq(fresh->checksum, other->checksum);
    cr_expect(fresh->tied);
    expect_ok(ft_weights_write(scratch_path("a/b/model"), fresh, NULL, &err), &err);
    expect_ok(ft_weights_read(scratch_path("a/b/model"), &back, &err), &err);
    expect_equal_weights(fresh, back);
    cr_expect_eq(fresh->checksum, back->checksum);
    ft_safetensors *file;
    expect_ok(ft_safetensors_open(scratch_path("a/b/model/model.safetensors"), &file, &err), &err);
    cr_expect_str_eq(ft_safetensors_metadata(file, "format"), "pt");
    cr_expect_null(ft_safetensors_find(file, "lm_head.weight"));
    cr_expect_eq(ft_safetensors_find(file, "encoder.final_layer_norm.weight")->n_dims, 1);
    ft_safetensors_close(file);
    ft_weights_free(fresh);
    ft_weights_free(again);
    ft_weights_free(other);
    ft_weights_free(back);
}

/* Written while they are drawn, and drawn before they are written: byte for byte the same
 * files. */
Test(weights, fresh_ones_need_no_memory_to_be_written)
{
    ft_error err;
    static const char *const files[] = {"config.json", "model.safetensors"};
    for (int tied = 0; tied < 2; tied++) {
        ft_model_config config;
        ft_weights *weights;
        int64_t n_parameters = 0, wanted = 0;
        expect_ok(ft_config_for_size("nano", &config, &err), &err);
        config.scale_decoder_outputs = tied;
        config.initializer_factor = 0.5f;
        expect_ok(ft_weights_draw(&config, 4, &weights, &err), &err);
        expect_ok(ft_weights_write(scratch_path("drawn"), weights, NULL, &err), &err);
        expect_ok(ft_weights_write_fresh(scratch_path("streamed"), &config, 4, &n_parameters, &err), &err);
        for (int32_t i = 0; i < ft_tensor_count(&config); i++)
            if (weights->tensor[i]) wanted += (int64_t)models_size(weights, i);
        cr_expect_eq(n_parameters, wanted);
        for (int f = 0; f < 2; f++) {
            char name[64], *a, *b;
            size_t a_size, b_size;
            snprintf(name, sizeof name, "drawn/%s", files[f]);
            expect_ok(ft_read_file(scratch_path(name), 1 << 30, &a, &a_size, &err), &err);
            snprintf(name, sizeof name, "streamed/%s", files[f]);
            expect_ok(ft_read_file(scratch_path(name), 1 << 30, &b, &b_size, &err), &err);
            cr_assert_eq(a_size, b_size, "%s", files[f]);
            cr_expect(memcmp(a, b, a_size) == 0, "%s", files[f]);
            free(a);
            free(b);
        }
        ft_weights_free(weights);
    }
}

Test(weights, fresh_values_have_t5s_deviations)
{
    ft_error err;
    ft_model_config config;
    ft_weights *weights;
    expect_ok(ft_config_for_size("nano", &config, &err), &err);
    config.d_kv = 8; /* d_kv * n_heads != d_model */
    config.initializer_factor = 0.5f;
    config.scale_decoder_outputs = false; /* a head of its own */
    expect_ok(ft_weights_init(&config, 4, &weights, &err), &err);
    cr_expect_not(weights->tied);
    for (int32_t i = 0; i < ft_tensor_count(&config); i++) {
        ft_tensor_info info = ft_tensor_describe(&config, i);
        const ft_tensor_name name = ft_tensor_name_of(&config, i);
        if (info.rows == 0) continue;
        double deviation = i == FT_SHARED || i == FT_LM_HEAD ? 1.0
                           : strstr(name.text, ".q.")        ? 1 / sqrt(64.0 * 8.0)
                           : strstr(name.text, ".o.")        ? 1 / sqrt(4.0 * 8.0)
                           : strstr(name.text, ".wo.")       ? 1 / sqrt(256.0)
                                                             : 1 / sqrt(64.0);
        deviation *= 0.5;
        size_t count = models_size(weights, i);
        double sum = 0, squares = 0, fourth = 0, n = (double)count;
        for (size_t k = 0; k < count; k++) {
            double x = (double)weights->tensor[i][k] / deviation;
            if (info.is_norm) cr_assert_eq(weights->tensor[i][k], 0.5f);
            sum += x;
            squares += x * x;
            fourth += x * x * x * x;
        }
        if (info.is_norm) continue;
        /* Five standard errors of the mean, the variance (2/n) and the fourth moment
         * (96/n) of a normal distribution. */
        cr_expect(fabs(sum / n) < 5 / sqrt(n), "%s: mean %g", name.text, sum / n);
        cr_expect(fabs(squares / n - 1) < 5 * sqrt(2 / n), "%s: variance %g", name.text, squares / n);
        cr_expect(fabs(fourth / n - 3) < 5 * sqrt(96 / n), "%s: fourth moment %g", name.text, fourth / n);
    }
    /* No two tensors share values. */
    for (int32_t i = 0; i < ft_tensor_count(&config); i++)
        for (int32_t j = 0; j < i; j++) {
            ft_tensor_info one = ft_tensor_describe(&config, i), two = ft_tensor_describe(&config, j);
            if (one.rows == 0 || two.rows == 0 || one.is_norm || two.is_norm) continue;
            cr_expect(memcmp(weights->tensor[i], weights->tensor[j], 16) != 0, "%s and %s",
                      ft_tensor_name_of(&config, i).text, ft_tensor_name_of(&config, j).text);
        }
    ft_weights_free(weights);
}

/* A small model in the scratch directory "m" whose tensors a test changes before it is
 * written again. */
typedef struct fixture {
    ft_weights *weights;
    ft_tensor_name names[128];
    ft_tensor_to_store stored[128];
    size_t count;
} fixture;

static void fixture_open(fixture *f)
{
    ft_error err;
    ft_model_config config;
    expect_ok(ft_config_for_size("nano", &config, &err), &err);
    config.vocab_size = 64;
    config.chronos.n_tokens = 64;
    config.d_model = 8;
    config.d_ff = 12;
    config.n_heads = 2;
    config.d_kv = 3;
    expect_ok(ft_weights_init(&config, 1, &f->weights, &err), &err);
    f->count = 0;
    for (int32_t i = 0; i < ft_tensor_count(&config); i++) {
        const ft_tensor_info info = ft_tensor_describe(&config, i);
        if (!f->weights->tensor[i]) continue;
        f->names[f->count] = ft_tensor_name_of(&config, i);
        f->stored[f->count] = (ft_tensor_to_store){f->names[f->count].text,
                                                   FT_STORED_F32,
                                                   info.is_norm ? 1 : 2,
                                                   {info.is_norm ? info.cols : info.rows, info.cols},
                                                   f->weights->tensor[i]};
        f->count++;
    }
    expect_ok(ft_config_write(scratch_path("m"), &config, &err), &err);
}

static ft_tensor_to_store *fixture_tensor(fixture *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (!strcmp(f->stored[i].name, name)) return &f->stored[i];
    cr_assert_fail("no %s", name);
    return NULL;
}

static void fixture_add(fixture *f, const char *name, const float *values)
{
    f->stored[f->count++] = (ft_tensor_to_store){name, FT_STORED_F32, 2, {64, 8}, values};
}

static ft_status fixture_read(fixture *f, ft_weights **weights, ft_error *err)
{
    ft_error write_err;
    expect_ok(
        ft_safetensors_write(scratch_path("m/model.safetensors"), f->stored, f->count, NULL, 0, &write_err),
        &write_err);
    return ft_weights_read(scratch_path("m"), weights, err);
}

Test(weights, aliases_of_the_embedding)
{
    static const char *const aliases[] = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
                                          "lm_head.weight"};
    ft_error err;
    fixture f;
    ft_weights *weights;
    fixture_open(&f);
    float other[64 * 8];
    memcpy(other, f.weights->tensor[FT_SHARED], sizeof other);
    other[17] += 1.0f;
    size_t plain = f.count;

    for (int i = 0; i < 3; i++) { /* equal copies are tied */
        fixture_add(&f, aliases[i], f.weights->tensor[FT_SHARED]);
        expect_ok(fixture_read(&f, &weights, &err), &err);
        expect_equal_weights(f.weights, weights);
        ft_weights_free(weights);
    }
    f.count = plain;
    for (int i = 0; i < 3; i++) { /* any of them stands in for a missing shared.weight */
        ft_tensor_to_store *shared = fixture_tensor(&f, i == 0 ? "shared.weight" : aliases[i - 1]);
        shared->name = aliases[i];
        expect_ok(fixture_read(&f, &weights, &err), &err);
        expect_equal_weights(f.weights, weights);
        ft_weights_free(weights);
    }
    /* But not where config.json says that the head is a matrix of its own: then none is
     * taken for another. */
    char *text = scratch_read(scratch_path("m/config.json"));
    char *untied = scratch_replace(text, "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
    scratch_text("m/config.json", untied);
    expect_refused(fixture_read(&f, &weights, &err), &err, "\"shared.weight\" is missing",
                   "tie_word_embeddings", NULL);
    fixture_tensor(&f, "lm_head.weight")->name = "shared.weight";
    expect_refused(fixture_read(&f, &weights, &err), &err, "\"lm_head.weight\" is missing",
                   "tie_word_embeddings", NULL);
    /* equal, but there */
    fixture_add(&f, "lm_head.weight", f.weights->tensor[FT_SHARED]);
    expect_ok(fixture_read(&f, &weights, &err), &err);
    ft_weights_free(weights);
    f.count = plain;
    scratch_text("m/config.json", text);
    free(untied);
    free(text);
    fixture_add(&f, "lm_head.weight", other); /* a different head is a head of its own */
    expect_ok(fixture_read(&f, &weights, &err), &err);
    cr_expect_not(weights->tied);
    cr_expect(!memcmp(weights->tensor[FT_LM_HEAD], other, sizeof other));
    cr_expect(!memcmp(weights->tensor[FT_SHARED], f.weights->tensor[FT_SHARED], sizeof other));
    ft_weights_free(weights);
    for (int i = 0; i < 2; i++) { /* a different embedding of one stack is refused */
        f.stored[plain].name = aliases[i];
        expect_refused(fixture_read(&f, &weights, &err), &err, scratch_path("m"), aliases[i], "differs",
                       NULL);
        cr_expect_null(weights);
    }
    ft_weights_free(f.weights);
}

Test(weights, faults_name_directory_and_tensor)
{
    static const char name[] = "decoder.block.1.layer.1.EncDecAttention.o.weight";
    ft_error err;
    fixture f;
    ft_weights *weights;
    fixture_open(&f);
    int32_t whole[8 * 6] = {0};
    ft_tensor_to_store *tensor = fixture_tensor(&f, name), kept = *tensor;
    *tensor =
        /* itself ignored */
        (ft_tensor_to_store){"a.tensor.of.another.kind", FT_STORED_I32, 1, {3}, whole};
    expect_refused(fixture_read(&f, &weights, &err), &err, scratch_path("m"), name, "missing", NULL);
    *tensor = kept;
    tensor->shape[0] = 6;
    tensor->shape[1] = 8;
    expect_refused(fixture_read(&f, &weights, &err), &err, "m/model.safetensors", name, "(6, 8)", "(8, 6)",
                   NULL);
    *tensor = kept;
    tensor->dtype = FT_STORED_I32;
    tensor->data = whole;
    expect_refused(fixture_read(&f, &weights, &err), &err, "m/model.safetensors", name, "I32", NULL);
    *tensor = kept;
    ft_tensor_to_store *shared = fixture_tensor(&f, "shared.weight");
    shared->name = "other";
    expect_refused(fixture_read(&f, &weights, &err), &err, scratch_path("m"), "\"shared.weight\"", "missing",
                   NULL);
    shared->name = "shared.weight";
    expect_ok(fixture_read(&f, &weights, &err), &err);
    ft_weights_free(weights);

    expect_ok(ft_config_write(scratch_path("empty"), &f.weights->config, &err), &err);
    expect_refused(ft_weights_read(scratch_path("empty"), &weights, &err), &err, "empty", "model.safetensors",
                   NULL);
    expect_refused(ft_weights_read(scratch_path("none"), &weights, &err), &err, "none", "no such directory",
                   NULL);
    /* A config of absurd sizes costs no memory. */
    f.weights->config.vocab_size = f.weights->config.d_ff = f.weights->config.d_model = 1 << 19;
    expect_ok(ft_config_write(scratch_path("m"), &f.weights->config, &err), &err);
    expect_refused(ft_weights_read(scratch_path("m"), &weights, &err), &err, "\"shared.weight\"",
                   "(524288, 524288)", NULL);
    f.weights->config.d_model = 8; /* as the tensors are */
    f.weights->config.vocab_size = 64;
    f.weights->config.d_ff = 12;
    ft_weights_free(f.weights);
}

Test(weights, shards)
{
    ft_error err;
    fixture f;
    ft_weights *weights;
    fixture_open(&f);
    /* Every other tensor in the second shard. */
    ft_tensor_to_store halves[2][128];
    size_t counts[2] = {0, 0};
    char index[16384] = "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {";
    for (size_t i = 0; i < f.count; i++) {
        halves[i % 2][counts[i % 2]++] = f.stored[i];
        snprintf(index + strlen(index), sizeof index - strlen(index),
                 "%s\"%s\": \"model-0000%d-of-00002.safetensors\"", i ? ", " : "", f.stored[i].name,
                 (int)(i % 2) + 1);
    }
    strcat(index, "}}");
    for (int s = 0; s < 2; s++)
        expect_ok(ft_safetensors_write(scratch_path(s ? "m/model-00002-of-00002.safetensors"
                                                      : "m/model-00001-of-00002.safetensors"),
                                       halves[s], counts[s], NULL, 0, &err),
                  &err);
    scratch_text("m/model.safetensors.index.json", index);
    expect_ok(ft_weights_read(scratch_path("m"), &weights, &err), &err);
    expect_equal_weights(f.weights, weights);
    ft_weights_free(weights);

    char *wrong =
        /* shared.weight sought in the other shard */
        scratch_replace(index, "00001-of", "00002-of");
    scratch_text("m/model.safetensors.index.json", wrong);
    expect_refused(ft_weights_read(scratch_path("m"), &weights, &err), &err, "index.json",
                   "\"shared.weight\"", "00002-of", NULL);
    free(wrong);
    wrong = scratch_replace(index, "model-00001", "../m/model-00001");
    scratch_text("m/model.safetensors.index.json", wrong);
    expect_refused(ft_weights_read(scratch_path("m"), &weights, &err), &err, "index.json",
                   "\"shared.weight\"", "same directory", NULL);
    free(wrong);
    wrong = scratch_replace(index, "00001-of", "00003-of");
    scratch_text("m/model.safetensors.index.json", wrong);
    expect_refused(ft_weights_read(scratch_path("m"), &weights, &err), &err,
                   "model-00003-of-00002.safetensors", "cannot be opened", NULL);
    free(wrong);
    scratch_text("m/model.safetensors.index.json", "{\"weight_map\": []}");
    expect_refused(ft_weights_read(scratch_path("m"), &weights, &err), &err, "index.json", "\"weight_map\"",
                   NULL);
    scratch_text("m/model.safetensors.index.json", "{\"weight_map\": {}}");
    expect_refused(ft_weights_read(scratch_path("m"), &weights, &err), &err, "\"shared.weight\"", NULL);
    ft_weights_free(f.weights);
}

Test(weights, a_tied_head_is_written_where_older_transformers_want_it)
{
    ft_error err;
    fixture f;
    ft_weights *back;
    fixture_open(&f);
    char *text = scratch_read(scratch_path("m/config.json"));
    char *untied = scratch_replace(text, "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
    scratch_text("m/config.json", untied);
    expect_ok(ft_weights_write(scratch_path("copy"), f.weights, scratch_path("m"), &err), &err);
    ft_safetensors *file;
    expect_ok(ft_safetensors_open(scratch_path("copy/model.safetensors"), &file, &err), &err);
    cr_expect(ft_safetensors_find(file, "lm_head.weight"));
    ft_safetensors_close(file);
    expect_ok(ft_weights_read(scratch_path("copy"), &back, &err), &err);
    expect_equal_weights(f.weights, back);
    ft_weights_free(back);
    free(untied);
    free(text);
    ft_weights_free(f.weights);
}
