/* The hyperparameters of an experiment: names, types, ranges, defaults, in a table.
 * docs/interface.md §1. */
#ifndef FT_HOST_SEARCH_HYPERPARAMETERS_H
#define FT_HOST_SEARCH_HYPERPARAMETERS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "model/adapter.h"
#include "model/schedule.h"

typedef struct ft_hyperparameters {
    double learning_rate;
    int64_t epochs;
    int64_t context_length, prediction_length; /* rows */
    int64_t batch_size;                        /* windows */
    int64_t warmup_steps;
    double weight_decay;
    int64_t adapter_type; /* ft_adapter_kind */
    int64_t lora_rank;
    double lora_alpha;
    double dropout_rate;   /* LoRA's own */
    uint32_t lora_targets; /* bits FT_TARGET_Q ... */
    bool use_rslora;
    int64_t lr_scheduler;  /* ft_schedule */
    double model_dropout;  /* NaN: the checkpoint's */
    double max_grad_norm;  /* 0: no clipping */
    int64_t window_stride; /* rows; 0: prediction_length (null in JSON) */
    bool window_shift;
    int64_t early_stopping_patience; /* epochs without a better val_loss; 0: off */
    int64_t seed;
} ft_hyperparameters;

extern const ft_hyperparameters ft_hyperparameters_default;

typedef enum ft_field_type {
    FT_FIELD_REAL,    /* double */
    FT_FIELD_INTEGER, /* int64_t */
    FT_FIELD_FLAG,    /* bool */
    FT_FIELD_CHOICE,  /* int64_t, one of `choices` */
    FT_FIELD_TARGETS  /* uint32_t; a text like "q+v" outside */
} ft_field_type;

typedef struct ft_field {
    const char *name;
    ft_field_type type;
    size_t offset;      /* in ft_hyperparameters */
    double least, most; /* range of a number */
    bool above, below;  /* `least`, `most` themselves are outside */
    /* null stands for the default that depends on something else */
    bool nullable;
    const char *choices[5]; /* NULL-terminated */
    const char *help;       /* one line */
} ft_field;

enum { FT_N_FIELDS = 20 };
extern const ft_field ft_fields[FT_N_FIELDS]; /* in the order of docs/interface.md §1 */

/* The field of that name; FT_BAD_INPUT with what it is called here, or the nearest
 * name. */
ft_status ft_field_find(const char *name, const ft_field **field, ft_error *err);

/* Sets one field from a text ("1e-4", "lora", "true", "null"). Errors say key, value,
 * type and range. */
ft_status ft_field_set_text(const ft_field *field, const char *text, ft_hyperparameters *hyperparameters,
                            ft_error *err);
/* Sets one field from JSON; whole numbers may be written 5.0. Texts are taken for
 * choices and targets only. */
ft_status ft_field_set_json(const ft_field *field, const cJSON *value, ft_hyperparameters *hyperparameters,
                            ft_error *err);
/* The value as JSON, as results.json has it (nullable defaults are null). The
 * caller's; NULL: no memory. */
cJSON *ft_field_to_json(const ft_field *field, const ft_hyperparameters *hyperparameters);
/* The value as ft_field_set_text reads it, appended. */
void ft_field_to_text(const ft_field *field, const ft_hyperparameters *hyperparameters, ft_text *out);
/* Whether two sets have the same value there. */
bool ft_field_equal(const ft_field *field, const ft_hyperparameters *a, const ft_hyperparameters *b);

/* Below, 0 or above 0 as a's value there comes before b's, is equal or comes after;
 * null comes first. */
int ft_field_compare(const ft_field *field, const ft_hyperparameters *a, const ft_hyperparameters *b);

/* One "key=value" (of --set). */
ft_status ft_hyperparameters_set(ft_hyperparameters *hyperparameters, const char *assignment, ft_error *err);
/* All of them, over the defaults; the last of a key counts. times: by field, how often
 * it is set. */
ft_status ft_hyperparameters_set_all(ft_hyperparameters *hyperparameters, const char *const *assignments,
                                     size_t n_assignments, size_t times[FT_N_FIELDS], ft_error *err);
/* Sets the keys that an object holds, leaves the others alone. `where` begins the
 * message ("configs.json: entry 3"). */
ft_status ft_hyperparameters_from_json(ft_hyperparameters *hyperparameters, const cJSON *object,
                                       const char *where, ft_error *err);
/* All keys in the order of the table. The caller's; NULL: no memory. */
cJSON *ft_hyperparameters_to_json(const ft_hyperparameters *hyperparameters);
bool ft_hyperparameters_equal(const ft_hyperparameters *a, const ft_hyperparameters *b);

/* Rows between training windows: window_stride, or prediction_length where that is not
 * given. */
int64_t ft_window_stride(const ft_hyperparameters *hyperparameters);

/* What it is, type and range, default, in one line without its name. */
void ft_field_help(const ft_field *field, ft_text *out);
/* The same of all with their names, a line each. */
void ft_hyperparameters_help(ft_text *out);

#endif
