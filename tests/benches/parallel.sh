#!/bin/bash
# What a second core is good for.
#
#   tests/benches/parallel.sh [-p]
#
# Prints a line for each row:   NAME measured goal
#   independent    64 runs on 2 threads: their rate over that of 2 processes with 32 runs each
#   hosts64        one run on 2 threads: the time of 1 thread over that of 2, for 64 hosts joined by 5 us wires
#   chain8-wires, subnets20, bridge32     the same where a second thread can't help: it may not harm
# Medians of 5, in turn. -p: at real-time priority. BENCH and MANY name our programs, if they are not to be built.
#
# Exit: 0 every row holds · 4 skipped, there is one core · 1 otherwise.
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
[ "$(nproc)" -ge 2 ] || { echo "skipped: there is one core"; exit 4; }
bench=${BENCH-} many=${MANY-}
if [ -z "$bench" ] || [ -z "$many" ]; then
  cargo build --quiet --release -p onerouter-tests --example bench --example many || exit 1
  out=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/examples
  bench=$out/bench many=$out/many
fi

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
now() { date +%s%N; }
failed=0
say() {
  awk -v name="$1" -v value="$2" -v goal="$3" 'BEGIN {
    printf "%-14s %8.3f %6s  %s\n", name, value, goal, (value >= goal) ? "holds" : "FALLS SHORT"; exit (value < goal) }' || failed=1
}
printf '%-14s %8s %6s\n' row measured goal

file=tests/benches/chain8-wires.ron packets=20000
for _ in 1 2 3 4 5; do
  a=$(now)
  "${first[@]}" "$many" $file $packets 64 2 >/dev/null || exit 1
  b=$(now)
  "${first[@]}" "$many" $file $packets 32 1 >/dev/null & one=$!
  "${first[@]}" "$many" $file $packets 32 1 >/dev/null || exit 1
  wait $one || exit 1
  c=$(now)
  echo "$(((c - b) * 1000 / (b - a)))"
done | median >/tmp/parallel.$$ || exit 1
say independent "$(awk '{ print $1 / 1000 }' /tmp/parallel.$$)" 0.95
rm -f /tmp/parallel.$$

# ratio FILE PACKETS
ratio() {
  for _ in 1 2 3 4 5; do
    for threads in 1 2; do
      "${first[@]}" "$bench" "$1" "$2" $threads | awk '{ for (i = 1; i < NF; i++) if ($i == "ns-per-datagram") print $(i + 1) }'
    done | paste -sd' '
  done | awk '{ print $1 / $2 }' | median
}
say hosts64 "$(ratio tests/benches/hosts64.ron 10000)" 1.6
say chain8-wires "$(ratio tests/benches/chain8-wires.ron 400000)" 0.9
say subnets20 "$(ratio tests/benches/subnets20.ron 2000)" 0.9
say bridge32 "$(ratio tests/benches/bridge32.ron 20000)" 0.9
exit $failed
