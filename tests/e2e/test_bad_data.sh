# Data that cannot be used: one line that names file and line, status 2, and no file is
# written, by each command that reads data. The messages word by word, and rarer faults,
# are in tests/unit/host/test_csv.c and test_dataset.c.
. "$E2E/lib.sh"
prepare_job
rest="--model nano --val data/val.csv --test data/test.csv --target Close --set context_length=16 --set prediction_length=4"

# bad FILE PATTERN: training, a sweep, insights and forecasts refuse the file, each with a
# line that matches.
bad() {
    remember_files
    refuses "$2" run $rest --train "$1"
    refuses "$2" sweep $rest --train "$1" --grid lora_rank=2,4
    refuses "$2" data insights --train "$1" --target Close
    refuses "$2" forecast --model nano --data "$1" --target Close --horizon 2 --num-samples 1
    expect_same_files
}

# bad_training FILE PATTERN: what can be looked at, but not trained on.
bad_training() {
    remember_files
    refuses "$2" run $rest --train "$1"
    refuses "$2" sweep $rest --train "$1" --grid lora_rank=2,4
    expect_same_files
}

bad none.csv '^ftgpu: none.csv: cannot be opened: No such file'
bad data '^ftgpu: data: is a directory'
bad data/train.csv/part.csv '^ftgpu: data/train.csv/part.csv: cannot be opened: Not a directory'
mkfifo pipe
refuses '^ftgpu: pipe: is a pipe, but here a file is needed that can be read again' run $rest --train pipe
refuses '^ftgpu: stdin: is a pipe, but here a file is needed that can be read again' sweep $rest --train - --grid lora_rank=2,4
if [ "$(id -u)" != 0 ]; then
    cp data/train.csv locked.csv
    chmod 0 locked.csv
    bad locked.csv '^ftgpu: locked.csv: cannot be opened: Permission denied'
    rm -f locked.csv
fi
: >empty.csv
bad empty.csv '^ftgpu: empty.csv: the file is empty'
head -1 data/train.csv >header.csv
bad header.csv '^ftgpu: header.csv: a header, but no row'
sed '5s/,[^,]*$//' data/train.csv >ragged.csv
bad ragged.csv '^ftgpu: ragged.csv:5: 5 cells, but the header has 6'
sed '7s/$/,1/' data/train.csv >ragged.csv
bad ragged.csv '^ftgpu: ragged.csv:7: 7 cells, but the header has 6'
sed '5s/,[^,]*,/,?,/' data/train.csv >text.csv
bad text.csv '^ftgpu: text.csv:5: column "Close": "." is not a number'
for number in inf -Infinity 1e999; do
    sed "6s/,[^,]*,/,$number,/" data/train.csv >infinite.csv
    bad infinite.csv '^ftgpu: infinite.csv:6: column "Close": an infinite number'
done
sed '5p' data/train.csv >twice.csv
bad twice.csv '^ftgpu: twice.csv:6: the date "2019-01-04" is given twice, first in line 5'
sed '2d' data/train.csv >unsorted.csv
sed -n 2p data/train.csv >>unsorted.csv
bad unsorted.csv '^ftgpu: unsorted.csv:913: the date "2019-01-01" comes after "2022-06-29" of line 912, but is earlier'
sed '8s/^[^,]*/31.12.2019/' data/train.csv >date.csv
bad date.csv '^ftgpu: date.csv:8: column "Date": "31.12.2019" is not a date .*--date-format'
sed '1s/Close/Closed/' data/train.csv >target.csv
remember_files
for command in 'run --model nano' 'sweep --model nano --grid epochs=1' 'data insights'; do
    refuses '^ftgpu: target.csv: no column "Close" .did you mean "Closed"' $command --train target.csv --target Close
done
expect_same_files
{
    head -3 data/train.csv
    printf '2030-01-01,'
    head -c 10485760 /dev/zero | tr '\0' 7
    printf ',1,1,1,1\n'
} >cell.csv
bad cell.csv '^ftgpu: cell.csv:4: a cell of more than 1 MiB'
sed '5s/,/,"/' data/train.csv >quote.csv
bad quote.csv '^ftgpu: quote.csv:5: '
{
    head -3 data/train.csv
    printf '2030-01-01,1\0002,1,1,1,1\n'
} >nul.csv
bad nul.csv '^ftgpu: nul.csv:4: a NUL byte'
head -c 100000 "$FTGPU" >program.csv
bad program.csv '^ftgpu: program.csv:1: a NUL byte'

head -8 data/train.csv >short.csv
bad_training short.csv '^ftgpu: short.csv: the training split has 7 rows, but one window needs 8'
awk -F, -v OFS=, 'NR > 1 { $2 = "" } { print }' data/train.csv >missing.csv
bad_training missing.csv '^ftgpu: missing.csv: column "Close": all values of the training split are missing'
awk -F, -v OFS=, 'NR > 1 { $2 = "" } { print }' data/val.csv >missing.csv
refuses '^ftgpu: missing.csv: column "Close": all values of the validation split are missing, there is nothing to measure by' \
    run $(echo "$job" | sed 's,data/val.csv,missing.csv,')
awk -F, -v OFS=, 'NR > 1 { $2 = 7 } { print }' data/train.csv >constant.csv
bad_training constant.csv '^ftgpu: constant.csv: column "Close": all values of the training split are the same'

# The other splits, and series.
head -4 data/val.csv >short_val.csv
head -4 data/test.csv >short_test.csv
printf 'Date,id,Close\n2020-01-01,a,1\n2020-01-02,,2\n' >ids.csv
remember_files
training="--model nano --train data/train.csv --target Close --set context_length=16 --set prediction_length=4"
refuses '^ftgpu: short_val.csv: the validation split has 3 rows, but one window needs 4' run $training --val short_val.csv --test data/test.csv
refuses '^ftgpu: short_test.csv: the test split has 3 rows, but one window needs 4' run $training --val data/val.csv --test short_test.csv
refuses '^ftgpu: the test split has 0 rows' run $training --val data/val.csv
refuses '^ftgpu: none.csv: ' run $training --val data/val.csv --test none.csv
refuses '^ftgpu: split "0.5,0.6": ' run --model nano --data data/data.csv --split 0.5,0.6 --target Close
refuses '^ftgpu: data/data.csv: the validation split has 1 row,' run --model nano --data data/data.csv --split 0.998,0.001,0.001 --target Close
refuses '^ftgpu: data/data.csv: no column "ticker"' forecast --model nano --data data/data.csv --target Close --id ticker
refuses '^ftgpu: ids.csv:3: column "id": the cell is empty' forecast --model nano --data ids.csv --target Close --id id
expect_same_files
[ ! -e results ] || fail "a refused command made the results directory"
finish
