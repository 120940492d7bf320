//! Names: short ones for people, safe and unique ones for files and anchors.

use std::collections::BTreeSet;

/// The paths without the folders that all of them share, but with at least one folder left where there is one:
/// "scenarios/docker/outside.ron" alone is "docker/outside.ron". Of an absolute path only as much is left as tells it from
/// the others: no path of the machine stays in a report.
pub fn short(paths: &[&str]) -> Vec<String> {
    let parts: Vec<Vec<&str>> =
        paths.iter().map(|p| p.split('/').filter(|part| !matches!(*part, "" | ".")).collect()).collect();
    let Some(first) = parts.first() else { return Vec::new() };
    let shortest = parts.iter().map(Vec::len).min().unwrap_or(0);
    let shared = (0..shortest.saturating_sub(2)).take_while(|i| parts.iter().all(|p| p[*i] == first[*i])).count();
    let tail = |of: &[&str], n: usize| of[of.len().saturating_sub(n)..].join("/");
    let name = |(i, path): (usize, &&str)| {
        let own = &parts[i][shared..];
        if !path.starts_with('/') {
            return own.join("/");
        }
        let others = || parts.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, p)| p);
        let enough = (2..own.len()).find(|n| others().all(|p| tail(p, *n) != tail(own, *n)));
        tail(own, enough.unwrap_or(own.len()))
    };
    paths.iter().enumerate().map(name).collect()
}

/// Hands out names that are safe in a file system and a URL, each once.
#[derive(Debug, Default)]
pub struct Slugs(BTreeSet<String>);

impl Slugs {
    /// Longest that is handed out, before a number that keeps it apart.
    const LONGEST: usize = 60;

    /// A name made of a–z, 0–9, '.', '_', '-' that looks like `text`; `fallback` if nothing of it is left.
    pub fn take(&mut self, text: &str, fallback: &str) -> String {
        let mut slug = String::new();
        for c in text.chars() {
            let c = c.to_ascii_lowercase();
            if c.is_ascii_alphanumeric() || c == '_' || (c == '.' && !slug.is_empty()) {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
            if slug.len() == Self::LONGEST {
                break;
            }
        }
        let slug = slug.trim_end_matches(['-', '.']);
        let slug = if slug.is_empty() { fallback } else { slug };
        let mut name = slug.to_owned();
        let mut n = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{slug}-{n}");
            n += 1;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_folders_go_but_one_stays() {
        assert_eq!(short(&["scenarios/docker/a.ron", "scenarios/arp/b.ron"]), ["docker/a.ron", "arp/b.ron"]);
        assert_eq!(short(&["scenarios/docker/a.ron", "scenarios/docker/b.ron"]), ["docker/a.ron", "docker/b.ron"]);
        assert_eq!(short(&["/home/me/x/a.ron"]), ["x/a.ron"]);
        assert_eq!(short(&["/home/me/x/a.ron", "y/b.ron", "/tmp/z/a.ron"]), ["x/a.ron", "y/b.ron", "z/a.ron"]);
        assert_eq!(short(&["/home/me/x/a.ron", "/home/you/x/a.ron"]), ["me/x/a.ron", "you/x/a.ron"]);
        assert_eq!(short(&["./a.ron"]), ["a.ron"]);
        assert_eq!(short(&["scenarios/a.ron", "scenarios/d/b.ron"]), ["scenarios/a.ron", "scenarios/d/b.ron"]);
        assert!(short(&[]).is_empty());
    }

    #[test]
    fn slugs_are_safe_and_unique() {
        let mut slugs = Slugs::default();
        assert_eq!(slugs.take("r=4 rate=10k/s", "point"), "r-4-rate-10k-s");
        assert_eq!(slugs.take("R=4 rate=10k/s", "point"), "r-4-rate-10k-s-2");
        assert_eq!(slugs.take("../../etc/passwd", "point"), "etc-passwd");
        assert_eq!(slugs.take("<>", "point"), "point");
        assert_eq!(slugs.take("…", "point"), "point-2");
        assert!(slugs.take(&"x".repeat(500), "point").len() <= 60);
    }
}
