# The manual page and the completion of the shells, which are made from the commands' own
# option tables.
. "$E2E/lib.sh"

must --help
sed -n 's/^  ftgpu \([a-z]* \{0,1\}[a-z]*\)  .*/\1/p' out >commands
[ -s commands ] || fail "--help lists no commands"

# Each command has its part in each form, with all of the options that its --help has.
for form in man bash zsh; do
    must --help=$form
    expect_quiet
    mv out $form
done
while read -r first second; do
    must "$first" ${second:+"$second"} --help
    sed -n 's/^  --\([a-z-]*\).*/\1/p' out >options
    [ "$(wc -l <options)" -ge 2 ] || fail "$ran: lists too few options"
    for form in man bash zsh; do
        must "$first" ${second:+"$second"} --help=$form
        cat out >>parts_$form
        while read -r option; do
            [ $form = man ] && [ "$option" = help ] && continue # the manual says it once
            sed 's/\\f.//g; s/\\//g' out | grep -q -e "--$option\>" || fail "$ran: --$option is missing"
        done <options
    done
done <commands
# The whole is the parts between a head and a tail.
for form in man bash zsh; do
    [ "$(grep -cxFf parts_$form $form)" -ge "$(wc -l <parts_$form)" ] || fail "--help=$form lacks lines of its parts"
done
refuses '--help=pdf: help comes as' --help=pdf
refuses '--help=pdf: help comes as' run --help=pdf

# The manual: what is typed is shown as it is typed, in sections that people look for.
expect man '^\.SH HYPERPARAMETERS'
expect man '^\.SH EXIT STATUS'
expect_not man '[^\\]-'
if command -v groff >/dev/null; then
    groff -man -Tascii -P-cbou -ww man >shown 2>warnings || fail "groff: exit status $?"
    [ -s warnings ] && fail "groff warns: $(head -3 warnings)"
    expect shown '^ +--learning_rate|^ +learning_rate$'
    expect shown '^ +--grid KEY=V1,V2,\.\.\.$'
    expect shown "^ +ftgpu compare --match 'lr_search_\*' --format csv$"
fi

# bash: complete WORDS... prints what is offered for the last of them, cut as bash cuts
# them.
mkdir -p models/nano results/fine_tuning/baseline_1 results/fine_tuning/unfinished
touch results/fine_tuning/baseline_1/results.json models/data.csv
offers() { # EXPECTED WORDS...
    expected=$1
    shift
    ran="completing ftgpu $*"
    found=$(bash -c 'source ./bash; COMP_WORDS=(ftgpu "$@"); COMP_CWORD=$#; _ftgpu; echo "${COMPREPLY[*]}"' bash "$@" 2>err)
    expect_quiet
    [ "$found" = "$expected" ] || fail "$ran: \"$found\" instead of \"$expected\""
}
if command -v bash >/dev/null; then
    offers 'sweep show' s
    offers '--help --version' --
    offers 'demo insights' data ''
    offers '--out' data demo --o
    offers '' data nonsense ''
    offers 'table csv json' compare --format ''
    offers 'json' compare --format = j
    offers 'table csv json' compare --format =
    offers 'lora_rank= lora_alpha= lora_targets=' sweep --grid lora_
    offers '' sweep --grid lora_rank =
    offers 'lora ln_tuning full' sweep --grid adapter_type =
    offers 'true' run --set use_rslora = t
    offers '' sweep --grid lora_rank = 4
    offers 'lora_rank lora_alpha lora_targets' compare --group-by lora_
    offers '--data --decimal --date-format --duplicates --device --dtype' run --d
    offers 'mae mase' best --metric ma
    offers 'train forecast gemm ops' bench ''
    offers '--op' bench ops --op
    offers 'auto cpu cuda' run --device ''
    offers 'f32' bench ops --dtype f
    offers 'models/nano' run --model models/
    offers 'models/nano models/data.csv' run --train models/
    offers 'baseline_1' show ''
    offers '' show --results elsewhere ''
    offers 'best baseline_1' forecast --experiment ''
    offers 'best baseline_1' forecast --experiment = b
    offers '--results' show --r
fi
if command -v zsh >/dev/null; then zsh -n zsh || fail "zsh does not understand its completion"; fi
finish
