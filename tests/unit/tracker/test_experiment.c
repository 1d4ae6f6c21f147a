/* Experiments on disk: ids, results.json, what is read back and what is refused. */
#include "tests/unit/tracker/scratch.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "tracker/baselines.h"
#include "tracker/experiments.h"

TestSuite(experiment, .init = scratch_enter, .fini = scratch_leave);

/* 2025-01-01 12:00:00.000125 UTC */
static const struct timespec noon = {1735732800, 125000};

static void begin(ft_experiment *experiment, const char *name, int64_t number, int64_t total)
{
    ft_error err;
    *experiment = (ft_experiment){0};
    cr_assert_eq(
        ft_experiment_begin(experiment, scratch_path("deep/results"), name, number, total, &noon, NULL, &err),
        FT_OK, "%s", err.message);
}

Test(experiment, ids_hold_name_number_and_local_time)
{
    const struct {
        const char *name;
        int64_t number, total;
        const char *id;
    } cases[] = {
        {"baseline", 0, 0, "baseline_20250101_120000"},
        {"baseline", 0, 0, "baseline_20250101_120000_2"},
        {"baseline", 0, 0, "baseline_20250101_120000_3"},
        {"lr_search", 1, 18, "lr_search_001_20250101_120000"},
        {"lr_search", 999, 999, "lr_search_999_20250101_120000"},
        {"lr_search", 7, 12000, "lr_search_00007_20250101_120000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ft_experiment e;
        begin(&e, cases[i].name, cases[i].number, cases[i].total);
        cr_expect_str_eq(e.experiment_id, cases[i].id);
        cr_expect_str_eq(e.timestamp, "2025-01-01T12:00:00.000125");
        cr_expect(strstr(e.directory, cases[i].id) && access(e.directory, W_OK) == 0);
        ft_experiment_free(&e);
    }
}

Test(experiment, names_that_are_no_directory_are_refused)
{
    ft_error err;
    const char *const bad[] = {"",
                               "a/b",
                               "..",
                               "-x",
                               "a\nb",
                               "a\xc2\x9b",
                               "a\xff"
                               "b",
                               "\xc3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(ft_experiment_check_name(bad[i], &err), FT_BAD_INPUT, "%s", bad[i]);
    cr_expect_str_eq(err.message, "experiment name \"?\" is not UTF-8");
    cr_expect_eq(ft_experiment_check_name("a b \xc3\xa4", &err), FT_OK);
    char longest[152];
    memset(longest, 'n', sizeof longest);
    longest[151] = 0;
    cr_expect_eq(ft_experiment_check_name(longest, &err), FT_BAD_INPUT);
    longest[150] = 0;
    cr_expect_eq(ft_experiment_check_name(longest, &err), FT_OK);
}

Test(experiment, processes_at_the_same_second_get_different_directories)
{
    enum { PROCESSES = 4, EACH = 25 };
    char path[512];
    snprintf(path, sizeof path, "%s", scratch_path("race"));
    for (int p = 0; p < PROCESSES; p++) {
        if (fork() == 0) {
            for (int i = 0; i < EACH; i++) {
                ft_experiment e = {0};
                if (ft_experiment_begin(&e, path, "same", 0, 0, &noon, NULL, NULL) != FT_OK) _exit(1);
                char mine[600];
                snprintf(mine, sizeof mine, "%s/owner", e.directory);
                FILE *file = fopen(mine, "wx"); /* fails if another got the same */
                if (!file) _exit(2);
                fclose(file);
                ft_experiment_free(&e);
            }
            _exit(0);
        }
    }
    for (int p = 0; p < PROCESSES; p++) {
        int code;
        wait(&code);
        cr_expect(WIFEXITED(code) && WEXITSTATUS(code) == 0, "%d", code);
    }
    ft_experiments set;
    cr_assert_eq(ft_experiments_load(path, FT_WHOLE, &set, NULL), FT_OK);
    cr_expect(set.count == 0 && set.n_unfinished == PROCESSES * EACH && set.n_warnings == 0);
    ft_experiments_free(&set);
}

Test(experiment, an_unwritable_results_directory_is_an_error)
{
    ft_experiment e = {0};
    ft_error err;
    FILE *file = fopen(scratch_path("file"), "w");
    fclose(file);
    cr_expect_neq(ft_experiment_begin(&e, scratch_path("file"), "x", 0, 0, &noon, NULL, &err), FT_OK);
    cr_expect(strstr(err.message, "file"), "%s", err.message);
    cr_expect_null(e.experiment_id);
    ft_experiment_free(&e);
}

/* An experiment with something in every field. */
static void fill(ft_experiment *e)
{
    ft_error err;
    begin(e, "full", 0, 0);
    e->hyperparams =
        cJSON_Parse("{\"learning_rate\": 1e-4, \"lora_targets\": \"q+v\", \"use_rslora\": false}");
    ft_metrics_set(&e->metrics[FT_VAL], FT_MAE, 0.1);
    ft_metrics_set(&e->metrics[FT_TEST], FT_MAE, 1.0 / 3);
    e->data_insights = cJSON_Parse("{\"correlations\": {\"corr_with_Volume\": null}}");
    ft_epoch_record epoch = {1, 5.25, NAN, 1e-5, 0.5, 2, 1234.5};
    cr_assert_eq(ft_experiment_add_epoch(e, &epoch, &err), FT_OK);
    epoch.epoch = 2;
    cr_assert_eq(ft_experiment_add_epoch(e, &epoch, &err), FT_OK);
    cr_assert_eq(ft_experiment_add_note(e, "first", &err), FT_OK);
    cr_assert_eq(ft_experiment_add_note(e, "", &err), FT_OK);
    cr_assert_eq(ft_experiment_add_note(e, "second", &err), FT_OK);
    e->model_path = ft_copy_string("adapter");
    cr_assert_eq(ft_baseline_put(e, "zero_shot", e->metrics, &err), FT_OK);
    cr_assert_eq(ft_baseline_put(e, "seasonal_naive", e->metrics, &err), FT_OK);
    cr_assert_eq(ft_baseline_put(e, "zero_shot", e->metrics, &err), FT_OK);
}

Test(experiment, results_json_has_exactly_its_keys_in_order)
{
    static const char *const keys[] = {"experiment_id", "timestamp",    "hyperparams",   "train_metrics",
                                       "val_metrics",   "test_metrics", "data_insights", "training_history",
                                       "notes",         "model_path",   "error",         "run"};
    const size_t n_keys = sizeof keys / sizeof *keys;
    ft_experiment full, empty;
    fill(&full);
    begin(&empty, "empty", 0, 0);
    const ft_experiment *const both[] = {&full, &empty};
    for (int i = 0; i < 2; i++) {
        cJSON *json = ft_experiment_to_json(both[i]);
        size_t n = 0;
        for (const cJSON *item = json->child; item; item = item->next, n++) {
            cr_assert_lt(n, n_keys);
            cr_expect_str_eq(item->string, keys[n]);
        }
        cr_expect_eq(n, n_keys);
        cr_expect(cJSON_IsNull(cJSON_GetObjectItem(json, "error")));
        cr_expect(cJSON_IsArray(cJSON_GetObjectItem(json, "training_history")));
        cJSON_Delete(json);
    }
    ft_experiment_free(&full);
    ft_experiment_free(&empty);
}

Test(experiment, reads_back_what_it_wrote)
{
    ft_experiment written, read;
    ft_error err;
    fill(&written);
    cr_assert_eq(ft_experiment_write(&written, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_experiment_read(written.directory, &read, &err), FT_OK, "%s", err.message);
    cJSON *before = ft_experiment_to_json(&written), *after = ft_experiment_to_json(&read);
    cr_expect(cJSON_Compare(before, after, 1));
    cr_expect_str_eq(read.notes, "first; second");
    cr_expect(read.metrics[FT_TEST].mae == 1.0 / 3, "numbers read back exactly");
    cr_expect(!read.metrics[FT_TRAIN].evaluated && read.metrics[FT_TEST].evaluated);
    cr_expect(isnan(read.metrics[FT_TEST].rmse) && isnan(read.training_history[1].val_loss));
    cr_expect_eq(read.n_epochs, 2);
    cr_expect_null(read.error);
    const char *name;
    ft_metrics baseline[FT_N_SPLITS];
    cr_expect(ft_baseline_get(&read, 0, &name, baseline) && baseline[FT_VAL].mae == 0.1);
    cr_expect(!baseline[FT_TRAIN].evaluated);
    cr_expect(ft_baseline_get(&read, 1, &name, baseline));
    cr_expect(!ft_baseline_get(&read, 2, &name, baseline));
    cJSON_Delete(before);
    cJSON_Delete(after);
    ft_experiment_free(&written);
    ft_experiment_free(&read);
}

Test(experiment, reasons_of_undefined_metrics_go_to_the_notes_once)
{
    ft_experiment e;
    begin(&e, "notes", 0, 0);
    strcpy(e.metrics[FT_TRAIN].notes, "mase is undefined: flat");
    strcpy(e.metrics[FT_VAL].notes, "wql is undefined: zero");
    strcpy(e.metrics[FT_TEST].notes, "mase is undefined: flat");
    cr_assert_eq(ft_experiment_add_metric_notes(&e, NULL), FT_OK);
    cr_expect_str_eq(e.notes, "train, test: mase is undefined: flat; val: wql is undefined: zero");
    ft_experiment_free(&e);
}

Test(experiment, reads_what_the_python_tool_wrote)
{
    scratch_results(
        "old", "{\"experiment_id\": \"old_20250101_120000\", \"timestamp\": \"2025-01-01T12:00:00.000000\","
               "\"hyperparams\": {\"learning_rate\": 0.0001}, \"train_metrics\": {}, \"val_metrics\": null,"
               "\"test_metrics\": {\"mae\": 2, \"r2\": 1, \"mase\": NaN},"
               "\"training_history\": [{\"loss\": 0.8, \"epoch\": 1}, {\"loss\": 0.5}]}");
    ft_experiment e;
    ft_error err;
    cr_assert_eq(ft_experiment_read(scratch_path("old"), &e, &err), FT_OK, "%s", err.message);
    cr_expect(e.metrics[FT_TEST].mae == 2 && isnan(e.metrics[FT_TEST].mase));
    cr_expect(e.training_history[1].epoch == 2 && isnan(e.training_history[1].val_loss));
    ft_experiment_free(&e);
}

Test(experiment, a_part_of_a_file_leaves_the_rest_out)
{
    scratch_results("part",
                    "{\"experiment_id\": \"part\", \"hyperparams\": {\"epochs\": 1}, \"test_metrics\": "
                    "{\"mae\": 2}, \"data_insights\": {\"a\": 1}, \"training_history\": "
                    "[{\"loss\": 0.5}], \"error\": \"none left\", \"run\": {\"b\": 2, "
                    "\"baseline_metrics\": {}, \"data_hash\": \"crc32:1\", \"pruned_at_epoch\": 3}}");
    for (int detail = FT_WHOLE; detail <= FT_BASELINES; detail++) {
        ft_experiment e;
        ft_error err;
        cr_assert_eq(ft_experiment_read_part(scratch_path("part"), (ft_detail)detail, &e, &err), FT_OK, "%s",
                     err.message);
        cr_expect(e.metrics[FT_TEST].mae == 2 && e.hyperparams->child);
        cr_expect_str_eq(e.error, "none left");
        cr_expect_eq(e.n_epochs, detail == FT_SCORES || detail == FT_BASELINES ? 0 : 1);
        cr_expect((e.data_insights != NULL) == (detail == FT_WHOLE));
        cr_expect(cJSON_HasObjectItem(e.run, "b") == (detail == FT_WHOLE));
        cr_expect(cJSON_HasObjectItem(e.run, "baseline_metrics") ==
                  (detail == FT_WHOLE || detail == FT_BASELINES));
        cr_expect_str_eq(ft_experiment_data(&e), "crc32:1");
        cr_expect_eq(ft_experiment_pruned_at(&e), 3);
        ft_experiment_free(&e);
    }
}

Test(experiment, broken_and_foreign_files_are_named_and_skipped)
{
    static const char *const bad[][2] = {
        {"a_empty", ""},
        {"b_cut", "{\"experiment_id\": \"b\", \"hyperpar"},
        {"c_list", "[1, 2]"},
        {"d_foreign", "{\"name\": \"other tool\"}"},
        {"e_no_hp", "{\"experiment_id\": \"e\"}"},
        {"f_type", "{\"experiment_id\": \"f\", \"hyperparams\": {}, \"test_metrics\": {\"mae\": \"low\"}}"},
        {"g_type", "{\"experiment_id\": \"g\", \"hyperparams\": {}, \"training_history\": [1]}"},
        {"h_type", "{\"experiment_id\": \"h\", \"hyperparams\": {}, \"error\": 3}"},
        {"i_id", "{\"experiment_id\": \"\", \"hyperparams\": {}}"},
        {"z_copy", "{\"experiment_id\": \"good\", \"hyperparams\": {}}"},
    };
    enum { N_BAD = sizeof bad / sizeof *bad };
    for (int i = 0; i < N_BAD; i++) scratch_results(bad[i][0], bad[i][1]);
    scratch_results("good", "{\"experiment_id\": \"good\", \"hyperparams\": {\"epochs\": 3}}");
    scratch_results("j_odd", "{\"experiment_id\": \"\\u00e4 b/c\", \"hyperparams\": {}}");
    scratch_results(".sweeps", "nothing for us");
    FILE *file = fopen(scratch_path("report.html"), "w");
    fclose(file);
    mkdir(scratch_path("running_20250101_120000"), 0777);
    mkdir(scratch_path("lr_001_20250101_120000_2"), 0777);
    mkdir(scratch_path("fine_tuning"), 0777); /* a folder of somebody's */
    mkdir(scratch_path("plots_20250101"), 0777);

    ft_experiments set;
    ft_error err;
    cr_assert_eq(ft_experiments_load(scratch_directory, FT_WHOLE, &set, &err), FT_OK, "%s", err.message);
    cr_expect_eq(set.count, 2);
    cr_expect_str_eq(set.items[0].experiment_id, "good");
    cr_expect_not_null(set.items[0].hyperparams->child, "the one that lies where its id says is kept");
    cr_expect_eq(set.n_unfinished, 2);
    cr_assert_eq(set.n_warnings, N_BAD);
    for (int i = 0; i < N_BAD; i++) cr_expect(strstr(set.warnings[i], bad[i][0]), "%s", set.warnings[i]);
    ft_experiments_free(&set);
    cr_expect_eq(ft_experiments_load(scratch_path("nowhere"), FT_WHOLE, &set, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "nowhere"));
}

static void load_three(ft_experiments *set)
{
    scratch_results("lr_001_x",
                    "{\"experiment_id\": \"lr_001_x\", \"hyperparams\": {}, \"val_metrics\": {\"mae\": 1},"
                    "\"test_metrics\": {\"mae\": 3, \"directional_accuracy\": 0.4, \"coverage_80\": 0.7}}");
    scratch_results("lr_002_x",
                    "{\"experiment_id\": \"lr_002_x\", \"hyperparams\": {}, \"val_metrics\": {\"mae\": 2},"
                    "\"test_metrics\": {\"mae\": 2, \"directional_accuracy\": 0.6, \"coverage_80\": 0.95}}");
    scratch_results("lr_003_x",
                    "{\"experiment_id\": \"lr_003_x\", \"hyperparams\": {}, \"error\": \"NaN loss\","
                    "\"test_metrics\": {\"mae\": 1, \"rmse\": 1}}");
    scratch_results(
        "other_x",
        "{\"experiment_id\": \"other_x\", \"hyperparams\": {}, \"test_metrics\": {\"mae\": null}}");
    cr_assert_eq(ft_experiments_load(scratch_directory, FT_SCORES, set, NULL), FT_OK);
}

Test(experiment, is_found_by_id_or_a_beginning_of_it)
{
    ft_experiments set;
    const ft_experiment *found;
    ft_error err;
    load_three(&set);
    cr_assert_eq(ft_experiments_find(&set, "lr_002_x", &found, &err), FT_OK);
    cr_expect_str_eq(found->experiment_id, "lr_002_x");
    scratch_results("lr_002_x_2", "{\"experiment_id\": \"lr_002_x_2\", \"hyperparams\": {}}");
    ft_experiments_free(&set);
    cr_assert_eq(ft_experiments_load(scratch_directory, FT_SCORES, &set, NULL), FT_OK);
    cr_assert_eq(ft_experiments_find(&set, "lr_002_x", &found, &err), FT_OK,
                 "a whole id is not the beginning of another");
    cr_expect_str_eq(found->experiment_id, "lr_002_x");
    cr_assert_eq(ft_experiments_find(&set, "oth", &found, &err), FT_OK);
    cr_expect_str_eq(found->experiment_id, "other_x");
    cr_expect_eq(ft_experiments_find(&set, "lr_", &found, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "4 experiments"), "%s", err.message);
    cr_expect_eq(ft_experiments_find(&set, "", &found, &err), FT_BAD_INPUT);
    cr_expect_eq(ft_experiments_find(&set, "othr_x", &found, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "did you mean \"other_x\""), "%s", err.message);
    ft_experiments_free(&set);
    cr_expect_eq(ft_experiments_find(&set, "x", &found, &err), FT_BAD_INPUT);
}

Test(experiment, best_depends_on_the_metric_and_passes_over_failures)
{
    ft_experiments set;
    const ft_experiment *best;
    ft_error err;
    load_three(&set);
    const struct {
        ft_metric metric;
        ft_split split;
        const char *id;
    } cases[] = {{FT_MAE, FT_TEST, "lr_002_x"},
                 {FT_MAE, FT_VAL, "lr_001_x"},
                 {FT_DIRECTIONAL_ACCURACY, FT_TEST, "lr_002_x"},
                 {FT_COVERAGE_80, FT_TEST, "lr_001_x"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(ft_experiments_best(&set, cases[i].metric, cases[i].split, &best, &err), FT_OK);
        cr_expect_str_eq(best->experiment_id, cases[i].id);
    }
    cr_expect_eq(ft_experiments_best(&set, FT_RMSE, FT_TEST, &best, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "no experiment has a rmse on test: of 4, 1 failed"), "%s", err.message);
    ft_experiments_free(&set);
    cr_expect_eq(ft_experiments_best(&set, FT_MAE, FT_TEST, &best, &err), FT_BAD_INPUT);
}

/* 10,000 in a second is asked for; a fifth of that keeps the test short. */
Test(experiment, two_thousand_are_loaded_in_a_fifth_of_a_second)
{
    enum { N = 2000 };
    char id[64];
    ft_text json = FT_TEXT_EMPTY;
    for (int i = 0; i < N; i++) {
        json.length = 0;
        snprintf(id, sizeof id, "grid_%05d_20250101_120000", i + 1);
        ft_text_addf(&json, "{\"experiment_id\": \"%s\", \"hyperparams\": {", id);
        for (int k = 0; k < 20; k++)
            ft_text_addf(&json, "%s\"hyperparameter_%d\": %d", k ? ", " : "", k, i % (k + 2));
        ft_text_add(&json, "}, \"training_history\": [");
        for (int k = 0; k < 5; k++)
            ft_text_addf(&json,
                         "%s{\"epoch\": %d, \"loss\": 3.25, \"val_loss\": 3.5, \"learning_rate\": 0.0001}",
                         k ? ", " : "", k + 1);
        ft_text_addf(&json,
                     "], \"test_metrics\": {\"mae\": %d, \"rmse\": 1.25, \"wql\": 0.125}, \"run\": {}}", i);
        scratch_results(id, json.data);
    }
    ft_text_free(&json);
    ft_experiments set;
    struct timespec start, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    cr_assert_eq(ft_experiments_load(scratch_directory, FT_SCORES, &set, NULL), FT_OK);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    cr_expect_eq(set.count, N);
    cr_expect_str_eq(set.items[N - 1].experiment_id, "grid_02000_20250101_120000");
#ifndef __SANITIZE_ADDRESS__
    double seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    cr_expect_lt(seconds, 0.2);
#endif
    ft_experiments_free(&set);
}

Test(experiment, an_id_tells_whose_it_is)
{
    const struct {
        const char *id, *name;
        int64_t number, total;
        bool fits;
    } cases[] = {
        {"lr_001_20250101_120000", "lr", 1, 18, true},
        {"lr_001_20250101_120000_2", "lr", 1, 18, true},
        {"lr_001_20250101_120000_1000000", "lr", 1, 18, true},
        {"lr_00007_20250101_120000", "lr", 7, 12000, true},
        {"lr_20250101_120000", "lr", 0, 0, true},
        {"lr_001_20250101_120000", "lr_001", 0, 0, true},
        {"lr_001_20250101_120000", "lr", 2, 18, false},
        {"lr_001_20250101_120000", "lr", 1, 1000, false},
        {"lr_001_20250101_120000", "l", 1, 18, false},
        {"lr_001_20250101_120000_1", "lr", 1, 18, false},
        {"lr_001_20250101_120000_02", "lr", 1, 18, false},
        {"lr_001_20250101_120000_1000001", "lr", 1, 18, false},
        {"lr_001_20250101_120000_", "lr", 1, 18, false},
        {"lr_001_20250101_120000_2x", "lr", 1, 18, false},
        {"lr_001_20250101_120000/x", "lr", 1, 18, false},
        {"lr_001_20250101-120000", "lr", 1, 18, false},
        {"lr_001_20250101_12000", "lr", 1, 18, false},
        {"lr_001", "lr", 1, 18, false},
        {"..", "lr", 1, 18, false},
        {"", "lr", 1, 18, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(ft_experiment_id_fits(cases[i].id, cases[i].name, cases[i].number, cases[i].total),
                     cases[i].fits, "%s of %s %d", cases[i].id, cases[i].name, (int)cases[i].number);
}

/* Ids that were announced, and whether something was there already. */
typedef struct announced {
    char ids[4][64];
    int count;
    bool was_there;
    ft_status status;
} announced;

static ft_status announce(void *context, const char *id, ft_error *err)
{
    announced *a = context;
    char path[128];
    snprintf(path, sizeof path, "deep/results/%s", id);
    a->was_there = a->was_there || access(scratch_path(path), F_OK) == 0;
    snprintf(a->ids[a->count++], sizeof a->ids[0], "%s", id);
    return a->status == FT_OK ? FT_OK : ft_fail(err, a->status, "the journal is full");
}

Test(experiment, an_id_is_announced_before_anything_is_on_disk)
{
    ft_experiment first, second = {0}, third = {0};
    ft_error err = {""};
    announced a = {.status = FT_OK};
    const ft_announcer announcer = {announce, &a};
    begin(&first, "same", 0, 0);
    cr_assert_eq(
        ft_experiment_begin(&second, scratch_path("deep/results"), "same", 0, 0, &noon, &announcer, &err),
        FT_OK, "%s", err.message);
    cr_assert_eq(a.count, 1, "what is there already is nobody's to announce");
    cr_expect_not(a.was_there);
    cr_expect_str_eq(a.ids[0], "same_20250101_120000_2");
    cr_expect_str_eq(second.experiment_id, a.ids[0]);
    a.status = FT_FAILED;
    cr_expect_eq(
        ft_experiment_begin(&third, scratch_path("deep/results"), "same", 0, 0, &noon, &announcer, &err),
        FT_FAILED);
    cr_expect_str_eq(err.message, "the journal is full");
    cr_expect_neq(access(scratch_path("deep/results/same_20250101_120000_3"), F_OK), 0);
    ft_experiment_free(&first);
    ft_experiment_free(&second);
    ft_experiment_free(&third);
}
