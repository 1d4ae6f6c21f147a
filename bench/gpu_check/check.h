/* What the checks of model_check.h share: the model, the data, and the writing of
 * lines. */
#ifndef FT_BENCH_CHECK_H
#define FT_BENCH_CHECK_H

#include "bench/gpu_check/model_check.h"
#include "model/adapter.h"
#include "model/tokenizer.h"
#include "model/windows.h"

/* sequences: of a step, at most */
enum { CHECK_ADAPTERS = 2, CHECK_SEQUENCES = 3, CHECK_SERIES = 3 };

typedef struct check_run {
    const model_check_scene *scene;
    model_check_create *create;
    FILE *out;
    ft_model_config config;
    ft_weights *weights;
    ft_tokenizer *tokenizer;
    ft_adapter *adapters[CHECK_ADAPTERS]; /* LoRA */
    float *values;                        /* of the series, one after the other */
    ft_series series[CHECK_SERIES];       /* the second has missing values */
    double reference_seconds;
    bool failed, lost; /* lost: nothing more is written */
} check_run;

/* A check's line: ok where worst <= bound. */
void check_result(check_run *run, const char *check, ft_dtype dtype, double worst, double bound,
                  const char *detail);
/* The line of a check that could not come to its end; then sees whether the device
 * still works. */
void check_error(check_run *run, const char *check, ft_dtype dtype, const ft_error *err);

/* The line of a check that cannot be made here. */
void check_missing(check_run *run, const char *check, ft_dtype dtype, const ft_error *err);

/* The reference for a backend in `dtype`: in double, or with what enters a product
 * rounded to bf16. */
ft_status check_reference(ft_dtype dtype, ft_backend **backend, ft_error *err);

void check_training(check_run *run, ft_adapter_kind kind, ft_dtype dtype);
void check_forecasts(check_run *run, ft_dtype dtype);
void check_nccl(check_run *run);

#endif
