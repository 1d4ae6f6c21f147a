/* The table of hyperparameters, and what follows from it; see hyperparameters.h. */
#include "host/search/hyperparameters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "host/search/synonyms.h"

const ft_hyperparameters ft_hyperparameters_default = {
    .learning_rate = 1e-4,
    .epochs = 5,
    .context_length = 512,
    .prediction_length = 24,
    .batch_size = 32,
    .warmup_steps = 0,
    .weight_decay = 0.01,
    .adapter_type = FT_LORA,
    .lora_rank = 8,
    .lora_alpha = 16.0,
    .dropout_rate = 0.1,
    .lora_targets = FT_TARGET_Q | FT_TARGET_V,
    .use_rslora = false,
    .lr_scheduler = FT_SCHEDULE_LINEAR,
    .model_dropout = NAN,
    .max_grad_norm = 1.0,
    .window_stride = 0,
    .window_shift = true,
    .early_stopping_patience = 0,
    .keep = FT_KEEP_BEST,
    .seed = 0,
};

#define PLACE(field) .name = #field, .offset = offsetof(ft_hyperparameters, field)
#define REAL(field) PLACE(field), .type = FT_FIELD_REAL
#define INTEGER(field) PLACE(field), .type = FT_FIELD_INTEGER
#define FLAG(field) PLACE(field), .type = FT_FIELD_FLAG
#define CHOICE(field) PLACE(field), .type = FT_FIELD_CHOICE

/* Upper limits that no method demands keep derived values (batch sizes, total steps,
 * factors in float) far from overflow. */
const ft_field ft_fields[FT_N_FIELDS] = {
    {REAL(learning_rate), .least = 0, .most = 1000, .help = "of AdamW, before the schedule"},
    {INTEGER(epochs), .least = 1, .most = 1e6, .help = "passes over the training windows"},
    {INTEGER(context_length), .least = 1, .most = 65536, .separates_passes = true,
     .help = "rows that the model looks back"},
    {INTEGER(prediction_length), .least = 1, .most = 65536, .separates_passes = true,
     .help = "rows that it forecasts"},
    {INTEGER(batch_size), .least = 1, .most = 65536, .help = "windows in an optimizer step"},
    {INTEGER(warmup_steps), .least = 0, .most = 1e9,
     .help = "steps over which the learning rate rises from 0"},
    {REAL(weight_decay), .least = 0, .most = 1000, .help = "of AdamW, decoupled"},
    {CHOICE(adapter_type), .choices = {FT_ADAPTER_KIND_NAMES}, .separates_passes = true,
     .help = "what is trained"},
    {INTEGER(lora_rank), .least = 1, .most = FT_MAX_RANK, .help = "columns of LoRA's matrices"},
    {REAL(lora_alpha), .least = 0, .above = true, .most = 1e6,
     .help = "LoRA's scale is lora_alpha / lora_rank"},
    {REAL(dropout_rate), .least = 0, .most = 1, .below = true, .help = "dropout on the input of LoRA's A"},
    {PLACE(lora_targets), .type = FT_FIELD_TARGETS, .help = "modules with LoRA"},
    {FLAG(use_rslora), .help = "LoRA's scale is lora_alpha / sqrt(lora_rank) instead"},
    {CHOICE(lr_scheduler), .choices = {FT_SCHEDULE_NAMES},
     .help = "how the learning rate changes over the steps"},
    {REAL(model_dropout), .least = 0, .most = 1, .below = true, .nullable = true,
     .help = "dropout inside the model; null: the checkpoint's"},
    {REAL(max_grad_norm), .least = 0, .most = 1e30, .help = "gradients are clipped to this norm; 0: never"},
    {INTEGER(window_stride), .least = 1, .most = 1e9, .nullable = true,
     .help = "rows between training windows; null: prediction_length"},
    {FLAG(window_shift), .help = "move the training windows by a random part of window_stride each epoch"},
    {INTEGER(early_stopping_patience), .least = 0, .most = 1e6,
     .help = "epochs without a better val_loss before it stops; 0: off"},
    {CHOICE(keep), .choices = {[FT_KEEP_BEST] = "best", [FT_KEEP_LAST] = "last"},
     .help = "the epoch whose weights count: of the lowest val_loss, if there is one, or the last"},
    {INTEGER(seed), .least = 0, .most = 4294967295.0, .help = "of initial values, order, shift and dropout"},
};

