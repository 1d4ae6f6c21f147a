/* config.json and generation_config.json: what is read, what defaults mean, what is
 * refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "model/config.h"
#include "model/config_copy.h"
#include "scratch.h"

TestSuite(config, .init = scratch_enter, .fini = scratch_leave);

/* A config.json as transformers 5.24 writes it. */
static const char plain_config[] = "{\n"
                                   "  \"architectures\": [\n"
                                   "    \"T5ForConditionalGeneration\"\n"
                                   "  ],\n"
                                   "  \"chronos_config\": {\n"
                                   "    \"context_length\": 64,\n"
                                   "    \"eos_token_id\": 1,\n"
                                   "    \"model_type\": \"seq2seq\",\n"
                                   "    \"n_special_tokens\": 2,\n"
                                   "    \"n_tokens\": 96,\n"
                                   "    \"num_samples\": 20,\n"
                                   "    \"pad_token_id\": 0,\n"
                                   "    \"prediction_length\": 12,\n"
                                   "    \"temperature\": 1.0,\n"
                                   "    \"tokenizer_class\": \"MeanScaleUniformBins\",\n"
                                   "    \"tokenizer_kwargs\": {\n"
                                   "      \"high_limit\": 15.0,\n"
                                   "      \"low_limit\": -15.0\n"
                                   "    },\n"
                                   "    \"top_k\": 50,\n"
                                   "    \"top_p\": 1.0,\n"
                                   "    \"use_eos_token\": true\n"
                                   "  },\n"
                                   "  \"classifier_dropout\": 0.0,\n"
                                   "  \"d_ff\": 32,\n"
                                   "  \"d_kv\": 16,\n"
                                   "  \"d_model\": 24,\n"
                                   "  \"decoder_start_token_id\": 0,\n"
                                   "  \"dense_act_fn\": \"relu\",\n"
                                   "  \"dropout_rate\": 0.1,\n"
                                   "  \"dtype\": \"bfloat16\",\n"
                                   "  \"eos_token_id\": 1,\n"
                                   "  \"feed_forward_proj\": \"relu\",\n"
                                   "  \"initializer_factor\": 1.0,\n"
                                   "  \"is_decoder\": false,\n"
                                   "  \"is_encoder_decoder\": true,\n"
                                   "  \"is_gated_act\": false,\n"
                                   "  \"layer_norm_epsilon\": 1e-06,\n"
                                   "  \"model_type\": \"t5\",\n"
                                   "  \"num_decoder_layers\": 3,\n"
                                   "  \"num_heads\": 3,\n"
                                   "  \"num_layers\": 2,\n"
                                   "  \"pad_token_id\": 0,\n"
                                   "  \"relative_attention_max_distance\": 128,\n"
                                   "  \"relative_attention_num_buckets\": 32,\n"
                                   "  \"scale_decoder_outputs\": true,\n"
                                   "  \"tie_word_embeddings\": true,\n"
                                   "  \"transformers_version\": \"5.24.0\",\n"
                                   "  \"use_cache\": true,\n"
                                   "  \"vocab_size\": 96\n"
                                   "}\n";

/* The text of a golden model's config.json. */
static char *golden_config(const char *model)
{
    char name[64];
    snprintf(name, sizeof name, "%s/config.json", model);
    char *path = golden_path(name), *text = scratch_read(path);
    free(path);
    return text;
}

/* Reads the scratch directory's config.json, made of `text`. */
static ft_status read_text(const char *text, ft_model_config *config, ft_error *err)
{
    scratch_text("config.json", text);
    return ft_config_read(scratch_path(""), config, err);
}

/* All that is written of both is the same. */
static bool same_config(const ft_model_config *a, const ft_model_config *b)
{
    char *one = ft_config_print(a), *two = ft_config_print(b);
    bool same = one && two && !strcmp(one, two);
    free(one);
    free(two);
    return same;
}

