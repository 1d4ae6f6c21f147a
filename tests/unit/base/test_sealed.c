/* JSON objects that carry a checksum of their own text. */
#include "base/sealed.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static cJSON *object(void)
{
    static const char text[] = "{\"event\":\"done\",\"configuration\":1,\"list\":[1,{\"a\":\"b\"}]}";
    cJSON *made = NULL;
    ft_error err;
    cr_assert_eq(ft_json_parse(text, strlen(text), "object", &made, &err), FT_OK);
    return made;
}

Test(sealed, ends_in_the_crc32_of_what_stands_before)
{
    cJSON *made = object();
    char *line = ft_sealed_print(made, FT_SEALED_LINE), *file = ft_sealed_print(made, FT_SEALED_FILE);
    /* printf '%s' '{"event":"done","configuration":1,"list":[1,{"a":"b"}]' | gzip -c |
     * tail -c 8 | od -tx4 */
    cr_expect_str_eq(
        line, "{\"event\":\"done\",\"configuration\":1,\"list\":[1,{\"a\":\"b\"}],\"crc32\":\"f8de6c48\"}");
    cr_expect(strstr(file, "\n  ],\n  \"crc32\": \""), "%s", file);
    cr_expect_str_eq(file + strlen(file) - 4, "\"\n}\n");
    cJSON *again = NULL;
    ft_error err;
    cr_assert_eq(ft_json_parse(file, strlen(file), "file", &again, &err), FT_OK, "%s", err.message);
    cJSON_DeleteItemFromObjectCaseSensitive(again, "crc32");
    cr_expect(cJSON_Compare(again, made, true));
    cJSON_Delete(again);
    cJSON_Delete(made);
    free(line);
    free(file);
}

Test(sealed, no_byte_can_change_and_none_be_missing)
{
    cJSON *made = object();
    for (int form = FT_SEALED_FILE; form <= FT_SEALED_LINE; form++) {
        char *text = ft_sealed_print(made, (ft_sealed_form)form);
        size_t length = strlen(text);
        cr_assert(ft_sealed_is_whole(text, length, (ft_sealed_form)form));
        cr_expect_not(ft_sealed_is_whole(text, length, (ft_sealed_form)!form));
        for (size_t n = 0; n < length; n++) {
            cr_expect_not(ft_sealed_is_whole(text, n, (ft_sealed_form)form), "%zu bytes", n);
            for (int bit = 0; bit < 8; bit++) {
                text[n] = (char)(text[n] ^ 1 << bit);
                cr_expect_not(ft_sealed_is_whole(text, length, (ft_sealed_form)form), "byte %zu", n);
                text[n] = (char)(text[n] ^ 1 << bit);
            }
        }
        free(text);
    }
    cJSON_Delete(made);
}
