//! The stack machine that reads pickles.
//!
//! Values stand on one stack; marks are places in it, kept apart. What lies below the topmost mark (the fence) cannot be
//! popped. Objects are made by calling what the pickle names, so that unpickling is as powerful as running code: that is
//! pickle's nature. The stack is this machine's own, and whatever Python code runs meanwhile cannot reach it.
//!
//! CPython: `load*`, `do_append`, `do_setitems` in Modules/_pickle.c.

use super::globals::*;
use super::input::{Input, truncated};
use super::opcodes::*;
use super::reduce::{dotted, follow, import_by_name};
use super::unpickler::Unpickler;
use naja_heap::{Ref, Value};
use naja_numbers::bigint::{self, ByteOrder};
use naja_numbers::float::parse_prefix;
use naja_vm::bytearray::ByteArray;
use naja_vm::dict::Dict;
use naja_vm::list::List;
use naja_vm::memoryview::MemoryView;
use naja_vm::protocols::{attributes, iterator, object};
use naja_vm::runtime::Access;
use naja_vm::set::{self, FrozenSet, Set};
use naja_vm::str_::codecs::{self, Errors, escape};
use naja_vm::str_::{self, Str};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Vm, instance, int};

/// One pickle being read.
pub struct Load<'a> {
    pub vm: &'a Vm,
    pub globals: &'a Globals,
    pub unpickler: &'a Unpickler,
    /// The object that Python code sees, if there is one.
    pub owner: Option<&'a Value>,
    pub persistent_load: Option<Value>,
    pub input: Input,
    pub stack: Vec<Value>,
    pub marks: Vec<usize>,
    /// The place of the topmost mark.
    pub fence: usize,
}

type Done = PyResult<()>;

/// An unsigned length of 1, 4 or 8 bytes; None for what is beyond `ssize_t`.
fn length(bytes: &[u8]) -> Option<usize> {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    let n = u64::from_le_bytes(word);
    i64::try_from(n).ok().map(|n| n as usize)
}

impl<'a> Load<'a> {
    // ---- the stack ----

    #[cold]
    fn underflow(&self) -> Raised {
        unpickling_error(
            self.vm,
            if self.marks.is_empty() {
                "unpickling stack underflow"
            } else {
                "unexpected MARK found"
            },
        )
    }

    #[inline(always)]
    fn pop(&mut self) -> PyResult {
        if self.stack.len() <= self.fence {
            return Err(self.underflow());
        }
        self.stack.pop().ok_or_else(|| self.underflow())
    }

    #[inline(always)]
    fn top(&self) -> PyResult<&Value> {
        if self.stack.len() <= self.fence {
            return Err(self.underflow());
        }
        self.stack.last().ok_or_else(|| self.underflow())
    }

    #[inline(always)]
    fn push(&mut self, value: Value) -> Done {
        self.stack.push(value);
        Ok(())
    }

    /// Takes the topmost mark away, and gives its place.
    #[inline]
    fn marker(&mut self) -> PyResult<usize> {
        let Some(mark) = self.marks.pop() else {
            return Err(unpickling_error(self.vm, "could not find MARK"));
        };
        self.fence = self.marks.last().copied().unwrap_or(0);
        Ok(mark)
    }

    /// Takes all values from a place on.
    #[inline]
    fn take_from(&mut self, start: usize) -> PyResult<Vec<Value>> {
        if start < self.fence || start > self.stack.len() {
            return Err(self.underflow());
        }
        Ok(self.stack.split_off(start))
    }

    // ---- running ----

