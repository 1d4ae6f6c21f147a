/* Seasons: the periods of the calendar, and what one period looks like. */
#include <math.h>
#include <string.h>

#include "model/synthetic/blocks.h"

typedef struct calendar_row {
    float any, business, fine; /* weights for each ft_calendar_kind */
    float a_year;
    int32_t periods[3]; /* 0: none */
} calendar_row;

/* Benchmarks of real series are mostly monthly, quarterly, weekly, daily and hourly. */
static const calendar_row calendars[] = {
    {0.05f, 0.10f, 0.00f, 1.0f, {0}},              /* years */
    {0.13f, 0.22f, 0.00f, 4.0f, {4}},              /* quarters */
    {0.22f, 0.36f, 0.00f, 12.0f, {12}},            /* months */
    {0.10f, 0.12f, 0.00f, 52.0f, {52, 4}},         /* weeks */
    {0.03f, 0.03f, 0.00f, 260.0f, {5, 260, 21}},   /* working days */
    {0.13f, 0.17f, 0.00f, 365.0f, {7, 365, 30}},   /* days */
    {0.15f, 0.00f, 0.50f, 8766.0f, {24, 168}},     /* hours */
    {0.06f, 0.00f, 0.18f, 17532.0f, {48, 336}},    /* half hours */
    {0.04f, 0.00f, 0.13f, 35064.0f, {96, 672}},    /* quarter hours */
    {0.02f, 0.00f, 0.07f, 52596.0f, {144, 1008}},  /* ten minutes */
    {0.02f, 0.00f, 0.06f, 105192.0f, {288, 2016}}, /* five minutes */
    {0.02f, 0.00f, 0.06f, 525960.0f, {60, 1440}},  /* minutes */
    /* any period: machines keep no calendar */
    {0.03f, 0.00f, 0.00f, 100.0f, {-1}},
};
enum { N_CALENDARS = sizeof calendars / sizeof *calendars };

/* A season must come twice to be learned from the series. One that comes once is only now
 * and then a part. */
static bool fits(ft_dice *dice, int32_t period, int32_t n)
{
    return period > 1 && period <= n && (2 * period <= n || ft_dice_chance(dice, 0.2f));
}

ft_calendar ft_calendar_draw(ft_dice *dice, int32_t n, ft_calendar_kind kind)
{
    float weights[N_CALENDARS];
    for (int32_t i = 0; i < N_CALENDARS; i++)
        weights[i] = kind == FT_CALENDAR_ANY        ? calendars[i].any
                     : kind == FT_CALENDAR_BUSINESS ? calendars[i].business
                                                    : calendars[i].fine;
    ft_calendar calendar = {0};
    for (int32_t tries = 0; tries < 4; tries++) {
        const calendar_row *row = &calendars[ft_dice_pick(dice, weights, N_CALENDARS)];
        calendar = (ft_calendar){.a_year = row->a_year};
        if (row->periods[0] == 0) return calendar;
        for (int32_t k = 0; k < 3; k++) {
            int32_t period = row->periods[k];
            if (period < 0) period = (int32_t)ft_dice_log_between(dice, 3.0f, 200.0f);
            /* the second and third are weak or absent in many series */
            if (fits(dice, period, n) && (k == 0 || ft_dice_chance(dice, k == 1 ? 0.7f : 0.25f)))
                calendar.periods[calendar.n_periods++] = period;
        }
        if (calendar.n_periods > 0) break;
    }
    return calendar;
}

/* Harmonics whose strength falls with their number. */
static void fill_harmonics(ft_dice *dice, float *profile, int32_t period)
{
    int32_t most = period / 2 < 8 ? period / 2 : 8, count = ft_dice_integer(dice, 1, most > 1 ? most : 1);
    float decay = ft_dice_between(dice, 0.3f, 2.0f), base = 6.2831853f / (float)period;
    memset(profile, 0, sizeof *profile * (size_t)period);
    for (int32_t k = 1; k <= count; k++)
        ft_wave_add(profile, period, base * (float)k, ft_dice_normal(dice) * powf((float)k, -decay),
                    ft_dice_between(dice, 0.0f, 6.2831853f));
}

