/* Prices that are not real; see demo_data.h. */
#include "host/data/demo_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/philox.h"
#include "base/text.h"
#include "host/data/calendar.h"
#include "host/data/dataset.h"
#include "host/data/timestamps.h"

typedef struct demo_row {
    int64_t days; /* since 1970-01-01 */
    double close, volume, log_return;
} demo_row;

enum { SITE_RETURN = 1, SITE_VOLATILITY, SITE_VOLUME };

/* Normal deviate number `index` of a site, by Box and Muller's transform. */
static double normal(uint32_t seed, uint32_t site, uint32_t index)
{
    ft_philox_block block = ft_philox(ft_philox_key_of(seed, 0, site), index, 0, 0, 0);
    double first = ((double)block.word[0] + 0.5) / 4294967296.0,
           second = (double)block.word[1] / 4294967296.0;
    return sqrt(-2 * log(first)) * cos(6.283185307179586 * second);
}

/* Two decimals, as prices are quoted. This also hides the last bits, in which C libraries
 * differ. */
static double cents(double value)
{
    return nearbyint(value * 100) / 100;
}

static void make_rows(uint32_t seed, demo_row *rows)
{
    const double two_pi = 6.283185307179586;
    int64_t day = ft_days_from_date(2019, 1, 1);
    double wandering = 0, log_volatility = 0, before = NAN;
    for (uint32_t i = 0; i < FT_DEMO_ROWS; day++) {
        int32_t weekday = ft_weekday(day);
        if (weekday > 4) continue;
        /* The strength of the noise returns slowly to its mean, so that there are calm
         * and rough months. */
        log_volatility = 0.98 * log_volatility + 0.09 * normal(seed, SITE_VOLATILITY, i);
        wandering = 0.97 * wandering + 0.007 * exp(log_volatility) * normal(seed, SITE_RETURN, i);
        double year = (double)i / 260.8;
        double season = 0.08 * sin(two_pi * year) + 0.03 * sin(2 * two_pi * year + 1.0);
        double week = 0.012 * sin(two_pi * (double)weekday / 5.0);
        demo_row *row = &rows[i];
        row->days = day;
        row->close = cents(100 * exp(0.09 * year + season + week + wandering));
        row->log_return = i ? log(row->close / before) : NAN;
        double activity =
            13.8 + 0.25 * cos(two_pi * (double)weekday / 5.0) + 12 * fabs(i ? row->log_return : 0);
        row->volume = nearbyint(exp(activity + 0.2 * normal(seed, SITE_VOLUME, i)));
        before = row->close;
        i++;
    }
}

/* Mean of the last `window` prices, to four decimals; an empty cell until there are so
 * many. */
static void add_average(const demo_row *rows, size_t i, size_t window, ft_text *out)
{
    double sum = 0;
    ft_text_add(out, ",");
    if (i + 1 < window) return;
    for (size_t j = i + 1 - window; j <= i; j++) sum += rows[j].close;
    ft_text_addf(out, "%.4f", sum / (double)window);
}

/* Standard deviation of the last 20 log returns over a year of 252 days. */
static void add_volatility(const demo_row *rows, size_t i, ft_text *out)
{
    enum { WINDOW = 20 };
    double mean = 0, sum = 0;
    ft_text_add(out, ",");
    if (i < WINDOW) return;
    for (size_t j = i + 1 - WINDOW; j <= i; j++) mean += rows[j].log_return / WINDOW;
    for (size_t j = i + 1 - WINDOW; j <= i; j++)
        sum += (rows[j].log_return - mean) * (rows[j].log_return - mean);
    ft_text_addf(out, "%.6f", sqrt(sum / (WINDOW - 1) * 252));
}

/* A file of the demo. */
typedef struct demo_part {
    const char *name;
    size_t from, to; /* rows [from, to) */
    char *path;
    ft_text text;
} demo_part;

static ft_status make_part(const char *directory, const demo_row *rows, demo_part *part, ft_error *err)
{
    const ft_timestamp_style style = {.precision = FT_STYLE_DATE, .date_separator = '-'};
    ft_text *out = &part->text;
    ft_text_add(out, "Date,Close,SMA_20,SMA_50,Volume,Volatility\n");
    for (size_t i = part->from; i < part->to; i++) {
        char date[FT_TIMESTAMP_CHARS];
        ft_text_addf(out, "%s,%.2f", ft_timestamp_format(rows[i].days * FT_MICROSECONDS_A_DAY, &style, date),
                     rows[i].close);
        add_average(rows, i, 20, out);
        add_average(rows, i, 50, out);
        ft_text_addf(out, ",%.0f", rows[i].volume);
        add_volatility(rows, i, out);
        ft_text_add(out, "\n");
    }
    part->path = ft_join_path(directory, part->name);
    return out->failed || !part->path ? ft_no_memory(err, "demo data", (part->to - part->from) * 64) : FT_OK;
}

/* A file that is there already is left alone, unless it is this very one. */
static ft_status check_part(const demo_part *part, ft_error *err)
{
    char *data = NULL;
    size_t size = 0;
    ft_error read_error;
    bool exists = false;
    ft_status status = ft_path_exists(part->path, &exists, err);
    if (status != FT_OK || !exists) return status;
    status = ft_read_file(part->path, part->text.length, &data, &size, &read_error);
    bool same = status == FT_OK && size == part->text.length && memcmp(data, part->text.data, size) == 0;
    free(data);
    if (same) return FT_OK;
    if (status == FT_NO_MEMORY) return ft_fail(err, status, "%s", read_error.message);
    return ft_fail(err, FT_BAD_INPUT,
                   "%s: is there already, with other data; choose another --out or remove it", part->path);
}

ft_status ft_demo_data_write(const char *directory, uint32_t seed, ft_error *err)
{
    enum { N_PARTS = 4 };
    static const double split[3] = {0.7, 0.15, 0.15};
    int64_t start[4];
    ft_split_rows(split, FT_DEMO_ROWS, start);
    demo_part parts[N_PARTS] = {{.name = "data.csv", .to = FT_DEMO_ROWS},
                                {.name = "train.csv", .to = (size_t)start[1]},
                                {.name = "val.csv", .from = (size_t)start[1], .to = (size_t)start[2]},
                                {.name = "test.csv", .from = (size_t)start[2], .to = (size_t)start[3]}};
    demo_row *rows = calloc(FT_DEMO_ROWS, sizeof *rows);
    if (!rows) return ft_no_memory(err, "demo data", FT_DEMO_ROWS * sizeof *rows);
    make_rows(seed, rows);
    ft_status status = FT_OK;
    for (int p = 0; p < N_PARTS && status == FT_OK; p++) status = make_part(directory, rows, &parts[p], err);
    for (int p = 0; p < N_PARTS && status == FT_OK; p++) status = check_part(&parts[p], err);
    if (status == FT_OK) status = ft_make_directories(directory, err);
    for (int p = 0; p < N_PARTS && status == FT_OK; p++)
        status = ft_write_file(parts[p].path, parts[p].text.data, parts[p].text.length, err);
    for (int p = 0; p < N_PARTS; p++) {
        ft_text_free(&parts[p].text);
        free(parts[p].path);
    }
    free(rows);
    return status;
}