    /// Runs the pickle to its STOP.
    pub fn run(&mut self) -> PyResult {
        loop {
            let op = match self.input.byte(self.vm) {
                Ok(op) => op,
                Err(raised) => return Err(self.no_opcode(raised)),
            };
            match op {
                STOP => break,
                MEMOIZE => self.memoize()?,
                SHORT_BINUNICODE => self.short_text()?,
                BINGET => {
                    let number = self.input.byte(self.vm)?;
                    self.get(number.into())?
                }
                BININT1 => {
                    let n = self.input.byte(self.vm)?;
                    self.stack.push(Value::small_int(n.into()))
                }
                BININT2 => {
                    let n = u16::from_le_bytes(self.input.array(self.vm)?);
                    self.stack.push(Value::small_int(n.into()))
                }
                BININT => {
                    let n = i32::from_le_bytes(self.input.array(self.vm)?);
                    self.stack.push(Value::small_int(n.into()))
                }
                BINFLOAT => {
                    let x = f64::from_be_bytes(self.input.array(self.vm)?);
                    let x = self.vm.new_float(x)?;
                    self.stack.push(x)
                }
                NONE => self.stack.push(Value::NONE),
                NEWTRUE => self.stack.push(Value::from_bool(true)),
                NEWFALSE => self.stack.push(Value::from_bool(false)),
                MARK => {
                    self.fence = self.stack.len();
                    self.marks.push(self.fence)
                }
                EMPTY_DICT => {
                    let dict = self.vm.new_dict()?.into_value();
                    self.stack.push(dict)
                }
                EMPTY_LIST => {
                    let list = self.vm.new_list(Vec::new())?.into_value();
                    self.stack.push(list)
                }
                EMPTY_TUPLE => self.tuple_of(0)?,
                TUPLE1 => self.tuple_of(1)?,
                TUPLE2 => self.tuple_of(2)?,
                TUPLE3 => self.tuple_of(3)?,
                APPENDS => {
                    let mark = self.marker()?;
                    self.append_from(mark)?
                }
                APPEND => self.append_one()?,
                SETITEMS => {
                    let mark = self.marker()?;
                    self.set_items_from(mark)?
                }
                SETITEM => {
                    let start = self.stack.len().checked_sub(2);
                    let start = start.ok_or_else(|| self.underflow())?;
                    self.set_items_from(start)?
                }
                BUILD => self.build()?,
                NEWOBJ => self.newobj(false)?,
                REDUCE => self.reduce()?,
                _ => self.rarer(op)?,
            }
        }
        self.input.skip_consumed(self.vm)?;
        self.pop()
    }

    /// The opcodes that few pickles have many of.
    fn rarer(&mut self, op: u8) -> Done {
        let vm = self.vm;
        match op {
            PROTO => self.protocol(),
            FRAME => self.frame(),
            TUPLE => {
                let mark = self.marker()?;
                let items = self.take_from(mark)?;
                self.push(vm.new_tuple(items)?.into_value())
            }
            BINPUT => {
                let number = self.input.byte(vm)?;
                self.put(number.into())
            }
            LONG_BINPUT => {
                let number = u32::from_le_bytes(self.input.array(vm)?);
                self.put(number as usize)
            }
            LONG_BINGET => {
                let number = u32::from_le_bytes(self.input.array(vm)?);
                self.get(number as usize)
            }
            PUT => self.put_line(),
            GET => self.get_line(),
            BINUNICODE => self.text::<4>(),
            BINUNICODE8 => self.text::<8>(),
            UNICODE => self.text_line(),
            SHORT_BINBYTES => self.bytes::<1>(),
            BINBYTES => self.bytes::<4>(),
            BINBYTES8 => self.bytes::<8>(),
            BYTEARRAY8 => self.bytearray(),
            NEXT_BUFFER => self.next_buffer(),
            READONLY_BUFFER => self.readonly_buffer(),
            SHORT_BINSTRING => {
                let len = self.input.byte(vm)?;
                self.old_string(len.into())
            }
            BINSTRING => {
                let len = i32::from_le_bytes(self.input.array(vm)?);
                match usize::try_from(len) {
                    Ok(len) => self.old_string(len),
                    Err(_) => Err(unpickling_error(
                        vm,
                        "BINSTRING pickle has negative byte count",
                    )),
                }
            }
            STRING => self.old_string_line(),
            INT => self.int_line(),
            LONG => self.long_line(),
            LONG1 => {
                let len = self.input.byte(vm)?;
                self.long(len.into())
            }
            LONG4 => {
                let len = i32::from_le_bytes(self.input.array(vm)?);
                match usize::try_from(len) {
                    Ok(len) => self.long(len),
                    Err(_) => Err(unpickling_error(vm, "LONG pickle has negative byte count")),
                }
            }
            FLOAT => self.float_line(),
            LIST => {
                let mark = self.marker()?;
                let items = self.take_from(mark)?;
                self.push(vm.new_list(items)?.into_value())
            }
            DICT => self.dict(),
            EMPTY_SET => self.push(Set::new(vm)?.into_value()),
            ADDITEMS => self.add_items(),
            FROZENSET => {
                let mark = self.marker()?;
                let items = self.take_from(mark)?;
                self.push(FrozenSet::from_values(vm, items)?.into_value())
            }
            OBJ => self.obj(),
            INST => self.inst(),
            NEWOBJ_EX => self.newobj(true),
            GLOBAL => self.global(),
            STACK_GLOBAL => self.stack_global(),
            DUP => {
                let top = self.top()?.clone();
                self.push(top)
            }
            POP => self.pop_one(),
            POP_MARK => {
                let mark = self.marker()?;
                self.take_from(mark).map(drop)
            }
            PERSID => self.persistent_line(),
            BINPERSID => self.persistent(),
            EXT1 => {
                let code = self.input.byte(vm)?;
                self.extension(code.into())
            }
            EXT2 => {
                let code = u16::from_le_bytes(self.input.array(vm)?);
                self.extension(code.into())
            }
            EXT4 => {
                let code = i32::from_le_bytes(self.input.array(vm)?);
                self.extension(code.into())
            }
            _ => Err(self.invalid(op)),
        }
    }

