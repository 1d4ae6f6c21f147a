/* Opening hours of rows; see week_pattern.h. */
#include "host/data/week_pattern.h"

#include <stdio.h>
#include <string.h>

#include "host/data/calendar.h"

bool ft_week_pattern_add(ft_week_pattern *week, int64_t time_of_week)
{
    ft_stretch *last = week->n_stretches ? &week->stretches[week->n_stretches - 1] : NULL;
    if (last && time_of_week - last->to == week->step) {
        last->to = time_of_week;
        return true;
    }
    if (week->n_stretches == FT_MOST_STRETCHES) return false;
    week->stretches[week->n_stretches++] = (ft_stretch){time_of_week, time_of_week};
    return true;
}

static int64_t rows_of(const ft_week_pattern *week, int32_t stretch)
{
    return (week->stretches[stretch].to - week->stretches[stretch].from) / week->step + 1;
}

int64_t ft_week_pattern_count(const ft_week_pattern *week)
{
    int64_t count = 0;
    for (int32_t i = 0; i < week->n_stretches; i++) count += rows_of(week, i);
    return count;
}

int64_t ft_week_pattern_number(const ft_week_pattern *week, int64_t time, bool *is_row)
{
    int64_t start = ft_week_start(time), rest = time - start;
    /* Monday 1969-12-29 begins the week with number 0. */
    int64_t number =
        (start + 3 * FT_MICROSECONDS_A_DAY) / FT_MICROSECONDS_A_WEEK * ft_week_pattern_count(week);
    *is_row = false;
    for (int32_t i = 0; i < week->n_stretches && week->stretches[i].from <= rest; i++) {
        const ft_stretch *stretch = &week->stretches[i];
        int64_t into = rest < stretch->to ? rest - stretch->from : stretch->to - stretch->from;
        number += into / week->step + 1;
        *is_row = rest <= stretch->to && into % week->step == 0;
    }
    return number - 1;
}

int64_t ft_week_pattern_time(const ft_week_pattern *week, int64_t number)
{
    int64_t count = ft_week_pattern_count(week), rest = ft_floor_rest(number, count);
    int64_t start = ft_floor_divide(number, count) * FT_MICROSECONDS_A_WEEK - 3 * FT_MICROSECONDS_A_DAY;
    int32_t i = 0;
    for (; rest >= rows_of(week, i); i++) rest -= rows_of(week, i);
    return start + week->stretches[i].from + rest * week->step;
}

static int32_t weekday_of(int64_t time_of_week)
{
    return (int32_t)(time_of_week / FT_MICROSECONDS_A_DAY);
}

static void add(char *out, size_t size, const char *text)
{
    size_t used = strlen(out);
    snprintf(out + used, size - used, "%s", text);
}

static void add_clock(char *out, size_t size, int64_t time_of_week)
{
    char text[16];
    int32_t minutes = (int32_t)(time_of_week % FT_MICROSECONDS_A_DAY / FT_MICROSECONDS_A_MINUTE);
    snprintf(text, sizeof text, "%02d:%02d", (int)(minutes / 60), (int)(minutes % 60));
    add(out, size, text);
}

/* The next day of the week that has a row; the first one where none is later. */
static int32_t next_day(unsigned days, int32_t day)
{
    do day = (day + 1) % 7;
    while (!(days >> day & 1));
    return day;
}

/* "Sunday to Thursday", "Monday, Wednesday, Friday". `days`: bit 0 is Monday. */
static void add_days(char *out, size_t size, unsigned days)
{
    int32_t first = 0, count = 0;
    for (int32_t day = 0; day < 7; day++) count += (int32_t)(days >> day & 1);
    if (days & 1 && count < 7) /* a run that ends with or after Monday may begin before */
        while (days >> (first + 6) % 7 & 1) first = (first + 6) % 7;
    else if (!(days & 1))
        first = next_day(days, first);
    for (int32_t done = 0, day = first; done < count;) {
        int32_t last = day, length = 1;
        while (done + length < count && next_day(days, last) == (last + 1) % 7)
            last = (last + 1) % 7, length++;
        if (done) add(out, size, ", ");
        add(out, size, ft_weekday_names[day]);
        if (length > 1) add(out, size, length > 2 ? " to " : ", ");
        if (length > 1) add(out, size, ft_weekday_names[last]);
        done += length;
        day = next_day(days, last);
    }
}

/* The first of the stretches that begin on a day, and how many there are. */
static int32_t stretches_of(const ft_week_pattern *week, int32_t day, int32_t *count)
{
    int32_t first = 0;
    while (first < week->n_stretches && weekday_of(week->stretches[first].from) < day) first++;
    *count = 0;
    while (first + *count < week->n_stretches && weekday_of(week->stretches[first + *count].from) == day)
        ++*count;
    return first;
}

static bool have_same_hours(const ft_week_pattern *week, int32_t day, int32_t other)
{
    int32_t count, other_count;
    int32_t first = stretches_of(week, day, &count), other_first = stretches_of(week, other, &other_count);
    const int64_t later = (other - day) * FT_MICROSECONDS_A_DAY;
    for (int32_t i = 0; i < count && count == other_count; i++) {
        const ft_stretch *a = &week->stretches[first + i], *b = &week->stretches[other_first + i];
        if (a->from + later != b->from || a->to + later != b->to) return false;
    }
    return count == other_count;
}

/* " 09:30 to 11:30, 13:00 to 15:00" of a day; " 22:00 to Friday 21:00" where that is on
 * another. */
static void add_hours(char *out, size_t size, const ft_week_pattern *week, int32_t day)
{
    int32_t count, first = stretches_of(week, day, &count);
    for (int32_t i = first; i < first + count; i++) {
        const ft_stretch *stretch = &week->stretches[i];
        add(out, size, i > first ? ", " : " ");
        if (i == first + 6) {
            add(out, size, "...");
            return;
        }
        add_clock(out, size, stretch->from);
        if (stretch->to == stretch->from) continue;
        add(out, size, " to ");
        if (weekday_of(stretch->to) != day)
            add(out, size, ft_weekday_names[weekday_of(stretch->to)]), add(out, size, " ");
        add_clock(out, size, stretch->to);
    }
}

void ft_week_pattern_describe(const ft_week_pattern *week, char *out, size_t size)
{
    unsigned days = 0, told = 0;
    *out = '\0';
    if (week->step % FT_MICROSECONDS_A_DAY == 0) { /* no more than one row a day */
        for (int32_t i = 0; i < week->n_stretches; i++)
            for (int64_t at = week->stretches[i].from; at <= week->stretches[i].to; at += week->step)
                days |= 1u << weekday_of(at);
        add_days(out, size, days);
        return;
    }
    for (int32_t day = 0; day < 7; day++) { /* with all days that have the same hours */
        int32_t count;
        (void)stretches_of(week, day, &count);
        if (count == 0 || told >> day & 1) continue;
        days = 0;
        for (int32_t other = day; other < 7; other++)
            if (have_same_hours(week, day, other)) days |= 1u << other;
        if (told) add(out, size, ", ");
        add_days(out, size, days);
        add_hours(out, size, week, day);
        told |= days;
    }
}