ft_status ft_field_find(const char *name, const ft_field **field, ft_error *err)
{
    const char *names[FT_N_FIELDS];
    for (size_t i = 0; i < FT_N_FIELDS; i++) {
        names[i] = ft_fields[i].name;
        if (strcmp(name, names[i]) != 0) continue;
        *field = &ft_fields[i];
        return FT_OK;
    }
    const char *known = ft_hyperparameter_synonym(name);
    for (size_t i = 0; known && i < FT_N_FIELDS; i++)
        if (strcmp(known, names[i]) == 0)
            return ft_fail(err, FT_BAD_INPUT, "unknown hyperparameter \"%.60s\": here it is \"%s\" (%s)",
                           name, known, ft_fields[i].help);
    const char *nearest = ft_nearest_name(name, names, FT_N_FIELDS);
    if (nearest)
        return ft_fail(err, FT_BAD_INPUT, "unknown hyperparameter \"%.60s\" (did you mean \"%s\"?)", name,
                       nearest);
    ft_text list = FT_TEXT_EMPTY;
    for (size_t i = 0; i < FT_N_FIELDS; i++) ft_text_addf(&list, i ? ", %s" : "%s", names[i]);
    ft_status status = ft_fail(err, FT_BAD_INPUT, "unknown hyperparameter \"%.60s\" (there are: %s)", name,
                               list.failed ? "" : list.data);
    ft_text_free(&list);
    return status;
}

static const void *place_in(const ft_field *field, const ft_hyperparameters *hyperparameters)
{
    return (const char *)hyperparameters + field->offset;
}

static double real_of(const ft_field *field, const ft_hyperparameters *hyperparameters)
{
    double value;
    memcpy(&value, place_in(field, hyperparameters), sizeof value);
    return value;
}

static int64_t integer_of(const ft_field *field, const ft_hyperparameters *hyperparameters)
{
    int64_t value;
    memcpy(&value, place_in(field, hyperparameters), sizeof value);
    return value;
}

static bool flag_of(const ft_field *field, const ft_hyperparameters *hyperparameters)
{
    bool value;
    memcpy(&value, place_in(field, hyperparameters), sizeof value);
    return value;
}

static uint32_t targets_of(const ft_field *field, const ft_hyperparameters *hyperparameters)
{
    uint32_t value;
    memcpy(&value, place_in(field, hyperparameters), sizeof value);
    return value;
}

static void store(const ft_field *field, ft_hyperparameters *hyperparameters, const void *value, size_t size)
{
    memcpy((char *)hyperparameters + field->offset, value, size);
}

/* Appends what a value must be: "a whole number from 1 to 256". */
static void describe_range(const ft_field *field, ft_text *out)
{
    char least[FT_NUMBER_CHARS], most[FT_NUMBER_CHARS];
    switch (field->type) {
    case FT_FIELD_REAL:
    case FT_FIELD_INTEGER:
        ft_text_addf(out, "a %snumber", field->type == FT_FIELD_INTEGER ? "whole " : "");
        if (field->type == FT_FIELD_INTEGER)
            ft_text_addf(out, " from %lld to %lld", (long long)field->least, (long long)field->most);
        else
            ft_text_addf(out, " %s %s%s %s", field->above ? "above" : "from",
                         ft_format_double(field->least, least),
                         field->above   ? ", at most"
                         : field->below ? " to below"
                                        : " to",
                         ft_format_double(field->most, most));
        break;
    case FT_FIELD_FLAG:
        ft_text_add(out, "true or false");
        break;
    case FT_FIELD_CHOICE:
        for (size_t i = 0; field->choices[i]; i++)
            ft_text_addf(out, "%s%s", i == 0 ? "" : field->choices[i + 1] ? ", " : " or ", field->choices[i]);
        break;
    case FT_FIELD_TARGETS:
        ft_text_add(out, "some of q, k, v, o, wi, wo joined by +");
        break;
    }
    if (field->nullable) ft_text_add(out, ", or null");
}