    #[cold]
    fn invalid(&self, op: u8) -> Raised {
        let message = match op {
            b'\'' | b'\\' => format!("invalid load key, '\\x{op:02x}'."),
            0x20..=0x7e => format!("invalid load key, '{}'.", op as char),
            _ => format!("invalid load key, '\\x{op:02x}'."),
        };
        unpickling_error(self.vm, message)
    }

    #[cold]
    fn no_opcode(&self, raised: Raised) -> Raised {
        match unpickling_error_class(self.vm) {
            Ok(class) if self.vm.catch(&class) => self.vm.eof_error("Ran out of input"),
            _ => raised,
        }
    }

    fn protocol(&mut self) -> Done {
        let proto = i32::from(self.input.byte(self.vm)?);
        if proto > HIGHEST_PROTOCOL {
            let message = format!("unsupported pickle protocol: {proto}");
            return Err(self.vm.value_error(message));
        }
        self.unpickler.proto.set(proto);
        Ok(())
    }

    /// A length of `N` bytes.
    fn length<const N: usize>(&mut self, what: &str) -> PyResult<usize> {
        let bytes: [u8; N] = self.input.array(self.vm)?;
        length(&bytes).ok_or_else(|| {
            self.vm.overflow_error(format!(
                "{what} exceeds system's maximum size of {} bytes",
                i64::MAX
            ))
        })
    }

    fn frame(&mut self) -> Done {
        let bytes: [u8; 8] = self.input.array(self.vm)?;
        let Some(len) = length(&bytes) else {
            return Err(self.vm.overflow_error(format!(
                "FRAME length exceeds system's maximum of {} bytes",
                i64::MAX
            )));
        };
        self.input.frame(self.vm, len)
    }

    // ---- numbers ----

    /// A line with something on it, without its end. Raises UnpicklingError.
    fn line(&mut self) -> PyResult<&[u8]> {
        let line = self.input.line(self.vm)?;
        if line.len() < 2 {
            return Err(truncated(self.vm));
        }
        Ok(&line[..line.len() - 1])
    }

    /// `int(text)`, with the line's end in the message if it is none.
    fn parse_int(&self, text: &[u8]) -> PyResult {
        let vm = self.vm;
        let mut whole = text.to_vec();
        whole.push(b'\n');
        let text = codecs::simple::decode_latin1(vm, &whole)?.into_value();
        vm.call(vm.types.int.as_value(), &[text])
    }

    fn int_line(&mut self) -> Done {
        let vm = self.vm;
        let line = self.line()?.to_vec();
        let value = match self.parse_int(&line) {
            Ok(value) => value,
            Err(raised) if !vm.catch(&vm.types.value_error) => return Err(raised),
            Err(_) => return Err(vm.value_error("could not convert string to int")),
        };
        let truth = match int::as_i64(&value) {
            Some(n @ (0 | 1)) if line.len() == 2 => Some(n == 1),
            _ => None,
        };
        self.push(truth.map_or(value, Value::from_bool))
    }

    fn long_line(&mut self) -> Done {
        let line = self.line()?.to_vec();
        let digits = line.strip_suffix(b"L").unwrap_or(&line);
        let value = if digits.len() < line.len() {
            let vm = self.vm;
            let text = codecs::simple::decode_latin1(vm, digits)?.into_value();
            vm.call(vm.types.int.as_value(), &[text])?
        } else {
            self.parse_int(digits)?
        };
        self.push(value)
    }

    fn long(&mut self, len: usize) -> Done {
        let bytes = self.input.take(self.vm, len)?;
        let value = if len <= 8 {
            let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
            let mut word = [if negative { 0xff } else { 0 }; 8];
            word[..len].copy_from_slice(bytes);
            self.vm.new_int(i64::from_le_bytes(word))?
        } else {
            let n = bigint::from_bytes(bytes, ByteOrder::Little, true);
            self.vm.new_bigint(n)?
        };
        self.push(value)
    }

