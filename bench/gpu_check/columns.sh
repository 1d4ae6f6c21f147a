# Sourced: the columns of each stage's lines in results.tsv, after the stage's name.
result_stages='card tests model steps operations memcheck racecheck sweep pytorch large ncu compiled'
columns_of() {
    case $1 in
    stages) echo stage status seconds detail ;;
    card) echo key value ;;
    tests | memcheck | racecheck) echo operation dtype shapes passed worst_error bound wrong ;;
    model) echo check size dtype status worst bound detail ;;
    steps | large) echo job size batch_size seconds tokens_per_second tflops matrix_peak_tflops fraction_of_peak host_share failure ;;
    operations) echo operation size place shape microseconds gb_per_s tflops limit fraction_of_floor failure ;;
    sweep) echo what device dtype seconds status detail ;;
    pytorch | compiled) echo peer what size batch seconds tokens_per_second detail ;;
    ncu) echo operation kernel metric unit value ;;
    esac
}
