"""Days that Python's datetime.strptime reads from weeks of the year, %W and %U.

Each line of weeks.csv is a format, a text and its day. Needs only Python (3.11).
"""

import datetime
import pathlib

PATH = pathlib.Path(__file__).resolve().parent.parent / "golden" / "weeks.csv"

FORMATS = ("%Y-%W-%w", "%Y-%U-%w", "%Y-%W-%u", "%Y %a %U", "%A %W %y")
YEARS = (1999, 2000, 2012, 2017, 2018, 2020, 2023, 2024)
WEEKS = (0, 1, 9, 30, 52, 53)


def make():
    lines = ["format,text,day"]
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    whole = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    for form in FORMATS:
        for year in YEARS:
            for week in WEEKS:
                for day in (0, 3, 6):  # from Monday
                    text = form.replace("%Y", f"{year}").replace("%y", f"{year % 100:02d}")
                    text = text.replace("%W", f"{week:02d}").replace("%U", f"{week:02d}")
                    text = text.replace("%w", f"{(day + 1) % 7}").replace("%u", f"{day + 1}")
                    text = text.replace("%a", names[day]).replace("%A", whole[day])
                    lines.append(f"{form},{text},{datetime.datetime.strptime(text, form):%Y-%m-%d}")
    PATH.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    make()
