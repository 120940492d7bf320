#!/bin/bash
# onerouter against ns-3, and against the kernel that runs here, on the same workloads, on this machine, in turn.
#
#   tests/benches/peers.sh [-r RUNS] [-g PERCENT] [-p] [ROW…]
#
# Prints a line for each row:   NAME ours theirs ratio goal
# where ours and theirs are nanoseconds of wall time per delivered datagram (medians over RUNS runs, 5 by default), and
# ratio = theirs / ours is to reach the goal. Both sides are timed alike: as whole processes on one thread, on the same core,
# at two numbers of packets; the difference of the two times over the difference of what was delivered leaves start-up out.
#
# With -g a row already passes at that share of its goal, with -p both sides run at real-time priority (root): for
# machines that others load meanwhile. BENCH names our program, if it is not to be built.
#
# Exit: 0 every row reaches its goal · 4 a row was skipped, and none fell short · 1 otherwise.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C

# name | our scenario | our packets: few many | ns-3's workload, or the kernel's | its packets: few many | goal
ROWS='
bridge32     | tests/benches/bridge32.ron      | 5000 40000     | bridge 32        | 20000 200000  | 60
chain8-wires | tests/benches/chain8-wires.ron  | 200000 1200000 | chain 8          | 5000 45000    | 80
subnets20    | tests/benches/subnets20.ron     | 500 4500       | subnets 20       | 20000 100000  | 100
chain8-veth  | tests/benches/chain8-veth.ron   | 400000 2400000 | kernel chain 8   | 50000 450000  | 20
bridge32-veth| tests/benches/bridge32-veth.ron | 5000 40000     | kernel bridge 32 | 100000 800000 | 20
'

runs=5 share=100 first=()
while getopts r:g:p option; do
  case $option in
    r) runs=$OPTARG ;;
    g) share=$OPTARG ;;
    p) first=(chrt -f 10) ;;
    *) sed -n '4p' "$0" >&2; exit 1 ;;
  esac
done
shift $((OPTIND - 1))
case $runs in '' | *[!0-9]* | 0) echo "peers.sh: -r wants a number of runs, not \`$runs\`" >&2; exit 1 ;; esac
case $share in '' | *[!0-9]* | 0) echo "peers.sh: -g wants a share of the goal in percent, not \`$share\`" >&2; exit 1 ;; esac

work=$(mktemp -d) || exit 1
prefix=onerouter$$
clean() {
  tests/benches/kernel_rate.sh down "${prefix}chain" 2>/dev/null
  tests/benches/kernel_rate.sh down "${prefix}bridge" 2>/dev/null
  rm -rf "$work"
}
trap clean EXIT
# Whoever stops us: the namespaces go, too.
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# The last core that we may use.
core=$(taskset -pc $$ 2>/dev/null | sed 's/.*[^0-9]//')
[ -z "$core" ] || first+=(taskset -c "$core")

# Builds ns-3's side; prints why not if it can't be had here.
build_theirs() {
  command -v g++ >/dev/null || { echo "g++ is not installed"; return 1; }
  echo '#include "ns3/core-module.h"' | g++ -std=c++17 -E -x c++ - -o /dev/null 2>/dev/null ||
    { echo "ns-3 (libns3-dev) is not installed"; return 1; }
  local libs=(core network internet csma bridge point-to-point applications)
  g++ -std=c++17 -O2 -o "$work/theirs" tests/benches/ns3_workloads.cc "${libs[@]/#/-lns3-}" 2>"$work/log" ||
    { echo "ns3_workloads.cc does not build:"; cat "$work/log"; return 2; }
}

