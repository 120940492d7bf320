#!/bin/bash
# Namespaces for kernel_rate.c on the running kernel; root.
#
#   tests/benches/kernel_rate.sh up chain|bridge PREFIX SIZE    makes them, named PREFIXn0 and so on
#   tests/benches/kernel_rate.sh down PREFIX                    removes every namespace of that prefix
set -eu

up() {
  local what=$1 p=$2 size=$3 i last
  if [ "$what" = chain ]; then
    last=$((size + 1))
    for ((i = 0; i <= last; i++)); do
      ip netns add "${p}n$i"
      ip netns exec "${p}n$i" sysctl -qw net.ipv4.ip_forward=1
    done
    for ((i = 0; i < last; i++)); do
      ip link add right netns "${p}n$i" type veth peer name left netns "${p}n$((i + 1))"
      ip -n "${p}n$i" addr add "10.0.$i.1/24" dev right
      ip -n "${p}n$((i + 1))" addr add "10.0.$i.2/24" dev left
      ip -n "${p}n$i" link set right up
      ip -n "${p}n$((i + 1))" link set left up
    done
    for ((i = 0; i < last; i++)); do ip -n "${p}n$i" route add 10.0.0.0/8 via "10.0.$i.2"; done
    ip -n "${p}n$last" route add 10.0.0.0/8 via "10.0.$size.1"
  else
    ip netns add "${p}nroot"
    ip -n "${p}nroot" link add br0 type bridge mcast_snooping 0
    for ((i = 0; i < size; i++)); do
      ip netns add "${p}n$i"
      ip link add "p$i" netns "${p}nroot" type veth peer name eth0 netns "${p}n$i"
      ip -n "${p}nroot" link set "p$i" master br0 up
      ip -n "${p}n$i" addr add "10.0.0.$((i + 1))/16" dev eth0
      ip -n "${p}n$i" link set eth0 up
    done
    ip -n "${p}nroot" link set br0 up
  fi
}

down() {
  local ns
  for ns in $(ip netns list | awk -v p="$1" 'index($1, p "n") == 1 { print $1 }'); do ip netns del "$ns"; done
}

case ${1-} in
  up) up "$2" "$3" "$4" ;;
  down) down "$2" ;;
  *) sed -n '4,5p' "$0" >&2; exit 1 ;;
esac
