# ftgpu forecast: the dates that follow a history, what is said of uneven ones, and
# --freq.
. "$E2E/lib.sh"
must model init --size nano --out nano

# history FILE NAME: dates on stdin become FILE, with values.
history() {
    { echo date,y; awk '{ print $0 "," NR % 7 }'; } >"$1"
}

# continues FILE DATES ARGUMENTS...: the forecast of FILE has these dates; $horizon of
# each series, if it is set.
continues() {
    file=$1 dates=$2
    shift 2
    must forecast --model nano --data "$file" --target y --num-samples 2 --quantiles 0.5 --horizon "${horizon:-$(echo "$dates" | tr ';' '\n' | wc -l)}" "$@"
    got=$(sed 1d out | cut -d, -f2 | paste -sd ';' -)
    [ "$got" = "$dates" ] || fail "$ran: dates $got instead of $dates"
}

# One line on stderr, which matches.
says() {
    [ "$(wc -l <err)" = 1 ] || fail "$ran: $(wc -l <err) lines on stderr instead of 1"
    expect err "$1"
}

# Daylight saving begins in the middle: days are those of the wall clock.
for day in 2024-03-06 2024-03-07 2024-03-08; do echo "$day 00:00:00-05:00"; done >offsets
for day in 2024-03-11 2024-03-12 2024-03-13; do echo "$day 00:00:00-04:00"; done >>offsets
history prices.csv <offsets
continues prices.csv "2024-03-14 00:00:00-04:00;2024-03-15 00:00:00-04:00;2024-03-18 00:00:00-04:00"
expect_quiet
printf '%s\n' 2024-01-01T00:00+01:00 2024-02-01T00:00+01:00 2024-03-01T00:00+01:00 2024-04-01T00:00+02:00 | history months.csv
continues months.csv "2024-05-01T00:00+02:00;2024-06-01T00:00+02:00;2024-07-01T00:00+02:00"
expect_quiet
# UTC and summer time in one column: Z alone would show the wrong hour.
printf '%s\n' 2024-03-29T00:00Z 2024-03-30T00:00Z 2024-03-31T00:00Z 2024-04-01T00:00+01:00 | history london.csv
continues london.csv "2024-04-02T00:00+01:00;2024-04-03T00:00+01:00"
expect_quiet
# Two series, each with its own last offset.
{
    echo "id,date,y"
    for day in 01 02 03 04 05; do
        echo "east,2024-07-$day 00:00:00+09:00,1"
        echo "west,2024-07-$day 00:00:00-07:00,1"
    done
} >sides.csv
horizon=1
continues sides.csv "2024-07-06 00:00:00+09:00;2024-07-06 00:00:00-07:00" --id id --timestamp date
horizon=
says 'series "east" lie within one Monday to Friday .*, and 1 more series likewise'

# The hour that the clocks go back, without offsets.
printf '%s\n' "2024-10-27 01:00" "2024-10-27 02:00" "2024-10-27 02:00" "2024-10-27 03:00" | history hour.csv
refuses 'hour.csv:4: .* given twice.*clocks go back.*offset.*--id' forecast --model nano --data hour.csv --target y

# Days of one working week may be business days: it is said where the forecast goes beyond
# them.
printf '%s\n' 2024-01-01 2024-01-02 2024-01-03 2024-01-04 2024-01-05 | history week.csv
continues week.csv "2024-01-06;2024-01-07"
says '^ftgpu: week.csv: the rows lie within one Monday to Friday .--freq B leaves out weekends.: the forecast goes on at "1 day"'
continues week.csv "2024-01-08;2024-01-09" --freq B
expect_quiet
printf '%s\n' 2024-01-01 2024-01-02 2024-01-03 | history week.csv
continues week.csv "2024-01-04;2024-01-05"
expect_quiet
continues week.csv "2024-01-04;2024-01-05;2024-01-06"
says 'within one Monday to Friday'
printf '%s\n' 2024-01-02 2024-01-03 2024-01-04 2024-01-05 2024-01-08 | history week.csv
continues week.csv "2024-01-09;2024-01-10;2024-01-11;2024-01-12;2024-01-15"
expect_quiet
printf '%s\n' 2024-01-03 2024-01-04 2024-01-05 2024-01-06 | history week.csv
continues week.csv "2024-01-07;2024-01-08"
expect_quiet

# Weeks of ISO 8601 to the end of a year with 53; retail years of 4, 4 and 5 weeks, which
# are no months.
printf '%s\n' 2026-W50 2026-W51 2026-W52 | history weeks.csv
continues weeks.csv "2026-W53;2027-W01"
expect_quiet
printf '%s\n' 2023-01-28 2023-02-25 2023-04-01 2023-04-29 2023-05-27 2023-07-01 | history retail.csv
continues retail.csv "2023-07-29;2023-08-26"
says 'not evenly spaced: the forecast goes on at "4 weeks"'

