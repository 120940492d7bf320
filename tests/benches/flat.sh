#!/bin/bash
# Does the cost of a packet stay flat as what it does not concern grows?
#
#   tests/benches/flat.sh [-m MOST] [-p] [CURVE…]
#
# Curves: containers, routes, entries (fdb and neighbours), sockets, all-active. Each is measured at sizes up to MOST (100000 by
# default), and prints a line for each size:   CURVE SIZE instructions nanoseconds
# of a crossing, as the difference of two runs. Instructions (callgrind) may differ by a factor of 1.1 over a curve,
# nanoseconds by 1.5; where all containers are active, nanoseconds by 8 and instructions are not looked at: there the caches
# decide, whose sizes are printed. -p: at real-time priority. BENCH names our program, if it is not to be built.
#
# Exit: 0 every curve is flat · 4 and nothing else is wrong, valgrind is not installed · 1 otherwise.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C

most=100000 first=()
while getopts m:p option; do
  case $option in
    m) most=$OPTARG ;;
    p) first=(chrt -f 10) ;;
    *) sed -n '4p' "$0" >&2; exit 1 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- containers routes entries sockets all-active

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bench=${BENCH-}
if [ -z "$bench" ]; then
  cargo build --quiet --release -p onerouter-tests --example bench || exit 1
  bench=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/examples/bench
fi

# CONTAINERS ACTIVE RATE: subnets of ten containers on a bridge each, all behind one router; every active one sends to one in
# another subnet.
containers() {
  local n=$1 active=$2 rate=$3 s=$(($1 / 10)) step=$(($1 / $2)) ports="" k to
  for k in 0 1 2 3 4 5 6 7 8 9; do ports+="\"v{i*10+$k}\","; done
  to="((i*$step+$((n / 2 + 3)))%$n)"
  cat <<RON
(title: "$n containers, $active active", hosts: {"h": (namespaces: {
 "root": (sysctls: {"net.ipv4.ip_forward": 1, "net.ipv4.neigh.default.base_reachable_time_ms": 3600000, "net.ipv4.neigh.default.gc_thresh1": 1000000,
   "net.ipv4.neigh.default.gc_thresh2": 1000000, "net.ipv4.neigh.default.gc_thresh3": 1000000},
  devices: {"br[0..$((s - 1))]": Bridge(ports: [$ports], addresses: ["10.{i/200}.{i%200}.1/24"]),
   "v[0..$((n - 1))]": Veth(peer: "c{i}/eth0")}),
 "c[0..$((n - 1))]": (sysctls: {"net.ipv4.neigh.eth0.base_reachable_time_ms": 3600000}, devices: {"eth0": Peer(addresses: ["10.{i/2000}.{i/10%200}.{i%10+2}/24"])},
  routes: ["default via 10.{i/2000}.{i/10%200}.1"])})},
 traffic: {"f[0..$((active - 1))]": Udp(from: "h/c{i*$step}", to: "h/c{$to}",
  address: "10.{$to/2000}.{$to/10%200}.{$to%10+2}:7000", rate: "$rate/s", start: "{i*40}us", size: "64B", count: 10)})
RON
}

# A container on a bridge, a router, a container beyond it; and what else the router has: its routes, its neighbours, its fdb
# entries, and sockets where the datagrams arrive.
router() {
  local routes=$1 entries=$2 sockets=$3
  echo '(title: "one router", duration: "1000s", hosts: {"h": (namespaces: {'
  echo ' "root": (sysctls: {"net.ipv4.ip_forward": 1}, devices: {"br0": Bridge(ports: ["p0"], addresses: ["10.0.0.1/24"]),'
  echo '   "p0": Veth(peer: "a/eth0"), "p1": Veth(peer: "b/eth0", addresses: ["10.0.1.1/24"]), "d0": Dummy(addresses: ["10.200.0.1/15"])},'
  echo '  routes: ['
  awk -v n="$routes" 'BEGIN { for (i = 0; i < n; i++) printf "\"%d.%d.%d.0/24 via 10.200.0.2\",\n", 11 + int(i / 65536), int(i / 256) % 256, i % 256 }'
  echo '  ], neighbours: ['
  awk -v n="$entries" 'BEGIN { for (i = 0; i < n; i++) printf "\"10.%d.%d.%d dev d0 lladdr 02:01:00:%02x:%02x:%02x\",\n", 200 + int(i / 62500), 1 + int(i / 250) % 250, i % 250 + 1, int(i / 65536), int(i / 256) % 256, i % 256 }'
  echo '  ], commands: ['
  awk -v n="$entries" 'BEGIN { for (i = 0; i < n; i++) printf "\"bridge fdb add 02:02:00:%02x:%02x:%02x dev p0 master static\",\n", int(i / 65536), int(i / 256) % 256, i % 256 }'
  echo '  ]),'
  echo ' "a": (devices: {"eth0": Peer(addresses: ["10.0.0.2/24"])}, routes: ["default via 10.0.0.1"]),'
  echo ' "b": (devices: {"eth0": Peer(addresses: ["10.0.1.2/24", "10.0.1.3/24"])}, routes: ["default via 10.0.1.1"])})},'
  echo ' traffic: {"f": Udp(from: "h/a", to: "h/b", address: "10.0.1.2:7000", rate: "20k/s", size: "64B", count: 10),'
  # They listen; what is sent to them is sent when the run is over.
  # Half of a hundred thousand in the sender's namespace: no port is to be had twice in one.
  awk -v n="$sockets" 'BEGIN { for (i = 0; i < n; i++) {
    here = i < 50000 ? "b" : "a"; there = i < 50000 ? "a" : "b"; at = i < 50000 ? "10.0.1.2" : "10.0.0.2"
    printf "\"s%d\": Udp(from: \"h/%s\", to: \"h/%s\", address: \"%s:%d\", listen: \"%s\", rate: \"1/s\", start: \"2000s\", count: 1),\n", i, there, here, at, 8000 + i % 50000, at } }'
  echo '})'
}

