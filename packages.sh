# Sourced by demo.sh and test.sh: the Debian packages that ftgpu needs, and their
# installation.

build_packages="build-essential cmake libdnnl-dev libcjson-dev zlib1g-dev libcurl4-openssl-dev libgcrypt20-dev libjs-chart.js"
test_packages="libcriterion-dev libboost-context-dev pkg-config clang-format tmux"
# ./test.sh --all: fuzzing, clang-tidy, memcheck, a cluster, MPI, file systems in images, a browser
slow_test_packages="clang clang-tidy libclang-rt-14-dev valgrind slurm-wlm munge libopenmpi-dev openmpi-bin e2fsprogs chromium"

# Installs those of the named packages that are missing. Where there is no apt, finding
# them is left to cmake.
install_packages() {
    command -v apt-get >/dev/null || return 0
    missing=
    for package in "$@"; do
        case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) in
        installed) ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    echo "installing$missing"
    sudo=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { echo "neither root nor sudo: install$missing, then try again" >&2; return 1; }
        sudo=sudo
    fi
    # shellcheck disable=SC2086
    quietly "installing packages" $sudo sh -c 'export DEBIAN_FRONTEND=noninteractive
        apt-get update && apt-get install -y --no-install-recommends "$@"' sh $missing
}

# quietly WHAT COMMAND...: runs the command; its output is shown only if it fails.
quietly() {
    what=$1
    shift
    quiet_log=$(mktemp)
    if "$@" >"$quiet_log" 2>&1; then
        rm -f "$quiet_log"
        return 0
    fi
    tail -n 60 "$quiet_log" >&2
    rm -f "$quiet_log"
    echo "$what failed: the last lines of its output are above" >&2
    return 1
}

# build DIRECTORY CMAKE_ARGUMENTS...: configures and builds with all cores.
build() {
    directory=$1
    shift
    quietly "configuring $directory" cmake -S . -B "$directory" "$@" || return 1
    quietly "building $directory" cmake --build "$directory" --parallel "$(nproc)"
}
