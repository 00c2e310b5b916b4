//! Writing objects: dispatch on the exact type, and the built-in types' forms.
//!
//! Every object but numbers, None and truth values is looked up in the memo first, and put there once its value stands on
//! the unpickler's stack: before the items of containers that can hold themselves, after those of tuples and frozen sets.
//! Items are taken one by one, for what is run for one of them can change the container.
//!
//! CPython: `save*` and `batch_*` in Modules/_pickle.c.

use super::buffer::{PickleBuffer, is_contiguous};
use super::globals::*;
use super::opcodes::*;
use super::output::Output;
use super::pickler::Pickler;
use super::plain::PlainClasses;
use dashu_int::IBig;
use naja_heap::{Ref, Value};
use naja_numbers::bigint::{self, ByteOrder};
use naja_vm::bytearray::ByteArray;
use naja_vm::bytes::Bytes;
use naja_vm::dict::Dict;
use naja_vm::list::List;
use naja_vm::protocols::{attributes, iterator, object};
use naja_vm::set::{self, FrozenSet};
use naja_vm::str_::{self, Str};
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm, exception, float, int};

/// One object being pickled, with all that is in it.
pub struct Save<'a> {
    pub vm: &'a Vm,
    pub globals: &'a Globals,
    pub pickler: &'a Pickler,
    pub proto: i32,
    pub out: Output,
    /// The pickler's own `persistent_id`, if it has one.
    pub persistent_id: Option<Value>,
    pub reducer_override: Option<Value>,
    pub buffer_callback: Option<Value>,
    /// How deep a fast pickler is in containers, and which it has met far down.
    pub fast_depth: i32,
    pub fast_seen: Vec<u64>,
    /// What is known of ordinary classes; None where Python code could see the difference.
    pub plain: Option<PlainClasses>,
}

/// Adds a note to the exception of a failed result.
macro_rules! noting {
    ($save:expr, $result:expr, $($note:tt)*) => {
        match $result {
            Ok(value) => Ok(value),
            Err(raised) => {
                let note = format!($($note)*);
                exception::add_note_to_pending($save.vm, &note);
                Err(raised)
            }
        }
    };
}
pub(super) use noting;

impl<'a> Save<'a> {
    /// Pickles one object, from the protocol's number to STOP.
    pub fn dump(&mut self, object: &Value) -> PyResult<()> {
        if self.proto >= 2 {
            self.out.put(&[PROTO, self.proto as u8]);
            if self.proto >= 4 {
                self.out.start_framing()
            }
        }
        self.save(object)?;
        self.out.op(STOP);
        self.out.commit_frame();
        Ok(())
    }

    /// Whether opcodes with binary arguments are wanted.
    #[inline(always)]
    pub fn binary(&self) -> bool {
        self.pickler.bin.get() != 0
    }

    /// Writes an object, or a reference to where it was written before.
    #[inline]
    pub fn save(&mut self, object: &Value) -> PyResult<()> {
        self.out.boundary(self.vm)?;
        if self.persistent_id.is_some() && self.save_persistent(object)? {
            return Ok(());
        }
        self.save_value(object)
    }

    /// As [`Save::save`], without asking for a persistent identity.
    fn save_value(&mut self, object: &Value) -> PyResult<()> {
        if let Some(n) = object.as_small_int() {
            self.save_int(n);
            return Ok(());
        }
        if object.is_none() {
            self.out.op(NONE);
            return Ok(());
        }
        if object.is_bool() {
            self.save_bool(object.is_true());
            return Ok(());
        }
        if let Some(x) = object.as_small_float() {
            return self.save_float(object, x);
        }
        let types = &self.vm.types;
        let ty = self.vm.type_of(object);
        if ty.is(&types.int) {
            return self.save_big(object);
        }
        if ty.is(&types.float) {
            return self.save_float(object, float::value_of(object).unwrap_or(0.0));
        }
        if let Some(number) = self.pickler.memo.with(|memo| memo.get(object)) {
            return self.memo_get(number);
        }
        if ty.is(&types.str)
            && let Some(text) = str_::of(object)
        {
            return self.save_str(object, text);
        }
        if ty.is(&types.bytes)
            && let Some(bytes) = object.downcast::<Bytes>()
        {
            return self.save_bytes(object, bytes);
        }
        self.vm.check_stack()?;
        if ty.is(&types.dict)
            && let Some(dict) = object.downcast::<Dict>()
        {
            return self.in_container(object, |save| save.save_dict(object, dict));
        }
        if ty.is(&types.list)
            && let Some(list) = object.downcast::<List>()
        {
            return self.in_container(object, |save| save.save_list(object, list));
        }
        if ty.is(&types.tuple)
            && let Some(tuple) = object.downcast::<Tuple>()
        {
            return self.save_tuple(object, tuple);
        }
        self.save_other(object)
    }

