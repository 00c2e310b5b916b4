//! The memory of a thread's frames: a stack of chunks. CPython: `_PyThreadState_PushFrame`, datastack chunks.
//!
//! A frame never spans two chunks and never moves. The first chunk is an allocation of its own, further ones are the size of
//! the heap's arenas and come from it: what is unwound serves at once for the frame objects of a traceback, say, and a call
//! at a chunk's edge in a loop finds the chunk that the call before gave back.

use super::frame::{Frame, HEAD_SLOTS};
use naja_heap::slot::Slot;
use naja_heap::{ArenaMemory, Heap};
use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;

const CHUNK_SLOTS: usize = 32 * 1024;

pub struct ThreadStack {
    /// The next free slot, and the end of the current chunk.
    top: Cell<*mut Slot>,
    limit: Cell<*mut Slot>,
    /// The start of the current chunk.
    start: Cell<*mut Slot>,
    /// The innermost frame of the thread.
    pub current: Cell<*mut Frame>,
    chunks: RefCell<Vec<Chunk>>,
}

struct Chunk {
    memory: Memory,
    /// Where `top` stood in the chunk before.
    before: *mut Slot,
}

/// Never initialised as a whole: frames write what they use.
enum Memory {
    Own(Vec<MaybeUninit<Slot>>),
    Arena(ArenaMemory),
}

impl Chunk {
    /// Where it starts and ends.
    fn range(&self) -> (*mut Slot, *mut Slot) {
        let (start, slots) = match &self.memory {
            Memory::Own(slots) => (slots.as_ptr() as *mut Slot, slots.capacity()),
            Memory::Arena(arena) => (
                arena.start() as *mut Slot,
                ArenaMemory::SIZE / size_of::<Slot>(),
            ),
        };
        (start, start.wrapping_add(slots))
    }
}

impl ThreadStack {
    pub fn new() -> ThreadStack {
        ThreadStack {
            top: Cell::new(std::ptr::null_mut()),
            limit: Cell::new(std::ptr::null_mut()),
            start: Cell::new(std::ptr::null_mut()),
            current: Cell::new(std::ptr::null_mut()),
            chunks: RefCell::new(Vec::new()),
        }
    }

    /// Memory for a frame with `slots` slots. The memory is not initialised. Null where there is none.
    #[inline(always)]
    pub fn push(&self, slots: usize) -> *mut Frame {
        let need = HEAD_SLOTS + slots;
        let top = self.top.get();
        if (self.limit.get() as usize).wrapping_sub(top as usize) >= need * size_of::<Slot>() {
            self.top.set(top.wrapping_add(need));
            top as *mut Frame
        } else {
            self.push_chunk(need)
        }
    }

    /// Whether the chunk has so many bytes left.
    #[inline(always)]
    pub fn has_room(&self, bytes: usize) -> bool {
        (self.limit.get() as usize).wrapping_sub(self.top.get() as usize) >= bytes
    }

    /// As [`ThreadStack::push`] for the loop: so many bytes of the chunk, which has room for them.
    #[inline(always)]
    pub fn push_here(&self, bytes: usize) -> *mut Frame {
        let top = self.top.get();
        self.top.set(top.wrapping_byte_add(bytes));
        top as *mut Frame
    }

    /// Whether the frame, of the current chunk, is its first: then its end is [`ThreadStack::pop`]'s business.
    #[inline(always)]
    pub fn starts_chunk(&self, frame: *mut Frame) -> bool {
        std::ptr::eq(self.start.get(), frame as *mut Slot)
    }

    /// Gives back the memory of the innermost stack frame, which does not start a chunk.
    #[inline(always)]
    pub fn pop_here(&self, frame: *mut Frame) {
        self.top.set(frame as *mut Slot)
    }

    #[cold]
    #[inline(never)]
    fn push_chunk(&self, need: usize) -> *mut Frame {
        let mut chunks = self.chunks.borrow_mut();
        let arena = match !chunks.is_empty() && need * size_of::<Slot>() <= ArenaMemory::SIZE {
            true => Heap::try_current().and_then(Heap::take_arena),
            false => None,
        };
        let memory = match arena {
            Some(arena) => Memory::Arena(arena),
            None => {
                let mut slots = Vec::new();
                let size = CHUNK_SLOTS.max(need + need / 8);
                if slots.try_reserve_exact(size).is_err() {
                    return std::ptr::null_mut();
                }
                Memory::Own(slots)
            }
        };
        let chunk = Chunk {
            memory,
            before: self.top.get(),
        };
        let (start, limit) = chunk.range();
        if chunks.try_reserve(1).is_err() {
            return std::ptr::null_mut();
        }
        chunks.push(chunk);
        self.start.set(start);
        self.limit.set(limit);
        self.top.set(start.wrapping_add(need));
        start as *mut Frame
    }

    /// Gives back the memory of the innermost stack frame (and of all behind it).
    #[inline(always)]
    pub fn pop(&self, frame: *mut Frame) {
        self.top.set(frame as *mut Slot);
        // The first frame of a chunk other than the first: the chunk goes too.
        if self.starts_chunk(frame) {
            self.pop_chunk(frame)
        }
    }

    #[cold]
    #[inline(never)]
    fn pop_chunk(&self, frame: *mut Frame) {
        let mut chunks = self.chunks.borrow_mut();
        if chunks.len() < 2
            || chunks
                .last()
                .is_none_or(|c| c.range().0 as *mut Frame != frame)
        {
            return;
        }
        let Some(chunk) = chunks.pop() else {
            return;
        };
        self.top.set(chunk.before);
        if let Some(last) = chunks.last() {
            let (start, limit) = last.range();
            self.start.set(start);
            self.limit.set(limit);
        }
        if let Memory::Arena(arena) = chunk.memory
            && let Some(heap) = Heap::try_current()
        {
            heap.give_arena(arena)
        }
    }
}

impl Default for ThreadStack {
    fn default() -> Self {
        Self::new()
    }
}
