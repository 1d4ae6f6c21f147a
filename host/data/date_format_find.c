/* Which format a date is in; see date_formats.h. */
#include <stdio.h>
#include <string.h>

#include "host/data/calendar.h"
#include "host/data/date_format_parts.h"
#include "host/data/date_formats.h"

/* A text whose format is being found, and the format so far. */
typedef struct finder {
    const char *start, *at, *end;
    ft_date_line out[2]; /* they differ in day and month alone */
} finder;

static void put(finder *f, const char *piece)
{
    ft_date_line_add(&f->out[0], "%s", piece);
    ft_date_line_add(&f->out[1], "%s", piece);
}

/* Copies what separates two parts: at most two of these characters. */
static void copy_separators(finder *f, const char *allowed)
{
    for (int i = 0; i < 2 && f->at < f->end && strchr(allowed, *f->at); i++) {
        char piece[] = {*f->at++, '\0'};
        put(f, piece);
    }
}

/* Whether the year is one of 1900 to 2099: other numbers are not taken for dates. */
static bool is_calendar(const char *format, const char *text, size_t length)
{
    int64_t time;
    return ft_date_format_read(format, text, length, &time, NULL) && time >= -2208988800000000 &&
           time < 4102444800000000;
}

/* Digits alone: a date without separators, or time since 1970. */
static const char *find_digits(const char *text, size_t length)
{
    switch (length) {
    case 7:
        return is_calendar("%Y%j", text, length) ? "%Y%j" : NULL;
    case 8:
        return is_calendar("%Y%m%d", text, length) ? "%Y%m%d" : NULL;
    case 9:
        return "%s";
    case 10:
        return is_calendar("%Y%m%d%H", text, length) ? "%Y%m%d%H" : "%s";
    case 12:
        return is_calendar("%Y%m%d%H%M", text, length) ? "%Y%m%d%H%M" : "%s%3N";
    case 13:
        return "%s%3N";
    case 14:
        return is_calendar("%Y%m%d%H%M%S", text, length) ? "%Y%m%d%H%M%S" : NULL;
    case 15:
    case 16:
        return "%s%6N";
    case 18:
    case 19:
        return "%s%9N";
    default:
        return NULL;
    }
}

enum {
    NOTHING = ' ',
    YEAR = 'Y',
    NUMBER = 'd',
    NAME = 'b',
    QUARTER = 'q',
    MONTH = 'M',
    COMPACT = 'c',
    WEEK = 'W',
    DAY_OF_YEAR = 'j'
};

/* One part of a date, which `piece` describes, except for numbers of one or two
 * digits. */
static char find_part(finder *f, const char **piece)
{
    const char *at = f->at;
    size_t digits = ft_date_count_digits(at, f->end);
    *piece = "";
    if (at == f->end) return NOTHING;
    if (digits) {
        f->at += digits;
        if (digits == 8) *piece = "%Y%m%d";
        if (digits == 4) *piece = "%Y";
        /* 1999.250 is a number */
        if (digits == 3 && at > f->start && (at[-1] == '-' || at[-1] == '/')) {
            *piece = "%j";
            return DAY_OF_YEAR;
        }
        return digits == 8 ? COMPACT : digits == 4 ? YEAR : digits <= 2 ? NUMBER : NOTHING;
    }
    if (f->end - at >= 2 && (*at == 'Q' || *at == 'q') && at[1] >= '1' && at[1] <= '4') {
        *piece = *at == 'Q' ? "Q%q" : "q%q";
        f->at += 2;
        return QUARTER;
    }
    const size_t after_letter = ft_date_count_digits(at + 1, f->end);
    if (*at == 'W' && after_letter >= 1 && after_letter <= 3) {
        *piece = after_letter == 3 ? "W%V%u" : "W%V";
        f->at += 1 + after_letter;
        return WEEK;
    }
    if (*at == 'M' && after_letter == 2) {
        *piece = "M%m";
        f->at += 3;
        return MONTH;
    }
    ft_month_style shown;
    if (!ft_month_take(&f->at, f->end, &shown)) return NOTHING;
    *piece = ft_month_may_be_short(&shown) ? "%b" : "%B";
    return NAME;
}

/* What the parts found so far mean: FT_DATE_NONE where more must follow, or nothing is
 * known. */
static ft_date_meaning meaning_of(const char *kinds)
{
    static const char *const clear[] = {"dbY", "bdY", "Ybd", "Ydd", "bY", "Yb", "qY", "Yq",
                                        "YM",  "YW",  "WY",  "YWd", "Yj", "c",  "dY"};
    static const char *const short_years[] = {"ddd", "dbd", "bdd", "bd", "db"};
    for (size_t i = 0; i < sizeof clear / sizeof *clear; i++)
        if (strcmp(kinds, clear[i]) == 0) return FT_DATE_ONE;
    if (strcmp(kinds, "ddY") == 0) return FT_DATE_DAY_OR_MONTH;
    for (size_t i = 0; i < sizeof short_years / sizeof *short_years; i++)
        if (strcmp(kinds, short_years[i]) == 0) return FT_DATE_SHORT_YEAR;
    return FT_DATE_NONE;
}

