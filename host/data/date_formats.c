/* Dates by formats; see date_formats.h. */
#include "host/data/date_formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/data/calendar.h"

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

static bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

static bool is_letter(const char *at, const char *end)
{
    return at < end && ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z'));
}

static size_t count_digits(const char *at, const char *end)
{
    size_t count = 0;
    while (is_digit(at + count, end)) count++;
    return count;
}

/* A whole name or its first three letters ("Sept" too) at *at, which is moved past it; -1: none of them. */
static int32_t take_name(const char **at, const char *end, const char *const *names, int32_t count)
{
    size_t length = 0;
    while (is_letter(*at + length, end)) length++;
    for (int32_t i = 0; i < count; i++) {
        bool fits = length == 3 || length == strlen(names[i]) || (length == 4 && names == months && i == 8);
        if (!fits || strncasecmp(*at, names[i], length) != 0) continue;
        *at += length;
        return i;
    }
    return -1;
}

static bool take_number(const char **at, const char *end, size_t least, size_t most, int32_t *value)
{
    size_t count = 0;
    *value = 0;
    for (; count < most && is_digit(*at, end); count++) *value = *value * 10 + (*(*at)++ - '0');
    return count >= least;
}

/* What has been read of a text. */
typedef struct parts {
    int32_t year, month, day, hour, minute, second, microseconds;
    bool of_twelve, has_half, afternoon; /* of_twelve: %I, the hour of a half day */
    bool is_unix;
    int64_t unix_time; /* microseconds */
} parts;

/* %s, or %s%3N and the like, which have `decimals` digits after the seconds. */
static bool take_unix(const char **at, const char *end, int decimals, parts *p)
{
    size_t count = count_digits(*at, end);
    if (count == 0 || count > 19) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) value = value * 10 + (uint64_t)(*(*at)++ - '0');
    if (decimals == 9) value /= 1000, decimals = 6;
    for (; decimals < 6; decimals++) {
        if (value > (uint64_t)INT64_MAX / 10) return false;
        value *= 10;
    }
    p->is_unix = true;
    p->unix_time = (int64_t)value;
    return value <= 253402300799999999u; /* the year 9999's end */
}

static const char *composite(char letter)
{
    switch (letter) {
    case 'F':
        return "%Y-%m-%d";
    case 'T':
        return "%H:%M:%S";
    case 'R':
        return "%H:%M";
    case 'D':
        return "%m/%d/%y";
    default:
        return NULL;
    }
}

/* "3N" of "%s%3N" at `format`, which stands behind %s: 3, 6 or 9; 0: it does not. */
static int unix_decimals(const char *format)
{
    if (strncmp(format, "%3N", 3) != 0 && strncmp(format, "%6N", 3) != 0 && strncmp(format, "%9N", 3) != 0)
        return 0;
    return format[1] - '0';
}

static bool take_half(const char **at, const char *end, parts *p)
{
    if (end - *at < 2 || (strncasecmp(*at, "am", 2) != 0 && strncasecmp(*at, "pm", 2) != 0)) return false;
    p->has_half = true;
    p->afternoon = **at == 'p' || **at == 'P';
    *at += 2;
    return true;
}

static bool take_year(const char **at, const char *end, bool is_short, parts *p)
{
    if (!take_number(at, end, is_short ? 2 : 4, is_short ? 2 : 4, &p->year)) return false;
    if (is_short) p->year += p->year < 69 ? 2000 : 1900; /* as POSIX has it */
    return p->year >= 1;
}

