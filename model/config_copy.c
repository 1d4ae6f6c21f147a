/* Copying a config.json; see config_copy.h. The text is edited in place of printing the parsed tree, because
 * transformers tells 1.0 from 1 and a tree of doubles does not. */
#include "model/config_copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "model/config.h"

/* The scanners below go over text that ft_json_parse has accepted, so that each bracket and quote has its
 * partner. */
static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *skip_string(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1]) at++;
    return *at ? at + 1 : at;
}

static const char *skip_value(const char *at)
{
    int depth = 0;
    do {
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        if (*at == '{' || *at == '[') depth++;
        if (*at == '}' || *at == ']') depth--;
        at++;
        /* A number or a word ends where the next mark begins. */
    } while (*at && (depth > 0 || !strchr(",}] \t\r\n", *at)));
    return at;
}

static bool is_dtype(const char *key, size_t length)
{
    return (length == 7 && !memcmp(key, "\"dtype\"", 7)) ||
           (length == 13 && !memcmp(key, "\"torch_dtype\"", 13));
}

/* `source` with each dtype of the outermost object replaced. */
static ft_text replace_dtype(const char *source)
{
    static const char replacement[] = "\"float32\"";
    ft_text out = FT_TEXT_EMPTY;
    bool replaced = false;
    const char *copied = strchr(source, '{') + 1, *at = skip_blanks(copied);
    while (*at == '"') {
        const char *key = at, *key_end = skip_string(at);
        const char *value = skip_blanks(skip_blanks(key_end) + 1), *value_end = skip_value(value);
        if (is_dtype(key, (size_t)(key_end - key))) {
            ft_text_add_bytes(&out, copied, (size_t)(value - copied));
            ft_text_add(&out, replacement);
            copied = value_end;
            replaced = true;
        }
        at = skip_blanks(value_end);
        if (*at == ',') at = skip_blanks(at + 1);
    }
    ft_text_add(&out, copied);
    ft_text whole = FT_TEXT_EMPTY;
    ft_text_add(&whole, "{");
    if (!replaced) ft_text_addf(&whole, "\n  \"dtype\": %s,", replacement);
    ft_text_add(&whole, out.failed ? "" : out.data);
    whole.failed = whole.failed || out.failed;
    ft_text_free(&out);
    return whole;
}

ft_status ft_config_copy(const char *model_dir, char **text, bool *own_head, ft_error *err)
{
    char *source = NULL;
    size_t size = 0;
    ft_model_config config;
    cJSON *root = NULL;
    *text = NULL;
    *own_head = false;
    char *path = ft_join_path(model_dir, "config.json");
    if (!path) return ft_no_memory(err, model_dir, 0);
    ft_status status = ft_read_file(path, FT_CONFIG_MAX_BYTES, &source, &size, err);
    if (status == FT_OK) status = ft_config_parse(source, size, path, &config, err);
    if (status == FT_OK) status = ft_json_parse(source, size, path, &root, err);
    if (status == FT_OK) {
        *own_head = cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(root, "tie_word_embeddings"));
        ft_text copy = replace_dtype(source);
        if (copy.failed) {
            ft_text_free(&copy);
            status = ft_no_memory(err, path, size);
        }
        *text = copy.data;
    }
    cJSON_Delete(root);
    free(source);
    free(path);
    return status;
}
