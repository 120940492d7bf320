use super::*;
use crate::{spec::Scenario, tree};

pub(crate) fn mistakes(text: &str) -> Vec<String> {
    let source = Arc::new(Source::new("x.ron", text.to_owned()));
    let (root, mut sink) = tree::parse(&source);
    if let Some(root) = root {
        let _: Option<Scenario> = read(&source, &root, &mut sink);
    }
    crate::diagnostic::arrange(&mut sink);
    let show = |d: &Diagnostic| {
        let (line, column) = d.line_column().unwrap_or_default();
        let help = d.help.as_ref().map(|h| format!(" | {h}")).unwrap_or_default();
        format!("{line}:{column} {}{help}", d.headline())
    };
    sink.iter().map(show).collect()
}

fn scenario(text: &str) -> Scenario {
    let source = Arc::new(Source::new("x.ron", text.to_owned()));
    let (root, mut sink) = tree::parse(&source);
    let s = read(&source, &root.unwrap(), &mut sink);
    assert!(sink.is_empty(), "{:?}", mistakes(text));
    s.unwrap()
}

#[test]
fn every_field_is_looked_at_although_others_are_wrong() {
    let text = r#"(titel: "x",
 hosts: {"h1": (cores: "two", namespaces: {
   "root": (devices: {"eth0": Physical(mtu: 99999999999), "v": Veht(peer: "c/eth0"),
     "w": Dummy(addresses: "10.0.0.1/24", mac: "01:00:00:00:00:01", up: yes)})})},
 wires: [(between: ["h1/root/eth0"], delay: 5)],
 traffic: {"p": Ping(from: "h1/root", address: "10.0.0.300")},
 expect: [Latency(of: "p", p: "200")], seeds: -1)"#;
    assert_eq!(
        mistakes(text),
        [
            "1:2 `Scenario` has no field `titel` | did you mean `title`?",
            "2:25 expected a whole number, found a string",
            "3:45 `99999999999` is not a whole number from 0 to 4294967295",
            "3:64 `Veht` is not a device | did you mean `Veth`?",
            "4:29 expected a list, [ … ], found a string",
            "4:49 `01:00:00:00:00:01` can't be a device's address: it is a group's",
            "4:73 expected `true` or `false`, found a word",
            "5:45 `5` is not a time: its unit is missing (ps, ns, us, ms, s, min, h), like `1.5us`",
            "6:17 `count` is missing",
            "6:49 `10.0.0.300` is not an address | an IPv4 address is four numbers from 0 to 255, like 10.0.0.1",
            "7:32 `200` is not a percentile: expected a number above 0 and up to 100, like 99.9",
            "7:47 `-1` is not a whole number from 0 to 18446744073709551615",
        ]
    );
}

#[test]
fn ranges_unfold_in_names_lists_and_structures() {
    let s = scenario(
        r#"(title: "x", vars: {"n": 3, "who": "c"}, hosts: {"h[h=1..2]": (namespaces: {
            "root": (devices: {"veth[1..n]": Veth(peer: "{who}{i}/eth0"), "br0": Bridge(ports: ["veth[1..n]"])}),
            "c[1..n]": (devices: {"eth0": Peer(addresses: ["10.{h}.0.{i+1}/24"])})})},
          wires: [(each: "1..n-2", between: ["h{i}/root/eth0", "h{i+1}/root/eth0"], delay: "5us")])"#,
    );
    let hosts: Vec<&str> = s.hosts.names().collect();
    assert_eq!(hosts, ["h1", "h2"]);
    let h2 = s.hosts.entries[1].value.as_ref().unwrap();
    let names: Vec<&str> = h2.namespaces.names().collect();
    assert_eq!(names, ["root", "c1", "c2", "c3"]);
    let root = h2.namespaces.entries[0].value.as_ref().unwrap();
    let veth3 = root.devices.entries[2].value.as_ref().unwrap();
    assert_eq!(**veth3.peer.as_ref().unwrap(), "c3/eth0");
    let ports: Vec<&str> =
        root.devices.entries[3].value.as_ref().unwrap().ports.iter().map(|p| p.value.as_str()).collect();
    assert_eq!(ports, ["veth1", "veth2", "veth3"]);
    let c3 = h2.namespaces.entries[3].value.as_ref().unwrap();
    let address = &c3.devices.entries[0].value.as_ref().unwrap().addresses[0];
    assert_eq!((address.value.as_str(), address.place.number()), ("10.2.0.4/24", Some(3)));
    let ends: Vec<&str> = s.wires[0].between.iter().map(|p| p.value.as_str()).collect();
    assert_eq!((s.wires.len(), ends), (1, vec!["h1/root/eth0", "h2/root/eth0"]));
}

