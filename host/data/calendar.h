/* Days, months and weekdays of the proleptic Gregorian calendar: arithmetic alone, no
 * time zones.
 *
 * A day is an int64_t, days since 1970-01-01; a time is microseconds since 1970-01-01
 * 00:00. */
#ifndef FT_HOST_DATA_CALENDAR_H
#define FT_HOST_DATA_CALENDAR_H

#include <stdint.h>

#define FT_MICROSECONDS_A_SECOND INT64_C(1000000)
#define FT_MICROSECONDS_A_MINUTE INT64_C(60000000)
#define FT_MICROSECONDS_AN_HOUR INT64_C(3600000000)
#define FT_MICROSECONDS_A_DAY INT64_C(86400000000)
#define FT_MICROSECONDS_A_WEEK INT64_C(604800000000)

/* a / b rounded down, and what is left: 0 <= rest < b. b > 0. */
int64_t ft_floor_divide(int64_t a, int64_t b);
int64_t ft_floor_rest(int64_t a, int64_t b);

/* The day of a time by the wall clock (microseconds since 1970-01-01 00:00), and
 * microseconds since midnight. */
int64_t ft_day_of(int64_t time);
int64_t ft_time_of_day(int64_t time);

/* For bsearch: int64_t, ascending. */
int ft_compare_times(const void *a, const void *b);

/* Days since 1970-01-01 of a date, and back. */
int64_t ft_days_from_date(int32_t year, int32_t month, int32_t day);
void ft_date_from_days(int64_t days, int32_t *year, int32_t *month, int32_t *day);

/* The months from January of the year 0 to the month of a day. */
int64_t ft_month_of_day(int64_t days);

/* 28 to 31; month 1 to 12. */
int32_t ft_days_in_month(int32_t year, int32_t month);

/* 0 = Monday ... 6 = Sunday. */
int32_t ft_weekday(int64_t days);

/* The Monday 00:00 of the week that holds `time`, in microseconds since 1970-01-01
 * 00:00. */
int64_t ft_week_start(int64_t time);

/* The day of the month of its first and last weekday (Monday to Friday), and of its nth
 * (from 1) `weekday`: the last one where there are fewer. */
int32_t ft_first_business_day(int32_t year, int32_t month);
int32_t ft_last_business_day(int32_t year, int32_t month);
int32_t ft_nth_weekday(int32_t year, int32_t month, int32_t nth, int32_t weekday);

/* "Monday" ... "Sunday". */
extern const char *const ft_weekday_names[7];

#endif
