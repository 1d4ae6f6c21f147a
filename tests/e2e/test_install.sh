# cmake --install: all is in its place, and a C program is built against the installed
# tree with what ftgpu.pc says.
. "$E2E/lib.sh"
build=$(dirname "$FTGPU")

cmake --install "$build" --prefix "$PWD/first" >install.log 2>&1 || fail "cmake --install: $(tail -3 install.log)"
mv first tree # it may be moved: nothing in it names where it was
FTGPU=$PWD/tree/bin/ftgpu
must --version
cat out >version
for file in lib/libftgpu.a lib/pkgconfig/ftgpu.pc include/ftgpu/ftgpu.h share/doc/ftgpu/LICENSE share/doc/ftgpu/docs/sweeps.md \
    share/man/man1/ftgpu.1 share/bash-completion/completions/ftgpu share/zsh/site-functions/_ftgpu; do
    [ -s tree/$file ] || fail "$file is missing or empty"
done
# The program looks for what it loads under an MPI launcher where it was installed with
# it.
if [ -e "$build/libftgpu_mpi.so" ]; then
    [ -s tree/lib/ftgpu/libftgpu_mpi.so ] || fail "lib/ftgpu/libftgpu_mpi.so is missing"
    mv tree/lib/ftgpu/libftgpu_mpi.so tree/
    ran="ftgpu run under a launcher, without the plugin"
    status=0
    OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0 tree/bin/ftgpu run --model m --data d --target t >out 2>err || status=$?
    expect_status 2
    expect err 'libftgpu_mpi.so is not installed'
fi
for form in man:share/man/man1/ftgpu.1 bash:share/bash-completion/completions/ftgpu zsh:share/zsh/site-functions/_ftgpu; do
    must --help="${form%%:*}"
    cmp -s out "tree/${form#*:}" || fail "${form#*:} is not what $ran prints"
done

ran="building the example"
if command -v pkg-config >/dev/null; then
    PKG_CONFIG_PATH=$PWD/tree/lib/pkgconfig
    export PKG_CONFIG_PATH
    pkg-config --modversion ftgpu | grep -qxF "$(cut -d' ' -f2 version)" || fail "ftgpu.pc has another version than $(cat version)"
    flags=$(pkg-config --cflags --libs ftgpu)
else # the flags without it
    flags=$(sed -n 's/^Cflags: //p; s/^Libs: //p' tree/lib/pkgconfig/ftgpu.pc |
        sed "s|\${includedir}|$PWD/tree/include|; s|\${libdir}|$PWD/tree/lib|")
fi
# shellcheck disable=SC2086
"${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror "$E2E/example.c" $flags -o example >log 2>&1 || fail "$ran: $(head -20 log)"
status=0
must data demo --out data
must model init --size nano --out model
ran="the installed example"
./example model data results >out 2>err || status=$?
expect_status 0
expect out '^baseline MAE: [0-9]+\.[0-9]{4}$'

# C++ takes the header, too.
ran="the header in C++"
echo '#include <ftgpu/ftgpu.h>
int main() { ft_engine_close(nullptr); return 0; }' >header.cpp
if command -v c++ >/dev/null; then
    # shellcheck disable=SC2086
    c++ -Wall -Wextra -Wpedantic -Werror header.cpp $flags -o header >log 2>&1 && ./header || fail "$ran: $(head -20 log)"
fi
finish
