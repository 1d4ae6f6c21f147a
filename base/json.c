/* JSON: a strict check with line and column before cJSON builds the tree, and a printer
 * whose numbers read back. */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utf8.h"

enum { MAX_NESTING = 200 };
enum { MAX_FILE_BYTES = 256 << 20 };

/* Checks the text in one pass. It stops at the first fault, or at key number `wanted_key`
 * (counted from 0 in the order of the text; SIZE_MAX: never), and leaves the position in
 * `at`. Python's NaN and infinities and all unwanted values become null in `cleaned`, the
 * text that cJSON gets. */
typedef struct checker {
    const char *text, *at, *end;
    const char *fault; /* NULL while all is well */
    size_t keys, wanted_key;
    ft_json_part part;
    bool within;   /* inside part.within */
    bool dropping; /* inside an unwanted value; its keys are not counted */
    ft_text cleaned;
    const char *copied; /* text up to here is in `cleaned` */
    int depth;
} checker;

static bool refuse(checker *c, const char *fault)
{
    if (!c->fault) c->fault = fault;
    return false;
}

static void skip_blanks(checker *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r')) c->at++;
}

static bool take(checker *c, char letter)
{
    if (c->at == c->end || *c->at != letter) return false;
    c->at++;
    return true;
}

static bool take_word(checker *c, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) return false;
    c->at += length;
    return true;
}

static bool take_digits(checker *c)
{
    const char *start = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') c->at++;
    return c->at > start;
}

static bool check_number(checker *c)
{
    take(c, '-');
    if (!take(c, '0') && !take_digits(c)) return refuse(c, "a value is needed here");
    if (c->at < c->end && *c->at >= '0' && *c->at <= '9') return refuse(c, "a number must not begin with 0");
    if (take(c, '.') && !take_digits(c)) return refuse(c, "digits are needed after the decimal point");
    if (take(c, 'e') || take(c, 'E')) {
        if (!take(c, '+')) take(c, '-');
        if (!take_digits(c)) return refuse(c, "digits are needed in the exponent");
    }
    return true;
}

/* Reads the four hexadecimal digits of \uXXXX; -1 if they are missing. */
static int take_hex(checker *c)
{
    int code = 0;
    for (int i = 0; i < 4; i++, c->at++) {
        if (c->at == c->end) return -1;
        char letter = *c->at;
        int digit = letter >= '0' && letter <= '9'   ? letter - '0'
                    : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
                    : letter >= 'A' && letter <= 'F' ? letter - 'A' + 10
                                                     : -1;
        if (digit < 0) return -1;
        code = code * 16 + digit;
    }
    return code;
}

static bool check_string(checker *c)
{
    const char *start = c->at;
    if (!take(c, '"')) return refuse(c, "a string in double quotes is needed here");
    while (c->at < c->end && *c->at != '"') {
        if ((unsigned char)*c->at < 0x20) return refuse(c, "a control character inside a string");
        if (*c->at != '\\') {
            size_t length = ft_utf8_length(c->at, (size_t)(c->end - c->at));
            if (length == 0) return refuse(c, "bytes in a string that are not UTF-8");
            c->at += length;
            continue;
        }
        c->at++;
        if (c->at == c->end) break;
        char letter = *c->at++;
        if (letter != 'u') {
            if (!strchr("\"\\/bfnrt", letter)) return refuse(c, "an unknown escape in a string");
            continue;
        }
        int code = take_hex(c);
        if (code < 0) return refuse(c, "four hexadecimal digits are needed after \\u");
        if (code == 0) return refuse(c, "a NUL character in a string");
        if (code >= 0xDC00 && code <= 0xDFFF) return refuse(c, "half of a surrogate pair in a string");
        if (code >= 0xD800 && code <= 0xDBFF) {
            int low = take_word(c, "\\u") ? take_hex(c) : -1;
            if (low < 0xDC00 || low > 0xDFFF) return refuse(c, "half of a surrogate pair in a string");
        }
    }
    if (take(c, '"')) return true;
    c->at = start;
    return refuse(c, "a string without its closing quote");
}

/* Keeps the text from c->copied to `until` for cJSON; the next copy begins at c->at. */
static void copy(checker *c, const char *until)
{
    ft_text_add_bytes(&c->cleaned, c->copied, (size_t)(until - c->copied));
    c->copied = c->at;
}

/* Replaces the text since `start`, a value, by null. */
static void clean(checker *c, const char *start)
{
    if (c->dropping) return;
    copy(c, start);
    ft_text_add(&c->cleaned, "null");
}