/* What a number of one or two digits is at `place` among such parts; `other`: in the
 * second format. */
static const char *number_piece(const char *kinds, size_t place, bool other)
{
    if (strcmp(kinds, "ddY") == 0 || strcmp(kinds, "ddd") == 0)
        return place == 2 ? "%y" : (place == 1) == other ? "%d" : "%m";
    if (strcmp(kinds, "dY") == 0) return "%m";
    if (strcmp(kinds, "YWd") == 0) return "%u";
    if (strcmp(kinds, "Ydd") == 0) return place == 1 ? "%m" : "%d";
    if (strcmp(kinds, "dbd") == 0 || strcmp(kinds, "bdd") == 0) return place == 2 ? "%y" : "%d";
    if (strcmp(kinds, "bd") == 0 || strcmp(kinds, "db") == 0) return "%y";
    return "%d";
}

/* The date, up to a time of day. */
static ft_date_meaning find_date(finder *f)
{
    const char *start = f->at, *pieces[3] = {""}, *separators[3] = {""}, *ends[3] = {""};
    char kinds[4] = "";
    if (ft_date_is_letter(start, f->end) && ft_date_take_weekday(&f->at, f->end) >= 0) {
        put(f, f->at - start == 3 ? "%a" : "%A");
        copy_separators(f, ", ");
    }
    size_t count = 0;
    while (count < 3) {
        kinds[count] = find_part(f, &pieces[count]);
        kinds[count + 1] = '\0';
        if (kinds[count] == NOTHING) return FT_DATE_NONE;
        separators[count] = f->at;
        for (int i = 0; i < 2 && f->at < f->end && strchr("-/. ,", *f->at); i++) f->at++;
        ends[count++] = f->at;
        /* Two parts are a date where no third one follows, be it a time. */
        const bool time_follows = ft_date_count_digits(f->at, f->end) <= 2 &&
                                  ft_date_count_digits(f->at, f->end) > 0 &&
                                  f->at + ft_date_count_digits(f->at, f->end) < f->end &&
                                  f->at[ft_date_count_digits(f->at, f->end)] == ':';
        if (f->at == f->end || *f->at == 'T' || kinds[0] == COMPACT || time_follows) break;
        if (strchr("qM", kinds[count - 1]) && count == 2) break;
    }
    if (strchr(kinds, WEEK))
        for (size_t i = 0; i < count; i++)
            if (kinds[i] == YEAR) pieces[i] = "%G";
    ft_date_meaning meaning = meaning_of(kinds);
    if (strcmp(kinds, "dY") == 0 && !strchr("/-", *separators[0]))
        return FT_DATE_NONE; /* 1.2020 is a number */
    for (size_t i = 0; i < count && meaning != FT_DATE_NONE; i++) {
        ft_date_line_add(&f->out[0], "%s", kinds[i] == NUMBER ? number_piece(kinds, i, false) : pieces[i]);
        ft_date_line_add(&f->out[1], "%s", kinds[i] == NUMBER ? number_piece(kinds, i, true) : pieces[i]);
        f->at = separators[i];
        for (; i + 1 < count && f->at < ends[i]; f->at++) {
            char piece[] = {*f->at, '\0'};
            put(f, piece);
        }
    }
    /* the dot of a short month at the end, which other months lack */
    if (kinds[count - 1] == NAME && f->at < f->end && *f->at == '.') f->at++;
    return meaning;
}

/* Hours, then minutes and seconds, with colons, points or nothing between them; false:
 * something else. */
static bool find_clock(finder *f, bool is_half)
{
    const size_t digits = ft_date_count_digits(f->at, f->end);
    size_t n_parts = 1;
    put(f, is_half ? "%I" : "%H");
    if (digits == 4 || digits == 6) {
        n_parts = digits / 2;
        put(f, digits == 4 ? "%M" : "%M%S");
        f->at += digits;
    } else if (digits == 1 || digits == 2) {
        f->at += digits;
        const char between = f->at < f->end && *f->at == '.' ? '.' : ':';
        for (; n_parts < 3 && f->at < f->end && *f->at == between &&
               ft_date_count_digits(f->at + 1, f->end) == 2;
             n_parts++) {
            const char piece[] = {between, '%', n_parts == 1 ? 'M' : 'S', '\0'};
            put(f, piece);
            f->at += 3;
        }
    } else {
        return false;
    }
    /* A fraction is one of seconds. */
    if (n_parts == 3 && f->at < f->end && *f->at == '.' && ft_date_is_digit(f->at + 1, f->end)) {
        put(f, ".%f");
        f->at += 1 + ft_date_count_digits(f->at + 1, f->end);
    }
    return true;
}