    /// The rarer built-in types; then all the rest.
    fn save_other(&mut self, object: &Value) -> PyResult<()> {
        let types = &self.vm.types;
        let ty = self.vm.type_of(object);
        if ty.is(&types.set) {
            return self.save_set(object);
        }
        if ty.is(&types.frozenset) {
            return self.save_frozenset(object);
        }
        if ty.is(&types.bytearray)
            && let Some(array) = object.downcast::<ByteArray>()
        {
            return self.save_bytearray(object, array);
        }
        if ty.is(self.vm.class::<PickleBuffer>())
            && let Some(buffer) = object.downcast::<PickleBuffer>()
        {
            return self.save_picklebuffer(object, buffer);
        }
        self.save_by_reduction(object)
    }

    // ---- the memo ----

    /// A reference to what was written before.
    pub fn memo_get(&mut self, number: usize) -> PyResult<()> {
        if !self.binary() {
            self.out.put(format!("g{number}\n").as_bytes())
        } else if number < 256 {
            self.out.put(&[BINGET, number as u8])
        } else if let Ok(number) = u32::try_from(number) {
            let [a, b, c, d] = number.to_le_bytes();
            self.out.put(&[LONG_BINGET, a, b, c, d])
        } else {
            return Err(pickling_error(self.vm, "memo id too large for LONG_BINGET"));
        }
        Ok(())
    }

    /// Remembers an object whose value is on top of the stack.
    #[inline]
    pub fn memo_put(&mut self, object: &Value) -> PyResult<()> {
        if self.pickler.fast.get() != 0 {
            return Ok(());
        }
        let number = self.pickler.memo.with_mut(|memo| {
            let number = memo.len();
            memo.set(object, number);
            number
        });
        self.put_number(number)
    }

    #[inline]
    pub fn put_number(&mut self, number: usize) -> PyResult<()> {
        if self.proto >= 4 {
            self.out.op(MEMOIZE)
        } else if !self.binary() {
            self.out.put(format!("p{number}\n").as_bytes())
        } else if number < 256 {
            self.out.put(&[BINPUT, number as u8])
        } else if let Ok(number) = u32::try_from(number) {
            let [a, b, c, d] = number.to_le_bytes();
            self.out.put(&[LONG_BINPUT, a, b, c, d])
        } else {
            return Err(pickling_error(self.vm, "memo id too large for LONG_BINPUT"));
        }
        Ok(())
    }

    /// The number of an object that saving its own parts has put into the memo.
    pub fn seen(&self, object: &Value) -> Option<usize> {
        self.pickler.memo.with(|memo| memo.get(object))
    }

    /// Runs `f` for a container. A fast pickler, which has no memo, looks for cycles far down.
    #[inline]
    fn in_container(
        &mut self,
        object: &Value,
        f: impl FnOnce(&mut Self) -> PyResult<()>,
    ) -> PyResult<()> {
        if self.pickler.fast.get() == 0 {
            return f(self);
        }
        self.fast_enter(object)?;
        let done = f(self);
        self.fast_leave();
        done
    }

