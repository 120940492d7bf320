//! Where the kernel is: `tests/uml/build.sh` of the repository builds it and keeps it among the user's caches.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Environment variable with the path of a kernel to use instead.
pub const VARIABLE: &str = "ONEROUTER_UML_KERNEL";
/// The command that builds it.
pub const BUILD: &str = "tests/uml/build.sh";

/// The kernel's file.
///
/// # Errors
/// There is none, and how to get one.
pub fn find() -> Result<PathBuf, String> {
    let named = env::var_os(VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from);
    at(&named.or_else(cached).ok_or("no home directory")?)
}

fn at(path: &Path) -> Result<PathBuf, String> {
    // The cache has a link to what was built last.
    match path.canonicalize() {
        Ok(file) if file.is_file() => Ok(file),
        _ => Err(format!("no kernel at {}: {BUILD} builds it", path.display())),
    }
}

fn cached() -> Option<PathBuf> {
    let dir = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = dir("XDG_CACHE_HOME").or_else(|| Some(dir("HOME")?.join(".cache")))?;
    Some(cache.join("onerouter/uml/linux"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_is_not_there_is_named_with_the_command_that_builds_it() {
        let why = at(Path::new("/none/linux")).unwrap_err();
        assert_eq!(why, "no kernel at /none/linux: tests/uml/build.sh builds it");
        assert!(at(Path::new("/")).is_err());
    }
}
