#!/bin/bash
# How long 100,000 containers take to build, and how much memory they and packets on their way take.
#
#   tests/benches/size.sh [-p]
#
# Prints a line for each row:   NAME measured goal
#   build         seconds from a checked scenario of 100,000 containers to a world at time 0
#   container     bytes of an idle container, its namespace, veth pair, addresses, routes, and its share of a bridge
#   in-flight     bytes of a packet on its way: a long wire full of them against the same wire with few
# -p: at real-time priority. SIZE names our program, if it is not to be built.
#
# Exit: 0 every row holds · 1 otherwise.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C

first=()
while getopts p option; do
  case $option in
    p) first=(chrt -f 10) ;;
    *) sed -n '4p' "$0" >&2; exit 1 ;;
  esac
done

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
size=${SIZE-}
if [ -z "$size" ]; then
  cargo build --quiet --release -p onerouter-tests --example size || exit 1
  size=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/examples/size
fi

n=100000
ports=
for k in 0 1 2 3 4 5 6 7 8 9; do ports+="\"v{i*10+$k}\","; done
cat >"$work/idle.ron" <<RON
(title: "$n containers", duration: "1ms", hosts: {"h": (namespaces: {
 "root": (sysctls: {"net.ipv4.ip_forward": 1}, devices: {"br[0..$((n / 10 - 1))]": Bridge(ports: [$ports],
   addresses: ["10.{i/200}.{i%200}.1/24"]), "v[0..$((n - 1))]": Veth(peer: "c{i}/eth0")}),
 "c[0..$((n - 1))]": (devices: {"eth0": Peer(addresses: ["10.{i/2000}.{i/10%200}.{i%10+2}/24"])},
  routes: ["default via 10.{i/2000}.{i/10%200}.1"])})})
RON
# DELAY: a million packets a second over a wire that long; after 0.9 s as many are on it as the delay says.
wire() {
  cat <<RON
(title: "a long wire", duration: "2s", hosts: {
 "a": (namespaces: {"root": (devices: {"eth0": Physical(rate: "10gbit", addresses: ["10.0.0.1/24"])}, neighbours: ["10.0.0.2 dev eth0 lladdr 02:00:00:01:00:00"])}),
 "b": (namespaces: {"root": (devices: {"eth0": Physical(rate: "10gbit", addresses: ["10.0.0.2/24"], mac: "02:00:00:01:00:00")})})},
 wires: [(between: ["a/root/eth0", "b/root/eth0"], delay: "$1")],
 traffic: {"f": Udp(from: "a/root", to: "b/root", address: "10.0.0.2:7000", rate: "300k/s", size: "64B", count: 270000)})
RON
}
wire 1us >"$work/few.ron"
wire 700ms >"$work/many.ron"

value() { awk -v key="$2" '{ for (i = 1; i < NF; i++) if ($i == key) print $(i + 1) }' "$1"; }
failed=0
say() {
  awk -v name="$1" -v value="$2" -v goal="$3" 'BEGIN {
    printf "%-12s %10.2f %8s  %s\n", name, value, goal, (value <= goal) ? "holds" : "FALLS SHORT"; exit (value > goal) }' || failed=1
}
printf '%-12s %10s %8s\n' row measured goal
for _ in 1 2 3; do "${first[@]}" "$size" "$work/idle.ron" $n || exit 1; done >"$work/idle"
say build "$(value "$work/idle" seconds | sort -n | head -1)" 2
say container "$(value "$work/idle" bytes-each | head -1)" 4096
"$size" "$work/few.ron" 1 0.9 >"$work/few" && "$size" "$work/many.ron" 1 0.9 >"$work/many" || exit 1
say in-flight "$(awk -v a="$(value "$work/few" held)" -v b="$(value "$work/many" held)" \
  -v n="$(value "$work/few" in-flight)" -v m="$(value "$work/many" in-flight)" 'BEGIN { print (b - a) / (m - n) }')" 256
exit $failed
