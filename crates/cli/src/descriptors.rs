//! Standard streams that are closed when the program starts stay closed.
//!
//! Rust's runtime opens `/dev/null` in the place of closed descriptors 0 to 2 before `main`; Python programs are to see
//! None in `sys.stdin` and the others instead. A function that the loader calls before notes which are closed.

use std::sync::atomic::{AtomicU8, Ordering};

/// A bit for each descriptor that was closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);

extern "C" fn note() {
    for fd in 0..3 {
        // SAFETY: a query about a number.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
            CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
        }
    }
}

// SAFETY: the loader calls functions of this section once, before any other thread runs; this one needs nothing of Rust's.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = note;

/// Closes again what the runtime has opened.
pub fn restore() {
    let closed = CLOSED.load(Ordering::Relaxed);
    for fd in 0..3 {
        if closed & 1 << fd != 0 {
            // SAFETY: nothing in the process uses this descriptor yet.
            unsafe { libc::close(fd) };
        }
    }
}
