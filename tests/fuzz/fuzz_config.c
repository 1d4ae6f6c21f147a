/* A model's config.json and, behind a line "===", its generation_config.json. */
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/config_copy.h"
#include "model/tokenizer.h"
#include "model/weights.h"
#include "tests/fuzz/fuzz.h"

static void use_tokenizer(const ft_chronos_config *config)
{
    static const float values[] = {0.0f, -1.0f, 3e38f, -3e38f, 1e-40f, __builtin_nanf("")};
    enum { COUNT = sizeof values / sizeof *values };
    int32_t ids[COUNT + 1], labels[COUNT + 1];
    uint8_t mask[COUNT + 1];
    ft_tokenizer *tokenizer;
    ft_error err;
    FUZZ_EXPECT(ft_tokenizer_create(config, &tokenizer, &err) == FT_OK);
    float scale = ft_tokenizer_context(tokenizer, values, COUNT, COUNT, ids, mask, COUNT + 1);
    ft_tokenizer_labels(tokenizer, values, COUNT, scale, labels);
    for (int i = 0; i <= COUNT; i++) {
        FUZZ_EXPECT(ids[i] >= 0 && ids[i] < config->n_tokens);
        FUZZ_EXPECT(labels[i] == -100 || (labels[i] >= 0 && labels[i] < config->n_tokens));
    }
    for (int32_t id = 0; id < config->n_tokens; id += 1 + config->n_tokens / 64)
        ft_tokenizer_decode(tokenizer, id, scale);
    ft_tokenizer_free(tokenizer);
}

/* A copy of a config that can be read is read as the same. */
static void copy(const ft_model_config *config)
{
    char *text = NULL;
    bool own_head;
    ft_error err = {""};
    const ft_chronos_config lengths = {.context_length = 7, .prediction_length = 3};
    ft_status status = ft_config_copy(fuzz_directory(), &lengths, &text, &own_head, &err);
    fuzz_check(status, &err, "config.json");
    FUZZ_EXPECT(status == FT_OK);
    ft_model_config again;
    status = ft_config_parse(text, strlen(text), "copy", &again, &err);
    fuzz_check(status, &err, "copy");
    FUZZ_EXPECT(status == FT_OK && again.d_model == config->d_model &&
                again.vocab_size == config->vocab_size &&
                again.chronos.n_tokens == config->chronos.n_tokens &&
                again.scale_decoder_outputs == config->scale_decoder_outputs);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *at = data ? data : (const uint8_t *)"", *part;
    size_t left = size, part_size = 0;
    part = fuzz_part(&at, &left, &part_size);
    fuzz_put("config.json", part, part_size);
    part = fuzz_part(&at, &left, &part_size);
    fuzz_put("generation_config.json", part ? (const void *)part : "{}", part ? part_size : 2);
    ft_model_config config;
    ft_error err = {""};
    ft_status status = ft_config_read(fuzz_directory(), &config, &err);
    fuzz_check(status, &err, "config.json");
    if (status != FT_OK) return 0;
    int32_t count = ft_tensor_count(&config);
    for (int32_t i = 0; i < count; i += 1 + count / 64) {
        ft_tensor_info info = ft_tensor_describe(&config, i);
        ft_tensor_name name = ft_tensor_name_of(&config, i);
        FUZZ_EXPECT(info.rows >= 0 && info.cols >= 0 && strlen(name.text) < sizeof name.text - 1);
    }
    use_tokenizer(&config.chronos);
    copy(&config);
    return 0;
}
