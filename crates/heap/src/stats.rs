//! The text of `sys._debugmallocstats()` about blocks, pools and arenas.
//!
//! CPython: Objects/obmalloc.c (`_PyObject_DebugMallocStats`).

use crate::alloc::Heap;
use crate::pool::{self, ARENA_SIZE, CLASSES, MAX_SMALL, POOL_SIZE};
use std::fmt::Write;

/// `n` with commas between groups of three digits.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One line `label = value`, in columns.
fn line(out: &mut String, label: &str, n: usize) -> usize {
    let _ = writeln!(out, "{label:<35}{:>21}", format!("= {:>19}", grouped(n)));
    n
}

impl Heap {
    /// What `sys._debugmallocstats()` prints to stderr about the heap.
    pub fn debug_malloc_stats(&self) -> String {
        let stats = self.pools.stats();
        let mut out = format!(
            "Small block threshold = {MAX_SMALL}, in {CLASSES} size classes.\n\n\
             class   size   num pools   blocks in use  avail blocks\n\
             -----   ----   ---------   -------------  ------------\n"
        );
        let (mut used, mut free, mut headers, mut lost) = (0, 0, 0, 0);
        for (index, class) in stats.classes.iter().enumerate() {
            if class.pools == 0 {
                continue;
            }
            let size = (index + 1) * pool::ALIGN;
            let _ = writeln!(
                out,
                "{index:5} {size:6} {:11} {:15} {:13}",
                class.pools, class.used, class.free
            );
            used += class.used * size;
            free += class.free * size;
            headers += class.pools * pool::pool_header_size();
            lost += class.pools
                * (POOL_SIZE - pool::pool_header_size() - pool::blocks_per_pool(index) * size);
        }
        out.push('\n');
        line(&mut out, "# arenas allocated total", stats.arenas_made);
        line(
            &mut out,
            "# arenas reclaimed",
            stats.arenas_made - stats.arenas,
        );
        line(&mut out, "# arenas highwater mark", stats.arenas_most);
        line(&mut out, "# arenas allocated current", stats.arenas);
        line(
            &mut out,
            &format!("{} arenas * {ARENA_SIZE} bytes/arena", stats.arenas),
            stats.arenas * ARENA_SIZE,
        );
        out.push('\n');
        let mut total = line(&mut out, "# bytes in allocated blocks", used);
        total += line(&mut out, "# bytes in available blocks", free);
        let unused = format!("{} unused pools * {POOL_SIZE} bytes", stats.free_pools);
        total += line(&mut out, &unused, stats.free_pools * POOL_SIZE);
        total += line(&mut out, "# bytes lost to pool headers", headers);
        total += line(&mut out, "# bytes lost to quantization", lost);
        total += line(&mut out, "# bytes lost to arena alignment", 0);
        line(&mut out, "Total", total);
        out
    }
}
