/* Experiments to an MLflow server; see mlflow.h. */
#include "host/mlflow/mlflow.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/version.h"
#include "host/hub/http.h"

/* MLflow's limits for one log-batch. */
enum { MOST_METRICS = 1000, MOST_PARAMS = 100 };
/* How long a silent server is waited for by FT_MLFLOW_PATIENT; how long an answer and the
 * sending of a file may take by FT_MLFLOW_BRIEF. */
enum { SILENT_SECONDS = 10, ANSWER_SECONDS = 5, FILE_SECONDS = 60 };

struct ft_mlflow {
    char *uri; /* without a slash at its end */
    ft_http *http;
    bool is_brief;
    char *experiment, *experiment_id; /* the last name and its id */
    long status;                      /* of the last answer */
    char error_code[64];              /* "RESOURCE_DOES_NOT_EXIST", or "" */
};

/* Makes a run each time that it is sent. */
static const char create_path[] = "/api/2.0/mlflow/runs/create";

/* -- requests -- */

ft_status ft_mlflow_open(const char *uri, ft_mlflow_patience patience, ft_mlflow **out, ft_error *err)
{
    *out = NULL;
    if (strncmp(uri, "http://", 7) != 0 && strncmp(uri, "https://", 8) != 0)
        return ft_fail(err, FT_BAD_INPUT,
                       "MLflow: \"%.200s\" is no server's address: start one (mlflow server --port 5000) and "
                       "give http://HOST:5000",
                       uri);
    ft_mlflow *mlflow = calloc(1, sizeof *mlflow);
    if (mlflow) mlflow->uri = strdup(uri);
    if (!mlflow || !mlflow->uri) {
        free(mlflow);
        return ft_no_memory(err, "a connection to MLflow", sizeof *mlflow);
    }
    size_t length = strlen(uri);
    while (length > 0 && mlflow->uri[length - 1] == '/') mlflow->uri[--length] = '\0';
    mlflow->is_brief = patience == FT_MLFLOW_BRIEF;
    ft_status status = ft_http_open(mlflow->is_brief ? ANSWER_SECONDS : SILENT_SECONDS, &mlflow->http, err);
    *out = mlflow;
    if (status == FT_OK) return FT_OK;
    ft_mlflow_close(mlflow);
    *out = NULL;
    return status;
}

void ft_mlflow_close(ft_mlflow *mlflow)
{
    if (!mlflow) return;
    ft_http_close(mlflow->http);
    free(mlflow->experiment_id);
    free(mlflow->experiment);
    free(mlflow->uri);
    free(mlflow);
}