/* One conversion of one letter. */
static bool take_conversion(char letter, const char **at, const char *end, parts *p,
                            ft_timestamp_style *style)
{
    switch (letter) {
    case 'Y':
    case 'y':
        return take_year(at, end, letter == 'y', p);
    case 'm':
        return take_number(at, end, 1, 2, &p->month);
    case 'q':
        if (!take_number(at, end, 1, 1, &p->month) || p->month < 1 || p->month > 4) return false;
        p->month = p->month * 3 - 2;
        return true;
    case 'e':
        while (*at < end && **at == ' ') ++*at;
        return take_number(at, end, 1, 2, &p->day);
    case 'd':
        return take_number(at, end, 1, 2, &p->day);
    case 'b':
    case 'B':
        return (p->month = 1 + take_name(at, end, months, 12)) > 0;
    case 'a':
    case 'A':
        return take_name(at, end, ft_weekday_names, 7) >= 0;
    case 'H':
    case 'I':
        p->of_twelve = letter == 'I';
        return take_number(at, end, 1, 2, &p->hour) && p->hour <= 23;
    case 'M':
        return take_number(at, end, 2, 2, &p->minute) && p->minute <= 59;
    case 'S':
        return take_number(at, end, 2, 2, &p->second) && p->second <= 59;
    case 'f':
        return ft_fraction_parse(at, end, &p->microseconds, style);
    case 'p':
        return take_half(at, end, p);
    case 'z':
    case 'Z':
        return ft_zone_parse(at, end, style);
    case '%':
        return *at < end && *(*at)++ == '%';
    default:
        return false;
    }
}

static bool read_parts(const char *format, const char **at, const char *end, parts *p,
                       ft_timestamp_style *style)
{
    for (; *format; format++) {
        if (*format == ' ') {
            while (*at < end && **at == ' ') ++*at;
        } else if (*format != '%') {
            if (*at == end || *(*at)++ != *format) return false;
        } else if (*++format == 's') {
            int decimals = unix_decimals(format + 1);
            if (!take_unix(at, end, decimals, p)) return false;
            if (decimals) format += 3;
        } else if (composite(*format)) {
            if (!read_parts(composite(*format), at, end, p, style)) return false;
        } else if (!*format || !take_conversion(*format, at, end, p, style)) {
            return false;
        }
    }
    return true;
}

static bool days_of(const parts *p, int64_t *days)
{
    if (p->month < 1 || p->month > 12 || p->day < 1 || p->day > 31) return false;
    int32_t year, month, day;
    *days = ft_days_from_date(p->year, p->month, p->day);
    ft_date_from_days(*days, &year, &month, &day);
    return month == p->month && day == p->day;
}

bool ft_date_format_read(const char *format, const char *text, size_t length, int64_t *time,
                         ft_timestamp_style *style)
{
    const char *at = text, *end = text + length;
    parts p = {.year = 1970, .month = 1, .day = 1};
    ft_timestamp_style found = {.date_separator = '-', .time_separator = ' '};
    int64_t days;
    while (at < end && *at == ' ') at++;
    while (at < end && end[-1] == ' ') end--;
    if (!read_parts(format, &at, end, &p, &found) || at != end) return false;
    if (p.of_twelve && p.has_half) {
        if (p.hour < 1 || p.hour > 12) return false;
        p.hour = p.hour % 12 + (p.afternoon ? 12 : 0);
    }
    if (!days_of(&p, &days)) return false;
    const int64_t seconds = ((int64_t)p.hour * 60 + p.minute - found.zone_minutes) * 60 + p.second;
    *time = p.is_unix ? p.unix_time + p.microseconds
                      : days * FT_MICROSECONDS_A_DAY + seconds * FT_MICROSECONDS_A_SECOND + p.microseconds;
    if (style) {
        *style = found;
        snprintf(style->format, sizeof style->format, "%s", format);
    }
    return true;
}

/* Text of a bounded length. */
typedef struct line {
    char *text;
    size_t used, room;
} line;

__attribute__((format(printf, 2, 3))) static void add(line *out, const char *format, ...)
{
    __builtin_va_list arguments;
    __builtin_va_start(arguments, format);
    int count = vsnprintf(out->text + out->used, out->room - out->used, format, arguments);
    __builtin_va_end(arguments);
    out->used += count > 0 ? (size_t)count : 0;
    if (out->used >= out->room) out->used = out->room - 1;
}

/* What an instant's parts are in its zone. */
typedef struct written {
    int64_t time, days;
    int32_t year, month, day, seconds, microseconds;
    const ft_timestamp_style *style;
} written;

