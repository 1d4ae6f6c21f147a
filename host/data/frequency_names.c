/* Frequencies by the names that pandas gives them; see frequency.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "host/data/calendar.h"
#include "host/data/frequency.h"

/* What a name stands for before it is multiplied and anchored. */
typedef struct known_name {
    const char *name;
    enum { PLAIN, BUSINESS, WEEK, MONTHS, HALF_MONTHS, NTH_WEEKDAY } kind;
    int64_t step;   /* PLAIN: microseconds */
    int32_t months; /* MONTHS */
    int32_t phase;  /* the month that it is anchored at without a word, 0 for January */
    int anchor;     /* MONTHS: of ft_frequency */
    /* HALF_MONTHS: the one that is not the middle; NTH_WEEKDAY: 5 is the last */
    int32_t day;
} known_name;

static const known_name known[] = {
    {"D", PLAIN, FT_MICROSECONDS_A_DAY, 0, 0, 0, 0},
    {"h", PLAIN, FT_MICROSECONDS_AN_HOUR, 0, 0, 0, 0},
    {"H", PLAIN, FT_MICROSECONDS_AN_HOUR, 0, 0, 0, 0},
    {"min", PLAIN, FT_MICROSECONDS_A_MINUTE, 0, 0, 0, 0},
    {"T", PLAIN, FT_MICROSECONDS_A_MINUTE, 0, 0, 0, 0},
    {"s", PLAIN, 1000000, 0, 0, 0, 0},
    {"S", PLAIN, 1000000, 0, 0, 0, 0},
    {"ms", PLAIN, 1000, 0, 0, 0, 0},
    {"L", PLAIN, 1000, 0, 0, 0, 0},
    {"us", PLAIN, 1, 0, 0, 0, 0},
    {"U", PLAIN, 1, 0, 0, 0, 0},
    {"B", BUSINESS, 0, 0, 0, 0, 0},
    {"C", BUSINESS, 0, 0, 0, 0, 0},
    {"W", WEEK, 0, 0, 0, 0, 0},
    {"WOM", NTH_WEEKDAY, 0, 1, 0, FT_ANCHOR_NTH_WEEKDAY, 0},
    {"LWOM", NTH_WEEKDAY, 0, 1, 0, FT_ANCHOR_NTH_WEEKDAY, 5},
    {"ME", MONTHS, 0, 1, 0, FT_ANCHOR_DAY, 31},
    {"M", MONTHS, 0, 1, 0, FT_ANCHOR_DAY, 31},
    {"MS", MONTHS, 0, 1, 0, FT_ANCHOR_DAY, 1},
    {"BME", MONTHS, 0, 1, 0, FT_ANCHOR_BUSINESS_END, 0},
    {"BM", MONTHS, 0, 1, 0, FT_ANCHOR_BUSINESS_END, 0},
    {"BMS", MONTHS, 0, 1, 0, FT_ANCHOR_BUSINESS_START, 0},
    {"SMS", HALF_MONTHS, 0, 1, 0, FT_ANCHOR_DAY, 1},
    {"SME", HALF_MONTHS, 0, 1, 0, FT_ANCHOR_DAY, 31},
    {"SM", HALF_MONTHS, 0, 1, 0, FT_ANCHOR_DAY, 31},
    {"QE", MONTHS, 0, 3, 11, FT_ANCHOR_DAY, 31},
    {"Q", MONTHS, 0, 3, 11, FT_ANCHOR_DAY, 31},
    {"QS", MONTHS, 0, 3, 0, FT_ANCHOR_DAY, 1},
    {"BQE", MONTHS, 0, 3, 11, FT_ANCHOR_BUSINESS_END, 0},
    {"BQ", MONTHS, 0, 3, 11, FT_ANCHOR_BUSINESS_END, 0},
    {"BQS", MONTHS, 0, 3, 0, FT_ANCHOR_BUSINESS_START, 0},
    {"YE", MONTHS, 0, 12, 11, FT_ANCHOR_DAY, 31},
    {"Y", MONTHS, 0, 12, 11, FT_ANCHOR_DAY, 31},
    {"A", MONTHS, 0, 12, 11, FT_ANCHOR_DAY, 31},
    {"YS", MONTHS, 0, 12, 0, FT_ANCHOR_DAY, 1},
    {"AS", MONTHS, 0, 12, 0, FT_ANCHOR_DAY, 1},
    {"BYE", MONTHS, 0, 12, 11, FT_ANCHOR_BUSINESS_END, 0},
    {"BY", MONTHS, 0, 12, 11, FT_ANCHOR_BUSINESS_END, 0},
    {"BA", MONTHS, 0, 12, 11, FT_ANCHOR_BUSINESS_END, 0},
    {"BYS", MONTHS, 0, 12, 0, FT_ANCHOR_BUSINESS_START, 0},
    {"BAS", MONTHS, 0, 12, 0, FT_ANCHOR_BUSINESS_START, 0},
};
enum { N_KNOWN = sizeof known / sizeof *known };

