//! Policy rules: which tables a packet asks, and in what order (net/core/fib_rules.c, net/ipv4/fib_rules.c).
//!
//! A namespace has none of this until its first rule is added or deleted: until then `local` and `main` are one table
//! and nothing is asked (RT-2, RT-3).

use super::{Key, Route, Tables, lpm::Lpm, route::Answer};
use crate::{
    kernel::{
        DevId, Errno,
        rtnl::{RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN, RuleAction, RuleSpec},
    },
    packet::{Addr, Prefix},
};

/// One rule: `struct fib4_rule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<A> {
    /// As it was asked for, with the preference that it got.
    pub spec: RuleSpec<A>,
    /// ifindex of [`RuleSpec::iif`]; `None`: there is no such device now ("detached").
    pub iif: Option<u32>,
    pub oif: Option<DevId>,
    /// The request that made it.
    pub origin: u32,
}

/// The rules of a namespace that ever had one of its own.
pub struct Policy<A> {
    /// In order of preference; of equal ones the older first.
    list: Vec<Rule<A>>,
    /// A rule asks for what is not an address: answers can't be kept for other packets.
    pub(super) by_flow: bool,
}

impl<A: Addr> Default for Policy<A> {
    /// `fib_default_rules_init` (RT-1).
    fn default() -> Self {
        let rule = |pref, table| {
            let spec = RuleSpec { table, pref: Some(pref), action: Some(RuleAction::Lookup), ..RuleSpec::any() };
            Rule { spec, iif: None, oif: None, origin: 0 }
        };
        let list = vec![rule(0, RT_TABLE_LOCAL), rule(32766, RT_TABLE_MAIN), rule(32767, RT_TABLE_DEFAULT)];
        Policy { list, by_flow: false }
    }
}

/// What a rule that decides says.
type Said<'a, A> = Result<&'a Route<A>, Errno>;

/// Is a packet with this much of a prefix?
fn within<A: Addr>(prefix: Prefix<A>, a: A) -> bool {
    prefix.len == 0 || prefix.contains(a)
}

impl<A: Addr> Rule<A> {
    /// `fib_rule_match`, `fib4_rule_match` (RT-4).
    fn fits(&self, key: &Key<A>) -> bool {
        let s = &self.spec;
        let port = |range: Option<(u16, u16)>, p| range.is_none_or(|(from, to)| p != 0 && from <= p && p <= to);
        let fits = (s.iif.is_none() || self.iif == Some(key.iif))
            && (s.oif.is_none() || (self.oif.is_some() && self.oif == key.oif))
            && (s.mark ^ key.mark) & s.mask == 0
            // Everybody here is root.
            && s.uid.is_none_or(|(from, _)| from == 0)
            && within(s.from, key.src)
            && within(s.to, key.dst)
            && (s.tos == 0 || s.tos == key.tos & super::route::TOS_MASK)
            && (s.ipproto == 0 || s.ipproto == key.proto)
            && port(s.sport, key.sport)
            && port(s.dport, key.dport);
        fits != s.not
    }

    fn pref(&self) -> u32 {
        self.spec.pref.unwrap_or(0)
    }
}

impl<A: Addr> Policy<A> {
    pub fn rules(&self) -> &[Rule<A>] {
        &self.list
    }

    /// Is there a rule with that preference, which a `goto` could lead to?
    pub fn has(&self, pref: u32) -> bool {
        self.list.iter().any(|r| r.pref() == pref)
    }

    /// The first rule with a preference, or beyond.
    fn first(&self, pref: u32) -> usize {
        self.list.partition_point(|r| r.pref() < pref)
    }

    /// `fib_rules_lookup`: the rule that decides, and what it says (RT-5). `answer` searches a table.
    fn lookup<'a>(
        &'a self,
        key: &Key<A>,
        mut answer: impl FnMut(u32) -> Answer<'a, A>,
    ) -> Option<(&'a Rule<A>, Said<'a, A>)> {
        let mut at = 0;
        while let Some(rule) = self.list.get(at) {
            at += 1;
            if !rule.fits(key) {
                continue;
            }
            let said = match rule.spec.action {
                Some(RuleAction::Goto(pref)) => {
                    if self.has(pref) {
                        at = self.first(pref);
                    }
                    continue;
                }
                Some(RuleAction::Lookup) | None => answer(rule.spec.table),
                Some(RuleAction::Nop) => continue,
                Some(RuleAction::Unreachable) => Answer::Error(Errno::ENETUNREACH),
                Some(RuleAction::Prohibit) => Answer::Error(Errno::EACCES),
                Some(RuleAction::Blackhole) => Answer::Error(Errno::EINVAL),
            };
            match said {
                Answer::Again => {}
                Answer::Error(e) => return Some((rule, Err(e))),
                // `fib4_rule_suppress`
                Answer::Route(r) if rule.spec.suppress.is_some_and(|len| u32::from(r.prefix.len) <= len) => {}
                Answer::Route(r) => return Some((rule, Ok(r))),
            }
        }
        None
    }

    fn refresh(&mut self) {
        let by_flow = |s: &RuleSpec<A>| s.mask != 0 || s.ipproto != 0 || s.sport.is_some() || s.dport.is_some();
        self.by_flow = self.list.iter().any(|r| by_flow(&r.spec));
    }
}

