#!/bin/bash
# Makes README.md's table of `verify` anew, in one run on this machine's kernel, and on User Mode Linux where it is built.
#
#   tests/verify-table.sh PROGRAM
#
# Exit: 0 written · 1 something differs, or nothing could be compared: README.md stays as it is.
set -u
program=$(realpath "${1:?the program}")
cd "$(dirname "$0")/.." || exit 1
table=$(mktemp) || exit 1
trap 'rm -f "$table" "$table.new"' EXIT
# The last line of a run, behind the command.
summary() { echo "\`onerouter $*\`: $("$program" "$@" 2>/dev/null | tail -n 1)."; }
{
  echo '`onerouter verify scenarios --markdown` printed:' && echo &&
    "$program" verify scenarios --markdown && echo && summary verify tests/conformance tests/worlds
} >"$table" || { cat "$table"; echo "README.md stays as it is"; exit 1; }
if tests/uml/build.sh --where >/dev/null; then
  { echo; summary verify scenarios tests/conformance --oracle uml --jobs 3; } >>"$table"
fi
awk -v table="$table" '
  /^<!-- verify -->$/ { print; while ((getline l < table) > 0) print l; skip = 1; next }
  /^<!-- end of verify -->$/ { skip = 0 }
  !skip' README.md >"$table.new" && cp "$table.new" README.md && tail -n 3 "$table"
