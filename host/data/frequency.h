/* At which frequency a series goes on: taken from its dates, or from a name as pandas
 * writes it.
 *
 * Days, weeks and months are those of the wall clock: each date is taken apart with its
 * own offset from UTC. What follows the last date is counted in that date's offset, as no
 * other is known. Steps below a day are equal in absolute time, so that a change of the
 * clocks does not disturb them. */
#ifndef FT_HOST_DATA_FREQUENCY_H
#define FT_HOST_DATA_FREQUENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/data/week_pattern.h"

enum { FT_FREQUENCY_CHARS = 256 };

/* A series of fewer rows does not show its frequency: where there is a longer one, it
 * takes that one's. */
enum { FT_ROWS_OF_A_FREQUENCY = 3 };

typedef struct ft_frequency {
    enum { FT_EVERY_STEP, FT_EVERY_MONTHS, FT_EVERY_HALF_MONTHS } unit;
    int64_t step; /* FT_EVERY_STEP: microseconds */
    /* FT_EVERY_STEP: unless it is empty, rows are these of each week, or each `stride`th
     * of them; business days are Monday to Friday */
    ft_week_pattern week;
    int64_t stride;
    /* FT_EVERY_MONTHS: a row each `months` months (1 monthly, 3 quarterly, 12 yearly), in
     * months whose number (0 for January) has the rest `phase` modulo `cycle`. */
    int32_t months, cycle, phase;
    enum {
        FT_ANCHOR_DAY,            /* `day`, or the month's last where it is shorter */
        FT_ANCHOR_BUSINESS_START, /* the month's first weekday */
        FT_ANCHOR_BUSINESS_END,   /* the month's last weekday */
        FT_ANCHOR_NTH_WEEKDAY     /* the `day`th (1 to 4) `weekday`, 5: the last */
    } anchor;
    int32_t day; /* FT_ANCHOR_DAY: 1 month starts, 31 month ends */
    /* FT_EVERY_HALF_MONTHS: rows on `day` and on `second_day` > day of each month, or its
     * last day where it is shorter; a row each `months`th of them. */
    int32_t second_day;
    int32_t weekday;
    bool regular; /* every date of the series follows the one before at this frequency */
    /* Where counting begins; ft_frequency_start. */
    int64_t from; /* an instant on the frequency, mostly the last date */
    /* of the wall clock, east of UTC: the last date's offset, or what must be its */
    int32_t zone_minutes;
} ft_frequency;

/* The frequency of `n` ascending instants, each with the offset in minutes east of UTC
 * that it was written with, which counts on from the last of them. It is what most dates
 * (3 of 4) agree on, the first that fits of
 *
 * - months, quarters, years: on the first or last days, the first or last weekdays, or
 *   one day of the month (pandas' MS, ME, BMS, BME, QS, ..., YE). Each month, quarter or
 *   year of the history counts as having had its row;
 *
 * - equal steps (pandas' s, min, h, D, W);
 *
 * - half months: two days of the month, about 15 apart (SMS, SME);
 *
 * - months on their nth weekday (WOM-3FRI), or on their last (LWOM-FRI); years of 52 or
 *   53 weeks are such;
 *
 * - weeks on one weekday (W-FRI);
 *
 * - the weekdays and the times of day that recur in the last 8 weeks, where that explains
 *   at least half of the steps that a plain one does not: business days (B), trading
 *   hours, a week without Saturdays. Missing holidays are fine, and random gaps do not
 *   make such a pattern;
 *
 * - months, quarters or years with one row each, on the median of their days;
 *
 * - business days, or each 2nd, 3rd, ... of them, where no row is on a weekend and that
 *   is no chance;
 *
 * - the median step, the lower of the two in the middle; a round one that is near.
 *
 * Where days are written in UTC, but are those of a zone with summer time, their two
 * times of day count as one; hours of opening are those of the last week where those
 * before began an hour earlier or later. One date a day at changing times counts as a
 * date of that day.
 *
 * One instant alone, or none: one day, not regular. Fails with FT_NO_MEMORY. */
ft_status ft_frequency_infer(const int64_t *times, const int16_t *zones, size_t n, ft_frequency *frequency,
                             ft_error *err);

/* A pandas name: D, B, C, W, W-FRI, MS, ME, BMS, BME, QS, QE, BQS, BQE, YS, YE, BYS, BYE
 * with the month they are anchored at (QE-NOV, YE-JUN), SMS, SME, SMS-10, WOM-3FRI,
 * LWOM-FRI, h, min, s, ms, us, pandas' older M, BM, Q, BQ, A, Y, AS, BA, BY, BAS, SM, H,
 * T, S, L, U, multiples like 15min, 2W-MON, and of steps 1.5h, 1h30min. FT_BAD_INPUT with
 * the nearest name for another. */
ft_status ft_frequency_parse(const char *name, ft_frequency *frequency, ft_error *err);

/* Counts on from the first date of the frequency after `last`, as pandas' date_range
 * does: from there all have the time of day of `last`, but at steps below a day. */
void ft_frequency_start(ft_frequency *frequency, int64_t last, int32_t zone_minutes);

/* The instant `steps` (>= 1) after the last date. Fails with FT_BAD_INPUT beyond the year
 * 9999. */
ft_status ft_frequency_next(const ft_frequency *frequency, int64_t steps, int64_t *next, ft_error *err);

/* FT_EVERY_MONTHS: the day of the anchor in a month, which is counted as ft_month_of_day
 * does. And FT_EVERY_HALF_MONTHS in a half month: twice the month, and 1 more for its
 * second day. */
int64_t ft_frequency_day(const ft_frequency *frequency, int64_t months);

/* In words: "1 hour", "business days", "1 month, last days", "3 months, first weekdays",
 * "1 week, Friday", "half months, days 1 and 15", "1 hour, Monday to Friday 10:00 to
 * 16:00". Returns `out`. */
char *ft_frequency_describe(const ft_frequency *frequency, char out[FT_FREQUENCY_CHARS]);

/* Whether it can be told from the words "evenly spaced": equal steps, business days or
 * months, each date on them. Otherwise a person wants to hear what was taken for the
 * frequency. */
bool ft_frequency_is_plain(const ft_frequency *frequency);

#endif
