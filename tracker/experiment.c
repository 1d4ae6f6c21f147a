/* Experiments in memory: what they own, their names and directories, and their notes. */
#include "tracker/experiment.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utf8.h"

const char *const ft_split_names[FT_N_SPLITS] = {"train", "val", "test"};

ft_status ft_split_parse(const char *name, ft_split *split, ft_error *err)
{
    for (int s = 0; s < FT_N_SPLITS; s++) {
        if (strcmp(name, ft_split_names[s]) == 0) {
            *split = (ft_split)s;
            return FT_OK;
        }
    }
    return ft_fail(err, FT_BAD_INPUT, "unknown split \"%.100s\" (known: train, val, test)", name);
}

void ft_experiment_free(ft_experiment *experiment)
{
    free(experiment->experiment_id);
    free(experiment->timestamp);
    cJSON_Delete(experiment->hyperparams);
    cJSON_Delete(experiment->data_insights);
    free(experiment->training_history);
    free(experiment->notes);
    free(experiment->model_path);
    free(experiment->error);
    cJSON_Delete(experiment->run);
    free(experiment->directory);
    *experiment = (ft_experiment){0};
}

enum { MOST_ATTEMPTS = 1000000 }; /* of one name in one second */
/* leaves room in a file name of 255 for number, time and suffix */
enum { MAX_NAME_BYTES = 150 };

ft_status ft_experiment_check_name(const char *name, ft_error *err)
{
    size_t length = strlen(name);
    const char *why = NULL;
    if (length == 0)
        why = "is empty";
    else if (length > MAX_NAME_BYTES)
        why = "is longer than 150 bytes";
    else if (name[0] == '.' || name[0] == '-')
        why = "must not begin with '.' or '-'";
    else if (strchr(name, '/'))
        why = "must not hold a '/': it becomes the name of a directory";
    else if (!ft_is_utf8(name))
        why = "is not UTF-8";
    for (size_t i = 0; i < length && !why; i++)
        if (ft_is_control(name + i, ft_utf8_length(name + i, 4))) why = "holds a control character";
    return why ? ft_fail(err, FT_BAD_INPUT, "experiment name \"%.160s\" %s", name, why) : FT_OK;
}

static int digits_of(int64_t number)
{
    int digits = 1;
    for (; number >= 10; number /= 10) digits++;
    return digits;
}

const char *ft_experiment_stem(const char *name, int64_t number, int64_t total, char stem[FT_STEM_CHARS])
{
    int digits = digits_of(total > number ? total : number);
    digits = digits < 3 ? 3 : digits > 19 ? 19 : digits;
    if (number > 0)
        snprintf(stem, FT_STEM_CHARS, "%.*s_%0*lld", MAX_NAME_BYTES, name, digits, (long long)number);
    else
        snprintf(stem, FT_STEM_CHARS, "%.*s", MAX_NAME_BYTES, name);
    return stem;
}

/* Whether `text` is as long as `form`, with a digit wherever that has a 0. */
static bool has_form(const char *text, const char *form)
{
    for (; *form; text++, form++)
        if (*form == '0' ? !isdigit((unsigned char)*text) : *text != *form) return false;
    return *text == '\0';
}

/* Whether this is the end of an id: "_20250101_120000", perhaps with an attempt, "_2". */
static bool is_end_of_id(const char *end)
{
    static const char time_form[] = "_00000000_000000";
    const size_t time_length = sizeof time_form - 1;
    if (strlen(end) < time_length) return false;
    char when[sizeof time_form] = "";
    memcpy(when, end, time_length);
    if (!has_form(when, time_form)) return false;
    const char *suffix = end + time_length;
    if (*suffix == '\0') return true;
    long long attempt = 0;
    return suffix[0] == '_' && suffix[1] >= '1' && suffix[1] <= '9' &&
           ft_parse_int(suffix + 1, strlen(suffix + 1), &attempt) && attempt >= 2 && attempt <= MOST_ATTEMPTS;
}

bool ft_experiment_id_fits(const char *id, const char *name, int64_t number, int64_t total)
{
    char stem[FT_STEM_CHARS];
    const size_t length = strlen(ft_experiment_stem(name, number, total, stem));
    return strncmp(id, stem, length) == 0 && is_end_of_id(id + length);
}

bool ft_experiment_is_id(const char *id)
{
    for (size_t i = 1; id[0] && id[i]; i++)
        if (id[i] == '_' && is_end_of_id(id + i)) return true;
    return false;
}

/* Whether nothing has this path, not even a link that leads nowhere. */
static ft_status look_if_free(const char *path, bool *is_free, ft_error *err)
{
    struct stat info;
    *is_free = lstat(path, &info) != 0;
    if (!*is_free || errno == ENOENT) return FT_OK;
    return ft_fail(err, FT_FAILED, "%s: cannot be looked at: %s", path, strerror(errno));
}

/* "<results>/<id>" for the attempt-th try of an id, and whether mkdir made it. What is
 * there already is not announced: nobody may think that it is the announcer's. */
static ft_status try_directory(ft_experiment *experiment, const char *results, const char *stem, int attempt,
                               const ft_announcer *announcer, bool *made, ft_error *err)
{
    ft_text id = FT_TEXT_EMPTY;
    ft_text_add(&id, stem);
    if (attempt > 1) ft_text_addf(&id, "_%d", attempt);
    char *directory = id.failed ? NULL : ft_join_path(results, id.data);
    bool is_free = false;
    ft_status status = directory ? look_if_free(directory, &is_free, err)
                                 : ft_no_memory(err, "the name of an experiment", strlen(stem) + 16);
    if (is_free && status == FT_OK && announcer)
        status = announcer->announce(announcer->context, id.data, err);
    *made = is_free && status == FT_OK && mkdir(directory, 0777) == 0;
    if (*made) {
        experiment->experiment_id = id.data;
        experiment->directory = directory;
        return FT_OK;
    }
    if (is_free && status == FT_OK && errno != EEXIST)
        status = ft_fail(err, FT_FAILED, "%s: cannot be made: %s", directory, strerror(errno));
    ft_text_free(&id);
    free(directory);
    return status;
}

