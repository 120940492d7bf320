#!/bin/bash
# Asks the real tools and the running kernel for what requests.txt lists, in namespaces of its own, and prints for each
# request its exit code, the kernel's errno (`-`: the tool asked nothing) and what was printed. `kernel.sh > gold.txt`
# writes the answers anew; `kernel.sh check` compares them with gold.txt. Needs root, iproute2, procps, strace.
set -u
cd "$(dirname "$0")" || exit 1
export LC_ALL=C
gone() { ip netns del req-a 2>/dev/null; ip netns del req-b 2>/dev/null; }
if ip netns list | grep -qE '^req-[ab]\b'; then echo "kernel.sh: namespaces req-a or req-b exist already" >&2; exit 2; fi
trap 'gone; rm -f "$seen" "$said"' EXIT
seen=$(mktemp) said=$(mktemp)
answers() {
  while read -r line; do
    case $line in ''|'#'*) continue ;; esac
    $line || { echo "kernel.sh: $line" >&2; exit 2; }
  done < setup.txt
  while read -r line; do
    case $line in ''|'#'*) continue ;; esac
    ip netns exec req-a strace -qq -f -e trace=recvmsg,write,newfstatat,stat -e signal=none -v -o "$seen" $line >"$said" 2>&1 </dev/null
    code=$?
    # What the tool itself refuses never came to the request: what it looked up before does not count.
    errno=
    grep -q 'RTNETLINK answers' "$said" || [ $code -eq 2 ] && errno=$(grep -oE 'error=-?E[A-Z0-9]+' "$seen" | tail -1 | sed 's/error=-*//')
    case $line in sysctl*) errno=$(grep -oE '= -1 E[A-Z]+' "$seen" | tail -1 | sed 's/= -1 //') ;; esac
    printf '> %s\n= %s %s\n' "$line" "$code" "${errno:--}"
    sed -e '/^[[:space:]]*$/d' -e 's/[[:space:]]*$//' "$said" | head -4
  done < requests.txt
}
if [ "${1:-}" = check ]; then
  diff <(answers) gold.txt && echo "$(grep -c '^>' gold.txt) requests: as in gold.txt"
else
  answers
fi
