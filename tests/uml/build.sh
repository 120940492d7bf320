#!/bin/bash
# Builds the kernel that `onerouter verify --oracle uml` runs: User Mode Linux, an ordinary process in virtual time.
#
#   tests/uml/build.sh [--where]
#
# From the distribution's kernel source package (Debian: linux-source-6.12, with flex bison bc make gcc), with
# kernel.cfg beside this script merged into the default configuration, HZ=250 as on the hosts it stands for, and
# skb_drops.c, which counts drops. The result is cached under ${XDG_CACHE_HOME:-~/.cache}/onerouter/uml, by source
# version, configuration and what is added; its path is the last line printed, and `linux` there is a link to it.
# --where prints the path if it is there, and builds nothing.
#
# Exit: 0 it is there · 4 it can't be built here, and why (a line `skipped: …`) · 1 the build failed.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd) || exit 1

skip() { echo "skipped: uml kernel ($1)"; exit 4; }

source=$(ls -1 /usr/src/linux-source-*.tar.xz 2>/dev/null | sort -V | tail -n 1)
[ -n "$source" ] || skip "no kernel source package; Debian: apt-get install linux-source-6.12"
release=$(basename "$source" .tar.xz)
package=$(dpkg-query -W -f '${Version}' "$release" 2>/dev/null || echo unpackaged)
recipe=1 # to be raised when the steps below change what is built
hash=$( (echo "$recipe"; cat "$here/kernel.cfg" "$here/skb_drops.c") | sha256sum | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/onerouter/uml
kernel=$cache/linux-${release#linux-source-}-$package-$hash

there() { ln -sfn "$(basename "$kernel")" "$cache/linux" && echo "$kernel"; }

if [ -x "$kernel" ]; then there; exit; fi
[ "${1:-}" != --where ] || skip "not built yet; tests/uml/build.sh builds it in some minutes"
for tool in make gcc flex bison bc xz; do
  command -v $tool >/dev/null || skip "$tool is not installed"
done

mkdir -p "$cache" || exit 1
work=$(mktemp -d "$cache/build.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
log=$work/log
{
  tar -C "$work" -xf "$source" &&
    cd "$work/$release" &&
    # The architecture fixes 100 ticks a second; hosts run 250.
    sed -i '/^config HZ$/,/^config/ s/default 100/default 250/' arch/um/Kconfig &&
    cp "$here/skb_drops.c" net/core/ && echo 'obj-y += skb_drops.o' >>net/core/Makefile &&
    make ARCH=um defconfig &&
    ./scripts/kconfig/merge_config.sh -m .config "$here/kernel.cfg" &&
    make ARCH=um olddefconfig &&
    make ARCH=um -j"$(nproc)" linux
} >"$log" 2>&1 || { tail -n 30 "$log" >&2; echo "build.sh: the kernel does not build" >&2; exit 1; }
strip -o "$work/linux" "$work/$release/linux" && mv "$work/linux" "$kernel" || exit 1
cp "$work/$release/.config" "$kernel.config"
there
