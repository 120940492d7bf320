//! `/proc/net/snmp` and `/proc/net/netstat` of a namespace, under the kernel's own names.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    ops::{Index, IndexMut},
};

macro_rules! counters {
    ($($Name:ident $text:literal),* $(,)?) => {
        /// One counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum M { $($Name),* }
        impl M {
            pub const ALL: &'static [M] = &[$(M::$Name),*];
            pub const COUNT: usize = M::ALL.len();
            /// "Group.Name", as in the proc files.
            pub const fn name(self) -> &'static str { match self { $(M::$Name => $text),* } }
        }
    };
}

counters! {
    IpInReceives "Ip.InReceives", IpInHdrErrors "Ip.InHdrErrors", IpInAddrErrors "Ip.InAddrErrors",
    IpForwDatagrams "Ip.ForwDatagrams", IpInUnknownProtos "Ip.InUnknownProtos", IpInDiscards "Ip.InDiscards",
    IpInDelivers "Ip.InDelivers", IpOutRequests "Ip.OutRequests", IpOutDiscards "Ip.OutDiscards",
    IpOutNoRoutes "Ip.OutNoRoutes", IpReasmTimeout "Ip.ReasmTimeout", IpReasmReqds "Ip.ReasmReqds",
    IpReasmOKs "Ip.ReasmOKs", IpReasmFails "Ip.ReasmFails", IpFragOKs "Ip.FragOKs", IpFragFails "Ip.FragFails",
    IpFragCreates "Ip.FragCreates", IpOutTransmits "Ip.OutTransmits",
    IcmpInMsgs "Icmp.InMsgs", IcmpInErrors "Icmp.InErrors", IcmpInCsumErrors "Icmp.InCsumErrors",
    IcmpInDestUnreachs "Icmp.InDestUnreachs", IcmpInTimeExcds "Icmp.InTimeExcds", IcmpInParmProbs "Icmp.InParmProbs",
    IcmpInSrcQuenchs "Icmp.InSrcQuenchs", IcmpInRedirects "Icmp.InRedirects", IcmpInEchos "Icmp.InEchos",
    IcmpInEchoReps "Icmp.InEchoReps", IcmpInTimestamps "Icmp.InTimestamps", IcmpInTimestampReps "Icmp.InTimestampReps",
    IcmpInAddrMasks "Icmp.InAddrMasks", IcmpInAddrMaskReps "Icmp.InAddrMaskReps",
    IcmpOutMsgs "Icmp.OutMsgs", IcmpOutErrors "Icmp.OutErrors", IcmpOutRateLimitGlobal "Icmp.OutRateLimitGlobal",
    IcmpOutRateLimitHost "Icmp.OutRateLimitHost", IcmpOutDestUnreachs "Icmp.OutDestUnreachs",
    IcmpOutTimeExcds "Icmp.OutTimeExcds", IcmpOutParmProbs "Icmp.OutParmProbs", IcmpOutRedirects "Icmp.OutRedirects",
    IcmpOutEchos "Icmp.OutEchos", IcmpOutEchoReps "Icmp.OutEchoReps",
    IcmpOutTimestamps "Icmp.OutTimestamps", IcmpOutTimestampReps "Icmp.OutTimestampReps",
    IcmpMsgInType0 "IcmpMsg.InType0", IcmpMsgInType3 "IcmpMsg.InType3", IcmpMsgInType5 "IcmpMsg.InType5",
    IcmpMsgInType8 "IcmpMsg.InType8", IcmpMsgInType11 "IcmpMsg.InType11", IcmpMsgInType12 "IcmpMsg.InType12",
    IcmpMsgInType13 "IcmpMsg.InType13", IcmpMsgInType14 "IcmpMsg.InType14",
    IcmpMsgOutType0 "IcmpMsg.OutType0", IcmpMsgOutType3 "IcmpMsg.OutType3", IcmpMsgOutType5 "IcmpMsg.OutType5",
    IcmpMsgOutType8 "IcmpMsg.OutType8", IcmpMsgOutType11 "IcmpMsg.OutType11", IcmpMsgOutType12 "IcmpMsg.OutType12",
    IcmpMsgOutType13 "IcmpMsg.OutType13", IcmpMsgOutType14 "IcmpMsg.OutType14",
    TcpActiveOpens "Tcp.ActiveOpens", TcpPassiveOpens "Tcp.PassiveOpens", TcpAttemptFails "Tcp.AttemptFails",
    TcpEstabResets "Tcp.EstabResets", TcpInSegs "Tcp.InSegs", TcpOutSegs "Tcp.OutSegs", TcpRetransSegs "Tcp.RetransSegs",
    TcpInErrs "Tcp.InErrs", TcpOutRsts "Tcp.OutRsts",
    UdpInDatagrams "Udp.InDatagrams", UdpNoPorts "Udp.NoPorts", UdpInErrors "Udp.InErrors",
    UdpOutDatagrams "Udp.OutDatagrams", UdpRcvbufErrors "Udp.RcvbufErrors", UdpSndbufErrors "Udp.SndbufErrors",
    UdpIgnoredMulti "Udp.IgnoredMulti",
    TcpExtIPReversePathFilter "TcpExt.IPReversePathFilter", TcpExtArpFilter "TcpExt.ArpFilter",
    TcpExtTCPSpuriousRtxHostQueues "TcpExt.TCPSpuriousRtxHostQueues",
    TcpExtTCPTimeouts "TcpExt.TCPTimeouts", TcpExtTCPAbortOnTimeout "TcpExt.TCPAbortOnTimeout",
    TcpExtTCPLostRetransmit "TcpExt.TCPLostRetransmit", TcpExtTCPSynRetrans "TcpExt.TCPSynRetrans",
    TcpExtTcpTimeoutRehash "TcpExt.TcpTimeoutRehash",
    IpExtInNoRoutes "IpExt.InNoRoutes", IpExtInTruncatedPkts "IpExt.InTruncatedPkts",
    IpExtInMcastPkts "IpExt.InMcastPkts", IpExtOutMcastPkts "IpExt.OutMcastPkts", IpExtInBcastPkts "IpExt.InBcastPkts",
    IpExtOutBcastPkts "IpExt.OutBcastPkts", IpExtInOctets "IpExt.InOctets", IpExtOutOctets "IpExt.OutOctets",
    IpExtInMcastOctets "IpExt.InMcastOctets", IpExtOutMcastOctets "IpExt.OutMcastOctets",
    IpExtInBcastOctets "IpExt.InBcastOctets", IpExtOutBcastOctets "IpExt.OutBcastOctets",
    IpExtInCsumErrors "IpExt.InCsumErrors", IpExtInNoECTPkts "IpExt.InNoECTPkts", IpExtInECT1Pkts "IpExt.InECT1Pkts",
    IpExtInECT0Pkts "IpExt.InECT0Pkts", IpExtInCEPkts "IpExt.InCEPkts", IpExtReasmOverlaps "IpExt.ReasmOverlaps",
    UdpInCsumErrors "Udp.InCsumErrors", TcpInCsumErrors "Tcp.InCsumErrors",
    TcpExtLockDroppedIcmps "TcpExt.LockDroppedIcmps",
}

