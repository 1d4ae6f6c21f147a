/* `gpu_bench check`: whether the whole model is right on a device, told in seconds.
 *
 * Every check is a line of tab-separated values: check, size, dtype, status (ok, failed
 * or missing), worst, bound, detail. Worst is how far the device is from what it must
 * give, detail says where that is.
 *
 *   <kind>_loss, _grad_norm   of each step, against ref: the difference over ref's value
 *   <kind>_gradients          of the first step: the median over tensors of
 *                             ||g - ref's|| / ||ref's||
 *   <kind>_worst_gradient     the largest of these
 *   <kind>_parameters         after the last step: ||p - ref's|| / ||what ref's
 *                             changed by||
 *   <kind>_graph              steps captured and replayed against plainly queued: values
 *                             that differ
 *   <kind>_repeat             once more against the first time: values that differ
 *   greedy                    forecasts of the likeliest tokens: tokens that are not
 *                             ref's
 *   sampled                   how far off in probability drawn tokens are that are not
 *                             ref's
 *   forecast_repeat           once more against the first time: tokens that differ
 *   nccl                      a captured all-reduce over one rank: values that differ;
 *                             missing: no NCCL
 *   reference                 always ok: how long ref took
 *
 * <kind> is lora (two adapters in a batch), ln_tuning or full. All of f32 comes before
 * bf16. */
#ifndef FT_BENCH_MODEL_CHECK_H
#define FT_BENCH_MODEL_CHECK_H

#include <stdio.h>

#include "kernels/backend.h"

/* How large the checks are. */
typedef struct model_check_scene {
    const char *size; /* of the model: nano ... large */
    /* of training windows; of a forecast: values seen, and tokens drawn before the
     * context moves on */
    int32_t context_length, prediction_length;
    int32_t sequences[2];         /* of each adapter in a step */
    int32_t horizon, num_samples; /* of the forecasts that are sampled */
    bool all_kinds;               /* ln_tuning and full as well as LoRA */
    /* bf16 alone: for a new process, after f32 lost the device */
    bool skip_f32, skip_bf16;
} model_check_scene;

/* Of size nano or small; NULL for any other. */
const model_check_scene *model_check_scene_of(const char *size);

/* How the backend that is checked is made, anew for each run. */
typedef ft_status model_check_create(ft_dtype dtype, ft_backend **backend, ft_error *err);

/* Makes all checks and writes their lines to `out`. One that fails does not end the
 * others. Returns the program's exit status: 0 none failed, 1 some did, 2 nothing
 * could be checked (and the error), 3 the device was lost: after a failure it does not
 * work any more, which ends the checks. */
int model_check(const model_check_scene *scene, model_check_create *create, FILE *out, ft_error *err);

#endif
