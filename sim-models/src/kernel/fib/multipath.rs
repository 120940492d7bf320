//! Routes with several next hops, and which of them a packet takes (RT-17 to 21).

use super::Hit;
use crate::{
    kernel::{DevId, rtnl::Scope},
    packet::Addr,
};

/// One next hop of several: `struct fib_nh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg<A> {
    pub gw: Option<A>,
    pub dev: DevId,
    pub nh_scope: Scope,
    /// 1 to 256.
    pub weight: u16,
    pub onlink: bool,
    /// The address that packets by it would have as their source.
    pub saddr: A,
    /// `RTNH_F_DEAD`: the device is down.
    pub dead: bool,
    pub linkdown: bool,
    pub ignore_linkdown: bool,
    /// `fib_nh_upper_bound`: the largest hash that it takes, if no earlier one does; −1: none.
    pub bound: i64,
}

impl<A: Addr> Leg<A> {
    /// Can a lookup end here? `fib_lookup_good_nhc`.
    pub(super) fn good(&self, oif: Option<DevId>, linkstate: bool) -> bool {
        let usable = !self.dead && (!self.linkdown || !self.ignore_linkdown || !linkstate);
        usable && oif.is_none_or(|d| d == self.dev)
    }

    /// The same next hop, whatever became of its link.
    pub(super) fn same(&self, o: &Self) -> bool {
        (self.gw, self.dev, self.nh_scope, self.weight, self.onlink) == (o.gw, o.dev, o.nh_scope, o.weight, o.onlink)
    }
}

/// `fib_rebalance`: shares the hashes among the next hops that are alive, by weight. To be called when one of them comes
/// or goes; a later change of `ignore_routes_with_linkdown` alone changes nothing (RT-16).
pub(super) fn rebalance<A: Addr>(legs: &mut [Leg<A>]) {
    let alive = |l: &Leg<A>| !l.dead && (!l.linkdown || !l.ignore_linkdown);
    let total: u64 = legs.iter().filter(|l| alive(l)).map(|l| u64::from(l.weight)).sum();
    let mut sum = 0;
    for l in legs {
        l.bound = if alive(l) && total > 0 {
            sum += u64::from(l.weight);
            // Rounded to the nearest.
            (((sum << 31) + total / 2) / total) as i64 - 1
        } else {
            -1
        };
    }
}

/// `fib_select_multipath`: the leg for a hash of 31 bits; `saddr`: the source address if it is chosen already; `good`:
/// may this one be used (`fib_multipath_use_neigh`)? `None`: stay with the first that the lookup found.
pub(crate) fn select<A: Addr>(legs: &[Leg<A>], hash: u32, saddr: A, good: impl Fn(&Leg<A>) -> bool) -> Option<usize> {
    let (mut best, mut score) = (None, 0);
    for (i, leg) in legs.iter().enumerate() {
        if leg.bound == -1 || !good(leg) {
            continue;
        }
        let mut here = 0;
        if saddr != A::ZERO && leg.saddr == saddr {
            here += 2;
        }
        if i64::from(hash) <= leg.bound {
            here += 1;
        }
        if here > score {
            (best, score) = (Some(i), here);
            if here == 3 || (saddr == A::ZERO && here == 1) {
                break;
            }
        }
    }
    best
}

impl<A: Addr> Hit<A> {
    /// The answer goes by this leg.
    pub(crate) fn take(&mut self, number: usize, leg: &Leg<A>) {
        (self.gw, self.dev, self.nh_scope, self.leg) = (leg.gw, leg.dev, leg.nh_scope, number as u8);
    }
}

/// What a packet is sorted by: `struct flow_keys` from `basic` on, with what is not asked for 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FlowKeys {
    pub src: u32,
    pub dst: u32,
    pub proto: u8,
    pub sport: u16,
    pub dport: u16,
}

