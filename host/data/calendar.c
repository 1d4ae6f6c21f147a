/* Dates as numbers; see calendar.h. */
#include "host/data/calendar.h"

int64_t ft_floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t ft_floor_rest(int64_t a, int64_t b)
{
    int64_t rest = a % b;
    return rest < 0 ? rest + b : rest;
}

int64_t ft_day_of(int64_t time)
{
    return ft_floor_divide(time, FT_MICROSECONDS_A_DAY);
}

int64_t ft_time_of_day(int64_t time)
{
    return ft_floor_rest(time, FT_MICROSECONDS_A_DAY);
}

int ft_compare_times(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* A day's number by eras of 400 years that begin on 1 March, so that the leap day comes
 * last. (The algorithm is described by Howard Hinnant, "chrono-compatible low-level date
 * algorithms".) */
int64_t ft_days_from_date(int32_t year, int32_t month, int32_t day)
{
    int64_t shifted_year = (int64_t)year - (month <= 2 ? 1 : 0);
    int64_t era = (shifted_year >= 0 ? shifted_year : shifted_year - 399) / 400;
    int64_t year_of_era = shifted_year - era * 400;
    int64_t months_since_march = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void ft_date_from_days(int64_t days, int32_t *year, int32_t *month, int32_t *day)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t months_since_march = (5 * day_of_year + 2) / 153;
    *day = (int32_t)(day_of_year - (153 * months_since_march + 2) / 5 + 1);
    *month = (int32_t)(months_since_march < 10 ? months_since_march + 3 : months_since_march - 9);
    *year = (int32_t)(year_of_era + era * 400 + (*month <= 2 ? 1 : 0));
}

int64_t ft_month_of_day(int64_t days)
{
    int32_t year, month, day;
    ft_date_from_days(days, &year, &month, &day);
    return (int64_t)year * 12 + month - 1;
}

int32_t ft_days_in_month(int32_t year, int32_t month)
{
    return (int32_t)(ft_days_from_date(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) -
                     ft_days_from_date(year, month, 1));
}

int32_t ft_weekday(int64_t days)
{
    return (int32_t)ft_floor_rest(days + 3, 7); /* 1970-01-01 was a Thursday */
}

int64_t ft_week_start(int64_t time)
{
    int64_t days = ft_floor_divide(time, FT_MICROSECONDS_A_DAY);
    return (days - ft_weekday(days)) * FT_MICROSECONDS_A_DAY;
}

int32_t ft_first_business_day(int32_t year, int32_t month)
{
    int32_t weekday = ft_weekday(ft_days_from_date(year, month, 1));
    return weekday < 5 ? 1 : 8 - weekday;
}

int32_t ft_last_business_day(int32_t year, int32_t month)
{
    int32_t last = ft_days_in_month(year, month);
    int32_t weekday = ft_weekday(ft_days_from_date(year, month, last));
    return weekday < 5 ? last : last - (weekday - 4);
}

int32_t ft_nth_weekday(int32_t year, int32_t month, int32_t nth, int32_t weekday)
{
    int32_t first = ft_weekday(ft_days_from_date(year, month, 1));
    int32_t day = 1 + (weekday - first + 7) % 7 + (nth - 1) * 7;
    return day <= ft_days_in_month(year, month) ? day : day - 7;
}

const char *const ft_weekday_names[7] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                         "Friday", "Saturday", "Sunday"};
