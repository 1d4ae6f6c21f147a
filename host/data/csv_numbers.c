/* Numbers as people write them; see csv_numbers.h. */
#include "host/data/csv_numbers.h"

#include <string.h>

#include "base/text.h"

enum { MAX_NUMBER = 64 };

static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

/* The character at `at` that takes several bytes: ' ' a no-break space, '\'' an
 * apostrophe, '-' a minus sign; '\0': another. */
static char character_at(const char *at, const char *end, size_t *bytes)
{
    static const struct {
        const char *bytes;
        char means;
    } characters[] = {
        {"\xC2\xA0", ' '}, {"\xE2\x80\xAF", ' '}, {"\xE2\x80\x99", '\''}, {"\xE2\x88\x92", '-'}};
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
        *bytes = strlen(characters[i].bytes);
        if ((size_t)(end - at) >= *bytes && memcmp(at, characters[i].bytes, *bytes) == 0)
            return characters[i].means;
    }
    return '\0';
}

/* The bytes of a mark between groups at `at`, 0: there is none. */
static size_t mark_at(char thousands, const char *at, const char *end)
{
    size_t bytes;
    if (thousands == '\0' || at == end) return 0;
    if (*at == thousands) return 1;
    if ((unsigned char)*at < 0x80) return 0;
    return character_at(at, end, &bytes) == thousands ? bytes : 0;
}

static size_t count_digits(const char *at, const char *end)
{
    size_t count = 0;
    while (at + count < end && is_digit(at[count])) count++;
    return count;
}

/* The digits of groups at *at, without their marks, to plain + *used. Groups have three
 * digits; before the last one two, as in India, where a comma is the mark: 5,00,000.
 * False: they are no groups. */
static bool take_groups(char thousands, const char **at, const char *end, char *plain, size_t *used)
{
    const char *start = *at;
    size_t digits = count_digits(*at, end), bytes, n_groups = 1, before = 0;
    bool in_twos = true, in_threes = true;
    for (;; n_groups++) {
        memcpy(plain + *used, *at, digits);
        *used += digits;
        *at += digits;
        bytes = mark_at(thousands, *at, end);
        if (bytes == 0) break;
        if (n_groups > 1) in_twos &= digits == 2, in_threes &= digits == 3;
        before = n_groups == 1 ? digits : before;
        *at += bytes;
        digits = count_digits(*at, end);
    }
    if (n_groups == 1) return true;
    if (digits != 3 || *start == '0' || before < 1) return false;
    return (in_threes && before <= 3) || (thousands == ',' && in_twos && before <= 2);
}

bool ft_number_read(ft_number_notation notation, const char *text, size_t length, double *value)
{
    const bool plainly = length == 0 || (unsigned char)*text < 0x80;
    if (notation.decimal == '.' && notation.thousands == '\0' && plainly)
        return ft_parse_double(text, length, value);
    char plain[MAX_NUMBER];
    size_t used = 0, bytes;
    const char *at = text, *end = text + length;
    if (length >= MAX_NUMBER) return false;
    if (notation.decimal == ',' && notation.thousands == '.' && plainly && !memchr(text, '.', length)) {
        memcpy(plain, text, length); /* most of them */
        char *comma = memchr(plain, ',', length);
        if (comma) *comma = '.';
        return ft_parse_double(plain, length, value);
    }
    if (at < end && (*at == '-' || *at == '+')) {
        plain[used++] = *at++;
    } else if (!plainly && character_at(at, end, &bytes) == '-') {
        plain[used++] = '-';
        at += bytes;
    }
    if (!take_groups(notation.thousands, &at, end, plain, &used)) return false;
    if (at < end && *at == notation.decimal) {
        plain[used++] = '.';
        at++;
        const size_t digits = count_digits(at, end);
        memcpy(plain + used, at, digits);
        used += digits;
        at += digits;
    }
    if (at < end && *at != 'e' && *at != 'E') return false;
    memcpy(plain + used, at, (size_t)(end - at)); /* an exponent */
    used += (size_t)(end - at);
    return ft_parse_double(plain, used, value);
}

/* The marks in a text. */
typedef struct marks {
    size_t commas, points;
    char other; /* ' ' or '\'' between groups; '\0': neither is there */
} marks;

/* False: there is something that no number has. */
static bool find_marks(const char *text, size_t length, marks *found)
{
    *found = (marks){0};
    size_t bytes;
    for (const char *at = text, *end = text + length; at < end; at += bytes) {
        const char letter = (unsigned char)*at < 0x80 ? *at : character_at(at, end, &bytes);
        if ((unsigned char)*at < 0x80) bytes = 1;
        if (letter == ',')
            found->commas++;
        else if (letter == '.')
            found->points++;
        else if (letter == '\'' || (letter == ' ' && bytes > 1))
            found->other = letter;
        else if (!is_digit(letter) && letter != '-' && letter != '+' && letter != 'e' && letter != 'E')
            return false;
    }
    return true;
}

