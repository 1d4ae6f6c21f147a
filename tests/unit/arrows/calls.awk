# Checks the arrows between rooms from the symbols of their libraries, since a declaration
# may be included from below and defined above: prints a line for each breach, exits with
# 1 if there was one. Input: nm -A -P -g libft_ROOM.a...
# usage: awk -f rooms.awk -f calls.awk FILE

BEGIN {
    # Files of one room that call each other: two halves of one subject. No new ones.
    twins = " base/directory.c-base/file.c host/data/csv.c-host/data/csv_order.c" \
            " model/trainer_checkpoint.c-model/trainer_slots.c "
}

function are_twins(a, b) { return index(twins, " " a "-" b " ") || index(twins, " " b "-" a " ") }

# libft_sweep.a[plan.c.o]: ft_plan_make T 0 1b2
{
    library = $1
    sub(/\[.*/, "", library)
    sub(/.*libft_/, "", library)
    sub(/\.a$/, "", library)
    object = $1
    sub(/.*\[/, "", object)
    sub(/\.o\]:$/, "", object)
    from = "host/" library in may ? "host/" library : library
    if (!(from in may)) next
    name = from "/" object
    room_of[name] = from
    if ($3 == "U") {
        used_by[++n_used] = name
        used[n_used] = $2
    }
    else if ($3 ~ /^[TDBRC]$/) defined_by[$2] = name
}

END {
    for (i = 1; i <= n_used; i++) {
        to = defined_by[used[i]]
        if (to == "" || to == used_by[i]) continue
        n_arrows_seen++
        if (!is_allowed(room_of[used_by[i]], room_of[to])) {
            print used_by[i] " may not call " used[i] " of " to
            n_breaches++
        }
        # A backend's table points at operations, which call what stands beside the table.
        else if (room_of[to] != "kernels" && !are_twins(used_by[i], to) && !((used_by[i], to) in has_arrow)) {
            has_arrow[used_by[i], to] = 1
            arrow[used_by[i], ++n_arrows[used_by[i]]] = to
        }
    }
    for (name in room_of) if (!state[name]) walk(name, "")
    if (!n_arrows_seen) { print "no symbols to check"; exit 1 }
    exit n_breaches > 0
}
