//! Memory for blocks up to 512 bytes: arenas of 1 MiB from the system, cut into pools of 16 KiB of equal blocks.
//!
//! Block sizes are the multiples of 16. A pool starts at an address that is a multiple of its size, so that a block's
//! pool is found by masking its address. Each size class has a ring of pools with room; the class's *current* pool is
//! where allocation pops the first free block. A pool whose free list is used up is extended by a page's worth of blocks
//! never used before, and, when there are none left, taken off its ring until a block comes back. A pool whose blocks
//! are all free goes back to its arena, unless it is the current one; an arena whose pools are all free goes back to
//! the system, unless it is the only one with free pools. Arenas are kept by their number of free pools, and the
//! fullest one serves first, so that the others can become empty.
//!
//! The budget counts whole pools. CPython: Objects/obmalloc.c.

use crate::alloc::AllocError;
use std::cell::Cell;
use std::ptr;

pub(crate) const ARENA_SIZE: usize = 1 << 20;
pub(crate) const POOL_SIZE: usize = 1 << 14;
const POOLS: usize = ARENA_SIZE / POOL_SIZE;
pub(crate) const ALIGN: usize = 16;
/// The largest block that comes from a pool.
pub(crate) const MAX_SMALL: usize = 512;
pub(crate) const CLASSES: usize = MAX_SMALL / ALIGN;
const POOL_HEADER: usize = size_of::<Pool>().next_multiple_of(ALIGN);
/// Blocks are put on a pool's free list a page at a time.
const BATCH: usize = 4096;
/// From so many arenas on they are mapped in groups of so many.
const GROUPS_FROM: usize = 32;
const GROUP: usize = 8;
/// So many arenas without a used block are kept if there were ever as many.
const IDLE_ALL: usize = 24;
/// So many are kept at most.
const IDLE_MOST: usize = 96;
/// `Pool::class` of a pool that its arena holds.
const FREE: u16 = u16::MAX;
/// Fills freed blocks in checking builds.
#[cfg(naja_paranoid)]
pub(crate) const POISON: u8 = 0xDB;

#[repr(C, align(16))]
pub(crate) struct Pool {
    /// The first free block; each holds the address of the next.
    free: Cell<*mut u8>,
    /// The ring of the class's pools with room; for a free pool, `next` is the arena's next free one.
    next: Cell<*mut Pool>,
    prev: Cell<*mut Pool>,
    arena: Cell<*mut Arena>,
    /// Blocks in use.
    used: Cell<u16>,
    class: Cell<u16>,
    /// Offset of the first byte never used.
    fresh: Cell<u16>,
    /// Off its ring, because no block is free.
    full: Cell<bool>,
}

struct Arena {
    base: *mut u8,
    /// Pools that were used and came back.
    free: Cell<*mut Pool>,
    /// Number of free pools, and the first one that was never used.
    free_count: Cell<usize>,
    fresh: Cell<usize>,
    /// The list of arenas with the same number of free pools.
    next: Cell<*mut Arena>,
    prev: Cell<*mut Arena>,
}

/// A heap's small blocks.
pub(crate) struct Pools {
    current: [Cell<*mut Pool>; CLASSES],
    /// Stands in where a class has no pool: it never has a free block.
    none: Pool,
    /// Arenas by their number of free pools.
    arenas: [Cell<*mut Arena>; POOLS + 1],
    arena_count: Cell<usize>,
    arenas_made: Cell<usize>,
    arenas_most: Cell<usize>,
    pool_count: Cell<usize>,
    /// Arenas of which no pool is used.
    idle_arenas: Cell<usize>,
    /// What is left of memory that was mapped for several arenas: its start and how many there is room for.
    reserve: Cell<*mut u8>,
    reserve_left: Cell<usize>,
}

/// Figures of one size class.
#[derive(Clone, Copy, Default)]
pub(crate) struct ClassStats {
    pub(crate) pools: usize,
    pub(crate) used: usize,
    pub(crate) free: usize,
}

/// Figures of all pools and arenas.
#[derive(Default)]
pub(crate) struct PoolStats {
    pub(crate) classes: [ClassStats; CLASSES],
    pub(crate) free_pools: usize,
    pub(crate) arenas: usize,
    pub(crate) arenas_made: usize,
    pub(crate) arenas_most: usize,
}

