# The rooms and what each may include and call (docs/architecture.md §1). Read before
# arrows.awk and before calls.awk.

BEGIN {
    may["base"] = "base"
    may["kernels"] = "kernels base"
    may["model"] = "model kernels base"
    may["tracker"] = "tracker base"
    may["host/data"] = "host/data tracker base"
    may["host/bench"] = "host/bench model kernels base"
    may["host/search"] = "host/search model tracker base"
    may["host/hub"] = "host/hub model base"
    may["host/experiment"] = "host/experiment host/search host/data host/bench host/hub model tracker kernels base"
    may["host/sweep"] = "host/sweep " may["host/experiment"]
    may["host/workers"] = "host/workers " may["host/sweep"]
    may["host"] = "host " may["host/workers"]
    may["host/mlflow"] = "host/mlflow host/hub tracker base"
    may["cli"] = "cli host/mlflow " may["host"]
}

function is_allowed(from, to) { return index(" " may[from] " ", " " to " ") }

# "host/sweep" of host/sweep/plan.c, "host" of host/ftgpu.h, "kernels" of
# kernels/ref/norm.c
function room(path,    words, n) {
    n = split(path, words, "/")
    return words[1] == "host" && n > 2 ? "host/" words[2] : words[1]
}

# Depth first over arrow[from, 1 .. n_arrows[from]]; `trail` is the way here. Prints each
# circle.
function walk(from, trail,    i, to) {
    state[from] = 1
    for (i = 1; i <= n_arrows[from]; i++) {
        to = arrow[from, i]
        if (state[to] == 1) { print "a circle: " trail " -> " from " -> " to; n_breaches++ }
        else if (!state[to]) walk(to, trail " -> " from)
    }
    state[from] = 2
}
