#!/bin/bash
# What is left of `verify --oracle uml` that is killed in the middle: no process, no file.
#
#   tests/uml/killed.sh PROGRAM
set -u
cd "$(dirname "$0")/../.." || exit 1
program=$1

ours() { pgrep -f "uml_dir=/proc/self.*init=$(readlink -f "$program")"; }
# The names that such a kernel gives its files.
files() { find "$HOME/.uml" "${TMPDIR:-/tmp}"/vm_file* /dev/shm/vm_file* 2>/dev/null | sort; }

[ -z "$(ours)" ] || { echo "killed.sh: a verify is running already" >&2; exit 1; }
before=$(files)
"$program" verify scenarios/hello scenarios/routing/chain.ron --oracle uml >/dev/null 2>&1 &
verify=$!
for _ in $(seq 100); do [ -n "$(ours)" ] && break; sleep 0.1; done
[ -n "$(ours)" ] || { echo "killed.sh: no kernel was started" >&2; exit 1; }
sleep 0.5
kill -9 "$verify"
wait "$verify" 2>/dev/null
for _ in $(seq 100); do [ -z "$(ours)" ] && break; sleep 0.1; done
left=$(ours)
[ -z "$left" ] || { echo "killed.sh: processes are left: $left" >&2; exit 1; }
new=$(comm -13 <(echo "$before") <(files))
[ -z "$new" ] || { echo "killed.sh: files are left: $new" >&2; exit 1; }
echo "killed in the middle: no kernel is left, and no file"
