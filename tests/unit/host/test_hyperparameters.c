/* The table of hyperparameters: defaults as documented, every way in and out, and what is
 * refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "host/search/hyperparameters.h"

Test(hyperparameters, defaults_as_json_are_the_documented_ones)
{
    cJSON *object = ft_hyperparameters_to_json(&ft_hyperparameters_default);
    char *line = ft_json_print_line(object);
    /* docs/interface.md §1, in its order. */
    cr_expect_str_eq(
        line, "{\"learning_rate\":0.0001,\"epochs\":5,\"context_length\":512,\"prediction_length\":24,"
              "\"batch_size\":32,\"warmup_steps\":0,\"weight_decay\":0.01,\"adapter_type\":\"lora\",\"lora_"
              "rank\":8,"
              "\"lora_alpha\":16,\"dropout_rate\":0.1,\"lora_targets\":\"q+v\",\"use_rslora\":false,"
              "\"lr_scheduler\":\"linear\",\"model_dropout\":null,\"max_grad_norm\":1,\"window_stride\":null,"
              "\"window_shift\":true,\"early_stopping_patience\":0,\"keep\":\"best\",\"seed\":0}");
    free(line);
    cJSON_Delete(object);
}

Test(hyperparameters, set_by_text)
{
    ft_hyperparameters h = ft_hyperparameters_default;
    ft_error err = {0};
    const char *assignments[] = {
        "learning_rate=5e-4",  "epochs=7",          "adapter_type=ln_tuning",
        "lora_targets=wo+q+v", "use_rslora=true",   "lr_scheduler=constant_with_warmup",
        "model_dropout=0.25",  "window_stride=12",  "window_shift=false",
        "seed=4294967295",     "lora_rank=256",     "dropout_rate=0",
        "warmup_steps=1e2",    "max_grad_norm=0.5", "early_stopping_patience=3"};
    for (size_t i = 0; i < sizeof assignments / sizeof *assignments; i++)
        cr_assert_eq(ft_hyperparameters_set(&h, assignments[i], &err), FT_OK, "%s", err.message);
    cr_expect(h.learning_rate == 5e-4 && h.epochs == 7 && h.adapter_type == FT_LN_TUNING);
    cr_expect(h.lora_targets == (FT_TARGET_Q | FT_TARGET_V | FT_TARGET_WO) && h.use_rslora);
    cr_expect(h.lr_scheduler == FT_SCHEDULE_CONSTANT_WITH_WARMUP && h.model_dropout == 0.25 &&
              h.window_stride == 12);
    cr_expect(!h.window_shift && h.seed == 4294967295 && h.lora_rank == 256 && h.dropout_rate == 0);
    cr_expect(h.warmup_steps == 100 && h.max_grad_norm == 0.5 && h.early_stopping_patience == 3);
    cr_expect_eq(ft_window_stride(&h), 12);
    cr_assert_eq(ft_hyperparameters_set(&h, "window_stride=null", &err), FT_OK);
    cr_assert_eq(ft_hyperparameters_set(&h, "model_dropout=null", &err), FT_OK);
    cr_expect(h.window_stride == 0 && isnan(h.model_dropout));
    cr_expect_eq(ft_window_stride(&h), 24);
}

Test(hyperparameters, every_field_goes_out_and_comes_back)
{
    ft_hyperparameters h = ft_hyperparameters_default, text = ft_hyperparameters_default,
                       json = ft_hyperparameters_default;
    ft_error err = {0};
    const char *other[] = {"3e-3", "9",    "100",    "10",  "1", "4", "0.5",   "full", "3",    "1.5", "0.3",
                           "wi",   "true", "cosine", "0.1", "2", "7", "false", "5",    "last", "11"};
    cr_assert_eq(sizeof other / sizeof *other, FT_N_FIELDS);
    for (size_t i = 0; i < FT_N_FIELDS; i++) {
        const ft_field *field = &ft_fields[i];
        cr_assert_eq(ft_field_set_text(field, other[i], &h, &err), FT_OK, "%s", err.message);
        cr_expect(!ft_field_equal(field, &h, &text), "%s", field->name);
        cr_expect(!ft_hyperparameters_equal(&h, &text));
        ft_text out = FT_TEXT_EMPTY;
        ft_field_to_text(field, &h, &out);
        cr_assert_eq(ft_field_set_text(field, out.data, &text, &err), FT_OK, "%s", err.message);
        cr_expect(ft_field_equal(field, &h, &text), "%s", field->name);
        ft_text_free(&out);
    }
    cJSON *object = ft_hyperparameters_to_json(&h);
    cr_assert_eq(ft_hyperparameters_from_json(&json, object, "h.json", &err), FT_OK, "%s", err.message);
    cr_expect(ft_hyperparameters_equal(&h, &json) && ft_hyperparameters_equal(&h, &text));
    cJSON_Delete(object);
    object = ft_hyperparameters_to_json(&ft_hyperparameters_default); /* nulls too */
    cr_assert_eq(ft_hyperparameters_from_json(&json, object, "h.json", &err), FT_OK, "%s", err.message);
    cr_expect(ft_hyperparameters_equal(&ft_hyperparameters_default, &json));
    cJSON_Delete(object);
}