static const char *const weekday_names[] = {"MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"};
static const char *const month_names[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};

static int32_t find_name(const char *name, const char *const *names, int32_t count)
{
    int32_t i = 0;
    while (i < count && strcmp(names[i], name) != 0) i++;
    return i < count ? i : -1;
}

/* The middle of the month, 15 where `anchor` is NULL: the second day of SMS, the first of
 * SME. */
static bool set_half_months(const char *anchor, ft_frequency *f)
{
    char *end = NULL;
    long middle = anchor ? strtol(anchor, &end, 10) : 15;
    if (middle < (f->day == 1 ? 2 : 1) || middle > 27 || (anchor && (*anchor < '1' || *anchor > '9' || *end)))
        return false;
    f->second_day = f->day == 1 ? (int32_t)middle : 31;
    if (f->day == 31) f->day = (int32_t)middle;
    return true;
}

/* The anchor after the dash: NULL where there is none. False: no such anchor. */
static bool set_anchor(const known_name *base, const char *anchor, ft_frequency *f)
{
    int32_t weekday = 6, month = base->phase; /* W is W-SUN */
    const char *weekday_name = anchor;
    if (base->kind == HALF_MONTHS) return set_half_months(anchor, f);
    if (base->kind == NTH_WEEKDAY && base->day != 5) {
        if (!anchor || *anchor < '1' || *anchor > '4') return false;
        f->day = *anchor - '0';
        weekday_name = anchor + 1;
    }
    if (base->kind == NTH_WEEKDAY || (base->kind == WEEK && anchor)) {
        if (!anchor) return false;
        weekday = find_name(weekday_name, weekday_names, 7);
        if (weekday < 0) return false;
    } else if (base->kind == MONTHS && base->months > 1 && anchor) {
        month = find_name(anchor, month_names, 12);
        if (month < 0) return false;
    } else if (anchor) {
        return false;
    }
    f->weekday = weekday;
    f->phase = month % (base->months ? base->months : 1);
    if (base->kind == WEEK) (void)ft_week_pattern_add(&f->week, weekday * FT_MICROSECONDS_A_DAY);
    return true;
}

