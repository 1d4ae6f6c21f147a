"""How pandas continues dates: frequencies, anchors, time zones, leap days, changes of the clocks.

Each line of frequencies.csv is a range of dates: the first `known` are a history, the others
follow. `asks` says what must give them: the history alone ("infer"), one of `names` ("name"), or
each of both ("both"). Needs only pandas.
"""

import pathlib
import random

import pandas as pd

PATH = pathlib.Path(__file__).resolve().parent.parent / "golden" / "frequencies.csv"

# pandas' name, its older ones, dates of the history, dates after it
MONTHLY, QUARTERLY, YEARLY = (14, 6), (13, 5), (12, 4)
CALENDAR = [
    ("ME", "M", *MONTHLY), ("MS", "", *MONTHLY), ("BME", "BM", *MONTHLY), ("BMS", "", *MONTHLY),
    ("2ME", "2M", *QUARTERLY), ("3MS", "", *QUARTERLY), ("6MS", "", *YEARLY), ("WOM-3FRI", "", *MONTHLY),
    ("WOM-1MON", "", *MONTHLY), ("WOM-2WED", "", *MONTHLY),
    ("QE", "Q", *QUARTERLY), ("QE-NOV", "Q-NOV", *QUARTERLY), ("QE-JAN", "Q-JAN", *QUARTERLY), ("QS", "", *QUARTERLY),
    ("QS-FEB", "", *QUARTERLY), ("QS-DEC", "", *QUARTERLY), ("BQE", "BQ", *QUARTERLY), ("BQE-OCT", "BQ-OCT", *QUARTERLY),
    ("BQS", "", *QUARTERLY), ("BQS-FEB", "", *QUARTERLY), ("2QE", "2Q", *YEARLY),
    ("YE", "Y|A", *YEARLY), ("YE-JUN", "Y-JUN|A-JUN", *YEARLY), ("YE-FEB", "A-FEB", *YEARLY), ("YS", "AS", *YEARLY),
    ("YS-JUL", "AS-JUL", *YEARLY), ("YS-MAR", "AS-MAR", *YEARLY), ("BYE", "BY|BA", *YEARLY), ("BYE-SEP", "BA-SEP", *YEARLY),
    ("BYS", "BAS", *YEARLY), ("BYS-APR", "BAS-APR", *YEARLY), ("2YE", "2A", 8, 4), ("5YS", "5AS", 6, 3),
]  # fmt: skip
DAILY = [
    ("D", "", 9, 6), ("2D", "", 8, 5), ("10D", "", 8, 4), ("B", "C", 11, 8), ("2B", "", 9, 6), ("3B", "", 9, 6),
    ("W", "W-SUN", 8, 5), ("W-MON", "", 8, 5), ("W-WED", "", 8, 5), ("W-FRI", "", 8, 5), ("W-SAT", "", 8, 5),
    ("2W-MON", "", 7, 4), ("2W", "2W-SUN", 7, 4), ("4W-THU", "", 7, 4),
]  # fmt: skip
CLOCK = [
    ("h", "H", 8, 8), ("2h", "2H", 8, 8), ("3h", "3H", 8, 8), ("4h", "4H", 8, 6), ("6h", "6H", 8, 6), ("12h", "12H", 8, 6),
    ("15min", "15T", 8, 8), ("30min", "30T", 8, 8), ("5min", "5T", 8, 5), ("min", "T", 8, 5), ("30s", "30S", 8, 5),
    ("s", "S", 8, 5), ("36h", "36H", 7, 5), ("90min", "90T", 8, 6),
]  # fmt: skip
# Histories are laid so that the clocks change, or a leap day falls, in them or after
# them.
CALENDAR_STARTS = [
    ("2019-01-15", None), ("2023-03-01", None), ("2022-06-10 00:00", "America/New_York"), ("1999-11-30", "Europe/Berlin"),
]  # fmt: skip
DAILY_STARTS = [
    ("2024-02-20", None), ("2023-12-27 16:00", None), ("2024-03-04 00:00", "America/New_York"),
    ("2023-10-24 00:00", "Europe/Berlin"), ("2024-09-26 09:30", "Australia/Sydney"),
]  # fmt: skip
CLOCK_STARTS = [
    ("2024-02-28 20:00", None), ("2024-03-09 22:00", "America/New_York"), ("2023-10-28 22:00", "Europe/London"),
    ("2024-03-30 21:30", "Europe/Berlin"),
]  # fmt: skip


