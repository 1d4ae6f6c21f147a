# Metrics of several series window by window: windows.csv has each series' scale and the value
# before each window. mase, directional_accuracy, their standard errors and the verdict follow from
# it.
. "$E2E/lib.sh"
must model init --size nano --out nano

# Eight series of 80 days on eight scales; the last has no value on some days.
for t in $(seq 0 79); do echo "2025-01-01 + $t days"; done | date -u -f - +%F >days
awk 'BEGIN { srand(5); print "day,shop,sold" }
    { for (s = 1; s <= 8; s++) value[s, NR] = s * (20 + 5 * sin(NR * 6.2832 / 7) + 4 * rand()); day[NR] = $1 }
    END { for (s = 1; s <= 8; s++) for (t = 1; t <= NR; t++)
        print day[t] ",shop " s "," (s == 8 && t % 11 == 5 ? "" : value[s, t]) }' days >data.csv
job="--model nano --data data.csv --id shop --target sold --split 0.7,0.15,0.15 --season 7 --eval-windows 100 --eval-samples 5
    --set context_length=16 --set prediction_length=3 --set batch_size=8 --set epochs=1"
must sweep $job --name shops --grid learning_rate=1e-3,1e-2
expect err '^ship it|^verdict +(do not )?ship it'
expect_not err 'how sure that is cannot be told'

# windows.csv agrees with the data: 56 rows of each series train.
for directory in results/fine_tuning/shops_*; do
    awk -F, -v OFMT=%.17g 'FNR == 1 { file++; next }
        file == 1 { day[$2, ++n[$2]] = $1; row[$2, $1] = n[$2]; value[$2, n[$2]] = $3 }
        file == 2 {
            item = $2; sum = pairs = 0
            for (t = 8; t <= 56; t++) if (value[item, t] != "" && value[item, t - 7] != "") {
                d = value[item, t] - value[item, t - 7]; sum += d < 0 ? -d : d; pairs++ }
            at = row[item, $3]; while (value[item, at] == "") at--
            off = $5 * pairs / sum - 1
            if (off * off > 1e-20 || $4 != value[item, at]) { print "line " FNR ": " $0 ", not " value[item, at] "," sum / pairs; bad = 1 }
            lines++ }
        END { exit bad || lines == 0 }' data.csv "$directory/windows.csv" >wrong || fail "windows.csv: $(head -3 wrong)"
    # The recorded metrics follow from windows.csv and forecasts.csv.
    awk -F, 'FNR == 1 { file++; next }
        file == 1 { last[$1, $2, $3] = $4; scale[$1, $2, $3] = $5 }
        file == 2 && $1 == "test" {
            if ($2 FS $3 != window) { window = $2 FS $3; truth = told = last[$1, $2, $3] }
            if ($5 != "") { e = $5 - $11; sum += (e < 0 ? -e : e) / scale[$1, $2, $3]; n++ }
            if ($5 != "" && truth != "") { right += ($5 > truth) - ($5 < truth) == ($11 > told) - ($11 < told); directions++ }
            truth = $5; told = $11 }
        END { printf "%.12g %.12g\n", sum / n, right / directions }' "$directory/windows.csv" "$directory/forecasts.csv" >told
    sed -n '/"test_metrics"/,/}/{s/.*"mase": \([^,]*\),*/\1/p;s/.*"directional_accuracy": \([^,]*\),*/\1/p}' "$directory/results.json" |
        head -2 | awk '{ printf "%.12g ", $1 } END { print "" }' | sed 's/ $//' >recorded
    cmp -s told recorded || fail "$directory: its windows say mase and directional_accuracy $(cat told), recorded are $(cat recorded)"
done

for metric in mase directional_accuracy; do
    must best --metric $metric
    expect out "^certainty +[0-9]+ val windows of 8 series: standard error of $metric [0-9.]+"
    expect out "^against +seasonal_naive \(season 7, $metric .*95 % interval -?[0-9.]+ to -?[0-9.]+, 8 series"
    must compare --metric $metric
    expect out "^1 .* ± .* ± .* best"
    must report --metric $metric --out report.html
    expect report.html '"error_of_metric": ?[0-9.]+'
done

# A note is as wide as the terminal of stderr.
export COLUMNS=50
must sweep $(echo "$job" | sed 's/--season 7//') --name daily --seeds 2 --dry-run
expect err '^note: daily rows have season 1, so'
awk '/^note: daily/ { told = 1 } told && /^(note:| )/ && length($0) > 50 { exit 1 }' err || fail "a wide note: $(cat err)"
export COLUMNS=1000

# Two experiments that best cannot tell apart: importance does not either.
must analyze importance
expect out '(higher|lower) values are better \(within chance\)$'
expect out '^within chance: what cannot be told from the best \(ftgpu best, 95 %\) has other values, too, of hp_learning_rate$'

# Names of series have commas, quotes and ends of lines.
sed 's/shop \([1-8]\)/"a ""shop"",\n\1"/' data.csv >named.csv
must run $(echo "$job" | sed 's/data.csv/named.csv/') --name named
must best --match 'named_*' --metric mase
expect out '^against +seasonal_naive .* 95 % interval -?[0-9.]+ to -?[0-9.]+, 8 series$'
rm -r results/fine_tuning/named_*

# Three series are too few to tell by: compare says so, instead of a column of nothing, and
# importance calls nothing tested.
sed '/shop [4-8]/d' data.csv >few.csv
must sweep $(echo "$job" | sed 's/data.csv/few.csv/') --name few --results few --grid learning_rate=1e-3,1e-2
must compare --results few
expect out '^#'
expect_not out 'worse by'
expect out '^[0-9]+ val windows of 3 series: too few to tell experiments apart \(at least 6 series are needed\)$'
must analyze importance --results few
expect out '^within chance, as val has too few windows or series to tell experiments apart'

# Older records, without windows.csv, are read; the commands say why there is no interval.
rm results/fine_tuning/*/windows.csv
must best --metric mase
expect out '^certainty +val mase has no standard error: its run recorded no windows\.csv, which has the scales of several series \(a new run does\)$'
expect out 'how sure that is cannot be told: its run recorded no windows\.csv'
must compare --metric directional_accuracy
expect out '^val directional_accuracy has no standard error: its run recorded no windows\.csv, which has the values before the windows'
must best --metric mae
expect out '^certainty .* standard error of mae'
finish
