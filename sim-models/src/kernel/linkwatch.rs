//! linkwatch: what follows a carrier change (DEV-13 to 15). (to be written)

/// Events that wait.
#[derive(Default)]
pub struct LinkWatch {
    _x: (),
}
