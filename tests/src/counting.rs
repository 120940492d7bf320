//! An allocator that counts: what must not allocate, and how much something takes. A program that wants to know makes it its
//! `#[global_allocator]`.
#![allow(unsafe_code, reason = "a global allocator can't be written without; it only counts and passes on")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

thread_local! {
    static COUNT: Cell<Option<u64>> = const { Cell::new(None) };
}
static BYTES: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counted: requests by thread, while it is told to; bytes always, over all threads.
pub struct Counting;

/// How often this thread asked for memory while `f` ran.
pub fn allocations(f: impl FnOnce()) -> u64 {
    COUNT.set(Some(0));
    f();
    COUNT.take().unwrap_or_default()
}

/// Bytes in use.
pub fn bytes() -> u64 {
    BYTES.load(Relaxed)
}

fn count() {
    // The thread may be going down: then nobody asks any more.
    let _ = COUNT.try_with(|c| c.set(c.get().map(|n| n + 1)));
}

// SAFETY: every request goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        BYTES.fetch_add(layout.size() as u64, Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as u64, Relaxed);
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        BYTES.fetch_add(size as u64, Relaxed);
        BYTES.fetch_sub(layout.size() as u64, Relaxed);
        unsafe { System.realloc(ptr, layout, size) }
    }
}