static void refuses(const char *assignment, const char *message)
{
    ft_hyperparameters h = ft_hyperparameters_default;
    ft_error err = {0};
    cr_expect_eq(ft_hyperparameters_set(&h, assignment, &err), FT_BAD_INPUT, "%s", assignment);
    cr_expect_str_eq(err.message, message, "%s", err.message);
    cr_expect(ft_hyperparameters_equal(&h, &ft_hyperparameters_default), "%s changed something", assignment);
}

Test(hyperparameters, what_is_refused)
{
    refuses("learning_rate=-1e-4", "learning_rate: -1e-4 is not allowed, it must be a number from 0 to 1000");
    refuses("learning_rate=nan", "learning_rate: nan is not allowed, it must be a number from 0 to 1000");
    refuses("learning_rate=",
            "learning_rate: an empty value is not allowed, it must be a number from 0 to 1000");
    refuses("epochs=1.5", "epochs: 1.5 is not allowed, it must be a whole number from 1 to 1000000");
    refuses("epochs=0", "epochs: 0 is not allowed, it must be a whole number from 1 to 1000000");
    refuses("lora_rank=0", "lora_rank: 0 is not allowed, it must be a whole number from 1 to 256");
    refuses("lora_rank=257", "lora_rank: 257 is not allowed, it must be a whole number from 1 to 256");
    refuses("dropout_rate=1", "dropout_rate: 1 is not allowed, it must be a number from 0 to below 1");
    refuses("dropout_rate=1.5", "dropout_rate: 1.5 is not allowed, it must be a number from 0 to below 1");
    refuses("model_dropout=x",
            "model_dropout: x is not allowed, it must be a number from 0 to below 1, or null");
    refuses("lora_alpha=0", "lora_alpha: 0 is not allowed, it must be a number above 0, at most 1000000");
    refuses("seed=4294967296",
            "seed: 4294967296 is not allowed, it must be a whole number from 0 to 4294967295");
    refuses("use_rslora=1", "use_rslora: 1 is not allowed, it must be true or false");
    refuses("adapter_type=dora", "adapter_type: dora is not allowed, it must be lora, ln_tuning or full");
    refuses("lora_targets=q+x",
            "lora_targets: q+x is not allowed, it must be some of q, k, v, o, wi, wo joined by +");
    /* Names from elsewhere lead to the right key, not to the nearest spelling. */
    static const char *const synonyms[][2] = {{"lora_dropout", "dropout_rate"},
                                              {"lr", "learning_rate"},
                                              {"r", "lora_rank"},
                                              {"rank", "lora_rank"},
                                              {"alpha", "lora_alpha"},
                                              {"target_modules", "lora_targets"},
                                              {"num_train_epochs", "epochs"},
                                              {"per_device_train_batch_size", "batch_size"},
                                              {"lr_scheduler_type", "lr_scheduler"},
                                              {"Weight-Decay", "weight_decay"},
                                              {"attention_dropout", "model_dropout"}};
    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++) {
        ft_hyperparameters values = ft_hyperparameters_default;
        ft_error why = {""};
        char assignment[64], wanted[64];
        snprintf(assignment, sizeof assignment, "%s=0.5", synonyms[i][0]);
        snprintf(wanted, sizeof wanted, "here it is \"%s\"", synonyms[i][1]);
        cr_expect_eq(ft_hyperparameters_set(&values, assignment, &why), FT_BAD_INPUT);
        cr_expect(strstr(why.message, wanted), "%s", why.message);
    }
    refuses("learning_rte=1", "unknown hyperparameter \"learning_rte\" (did you mean \"learning_rate\"?)");
    refuses("learning_rate", "\"learning_rate\" is not of the form key=value");
    refuses("=3", "\"=3\" is not of the form key=value");
    ft_hyperparameters h = ft_hyperparameters_default;
    ft_error err;
    cr_expect_eq(ft_hyperparameters_set(&h, "banana=1", &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "unknown hyperparameter \"banana\" (there are: learning_rate, epochs, ") ==
              err.message);
}

