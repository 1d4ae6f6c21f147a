# Comments of C, C++ and CUDA that go beyond column 90: FILE:LINE. Strings are no comments.
function masked(text,    start, rest, out) {
    out = ""
    while (match(text, /"([^"\\]|\\.)*"|'([^'\\]|\\.)*'/)) {
        out = out substr(text, 1, RSTART - 1)
        for (start = RLENGTH; start > 0; start--) out = out "_"
        text = substr(text, RSTART + RLENGTH)
    }
    return out text
}
FNR == 1 { inside = 0 }
{
    gsub(/[\200-\277]/, "")  # of a character of several bytes only the first counts
    text = inside ? $0 : masked($0)
    at = last = 0            # columns: where the search goes on, where a comment ends
    for (;;) {
        rest = substr(text, at + 1)
        if (inside) {
            end = index(rest, "*/")
            last = end ? at + end + 1 : length($0)
            if (!end) break
            inside = 0
            text = substr($0, 1, last) masked(substr($0, last + 1))
            at = last
        } else {
            if (!match(rest, /\/[*\/]/)) break
            at += RSTART + 1
            inside = substr(rest, RSTART, 2) == "/*"
            if (!inside) last = length($0)
            if (!inside) break
        }
    }
    if (last > 90) print FILENAME ":" FNR ": a comment of " last " columns (at most 90)"
}