static void find_blanks(finder *f)
{
    size_t bytes = ft_date_blank_bytes(f->at, f->end);
    if (bytes > 0) put(f, " ");
    for (; bytes > 0; bytes = ft_date_blank_bytes(f->at, f->end)) f->at += bytes;
}

/* The time of day and the zone behind a date; false: something else is there. */
static bool find_time(finder *f)
{
    if (f->at == f->end) return true;
    if (*f->at == 'T' || *f->at == 't') {
        char piece[] = {*f->at++, '\0'};
        put(f, piece);
    } else {
        copy_separators(f, ", ");
    }
    const char *start = f->at, *half = f->end;
    while (half > start && !ft_date_is_letter(half - 1, f->end)) half--;
    const bool is_half = half - start >= 2 && (half[-1] == 'm' || half[-1] == 'M');
    if (!find_clock(f, is_half)) return false;
    find_blanks(f);
    const size_t half_bytes = is_half ? ft_date_half_bytes(f->at, f->end) : 0;
    if (half_bytes) {
        put(f, "%p");
        f->at += half_bytes;
        find_blanks(f);
    }
    ft_timestamp_style unused = {0};
    if (f->at < f->end && ft_zone_parse(&f->at, f->end, &unused)) put(f, "%z");
    return f->at == f->end;
}

bool ft_date_format_year_first(const char *format, char out[FT_DATE_FORMAT_CHARS])
{
    static const char order[] = "ymd";
    size_t n_parts = 0;
    snprintf(out, FT_DATE_FORMAT_CHARS, "%s", format);
    for (char *at = out; *at && n_parts < 3; at++)
        if (*at == '%' && at[1] && strchr(order, at[1])) *++at = order[n_parts++];
    return n_parts == 3;
}

/* Leaves those formats of a year of two digits that read the text; false: none does. */
static bool keep_short_years(char formats[2][FT_DATE_FORMAT_CHARS], bool reads[2], const char *text,
                             size_t length)
{
    int64_t time;
    char first[FT_DATE_FORMAT_CHARS];
    if (!reads[0] && !reads[1]) {
        if (!ft_date_format_year_first(formats[0], first) ||
            !ft_date_format_read(first, text, length, &time, NULL))
            return false;
        strcpy(formats[0], first);
    } else if (!reads[0]) {
        strcpy(formats[0], formats[1]);
    }
    if (!reads[0] || !reads[1] || strcmp(formats[0], formats[1]) == 0) formats[1][0] = '\0';
    return true;
}

ft_date_meaning ft_date_format_find(const char *text, size_t length, char formats[2][FT_DATE_FORMAT_CHARS])
{
    finder f = {.start = text, .at = text, .end = text + length};
    formats[0][0] = formats[1][0] = '\0';
    for (int i = 0; i < 2; i++) f.out[i] = (ft_date_line){formats[i], 0, FT_DATE_FORMAT_CHARS};
    while (f.at < f.end && *f.at == ' ') f.at++;
    while (f.at < f.end && f.end[-1] == ' ') f.end--;
    if (f.at == f.end) return FT_DATE_NONE;
    ft_date_meaning meaning = FT_DATE_NONE;
    const size_t digits = ft_date_count_digits(f.at, f.end);
    const bool has_fraction = (digits == 9 || digits == 10) && f.at + digits < f.end && f.at[digits] == '.';
    if (f.at + digits == f.end) {
        const char *format = find_digits(f.at, digits);
        if (format) put(&f, format);
        meaning = format ? FT_DATE_ONE : FT_DATE_NONE;
    } else if (has_fraction) {
        put(&f, "%s.%f");
        meaning = FT_DATE_ONE;
    } else {
        meaning = find_date(&f);
        if (meaning != FT_DATE_NONE && !find_time(&f)) meaning = FT_DATE_NONE;
    }
    int64_t time;
    bool reads[2];
    for (int i = 0; i < 2; i++) reads[i] = ft_date_format_read(formats[i], text, length, &time, NULL);
    if (meaning == FT_DATE_SHORT_YEAR)
        return keep_short_years(formats, reads, text, length) ? meaning : FT_DATE_NONE;
    if (!reads[0] && !reads[1]) return FT_DATE_NONE;
    if (meaning != FT_DATE_DAY_OR_MONTH && !reads[0]) return FT_DATE_NONE;
    return meaning;
}
