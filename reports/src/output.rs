//! The report's folder: made beside its place under another name, then put there in one step. An interrupted run leaves
//! the old report as it was; a folder that is not ours is never touched.

use std::{
    fmt,
    fs::{self, File, TryLockError},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// The file that says a folder is ours. While a folder is being written its writer holds a lock on this file, so that
/// the folder of a writer that died can be told from one at work.
const MARKER: &str = ".onerouter-report";
const MARKER_TEXT: &str = "This folder is a report of onerouter, which replaces it as a whole.\n";

/// Why a report cannot be written.
#[derive(Debug)]
pub enum OutputError {
    /// The place is taken by a file.
    IsFile(PathBuf),
    /// The place is taken by a folder that is no report.
    NotOurs(PathBuf),
    /// The place is the root, or the folder we stand in.
    NoPlace(PathBuf),
    /// What could not be done, where, and what the system said.
    Io(&'static str, PathBuf, io::Error),
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            OutputError::IsFile(path) => write!(f, "cannot write the report to {}: it is a file", path.display()),
            OutputError::NotOurs(path) => write!(
                f,
                "cannot write the report to {}: this folder exists and is not a report (no {MARKER} in it); \
                 choose another with --out, or remove it",
                path.display()
            ),
            OutputError::NoPlace(path) => {
                write!(f, "cannot write the report to {}: name a folder of its own with --out", path.display())
            }
            OutputError::Io(what, path, error) => write!(f, "cannot {what} {}: {error}", path.display()),
        }
    }
}
impl std::error::Error for OutputError {}

/// A report's folder in the making. Dropped before [`Output::publish`], it vanishes.
#[derive(Debug)]
pub struct Output {
    /// Where the report shall be.
    target: PathBuf,
    /// Where it is being written.
    scratch: PathBuf,
    /// Held while writing.
    lock: Option<File>,
}

impl Output {
    /// Checks the place and makes a folder to write in. What earlier writers left when they died is cleaned away.
    pub fn create(out: &Path) -> Result<Output, OutputError> {
        let target = resolve(out)?;
        check(&target, out)?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(OutputError::NoPlace(out.to_owned()));
        };
        fs::create_dir_all(parent).map_err(|e| OutputError::Io("make the folder", parent.to_owned(), e))?;
        let prefix = format!(".{}.tmp-", name.to_string_lossy());
        sweep(parent, &prefix);
        let io = |what, path: &Path| {
            let path = path.to_owned();
            move |e| OutputError::Io(what, path, e)
        };
        let scratch = fresh(parent, &prefix).map_err(io("make a folder in", parent))?;
        let mut output = Output { target, scratch, lock: None };
        let marker = output.scratch.join(MARKER);
        let mut file = File::create(&marker).map_err(io("write", &marker))?;
        file.write_all(MARKER_TEXT.as_bytes()).map_err(io("write", &marker))?;
        // A file system without locks (NFS, for one) is no reason to fail: leftovers merely stay there.
        let _ = file.try_lock();
        output.lock = Some(file);
        Ok(output)
    }

    /// The folder to write in.
    pub fn folder(&self) -> &Path {
        &self.scratch
    }

    /// Writes one file of the report; `name` may hold folders, which are made.
    pub fn file(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), OutputError> {
        let path = self.scratch.join(name);
        // Errors name the place where the reader would look for the file.
        let io = |e| OutputError::Io("write", self.target.join(name), e);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io)?;
        }
        let mut file = BufWriter::new(File::create(&path).map_err(io)?);
        write(&mut file).map_err(io)?;
        file.flush().map_err(io)
    }

    /// Puts the report in its place, all at once, and removes the one that was there.
    pub fn publish(mut self) -> Result<(), OutputError> {
        check(&self.target, &self.target)?;
        let exists = fs::symlink_metadata(&self.target).is_ok();
        let swapped = if exists { exchange(&self.scratch, &self.target) } else { Ok(false) };
        let done = swapped.and_then(|swapped| {
            if swapped {
                return Ok(());
            }
            if exists {
                // The old report goes first; for a moment there is none.
                fs::remove_dir_all(&self.target)?;
            }
            fs::rename(&self.scratch, &self.target)
        });
        // Dropping self removes what is now under the scratch name: the old report, or ours if that failed.
        self.lock = None;
        done.map_err(|e| OutputError::Io("put the report at", self.target.clone(), e))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.lock = None;
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// Writes one file as a whole: under another name beside it first, so that nobody ever sees half of it.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    let io = |e| OutputError::Io("write", path.to_owned(), e);
    let name = path.file_name().ok_or_else(|| OutputError::NoPlace(path.to_owned()))?;
    // What is no plain file (a terminal, a pipe) is written as it is.
    if fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return fs::write(path, bytes).map_err(io);
    }
    let scratch = path.with_file_name(format!(".{}.tmp-{}", name.to_string_lossy(), std::process::id()));
    let written = fs::write(&scratch, bytes).and_then(|()| fs::rename(&scratch, path));
    if written.is_err() {
        let _ = fs::remove_file(&scratch);
    }
    written.map_err(io)
}

/// The place as an absolute path, symbolic links followed as far as it exists.
fn resolve(out: &Path) -> Result<PathBuf, OutputError> {
    let io = |e| OutputError::Io("find", out.to_owned(), e);
    match fs::canonicalize(out) {
        Ok(path) => Ok(path),
        Err(e) if e.kind() == io::ErrorKind::NotFound => std::path::absolute(out).map_err(io),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => Err(OutputError::IsFile(out.to_owned())),
        Err(e) => Err(io(e)),
    }
}

