/* An engine serves one call at a time, in the process that opened it, and keeps none of
 * the caller's texts: what cannot work is refused, not waited for and not crashed on. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "fresh_model.h"
#include "host/data/demo_data.h"
#include "host/ftgpu.h"

static char scratch[] = "/tmp/ftgpu-engine-XXXXXX";

static void enter_scratch(void)
{
    ft_error err;
    cr_assert(mkdtemp(scratch) && chdir(scratch) == 0);
    cr_assert_eq(ft_demo_data_write("data", 1, &err), FT_OK, "%s", err.message);
    make_fresh_model("nano");
}

static void leave_scratch(void)
{
    cr_assert_eq(chdir("/"), 0);
    ft_remove_tree(scratch);
}

TestSuite(engine, .init = enter_scratch, .fini = leave_scratch, .timeout = 590);

static const char *const few[] = {"epochs=1", "context_length=16", "prediction_length=4"};
static const ft_experiment_request small = {
    .model = "nano",
    .target = "Close",
    .data = {.train = "data/train.csv", .val = "data/val.csv", .test = "data/test.csv", .train_last = 60},
    .set = few,
    .n_set = 3,
    .eval_windows = 1};
static const ft_forecast_job forecast = {
    .model = "nano", .data = "data/test.csv", .target = "Close", .horizon = 2, .num_samples = 1, .top_k = -1};

static ft_engine *open_engine(const char *results)
{
    ft_error err = {""};
    ft_engine *engine = NULL;
    const ft_engine_settings settings = {.results = results, .device = "cpu", .threads = 2};
    cr_assert_eq(ft_engine_open(&settings, &engine, &err), FT_OK, "%s", err.message);
    return engine;
}

/* A text that lives until it is poisoned. */
static char *poisoned[4];
static size_t n_poisoned;

static const char *mortal(const char *text)
{
    return poisoned[n_poisoned++] = strdup(text);
}

static void poison(void)
{
    for (size_t i = 0; i < n_poisoned; i++) {
        memset(poisoned[i], '?', strlen(poisoned[i]));
        free(poisoned[i]);
    }
}

Test(engine, keeps_no_text_of_its_settings)
{
    ft_error err = {""};
    ft_engine *engine;
    ft_outcome outcome;
    ft_engine_settings *settings = calloc(1, sizeof *settings);
    *settings = (ft_engine_settings){.results = mortal("here/experiments"),
                                     .device = mortal("cpu"),
                                     .dtype = mortal("f32"),
                                     .command_line = mortal("a test")};
    cr_assert_eq(ft_engine_open(settings, &engine, &err), FT_OK, "%s", err.message);
    memset(settings, 0xA5, sizeof *settings);
    free(settings);
    poison();
    cr_assert_eq(ft_run_experiment(engine, &small, &outcome, &err), FT_OK, "%s", err.message);
    cr_expect(strncmp(outcome.directory, "here/experiments/", 17) == 0, "%s", outcome.directory);
    ft_engine_close(engine);
}

