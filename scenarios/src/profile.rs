//! Cost profiles: the measured ones come with the program, `zero` and `unit` are made here.

use sim_models::cost::{Costs, Profile};

/// The file's name and text of every profile that ships, oldest first. A measured number that changes means a new file.
/// `textbook` is a measured one with a copy that the kernel does not make.
const SHIPPED: &[(&str, &str)] = &[
    ("kvm-6.18-v1", include_str!("../../sim-models/profiles/kvm-6.18-v1.ron")),
    ("textbook", include_str!("../../sim-models/profiles/textbook.ron")),
];

/// What a scenario gets that names none: the newest measured one.
pub const DEFAULT: &str = "kvm-6.18-v1";

/// Every name that a scenario may give.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name).chain(["zero", "unit"])
}

/// The profile called `name`.
///
/// # Errors
/// There is none, or the one that ships is broken.
pub fn load(name: &str) -> Result<Costs, String> {
    match name {
        "zero" => return Ok(Costs::flat("zero", 0)),
        "unit" => return Ok(Costs::flat("unit", 1)),
        _ => {}
    }
    let (_, text) = SHIPPED.iter().find(|(n, _)| *n == name).ok_or_else(|| format!("there is no profile `{name}`"))?;
    let profile: Profile = ron::from_str(text).map_err(|e| format!("profile `{name}`: {e}"))?;
    Costs::from_profile(&profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_loads_under_its_own_name() {
        for name in names() {
            let costs = load(name).unwrap();
            assert_eq!(costs.name, name);
        }
        assert!(names().any(|n| n == DEFAULT));
        assert!(load("none").is_err());
    }
}
