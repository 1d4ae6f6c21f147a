/* The rows of a CSV file in the order of time; see csv_order.h. */
#include "host/data/csv_order.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/parallel.h"
#include "host/data/calendar.h"

/* How the dates of neighbours in a series follow each other, over all series. */
typedef struct steps {
    size_t rising, falling, equal;
    size_t first_falling, before_falling, first_equal, before_equal; /* rows */
} steps;

static ft_status look_at_steps(const ft_csv *csv, steps *found, ft_error *err)
{
    size_t *last_rows = malloc(csv->n_items * sizeof *last_rows);
    if (!last_rows) return ft_no_memory(err, csv->path, csv->n_items * sizeof *last_rows);
    *found = (steps){0};
    for (size_t i = 0; i < csv->n_items; i++) last_rows[i] = SIZE_MAX;
    for (size_t row = 0; row < csv->n_rows; row++) {
        size_t before = last_rows[csv->items[row]];
        last_rows[csv->items[row]] = row;
        if (before == SIZE_MAX) continue;
        if (csv->times[row] > csv->times[before]) {
            found->rising++;
        } else if (csv->times[row] < csv->times[before]) {
            if (!found->falling++) found->first_falling = row, found->before_falling = before;
        } else if (!found->equal++) {
            found->first_equal = row, found->before_equal = before;
        }
    }
    free(last_rows);
    return FT_OK;
}

/* Rows in ranges of ROWS_AT_ONCE, which are looked at at the same time. */
typedef struct range {
    const ft_csv *csv;
    atomic_bool fails;
} range;

enum { ROWS_AT_ONCE = 1 << 16 };

static void look_at_range(void *context, int64_t i)
{
    range *r = context;
    const ft_csv *csv = r->csv;
    const size_t from = (size_t)i * ROWS_AT_ONCE,
                 to = csv->n_rows - from < ROWS_AT_ONCE ? csv->n_rows : from + ROWS_AT_ONCE;
    bool fails = false;
    for (size_t row = from ? from : 1; row < to; row++)
        fails |= csv->items[row] < csv->items[row - 1] ||
                 (csv->items[row] == csv->items[row - 1] && csv->times[row] <= csv->times[row - 1]);
    if (fails) atomic_store(&r->fails, true);
}

/* Whether rows lie series by series, in the order of the series' numbers, with dates
 * rising in each. */
