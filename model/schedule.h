/* The learning-rate schedules of transformers.get_scheduler, computed exactly as there.
 * See docs/reference.md §4. */
#ifndef FT_MODEL_SCHEDULE_H
#define FT_MODEL_SCHEDULE_H

#include <stdint.h>

typedef enum ft_schedule {
    /* up over the warm-up, then straight down to 0 at total_steps */
    FT_SCHEDULE_LINEAR,
    /* up over the warm-up, then half a cosine down to 0 at total_steps */
    FT_SCHEDULE_COSINE,
    FT_SCHEDULE_CONSTANT_WITH_WARMUP, /* up over the warm-up, then 1 */
    FT_SCHEDULE_CONSTANT,             /* 1; ignores the warm-up */
    FT_SCHEDULE_COUNT,
} ft_schedule;
/* Their names, as in transformers and in lr_scheduler: initializers of an array of
 * strings. */
#define FT_SCHEDULE_NAMES                                                                                    \
    [FT_SCHEDULE_LINEAR] = "linear", [FT_SCHEDULE_COSINE] = "cosine",                                        \
    [FT_SCHEDULE_CONSTANT_WITH_WARMUP] = "constant_with_warmup", [FT_SCHEDULE_CONSTANT] = "constant"

/* The factor on the learning rate for the step that follows `step` finished ones (the
 * first step of a warm-up has 0). The same double arithmetic, in the same order, as
 * transformers' lambdas. */
double ft_schedule_factor(ft_schedule kind, int64_t step, int64_t warmup_steps, int64_t total_steps);

#endif
