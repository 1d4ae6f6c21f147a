# For tests of a check of the tree, which plant one fault at a time in a small tree where
# all is well: `check`, which they define, must refuse it. They end with $failures as
# their exit status.
failures=0

# plant FILE LINE MESSAGE: with this line at the file's end the check fails and says so in
# words that match.
plant() {
    cp "$1" saved
    printf '%s\n' "$2" >>"$1"
    if message=$(check); then
        echo "not noticed: \"$2\" in $1"
        failures=1
    elif ! echo "$message" | grep -q "$3"; then
        echo "\"$2\" in $1: the message \"$message\" does not say \"$3\""
        failures=1
    fi
    cp saved "$1"
}
