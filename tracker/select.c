/* Selections of experiments. */
#include "tracker/select.h"

#include <fnmatch.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Keeps the experiments whose `keep` is set and frees the others. */
static void keep_only(ft_experiments *set, const bool *keep)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (keep[i])
            set->items[kept++] = set->items[i];
        else
            ft_experiment_free(&set->items[i]);
    }
    set->count = kept;
}

static ft_status choose_ids(const ft_experiments *set, const ft_selection *by, bool *keep, ft_error *err)
{
    bool *named = calloc(set->count + 1, sizeof *named);
    if (!named) return ft_no_memory(err, "a selection", set->count);
    ft_status status = FT_OK;
    for (size_t i = 0; i < by->n_ids && status == FT_OK; i++) {
        const ft_experiment *found;
        status = ft_experiments_find(set, by->ids[i], &found, err);
        if (status == FT_OK) named[found - set->items] = true;
    }
    for (size_t i = 0; i < set->count; i++) keep[i] = keep[i] && named[i];
    free(named);
    return status;
}

static ft_status choose_matches(const ft_experiments *set, const ft_selection *by, bool *keep, ft_error *err)
{
    regex_t pattern;
    if (by->regex) {
        int code = regcomp(&pattern, by->match, REG_EXTENDED | REG_NOSUB);
        if (code) {
            char why[200];
            regerror(code, &pattern, why, sizeof why);
            return ft_fail(err, FT_BAD_INPUT, "\"%.200s\" is not a regular expression: %s", by->match, why);
        }
    }
    for (size_t i = 0; i < set->count; i++) {
        const char *id = set->items[i].experiment_id;
        keep[i] = keep[i] && (by->regex ? regexec(&pattern, id, 0, NULL, 0) : fnmatch(by->match, id, 0)) == 0;
    }
    if (by->regex) regfree(&pattern);
    return FT_OK;
}

static bool has_value(const cJSON *item, const char *value)
{
    double number;
    if (cJSON_IsNumber(item))
        return ft_parse_double(value, strlen(value), &number) && number == item->valuedouble;
    if (cJSON_IsBool(item)) return strcmp(value, cJSON_IsTrue(item) ? "true" : "false") == 0;
    if (cJSON_IsNull(item)) return strcmp(value, "null") == 0;
    return cJSON_IsString(item) && strcmp(value, item->valuestring) == 0;
}

static ft_status unknown_key(const ft_experiments *set, const char *key, ft_error *err)
{
    const char *near = NULL;
    for (size_t i = 0; i < set->count && !near; i++) {
        const cJSON *child = set->items[i].hyperparams ? set->items[i].hyperparams->child : NULL;
        for (; child && !near; child = child->next)
            near = ft_nearest_name(key, (const char *const *)&child->string, 1);
    }
    return ft_fail(err, FT_BAD_INPUT, "no experiment has a hyperparameter \"%.100s\"%s%.100s%s", key,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static ft_status choose_where(const ft_experiments *set, const char *condition, bool *keep, ft_error *err)
{
    const char *equals = strchr(condition, '=');
    if (!equals || equals == condition)
        return ft_fail(err, FT_BAD_INPUT, "\"%.200s\" is not a condition key=value", condition);
    const char *name = strncmp(condition, "hp_", 3) == 0 ? condition + 3 : condition;
    char *key = ft_copy_bytes(name, (size_t)(equals - name));
    if (!key) return ft_no_memory(err, "a condition", strlen(condition));
    bool known = false;
    for (size_t i = 0; i < set->count; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(set->items[i].hyperparams, key);
        known |= item != NULL;
        keep[i] = keep[i] && item && has_value(item, equals + 1);
    }
    ft_status status = known || set->count == 0 ? FT_OK : unknown_key(set, key, err);
    free(key);
    return status;
}

ft_status ft_experiments_select(ft_experiments *experiments, const ft_selection *selection, ft_error *err)
{
    bool *keep = malloc(experiments->count + 1);
    if (!keep) return ft_no_memory(err, "a selection", experiments->count);
    memset(keep, 1, experiments->count + 1);
    ft_status status = FT_OK;
    if (selection->n_ids) status = choose_ids(experiments, selection, keep, err);
    if (status == FT_OK && selection->match) status = choose_matches(experiments, selection, keep, err);
    for (size_t i = 0; i < selection->n_where && status == FT_OK; i++)
        status = choose_where(experiments, selection->where[i], keep, err);
    if (status == FT_OK) keep_only(experiments, keep);
    free(keep);
    return status;
}