    fn float_line(&mut self) -> Done {
        let vm = self.vm;
        let line = self.line()?;
        let Some((x, used)) = parse_prefix(line) else {
            let text = String::from_utf8_lossy(line).into_owned();
            let message = format!("could not convert string to float: '{text}\n'");
            return Err(vm.value_error(message));
        };
        if used < line.len() {
            return Err(vm.value_error("could not convert string to float"));
        }
        if x.is_infinite() && line.iter().any(u8::is_ascii_digit) {
            let text = String::from_utf8_lossy(line).into_owned();
            let message = format!("value too large to convert to float: '{text}\n'");
            return Err(vm.overflow_error(message));
        }
        self.push(vm.new_float(x)?)
    }

    // ---- text and bytes ----

    #[inline]
    fn short_text(&mut self) -> Done {
        let vm = self.vm;
        let len = self.input.byte(vm)?;
        let bytes = self.input.take(vm, len.into())?;
        let text = decode(vm, bytes)?;
        self.stack.push(text);
        Ok(())
    }

    fn text<const N: usize>(&mut self) -> Done {
        let len = self.length::<N>("BINUNICODE")?;
        let text = decode(self.vm, self.input.take(self.vm, len)?)?;
        self.push(text)
    }

    fn text_line(&mut self) -> Done {
        let vm = self.vm;
        let line = self.input.line(vm)?;
        let line = &line[..line.len() - 1];
        let (text, _) = escape::decode_raw(vm, line, &Errors::new(None), true)?;
        self.push(text.into_value())
    }

    /// A string of Python 2, which is bytes or text as the user says.
    fn old_text(&self, bytes: &[u8]) -> PyResult {
        let vm = self.vm;
        let (encoding, errors) = self.unpickler.encoding(vm)?;
        if encoding.as_bytes() == b"bytes" {
            return Ok(vm.new_bytes(bytes)?.into_value());
        }
        codecs::decode(vm, bytes, Some(&encoding), Some(&errors))
    }

    fn old_string(&mut self, len: usize) -> Done {
        let bytes = self.input.take(self.vm, len)?.to_vec();
        let text = self.old_text(&bytes)?;
        self.push(text)
    }

    fn old_string_line(&mut self) -> Done {
        let vm = self.vm;
        let line = self.input.line(vm)?;
        let (b'"' | b'\'', Some(inner)) = (
            line[0],
            line[..line.len() - 1]
                .get(1..)
                .and_then(|rest| rest.strip_suffix(&line[..1])),
        ) else {
            let message = "the STRING opcode argument must be quoted";
            return Err(unpickling_error(vm, message));
        };
        let bytes = escape::decode_bytes(vm, inner, None)?;
        let text = self.old_text(&bytes)?;
        self.push(text)
    }

    fn bytes<const N: usize>(&mut self) -> Done {
        let len = self.length::<N>("BINBYTES")?;
        let bytes = self.input.copy(self.vm, len)?;
        self.push(self.vm.new_bytes_of(bytes)?.into_value())
    }

    fn bytearray(&mut self) -> Done {
        let len = self.length::<8>("BYTEARRAY8")?;
        let bytes = self.input.copy(self.vm, len)?;
        self.push(ByteArray::from_vec(self.vm, bytes)?.into_value())
    }

    fn next_buffer(&mut self) -> Done {
        let vm = self.vm;
        let Some(buffers) = self.unpickler.buffers.get() else {
            return Err(unpickling_error(
                vm,
                "pickle stream refers to out-of-band data but no *buffers* argument was given",
            ));
        };
        match iterator::next(vm, &buffers)? {
            Some(buffer) => self.push(buffer),
            None => Err(unpickling_error(vm, "not enough out-of-band buffers")),
        }
    }

    fn readonly_buffer(&mut self) -> Done {
        let vm = self.vm;
        let top = self.top()?;
        let view = MemoryView::of(vm, top)?;
        let mut buffer = view.buffer(vm)?;
        if !buffer.readonly {
            buffer.readonly = true;
            let view = MemoryView::make(vm, buffer)?.into_value();
            self.stack.pop();
            self.stack.push(view);
        }
        Ok(())
    }

    // ---- containers ----

    #[inline]
    fn tuple_of(&mut self, n: usize) -> Done {
        let start = self.stack.len().checked_sub(n);
        let start = start.filter(|start| *start >= self.fence);
        let Some(start) = start else {
            return Err(self.underflow());
        };
        let tuple = Tuple::from_slice(self.vm, &self.stack[start..])?;
        self.stack.truncate(start);
        self.push(tuple.into_value())
    }

