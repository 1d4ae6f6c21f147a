# Files as spreadsheets, brokers, exchanges and pandas write them are read, and give what
# the plain file gives; what may be meant in two ways is refused with the option that
# settles it.
. "$E2E/lib.sh"
must model init --size nano --out nano
rows=60

# table PROGRAM: rows of i = 1 ... $rows, which the awk program prints; v is a value that
# moves.
table() {
    awk -v rows=$rows 'function day(i) { return sprintf("%04d-%02d-%02d", 2023, 1 + int((i - 1) / 28), 1 + (i - 1) % 28) }
        BEGIN { for (i = 1; i <= rows; i++) { v = 100 + (i * 37 % 23) / 4; y = 2023; m = 1 + int((i - 1) / 28); d = 1 + (i - 1) % 28; '"$1"' } }'
}

forecast="forecast --model nano --horizon 2 --num-samples 2 --quantiles 0.5 --target Close"
{ echo Date,Close; table 'printf "%s,%g\n", day(i), v'; } >plain.csv
insights="data insights --target Close --format csv"
must $insights --data plain.csv
expect_quiet
grep -E '^(target_distribution|train_regimes)' out >expected

# same FILE OPTIONS...: the same values as in plain.csv, whatever the dates look like.
same() {
    data=$1
    shift
    ft $insights --data "$data" "$@"
    expect_status 0
    grep -E '^(target_distribution|train_regimes)' out >found
    cmp -s found expected || fail "$ran: other values than in plain.csv: $(diff found expected | head -4)"
}

# first_date PATTERN: of the forecast of t.csv, which goes on in the form of the file's
# dates.
first_date() {
    ft $forecast --data t.csv $date_options
    expect_status 0
    sed -n 2p out | grep -Eq "^Close,$1," || fail "$ran: the first date is not $1: $(sed -n 2p out)"
}
date_options=

# Separators, byte-order marks, sep= lines, empty rows.
{ printf '\357\273\277sep=;\r\n'; echo 'Date;Close'; table 'printf "%s;%s\n", day(i), v; if (i == 5) print ";;"' ; echo ';'; } >t.csv
same t.csv
expect_quiet
tr ',' '\t' <plain.csv >t.tsv
same t.tsv
tr ',' '|' <plain.csv >t.csv
same t.csv
tr ',' ':' <plain.csv >t.csv
refuses '^ftgpu: t.csv: only one column, "Date:Close".*--separator' $forecast --data t.csv
same t.csv --separator :
{ cat plain.csv; echo ,,,; echo; echo ,; } >t.csv
same t.csv
sed 's/$/,,/' plain.csv >t.csv
same t.csv

# Decimal commas and thousands, as the whole column shows.
sed 's/,/;/; s/\./,/' plain.csv >t.csv
same t.csv
sed 's/,\(.*\)$/,"\1"/; s/\./,/' plain.csv >t.csv
same t.csv
{ echo 'Date,Close,Volume'; table 'printf "%s,%s,\"%d,%03d\"\n", day(i), v, i, i * 7'; } >t.csv
same t.csv
must data insights --data t.csv --target Volume --format json # Close has decimal points: these commas are none
expect out '"numeric_cols": 2'
{ echo 'Date,Volume'; table 'printf "%s,\"%d,%03d\"\n", day(i), i, i * 7'; } >t.csv
must data insights --data t.csv --target Volume --format json
expect out '"numeric_cols": 1'
{ echo 'Date;Volume'; table 'printf "%s;%d,%03d\n", day(i), i, i * 7'; } >t.csv
refuses '^ftgpu: t.csv:2: column "Volume": "1,007" is not a number .its comma may be decimal or between thousands: --decimal , or --thousands ,' forecast --model nano --data t.csv --target Volume
must data insights --data t.csv --target Volume --thousands , --format json
expect out '"numeric_cols": 1'
tr , . <t.csv >dotted.csv
refuses '^ftgpu: dotted.csv:2: column "Volume": "1.007" is not a number .its point may be decimal or between thousands: --decimal , or --decimal [.]' forecast --model nano --data dotted.csv --target Volume
must data insights --data dotted.csv --target Volume --decimal , --format json
expect out '"numeric_cols": 1'
must data insights --data dotted.csv --target Volume --decimal . --format json
expect out '"numeric_cols": 1'
table 'printf "%s,\"%d,%03d.00\"\n", day(i), 9 + v, i' | { echo 'Date,Close'; cat; } >t.csv
must $insights --data t.csv
expect_quiet
expect out '^train_quality.numeric_cols,1$'
sed 's/,/,\xc2\xa0/' plain.csv >t.csv
same t.csv
sed '5s/,/,$/' plain.csv >t.csv
refuses '^ftgpu: t.csv:5: column "Close": "\$[0-9.]*" is not a number' $forecast --data t.csv