impl FlowKeys {
    /// Only what `fib_multipath_hash_fields` names; tunnels have no fields of their own here.
    pub fn only(&mut self, fields: u32) {
        let clear = |bit: u32| fields >> bit & 1 == 0;
        if clear(0) {
            self.src = 0;
        }
        if clear(1) {
            self.dst = 0;
        }
        if clear(2) {
            self.proto = 0;
        }
        if clear(4) {
            self.sport = 0;
        }
        if clear(5) {
            self.dport = 0;
        }
    }

    /// `fib_multipath_hash_from_keys`, 31 bits: the same for both directions of a flow (RT-19).
    pub fn hash(mut self, seed: u32) -> u32 {
        // `__flow_hash_consistentify`: the smaller first, of addresses and of ports each, as a little-endian machine
        // compares words in network order.
        if self.dst.swap_bytes() < self.src.swap_bytes() {
            (self.src, self.dst) = (self.dst, self.src);
        }
        if self.dport.swap_bytes() < self.sport.swap_bytes() {
            (self.sport, self.dport) = (self.dport, self.sport);
        }
        let mut bytes = [0; 48];
        bytes[2] = self.proto;
        bytes[28..30].copy_from_slice(&self.sport.to_be_bytes());
        bytes[30..32].copy_from_slice(&self.dport.to_be_bytes());
        bytes[36..40].copy_from_slice(&self.src.to_be_bytes());
        bytes[40..44].copy_from_slice(&self.dst.to_be_bytes());
        let half = u64::from(seed) << 32 | u64::from(seed);
        let hash = siphash([half, half], &bytes) as u32;
        hash.max(1) >> 1
    }
}

/// SipHash-2-4 (Aumasson, Bernstein 2012).
fn siphash(key: [u64; 2], data: &[u8]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let mut words = data.chunks_exact(8);
    for w in &mut words {
        let m = u64::from_le_bytes(std::array::from_fn(|i| w[i]));
        v[3] ^= m;
        round(&mut v);
        round(&mut v);
        v[0] ^= m;
    }
    let rest = words.remainder().iter().enumerate().fold(0, |m, (i, b)| m | u64::from(*b) << (8 * i));
    let last = (data.len() as u64) << 56 | rest;
    v[3] ^= last;
    round(&mut v);
    round(&mut v);
    v[0] ^= last;
    v[2] ^= 0xff;
    (0..4).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference vector of the paper's appendix.
    #[test]
    fn siphash_of_the_paper() {
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let data: Vec<u8> = (0..15).collect();
        assert_eq!(siphash(key, &data), 0xa129_ca61_49be_45e5);
    }

    /// RT-17, RT-19: what `ip route get 20.0.0.N sport N00 dport 53` chose on 6.18 with `fib_multipath_hash_seed=5`,
    /// weights 1, 2, 5, for N from 1 to 16: by addresses alone, and by ports, too.
    #[test]
    fn legs_as_the_kernel_chose_them() {
        let leg = |weight| Leg {
            gw: None,
            dev: DevId::NONE,
            nh_scope: Scope::Link,
            weight,
            onlink: false,
            saddr: 0_u32,
            dead: false,
            linkdown: false,
            ignore_linkdown: false,
            bound: 0,
        };
        let mut legs = [leg(1), leg(2), leg(5)];
        rebalance(&mut legs);
        let chosen = |ports: bool| -> Vec<usize> {
            let of = |n: u16| {
                let mut keys = FlowKeys { dst: 20 << 24 | u32::from(n), ..FlowKeys::default() };
                if ports {
                    (keys.proto, keys.sport, keys.dport) = (17, n * 100, 53);
                }
                select(&legs, keys.hash(5), 0, |_| true).map_or(0, |i| i + 1)
            };
            (1..=16).map(of).collect()
        };
        assert_eq!(chosen(false), [3, 1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 3, 3, 2, 3]);
        assert_eq!(chosen(true), [3, 3, 2, 3, 3, 1, 3, 3, 3, 2, 3, 3, 3, 3, 3, 3]);
        // A source that belongs to a leg decides.
        legs[1].saddr = 9;
        assert_eq!(select(&legs, u32::MAX >> 1, 9, |_| true), Some(1));
    }
}