    fn dict(&mut self) -> Done {
        let vm = self.vm;
        let mark = self.marker()?;
        let items = self.take_from(mark)?;
        if items.len() % 2 != 0 {
            return Err(unpickling_error(vm, "odd number of items for DICT"));
        }
        let dict = Dict::new(vm)?;
        set_pairs(vm, &dict, items)?;
        self.push(dict.into_value())
    }

    fn append_one(&mut self) -> Done {
        if self.stack.len() < self.fence + 2 {
            return Err(self.underflow());
        }
        self.append_from(self.stack.len() - 1)
    }

    /// The object below the values from `start` on, which are to go into it; None where there are none.
    fn container_below(&self, start: usize) -> PyResult<Option<Value>> {
        if start > self.stack.len() || start <= self.fence {
            return Err(self.underflow());
        }
        if start == self.stack.len() {
            return Ok(None);
        }
        Ok(self.stack.get(start - 1).cloned())
    }

    fn append_from(&mut self, start: usize) -> Done {
        let vm = self.vm;
        let Some(target) = self.container_below(start)? else {
            return Ok(());
        };
        if vm.type_of(&target).is(&vm.types.list)
            && let Some(list) = target.downcast::<List>()
        {
            let mut items = self.stack.drain(start..);
            return list.append_all(vm, &mut items);
        }
        let names = &self.globals.names;
        let items = self.stack.split_off(start);
        if let Some(extend) = attributes::get_optional(vm, &target, &names.extend)? {
            let items = vm.new_list(items)?.into_value();
            return vm.call(&extend, &[items]).map(drop);
        }
        let append = attributes::get(vm, &target, &names.append)?;
        for item in items {
            vm.call(&append, &[item])?;
        }
        Ok(())
    }

    fn set_items_from(&mut self, start: usize) -> Done {
        let vm = self.vm;
        let Some(target) = self.container_below(start)? else {
            return Ok(());
        };
        if !(self.stack.len() - start).is_multiple_of(2) {
            return Err(unpickling_error(vm, "odd number of items for SETITEMS"));
        }
        if vm.type_of(&target).is(&vm.types.dict)
            && let Some(dict) = target.downcast::<Dict>()
        {
            return set_pairs(vm, dict, self.stack.drain(start..));
        }
        let items = self.stack.split_off(start);
        for pair in items.chunks_exact(2) {
            object::set_item(vm, &target, &pair[0], &pair[1])?
        }
        Ok(())
    }

    fn add_items(&mut self) -> Done {
        let vm = self.vm;
        let mark = self.marker()?;
        let Some(target) = self.container_below(mark)? else {
            return Ok(());
        };
        let items = self.stack.split_off(mark);
        if target.downcast::<Set>().is_some()
            && let Some(core) = set::core::core(&target)
        {
            return items.iter().try_for_each(|item| core.add(vm, item));
        }
        let add = attributes::get(vm, &target, &self.globals.names.add)?;
        for item in items {
            vm.call(&add, &[item])?;
        }
        Ok(())
    }

    fn pop_one(&mut self) -> Done {
        // The topmost thing can be a mark.
        if self.marks.last() == Some(&self.stack.len()) {
            self.marker().map(drop)
        } else {
            self.pop().map(drop)
        }
    }

    // ---- the memo ----

    #[inline]
    fn memoize(&mut self) -> Done {
        let value = self.top()?.clone();
        self.unpickler.memo.with_mut(|memo| memo.push(value));
        Ok(())
    }

    #[inline]
    fn get(&mut self, number: usize) -> Done {
        match self.unpickler.memo.with(|memo| memo.get(number)) {
            Some(value) => self.push(value),
            None => Err(unpickling_error(
                self.vm,
                format!("Memo value not found at index {number}"),
            )),
        }
    }

    fn put(&mut self, number: usize) -> Done {
        let value = self.top()?.clone();
        let old = self.unpickler.memo.with_mut(|memo| memo.set(number, value));
        drop(old);
        Ok(())
    }

    fn number_line(&mut self) -> PyResult<isize> {
        let line = self.line()?.to_vec();
        let number = self.parse_int(&line)?;
        super::pickler::ssize(self.vm, &number)
    }

    fn get_line(&mut self) -> Done {
        let number = self.number_line()?;
        match usize::try_from(number) {
            Ok(number) => self.get(number),
            Err(_) => Err(unpickling_error(
                self.vm,
                format!("Memo value not found at index {number}"),
            )),
        }
    }