#[inline(always)]
fn class_of(bytes: usize) -> usize {
    bytes.saturating_sub(1) / ALIGN
}

const fn block_size(class: usize) -> usize {
    (class + 1) * ALIGN
}

/// The size of a block that is in use.
///
/// # Safety
/// The block came from a heap's pools.
pub(crate) unsafe fn size_of_block(block: *mut u8) -> usize {
    // SAFETY: the pool of a block starts at the multiple of `POOL_SIZE` below it.
    unsafe { block_size((*pool_of(block)).class.get() as usize) }
}

/// How many blocks of a class fit a pool.
pub(crate) const fn blocks_per_pool(class: usize) -> usize {
    (POOL_SIZE - POOL_HEADER) / block_size(class)
}

pub(crate) const fn pool_header_size() -> usize {
    POOL_HEADER
}

/// The memory of an arena that serves for something else. Dropped, it goes back to the system.
pub struct ArenaMemory(*mut u8);

impl ArenaMemory {
    /// Its bytes.
    pub const SIZE: usize = ARENA_SIZE;

    /// Its first byte, aligned to 16 KiB.
    pub fn start(&self) -> *mut u8 {
        self.0
    }
}

impl Drop for ArenaMemory {
    fn drop(&mut self) {
        // SAFETY: an arena's memory, which no heap knows.
        unsafe { system::unmap(self.0) }
    }
}

impl Pools {
    pub(crate) fn new() -> Pools {
        Pools {
            current: [const { Cell::new(ptr::null_mut()) }; CLASSES],
            none: Pool {
                free: Cell::new(ptr::null_mut()),
                next: Cell::new(ptr::null_mut()),
                prev: Cell::new(ptr::null_mut()),
                arena: Cell::new(ptr::null_mut()),
                used: Cell::new(0),
                class: Cell::new(FREE),
                fresh: Cell::new(0),
                full: Cell::new(true),
            },
            arenas: [const { Cell::new(ptr::null_mut()) }; POOLS + 1],
            arena_count: Cell::new(0),
            arenas_made: Cell::new(0),
            arenas_most: Cell::new(0),
            pool_count: Cell::new(0),
            idle_arenas: Cell::new(0),
            reserve: Cell::new(ptr::null_mut()),
            reserve_left: Cell::new(0),
        }
    }

    /// To be called when the pools are where they stay.
    pub(crate) fn init(&self) {
        for current in &self.current {
            current.set(self.nothing());
        }
    }

    fn nothing(&self) -> *mut Pool {
        &self.none as *const Pool as *mut Pool
    }

    /// A block of at least `bytes` (at most `MAX_SMALL`), if the class's current pool has one at hand.
    #[inline(always)]
    pub(crate) fn pop(&self, bytes: usize) -> Option<*mut u8> {
        debug_assert!(bytes <= MAX_SMALL);
        // SAFETY: a current pool is a pool of ours or `none`; the first word of a free block is the next one's address.
        unsafe {
            let pool = &*self.current.get_unchecked(class_of(bytes)).get();
            let block = pool.free.get();
            if block.is_null() {
                return None;
            }
            pool.free.set(*(block as *mut *mut u8));
            pool.used.set(pool.used.get() + 1);
            Some(block)
        }
    }

    /// As `pop`, finding room first. `charge` is asked before a further pool is taken into use.
    #[cold]
    #[inline(never)]
    pub(crate) fn pop_slow(
        &self,
        bytes: usize,
        charge: &dyn Fn(usize) -> Result<(), AllocError>,
    ) -> Result<*mut u8, AllocError> {
        let class = class_of(bytes);
        loop {
            if let Some(block) = self.pop(bytes) {
                return Ok(block);
            }
            let pool = self.current[class].get();
            if ptr::eq(pool, self.nothing()) {
                charge(POOL_SIZE)?;
                match self.take_pool(class) {
                    Some(pool) => self.enter_ring(class, pool),
                    None => return Err(AllocError),
                }
                continue;
            }
            // SAFETY: a pool of ours.
            unsafe {
                if !extend(&*pool, class) {
                    (*pool).full.set(true);
                    self.leave_ring(class, pool);
                }
            }
        }
    }