static void add_fraction(line *out, const written *w)
{
    int digits = w->style->fraction_digits > 0 ? w->style->fraction_digits : 1;
    int32_t unit = 1;
    for (int i = digits; i < 6; i++) unit *= 10;
    for (; w->microseconds % unit != 0; digits++) unit /= 10;
    add(out, "%0*d", digits, (int)(w->microseconds / unit));
}

static void add_unix(line *out, const written *w, int decimals)
{
    int64_t unit = 1;
    for (int i = decimals; i < 6; i++) unit *= 10;
    const int64_t value = w->time / unit - (w->time % unit < 0);
    add(out, "%lld%s", (long long)value, decimals == 9 && value != 0 ? "000" : "");
}

static void add_conversion(line *out, char letter, const written *w)
{
    char zone[8];
    const int hour = w->seconds / 3600;
    switch (letter) {
    case 'Y':
    case 'y':
        add(out, letter == 'Y' ? "%04d" : "%02d", (int)(letter == 'Y' ? w->year : w->year % 100));
        break;
    case 'q':
        add(out, "%d", (int)(w->month + 2) / 3);
        break;
    case 'm':
        add(out, "%02d", (int)w->month);
        break;
    case 'd':
        add(out, "%02d", (int)w->day);
        break;
    case 'e':
        add(out, "%2d", (int)w->day);
        break;
    case 'b':
    case 'B':
        add(out, letter == 'b' ? "%.3s" : "%s", months[w->month - 1]);
        break;
    case 'a':
    case 'A':
        add(out, letter == 'a' ? "%.3s" : "%s", ft_weekday_names[ft_weekday(w->days)]);
        break;
    case 'H':
        add(out, "%02d", hour);
        break;
    case 'I':
        add(out, "%02d", hour % 12 ? hour % 12 : 12);
        break;
    case 'M':
        add(out, "%02d", (int)(w->seconds / 60 % 60));
        break;
    case 'S':
        add(out, "%02d", (int)(w->seconds % 60));
        break;
    case 'f':
        add_fraction(out, w);
        break;
    case 'p':
        add(out, "%s", hour < 12 ? "AM" : "PM");
        break;
    case 'z':
    case 'Z':
        ft_zone_format(w->style, zone);
        add(out, "%s", zone);
        break;
    default:
        add(out, "%c", letter);
    }
}

static void add_parts(line *out, const char *format, const written *w)
{
    for (; *format; format++) {
        if (*format != '%' || !format[1]) {
            add(out, "%c", *format);
        } else if (*++format == 's') {
            int decimals = unix_decimals(format + 1);
            add_unix(out, w, decimals);
            if (decimals) format += 3;
        } else if (composite(*format)) {
            add_parts(out, composite(*format), w);
        } else {
            add_conversion(out, *format, w);
        }
    }
}

char *ft_date_format_write(int64_t time, const ft_timestamp_style *style, char out[FT_TIMESTAMP_CHARS])
{
    const int64_t local = time + style->zone_minutes * FT_MICROSECONDS_A_MINUTE;
    written w = {.time = time, .style = style};
    const int64_t rest = ft_time_of_day(local);
    w.days = ft_day_of(local);
    ft_date_from_days(w.days, &w.year, &w.month, &w.day);
    w.seconds = (int32_t)(rest / FT_MICROSECONDS_A_SECOND);
    w.microseconds = (int32_t)(rest % FT_MICROSECONDS_A_SECOND);
    line text = {out, 0, FT_TIMESTAMP_CHARS};
    *out = '\0';
    add_parts(&text, style->format, &w);
    return out;
}

