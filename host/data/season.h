/* How many rows a season has, as GluonTS takes it from a frequency. docs/reference.md
 * §7. */
#ifndef FT_HOST_DATA_SEASON_H
#define FT_HOST_DATA_SEASON_H

#include <stdint.h>

#include "base/error.h"
#include "host/data/dataset.h"
#include "host/data/frequency.h"

/* GluonTS' get_seasonality: business days 5, hours 24, minutes 1440, seconds 3600, months
 * 12, quarters 4, days, weeks and years 1; of a multiple the quotient (15 minutes: 96), 1
 * where that is no whole number.
 *
 * Months and quarters count whatever their day. Weekdays that recur are a season of one
 * week, as business days are, and opening hours one of a day, if each open day has as
 * many rows; GluonTS has no name for these. */
int64_t ft_season_of_frequency(const ft_frequency *frequency);

/* The season of a dataset, in rows: that of its longest series' frequency. 1, as in
 * GluonTS, if that series has no more training rows than one season, so that mase has no
 * difference to scale by. reason: the same in words. Looks at the dates first
 * (ft_dataset_look_at_dates). Fails by FT_NO_MEMORY alone. */
enum { FT_SEASON_REASON_CHARS = FT_FREQUENCY_CHARS + 80 };
ft_status ft_season_of_dataset(ft_dataset *dataset, int64_t *season, char reason[FT_SEASON_REASON_CHARS],
                               ft_error *err);

#endif
