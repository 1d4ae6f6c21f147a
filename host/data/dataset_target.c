/* What the target of a file must be; see dataset_target.h. */
#include "host/data/dataset_target.h"

#include <float.h>
#include <math.h>

static ft_status check_value(const ft_csv *csv, size_t row, const char *target, double value, ft_error *err)
{
    if (!(fabs(value) > (double)FLT_MAX)) return FT_OK;
    if (isinf(value))
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s:%u: column \"%.80s\": an infinite number (leave the cell empty for a missing value)",
            csv->path, csv->lines[row], target);
    return ft_fail(err, FT_BAD_INPUT,
                   "%s:%u: column \"%.80s\": %g is beyond single precision (scale the column)", csv->path,
                   csv->lines[row], target, value);
}

/* The least and the largest value besides one (NAN: of all), and how often that is
 * there. */
typedef struct extent {
    double least, largest;
    size_t count;
} extent;

static extent find_extent(const ft_csv *csv, const ft_csv_column *column, double besides)
{
    extent e = {INFINITY, -INFINITY, 0};
    for (size_t row = 0; row < csv->n_rows; row++) {
        const double value = column->values[row];
        const bool is_it = value == besides;
        const double low = is_it ? INFINITY : value, high = is_it ? -INFINITY : value;
        e.count += is_it;
        e.least = low < e.least ? low : e.least;
        e.largest = high > e.largest ? high : e.largest;
    }
    return e;
}

/* Notes a number that programs write for a missing value, where it is the least or the
 * largest and lies farther from all others than these from each other: -999 among 10.1
 * and 12.5. */
static void note_stand_in(const ft_csv *csv, const ft_csv_column *column, extent all, ft_text *notes)
{
    static const double known[] = {-99, -99.9, -999, -999.9, -9999, -99999, 999, 9999, 99999, 1e20, 1e30};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        if (known[k] != all.least && known[k] != all.largest) continue;
        const extent others = find_extent(csv, column, known[k]);
        const double gap = known[k] < others.least ? others.least - known[k] : known[k] - others.largest;
        if (others.least < others.largest && gap > 2 * (others.largest - others.least))
            ft_text_addf(
                notes,
                "%s: column \"%.80s\": %zu cell%s %g, far from all others: if that stands for a missing "
                "value, --missing %g says so\n",
                csv->path, column->name, others.count, others.count == 1 ? " is" : "s are", known[k],
                known[k]);
    }
}

ft_status ft_dataset_check_target(const ft_csv *csv, const char *target, ft_text *notes, ft_error *err)
{
    size_t index;
    ft_status status = ft_csv_numeric_column(csv, target, &index, err);
    if (status != FT_OK) return status;
    const ft_csv_column *column = &csv->columns[index];
    if (column->repeated)
        ft_text_addf(notes,
                     "%s: several columns are named \"%.80s\": the first is the target (the next is "
                     "\"%.80s.1\")\n",
                     csv->path, target, target);
    const extent all = find_extent(csv, column, NAN);
    const bool is_beyond = all.least < -(double)FLT_MAX || all.largest > (double)FLT_MAX;
    for (size_t row = 0; is_beyond && row < csv->n_rows && status == FT_OK; row++)
        status = check_value(csv, row, target, column->values[row], err);
    if (status == FT_OK) note_stand_in(csv, column, all, notes);
    return status;
}