ft_status ft_date_format_check(const char *format, ft_error *err)
{
    bool has_year = false, has_month = false, has_day = false;
    if (strlen(format) >= FT_DATE_FORMAT_CHARS)
        return ft_fail(err, FT_BAD_INPUT, "--date-format: longer than %d bytes", FT_DATE_FORMAT_CHARS - 1);
    for (const char *at = format; *at; at++) {
        if (*at != '%') continue;
        const char letter = *++at;
        if (!letter || !strchr("YymdebBaAHIMSpzZFTRDfqs%", letter))
            return ft_fail(
                err, FT_BAD_INPUT,
                "--date-format: \"%.60s\" has an unknown conversion %%%.1s (there are %%Y %%m %%d %%H %%M "
                "%%S and others of strptime)",
                format, at);
        if (letter == 's' && unix_decimals(at + 1)) at += 3;
        const bool whole = letter == 's' || letter == 'F' || letter == 'D';
        has_year = has_year || whole || letter == 'Y' || letter == 'y';
        has_month = has_month || whole || strchr("mbBq", letter);
        has_day = has_day || whole || letter == 'd' || letter == 'e';
    }
    if (!has_year || (has_day && !has_month))
        return ft_fail(err, FT_BAD_INPUT, "--date-format: \"%.60s\" has no %s", format,
                       has_year ? "month (%m or %b)" : "year (%Y or %y)");
    ft_timestamp_style longest = {.fraction_digits = 6, .zone = FT_ZONE_COLON};
    char text[FT_TIMESTAMP_CHARS];
    strcpy(longest.format, format);
    ft_date_format_write(253360396799999999 /* Wednesday, September 2, 9998 */, &longest, text);
    if (strlen(text) >= sizeof text - 8)
        return ft_fail(err, FT_BAD_INPUT, "--date-format: \"%.60s\" makes dates of more than %zu bytes",
                       format, sizeof text - 8);
    return FT_OK;
}

/* A text whose format is being found, and the format so far. */
typedef struct finder {
    const char *at, *end;
    line out[2]; /* they differ in day and month alone */
} finder;

static void put(finder *f, const char *piece)
{
    add(&f->out[0], "%s", piece);
    add(&f->out[1], "%s", piece);
}

/* Copies what separates two parts: at most two of these characters. */
static void copy_separators(finder *f, const char *allowed)
{
    for (int i = 0; i < 2 && f->at < f->end && strchr(allowed, *f->at); i++) {
        char piece[] = {*f->at++, '\0'};
        put(f, piece);
    }
}

/* The year is of these, so that numbers of other things are not taken for dates. */
static bool is_calendar(const char *format, const char *text, size_t length)
{
    int64_t time;
    return ft_date_format_read(format, text, length, &time, NULL) && time >= -2208988800000000 /* 1900 */ &&
           time < 4102444800000000 /* 2100 */;
}