impl<A: Addr> Tables<A> {
    /// The rules, if ever one was added or deleted (`fib_has_custom_rules`).
    pub fn policy(&self) -> Option<&Policy<A>> {
        self.policy.as_deref()
    }

    /// Answers depend on more than addresses, devices and tos, so that one packet's is not another's.
    #[inline]
    pub fn by_flow(&self) -> bool {
        self.policy.as_ref().is_some_and(|p| p.by_flow)
    }

    /// The rule that decides about `key`, for people: `None` without rules, or if none does.
    pub fn rule_for(&self, key: &Key<A>) -> Option<&Rule<A>> {
        let policy = self.policy.as_deref()?;
        policy.lookup(key, |table| self.ask(table, key, true)).map(|found| found.0)
    }

    /// `__fib_lookup`: what the rules say; without one that decides, ENETUNREACH.
    #[cold]
    pub(super) fn find_by_rule<'a>(
        &'a self,
        policy: &'a Policy<A>,
        key: &Key<A>,
        linkstate: bool,
    ) -> Result<&'a Route<A>, Errno> {
        policy.lookup(key, |table| self.ask(table, key, linkstate)).map_or(Err(Errno::ENETUNREACH), |found| found.1)
    }

    /// One table's answer; a table that does not exist has none.
    fn ask(&self, table: u32, key: &Key<A>, linkstate: bool) -> Answer<'_, A> {
        self.lpm(table).map_or(Answer::Again, |t| t.lookup(key, linkstate))
    }

    /// `fib_unmerge`: from the first change of a rule on, local and main are two tables (RT-3).
    fn unmerge(&mut self) {
        if self.policy.is_some() {
            return;
        }
        let mut local = Lpm::default();
        let prefixes: Vec<Prefix<A>> =
            self.merged.iter().filter(|r| r.table == RT_TABLE_LOCAL).map(|r| r.prefix).collect();
        for prefix in prefixes {
            let gone: Vec<Route<A>> =
                self.merged.aliases(prefix).iter().filter(|r| r.table == RT_TABLE_LOCAL).cloned().collect();
            self.merged.retain(prefix, |r| r.table != RT_TABLE_LOCAL);
            for (at, r) in gone.into_iter().enumerate() {
                local.insert(at, r);
            }
        }
        self.others.insert(RT_TABLE_LOCAL, local);
        self.policy = Some(Box::default());
    }

    /// `fib_nl_newrule`: the checks and the insertion. The preference is chosen below that of the second rule unless it
    /// is given.
    ///
    /// # Errors
    /// EEXIST: the very same rule is there.
    pub fn insert_rule(&mut self, mut rule: Rule<A>) -> Result<(), Errno> {
        let pref = rule.spec.pref.unwrap_or_else(|| self.next_pref());
        rule.spec.pref = Some(pref);
        let twin = |r: &Rule<A>| r.spec.same(&rule.spec);
        if self.rules_now().iter().any(twin) {
            return Err(Errno::EEXIST);
        }
        self.unmerge();
        if let Some(p) = &mut self.policy {
            let at = p.list.partition_point(|r| r.pref() <= pref);
            p.list.insert(at, rule);
            p.refresh();
        }
        self.changed();
        Ok(())
    }

    /// `fib_default_rule_pref`
    pub fn next_pref(&self) -> u32 {
        match &self.policy {
            None => 32765,
            Some(p) => p.list.get(1).map_or(0, |r| r.pref().saturating_sub(1)),
        }
    }

    /// The rules as they are, those of a namespace that never changed them included.
    pub fn rules_now(&self) -> Vec<Rule<A>> {
        self.policy.as_ref().map_or_else(|| Policy::default().list, |p| p.list.clone())
    }

    /// `fib_nl_delrule`: the first rule that has all that `wanted` says.
    ///
    /// # Errors
    /// ENOENT: there is none.
    pub fn delete_rule(&mut self, wanted: &RuleSpec<A>) -> Result<(), Errno> {
        let at = self.rules_now().iter().position(|r| wanted.fits(&r.spec)).ok_or(Errno::ENOENT)?;
        self.unmerge();
        if let Some(p) = &mut self.policy {
            p.list.remove(at);
            p.refresh();
        }
        self.changed();
        Ok(())
    }

    /// Devices came, went, or have other names: whom the rules mean by theirs (`attach_rules`, `detach_rules`).
    /// `find`: ifindex and device of a name.
    pub fn attach_rules(&mut self, find: impl Fn(&str) -> Option<(u32, DevId)>) {
        let Some(p) = &mut self.policy else { return };
        for r in &mut p.list {
            r.iif = r.spec.iif.as_deref().and_then(&find).map(|d| d.0);
            r.oif = r.spec.oif.as_deref().and_then(&find).map(|d| d.1);
        }
        self.changed();
    }
}