    pub fn fast_enter(&mut self, object: &Value) -> PyResult<()> {
        self.fast_depth += 1;
        if self.fast_depth < FAST_NESTING_LIMIT {
            return Ok(());
        }
        let word = object.bits();
        if self.fast_seen.contains(&word) {
            return Err(self.vm.value_error(format!(
                "fast mode: can't pickle cyclic objects including object type {} at {word:#x}",
                self.vm.type_of(object).full_name()
            )));
        }
        self.fast_seen.push(word);
        Ok(())
    }

    pub fn fast_leave(&mut self) {
        if self.fast_depth >= FAST_NESTING_LIMIT {
            self.fast_seen.pop();
        }
        self.fast_depth -= 1;
    }

    // ---- numbers ----

    fn save_bool(&mut self, truth: bool) {
        match (self.proto >= 2, truth) {
            (true, true) => self.out.op(NEWTRUE),
            (true, false) => self.out.op(NEWFALSE),
            (false, true) => self.out.put(b"I01\n"),
            (false, false) => self.out.put(b"I00\n"),
        }
    }

    #[inline]
    fn save_int(&mut self, n: i64) {
        let Ok(small) = i32::try_from(n) else {
            return self.save_long(n);
        };
        if !self.binary() {
            return self.out.put(format!("I{small}\n").as_bytes());
        }
        let [a, b, c, d] = small.to_le_bytes();
        match small {
            0..=0xff => self.out.put(&[BININT1, a]),
            0x100..=0xffff => self.out.put(&[BININT2, a, b]),
            _ => self.out.put(&[BININT, a, b, c, d]),
        }
    }

    /// An int of more than 32 bits, which fits 64.
    fn save_long(&mut self, n: i64) {
        if self.proto < 2 {
            return self.out.put(format!("L{n}L\n").as_bytes());
        }
        let bytes = n.to_le_bytes();
        // As many bytes as hold the value and its sign.
        let significant = 64
            - if n < 0 {
                n.leading_ones()
            } else {
                n.leading_zeros()
            };
        let len = significant as usize / 8 + 1;
        self.out.put(&[LONG1, len as u8]);
        self.out.put(&bytes[..len.min(8)]);
    }

    fn save_big(&mut self, object: &Value) -> PyResult<()> {
        if let Some(n) = int::as_i64(object) {
            self.save_int(n);
            return Ok(());
        }
        let vm = self.vm;
        if self.proto < 2 {
            let digits = int::to_decimal(vm, object)?;
            self.out.put(format!("L{digits}L\n").as_bytes());
            return Ok(());
        }
        let value = int::to_big(object).unwrap_or(IBig::ZERO);
        let mut len = bigint::bit_length(&value) / 8 + 1;
        let encode = |len| {
            bigint::to_bytes(&value, len, ByteOrder::Little, true)
                .map_err(|_| vm.overflow_error("int too large to pickle"))
        };
        let mut bytes = encode(len)?;
        // A negative power of 256 needs no byte for its sign alone.
        if let [.., before, 0xff] = bytes.as_slice()
            && before & 0x80 != 0
        {
            len -= 1;
            bytes.truncate(len)
        }
        if let Ok(len) = u8::try_from(len) {
            self.out.put(&[LONG1, len])
        } else if let Ok(len) = i32::try_from(len) {
            self.out.op(LONG4);
            self.out.put(&len.to_le_bytes())
        } else {
            return Err(vm.overflow_error("int too large to pickle"));
        }
        self.out.put(&bytes);
        Ok(())
    }

    fn save_float(&mut self, object: &Value, x: f64) -> PyResult<()> {
        if self.binary() {
            self.out.op(BINFLOAT);
            self.out.put(&x.to_be_bytes());
        } else {
            let text = object::repr(self.vm, object)?;
            self.out.op(FLOAT);
            self.out.put(text.as_bytes());
            self.out.op(b'\n');
        }
        Ok(())
    }

    // ---- bytes and text ----

