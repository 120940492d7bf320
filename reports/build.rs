//! Tells a release build which commit it is made from, if the sources lie in a git repository: read from its files, so
//! that git itself is not needed. Other builds do not ask, so that a commit makes nothing to be built anew.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("PROFILE").is_ok_and(|p| p == "release")
        && let Some(commit) = commit(Path::new("../.git"))
    {
        println!("cargo:rustc-env=ONEROUTER_COMMIT={}", &commit[..12]);
    }
}

/// The commit that HEAD is at, 40 hex digits.
fn commit(git: &Path) -> Option<String> {
    // In a second work tree `.git` is a file that says where its folder is; branches are in the main one.
    let own = match fs::read_to_string(git) {
        Ok(text) => PathBuf::from(text.trim().strip_prefix("gitdir: ")?),
        Err(_) => git.to_owned(),
    };
    let common = fs::read_to_string(own.join("commondir")).map_or_else(|_| own.clone(), |c| own.join(c.trim()));
    let head = watched(&own.join("HEAD"))?;
    let hash = match head.trim().strip_prefix("ref: ") {
        None => head,
        Some(branch) => watched(&common.join(branch)).or_else(|| {
            let packed = watched(&common.join("packed-refs"))?;
            let line = packed.lines().find(|l| l.split_once(' ').is_some_and(|(_, name)| name == branch))?;
            line.split(' ').next().map(str::to_owned)
        })?,
    };
    let hash = hash.trim();
    (hash.len() == 40 && hash.bytes().all(|b| b.is_ascii_hexdigit())).then(|| hash.to_owned())
}

/// A file's text; when it changes, this runs again.
fn watched(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    println!("cargo:rerun-if-changed={}", path.display());
    Some(text)
}
