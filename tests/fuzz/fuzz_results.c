/* results.json, whoever wrote it: read, written again, shown, compared and analyzed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tests/fuzz/fuzz.h"
#include "tracker/analyze.h"
#include "tracker/columns.h"
#include "tracker/compare_people.h"
#include "tracker/show.h"

static char *text_of(const ft_experiment *experiment)
{
    cJSON *object = ft_experiment_to_json(experiment);
    char *text = object ? ft_json_print(object) : NULL;
    FUZZ_EXPECT(text);
    cJSON_Delete(object);
    return text;
}

/* Prints the table in every format and frees it. */
static void print(ft_status status, ft_table *table, ft_text *remark, ft_error *err)
{
    fuzz_check(status, err, NULL);
    for (int format = FT_TABLE_TEXT; format <= FT_TABLE_JSON && status == FT_OK; format++) {
        ft_text text = FT_TEXT_EMPTY;
        fuzz_check(ft_table_print(table, (ft_table_format)format, &text, err), err, NULL);
        if (format == FT_TABLE_JSON) {
            cJSON *list = NULL;
            status = ft_json_parse(text.data, text.length, "table", &list, err);
            if (status != FT_OK) fprintf(stderr, "%s\n%s\n", err->message, text.data);
            FUZZ_EXPECT(cJSON_IsArray(list));
            cJSON_Delete(list);
        }
        ft_text_free(&text);
    }
    ft_text_free(remark);
    ft_table_free(table);
}

/* What people see of them, in a narrow terminal, and all columns. */
static void compare(const ft_experiments *all)
{
    ft_error err = {""};
    ft_text text = FT_TEXT_EMPTY;
    ft_table table = FT_TABLE_EMPTY;
    ft_replicates replicates;
    const size_t order[] = {1, 0};
    fuzz_check(ft_replicates_find(all, &replicates, &err), &err, NULL);
    const ft_people_comparison people = {all, &replicates, FT_MAE, FT_TEST, order, 30};
    fuzz_check(ft_compare_for_people(&people, &text, &err), &err, NULL);
    fuzz_check(ft_compare_columns(all, "*", &table, &err), &err, NULL);
    ft_replicates_free(&replicates);
    ft_table_free(&table);
    ft_text_free(&text);
}

static void analyze(ft_experiments *all)
{
    ft_error err = {""};
    for (int what = 0; what < 6; what++) {
        ft_table table = FT_TABLE_EMPTY;
        ft_text remark = FT_TEXT_EMPTY;
        ft_status status = what == 0   ? ft_analyze_importance(all, FT_MAE, FT_TEST, 5, &table, &remark, &err)
                           : what == 1 ? ft_analyze_overfitting(all, &table, &remark, &err)
                           : what == 2 ? ft_analyze_convergence(all, &table, &remark, &err)
                           : what == 3 ? ft_analyze_regimes(all, &table, &remark, &err)
                           : what == 4 ? ft_analyze_summary(all, FT_VAL, &table, &remark, &err)
                                       : ft_compare(all, &table, &err);
        print(status, &table, &remark, &err);
    }
    ft_text text = FT_TEXT_EMPTY;
    fuzz_check(ft_describe_best(all, FT_MAE, FT_TEST, SIZE_MAX, &text, &err), &err, NULL);
    ft_text_free(&text);
    compare(all);
}

/* Parts of the file are read, too, and say the same of the run. */
static void read_parts(const ft_experiment *whole)
{
    for (int detail = FT_HISTORY; detail <= FT_BASELINES; detail++) {
        ft_experiment part;
        ft_error err = {""};
        const ft_status status = ft_experiment_read_part(fuzz_directory(), (ft_detail)detail, &part, &err);
        fuzz_check(status, &err, NULL);
        FUZZ_EXPECT(status == FT_OK && !part.run == !whole->run);
        FUZZ_EXPECT(strcmp(ft_experiment_data(&part), ft_experiment_data(whole)) == 0);
        FUZZ_EXPECT(ft_experiment_pruned_at(&part) == ft_experiment_pruned_at(whole));
        ft_experiment_free(&part);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_put("results.json", data, size);
    ft_experiment experiment, again;
    ft_error err = {""};
    ft_status status = ft_experiment_read(fuzz_directory(), &experiment, &err);
    fuzz_check(status, &err, path);
    if (status != FT_OK) return 0;
    read_parts(&experiment);
    /* What was read is written such that it is read as the same. */
    char *text = text_of(&experiment), *more;
    fuzz_put("results.json", text, strlen(text));
    status = ft_experiment_read(fuzz_directory(), &again, &err);
    fuzz_check(status, &err, path);
    FUZZ_EXPECT(status == FT_OK);
    more = text_of(&again);
    FUZZ_EXPECT(strcmp(text, more) == 0);
    free(text);
    free(more);
    ft_text shown = FT_TEXT_EMPTY;
    fuzz_check(ft_show_experiment(&experiment, 80, &shown, &err), &err, NULL);
    ft_text_free(&shown);
    /* Two of them: a second experiment with the same hyperparameters. */
    again.metrics[FT_TEST].mae = experiment.metrics[FT_TEST].mae + 1;
    ft_experiment both[2] = {experiment, again};
    ft_experiments all = {.items = both, .count = 2};
    analyze(&all);
    ft_experiment_free(&both[0]);
    ft_experiment_free(&both[1]);
    return 0;
}
