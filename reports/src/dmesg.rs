//! What hosts' kernels said, as `dmesg` prints it: uptime in brackets, then the message. `›` begins a line of ours.

use scenarios::outcome::HostLog;

use crate::{paint::Paint, units};

/// Where the places of the scenario stand: behind this many characters, or behind a longer line.
const PLACE: usize = 118;
const PS_PER_US: u64 = 1_000_000;

/// The logs of all hosts given, each line ended. With several hosts each has its name above it.
pub fn render(logs: &[&HostLog], paint: Paint) -> String {
    let mut text = String::new();
    for log in logs {
        if logs.len() > 1 {
            text += &paint.strong(&format!("host {}", units::printable(&log.host)));
            text.push('\n');
        }
        host(&mut text, log, paint);
    }
    text
}

fn host(text: &mut String, log: &HostLog, paint: Paint) {
    let before = log.lines.partition_point(|l| l.uptime_ps < log.zero_ps);
    let mut put = |uptime_ps: u64, ours: bool, message: &str, place: Option<&str>| {
        let mark = if ours { "› " } else { "" };
        let line = format!("[{}] {mark}{}", uptime(uptime_ps), units::printable(message));
        let gap = PLACE.saturating_sub(line.chars().count()).max(2);
        text.push_str(&if ours { paint.dim(&line) } else { line });
        if let Some(place) = place {
            *text += &format!("{:gap$}{}", "", paint.dim(&units::printable(place)));
        }
        text.push('\n');
    };
    for l in &log.lines[..before] {
        put(l.uptime_ps, l.ours, &l.text, l.place.as_deref());
    }
    put(log.zero_ps, true, "time 0 of the scenario", None);
    for l in &log.lines[before..] {
        put(l.uptime_ps, l.ours, &l.text, l.place.as_deref());
    }
    if log.lost > 0 {
        *text += &format!("{} more\n", units::count(log.lost as usize, "line", "lines"));
    }
}

/// "   16.384000": seconds and microseconds.
fn uptime(ps: u64) -> String {
    let us = ps / PS_PER_US;
    format!("{:5}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenarios::outcome::LogLine;

    fn log(host: &str) -> HostLog {
        let line = |us: u64, ours, text: &str, place: Option<&str>| LogLine {
            uptime_ps: us * PS_PER_US,
            ours,
            text: text.to_owned(),
            place: place.map(str::to_owned),
        };
        let lines = vec![
            line(320_000, false, "NET: Registered PF_INET protocol family", None),
            line(1_000_010, true, "RTM_NEWLINK br0 kind bridge", Some("x.ron:6")),
            line(17_384_000, false, "br0: port 1(v1) entered disabled state", Some("x.ron:9")),
        ];
        HostLog { host: host.to_owned(), zero_ps: 16_384_000 * PS_PER_US, lines, lost: 0 }
    }

    #[test]
    fn one_host_is_its_dmesg() {
        let text = render(&[&log("h1")], Paint::Plain);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "[    0.320000] NET: Registered PF_INET protocol family");
        assert!(
            lines[1].starts_with("[    1.000010] › RTM_NEWLINK br0 kind bridge  ") && lines[1].ends_with("  x.ron:6")
        );
        assert_eq!(lines[2], "[   16.384000] › time 0 of the scenario");
        assert!(lines[3].starts_with("[   17.384000] br0: port 1(v1) entered disabled state"));
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn several_hosts_have_their_names_above() {
        let (a, mut b) = (log("h1"), log("h2"));
        b.lost = 7;
        let text = render(&[&a, &b], Paint::Plain);
        assert!(text.starts_with("host h1\n") && text.contains("\nhost h2\n") && text.ends_with("\n7 lines more\n"));
    }
}
