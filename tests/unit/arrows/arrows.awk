# Checks the arrows between folders from #include lines (docs/architecture.md §1): prints a line for each breach, exits with 1
# if there was one. Input: all .c, .h and .cu files of the rooms, named from the repository's root.

BEGIN {
    # What a room may include. host sees devices as model does: through the two interfaces alone.
    allowed["base"] = "base"
    allowed["kernels"] = "kernels base"
    allowed["model"] = "model kernels base"
    allowed["tracker"] = "tracker base"
    allowed["host"] = "host model tracker kernels base"
    interfaces = " kernels/backend.h kernels/comm.h "
    # kernels know no files and no JSON.
    forbidden_in_kernels = " base/json.h base/file.h "
}

function breach(what) { print FILENAME ":" FNR ": " what; n_breaches++ }

# "kernels/ref" of kernels/ref/norm.c, "" of kernels/backend.c
function part(path,    words) { return split(path, words, "/") > 2 ? words[1] "/" words[2] : "" }

{ if (FNR == 1) files[FILENAME] = 1 }

/^[ \t]*#[ \t]*include[ \t]*</ {
    split(FILENAME, at, "/")
    if (at[1] == "kernels" && $0 ~ /<cjson/) breach("kernels/ knows no JSON")
    if ($0 ~ /<.*dnnl/ && part(FILENAME) != "kernels/cpu") breach("oneDNN belongs to kernels/cpu alone")
    if ($0 ~ /<(curl\/|gcrypt)/ && part(FILENAME) != "host/hub") breach("libcurl and libgcrypt belong to host/hub alone")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    name = $0
    sub(/^[^"]*"/, "", name)
    sub(/".*$/, "", name)
    split(FILENAME, at, "/")
    split(name, to, "/")
    if (name !~ /\// || name ~ /\.\./) { breach("\"" name "\": includes are written from the root"); next }
    if (!index(" " allowed[at[1]] " ", " " to[1] " ")) { breach(at[1] "/ may not include " name); next }
    if (to[1] == "kernels" && at[1] != "kernels" && !index(interfaces, " " name " "))
        breach(at[1] "/ sees devices only through kernels/backend.h and kernels/comm.h, not " name)
    if (at[1] == "kernels" && index(forbidden_in_kernels, " " name " ")) breach("kernels/ knows no files and no JSON: " name)
    if (at[1] == "kernels" && part(name) != "" && part(name) != part(FILENAME))
        breach("a backend's inside belongs to it alone: " name)
    if (at[1] == "host" && part(name) == "host/program" && part(FILENAME) != "host/program")
        breach("the library knows nothing of the program: " name)
    n = ++n_arrows[FILENAME]
    arrow[FILENAME, n] = name
}

# Depth first; `trail` is the way here.
function walk(file, trail,    i) {
    state[file] = 1
    for (i = 1; i <= n_arrows[file]; i++) {
        if (state[arrow[file, i]] == 1) { print "a circle: " trail " -> " file " -> " arrow[file, i]; n_breaches++ }
        else if (!state[arrow[file, i]]) walk(arrow[file, i], trail " -> " file)
    }
    state[file] = 2
}

END {
    for (file in files) if (!state[file]) walk(file, "")
    n_files = 0
    for (file in files) n_files++
    if (!n_files) { print "no files to check"; exit 1 }
    exit n_breaches > 0
}
