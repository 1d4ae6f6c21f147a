/* Building a JSON object; see json_builder.h. */
#include "model/json_builder.h"

#include <string.h>

#include "base/text.h"

ft_json_builder ft_json_build_object(void)
{
    cJSON *object = cJSON_CreateObject();
    return (ft_json_builder){object, object != NULL};
}

ft_json_builder ft_json_build_list(void)
{
    cJSON *list = cJSON_CreateArray();
    return (ft_json_builder){list, list != NULL};
}

void ft_json_put(ft_json_builder *to, const char *key, cJSON *item)
{
    if (item && to->value &&
        (key ? cJSON_AddItemToObject(to->value, key, item) : cJSON_AddItemToArray(to->value, item)))
        return;
    cJSON_Delete(item);
    to->complete = false;
}

void ft_json_put_built(ft_json_builder *to, const char *key, ft_json_builder built)
{
    ft_json_put(to, key, built.value);
    to->complete = to->complete && built.complete;
}

void ft_json_put_whole(ft_json_builder *to, const char *key, int64_t value)
{
    ft_json_put(to, key, cJSON_CreateNumber((double)value));
}

void ft_json_put_string(ft_json_builder *to, const char *key, const char *value)
{
    ft_json_put(to, key, cJSON_CreateString(value));
}

void ft_json_put_bool(ft_json_builder *to, const char *key, bool value)
{
    ft_json_put(to, key, cJSON_CreateBool(value));
}

void ft_json_put_null(ft_json_builder *to, const char *key)
{
    ft_json_put(to, key, cJSON_CreateNull());
}

static void put_number(ft_json_builder *to, const char *key, const char *number)
{
    char text[FT_NUMBER_CHARS + 2];
    size_t length = strlen(number);
    memcpy(text, number, length + 1);
    if (!strpbrk(number, ".en")) memcpy(text + length, ".0", 3);
    ft_json_put(to, key, cJSON_CreateRaw(text));
}

void ft_json_put_float(ft_json_builder *to, const char *key, float value)
{
    char number[FT_NUMBER_CHARS];
    put_number(to, key, ft_format_float(value, number));
}

void ft_json_put_double(ft_json_builder *to, const char *key, double value)
{
    char number[FT_NUMBER_CHARS];
    put_number(to, key, ft_format_double(value, number));
}