static bool check_value(checker *c);

/* Whether the key (`length` bytes, quotes included) is this name. */
static bool is_key(const char *key, size_t length, const char *name)
{
    return strlen(name) + 2 == length && memcmp(name, key + 1, length - 2) == 0;
}

static bool is_listed(const char *const *names, const char *key, size_t length)
{
    for (; names && *names; names++)
        if (is_key(key, length, *names)) return true;
    return false;
}

typedef enum member_fate { KEPT, KEPT_AS_NULL, LEFT_OUT } member_fate;

/* What becomes of the member with this key. */
static member_fate judge_key(checker *c, const char *key, size_t length)
{
    if (c->dropping) return KEPT;
    if (c->depth == 1) {
        c->within = c->part.within && is_key(key, length, c->part.within);
        return is_listed(c->part.without, key, length) ? KEPT_AS_NULL : KEPT;
    }
    return c->depth == 2 && c->within && !is_listed(c->part.only, key, length) ? LEFT_OUT : KEPT;
}

/* A member of an object. n_kept: NULL, or in the object `within` how many of the members
 * before this one are kept. */
static bool check_member(checker *c, size_t *n_kept)
{
    const char *key = c->at;
    if (!check_string(c)) return false;
    const member_fate fate = judge_key(c, key, (size_t)(c->at - key));
    if (!c->dropping && fate != LEFT_OUT && c->keys++ == c->wanted_key) {
        c->at = key;
        return false;
    }
    skip_blanks(c);
    if (!take(c, ':')) return refuse(c, "':' is needed after a key");
    skip_blanks(c);
    const char *value = c->at;
    if (n_kept && fate == KEPT) {
        if ((*n_kept)++) ft_text_add(&c->cleaned, ",");
        c->copied = key;
    }
    c->dropping |= fate != KEPT;
    if (!check_value(c)) return false;
    if (fate != KEPT) c->dropping = false;
    if (fate == KEPT_AS_NULL) clean(c, value);
    if (n_kept && fate == KEPT) copy(c, c->at);
    return true;
}

static bool check_members(checker *c, char close)
{
    size_t n_kept = 0;
    if (++c->depth > MAX_NESTING) return refuse(c, "nested more than 200 deep");
    c->at++;
    const bool is_part = close == '}' && c->depth == 2 && c->within && !c->dropping;
    if (is_part) copy(c, c->at);
    skip_blanks(c);
    if (take(c, close)) {
        c->depth--;
        return true;
    }
    for (;;) {
        skip_blanks(c);
        if (!(close == '}' ? check_member(c, is_part ? &n_kept : NULL) : check_value(c))) return false;
        skip_blanks(c);
        if (take(c, ',')) continue;
        if (!take(c, close))
            return refuse(c, c->at == c->end ? "the text ends inside a list or an object"
                             : close == '}'  ? "',' or '}' is needed here"
                                             : "',' or ']' is needed here");
        if (is_part) c->copied = c->at - 1;
        c->depth--;
        return true;
    }
}

static bool check_value(checker *c)
{
    skip_blanks(c);
    if (c->at == c->end) return refuse(c, "the text ends where a value is needed");
    const char *start = c->at;
    switch (*c->at) {
    case '{':
        return check_members(c, '}');
    case '[':
        return check_members(c, ']');
    case '"':
        return check_string(c);
    default:
        break;
    }
    if (take_word(c, "true") || take_word(c, "false") || take_word(c, "null")) return true;
    if (take_word(c, "NaN") || take_word(c, "Infinity") || take_word(c, "-Infinity")) {
        clean(c, start);
        return true;
    }
    return check_number(c);
}

static ft_status fault_at(const checker *c, const char *name, const char *what, ft_error *err)
{
    size_t line = 1, column = 1;
    for (const char *p = c->text; p < c->at; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*p & 0xC0) != 0x80) {
            /* count characters, not bytes */
            column++;
        }
    }
    return ft_fail(err, FT_BAD_INPUT, "%s:%zu:%zu: %s", name, line, column, what);
}

typedef struct numbered_key {
    const char *key;
    size_t number; /* in the order of the text */
} numbered_key;

static int by_key(const void *a, const void *b)
{
    const numbered_key *left = a, *right = b;
    int order = strcmp(left->key, right->key);
    if (order) return order;
    return left->number < right->number ? -1 : left->number > right->number;
}

/* Looks through the tree for a key given twice in one object; *number is the last number
 * given to a key. Returns false with *twice set to the number of the first such key, or
 * to SIZE_MAX where memory ran out. */
