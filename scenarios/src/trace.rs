//! Recorded traffic: a CSV file beside the scenario, one packet a line. The first line names the columns, in any order:
//! `time` since the start, `size` of the payload, and perhaps `dst`, an address.

use crate::{
    diagnostic::{Diagnostic, did_you_mean},
    source::{Range, Source},
    spec::{Scenario, Traffic},
    values::{Ip, Written, short},
};
use sim_core::{
    time::{PS_PER_S, Span},
    units::Bytes,
};
use sim_models::apps::pace::Packet;
use std::sync::Arc;

/// Packets of a file at most.
const MAX_PACKETS: usize = 2_000_000;
/// Mistakes of a file that are reported.
const MAX_MISTAKES: usize = 50;
/// Most payload of a datagram.
const MAX_SIZE: u64 = 65_507;
const COLUMNS: [&str; 3] = ["time", "size", "dst"];

/// What a file holds, in order of time.
#[derive(Clone, Debug)]
pub struct Trace {
    pub packets: Arc<[Packet]>,
    /// The file, and the bytes of the line that first names each destination.
    pub named: Vec<(u32, Range)>,
    pub file: Option<Arc<Source>>,
}

impl Default for Trace {
    fn default() -> Self {
        Trace { packets: Arc::new([]), named: Vec::new(), file: None }
    }
}

/// Reads the files of all flows.
pub(crate) fn load(source: &Arc<Source>, s: &mut Scenario, sink: &mut Vec<Diagnostic>) {
    for entry in &mut s.traffic.entries {
        let Some(Traffic::Replay(replay)) = &mut entry.value else { continue };
        let Some(path) = replay.file.get() else { continue };
        match source.beside(path) {
            Ok(file) => {
                replay.read = read(&file, sink);
                replay.read.file = Some(file);
            }
            Err(why) => {
                let d = Diagnostic::new(source, replay.file.place.range, why);
                sink.push(d.help("`file` is a CSV file beside the scenario, with the columns time and size"));
            }
        }
    }
}

/// A field with its place.
type Field<'t> = (&'t str, Range);

/// The fields of a line that begins at byte `start`; quotes around a field are not part of it.
fn fields(line: &str, start: usize) -> Vec<Field<'_>> {
    let mut at = start;
    let field = |f: &'_ str| -> (usize, usize) {
        let front = f.len() - f.trim_start().len();
        let bare = f.trim();
        let quoted = bare.len() >= 2 && bare.starts_with('"') && bare.ends_with('"');
        let cut = usize::from(quoted);
        (front + cut, front + bare.len() - cut)
    };
    let mut all = Vec::new();
    for f in line.split(',') {
        let (from, to) = field(f);
        all.push((&f[from..to], Range::new(at + from, at + to)));
        at += f.len() + 1;
    }
    all
}

fn read(file: &Arc<Source>, sink: &mut Vec<Diagnostic>) -> Trace {
    let mut reader = Reader { file, sink, mistakes: 0 };
    let mut lines = lines(&file.text);
    let Some((start, head)) = lines.next() else {
        reader.say(Range::new(0, 0), "the file is empty", Some("its first line names the columns: time,size"));
        return Trace::default();
    };
    let Some(columns) = reader.columns(&fields(head, start), Range::new(start, start + head.len())) else {
        return Trace::default();
    };
    let mut packets: Vec<Packet> = Vec::new();
    let mut named: Vec<(u32, Range)> = Vec::new();
    for (start, line) in lines {
        let whole = Range::new(start, start + line.len());
        if packets.len() >= MAX_PACKETS {
            reader.say(whole, &format!("a trace has at most {MAX_PACKETS} packets"), None);
            break;
        }
        if reader.mistakes >= MAX_MISTAKES {
            break;
        }
        let Some(packet) = reader.packet(&fields(line, start), whole, columns) else { continue };
        if let Some(before) = packets.last().filter(|b| b.after > packet.after) {
            let title = format!("this packet is sent before the one above it, at {}", before.after);
            reader.say(whole, &title, Some("lines stand in order of time"));
            continue;
        }
        if let Some(dst) = packet.dst
            && named.iter().all(|n| n.0 != dst)
        {
            named.push((dst, whole));
        }
        packets.push(packet);
    }
    if packets.is_empty() && reader.mistakes == 0 {
        reader.say(Range::new(0, 0), "there is no packet in the file", None);
    }
    Trace { packets: packets.into(), named, file: None }
}

/// Lines with where they begin; empty ones and comments are passed over.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    let all = text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.trim_end_matches(['\n', '\r']))
    });
    all.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

struct Reader<'a> {
    file: &'a Arc<Source>,
    sink: &'a mut Vec<Diagnostic>,
    mistakes: usize,
}