    /// Takes a block back; gives the pool if it is to be settled: it was full, or has become empty.
    ///
    /// # Safety
    /// The block came from these pools and is not used any more.
    #[inline(always)]
    pub(crate) unsafe fn push(&self, block: *mut u8) -> Option<&Pool> {
        // SAFETY: the pool of a block starts at the multiple of `POOL_SIZE` below it.
        unsafe {
            let pool = &*pool_of(block);
            #[cfg(naja_paranoid)]
            check_freed(pool, block);
            *(block as *mut *mut u8) = pool.free.get();
            pool.free.set(block);
            let used = pool.used.get() - 1;
            pool.used.set(used);
            let settle = pool.full.get()
                || used == 0 && !ptr::eq(self.current[pool.class.get() as usize].get(), pool);
            settle.then_some(pool)
        }
    }

    /// Puts a pool that has room again on its ring, and gives an empty one back to its arena. Gives the number of bytes
    /// that the budget gets back.
    pub(crate) fn settle(&self, pool: &Pool) -> usize {
        let class = pool.class.get() as usize;
        let address = pool as *const Pool as *mut Pool;
        if pool.full.replace(false) {
            self.enter_ring(class, address);
        }
        if pool.used.get() != 0 || ptr::eq(self.current[class].get(), address) {
            return 0;
        }
        self.leave_ring(class, address);
        self.give_pool(address);
        POOL_SIZE
    }

    /// Gives empty pools back that were kept because they are current; gives the number of bytes.
    pub(crate) fn trim(&self) -> usize {
        let mut bytes = 0;
        for (class, current) in self.current.iter().enumerate() {
            let pool = current.get();
            // SAFETY: a pool of ours or `none`.
            if !ptr::eq(pool, self.nothing()) && unsafe { (*pool).used.get() } == 0 {
                self.leave_ring(class, pool);
                self.give_pool(pool);
                bytes += POOL_SIZE;
            }
        }
        while self.idle_arenas.get() > 1 {
            let idle = self.arenas[POOLS].get();
            // SAFETY: none of its pools is used.
            unsafe { self.unmap_arena(idle) }
        }
        bytes
    }

    /// Links a pool with room behind the current one, or makes it the current one.
    fn enter_ring(&self, class: usize, pool: *mut Pool) {
        let current = self.current[class].get();
        // SAFETY: the pools of a ring are ours and alive.
        unsafe {
            if ptr::eq(current, self.nothing()) {
                (*pool).next.set(pool);
                (*pool).prev.set(pool);
                self.current[class].set(pool);
            } else {
                let next = (*current).next.get();
                (*pool).next.set(next);
                (*pool).prev.set(current);
                (*next).prev.set(pool);
                (*current).next.set(pool);
            }
        }
    }

    fn leave_ring(&self, class: usize, pool: *mut Pool) {
        // SAFETY: as above; the pool is in the class's ring.
        unsafe {
            let (next, prev) = ((*pool).next.get(), (*pool).prev.get());
            (*prev).next.set(next);
            (*next).prev.set(prev);
            if ptr::eq(self.current[class].get(), pool) {
                self.current[class].set(if ptr::eq(next, pool) {
                    self.nothing()
                } else {
                    next
                });
            }
        }
    }

    /// A pool for blocks of `class`, all free, from the fullest arena that has one.
    fn take_pool(&self, class: usize) -> Option<*mut Pool> {
        let arena = match self.arenas[1..].iter().find(|list| !list.get().is_null()) {
            Some(list) => list.get(),
            None => self.map_arena()?,
        };
        // SAFETY: the arena is ours and has a free pool: one that came back, or one never used.
        unsafe {
            self.move_arena(arena, (*arena).free_count.get() - 1);
            let mut pool = (*arena).free.get();
            if pool.is_null() {
                let index = (*arena).fresh.get();
                (*arena).fresh.set(index + 1);
                pool = (*arena).base.add(index * POOL_SIZE) as *mut Pool;
            } else {
                (*arena).free.set((*pool).next.get());
            }
            pool.write(Pool {
                free: Cell::new(ptr::null_mut()),
                next: Cell::new(ptr::null_mut()),
                prev: Cell::new(ptr::null_mut()),
                arena: Cell::new(arena),
                used: Cell::new(0),
                class: Cell::new(class as u16),
                fresh: Cell::new(POOL_HEADER as u16),
                full: Cell::new(false),
            });
            self.pool_count.set(self.pool_count.get() + 1);
            Some(pool)
        }
    }