bool ft_number_look(ft_number_evidence *evidence, const char *text, size_t length)
{
    double value;
    marks has;
    if (!find_marks(text, length, &has)) return false;
    if (!has.commas && !has.points && !has.other) return true;
    /* It has been shown already; what contradicts it will be no number. */
    if (!has.other && (has.points ? !has.commas && has.points == 1 && evidence->point_decimals
                                  : has.commas == 1 && evidence->comma_decimals))
        return true;
    const ft_number_notation english = {'.', has.other ? has.other : ','},
                             german = {',', has.other ? has.other : '.'};
    const bool reads_english = ft_number_read(english, text, length, &value),
               reads_german = ft_number_read(german, text, length, &value);
    if (!reads_english && !reads_german) return false;
    if (has.other) {
        if (evidence->thousands && evidence->thousands != has.other) return false;
        evidence->thousands = has.other;
        evidence->point_decimals |= !reads_german;
        evidence->comma_decimals |= !reads_english;
    } else if (has.commas) {
        *(reads_english && reads_german ? &evidence->comma_open
          : reads_english               ? &evidence->comma_groups
                                        : &evidence->comma_decimals) = true;
    } else {
        *(reads_english && reads_german ? &evidence->point_open
          : reads_english               ? &evidence->point_decimals
                                        : &evidence->point_groups) = true;
    }
    return true;
}

void ft_number_merge(ft_number_evidence *evidence, const ft_number_evidence *other)
{
    if (other->text) return;
    evidence->comma_groups |= other->comma_groups;
    evidence->comma_decimals |= other->comma_decimals;
    evidence->comma_open |= other->comma_open;
    evidence->point_decimals |= other->point_decimals;
    evidence->point_groups |= other->point_groups;
    evidence->point_open |= other->point_open;
    if (other->thousands) evidence->thousands = other->thousands;
}

/* Whether commas stand between thousands (1) or are decimal (-1); 0: neither is
 * certain. */
static int meaning_of_commas(const ft_number_evidence *e)
{
    if (e->comma_decimals || e->point_groups) return e->comma_groups || e->point_decimals ? 0 : -1;
    return e->comma_groups || (e->comma_open && e->point_decimals);
}

bool ft_number_is_unmarked(const ft_number_evidence *e)
{
    return !e->comma_groups && !e->comma_decimals && !e->comma_open && !e->point_groups &&
           !e->point_decimals && !e->point_open && !e->thousands;
}

bool ft_number_is_settled(const ft_number_evidence *evidence)
{
    if (evidence->text || evidence->thousands) return false;
    return evidence->point_decimals || meaning_of_commas(evidence) != 0;
}

/* 994,900, and no other cell of the column shows which it is. */
static ft_number_certainty decide_open_commas(const ft_number_evidence *file, ft_number_custom custom,
                                              ft_number_notation *notation)
{
    const int others = meaning_of_commas(file);
    const bool by_commas = custom == FT_NUMBERS_COMMA_SEPARATED;
    if (others < 0 && !by_commas) *notation = (ft_number_notation){',', '.'};
    if (others > 0 || by_commas) *notation = (ft_number_notation){'.', ','};
    /* who separates cells by commas has points for decimals, or quotes each number */
    if (by_commas) return others > 0 ? FT_NUMBERS_SHOWN : others < 0 ? FT_NUMBERS_OPEN : FT_NUMBERS_ASSUMED;
    return others ? FT_NUMBERS_SHOWN : FT_NUMBERS_OPEN;
}

/* 1.234, and no other cell of the column shows which it is. */
static ft_number_certainty decide_open_points(const ft_number_evidence *file, ft_number_custom custom,
                                              ft_number_notation *notation)
{
    const int others = meaning_of_commas(file);
    *notation = (ft_number_notation){'.', '\0'};
    if (others > 0 || file->point_decimals || file->thousands) return FT_NUMBERS_SHOWN;
    if (custom != FT_NUMBERS_CONTINENTAL && others == 0) return FT_NUMBERS_ASSUMED;
    if (custom != FT_NUMBERS_CONTINENTAL || others == 0) return FT_NUMBERS_OPEN;
    *notation = (ft_number_notation){',', '.'};
    return FT_NUMBERS_SHOWN;
}

/* The column has apostrophes or blanks between thousands: then a comma or a point is
 * decimal. */
static ft_number_certainty decide_marked(const ft_number_evidence *column, ft_number_notation *notation)
{
    const bool comma = column->comma_decimals || column->comma_open,
               point = column->point_decimals || column->point_open;
    if ((comma && point) || column->comma_groups || column->point_groups) return FT_NUMBERS_OPEN;
    *notation = (ft_number_notation){comma ? ',' : '.', column->thousands};
    return FT_NUMBERS_SHOWN;
}

ft_number_certainty ft_number_decide(const ft_number_evidence *column, const ft_number_evidence *file,
                                     ft_number_custom custom, ft_number_notation *notation)
{
    ft_number_certainty certainty = FT_NUMBERS_SHOWN;
    int commas = meaning_of_commas(column);
    const bool contradicts = (column->comma_decimals || column->point_groups) && commas == 0;
    *notation = (ft_number_notation){'.', '\0'};
    if (contradicts) {
        certainty = FT_NUMBERS_OPEN;
    } else if (column->thousands) {
        certainty = decide_marked(column, notation);
    } else if (commas == 0 && column->comma_open) {
        certainty = decide_open_commas(file, custom, notation);
    } else if (commas == 0 && column->point_open && !column->point_decimals) {
        certainty = decide_open_points(file, custom, notation);
    } else if (commas == 0 && !column->point_decimals) {
        certainty = FT_NUMBERS_ASSUMED;
    }
    if (commas && !column->thousands)
        *notation = commas > 0 ? (ft_number_notation){'.', ','} : (ft_number_notation){',', '.'};
    if (certainty == FT_NUMBERS_OPEN) *notation = (ft_number_notation){'\0', '\0'};
    return certainty;
}