/* Digits alone: a date without separators, or time since 1970. */
static const char *find_digits(const char *text, size_t length)
{
    switch (length) {
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

enum { NOTHING = ' ', YEAR = 'Y', NUMBER = 'd', NAME = 'b', QUARTER = 'q', MONTH = 'M', COMPACT = 'c' };

/* One part of a date, which `piece` describes, except for numbers of one or two digits. */
static char find_part(finder *f, const char **piece)
{
    const char *at = f->at;
    size_t digits = count_digits(at, f->end);
    *piece = "";
    if (at == f->end) return NOTHING;
    if (digits) {
        f->at += digits;
        if (digits == 8) *piece = "%Y%m%d";
        if (digits == 4) *piece = "%Y";
        return digits == 8 ? COMPACT : digits == 4 ? YEAR : digits <= 2 ? NUMBER : NOTHING;
    }
    if (f->end - at >= 2 && (*at == 'Q' || *at == 'q') && at[1] >= '1' && at[1] <= '4') {
        *piece = *at == 'Q' ? "Q%q" : "q%q";
        f->at += 2;
        return QUARTER;
    }
    if (*at == 'M' && count_digits(at + 1, f->end) == 2) {
        *piece = "M%m";
        f->at += 3;
        return MONTH;
    }
    if (take_name(&f->at, f->end, months, 12) < 0) return NOTHING;
    *piece = f->at - at == 3 ? "%b" : "%B";
    return NAME;
}

/* What the parts found so far mean: FT_DATE_NONE where more must follow, or nothing is known. */
static ft_date_meaning meaning_of(const char *kinds)
{
    static const char *const clear[] = {"dbY", "bdY", "Ybd", "Ydd", "bY", "Yb", "qY", "Yq", "YM", "c"};
    static const char *const short_years[] = {"ddd", "dbd", "bdd", "bd", "db"};
    for (size_t i = 0; i < sizeof clear / sizeof *clear; i++)
        if (strcmp(kinds, clear[i]) == 0) return FT_DATE_ONE;
    if (strcmp(kinds, "ddY") == 0) return FT_DATE_DAY_OR_MONTH;
    for (size_t i = 0; i < sizeof short_years / sizeof *short_years; i++)
        if (strcmp(kinds, short_years[i]) == 0) return FT_DATE_SHORT_YEAR;
    return FT_DATE_NONE;
}

/* What a number of one or two digits is at `place` among such parts; `other`: in the second format. */
static const char *number_piece(const char *kinds, size_t place, bool other)
{
    if (strcmp(kinds, "ddY") == 0 || strcmp(kinds, "ddd") == 0)
        return place == 2 ? "%y" : (place == 1) == other ? "%d" : "%m";
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
    if (is_letter(start, f->end) && take_name(&f->at, f->end, ft_weekday_names, 7) >= 0) {
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
        const bool time_follows = count_digits(f->at, f->end) <= 2 && count_digits(f->at, f->end) > 0 &&
                                  f->at + count_digits(f->at, f->end) < f->end &&
                                  f->at[count_digits(f->at, f->end)] == ':';
        if (f->at == f->end || *f->at == 'T' || kinds[0] == COMPACT || time_follows) break;
        if (strchr("qM", kinds[count - 1]) && count == 2) break;
    }
    ft_date_meaning meaning = meaning_of(kinds);
    for (size_t i = 0; i < count && meaning != FT_DATE_NONE; i++) {
        add(&f->out[0], "%s", kinds[i] == NUMBER ? number_piece(kinds, i, false) : pieces[i]);
        add(&f->out[1], "%s", kinds[i] == NUMBER ? number_piece(kinds, i, true) : pieces[i]);
        f->at = separators[i];
        for (; i + 1 < count && f->at < ends[i]; f->at++) {
            char piece[] = {*f->at, '\0'};
            put(f, piece);
        }
    }
    return meaning;
}

/* Hours, then minutes and seconds, with colons, points or nothing between them; false: something else. */
static bool find_clock(finder *f, bool is_half)
{
    const size_t digits = count_digits(f->at, f->end);
    size_t n_parts = 1;
    put(f, is_half ? "%I" : "%H");
    if (digits == 4 || digits == 6) {
        n_parts = digits / 2;
        put(f, digits == 4 ? "%M" : "%M%S");
        f->at += digits;
    } else if (digits == 1 || digits == 2) {
        f->at += digits;
        const char between = f->at < f->end && *f->at == '.' ? '.' : ':';
        for (; n_parts < 3 && f->at < f->end && *f->at == between && count_digits(f->at + 1, f->end) == 2;
             n_parts++) {
            const char piece[] = {between, '%', n_parts == 1 ? 'M' : 'S', '\0'};
            put(f, piece);
            f->at += 3;
        }
    } else {
        return false;
    }
    /* A fraction is one of seconds. */
    if (n_parts == 3 && f->at < f->end && *f->at == '.' && is_digit(f->at + 1, f->end)) {
        put(f, ".%f");
        f->at += 1 + count_digits(f->at + 1, f->end);
    }
    return true;
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
    while (half > start && !is_letter(half - 1, f->end)) half--;
    const bool is_half = half - start >= 2 && (half[-1] == 'm' || half[-1] == 'M');
    if (!find_clock(f, is_half)) return false;
    if (f->at < f->end && *f->at == ' ') copy_separators(f, " ");
    if (is_half && f->end - f->at >= 2) {
        put(f, "%p");
        f->at += 2;
        if (f->at < f->end && *f->at == ' ') copy_separators(f, " ");
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
    finder f = {.at = text, .end = text + length};
    formats[0][0] = formats[1][0] = '\0';
    for (int i = 0; i < 2; i++) f.out[i] = (line){formats[i], 0, FT_DATE_FORMAT_CHARS};
    while (f.at < f.end && *f.at == ' ') f.at++;
    while (f.at < f.end && f.end[-1] == ' ') f.end--;
    if (f.at == f.end) return FT_DATE_NONE;
    ft_date_meaning meaning = FT_DATE_NONE;
    const size_t digits = count_digits(f.at, f.end);
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