# Dates. What is written goes on in the same form.
dates() { # AWK_PRINTF_ARGUMENTS
    { echo Date,Close; table "printf \"\\\"\"$1; printf \"\\\",%s\\n\", v"; } >t.csv
}
dates '"%04d%02d%02d", y, m, d'; same t.csv; first_date '[0-9]{8}'
dates '"%d", 1672531200 + i * 3600'; same t.csv; first_date 1672750800
dates '"%d000", 1672531200 + i * 3600'; same t.csv; first_date 1672750800000
dates '"%d000000", 1672531200 + i * 3600'; same t.csv; first_date 1672750800000000
dates '"%d000000000", 1672531200 + i * 3600'; same t.csv; first_date 1672750800000000000
dates '"%dQ%d", 2000 + int(i / 4), 1 + i % 4'; same t.csv; first_date 2015Q2
dates '"%d-Q%d", 2000 + int(i / 4), 1 + i % 4'; same t.csv; first_date 2015-Q2
dates '"%s %02d, %d", substr("JanFebMar", m * 3 - 2, 3), d, y'; same t.csv; first_date '"Mar 05, 2023"'
dates '"%02d %s %d", d, substr("JanFebMar", m * 3 - 2, 3), y'; same t.csv; first_date '05 Mar 2023'
dates '"%d-%02d", 2010 + int(i / 12), 1 + i % 12'; same t.csv; first_date 2015-02
dates '"%s 00:00:00 UTC", day(i)'; same t.csv; first_date '2023-03-05 00:00:00 UTC'
dates '"%s 00:00:00+00", day(i)'; same t.csv; first_date '2023-03-05 00:00:00\+00'
dates '"%s 00:00:00+02", day(i)'; same t.csv; first_date '2023-03-05 00:00:00\+02'
dates '"%sT00", day(i)'; same t.csv; first_date '2023-03-05T00'
dates '"%sT00:00:00.000000001Z", day(i)'; same t.csv
dates '"%d-%02d-%02d %02d:00", y, m, d, 24'; same t.csv; first_date '2023-03-06 00:00' # a day ends at 24:00
dates '"%d-W%02d", 2020 + int(i / 53), 1 + i % 53'; same t.csv; first_date 2021-W09
dates '"%dW%02d%d", 2024, 1 + i / 7, 1 + i % 7'; same t.csv; first_date 2024W096
dates '"%d-%03d", 2024, i'; same t.csv; first_date 2024-061
dates '"%d%03d", 2024, i'; same t.csv; first_date 2024061
# Years with a fraction: of quarters, months, and as R writes them, without zeros at the
# end.
dates '"%.2f", 2000 + i / 4'; same t.csv; first_date 2015.25
dates '"%.4f", 2000 + i / 12'; same t.csv; first_date 2005.0833
dates '"%.3f", 2000 + i / 12'; same t.csv; first_date 2005.083
dates '"%.15g", 2000 + (i - 1) / 12'; same t.csv; first_date 2005.00
dates '"%.15g", 2000 + (i - 1) / 4'; same t.csv; first_date 2015.00
dates '"%d.%02d", 2000 + int(i / 12), 1 + i % 12'; same t.csv; first_date 2005.02
dates '"%d", 1900 + i'; same t.csv; first_date 1961
printf '%s\n' Date,Close 2019.08,1 2020.08,2 2021.08,4 >t.csv
refuses '^ftgpu: t.csv:2: column "Date": is the year.s fraction or the month in "2019.08"\? .--date-format "%J" or "%Y.%m"' $forecast --data t.csv
date_options="--date-format %J"
first_date 2022.08
date_options="--date-format %Y.%m"
first_date 2022.08
date_options=
dates '"%.4f", 1958 + (i + 0.5) / 12'
refuses '^ftgpu: t.csv:2: column "Date": "1958.1250" is not a date .a year with a fraction is read where a month begins' $forecast --data t.csv
dates '"%d-W%02d", 2024, i - 1'
refuses '^ftgpu: t.csv:2: column "Date": "2024-W00" is not a date .weeks are those of ISO 8601' $forecast --data t.csv
refuses '^ftgpu: --date-format: "%Y-W%V": a week is written by %G and %V' $forecast --data t.csv --date-format %Y-W%V
dates '"%d/%d/%d", m, d, y'; same t.csv; first_date 03/05/2023
dates '"%02d.%02d.%d 12:30", d, m, y'; same t.csv; first_date '05.03.2023 12:30'
dates '"%d/%d/%d", d, 1 + i % 12, y + int(i / 12)'
{ echo Date,Close; table 'printf "01/%02d/%d,%s\n", 1 + i % 12, 2000 + int(i / 12), v'; } >t.csv
refuses '^ftgpu: t.csv:2: column "Date": is the day or the month first in "01/02/2000"\? .--date-format "%d/%m/%Y" or "%m/%d/%Y"' $forecast --data t.csv
same t.csv --date-format %d/%m/%Y
date_options="--date-format %d/%m/%Y"
first_date 01/02/2005
{ echo Date,Close; table 'printf "%d-%s-23,%s\n", d, substr("JanFebMar", m * 3 - 2, 3), v'; } >t.csv
refuses '"1-Jan-23" is not a date .which part is the year\? --date-format "%d-%b-%y"' $forecast --data t.csv
same t.csv --date-format %d-%b-%y
refuses '^ftgpu: --date-format: "%d" has no year' $forecast --data t.csv --date-format %d
refuses '^ftgpu: --date-format: "%Y%k" has an unknown conversion %k' $forecast --data t.csv --date-format %Y%k

