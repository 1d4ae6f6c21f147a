# Checks the arrows between rooms from #include lines: prints a line for each breach,
# exits with 1 if there was one. Input: all .c, .h and .cu files of the rooms, named from
# the repository's root. usage: awk -f rooms.awk -f arrows.awk FILE...

BEGIN {
    # Rooms outside kernels/ see devices through these alone.
    interfaces = " kernels/backend.h kernels/comm.h "
    # kernels know no files and no JSON.
    forbidden_in_kernels = " base/json.h base/file.h "
    # What users of the library see: the rooms below host/ know it, too, and it stands on
    # base/ alone.
    public = "host/ftgpu.h"
}

function breach(what) { print FILENAME ":" FNR ": " what; n_breaches++ }

# "kernels/ref" of kernels/ref/norm.c, "" of kernels/backend.c
function part(path,    words) { return split(path, words, "/") > 2 ? words[1] "/" words[2] : "" }

{ if (FNR == 1) files[FILENAME] = 1 }

/^[ \t]*#[ \t]*include[ \t]*</ {
    if (room(FILENAME) == "kernels" && $0 ~ /<cjson/) breach("kernels/ knows no JSON")
    if ($0 ~ /<.*dnnl/ && part(FILENAME) != "kernels/cpu") breach("oneDNN belongs to kernels/cpu alone")
    if ($0 ~ /<(curl\/|gcrypt)/ && part(FILENAME) != "host/hub") breach("libcurl and libgcrypt belong to host/hub alone")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    name = $0
    sub(/^[^"]*"/, "", name)
    sub(/".*$/, "", name)
    from = room(FILENAME)
    to = room(name)
    if (name !~ /\// || name ~ /\.\./) { breach("\"" name "\": includes are written from the root"); next }
    if (FILENAME == public && to != "base") breach("the public header may not include " name)
    else if (!is_allowed(from, to) && !(name == public && from ~ /^host\//)) { breach(from "/ may not include " name); next }
    if (to == "kernels" && from != "kernels" && !index(interfaces, " " name " "))
        breach(from "/ sees devices only through kernels/backend.h and kernels/comm.h, not " name)
    if (from == "kernels" && index(forbidden_in_kernels, " " name " ")) breach("kernels/ knows no files and no JSON: " name)
    if (from == "kernels" && part(name) != "" && part(name) != part(FILENAME))
        breach("a backend's inside belongs to it alone: " name)
    arrow[FILENAME, ++n_arrows[FILENAME]] = name
}

END {
    for (file in files) if (!state[file]) walk(file, "")
    n_files = 0
    for (file in files) n_files++
    if (!n_files) { print "no files to check"; exit 1 }
    exit n_breaches > 0
}