Test(config, goldens_are_read)
{
    ft_error err;
    ft_model_config config;
    char *tied = golden_path("model_tied"), *untied = golden_path("model_untied");
    expect_ok(ft_config_read(tied, &config, &err), &err);
    cr_expect_eq(config.d_model, 24);
    cr_expect_eq(config.d_kv, 16);
    cr_expect_eq(config.n_heads, 3);
    cr_expect_eq(ft_inner_dim(&config), 48);
    cr_expect_eq(config.d_ff, 32);
    cr_expect_eq(config.n_encoder_layers, 2);
    cr_expect_eq(config.n_decoder_layers, 3);
    cr_expect_eq(config.n_buckets, 32);
    cr_expect_eq(config.max_distance, 128);
    cr_expect_eq(config.chronos.context_length, 64);
    cr_expect_eq(config.chronos.n_special_tokens, 2);
    cr_expect_eq(config.chronos.low_limit, -15.0);
    cr_expect_eq(config.chronos.high_limit, 15.0);
    cr_expect_eq(config.chronos.num_samples, 20);
    cr_expect_eq(config.chronos.top_k, 50);
    cr_expect_eq(config.chronos.top_p, 1.0f);
    cr_expect_eq(config.dropout_rate, 0.1f);
    cr_expect_eq(config.layer_norm_epsilon, 1e-6f);
    cr_expect(config.scale_decoder_outputs);
    expect_ok(ft_config_read(untied, &config, &err), &err);
    cr_expect_eq(config.max_distance, 32);
    cr_expect_eq(config.n_heads, 2);
    /* tie_word_embeddings false, no scale_decoder_outputs */
    cr_expect_not(config.scale_decoder_outputs);
    free(untied);
    free(tied);
}

Test(config, scaling_follows_its_key_then_tying)
{
    static const struct {
        const char *keys;
        bool scaled;
    } cases[] = {
        {"", true},
        {"\"tie_word_embeddings\": false,", false},
        {"\"tie_word_embeddings\": true,", true},
        {"\"tie_word_embeddings\": null,", true},
        {"\"tie_word_embeddings\": false, \"scale_decoder_outputs\": true,", true},
        {"\"tie_word_embeddings\": true, \"scale_decoder_outputs\": false,", false},
    };
    char *text = golden_config("model_untied");
    char *plain = scratch_replace(text, "\"tie_word_embeddings\": false,", "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ft_error err;
        ft_model_config config;
        char keys[128];
        snprintf(keys, sizeof keys, "{%s", cases[i].keys);
        char *changed = scratch_replace(plain, "{", keys);
        expect_ok(read_text(changed, &config, &err), &err);
        cr_expect_eq(config.scale_decoder_outputs, cases[i].scaled, "%s", cases[i].keys);
        free(changed);
    }
    free(plain);
    free(text);
}

Test(config, missing_keys_take_t5s_defaults)
{
    ft_error err;
    ft_model_config config, wanted;
    char *text = scratch_replace(plain_config, "{", "{");
    char *chronos = strstr(text, "\"chronos_config\"");
    *(strstr(chronos, "true\n  }") + strlen("true\n  }")) = '\0';
    char short_text[2048];
    snprintf(short_text, sizeof short_text, "{\"decoder_start_token_id\": 0, %s}", chronos);
    expect_ok(read_text(short_text, &config, &err), &err);
    wanted = config;
    wanted.vocab_size = 32128;
    wanted.d_model = 512;
    wanted.d_kv = 64;
    wanted.d_ff = 2048;
    wanted.n_heads = 8;
    wanted.n_encoder_layers = wanted.n_decoder_layers = 6;
    wanted.n_buckets = 32;
    wanted.max_distance = 128;
    wanted.pad_token_id = 0;
    wanted.eos_token_id = 1;
    wanted.dropout_rate = 0.1f;
    wanted.layer_norm_epsilon = 1e-6f;
    wanted.initializer_factor = 1.0f;
    wanted.scale_decoder_outputs = true;
    cr_expect(same_config(&config, &wanted));
    /* num_decoder_layers follows num_layers, absent or null. */
    snprintf(short_text, sizeof short_text,
             "{\"decoder_start_token_id\": 0, \"num_layers\": 4, \"num_decoder_layers\": null, %s}", chronos);
    expect_ok(read_text(short_text, &config, &err), &err);
    cr_expect_eq(config.n_decoder_layers, 4);
    free(text);
}

