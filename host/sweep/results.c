/* The experiments of a sweep as they lie in the results directory; see results.h. */
#include "host/sweep/results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

static const char result_name[] = "results.json";
static const size_t MOST_BYTES = (size_t)1 << 28;

/* "<experiment>/results.json"; an id is a file name. */
enum { PATH_CHARS = 256 + sizeof result_name };

static void result_path(const char *experiment_id, char path[PATH_CHARS])
{
    snprintf(path, PATH_CHARS, "%.255s/%s", experiment_id, result_name);
}

ft_status ft_sweep_results_has(const ft_sweep_results *results, const char *experiment_id, bool *has,
                               ft_error *err)
{
    char path[PATH_CHARS];
    result_path(experiment_id, path);
    return ft_directory_has_content(&results->experiments, path, has, err);
}

ft_status ft_sweep_results_has_adapter(const ft_sweep_results *results, const char *experiment_id, bool *has,
                                       ft_error *err)
{
    char path[PATH_CHARS];
    snprintf(path, sizeof path, "%.255s/adapter", experiment_id);
    return ft_directory_has(&results->experiments, path, has, err);
}

ft_status ft_sweep_results_read(const ft_sweep_results *results, const char *experiment_id, cJSON **result,
                                bool *failed, ft_error *err)
{
    char path[PATH_CHARS], *text = NULL;
    size_t size = 0;
    *result = NULL;
    result_path(experiment_id, path);
    ft_status status = ft_directory_read_file(&results->experiments, path, MOST_BYTES, &text, &size, err);
    if (status == FT_OK && !text) status = ft_fail(err, FT_FAILED, "it is gone");
    if (status == FT_OK) status = ft_json_parse(text, size, result_name, result, err);
    if (status == FT_OK && !cJSON_IsObject(*result)) status = ft_fail(err, FT_BAD_INPUT, "it is no object");
    *failed = cJSON_IsString(cJSON_GetObjectItemCaseSensitive(*result, "error"));
    free(text);
    if (status == FT_OK) return FT_OK;
    cJSON_Delete(*result);
    *result = NULL;
    if (status == FT_NO_MEMORY) return status;
    const ft_error why = *err;
    return ft_fail(err, status, "%s/%s cannot be read: %s", results->experiments.path, path, why.message);
}

static ft_status move(const ft_directory *from, const ft_directory *to, const char *name, ft_error *err)
{
    if (renameat(from->descriptor, name, to->descriptor, name) == 0 || errno == ENOENT) return FT_OK;
    if (errno == EXDEV) /* overlayfs cannot move directories of its lower layer */
        return FT_OK;
    return ft_fail(err, FT_FAILED, "%s/%s: cannot be moved to %s: %s", from->path, name, to->path,
                   strerror(errno));
}

/* Removes an experiment from `discarded`, or moves it back if it holds a result. */
static ft_status remove_discarded(const ft_sweep_results *results, const char *name, bool *has_result,
                                  ft_error *err)
{
    bool is_directory = false;
    ft_status status = ft_directory_has_directory(&results->discarded, name, &is_directory, err);
    if (status != FT_OK || !is_directory) return status;
    status = ft_directory_tree_holds(&results->discarded, name, result_name, has_result, err);
    if (status != FT_OK) return status;
    if (*has_result) return move(&results->discarded, &results->experiments, name, err);
    ft_error ignored; /* ft_sweep_results_restore removes the rest */
    (void)ft_directory_remove_tree(&results->discarded, name, &ignored);
    return FT_OK;
}

ft_status ft_sweep_results_discard(const ft_sweep_results *results, const char *experiment_id,
                                   bool *has_result, ft_error *err)
{
    bool is_directory = false;
    *has_result = false;
    /* The last check before something is moved: an id is a plain name in the
     * directory. */
    if (!*experiment_id || *experiment_id == '.' || strchr(experiment_id, '/'))
        return ft_fail(err, FT_FAILED, "\"%s\" is not an experiment", experiment_id);
    ft_status status = ft_directory_has_directory(&results->experiments, experiment_id, &is_directory, err);
    if (status != FT_OK || !is_directory) return status;
    status = move(&results->experiments, &results->discarded, experiment_id, err);
    return status == FT_OK ? remove_discarded(results, experiment_id, has_result, err) : status;
}

ft_status ft_sweep_results_restore(const ft_sweep_results *results,
                                   bool (*is_wanted)(const void *context, const char *experiment_id),
                                   const void *context, ft_error *err)
{
    char **names = NULL;
    size_t count = 0;
    ft_status status = ft_directory_list(&results->discarded, NULL, &names, &count, err);
    for (size_t i = 0; i < count && status == FT_OK; i++) {
        bool has_result = false;
        if (is_wanted(context, names[i])) status = remove_discarded(results, names[i], &has_result, err);
    }
    ft_directory_free_names(names, count);
    return status;
}
