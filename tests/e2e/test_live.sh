# What a sweep shows while it works: on terminals of 40, 80 and 200 columns (in tmux), on a dumb
# one, quiet, and as events.
. "$E2E/lib.sh"
command -v tmux >/dev/null || {
    echo "skipped: needs tmux"
    exit 77
}
prepare_job
export TMUX_TMPDIR="$PWD"
unset TMUX
trap 'tmux kill-server 2>/dev/null' EXIT

# on_screen PATTERN FILE: waits until a line of the terminal matches; its picture is then in FILE.
on_screen() {
    for _ in $(seq 300); do
        tmux capture-pane -p -t live >"$2"
        grep -Eq -e "$1" "$2" && return
        sleep 0.1
    done
    fail "the terminal never showed: $1"
    cat "$2"
}
# in_terminal ARGUMENTS: clears the screen and starts ftgpu there.
in_terminal() {
    printf '%s\n' "clear" "exec '$FTGPU' $(echo $*)" >command.sh
    tmux send-keys -t live "sh command.sh" Enter
}

tmux -f /dev/null new-session -d -s live -x 80 -y 24 "PS1='> ' sh"
tmux set-option -t live window-size manual >/dev/null
in_terminal "sweep $job --set epochs=100000 --grid learning_rate=1e-4,1e-3 --grid lora_rank=4,8 --name lr"
on_screen ' left, [1-4] running.*  training  lr$' at80
expect at80 '^   [1-4] \[[#.]{6}\] epoch [0-9]+/100000  (loss|val) [0-9.]+  learning_rate=0.001'
[ "$(grep -c ' left, .* running' at80)" = 1 ] || fail "the area was not drawn over itself: $(cat at80)"

# A narrowed terminal wraps what stands there; nothing of it is left over.
tmux resize-window -t live -x 40 -y 12
sleep 1
tmux capture-pane -p -t live >at40
[ "$(grep -c ' left, ' at40)" = 1 ] || fail "at 40 columns: $(cat at40)"
awk 'length($0) > 40 { exit 1 }' at40 || fail "longer than 40 columns: $(cat at40)"
expect at40 '^   1 \[[#.]{6}\] epoch [0-9]+/100000'
# Drawn from the top of the screen, it is not left in the history each time.
tmux resize-window -t live -x 80 -y 5
sleep 2
[ "$(tmux display-message -p -t live '#{history_size}')" -lt 40 ] ||
    fail "the area is left in the terminal's history: $(tmux capture-pane -p -S - -t live)"
tmux resize-window -t live -x 200 -y 30
on_screen '^   1 \[[#.]{10}\] epoch [0-9]+/100000  loss [0-9.]+.*lora_rank=4  [0-9.]+k? tokens/s$' at200

# Ctrl-C is answered at once, and what stops it says how to go on.
tmux send-keys -t live C-c
on_screen 'stopping at the end of this epoch' stopping
tmux send-keys -t live C-c
on_screen '^> *$|^ftgpu: sweep "lr" stopped' stopped

# Elsewhere there are lines, and no control characters.
tmux send-keys -t live 'TERM=dumb; export TERM' Enter
in_terminal "sweep $job --grid lora_rank=2,4 --name dumb"
on_screen '2 of 2 experiments done' screen
expect screen '^[12]/2  epoch 1/2  loss '
must sweep $job --grid lora_rank=2,4 --name piped
expect err '^[12]/2  epoch 1/2  loss [0-9.]+  val_loss [0-9.]+  lr '
LC_ALL=C grep -q "$(printf '\033')" err && fail "a file got control characters: $(cat err)"

must sweep $job --grid lora_rank=2,4 --name quiet --quiet
expect_not err '  epoch|evaluating|quiet_00[12]_[0-9_]+  val mae'
expect err '2 of 2 experiments done'

must sweep $job --grid lora_rank=2,4 --name events --format jsonl
expect_not err 'epoch '
[ "$(head -1 out)" = '{"event":"sweep","configurations":2,"own":2,"done":0,"failed":0,"pruned":0,"epochs":4}' ] || fail "first event: $(head -1 out)"
[ "$(grep -c '"event":"epoch"' out)" = 4 ] || fail "epochs: $(cat out)"
expect out '"event":"epoch","configurations":2,"configuration":1,"what_varies":"lora_rank=2","epochs":2,"epochs_done":1,"loss":[0-9.]+,"val_loss":[0-9.]+'
expect out '"event":"finished","configurations":2,"configuration":2,"what_varies":"lora_rank=4","outcome":\{"experiment_id":"events_002_'
[ "$(grep -vc '^{"event":"[a-z]*".*}$' out)" = 0 ] || fail "something else on stdout: $(grep -v '^{"event"' out)"

# TensorBoard gets the same files while the sweep works and afterwards; a place that cannot be
# written ends nothing.
must sweep $job --grid lora_rank=2,4 --name board --tensorboard board
must export --match 'board_*' --tensorboard again
expect out '^again: 2 experiments; tensorboard --logdir again$'
diff -r board again || fail "event files differ"
[ "$(find board -name 'events.out.tfevents.*.ftgpu' -size +1k | wc -l)" = 2 ] || fail "event files: $(find board)"
echo >file
must sweep $job --grid lora_rank=2,4 --name nowhere --tensorboard file/board
[ "$(grep -c '^warning: --tensorboard: file: is a file, a directory is needed' err)" = 2 ] || fail "warnings: $(cat err)"
ft export --tensorboard board --csv table.csv
expect_status 2

must run $job --format jsonl --quiet
[ -s err ] && fail "$ran: not quiet: $(cat err)"
[ "$(tail -1 out | grep -c '"event":"finished"')" = 1 ] || fail "a run's last event: $(tail -1 out)"
ft sweep $job --grid lora_rank=2,4 --name refused --format csv
expect_status 2
expect err '--dry-run is not given .--format jsonl prints what happens'
ft sweep $job --grid lora_rank=2,4 --name refused --dry-run --format jsonl
expect_status 2
finish