# A date column that holds none.
sed '1s/^/Price,Close\nTicker,ACME\n/; s/^Date,Close/Date,/' plain.csv >t.csv
refuses '^ftgpu: t.csv:2: column "Price": "Ticker" is not a date .the first date is in line 4; delete lines 2 and 3: .*yfinance' $forecast --data t.csv
sed '1s/^/Prices of ACME\n# in USD\n/' plain.csv >t.csv
refuses '^ftgpu: t.csv:1: .*delete lines 1 to 2' $forecast --data t.csv
sed '1s/^/# a, b, and c\n/' plain.csv >t.csv
refuses '^ftgpu: t.csv:2: .*delete line 1' $forecast --data t.csv
sed '9s/^/# note\n/' plain.csv >t.csv
refuses '^ftgpu: t.csv:9: .*"# note" is not a date .a comment\? delete line 9' $forecast --data t.csv
awk 'NR == 1 { print "," $0; next } { print NR - 2 "," $0 }' plain.csv >t.csv
same t.csv
expect err '^ftgpu: note: t.csv: the dates are those of column "Date"'
same t.csv --timestamp Date
# pandas' index, written once and read back without index_col: names as pandas gives them,
# and never the dates.
awk -F, -v OFS=, 'NR == 1 { print "", "Unnamed: 0", "When", "Close"; next } { print NR - 2, NR - 2, $0 }' plain.csv >t.csv
same t.csv
expect err '^ftgpu: note: t.csv: the dates are those of column "When"'
expect out '^correlations.corr_with_Unnamed: 0.1,'
[ "$(grep -c '^correlations.corr_with_Unnamed: 0,' out)" = 1 ] || fail "two columns have the name Unnamed: 0"
must data insights --data t.csv --target "Unnamed: 0.1" --format csv
expect out '^train_quality.n_cols,4$'
sed '1s/^,/Unnamed: 0,/' t.csv >t2.csv
same t2.csv
expect out '^correlations.corr_with_Unnamed: 0.1,'
sed '1s/^Date//' plain.csv >t.csv # the index has the dates
same t.csv --timestamp 'Unnamed: 0'
expect_quiet
tail -n +2 plain.csv >t.csv
refuses '^ftgpu: t.csv: the first row has the date "2023-01-01": is the header missing' $forecast --data t.csv
sed '1s/^/# a, b\n/' plain.csv >t.csv
refuses '^ftgpu: t.csv: no column "Date" in the header, but it is in line 2' $forecast --data t.csv --timestamp Date
{ echo Date,Close; table 'printf "%d,%s\n", 44926 + i, v'; } >t.csv
refuses "\"44927\" is not a date .*Excel's number of a day" $forecast --data t.csv

