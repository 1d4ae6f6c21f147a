/* Whether bf16 is faster on this CPU; see bf16_gain.h. */
#include "host/experiment/bf16_gain.h"

#include <stdio.h>

#include "base/version.h"
#include "host/bench/bench.h"
#include "host/experiment/calibration_cache.h"

static const double WORTH_IT = 1.2;

/* Seconds per FLOP of a feed-forward product of a model of size small, forward and
 * backward; 0 if it could not be measured. */
static double seconds_per_flop(ft_dtype dtype)
{
    ft_bench_product product = {.name = "wi", .rows = 512, .in_features = 512, .out_features = 2048};
    ft_backend *backend = NULL;
    ft_error ignored;
    if (ft_cpu_create(dtype, 1, &backend, &ignored) != FT_OK) return 0;
    ft_status status = ft_bench_measure(backend, &product, &ignored);
    backend->free(backend);
    return status == FT_OK ? 1 / product.forward + 1 / product.backward : 0;
}

/* Measures both types twice, alternating, so that other load affects both alike. */
static double measure(void)
{
    double seconds[2] = {0};
    for (int turn = 0; turn < 4; turn++) {
        double taken = seconds_per_flop(turn % 2 ? FT_BF16 : FT_F32), *least = &seconds[turn % 2];
        if (taken == 0) return 0;
        if (*least == 0 || taken < *least) *least = taken;
    }
    return seconds[0] / seconds[1];
}

double ft_bf16_gain(void)
{
    char key[400], processor[200];
    double gain = 0;
    if (!ft_cpu_has_bf16()) return 0;
    ft_cpu_identify(processor, sizeof processor);
    snprintf(key, sizeof key, "bf16_gain: ftgpu %s, %s", ft_version(), processor);
    if (ft_calibration_find(key, &gain)) return gain;
    gain = measure();
    if (gain > 0) ft_calibration_keep(key, &gain);
    return gain;
}

bool ft_bf16_pays(double gain)
{
    return gain >= WORTH_IT;
}