    fn give_pool(&self, pool: *mut Pool) {
        // SAFETY: the pool is ours, empty and off its ring.
        unsafe {
            let arena = (*pool).arena.get();
            (*pool).class.set(FREE);
            (*pool).next.set((*arena).free.replace(pool));
            self.pool_count.set(self.pool_count.get() - 1);
            let free = (*arena).free_count.get() + 1;
            self.move_arena(arena, free);
            if free == POOLS {
                self.keep_idle(arena)
            }
        }
    }

    /// Memory for an arena. Large heaps get it in pieces that the system can back with huge pages.
    fn map_base(&self) -> Option<*mut u8> {
        if self.reserve_left.get() == 0
            && self.arena_count.get() >= GROUPS_FROM
            && let Some(group) = system::map_group(GROUP)
        {
            self.reserve.set(group);
            self.reserve_left.set(GROUP);
        }
        match self.reserve_left.get() {
            0 => system::map(),
            left => {
                let base = self.reserve.get();
                self.reserve.set(base.wrapping_add(ARENA_SIZE));
                self.reserve_left.set(left - 1);
                Some(base)
            }
        }
    }

    fn map_arena(&self) -> Option<*mut Arena> {
        let arena = self.adopt(self.map_base()?);
        self.arenas_made.set(self.arenas_made.get() + 1);
        self.arena_count.set(self.arena_count.get() + 1);
        if self.arena_count.get() > self.arenas_most.get() {
            self.arenas_most.set(self.arena_count.get());
        }
        Some(arena)
    }

    /// An arena without used pools, of memory for one.
    fn adopt(&self, base: *mut u8) -> *mut Arena {
        let arena = Box::into_raw(Box::new(Arena {
            base,
            free: Cell::new(ptr::null_mut()),
            free_count: Cell::new(POOLS),
            fresh: Cell::new(0),
            next: Cell::new(ptr::null_mut()),
            prev: Cell::new(ptr::null_mut()),
        }));
        self.link_arena(arena);
        arena
    }

    /// An arena's memory for something else, still counted as an arena: an idle one's, or new.
    pub(crate) fn take_arena(&self) -> Option<ArenaMemory> {
        if self.arenas[POOLS].get().is_null() {
            self.map_arena()?;
        }
        let arena = self.arenas[POOLS].get();
        self.unlink_arena(arena);
        // SAFETY: `adopt` made it, and it is on no list any more.
        let arena = unsafe { Box::from_raw(arena) };
        Some(ArenaMemory(arena.base))
    }

    /// Takes such memory back, to be used again soon.
    pub(crate) fn give_arena(&self, memory: ArenaMemory) {
        let arena = self.adopt(memory.0);
        std::mem::forget(memory);
        // SAFETY: none of its pools is used.
        unsafe { self.keep_idle(arena) }
    }

    /// Unmaps an arena that is idle, unless few are.
    ///
    /// # Safety
    /// None of its pools is used.
    unsafe fn keep_idle(&self, arena: *mut Arena) {
        // A program that grew large once may do so again: all of a little memory, or part of much, waits for that.
        let most = self.arenas_most.get();
        let keep = (most * 3 / 4).max(most.min(IDLE_ALL)).clamp(1, IDLE_MOST);
        if self.idle_arenas.get() > keep {
            // SAFETY: by contract.
            unsafe { self.unmap_arena(arena) }
        }
    }

    /// # Safety
    /// Nothing in the arena is used any more.
    unsafe fn unmap_arena(&self, arena: *mut Arena) {
        self.unlink_arena(arena);
        self.arena_count.set(self.arena_count.get() - 1);
        // SAFETY: `map_arena` made both.
        unsafe {
            system::unmap((*arena).base);
            drop(Box::from_raw(arena));
        }
    }

