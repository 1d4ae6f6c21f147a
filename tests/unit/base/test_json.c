/* What the reader refuses, and where it says it is; what the printer writes. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

static void refused(const char *text, const char *message)
{
    ft_error err = {0};
    cJSON *root = NULL;
    cr_expect_eq(ft_json_parse(text, strlen(text), "g.json", &root, &err), FT_BAD_INPUT, "%s", text);
    cr_expect_null(root);
    cr_expect_str_eq(err.message, message, "%s: %s", text, err.message);
}

Test(json, faults_have_line_and_column)
{
    refused("", "g.json:1:1: the text ends where a value is needed");
    refused("{\n  \"a\": 1,\n  \"b\" 2\n}", "g.json:3:7: ':' is needed after a key");
    refused("{\"a\": [1, 2}", "g.json:1:12: ',' or ']' is needed here");
    refused("{\"a\": 1 \"b\": 2}", "g.json:1:9: ',' or '}' is needed here");
    refused("[1,]", "g.json:1:4: a value is needed here");
    refused("{a: 1}", "g.json:1:2: a string in double quotes is needed here");
    refused("[1] [2]", "g.json:1:5: something follows the end of the value");
    refused("[01]", "g.json:1:3: a number must not begin with 0");
    refused("[1.]", "g.json:1:4: digits are needed after the decimal point");
    refused("[1e]", "g.json:1:4: digits are needed in the exponent");
    refused("[\"\xC3\xA4\", x]", "g.json:1:7: a value is needed here");
    refused("[\"a\n\"]", "g.json:1:4: a control character inside a string");
    refused("[\"abc", "g.json:1:2: a string without its closing quote");
    refused("[\"\\q\"]", "g.json:1:5: an unknown escape in a string");
    refused("[\"\\u12\"]", "g.json:1:7: four hexadecimal digits are needed after \\u");
    refused("[\"\\ud800\"]", "g.json:1:9: half of a surrogate pair in a string");
    refused("[\"\\u0000\"]", "g.json:1:9: a NUL character in a string");
    refused("[", "g.json:1:2: the text ends where a value is needed");
    refused("[1", "g.json:1:3: the text ends inside a list or an object");
}

/* Found by fuzzing: two keys of different broken bytes were printed as one key, which
 * then could not be read. */
Test(json, texts_are_utf8)
{
    const char *what = "bytes in a string that are not UTF-8";
    static const struct {
        const char *text;
        int column;
    } cases[] = {
        {"{\"\xF0\": 1, \"\xF1\": 2}", 3}, /* lone first bytes */
        {"[\"a\xE4\"]", 4},                /* Latin-1 */
        {"[\"\xC0\xAF\"]", 3},             /* overlong */
        {"[\"\xE0\x80\x80\"]", 3},         /* overlong */
        {"[\"\xED\xA0\x80\"]", 3},         /* a surrogate */
        {"[\"\xF4\x90\x80\x80\"]", 3},     /* beyond U+10FFFF */
        {"[\"\xE2\x82", 3},                /* cut short by the end */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[128];
        snprintf(message, sizeof message, "g.json:1:%d: %s", cases[i].column, what);
        refused(cases[i].text, message);
    }
    ft_error err;
    cJSON *root = NULL;
    const char *fine = "[\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\xEF\xBF\xBD\"]";
    cr_assert_eq(ft_json_parse(fine, strlen(fine), "g", &root, &err), FT_OK, "%s", err.message);
    char *line = ft_json_print_line(root);
    cr_expect_str_eq(line, fine);
    free(line);
    cJSON_Delete(root);
}

Test(json, keys_given_twice)
{
    refused("{\"a\": 1, \"b\": {\"c\": 1}, \n \"\\u0061\": 2}",
            "g.json:2:2: a key is given twice in one object");
    refused("[{\"k\": {\"a\": 1}}, {\"a\": 1, \"b\": [{\"a\": 1, \"z\": 0, \"a\": 2}]}]",
            "g.json:1:51: a key is given twice in one object");
    ft_error err;
    cJSON *root = NULL;
    const char *fine = "{\"a\": {\"a\": 1}, \"A\": [{\"a\": 1}, {\"a\": 2}]}";
    cr_assert_eq(ft_json_parse(fine, strlen(fine), "g", &root, &err), FT_OK, "%s", err.message);
    cJSON_Delete(root);
}

/* Reads the text from a file, without "run" and "b", and of "part" only "x" and "z". */
static ft_status read_without(const char *text, char **printed, ft_error *err)
{
    static const char *const without[] = {"run", "b", NULL}, *const only[] = {"x", "z", NULL};
    const ft_json_part part = {without, "part", only};
    char path[] = "/tmp/ftgpu-json-XXXXXX";
    int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    close(descriptor);
    cr_assert_eq(ft_write_file(path, text, strlen(text), NULL), FT_OK);
    cJSON *root = NULL;
    ft_status status = ft_json_read_part(path, &part, &root, err);
    *printed = root ? ft_json_print_line(root) : NULL;
    cJSON_Delete(root);
    unlink(path);
    /* Messages begin with a name that is made up each time. */
    if (status != FT_OK)
        memmove(err->message, err->message + strlen(path), strlen(err->message + strlen(path)) + 1);
    return status;
}

