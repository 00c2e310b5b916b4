//! What the compressors and decompressors of `_bz2`, `_lzma`, `_zstd` and `zlib` have in common: output that grows, and
//! what a decompressor keeps from one call to the next.
//!
//! Invariant of [`Input`]: bytes wait for the next call only before the end of the stream, and lie behind it only
//! after; an exhausted limit never loses input. CPython: Include/internal/pycore_blocks_output_buffer.h, and the same
//! fields in each of the modules.

use naja_heap::MutCell;
use naja_vm::buffer::Buffer;
use naja_vm::{PyResult, Vm};
use std::cell::Cell;

/// More than this is not asked for at a time.
const MOST: usize = 1 << 26;

/// Room for more output: what is left of `limit`, as much as there is already, `least` at first. Gives where it starts.
pub fn room(out: &mut Vec<u8>, limit: usize, least: usize) -> usize {
    let start = out.len();
    let more = start.clamp(least.min(MOST), MOST);
    out.resize(start + more.min(limit - start), 0);
    start
}

/// How a decoder stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At the end of the stream.
    End,
    /// All that the input gives has been put out.
    Empty,
    /// At the limit: there may be more output, whether or not there is more input.
    Limit,
}

/// What a decoder made of some input.
pub struct Decoded {
    pub out: Vec<u8>,
    /// How much of the input it used.
    pub taken: usize,
    pub stop: Stop,
}

/// The input of a decompressor object.
pub struct Input {
    /// What waits for the next call; behind the end of the stream, what lies there.
    rest: MutCell<Vec<u8>>,
    eof: Cell<bool>,
    needs_input: Cell<bool>,
}

impl Default for Input {
    fn default() -> Input {
        Input {
            rest: MutCell::default(),
            eof: Cell::new(false),
            needs_input: Cell::new(true),
        }
    }
}

impl Input {
    /// The method `decompress`: `decode` gets what waited with `data` behind it, and the most bytes it may put out. Where
    /// it raises, its input is gone. Raises EOFError with the text `over` behind the end of the stream.
    pub fn decompress(
        &self,
        vm: &Vm,
        data: &Buffer,
        max_length: isize,
        over: &str,
        decode: impl FnOnce(&[u8], usize) -> PyResult<Decoded>,
    ) -> PyResult {
        if self.eof() {
            return Err(vm.eof_error(over));
        }
        let limit = usize::try_from(max_length).unwrap_or(usize::MAX);
        let mut waiting = self.rest.take();
        let (decoded, rest) = if waiting.is_empty() {
            data.with(|input| {
                decode(input, limit).map(|decoded| {
                    let rest = input[decoded.taken..].to_vec();
                    (decoded, rest)
                })
            })?
        } else {
            data.with(|input| waiting.extend_from_slice(input));
            let decoded = decode(&waiting, limit)?;
            let rest = waiting.split_off(decoded.taken);
            (decoded, rest)
        };
        self.eof.set(decoded.stop == Stop::End);
        self.needs_input
            .set(decoded.stop == Stop::Empty && rest.is_empty());
        self.rest.set(rest);
        Ok(vm.new_bytes_of(decoded.out)?.into_value())
    }

    /// Wants no more input, after an error of a decoder that cannot go on.
    pub fn fail(&self) {
        self.needs_input.set(false);
    }

    /// Forgets everything, for another stream.
    pub fn reset(&self) {
        drop(self.rest.take());
        self.needs_input.set(true);
        self.eof.set(false);
    }

    pub fn eof(&self) -> bool {
        self.eof.get()
    }

    pub fn needs_input(&self) -> bool {
        self.needs_input.get()
    }

    /// The bytes behind the end of the stream, none before it.
    pub fn unused_data(&self, vm: &Vm) -> PyResult {
        let rest = match self.eof() {
            true => self.rest.get(),
            false => Vec::new(),
        };
        Ok(vm.new_bytes_of(rest)?.into_value())
    }
}

/// The members of a decompressor class with a field `input`, as the table `INPUT`.
macro_rules! input_members {
    ($class:ident) => {
        #[pymethods(extra = "INPUT")]
        impl $class {
            /// True if the end-of-stream marker has been reached.
            #[pymember]
            fn eof(&self) -> bool {
                self.input.eof()
            }

            /// Data found after the end of the compressed stream.
            #[pymember]
            fn unused_data(&self, vm: &Vm) -> PyResult {
                self.input.unused_data(vm)
            }

            /// True if more input is needed before more decompressed data can be produced.
            #[pymember]
            fn needs_input(&self) -> bool {
                self.input.needs_input()
            }
        }
    };
}

pub(crate) use input_members;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_grows_with_the_output_and_keeps_to_the_limit() {
        let mut out = Vec::new();
        assert_eq!((room(&mut out, 1000, 64), out.len()), (0, 64));
        assert_eq!((room(&mut out, 1000, 16), out.len()), (64, 128));
        assert_eq!((room(&mut out, 200, 64), out.len()), (128, 200));
        assert_eq!((room(&mut out, 200, 64), out.len()), (200, 200));
        out.clear();
        assert_eq!(
            (room(&mut out, usize::MAX, usize::MAX), out.len()),
            (0, MOST)
        );
    }
}
