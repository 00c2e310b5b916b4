//! Where a text stream is: telling a cookie, and going back to one. CPython: `textiowrapper_cookie_type` in
//! Modules/_io/textio.c.

use super::{Decoded, Snapshot, TextIoWrapper, char_offset};
use crate::io::codec::{Decoder, Native};
use crate::io::newline::Newline;
use crate::io::unsupported;
use dashu_int::IBig;
use naja_heap::Value;
use naja_vm::buffer::Buffer;
use naja_vm::protocols::object;
use naja_vm::str_::{count_chars, utf8_width};
use naja_vm::{PyResult, Vm};

/// What a position stands for.
#[derive(Default)]
struct Cookie {
    start: i64,
    flags: i64,
    feed: i64,
    skip: i64,
    at_end: bool,
}

impl Cookie {
    fn pack(&self, vm: &Vm) -> PyResult {
        if self.flags == 0 && self.feed == 0 && self.skip == 0 && !self.at_end {
            return vm.new_int(self.start);
        }
        let part = |n: i64, shift: usize| IBig::from(n) << shift;
        vm.new_bigint(
            part(self.start, 0)
                + part(self.flags, 64)
                + part(self.feed, 128)
                + part(self.skip, 192)
                + part(self.at_end as i64, 256),
        )
    }

    fn unpack(vm: &Vm, value: &Value) -> PyResult<Cookie> {
        if let Some(start) = value.as_small_int() {
            return Ok(Cookie {
                start,
                ..Cookie::default()
            });
        }
        let big =
            naja_vm::int::to_big(value).ok_or_else(|| vm.type_error("an integer is required"))?;
        let part = |shift: usize| -> PyResult<i64> {
            let piece: IBig = (big.clone() >> shift) & IBig::from(u64::MAX);
            i64::try_from(piece)
                .map_err(|_| vm.overflow_error("Python int too large to convert to C long"))
        };
        Ok(Cookie {
            start: part(0)?,
            flags: part(64)?,
            feed: part(128)?,
            skip: part(192)?,
            at_end: part(256)? != 0,
        })
    }
}

/// How many bytes of valid input give `used` characters, and whether a `\r` is held back then. None for input with
/// undecodable bytes.
fn walk(
    codec: Native,
    input: &[u8],
    used: usize,
    mut cr: bool,
    newline: Newline,
) -> Option<(usize, bool)> {
    match codec {
        Native::Utf8 => {
            let valid = std::str::from_utf8(input);
            if valid.is_err_and(|e| e.error_len().is_some()) {
                return None;
            }
        }
        Native::Ascii if !input.is_ascii() => return None,
        _ => {}
    }
    let (mut at, mut chars) = (0, 0);
    while chars < used {
        let &byte = input.get(at)?;
        let width = if codec == Native::Utf8 {
            utf8_width(byte)
        } else {
            1
        };
        at += width;
        if !newline.universal {
            chars += 1;
            continue;
        }
        // A carriage return is held back until it is known what follows.
        match (cr, byte) {
            (true, b'\n') => {
                chars += if newline.translate { 1 } else { 2 };
                cr = false;
            }
            (true, b'\r') => chars += 1,
            (true, _) => {
                if chars + 1 == used {
                    return Some((at - width, false));
                }
                chars += 2;
                cr = false;
            }
            (false, b'\r') => cr = true,
            (false, _) => chars += 1,
        }
    }
    (chars == used).then_some((at, cr))
}

impl TextIoWrapper {
    pub(super) fn position(&self, vm: &Vm) -> PyResult {
        self.check_open(vm)?;
        if !self.seekable.get() {
            return Err(unsupported(vm, "underlying stream is not seekable"));
        }
        if !self.telling.get() {
            return Err(vm.raise(
                &vm.types.os_error,
                "telling position disabled by next() call",
            ));
        }
        self.flush_all(vm)?;
        let buffer = self.buffer(vm)?;
        let answer = vm.call_method_str(&buffer, "tell", &[])?;
        let snapshot = self.snapshot.with(|s| {
            s.as_ref()
                .map(|s| (s.flags, s.pending_cr, s.input.clone(), s.last))
        });
        let (Some(position), Some((flags, pending_cr, input, at_end))) =
            (answer.as_small_int(), snapshot)
        else {
            return Ok(answer);
        };
        if self.decoder.with(Option::is_none) {
            return Ok(answer);
        }
        let start = position - input.len() as i64;
        let used = self.decoded.with(|d| count_chars(&d.text[..d.at]));
        let universal = self.newline.get().universal;
        let pack = |flags: i64, cr: bool| {
            if universal {
                flags << 1 | cr as i64
            } else {
                flags
            }
        };
        if used == 0 {
            return Cookie {
                start,
                flags: pack(flags, pending_cr),
                ..Cookie::default()
            }
            .pack(vm);
        }
        let native = self.decoder.with(|d| match d {
            Some(Decoder::Native { codec, .. }) => Some(*codec),
            _ => None,
        });
        if let Some(codec) = native
            && let Some((bytes, cr)) = walk(codec, &input, used, pending_cr, self.newline.get())
        {
            let flags = pack(0, cr);
            return Cookie {
                start: start + bytes as i64,
                flags,
                ..Cookie::default()
            }
            .pack(vm);
        }
        let (flags, feed, skip) = (pack(flags, pending_cr), input.len() as i64, used as i64);
        Cookie {
            start,
            flags,
            feed,
            skip,
            at_end,
        }
        .pack(vm)
    }