/* The name that a word like "monthly" or "Hour" means; NULL where it is none. */
static const char *meant_by(const char *word)
{
    static const char *const words[][2] = {
        {"msec", "ms"},  {"milli", "ms"},   {"micro", "us"}, {"sec", "s"},      {"minut", "min"},
        {"hour", "h"},   {"day", "D"},      {"daily", "D"},  {"business", "B"}, {"week", "W"},
        {"month", "ME"}, {"quarter", "QE"}, {"year", "YE"},  {"annual", "YE"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncasecmp(word, words[i][0], strlen(words[i][0])) == 0) return words[i][1];
    return NULL;
}

/* FT_BAD_INPUT with the nearest name: none finer than a day where letters of months are
 * in it. */
static ft_status unknown(const char *name, const char *base, ft_error *err)
{
    const char *names[N_KNOWN], *nearest = meant_by(base);
    size_t count = 0;
    for (size_t i = 0; i < N_KNOWN; i++)
        if (!strpbrk(base, "MQY") || known[i].kind != PLAIN || known[i].step >= FT_MICROSECONDS_A_DAY)
            names[count++] = known[i].name;
    if (!nearest) nearest = ft_nearest_name(base, names, count);
    return ft_fail(
        err, FT_BAD_INPUT,
        "frequency \"%.40s\" is unknown%s%s%s (pandas' names are: h, 15min, D, B, W-FRI, MS, ME, BME, "
        "QS, QE-NOV, YE, ...)",
        name, nearest ? ": did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static ft_status parse_one(const char *name, ft_frequency *frequency, ft_error *err)
{
    char base[8] = "";
    const char *at = name;
    int64_t count = 0;
    while (*at >= '0' && *at <= '9' && count < 1000000000) count = count * 10 + (*at++ - '0');
    if (at == name) count = 1;
    size_t length = strcspn(at, "-");
    const char *anchor = at[length] ? at + length + 1 : NULL;
    if (length < sizeof base) memcpy(base, at, length);
    size_t i = 0;
    while (i < N_KNOWN && strcmp(known[i].name, base) != 0) i++;
    if (i == N_KNOWN) return unknown(name, length < sizeof base ? base : at, err);
    const known_name *found = &known[i];
    *frequency = (ft_frequency){.unit = FT_EVERY_STEP, .stride = count, .regular = true};
    if (count < 1)
        return ft_fail(err, FT_BAD_INPUT, "frequency \"%.40s\": the number before it must be at least 1",
                       name);
    if (found->kind != PLAIN && count > 100000)
        return ft_fail(err, FT_BAD_INPUT, "frequency \"%.40s\" is too long", name);
    ft_frequency *f = frequency;
    f->day = found->day;
    f->week.step = FT_MICROSECONDS_A_DAY;
    if (found->kind == MONTHS || found->kind == NTH_WEEKDAY) f->unit = FT_EVERY_MONTHS;
    if (found->kind == HALF_MONTHS) f->unit = FT_EVERY_HALF_MONTHS;
    if (!set_anchor(found, anchor, f))
        return ft_fail(err, FT_BAD_INPUT, "frequency \"%.40s\": \"%s\" %s", name, base,
                       found->kind == WEEK          ? "is anchored at a weekday, like W-FRI"
                       : found->kind == HALF_MONTHS ? "takes a day from 2 to 27, like SMS-15"
                       : found->kind == NTH_WEEKDAY
                           ? "is anchored at a weekday of the month, like WOM-3FRI or LWOM-FRI"
                       : found->months > 1 ? "is anchored at a month, like QE-NOV or YE-JUN"
                                           : "takes nothing after a dash");
    if (found->kind == PLAIN) {
        if (__builtin_mul_overflow(found->step, count, &f->step))
            return ft_fail(err, FT_BAD_INPUT, "frequency \"%.40s\" is too long", name);
    } else if (found->kind == BUSINESS) {
        for (int32_t day = 0; day < 5; day++)
            (void)ft_week_pattern_add(&f->week, day * FT_MICROSECONDS_A_DAY);
    } else if (found->kind != WEEK) {
        f->cycle = found->months;
        f->months = (int32_t)(found->months * count);
        f->anchor = found->anchor;
    }
    return FT_OK;
}

/* A number, perhaps with a fraction, and the name of a step, at *at, which is moved past
 * them: microseconds. False: something else, or no whole number of them. */
static bool take_step(const char **at, int64_t *microseconds)
{
    int64_t whole = 0, fraction = 0, parts = 1;
    const char *digits = *at;
    for (; **at >= '0' && **at <= '9' && whole < 1000000000; ++*at) whole = whole * 10 + (**at - '0');
    if (*at == digits) return false;
    if (**at == '.')
        for (++*at; **at >= '0' && **at <= '9' && parts < 1000000; ++*at, parts *= 10)
            fraction = fraction * 10 + (**at - '0');
    size_t length = strspn(*at, "Dhminus");
    for (size_t i = 0; i < N_KNOWN; i++) {
        const known_name *k = &known[i];
        if (k->kind != PLAIN || strlen(k->name) != length || strncmp(k->name, *at, length) != 0) continue;
        *at += length;
        return k->step * fraction % parts == 0 && !__builtin_mul_overflow(whole, k->step, microseconds) &&
               !__builtin_add_overflow(*microseconds, k->step * fraction / parts, microseconds);
    }
    return false;
}

/* Steps of several parts, or with a fraction: 1h30min, 1.5h. */
static bool parse_steps(const char *name, ft_frequency *frequency)
{
    int64_t sum = 0, step;
    do {
        if (!take_step(&name, &step) || __builtin_add_overflow(sum, step, &sum)) return false;
    } while (*name);
    *frequency = (ft_frequency){.unit = FT_EVERY_STEP, .stride = 1, .regular = true, .step = sum};
    return sum > 0;
}

/* The name in capitals or in small letters, if it is one then. */
static bool in_other_letters(const char *name, char other[40])
{
    ft_frequency unused;
    ft_error ignored;
    const size_t length = strlen(name);
    if (length >= 40) return false;
    for (int capitals = 1; capitals >= 0; capitals--) {
        for (size_t i = 0; i <= length; i++)
            other[i] = (char)(capitals ? toupper((unsigned char)name[i]) : tolower((unsigned char)name[i]));
        if (parse_one(other, &unused, &ignored) == FT_OK) return true;
    }
    return false;
}

ft_status ft_frequency_parse(const char *name, ft_frequency *frequency, ft_error *err)
{
    char other[40];
    ft_status status = parse_one(name, frequency, err);
    if (status != FT_BAD_INPUT || parse_steps(name, frequency)) return FT_OK;
    if (!in_other_letters(name, other)) return status;
    return ft_fail(err, FT_BAD_INPUT, "frequency \"%s\" is unknown: did you mean \"%s\"?", name, other);
}
