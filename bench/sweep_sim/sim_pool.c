/* Simulated workers; see sim_pool.h. */
#include "bench/sweep_sim/sim_pool.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "tracker/experiment.h"

/* Seconds: until a device is open; an epoch of the trajectory that the defaults make,
 * such that a result costs some ten seconds of a device. */
static const double START = 20, EPOCH = 2;

/* A number in (0, 1) that depends on its arguments alone. */
static double uniform(uint64_t seed, uint64_t kind, uint64_t number)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15u + kind * 0xd1b54a32d192ed03u + number * 0x8cb92ba72f3d8dd7u;
    for (int i = 0; i < 3; i++) {
        x ^= x >> 32;
        x *= 0xd6e8feb86659fd93u;
    }
    x ^= x >> 32;
    return ((double)(x >> 11) + 0.5) * 0x1p-53;
}

enum { KIND_FACTOR = 1, KIND_ANGLE, KIND_DEATH, KIND_LOSS };

/* Device time of one epoch. */
static double epoch_seconds(const sim_pool *s, size_t trajectory)
{
    const ft_hyperparameters *config = &s->sweep->grid.configs[ft_plan_trained(&s->sweep->plan, trajectory)],
                             *usual = &ft_hyperparameters_default;
    double rows = (double)(config->context_length + config->prediction_length) /
                  (double)(usual->context_length + usual->prediction_length);
    double windows = (double)ft_window_stride(usual) / (double)ft_window_stride(config);
    double normal = sqrt(-2 * log(uniform(s->settings->seed, KIND_FACTOR, trajectory))) *
                    cos(6.283185307179586 * uniform(s->settings->seed, KIND_ANGLE, trajectory));
    return EPOCH * rows * windows * exp(s->settings->spread * normal);
}

static int32_t epochs_of(const sim_pool *s, size_t trajectory)
{
    return (int32_t)s->sweep->grid.configs[ft_plan_trained(&s->sweep->plan, trajectory)].epochs;
}

static int32_t number_of(const sim_pool *s, const sim_worker *w)
{
    return (int32_t)(w - s->workers);
}

static void be_heard(sim_pool *s, sim_worker *w)
{
    if (!w->has_spoken) s->spoke[s->n_spoke++] = number_of(s, w);
    w->has_spoken = true;
}

static void tell(sim_pool *s, sim_worker *w, cJSON *message)
{
    ft_error ignored;
    s->n_messages++;
    (void)ft_channel_send(&w->far, message, &ignored);
    be_heard(s, w);
}

/* The next thing that happens to a worker is at `when`. */
static void plan_event(sim_pool *s, const sim_worker *w, double when)
{
    ft_error err;
    size_t value = (size_t)number_of(s, w) + (size_t)s->settings->n_workers * w->life;
    if (ft_heap_push(&s->events, when, value, &err) != FT_OK) abort();
}

static void plan_next(sim_pool *s, const sim_worker *w)
{
    double next = w->round_end;
    if (w->next_heartbeat < next) next = w->next_heartbeat;
    if (w->next_death < next) next = w->next_death;
    plan_event(s, w, next);
}

/* -- a batch -- */

static void free_batch(sim_worker *w)
{
    free(w->trajectories);
    free(w->members);
    free(w->is_recorded);
    free(w->slots);
    w->trajectories = NULL;
    w->members = NULL;
    w->is_recorded = NULL;
    w->slots = NULL;
    w->n_trajectories = w->n_members = w->n_slots = w->n_active = w->next = 0;
}

static void read_members(sim_worker *w, const cJSON *message)
{
    const cJSON *list, *item;
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(message, "numbers")->child;
    cJSON_ArrayForEach(list, cJSON_GetObjectItemCaseSensitive(message, "trajectories"))
    {
        sim_trajectory *t = &w->trajectories[w->n_trajectories++];
        *t = (sim_trajectory){.number = (size_t)number->valuedouble, .first = w->n_members};
        number = number->next;
        cJSON_ArrayForEach(item, list) w->members[w->n_members++] = (size_t)item->valuedouble;
        t->count = w->n_members - t->first;
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(message, "recorded"))
    {
        for (size_t i = 0; i < w->n_members; i++)
            if (w->members[i] == (size_t)item->valuedouble) w->is_recorded[i] = true;
    }
}

static bool is_trained(const sim_pool *s, const sim_trajectory *t)
{
    return s->epochs[t->number] >= epochs_of(s, t->number);
}

static bool is_whole(const sim_worker *w, const sim_trajectory *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (!w->is_recorded[t->first + i]) return false;
    return true;
}

