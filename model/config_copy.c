/* Copying a config.json; see config_copy.h. The text is edited in place of printing the
 * parsed tree, because transformers tells 1.0 from 1 and a tree of doubles does not. */
#include "model/config_copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "model/config.h"

/* The scanners below go over text that ft_json_parse has accepted, so that each bracket
 * and quote has its partner. */
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

/* A new value for a key. */
typedef struct edit {
    const char *key, *value; /* the key without its quotes; JSON text */
    size_t found;            /* how often it was there */
} edit;

/* Appends the object that begins at `source` with new values for some keys. Returns
 * what follows it. */
static const char *edit_object(const char *source, edit *edits, size_t n_edits, ft_text *out)
{
    const char *copied = source, *at = skip_blanks(source + 1);
    while (*at == '"') {
        const char *key = at + 1, *key_end = skip_string(at);
        const char *value = skip_blanks(skip_blanks(key_end) + 1), *value_end = skip_value(value);
        const size_t length = (size_t)(key_end - key) - 1;
        for (size_t i = 0; i < n_edits; i++) {
            if (strlen(edits[i].key) != length || memcmp(edits[i].key, key, length) != 0) continue;
            ft_text_add_bytes(out, copied, (size_t)(value - copied));
            ft_text_add(out, edits[i].value);
            copied = value_end;
            edits[i].found++;
        }
        at = skip_blanks(value_end);
        if (*at == ',') at = skip_blanks(at + 1);
    }
    ft_text_add_bytes(out, copied, (size_t)(at + 1 - copied));
    return at + 1;
}

/* The text of chronos_config with other lengths; empty if the key is not found in
 * plain spelling. */
static ft_text change_lengths(const char *source, const ft_chronos_config *lengths)
{
    static const char key[] = "\"chronos_config\"";
    ft_text out = FT_TEXT_EMPTY;
    const char *at = skip_blanks(strchr(source, '{') + 1);
    while (*at == '"' && strncmp(at, key, sizeof key - 1) != 0) {
        at = skip_blanks(skip_value(skip_blanks(skip_blanks(skip_string(at)) + 1)));
        if (*at == ',') at = skip_blanks(at + 1);
    }
    if (*at != '"') return out;
    char context[16], prediction[16];
    snprintf(context, sizeof context, "%d", (int)lengths->context_length);
    snprintf(prediction, sizeof prediction, "%d", (int)lengths->prediction_length);
    edit edits[] = {{"context_length", context, 0}, {"prediction_length", prediction, 0}};
    edit_object(skip_blanks(skip_blanks(skip_string(at)) + 1), edits, 2, &out);
    return out;
}

/* Returns the copy. lengths NULL: unchanged. eos: the value of eos_prediction_length to
 * add; 0: none. */
static ft_text edit_config(const char *source, const ft_chronos_config *lengths, int32_t eos)
{
    static const char replacement[] = "\"float32\"";
    ft_text chronos = lengths ? change_lengths(source, lengths) : FT_TEXT_EMPTY, out = FT_TEXT_EMPTY,
            whole = FT_TEXT_EMPTY;
    edit edits[] = {
        {"dtype", replacement, 0}, {"torch_dtype", replacement, 0}, {"chronos_config", chronos.data, 0}};
    const char *object = strchr(source, '{');
    if (!chronos.failed) ft_text_add(&out, edit_object(object, edits, chronos.data ? 3 : 2, &out));
    ft_text_add(&whole, "{");
    if (edits[0].found + edits[1].found == 0) ft_text_addf(&whole, "\n  \"dtype\": %s,", replacement);
    if (eos > 0) ft_text_addf(&whole, "\n  \"eos_prediction_length\": %d,", (int)eos);
    if (out.data) ft_text_add(&whole, out.data + 1);
    whole.failed = whole.failed || out.failed || chronos.failed;
    ft_text_free(&chronos);
    ft_text_free(&out);
    return whole;
}

ft_status ft_config_copy(const char *model_dir, const ft_chronos_config *lengths, char **text, bool *own_head,
                         ft_error *err)
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
        const ft_chronos_config *own = &config.chronos;
        const bool same = !lengths || (lengths->context_length == own->context_length &&
                                       lengths->prediction_length == own->prediction_length);
        const bool is_said = own->eos_prediction_length > 0;
        const bool keeps_eos = same || is_said || lengths->prediction_length == own->prediction_length;
        ft_text copy = edit_config(source, same ? NULL : lengths, keeps_eos ? 0 : own->prediction_length);
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