# Order.
{ head -1 plain.csv; tail -n +2 plain.csv | sort -r; } >t.csv
same t.csv
expect err '^ftgpu: note: t.csv: the newest rows come first: they were reversed$'
{ head -1 plain.csv; tail -n +2 plain.csv | sort -t, -k2; } >t.csv
refuses 'but is earlier .--sort sorts the rows' $forecast --data t.csv
same t.csv --sort
sed '9p' plain.csv >t.csv
refuses '^ftgpu: t.csv:10: the date "2023-01-08" is given twice, first in line 9 .*--id.*--duplicates' $forecast --data t.csv
for how in mean first last; do same t.csv --duplicates $how; done
expect err '^ftgpu: note: t.csv: 1 row repeated a date'
refuses '"sum" is not mean, first or last' $forecast --data t.csv --duplicates sum

# Words for missing values: in the target too.
for word in NA N/A NaN nan null NULL None '<NA>' '#N/A' '#NA' n/a -nan -NaN 1.#IND 1.#QNAN ''; do
    sed "\$s|\$|\n2023-03-05,$word|" plain.csv >t.csv
    ft $insights --data t.csv
    expect_status 0
    expect out '^train_quality.missing_values,1$'
done
sed '9s/,.*/,-/' plain.csv >t.csv
refuses '^ftgpu: t.csv:9: column "Close": "-" is not a number .*--missing' $forecast --data t.csv
must $insights --data t.csv --missing '?,-'
expect err '^ftgpu: note: t.csv: no cell is "[?]", which --missing names$'
sed '9s/,.*/,---/' plain.csv >t.csv
must $insights --data t.csv --missing ---
expect_quiet
expect out '^train_quality.missing_values,1$'
refuses '^ftgpu: data insights: --missing needs an argument' $insights --data t.csv --missing --sort
{ echo Date,Close,Volume; table 'printf "%s,%s,%s\n", day(i), v, i == 4 ? "N/A" : i == 5 ? "inf" : 1000 + i'; } >t.csv
must data insights --data t.csv --target Close --format json
expect out '"missing_values": 1,'
expect out '"numeric_cols": 2,'
expect out '"corr_with_Volume": '

# Pipes and compressed files.
gzip -k plain.csv
same plain.csv.gz
must $forecast --data plain.csv
cp out forecasts
for name in - /dev/stdin; do
    cat plain.csv | "$FTGPU" $forecast --data $name >out 2>err || fail "a pipe as $name: $(cat err)"
    cmp -s out forecasts || fail "a pipe as $name gives other forecasts"
    cat plain.csv | "$FTGPU" $insights --data $name >out 2>err || fail "insights of a pipe: $(cat err)"
    grep -E '^(target_distribution|train_regimes)' out | cmp -s - expected || fail "insights of a pipe as $name"
    "$FTGPU" $insights --data $name <plain.csv >out 2>err || fail "a file as $name: $(cat err)"