    fn save_bytes(&mut self, object: &Value, bytes: &Ref<Bytes>) -> PyResult<()> {
        if self.proto >= 3 {
            return self.bytes_data(object, bytes.as_bytes(), Some(object));
        }
        let vm = self.vm;
        let (function, args) = if bytes.as_bytes().is_empty() {
            (vm.types.bytes.to_value(), Vec::new())
        } else {
            let text = str_::codecs::simple::decode_latin1(vm, bytes.as_bytes())?;
            let latin1 = vm.new_str("latin1")?;
            (
                self.globals.encode.clone(),
                vec![text.into_value(), latin1.into_value()],
            )
        };
        self.save_call(function, args, object)
    }

    /// `function(*args)` as an object's reduction.
    fn save_call(&mut self, function: Value, args: Vec<Value>, object: &Value) -> PyResult<()> {
        let args = self.vm.new_tuple(args)?.into_value();
        self.save_reduce(&[function, args], Some(object))
    }

    fn bytes_data(&mut self, object: &Value, data: &[u8], payload: Option<&Value>) -> PyResult<()> {
        let len = data.len();
        let wide = (len as u64).to_le_bytes();
        let mut header = [0; 9];
        header[1..].copy_from_slice(&wide);
        let header = if len <= 0xff {
            header[0] = SHORT_BINBYTES;
            &header[..2]
        } else if len <= 0xffff_ffff {
            header[0] = BINBYTES;
            &header[..5]
        } else if self.proto >= 4 {
            header[0] = BINBYTES8;
            &header[..]
        } else {
            return Err(self.vm.overflow_error(
                "serializing a bytes object larger than 4 GiB requires pickle protocol 4 or higher",
            ));
        };
        self.out.data(self.vm, header, data, payload)?;
        self.memo_put(object)
    }

    fn save_bytearray(&mut self, object: &Value, array: &Ref<ByteArray>) -> PyResult<()> {
        let vm = self.vm;
        let data = array.to_vec();
        if self.proto >= 5 {
            return self.bytearray_data(object, &data);
        }
        let args = match data.as_slice() {
            [] => Vec::new(),
            _ => vec![vm.new_bytes_of(data)?.into_value()],
        };
        self.save_call(vm.types.bytearray.to_value(), args, object)
    }

    fn bytearray_data(&mut self, object: &Value, data: &[u8]) -> PyResult<()> {
        let mut header = [BYTEARRAY8; 9];
        header[1..].copy_from_slice(&(data.len() as u64).to_le_bytes());
        self.out.data(self.vm, &header, data, None)?;
        self.memo_put(object)
    }

    fn save_picklebuffer(&mut self, object: &Value, buffer: &Ref<PickleBuffer>) -> PyResult<()> {
        let vm = self.vm;
        if self.proto < 5 {
            let message = "PickleBuffer can only be pickled with protocol >= 5";
            return Err(pickling_error(vm, message));
        }
        let view = buffer.buffer(vm)?;
        if !is_contiguous(&view) {
            return Err(pickling_error(
                vm,
                "PickleBuffer can not be pickled when pointing to a non-contiguous buffer",
            ));
        }
        let in_band = match &self.buffer_callback {
            Some(callback) => {
                let wanted = vm.call(callback, std::slice::from_ref(object))?;
                object::is_true(vm, &wanted)?
            }
            None => true,
        };
        if in_band {
            let data = view.with(<[u8]>::to_vec);
            return if view.readonly {
                self.bytes_data(object, &data, None)
            } else {
                self.bytearray_data(object, &data)
            };
        }
        self.out.op(NEXT_BUFFER);
        if view.readonly {
            self.out.op(READONLY_BUFFER)
        }
        Ok(())
    }

