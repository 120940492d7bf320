#!/bin/bash
# A million delivered packets in one scenario, as a user runs it, report and all: at most 5 s and 256 MB.
#
#   tests/benches/million.sh [SECONDS [MEGABYTES]]
#
# Exit: 0 within both · 1 not · 4 skipped: nothing here tells the memory of a process.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
most_s=${1:-5} most_mb=${2:-256}
command -v python3 >/dev/null || { echo "skipped: a million packets (python3 is not installed)"; exit 4; }
cargo build --quiet --release -p reports || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
python3 - "${CARGO_TARGET_DIR:-target}/release/onerouter" "$work" "$most_s" "$most_mb" <<'P'
import resource, subprocess, sys, time
program, work, most_s, most_mb = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
begin = time.monotonic()
code = subprocess.run([program, "run", "tests/benches/million.ron", "--out", work + "/report"]).returncode
took = time.monotonic() - begin
# Kilobytes, on Linux.
mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
print(f"1,000,000 packets: {took:.2f} s of {most_s:g}, {mb:.0f} MB of {most_mb:g}")
sys.exit(0 if code == 0 and took <= most_s and mb <= most_mb else 1)
P