impl Reader<'_> {
    fn say(&mut self, at: Range, title: &str, help: Option<&str>) {
        self.mistakes += 1;
        let d = Diagnostic::new(self.file, at, title.to_owned());
        self.sink.push(d.maybe_help(help.map(str::to_owned)));
    }

    /// Where each of [`COLUMNS`] stands.
    fn columns(&mut self, head: &[Field], whole: Range) -> Option<[Option<usize>; 3]> {
        let mut places = [None; 3];
        for (i, (name, at)) in head.iter().enumerate() {
            let Some(c) = COLUMNS.iter().position(|c| c == name) else {
                let number = name.parse::<f64>().is_ok();
                let help = match did_you_mean(name, COLUMNS) {
                    _ if number => "the first line names the columns: time,size".to_owned(),
                    Some(near) => near,
                    None => "its columns are time, size and dst".to_owned(),
                };
                self.say(*at, &format!("a trace has no column `{}`", short(name)), Some(&help));
                continue;
            };
            if places[c].replace(i).is_some() {
                self.say(*at, &format!("the column `{name}` is there twice"), None);
            }
        }
        for (c, name) in COLUMNS.iter().enumerate().take(2) {
            if places[c].is_none() && self.mistakes == 0 {
                self.say(whole, &format!("the column `{name}` is missing"), Some("a trace needs time and size"));
            }
        }
        (self.mistakes == 0).then_some(places)
    }

    fn packet(&mut self, fields: &[Field], whole: Range, columns: [Option<usize>; 3]) -> Option<Packet> {
        let width = columns.iter().flatten().max().map_or(0, |m| m + 1);
        if fields.len() != width {
            self.say(whole, &format!("this line has {} fields, the first one has {width}", fields.len()), None);
            return None;
        }
        let [time, size, dst] = columns.map(|c| c.and_then(|c| fields.get(c)).copied());
        let (time, size) = (self.field(time?, time_of), self.field(size?, size_of));
        let dst = match dst.filter(|d| !d.0.is_empty()) {
            Some(d) => Some(self.field(d, |t| Ip::parse(t).map(|ip| ip.0))?),
            None => None,
        };
        Some(Packet { after: time?, size: size?, dst })
    }

    fn field<T>(&mut self, (text, at): Field, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match read(text) {
            Ok(value) => Some(value),
            Err(why) => {
                let (title, help) = why.split_once('\n').map_or((why.as_str(), None), |(t, h)| (t, Some(h)));
                self.say(at, title, help);
                None
            }
        }
    }
}

/// "1.5ms", or a bare number of seconds, as packet dumps have it.
fn time_of(text: &str) -> Result<Span, String> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.ends_with(char::is_alphabetic) {
        return <Span as Written>::parse(text);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let wrong =
        || format!("`{}` is not a time\nseconds, with at most 12 digits after the point, or like 1.5ms", short(text));
    if !digits(whole) || !digits(fraction) || fraction.len() > 12 {
        return Err(wrong());
    }
    let ps: u64 = format!("{fraction:0<12}").parse().map_err(|_| wrong())?;
    let s: u64 = whole.parse().map_err(|_| wrong())?;
    s.checked_mul(PS_PER_S).and_then(|s| s.checked_add(ps)).map(Span::from_ps).ok_or_else(wrong)
}

fn size_of(text: &str) -> Result<u32, String> {
    let size = <Bytes as Written>::parse(text)?.0;
    if size > MAX_SIZE {
        return Err(format!("a datagram holds at most {MAX_SIZE} bytes, not {size}"));
    }
    Ok(size as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Trace, Vec<String>) {
        let mut sink = Vec::new();
        let file = Arc::new(Source::new("x.csv", text.to_owned()));
        let trace = read(&file, &mut sink);
        let told = |d: &Diagnostic| {
            let (line, column) = d.line_column().unwrap_or_default();
            format!("{line}:{column}: {}", d.title)
        };
        (trace, sink.iter().map(told).collect())
    }

    #[test]
    fn seconds_and_units_quotes_and_any_order() {
        let (trace, mistakes) = read_text(
            "# a comment\nsize,\"time\", dst\n100,0,\n\n200,0.000001500000,10.0.0.9\r\n\"1kB\",2ms,\"10.0.0.8\"\n",
        );
        assert_eq!(mistakes, Vec::<String>::new());
        let packet = |after, size, dst| Packet { after: Span::from_ps(after), size, dst };
        assert_eq!(
            *trace.packets,
            [
                packet(0, 100, None),
                packet(1_500_000, 200, Some(0x0a00_0009)),
                packet(2_000_000_000, 1000, Some(0x0a00_0008))
            ]
        );
        assert_eq!(trace.named.len(), 2);
    }

    #[test]
    fn mistakes_have_their_line_and_column() {
        let (_, mistakes) = read_text("time,size\n0,100\n0.5,abc\nx,70000\n0.4,1\n1,2,3\n0.3,1\n0.0000000000001,1\n");
        let wanted = [
            "3:5: `abc` is not a size",
            "4:1: `x` is not a time",
            "4:3: a datagram holds at most 65507 bytes, not 70000",
            "6:1: this line has 3 fields, the first one has 2",
            "7:1: this packet is sent before the one above it, at 400ms",
            "8:1: `0.0000000000001` is not a time",
        ];
        assert_eq!(mistakes.len(), wanted.len(), "{mistakes:?}");
        for (found, wanted) in mistakes.iter().zip(wanted) {
            assert!(found.starts_with(wanted), "{found}, not {wanted}");
        }
        let first = |text: &str| read_text(text).1.join("; ");
        assert_eq!(first(""), "1:1: the file is empty");
        assert_eq!(first("time,size\n"), "1:1: there is no packet in the file");
        assert_eq!(first("0.1,100\n"), "1:1: a trace has no column `0.1`; 1:5: a trace has no column `100`");
        assert_eq!(first("time,siez\n"), "1:6: a trace has no column `siez`");
        assert_eq!(first("time,time,size\n"), "1:6: the column `time` is there twice");
        assert_eq!(first("time\n1\n"), "1:1: the column `size` is missing");
        let many = format!("time,size\n{}", "a,b\n".repeat(1000));
        assert!(read_text(&many).1.len() <= MAX_MISTAKES + 1, "mistakes are cut off");
    }
}