def text_of(date):
    offset = date.strftime("%z")
    clock = date.strftime("T%H:%M:%S" if date.second else "T%H:%M") if offset or date != date.normalize() else ""
    return date.strftime("%Y-%m-%d") + clock + (offset[:3] + ":" + offset[3:] if offset else "")


def line_of(asks, names, known, dates):
    return ",".join([asks, names, str(known), " ".join(text_of(date) for date in dates)])


def ranges(table, starts):
    for name, old, known, after in table:
        for start, zone in starts:
            dates = pd.date_range(start, periods=known + after, freq=name, tz=zone)
            yield line_of("both", "|".join(filter(None, [name, old])), known, dates)


def from_any_date(table, starts):
    """A name counts on from the first of its dates after the last one known, wherever that lies."""
    for i, (name, old, _, after) in enumerate(table):
        start, zone = starts[i % len(starts)]
        last = pd.Timestamp(start, tz=zone)
        dates = pd.date_range(last, periods=after + 1, freq=name)
        after_it = [date for date in dates if date > last][:after]
        yield line_of("name", "|".join(filter(None, [name, old])), 1, [last, *after_it])


def imperfect(rng):
    """One or two dates of the history are missing (holidays), or one lies a day before its place.
    """
    for name, _, known, after in CALENDAR + DAILY:
        if name in ("D", "2D", "10D", "2B", "3B") or known < 8:
            continue
        known += known // 2
        dates = list(pd.date_range("2018-02-28", periods=known + after, freq=name))
        gone = sorted(rng.sample(range(2, known - 2), 2), reverse=True)
        holes = [date for i, date in enumerate(dates) if i not in gone]
        yield line_of("infer", "", known - 2, holes)
        if name != "B":
            early = list(dates)
            place = known - 1 if name.endswith("E") and "-" not in name else gone[0]
            early[place] -= pd.Timedelta(days=1)
            yield line_of("infer", "", known, early)


def recurring():
    """Weeks and opening hours."""
    masks = ["Sun Mon Tue Wed Thu", "Mon Tue Wed Thu Fri Sat", "Mon Wed Fri", "Tue Thu", "Mon Tue Wed Thu"]
    for mask in masks:
        offset = pd.offsets.CustomBusinessDay(weekmask=mask)
        known = 4 * len(mask.split())
        yield line_of("infer", "", known, pd.date_range("2024-02-04", periods=known + 9, freq=offset))
    hours = [("09:30", "16:30", "Mon Tue Wed Thu Fri", "America/New_York"), ("10:00", "17:00", "Sun Mon Tue Wed Thu", None),
             ("08:00", "12:00", "Mon Tue Wed Thu Fri Sat", None)]  # fmt: skip
    for begin, end, mask, zone in hours:
        offset = pd.offsets.CustomBusinessHour(start=begin, end=end, weekmask=mask)
        # pandas counts the end of one day and the start of the next as the same instant
        dates = pd.date_range("2024-02-25", periods=140, freq=offset)
        known = int((dates < "2024-03-13 12:00").sum())
        dates = dates[: known + 12].tz_localize(zone)
        yield line_of("infer", "", known, dates)


def make():
    rng = random.Random(20240229)
    lines = [
        *ranges(CALENDAR, CALENDAR_STARTS),
        *ranges(DAILY, DAILY_STARTS),
        *ranges(CLOCK, CLOCK_STARTS),
        *from_any_date(CALENDAR + DAILY, [("2024-02-10", None), ("2023-11-04 08:15", "America/New_York")]),
        *imperfect(rng),
        *recurring(),
    ]
    PATH.write_text("asks,names,known,dates\n" + "".join(line + "\n" for line in lines))


if __name__ == "__main__":
    make()
