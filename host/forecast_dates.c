/* From the dates of series to those of their forecasts; see forecast_dates.h. */
#include "host/forecast_dates.h"

#include <stdlib.h>
#include <string.h>

#include "host/data/calendar.h"

/* What is the same for all series. */
typedef struct continuer {
    const ft_dataset *dataset;
    const char *path;
    /* for all, or those with fewer than least_rows; NULL: none */
    const ft_frequency *shared;
    size_t least_rows;
    const ft_dataset_item *longest; /* the series whose frequency *shared is; or NULL */
    size_t n_uneven;
    ft_forecast_dates *dates;
} continuer;

/* Whether a form shows one of the parts that these letters stand for. */
static bool shows(const char *format, const char *letters)
{
    for (const char *at = format; *at; at++)
        if (*at == '%' && *++at && strchr(letters, *at)) return true;
    return false;
}

/* The months between two dates that differ in the last part that the style shows: 0
 * where it shows days. */
static int32_t months_shown(const ft_timestamp_style *style)
{
    if (!*style->format)
        return style->precision == FT_STYLE_YEAR ? 12 : style->precision == FT_STYLE_MONTH ? 1 : 0;
    return shows(style->format, "deFDsVj") ? 0
           : shows(style->format, "mbBJ")  ? 1
           : shows(style->format, "q")     ? 3
                                           : 12;
}

/* One date alone goes on by the last part that it shows: "2022Q1" by quarters, "2022-W01"
 * by weeks, a whole
 * date by days. */
static void set_shown_step(const ft_timestamp_style *style, int64_t time, ft_frequency *frequency)
{
    const int32_t months = months_shown(style);
    if (shows(style->format, "V") && !shows(style->format, "uaA")) frequency->step = FT_MICROSECONDS_A_WEEK;
    if (months == 0) return;
    frequency->unit = FT_EVERY_MONTHS;
    frequency->months = frequency->cycle = months;
    frequency->phase = (int32_t)(ft_month_of_day(ft_day_of(time)) % months);
    frequency->anchor = FT_ANCHOR_DAY;
    frequency->day = 1;
}

/* Whether days follow each other within one Monday to Friday: they may be business days
 * as well, and the forecast goes beyond them. */
static bool may_be_business_days(const continuer *c, const ft_dataset_item *item,
                                 const ft_frequency *frequency)
{
    const size_t n = item->n_rows;
    const int64_t last = item->times[n - 1] + item->zones[n - 1] * FT_MICROSECONDS_A_MINUTE;
    const int32_t weekday = ft_weekday(ft_day_of(last));
    return frequency->unit == FT_EVERY_STEP && frequency->week.n_stretches == 0 &&
           frequency->step == FT_MICROSECONDS_A_DAY && weekday < 5 && n <= (size_t)weekday + 1 &&
           c->dates->horizon > (size_t)(4 - weekday);
}

/* The frequency of a series; the first one that is not evenly spaced is described in
 * the remark. */
static ft_status find_frequency(continuer *c, const ft_dataset_item *item, ft_frequency *frequency,
                                ft_error *err)
{
    size_t last = item->n_rows - 1;
    if (c->shared && item->n_rows < c->least_rows) {
        *frequency = *c->shared;
        ft_frequency_start(frequency, item->times[last], item->zones[last]);
        return FT_OK;
    }
    ft_status status = FT_OK;
    if (item == c->longest)
        *frequency = *c->shared;
    else
        status = ft_frequency_infer(item->times, item->zones, item->n_rows, frequency, err);
    if (status == FT_OK && item->n_rows == 1)
        set_shown_step(&c->dataset->style, item->times[0] + item->zones[0] * FT_MICROSECONDS_A_MINUTE,
                       frequency);
    if (status != FT_OK || item->n_rows == 1) return status;
    const bool is_open = may_be_business_days(c, item, frequency);
    if (ft_frequency_is_plain(frequency) && !is_open) return FT_OK;
    if (c->n_uneven++ > 0) return FT_OK;
    ft_text *remark = &c->dates->remark;
    char words[FT_FREQUENCY_CHARS];
    ft_text_addf(remark, "%s: the rows", c->path);
    if (c->dataset->id_name) ft_text_addf(remark, " of series \"%.80s\"", item->id);
    ft_text_addf(remark, " %s: the forecast goes on at \"%s\"",
                 is_open ? "lie within one Monday to Friday (--freq B leaves out weekends)"
                         : "are not evenly spaced",
                 ft_frequency_describe(frequency, words));
    return FT_OK;
}