# The last trading days of months; May ends with a holiday.
printf '%s\n' 2020-11-30 2020-12-31 2021-01-29 2021-02-26 2021-03-31 2021-04-30 2021-05-28 | history trading.csv
continues trading.csv "2021-06-30;2021-07-30;2021-08-31"
says '^ftgpu: trading.csv: the rows are not evenly spaced: the forecast goes on at "1 month, last weekdays" \(--freq '

# Opening hours.
for day in 01 02 03 04 05 08 09 10 11; do
    for hour in 10 11 12 13; do echo "2024-01-$day $hour:00"; done
done | history hours.csv
continues hours.csv "2024-01-12 10:00;2024-01-12 11:00;2024-01-12 12:00;2024-01-12 13:00;2024-01-15 10:00"
says '"1 hour, Monday to Friday 10:00 to 13:00"'

# No pattern: the median step, unless a frequency is named.
printf '%s\n' 2022-01-01 2022-01-04 2022-01-05 2022-01-19 2022-02-03 2022-02-04 | history irregular.csv
continues irregular.csv "2022-02-07;2022-02-10"
says '"3 days"'
continues irregular.csv "2022-02-05;2022-02-06" --freq D
expect_quiet
continues irregular.csv "2022-02-11;2022-02-18" --freq W-FRI
continues irregular.csv "2022-02-28;2022-03-31" --freq M
continues irregular.csv "2022-02-04 12:00;2022-02-05 00:00" --freq 12H
refuses 'frequency "ME5" is unknown: did you mean "ME"' forecast --model nano --data irregular.csv --target y --freq ME5
refuses 'frequency "monthly" is unknown: did you mean "ME"' forecast --model nano --data irregular.csv --target y --freq monthly
refuses 'like QE-NOV' forecast --model nano --data irregular.csv --target y --freq QE-FRI

# One row alone goes on by the finest part that it shows.
single() {
    echo "$1" | history single.csv
    continues single.csv "$2" --timestamp date ${3+"$3" "$4"}
}
single 2022Q1 "2022Q2;2022Q3;2022Q4;2023Q1"
single 2005M01 "2005M02;2005M03"
single "January 2023" "February 2023;March 2023"
single Jan-23 "Feb-23;Mar-23" --date-format %b-%y
single 2022 "2023;2024"
single 2022-W51 "2022-W52;2023-W01"
single 2022-W52-7 "2023-W01-1;2023-W01-2"
single 2024-059 "2024-060;2024-061"
single 2024.75 "2024.83;2024.92;2025.00"
single 2023-12 "2024-01;2024-02"
single 2023-12-31 "2024-01-01;2024-01-02"
single 31/12/2023 "01/01/2024;02/01/2024"
printf '%s\n' id,date,y a,2022Q4,1 b,2022Q4,2 >quarters.csv
horizon=2
continues quarters.csv "2023Q1;2023Q2;2023Q1;2023Q2" --id id --timestamp date
horizon=
# Two rows, an hour less than a day apart by the clock's change.
printf '%s\n' "2024-03-31 00:00:00+01:00" "2024-04-01 00:00:00+02:00" | history spring.csv
continues spring.csv "2024-04-02 00:00:00+02:00;2024-04-03 00:00:00+02:00"
# A form that does not show what follows.
printf '%s\n' 13/01/2024 14/01/2024 15/01/2024 | history days.csv
refuses 'days.csv: .*form "%d/%m/%Y" does not show hours: .* "1 hour" .*"15/01/2024" more than once.*--freq' forecast --model nano --data days.csv --target y --freq h
printf '%s\n' 2023Q3 2023Q4 2024Q1 | history quarters.csv
refuses '"%YQ%q" does not show months: ' forecast --model nano --data quarters.csv --target y --freq MS
continues quarters.csv "2024Q2;2024Q3" --freq QS

# A series of one row goes on as the others do; of several uneven ones the first is named.
{
    echo "id,date,y"
    for date in 2024-01-31 2024-02-29 2024-03-31 2024-04-30 2024-05-30; do
        echo "a,$date,1"
        echo "b,$date,1"
    done
    echo "new,2024-05-31,1"
} >series.csv
horizon=1
continues series.csv "2024-06-30;2024-06-30;2024-06-30" --id id --timestamp date
says 'rows of series "a" are not evenly .*, and 1 more series likewise'
finish
