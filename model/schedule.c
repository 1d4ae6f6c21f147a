/* Learning-rate schedules; see schedule.h. */
#include "model/schedule.h"

#include <math.h>
#include <string.h>

static const char *const names[FT_SCHEDULE_COUNT] = {
    [FT_SCHEDULE_LINEAR] = "linear",
    [FT_SCHEDULE_COSINE] = "cosine",
    [FT_SCHEDULE_CONSTANT_WITH_WARMUP] = "constant_with_warmup",
    [FT_SCHEDULE_CONSTANT] = "constant",
};

static double at_least(double lowest, double value)
{
    return value > lowest ? value : lowest;
}

double ft_schedule_factor(ft_schedule kind, int64_t step, int64_t warmup_steps, int64_t total_steps)
{
    const double pi = 3.14159265358979323846;
    if (kind == FT_SCHEDULE_CONSTANT) return 1.0;
    if (step < warmup_steps) return (double)step / at_least(1.0, (double)warmup_steps);
    if (kind == FT_SCHEDULE_CONSTANT_WITH_WARMUP) return 1.0;
    double decay_steps = at_least(1.0, (double)(total_steps - warmup_steps));
    if (kind == FT_SCHEDULE_LINEAR) return at_least(0.0, (double)(total_steps - step) / decay_steps);
    double progress = (double)(step - warmup_steps) / decay_steps;
    /* transformers: pi * num_cycles * 2.0 * progress, with num_cycles = 0.5 */
    return at_least(0.0, 0.5 * (1.0 + cos(pi * 0.5 * 2.0 * progress)));
}

const char *ft_schedule_name(ft_schedule kind)
{
    return kind < FT_SCHEDULE_COUNT ? names[kind] : "unknown";
}

ft_status ft_schedule_parse(const char *name, ft_schedule *kind, ft_error *err)
{
    for (int i = 0; i < FT_SCHEDULE_COUNT; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *kind = (ft_schedule)i;
        return FT_OK;
    }
    return ft_fail(err, FT_BAD_INPUT,
                   "\"%s\" is not a schedule (use linear, cosine, constant_with_warmup or constant)", name);
}
