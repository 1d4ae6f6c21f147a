/* The hyperparameters of an experiment: a table of names, types, ranges and defaults.
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

/* Whose weights are evaluated, written and forecast with: those of the epoch with the
 * lowest val_loss, or the last epoch's. */
typedef enum ft_keep { FT_KEEP_BEST, FT_KEEP_LAST } ft_keep;

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
    double dropout_rate;   /* of the LoRA input */
    uint32_t lora_targets; /* bits FT_TARGET_Q ... */
    bool use_rslora;
    int64_t lr_scheduler;  /* ft_schedule */
    double model_dropout;  /* NaN: as in the model's config */
    double max_grad_norm;  /* 0: no clipping */
    int64_t window_stride; /* rows; 0: prediction_length (null in JSON) */
    bool window_shift;
    int64_t early_stopping_patience; /* epochs without a better val_loss; 0: off */
    int64_t keep;                    /* ft_keep */
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
    bool above, below;  /* whether `least`, `most` are excluded */
    /* may be null: a default that depends on another setting */
    bool nullable;
    /* configurations with different values cannot share a pass (host/sweep/plan.c) */
    bool separates_passes;
    const char *choices[5]; /* NULL-terminated */
    const char *help;       /* one line */
} ft_field;

enum { FT_N_FIELDS = 21 };
extern const ft_field ft_fields[FT_N_FIELDS]; /* in the order of docs/interface.md §1 */

/* Finds a field by name. FT_BAD_INPUT suggests ftgpu's name for a synonym, or the
 * nearest name. */
ft_status ft_field_find(const char *name, const ft_field **field, ft_error *err);

/* Sets one field from a text ("1e-4", "lora", "true", "null"). Errors name key, value,
 * type and range. */
ft_status ft_field_set_text(const ft_field *field, const char *text, ft_hyperparameters *hyperparameters,
                            ft_error *err);
/* Sets one field from JSON. Whole numbers may be written 5.0; strings are accepted for
 * choices and targets only. */
ft_status ft_field_set_json(const ft_field *field, const cJSON *value, ft_hyperparameters *hyperparameters,
                            ft_error *err);
/* The value as in results.json (an unset nullable one is null). The caller owns it;
 * NULL when memory runs out. */
cJSON *ft_field_to_json(const ft_field *field, const ft_hyperparameters *hyperparameters);
/* Appends the value as ft_field_set_text reads it. */
void ft_field_to_text(const ft_field *field, const ft_hyperparameters *hyperparameters, ft_text *out);
/* Whether a and b have the same value of the field. */
bool ft_field_equal(const ft_field *field, const ft_hyperparameters *a, const ft_hyperparameters *b);

/* < 0, 0 or > 0 as a's value is less than, equal to or greater than b's; null is
 * least. */
int ft_field_compare(const ft_field *field, const ft_hyperparameters *a, const ft_hyperparameters *b);

/* Applies one "key=value" of --set. */
ft_status ft_hyperparameters_set(ft_hyperparameters *hyperparameters, const char *assignment, ft_error *err);
/* Applies all assignments to the defaults; the last of a key wins. times: by field,
 * how often it is set. */
ft_status ft_hyperparameters_set_all(ft_hyperparameters *hyperparameters, const char *const *assignments,
                                     size_t n_assignments, size_t times[FT_N_FIELDS], ft_error *err);
/* Sets the keys that an object has, and leaves the others. `where` begins messages
 * ("configs.json: entry 3"). */
ft_status ft_hyperparameters_from_json(ft_hyperparameters *hyperparameters, const cJSON *object,
                                       const char *where, ft_error *err);
/* All keys in the order of the table. The caller owns it; NULL when memory runs out. */
cJSON *ft_hyperparameters_to_json(const ft_hyperparameters *hyperparameters);
bool ft_hyperparameters_equal(const ft_hyperparameters *a, const ft_hyperparameters *b);

/* Rows between the starts of training windows: window_stride, or prediction_length if
 * that is null. */
int64_t ft_window_stride(const ft_hyperparameters *hyperparameters);

/* Appends one line: description, type and range, default; without the name. */
void ft_field_help(const ft_field *field, ft_text *out);

#endif
