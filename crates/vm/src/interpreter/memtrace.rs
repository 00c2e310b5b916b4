//! Where memory was allocated: the work of `tracemalloc`.
//!
//! The heap and the process's allocator tell of every block (`naja_heap::watch`); what is kept of it is its size and the
//! traceback of the thread that asked for it. File names and tracebacks are stored once each, as plain text and numbers:
//! nothing here refers to an object, so a trace keeps nothing alive. Invariant: while the tracer works, `BUSY` is set in
//! its thread, and what it allocates itself is not traced; it runs no Python.
//!
//! CPython: Python/tracemalloc.c.

use crate::runtime::with_current;
use crate::vm::Vm;
use naja_heap::{Value, watch};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most frames that a traceback may have.
pub const MAX_FRAMES: u32 = 65535;

/// A frame of a traceback: the number of its file, and the line.
type Place = (u32, u32);

struct Traceback {
    places: Box<[Place]>,
    /// How many frames there were, with those cut off.
    total: u32,
}

#[derive(Default)]
struct Tracer {
    limit: u32,
    files: Vec<Box<str>>,
    file_numbers: HashMap<Box<str>, u32>,
    tracebacks: Vec<Traceback>,
    traceback_numbers: HashMap<(Box<[Place]>, u32), u32>,
    /// Size and traceback of each live block, by address.
    traces: HashMap<usize, (usize, u32)>,
    current: usize,
    peak: usize,
}

static TRACER: Mutex<Option<Tracer>> = Mutex::new(None);

thread_local! {
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

fn lock() -> MutexGuard<'static, Option<Tracer>> {
    TRACER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `f`; what it allocates is not traced.
pub fn untraced<R>(f: impl FnOnce() -> R) -> R {
    let before = BUSY.replace(true);
    let result = f();
    BUSY.set(before);
    result
}

fn with<R>(f: impl FnOnce(&mut Tracer) -> R) -> Option<R> {
    untraced(|| lock().as_mut().map(f))
}

impl Tracer {
    fn file_number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.file_numbers.get(name) {
            return number;
        }
        let number = self.files.len() as u32;
        self.files.push(name.into());
        self.file_numbers.insert(name.into(), number);
        number
    }

    /// The number of the traceback of where the thread is now.
    fn here(&mut self, vm: &Vm) -> u32 {
        let (mut places, mut total) = (Vec::new(), 0);
        vm.each_frame(&mut |frame| {
            total += 1;
            if places.len() < self.limit as usize {
                let line = frame.line().unwrap_or(0).max(0) as u32;
                let filename = frame.code().filename();
                let file = self.file_number(&filename.to_string_lossy());
                places.push((file, line));
            }
            true
        });
        if places.is_empty() {
            let unknown = self.file_number("<unknown>");
            places.push((unknown, 0));
            total = 1;
        }
        let key = (places.into_boxed_slice(), total);
        if let Some(&number) = self.traceback_numbers.get(&key) {
            return number;
        }
        let number = self.tracebacks.len() as u32;
        self.tracebacks.push(Traceback {
            places: key.0.clone(),
            total,
        });
        self.traceback_numbers.insert(key, number);
        number
    }

    fn forget(&mut self, block: usize) {
        if let Some((size, _)) = self.traces.remove(&block) {
            self.current -= size;
        }
    }

    fn clear(&mut self) {
        *self = Tracer {
            limit: self.limit,
            ..Tracer::default()
        };
    }

    /// The frames of a traceback, the innermost first.
    fn frames(&self, traceback: u32) -> Vec<(String, u32)> {
        let places = self.tracebacks.get(traceback as usize);
        places
            .map(|t| &*t.places)
            .unwrap_or_default()
            .iter()
            .map(|&(file, line)| {
                let name = self.files.get(file as usize);
                (name.map(|n| n.to_string()).unwrap_or_default(), line)
            })
            .collect()
    }
}

fn allocated(block: usize, size: usize) {
    if BUSY.get() {
        return;
    }
    untraced(|| {
        with_current(|vm| {
            if let Some(tracer) = lock().as_mut() {
                let traceback = tracer.here(vm);
                tracer.forget(block);
                tracer.traces.insert(block, (size, traceback));
                tracer.current += size;
                tracer.peak = tracer.peak.max(tracer.current);
            }
        })
    })
}

fn freed(block: usize) {
    if BUSY.get() {
        return;
    }
    with(|tracer| tracer.forget(block));
}

/// Starts to trace, with at most `limit` frames for each block.
pub fn start(limit: u32) {
    untraced(|| {
        let mut tracer = lock();
        if tracer.is_none() {
            *tracer = Some(Tracer {
                limit,
                ..Tracer::default()
            });
        }
    });
    watch::watch(watch::Watcher { allocated, freed });
}

/// Ends tracing and forgets all traces.
pub fn stop() {
    watch::unwatch();
    untraced(|| drop(lock().take()));
}

/// Whether memory is being traced.
pub fn is_tracing() -> bool {
    watch::is_watched()
}

/// How many frames are kept of each traceback, while tracing.
pub fn limit() -> Option<u32> {
    with(|tracer| tracer.limit)
}

/// Forgets all traces.
pub fn clear() {
    with(Tracer::clear);
}

/// The bytes in traced blocks, now and at most.
pub fn traced_memory() -> (usize, usize) {
    with(|tracer| (tracer.current, tracer.peak)).unwrap_or_default()
}

/// Makes the largest size the present one.
pub fn reset_peak() {
    with(|tracer| tracer.peak = tracer.current);
}

/// The bytes that the tracer itself takes, about.
pub fn own_memory() -> usize {
    with(|tracer| {
        let places: usize = tracer.tracebacks.iter().map(|t| t.places.len()).sum();
        let names: usize = tracer.files.iter().map(|n| n.len()).sum();
        tracer.traces.capacity() * size_of::<(usize, (usize, u32))>()
            + tracer.tracebacks.capacity() * size_of::<Traceback>()
            + 2 * (places * size_of::<Place>() + names)
    })
    .unwrap_or_default()
}

/// What is known of the live blocks.
#[derive(Default)]
pub struct Snapshot {
    /// Size of each block, and the number of its traceback.
    pub traces: Vec<(usize, u32)>,
    /// Frames (file, line; the innermost first) and the number of frames there were.
    pub tracebacks: Vec<(Vec<(String, u32)>, u32)>,
}

/// All traces.
pub fn snapshot() -> Snapshot {
    with(|tracer| Snapshot {
        traces: tracer.traces.values().copied().collect(),
        tracebacks: tracer
            .tracebacks
            .iter()
            .enumerate()
            .map(|(number, t)| (tracer.frames(number as u32), t.total))
            .collect(),
    })
    .unwrap_or_default()
}

/// The frames of where an object was allocated, the innermost first.
pub fn traceback_of(object: &Value) -> Option<Vec<(String, u32)>> {
    let block = object.block_address()?;
    with(|tracer| {
        // A large block is known by the 16 bytes of its size before it.
        let trace = tracer.traces.get(&block);
        let trace = trace.or_else(|| tracer.traces.get(&block.wrapping_sub(16)));
        trace.map(|&(_, traceback)| tracer.frames(traceback))
    })
    .flatten()
}
