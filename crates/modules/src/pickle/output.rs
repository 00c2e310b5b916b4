//! What a pickler writes: one byte buffer, divided into frames from protocol 4 on.
//!
//! Room for a frame's header is left at the first byte behind the last frame, and filled in when the frame ends: at the
//! first opcode after 64 KiB, before data that is longer than a frame, and at the end. With a file, each finished frame is
//! written out, and long data is handed to the file as it is.
//!
//! CPython: `_Pickler_Write`, `_Pickler_CommitFrame`, `_Pickler_write_bytes` in Modules/_pickle.c.

use super::opcodes::*;
use naja_heap::Value;
use naja_vm::{PyResult, Vm};

/// No frame is open.
const CLOSED: usize = usize::MAX;

pub struct Output {
    buffer: Vec<u8>,
    framing: bool,
    frame_start: usize,
    /// The file's `write`.
    write: Option<Value>,
}

impl Output {
    pub fn new(write: Option<Value>) -> Output {
        Output {
            buffer: Vec::with_capacity(256),
            framing: false,
            frame_start: CLOSED,
            write,
        }
    }

    /// From now on the output is divided into frames.
    pub fn start_framing(&mut self) {
        self.framing = true
    }

    #[inline(always)]
    fn open_frame(&mut self) {
        if self.framing && self.frame_start == CLOSED {
            self.frame_start = self.buffer.len();
            self.buffer.extend_from_slice(&[0xFE; FRAME_HEADER_SIZE]);
        }
    }

    #[inline(always)]
    pub fn op(&mut self, byte: u8) {
        self.open_frame();
        self.buffer.push(byte)
    }

    #[inline(always)]
    pub fn put(&mut self, bytes: &[u8]) {
        self.open_frame();
        self.buffer.extend_from_slice(bytes)
    }

    /// Writes data behind a header, together. `payload` is an object with these bytes, if there is one. Raises MemoryError
    /// and what the file raises.
    pub fn data(
        &mut self,
        vm: &Vm,
        header: &[u8],
        data: &[u8],
        payload: Option<&Value>,
    ) -> PyResult<()> {
        if data.len() < FRAME_SIZE_TARGET {
            self.put(header);
            self.buffer.extend_from_slice(data);
            return Ok(());
        }
        let framing = self.framing;
        self.commit_frame();
        self.framing = false;
        let done = self.long_data(vm, header, data, payload);
        self.framing = framing;
        done
    }

    fn long_data(
        &mut self,
        vm: &Vm,
        header: &[u8],
        data: &[u8],
        payload: Option<&Value>,
    ) -> PyResult<()> {
        self.put(header);
        if self.write.is_none() {
            if self.buffer.try_reserve(data.len()).is_err() {
                return Err(vm.memory_error(""));
            }
            self.put(data);
            return Ok(());
        }
        self.flush(vm)?;
        let payload = match payload {
            Some(payload) => payload.clone(),
            None => vm.new_bytes(data)?.into_value(),
        };
        match &self.write {
            Some(write) => vm.call(write, &[payload]).map(drop),
            None => Ok(()),
        }
    }

    /// Ends the open frame.
    pub fn commit_frame(&mut self) {
        if self.frame_start == CLOSED {
            return;
        }
        let start = std::mem::replace(&mut self.frame_start, CLOSED);
        let content = start + FRAME_HEADER_SIZE;
        let len = self.buffer.len() - content;
        if len < FRAME_SIZE_MIN {
            self.buffer.drain(start..content);
            return;
        }
        self.buffer[start] = FRAME;
        self.buffer[start + 1..content].copy_from_slice(&(len as u64).to_le_bytes());
    }

    /// Between two opcodes: a frame that is long enough ends here.
    #[inline(always)]
    pub fn boundary(&mut self, vm: &Vm) -> PyResult<()> {
        if self.frame_start != CLOSED
            && self.buffer.len() - self.frame_start >= FRAME_SIZE_TARGET + FRAME_HEADER_SIZE
        {
            self.next_frame(vm)
        } else {
            Ok(())
        }
    }

    #[cold]
    fn next_frame(&mut self, vm: &Vm) -> PyResult<()> {
        self.commit_frame();
        self.flush(vm)
    }

    /// Writes all to the file, if there is one.
    pub fn flush(&mut self, vm: &Vm) -> PyResult<()> {
        match &self.write {
            Some(write) => {
                let data = vm.new_bytes_of(std::mem::take(&mut self.buffer))?;
                vm.call(write, &[data.into_value()]).map(drop)
            }
            None => Ok(()),
        }
    }

    /// The bytes, where there is no file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.buffer
    }
}
