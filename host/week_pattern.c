/* Opening hours of rows; see week_pattern.h. */
#include "host/week_pattern.h"

#include <stdio.h>
#include <string.h>

#include "host/calendar.h"

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
        add(out, size, ft_weekday_name(day));
        if (length > 1) add(out, size, length > 2 ? " to " : ", ");
        if (length > 1) add(out, size, ft_weekday_name(last));
        done += length;
        day = next_day(days, last);
    }
}

/* The days that have rows; false where a stretch goes beyond midnight or days differ in their hours, besides
 * which the hours are those of the first day. */
static bool same_hours(const ft_week_pattern *week, unsigned *days, int32_t *n_hours)
{
    *days = 0;
    *n_hours = 0;
    int32_t first_day = weekday_of(week->stretches[0].from), on_day = 0;
    for (int32_t i = 0; i < week->n_stretches; i++) {
        const ft_stretch *stretch = &week->stretches[i];
        int32_t day = weekday_of(stretch->from);
        if (weekday_of(stretch->to) != day) return false;
        if (!(*days >> day & 1) && *days && on_day != *n_hours) return false;
        on_day = *days >> day & 1 ? on_day + 1 : 1;
        *days |= 1u << day;
        if (day == first_day) *n_hours = on_day;
        if (on_day > *n_hours) return false;
        const ft_stretch *like = &week->stretches[on_day - 1];
        int64_t later = (day - first_day) * FT_MICROSECONDS_A_DAY;
        if (stretch->from - later != like->from || stretch->to - later != like->to) return false;
    }
    return on_day == *n_hours;
}

void ft_week_pattern_describe(const ft_week_pattern *week, char *out, size_t size)
{
    unsigned days = 0;
    int32_t n_hours;
    *out = '\0';
    if (week->step % FT_MICROSECONDS_A_DAY == 0) { /* no more than one row a day */
        for (int32_t i = 0; i < week->n_stretches; i++)
            for (int64_t at = week->stretches[i].from; at <= week->stretches[i].to; at += week->step)
                days |= 1u << weekday_of(at);
        add_days(out, size, days);
        return;
    }
    bool by_day = same_hours(week, &days, &n_hours);
    if (by_day) {
        add_days(out, size, days);
        if (days == 0x7f) snprintf(out, size, "each day");
    }
    int32_t shown = by_day ? n_hours : week->n_stretches;
    for (int32_t i = 0; i < shown; i++) {
        const ft_stretch *stretch = &week->stretches[i];
        if (i == 6) {
            add(out, size, ", ...");
            return;
        }
        if (i || by_day) add(out, size, ", ");
        if (!by_day) add(out, size, ft_weekday_name(weekday_of(stretch->from))), add(out, size, " ");
        add_clock(out, size, stretch->from);
        if (stretch->to == stretch->from) continue;
        add(out, size, " to ");
        if (weekday_of(stretch->to) != weekday_of(stretch->from))
            add(out, size, ft_weekday_name(weekday_of(stretch->to))), add(out, size, " ");
        add_clock(out, size, stretch->to);
    }
}