    pub(super) fn seek_to(&self, vm: &Vm, cookie: &Value, whence: i32) -> PyResult {
        self.check_open(vm)?;
        if !self.seekable.get() {
            return Err(unsupported(vm, "underlying stream is not seekable"));
        }
        let zero = !object::is_true(vm, cookie)?;
        let buffer = self.buffer(vm)?;
        let mut cookie = cookie.clone();
        match whence {
            1 if !zero => return Err(unsupported(vm, "can't do nonzero cur-relative seeks")),
            1 => cookie = self.position(vm)?,
            2 if !zero => return Err(unsupported(vm, "can't do nonzero end-relative seeks")),
            2 => {
                self.flush_all(vm)?;
                self.decoded.set(Decoded::default());
                self.snapshot.set(None);
                self.pending_cr.set(false);
                if self.decoder.with(Option::is_some) {
                    self.with_decoder(vm, |d| d.reset(vm))?;
                }
                let end = vm.call_method_str(
                    &buffer,
                    "seek",
                    &[Value::small_int(0), Value::small_int(2)],
                )?;
                self.place_encoder(vm, !object::is_true(vm, &end)?)?;
                return Ok(end);
            }
            0 => {}
            other => {
                return Err(
                    vm.value_error(format!("invalid whence ({other}, should be 0, 1 or 2)"))
                );
            }
        }
        if object::is_true(
            vm,
            &naja_vm::protocols::compare::rich_compare(
                vm,
                &cookie,
                &Value::small_int(0),
                naja_vm::protocols::compare::CompareOp::Lt,
            )?,
        )? {
            let shown = object::repr(vm, &cookie)?;
            return Err(vm.value_error(format!(
                "negative seek position {}",
                shown.to_string_lossy()
            )));
        }
        self.flush_all(vm)?;
        let target = Cookie::unpack(vm, &cookie)?;
        vm.call_method_str(&buffer, "seek", &[vm.new_int(target.start)?])?;
        self.decoded.set(Decoded::default());
        self.snapshot.set(None);
        if self.decoder.with(Option::is_some) {
            self.restore(vm, &buffer, &target)?;
        }
        self.place_encoder(vm, target.start == 0)?;
        Ok(cookie)
    }

    /// Puts the decoder back to where a cookie was told.
    fn restore(&self, vm: &Vm, buffer: &Value, target: &Cookie) -> PyResult<()> {
        let universal = self.newline.get().universal;
        let (flags, cr) = if universal {
            (target.flags >> 1, target.flags & 1 != 0)
        } else {
            (target.flags, false)
        };
        self.pending_cr.set(cr);
        if target.start == 0 && target.flags == 0 {
            self.with_decoder(vm, |d| d.reset(vm))?;
        } else {
            self.with_decoder(vm, |d| d.set_state(vm, flags))?;
        }
        self.snapshot.set(Some(Snapshot {
            flags,
            pending_cr: cr,
            input: Vec::new(),
            last: false,
        }));
        if target.skip == 0 {
            return Ok(());
        }
        let data = vm.call_method_str(buffer, "read", &[vm.new_int(target.feed)?])?;
        let data = Buffer::of(vm, &data)?.to_vec();
        let text = self.decode(vm, &data, target.at_end)?;
        self.snapshot.set(Some(Snapshot {
            flags,
            pending_cr: cr,
            input: data,
            last: target.at_end,
        }));
        let skip = target.skip as usize;
        if count_chars(&text) < skip {
            return Err(vm.raise(&vm.types.os_error, "can't restore logical file position"));
        }
        let at = char_offset(&text, skip);
        self.decoded.set(Decoded { text, at });
        Ok(())
    }
}
