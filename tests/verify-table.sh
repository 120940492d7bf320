#!/bin/bash
# Makes README.md's table of `verify` anew, in one run on this machine's kernel.
#
#   tests/verify-table.sh PROGRAM
#
# Exit: 0 written · 1 something differs, or nothing could be compared: README.md stays as it is.
set -u
program=$(realpath "${1:?the program}")
cd "$(dirname "$0")/.." || exit 1
command='verify scenarios tests/conformance tests/worlds --markdown'
table=$(mktemp) || exit 1
trap 'rm -f "$table" "$table.new"' EXIT
# shellcheck disable=SC2086 # words of a command line
"$program" $command >"$table" || { cat "$table"; echo "README.md stays as it is"; exit 1; }
awk -v table="$table" -v line="\`onerouter $command\` printed:" '
  /^`onerouter verify .* --markdown` printed:$/ { print line; print ""; while ((getline l < table) > 0) print l; skip = 1; next }
  skip && / agreed, .* not comparable\.$/ { skip = 0; next }
  !skip' README.md >"$table.new" && cp "$table.new" README.md && tail -1 "$table"