/* FT_BAD_INPUT: "lora_rank: 0 is not allowed, it must be a whole number from 1 to
 * 256". */
static ft_status not_allowed(const ft_field *field, const char *value, ft_error *err)
{
    ft_text range = FT_TEXT_EMPTY;
    describe_range(field, &range);
    ft_status status = ft_fail(err, FT_BAD_INPUT, "%s: %.60s is not allowed, it must be %s", field->name,
                               value, range.failed ? "in its range" : range.data);
    ft_text_free(&range);
    return status;
}

/* Stores a number if it is in the field's range. `shown` is the user's spelling of it,
 * for the message. */
static ft_status set_number(const ft_field *field, double value, const char *shown,
                            ft_hyperparameters *hyperparameters, ft_error *err)
{
    bool whole = field->type == FT_FIELD_INTEGER;
    if (!(value >= field->least && value <= field->most) || (field->above && value <= field->least) ||
        (field->below && value >= field->most) || (whole && value != floor(value)))
        return not_allowed(field, shown, err);
    if (whole) {
        int64_t integer = (int64_t)value;
        store(field, hyperparameters, &integer, sizeof integer);
    } else {
        value += 0.0; /* -0 becomes 0 */
        store(field, hyperparameters, &value, sizeof value);
    }
    return FT_OK;
}

static ft_status set_flag(const ft_field *field, bool value, ft_hyperparameters *hyperparameters)
{
    store(field, hyperparameters, &value, sizeof value);
    return FT_OK;
}

/* Stores a choice or targets. */
static ft_status set_word(const ft_field *field, const char *word, ft_hyperparameters *hyperparameters,
                          ft_error *err)
{
    if (field->type == FT_FIELD_TARGETS) {
        uint32_t targets;
        if (ft_targets_parse(word, &targets, NULL) != FT_OK) return not_allowed(field, word, err);
        store(field, hyperparameters, &targets, sizeof targets);
        return FT_OK;
    }
    for (int64_t i = 0; field->choices[i]; i++) {
        if (strcmp(word, field->choices[i]) != 0) continue;
        store(field, hyperparameters, &i, sizeof i);
        return FT_OK;
    }
    return not_allowed(field, word, err);
}

/* Stores targets given as in PEFT's configs: ["q", "v"]. */
static ft_status set_list(const ft_field *field, const cJSON *list, ft_hyperparameters *hyperparameters,
                          ft_error *err)
{
    ft_text joined = FT_TEXT_EMPTY;
    const cJSON *item;
    bool words = true;
    cJSON_ArrayForEach(item, list)
    {
        words = words && cJSON_IsString(item);
        if (words) ft_text_addf(&joined, "%s%s", joined.length ? "+" : "", item->valuestring);
    }
    ft_status status = joined.failed ? ft_no_memory(err, "a list of targets", joined.length)
                       : words       ? set_word(field, joined.data, hyperparameters, err)
                                     : not_allowed(field, "this list", err);
    ft_text_free(&joined);
    return status;
}

static void set_null(const ft_field *field, ft_hyperparameters *hyperparameters)
{
    store(field, hyperparameters, place_in(field, &ft_hyperparameters_default),
          field->type == FT_FIELD_REAL ? sizeof(double) : sizeof(int64_t));
}

ft_status ft_field_set_text(const ft_field *field, const char *text, ft_hyperparameters *hyperparameters,
                            ft_error *err)
{
    double number = NAN;
    if (field->nullable && strcmp(text, "null") == 0) {
        set_null(field, hyperparameters);
        return FT_OK;
    }
    switch (field->type) {
    case FT_FIELD_REAL:
    case FT_FIELD_INTEGER:
        if (!ft_parse_double(text, strlen(text), &number)) break;
        return set_number(field, number, text, hyperparameters, err);
    case FT_FIELD_FLAG:
        if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
            return set_flag(field, *text == 't', hyperparameters);
        break;
    case FT_FIELD_CHOICE:
    case FT_FIELD_TARGETS:
        if (*text) return set_word(field, text, hyperparameters, err);
        break;
    }
    return not_allowed(field, *text ? text : "an empty value", err);
}