    #[inline]
    fn save_str(&mut self, object: &Value, text: &Ref<Str>) -> PyResult<()> {
        if !self.binary() {
            self.save_str_lines(text);
            return self.memo_put(object);
        }
        let data = text.as_bytes();
        let len = data.len();
        if len <= 0xff && self.proto >= 4 {
            self.out.put(&[SHORT_BINUNICODE, len as u8]);
            self.out.put(data);
            return self.memo_put(object);
        }
        let mut header = [0; 9];
        header[1..].copy_from_slice(&(len as u64).to_le_bytes());
        let header = if len <= 0xffff_ffff {
            header[0] = BINUNICODE;
            &header[..5]
        } else if self.proto >= 4 {
            header[0] = BINUNICODE8;
            &header[..]
        } else {
            return Err(self.vm.overflow_error(
                "serializing a string larger than 4 GiB requires pickle protocol 4 or higher",
            ));
        };
        self.out.data(self.vm, header, data, None)?;
        self.memo_put(object)
    }

    /// Protocol 0: one line in `raw-unicode-escape`, with what would end a line escaped too.
    fn save_str_lines(&mut self, text: &Str) {
        let mut line = vec![UNICODE];
        for c in text.code_points() {
            match c {
                0 | 0x0a | 0x0d | 0x1a | 0x5c | 0x100..=0xffff => {
                    line.extend_from_slice(format!("\\u{c:04x}").as_bytes())
                }
                0x10000.. => line.extend_from_slice(format!("\\U{c:08x}").as_bytes()),
                _ => line.push(c as u8),
            }
        }
        line.push(b'\n');
        self.out.put(&line)
    }

    // ---- containers ----

    fn save_tuple(&mut self, object: &Value, tuple: &Ref<Tuple>) -> PyResult<()> {
        let items = tuple.items();
        if items.is_empty() {
            let empty: &[u8] = if self.proto > 0 {
                &[EMPTY_TUPLE]
            } else {
                &[MARK, TUPLE]
            };
            self.out.put(empty);
            return Ok(());
        }
        let short = items.len() <= 3 && self.proto >= 2;
        if !short {
            self.out.op(MARK)
        }
        for (i, item) in items.iter().enumerate() {
            let done = self.save(item);
            noting!(
                self,
                done,
                "when serializing {} item {i}",
                class_text(self.vm, object)
            )?
        }
        // A tuple that its own items hold has been made by them: use that one, and throw this one's items away.
        if let Some(number) = self.seen(object) {
            if short {
                self.out.put(&[POP; 3][..items.len()])
            } else if self.binary() {
                self.out.op(POP_MARK)
            } else {
                for _ in 0..=items.len() {
                    self.out.op(POP)
                }
            }
            return self.memo_get(number);
        }
        self.out.op(match (short, items.len()) {
            (true, 1) => TUPLE1,
            (true, 2) => TUPLE2,
            (true, _) => TUPLE3,
            (false, _) => TUPLE,
        });
        self.memo_put(object)
    }

    fn save_list(&mut self, object: &Value, list: &Ref<List>) -> PyResult<()> {
        if self.binary() {
            self.out.op(EMPTY_LIST)
        } else {
            self.out.put(&[MARK, LIST])
        }
        self.memo_put(object)?;
        if list.is_empty() {
            Ok(())
        } else if self.proto > 0 {
            self.list_items(object, list)
        } else {
            let items = iterator::iter(self.vm, object)?;
            self.appends(&items, object)
        }
    }

    fn save_item(&mut self, item: &Value, index: usize, owner: &Value) -> PyResult<()> {
        let done = self.save(item);
        noting!(
            self,
            done,
            "when serializing {} item {index}",
            class_text(self.vm, owner)
        )
    }

    fn list_items(&mut self, object: &Value, list: &Ref<List>) -> PyResult<()> {
        let mut index = 0;
        if list.len() == 1
            && let Some(item) = list.get(0)
        {
            self.save_item(&item, 0, object)?;
            self.out.op(APPEND);
            return Ok(());
        }
        loop {
            self.out.op(MARK);
            let end = index + BATCH_SIZE;
            while index < end
                && let Some(item) = list.get(index)
            {
                self.save_item(&item, index, object)?;
                index += 1;
            }
            self.out.op(APPENDS);
            if index >= list.len() {
                return Ok(());
            }
        }
    }

