/* Reading and writing adapter_config.json; see peft_config.h. */
#include "model/peft_config.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "model/peft_kinds.h"
#include "model/place.h"

/* Keys that do not change what a trained adapter computes, or that its tensors show
 * too: which modules, where it came from, how it was initialised. Includes the keys
 * read below. Any other key must be null, false or empty. */
static const char *const accepted[] = {"auto_mapping",        "base_model_name_or_path",
                                       "peft_version",        "revision",
                                       "task_type",           "inference_mode",
                                       "target_modules",      "exclude_modules",
                                       "layers_to_transform", "layers_pattern",
                                       "fan_in_fan_out",      "megatron_core",
                                       "eva_config",          "qalora_group_size",
                                       "runtime_config",      "ensure_weight_tying",
                                       "peft_type",           "r",
                                       "lora_alpha",          "lora_dropout",
                                       "use_rslora",          "bias",
                                       "init_lora_weights",   "modules_to_save",
                                       "alpha_pattern",       "rank_pattern"};

static ft_status refuse(const char *path, const char *key, const char *what, ft_error *err)
{
    return ft_fail(err, FT_BAD_INPUT, "%s: key \"%s\": %s", path, key, what);
}

static ft_status check_unknown(const char *path, const cJSON *root, ft_error *err)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, root)
    {
        bool known = cJSON_IsNull(item) || cJSON_IsFalse(item) ||
                     ((cJSON_IsArray(item) || cJSON_IsObject(item)) && !item->child);
        for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
            known = known || !strcmp(item->string, accepted[i]);
        if (!known) return refuse(path, item->string, "this setting of PEFT is not supported", err);
    }
    return FT_OK;
}

/* Whether PEFT's pattern names the module: as its whole name or, with `or_end`, the end
 * of it, after a dot. FT_BAD_INPUT where the pattern is written as only Python reads
 * it. */
static ft_status matches(const char *path, const char *key, const char *pattern, bool or_end,
                         const char *module, bool *yes, ft_error *err)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.^$|()[]*+?-\\";
    regex_t compiled;
    ft_text whole = FT_TEXT_EMPTY;
    bool is_plain = pattern[strspn(pattern, plain)] == '\0' && !strstr(pattern, "(?");
    for (const char *at = pattern; is_plain && (at = strchr(at, '\\')) != NULL; at += 2)
        is_plain = at[1] == '.'; /* no \d and the like */
    ft_text_addf(&whole, "^%s(%s)$", or_end ? "(.*\\.)?" : "", pattern);
    ft_status status = whole.failed ? ft_no_memory(err, path, strlen(pattern)) : FT_OK;
    if (status == FT_OK && (!is_plain || regcomp(&compiled, whole.data, REG_EXTENDED | REG_NOSUB) != 0)) {
        status = ft_fail(err, FT_BAD_INPUT, "%s: key \"%s\": the pattern \"%.100s\" is not understood", path,
                         key, pattern);
    } else if (status == FT_OK) {
        *yes = regexec(&compiled, module, 0, NULL, 0) == 0;
        regfree(&compiled);
    }
    ft_text_free(&whole);
    return status;
}

/* One of rank_pattern and alpha_pattern: {pattern: value}. */
static ft_status check_pattern(const char *path, const cJSON *root, const char *key, double usual,
                               const ft_tensor_name *modules, size_t count, ft_error *err)
{
    const cJSON *patterns = cJSON_GetObjectItemCaseSensitive(root, key), *item;
    ft_status status = FT_OK;
    if (!patterns || cJSON_IsNull(patterns)) return FT_OK;
    if (!cJSON_IsObject(patterns)) return refuse(path, key, "an object is needed", err);
    cJSON_ArrayForEach(item, patterns)
    {
        if (cJSON_IsNumber(item) && item->valuedouble == usual) continue;
        for (size_t i = 0; i < count && status == FT_OK; i++) {
            bool yes = false;
            status = matches(path, key, item->string, true, modules[i].text, &yes, err);
            if (status == FT_OK && yes)
                status =
                    ft_fail(err, FT_BAD_INPUT,
                            "%s: key \"%s\": \"%.100s\" gives %s a value of its own: one for all modules is "
                            "supported",
                            path, key, item->string, modules[i].text);
        }
        if (status != FT_OK) break;
    }
    return status;
}