    fn put_line(&mut self) -> Done {
        let line = self.line()?.to_vec();
        self.top()?;
        let number = self.parse_int(&line)?;
        let number = super::pickler::ssize(self.vm, &number)?;
        match usize::try_from(number) {
            Ok(number) => self.put(number),
            Err(_) => Err(self.vm.value_error("negative PUT argument")),
        }
    }

    // ---- globals ----

    fn find_class(&self, module: &Value, name: &Value) -> PyResult {
        let vm = self.vm;
        match self.owner {
            Some(owner) if !vm.type_of(owner).is(vm.class::<Unpickler>()) => {
                let args = [module.clone(), name.clone()];
                vm.call_method(owner, &self.globals.names.find_class, &args)
            }
            _ => find_class(vm, self.unpickler, module, name),
        }
    }

    /// Two lines: a module, and a name in it.
    fn global_lines(&mut self, ascii: bool) -> PyResult {
        let vm = self.vm;
        let mut names = Vec::with_capacity(2);
        for _ in 0..2 {
            let line = self.line()?;
            let errors = Errors::new(None);
            let text = if ascii {
                codecs::simple::decode_ascii(vm, line, &errors)?
            } else {
                codecs::simple::decode_utf8(vm, line, &errors, true)?.0
            };
            names.push(text.into_value());
        }
        match names.as_slice() {
            [module, name] => self.find_class(module, name),
            _ => Err(truncated(vm)),
        }
    }

    fn global(&mut self) -> Done {
        let value = self.global_lines(false)?;
        self.push(value)
    }

    fn stack_global(&mut self) -> Done {
        let name = self.pop()?;
        let module = self.pop()?;
        let is_str = |value: &Value| self.vm.type_of(value).is(&self.vm.types.str);
        if !is_str(&name) || !is_str(&module) {
            return Err(unpickling_error(self.vm, "STACK_GLOBAL requires str"));
        }
        let value = self.find_class(&module, &name)?;
        self.push(value)
    }

    fn extension(&mut self, code: i64) -> Done {
        let (vm, globals) = (self.vm, self.globals);
        if code <= 0 {
            return Err(unpickling_error(vm, "EXT specifies code <= 0"));
        }
        let key = vm.new_int(code)?;
        if let Some(value) = globals.extension_cache.get(vm, &key)? {
            return self.push(value);
        }
        let Some(pair) = globals.inverted_extensions.get(vm, &key)? else {
            let message = format!("unregistered extension code {code}");
            return Err(vm.value_error(message));
        };
        let value = match pair.downcast::<Tuple>().map(|t| t.items()) {
            Some([module, name]) if str_::of(module).is_some() && str_::of(name).is_some() => {
                self.find_class(module, name)?
            }
            _ => {
                let message = format!("_inverted_registry[{code}] isn't a 2-tuple of strings");
                return Err(vm.value_error(message));
            }
        };
        globals.extension_cache.set(vm, &key, value.clone())?;
        self.push(value)
    }

    // ---- persistent objects ----

    fn load_persistent(&mut self, identity: Value) -> Done {
        let vm = self.vm;
        match self.persistent_load.clone() {
            Some(function) => {
                let value = vm.call(&function, &[identity])?;
                self.push(value)
            }
            None => Err(no_persistent_load(vm)),
        }
    }

    fn persistent_line(&mut self) -> Done {
        let vm = self.vm;
        let line = self.input.line(vm)?;
        let line = &line[..line.len() - 1];
        if !line.is_ascii() {
            let message = "persistent IDs in protocol 0 must be ASCII strings";
            return Err(unpickling_error(vm, message));
        }
        let identity = vm.new_ascii_str(line)?.into_value();
        self.load_persistent(identity)
    }

    fn persistent(&mut self) -> Done {
        let identity = self.pop()?;
        self.load_persistent(identity)
    }

    // ---- objects ----

    fn reduce(&mut self) -> Done {
        let vm = self.vm;
        let args = self.pop()?;
        let callable = self.pop()?;
        let Some(args) = args.downcast::<Tuple>() else {
            return Err(vm.type_error("argument list must be a tuple"));
        };
        let value = vm.call(&callable, args.items())?;
        self.push(value)
    }

    #[cold]
    fn wrong_new(&self, kwargs: bool, message: &str, value: &Value) -> Raised {
        let op = if kwargs { "NEWOBJ_EX" } else { "NEWOBJ" };
        let class = self.vm.type_of(value).full_name();
        unpickling_error(self.vm, format!("{op} {message}, not {class}"))
    }