Test(config, faults_name_file_and_key)
{
    /* One replacement in a good file, the key at fault and a word of the message. */
    static const struct {
        const char *from, *to, *key, *word;
    } cases[] = {
        {"\"d_model\": 24", "\"d_model\": 0", "\"d_model\"", "1 to 524288"},
        {"\"d_model\": 24", "\"d_model\": -24", "\"d_model\"", "whole number"},
        {"\"d_model\": 24", "\"d_model\": 24.5", "\"d_model\"", "whole number"},
        {"\"d_model\": 24", "\"d_model\": 1e18", "\"d_model\"", "whole number"},
        {"\"d_model\": 24", "\"d_model\": \"24\"", "\"d_model\"", "whole number"},
        {"\"d_model\": 24", "\"d_model\": [24]", "\"d_model\"", "whole number"},
        {"\"d_kv\": 16", "\"d_kv\": 500000", "\"num_heads\"", "times d_kv"},
        {"\"num_layers\": 2", "\"num_layers\": 2000000", "\"num_layers\"", "1 to 1024"},
        {"\"dropout_rate\": 0.1", "\"dropout_rate\": 1.0", "\"dropout_rate\"", "number from 0"},
        {"\"dropout_rate\": 0.1", "\"dropout_rate\": NaN", "\"dropout_rate\"", "number from 0"},
        {"\"layer_norm_epsilon\": 1e-06", "\"layer_norm_epsilon\": 0", "\"layer_norm_epsilon\"", "number"},
        {"\"relative_attention_num_buckets\": 32", "\"relative_attention_num_buckets\": 2",
         "\"relative_attention_num_buckets\"", ""},
        {"\"relative_attention_max_distance\": 128", "\"relative_attention_max_distance\": 16",
         "\"relative_attention_max_distance\"", "above half"},
        {"\"decoder_start_token_id\": 0,", "", "\"decoder_start_token_id\"", "missing"},
        {"\"decoder_start_token_id\": 0", "\"decoder_start_token_id\": null", "\"decoder_start_token_id\"",
         "whole number"},
        {"\"decoder_start_token_id\": 0", "\"decoder_start_token_id\": 96", "\"decoder_start_token_id\"",
         "0 to 95"},
        {"\"pad_token_id\": 0,\n  \"rel", "\"pad_token_id\": null,\n  \"rel", "\"pad_token_id\"",
         "whole number"},
        {"\"feed_forward_proj\": \"relu\"", "\"feed_forward_proj\": \"gated-gelu\"", "\"feed_forward_proj\"",
         "not supported"},
        {"\"is_gated_act\": false", "\"is_gated_act\": true", "\"is_gated_act\"", "not supported"},
        {"\"is_encoder_decoder\": true", "\"is_encoder_decoder\": false", "\"is_encoder_decoder\"",
         "not supported"},
        {"\"model_type\": \"t5\"", "\"model_type\": \"gpt2\"", "\"model_type\"", "gpt2"},
        {"T5ForConditionalGeneration", "ChronosBoltModelForForecasting", "\"architectures\"",
         "not supported"},
        {"\"d_ff\": 32,", "\"d_ff\": 32, \"quantization_config\": {\"bits\": 4},", "\"quantization_config\"",
         "not supported"},
        {"\"chronos_config\": {", "\"other_config\": {", "\"chronos_config\"", "Chronos model"},
        {"\"top_k\": 50,", "", "\"chronos_config.top_k\"", "missing"},
        {"\"top_k\": 50,", "\"top_k\": 50, \"top_q\": 1,", "\"chronos_config.top_q\"", "not a key"},
        {"\"top_k\": 50", "\"top_k\": null", "\"chronos_config.top_k\"", "whole number"},
        {"\"top_k\": 50", "\"top_k\": -1", "\"chronos_config.top_k\"", "whole number"},
        {"\"top_p\": 1.0", "\"top_p\": 1.5", "\"chronos_config.top_p\"", "number"},
        {"\"temperature\": 1.0", "\"temperature\": 0", "\"chronos_config.temperature\"", "number"},
        {"\"use_eos_token\": true", "\"use_eos_token\": false", "\"chronos_config.use_eos_token\"",
         "not supported"},
        {"\"use_eos_token\": true", "\"use_eos_token\": 1", "\"chronos_config.use_eos_token\"",
         "true or false"},
        {"\"model_type\": \"seq2seq\"", "\"model_type\": \"causal\"", "\"chronos_config.model_type\"",
         "causal"},
        {"MeanScaleUniformBins", "QuantileBins", "\"chronos_config.tokenizer_class\"", "QuantileBins"},
        {"\"high_limit\": 15.0", "\"high_limit\": -15.0", "\"chronos_config.tokenizer_kwargs.high_limit\"",
         "above low_limit"},
        {"\"high_limit\": 15.0,", "", "\"chronos_config.tokenizer_kwargs.high_limit\"", "missing"},
        {"\"high_limit\": 15.0", "\"high_limit\": 15.0, \"middle\": 0",
         "\"chronos_config.tokenizer_kwargs.middle\"", "not a key"},
        {"\"n_special_tokens\": 2", "\"n_special_tokens\": 1", "\"chronos_config.eos_token_id\"",
         "below n_special_tokens"},
        {"\"n_tokens\": 96", "\"n_tokens\": 3", "\"chronos_config.n_tokens\"", "no bins"},
        {"\"n_tokens\": 96", "\"n_tokens\": 97", "\"chronos_config.n_tokens\"", "vocab_size"},
        {"\"prediction_length\": 12", "\"prediction_length\": 0", "\"chronos_config.prediction_length\"",
         "whole number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ft_error err = {0};
        ft_model_config config;
        char *changed = scratch_replace(plain_config, cases[i].from, cases[i].to);
        expect_refused(read_text(changed, &config, &err), &err, scratch_path("config.json"), cases[i].key,
                       cases[i].word, NULL);
        free(changed);
    }
}

Test(config, files_that_are_no_config_are_refused)
{
    ft_error err;
    ft_model_config config;
    expect_refused(ft_config_read(scratch_path("none"), &config, &err), &err, "none", "no such directory",
                   NULL);
    expect_refused(read_text("[]", &config, &err), &err, "config.json", "not a JSON object", NULL);
    expect_refused(read_text("{\"d_model\": 1, \"d_model\": 2}", &config, &err), &err, "config.json:1:16",
                   NULL);
    expect_refused(read_text("", &config, &err), &err, "config.json", NULL);
}

Test(config, generation_settings_that_change_the_draw_are_refused)
{
    static const struct {
        const char *setting, *key; /* key NULL: accepted */
    } cases[] = {
        {"\"_from_model_config\": true, \"eos_token_id\": 1, \"pad_token_id\": 0, \"use_cache\": true", NULL},
        {"\"decoder_start_token_id\": 0", NULL},
        {"\"decoder_start_token_id\": 1", "decoder_start_token_id"},
        {"\"temperature\": 0.5, \"top_k\": 3, \"do_sample\": false, \"max_length\": 20", NULL},
        {"\"repetition_penalty\": 1.0, \"num_beams\": 1, \"no_repeat_ngram_size\": 0, \"typical_p\": 1.0",
         NULL},
        {"\"suppress_tokens\": null, \"bad_words_ids\": [], \"remove_invalid_values\": false", NULL},
        {"\"repetition_penalty\": 1.1", "repetition_penalty"},
        {"\"num_beams\": 4", "num_beams"},
        {"\"typical_p\": 0.9", "typical_p"},
        {"\"suppress_tokens\": [3]", "suppress_tokens"},
        {"\"forced_eos_token_id\": 1", "forced_eos_token_id"},
        {"\"sequence_bias\": [[[3], -1.0]]", "sequence_bias"},
        {"\"a_setting_of_the_future\": \"x\"", "a_setting_of_the_future"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ft_error err;
        ft_model_config config;
        char generation[256];
        snprintf(generation, sizeof generation, "{%s}", cases[i].setting);
        scratch_text("generation_config.json", generation);
        ft_status status = read_text(plain_config, &config, &err);
        if (cases[i].key)
            expect_refused(status, &err, scratch_path("generation_config.json"), cases[i].key, NULL);
        else
            expect_ok(status, &err);
    }
    ft_error err;
    ft_model_config config;
    scratch_text("generation_config.json", "{");
    expect_refused(read_text(plain_config, &config, &err), &err, "generation_config.json", NULL);
}

Test(config, fresh_sizes)
{
    static const struct {
        const char *name;
        int32_t d_model, d_ff, n_heads, d_kv, layers;
        float factor;
    } sizes[] = {{"nano", 64, 256, 4, 16, 2, 1.0f},      {"tiny", 256, 1024, 4, 64, 4, 0.05f},
                 {"mini", 384, 1536, 8, 64, 4, 0.05f},   {"small", 512, 2048, 8, 64, 6, 0.05f},
                 {"base", 768, 3072, 12, 64, 12, 0.05f}, {"large", 1024, 4096, 16, 64, 24, 0.05f}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ft_error err;
        ft_model_config config, back;
        expect_ok(ft_config_for_size(sizes[i].name, &config, &err), &err);
        cr_expect(config.d_model == sizes[i].d_model && config.d_ff == sizes[i].d_ff &&
                  config.n_heads == sizes[i].n_heads && config.d_kv == sizes[i].d_kv &&
                  config.n_encoder_layers == sizes[i].layers && config.n_decoder_layers == sizes[i].layers &&
                  config.initializer_factor == sizes[i].factor);
        cr_expect(config.vocab_size == 4096 && config.chronos.context_length == 512 &&
                  config.chronos.prediction_length == 64);
        /* What is written reads back, and reals keep their point: transformers refuses an
         * initializer_factor of 1. */
        expect_ok(ft_config_write(scratch_path("fresh/model"), &config, &err), &err);
        expect_ok(ft_config_read(scratch_path("fresh/model"), &back, &err), &err);
        cr_expect(same_config(&config, &back), "%s", sizes[i].name);
        char *text = scratch_read(scratch_path("fresh/model/config.json"));
        cr_expect(strstr(text, i == 0 ? "\"initializer_factor\": 1.0," : "\"initializer_factor\": 0.05,"));
        cr_expect(strstr(text, "\"high_limit\": 15.0,"));
        cr_expect(strstr(text, "\"dtype\": \"float32\""));
        free(text);
    }
    ft_error err;
    ft_model_config config;
    expect_refused(ft_config_for_size("huge", &config, &err), &err, "\"huge\"", "nano", NULL);
}

Test(config, a_copy_changes_the_dtype_and_nothing_else)
{
    static const struct {
        const char *model, *from, *to;
        bool own_head;
    } cases[] = {{"model_tied", "\"dtype\": \"bfloat16\"", "\"dtype\": \"float32\"", false},
                 {"model_untied", "\"torch_dtype\": \"float16\"", "\"torch_dtype\": \"float32\"", true}};
    for (size_t i = 0; i < 2; i++) {
        ft_error err;
        char *directory = golden_path(cases[i].model), *text = golden_config(cases[i].model), *copy;
        bool own_head;
        expect_ok(ft_config_copy(directory, NULL, &copy, &own_head, &err), &err);
        char *wanted = scratch_replace(text, cases[i].from, cases[i].to);
        cr_expect_str_eq(copy, wanted);
        cr_expect_eq(own_head, cases[i].own_head);
        free(wanted);
        free(copy);

        /* Lengths are changed in chronos_config alone. */
        const ft_chronos_config lengths = {.context_length = 33, .prediction_length = 7};
        scratch_text("config.json", text);
        expect_ok(ft_config_copy(scratch_path(""), &lengths, &copy, &own_head, &err), &err);
        char *shorter = scratch_replace(text, cases[i].from, cases[i].to);
        wanted = scratch_replace(shorter, "\"context_length\": 64", "\"context_length\": 33");
        free(shorter);
        shorter = scratch_replace(wanted, i == 0 ? "\"prediction_length\": 10" : "\"prediction_length\": 8",
                                  "\"prediction_length\": 7");
        free(wanted);
        wanted = scratch_replace(shorter, "{",
                                 i == 0 ? "{\n  \"eos_prediction_length\": 10,"
                                        : "{\n  \"eos_prediction_length\": 8,");
        cr_expect_str_eq(copy, wanted);

        /* The first model's own is said from then on, whatever follows. */
        ft_model_config config;
        expect_ok(ft_config_parse(copy, strlen(copy), "copy", &config, &err), &err);
        cr_expect_eq(config.chronos.eos_prediction_length, i == 0 ? 10 : 8);
        scratch_text("config.json", copy);
        free(copy);
        const ft_chronos_config next = {.context_length = 33, .prediction_length = 9};
        expect_ok(ft_config_copy(scratch_path(""), &next, &copy, &own_head, &err), &err);
        expect_ok(ft_config_parse(copy, strlen(copy), "copy", &config, &err), &err);
        cr_expect_eq(config.chronos.prediction_length, 9);
        cr_expect_eq(config.chronos.eos_prediction_length, i == 0 ? 10 : 8);
        free(shorter);
        free(wanted);
        free(copy);

        /* Without the key it is added; in an inner object or a value it is left alone. */
        char other[64];
        snprintf(other, sizeof other, "\"x\": {\"dtype\": \"a\\\"}\"}, \"y\": [\"dtype\", 1]");
        char *without = scratch_replace(text, cases[i].from, other);
        scratch_text("config.json", without);
        expect_ok(ft_config_copy(scratch_path(""), NULL, &copy, &own_head, &err), &err);
        wanted = scratch_replace(without, "{", "{\n  \"dtype\": \"float32\",");
        cr_expect_str_eq(copy, wanted);
        free(wanted);
        free(copy);
        free(without);
        free(text);
        free(directory);
    }
}