static void json_refuses(const char *text, const char *message)
{
    ft_hyperparameters h = ft_hyperparameters_default;
    ft_error err = {0};
    cJSON *object = NULL;
    cr_assert_eq(ft_json_parse(text, strlen(text), "h.json", &object, &err), FT_OK, "%s", err.message);
    cr_expect_eq(ft_hyperparameters_from_json(&h, object, "h.json", &err), FT_BAD_INPUT, "%s", text);
    cr_expect_str_eq(err.message, message, "%s", err.message);
    cJSON_Delete(object);
}

Test(hyperparameters, json_of_wrong_types)
{
    json_refuses("[]", "h.json: an object of hyperparameters is needed");
    json_refuses("{\"epochs\": \"5\"}",
                 "h.json: epochs: a text is not allowed, it must be a whole number from 1 to 1000000");
    json_refuses("{\"epochs\": 5.5}",
                 "h.json: epochs: 5.5 is not allowed, it must be a whole number from 1 to 1000000");
    json_refuses("{\"epochs\": [5]}",
                 "h.json: epochs: a list is not allowed, it must be a whole number from 1 to 1000000");
    json_refuses("{\"epochs\": null}",
                 "h.json: epochs: null is not allowed, it must be a whole number from 1 to 1000000");
    json_refuses("{\"epochs\": 1e999}",
                 "h.json: epochs: inf is not allowed, it must be a whole number from 1 to 1000000");
    json_refuses("{\"use_rslora\": 1}",
                 "h.json: use_rslora: a number is not allowed, it must be true or false");
    json_refuses("{\"lr_scheduler\": true}",
                 "h.json: lr_scheduler: true is not allowed, it must be linear, cosine, "
                 "constant_with_warmup or constant");
    json_refuses("{\"Epochs\": 1}", "h.json: unknown hyperparameter \"Epochs\": here it is \"epochs\" "
                                    "(passes over the training windows)");
}

Test(hyperparameters, help_has_range_and_default)
{
    ft_text out = FT_TEXT_EMPTY;
    for (size_t i = 0; i < FT_N_FIELDS; i++)
        if (strcmp(ft_fields[i].name, "lora_rank") == 0) ft_field_help(&ft_fields[i], &out);
    cr_assert_not_null(out.data);
    cr_expect(strstr(out.data, "a whole number from 1 to 256 (default 8)"), "%s", out.data);
    ft_text_free(&out);
}

Test(hyperparameters, of_a_key_that_is_set_twice_the_last_value_counts)
{
    static const char *const set[] = {"epochs=3", "lora_targets=v,q", "epochs=4"}, *const bad[] = {"epochs=3",
                                                                                                   "lr=1"};
    ft_hyperparameters values;
    size_t times[FT_N_FIELDS];
    ft_error err = {""};
    cr_assert_eq(ft_hyperparameters_set_all(&values, set, 3, times, &err), FT_OK, "%s", err.message);
    cr_expect(values.epochs == 4 && values.lora_targets == (FT_TARGET_Q | FT_TARGET_V));
    for (int i = 0; i < FT_N_FIELDS; i++)
        cr_expect_eq(times[i], strcmp(ft_fields[i].name, "epochs") == 0         ? 2
                               : strcmp(ft_fields[i].name, "lora_targets") == 0 ? 1
                                                                                : 0);
    cr_expect_eq(ft_hyperparameters_set_all(&values, bad, 2, times, &err), FT_BAD_INPUT);
}
