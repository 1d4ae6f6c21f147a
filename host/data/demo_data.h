/* `ftgpu data demo`: five years of prices that are not real but look it. */
#ifndef FT_HOST_DATA_DEMO_DATA_H
#define FT_HOST_DATA_DEMO_DATA_H

#include <stdint.h>

#include "base/error.h"

enum { FT_DEMO_ROWS = 1304 }; /* business days of five years, from 2019-01-01 */

/* Writes data.csv and its parts of 0.7, 0.15 and 0.15 as train.csv, val.csv and test.csv
 * into `directory` (made where it is missing). FT_BAD_INPUT, and nothing is written,
 * where one of them is there with other data. Columns Date, Close, SMA_20, SMA_50,
 * Volume, Volatility; averages are empty until they have all their rows. The log price is
 * a trend, a yearly and a weekly season and noise whose strength changes slowly, all from
 * Philox by `seed`: the same on every machine. */
ft_status ft_demo_data_write(const char *directory, uint32_t seed, ft_error *err);

#endif