    fn move_arena(&self, arena: *mut Arena, free_count: usize) {
        self.unlink_arena(arena);
        // SAFETY: the arena is ours.
        unsafe { (*arena).free_count.set(free_count) }
        self.link_arena(arena);
    }

    fn link_arena(&self, arena: *mut Arena) {
        // SAFETY: the arenas on the lists are ours and alive.
        unsafe {
            let free = (*arena).free_count.get();
            if free == POOLS {
                self.idle_arenas.set(self.idle_arenas.get() + 1);
            }
            let next = self.arenas[free].replace(arena);
            (*arena).next.set(next);
            (*arena).prev.set(ptr::null_mut());
            if !next.is_null() {
                (*next).prev.set(arena);
            }
        }
    }

    fn unlink_arena(&self, arena: *mut Arena) {
        // SAFETY: as above.
        unsafe {
            let (next, prev) = ((*arena).next.get(), (*arena).prev.get());
            if (*arena).free_count.get() == POOLS {
                self.idle_arenas.set(self.idle_arenas.get() - 1);
            }
            if !next.is_null() {
                (*next).prev.set(prev);
            }
            if prev.is_null() {
                self.arenas[(*arena).free_count.get()].set(next);
            } else {
                (*prev).next.set(next);
            }
        }
    }

    /// Unmaps all arenas.
    ///
    /// # Safety
    /// No block is used any more.
    pub(crate) unsafe fn unmap_all(&self) {
        for list in &self.arenas {
            while !list.get().is_null() {
                // SAFETY: by contract.
                unsafe { self.unmap_arena(list.get()) }
            }
        }
        while self.reserve_left.get() > 0
            && let Some(base) = self.map_base()
        {
            // SAFETY: nobody has had this part of the reserve.
            unsafe { system::unmap(base) }
        }
        self.init();
    }

    /// Counts everything, pool by pool.
    pub(crate) fn stats(&self) -> PoolStats {
        let mut stats = PoolStats {
            arenas: self.arena_count.get(),
            arenas_made: self.arenas_made.get(),
            arenas_most: self.arenas_most.get(),
            ..PoolStats::default()
        };
        for list in &self.arenas {
            let mut arena = list.get();
            while !arena.is_null() {
                // SAFETY: the arenas are ours, and their pools below `fresh` have headers.
                unsafe {
                    stats.free_pools += (*arena).free_count.get();
                    for index in 0..(*arena).fresh.get() {
                        let pool = &*((*arena).base.add(index * POOL_SIZE) as *const Pool);
                        if let Some(class) = stats.classes.get_mut(pool.class.get() as usize) {
                            let used = pool.used.get() as usize;
                            class.pools += 1;
                            class.used += used;
                            class.free += blocks_per_pool(pool.class.get() as usize) - used;
                        }
                    }
                    arena = (*arena).next.get();
                }
            }
        }
        stats
    }
}

impl PoolStats {
    pub(crate) fn blocks(&self) -> usize {
        self.classes.iter().map(|class| class.used).sum()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.classes
            .iter()
            .enumerate()
            .map(|(class, stats)| stats.used * block_size(class))
            .sum()
    }
}

#[inline(always)]
fn pool_of(block: *mut u8) -> *mut Pool {
    block.wrapping_sub(block as usize % POOL_SIZE) as *mut Pool
}

/// Puts a page's worth of never used blocks on the pool's (empty) free list, in order of address. Whether there were any.
fn extend(pool: &Pool, class: usize) -> bool {
    let size = block_size(class);
    let first = pool.fresh.get() as usize;
    let count = ((POOL_SIZE - first) / size).min((BATCH / size).max(1));
    if count == 0 {
        return false;
    }
    let base = pool as *const Pool as *mut u8;
    let mut next = ptr::null_mut();
    for index in (0..count).rev() {
        // SAFETY: the block lies inside of the pool, and nobody has it.
        unsafe {
            let block = base.add(first + index * size);
            *(block as *mut *mut u8) = next;
            next = block;
        }
    }
    pool.free.set(next);
    pool.fresh.set((first + count * size) as u16);
    true
}