done
cp plain.csv history.csv
for name in - /dev/stdin; do
    "$FTGPU" $forecast --data $name --out history.csv <history.csv >out 2>err && fail "writes over its input, $name"
    grep -q '^ftgpu: history.csv: is .*, which would be lost; choose another place$' err || fail "$name: $(cat err)"
    cmp -s history.csv plain.csv || fail "the input $name was lost"
done
head -31 plain.csv | gzip >two.csv.gz
tail -n +32 plain.csv | gzip >second.gz
cat two.csv.gz second.gz >joined.csv.gz
same joined.csv.gz
{ cat joined.csv.gz; head -c 512 /dev/zero; } >padded.csv.gz
same padded.csv.gz
{ cat two.csv.gz; printf X; tail -c +2 second.gz; } >damaged.csv.gz
refuses '^ftgpu: damaged.csv.gz: bytes behind the compressed data .damaged' $forecast --data damaged.csv.gz
{ cat two.csv.gz; printf '\037'; } >damaged.csv.gz
refuses '^ftgpu: damaged.csv.gz: bytes behind the compressed data .damaged' $forecast --data damaged.csv.gz
head -c 100 plain.csv.gz >short.csv.gz
refuses '^ftgpu: short.csv.gz: the compressed file ends early' $forecast --data short.csv.gz
# UTF-16 as spreadsheets and Windows write it, of either byte order; without its mark it
# is refused.
wide() { # MARK BEFORE AFTER, bytes in octal, those beside each byte with two backslashes: plain.csv with more than one byte a character
    printf "$1$(awk '{ printf "%s\r\n", $0 }' plain.csv | od -An -v -to1 | tr -d '\n' | sed "s/ \([0-7]*\)/$2\\\\\\1$3/g")"
}
wide '\377\376' '' '\\000' >t.csv
same t.csv
expect_quiet
gzip -kf t.csv
same t.csv.gz
wide '\376\377' '\\000' '' >t.csv
same t.csv
wide '' '' '\\000' >t.csv
refuses '^ftgpu: t.csv: is UTF-16LE .save it as UTF-8, or convert it: iconv -f UTF-16LE -t UTF-8.$' $forecast --data t.csv
wide '' '\\000' '' >t.csv
refuses '^ftgpu: t.csv: is UTF-16BE .*iconv -f UTF-16BE -t UTF-8' $forecast --data t.csv
wide '\377\376\000\000' '' '\\000\\000\\000' >t.csv
refuses '^ftgpu: t.csv: is UTF-32 .*iconv -f UTF-32 -t UTF-8' $forecast --data t.csv
{ wide '\377\376' '' '\\000'; printf x; } >t.csv
refuses '^ftgpu: t.csv: is UTF-16, but its last character is cut off' $forecast --data t.csv
{ wide '\377\376' '' '\\000'; printf '\000\330'; } >t.csv
refuses '^ftgpu: t.csv: is UTF-16, but half a character stands at byte [0-9]+ ' $forecast --data t.csv
# Names outside of ASCII: one character of two units among them.
printf '\377\376D\000;\000\344\000\075\330\310\334\n\0001\0009\0000\0000\000;\0001\000\n\0001\0009\0000\0001\000;\0002\000' >t.csv
must data insights --data t.csv --target "$(printf '\303\244\360\237\223\210')" --format csv
expect out '^train_quality.n_rows,2$'
# What is neither is Windows-1252, said in a line; outputs are UTF-8.
{ echo 'Ort;Tag;Ums\344tze'; for day in 01 02 03 04; do echo "K\366ln;2024-01-$day;$day,5"; done; } >t.txt
printf "$(sed 's/$/\\r\\n/' t.txt | tr -d '\n')" >t.csv
must forecast --data t.csv --id Ort --target "$(printf 'Ums\303\244tze')" --horizon 2 --out o.csv
expect err '^ftgpu: note: t.csv:1: is not UTF-8: read as Windows-1252 \(5 characters; if names look wrong, '
[ "$(grep -c "^$(printf 'K\303\266ln'),2024-01-0[56],$(printf 'Ums\303\244tze')," o.csv)" = 2 ] || fail "not UTF-8: $(cat o.csv)"
printf 'PK\003\004aa' >book.xlsx
refuses '^ftgpu: book.xlsx: is no CSV text, but an Excel workbook' $forecast --data book.xlsx