/* The style with the offset of the series' last date. */
static ft_timestamp_style style_of(const ft_forecast_dates *dates, const ft_dataset_item *item)
{
    ft_timestamp_style style = dates->style;
    style.zone_minutes = item->zones[item->n_rows - 1];
    bool shows_offset =
        style.zone == FT_ZONE_COLON || style.zone == FT_ZONE_PLAIN || style.zone == FT_ZONE_HOURS;
    if (style.zone_minutes != 0 && !shows_offset) style.zone = FT_ZONE_COLON;
    return style;
}

/* FT_BAD_INPUT where a form cannot tell a date from the one before it. */
static ft_status check_shown(const continuer *c, const ft_timestamp_style *style, int64_t before,
                             int64_t time, const ft_frequency *frequency, ft_error *err)
{
    char one[FT_TIMESTAMP_CHARS], other[FT_TIMESTAMP_CHARS], words[FT_FREQUENCY_CHARS];
    if (!*style->format ||
        strcmp(ft_timestamp_format(before, style, one), ft_timestamp_format(time, style, other)) != 0)
        return FT_OK;
    const int64_t apart = time - before;
    const char *hidden = apart < 1000000                      ? "fractions of a second"
                         : apart < FT_MICROSECONDS_A_MINUTE   ? "seconds"
                         : apart < FT_MICROSECONDS_AN_HOUR    ? "minutes"
                         : apart < FT_MICROSECONDS_A_DAY      ? "hours"
                         : apart < 28 * FT_MICROSECONDS_A_DAY ? "days"
                                                              : "months";
    return ft_fail(err, FT_BAD_INPUT,
                   "%s: the dates' form \"%s\" does not show %s: a forecast at \"%s\" would have the date "
                   "\"%s\" more than once (name a longer --freq, or write the dates with their %s)",
                   c->path, style->format, hidden, ft_frequency_describe(frequency, words), one, hidden);
}

/* The dates of one series, for which the style of all is made wide enough. */
static ft_status continue_item(continuer *c, size_t index, ft_error *err)
{
    const ft_dataset_item *item = &c->dataset->items[index];
    int64_t *times = c->dates->times + index * c->dates->horizon;
    ft_frequency frequency;
    ft_status status = find_frequency(c, item, &frequency, err);
    ft_timestamp_style style = style_of(c->dates, item);
    for (size_t t = 0; t < c->dates->horizon && status == FT_OK; t++) {
        status = ft_frequency_next(&frequency, (int64_t)t + 1, &times[t], err);
        if (status == FT_OK) ft_timestamp_widen(&style, times[t]);
        if (status == FT_OK)
            status = check_shown(c, &style, t ? times[t - 1] : item->times[item->n_rows - 1], times[t],
                                 &frequency, err);
    }
    c->dates->style.precision = style.precision;
    c->dates->style.fraction_digits = style.fraction_digits;
    return status;
}

ft_status ft_forecast_dates_create(const ft_dataset *dataset, const char *path, const ft_frequency *named,
                                   size_t horizon, ft_forecast_dates *dates, ft_error *err)
{
    const size_t n = dataset->n_items * horizon;
    *dates = (ft_forecast_dates){.style = dataset->style, .horizon = horizon};
    dates->times = malloc(n * sizeof *dates->times);
    if (!dates->times) return ft_no_memory(err, "the dates", n * sizeof *dates->times);
    continuer c = {.dataset = dataset, .path = path, .shared = named, .least_rows = SIZE_MAX, .dates = dates};
    ft_frequency of_longest;
    const ft_dataset_item *longest = ft_dataset_longest(dataset);
    ft_status status = FT_OK;
    if (!named && longest->n_rows >= FT_ROWS_OF_A_FREQUENCY) {
        status = ft_frequency_infer(longest->times, longest->zones, longest->n_rows, &of_longest, err);
        c.shared = &of_longest;
        c.longest = longest;
        c.least_rows = FT_ROWS_OF_A_FREQUENCY;
    }
    for (size_t i = 0; i < dataset->n_items && status == FT_OK; i++) status = continue_item(&c, i, err);
    if (c.n_uneven > 1) ft_text_addf(&dates->remark, ", and %zu more series likewise", c.n_uneven - 1);
    if (c.n_uneven > 0) ft_text_add(&dates->remark, " (--freq sets another frequency)");
    if (status == FT_OK && dates->remark.failed) status = ft_no_memory(err, "a remark", dates->remark.length);
    return status;
}

void ft_forecast_dates_free(ft_forecast_dates *dates)
{
    free(dates->times);
    ft_text_free(&dates->remark);
    *dates = (ft_forecast_dates){0};
}

char *ft_forecast_date(const ft_forecast_dates *dates, const ft_dataset *dataset, size_t item, size_t t,
                       char out[FT_TIMESTAMP_CHARS])
{
    const ft_timestamp_style style = style_of(dates, &dataset->items[item]);
    return ft_timestamp_format(dates->times[item * dates->horizon + t], &style, out);
}