static bool keys_once(const cJSON *value, size_t *number, size_t *twice)
{
    size_t count = 0;
    for (const cJSON *child = value->child; child; child = child->next) count++;
    numbered_key *keys = NULL;
    if (cJSON_IsObject(value) && count > 1) {
        keys = malloc(count * sizeof *keys);
        *twice = SIZE_MAX;
        if (!keys) return false;
    }
    size_t i = 0;
    for (const cJSON *child = value->child; child; child = child->next, i++) {
        if (keys) keys[i] = (numbered_key){child->string, *number};
        if (cJSON_IsObject(value)) ++*number;
        if (!keys_once(child, number, twice)) {
            free(keys);
            return false;
        }
    }
    bool once = true;
    if (keys) {
        qsort(keys, count, sizeof *keys, by_key);
        for (i = 1; i < count; i++) {
            if (strcmp(keys[i - 1].key, keys[i].key) == 0 && (once || keys[i].number < *twice)) {
                *twice = keys[i].number;
                once = false;
            }
        }
    }
    free(keys);
    return once;
}

/* ft_json_parse of what is wanted; part NULL: all. */
static ft_status parse(const char *text, size_t size, const char *name, const ft_json_part *part,
                       cJSON **root, ft_error *err)
{
    ft_status status = FT_OK;
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3, size -= 3;
    checker c = {.text = text,
                 .at = text,
                 .end = text + size,
                 .wanted_key = SIZE_MAX,
                 .part = part ? *part : (ft_json_part){0},
                 .copied = text};
    cJSON *tree = NULL;
    const char *nul = size ? memchr(text, '\0', size) : NULL;
    if (nul) {
        c.at = nul;
        return fault_at(&c, name, "a NUL byte", err);
    }
    if (check_value(&c)) {
        skip_blanks(&c);
        if (c.at < c.end) refuse(&c, "something follows the end of the value");
    }
    if (c.fault) {
        status = fault_at(&c, name, c.fault, err);
        goto cleanup;
    }
    ft_text_add_bytes(&c.cleaned, c.copied, (size_t)(c.end - c.copied));
    if (!c.cleaned.failed) tree = cJSON_ParseWithLength(c.cleaned.data, c.cleaned.length);
    if (!tree) {
        /* The text was checked: only memory can be missing. */
        status = ft_no_memory(err, name, size);
        goto cleanup;
    }
    size_t number = 0, twice = SIZE_MAX;
    if (!keys_once(tree, &number, &twice)) {
        if (twice == SIZE_MAX) {
            status = ft_no_memory(err, name, size);
        } else {
            c.at = text, c.depth = 0, c.keys = 0, c.wanted_key = twice, c.copied = text;
            (void)check_value(&c);
            status = fault_at(&c, name, "a key is given twice in one object", err);
        }
        goto cleanup;
    }
    *root = tree;
    tree = NULL;
cleanup:
    cJSON_Delete(tree);
    ft_text_free(&c.cleaned);
    return status;
}

ft_status ft_json_parse(const char *text, size_t size, const char *name, cJSON **root, ft_error *err)
{
    return parse(text, size, name, NULL, root, err);
}

ft_status ft_json_read_part(const char *path, const ft_json_part *part, cJSON **root, ft_error *err)
{
    char *data;
    size_t size;
    ft_status status = ft_read_file(path, MAX_FILE_BYTES, &data, &size, err);
    if (status != FT_OK) return status;
    status = parse(data, size, path, part, root, err);
    free(data);
    return status;
}

ft_status ft_json_read(const char *path, cJSON **root, ft_error *err)
{
    return ft_json_read_part(path, NULL, root, err);
}

static void print_string(ft_text *out, const char *string)
{
    const unsigned char *p = (const unsigned char *)(string ? string : "");
    ft_text_add(out, "\"");
    while (*p) {
        /* a NUL ends the string before that */
        size_t length = ft_utf8_length((const char *)p, 4);
        switch (*p) {
        case '"':
            ft_text_add(out, "\\\"");
            break;
        case '\\':
            ft_text_add(out, "\\\\");
            break;
        case '\n':
            ft_text_add(out, "\\n");
            break;
        case '\r':
            ft_text_add(out, "\\r");
            break;
        case '\t':
            ft_text_add(out, "\\t");
            break;
        default:
            if (*p < 0x20)
                ft_text_addf(out, "\\u%04x", *p);
            else if (length)
                ft_text_add_bytes(out, (const char *)p, length);
            /* U+FFFD: what we write is always valid */
            else
                ft_text_add(out, "\xEF\xBF\xBD");
        }
        p += length ? length : 1;
    }
    ft_text_add(out, "\"");
}

