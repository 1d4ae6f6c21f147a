/* Writing and reading baselines.csv; see baseline_windows.h. */
#include "tracker/baseline_windows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tracker/table.h"

static const char file_name[] = "baselines.csv";
static const char header[] = "baseline,item_id,origin,steps,absolute_error,squared_error,smape,quantile_loss,"
                             "covered,absolute_target\n";
static const size_t MOST_BYTES = (size_t)1 << 30;
enum { BASELINE, ITEM, ORIGIN, FIRST_SUM, N_SUMS = 7, N_CELLS = FIRST_SUM + N_SUMS };

void ft_baseline_windows_add(ft_text *lines, const char *baseline, const char *item_id, const char *origin,
                             const ft_window_sums *s)
{
    const double sums[N_SUMS] = {s->steps,         s->absolute_error, s->squared_error,  s->smape,
                                 s->quantile_loss, s->covered,        s->absolute_target};
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
    ft_text whole = FT_TEXT_EMPTY;
    char *path = ft_join_path(directory, file_name);
    ft_text_add(&whole, header);
    if (lines->length) ft_text_add(&whole, lines->data);
    ft_status status = !path || whole.failed || lines->failed
                           ? ft_no_memory(err, file_name, lines->length)
                           : ft_write_file(path, whole.data, whole.length, err);
    ft_text_free(&whole);
    free(path);
    return status;
}

/* False if the line is not one of baselines.csv. An empty sum is NaN: the forecast was
 * not finite. */
static bool read_line(const char *line, const char *end, ft_baseline_window *window)
{
    ft_raw_cell cells[N_CELLS];
    double sums[N_SUMS];
    if (!ft_raw_cells_cut(line, end, N_CELLS, cells)) return false;
    for (int i = 0; i < N_SUMS; i++)
        if (!ft_raw_cell_number(cells[FIRST_SUM + i], &sums[i])) return false;
    *window = (ft_baseline_window){cells[BASELINE],
                                   cells[ITEM],
                                   cells[ORIGIN],
                                   {sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6]}};
    return true;
}

static ft_status read_lines(const char *path, const char *text, size_t size, ft_baseline_window_visit *visit,
                            void *context, ft_error *err)
{
    const char *at = text, *end;
    ft_status status = FT_OK;
    for (size_t line = 1; status == FT_OK && at < text + size; line++, at = end + 1) {
        ft_baseline_window window;
        end = memchr(at, '\n', (size_t)(text + size - at));
        const bool is_header = line == 1 && end && strncmp(at, header, sizeof header - 1) == 0;
        if (is_header) continue;
        if (line == 1 || !end || !read_line(at, end, &window))
            return ft_fail(err, FT_BAD_INPUT, "%s:%zu: this is no line of a baselines.csv", path, line);
        status = visit(context, &window, err);
    }
    return status;
}

ft_status ft_baseline_windows_read(const char *directory, ft_baseline_window_visit *visit, void *context,
                                   ft_error *err)
{
    char *path = ft_join_path(directory, file_name), *text = NULL;
    size_t size = 0;
    ft_status status = path ? ft_read_file(path, MOST_BYTES, &text, &size, err)
                            : ft_no_memory(err, "a path", strlen(directory));
    if (status == FT_OK) status = read_lines(path, text, size, visit, context, err);
    free(text);
    free(path);
    return status;
}
