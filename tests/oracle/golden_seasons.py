"""The season of a frequency by GluonTS' get_seasonality.

Each line of seasons.csv is a pandas frequency and its season. Needs only gluonts (0.17) and pandas.
"""

import logging
import pathlib

from gluonts.time_feature.seasonality import get_seasonality

PATH = pathlib.Path(__file__).resolve().parent.parent / "golden" / "seasons.csv"
logging.disable(logging.WARNING)  # that a multiple does not divide the season

NAMES = (
    "ms s 30s 7s min 5min 15min 30min 90min 7min h 2h 5h 12h 24h 36h D 2D 7D B 2B W W-FRI 2W "
    "ME MS 2ME 3MS 5MS 12MS QE QS QE-NOV 2QE YE YS YE-JUN 5YS SME"
).split()


def make():
    lines = [f"{name},{get_seasonality(name)}" for name in NAMES]
    PATH.write_text("name,season\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    make()