Test(json, members_that_are_not_wanted)
{
    ft_error err = {""};
    char *printed;
    cr_assert_eq(
        read_without("{\"a\": [NaN, {\"run\": 1}], \"run\": {\"x\": [NaN, {\"x\": 1}], \"x\": 2}, \"c\": "
                     "Infinity, \"b\": \"}\" ,\"d\": 5}",
                     &printed, &err),
        FT_OK, "%s", err.message);
    cr_expect_str_eq(printed, "{\"a\":[null,{\"run\":1}],\"run\":null,\"c\":null,\"b\":null,\"d\":5}");
    free(printed);
    static const char *const parts[][2] = {
        {"{\"y\": {\"x\": 1, \"x\": NaN}, \"x\": {\"y\": NaN}, \"run\": [1]}", "{\"x\":{\"y\":null}}"},
        {"{\"x\": 1, \"y\": [2], \"z\" : 3 , \"w\": {}}", "{\"x\":1,\"z\":3}"},
        {"{ \"y\": 1 , \"w\": 2 }", "{}"},
        {"{ }", "{}"},
        {"[{\"y\": 1}]", "[{\"y\":1}]"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char text[200], expected[200];
        snprintf(text, sizeof text, "{\"x\": {\"part\": {\"y\": 1}}, \"part\": %s, \"d\": {\"y\": 5}}",
                 parts[i][0]);
        snprintf(expected, sizeof expected, "{\"x\":{\"part\":{\"y\":1}},\"part\":%s,\"d\":{\"y\":5}}",
                 parts[i][1]);
        cr_assert_eq(read_without(text, &printed, &err), FT_OK, "%s", err.message);
        cr_expect_str_eq(printed, expected);
        free(printed);
    }
    cr_expect_eq(read_without("{\"part\": {\"y\": {\"a\": 1}, \"x\": 1,\n\"x\": 2}}", &printed, &err),
                 FT_BAD_INPUT);
    cr_expect_str_eq(err.message, ":2:1: a key is given twice in one object");
    /* They must be well-formed all the same, and places are those of the whole text. */
    cr_expect_eq(read_without("{\"run\": {\"a\": 1 \"b\"}}", &printed, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, ":1:17: ',' or '}' is needed here");
    cr_expect_eq(
        read_without("{\"run\": {\"a\": 1, \"b\": {\"c\": 3}},\n\"e\": 1, \"e\": 2}", &printed, &err),
        FT_BAD_INPUT);
    cr_expect_str_eq(err.message, ":2:9: a key is given twice in one object");
    cr_expect_eq(read_without("{\"run\": 1, \"run\": 2}", &printed, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, ":1:12: a key is given twice in one object");
}

Test(json, nesting_and_nul_bytes)
{
    ft_error err;
    cJSON *root = NULL;
    size_t depth = 100000;
    char *deep = malloc(2 * depth);
    memset(deep, '[', depth);
    memset(deep + depth, ']', depth);
    cr_expect_eq(ft_json_parse(deep, 2 * depth, "g", &root, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "g:1:201: nested more than 200 deep");
    cr_expect_eq(ft_json_parse(deep + depth - 200, 400, "g", &root, &err), FT_OK);
    cJSON_Delete(root);
    free(deep);
    cr_expect_eq(ft_json_parse("[1,\n\0 2]", 8, "g", &root, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "g:2:1: a NUL byte");
}

static char *again(const char *text)
{
    ft_error err = {0};
    cJSON *root = NULL;
    cr_assert_eq(ft_json_parse(text, strlen(text), "g", &root, &err), FT_OK, "%s", err.message);
    char *line = ft_json_print_line(root);
    cJSON_Delete(root);
    return line;
}

static void prints(const char *text, const char *expected)
{
    char *line = again(text);
    cr_expect_str_eq(line, expected);
    free(line);
}

Test(json, what_is_read_is_printed_back)
{
    prints("\xEF\xBB\xBF [1, 2.50, 1e-5, -0, 1e15, 9007199254740993, 0.30000000000000004]",
           "[1,2.5,1e-05,-0,1000000000000000,9007199254740992,0.30000000000000004]");
    prints("{\"\\u00e4\\ud83d\\ude00\": \"a\\n\\\"\\\\\\u0001/\"}",
           "{\"\xC3\xA4\xF0\x9F\x98\x80\":\"a\\n\\\"\\\\\\u0001/\"}");
    prints("{\"a\":[],\"b\":{},\"c\":[true,false,null]}", "{\"a\":[],\"b\":{},\"c\":[true,false,null]}");
    /* as Python writes them */
    prints("[NaN, -Infinity, Infinity, \"NaN\"]", "[null,null,null,\"NaN\"]");
}

Test(json, printing)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddItemToObject(root, "x", ft_json_number(NAN));
    cJSON_AddNumberToObject(root, "y", INFINITY);
    cJSON_AddItemToObject(root, "z", ft_json_number(1.0 / 3));
    cJSON_AddStringToObject(root, "s", "bad \xFF\xC3 utf8");
    cJSON *list = cJSON_AddArrayToObject(root, "list");
    cJSON_AddItemToArray(list, cJSON_CreateNumber(1));
    cJSON_AddItemToArray(list, cJSON_CreateNumber(2));
    char *text = ft_json_print(root);
    cr_expect_str_eq(
        text, "{\n  \"x\": null,\n  \"y\": null,\n  \"z\": 0.3333333333333333,\n"
              "  \"s\": \"bad \xEF\xBF\xBD\xEF\xBF\xBD utf8\",\n  \"list\": [\n    1,\n    2\n  ]\n}\n");
    free(text);
    cJSON_Delete(root);
}
