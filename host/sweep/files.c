/* The files of a sweep's state; see files.h. */
#include "host/sweep/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/sealed.h"
#include "base/text.h"
#include "host/sweep/journal.h"
#include "host/sweep/store.h"

static const char plan_name[] = "plan.json";
static const size_t MOST_BYTES = (size_t)1 << 28;

/* -- names -- */

const char *ft_journal_name(int32_t shard, char name[FT_JOURNAL_NAME])
{
    if (shard > 0)
        snprintf(name, FT_JOURNAL_NAME, "journal.%d.jsonl", (int)shard);
    else
        strcpy(name, "journal.jsonl");
    return name;
}

bool ft_is_journal_name(const char *name)
{
    int shard = 0;
    char same[FT_JOURNAL_NAME];
    sscanf(name, "journal.%d.", &shard);
    return strcmp(name, ft_journal_name(shard, same)) == 0;
}

const char *ft_checkpoint_name(size_t number, char name[FT_CHECKPOINT_NAME])
{
    snprintf(name, FT_CHECKPOINT_NAME, "batch_%zu.safetensors", number + 1);
    return name;
}

bool ft_read_checkpoint_name(const char *name, size_t *number, bool *is_temporary)
{
    static const char temporary[] = ".tmp.";
    char whole[FT_CHECKPOINT_NAME];
    size_t from_1 = 0;
    if (sscanf(name, "batch_%zu.", &from_1) != 1 || from_1 == 0) return false;
    *number = from_1 - 1;
    const size_t length = strlen(ft_checkpoint_name(*number, whole));
    if (strncmp(name, whole, length) != 0) return false;
    *is_temporary = strncmp(name + length, temporary, sizeof temporary - 1) == 0;
    return *is_temporary || name[length] == '\0';
}

static bool is_whole_checkpoint(const char *name)
{
    size_t number;
    bool is_temporary;
    return ft_read_checkpoint_name(name, &number, &is_temporary) && !is_temporary;
}

static bool is_any_checkpoint(const char *name)
{
    size_t number;
    bool is_temporary;
    return ft_read_checkpoint_name(name, &number, &is_temporary);
}

static bool is_temporary_plan(const char *name)
{
    return strncmp(name, "plan.json.tmp.", sizeof "plan.json.tmp." - 1) == 0;
}

/* -- what is there -- */

ft_status ft_sweep_has_checkpoints(const ft_directory *checkpoints, bool *has, ft_error *err)
{
    char **names = NULL;
    size_t count = 0;
    ft_status status = ft_directory_list(checkpoints, is_whole_checkpoint, &names, &count, err);
    *has = count > 0;
    ft_directory_free_names(names, count);
    return status;
}

static ft_status has_events(const ft_directory *state, bool *has, ft_error *err)
{
    char **names = NULL;
    size_t count = 0;
    *has = false;
    ft_status status = ft_directory_list(state, ft_is_journal_name, &names, &count, err);
    for (size_t i = 0; i < count && status == FT_OK && !*has; i++) {
        char *text = NULL;
        size_t size = 0;
        status = ft_journal_read_other(state, names[i], false, &text, &size, err);
        *has = size > 0;
        free(text);
    }
    ft_directory_free_names(names, count);
    return status;
}

/* Removes the entries whose names are `wanted`, and syncs the directory. */
static ft_status remove_all(const ft_directory *directory, bool (*wanted)(const char *name), ft_error *err)
{
    char **names = NULL;
    size_t count = 0;
    ft_status status = ft_directory_list(directory, wanted, &names, &count, err);
    for (size_t i = 0; i < count && status == FT_OK; i++)
        status = ft_directory_remove_tree(directory, names[i], err);
    if (count > 0 && status == FT_OK) status = ft_directory_sync(directory, err);
    ft_directory_free_names(names, count);
    return status;
}

/* -- the plan -- */

/* Fails with what is wrong with a plan and what to do about it. */
static ft_status fail_plan(const ft_directory *state, const char *fault, ft_error *err)
{
    return ft_fail(err, FT_BAD_INPUT,
                   "%s/%s %s; put back a copy of it, or move %s away to begin the sweep anew (its finished "
                   "experiments stay), or choose another --name",
                   state->path, plan_name, fault, state->path);
}

/* Fails with the reason why a plan's text cannot be used. Plans before version 5 had
 * no checksum. */
