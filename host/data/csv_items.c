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

static bool is_item(const ft_csv_items *items, int32_t item, const char *text, size_t length)
{
    const char *name = items->names[item];
    return strncmp(name, text, length) == 0 && name[length] == '\0';
}

/* The bucket of a name: where it is, or the free one where it belongs. */
static size_t bucket_of(const ft_csv_items *items, const char *text, size_t length)
{
    size_t i = hash_of(text, length) & (items->n_buckets - 1);
    while (items->buckets[i] >= 0 && !is_item(items, items->buckets[i], text, length))
        i = (i + 1) & (items->n_buckets - 1);
    return i;
}

/* Doubles the memory for series, which also keeps the hash table at most half full. */
static bool grow_items(ft_csv_items *items)
{
    size_t capacity = items->capacity ? items->capacity * 2 : 16;
    char **names = realloc(items->names, capacity * sizeof *names);
    if (names) items->names = names;
    int32_t *buckets = realloc(items->buckets, capacity * 2 * sizeof *buckets);
    if (buckets) items->buckets = buckets;
    if (!names || !buckets) return false;
    items->capacity = capacity;
    items->n_buckets = capacity * 2;
    for (size_t i = 0; i < items->n_buckets; i++) items->buckets[i] = -1;
    for (size_t i = 0; i < items->n_items; i++) {
        const char *name = items->names[i];
        if (name) items->buckets[bucket_of(items, name, strlen(name))] = (int32_t)i;
    }
    return true;
}

/* Finds the series, or makes room for it: a bucket without one. `text` NULL: the only
 * series. */
static ft_status find(ft_csv_items *items, const char *text, size_t length, size_t *bucket, ft_error *err)
{
    if (items->n_items == items->capacity && !grow_items(items))
        return ft_no_memory(err, items->path, items->capacity * 2 * sizeof *items->names);
    *bucket = text ? bucket_of(items, text, length) : 0;
    return FT_OK;
}

static ft_status take(ft_csv_items *items, const char *text, size_t length, ft_error *err)
{
    size_t bucket = 0;
    if (items->n_items && (!text || is_item(items, items->last, text, length)))
        return FT_OK; /* mostly that of the row before */
    ft_status status = find(items, text, length, &bucket, err);
    if (status != FT_OK) return status;
    if (items->buckets[bucket] < 0) {
        items->names[items->n_items] = text ? ft_copy_bytes(text, length) : NULL;
        if (text && !items->names[items->n_items]) return ft_no_memory(err, items->path, length);
        items->buckets[bucket] = (int32_t)items->n_items++;
    }
    items->last = items->buckets[bucket];
    return FT_OK;
}

/* Whether a cell can only hold this text as it stands there. */
static bool is_plain(const char *text, size_t length, char separator)
{
    const unsigned char first = (unsigned char)text[0], last = (unsigned char)text[length - 1];
    if (first <= ' ' || first >= 0x80 || last <= ' ' || last >= 0x80 || first == '"') return false;
    for (size_t i = 0; i < length; i++)
        if (ft_csv_cell_ends(text + i, separator)) return false;
    return true;
}

ft_status ft_csv_items_take(ft_csv_items *items, const ft_csv_cell *cell, char separator, ft_error *err)
{
    if (cell->length == 0)
        return ft_fail(err, FT_BAD_INPUT,
                       "%s:%zu: column \"%.80s\": the cell is empty (each row must name its series)",
                       items->path, cell->line, items->id_name);
    ft_status status = take(items, cell->text, cell->length, err);
    items->last_bytes = is_plain(cell->text, cell->length, separator) ? cell->length : 0;
    return status;
}

ft_status ft_csv_items_take_only(ft_csv_items *items, ft_error *err)
{
    return take(items, NULL, 0, err);
}

ft_status ft_csv_items_take_part(ft_csv_items *items, size_t place, const ft_csv_cell *cell, ft_error *err)
{
    ft_text *part = &items->parts[place];
    part->length = 0;
    ft_text_add(part, "");
    if (cell->length == 0)
        return ft_fail(err, FT_BAD_INPUT,
                       "%s:%zu: a column of \"%.80s\": the cell is empty (each row must name its series)",
                       items->path, cell->line, items->id_name);
    for (size_t i = 0, next; i < cell->length; i = next) {
        next = i;
        while (next < cell->length && cell->text[next] != '|' && cell->text[next] != '\\') next++;
        ft_text_add_bytes(part, cell->text + i, next - i);
        if (next < cell->length) ft_text_addf(part, "\\%c", cell->text[next++]);
    }
    return part->failed ? ft_no_memory(err, items->path, cell->length) : FT_OK;
}

ft_status ft_csv_items_take_parts(ft_csv_items *items, size_t n_ids, ft_error *err)
{
    ft_text *id = &items->id;
    id->length = 0;
    for (size_t i = 0; i < n_ids; i++) {
        if (i > 0) ft_text_add(id, "|");
        ft_text_add_bytes(id, items->parts[i].data, items->parts[i].length);
    }
    if (id->failed) return ft_no_memory(err, items->path, id->length);
    return take(items, id->data, id->length, err);
}

ft_status ft_csv_items_join(ft_csv_items *items, ft_csv_items *others, int32_t *places, ft_error *err)
{
    for (size_t i = 0; i < others->n_items; i++) {
        size_t bucket = 0;
        const char *name = others->names[i];
        ft_status status = find(items, name, name ? strlen(name) : 0, &bucket, err);
        if (status != FT_OK) return status;
        if (items->buckets[bucket] < 0) {
            items->names[items->n_items] = others->names[i];
            others->names[i] = NULL;
            items->buckets[bucket] = (int32_t)items->n_items++;
        }
        places[i] = items->buckets[bucket];
    }
    return FT_OK;
}

void ft_csv_items_free(ft_csv_items *items)
{
    for (size_t i = 0; i < FT_CSV_MAX_IDS; i++) ft_text_free(&items->parts[i]);
    for (size_t i = 0; i < items->n_items; i++) free(items->names[i]);
    ft_text_free(&items->id);
    free(items->names);
    free(items->buckets);
    *items = (ft_csv_items){0};
}
