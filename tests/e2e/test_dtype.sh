# --dtype auto: what was measured to be faster, what oneDNN may use, and what a sweep
# began with.
. "$E2E/lib.sh"
prepare_job
XDG_CACHE_HOME=$PWD/cache
export XDG_CACHE_HOME

# value KEY: of the CPU, as `ftgpu devices` tells it.
value() {
    ft devices --format json
    expect_status 0
    sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" out | head -n 1
}
# recorded NAME: the type of the one experiment of that name.
recorded() {
    sed -n 's/.*"dtype": *"\([^"]*\)".*/\1/p' "$(directory_of "$1_2*")/results.json" | head -n 1
}

# oneDNN is held back: auto follows, and bf16 is refused where oneDNN has none.
native=$(value bf16_native)
for isa in AVX2 AVX512_CORE AVX512_CORE_BF16; do
    DNNL_MAX_CPU_ISA=$isa
    export DNNL_MAX_CPU_ISA
    auto=$(value dtype_auto)
    case $isa in AVX512_CORE_BF16) ;; *) [ "$auto" = f32 ] || fail "$isa: auto is $auto" ;; esac
    ft run $job --name "$isa"
    expect_status 0
    [ "$(recorded "$isa")" = "$auto" ] || fail "$isa: recorded is $(recorded "$isa"), not $auto"
    ft run $job --name "b$isa" --dtype bf16
    case $(value onednn_isa) in
    avx2)
        ft forecast --model nano --data data/test.csv --target Close --horizon 2 --dtype bf16
        expect_status 2
        expect err '^ftgpu: bf16 on the CPU needs AVX-512, and oneDNN goes by avx2 here \(DNNL_MAX_CPU_ISA lowers that\): choose --dtype f32$'
        ;;
    avx512_core*) [ "$(recorded "b$isa")" = bf16 ] || fail "$isa: --dtype bf16 is recorded as $(recorded "b$isa")" ;;
    esac
done
unset DNNL_MAX_CPU_ISA

# What was measured once decides.
if [ "$native" = true ]; then
    auto=$(value dtype_auto)
    expect cache/ftgpu/calibration.json '"bf16_gain: ftgpu .*, avx512_core_(bf16|amx.*)":'
    for gain in 0.5 1.1 1.3 2; do
        sed -i "s/\(\"bf16_gain: .*\":\)[^,]*/\1 $gain/" cache/ftgpu/calibration.json
        wanted=$(awk -v gain=$gain 'BEGIN { print (gain >= 1.2 ? "bf16" : "f32") }')
        [ "$(value dtype_auto)" = "$wanted" ] || fail "a gain of $gain: auto is $(value dtype_auto)"
        ft run $job --name "gain$gain"
        [ "$(recorded "gain$gain")" = "$wanted" ] || fail "a gain of $gain: recorded is $(recorded "gain$gain")"
    done
fi

# A sweep goes on in the type that it began with.
other=f32
[ "$(value dtype_auto)" = bf16 ] || other=bf16
if [ $other = f32 ] || [ "$(value onednn_isa)" != avx2 ]; then
    for workers in 1 2; do
        name=types$workers
        ft sweep $job --grid lora_rank=2,4 --name $name --workers $workers --dtype $other
        expect_status 0
        ft sweep $job --grid lora_rank=2,4 --name $name --workers $workers
        expect_status 0
        expect err "^all of them were done before"
        [ "$(find results/fine_tuning -maxdepth 1 -name "$name*" | wc -l)" = 2 ] || fail "$ran: it trained in another type"
    done
fi
# One begun in bf16 cannot go on where a CPU has none, and that is said, not that its
# dtype differs.
if [ "$native" = true ]; then
    long="sweep $(echo "$job" | sed 's/epochs=2/epochs=100000/') --grid lora_rank=2,4 --name wide"
    begin $long --dtype bf16
    await err 'epoch [2-9]'
    kill -TERM "$pid"
    end
    DNNL_MAX_CPU_ISA=AVX2
    export DNNL_MAX_CPU_ISA
    refuses 'sweep "wide" was begun in bf16, which takes AVX-512 on a CPU: resume it where it began' $long
fi
finish