/* The checkpoint of another batch is none of this one's. */
static void read_checkpoint(sim_pool *s, const sim_worker *w, const char *path)
{
    const char *slash = strrchr(path, '/');
    long batch = 0;
    if (!slash || sscanf(slash, "/batch_%ld.", &batch) != 1) abort();
    for (size_t i = 0; i < w->n_trajectories; i++) {
        size_t number = w->trajectories[i].number;
        if (s->batch_of[number] != (int32_t)batch && s->epochs[number] > 0) {
            double seconds = s->epochs[number] * epoch_seconds(s, number);
            s->useful_seconds -= seconds;
            s->lost_seconds += seconds;
            s->epochs[number] = 0;
        }
        s->batch_of[number] = (int32_t)batch;
    }
}

/* The trajectories and counters of a sweep's plan, which is made after the first
 * worker has its device. */
static void know_plan(sim_pool *s)
{
    if (s->epochs) return;
    s->n_trajectories = s->sweep->plan.n_trajectories;
    s->epochs = calloc(s->n_trajectories, sizeof *s->epochs);
    s->batch_of = calloc(s->n_trajectories, sizeof *s->batch_of);
    if (!s->epochs || !s->batch_of) abort();
    for (size_t t = 0; t < s->n_trajectories; t++) {
        double seconds = epochs_of(s, t) * epoch_seconds(s, t);
        if (seconds > s->longest_seconds) s->longest_seconds = seconds;
    }
}

static void start_round(sim_pool *s, sim_worker *w);

static void take_batch(sim_pool *s, sim_worker *w, const cJSON *message)
{
    know_plan(s);
    const cJSON *lists = cJSON_GetObjectItemCaseSensitive(message, "trajectories"), *list;
    size_t n = (size_t)cJSON_GetArraySize(lists), n_members = 0;
    cJSON_ArrayForEach(list, lists) n_members += (size_t)cJSON_GetArraySize(list);
    free_batch(w);
    w->n_slots = (size_t)ft_message_number(message, "slots", 1);
    w->trajectories = calloc(n, sizeof *w->trajectories);
    w->members = calloc(n_members, sizeof *w->members);
    w->is_recorded = calloc(n_members, sizeof *w->is_recorded);
    w->slots = calloc(w->n_slots, sizeof *w->slots);
    if (!w->trajectories || !w->members || !w->is_recorded || !w->slots) abort();
    read_members(w, message);
    read_checkpoint(s, w, ft_message_text(message, "checkpoint"));
    w->judge = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(message, "judge"));
    w->is_given_up = *ft_message_text(message, "failure") != '\0';
    start_round(s, w);
}

static void say_done(sim_pool *s, sim_worker *w, ft_status status)
{
    cJSON *message = ft_message("type", "done");
    cJSON_AddNumberToObject(message, "status", status);
    cJSON_AddStringToObject(message, "message", "");
    w->phase = SIM_IDLE;
    w->next_heartbeat = w->round_end = INFINITY;
    tell(s, w, message);
}

/* Fills the slots and trains an epoch, or is done. */
static void start_round(sim_pool *s, sim_worker *w)
{
    w->at_slot = w->at_member = 0;
    for (; w->n_active < w->n_slots && w->next < w->n_trajectories; w->next++)
        if (!is_whole(w, &w->trajectories[w->next])) w->slots[w->n_active++] = w->next;
    if (w->n_active == 0 || w->stops) {
        say_done(s, w, w->n_active == 0 ? FT_OK : FT_INTERRUPTED);
        return;
    }
    double seconds = 0;
    for (size_t i = 0; i < w->n_active && !w->is_given_up; i++) {
        const sim_trajectory *t = &w->trajectories[w->slots[i]];
        if (!is_trained(s, t)) seconds += epoch_seconds(s, t->number);
    }
    w->phase = SIM_TRAINING;
    w->round_start = s->now;
    w->round_end = s->now + seconds;
    w->next_heartbeat = s->now + s->settings->heartbeat_seconds;
    plan_next(s, w);
}

/* -- results -- */

static double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void give_up(const char *path)
{
    fprintf(stderr, "sweep_sim: %s: %s\n", path, strerror(errno));
    exit(EXIT_FAILURE);
}

