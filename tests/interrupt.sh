#!/bin/bash
# What happens to results when `run` is cut off: Ctrl-C, kill -9 at any moment, a full disk, a reader that goes away.
# What is finished is whole, nothing half-written stands under the final name, the next run clears what was left behind.
#
#   tests/interrupt.sh PROGRAM
#
# Exit: 0 all holds · 1 something does not. The full disk needs root for a small tmpfs, and is skipped by name otherwise.
set -u
program=$(realpath "${1:?the program to test}")
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d) || exit 1
mounted=
trap '[ -z "$mounted" ] || umount "$mounted"; rm -rf "$work"' EXIT
failed=0
say() { printf '%-64s %s\n' "$1" "$2"; }
holds() { if "${@:2}"; then say "$1" holds; else say "$1" FAILED; failed=1; fi; }

# Long enough to be cut off: many points, each with pictures.
cp "$root/scenarios/docker/outside.ron" "$work/long.ron"
sed -i 's/"10k\/s", "50k\/s"/"10k\/s", "20k\/s", "30k\/s", "40k\/s", "50k\/s", "60k\/s"/; s/expect: .*/expect: [],/' "$work/long.ron"
sed -i 's/^ sweep/\n sweep/' "$work/long.ron"
short="$root/scenarios/hello/veth.ron"
cd "$work" || exit 1
sum() { find "$1" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum; }
left() { find . -maxdepth 1 -name '.report.tmp-*' | wc -l; }

"$program" run "$short" --out report >/dev/null || { echo "the short scenario does not run"; exit 1; }
before=$(sum report)

# --- signals: the old report stays as it was, or the new one is whole
signal() { # NAME NUMBER
  local kept=0 whole=0 cut=0 code
  for delay in 0.01 0.05 0.1 0.2 0.3 0.5 0.8 1.2; do
    rm -rf report && "$program" run "$short" --out report >/dev/null
    # A script's background job ignores Ctrl-C unless told otherwise.
    env --default-signal=INT "$program" run long.ron --out report >/dev/null 2>err &
    local pid=$!
    sleep "$delay"
    kill -s "$1" "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    code=$?
    if [ "$(sum report)" = "$before" ]; then kept=$((kept + 1)); else
      # Then it was all there before the signal came.
      grep -q '</html>' report/report.html && python3 -m json.tool report/results.json >/dev/null 2>&1 && whole=$((whole + 1))
    fi
    [ "$code" -eq $((128 + $2)) ] && cut=$((cut + 1))
  done
  holds "$1: 8 of 8 times the report is the old one or a whole new one ($cut cut off)" [ $((kept + whole)) -eq 8 ]
  holds "$1: it did cut off" [ "$cut" -gt 0 ]
  "$program" run "$short" --out report >/dev/null
  holds "$1: the next run clears what was left behind" [ "$(left)" -eq 0 ]
  holds "$1: and writes the same bytes as ever" [ "$(sum report)" = "$before" ]
}
signal INT 2
signal TERM 15
signal KILL 9

# --- a reader that goes away is no error, and the report is written
rm -rf report
"$program" run "$short" --out report | head -c 1 >/dev/null
holds "closed pipe: exit 0" [ "${PIPESTATUS[0]}" -eq 0 ]
holds "closed pipe: the report is whole" [ "$(sum report)" = "$before" ]
"$program" walk "$short" | true
holds "closed pipe: walk exits 0" [ "${PIPESTATUS[0]}" -eq 0 ]

# --- nowhere to print to
if [ -c /dev/full ]; then
  "$program" run "$short" --out report >/dev/full 2>err
  holds "standard output full: exit 2" [ $? -eq 2 ]
  holds "standard output full: says so" grep -q 'cannot write' err
  holds "standard output full: nothing left behind" [ "$(left)" -eq 0 ]
fi

# --- a full disk
mkdir disk
if mount -t tmpfs -o size=2m tmpfs disk 2>/dev/null; then
  mounted=$work/disk
  "$program" run "$short" --out disk/report >/dev/null 2>err
  holds "small disk: a small report fits" [ $? -eq 0 ]
  kept=$(sum disk/report)
  cp "$short" disk/veth.ron
  "$program" run disk/veth.ron --snapshots update --out elsewhere >/dev/null
  text=$(sum disk/veth.txt)
  sed -i 's/10000/9000/g' disk/veth.ron
  head -c 4M /dev/zero >disk/filler 2>/dev/null
  "$program" run long.ron --out disk/report >/dev/null 2>err
  holds "full disk: exit 2" [ $? -eq 2 ]
  holds "full disk: the message names the place and the reason" grep -q 'disk/.*No space left' err
  holds "full disk: the old report is as it was" [ "$(sum disk/report)" = "$kept" ]
  holds "full disk: nothing left behind" [ "$(find disk -name '.report.tmp-*' | wc -l)" -eq 0 ]
  "$program" run disk/veth.ron --snapshots update --out elsewhere >out 2>err
  holds "full disk: a snapshot that can't be written is exit 2" [ $? -eq 2 ]
  holds "full disk: the old snapshot is as it was" [ "$(sum disk/veth.txt)" = "$text" ]
  holds "full disk: no part of a new one" [ "$(find disk -name '*.new' -o -name '*.tmp*' | wc -l)" -eq 0 ]
  "$program" topology "$short" --svg disk/net.svg 2>err
  holds "full disk: a picture that can't be written is exit 2" [ $? -eq 2 ]
  holds "full disk: and is not there" [ ! -e disk/net.svg ]
  umount disk && mounted=
else
  echo "skipped: full disk (mounting a small tmpfs needs root)"
fi
exit $failed
