//! The memory of a thread's frames: a stack of chunks. CPython: `_PyThreadState_PushFrame`, datastack chunks.
//!
//! A frame never spans two chunks and never moves. The chunk behind the current one is kept, so that a call at a
//! chunk's edge in a loop does not allocate each time.

use super::frame::{Frame, HEAD_SLOTS};
use naja_heap::slot::Slot;
use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;

const CHUNK_SLOTS: usize = 32 * 1024;

pub struct ThreadStack {
    /// The next free slot, and the end of the current chunk.
    top: Cell<*mut Slot>,
    limit: Cell<*mut Slot>,
    /// The innermost frame of the thread.
    pub current: Cell<*mut Frame>,
    chunks: RefCell<Vec<Chunk>>,
}

struct Chunk {
    /// Never initialised as a whole: frames write what they use.
    slots: Vec<MaybeUninit<Slot>>,
    /// Where `top` stood in the chunk before.
    before: *mut Slot,
}

impl ThreadStack {
    pub fn new() -> ThreadStack {
        ThreadStack {
            top: Cell::new(std::ptr::null_mut()),
            limit: Cell::new(std::ptr::null_mut()),
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

    /// Whether the frame, of the current chunk, may be its first: then its end is [`ThreadStack::pop`]'s business.
    #[inline(always)]
    pub fn starts_chunk(&self, frame: *mut Frame) -> bool {
        self.limit.get() as usize - frame as usize >= CHUNK_SLOTS * size_of::<Slot>()
    }

    /// Gives back the memory of the innermost stack frame, which does not start a chunk.
    #[inline(always)]
    pub fn pop_here(&self, frame: *mut Frame) {
        self.top.set(frame as *mut Slot)
    }

    #[cold]
    #[inline(never)]
    fn push_chunk(&self, need: usize) -> *mut Frame {
        let size = CHUNK_SLOTS.max(need + need / 8);
        let mut slots = Vec::new();
        if slots.try_reserve_exact(size).is_err() {
            return std::ptr::null_mut();
        }
        let mut chunk = Chunk {
            slots,
            before: self.top.get(),
        };
        let start = chunk.slots.as_mut_ptr() as *mut Slot;
        let size = chunk.slots.capacity();
        self.chunks.borrow_mut().push(chunk);
        self.limit.set(start.wrapping_add(size));
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
                .is_none_or(|c| !std::ptr::eq(c.slots.as_ptr() as *const Frame, frame))
        {
            return;
        }
        if let Some(chunk) = chunks.pop() {
            self.top.set(chunk.before);
            if let Some(last) = chunks.last() {
                self.limit
                    .set((last.slots.as_ptr() as *mut Slot).wrapping_add(last.slots.capacity()))
            }
        }
    }
}

impl Default for ThreadStack {
    fn default() -> Self {
        Self::new()
    }
}