/* What a worker leaves on disk: enough for the sweep, and for `ftgpu compare`. */
static void make_files(sim_pool *s, const sim_worker *w, size_t member)
{
    static const char form[] =
        "{\"experiment_id\": \"%s\", \"timestamp\": \"2026-01-01T00:00:00.000000\", \"hyperparams\": "
        "{\"learning_rate\": %.17g, \"epochs\": %lld, \"lora_rank\": %lld, \"seed\": %lld}, "
        "\"train_metrics\": {}, "
        "\"val_metrics\": {\"mae\": %.17g}, \"test_metrics\": {\"mae\": %.17g}, \"data_insights\": {}, "
        "\"training_history\": [], \"notes\": \"\", \"model_path\": null, \"error\": null, \"run\": {}}\n";
    double before = cpu_seconds();
    const ft_hyperparameters *config = &s->sweep->grid.configs[member];
    char path[4096];
    const char *results = s->sweep->engine->settings.results;
    snprintf(path, sizeof path, "%s/%s", results, w->experiment_id);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) give_up(path);
    snprintf(path, sizeof path, "%s/%s/results.json", results, w->experiment_id);
    FILE *file = fopen(path, "w");
    if (!file) give_up(path);
    double loss = uniform(s->settings->seed, KIND_LOSS, member);
    fprintf(file, form, w->experiment_id, config->learning_rate, (long long)config->epochs,
            (long long)config->lora_rank, (long long)config->seed, loss, loss + 0.1);
    if (fclose(file) != 0) give_up(path);
    s->file_cpu_seconds += cpu_seconds() - before;
}

static void say_begin(sim_pool *s, sim_worker *w, size_t member)
{
    cJSON *message = ft_message("type", "begin");
    char stem[FT_STEM_CHARS];
    snprintf(w->experiment_id, sizeof w->experiment_id, "%s_20260101_000000",
             ft_experiment_stem(s->sweep->run_context.name, (int64_t)member + 1,
                                (int64_t)s->sweep->grid.count, stem));
    cJSON_AddNumberToObject(message, "configuration", (double)member);
    cJSON_AddStringToObject(message, "experiment_id", w->experiment_id);
    w->phase = SIM_BEGINNING;
    tell(s, w, message);
}

static void say_finish(sim_pool *s, sim_worker *w, size_t member)
{
    double loss = uniform(s->settings->seed, KIND_LOSS, member);
    const ft_scores scores = {loss, 1.3 * loss, 0.9 * loss, 0.52, 11 * loss, 0.7 * loss, 0.79};
    ft_outcome outcome = {.failed = w->is_given_up, .train = scores, .val = scores, .test = scores};
    if (s->settings->makes_files) make_files(s, w, member);
    snprintf(outcome.experiment_id, sizeof outcome.experiment_id, "%s", w->experiment_id);
    snprintf(outcome.directory, sizeof outcome.directory, "%s/%s", s->sweep->engine->settings.results,
             w->experiment_id);
    cJSON *message = ft_message("type", "finish");
    cJSON_AddNumberToObject(message, "configuration", (double)member);
    cJSON_AddItemToObject(message, "outcome", ft_outcome_to_json(&outcome));
    w->phase = SIM_FINISHING;
    tell(s, w, message);
}

/* Records the next member of what has ended; starts the next round when all is
 * recorded. */
static void go_on(sim_pool *s, sim_worker *w)
{
    while (w->at_slot < w->n_active) {
        sim_trajectory *t = &w->trajectories[w->slots[w->at_slot]];
        for (; t->is_ended && w->at_member < t->count; w->at_member++)
            if (!w->is_recorded[t->first + w->at_member]) {
                say_begin(s, w, w->members[t->first + w->at_member]);
                return;
            }
        if (t->is_ended) {
            w->slots[w->at_slot] = w->slots[--w->n_active];
        } else {
            w->at_slot++;
        }
        w->at_member = 0;
    }
    start_round(s, w);
}

static void recorded(sim_pool *s, sim_worker *w)
{
    const sim_trajectory *t = &w->trajectories[w->slots[w->at_slot]];
    w->is_recorded[t->first + w->at_member++] = true;
    s->last_result = s->now;
    go_on(s, w);
}

/* -- rounds -- */

/* Falls towards a floor that differs from trajectory to trajectory. */
static double loss_after(const sim_pool *s, size_t trajectory, int32_t epoch)
{
    return uniform(s->settings->seed, KIND_LOSS, trajectory) + exp(-0.5 * epoch);
}

