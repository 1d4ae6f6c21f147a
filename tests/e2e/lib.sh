# Helpers of the end-to-end tests. A script sources this, calls the helpers and ends with
# `finish`. After `ft ARGUMENTS` the command's output is in the files out and err, its
# exit status in $status.

# Sentences stay on one line, so that patterns find them; test_width.sh looks at terminals.
export COLUMNS=1000

failures=0
golden=$E2E/../golden

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

ft() {
    status=0
    ran="ftgpu $*"
    "$FTGPU" "$@" >out 2>err || status=$?
}

# As ft, in at most $most_kilobytes of addresses if that is set; $milliseconds is the
# processor time that it took, all threads together.
ft_timed() {
    status=0
    ran="ftgpu $*"
    (
        [ -z "${most_kilobytes:-}" ] || ulimit -v "$most_kilobytes"
        code=0
        "$FTGPU" "$@" >out 2>err || code=$?
        times >times
        exit $code
    ) || status=$?
    # The children's line, "0m0.25s 0m0.06s": user and system time.
    milliseconds=$(awk 'NR == 2 { split($0, part, /[ms ]+/); print int(1000 * (60 * (part[1] + part[3]) + part[2] + part[4])) }' times)
}

# can_preload NAME: whether there is the library and a program that takes one by
# LD_PRELOAD. Sets $library.
can_preload() {
    library=$(dirname "$FTGPU")/$1
    [ -f "$library" ] && ! ldd "$FTGPU" | grep -q libasan
}
# preload_or_skip NAME: ends the test where it cannot be.
preload_or_skip() {
    can_preload "$1" && return
    echo "skipped: needs $library and a program without AddressSanitizer"
    exit 77
}

# The exit status of the last command.
expect_status() {
    [ "$status" = "$1" ] && return
    fail "$ran: exit status $status instead of $1"
    sed 's/^/    stderr: /' err | head -20
}

# expect FILE PATTERN: a line of the file matches the extended regular expression.
expect() {
    grep -Eq -e "$2" "$1" && return
    fail "$ran: no line of $1 matches: $2"
    sed 's/^/    /' "$1" | head -20
}

expect_not() {
    grep -Eq -e "$2" "$1" || return 0
    fail "$ran: a line of $1 matches: $2"
    grep -E -e "$2" "$1" | sed 's/^/    /' | head -5
}

# Nothing went to stderr.
expect_quiet() {
    [ -s err ] || return 0
    fail "$ran: stderr is not empty"
    sed 's/^/    stderr: /' err | head -20
}

# refuses PATTERN ARGUMENTS...: the command ends with status 2, nothing on stdout and one
# line on stderr that matches.
refuses() {
    pattern=$1
    shift
    ft "$@"
    expect_status 2
    [ -s out ] && fail "$ran: refused, but wrote to stdout: $(head -1 out)"
    [ "$(wc -l <err)" = 1 ] || fail "$ran: $(wc -l <err) lines on stderr instead of 1: $(head -3 err)"
    expect err '^ftgpu: '
    expect err "$pattern"
}

# The command must succeed, as a step on the way.
must() {
    ft "$@"
    expect_status 0
    [ "$status" = 0 ] || finish
}

# must_timed ARGUMENTS...: the same. $took is how many seconds it took, rounded up, on
# this machine as busy as it is: limits on what follows are counted by it.
must_timed() {
    took=$(date +%s)
    must "$@"
    took=$(($(date +%s) - took + 1))
}

# begin ARGUMENTS...: the command in the background; $pid is the program itself. end:
# waits for it.
begin() {
    : >err # what the last command said is not to be taken for this one's
    "$FTGPU" "$@" >out 2>err &
    pid=$!
    ran="ftgpu $*"
}
end() {
    status=0
    wait "$pid" || status=$?
}

# await FILE PATTERN: until a line of what runs in the background matches, at most five
# minutes: the machine may be busy.
await() {
    tries=0
    until grep -Eq "$2" "$1"; do
        tries=$((tries + 1))
        [ "$tries" -lt 3000 ] || { fail "$1 never said $2"; sed 's/^/    /' "$1" | tail -20; kill -9 $(jobs -p); finish; }
        sleep 0.1
    done
}

# cell COLUMN ROW of the CSV table in out (no quoted commas), rows from 1 below the
# header.
cell() {
    awk -F, -v name="$1" -v row="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) column = i }
        NR == row + 1 { print $column }' out
}

# remember_files: what is there now. expect_same_files: nothing was added or taken away
# since (but out, err and messages).
list_files() {
    find . -type f ! -path ./out ! -path ./err ! -path ./files ! -path ./files.now ! -path ./messages -exec cksum {} + 2>/dev/null | sort
    find . ! -type f | sort
}

remember_files() {
    : >files
    list_files >files
}

expect_same_files() {
    list_files >files.now
    cmp -s files files.now && return
    fail "$ran: files changed: $(diff files files.now | grep '^[<>]' | head -5)"
    remember_files
}

finish() {
    [ "$failures" = 0 ] || { echo "$failures failed"; exit 1; }
    exit 0
}

# A small job that takes a second: nano model, demo data, the last 120 rows of training
# data. Sets $job, the options that run and sweep share; they must stay unquoted where
# they are used.
prepare_job() {
    must data demo --out data
    must model init --size nano --out nano
    files="--train data/train.csv --val data/val.csv --test data/test.csv --target Close"
    job="--model nano $files --train-last 120 --eval-windows 2 --set context_length=16 --set prediction_length=4
        --set batch_size=8 --set epochs=2"
}

# The only experiment directory that matches the pattern.
directory_of() {
    set -- results/fine_tuning/$1
    [ $# = 1 ] && [ -d "$1" ] || fail "one experiment expected, not: $*"
    echo "$1"
}
