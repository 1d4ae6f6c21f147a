/* Frequencies of months, quarters and years; see frequency_series.h. */
#include "base/sort.h"
#include "host/data/calendar.h"
#include "host/data/frequency_series.h"

static bool is_anchored(const ft_frequency *frequency, int64_t day)
{
    return ft_frequency_day(frequency, ft_month_of_day(day)) == day;
}

/* How many dates lie on the anchor, each in a month of its own; their months, if
 * wanted. */
static size_t count_anchored(const ft_date_series *s, const ft_frequency *frequency, int64_t *months)
{
    size_t count = 0;
    int64_t before = INT64_MIN;
    for (size_t i = 0; i < s->n; i++) {
        int64_t day = ft_day_of(s->local[i]), month = ft_month_of_day(day);
        if (month <= before || !is_anchored(frequency, day)) continue;
        before = month;
        if (months) months[count] = month;
        count++;
    }
    return count;
}

/* The anchor on which most dates lie, the first of several. */
static size_t find_anchor(const ft_date_series *s, ft_frequency *frequency)
{
    ft_frequency anchors[33] = {{.anchor = FT_ANCHOR_DAY, .day = 1},
                                {.anchor = FT_ANCHOR_DAY, .day = 31},
                                {.anchor = FT_ANCHOR_BUSINESS_START},
                                {.anchor = FT_ANCHOR_BUSINESS_END}};
    for (int32_t day = 2; day <= 30; day++)
        anchors[day + 2] = (ft_frequency){.anchor = FT_ANCHOR_DAY, .day = day};
    size_t highest = 0;
    for (size_t i = 0; i < sizeof anchors / sizeof *anchors; i++) {
        size_t count = count_anchored(s, &anchors[i], NULL);
        if (count <= highest) continue;
        highest = count;
        frequency->anchor = anchors[i].anchor;
        frequency->day = anchors[i].day;
    }
    return highest;
}

/* Counts on from the anchor of a month. */
static void set_from_month(const ft_date_series *s, int64_t month, ft_frequency *frequency)
{
    frequency->unit = FT_EVERY_MONTHS;
    frequency->from = ft_frequency_day(frequency, month) * FT_MICROSECONDS_A_DAY + s->time_of_day - s->zone;
}

/* Whether there are no more dates than one a month, but for a few: a cheap test before
 * expensive ones. */
static bool may_be_monthly(const ft_date_series *s)
{
    int64_t first = ft_month_of_day(ft_day_of(s->local[0])),
            last = ft_month_of_day(ft_day_of(s->local[s->n - 1]));
    return s->is_daily && ft_are_most((size_t)(last - first + 1), s->n);
}

/* How many months apart the dates on the anchor are, and from which month it goes on. */
static bool set_months(const ft_date_series *s, ft_frequency *frequency, int64_t *months)
{
    int64_t spacing, phase, last = ft_month_of_day(ft_day_of(s->local[s->n - 1]));
    size_t n = count_anchored(s, frequency, months);
    if (n < 2 || !ft_are_most(n, s->n)) return false;
    if (!ft_dates_have_spacing(months, n, s->scratch, &spacing, &phase)) spacing = 1, phase = 0;
    frequency->months = frequency->cycle = (int32_t)spacing;
    frequency->phase = (int32_t)phase;
    frequency->regular = n == s->n;
    for (size_t i = 1; i < n; i++)
        if (months[i] - months[i - 1] != spacing) frequency->regular = false;
    /* The period that the last date lies in has its row. Periods end with the anchors
     * that are an end. */
    bool is_end = frequency->anchor == FT_ANCHOR_BUSINESS_END ||
                  (frequency->anchor == FT_ANCHOR_DAY && frequency->day > 15);
    int64_t since = ft_floor_rest(last - phase, spacing);
    set_from_month(s, since == 0 ? last : is_end ? last + spacing - since : last - since, frequency);
    return true;
}

bool ft_infer_months(const ft_date_series *s, ft_frequency *frequency, int64_t *months)
{
    ft_frequency tried = *frequency;
    if (!may_be_monthly(s) || !ft_are_most(find_anchor(s, &tried), s->n) || !set_months(s, &tried, months))
        return false;
    *frequency = tried;
    return true;
}

/* On the nth of a weekday in each month, as the third Friday, or on the last. */
bool ft_infer_nth_weekday(const ft_date_series *s, ft_frequency *frequency, int64_t *months)
{
    if (s->n < 3 || !may_be_monthly(s)) return false;
    ft_frequency tried = *frequency, best = *frequency;
    size_t highest = 0;
    tried.anchor = FT_ANCHOR_NTH_WEEKDAY;
    for (tried.weekday = 0; tried.weekday < 7; tried.weekday++) {
        for (tried.day = 1; tried.day <= 5; tried.day++) {
            size_t count = count_anchored(s, &tried, NULL);
            if (count > highest) highest = count, best = tried;
        }
    }
    if (!ft_are_most(highest, s->n) || !set_months(s, &best, months)) return false;
    *frequency = best;
    return true;
}