/// What a forwarded or delivered datagram counts lies together, in the first cache line or two.
const HOT: [M; 12] = [
    M::IpInReceives,
    M::IpForwDatagrams,
    M::IpInDelivers,
    M::IpOutRequests,
    M::IpOutTransmits,
    M::IpExtInOctets,
    M::IpExtOutOctets,
    M::IpExtInNoECTPkts,
    M::UdpInDatagrams,
    M::UdpOutDatagrams,
    M::IcmpInMsgs,
    M::IcmpOutMsgs,
];

/// Where each counter lies.
const SLOT: [u8; M::COUNT] = {
    let mut slot = [u8::MAX; M::COUNT];
    let (mut i, mut next) = (0, 0);
    while i < HOT.len() {
        slot[HOT[i] as usize] = next;
        next += 1;
        i += 1;
    }
    let mut m = 0;
    while m < M::COUNT {
        if slot[m] == u8::MAX {
            slot[m] = next;
            next += 1;
        }
        m += 1;
    }
    slot
};

/// All counters of a namespace; each only grows. Most namespaces never count more than what is hot.
#[derive(Default)]
pub struct Mib {
    hot: [u64; HOT.len()],
    rest: Option<Box<Rest>>,
}

struct Rest {
    counters: [u64; M::COUNT - HOT.len()],
    /// `IcmpMsg.InTypeN` of the types that have no counter by name.
    icmp_in: BTreeMap<u8, u64>,
}

impl Default for Rest {
    fn default() -> Rest {
        Rest { counters: [0; M::COUNT - HOT.len()], icmp_in: BTreeMap::new() }
    }
}

impl Index<M> for Mib {
    type Output = u64;
    #[inline]
    fn index(&self, m: M) -> &u64 {
        let slot = SLOT[m as usize] as usize;
        match self.hot.get(slot) {
            Some(n) => n,
            None => self.rest.as_ref().map_or(&0, |rest| &rest.counters[slot - HOT.len()]),
        }
    }
}
impl IndexMut<M> for Mib {
    #[inline]
    fn index_mut(&mut self, m: M) -> &mut u64 {
        let slot = SLOT[m as usize] as usize;
        match self.hot.get_mut(slot) {
            Some(n) => n,
            None => &mut self.rest.get_or_insert_default().counters[slot - HOT.len()],
        }
    }
}

impl Mib {
    /// (name, value) of every counter that is not 0: those with a name in the order of the proc files, then
    /// `IcmpMsg.InTypeN` of unusual types.
    pub fn nonzero(&self) -> impl Iterator<Item = (Cow<'static, str>, u64)> {
        let named = M::ALL.iter().map(|m| (Cow::Borrowed(m.name()), self[*m]));
        let unusual = self.rest.iter().flat_map(|rest| &rest.icmp_in);
        let unusual = unusual.map(|(kind, n)| (Cow::Owned(format!("IcmpMsg.InType{kind}")), *n));
        named.filter(|(_, v)| *v != 0).chain(unusual)
    }

    /// An ICMP message of a type that has no counter of its own came in.
    #[cold]
    pub(super) fn count_icmp_in(&mut self, kind: u8) {
        *self.rest.get_or_insert_default().icmp_in.entry(kind).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_a_slot_of_its_own() {
        let mut mib = Mib::default();
        for (n, m) in M::ALL.iter().enumerate() {
            mib[*m] = n as u64 + 1;
        }
        let all: Vec<(Cow<str>, u64)> = mib.nonzero().collect();
        let want: Vec<(Cow<str>, u64)> =
            M::ALL.iter().enumerate().map(|(n, m)| (m.name().into(), n as u64 + 1)).collect();
        assert_eq!(all, want);
    }
}
