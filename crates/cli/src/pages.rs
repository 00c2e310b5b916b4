//! Gives pages of the executable back whose work is done.
//!
//! Read-only pages of the program's file are in memory once for all processes, but count for each that has touched them,
//! with their neighbours: the system maps 64 KiB around each first touch. After the start of a program most of them are
//! never needed again. At some of the machine's moments (`naja_heap::resident`), the rarer the longer the program runs,
//! they are all unmapped; what is still in use comes back by page faults that find it in the page cache, some dozens of
//! microseconds altogether.
//!
//! Invariant: only the segments from the program's first byte to the end of its code are touched. They are mapped
//! read-only and not relocated, so that nothing in them could get lost.

/// Makes this the machine's trimmer, where the system and the linker are known to allow it.
pub fn trim_at_moments() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    naja_heap::resident::set_trimmer(linux::trim);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod linux {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    const PAGE: usize = 4096;
    /// How much of files a process may have in memory without a trimming.
    const ENOUGH: usize = (5 << 20) / PAGE;
    /// So many page faults pass before the first trimming, about half of what an empty program has, and between two of them at
    /// least: one costs some 150 itself.
    const FIRST: usize = 350;
    const APART: usize = 400;

    unsafe extern "C" {
        // Made by the linker: the first byte of the file, and the end of the code.
        static __executable_start: u8;
        static etext: u8;
    }

    /// The number of page faults that the next look waits for.
    static DUE: AtomicUsize = AtomicUsize::new(FIRST);

    pub(super) fn trim() {
        let faults = faults();
        if faults < DUE.load(Relaxed) {
            return;
        }
        let apart = if file_pages().is_some_and(|pages| pages >= ENOUGH) {
            unmap();
            // Rarer and rarer, so that the cost stays small beside that of a growing program's own faults.
            APART.max(faults / 6)
        } else {
            APART / 8
        };
        DUE.store(faults + apart, Relaxed);
    }

    /// The page faults of the process so far.
    fn faults() -> usize {
        // SAFETY: all zeros are a valid `rusage`, which the call fills.
        unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &mut usage);
            usage.ru_minflt as usize
        }
    }

    /// How many pages of files are in the process's memory: the third number of `statm`.
    fn file_pages() -> Option<usize> {
        let mut text = [0u8; 128];
        // SAFETY: plain calls on a descriptor of our own and a buffer of the given size.
        let length = unsafe {
            let fd = libc::open(
                c"/proc/self/statm".as_ptr(),
                libc::O_RDONLY | libc::O_CLOEXEC,
            );
            if fd < 0 {
                return None;
            }
            let length = libc::read(fd, text.as_mut_ptr().cast(), text.len());
            libc::close(fd);
            length
        };
        let text = text.get(..usize::try_from(length).ok()?)?;
        let number = text.split(|&byte| byte == b' ').nth(2)?;
        std::str::from_utf8(number).ok()?.parse().ok()
    }

    fn unmap() {
        // SAFETY: the range is the program's read-only segments (see above): the pages come back as they are.
        unsafe {
            let start = (&raw const __executable_start) as usize & !(PAGE - 1);
            let end = (&raw const etext) as usize & !(PAGE - 1);
            let errno = libc::__errno_location();
            let before = *errno;
            libc::madvise(
                start as *mut libc::c_void,
                end.saturating_sub(start),
                libc::MADV_DONTNEED,
            );
            *errno = before;
        }
    }
}
