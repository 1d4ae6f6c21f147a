/* How many rows a season has; see season.h. */
#include "host/data/season.h"

#include <stdio.h>

#include "host/data/calendar.h"

/* 1 where `multiple` rows of the base frequency do not divide its season. */
static int64_t divide(int64_t season, int64_t multiple)
{
    return season % multiple == 0 ? season / multiple : 1;
}

static int64_t season_of_step(int64_t step)
{
    if (step % FT_MICROSECONDS_A_DAY == 0) return 1;
    if (step % FT_MICROSECONDS_AN_HOUR == 0) return divide(24, step / FT_MICROSECONDS_AN_HOUR);
    if (step % FT_MICROSECONDS_A_MINUTE == 0) return divide(1440, step / FT_MICROSECONDS_A_MINUTE);
    if (step % FT_MICROSECONDS_A_SECOND == 0) return divide(3600, step / FT_MICROSECONDS_A_SECOND);
    return 1;
}

/* Rows of the week before a time of the week. */
static int64_t rows_before(const ft_week_pattern *week, int64_t time)
{
    int64_t rows = 0;
    for (int32_t i = 0; i < week->n_stretches; i++) {
        const ft_stretch *s = &week->stretches[i];
        const int64_t end = time <= s->to ? time : s->to + 1;
        if (end > s->from) rows += (end - s->from - 1) / week->step + 1;
    }
    return rows;
}

/* The rows of each day that has any, or 1 where days differ. */
static int64_t rows_of_open_day(const ft_week_pattern *week)
{
    int64_t rows = 0;
    for (int64_t day = 0; day < 7; day++) {
        const int64_t here = rows_before(week, (day + 1) * FT_MICROSECONDS_A_DAY) -
                             rows_before(week, day * FT_MICROSECONDS_A_DAY);
        if (here == 0) continue;
        if (rows > 0 && here != rows) return 1;
        rows = here;
    }
    return rows;
}

static int64_t season_of_week(const ft_week_pattern *week)
{
    return week->step % FT_MICROSECONDS_A_DAY == 0 ? ft_week_pattern_count(week) : rows_of_open_day(week);
}

int64_t ft_season_of_frequency(const ft_frequency *frequency)
{
    switch (frequency->unit) {
    case FT_EVERY_STEP:
        return frequency->week.n_stretches > 0 ? divide(season_of_week(&frequency->week), frequency->stride)
                                               : season_of_step(frequency->step);
    case FT_EVERY_MONTHS:
        return divide(12, frequency->months);
    case FT_EVERY_HALF_MONTHS:
        break;
    }
    return 1;
}

ft_status ft_season_of_dataset(ft_dataset *dataset, int64_t *season, char reason[FT_SEASON_REASON_CHARS],
                               ft_error *err)
{
    const ft_dataset_item *longest = ft_dataset_longest(dataset);
    const ft_frequency *frequency = &dataset->dates_found.frequency;
    char words[FT_FREQUENCY_CHARS];
    ft_status status = ft_dataset_look_at_dates(dataset, err);
    if (status != FT_OK) return status;
    *season = ft_season_of_frequency(frequency);
    ft_frequency_describe(frequency, words);
    if (*season == 1 || longest->split_start[1] > *season) {
        snprintf(reason, FT_SEASON_REASON_CHARS, "%s", words);
    } else {
        snprintf(reason, FT_SEASON_REASON_CHARS, "%s, but no more training rows than a season of %lld", words,
                 (long long)*season);
        *season = 1;
    }
    return FT_OK;
}