/// Stops at a block that is no block, or is free already, and poisons it.
#[cfg(naja_paranoid)]
unsafe fn check_freed(pool: &Pool, block: *mut u8) {
    let class = pool.class.get() as usize;
    let offset = block as usize % POOL_SIZE;
    assert!(
        class < CLASSES && pool.used.get() > 0,
        "a block of a free pool is freed"
    );
    assert!(
        offset >= POOL_HEADER && (offset - POOL_HEADER) % block_size(class) == 0,
        "no block is freed"
    );
    // SAFETY: a block of at least 16 bytes.
    unsafe {
        let second = *(block.add(8) as *const u64);
        assert!(
            second != u64::from_ne_bytes([POISON; 8]),
            "a block is freed twice"
        );
        ptr::write_bytes(block, POISON, block_size(class));
    }
}

/// Arenas from the operating system.
mod system {
    use super::{ARENA_SIZE, POOL_SIZE};

    /// An arena whose address is a multiple of `POOL_SIZE`.
    #[cfg(unix)]
    pub(super) fn map() -> Option<*mut u8> {
        let all = ARENA_SIZE + POOL_SIZE;
        // SAFETY: a fresh anonymous mapping; its unaligned ends are given back.
        unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let base = libc::mmap(
                std::ptr::null_mut(),
                all,
                access,
                libc::MAP_PRIVATE | libc::MAP_ANON,
                -1,
                0,
            );
            if base == libc::MAP_FAILED {
                return None;
            }
            let start = base as *mut u8;
            let head = (POOL_SIZE - start as usize % POOL_SIZE) % POOL_SIZE;
            if head != 0 {
                libc::munmap(base, head);
            }
            libc::munmap(
                start.add(head + ARENA_SIZE) as *mut libc::c_void,
                POOL_SIZE - head,
            );
            Some(start.add(head))
        }
    }

    /// Memory for `count` arenas, to be backed by huge pages.
    #[cfg(target_os = "linux")]
    pub(super) fn map_group(count: usize) -> Option<*mut u8> {
        const HUGE: usize = 2 << 20;
        let (wanted, all) = (count * ARENA_SIZE, count * ARENA_SIZE + HUGE);
        // SAFETY: as in `map`; the advice changes no contents.
        unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
            let base = libc::mmap(std::ptr::null_mut(), all, access, flags, -1, 0);
            if base == libc::MAP_FAILED {
                return None;
            }
            let start = base as *mut u8;
            let head = (HUGE - start as usize % HUGE) % HUGE;
            if head != 0 {
                libc::munmap(base, head);
            }
            if head != HUGE {
                libc::munmap(start.add(head + wanted) as *mut libc::c_void, HUGE - head);
            }
            libc::madvise(
                start.add(head) as *mut libc::c_void,
                wanted,
                libc::MADV_HUGEPAGE,
            );
            Some(start.add(head))
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn map_group(_count: usize) -> Option<*mut u8> {
        None
    }

    /// # Safety
    /// `base` came from `map`, or is part of a group.
    #[cfg(unix)]
    pub(super) unsafe fn unmap(base: *mut u8) {
        // SAFETY: by contract.
        unsafe {
            libc::munmap(base as *mut libc::c_void, ARENA_SIZE);
        }
    }

    #[cfg(not(unix))]
    fn layout() -> Option<std::alloc::Layout> {
        std::alloc::Layout::from_size_align(ARENA_SIZE, POOL_SIZE).ok()
    }

    #[cfg(not(unix))]
    pub(super) fn map() -> Option<*mut u8> {
        // SAFETY: the size is not zero.
        let base = unsafe { std::alloc::alloc(layout()?) };
        if base.is_null() { None } else { Some(base) }
    }

    /// # Safety
    /// `base` came from `map`.
    #[cfg(not(unix))]
    pub(super) unsafe fn unmap(base: *mut u8) {
        if let Some(layout) = layout() {
            // SAFETY: by contract.
            unsafe { std::alloc::dealloc(base, layout) }
        }
    }
}