Test(engine, what_is_missing_is_refused)
{
    ft_error err = {""};
    ft_engine *engine = open_engine("results"), *none = engine;
    ft_outcome outcome;
    ft_sweep_summary summary;
    char *text = NULL;
    const ft_sweep_request sweep = {.base = small};
    ft_experiment_request no_list = small;
    ft_sweep_request no_grids = sweep;
    ft_forecast_job no_data = forecast, no_target = forecast;
    no_list.set = NULL;
    no_grids.n_grids = 1;
    no_data.data = NULL;
    no_target.target = NULL;
    for (int told = 0; told < 2; told++) {
        ft_error *to = told ? &err : NULL;
#define REFUSES(call)                                                                                        \
    do {                                                                                                     \
        err.message[0] = '\0';                                                                               \
        cr_expect_eq(call, FT_BAD_INPUT, #call);                                                             \
        if (told) cr_expect(strlen(err.message) > 10, #call);                                                \
    } while (0)
        REFUSES(ft_engine_open(NULL, &none, to));
        cr_expect_null(none);
        REFUSES(ft_engine_open(&(ft_engine_settings){0}, NULL, to));
        REFUSES(ft_run_experiment(NULL, &small, &outcome, to));
        REFUSES(ft_run_experiment(engine, NULL, &outcome, to));
        REFUSES(ft_run_experiment(engine, &small, NULL, to));
        REFUSES(ft_run_experiment(engine, &no_list, &outcome, to));
        REFUSES(ft_run_sweep(NULL, &sweep, &summary, to));
        REFUSES(ft_run_sweep(engine, NULL, &summary, to));
        REFUSES(ft_run_sweep(engine, &sweep, NULL, to));
        REFUSES(ft_run_sweep(engine, &no_grids, &summary, to));
        REFUSES(ft_forecast_csv(NULL, &forecast, &text, to));
        REFUSES(ft_forecast_csv(engine, NULL, &text, to));
        REFUSES(ft_forecast_csv(engine, &forecast, NULL, to));
        REFUSES(ft_forecast_csv(engine, &no_data, &text, to));
        REFUSES(ft_forecast_csv(engine, &no_target, &text, to));
    }
    cr_expect_neq(access("results", F_OK), 0);
    ft_engine_close(NULL);
    ft_engine_close(engine);
}

/* Uses the engine that is busy, from the thread that it calls back and from another. */
typedef struct intruder {
    ft_engine *engine;
    ft_status status[2];
    ft_error err[2];
    int n;
} intruder;

static void *intrude(void *context)
{
    intruder *i = context;
    char *text = NULL;
    i->status[i->n] = ft_forecast_csv(i->engine, &forecast, &text, &i->err[i->n]);
    free(text);
    return NULL;
}

static void interrupt_once(void *context, const char *line)
{
    intruder *i = context;
    pthread_t other;
    (void)line;
    if (i->n > 0) return;
    intrude(i);
    i->n++;
    cr_assert_eq(pthread_create(&other, NULL, intrude, i), 0);
    pthread_join(other, NULL);
    i->n++;
}

Test(engine, is_one_call_s_at_a_time)
{
    ft_error err = {""};
    ft_outcome outcome;
    intruder i = {0};
    char *text = NULL;
    const ft_engine_settings settings = {
        .results = "results", .device = "cpu", .threads = 2, .progress = interrupt_once, .context = &i};
    cr_assert_eq(ft_engine_open(&settings, &i.engine, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_run_experiment(i.engine, &small, &outcome, &err), FT_OK, "%s", err.message);
    cr_assert_eq(i.n, 2);
    for (int k = 0; k < 2; k++) {
        cr_expect_eq(i.status[k], FT_BAD_INPUT);
        cr_expect(strstr(i.err[k].message, "one call at a time"), "%s", i.err[k].message);
    }
    /* Refused or done, a call gives it free. */
    cr_expect_eq(ft_forecast_csv(i.engine, &forecast, &text, &err), FT_OK, "%s", err.message);
    free(text);
    ft_engine_close(i.engine);
}

/* Runs in a child: 0 where the call was refused with these words, 14 (of the alarm) where
 * it hangs. */
static int in_child(ft_engine *engine, const char *words)
{
    pid_t child = fork();
    int how = 0;
    if (child == 0) {
        ft_error err = {""};
        char *text = NULL;
        alarm(250);
        ft_engine *own = engine ? engine : open_engine("results");
        ft_status status = ft_forecast_csv(own, &forecast, &text, &err);
        ft_engine_close(own);
        _exit(status == FT_OK ? 2 : status == FT_BAD_INPUT && strstr(err.message, words) ? 0 : 3);
    }
    waitpid(child, &how, 0);
    return WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how);
}

Test(engine, is_one_process_s)
{
    ft_error err = {""};
    char *text = NULL, *again = NULL;
    ft_engine *engine = open_engine("results");
    cr_expect_eq(in_child(engine, "another process"), 0, "of the parent, which has not computed");
    cr_expect_eq(in_child(NULL, ""), 2, "of its own, where the parent has not computed");
    cr_assert_eq(ft_forecast_csv(engine, &forecast, &text, &err), FT_OK, "%s", err.message);
    cr_expect_eq(in_child(engine, "another process"), 0, "of the parent, which has computed");
    cr_expect_eq(in_child(NULL, "parent has computed"), 0, "of its own, where the parent has computed");
    cr_expect_eq(ft_forecast_csv(engine, &forecast, &again, &err), FT_OK, "%s", err.message);
    cr_expect_str_eq(text, again);
    free(text);
    free(again);
    ft_engine_close(engine);
}

/* What the program promises of forecasts holds for callers of the library. */
Test(engine, forecasts_an_experiment_as_it_was_tuned_and_spares_its_inputs)
{
    ft_error err = {""};
    ft_outcome outcome;
    char *text = NULL, *again = NULL;
    const double wanted[] = {0.1, 0.9}, twice[] = {0.1, 0.1};
    ft_engine *engine = open_engine("results");
    cr_assert_eq(ft_run_experiment(engine, &small, &outcome, &err), FT_OK, "%s", err.message);
    ft_forecast_job job = forecast;
    job.model = NULL;
    job.experiment = "best";
    job.horizon = 0;
    job.quantiles = wanted;
    job.n_quantiles = 2;
    cr_assert_eq(ft_forecast_csv(engine, &job, &text, &err), FT_OK, "%s", err.message);
    static const char header[] = "item_id,timestamp,target_name,predictions,0.1,0.5,0.9\n";
    cr_expect(strncmp(text, header, sizeof header - 1) == 0, "%s", text);
    int lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) lines++;
    cr_expect_eq(lines, 5, "the header and prediction_length rows, not %d", lines);
    job.context_length = 16;
    cr_assert_eq(ft_forecast_csv(engine, &job, &again, &err), FT_OK, "%s", err.message);
    cr_expect_str_eq(again, text, "without a context_length it is that of the experiment");

    const struct {
        const char *model, *out, *adapter, *metric, *word;
        const double *quantiles;
    } bad[] = {{NULL, "data/test.csv", NULL, NULL, "is the data", wanted},
               {NULL, "nano/config.json", NULL, NULL, "of the model", wanted},
               {"data", NULL, NULL, NULL, "data", wanted},
               {NULL, NULL, "nano", NULL, "one of them", wanted},
               {NULL, NULL, NULL, "banana", "banana", wanted},
               {NULL, NULL, NULL, NULL, "twice", twice}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *unmade = NULL;
        job.model = bad[i].model;
        job.out = bad[i].out;
        job.adapter = bad[i].adapter;
        job.metric = bad[i].metric;
        job.quantiles = bad[i].quantiles;
        cr_expect_eq(ft_forecast_csv(engine, &job, &unmade, &err), FT_BAD_INPUT, "%zu", i);
        cr_expect(strstr(err.message, bad[i].word), "%s", err.message);
        cr_expect_null(unmade);
    }
    free(again);
    free(text);
    ft_engine_close(engine);
}

static void *run_alone(void *results)
{
    ft_error err = {""};
    ft_engine *engine = open_engine(results);
    ft_outcome *outcome = calloc(1, sizeof *outcome);
    cr_assert_eq(ft_run_experiment(engine, &small, outcome, &err), FT_OK, "%s", err.message);
    ft_engine_close(engine);
    return outcome;
}

Test(engine, of_a_thread_s_own_works_beside_others)
{
    enum { THREADS = 3 };
    static char results[THREADS][8] = {"one", "two", "three"};
    pthread_t threads[THREADS];
    ft_outcome *alone = run_alone("alone"), *outcomes[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, run_alone, results[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        void *outcome;
        pthread_join(threads[i], &outcome);
        outcomes[i] = outcome;
        cr_expect_eq(outcomes[i]->test.mae, alone->test.mae, "%s", results[i]);
        cr_expect(strncmp(outcomes[i]->directory, results[i], strlen(results[i])) == 0);
        free(outcomes[i]);
    }
    free(alone);
}