ft_status ft_field_set_json(const ft_field *field, const cJSON *value, ft_hyperparameters *hyperparameters,
                            ft_error *err)
{
    if (field->nullable && cJSON_IsNull(value)) {
        set_null(field, hyperparameters);
        return FT_OK;
    }
    bool number = field->type == FT_FIELD_REAL || field->type == FT_FIELD_INTEGER;
    bool word = field->type == FT_FIELD_CHOICE || field->type == FT_FIELD_TARGETS;
    if (number && cJSON_IsNumber(value)) {
        char shown[FT_NUMBER_CHARS];
        return set_number(field, value->valuedouble, ft_format_double(value->valuedouble, shown),
                          hyperparameters, err);
    }
    if (field->type == FT_FIELD_FLAG && cJSON_IsBool(value))
        return set_flag(field, cJSON_IsTrue(value), hyperparameters);
    if (word && cJSON_IsString(value)) return set_word(field, value->valuestring, hyperparameters, err);
    if (field->type == FT_FIELD_TARGETS && cJSON_IsArray(value) && value->child)
        return set_list(field, value, hyperparameters, err);
    const char *kind = cJSON_IsArray(value)    ? "a list"
                       : cJSON_IsObject(value) ? "an object"
                       : cJSON_IsString(value) ? "a text"
                       : cJSON_IsNumber(value) ? "a number"
                       : cJSON_IsNull(value)   ? "null"
                       : cJSON_IsTrue(value)   ? "true"
                                               : "false";
    return not_allowed(field, kind, err);
}

/* Whether the value is null: a default that depends on another setting. */
static bool is_null(const ft_field *field, const ft_hyperparameters *hyperparameters)
{
    if (!field->nullable) return false;
    if (field->type == FT_FIELD_REAL) return isnan(real_of(field, hyperparameters));
    return integer_of(field, hyperparameters) == 0;
}

cJSON *ft_field_to_json(const ft_field *field, const ft_hyperparameters *hyperparameters)
{
    if (is_null(field, hyperparameters)) return cJSON_CreateNull();
    switch (field->type) {
    case FT_FIELD_REAL:
        return ft_json_number(real_of(field, hyperparameters));
    case FT_FIELD_INTEGER:
        return ft_json_number((double)integer_of(field, hyperparameters));
    case FT_FIELD_FLAG:
        return cJSON_CreateBool(flag_of(field, hyperparameters));
    case FT_FIELD_CHOICE:
        return cJSON_CreateString(field->choices[integer_of(field, hyperparameters)]);
    case FT_FIELD_TARGETS: {
        char targets[32];
        ft_targets_format(targets_of(field, hyperparameters), targets);
        return cJSON_CreateString(targets);
    }
    }
    return NULL;
}

void ft_field_to_text(const ft_field *field, const ft_hyperparameters *hyperparameters, ft_text *out)
{
    cJSON *value = ft_field_to_json(field, hyperparameters);
    char *line = value && !cJSON_IsString(value) ? ft_json_print_line(value) : NULL;
    if (value && cJSON_IsString(value))
        ft_text_add(out, value->valuestring);
    else if (line)
        ft_text_add(out, line);
    else
        out->failed = true;
    free(line);
    cJSON_Delete(value);
}

bool ft_field_equal(const ft_field *field, const ft_hyperparameters *a, const ft_hyperparameters *b)
{
    switch (field->type) {
    case FT_FIELD_REAL:
        return is_null(field, a) ? is_null(field, b) : real_of(field, a) == real_of(field, b);
    case FT_FIELD_FLAG:
        return flag_of(field, a) == flag_of(field, b);
    case FT_FIELD_TARGETS:
        return targets_of(field, a) == targets_of(field, b);
    default:
        return integer_of(field, a) == integer_of(field, b);
    }
}