# Builds what measures the kernel; prints why not if that can't be had here.
build_kernel() {
  [ "$(id -u)" = 0 ] || { echo "namespaces need root"; return 1; }
  for tool in gcc ip sysctl; do command -v $tool >/dev/null || { echo "$tool is not installed"; return 1; }; done
  gcc -O2 -o "$work/kernel" tests/benches/kernel_rate.c 2>"$work/log" ||
    { echo "kernel_rate.c does not build:"; cat "$work/log"; return 2; }
  local what
  for what in "chain 8" "bridge 32"; do
    # shellcheck disable=SC2086
    tests/benches/kernel_rate.sh up ${what% *} "$prefix${what%% *}" ${what#* } 2>"$work/log" ||
      { echo "no namespaces: $(cat "$work/log")"; return 1; }
  done
  # Carriers settle.
  sleep 2
}

# ours FILE PACKETS, theirs WORKLOAD SIZE PACKETS: run once; print "nanoseconds delivered".
ours() { timed "$bench" "$1" "$2"; }
theirs() {
  if [ "$1" = kernel ]; then timed "$work/kernel" "$2" "$prefix$2" "$3" "$4"; else timed "$work/theirs" "$@"; fi
}
timed() {
  local begin end
  begin=$(date +%s%N)
  "${first[@]}" "$@" >"$work/out" 2>"$work/err" || { echo "peers.sh: \`$*\` failed:" >&2; cat "$work/err" >&2; return 1; }
  end=$(date +%s%N)
  awk -v ns=$((end - begin)) '{ for (i = 1; i < NF; i++) if ($i == "delivered") { print ns, $(i + 1); exit } }' "$work/out"
}

# Nanoseconds per datagram between two runs "ns delivered".
between() { echo "$1 $2" | awk '{ d = $4 - $2; if (d <= 0) exit 1; printf "%.2f\n", ($3 - $1) / d }'; }
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%.1f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# One row: both sides in turn, so that a slow phase of the machine meets both.
row() {
  local name=$1 file=$2 few=$3 many=$4 workload=$5 their_few=$6 their_many=$7 goal=$8
  local a b i
  : >"$work/ours" && : >"$work/theirs.ns"
  for ((i = 0; i < runs; i++)); do
    a=$(theirs $workload "$their_few") && b=$(theirs $workload "$their_many") && between "$a" "$b" >>"$work/theirs.ns" || return 1
    a=$(ours "$file" "$few") && b=$(ours "$file" "$many") && between "$a" "$b" >>"$work/ours" || return 1
  done
  awk -v name="$name" -v ours="$(median "$work/ours")" -v theirs="$(median "$work/theirs.ns")" -v goal="$goal" -v share="$share" 'BEGIN {
    ratio = theirs / ours
    printf("%-14s %9.1f %9.1f %8.1f %5d  %s\n", name, ours, theirs, ratio, goal, (ratio >= goal) ? "holds" : "FALLS SHORT")
    exit (ratio < goal * share / 100)
  }'
}

why_theirs=$(build_theirs); has_theirs=$?
why_kernel=$(build_kernel); has_kernel=$?
if [ $has_theirs -eq 2 ]; then echo "$why_theirs" >&2; exit 1; fi
if [ $has_kernel -eq 2 ]; then echo "$why_kernel" >&2; exit 1; fi
bench=${BENCH-}
if [ -z "$bench" ] && { [ $has_theirs -eq 0 ] || [ $has_kernel -eq 0 ]; }; then
  cargo build --quiet --release -p onerouter-tests --example bench || exit 1
  bench=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/examples/bench
fi

failed=0 skipped=0 done=0
printf '%-14s %9s %9s %8s %5s\n' "row" "ours" "theirs" "ratio" "goal"
while IFS='|' read -r name file packets workload theirs_packets goal; do
  name=${name// /} file=${file// /} goal=${goal// /}
  [ -n "$name" ] || continue
  if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
  done=$((done + 1))
  has=$has_theirs why=$why_theirs
  if [[ $workload == *kernel* ]]; then has=$has_kernel why=$why_kernel; fi
  if [ $has -ne 0 ]; then
    echo "skipped: $name: $why"; skipped=$((skipped + 1)); continue
  fi
  # The lists of numbers and the workload are words of their own.
  # shellcheck disable=SC2086
  row "$name" "$file" $packets "$workload" $theirs_packets "$goal" || failed=$((failed + 1))
done <<<"$ROWS"

[ $done -gt 0 ] || { echo "peers.sh: no such row: $*" >&2; exit 1; }
[ $failed -eq 0 ] || exit 1
[ $skipped -eq 0 ] || exit 4
