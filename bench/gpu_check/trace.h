/* A few training steps on a backend, and all that came out of them. */
#ifndef FT_BENCH_TRACE_H
#define FT_BENCH_TRACE_H

#include "bench/gpu_check/check.h"

enum { TRACE_STEPS = 4, TRACE_PARTS = 512 };

/* One of the tensors that are trained: where it lies in each adapter's row. */
typedef struct trace_part {
    int32_t tensor;
    bool is_b; /* of LoRA */
    int64_t first, count;
} trace_part;

typedef struct trace {
    ft_status status;
    ft_error err; /* unless status is FT_OK: then what is below means nothing */
    ft_adapter_kind kind;
    int32_t n_adapters, n_steps, n_replays;
    double loss[TRACE_STEPS][CHECK_ADAPTERS], grad_norm[TRACE_STEPS][CHECK_ADAPTERS];
    int64_t n_params;
    /* (n_adapters, n_params): parameters before and after, gradients of the first step */
    float *start, *end, *gradients;
    trace_part parts[TRACE_PARTS];
    int32_t n_parts;
} trace;

/* Trains on ref, in double or with bf16 emulated, or on the device that is checked:
 * plainly queued, or by graphs (model/step_graphs.h: the first step is queued plainly,
 * the second captured and replayed, the others replayed). To be freed. */
trace trace_on_reference(check_run *run, ft_adapter_kind kind, ft_dtype dtype);
trace trace_on_device(const check_run *run, ft_adapter_kind kind, ft_dtype dtype, bool with_graphs);
void trace_free(trace *t);

#endif