/* A level for each step of the period, smoothed around the circle by two passes. */
static void fill_levels(ft_dice *dice, float *profile, int32_t period)
{
    ft_dice_normals(dice, profile, period);
    if (period <= 12 && ft_dice_chance(dice, 0.6f)) return;
    float keep = ft_dice_between(dice, 0.0f, 0.9f), value = 0.0f;
    for (int32_t t = 0; t < 2 * period; t++)
        profile[t % period] = value = keep * value + (1.0f - keep) * profile[t % period];
}

/* Low and high blocks: weekend and working days, closed and open hours, holidays and
 * school. */
static void fill_blocks(ft_dice *dice, float *profile, int32_t period)
{
    int32_t high = (int32_t)((float)period * ft_dice_between(dice, 0.15f, 0.9f)) + 1;
    if (period == 7) high = 5 + (int32_t)ft_dice_chance(dice, 0.25f);
    float wobble = ft_dice_log_between(dice, 0.02f, 0.5f), slope = 0.3f * ft_dice_normal(dice);
    ft_dice_normals(dice, profile, period);
    for (int32_t t = 0; t < period; t++)
        profile[t] = wobble * profile[t] + (t < high ? 1.0f + slope * (float)t / (float)high : 0.0f);
}

/* Peaks: rush hours, lunch, December, the day of pay. */
static void fill_peaks(ft_dice *dice, float *profile, int32_t period)
{
    int32_t count = ft_dice_integer(dice, 1, 3);
    memset(profile, 0, sizeof *profile * (size_t)period);
    for (int32_t k = 0; k < count; k++) {
        float center = ft_dice_between(dice, 0.0f, (float)period), height = ft_dice_between(dice, 0.3f, 1.0f);
        float width = ft_dice_log_between(dice, 0.02f, 0.2f) * (float)period + 0.3f;
        for (int32_t t = 0; t < period; t++) {
            float away = fabsf((float)t - center);
            if (away > 0.5f * (float)period) away = (float)period - away;
            away /= width;
            if (away < 4.0f) profile[t] += height * expf(-0.5f * away * away);
        }
    }
    if (ft_dice_chance(dice, 0.2f))
        for (int32_t t = 0; t < period; t++) profile[t] = -profile[t];
}

/* Seven days of one shape: each with its strength, the weekend perhaps with a shape of
 * its own. */
static void fill_week_of_days(ft_dice *dice, float *profile, int32_t period)
{
    int32_t day = period / 7;
    float *weekend = profile + 5 * day;
    ft_profile_fill(dice, profile, day);
    if (ft_dice_chance(dice, 0.5f))
        ft_profile_fill(dice, weekend, day);
    else
        memcpy(weekend, profile, sizeof *profile * (size_t)day);
    float spread = ft_dice_log_between(dice, 0.01f, 0.2f),
          weekend_strength = ft_dice_between(dice, 0.2f, 1.0f);
    float weekend_level = ft_dice_chance(dice, 0.7f) ? -ft_dice_between(dice, 0.0f, 1.5f) : 0.0f;
    memcpy(weekend + day, weekend, sizeof *profile * (size_t)day);
    for (int32_t d = 1; d < 5; d++) memcpy(profile + d * day, profile, sizeof *profile * (size_t)day);
    for (int32_t d = 0; d < 7; d++) {
        float strength = (1.0f + spread * ft_dice_normal(dice)) * (d < 5 ? 1.0f : weekend_strength);
        float level = d < 5 ? spread * ft_dice_normal(dice) : weekend_level;
        for (int32_t t = 0; t < day; t++) profile[d * day + t] = level + strength * profile[d * day + t];
    }
}

