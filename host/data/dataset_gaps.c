/* Dates that the rows of a series leave out; see dataset.h. */
#include "base/text.h"
#include "host/data/dataset.h"
#include "host/data/frequency.h"

/* How many dates a frequency has from the first row to the last, both counted. */
static ft_status count_dates(const ft_dataset_item *item, ft_frequency frequency, int64_t *count,
                             ft_error *err)
{
    const int64_t last = item->times[item->n_rows - 1];
    int64_t below = 0, above = 1, time;
    ft_frequency_start(&frequency, item->times[0], item->zones[0]);
    ft_status status = ft_frequency_next(&frequency, above, &time, err);
    while (status == FT_OK && time < last) {
        below = above;
        above *= 2;
        status = ft_frequency_next(&frequency, above, &time, err);
    }
    while (status == FT_OK && above - below > 1) {
        const int64_t middle = below + (above - below) / 2;
        status = ft_frequency_next(&frequency, middle, &time, err);
        *(time < last ? &below : &above) = middle;
    }
    *count = above + 1;
    return status;
}

/* Whether the missing dates may be holidays: few, among weekdays or opening hours. */
static bool are_holidays(const ft_frequency *frequency, int64_t missing, int64_t dates)
{
    return frequency->unit == FT_EVERY_STEP && frequency->week.n_stretches > 0 && missing * 20 <= dates;
}

/* Counts the dates of a series that have no row, holidays aside. */
static ft_status count_missing(const ft_dataset_item *item, ft_frequency *frequency, int64_t *missing,
                               ft_error *err)
{
    *missing = 0;
    if (item->n_rows < FT_ROWS_OF_A_FREQUENCY) return FT_OK;
    ft_status status = ft_frequency_infer(item->times, item->zones, item->n_rows, frequency, err);
    if (status != FT_OK || frequency->regular) return status;
    int64_t dates = 0;
    ft_error ignored; /* fails beyond the year 9999: then there is no note */
    status = count_dates(item, *frequency, &dates, &ignored);
    const int64_t lacking = dates - (int64_t)item->n_rows;
    if (status == FT_OK && lacking > 0 && !are_holidays(frequency, lacking, dates)) *missing = lacking;
    return FT_OK;
}

ft_status ft_dataset_find_gaps(const ft_dataset *dataset, ft_text *note, ft_error *err)
{
    size_t n_with_gaps = 0;
    ft_status status = FT_OK;
    for (size_t i = 0; i < dataset->n_items && status == FT_OK; i++) {
        const ft_dataset_item *item = &dataset->items[i];
        char words[FT_FREQUENCY_CHARS];
        ft_frequency frequency;
        int64_t missing;
        status = count_missing(item, &frequency, &missing, err);
        if (status != FT_OK || missing == 0) continue;
        if (n_with_gaps++ > 0) continue;
        ft_text_addf(note, "%lld date%s missing ", (long long)missing, missing == 1 ? " is" : "s are");
        if (dataset->id_name) ft_text_addf(note, "in series \"%.80s\" ", item->id);
        ft_text_addf(note, "(%zu rows, %lld dates at \"%s\")", item->n_rows,
                     (long long)item->n_rows + (long long)missing, ft_frequency_describe(&frequency, words));
    }
    if (n_with_gaps > 1) ft_text_addf(note, ", and %zu more series likewise", n_with_gaps - 1);
    if (n_with_gaps > 0)
        ft_text_add(note, ": rows are taken as if they followed each other (a row with an empty cell keeps "
                          "the place of a missing value)");
    return status == FT_OK && note->failed ? ft_no_memory(err, "a note", 256) : status;
}