/// Whether a report may be put there.
fn check(target: &Path, shown: &Path) -> Result<(), OutputError> {
    let here = std::env::current_dir().and_then(fs::canonicalize);
    if here.is_ok_and(|here| here.starts_with(target)) {
        return Err(OutputError::NoPlace(shown.to_owned()));
    }
    let io = |e| OutputError::Io("look at", shown.to_owned(), e);
    match fs::symlink_metadata(target) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(io(e)),
        Ok(found) if !found.is_dir() => Err(OutputError::IsFile(shown.to_owned())),
        Ok(_) if fs::read(target.join(MARKER)).is_ok_and(|text| text == MARKER_TEXT.as_bytes()) => Ok(()),
        // An empty folder has nothing to lose.
        Ok(_) if fs::read_dir(target).map_err(io)?.next().is_none() => Ok(()),
        Ok(_) => Err(OutputError::NotOurs(shown.to_owned())),
    }
}

/// A new folder in `parent` whose name begins with `prefix`.
fn fresh(parent: &Path, prefix: &str) -> io::Result<PathBuf> {
    let process = std::process::id();
    for n in 0..1000 {
        let path = parent.join(format!("{prefix}{process}-{n}"));
        match fs::create_dir(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| path),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Removes the folders of writers that died: ours by name and marker, and nobody holds the lock. Whatever goes wrong
/// here is left for the next time.
fn sweep(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(prefix);
        if !is_ours || !entry.file_type().is_ok_and(|t| t.is_dir()) {
            continue;
        }
        let Ok(marker) = File::open(entry.path().join(MARKER)) else { continue };
        if !matches!(marker.try_lock(), Err(TryLockError::WouldBlock)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Exchanges two folders in one step; `false` where the system or the file system cannot.
#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> io::Result<bool> {
    use rustix::{
        fs::{CWD, RenameFlags, renameat_with},
        io::Errno,
    };
    match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of a test's own, removed at its end.
    struct Place(PathBuf);
    impl Place {
        fn new(name: &str) -> Place {
            let path = std::env::temp_dir().join(format!("onerouter-output-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Place(path)
        }
        fn names(&self) -> Vec<String> {
            let names = fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        }
    }
    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn write(out: &Path, text: &str) -> Result<(), OutputError> {
        let output = Output::create(out)?;
        output.file("a/b.txt", |to| to.write_all(text.as_bytes()))?;
        output.publish()
    }

    #[test]
    fn a_report_replaces_a_report_and_leaves_nothing_else() {
        let place = Place::new("replace");
        let out = place.0.join("deep/er/report");
        write(&out, "one").unwrap();
        fs::write(out.join("stray.txt"), "from the old report").unwrap();
        write(&out, "two").unwrap();
        assert_eq!(fs::read_to_string(out.join("a/b.txt")).unwrap(), "two");
        assert!(!out.join("stray.txt").exists());
        let siblings = fs::read_dir(out.parent().unwrap()).unwrap().count();
        assert_eq!(siblings, 1);
    }

    #[test]
    fn what_is_not_ours_is_refused_and_kept() {
        let place = Place::new("refuse");
        let folder = place.0.join("precious");
        fs::create_dir(&folder).unwrap();
        write(&folder, "an empty folder is as good as none").unwrap();
        fs::remove_file(folder.join(MARKER)).unwrap();
        assert!(matches!(write(&folder, "x"), Err(OutputError::NotOurs(_))));
        assert!(folder.join("a/b.txt").exists());
        let file = place.0.join("file");
        fs::write(&file, "x").unwrap();
        assert!(matches!(write(&file, "x"), Err(OutputError::IsFile(_))));
        assert!(matches!(write(&file.join("below"), "x"), Err(OutputError::IsFile(_) | OutputError::Io(..))));
        assert!(matches!(write(Path::new("/"), "x"), Err(OutputError::NoPlace(_))));
        assert!(matches!(write(Path::new("."), "x"), Err(OutputError::NoPlace(_))));
        assert_eq!(place.names(), ["file", "precious"]);
    }

    #[test]
    fn a_link_to_a_report_stays_a_link() {
        let place = Place::new("link");
        write(&place.0.join("real"), "one").unwrap();
        std::os::unix::fs::symlink("real", place.0.join("link")).unwrap();
        write(&place.0.join("link"), "two").unwrap();
        assert!(fs::symlink_metadata(place.0.join("link")).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(place.0.join("real/a/b.txt")).unwrap(), "two");
    }

    #[test]
    fn an_error_leaves_the_old_report_and_no_half_of_the_new() {
        let place = Place::new("error");
        let out = place.0.join("report");
        write(&out, "one").unwrap();
        let output = Output::create(&out).unwrap();
        let full = output.file("c.txt", |to| {
            to.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        let text = full.unwrap_err().to_string();
        assert!(text.contains("report/c.txt") && !text.contains(".tmp-"), "{text}");
        drop(output);
        assert_eq!(place.names(), ["report"]);
        assert_eq!(fs::read_to_string(out.join("a/b.txt")).unwrap(), "one");
    }

    #[test]
    fn leftovers_of_the_dead_go_and_those_of_the_living_stay() {
        let place = Place::new("leftovers");
        let out = place.0.join("report");
        let living = Output::create(&out).unwrap();
        let dead = place.0.join(".report.tmp-1-0");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(MARKER), MARKER_TEXT).unwrap();
        let strange = place.0.join(".report.tmp-notes");
        fs::create_dir(&strange).unwrap();
        write(&out, "one").unwrap();
        assert!(!dead.exists() && strange.exists() && living.folder().exists());
        living.publish().unwrap();
        assert_eq!(place.names(), [".report.tmp-notes", "report"]);
    }
}