ft_status ft_experiment_begin(ft_experiment *experiment, const char *results, const char *name,
                              int64_t number, int64_t total, const struct timespec *when,
                              const ft_announcer *announcer, ft_error *err)
{
    ft_status status = ft_experiment_check_name(name, err);
    if (status == FT_OK) status = ft_make_directories(results, err);
    if (status != FT_OK) return status;
    struct timespec now;
    struct tm local;
    if (when)
        now = *when;
    else
        clock_gettime(CLOCK_REALTIME, &now);
    if (!localtime_r(&now.tv_sec, &local))
        return ft_fail(err, FT_FAILED, "the clock shows no time that can be written");

    char clock[32], iso[64];
    strftime(clock, sizeof clock, "%Y%m%d_%H%M%S", &local);
    size_t seconds = strftime(iso, sizeof iso, "%Y-%m-%dT%H:%M:%S", &local);
    snprintf(iso + seconds, sizeof iso - seconds, ".%06ld", now.tv_nsec / 1000);
    ft_text stem = FT_TEXT_EMPTY;
    char begin[FT_STEM_CHARS];
    ft_text_addf(&stem, "%s_%s", ft_experiment_stem(name, number, total, begin), clock);

    char *timestamp = ft_copy_string(iso);
    bool made = false;
    if (!timestamp || stem.failed) status = ft_no_memory(err, "the name of an experiment", strlen(name) + 64);
    for (int attempt = 1; status == FT_OK && !made; attempt++) {
        if (attempt > MOST_ATTEMPTS)
            status = ft_fail(err, FT_FAILED, "%s: too many experiments named \"%s\"", results, stem.data);
        else
            status = try_directory(experiment, results, stem.data, attempt, announcer, &made, err);
    }
    ft_text_free(&stem);
    if (status != FT_OK) {
        free(timestamp);
        return status;
    }
    free(experiment->timestamp);
    experiment->timestamp = timestamp;
    return FT_OK;
}

ft_status ft_experiment_add_epoch(ft_experiment *experiment, const ft_epoch_record *record, ft_error *err)
{
    size_t bytes = (experiment->n_epochs + 1) * sizeof *record;
    ft_epoch_record *grown = realloc(experiment->training_history, bytes);
    if (!grown) return ft_no_memory(err, "the training history", bytes);
    experiment->training_history = grown;
    grown[experiment->n_epochs++] = *record;
    return FT_OK;
}

ft_status ft_experiment_add_note(ft_experiment *experiment, const char *note, ft_error *err)
{
    if (!*note) return FT_OK;
    ft_text text = FT_TEXT_EMPTY;
    const char *before = experiment->notes ? experiment->notes : "";
    ft_text_addf(&text, "%s%s%s", before, *before ? "; " : "", note);
    if (text.failed) {
        ft_text_free(&text);
        return ft_no_memory(err, "the notes", strlen(before) + strlen(note) + 3);
    }
    free(experiment->notes);
    experiment->notes = text.data;
    return FT_OK;
}

ft_status ft_experiment_add_metric_notes(ft_experiment *experiment, ft_error *err)
{
    bool told[FT_N_SPLITS] = {false};
    for (int s = 0; s < FT_N_SPLITS; s++) {
        const char *note = experiment->metrics[s].notes;
        if (told[s] || !*note) continue;
        ft_text text = FT_TEXT_EMPTY;
        ft_text_add(&text, ft_split_names[s]);
        for (int other = s + 1; other < FT_N_SPLITS; other++) {
            if (strcmp(note, experiment->metrics[other].notes) != 0) continue;
            told[other] = true;
            ft_text_addf(&text, ", %s", ft_split_names[other]);
        }
        ft_text_addf(&text, ": %s", note);
        ft_status status = text.failed ? ft_no_memory(err, "the notes", strlen(note) + 32)
                                       : ft_experiment_add_note(experiment, text.data, err);
        ft_text_free(&text);
        if (status != FT_OK) return status;
    }
    return FT_OK;
}

double ft_experiment_began(const ft_experiment *experiment)
{
    struct tm when = {.tm_isdst = -1};
    const char *text = experiment->timestamp ? experiment->timestamp : "";
    if (sscanf(text, "%d-%d-%dT%d:%d:%d", &when.tm_year, &when.tm_mon, &when.tm_mday, &when.tm_hour,
               &when.tm_min, &when.tm_sec) != 6)
        return 0;
    when.tm_year -= 1900;
    when.tm_mon -= 1;
    const time_t seconds = mktime(&when);
    return seconds > 0 ? (double)seconds : 0;
}

const char *ft_experiment_run_text(const ft_experiment *experiment, const char *key)
{
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(experiment->run, key);
    return cJSON_IsString(text) ? text->valuestring : "";
}

const char *ft_experiment_data(const ft_experiment *experiment)
{
    const char *rows = ft_experiment_run_text(experiment, "rows_hash");
    return *rows ? rows : ft_experiment_run_text(experiment, "data_hash");
}

int64_t ft_experiment_pruned_at(const ft_experiment *experiment)
{
    const cJSON *epoch = cJSON_GetObjectItemCaseSensitive(experiment->run, "pruned_at_epoch");
    const bool is_known = cJSON_IsNumber(epoch) && epoch->valuedouble >= 1 && epoch->valuedouble < 1e15;
    return is_known ? (int64_t)epoch->valuedouble : 0;
}