    fn newobj(&mut self, with_kwargs: bool) -> Done {
        let vm = self.vm;
        let kwargs = if with_kwargs { Some(self.pop()?) } else { None };
        let args = self.pop()?;
        let class = self.pop()?;
        let Some(class_ref) = class.downcast::<Type>() else {
            return Err(self.wrong_new(with_kwargs, "class argument must be a type", &class));
        };
        let Some(new) = class_ref.slots.new.get() else {
            let op = if with_kwargs { "NEWOBJ_EX" } else { "NEWOBJ" };
            let name = vm.type_of(&class).full_name();
            return Err(unpickling_error(
                vm,
                format!("{op} class argument '{name}' doesn't have __new__"),
            ));
        };
        let Some(args_ref) = args.downcast::<Tuple>() else {
            return Err(self.wrong_new(with_kwargs, "args argument must be a tuple", &args));
        };
        let Some(kwargs) = kwargs else {
            let value = new(vm, class_ref, Args::positional_only(args_ref.items()))?;
            return self.push(value);
        };
        let Some(kwargs_ref) = kwargs.downcast::<Dict>() else {
            return Err(self.wrong_new(true, "kwargs argument must be a dict", &kwargs));
        };
        let (names, values): (Vec<Value>, Vec<Value>) = kwargs_ref.items_vec().into_iter().unzip();
        if names.iter().any(|name| str_::of(name).is_none()) {
            return Err(vm.type_error("keywords must be strings"));
        }
        let mut all = args_ref.items().to_vec();
        all.extend(values);
        let names = match names.is_empty() {
            true => None,
            false => Some(vm.new_tuple(names)?),
        };
        let args = Args {
            args: &all,
            kwnames: names.as_ref(),
        };
        let value = new(vm, class_ref, args)?;
        self.push(value)
    }

    /// An instance as Python 2 pickled those of its old classes.
    fn instantiate(&mut self, class: &Value, args: &[Value]) -> Done {
        let (vm, names) = (self.vm, &self.globals.names);
        let bare = args.is_empty()
            && class.downcast::<Type>().is_some()
            && attributes::get_optional(vm, class, &names.__getinitargs__)?.is_none();
        let value = if bare {
            vm.call_method(class, &names.__new__, std::slice::from_ref(class))?
        } else {
            vm.call(class, args)?
        };
        self.push(value)
    }

    fn obj(&mut self) -> Done {
        let mark = self.marker()?;
        if self.stack.len() <= mark {
            return Err(self.underflow());
        }
        let args = self.take_from(mark + 1)?;
        let class = self.pop()?;
        self.instantiate(&class, &args)
    }

    fn inst(&mut self) -> Done {
        let mark = self.marker()?;
        let class = self.global_lines(true)?;
        let args = self.take_from(mark)?;
        self.instantiate(&class, &args)
    }

    /// BUILD: gives an object its state.
    fn build(&mut self) -> Done {
        let (vm, names) = (self.vm, &self.globals.names);
        if self.stack.len() < self.fence + 2 {
            return Err(self.underflow());
        }
        let state = self.pop()?;
        let object = self.top()?.clone();
        if let Some(set_state) = attributes::get_optional(vm, &object, &names.__setstate__)? {
            return vm.call(&set_state, &[state]).map(drop);
        }
        let (state, slots) = match state.downcast::<Tuple>().map(|t| t.items()) {
            Some([state, slots]) => (state.clone(), Some(slots.clone())),
            _ => (state, None),
        };
        if !state.is_none() {
            let Some(state) = state.downcast::<Dict>() else {
                return Err(unpickling_error(vm, "state is not a dictionary"));
            };
            self.set_attributes(&object, state)?
        }
        if let Some(slots) = slots {
            let Some(slots) = slots.downcast::<Dict>() else {
                return Err(unpickling_error(vm, "slot state is not a dictionary"));
            };
            let mut position = 0;
            while let Some((name, value)) = slots.next_item(&mut position) {
                let name = attributes::name_of(vm, &name)?;
                attributes::set(vm, &object, name, Some(&value))?
            }
        }
        Ok(())
    }