    /// Items that an iterator gives, to be appended to what is on the stack.
    pub fn appends(&mut self, items: &Value, owner: &Value) -> PyResult<()> {
        let vm = self.vm;
        let mut index = 0;
        if self.proto == 0 {
            while let Some(item) = iterator::next(vm, items)? {
                self.save_item(&item, index, owner)?;
                self.out.op(APPEND);
                index += 1;
            }
            return Ok(());
        }
        loop {
            let Some(first) = iterator::next(vm, items)? else {
                return Ok(());
            };
            let Some(second) = iterator::next(vm, items)? else {
                self.save_item(&first, index, owner)?;
                self.out.op(APPEND);
                return Ok(());
            };
            self.out.op(MARK);
            let end = index + BATCH_SIZE;
            self.save_item(&first, index, owner)?;
            index += 1;
            let mut next = Some(second);
            while let Some(item) = next {
                self.save_item(&item, index, owner)?;
                index += 1;
                next = if index < end {
                    iterator::next(vm, items)?
                } else {
                    None
                };
            }
            self.out.op(APPENDS);
            if index < end {
                return Ok(());
            }
        }
    }

    fn save_dict(&mut self, object: &Value, dict: &Ref<Dict>) -> PyResult<()> {
        if self.binary() {
            self.out.op(EMPTY_DICT)
        } else {
            self.out.put(&[MARK, DICT])
        }
        self.memo_put(object)?;
        if dict.is_empty() {
            return Ok(());
        }
        if self.proto > 0 {
            return self.dict_items(object, dict);
        }
        let items = self
            .vm
            .call_method(object, &self.globals.names.items, &[])?;
        let items = iterator::iter(self.vm, &items)?;
        self.set_items(&items, object)
    }

    pub fn save_pair(&mut self, key: &Value, value: &Value, owner: &Value) -> PyResult<()> {
        self.save(key)?;
        let Err(raised) = self.save(value) else {
            return Ok(());
        };
        // What repr(key) raises takes the exception's place only if there is none to keep.
        let pending = self.vm.take_exception();
        let note = shown(self.vm, key).map(|key| {
            let owner = class_text(self.vm, owner);
            format!("when serializing {owner} item {key}")
        });
        match note {
            Ok(note) => {
                let raised = self.vm.raise_value(pending);
                exception::add_note_to_pending(self.vm, &note);
                Err(raised)
            }
            Err(_) => {
                self.vm.clear_exception();
                self.vm.raise_value(pending);
                Err(raised)
            }
        }
    }

    /// The items of an exact dict.
    pub fn dict_items(&mut self, object: &Value, dict: &Ref<Dict>) -> PyResult<()> {
        let mut position = 0;
        let size = dict.len();
        if size == 1
            && let Some((key, value)) = dict.next_item(&mut position)
        {
            self.save_pair(&key, &value, object)?;
            self.out.op(SETITEM);
            return Ok(());
        }
        loop {
            let mut count = 0;
            self.out.op(MARK);
            while count < BATCH_SIZE
                && let Some((key, value)) = dict.next_item(&mut position)
            {
                self.save_pair(&key, &value, object)?;
                count += 1;
            }
            self.out.op(SETITEMS);
            if dict.len() != size {
                let message = "dictionary changed size during iteration";
                return Err(self.vm.runtime_error(message));
            }
            if count < BATCH_SIZE {
                return Ok(());
            }
        }
    }

