#!/bin/bash
# Instructions per device crossing, by callgrind: exact, and the same on a busy machine.
#
#   tests/benches/callgrind.sh [-n PACKETS] [FILE…]
#
# Each workload runs with PACKETS and with twice as many packets (20000 by default): what the second run does more,
# over the crossings that it has more, leaves start-up out. Prints a line for each:   NAME instructions-per-crossing
#
# Exit: 0 measured · 4 skipped, valgrind is not installed · 1 a run failed.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C

packets=20000
while getopts n: option; do
  case $option in
    n) packets=$OPTARG ;;
    *) sed -n '4p' "$0" >&2; exit 1 ;;
  esac
done
shift $((OPTIND - 1))
case $packets in '' | *[!0-9]* | 0) echo "callgrind.sh: -n wants a number of packets, not \`$packets\`" >&2; exit 1 ;; esac
[ $# -gt 0 ] || set -- tests/benches/chain8-wires.ron tests/benches/chain8-veth.ron

if ! command -v valgrind >/dev/null; then
  for file in "$@"; do echo "skipped: $(basename "$file" .ron): valgrind is not installed"; done
  exit 4
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cargo build --quiet --release -p onerouter-tests --example bench || exit 1
bench=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/examples/bench

# count FILE PACKETS: prints "instructions crossings".
count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" "$1" "$2" >"$work/out" 2>"$work/err" ||
    { echo "callgrind.sh: \`$bench $1 $2\` failed:" >&2; cat "$work/err" >&2; return 1; }
  awk '/Collected/ { print $NF }' "$work/err" | tr '\n' ' '
  awk '{ for (i = 1; i < NF; i++) if ($i == "crossings") { print $(i + 1); exit } }' "$work/out"
}

failed=0
for file in "$@"; do
  if a=$(count "$file" "$packets") && b=$(count "$file" $((2 * packets))); then
    echo "$a $b" | awk -v name="$(basename "$file" .ron)" '{
      if ($4 <= $2) { print name ": no crossings" > "/dev/stderr"; exit 1 }
      printf "%-14s %7.1f instructions per crossing\n", name, ($3 - $1) / ($4 - $2)
    }' || failed=1
  else
    failed=1
  fi
done
exit $failed