static bool take(void *context, const ft_http_answer *answer, const char *bytes, size_t size)
{
    enum { MOST_BYTES = 1 << 24 };
    ft_text *text = context;
    (void)answer;
    ft_text_add_bytes(text, bytes, size);
    return !text->failed && text->length < MOST_BYTES;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* What a refused request is told: the server's reason, or what it most likely is. */
static ft_status refused(ft_mlflow *m, const cJSON *answer, ft_error *err)
{
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(answer, "error_code"),
                *message = cJSON_GetObjectItemCaseSensitive(answer, "message");
    if (cJSON_IsString(code)) snprintf(m->error_code, sizeof m->error_code, "%s", code->valuestring);
    if (m->status == 401 || m->status == 403)
        return ft_fail(err, FT_FAILED,
                       "MLflow at %.200s lets nobody in without a name: set MLFLOW_TRACKING_USERNAME and "
                       "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
                       m->uri);
    if (cJSON_IsString(message))
        return ft_fail(err, FT_FAILED, "MLflow at %.200s: %.300s", m->uri, message->valuestring);
    return ft_fail(err, FT_FAILED, "%.200s answers with status %ld and is no MLflow server", m->uri,
                   m->status);
}

/* Sends `body` to an address below the server's; *answer is its JSON, the caller's. */
static ft_status exchange(ft_mlflow *m, const char *method, const char *path, const char *type,
                          const void *body, size_t size, cJSON **answer, ft_error *err)
{
    ft_text url = FT_TEXT_EMPTY, text = FT_TEXT_EMPTY;
    ft_http_answer how;
    ft_http_outcome outcome;
    *answer = NULL;
    const bool is_file = method && strcmp(method, "PUT") == 0;
    const int most_seconds = !m->is_brief ? 0 : is_file ? FILE_SECONDS : ANSWER_SECONDS;
    m->status = 0;
    m->error_code[0] = '\0';
    ft_text_add(&url, m->uri);
    ft_text_add(&url, path);
    const ft_http_request request = {.url = url.data,
                                     .token = environment("MLFLOW_TRACKING_TOKEN"),
                                     .method = method,
                                     .content_type = type,
                                     .body = body,
                                     .body_size = size,
                                     .user = environment("MLFLOW_TRACKING_USERNAME"),
                                     .password = environment("MLFLOW_TRACKING_PASSWORD"),
                                     .takes_errors = true,
                                     .most_seconds = most_seconds,
                                     .is_sent_once = strcmp(path, create_path) == 0,
                                     .take = take,
                                     .context = &text};
    ft_error why;
    ft_status status = url.failed ? ft_no_memory(err, "an address", url.length) : FT_OK;
    if (status == FT_OK && ft_http_send(m->http, &request, &how, &outcome, &why) != FT_OK)
        status = ft_fail(err, FT_FAILED, "MLflow at %.200s cannot be reached: %.200s", m->uri, why.message);
    if (status == FT_OK) {
        m->status = how.status;
        /* an artifact's answer is empty */
        *answer = text.length > 0 ? cJSON_ParseWithLength(text.data, text.length) : cJSON_CreateObject();
        if (how.status != 200 || !*answer) status = refused(m, *answer, err);
    }
    if (status != FT_OK) {
        cJSON_Delete(*answer);
        *answer = NULL;
    }
    ft_text_free(&text);
    ft_text_free(&url);
    return status;
}

/* A call of the interface. `body` (NULL: GET) is deleted; so is what could not be
 * allocated. answer: NULL if nobody wants it. */
static ft_status call(ft_mlflow *m, const char *path, cJSON *body, cJSON **answer, ft_error *err)
{
    cJSON *unwanted;
    char *text = body ? cJSON_PrintUnformatted(body) : NULL;
    ft_status status = body && !text ? ft_no_memory(err, "a request", 256) : FT_OK;
    if (status == FT_OK)
        status = exchange(m, body ? "POST" : NULL, path, body ? "application/json" : NULL, text,
                          text ? strlen(text) : 0, answer ? answer : &unwanted, err);
    if (status == FT_OK && !answer) cJSON_Delete(unwanted);
    cJSON_free(text);
    cJSON_Delete(body);
    return status;
}

/* -- JSON; a member that cannot be allocated makes the body NULL, and the call fails
 * -- */

static void put_text(cJSON **body, const char *key, const char *value)
{
    ft_json_set_string(body, key, value);
}

/* {"key": ..., "value": ...}, added to a list. */
static void append_pair(cJSON **list, const char *key, const char *value)
{
    cJSON *pair = cJSON_CreateObject();
    put_text(&pair, "key", key);
    put_text(&pair, "value", value);
    ft_json_append(list, pair);
}

/* POST with a body that was put together; NULL: memory ran out. */
static ft_status post(ft_mlflow *m, const char *path, cJSON *body, cJSON **answer, ft_error *err)
{
    return body ? call(m, path, body, answer, err) : ft_no_memory(err, "a request", 256);
}

static const char *text_at(const cJSON *object, const char *outer, const char *inner, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, outer);
    if (inner) item = cJSON_GetObjectItemCaseSensitive(item, inner);
    item = cJSON_GetObjectItemCaseSensitive(item, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* -- the experiment -- */

/* "lr_search" of "lr_search_003_20260102_030405". */
static void add_sweep_name(const char *id, ft_text *out)
{
    size_t end = strlen(id);
    const char *const shapes[] = {"_dddddd", "_dddddddd"}; /* time, date */
    for (size_t i = 0; i < 2; i++) {
        const size_t n = strlen(shapes[i]);
        if (end <= n || id[end - n] != '_' || strspn(id + end - n + 1, "0123456789") < n - 1) break;
        end -= n;
    }
    size_t digits = 0;
    while (digits < end && isdigit((unsigned char)id[end - 1 - digits])) digits++;
    if (digits >= 3 && end > digits + 1 && id[end - 1 - digits] == '_') end -= digits + 1;
    ft_text_add_bytes(out, id, end);
}

/* A query's value, all but letters and digits as %XX. */
static void add_escaped(const char *value, ft_text *out)
{
    for (const unsigned char *at = (const unsigned char *)value; *at; at++)
        ft_text_addf(out, isalnum(*at) ? "%c" : "%%%02X", *at);
}

static ft_status find_experiment(ft_mlflow *m, const char *name, cJSON **answer, const char **id,
                                 ft_error *err)
{
    ft_text path = FT_TEXT_EMPTY;
    ft_text_add(&path, "/api/2.0/mlflow/experiments/get-by-name?experiment_name=");
    add_escaped(name, &path);
    ft_status status =
        path.failed ? ft_no_memory(err, "an address", path.length) : call(m, path.data, NULL, answer, err);
    ft_text_free(&path);
    *id = status == FT_OK ? text_at(*answer, "experiment", NULL, "experiment_id") : NULL;
    if (status == FT_OK || strcmp(m->error_code, "RESOURCE_DOES_NOT_EXIST") != 0) return status;
    cJSON *body = cJSON_CreateObject();
    put_text(&body, "name", name);
    status = post(m, "/api/2.0/mlflow/experiments/create", body, answer, err);
    const cJSON *made = cJSON_GetObjectItemCaseSensitive(*answer, "experiment_id");
    *id = cJSON_IsString(made) ? made->valuestring : NULL;
    return status;
}

/* Sets m->experiment_id to that of the MLflow experiment that this one belongs to. */
static ft_status choose_experiment(ft_mlflow *m, const ft_experiment *experiment, ft_error *err)
{
    ft_text name = FT_TEXT_EMPTY;
    const char *given = environment("MLFLOW_EXPERIMENT_NAME"), *id = NULL;
    cJSON *answer = NULL;
    if (given)
        ft_text_add(&name, given);
    else
        add_sweep_name(experiment->experiment_id, &name);
    ft_status status = !name.data || name.failed ? ft_no_memory(err, "a name", 256) : FT_OK;
    const bool is_known = status == FT_OK && m->experiment && strcmp(m->experiment, name.data) == 0;
    if (status == FT_OK && !is_known) status = find_experiment(m, name.data, &answer, &id, err);
    if (status == FT_OK && !is_known) {
        free(m->experiment);
        free(m->experiment_id);
        m->experiment_id = id ? strdup(id) : NULL;
        m->experiment = m->experiment_id ? strdup(name.data) : NULL;
        if (!m->experiment)
            status = ft_fail(err, FT_FAILED, "MLflow at %.200s names no experiment_id", m->uri);
    }
    cJSON_Delete(answer);
    ft_text_free(&name);
    return status;
}

/* -- the run -- */

static int64_t milliseconds(double seconds)
{
    return (int64_t)(1000 * seconds);
}

/* The run of this experiment that the server has; *answer NULL where there is none. */
static ft_status find_run(ft_mlflow *m, const char *id, cJSON **run, ft_error *err)
{
    cJSON *body = cJSON_CreateObject(), *ids = cJSON_CreateArray(), *answer = NULL;
    ft_text filter = FT_TEXT_EMPTY;
    const char quote = strchr(id, '\'') ? '"' : '\'';
    *run = NULL;
    ft_text_addf(&filter, "tags.`ftgpu.experiment_id` = %c%s%c", quote, id, quote);
    ft_json_append(&ids, cJSON_CreateString(m->experiment_id));
    ft_json_set(&body, "experiment_ids", ids);
    ft_json_set(&body, "filter", filter.failed ? NULL : cJSON_CreateString(filter.data));
    ft_json_set(&body, "max_results", cJSON_CreateNumber(1));
    ft_status status = post(m, "/api/2.0/mlflow/runs/search", body, &answer, err);
    cJSON *runs = cJSON_GetObjectItemCaseSensitive(answer, "runs");
    if (status == FT_OK && cJSON_GetArraySize(runs) > 0) *run = cJSON_DetachItemFromArray(runs, 0);
    cJSON_Delete(answer);
    ft_text_free(&filter);
    return status;
}

static bool is_complete(const cJSON *run)
{
    const cJSON *tag,
        *tags = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(run, "data"), "tags");
    cJSON_ArrayForEach(tag, tags)
    {
        const cJSON *key = cJSON_GetObjectItemCaseSensitive(tag, "key");
        if (cJSON_IsString(key) && strcmp(key->valuestring, "ftgpu.sent") == 0) return true;
    }
    return false;
}

static void append_tags(cJSON **tags, const ft_experiment *e)
{
    append_pair(tags, "ftgpu.experiment_id", e->experiment_id);
    append_pair(tags, "ftgpu.version", ft_version());
    append_pair(tags, "mlflow.source.name", "ftgpu");
    append_pair(tags, "mlflow.source.type", "LOCAL");
    if (e->model_path && *e->model_path) append_pair(tags, "ftgpu.model", e->model_path);
    if (e->directory) append_pair(tags, "ftgpu.directory", e->directory);
    if (e->notes && *e->notes) append_pair(tags, "mlflow.note.content", e->notes);
    if (e->error) append_pair(tags, "ftgpu.error", e->error);
}

static ft_status create_run(ft_mlflow *m, const ft_experiment *e, double began, cJSON **run, ft_error *err)
{
    cJSON *body = cJSON_CreateObject(), *tags = cJSON_CreateArray(), *answer = NULL;
    append_tags(&tags, e);
    put_text(&body, "experiment_id", m->experiment_id);
    put_text(&body, "run_name", e->experiment_id);
    ft_json_set_whole(&body, "start_time", milliseconds(began));
    ft_json_set(&body, "tags", tags);
    ft_status status = post(m, create_path, body, &answer, err);
    if (status == FT_OK) *run = cJSON_DetachItemFromObjectCaseSensitive(answer, "run");
    cJSON_Delete(answer);
    return status;
}

/* Sends a list as `key` of a log-batch, and begins it anew. */
static ft_status send_batch(ft_mlflow *m, const char *run_id, const char *key, cJSON **list, ft_error *err)
{
    cJSON *body = cJSON_CreateObject();
    put_text(&body, "run_id", run_id);
    ft_json_set(&body, key, *list);
    *list = cJSON_CreateArray();
    return post(m, "/api/2.0/mlflow/runs/log-batch", body, NULL, err);
}

static ft_status send_parameters(ft_mlflow *m, const char *run_id, const ft_experiment *e, ft_error *err)
{
    cJSON *list = cJSON_CreateArray();
    ft_status status = FT_OK;
    int count = 0;
    for (const cJSON *h = e->hyperparams ? e->hyperparams->child : NULL; h && status == FT_OK; h = h->next) {
        char number[FT_NUMBER_CHARS];
        if (cJSON_IsNumber(h))
            append_pair(&list, h->string, ft_format_double(h->valuedouble, number));
        else if (cJSON_IsString(h))
            append_pair(&list, h->string, h->valuestring);
        else if (cJSON_IsBool(h))
            append_pair(&list, h->string, cJSON_IsTrue(h) ? "true" : "false");
        else
            continue; /* null: not set */
        if (++count % MOST_PARAMS == 0) status = send_batch(m, run_id, "params", &list, err);
    }
    if (status == FT_OK && count % MOST_PARAMS > 0) status = send_batch(m, run_id, "params", &list, err);
    cJSON_Delete(list);
    return status;
}

/* Metrics on their way: sent whenever there are enough. */
typedef struct metrics {
    ft_mlflow *mlflow;
    const char *run_id;
    cJSON *list;
    int count;
    ft_status status;
    ft_error *err;
} metrics;

static void add_metric(metrics *to, const char *key, double value, double seconds, int64_t step)
{
    char text[FT_NUMBER_CHARS]; /* cJSON would round it to 15 digits */
    if (!isfinite(value) || to->status != FT_OK) return;
    cJSON *metric = cJSON_CreateObject();
    put_text(&metric, "key", key);
    ft_json_set(&metric, "value", cJSON_CreateRaw(ft_format_double(value, text)));
    ft_json_set_whole(&metric, "timestamp", milliseconds(seconds));
    ft_json_set_whole(&metric, "step", step);
    ft_json_append(&to->list, metric);
    if (++to->count == MOST_METRICS) {
        to->status = send_batch(to->mlflow, to->run_id, "metrics", &to->list, to->err);
        to->count = 0;
    }
}

/* *seconds: when the training began; becomes when it ended. */
static ft_status send_metrics(ft_mlflow *m, const char *run_id, const ft_experiment *e, double *seconds,
                              ft_error *err)
{
    metrics to = {m, run_id, cJSON_CreateArray(), 0, FT_OK, err};
    char key[64];
    for (size_t i = 0; i < e->n_epochs; i++) {
        const ft_epoch_record *epoch = &e->training_history[i];
        if (isfinite(epoch->seconds)) *seconds += epoch->seconds;
        add_metric(&to, "loss", epoch->loss, *seconds, epoch->epoch);
        add_metric(&to, "val_loss", epoch->val_loss, *seconds, epoch->epoch);
        add_metric(&to, "learning_rate", epoch->learning_rate, *seconds, epoch->epoch);
        add_metric(&to, "grad_norm", epoch->grad_norm, *seconds, epoch->epoch);
        add_metric(&to, "tokens_per_second", epoch->tokens_per_second, *seconds, epoch->epoch);
    }
    for (int split = 0; split < FT_N_SPLITS; split++)
        for (int metric = 0; metric < FT_N_METRICS; metric++) {
            snprintf(key, sizeof key, "%s_%s", ft_split_names[split], ft_metric_names[metric]);
            add_metric(&to, key, ft_metrics_get(&e->metrics[split], (ft_metric)metric), *seconds,
                       (int64_t)e->n_epochs);
        }
    if (to.status == FT_OK && to.count > 0) to.status = send_batch(m, run_id, "metrics", &to.list, err);
    cJSON_Delete(to.list);
    return to.status;
}

/* -- artifacts: only where the server takes them itself; else ftgpu.directory says where
 * they are -- */

static ft_status send_file(ft_mlflow *m, const char *place, const ft_experiment *e, const char *name,
                           ft_error *err)
{
    enum { MOST_BYTES = 1 << 30 };
    ft_text path = FT_TEXT_EMPTY, url = FT_TEXT_EMPTY;
    char *data = NULL;
    size_t size = 0;
    cJSON *answer = NULL;
    ft_error absent;
    ft_text_addf(&path, "%s/%s", e->directory, name);
    ft_text_addf(&url, "/api/2.0/mlflow-artifacts/artifacts%s/%s", place, name);
    ft_status status = path.failed || url.failed ? ft_no_memory(err, "a path", path.length) : FT_OK;
    /* an experiment that failed has no adapter */
    if (status == FT_OK && ft_read_file(path.data, MOST_BYTES, &data, &size, &absent) == FT_OK)
        status = exchange(m, "PUT", url.data, "application/octet-stream", data, size, &answer, err);
    cJSON_Delete(answer);
    free(data);
    ft_text_free(&url);
    ft_text_free(&path);
    return status;
}

static ft_status send_artifacts(ft_mlflow *m, const char *place, const ft_experiment *e, ft_error *err)
{
    static const char scheme[] = "mlflow-artifacts:", *const files[] = {"results.json",
                                                                        "adapter/adapter_config.json",
                                                                        "adapter/adapter_model.safetensors"};
    ft_status status = FT_OK;
    if (!place || !e->directory || strncmp(place, scheme, strlen(scheme)) != 0) return FT_OK;
    place += strlen(scheme);
    while (place[0] == '/' && place[1] == '/') place++;
    for (size_t i = 0; i < sizeof files / sizeof *files && status == FT_OK; i++)
        status = send_file(m, place, e, files[i], err);
    return status;
}

/* -- the whole -- */

static ft_status end_run(ft_mlflow *m, const char *run_id, const ft_experiment *e, double ended,
                         ft_error *err)
{
    cJSON *body = cJSON_CreateObject(), *tag = cJSON_CreateObject();
    put_text(&body, "run_id", run_id);
    put_text(&body, "status", e->error ? "FAILED" : "FINISHED");
    ft_json_set_whole(&body, "end_time", milliseconds(ended));
    put_text(&tag, "run_id", run_id);
    put_text(&tag, "key", "ftgpu.sent");
    put_text(&tag, "value", "true");
    ft_status status = post(m, "/api/2.0/mlflow/runs/update", body, NULL, err);
    if (status == FT_OK) return post(m, "/api/2.0/mlflow/runs/set-tag", tag, NULL, err);
    cJSON_Delete(tag);
    return status;
}

ft_status ft_mlflow_send(ft_mlflow *m, const ft_experiment *e, bool *is_new, ft_error *err)
{
    cJSON *run = NULL;
    double seconds = ft_experiment_began(e);
    *is_new = false;
    ft_status status = choose_experiment(m, e, err);
    if (status == FT_OK) status = find_run(m, e->experiment_id, &run, err);
    if (status == FT_OK && run && is_complete(run)) {
        cJSON_Delete(run);
        return FT_OK;
    }
    if (status == FT_OK && !run) status = create_run(m, e, seconds, &run, err);
    const char *run_id = text_at(run, "info", NULL, "run_id"),
               *place = text_at(run, "info", NULL, "artifact_uri");
    if (status == FT_OK && !run_id)
        status = ft_fail(err, FT_FAILED, "MLflow at %.200s names no run_id", m->uri);
    if (status == FT_OK) status = send_parameters(m, run_id, e, err);
    if (status == FT_OK) status = send_metrics(m, run_id, e, &seconds, err);
    if (status == FT_OK) status = send_artifacts(m, place, e, err);
    if (status == FT_OK) status = end_run(m, run_id, e, seconds, err);
    *is_new = status == FT_OK;
    cJSON_Delete(run);
    return status;
}