static ft_status refuse_text(const ft_directory *state, const char *text, size_t size, ft_error *err)
{
    cJSON *plan = NULL;
    char fault[128] = "is damaged";
    ft_error ignored;
    const bool is_json = ft_json_parse(text, size, plan_name, &plan, &ignored) == FT_OK;
    const cJSON *version = is_json ? cJSON_GetObjectItemCaseSensitive(plan, "schema_version") : NULL;
    if (cJSON_IsNumber(version) && version->valuedouble != FT_SWEEP_SCHEMA)
        snprintf(fault, sizeof fault,
                 "was written by another version of ftgpu (its schema_version is %.9g, not %d)",
                 version->valuedouble, (int)FT_SWEEP_SCHEMA);
    cJSON_Delete(plan);
    return fail_plan(state, fault, err);
}

static ft_status read_text(const ft_directory *state, const char *text, size_t size, cJSON **plan,
                           ft_error *err)
{
    ft_status status = ft_sealed_is_whole(text, size, FT_SEALED_FILE)
                           ? ft_json_parse(text, size, plan_name, plan, err)
                           : FT_BAD_INPUT;
    const cJSON *version = status == FT_OK ? cJSON_GetObjectItemCaseSensitive(*plan, "schema_version") : NULL;
    if (cJSON_IsNumber(version) && version->valuedouble == FT_SWEEP_SCHEMA) {
        cJSON_DeleteItemFromObjectCaseSensitive(*plan, "crc32");
        return FT_OK;
    }
    cJSON_Delete(*plan);
    *plan = NULL;
    return status == FT_OK || status == FT_BAD_INPUT ? refuse_text(state, text, size, err) : status;
}

ft_status ft_sweep_plan_read(const ft_directory *state, const ft_directory *checkpoints, cJSON **plan,
                             ft_error *err)
{
    char *text = NULL;
    size_t size = 0;
    bool has_journal = false, has_checkpoint = false;
    *plan = NULL;
    ft_status status = remove_all(state, is_temporary_plan, err);
    if (status == FT_OK) status = ft_directory_read_file(state, plan_name, MOST_BYTES, &text, &size, err);
    if (status == FT_OK && text) {
        status = read_text(state, text, size, plan, err);
        free(text);
        return status;
    }
    if (status == FT_OK) status = has_events(state, &has_journal, err);
    if (status == FT_OK) status = ft_sweep_has_checkpoints(checkpoints, &has_checkpoint, err);
    if (status == FT_OK && (has_journal || has_checkpoint))
        status = fail_plan(state, "is gone, though what was done of it is there", err);
    return status;
}

ft_status ft_sweep_plan_check(const ft_directory *state, const char *name, const cJSON *plan,
                              ft_sweep_index *index, ft_error *err)
{
    ft_error fault;
    ft_status status = ft_sweep_index_open(index, name, plan, &fault);
    if (status == FT_OK) return FT_OK;
    return status == FT_BAD_INPUT ? fail_plan(state, fault.message, err)
                                  : ft_fail(err, status, "%s", fault.message);
}

ft_status ft_sweep_plan_write(const ft_directory *state, const ft_directory *checkpoints, const cJSON *plan,
                              ft_error *err)
{
    char *path = ft_join_path(state->path, plan_name), *text = ft_sealed_print(plan, FT_SEALED_FILE);
    ft_status status = path && text ? FT_OK : ft_no_memory(err, "the plan", 4096);
    /* The journals first: after a crash in between, the old plan counts as not begun.
     * In the other order the new plan would have the old one's results. */
    if (status == FT_OK) status = remove_all(state, ft_is_journal_name, err);
    if (status == FT_OK) status = remove_all(checkpoints, is_any_checkpoint, err);
    if (status == FT_OK) status = ft_write_file(path, text, strlen(text), err);
    free(text);
    free(path);
    return status;
}

const char *ft_sweep_plan_difference(const cJSON *a, const cJSON *b)
{
    for (const cJSON *item = a->child; item; item = item->next) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(b, item->string);
        if (strcmp(item->string, "batches") != 0 && !cJSON_Compare(item, other, true))
            return cJSON_IsObject(item) && cJSON_IsObject(other) ? ft_sweep_plan_difference(item, other)
                                                                 : item->string;
    }
    for (const cJSON *item = b->child; item; item = item->next)
        if (!cJSON_GetObjectItemCaseSensitive(a, item->string)) return item->string;
    return NULL;
}