    /// `object.__dict__.update(state)`, with names interned. The attributes of an ordinary instance are set where they lie.
    fn set_attributes(&self, object: &Value, state: &Ref<Dict>) -> Done {
        let (vm, names) = (self.vm, &self.globals.names);
        let mut position = 0;
        if self.unpickler.plain_dict(vm, vm.type_of(object), names) {
            while let Some((name, value)) = state.next_item(&mut position) {
                match str_::of(&name) {
                    Some(text) if vm.type_of(&name).is(&vm.types.str) => {
                        instance::set(vm, object, text, Some(&value))?;
                    }
                    _ => {
                        let dict = instance::materialize(vm, object)?;
                        dict.set(vm, &name, value)?
                    }
                }
            }
            return Ok(());
        }
        let dict = attributes::get(vm, object, &names.__dict__)?;
        while let Some((name, value)) = state.next_item(&mut position) {
            let name = match str_::of(&name) {
                Some(text) if vm.type_of(&name).is(&vm.types.str) => {
                    vm.interp.interned_name(text).into_value()
                }
                _ => name,
            };
            object::set_item(vm, &dict, &name, &value)?
        }
        Ok(())
    }
}

/// Keys and values in turns into a dict.
#[inline]
fn set_pairs(vm: &Vm, dict: &Ref<Dict>, items: impl IntoIterator<Item = Value>) -> Done {
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        dict.set(vm, &key, value)?
    }
    Ok(())
}

/// UTF-8 with surrogates. Raises UnicodeDecodeError.
#[inline]
fn decode(vm: &Vm, bytes: &[u8]) -> PyResult {
    if bytes.is_ascii() {
        return Ok(vm.new_ascii_str(bytes)?.into_value());
    }
    decode_wide(vm, bytes)
}

fn decode_wide(vm: &Vm, bytes: &[u8]) -> PyResult {
    if std::str::from_utf8(bytes).is_ok() {
        return Ok(vm.new_str_wtf8(bytes)?.into_value());
    }
    let errors: Ref<Str> = vm.intern("surrogatepass");
    let errors = Errors::new(Some(&errors));
    let (text, _) = codecs::simple::decode_utf8(vm, bytes, &errors, true)?;
    Ok(text.into_value())
}

#[cold]
pub fn no_persistent_load(vm: &Vm) -> Raised {
    unpickling_error(
        vm,
        "A load persistent id instruction was encountered, but no persistent_load function was specified.",
    )
}

/// What Python 3 calls a global of Python 2.
fn new_name(vm: &Vm, module: Value, name: Value) -> PyResult<(Value, Value)> {
    let globals = globals(vm)?;
    let class = |value: &Value| vm.type_of(value).full_name();
    let key = Tuple::pair(vm, module.clone(), name.clone())?;
    if let Some(item) = globals.names_2to3.get(vm, &key)? {
        let Some([new_module, new_name]) = item.downcast::<Tuple>().map(|t| t.items()) else {
            return Err(vm.runtime_error(format!(
                "_compat_pickle.NAME_MAPPING values should be 2-tuples, not {}",
                class(&item)
            )));
        };
        if str_::of(new_module).is_none() || str_::of(new_name).is_none() {
            return Err(vm.runtime_error(format!(
                "_compat_pickle.NAME_MAPPING values should be pairs of str, not ({}, {})",
                class(new_module),
                class(new_name)
            )));
        }
        return Ok((new_module.clone(), new_name.clone()));
    }
    match globals.imports_2to3.get(vm, &module)? {
        Some(new) if str_::of(&new).is_none() => Err(vm.runtime_error(format!(
            "_compat_pickle.IMPORT_MAPPING values should be strings, not {}",
            class(&new)
        ))),
        Some(new) => Ok((new, name)),
        None => Ok((module, name)),
    }
}

/// `Unpickler.find_class` itself.
pub fn find_class(vm: &Vm, unpickler: &Unpickler, module: &Value, name: &Value) -> PyResult {
    vm.permit(Access::Event(
        "pickle.find_class",
        &[module.clone(), name.clone()],
    ))?;
    let (mut module, mut name) = (module.clone(), name.clone());
    if unpickler.proto.get() < 3 && unpickler.fix_imports.get() {
        (module, name) = new_name(vm, module, name)?
    }
    let imported = import_by_name(vm, &module)?;
    let text = attributes::name_of(vm, &name)?;
    if unpickler.proto.get() < 4 || !text.as_bytes().contains(&b'.') {
        return attributes::get(vm, &imported, text);
    }
    match follow(vm, &imported, &dotted(vm, text)?) {
        Err(raised) if !vm.exception_matches(&vm.types.attribute_error) => Err(raised),
        Err(_) => {
            let first = vm.take_exception();
            let message = format!(
                "Can't resolve path {} on module {}",
                shown(vm, &name)?,
                shown(vm, &module)?
            );
            let raised = vm.attribute_error(message);
            if let Some(second) = vm.pending_exception() {
                naja_vm::exception::set_context_avoiding_cycle(&second, first.into_value())
            }
            Err(raised)
        }
        found => found,
    }
}
