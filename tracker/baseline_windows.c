/* Writing and reading baselines.csv; see baseline_windows.h. */
#include "tracker/baseline_windows.h"

#include "tracker/table.h"

/* Older files have the first N_OLD_SUMS sums. */
enum { BASELINE, ITEM, ORIGIN, FIRST_SUM, N_SUMS = 9, N_OLD_SUMS = 7 };
static const ft_raw_file file = {
    "baselines.csv",
    "baseline,item_id,origin,steps,absolute_error,squared_error,smape,quantile_loss,covered,"
    "absolute_target,directions,right_directions\n",
    FIRST_SUM + N_SUMS, FIRST_SUM + N_OLD_SUMS};

void ft_baseline_windows_add(ft_text *lines, const char *baseline, const char *item_id, const char *origin,
                             const ft_window_sums *s)
{
    const double sums[N_SUMS] = {s->steps,           s->absolute_error, s->squared_error,
                                 s->smape,           s->quantile_loss,  s->covered,
                                 s->absolute_target, s->directions,     s->right_directions};
    ft_csv_add_field(lines, baseline);
    ft_text_add(lines, ",");
    ft_csv_add_field(lines, item_id ? item_id : "");
    ft_text_add(lines, ",");
    ft_csv_add_field(lines, origin ? origin : "");
    for (int i = 0; i < N_SUMS; i++) ft_csv_add_number(lines, sums[i]);
    ft_text_add(lines, "\n");
}

ft_status ft_baseline_windows_write(const char *directory, const ft_text *lines, ft_error *err)
{
    return ft_raw_file_write(directory, &file, lines, err);
}

typedef struct reading {
    ft_baseline_window_visit *visit;
    void *context;
} reading;

/* An empty sum is NaN: the forecast was not finite, or the file is older than the
 * column. */
static bool read_line(void *context, const ft_raw_cell *cells, ft_status *status, ft_error *err)
{
    const reading *r = context;
    double n[N_SUMS];
    for (int i = 0; i < N_SUMS; i++)
        if (!ft_raw_cell_number(cells[FIRST_SUM + i], &n[i])) return false;
    const ft_baseline_window window = {cells[BASELINE],
                                       cells[ITEM],
                                       cells[ORIGIN],
                                       {.steps = n[0],
                                        .absolute_error = n[1],
                                        .squared_error = n[2],
                                        .smape = n[3],
                                        .quantile_loss = n[4],
                                        .covered = n[5],
                                        .absolute_target = n[6],
                                        .directions = n[7],
                                        .right_directions = n[8]}};
    *status = r->visit(r->context, &window, err);
    return true;
}

ft_status ft_baseline_windows_read(const char *directory, ft_baseline_window_visit *visit, void *context,
                                   ft_error *err)
{
    reading r = {visit, context};
    bool exists = false;
    ft_status status = ft_raw_file_exists(directory, &file, &exists, err);
    return status == FT_OK && exists ? ft_raw_file_read(directory, &file, read_line, &r, err) : status;
}
