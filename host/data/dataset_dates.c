/* What the dates of the series show: their frequency, and dates that their rows leave
 * out; see dataset.h. */
#include <string.h>

#include "base/text.h"
#include "host/data/calendar.h"
#include "host/data/dataset.h"
#include "host/data/frequency.h"
#include "host/data/week_pattern.h"

/* The dates of a frequency from the first row of a series to the last. */
typedef struct grid {
    int64_t n_dates, n_rows; /* and how many of the dates have a row */
    int64_t longest_gap;     /* dates without one that follow each other */
} grid;

/* Whether a gap of rows, from `from` up to `to`, may be the hour that a wall clock skips
 * when summer time begins: one hour from 03:00 at the latest, on a Friday, Saturday or
 * Sunday in March or April, in the southern hemisphere September or October. */
static bool is_skipped_hour(int64_t from, int64_t to)
{
    int32_t year, month, day;
    if (to - from != FT_MICROSECONDS_AN_HOUR || ft_time_of_day(from) > 3 * FT_MICROSECONDS_AN_HOUR)
        return false;
    ft_date_from_days(ft_day_of(from), &year, &month, &day);
    return (month == 3 || month == 4 || month == 9 || month == 10) && ft_weekday(ft_day_of(from)) >= 4;
}

/* Goes through dates and rows side by side, and fills in *g. Where dates are far more
 * than rows, as with a last row in the year 9999, it gives up: no date has a row then.
 * by_wall_clock: dates have no offset; an hour that summer time skips is then no date,
 * one a year at most. */
static void walk(const ft_dataset_item *item, ft_frequency frequency, bool by_wall_clock, grid *g)
{
    static const int64_t most_of_a_year = 300 * FT_MICROSECONDS_A_DAY;
    const int64_t last = item->times[item->n_rows - 1];
    const int64_t most_dates = 4 * (int64_t)item->n_rows + 100000;
    int64_t steps = 0, date = item->times[0], gap = 0, gap_start = date, spring = INT64_MIN / 2;
    size_t row = 0;
    ft_error ignored; /* fails beyond the year 9999 */
    *g = (grid){0};
    ft_frequency_start(&frequency, date, item->zones[0]);
    while (date <= last && steps < most_dates) {
        while (item->times[row] < date) row++;
        const bool has_row = item->times[row] == date;
        if (has_row && gap > 0 && by_wall_clock && is_skipped_hour(gap_start, date) &&
            date - spring > most_of_a_year) {
            g->n_dates -= gap;
            spring = date;
        }
        if (!has_row && gap == 0) gap_start = date;
        g->n_dates++;
        g->n_rows += has_row;
        gap = has_row ? 0 : gap + 1;
        if (gap > g->longest_gap) g->longest_gap = gap;
        if (ft_frequency_next(&frequency, ++steps, &date, &ignored) != FT_OK) break;
    }
    if (steps == most_dates) g->n_rows = 0;
}

/* Holidays: a series of weekdays or opening hours lacks a few of them here and there. */
static bool are_holidays(const ft_frequency *frequency, const grid *g)
{
    enum { MOST_HOLIDAYS = 5 }; /* that follow each other */
    return frequency->unit == FT_EVERY_STEP && frequency->week.n_stretches > 0 &&
           ft_week_pattern_count(&frequency->week) > 1 && g->longest_gap <= MOST_HOLIDAYS &&
           (g->n_dates - g->n_rows) * 20 <= g->n_dates;
}

/* Dates that have no row, but for holidays; 0 where rows follow no frequency: at least
 * nine in ten must lie on its dates. */
static int64_t count_missing(const ft_dataset_item *item, const ft_frequency *frequency, bool by_wall_clock,
                             grid *g)
{
    if (frequency->regular) return 0;
    walk(item, *frequency, by_wall_clock, g);
    const bool follows = g->n_rows * 10 >= (int64_t)item->n_rows * 9;
    return follows && !are_holidays(frequency, g) ? g->n_dates - g->n_rows : 0;
}

/* Counts the gaps of a series; the first one that has any is described. */
static void add_gaps(const ft_dataset *dataset, const ft_dataset_item *item, const ft_frequency *frequency,
                     ft_dataset_dates *found)
{
    char words[FT_FREQUENCY_CHARS];
    grid g;
    const bool by_wall_clock = dataset->style.zone == FT_ZONE_NONE && !strstr(dataset->style.format, "%s");
    const int64_t missing = count_missing(item, frequency, by_wall_clock, &g);
    if (missing == 0 || found->n_with_gaps++ > 0) return;
    ft_text *note = &found->gaps;
    ft_text_addf(note, "%lld date%s missing ", (long long)missing, missing == 1 ? " is" : "s are");
    if (dataset->id_name) ft_text_addf(note, "in series \"%.80s\" ", item->id);
    ft_text_addf(note, "(%zu rows, %lld dates at \"%s\")", item->n_rows, (long long)g.n_dates,
                 ft_frequency_describe(frequency, words));
}

const ft_dataset_item *ft_dataset_longest(const ft_dataset *dataset)
{
    const ft_dataset_item *longest = &dataset->items[0];
    for (size_t i = 1; i < dataset->n_items; i++)
        if (dataset->items[i].n_rows > longest->n_rows) longest = &dataset->items[i];
    return longest;
}

static ft_status infer(const ft_dataset_item *item, ft_frequency *frequency, ft_error *err)
{
    return ft_frequency_infer(item->times, item->zones, item->n_rows, frequency, err);
}

ft_status ft_dataset_look_at_dates(ft_dataset *dataset, ft_error *err)
{
    ft_dataset_dates *found = &dataset->dates_found;
    const ft_dataset_item *longest = ft_dataset_longest(dataset);
    char words[FT_FREQUENCY_CHARS], others[FT_FREQUENCY_CHARS];
    if (found->are_known) return FT_OK;
    ft_text_free(&found->gaps);
    *found = (ft_dataset_dates){0};
    ft_status status = infer(longest, &found->frequency, err);
    ft_frequency_describe(&found->frequency, words);
    for (size_t i = 0; i < dataset->n_items && status == FT_OK; i++) {
        const ft_dataset_item *item = &dataset->items[i];
        ft_frequency frequency = found->frequency;
        if (item->n_rows < FT_ROWS_OF_A_FREQUENCY) continue;
        if (item != longest) status = infer(item, &frequency, err);
        if (status != FT_OK) break;
        found->n_differ += strcmp(ft_frequency_describe(&frequency, others), words) != 0;
        add_gaps(dataset, item, &frequency, found);
    }
    if (found->n_with_gaps > 1)
        ft_text_addf(&found->gaps, ", and %zu more series likewise", found->n_with_gaps - 1);
    if (found->n_with_gaps > 0)
        ft_text_add(&found->gaps,
                    ": rows are taken as if they followed each other (a row with an empty cell keeps "
                    "the place of a missing value)");
    found->are_known = status == FT_OK && !found->gaps.failed;
    return status == FT_OK && !found->are_known ? ft_no_memory(err, "a note", 256) : status;
}
