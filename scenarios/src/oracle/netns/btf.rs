//! The running kernel's own description of its structures (`/sys/kernel/btf/vmlinux`): where fields lie, and the names
//! of drop reasons.

use crate::verify::job::Layout;
use std::{collections::BTreeMap, io};

/// A parsed BTF: types in order, type 0 being void.
struct Btf<'b> {
    types: Vec<Type<'b>>,
    strings: &'b [u8],
}

/// Name, kind, flag, size or type, and what follows the common part.
struct Type<'b> {
    name: u32,
    kind: u8,
    flag: bool,
    of: u32,
    more: &'b [u8],
}

const STRUCT: u8 = 4;
const UNION: u8 = 5;
const ENUM: u8 = 6;
/// typedef, volatile, const, restrict, type tag: another type under a new coat.
const COATS: [u8; 5] = [8, 9, 10, 11, 18];

fn word(b: &[u8], at: usize) -> u32 {
    b.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

impl<'b> Btf<'b> {
    fn parse(b: &'b [u8]) -> Option<Btf<'b>> {
        if word(b, 0) & 0xffff != 0xeb9f {
            return None;
        }
        let head = word(b, 4) as usize;
        let part = |off: usize, len: usize| b.get(head + off..head + off + len);
        let mut rest = part(word(b, 8) as usize, word(b, 12) as usize)?;
        let strings = part(word(b, 16) as usize, word(b, 20) as usize)?;
        let mut types = vec![Type { name: 0, kind: 0, flag: false, of: 0, more: &[] }];
        while rest.len() >= 12 {
            let info = word(rest, 4);
            let (kind, n) = ((info >> 24 & 0x1f) as u8, (info & 0xffff) as usize);
            let more = match kind {
                1 | 14 | 17 => 4,
                3 => 12,
                STRUCT | UNION | 15 | 19 => n * 12,
                ENUM | 13 => n * 8,
                _ => 0,
            };
            let of = word(rest, 8);
            types.push(Type { name: word(rest, 0), kind, flag: info >> 31 != 0, of, more: rest.get(12..12 + more)? });
            rest = &rest[12 + more..];
        }
        Some(Btf { types, strings })
    }

    fn is(&self, name: u32, text: &str) -> bool {
        let s = self.strings.get(name as usize..).unwrap_or_default();
        s.strip_prefix(text.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
    }

    fn text(&self, name: u32) -> String {
        let s = self.strings.get(name as usize..).unwrap_or_default();
        String::from_utf8_lossy(s.split(|b| *b == 0).next().unwrap_or_default()).into_owned()
    }

    fn bare(&self, mut id: u32) -> u32 {
        while let Some(t) = self.types.get(id as usize).filter(|t| COATS.contains(&t.kind)) {
            id = t.of;
        }
        id
    }

    /// Bytes from the start of type `id` to the field, and the field's type; fields without a name are looked into.
    fn field(&self, id: u32, name: &str) -> Option<(u32, u32)> {
        let t = self.types.get(self.bare(id) as usize).filter(|t| matches!(t.kind, STRUCT | UNION))?;
        for m in t.more.chunks_exact(12) {
            let bits = if t.flag { word(m, 8) & 0xff_ffff } else { word(m, 8) };
            if self.is(word(m, 0), name) {
                return Some((bits / 8, word(m, 4)));
            }
            if word(m, 0) == 0
                && let Some((off, of)) = self.field(word(m, 4), name)
            {
                return Some((bits / 8 + off, of));
            }
        }
        None
    }

    /// "sk_buff", ["dev"]
    fn offset(&self, of: &str, path: &[&str]) -> Option<u32> {
        let named = |t: &&Type| t.kind == STRUCT && self.is(t.name, of);
        let mut id = self.types.iter().position(|t| named(&t))? as u32;
        let mut sum = 0;
        for name in path {
            let (off, next) = self.field(id, name)?;
            (sum, id) = (sum + off, next);
        }
        Some(sum)
    }

    fn reasons(&self) -> BTreeMap<u32, String> {
        let mut all = BTreeMap::new();
        for t in self.types.iter().filter(|t| t.kind == ENUM && self.is(t.name, "skb_drop_reason")) {
            for v in t.more.chunks_exact(8) {
                let name = self.text(word(v, 0));
                all.insert(word(v, 4), name.strip_prefix("SKB_DROP_REASON_").unwrap_or(&name).to_owned());
            }
        }
        all
    }
}

/// Reads what the running kernel says of itself.
///
/// # Errors
/// It says nothing, or not all of it.
pub fn layout() -> io::Result<Layout> {
    let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
    let lacks = |what: &str| io::Error::other(format!("the kernel does not describe {what}"));
    let btf = Btf::parse(&bytes).ok_or_else(|| lacks("itself"))?;
    let at = |of: &str, path: &[&str]| btf.offset(of, path).ok_or_else(|| lacks(&format!("{of}.{}", path.join("."))));
    Ok(Layout {
        skb_dev: at("sk_buff", &["dev"])?,
        skb_sk: at("sk_buff", &["sk"])?,
        dev_ifindex: at("net_device", &["ifindex"])?,
        dev_net: at("net_device", &["nd_net"])?,
        sk_net: at("sock", &["__sk_common", "skc_net"])?,
        net_inum: at("net", &["ns", "inum"])?,
        reasons: btf.reasons(),
    })
}