int ft_field_compare(const ft_field *field, const ft_hyperparameters *a, const ft_hyperparameters *b)
{
    const ft_hyperparameters *of[] = {a, b};
    double numbers[2];
    for (int i = 0; i < 2; i++)
        numbers[i] = field->type == FT_FIELD_REAL      ? real_of(field, of[i])
                     : field->type == FT_FIELD_FLAG    ? (double)flag_of(field, of[i])
                     : field->type == FT_FIELD_TARGETS ? (double)targets_of(field, of[i])
                                                       : (double)integer_of(field, of[i]);
    if (isnan(numbers[0]) || isnan(numbers[1])) return (int)isnan(numbers[1]) - (int)isnan(numbers[0]);
    return numbers[0] < numbers[1] ? -1 : numbers[0] > numbers[1];
}

/* Splits "key=value" into its field and the value. */
static ft_status parse_assignment(const char *assignment, const ft_field **field, const char **value,
                                  ft_error *err)
{
    const char *equals = strchr(assignment, '=');
    char name[64];
    if (!equals || equals == assignment)
        return ft_fail(err, FT_BAD_INPUT, "\"%.60s\" is not of the form key=value", assignment);
    size_t length = (size_t)(equals - assignment);
    if (length >= sizeof name) length = sizeof name - 1;
    memcpy(name, assignment, length);
    name[length] = '\0';
    *value = equals + 1;
    return ft_field_find(name, field, err);
}

ft_status ft_hyperparameters_set(ft_hyperparameters *hyperparameters, const char *assignment, ft_error *err)
{
    const ft_field *field;
    const char *value = NULL;
    ft_status status = parse_assignment(assignment, &field, &value, err);
    return status == FT_OK ? ft_field_set_text(field, value, hyperparameters, err) : status;
}

ft_status ft_hyperparameters_set_all(ft_hyperparameters *hyperparameters, const char *const *assignments,
                                     size_t n_assignments, size_t times[FT_N_FIELDS], ft_error *err)
{
    *hyperparameters = ft_hyperparameters_default;
    memset(times, 0, FT_N_FIELDS * sizeof *times);
    for (size_t i = 0; i < n_assignments; i++) {
        const ft_field *field;
        const char *value = NULL;
        ft_status status = parse_assignment(assignments[i], &field, &value, err);
        if (status == FT_OK) status = ft_field_set_text(field, value, hyperparameters, err);
        if (status != FT_OK) return status;
        times[field - ft_fields]++;
    }
    return FT_OK;
}

ft_status ft_hyperparameters_from_json(ft_hyperparameters *hyperparameters, const cJSON *object,
                                       const char *where, ft_error *err)
{
    if (!cJSON_IsObject(object))
        return ft_fail(err, FT_BAD_INPUT, "%s: an object of hyperparameters is needed", where);
    for (const cJSON *value = object->child; value; value = value->next) {
        const ft_field *field;
        ft_status status = ft_field_find(value->string, &field, err);
        if (status == FT_OK) status = ft_field_set_json(field, value, hyperparameters, err);
        if (status == FT_OK) continue;
        ft_error_prefix(err, where);
        return status;
    }
    return FT_OK;
}

cJSON *ft_hyperparameters_to_json(const ft_hyperparameters *hyperparameters)
{
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < FT_N_FIELDS && object; i++) {
        cJSON *value = ft_field_to_json(&ft_fields[i], hyperparameters);
        if (value && cJSON_AddItemToObject(object, ft_fields[i].name, value)) continue;
        cJSON_Delete(value);
        cJSON_Delete(object);
        object = NULL;
    }
    return object;
}

bool ft_hyperparameters_equal(const ft_hyperparameters *a, const ft_hyperparameters *b)
{
    for (size_t i = 0; i < FT_N_FIELDS; i++)
        if (!ft_field_equal(&ft_fields[i], a, b)) return false;
    return true;
}

int64_t ft_window_stride(const ft_hyperparameters *hyperparameters)
{
    return hyperparameters->window_stride ? hyperparameters->window_stride
                                          : hyperparameters->prediction_length;
}

void ft_field_help(const ft_field *field, ft_text *out)
{
    ft_text_addf(out, "%s: ", field->help);
    describe_range(field, out);
    ft_text_add(out, " (default ");
    ft_field_to_text(field, &ft_hyperparameters_default, out);
    ft_text_add(out, ")");
}
