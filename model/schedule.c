/* Learning-rate schedules; see schedule.h. */
#include "model/schedule.h"

#include <math.h>

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
