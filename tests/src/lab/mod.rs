//! Labs: small topologies with a few actions each, recorded on a real Linux kernel under `tests/labs/NAME/`.
//!
//! | file | what |
//! |---|---|
//! | `setup.sh` | the commands that build the topology; its last comments are the actions |
//! | `trace.txt` | every frame on every device, every result, the final tables and counters |
//! | `state.json` | the same, raw, with times |
//!
//! [`script`] and [`actions`] read the first, [`trace`] the second, [`raw`] the third; [`compare`] tells two traces
//! apart. `kernel.py` beside the labs plays them on the real kernel again.

pub mod actions;
pub mod compare;
pub use scenarios::verify::frame;

pub mod ping;
pub mod player;
pub mod raw;
pub mod rules;
pub mod script;
pub mod shell;
pub mod state;
pub mod trace;

use std::path::{Path, PathBuf};

/// The folder `tests/labs`.
pub fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("labs")
}

/// The names of all labs, sorted.
///
/// # Panics
/// If the folder can't be read: the tests are then run outside the repository.
pub fn names() -> Vec<String> {
    let entries = std::fs::read_dir(dir()).expect("tests/labs is part of the repository");
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|e| e.path().join("setup.sh").is_file())
        .filter_map(|e| e.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// The text of one file of a lab.
///
/// # Errors
/// The file can't be read.
pub fn read(lab: &str, file: &str) -> Result<String, String> {
    let path = dir().join(lab).join(file);
    std::fs::read_to_string(&path).map_err(|e| format!("{lab}/{file}: {e}"))
}
