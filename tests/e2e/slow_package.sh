# The Debian packages: made by cpack, installed by apt in a bare Debian 12 of
# debootstrap's, and used there. Needs root, and a mirror that can be reached; elsewhere
# it is skipped (exit status 77).
. "$E2E/lib.sh"
build=$(dirname "$FTGPU")

skip() {
    echo "skipped: $*"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "not root"
command -v apt-get >/dev/null && command -v unshare >/dev/null || skip "no apt-get or no unshare"
# What is mounted below root/ is gone with the script, before the directory is removed.
if [ -z "${FTGPU_PACKAGE_TEST_UNSHARED-}" ]; then
    unshare --mount true 2>/dev/null || skip "no mount namespaces"
    FTGPU_PACKAGE_TEST_UNSHARED=1 exec unshare --mount sh -eu "$E2E/slow_package.sh"
fi
export DEBIAN_FRONTEND=noninteractive
for tool in debootstrap dpkg-shlibdeps; do
    command -v $tool >/dev/null && continue
    package=$tool
    [ $tool = dpkg-shlibdeps ] && package=dpkg-dev
    { apt-get update && apt-get install -y --no-install-recommends $package; } >log 2>&1 || skip "cannot install $package: $(tail -1 log)"
done

cpack --config "$build/CPackConfig.cmake" -B "$PWD/packages" >log 2>&1 || fail "cpack: $(tail -20 log)"
set -- packages/ftgpu_*.deb
[ $# = 1 ] && [ -s "$1" ] || { fail "cpack made no ftgpu package: $(ls packages)"; finish; }
deb=$1
dpkg-deb --info "$deb" >control
ran="dpkg-deb --info"
expect control '^ Section: science$'
expect control '^ Depends: .*libc6 .*libdnnl'
dpkg-deb --contents packages/libftgpu-dev_*.deb >contents
expect contents ' ./usr/lib/libftgpu.a$'
expect contents ' ./usr/include/ftgpu/ftgpu.h$'

mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep '/debian/*$' | head -1)
debootstrap --variant=minbase bookworm root "${mirror:-http://deb.debian.org/debian}" >log 2>&1 ||
    skip "debootstrap: $(tail -1 log)"
cp "$deb" root/tmp/ftgpu.deb
inside() { chroot root env HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
inside sh -c 'apt-get update && apt-get install -y --no-install-recommends /tmp/ftgpu.deb' >log 2>&1 ||
    { fail "apt-get install: $(tail -20 log)"; finish; }

# From here on "ftgpu" is the one in the chroot; what it writes is under root/tmp/work.
mkdir root/tmp/work
mount -t proc proc root/proc 2>/dev/null || true # where it is allowed, as on any machine
printf '#!/bin/sh\ncd root/tmp/work && exec chroot ../.. env -C /tmp/work PATH=/usr/bin:/bin ftgpu "$@"\n' >ftgpu
chmod +x ftgpu
"$FTGPU" --version >version
FTGPU=$PWD/ftgpu
must --version
cmp -s out version || fail "the package is $(cat out), not $(cat version)"
must data demo --out demo
must model init --size nano --out nano
must run --model nano --train demo/train.csv --val demo/val.csv --test demo/test.csv --target Close --train-last 200 \
    --eval-windows 4 --set epochs=1 --set context_length=32 --set prediction_length=4 --format csv
[ -n "$(cell test_mae 1)" ] || fail "no test_mae: $(cat out)"
must best --metric mae
[ -s root/usr/share/man/man1/ftgpu.1.gz ] || fail "no manual page"

# Gone without a trace.
inside apt-get purge -y ftgpu >log 2>&1 || fail "apt-get purge: $(tail -5 log)"
find root/usr root/etc -name '*ftgpu*' >left
[ -s left ] && fail "left behind: $(cat left)"
finish