#[test]
fn a_mistake_in_a_range_names_the_line_and_the_first_number() {
    let text = "(title: \"x\", hosts: {\"h1\": (namespaces: {\n\
                \"c[1..300]\": (devices: {\"e\": Dummy(\n mac: \"02:00:00:00:00:{i:02x}\",\n mtu: \"{1000/(i-7)}\")})})})";
    assert_eq!(
        mistakes(text),
        [
            "3:8 `02:00:00:00:00:100` is not a MAC address, for number 256 and 44 more | like 02:00:00:00:00:01",
            "4:8 `-166` is not a whole number from 0 to 4294967295, for number 1 and 6 more",
        ]
    );
}

#[test]
fn names_that_a_range_makes_twice_are_reported() {
    let text = "(title: \"x\", hosts: {\"h[1..3]\": (namespaces: {}),\n\"h2\": (namespaces: {}),\n\"{x}\": (namespaces: {}), \
                \"h[9..1]\": (namespaces: {}), 7: 8})";
    assert_eq!(
        mistakes(text),
        [
            "2:2 `h2` is there twice | the first is at 1:23",
            "3:2 `x` is not known here: no range is around it, and `vars` has no such name",
            "3:27 the range 9..1 is empty",
            "3:55 a name is a string, found a number",
        ]
    );
}

#[test]
fn what_the_parser_could_not_read_is_not_missed_twice() {
    assert_eq!(mistakes("(title: 10gbit, hosts: {\"h1\": (namespaces: {}), \"h2\" = 7})").len(), 2);
    assert_eq!(mistakes("(title: \"x\", hosts {})"), ["1:19 expected `:` after this name"]);
}

#[test]
fn somes_variants_and_structures_may_be_written_as_ron_allows() {
    let s = scenario(
        r#"Scenario(title: "a\tb", doc: Some(r"raw"), seed: None, hosts: {"h": Host(namespaces: {"root": (devices: {
            "d": Dummy, "e": Dummy(), "f": Dummy((mtu: 9000))})})})"#,
    );
    assert_eq!((s.title.as_str(), s.doc.as_ref().map(|d| d.as_str())), ("a\tb", Some("raw")));
    let host = s.hosts.entries[0].value.as_ref().unwrap();
    let devices = &host.namespaces.entries[0].value.as_ref().unwrap().devices;
    assert_eq!(devices.entries[2].value.as_ref().unwrap().mtu.as_ref().map(|m| m.value), Some(9000));
}

#[test]
fn a_hundred_thousand_containers_are_read_fast() {
    let text = r#"(title: "x", hosts: {"h1": (namespaces: {
        "root": (devices: {"veth[1..100000]": Veth(peer: "c{i}/eth0"), "br0": Bridge(ports: ["veth[1..100000]"])}),
        "c[1..100000]": (devices: {"eth0": Peer(addresses: ["172.17.{i/250}.{i%250+2}/16"])},
            routes: ["default via 172.17.0.1"])})})"#;
    let begun = std::time::Instant::now();
    let s = scenario(text);
    let took = begun.elapsed();
    assert_eq!(s.hosts.entries[0].value.as_ref().unwrap().namespaces.entries.len(), 100_001);
    eprintln!("read in {took:?}");
}

#[test]
fn too_many_entries_are_refused() {
    let text = r#"(title: "x", hosts: {"h[1..3]": (namespaces: {"c": (sysctls: {"k[1..900000]": 1})})})"#;
    assert!(mistakes(text)[0].contains("unfold into more than 2000000 entries"), "{:?}", mistakes(text));
}
