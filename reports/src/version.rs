//! What made a report.

/// "onerouter 0.1.0", with the commit if it is known: "onerouter 0.1.0 (4ddb22d1c0aa)".
pub fn program() -> String {
    match option_env!("ONEROUTER_COMMIT") {
        Some(commit) => format!("onerouter {} ({commit})", env!("CARGO_PKG_VERSION")),
        None => format!("onerouter {}", env!("CARGO_PKG_VERSION")),
    }
}