static bool is_in_order(const ft_csv *csv)
{
    range all = {.csv = csv};
    ft_parallel(0, (int64_t)((csv->n_rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE), look_at_range, &all);
    return !all.fails;
}

/* Of the series of a row, for messages: ` of series "a"`. */
static void add_series(const ft_csv *csv, size_t row, ft_text *out)
{
    const char *name = csv->item_names[csv->items[row]];
    ft_text_add(out, "");
    if (name) ft_text_addf(out, " of series \"%.80s\"", name);
}

/* Whether a date without an offset may lie in the hour that the clocks went back: rows an
 * hour apart or less go back by no more than that, at night. */
static bool may_be_clock_change(const ft_csv *csv, size_t before, size_t row)
{
    const int64_t back = csv->times[before] - csv->times[row];
    if (csv->style.zone != FT_ZONE_NONE || back > FT_MICROSECONDS_AN_HOUR || before == 0) return false;
    const int64_t step = csv->times[before] - csv->times[before - 1];
    const int64_t hour = ft_floor_rest(csv->times[row], FT_MICROSECONDS_A_DAY) / FT_MICROSECONDS_AN_HOUR;
    const bool is_night = hour < 4 || hour >= 23;
    return csv->items[before - 1] == csv->items[row] && step <= FT_MICROSECONDS_AN_HOUR && is_night;
}

static const char *clock_hint(const ft_csv *csv, size_t before, size_t row)
{
    return may_be_clock_change(csv, before, row)
               ? "where the clocks go back, write each date with its offset "
                 "from UTC, like 2024-10-27 02:00:00+02:00; "
               : "";
}

/* "09:15", "9:15:00" and the like. */
static bool is_time_of_day(const char *text)
{
    const size_t hours = strspn(text, "0123456789");
    if (hours < 1 || hours > 2 || text[hours] != ':') return false;
    return strspn(text + hours + 1, "0123456789") == 2;
}

static bool is_named(const ft_csv_column *column, const char *const *words)
{
    for (const char *at = column->name; *at; at++)
        for (const char *const *word = words; *word; word++)
            if (strncasecmp(at, *word, strlen(*word)) == 0) return true;
    return false;
}

/* Whether a column of numbers is named as one of hours, and rises where rows with one
 * date follow each other. */
static bool counts_hours(const ft_csv *csv, const ft_csv_column *column)
{
    static const char *const words[] = {"time", "hour", "uhr", "stunde", "heure", "hora", NULL};
    if (!is_named(column, words)) return false;
    for (size_t row = 1; row < csv->n_rows; row++) {
        if (csv->items[row] != csv->items[row - 1] || csv->times[row] != csv->times[row - 1]) continue;
        if (!(column->values[row] > column->values[row - 1])) return false;
    }
    return true;
}

/* Whether the dates are years, and a column is named as one of months, weeks, quarters or
 * days and may be. */
static bool is_part_of_year(const ft_csv *csv, const ft_csv_column *column)
{
    static const char *const words[] = {"month",   "monat",   "mois",    "week", "woche",
                                        "semaine", "quarter", "quartal", "day",  NULL};
    if (csv->style.precision != FT_STYLE_YEAR || *csv->style.format || !is_named(column, words)) return false;
    for (size_t row = 0; row < csv->n_rows && !column->text; row++) {
        const double value = column->values[row];
        if (!(value >= 1 && value <= 366 && value == floor(value))) return false;
    }
    return true;
}

/* The column that has the time of day beside the dates; NULL: none. */
static const ft_csv_column *find_clock(const ft_csv *csv)
{
    for (size_t i = 0; i < csv->n_columns; i++) {
        const ft_csv_column *column = &csv->columns[i];
        if (column->text ? is_time_of_day(column->text) : counts_hours(csv, column)) return column;
    }
    return NULL;
}

/* The column that has a part of the date beside years; NULL: none. */
static const ft_csv_column *find_part_of_year(const ft_csv *csv)
{
    for (size_t i = 0; i < csv->n_columns; i++)
        if (is_part_of_year(csv, &csv->columns[i])) return &csv->columns[i];
    return NULL;
}

static ft_status refuse_equal(const ft_csv *csv, size_t row, size_t before, ft_error *err)
{
    const ft_csv_column *clock = find_clock(csv), *part = find_part_of_year(csv);
    ft_text series = FT_TEXT_EMPTY;
    add_series(csv, row, &series);
    ft_status status =
        clock || part
            ? ft_fail(err, FT_BAD_INPUT,
                      "%s:%u: the date \"%.60s\"%s is given twice, first in line %u (column \"%.80s\" holds "
                      "%s: join the %scolumns into one date)",
                      csv->path, csv->lines[row], csv->dates[row], series.failed ? "" : series.data,
                      csv->lines[before], part ? part->name : clock->name,
                      part ? "a part of it" : "the time of day", part ? "" : "two ")
            : ft_fail(err, FT_BAD_INPUT,
                      "%s:%u: the date \"%.60s\"%s is given twice, first in line %u (%sif %s, --id names %s; "
                      "--duplicates mean, first or "
                      "last makes one row of them)",
                      csv->path, csv->lines[row], csv->dates[row], series.failed ? "" : series.data,
                      csv->lines[before], clock_hint(csv, before, row),
                      csv->id_name ? "another column tells the series apart too"
                                   : "the file holds several series",
                      csv->id_name ? "all of them: --id A,B"
                                   : "the column that tells them apart, or the columns: --id A,B");
    ft_text_free(&series);
    return status;
}

static ft_status refuse_falling(const ft_csv *csv, size_t row, size_t before, ft_error *err)
{
    return ft_fail(
        err, FT_BAD_INPUT,
        "%s:%u: the date \"%.60s\" comes after \"%.60s\" of line %u, but is earlier (%s--sort sorts the "
        "rows by time%s)",
        csv->path, csv->lines[row], csv->dates[row], csv->dates[before], csv->lines[before],
        clock_hint(csv, before, row),
        csv->id_name ? "; if another column tells the series apart too, --id names all of them: --id A,B"
                     : "; if the file holds several series, --id names the column that tells them apart");
}

/* A row's place while rows are sorted. */
typedef struct row_key {
    int64_t time;
    int32_t item;
    uint32_t row;
} row_key;

static int by_item_and_time(const void *a, const void *b)
{
    const row_key *x = a, *y = b;
    if (x->item != y->item) return x->item < y->item ? -1 : 1;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Takes the elements of an array, of `size` bytes each, in the order of `keys`. */
static void gather(void *array, size_t size, const row_key *keys, size_t count, char *scratch)
{
    for (size_t i = 0; i < count; i++) memcpy(scratch + i * size, (char *)array + keys[i].row * size, size);
    memcpy(array, scratch, count * size);
}

/* Moves the rows to the order of `keys`, of which there may be fewer. */
static ft_status permute(ft_csv *csv, const row_key *keys, size_t count, ft_error *err)
{
    char *scratch = malloc(count * sizeof(int64_t));
    if (!scratch) return ft_no_memory(err, csv->path, count * sizeof(int64_t));
    gather(csv->times, sizeof *csv->times, keys, count, scratch);
    gather(csv->zones, sizeof *csv->zones, keys, count, scratch);
    gather(csv->dates, sizeof *csv->dates, keys, count, scratch);
    gather(csv->lines, sizeof *csv->lines, keys, count, scratch);
    gather(csv->items, sizeof *csv->items, keys, count, scratch);
    for (size_t c = 0; c < csv->n_columns; c++)
        gather(csv->columns[c].values, sizeof(double), keys, count, scratch);
    csv->n_rows = count;
    free(scratch);
    return FT_OK;
}

/* The mean of what is known in rows keys[0] ... keys[count - 1], into the first of
 * them. */
static void average(ft_csv *csv, const row_key *keys, size_t count)
{
    for (size_t c = 0; c < csv->n_columns; c++) {
        double sum = 0, *values = csv->columns[c].values;
        size_t known = 0;
        if (csv->columns[c].text) continue;
        for (size_t i = 0; i < count; i++)
            if (!isnan(values[keys[i].row])) sum += values[keys[i].row], known++;
        values[keys[0].row] = known ? sum / (double)known : NAN;
    }
}

/* Leaves one of the keys that have one date; returns how many are left. */
static size_t unite(ft_csv *csv, row_key *keys, size_t count, ft_duplicates duplicates)
{
    size_t kept = 0;
    for (size_t i = 0, next; i < count; i = next) {
        next = i + 1;
        while (next < count && keys[next].item == keys[i].item && keys[next].time == keys[i].time) next++;
        if (duplicates == FT_DUPLICATES_MEAN && next > i + 1) average(csv, keys + i, next - i);
        keys[kept++] = keys[duplicates == FT_DUPLICATES_LAST ? next - 1 : i];
    }
    return kept;
}

static ft_status sort(ft_csv *csv, const ft_csv_settings *settings, ft_error *err)
{
    row_key *keys = malloc(csv->n_rows * sizeof *keys);
    if (!keys) return ft_no_memory(err, csv->path, csv->n_rows * sizeof *keys);
    for (size_t row = 0; row < csv->n_rows; row++)
        keys[row] = (row_key){csv->times[row], csv->items[row], (uint32_t)row};
    qsort(keys, csv->n_rows, sizeof *keys, by_item_and_time);
    size_t kept = csv->n_rows, n_rows = csv->n_rows;
    if (settings->duplicates != FT_DUPLICATES_REFUSED) kept = unite(csv, keys, n_rows, settings->duplicates);
    ft_status status = permute(csv, keys, kept, err);
    if (status == FT_OK && kept < n_rows)
        ft_text_addf(&csv->notes, "%s: %zu row%s repeated a date: one row a date was made (%s)\n", csv->path,
                     n_rows - kept, n_rows - kept == 1 ? "" : "s", settings->options->duplicates);
    free(keys);
    return status;
}

static void note_reversed(ft_csv *csv)
{
    ft_text_addf(&csv->notes, "%s: the newest rows come first: they were reversed\n", csv->path);
}

static ft_status reverse(ft_csv *csv, ft_error *err)
{
    row_key *keys = malloc(csv->n_rows * sizeof *keys);
    if (!keys) return ft_no_memory(err, csv->path, csv->n_rows * sizeof *keys);
    for (size_t i = 0; i < csv->n_rows; i++) keys[i].row = (uint32_t)(csv->n_rows - 1 - i);
    ft_status status = permute(csv, keys, csv->n_rows, err);
    note_reversed(csv);
    free(keys);
    return status;
}

/* FT_BAD_INPUT for 2003/04, 2004/05, 2005/06, which were read as months. */
static ft_status check_fiscal_years(const ft_csv *csv, ft_error *err)
{
    int32_t year, month, day, first_year = 0, first_month = 0;
    int64_t earliest = INT64_MAX, latest = INT64_MIN;
    if (csv->style.precision != FT_STYLE_MONTH || *csv->style.format || csv->n_rows < 3) return FT_OK;
    for (size_t row = 0; row < csv->n_rows; row++) {
        const int64_t time = csv->times[row];
        ft_date_from_days(ft_floor_divide(time, FT_MICROSECONDS_A_DAY), &year, &month, &day);
        if (month != (year + 1) % 100) return FT_OK;
        if (row == 0) first_year = year, first_month = month;
        earliest = time < earliest ? time : earliest;
        latest = time > latest ? time : latest;
    }
    if (latest - earliest < 2 * 365 * FT_MICROSECONDS_A_DAY)
        return FT_OK; /* one or two dates, of several series */
    return ft_fail(err, FT_BAD_INPUT,
                   "%s:%u: column \"%.80s\": is \"%.60s\" a year or a month? (write %d or %d-%02d-01)",
                   csv->path, csv->lines[0], csv->timestamp_name, csv->dates[0], (int)first_year,
                   (int)first_year, (int)first_month);
}

static ft_status put_in_order(ft_csv *csv, const ft_csv_settings *settings, ft_error *err)
{
    steps found;
    ft_status status = look_at_steps(csv, &found, err);
    if (status != FT_OK || (!found.falling && !found.equal)) return status;
    const bool sorts = settings->options->sort, unites = settings->duplicates != FT_DUPLICATES_REFUSED;
    const bool newest_first = found.falling && !found.rising;
    if (found.falling && !newest_first && !sorts)
        return refuse_falling(csv, found.first_falling, found.before_falling, err);
    if (!sorts && !unites && found.equal)
        return refuse_equal(csv, found.first_equal, found.before_equal, err);
    if (newest_first && !found.equal && !sorts) return reverse(csv, err);
    status = sort(csv, settings, err);
    if (status == FT_OK && !unites) status = look_at_steps(csv, &found, err);
    if (status == FT_OK && !unites && found.equal)
        status = refuse_equal(csv, found.first_equal, found.before_equal, err);
    if (status == FT_OK && newest_first && !sorts) note_reversed(csv);
    return status;
}

ft_status ft_csv_put_in_order(ft_csv *csv, const ft_csv_settings *settings, ft_error *err)
{
    ft_status status = check_fiscal_years(csv, err);
    csv->grouped = status == FT_OK && is_in_order(csv);
    if (status != FT_OK || csv->grouped) return status;
    status = put_in_order(csv, settings, err);
    csv->grouped = status == FT_OK && is_in_order(csv);
    return status;
}