static void say_lines(sim_pool *s, sim_worker *w)
{
    for (size_t i = 0; i < w->n_active; i++) {
        size_t number = w->trajectories[w->slots[i]].number;
        char line[256];
        snprintf(line, sizeof line,
                 "%zu/%zu  epoch %d/%d  loss %.4f  val_loss %.4f  lr %.3g  grad_norm %.3g  %.0f tokens/s",
                 number + 1, s->sweep->grid.count, s->epochs[number], epochs_of(s, number), 1.5,
                 loss_after(s, number, s->epochs[number]), 1e-4, 0.8, 123456.0);
        cJSON *message = ft_message("type", "line");
        cJSON_AddStringToObject(message, "text", line);
        tell(s, w, message);
    }
}

static void say_epochs(sim_pool *s, sim_worker *w)
{
    cJSON *message = ft_message("type", "epochs");
    cJSON *numbers = cJSON_AddArrayToObject(message, "trajectories"),
          *epochs = cJSON_AddArrayToObject(message, "epochs"),
          *losses = cJSON_AddArrayToObject(message, "val_losses");
    for (size_t i = 0; i < w->n_active; i++) {
        size_t number = w->trajectories[w->slots[i]].number;
        cJSON_AddItemToArray(numbers, cJSON_CreateNumber((double)number));
        cJSON_AddItemToArray(epochs, cJSON_CreateNumber(s->epochs[number]));
        cJSON_AddItemToArray(losses, ft_json_number(loss_after(s, number, s->epochs[number])));
    }
    w->phase = SIM_JUDGED;
    tell(s, w, message);
}

/* The round's epochs are trained, and in the checkpoint. */
static void end_round(sim_pool *s, sim_worker *w)
{
    for (size_t i = 0; i < w->n_active; i++) {
        sim_trajectory *t = &w->trajectories[w->slots[i]];
        if (!w->is_given_up && !is_trained(s, t)) {
            s->epochs[t->number]++;
            s->useful_seconds += epoch_seconds(s, t->number);
        }
        t->is_ended = w->is_given_up || is_trained(s, t);
    }
    if (!w->is_given_up) say_lines(s, w);
    if (w->judge && !w->is_given_up)
        say_epochs(s, w);
    else
        go_on(s, w);
}

static void take_decision(sim_pool *s, sim_worker *w, const cJSON *message)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(message, "pruned"),
                *pruned = list ? list->child : NULL;
    for (size_t i = 0; i < w->n_active && pruned; i++, pruned = pruned->next)
        if (cJSON_IsTrue(pruned)) w->trajectories[w->slots[i]].is_ended = true;
    go_on(s, w);
}

static void hear(sim_pool *s, sim_worker *w, const cJSON *message)
{
    if (ft_message_is(message, "type", "train"))
        take_batch(s, w, message);
    else if (ft_message_is(message, "type", "stop"))
        w->stops = true;
    else if (ft_message_is(message, "type", "prune") && w->phase == SIM_JUDGED)
        take_decision(s, w, message);
    else if (ft_message_is(message, "type", "go") && w->phase == SIM_BEGINNING)
        say_finish(s, w, w->members[w->trajectories[w->slots[w->at_slot]].first + w->at_member]);
    else if (ft_message_is(message, "type", "go") && w->phase == SIM_FINISHING)
        recorded(s, w);
}

/* -- life and death -- */

static void die(sim_pool *s, sim_worker *w)
{
    if (w->phase == SIM_TRAINING) s->lost_seconds += s->now - w->round_start;
    s->n_deaths++;
    w->life++;
    ft_channel_close(&w->far);
    free_batch(w);
    w->phase = SIM_ABSENT;
    be_heard(s, w);
}

static void say_ready(sim_pool *s, sim_worker *w)
{
    cJSON *message = ft_message("type", "ready");
    cJSON_AddBoolToObject(message, "bf16", true);
    cJSON_AddNumberToObject(message, "memory_bytes", 80e9);
    cJSON_AddNumberToObject(message, "busy_rows", 65536);
    w->phase = SIM_IDLE;
    w->round_end = INFINITY;
    tell(s, w, message);
    plan_event(s, w, w->next_death);
}

/* What was planned for now. */
static void happen(sim_pool *s, sim_worker *w)
{
    if (s->now >= w->next_death) {
        die(s, w);
    } else if (w->phase == SIM_STARTING) {
        say_ready(s, w);
    } else if (w->phase == SIM_TRAINING && s->now >= w->round_end) {
        end_round(s, w);
    } else if (w->phase == SIM_TRAINING && s->now >= w->next_heartbeat) {
        w->next_heartbeat = s->now + s->settings->heartbeat_seconds;
        tell(s, w, ft_message("type", "heartbeat"));
        plan_next(s, w);
    }
}

/* -- the pool -- */

static double now(void *context)
{
    return ((sim_pool *)context)->now;
}

