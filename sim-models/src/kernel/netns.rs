//! net/core/net_namespace.c: namespaces come and go.

use super::{Cx, Kernel, NetNs, NsId, boot, rtnl, sysctl};
use crate::drivers::Config;

impl Kernel {
    /// `ip netns add NAME`: a new set of tables with a `lo` that is down (DEV-37). conf/all and conf/default are
    /// copied from the initial namespace as they are now (DEV-40).
    pub fn new_ns(&mut self, cx: &mut Cx, name: &str) -> NsId {
        let ns = NsId(self.nets.len() as u32);
        if ns != NsId::ROOT {
            self.log.request(cx.origin);
        }
        let conf = match self.nets.first() {
            Some(root) => sysctl::NetConf::inherit(&root.conf),
            None => sysctl::NetConf::default(),
        };
        self.nets.push(NetNs::new(name, conf));
        self.ns_names.insert(name.to_owned(), ns);
        let lo = Config::Loopback(Default::default());
        rtnl::register_lo(self, cx, ns, &lo);
        boot::remarks(self, cx, |_| format!("setup_net {name}: tables of its own, its lo is registered, DOWN"));
        self.log.done();
        ns
    }

    /// `ip netns del NAME`: the name goes at once, the namespace itself as soon as no process is in it any more (DEV-33).
    /// A real kernel leaves that to a worker, which begins within milliseconds. False: there is no such name.
    pub fn del_ns(&mut self, cx: &mut Cx, name: &str) -> bool {
        let Some(ns) = self.ns_names.get(name).copied().filter(|ns| *ns != NsId::ROOT) else { return false };
        self.ns_names.remove(name);
        self.changed();
        self.log.request(cx.origin);
        self.net_mut(ns).life = Life::Nameless;
        self.nameless += 1;
        put_net(self, cx, ns);
        super::linkwatch::work(self, cx);
        self.log.done();
        true
    }
}

/// Whether a namespace is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Life {
    #[default]
    Alive,
    /// Its name was deleted; processes keep it.
    Nameless,
    /// It is gone: an empty shell without devices.
    Gone,
}

/// `put_net`: if nobody needs the namespace any more it goes.
pub(crate) fn put_net(k: &mut Kernel, cx: &mut Cx, ns: NsId) {
    if k.net(ns).life != Life::Nameless || k.tasks.any_in(ns) {
        return;
    }
    let name = k.net(ns).name.clone();
    boot::remarks(k, cx, |_| format!("cleanup_net {name}: its virtual devices go, physical ones return to root"));
    rtnl::cleanup_net(k, cx, ns);
    rtnl::attach_rules(k);
    k.nameless -= 1;
    k.changed();
    k.net_mut(ns).life = Life::Gone;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        apps::{self, App, udp_sink::UdpSink},
        kernel::rtnl::testing::Lab,
    };
    use sim_core::time::Time;

    /// DEV-33: virtual devices go, and their peers elsewhere with them; the bridge that had a port there lives on.
    #[test]
    fn devices_go_with_their_namespace() {
        let mut lab = Lab::new();
        lab.run("a link add br0 type bridge\n a link add v1 type veth peer name e0 netns b\n a link set v1 master br0");
        assert!(lab.k.del_ns(&mut lab.cx, "b"));
        assert_eq!(lab.names("a"), ["lo", "br0"]);
        assert_eq!(lab.mac("a", "br0"), "00:00:00:00:00:00");
        assert!(
            lab.k.ns_by_name("b").is_none() && !lab.k.del_ns(&mut lab.cx, "b") && !lab.k.del_ns(&mut lab.cx, "root")
        );
        let again = lab.k.new_ns(&mut lab.cx, "b");
        assert_eq!((again, lab.k.net(again).devs.len()), (NsId(3), 1));
    }

    /// A physical NIC is never deleted: it comes back to the initial namespace, as devN if its name is taken there.
    #[test]
    fn nics_return() {
        let mut lab = Lab::new();
        let nic = crate::kernel::RtnlOp::NewLink {
            name: "eth0".into(),
            attrs: Default::default(),
            config: Config::of_kind("phy").expect("a driver"),
        };
        lab.k.rtnl(&mut lab.cx, NsId::ROOT, &nic).expect("a NIC");
        lab.run("root link set eth0 netns b\n root link add eth0 type dummy");
        assert!(lab.k.del_ns(&mut lab.cx, "b"));
        assert_eq!(lab.names("root"), ["lo", "dev0", "eth0"]);
    }

    /// Seen on 6.18: while a process is in it, only the name is gone.
    #[test]
    fn processes_keep_a_namespace() {
        let mut lab = Lab::new();
        lab.run("a link add v1 type veth peer name e0 netns b");
        let b = lab.id("b");
        let sink = App::UdpSink(Box::new(UdpSink::new(0, 7)));
        apps::spawn(&mut lab.k, &mut lab.cx, b, 0, sink, Time::ZERO);
        assert!(lab.k.del_ns(&mut lab.cx, "b"));
        assert!(lab.k.ns_by_name("b").is_none());
        assert_eq!((lab.names("a"), lab.k.net(b).life), (vec!["lo".to_owned(), "v1".to_owned()], Life::Nameless));
    }
}
