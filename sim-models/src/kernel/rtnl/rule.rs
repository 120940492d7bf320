//! `RTM_NEWRULE`, `RTM_DELRULE` (net/core/fib_rules.c, net/ipv4/fib_rules.c, iproute2's iprule.c).

use super::{Cx, Errno, Kernel, NsId, RtProto, RtnlError};
use crate::{
    kernel::fib::{Rule, semantics::invalid},
    packet::{Addr, Prefix},
};

/// What a rule does with the packets that it fits (`FR_ACT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// `lookup TABLE`
    Lookup,
    /// `goto PREFERENCE`
    Goto(u32),
    Nop,
    Blackhole,
    Unreachable,
    Prohibit,
}

impl RuleAction {
    /// The same kind: where a `goto` leads does not count.
    fn like(self, other: RuleAction) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// A rule as `ip rule` gives it. What is 0 or `None` fits anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSpec<A = u32> {
    /// `pref`; `None`: the kernel chooses.
    pub pref: Option<u32>,
    pub not: bool,
    pub from: Prefix<A>,
    pub to: Prefix<A>,
    pub tos: u8,
    pub mark: u32,
    /// The bits of the mark that count.
    pub mask: u32,
    pub iif: Option<String>,
    pub oif: Option<String>,
    pub ipproto: u8,
    /// First and last.
    pub sport: Option<(u16, u16)>,
    pub dport: Option<(u16, u16)>,
    /// `uidrange`
    pub uid: Option<(u32, u32)>,
    /// `None`: of any kind, in a request to delete.
    pub action: Option<RuleAction>,
    /// 0: of any table, in a request to delete.
    pub table: u32,
    /// `suppress_prefixlength`
    pub suppress: Option<u32>,
    pub proto: RtProto,
}

impl<A: Addr> RuleSpec<A> {
    /// Fits every packet, and says nothing.
    pub fn any() -> Self {
        let all = Prefix::new(A::ZERO, 0);
        RuleSpec {
            pref: None,
            not: false,
            from: all,
            to: all,
            tos: 0,
            mark: 0,
            mask: 0,
            iif: None,
            oif: None,
            ipproto: 0,
            sport: None,
            dport: None,
            uid: None,
            action: None,
            table: 0,
            suppress: None,
            proto: RtProto::Unspec,
        }
    }

    /// `fib4_rule_compare`: a selector that is not given fits any.
    fn prefixes_fit(&self, r: &Self) -> bool {
        let prefix = |wanted: Prefix<A>, is: Prefix<A>| wanted.len == 0 || wanted == is;
        prefix(self.from, r.from) && prefix(self.to, r.to) && (self.tos == 0 || self.tos == r.tos)
    }

    /// `rule_exists`: is `self` there already as `r`? A new rule that says less about addresses than an old one counts
    /// as there.
    pub fn same(&self, r: &Self) -> bool {
        let action = match (self.action, r.action) {
            (Some(a), Some(b)) => a.like(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        let plain = |s: &Self| {
            let all = Prefix::new(A::ZERO, 0);
            RuleSpec { from: all, to: all, tos: 0, action: None, not: false, ..s.clone() }
        };
        action && plain(self) == plain(r) && r.prefixes_fit(self)
    }

    /// `rule_find`: does a request to delete `self` mean `r`?
    pub fn fits(&self, r: &Self) -> bool {
        self.action.is_none_or(|a| r.action.is_some_and(|b| a.like(b)))
            && (self.table == 0 || self.table == r.table)
            && (self.pref.is_none() || self.pref == r.pref)
            && (self.iif.is_none() || self.iif == r.iif)
            && (self.oif.is_none() || self.oif == r.oif)
            && (self.mark == 0 || self.mark == r.mark)
            && (self.mask == 0 || self.mask == r.mask)
            && (self.suppress.is_none() || self.suppress == r.suppress)
            && (self.uid.is_none() || self.uid == r.uid)
            && (self.ipproto == 0 || self.ipproto == r.ipproto)
            && (self.proto == RtProto::Unspec || self.proto == r.proto)
            && (self.sport.is_none() || self.sport == r.sport)
            && (self.dport.is_none() || self.dport == r.dport)
            && self.prefixes_fit(r)
    }
}

/// `fib_nl2rule`: what is wrong whatever rules there are. `pref`: the one that it has or would get.
fn check(r: &RuleSpec, pref: u32) -> Result<(), RtnlError> {
    if r.from.len > 32 || r.to.len > 32 {
        return Err(RtnlError::new(Errno::EINVAL));
    }
    let bad = |range: Option<(u16, u16)>| range.is_some_and(|(from, to)| from == 0 || to == 0 || from > to);
    if matches!(r.action, Some(RuleAction::Goto(target)) if target <= pref) {
        return Err(invalid("Backward goto not supported"));
    }
    if r.uid.is_some_and(|(from, to)| from > to) {
        return Err(invalid("Invalid uid range"));
    }
    if bad(r.sport) {
        return Err(invalid("Invalid sport range"));
    }
    if bad(r.dport) {
        return Err(invalid("Invalid dport range"));
    }
    Ok(())
}

pub(super) fn new_rule(k: &mut Kernel, cx: &mut Cx, ns: NsId, r: &RuleSpec) -> Result<(), RtnlError> {
    let v4 = &k.net(ns).v4;
    let pref = r.pref.unwrap_or_else(|| v4.next_pref());
    check(r, pref)?;
    if r.tos & 3 != 0 {
        return Err(invalid("Invalid dsfield (tos): ECN bits must be 0"));
    }
    let rule = Rule { spec: r.clone(), iif: None, oif: None, origin: cx.origin };
    k.net_mut(ns).v4.insert_rule(rule).map_err(RtnlError::new)?;
    attach(k, ns);
    Ok(())
}

pub(super) fn del_rule(k: &mut Kernel, _cx: &mut Cx, ns: NsId, r: &RuleSpec) -> Result<(), RtnlError> {
    // Checked as if it were to be added.
    check(r, r.pref.unwrap_or_else(|| k.net(ns).v4.next_pref()))?;
    k.net_mut(ns).v4.delete_rule(r).map_err(RtnlError::new)?;
    attach(k, ns);
    Ok(())
}

/// Finds the devices that the rules of a namespace name.
fn attach(k: &mut Kernel, ns: NsId) {
    k.has_rules = true;
    let devs = &k.devs;
    k.nets[ns.0 as usize].v4.attach_rules(|name| devs.by_name(ns, name).map(|d| (devs[d].ifindex, d)));
}

/// After a change of links anywhere on the host: whom do the rules name now?
pub(crate) fn attach_all(k: &mut Kernel) {
    if k.has_rules {
        (0..k.nets.len()).for_each(|ns| attach(k, NsId(ns as u32)));
    }
}

#[cfg(test)]
mod tests;
