/* Numbers as people write them; see csv_numbers.h. */
#include "host/csv_numbers.h"

#include <string.h>

#include "base/text.h"

enum { MAX_NUMBER = 64 };

static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

/* The bytes of a mark between groups at `at`, 0: there is none. */
static size_t mark_at(char thousands, const char *at, const char *end)
{
    if (thousands == '\0' || at == end) return 0;
    if (*at == thousands) return 1;
    if (thousands != ' ') return 0;
    if (end - at >= 2 && memcmp(at, "\xC2\xA0", 2) == 0) return 2;
    return end - at >= 3 && memcmp(at, "\xE2\x80\xAF", 3) == 0 ? 3 : 0;
}

static size_t count_digits(const char *at, const char *end)
{
    size_t count = 0;
    while (at + count < end && is_digit(at[count])) count++;
    return count;
}

bool ft_number_read(ft_number_notation notation, const char *text, size_t length, double *value)
{
    if (notation.decimal == '.' && notation.thousands == '\0') return ft_parse_double(text, length, value);
    char plain[MAX_NUMBER];
    size_t used = 0;
    const char *at = text, *end = text + length, *start;
    if (length >= MAX_NUMBER) return false;
    if (notation.decimal == ',' && notation.thousands == '.' && !memchr(text, '.', length)) {
        memcpy(plain, text, length); /* most of them */
        char *comma = memchr(plain, ',', length);
        if (comma) *comma = '.';
        return ft_parse_double(plain, length, value);
    }
    if (at < end && (*at == '-' || *at == '+')) plain[used++] = *at++;
    start = at;
    size_t digits = count_digits(at, end), bytes;
    bool grouped = false;
    do {
        memcpy(plain + used, at, digits);
        used += digits;
        at += digits;
        bytes = mark_at(notation.thousands, at, end);
        if (bytes == 0) break;
        if (digits < 1 || digits > 3 || (grouped && digits != 3) || (!grouped && *start == '0')) return false;
        grouped = true;
        at += bytes;
        digits = count_digits(at, end);
        if (digits != 3) return false;
    } while (true);
    if (at < end && *at == notation.decimal) {
        plain[used++] = '.';
        at++;
        digits = count_digits(at, end);
        memcpy(plain + used, at, digits);
        used += digits;
        at += digits;
    }
    if (at < end && *at != 'e' && *at != 'E') return false;
    memcpy(plain + used, at, (size_t)(end - at)); /* an exponent */
    used += (size_t)(end - at);
    return ft_parse_double(plain, used, value);
}

void ft_number_look(ft_number_evidence *evidence, const char *text, size_t length)
{
    const ft_number_notation english = {'.', ','}, german = {',', '.'};
    double value;
    if (!length || (!is_digit(*text) && !strchr("+-.,", *text))) return;
    const bool comma = memchr(text, ',', length) != NULL, point = memchr(text, '.', length) != NULL;
    if (!comma && !point) return;
    /* It has been shown already; what contradicts it will be no number. */
    if (point ? !comma && evidence->point_decimals : evidence->comma_decimals) return;
    const bool reads_english = ft_number_read(english, text, length, &value),
               reads_german = ft_number_read(german, text, length, &value);
    if (comma && reads_english && reads_german)
        evidence->comma_open = true;
    else if (comma && reads_english)
        evidence->comma_groups = true;
    else if (comma && reads_german)
        evidence->comma_decimals = true;
    else if (reads_english && reads_german)
        evidence->point_open = true;
    else if (reads_english)
        evidence->point_decimals = true;
}

void ft_number_merge(ft_number_evidence *evidence, const ft_number_evidence *other)
{
    evidence->comma_groups |= other->comma_groups;
    evidence->comma_decimals |= other->comma_decimals;
    evidence->comma_open |= other->comma_open;
    evidence->point_decimals |= other->point_decimals;
    evidence->point_open |= other->point_open;
}

/* Whether commas stand between thousands (1) or are decimal (-1); 0: neither is certain. */
static int meaning_of_commas(const ft_number_evidence *e)
{
    if (e->comma_decimals) return e->comma_groups || e->point_decimals ? 0 : -1;
    return e->comma_groups || (e->comma_open && e->point_decimals);
}

bool ft_number_decide(const ft_number_evidence *column, const ft_number_evidence *file,
                      ft_number_notation *notation)
{
    const bool contradicts = column->comma_decimals && (column->comma_groups || column->point_decimals);
    int commas = meaning_of_commas(column);
    /* 994,900 is told by the file's other columns; so is 1.234, but only by decimal commas there. */
    if (commas == 0 && column->comma_open && !contradicts) commas = meaning_of_commas(file);
    if (commas == 0 && column->point_open && !column->point_decimals && meaning_of_commas(file) < 0)
        commas = -1;
    *notation = (ft_number_notation){'.', '\0'};
    if (commas) *notation = commas > 0 ? (ft_number_notation){'.', ','} : (ft_number_notation){',', '.'};
    return commas != 0 || !(column->comma_open || contradicts);
}
