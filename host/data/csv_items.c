/* Which series each row is of; see csv_items.h. */
#include "host/data/csv_items.h"

#include <stdlib.h>
#include <string.h>

static size_t hash_of(const char *text, size_t length)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32);
}

static bool is_item(const ft_csv *csv, int32_t item, const ft_csv_cell *cell)
{
    const char *name = csv->item_names[item];
    return strncmp(name, cell->text, cell->length) == 0 && name[cell->length] == '\0';
}

/* The bucket of a name: where it is, or the free one where it belongs. */
static size_t bucket_of(const ft_csv_items *items, const ft_csv *csv, const char *text, size_t length)
{
    ft_csv_cell cell = {.text = text, .length = length};
    size_t i = hash_of(text, length) & (items->n_buckets - 1);
    while (items->buckets[i] >= 0 && !is_item(csv, items->buckets[i], &cell))
        i = (i + 1) & (items->n_buckets - 1);
    return i;
}

/* Doubles the memory for series, which also keeps the hash table at most half full. */
static bool grow_items(ft_csv_items *items, ft_csv *csv)
{
    size_t capacity = items->capacity ? items->capacity * 2 : 16;
    char **names = realloc(csv->item_names, capacity * sizeof *names);
    if (names) csv->item_names = names;
    int32_t *buckets = realloc(items->buckets, capacity * 2 * sizeof *buckets);
    if (buckets) items->buckets = buckets;
    if (!names || !buckets) return false;
    items->capacity = capacity;
    items->n_buckets = capacity * 2;
    for (size_t i = 0; i < items->n_buckets; i++) items->buckets[i] = -1;
    for (size_t i = 0; i < csv->n_items; i++) {
        const char *name = csv->item_names[i];
        if (name) items->buckets[bucket_of(items, csv, name, strlen(name))] = (int32_t)i;
    }
    return true;
}

/* `cell` NULL: the only series. */
static ft_status take(ft_csv_items *items, ft_csv *csv, const ft_csv_cell *cell, ft_error *err)
{
    int32_t *item = &csv->items[csv->n_rows];
    /* mostly that of the row before */
    if (csv->n_items && (!cell || is_item(csv, item[-1], cell))) {
        *item = item[-1];
        return FT_OK;
    }
    if (cell && cell->length == 0)
        return ft_fail(err, FT_BAD_INPUT,
                       "%s:%zu: column \"%.80s\": the cell is empty (each row must name its series)",
                       csv->path, cell->line, csv->id_name);
    if (csv->n_items == items->capacity && !grow_items(items, csv))
        return ft_no_memory(err, csv->path, items->capacity * 2 * sizeof *csv->item_names);
    size_t bucket = cell ? bucket_of(items, csv, cell->text, cell->length) : 0;
    if (items->buckets[bucket] < 0) {
        csv->item_names[csv->n_items] = cell ? ft_copy_bytes(cell->text, cell->length) : NULL;
        if (cell && !csv->item_names[csv->n_items]) return ft_no_memory(err, csv->path, cell->length);
        items->buckets[bucket] = (int32_t)csv->n_items++;
    }
    *item = items->buckets[bucket];
    return FT_OK;
}

ft_status ft_csv_items_take(ft_csv_items *items, ft_csv *csv, const ft_csv_cell *cell, ft_error *err)
{
    return take(items, csv, cell, err);
}

ft_status ft_csv_items_take_part(ft_csv_items *items, const ft_csv *csv, size_t place,
                                 const ft_csv_cell *cell, ft_error *err)
{
    ft_text *part = &items->parts[place];
    part->length = 0;
    ft_text_add(part, "");
    if (cell->length == 0)
        return ft_fail(err, FT_BAD_INPUT,
                       "%s:%zu: a column of \"%.80s\": the cell is empty (each row must name its series)",
                       csv->path, cell->line, csv->id_name);
    for (size_t i = 0, next; i < cell->length; i = next) {
        next = i;
        while (next < cell->length && cell->text[next] != '|' && cell->text[next] != '\\') next++;
        ft_text_add_bytes(part, cell->text + i, next - i);
        if (next < cell->length) ft_text_addf(part, "\\%c", cell->text[next++]);
    }
    return part->failed ? ft_no_memory(err, csv->path, cell->length) : FT_OK;
}

ft_status ft_csv_items_take_parts(ft_csv_items *items, ft_csv *csv, size_t line, ft_error *err)
{
    if (csv->n_ids == 0) return take(items, csv, NULL, err);
    ft_text *id = &items->id;
    id->length = 0;
    for (size_t i = 0; i < csv->n_ids; i++) {
        if (i > 0) ft_text_add(id, "|");
        ft_text_add_bytes(id, items->parts[i].data, items->parts[i].length);
    }
    if (id->failed) return ft_no_memory(err, csv->path, id->length);
    const ft_csv_cell cell = {.text = id->data, .length = id->length, .line = line};
    return take(items, csv, &cell, err);
}

void ft_csv_items_free(ft_csv_items *items)
{
    for (size_t i = 0; i < FT_CSV_MAX_IDS; i++) ft_text_free(&items->parts[i]);
    ft_text_free(&items->id);
    free(items->buckets);
}
