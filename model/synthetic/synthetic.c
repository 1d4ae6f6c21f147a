/* The mixture: which family a series is of, what happens to it afterwards, its level and
 * its scale.
 *
 * What was taken from the literature, as ideas (all code is our own):
 * - Chronos (Ansari et al. 2024): KernelSynth, series from random compositions of
 *   kernels; TSMixup, convex combinations of scaled series. By its ablations both raise
 *   zero-shot accuracy.
 * - ForecastPFN (Dooley et al. 2023): trend x season x noise with calendar periods,
 *   multiplicative too. A model trained on nothing else forecasts real series, most of
 *   all business ones.
 * - TempoPFN (Moroshan et al. 2025): many unlike families (saw teeth, steps, spikes,
 *   anomalies, regimes): what a family lacks, the model does not learn.
 * - CauKer (Xie et al. 2025): causal graphs of processes with activations: nonlinear, but
 *   not arbitrary.
 * - Toto (Cohen et al. 2024): ARMA errors around trend and season, as of what servers
 *   report.
 * - TabPFN-TS (Hoo et al. 2025): the calendar carries much of what can be forecast, so
 *   that the periods of calendars come together (day and week, week and year).
 * - ETS and ARIMA, long hard to beat in the M competitions: their own models are drawn
 *   from. */
#include "model/synthetic/synthetic.h"

#include <math.h>
#include <string.h>

#include "model/synthetic/blocks.h"
#include "model/synthetic/families.h"

/* Weights in percent. Half goes to trend, season and kernels, which most benchmarks are
 * made of; the rest to what only some are, enough of each to be learned: of 10,000 series
 * a second, 1% is 100. */
static const ft_family families[] = {
    /* the widest prior over smooth and periodic */
    {"kernels", 14.0f, FT_ZERO_ANY, ft_draw_kernels},
    /* nonlinear, asymmetric seasons */
    {"causal", 3.5f, FT_ZERO_ANY, ft_draw_causal},
    /* phase and period to the point */
    {"sinusoids", 2.0f, FT_ZERO_ANY, ft_draw_sinusoids},
    /* any strength of trend, season, noise */
    {"additive", 8.0f, FT_ZERO_ANY, ft_draw_additive},
    /* swings that grow with the level */
    {"multiplicative", 8.0f, FT_ZERO_OWN, ft_draw_multiplicative},
    /* M1, M3, M4, tourism, sales */
    {"business", 15.0f, FT_ZERO_OWN, ft_draw_business},
    /* electricity, traffic, servers */
    {"load", 7.0f, FT_ZERO_OWN, ft_draw_load},
    /* the last value is the best forecast */
    {"walk", 3.0f, FT_ZERO_ANY, ft_draw_walk},
    /* memory, mean reversion, cycles */
    {"arima", 4.0f, FT_ZERO_ANY, ft_draw_arima},
    /* moving level and season */
    {"exponential smoothing", 6.0f, FT_ZERO_OWN, ft_draw_exponential_smoothing},
    /* the airline model */
    {"seasonal arima", 5.0f, FT_ZERO_ANY, ft_draw_seasonal_arima},
    /* stocks, rates of exchange */
    {"price", 3.0f, FT_ZERO_OWN, ft_draw_price},
    /* nothing to learn but the spread */
    {"returns", 0.5f, FT_ZERO_OWN, ft_draw_returns},
    /* clusters */
    {"volatility", 1.0f, FT_ZERO_OWN, ft_draw_volatility},
    /* whole numbers with seasons */
    {"counts", 4.0f, FT_ZERO_OWN, ft_draw_counts},
    /* spare parts: mostly zero */
    {"intermittent", 2.5f, FT_ZERO_OWN, ft_draw_intermittent},
    /* limits on both sides */
    {"percentage", 2.0f, FT_ZERO_OWN, ft_draw_percentage},
    /* log-normal peaks */
    {"positive", 2.5f, FT_ZERO_OWN, ft_draw_positive},
    /* zero each night */
    {"sun", 1.0f, FT_ZERO_OWN, ft_draw_sun},
    /* zero by chance */
    {"rain", 1.0f, FT_ZERO_OWN, ft_draw_rain},
    /* levels that hold */
    {"steps", 1.0f, FT_ZERO_ANY, ft_draw_steps},
    /* machines on a schedule */
    {"pulses", 1.5f, FT_ZERO_OWN, ft_draw_pulses},
    /* edges at a period */
    {"sawtooth", 1.0f, FT_ZERO_ANY, ft_draw_sawtooth},
    /* holidays, campaigns, failures */
    {"events", 1.5f, FT_ZERO_ANY, ft_draw_events},
    /* epidemics, totals so far */
    {"outbreaks", 1.0f, FT_ZERO_OWN, ft_draw_outbreaks},
    /* natural cycles, chaos */
    {"oscillator", 1.0f, FT_ZERO_ANY, ft_draw_oscillator},
};
enum { N_FAMILIES = sizeof families / sizeof *families };

/* of series are convex combinations of two or three */
static const float mixed_share = 0.12f;
/* of components change to another draw of their family */
static const float spliced_share = 0.03f;