/* The two days of the month that most dates lie on; a month's last day counts as 31.
 * False: they are not half a month apart. */
static bool find_two_days(const ft_date_series *s, ft_frequency *frequency)
{
    size_t counts[32] = {0};
    for (size_t i = 0; i < s->n; i++) {
        int32_t year, month, day;
        ft_date_from_days(ft_day_of(s->local[i]), &year, &month, &day);
        counts[day == ft_days_in_month(year, month) ? 31 : day]++;
    }
    int32_t first = 0, second = 0;
    for (int32_t day = 1; day <= 31; day++) {
        if (counts[day] > counts[first])
            second = first, first = day;
        else if (counts[day] > counts[second])
            second = day;
    }
    frequency->day = first < second ? first : second;
    frequency->second_day = first < second ? second : first;
    int32_t apart = frequency->second_day - frequency->day;
    return second > 0 && apart >= 12 && apart <= 18 && ft_are_most(counts[first] + counts[second], s->n);
}

/* Two rows a month, as on its 1st and 15th. */
bool ft_infer_half_months(const ft_date_series *s, ft_frequency *frequency)
{
    ft_frequency tried = *frequency;
    if (s->n < 3 || !s->is_daily || !find_two_days(s, &tried)) return false;
    tried.unit = FT_EVERY_HALF_MONTHS;
    tried.months = tried.cycle = 1;
    tried.regular = true;
    size_t follow = 0;
    int64_t before = 0, number = 0;
    for (size_t i = 0; i < s->n; i++) {
        int64_t day = ft_day_of(s->local[i]), first = 2 * ft_month_of_day(day);
        number = day < ft_frequency_day(&tried, first)       ? first - 1
                 : day < ft_frequency_day(&tried, first + 1) ? first
                                                             : first + 1;
        bool follows = i > 0 && number - before == 1;
        follow += follows;
        if (ft_frequency_day(&tried, number) != day || (i > 0 && !follows)) tried.regular = false;
        before = number;
    }
    if (!ft_are_most(follow, s->n - 1)) return false;
    tried.from = ft_frequency_day(&tried, number) * FT_MICROSECONDS_A_DAY + s->time_of_day - s->zone;
    *frequency = tried;
    return true;
}

/* Anchors months at the median day; at the start or the end of the month where that is
 * near, of its weekdays where there is no other. */
static void set_median_day(const ft_date_series *s, ft_frequency *frequency)
{
    bool has_weekend = false;
    for (size_t i = 0; i < s->n; i++) {
        int32_t year, month, day;
        ft_date_from_days(ft_day_of(s->local[i]), &year, &month, &day);
        s->scratch[i] = day;
        has_weekend = has_weekend || ft_weekday(ft_day_of(s->local[i])) > 4;
    }
    ft_sort_int64(s->scratch, s->n);
    int32_t day = (int32_t)s->scratch[(s->n - 1) / 2];
    frequency->anchor = has_weekend || (day > 4 && day < 27) ? FT_ANCHOR_DAY
                        : day <= 4                           ? FT_ANCHOR_BUSINESS_START
                                                             : FT_ANCHOR_BUSINESS_END;
    frequency->day = day >= 27 ? 31 : day;
}

/* One row each month, quarter or year, though on no common day: their median day. */
bool ft_infer_periods(const ft_date_series *s, ft_frequency *frequency, int64_t *months)
{
    static const int32_t periods[] = {1, 3, 12};
    if (s->n < 3) return false;
    for (size_t p = 0; p < sizeof periods / sizeof *periods; p++) {
        size_t follow = 0, count;
        bool ascends = true;
        for (size_t i = 0; i < s->n; i++) {
            months[i] = ft_month_of_day(ft_day_of(s->local[i]));
            if (i == 0) continue;
            int64_t apart = months[i] / periods[p] - months[i - 1] / periods[p];
            ascends = ascends && apart > 0;
            follow += apart == 1;
        }
        if (!ascends || !ft_are_most(follow, s->n - 1)) continue;
        frequency->months = frequency->cycle = periods[p];
        int64_t last = months[s->n - 1] / periods[p] * periods[p];
        for (size_t i = 0; i < s->n; i++) s->scratch[i] = months[i] % periods[p];
        frequency->phase = (int32_t)ft_dates_mode(s->scratch, s->n, &count);
        set_median_day(s, frequency);
        set_from_month(s, last + frequency->phase, frequency);
        return true;
    }
    return false;
}
