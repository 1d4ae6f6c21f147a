/* The report's data as it grows: a JSON tree that takes note when memory runs out. */
#ifndef FT_TRACKER_REPORT_DATA_H
#define FT_TRACKER_REPORT_DATA_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "tracker/table.h"

typedef struct ft_report_data {
    cJSON *root;
    bool failed; /* the tree lacks something */
} ft_report_data;

/* Each adds an item to `parent`, a list (key NULL) or an object, and returns it; NULL
 * where there is no parent or memory has run out. */
cJSON *ft_report_add(ft_report_data *data, cJSON *parent, const char *key, cJSON *item);
cJSON *ft_report_add_object(ft_report_data *data, cJSON *parent, const char *key);
cJSON *ft_report_add_list(ft_report_data *data, cJSON *parent, const char *key);
/* NULL is null. */
void ft_report_add_text(ft_report_data *data, cJSON *parent, const char *key, const char *text);
/* Rounded to 6 significant digits; null where it is not finite. */
void ft_report_add_number(ft_report_data *data, cJSON *parent, const char *key, double value);
void ft_report_add_flag(ft_report_data *data, cJSON *parent, const char *key, bool value);
/* A cell of a table as what it is: number, text, flag or null. Its number is not
 * rounded. */
void ft_report_add_cell(ft_report_data *data, cJSON *parent, const char *key, const ft_cell *cell);

/* A finding: {"title": first line of `lines`, "more": the rest}. */
void ft_report_add_finding(ft_report_data *data, cJSON *parent, const char *key, const ft_text *lines);

#endif