static void print_number(ft_text *out, double value)
{
    char digits[FT_NUMBER_CHARS];
    if (!isfinite(value))
        ft_text_add(out, "null");
    else if (value == floor(value) && fabs(value) < 9007199254740992.0) /* 2^53 */
        ft_text_addf(out, "%s%lld", value == 0 && signbit(value) ? "-" : "", (long long)value);
    else
        ft_text_add(out, ft_format_double(value, digits));
}

/* indent < 0: on one line. */
static void print_value(ft_text *out, const cJSON *value, int indent)
{
    if (cJSON_IsNumber(value)) {
        print_number(out, value->valuedouble);
    } else if (cJSON_IsString(value)) {
        print_string(out, value->valuestring);
    } else if (cJSON_IsRaw(value)) {
        ft_text_add(out, value->valuestring ? value->valuestring : "null");
    } else if (cJSON_IsBool(value)) {
        ft_text_add(out, cJSON_IsTrue(value) ? "true" : "false");
    } else if (cJSON_IsArray(value) || cJSON_IsObject(value)) {
        bool object = cJSON_IsObject(value);
        ft_text_add(out, object ? "{" : "[");
        for (const cJSON *child = value->child; child; child = child->next) {
            if (indent >= 0) ft_text_addf(out, "\n%*s", indent + 2, "");
            if (object) {
                print_string(out, child->string);
                ft_text_add(out, indent >= 0 ? ": " : ":");
            }
            print_value(out, child, indent >= 0 ? indent + 2 : -1);
            if (child->next) ft_text_add(out, ",");
        }
        if (indent >= 0 && value->child) ft_text_addf(out, "\n%*s", indent, "");
        ft_text_add(out, object ? "}" : "]");
    } else {
        ft_text_add(out, "null");
    }
}

static char *print(const cJSON *value, int indent, const char *after)
{
    ft_text out = FT_TEXT_EMPTY;
    print_value(&out, value, indent);
    ft_text_add(&out, after);
    if (out.failed) ft_text_free(&out);
    return out.data;
}

char *ft_json_print(const cJSON *value)
{
    return print(value, 0, "\n");
}

char *ft_json_print_line(const cJSON *value)
{
    return print(value, -1, "");
}

ft_status ft_json_write(const char *path, const cJSON *value, ft_error *err)
{
    char *text = ft_json_print(value);
    if (!text) return ft_no_memory(err, path, 0);
    ft_status status = ft_write_file(path, text, strlen(text), err);
    free(text);
    return status;
}

cJSON *ft_json_number(double value)
{
    return isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull();
}

void ft_json_set(cJSON **object, const char *key, cJSON *item)
{
    if (*object && item && cJSON_AddItemToObject(*object, key, item)) return;
    cJSON_Delete(item);
    cJSON_Delete(*object);
    *object = NULL;
}

void ft_json_append(cJSON **list, cJSON *item)
{
    if (*list && item && cJSON_AddItemToArray(*list, item)) return;
    cJSON_Delete(item);
    cJSON_Delete(*list);
    *list = NULL;
}

void ft_json_set_whole(cJSON **object, const char *key, int64_t value)
{
    ft_json_set(object, key, cJSON_CreateNumber((double)value));
}

void ft_json_set_string(cJSON **object, const char *key, const char *value)
{
    ft_json_set(object, key, cJSON_CreateString(value));
}

void ft_json_set_bool(cJSON **object, const char *key, bool value)
{
    ft_json_set(object, key, cJSON_CreateBool(value));
}

void ft_json_set_null(cJSON **object, const char *key)
{
    ft_json_set(object, key, cJSON_CreateNull());
}

static void set_real(cJSON **object, const char *key, const char *number)
{
    char text[FT_NUMBER_CHARS + 2];
    snprintf(text, sizeof text, "%s%s", number, strpbrk(number, ".en") ? "" : ".0");
    ft_json_set(object, key, cJSON_CreateRaw(text));
}

void ft_json_set_float(cJSON **object, const char *key, float value)
{
    char number[FT_NUMBER_CHARS];
    set_real(object, key, ft_format_float(value, number));
}

void ft_json_set_double(cJSON **object, const char *key, double value)
{
    char number[FT_NUMBER_CHARS];
    set_real(object, key, ft_format_double(value, number));
}
