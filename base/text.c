/* Growing strings, numbers as the shortest text that reads back, nearest names. */
#define _GNU_SOURCE /* strtod_l, strtof_l */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `extra` more bytes and the NUL; on failure marks the text as failed. */
static bool reserve(ft_text *text, size_t extra)
{
    if (text->failed) return false;
    if (extra < text->capacity && text->length < text->capacity - extra) return true;
    if (extra >= SIZE_MAX / 4 || text->length >= SIZE_MAX / 4) {
        text->failed = true;
        return false;
    }
    size_t wanted = text->length + extra + 1;
    size_t capacity = text->capacity < 64 ? 64 : text->capacity;
    while (capacity < wanted) capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void ft_text_add_bytes(ft_text *text, const char *bytes, size_t count)
{
    if (!reserve(text, count)) return;
    if (count) memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void ft_text_add(ft_text *text, const char *string)
{
    ft_text_add_bytes(text, string, strlen(string));
}

void ft_text_addf(ft_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int count = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (count < 0)
        text->failed = true;
    else if (reserve(text, (size_t)count)) {
        vsnprintf(text->data + text->length, (size_t)count + 1, format, again);
        text->length += (size_t)count;
    }
    va_end(again);
}

void ft_text_add_word(ft_text *text, const char *word)
{
    ft_text_add(text, "'");
    for (; *word; word++)
        if (*word == '\'')
            ft_text_add(text, "'\\''");
        else
            ft_text_add_bytes(text, word, 1);
    ft_text_add(text, "'");
}

void ft_text_free(ft_text *text)
{
    free(text->data);
    *text = FT_TEXT_EMPTY;
}

/* Numbers are parsed in the C locale, whatever locale the program has set. */
static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static bool reads_back(const char *text, double value, bool single)
{
    if (single) return strtof_l(text, NULL, c_locale) == (float)value;
    return strtod_l(text, NULL, c_locale) == value;
}

/* Adds one to the last digit of a "%e" text, away from zero; false where that would carry
 * through all digits. */
static bool next_digit_string(char *text)
{
    char *last = strchr(text, 'e');
    for (char *digit = last ? last - 1 : text; digit >= text; digit--) {
        if (*digit == '.') continue;
        if (!isdigit((unsigned char)*digit)) return false;
        if (*digit != '9') {
            (*digit)++;
            return true;
        }
        *digit = '0';
    }
    return false;
}

/* Tries the texts of each count of digits, shortest first. Where the gap below `value` is
 * half that above it (powers of two, and nowhere else), the nearest text of a length may
 * fail while the one after it reads back, so that one is tried too. */
static void shortest(double value, bool single, char *out)
{
    bool subnormal = fabs(value) < (single ? (double)FLT_MIN : DBL_MIN);
    int exponent, most = single ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
    bool power_of_two = fabs(frexp(value, &exponent)) == 0.5;
    for (int digits = subnormal ? 1 : (single ? FLT_DIG : DBL_DIG); digits <= most; digits++) {
        snprintf(out, FT_NUMBER_CHARS, "%.*g", digits, value);
        if (reads_back(out, value, single)) return;
        if (!power_of_two) continue;
        char exponential[FT_NUMBER_CHARS];
        snprintf(exponential, sizeof exponential, "%.*e", digits - 1, value);
        if (next_digit_string(exponential) && reads_back(exponential, value, single)) {
            snprintf(out, FT_NUMBER_CHARS, "%.*g", digits, strtod_l(exponential, NULL, c_locale));
            if (!reads_back(out, value, single)) snprintf(out, FT_NUMBER_CHARS, "%s", exponential);
            return;
        }
    }
}

static char *format_number(double value, bool single, char *out)
{
    if (isnan(value)) return strcpy(out, "nan");
    if (isinf(value)) return strcpy(out, value > 0 ? "inf" : "-inf");
    pthread_once(&c_locale_once, make_c_locale);
    locale_t before = uselocale(c_locale);
    shortest(value, single, out);
    uselocale(before);
    return out;
}

char *ft_format_double(double value, char out[FT_NUMBER_CHARS])
{
    /* Integers, frequent in tables: "%.15g" prints all their digits. */
    bool is_plain = fabs(value) < 1e15 && value == floor(value) && (value != 0 || !signbit(value));
    if (!is_plain) return format_number(value, false, out);
    snprintf(out, FT_NUMBER_CHARS, "%lld", (long long)value);
    return out;
}

char *ft_format_float(float value, char out[FT_NUMBER_CHARS])
{
    return format_number((double)value, true, out);
}

static void trim(const char **text, size_t *length)
{
    if (*length && **text > ' ' && (*text)[*length - 1] > ' ') return;
    while (*length && isspace((unsigned char)**text)) (*text)++, (*length)--;
    while (*length && isspace((unsigned char)(*text)[*length - 1])) (*length)--;
}

enum { MOST_PLAIN = 21 }; /* a sign, 19 digits and a point */

/* A number as scanned: (-1)^negative x digits x 10^exponent, `digits` exact unless
 * `long_form`. */
typedef struct scanned {
    uint64_t digits;
    int exponent;
    bool negative, long_form;
} scanned;

/* Scans digits, perhaps with a decimal mark among them, that fit into 64 bits, as most
 * numbers do. Returns where they end, at most at `end`; NULL: there are none, or more. */
static const char *scan_plain(const char *text, const char *end, char decimal, scanned *out)
{
    const bool negative = text < end && *text == '-';
    if (negative) text++;
    const char *start = text, *point = NULL;
    uint64_t digits = 0;
    for (; text < end; text++) {
        const unsigned digit = (unsigned)*text - '0';
        if (digit <= 9)
            digits = digits * 10 + digit;
        else if (*text == decimal && decimal && !point)
            point = text;
        else
            break;
    }
    const int count = (int)(text - start) - (point != NULL);
    if (count < 1 || count > 19) return NULL;
    *out = (scanned){.digits = digits, .exponent = point ? (int)(point + 1 - text) : 0, .negative = negative};
    return text;
}

static bool scan_decimal(const char *text, size_t length, scanned *out)
{
    const char *end = text + length;
    *out = (scanned){0};
    if (length <= MOST_PLAIN && scan_plain(text, end, '.', out) == end) return true;
    *out = (scanned){0};
    if (text < end && (*text == '-' || *text == '+')) out->negative = *text++ == '-';
    bool any = false, point = false;
    int significant = 0;
    for (; text < end && (isdigit((unsigned char)*text) || (*text == '.' && !point)); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        any = true;
        if (out->digits || *text != '0') significant++;
        if (significant > 19)
            out->long_form = true;
        else
            out->digits = out->digits * 10 + (uint64_t)(*text - '0');
        if (point && out->exponent > -100000) out->exponent--;
    }
    if (!any) return false;
    if (text < end && (*text == 'e' || *text == 'E')) {
        text++;
        bool negative = false;
        if (text < end && (*text == '-' || *text == '+')) negative = *text++ == '-';
        if (text == end || !isdigit((unsigned char)*text)) return false;
        int exponent = 0;
        for (; text < end && isdigit((unsigned char)*text); text++)
            if (exponent < 100000) exponent = exponent * 10 + (*text - '0');
        out->exponent += negative ? -exponent : exponent;
    }
    return text == end;
}

/* Rounds to the nearest double by way of 80-bit floating point, if there is such a
 * type. Its bits beyond a double's 53 tell whether rounding twice gives the right
 * result. Where long double is no wider than double, as under valgrind, it always
 * fails. */
static bool round_twice(const scanned *number, double *value)
{
    static const long double powers[] = {1e0L, 1e1L, 1e2L, 1e3L, 1e4L, 1e5L, 1e6L, 1e7L, 1e8L, 1e9L, 1e10L,
                                         1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
                                         /* exact */
                                         1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
    enum { MOST = 27, BEYOND = 0x7FF, HALF = 0x400 };
    if (LDBL_MANT_DIG != 64 || number->long_form || number->exponent < -MOST || number->exponent > MOST)
        return false;
    long double result = (long double)number->digits;
    result = number->exponent < 0 ? result / powers[-number->exponent] : result * powers[number->exponent];
    uint64_t mantissa;
    memcpy(&mantissa, &result, sizeof mantissa);
    const unsigned beyond = (unsigned)(mantissa & BEYOND);
    if (beyond == 0 || (beyond >= HALF - 1 && beyond <= HALF + 1)) return false;
    *value = (double)(number->negative ? -result : result);
    return true;
}

/* Rounds to the nearest double without strtod; false: it is not certain. */
static bool round_scanned(const scanned *number, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    /* Both factors are exact in double, so one rounding gives the nearest double (Clinger
     * 1990). */
    if (number->long_form || number->digits > (1ull << 53) || number->exponent < -22 || number->exponent > 22)
        return round_twice(number, value);
    double result = (double)number->digits;
    result = number->exponent < 0 ? result / powers[-number->exponent] : result * powers[number->exponent];
    *value = number->negative ? -result : result;
    return true;
}

const char *ft_parse_plain_double(const char *text, char decimal, double *value)
{
    scanned number = {0};
    const char *end = scan_plain(text, text + MOST_PLAIN, decimal, &number);
    return end && round_scanned(&number, value) ? end : NULL;
}

bool ft_parse_double(const char *text, size_t length, double *value)
{
    trim(&text, &length);
    scanned number;
    if (!scan_decimal(text, length, &number)) return false;
    if (round_scanned(&number, value)) return true;
    pthread_once(&c_locale_once, make_c_locale);
    char small[128];
    char *copy = length < sizeof small ? small : malloc(length + 1);
    if (!copy) return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    double result = strtod_l(copy, NULL, c_locale);
    if (copy != small) free(copy);
    *value = result;
    return isfinite(result);
}

bool ft_parse_int(const char *text, size_t length, long long *value)
{
    trim(&text, &length);
    bool negative = false;
    if (length && (*text == '-' || *text == '+')) {
        negative = *text == '-';
        text++, length--;
    }
    if (!length) return false;
    unsigned long long result = 0, most = negative ? 1ull << 63 : (1ull << 63) - 1;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i])) return false;
        unsigned digit = (unsigned)(text[i] - '0');
        if (result > (most - digit) / 10) return false;
        result = result * 10 + digit;
    }
    *value = negative ? (long long)(0ull - result) : (long long)result;
    return true;
}

enum { NAME_CHARS = 128 }; /* longer names are compared by their beginnings */

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Levenshtein distance without letter case, where two neighbours that swapped places
 * count once (optimal string alignment). */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][NAME_CHARS + 1];
    size_t *above2 = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++) row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *oldest = above2;
        above2 = above;
        above = row;
        row = oldest;
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = above[j - 1] + (same_letter(a[i - 1], b[j - 1]) ? 0 : 1);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            bool swapped =
                i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]);
            if (swapped && above2[j - 2] + 1 < best) best = above2[j - 2] + 1;
            row[j] = best;
        }
    }
    return row[b_length];
}

const char *ft_nearest_name(const char *name, const char *const *names, size_t count)
{
    size_t length = strnlen(name, NAME_CHARS);
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t other = strnlen(names[i], NAME_CHARS);
        size_t distance = edit_distance(name, length, names[i], other);
        if (distance < best && distance * 3 <= (length > other ? length : other)) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

char *ft_copy_bytes(const char *bytes, size_t length)
{
    char *copy = length < SIZE_MAX ? malloc(length + 1) : NULL;
    if (!copy) return NULL;
    if (length) memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

char *ft_copy_string(const char *string)
{
    return ft_copy_bytes(string, strlen(string));
}