# Columns that nobody asked for, in files of a training; new and short series; one file
# that is not cut.
train="run --model nano --target Close --set context_length=16 --set prediction_length=4 --set epochs=1 --results r"
refuses '^ftgpu: --data needs --split.*0.7,0.15,0.15' $train --data plain.csv
# What commas and points mean must be one in all files.
head -41 plain.csv | sed '2,$s/,.*/,"5.000"/' >train.csv
sed -n '1p; 42,51p' plain.csv | sed '2,$s/,.*/,7/' >val.csv
sed -n '1p; 52,61p' plain.csv | sed '2,$s/,.*/,"5.000,25"/' >test.csv
refuses '^ftgpu: test.csv:2: column "Close": "5.000,25" is not a number .other cells or files of this data may have commas and points the other way: --decimal , or --decimal [.]' $train --train train.csv --val val.csv --test test.csv
sed 's/,/;/' train.csv >train2.csv
sed 's/,/;/' val.csv >val2.csv
sed 's/,/;/' test.csv >test2.csv
refuses '^ftgpu: train2.csv:2: column "Close": "5.000" is not a number .its point may be decimal' $train --train train2.csv --val val2.csv --test test2.csv
awk -F, -v OFS=, 'NR == 1 { print $0, "Vol,Vol,Label"; next } { print $0, NR, NR * NR, 1 }' plain.csv >all.csv
head -41 all.csv >train.csv
awk -F, -v OFS=, 'NR == 1 || (NR > 41 && NR <= 51) { print $1, $4, $3, $2 }' all.csv >val.csv
awk -F, -v OFS=, 'NR == 1 || NR > 51 { print $1, $2, $3, $4 }' all.csv >test.csv
must $train --train train.csv --val val.csv --test test.csv --name columns --eval-windows 2
expect err '^note: columns left out, which not all files have: "Label" .in train.csv, not in val.csv'
results=$(echo r/columns_*/results.json)
expect "$results" '"corr_with_Vol.1"'
expect_not "$results" 'Label'
{ echo store,item,Date,Close; for item in BREAD MILK; do tail -n +2 plain.csv | sed "s/^/1,$item,/"; done; sed -n '2,6p' plain.csv | sed 's/^/2,MILK,/'; } >stores.csv
refuses 'the date "2023-01-01" comes after "2023-03-04".*--id A,B' $train --data stores.csv --split 0.7,0.15,0.15 --id store --timestamp Date
must $train --data stores.csv --split 0.7,0.15,0.15 --id store,item --timestamp Date --name stores --eval-windows 2
expect err '^note: training leaves out 1 of 3 series, which have fewer than 8 training rows: "2.MILK" .prediction_length 4.$'
results=$(echo r/stores_*/results.json)
expect "$results" '"series": 3,'
expect "$results" '"series_trained_on": 2'
expect "$results" 'training leaves out 1 of 3 series'
{ echo id,Date,Close; sed -n '2,41p' plain.csv | sed 's/^/a,/'; } >train.csv
{ echo id,Date,Close; sed -n '42,51p' plain.csv | sed 's/^/a,/'; sed -n '42,51p' plain.csv | sed 's/^/new,/'; } >val.csv
{ echo id,Date,Close; sed -n '52,61p' plain.csv | sed 's/^/a,/'; sed -n '52,61p' plain.csv | sed 's/^/new,/'; } >test.csv
must $train --train train.csv --val val.csv --test test.csv --id id --name cold --eval-windows 9
expect err '^note: val.csv: 1 of 2 series are in no earlier file, the first "new"'
expect r/cold_*/forecasts.csv '^val,new,2023-02-16,2023-02-17,'
expect r/cold_*/forecasts.csv '^test,new,2023-02-22,2023-02-23,'
expect_not r/cold_*/forecasts.csv '^val,new,[^,]*,2023-02-1[3-6],'

finish
