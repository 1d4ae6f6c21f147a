/* Building a JSON object key by key, with one check for memory at the end. */
#ifndef FT_MODEL_JSON_BUILDER_H
#define FT_MODEL_JSON_BUILDER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* An object or a list (then keys are NULL) that grows; its maker owns `value`. `complete`
 * turns false when memory runs out. */
typedef struct ft_json_builder {
    cJSON *value;
    bool complete;
} ft_json_builder;

ft_json_builder ft_json_build_object(void);
ft_json_builder ft_json_build_list(void);

/* Adds an item, which belongs to the builder from now on (and is freed where it cannot be
 * added). NULL counts as out of memory. */
void ft_json_put(ft_json_builder *to, const char *key, cJSON *item);
/* Adds what another builder has built. */
void ft_json_put_built(ft_json_builder *to, const char *key, ft_json_builder built);
void ft_json_put_whole(ft_json_builder *to, const char *key, int64_t value);
void ft_json_put_string(ft_json_builder *to, const char *key, const char *value);
void ft_json_put_bool(ft_json_builder *to, const char *key, bool value);
void ft_json_put_null(ft_json_builder *to, const char *key);
/* Finite real numbers as their shortest text, always with a point or an exponent: Python
 * tells 1.0 from 1, and transformers' configs refuse the second where they want the
 * first. */
void ft_json_put_float(ft_json_builder *to, const char *key, float value);
void ft_json_put_double(ft_json_builder *to, const char *key, double value);

#endif
