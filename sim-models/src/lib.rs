//! Linux host networking: one [`kernel::Kernel`] per host, namespaces as sets of tables, device drivers, wires.
//!
//! A host has exactly one kernel, and the kernel is exactly one router. The path functions (`ip_rcv`, `ip_forward`,
//! …) exist once; the namespace is found from the device that the packet is on and only selects tables. A packet
//! changes namespace by changing `skb.dev`, and in no other way.

pub mod apps;
pub mod cost;
pub mod cpu;
pub mod drivers;
pub mod kernel;
pub mod mutation;
pub mod packet;
pub mod switch;
pub mod world;
