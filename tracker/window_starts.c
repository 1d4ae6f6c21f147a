/* Writing and reading windows.csv; see window_starts.h. */
#include "tracker/window_starts.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tracker/table.h"

enum { SPLIT, ITEM, ORIGIN, LAST, SCALE, N_CELLS };
static const ft_raw_file file = {"windows.csv", "split,item_id,origin,last_value,scale\n", N_CELLS, N_CELLS};

void ft_window_starts_add(ft_text *lines, ft_split split, const char *item_id, const char *origin,
                          double last, double scale)
{
    ft_csv_add_field(lines, ft_split_names[split]);
    ft_text_add(lines, ",");
    ft_csv_add_field(lines, item_id ? item_id : "");
    ft_text_add(lines, ",");
    ft_csv_add_field(lines, origin ? origin : "");
    ft_csv_add_number(lines, last);
    ft_csv_add_number(lines, scale);
    ft_text_add(lines, "\n");
}

ft_status ft_window_starts_write(const char *directory, const ft_text *lines, ft_error *err)
{
    return ft_raw_file_write(directory, &file, lines, err);
}

uint32_t ft_window_checksum(uint32_t before, ft_raw_cell item, ft_raw_cell origin)
{
    return ft_raw_cell_checksum(ft_raw_cell_checksum(before, item), origin);
}

typedef struct reading {
    ft_raw_cell split;
    ft_window_starts *starts;
} reading;

static bool read_line(void *context, const ft_raw_cell *cells, ft_status *status, ft_error *err)
{
    const reading *r = context;
    ft_window_starts *starts = r->starts;
    ft_window_start start = {.checksum = ft_window_checksum(0, cells[ITEM], cells[ORIGIN])};
    if (!ft_raw_cell_number(cells[LAST], &start.last) || !ft_raw_cell_number(cells[SCALE], &start.scale))
        return false;
    if (!ft_raw_cell_is_same(cells[SPLIT], r->split)) return true;
    if (starts->count == starts->capacity) {
        const size_t capacity = starts->capacity ? 2 * starts->capacity : 64;
        ft_window_start *grown = realloc(starts->items, capacity * sizeof *grown);
        if (!grown) {
            *status = ft_no_memory(err, "the windows", capacity * sizeof *grown);
            return true;
        }
        starts->items = grown;
        starts->capacity = capacity;
    }
    starts->items[starts->count++] = start;
    return true;
}

ft_status ft_window_starts_read(const char *directory, ft_split split, ft_window_starts *starts,
                                ft_error *err)
{
    const char *name = ft_split_names[split];
    reading r = {{name, strlen(name)}, starts};
    bool exists = false;
    *starts = (ft_window_starts){0};
    ft_status status = ft_raw_file_exists(directory, &file, &exists, err);
    if (status == FT_OK && exists) status = ft_raw_file_read(directory, &file, read_line, &r, err);
    if (status != FT_OK) ft_window_starts_free(starts);
    return status;
}

const ft_window_start *ft_window_starts_find(const ft_window_starts *starts, size_t *next, ft_raw_cell item,
                                             ft_raw_cell origin)
{
    const uint32_t checksum = ft_window_checksum(0, item, origin);
    for (size_t i = *next; i < starts->count; i++) {
        if (starts->items[i].checksum != checksum) continue;
        *next = i + 1;
        return &starts->items[i];
    }
    return NULL;
}

void ft_window_starts_free(ft_window_starts *starts)
{
    free(starts->items);
    *starts = (ft_window_starts){0};
}