ft_status ft_peft_config_check(const char *path, const ft_adapter_spec *spec, const ft_tensor_name *modules,
                               size_t count, bool has_copies, ft_error *err)
{
    cJSON *root = NULL;
    ft_status status = ft_json_read(path, &root, err);
    const cJSON *saved = cJSON_GetObjectItemCaseSensitive(root, "modules_to_save");
    if (status == FT_OK && saved && saved->child && !has_copies)
        status = refuse(path, "modules_to_save",
                        "modules are named, but adapter_model.safetensors has none of them", err);
    if (status == FT_OK)
        status = check_pattern(path, root, "rank_pattern", (double)spec->rank, modules, count, err);
    if (status == FT_OK)
        status = check_pattern(path, root, "alpha_pattern", (double)spec->alpha, modules, count, err);
    cJSON_Delete(root);
    return status;
}

/* Whether a name, or one of a list of names, is the module's or the end of it after a
 * dot. */
static bool ends_with_one(const cJSON *names, const char *module)
{
    const cJSON *item;
    const size_t length = strlen(module);
    cJSON_ArrayForEach(item, names)
    {
        if (!cJSON_IsString(item)) continue;
        const size_t part = strlen(item->valuestring);
        if (part > length || strcmp(module + length - part, item->valuestring) != 0) continue;
        if (part == length || module[length - part - 1] == '.') return true;
    }
    return false;
}

/* target_modules or exclude_modules: a pattern for the whole name, or a list of names. */
static ft_status names_module(const char *path, const char *key, const cJSON *names, const char *module,
                              bool *yes, ft_error *err)
{
    *yes = ends_with_one(names, module);
    if (!cJSON_IsString(names)) return FT_OK;
    *yes = strcmp(names->valuestring, "all-linear") == 0;
    return *yes ? FT_OK : matches(path, key, names->valuestring, false, module, yes, err);
}

/* The number of the layer that the module is in, as PEFT finds it: behind the last
 * ".<pattern>.", the pattern being any word where it is NULL. -1: none. */
static int layer_of(const char *module, const char *pattern)
{
    int layer = -1;
    const char *dot = strchr(module, '.');
    while (dot) {
        const char *next = strchr(dot + 1, '.');
        if (!next) break;
        size_t length = (size_t)(next - dot - 1), digits = strspn(next + 1, "0123456789");
        bool is_word = !pattern || (strlen(pattern) == length && strncmp(dot + 1, pattern, length) == 0);
        if (is_word && digits > 0 && digits < 9 && next[1 + digits] == '.') layer = atoi(next + 1);
        dot = next;
    }
    return layer;
}

/* layers_to_transform: a number or a list of them; layers_pattern: a word or a list. */
static bool is_in_layers(const cJSON *root, const char *module)
{
    const cJSON *layers = cJSON_GetObjectItemCaseSensitive(root, "layers_to_transform"),
                *patterns = cJSON_GetObjectItemCaseSensitive(root, "layers_pattern"), *item;
    if (!cJSON_IsNumber(layers) && !(cJSON_IsArray(layers) && layers->child)) return true;
    int layer =
        layer_of(module, cJSON_IsString(patterns) && *patterns->valuestring ? patterns->valuestring : NULL);
    if (cJSON_IsArray(patterns) && patterns->child) {
        layer = -1;
        cJSON_ArrayForEach(item, patterns)
        {
            if (layer < 0 && cJSON_IsString(item)) layer = layer_of(module, item->valuestring);
        }
    }
    if (cJSON_IsNumber(layers)) return layer == layers->valuedouble;
    cJSON_ArrayForEach(item, layers)
    {
        if (layer >= 0 && cJSON_IsNumber(item) && item->valuedouble == layer) return true;
    }
    return false;
}

static ft_status is_meant(const char *path, const cJSON *root, const char *module, bool *yes, ft_error *err)
{
    const cJSON *targets = cJSON_GetObjectItemCaseSensitive(root, "target_modules"),
                *excluded = cJSON_GetObjectItemCaseSensitive(root, "exclude_modules");
    bool is_out = false;
    ft_status status = names_module(path, "target_modules", targets, module, yes, err);
    if (status == FT_OK && excluded)
        status = names_module(path, "exclude_modules", excluded, module, &is_out, err);
    *yes = *yes && !is_out && (cJSON_IsString(targets) || is_in_layers(root, module));
    return status;
}