void ft_profile_fill(ft_dice *dice, float *profile, int32_t period)
{
    enum { HARMONICS, LEVELS, BLOCKS, PEAKS, KINDS };
    static const float weights[KINDS] = {
        [HARMONICS] = 0.42f, [LEVELS] = 0.3f, [BLOCKS] = 0.12f, [PEAKS] = 0.16f};
    if (period % 7 == 0 && period >= 168 && ft_dice_chance(dice, 0.8f)) {
        fill_week_of_days(dice, profile, period);
    } else {
        switch (ft_dice_pick(dice, weights, KINDS)) {
        case LEVELS:
            fill_levels(dice, profile, period);
            break;
        case BLOCKS:
            fill_blocks(dice, profile, period);
            break;
        case PEAKS:
            fill_peaks(dice, profile, period);
            break;
        default:
            fill_harmonics(dice, profile, period);
        }
    }
    ft_standardize(profile, period);
}

static void repeat(float *x, int32_t n, const float *profile, int32_t period, int32_t phase)
{
    for (int32_t t = 0; t < n;) {
        int32_t count = period - phase < n - t ? period - phase : n - t;
        memcpy(x + t, profile + phase, sizeof *x * (size_t)count);
        t += count;
        phase = 0;
    }
}

void ft_season_fill(ft_dice *dice, float *x, int32_t n, int32_t period, float *profile)
{
    ft_profile_fill(dice, profile, period);
    repeat(x, n, profile, period, ft_dice_below(dice, period));
}

void ft_changing_season_fill(ft_dice *dice, float *x, int32_t n, int32_t period, float *work)
{
    float *profile = work, *other = work + n;
    ft_profile_fill(dice, profile, period);
    int32_t phase = ft_dice_below(dice, period);
    repeat(x, n, profile, period, phase);
    if (ft_dice_chance(dice, 0.5f)) { /* another profile takes over a part of the first */
        float share = ft_dice_between(dice, 0.1f, 1.0f) / (float)n;
        ft_profile_fill(dice, profile, period);
        repeat(other, n, profile, period, phase);
        for (int32_t t = 0; t < n; t++) x[t] += share * (float)t * (other[t] - x[t]);
    } else {
        float lengthscale = (float)n * ft_dice_between(dice, 0.1f, 0.5f);
        ft_smooth_fill(dice, other, n, FT_SMOOTH_RBF, lengthscale, 0.0f);
        for (int32_t t = 0; t < n; t++) x[t] *= 1.0f + 0.35f * other[t];
    }
}

void ft_seasons_fill(ft_dice *dice, float *x, int32_t n, const ft_calendar *calendar, float *work)
{
    memset(x, 0, sizeof *x * (size_t)n);
    float squares = 0.0f;
    for (int32_t k = 0; k < calendar->n_periods; k++) {
        float *season = work, weight = k == 0 ? 1.0f : ft_dice_between(dice, 0.1f, 1.2f);
        if (ft_dice_chance(dice, 0.25f))
            ft_changing_season_fill(dice, season, n, calendar->periods[k], work + n);
        else
            ft_season_fill(dice, season, n, calendar->periods[k], work + n);
        for (int32_t t = 0; t < n; t++) x[t] += weight * season[t];
        squares += weight * weight;
    }
    if (squares > 0.0f)
        for (int32_t t = 0; t < n; t++) x[t] /= sqrtf(squares);
}

float ft_seasons_swing(ft_dice *dice, float chance, ft_calendar_kind kind, float low, float high, float *x,
                       int32_t n, float *work)
{
    if (!ft_dice_chance(dice, chance)) return 0.0f;
    ft_calendar calendar = ft_calendar_draw(dice, n, kind);
    ft_seasons_fill(dice, x, n, &calendar, work);
    return calendar.n_periods > 0 ? ft_dice_between(dice, low, high) : 0.0f;
}