static ft_status start(void *context, int32_t number, ft_error *err)
{
    sim_pool *s = context;
    sim_worker *w = &s->workers[number];
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return ft_fail(err, FT_FAILED, "a worker's socket: %s", strerror(errno));
    w->near = (ft_channel){.fd = ends[0]};
    w->far = (ft_channel){.fd = ends[1]};
    w->phase = SIM_STARTING;
    double chance = uniform(s->settings->seed, KIND_DEATH + 16 * (uint64_t)number, w->life);
    w->next_death = s->settings->deaths_per_hour > 0
                        ? s->now - log(chance) * 3600 / s->settings->deaths_per_hour
                        : INFINITY;
    plan_event(s, w, s->now + START);
    return FT_OK;
}

static ft_status send_to(void *context, int32_t number, cJSON *message, ft_error *err)
{
    sim_pool *s = context;
    sim_worker *w = &s->workers[number];
    ft_status status = ft_channel_send(&w->near, message, err);
    ft_error ignored;
    for (cJSON *heard = NULL; status == FT_OK && w->far.fd >= 0;) {
        if (ft_channel_receive(&w->far, 0, &heard, &ignored) != FT_OK || !heard) break;
        s->n_messages++;
        hear(s, w, heard);
        cJSON_Delete(heard);
    }
    return status;
}

static ft_status receive_from(void *context, int32_t number, cJSON **message, ft_error *err)
{
    return ft_channel_receive(&((sim_pool *)context)->workers[number].near, 0, message, err);
}

/* What happens next, and all that happens with it. */
static int32_t wait_for_words(void *context, double seconds, int32_t *spoke)
{
    sim_pool *s = context;
    double end = s->now + seconds, until = s->n_spoke > 0 ? s->now : end;
    while (s->events.count > 0 && s->events.entries[0].key <= until) {
        const ft_heap_entry event = ft_heap_pop(&s->events);
        size_t n = (size_t)s->settings->n_workers;
        sim_worker *w = &s->workers[event.value % n];
        if (event.value / n != w->life) continue;
        if (event.key > s->now) s->now = event.key;
        happen(s, w);
        if (s->n_spoke > 0) until = s->now;
    }
    if (s->n_spoke == 0) s->now = end;
    int32_t count = s->n_spoke;
    for (int32_t i = 0; i < count; i++) {
        spoke[i] = s->spoke[i];
        s->workers[spoke[i]].has_spoken = false;
    }
    s->n_spoke = 0;
    return count;
}

static void kill_worker(void *context, int32_t number)
{
    sim_pool *s = context;
    if (s->workers[number].phase != SIM_ABSENT) die(s, &s->workers[number]);
}

/* One that is hung up on is at the end of its time when it is reaped. */
static void hang_up(void *context, int32_t number)
{
    (void)context, (void)number;
}

static void reap(void *context, int32_t number, double seconds, char *how, size_t size)
{
    (void)seconds;
    sim_worker *w = &((sim_pool *)context)->workers[number];
    ft_channel_close(&w->near);
    ft_channel_close(&w->far);
    free_batch(w);
    w->phase = SIM_ABSENT;
    w->life++;
    snprintf(how, size, "its worker died");
}

ft_status sim_pool_open(sim_pool *sim, const sim_settings *settings, const ft_sweep *sweep,
                        ft_worker_pool *pool, ft_error *err)
{
    size_t n = (size_t)settings->n_workers;
    *sim = (sim_pool){.settings = settings, .sweep = sweep};
    sim->workers = calloc(n, sizeof *sim->workers);
    sim->spoke = calloc(n, sizeof *sim->spoke);
    if (!sim->workers || !sim->spoke) return ft_no_memory(err, "simulated workers", n * sizeof *sim->workers);
    for (size_t i = 0; i < n; i++) sim->workers[i].near.fd = sim->workers[i].far.fd = -1;
    *pool = (ft_worker_pool){.context = sim,
                             .n_workers = settings->n_workers,
                             .is_gpu = true,
                             .ranks = 1,
                             .sharing = 1,
                             .now = now,
                             .start = start,
                             .send = send_to,
                             .receive = receive_from,
                             .wait = wait_for_words,
                             .kill = kill_worker,
                             .hang_up = hang_up,
                             .reap = reap};
    return FT_OK;
}

void sim_pool_close(sim_pool *sim)
{
    free(sim->workers);
    free(sim->spoke);
    free(sim->epochs);
    free(sim->batch_of);
    free(sim->events.entries);
    *sim = (sim_pool){0};
}
