#!/bin/bash
# Instructions per device crossing, by callgrind: exact, and the same on a busy machine.
#
#   tests/benches/callgrind.sh [-n PACKETS] [-b BASELINE | -w BASELINE] [FILE…]
#
# Each workload runs with PACKETS packets in all and with twice as many (20000 by default): what the second run does more,
# over the crossings that it has more, leaves start-up out. Prints a line for each:   NAME instructions-per-crossing
#
# -b compares with the lines of BASELINE and fails where a workload takes more than 3 % more; -w writes them. The numbers
# are those of one toolchain (rust-toolchain.toml) and one C library: a baseline changes in a commit of its own that says
# old and new.
#
# Exit: 0 measured · 4 skipped, valgrind is not installed · 1 a run failed, or takes more than the baseline.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C

packets=20000 baseline='' write=''
while getopts n:b:w: option; do
  case $option in
    n) packets=$OPTARG ;;
    b) baseline=$OPTARG ;;
    w) write=$OPTARG ;;
    *) sed -n '4p' "$0" >&2; exit 1 ;;
  esac
done
shift $((OPTIND - 1))
case $packets in '' | *[!0-9]* | 0) echo "callgrind.sh: -n wants a number of packets, not \`$packets\`" >&2; exit 1 ;; esac
[ $# -gt 0 ] || set -- tests/benches/{chain8-wires,chain8-veth,bridge32,bridge32-veth,subnets20}.ron
[ -z "$baseline" ] || [ -r "$baseline" ] || { echo "callgrind.sh: no baseline \`$baseline\`" >&2; exit 1; }

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
  # The packets of all flows together: as many flows as there are destinations.
  flows=$(sed -n 's/.*traffic: {"[^"]*\[0\.\.\([0-9]*\)\]".*/\1/p' "$file")
  each=$((packets / (${flows:-0} + 1)))
  if a=$(count "$file" "$each") && b=$(count "$file" $((2 * each))); then
    name=$(basename "$file" .ron)
    old=
    [ -z "$baseline" ] || old=$(awk -v name="$name" '$1 == name { print $2 }' "$baseline")
    echo "$a $b" | awk -v name="$name" -v old="$old" -v compare="$baseline" '{
      if ($4 <= $2) { print name ": no crossings" > "/dev/stderr"; exit 1 }
      new = ($3 - $1) / ($4 - $2)
      said = ""
      if (compare != "" && old == "") { said = "  not in the baseline"; bad = 1 }
      else if (old != "") { said = sprintf("  %+.1f %% of %s", 100 * (new / old - 1), old); bad = new > old * 1.03 }
      printf "%-14s %7.1f instructions per crossing%s%s\n", name, new, said, bad ? ": TOO MANY" : ""
      exit bad
    }' | tee -a "$work/lines" || failed=1
  else
    failed=1
  fi
done
if [ -n "$write" ] && [ $failed -eq 0 ]; then
  {
    echo "# Instructions per device crossing (tests/benches/callgrind.sh -w), $(rustc --version | cut -d' ' -f1,2)."
    awk '{ print $1, $2 }' "$work/lines"
  } >"$write"
fi
exit $failed