    /// Pairs that an iterator gives, to be set in what is on the stack.
    pub fn set_items(&mut self, items: &Value, owner: &Value) -> PyResult<()> {
        let vm = self.vm;
        let next = || -> PyResult<Option<Ref<Tuple>>> {
            match iterator::next(vm, items)? {
                None => Ok(None),
                Some(pair) => match pair.downcast_into::<Tuple>() {
                    Ok(pair) if pair.len() == 2 => Ok(Some(pair)),
                    _ => Err(vm.type_error("dict items iterator must return 2-tuples")),
                },
            }
        };
        let save = |save: &mut Self, pair: &Ref<Tuple>| match pair.items() {
            [key, value] => save.save_pair(key, value, owner),
            _ => Ok(()),
        };
        if self.proto == 0 {
            while let Some(pair) = next()? {
                save(self, &pair)?;
                self.out.op(SETITEM);
            }
            return Ok(());
        }
        loop {
            let Some(first) = next()? else {
                return Ok(());
            };
            let Some(second) = next()? else {
                save(self, &first)?;
                self.out.op(SETITEM);
                return Ok(());
            };
            self.out.op(MARK);
            save(self, &first)?;
            let mut count = 1;
            let mut pair = Some(second);
            while let Some(this) = pair {
                save(self, &this)?;
                count += 1;
                pair = if count < BATCH_SIZE { next()? } else { None };
            }
            self.out.op(SETITEMS);
            if count < BATCH_SIZE {
                return Ok(());
            }
        }
    }

    fn save_element(&mut self, item: &Value, owner: &Value) -> PyResult<()> {
        let done = self.save(item);
        noting!(
            self,
            done,
            "when serializing {} element",
            class_text(self.vm, owner)
        )
    }

    fn save_set(&mut self, object: &Value) -> PyResult<()> {
        let vm = self.vm;
        let Some(core) = set::core::core(object) else {
            return Err(vm.system_error("a set without elements"));
        };
        if self.proto < 4 {
            let items = vm.new_list(core.elements())?.into_value();
            return self.save_call(vm.types.set.to_value(), vec![items], object);
        }
        self.out.op(EMPTY_SET);
        self.memo_put(object)?;
        let size = core.len();
        if size == 0 {
            return Ok(());
        }
        let mut position = 0;
        loop {
            let mut count = 0;
            self.out.op(MARK);
            while count < BATCH_SIZE
                && let Some((item, _)) = core.next(&mut position)
            {
                self.save_element(&item, object)?;
                count += 1;
            }
            self.out.op(ADDITEMS);
            if core.len() != size {
                return Err(vm.runtime_error("set changed size during iteration"));
            }
            if count < BATCH_SIZE {
                return Ok(());
            }
        }
    }

    fn save_frozenset(&mut self, object: &Value) -> PyResult<()> {
        let vm = self.vm;
        let Some(frozen) = object.downcast::<FrozenSet>() else {
            return Err(vm.system_error("a frozenset without elements"));
        };
        let items = frozen.elements();
        if self.proto < 4 {
            let items = vm.new_list(items)?.into_value();
            return self.save_call(vm.types.frozenset.to_value(), vec![items], object);
        }
        self.out.op(MARK);
        for item in items {
            self.save_element(&item, object)?
        }
        if let Some(number) = self.seen(object) {
            self.out.op(POP_MARK);
            return self.memo_get(number);
        }
        self.out.op(FROZENSET);
        self.memo_put(object)
    }

    // ---- persistent objects ----

    /// Asks the pickler whether it knows the object by another identity, and writes that.
    #[cold]
    fn save_persistent(&mut self, object: &Value) -> PyResult<bool> {
        let vm = self.vm;
        let Some(function) = self.persistent_id.clone() else {
            return Ok(false);
        };
        let identity = vm.call(&function, std::slice::from_ref(object))?;
        if identity.is_none() {
            return Ok(false);
        }
        if self.binary() {
            self.out.boundary(vm)?;
            self.save_value(&identity)?;
            self.out.op(BINPERSID);
            return Ok(true);
        }
        let text = object::str(vm, &identity)?;
        if !text.is_ascii() {
            let message = "persistent IDs in protocol 0 must be ASCII strings";
            return Err(pickling_error(vm, message));
        }
        self.out.op(PERSID);
        self.out.put(text.as_bytes());
        self.out.op(b'\n');
        Ok(true)
    }

    /// An attribute that need not be there.
    pub fn optional(&self, object: &Value, name: &Ref<Str>) -> PyResult<Option<Value>> {
        attributes::get_optional(self.vm, object, name)
    }
}