enum {
    MIXED_MOST = 3, /* components of a mixture, as in TSMixup */
    TRIES = 4,      /* draws of a component until one is usable */
    ROWS = FT_FAMILY_WORK + 2
};

const ft_family *ft_families(int32_t *n)
{
    *n = N_FAMILIES;
    return families;
}

static const ft_family *pick_family(ft_dice *dice)
{
    float weights[N_FAMILIES];
    for (int32_t i = 0; i < N_FAMILIES; i++) weights[i] = families[i].weight;
    return &families[ft_dice_pick(dice, weights, N_FAMILIES)];
}

int32_t ft_family_of(uint32_t seed, uint64_t index)
{
    ft_dice dice = ft_dice_of(seed, index, 0);
    return (int32_t)(pick_family(&dice) - families);
}

size_t ft_synthetic_scratch(int32_t length)
{
    return sizeof(float) * ROWS * (size_t)length;
}

typedef enum draw_quality { USABLE, CONSTANT, EXPLODED } draw_quality;

/* EXPLODED: not finite, or so steep that all but the last values are lost in a float. */
static draw_quality judge(const float *x, int32_t n)
{
    float low = x[0], high = x[0], sum = 0.0f;
    for (int32_t t = 0; t < n; t++) {
        low = x[t] < low ? x[t] : low;
        high = x[t] > high ? x[t] : high;
        sum += x[t]; /* a NaN or an infinity stays in the sum */
    }
    if (!isfinite(sum) || !(high - low < 1e12f)) return EXPLODED;
    return high - low > 1e-5f * fmaxf(fabsf(low), fabsf(high)) ? USABLE : CONSTANT;
}

/* work: (FT_FAMILY_WORK + 1, n). */
static void draw_family(ft_dice *dice, const ft_family *family, int32_t n, float *x, float *work)
{
    family->draw(dice, n, x, work);
    if (!ft_dice_chance(dice, spliced_share)) return;
    float *other = work + FT_FAMILY_WORK * (size_t)n;
    family->draw(dice, n, other, work);
    int32_t at = (int32_t)(ft_dice_between(dice, 0.1f, 0.8f) * (float)n);
    memcpy(x + at, other + at, sizeof *x * (size_t)(n - at));
}

/* Where zero means nothing, the mean lies up to some 50 deviations away from it, mostly
 * above: Chronos divides by the mean of absolute values, so that this ratio, unlike the
 * scale, changes what it sees. */
static void place_level(ft_dice *dice, int32_t n, float *x)
{
    ft_standardize(x, n);
    if (ft_dice_chance(dice, 0.2f)) return;
    float level = ft_dice_log_between(dice, 0.3f, 50.0f);
    if (ft_dice_chance(dice, 0.1f)) level = -level;
    for (int32_t t = 0; t < n; t++) x[t] += level;
}

static void draw_component(ft_dice *dice, const ft_family *family, int32_t n, float *x, float *work)
{
    draw_quality quality = EXPLODED;
    for (int32_t tries = 0; tries < TRIES && quality != USABLE; tries++) {
        draw_family(dice, family, n, x, work);
        quality = judge(x, n);
    }
    if (quality == EXPLODED) memset(x, 0, sizeof *x * (size_t)n);
    ft_defects_apply(dice, n, x, family->zero);
    if (family->zero == FT_ZERO_ANY) place_level(dice, n, x);
}

static float mean_size(const float *x, int32_t n)
{
    float sum = 0.0f;
    for (int32_t t = 0; t < n; t++) sum += fabsf(x[t]);
    return sum > 0.0f ? sum / (float)n : 1.0f;
}

/* TSMixup: each component divided by its mean size, weights of a Dirichlet distribution
 * of 1.5 (gamma numbers over their sum, which the scale of the series makes
 * superfluous). */
static void mix(ft_dice *dice, uint32_t seed, uint64_t index, int32_t n, float *x, float *work)
{
    float *next = work + (FT_FAMILY_WORK + 1) * (size_t)n;
    float weight = ft_dice_gamma(dice, 1.5f) / mean_size(x, n);
    for (int32_t t = 0; t < n; t++) x[t] *= weight;
    int32_t count = ft_dice_integer(dice, 2, MIXED_MOST);
    for (int32_t k = 1; k < count; k++) {
        ft_dice own = ft_dice_of(seed, index, (uint32_t)k);
        draw_component(&own, pick_family(&own), n, next, work);
        weight = ft_dice_gamma(dice, 1.5f) / mean_size(next, n);
        for (int32_t t = 0; t < n; t++) x[t] += weight * next[t];
    }
}

void ft_synthetic_draw(uint32_t seed, uint64_t index, int32_t length, float *values, void *scratch)
{
    ft_dice dice = ft_dice_of(seed, index, 0);
    float *work = scratch;
    draw_component(&dice, pick_family(&dice), length, values, work);
    if (ft_dice_chance(&dice, mixed_share)) mix(&dice, seed, index, length, values, work);
    /* a fifth keeps its unit, so that counts are whole numbers */
    float scale = ft_dice_chance(&dice, 0.2f) ? 1.0f : ft_dice_log_between(&dice, 1e-3f, 1e5f);
    for (int32_t t = 0; t < length; t++) values[t] *= scale;
    ft_missing_apply(&dice, length, values);
}
