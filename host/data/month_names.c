/* Names of months; see month_names.h. They are those of Unicode's CLDR, the short ones
 * without their dot, and other spellings that are in use. */
#include "host/data/month_names.h"

#include <stdio.h>
#include <string.h>

enum { ENGLISH, FRENCH, GERMAN, SPANISH, ITALIAN, PORTUGUESE, DUTCH, N_LANGUAGES };
enum { WHOLE, SHORT };
enum { ALL_WHOLE = 0x1555, ALL_SHORT = ALL_WHOLE << 1 }; /* fits, of 7 languages */

static const char *const names[N_LANGUAGES][2][12] = {
    [ENGLISH] = {{"January", "February", "March", "April", "May", "June", "July", "August", "September",
                  "October", "November", "December"},
                 {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}},
    [FRENCH] = {{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
                 "octobre", "novembre", "décembre"},
                {"janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc"}},
    [GERMAN] = {{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September",
                 "Oktober", "November", "Dezember"},
                {"Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"}},
    [SPANISH] = {{"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
                  "octubre", "noviembre", "diciembre"},
                 {"ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"}},
    [ITALIAN] = {{"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto",
                  "settembre", "ottobre", "novembre", "dicembre"},
                 {"gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"}},
    [PORTUGUESE] = {{"janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro",
                     "outubro", "novembro", "dezembro"},
                    {"jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"}},
    [DUTCH] = {{"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september",
                "oktober", "november", "december"},
               {"jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"}}};

static const struct {
    const char *name;
    int language, form;
    int32_t month;
} others[] = {
    {"Sept", ENGLISH, SHORT, 9},     {"fevrier", FRENCH, WHOLE, 2}, {"aout", FRENCH, WHOLE, 8},
    {"decembre", FRENCH, WHOLE, 12}, {"fév", FRENCH, SHORT, 2},     {"fevr", FRENCH, SHORT, 2},
    {"aoû", FRENCH, SHORT, 8},       {"aou", FRENCH, SHORT, 8},     {"dec", FRENCH, SHORT, 12},
    {"Maerz", GERMAN, WHOLE, 3},     {"Mrz", GERMAN, SHORT, 3},     {"Jänner", GERMAN, WHOLE, 1},
    {"Feber", GERMAN, WHOLE, 2},     {"Sept", GERMAN, SHORT, 9},    {"setiembre", SPANISH, WHOLE, 9},
    {"sept", SPANISH, SHORT, 9},     {"sett", ITALIAN, SHORT, 9},   {"marco", PORTUGUESE, WHOLE, 3},
    {"sept", DUTCH, SHORT, 9}};

static bool is_lead(char byte) /* of a letter of Latin-1 in UTF-8 */
{
    return byte == '\xC3';
}

/* A byte in lower case: an ASCII letter, or (behind_lead) the second byte of a letter of
 * Latin-1. */
static unsigned char folded(char byte, bool behind_lead)
{
    const unsigned char b = (unsigned char)byte;
    const bool is_capital = behind_lead ? b >= 0x80 && b <= 0x9E : b >= 'A' && b <= 'Z';
    return is_capital ? (unsigned char)(b + 0x20) : b;
}

static bool is_letter(const char *at, const char *end)
{
    return at < end && (is_lead(*at) || (folded(*at, false) >= 'a' && folded(*at, false) <= 'z'));
}

/* The bytes of the name if `text` begins with it, and with no letter behind; else 0. */
static size_t match(const char *text, const char *end, const char *name)
{
    size_t i = 0;
    for (; name[i]; i++) {
        const bool behind_lead = i > 0 && is_lead(name[i - 1]);
        if (text + i == end || folded(text[i], behind_lead) != folded(name[i], behind_lead)) return 0;
    }
    return is_letter(text + i, end) ? 0 : i;
}

int32_t ft_month_take(const char **at, const char *end, ft_month_style *shown)
{
    size_t length = 0, found;
    int32_t month = 0;
    *shown = (ft_month_style){0};
    for (int language = 0; language < N_LANGUAGES; language++)
        for (int form = WHOLE; form <= SHORT; form++)
            for (int32_t i = 0; i < 12; i++) {
                if ((found = match(*at, end, names[language][form][i])) == 0) continue;
                shown->fits |= 1u << (2 * language + form);
                month = i + 1;
                length = found;
            }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if ((found = match(*at, end, others[i].name)) == 0) continue;
        shown->fits |= 1u << (2 * others[i].language + others[i].form);
        month = others[i].month;
        length = found;
    }
    if (month) shown->has_capital = **at >= 'A' && **at <= 'Z';
    *at += length;
    return month;
}

bool ft_month_may_be_whole(const ft_month_style *style)
{
    return (style->fits & ALL_WHOLE) != 0;
}

bool ft_month_may_be_short(const ft_month_style *style)
{
    return (style->fits & ALL_SHORT) != 0;
}

bool ft_month_style_narrow(ft_month_style *style, const ft_month_style *other)
{
    if (style->fits & other->fits) style->fits &= other->fits;
    style->has_dot |= other->has_dot;
    return (style->fits & (style->fits - 1)) == 0;
}

char *ft_month_write(const ft_month_style *style, int32_t month, bool whole, char out[FT_MONTH_CHARS],
                     bool *is_short)
{
    const uint32_t asked = style->fits & (whole ? ALL_WHOLE : ALL_SHORT);
    const uint32_t english = 1u << (2 * ENGLISH + (whole ? WHOLE : SHORT));
    const uint32_t fits = asked ? asked : style->fits ? style->fits : english;
    int bit = 0;
    while (!(fits >> bit & 1)) bit++;
    const char *const *of_language = names[bit / 2][WHOLE], *name = names[bit / 2][bit % 2][month - 1];
    snprintf(out, FT_MONTH_CHARS, "%s", name);
    if (style->has_capital && *out >= 'a' && *out <= 'z') *out = (char)(*out - 'a' + 'A');
    *is_short = strcmp(name, of_language[month - 1]) != 0;
    return out;
}