ft_status ft_peft_config_check_targets(const char *path, const ft_tensor_name *modules, const bool *has,
                                       size_t count, const char *prefix, ft_error *err)
{
    cJSON *root = NULL;
    ft_status status = ft_json_read(path, &root, err);
    const cJSON *targets = cJSON_GetObjectItemCaseSensitive(root, "target_modules");
    const bool is_told = cJSON_IsString(targets) || (cJSON_IsArray(targets) && targets->child);
    for (size_t i = 0; i < count && status == FT_OK && is_told; i++) {
        ft_error ignored;
        bool yes;
        ft_text module = FT_TEXT_EMPTY;
        ft_text_addf(&module, "%s%s", prefix, modules[i].text);
        if (module.failed)
            status = ft_no_memory(err, path, strlen(modules[i].text));
        else if (is_meant(path, root, module.data, &yes, &ignored) != FT_OK)
            i = count; /* a pattern only Python can read: the tensors alone decide */
        else if (yes && !has[i])
            status = ft_fail(err, FT_BAD_INPUT,
                             "%s: key \"target_modules\" means %s, but adapter_model.safetensors has no "
                             "tensors of it: the file is not complete",
                             path, modules[i].text);
        else if (!yes && has[i])
            status = ft_fail(err, FT_BAD_INPUT,
                             "%s: adapter_model.safetensors has tensors of %s, which target_modules, "
                             "exclude_modules and layers_to_transform do not mean: PEFT would not use them",
                             path, modules[i].text);
        ft_text_free(&module);
    }
    cJSON_Delete(root);
    return status;
}

/* FT_BAD_INPUT with the types that can be read. */
static ft_status refuse_type(const char *path, const char *type, ft_error *err)
{
    ft_text known = FT_TEXT_EMPTY;
    for (int kind = 0; kind < FT_N_ADAPTER_KINDS; kind++)
        if (ft_peft_kinds[kind].type)
            ft_text_addf(&known, "%s%s", known.length ? ", " : "", ft_peft_kinds[kind].type);
    ft_status status =
        ft_fail(err, FT_BAD_INPUT, "%s: key \"peft_type\": \"%.100s\" is not supported (supported: %s)", path,
                type, known.failed ? "" : known.data);
    ft_text_free(&known);
    return status;
}

/* The kind that PEFT calls `type`; FT_N_ADAPTER_KINDS where there is none. */
static ft_adapter_kind kind_of(const char *type)
{
    int kind = 0;
    while (kind < FT_N_ADAPTER_KINDS &&
           !(ft_peft_kinds[kind].type && !strcmp(ft_peft_kinds[kind].type, type)))
        kind++;
    return (ft_adapter_kind)kind;
}

static ft_status read_kind(const char *path, const cJSON *root, ft_adapter_spec *spec, ft_error *err)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(root, "peft_type");
    if (!cJSON_IsObject(root)) return ft_fail(err, FT_BAD_INPUT, "%s: is not a JSON object", path);
    if (!cJSON_IsString(type)) return refuse(path, "peft_type", "is missing or not a string", err);
    spec->kind = kind_of(type->valuestring);
    if (spec->kind == FT_N_ADAPTER_KINDS) return refuse_type(path, type->valuestring, err);
    const ft_peft_kind *kind = &ft_peft_kinds[spec->kind];
    ft_status status = kind->read ? kind->read(path, root, spec, err) : FT_OK;
    return status == FT_OK ? check_unknown(path, root, err) : status;
}

ft_status ft_peft_config_read(const char *path, ft_adapter_spec *spec, ft_error *err)
{
    cJSON *root = NULL;
    *spec = (ft_adapter_spec){0};
    ft_status status = ft_place_check_file(path, err);
    if (status == FT_OK) status = ft_json_read(path, &root, err);
    if (status == FT_OK) status = read_kind(path, root, spec, err);
    cJSON_Delete(root);
    return status;
}

ft_status ft_peft_config_write(const char *path, const ft_adapter_spec *spec, const char *base_model,
                               ft_error *err)
{
    cJSON *b = cJSON_CreateObject();
    ft_peft_kinds[spec->kind].write(&b, spec, base_model);
    ft_status status = b ? ft_json_write(path, b, err) : ft_no_memory(err, "adapter_config.json", 0);
    cJSON_Delete(b);
    return status;
}
