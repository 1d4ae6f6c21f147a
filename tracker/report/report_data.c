/* The report's data as it grows; see report_data.h. */
#include "tracker/report/report_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

cJSON *ft_report_add(ft_report_data *data, cJSON *parent, const char *key, cJSON *item)
{
    if (parent && item &&
        (key ? cJSON_AddItemToObject(parent, key, item) : cJSON_AddItemToArray(parent, item)))
        return item;
    cJSON_Delete(item);
    data->failed = true;
    return NULL;
}

cJSON *ft_report_add_object(ft_report_data *data, cJSON *parent, const char *key)
{
    return ft_report_add(data, parent, key, cJSON_CreateObject());
}

cJSON *ft_report_add_list(ft_report_data *data, cJSON *parent, const char *key)
{
    return ft_report_add(data, parent, key, cJSON_CreateArray());
}

void ft_report_add_text(ft_report_data *data, cJSON *parent, const char *key, const char *text)
{
    ft_report_add(data, parent, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

void ft_report_add_number(ft_report_data *data, cJSON *parent, const char *key, double value)
{
    char rounded[FT_NUMBER_CHARS];
    if (isfinite(value)) {
        snprintf(rounded, sizeof rounded, "%.6g", value);
        ft_parse_double(rounded, strlen(rounded), &value);
    }
    ft_report_add(data, parent, key, ft_json_number(value));
}

void ft_report_add_flag(ft_report_data *data, cJSON *parent, const char *key, bool value)
{
    ft_report_add(data, parent, key, cJSON_CreateBool(value));
}

void ft_report_add_cell(ft_report_data *data, cJSON *parent, const char *key, const ft_cell *cell)
{
    if (cell->kind == FT_CELL_NUMBER)
        ft_report_add(data, parent, key, ft_json_number(cell->number));
    else if (cell->kind == FT_CELL_FLAG)
        ft_report_add_flag(data, parent, key, cell->number != 0);
    else
        ft_report_add_text(data, parent, key, cell->kind == FT_CELL_TEXT ? cell->text : NULL);
}

void ft_report_add_finding(ft_report_data *data, cJSON *parent, const char *key, const ft_text *lines)
{
    const char *text = lines->data ? lines->data : "";
    const size_t length = strcspn(text, "\n");
    cJSON *finding = ft_report_add_object(data, parent, key);
    char *title = ft_copy_bytes(text, length);
    if (!title || lines->failed) data->failed = true;
    ft_report_add_text(data, finding, "title", title);
    ft_report_add_text(data, finding, "more", text[length] ? text + length + 1 : "");
    free(title);
}
