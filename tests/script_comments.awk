# Names comments and docstrings of shell scripts and Python that are wider than 100 columns.
FNR == 1 { inside = 0 }
{
    begins = /^[ \t]*"""/
    quotes = gsub(/"""/, "&")
}
length($0) > 100 && (inside || begins || /^[ \t]*#/) {
    print FILENAME ":" FNR ": a comment of " length($0) " columns (at most 100)"
}
inside && quotes { inside = 0; next }
begins && quotes == 1 { inside = 1 }