# scenario CURVE SIZE, packets CURVE SIZE: what runs, and the two numbers of packets of a flow.
scenario() {
  case $1 in
    containers) containers "$2" 1000 10 ;;
    all-active) containers "$2" "$2" "$(awk -v n="$2" 'BEGIN { print 10000 / n }')" ;;
    routes) router "$2" 0 0 ;;
    entries) router 0 "$2" 0 ;;
    sockets) router 0 0 "$2" ;;
    *) echo "flat.sh: no such curve: $1" >&2; exit 1 ;;
  esac
}
packets() {
  case $1 in
    containers) echo 70 570 ;;
    all-active) echo "$((200000 / $2 + 2)) $((1200000 / $2 + 2))" ;;
    *) echo 50000 1050000 ;;
  esac
}
counted() {
  # Containers that are asked for and send have neighbours in doubt for the first five seconds.
  case $1 in containers) echo 70 80 ;; *) echo 1000 3000 ;; esac
}

# with FILE FLOW-COUNT: the first flow, or all that have one of 10, get another number of packets.
with() { sed "s/count: 10\b/count: $2/" "$1" >"$work/run.ron"; }
crossings() { awk '{ for (i = 1; i < NF; i++) if ($i == "crossings") { print $(i + 1); exit } }' "$work/out"; }
failed() { echo "flat.sh: \`$bench $1\` failed:" >&2; cat "$work/err" >&2; exit 1; }
# Nanoseconds of building and running, by the program's own clock, and crossings.
fastest() {
  with "$1" "$2"
  for _ in 1 2 3; do
    "${first[@]}" "$bench" "$work/run.ron" >"$work/out" 2>"$work/err" || failed "$1"
    awk '{ for (i = 1; i < NF; i++) v[$i] = $(i + 1); printf "%.0f %d\n", v["ns-per-datagram"] * v["delivered"], v["crossings"] }' "$work/out"
  done | sort -n | head -1
}
instructions() {
  with "$1" "$2"
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" "$work/run.ron" >"$work/out" 2>"$work/err" || failed "$1"
  echo "$(awk '/Collected/ { print $NF }' "$work/err") $(crossings)"
}
between() { echo "$1 $2" | awk '{ printf "%.1f", ($3 - $1) / ($4 - $2) }'; }

valgrind=1
command -v valgrind >/dev/null || { valgrind=0; echo "skipped: instructions: valgrind is not installed"; }
lscpu | grep -E '^L(1d|2|3)'
printf '%-12s %8s %14s %12s\n' curve size instructions nanoseconds
wrong=0
for curve in "$@"; do
  case $curve in containers | all-active) size=1000 ;; *) size=10 ;; esac
  : >"$work/curve"
  while [ $size -le "$most" ]; do
    scenario "$curve" $size >"$work/$curve.ron" || exit 1
    read -r few many < <(packets "$curve" $size)
    # The fastest of each: what else the machine does only slows a run down.
    a=$(fastest "$work/$curve.ron" "$few") && b=$(fastest "$work/$curve.ron" "$many") || exit 1
    best=$(between "$a" "$b")
    count=-
    if [ $valgrind -eq 1 ] && [ "$curve" != all-active ]; then
      read -r few many < <(counted "$curve")
      a=$(instructions "$work/$curve.ron" "$few") && b=$(instructions "$work/$curve.ron" "$many") || exit 1
      count=$(between "$a" "$b")
    fi
    printf '%-12s %8d %14s %12s\n' "$curve" $size "$count" "$best" | tee -a "$work/curve"
    size=$((size * 10))
  done
  awk -v most="$([ "$curve" = all-active ] && echo 8 || echo 1.5)" -v curve="$curve" '
    { if ($3 != "-") { if (!lo || $3 < lo) lo = $3; if ($3 > hi) hi = $3 } if (!fast || $4 < fast) fast = $4; if ($4 > slow) slow = $4 }
    END {
      bad = (lo && hi > lo * 1.1) || slow > fast * most
      printf "%-12s instructions within %.2f (1.1), nanoseconds within %.2f (%s): %s\n", curve, lo ? hi / lo : 1, slow / fast, most, bad ? "NOT FLAT" : "flat"
      exit bad
    }' "$work/curve" || wrong=1
done
[ $wrong -eq 0 ] || exit 1
[ $valgrind -eq 1 ] || exit 4
