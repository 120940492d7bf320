#!/bin/sh
# Two containers behind a router, as one would type it.
ip netns add c1
ip netns add c2
ip link add veth0 type veth peer name veth1
ip link set veth1 netns c1
ip link add veth2 type veth \
    peer name eth0 netns c2

ip addr add 10.0.1.1/24 dev veth0; ip link set veth0 up
ip addr add 10.0.2.1/24 dev veth2 && ip link set veth2 up
sysctl -w net.ipv4.ip_forward=1

ip -n c1 link set veth1 name eth0
ip -n c1 addr add 10.0.1.2/24 dev eth0
ip -n c1 link set eth0 address 02:00:00:00:01:02 mtu 1400 up
ip -n c1 route add default via 10.0.1.1
ip netns exec c2 ip addr add 10.0.2.2/24 dev eth0
ip netns exec c2 ip link set eth0 up
ip netns exec c2 ip route add default via 10.0.2.1
