//! What the evaluation loop can find out without leaving it: leaf functions for the usual operands of an instruction.
//!
//! None of them raises or runs Python, so that the frame's state need not be stored before. What they do not
//! know is told apart (`UNKNOWN`, a zero word, a negative length) and left to the slow paths, which decide everything
//! anew: a quick answer must be exactly theirs. CPython has more specialised instructions for the same.

use crate::objects::bytearray::ByteArray;
use crate::objects::bytes::Bytes;
use crate::objects::dict::Dict;
use crate::objects::dict::table::Quick;
use crate::objects::float::Float;
use crate::objects::list::{List, ListIterator};
use crate::objects::set::{FrozenSet, Set};
use crate::objects::str_::Str;
use crate::objects::tuple::{Tuple, TupleIterator};
use crate::objects::type_::{Type, is_subtype};
use crate::protocols::compare::quick_eq;
use crate::protocols::hash;
use crate::vm::Vm;
use naja_heap::slot::Slot;
use naja_heap::{Header, MutCell, Obj, Payload, Ref, Value};
use std::cell::Cell;

/// Neither yes (1) nor no (0).
pub(super) const UNKNOWN: u32 = 2;

/// Longer sequences are searched by the slow path.
const MOST_ITEMS: usize = 32;

#[inline(always)]
unsafe fn payload<'a, T: Payload>(slot: Slot) -> &'a T {
    // SAFETY: the caller has checked the type, and the slot keeps the object alive.
    unsafe { &(*((slot.0 & !15) as *const Obj<T>)).payload }
}

#[inline(always)]
unsafe fn type_ptr(slot: Slot) -> *const Type {
    // SAFETY: the caller has checked that the slot is a pointer.
    unsafe { (*((slot.0 & !15) as *const Header)).layout_ptr() as *const Type }
}

#[inline(always)]
fn small_int(slot: Slot) -> Option<i64> {
    (slot.0 & 3 == 1).then_some(slot.0 as i64 >> 2)
}

/// The place in a sequence of `len` items that an index means.
#[inline(always)]
fn place(index: i64, len: usize) -> usize {
    (if index < 0 { index + len as i64 } else { index }) as usize
}

/// `len(value)`, or a negative number.
///
/// # Safety
/// The slot holds a pointer.
#[inline(never)]
pub(super) unsafe fn len(vm: &Vm, value: Slot) -> i64 {
    // SAFETY: payloads are looked at behind checks of the type; nothing changes them meanwhile.
    unsafe {
        let ty = type_ptr(value);
        let exact = &vm.exact;
        let len = if ty == exact.str {
            payload::<Str>(value).char_len()
        } else if ty == exact.list {
            (*payload::<List>(value).items.as_ptr()).len()
        } else if ty == exact.tuple {
            payload::<Tuple>(value).len()
        } else if ty == exact.dict {
            (*payload::<Dict>(value).table.as_ptr()).len()
        } else if ty == exact.bytes {
            payload::<Bytes>(value).as_bytes().len()
        } else if ty == exact.set {
            payload::<Set>(value).core.len()
        } else if ty == exact.frozenset {
            payload::<FrozenSet>(value).core.len()
        } else if ty == exact.bytearray {
            payload::<ByteArray>(value).len()
        } else {
            return -1;
        };
        len as i64
    }
}

/// The iterator over a list or tuple, which takes the slot's reference over; zero where it cannot be made here, and nothing
/// has been done.
///
/// # Safety
/// The slot is not empty.
#[inline(never)]
pub(super) unsafe fn iterator(vm: &Vm, sequence: Slot) -> u64 {
    if !sequence.is_pointer() {
        return 0;
    }
    // SAFETY: as in `len`; an iterator is its payload and nothing else. It holds a reference of its own, so that giving up
    // the slot's frees nothing.
    unsafe {
        let (ty, exact) = (type_ptr(sequence), &vm.exact);
        let index = Cell::new(0);
        let made = if ty == exact.list {
            let list = MutCell::new(sequence.to_value().downcast_into::<List>().ok());
            let layout = &(*exact.list_iterator).layout;
            let made = vm
                .heap()
                .alloc_plain(layout, 0, ListIterator { list, index });
            made.map(Ref::into_value)
        } else if ty == exact.tuple {
            let tuple = MutCell::new(sequence.to_value().downcast_into::<Tuple>().ok());
            let layout = &(*exact.tuple_iterator).layout;
            let made = vm
                .heap()
                .alloc_plain(layout, 0, TupleIterator { tuple, index });
            made.map(Ref::into_value)
        } else {
            return 0;
        };
        match made {
            Ok(iterator) => {
                sequence.release();
                iterator.into_bits()
            }
            Err(_) => 0,
        }
    }
}

/// Whether the value is true.
///
/// # Safety
/// The slot is not empty.
#[inline(never)]
pub(super) unsafe fn truth(vm: &Vm, value: Slot) -> u32 {
    if !value.is_pointer() {
        return match value.0 {
            word if word == Value::TRUE.bits() => 1,
            word if word == Value::FALSE.bits() || word == Value::NONE.bits() => 0,
            word if word & 3 == 1 => (word != 1) as u32,
            _ => UNKNOWN,
        };
    }
    // SAFETY: a pointer.
    unsafe {
        let len = len(vm, value);
        if len >= 0 {
            return (len != 0) as u32;
        }
        let slots = &(*type_ptr(value)).slots;
        if slots.bool.get().is_none()
            && slots.mp_len.get().is_none()
            && slots.sq_len.get().is_none()
        {
            return 1;
        }
        UNKNOWN
    }
}

/// `container[key]`: a new reference, or zero.
///
/// # Safety
/// The slots are not empty.
#[inline(never)]
pub(super) unsafe fn item(vm: &Vm, container: Slot, key: Slot) -> u64 {
    if !container.is_pointer() {
        return 0;
    }
    // SAFETY: as in `len`.
    unsafe {
        let ty = type_ptr(container);
        let exact = &vm.exact;
        if ty == exact.dict {
            let table = &*payload::<Dict>(container).table.as_ptr();
            return match table.quick_find(&key.view(), vm) {
                Quick::At(index) => match table.entries().get(index) {
                    Some(entry) => entry.value.clone().into_bits(),
                    None => 0,
                },
                _ => 0,
            };
        }
        let Some(index) = small_int(key) else {
            return 0;
        };
        let of = |items: &[Value]| match items.get(place(index, items.len())) {
            Some(item) => item.clone().into_bits(),
            None => 0,
        };
        let byte = |byte: Option<&u8>| match byte {
            Some(byte) => (*byte as u64) << 2 | 1,
            None => 0,
        };
        if ty == exact.list {
            of(&*payload::<List>(container).items.as_ptr())
        } else if ty == exact.tuple {
            of(payload::<Tuple>(container).items())
        } else if let Some(item) = (*ty).slots.leaf_item.get() {
            item(vm, &container.view(), index).map_or(0, Value::into_bits)
        } else if ty == exact.str {
            let text = payload::<Str>(container);
            if !text.is_ascii() {
                return 0;
            }
            match text.as_bytes().get(place(index, text.byte_len())) {
                Some(byte) => vm.interp.latin1_char(*byte).into_value().into_bits(),
                None => 0,
            }
        } else if ty == exact.bytes {
            let bytes = payload::<Bytes>(container).as_bytes();
            byte(bytes.get(place(index, bytes.len())))
        } else if ty == exact.bytearray {
            byte(payload::<ByteArray>(container).byte_at(index).as_ref())
        } else {
            0
        }
    }
}

/// The number in a slot that holds a float, boxed or not.
#[inline(always)]
unsafe fn float_value(vm: &Vm, slot: Slot) -> Option<f64> {
    if slot.0 & 2 != 0 {
        return Some(f64::from_bits(
            slot.0.rotate_right(3).wrapping_sub(0x200 << 52),
        ));
    }
    // SAFETY: as in `len`.
    unsafe {
        (slot.is_pointer() && std::ptr::eq(type_ptr(slot), &raw const *vm.types.float))
            .then(|| payload::<Float>(slot).value)
    }
}

/// A sum, difference or product of floats of which one is an object, or the result may be: a zero, mostly. `operation` is the
/// oparg of a BINARY_OP. Zero where a float would have to be made, or the operands are others; otherwise the operands have been
/// released, which runs nothing for floats.
///
/// # Safety
/// The slots are not empty, and are not used afterwards unless the answer is zero.
#[inline(never)]
pub(super) unsafe fn float_op(vm: &Vm, l: Slot, r: Slot, operation: u32) -> u64 {
    // SAFETY: as in `len`.
    unsafe {
        let (Some(x), Some(y)) = (float_value(vm, l), float_value(vm, r)) else {
            return 0;
        };
        let result = match operation {
            0 | 13 => x + y,
            10 | 23 => x - y,
            _ => x * y,
        };
        let Some(result) = vm.ready_float(result) else {
            return 0;
        };
        l.release();
        r.release();
        result.into_bits()
    }
}

/// `first + l * r`, or `first - l * r`, in two roundings, as [`float_op`] for both operations: the product is never made.
///
/// # Safety
/// As for `float_op`.
#[inline(never)]
pub(super) unsafe fn multiply_add(vm: &Vm, first: Slot, l: Slot, r: Slot, subtract: bool) -> u64 {
    // SAFETY: as in `len`.
    unsafe {
        let (Some(a), Some(x), Some(y)) = (
            float_value(vm, first),
            float_value(vm, l),
            float_value(vm, r),
        ) else {
            return 0;
        };
        let result = if subtract { a - x * y } else { a + x * y };
        let Some(result) = vm.ready_float(result) else {
            return 0;
        };
        first.release();
        l.release();
        r.release();
        result.into_bits()
    }
}

/// `container[key] = value`: an owned word to be released, what stood there or what is not kept, or zero where nothing has been
/// done.
///
/// # Safety
/// The slots are not empty; the value's reference is given away unless the answer is zero.
#[inline(never)]
pub(super) unsafe fn store_item(vm: &Vm, container: Slot, key: Slot, value: Slot) -> u64 {
    if !container.is_pointer() {
        return 0;
    }
    // SAFETY: as in `len`; a value takes the place of another, which the caller drops.
    unsafe {
        let ty = type_ptr(container);
        if ty == vm.exact.dict {
            let table = &mut *payload::<Dict>(container).table.as_ptr();
            return match table.quick_set(&key.view(), vm, || value.into_value()) {
                Some(Some(old)) => old.into_bits(),
                Some(None) => Value::NONE.bits(),
                None => 0,
            };
        }
        let Some(index) = small_int(key) else {
            return 0;
        };
        let done = if ty == vm.exact.bytearray {
            small_int(value)
                .is_some_and(|byte| payload::<ByteArray>(container).set_byte(index, byte))
        } else if let Some(set) = (*ty).slots.leaf_set_item.get() {
            set(vm, &container.view(), index, &value.view())
        } else {
            false
        };
        if done {
            value.into_value().into_bits()
        } else {
            0
        }
    }
}

/// `needle in haystack`.
///
/// # Safety
/// The slots are not empty.
#[inline(never)]
pub(super) unsafe fn contains(vm: &Vm, haystack: Slot, needle: Slot) -> u32 {
    if !haystack.is_pointer() {
        return UNKNOWN;
    }
    // SAFETY: as in `len`.
    unsafe {
        let ty = type_ptr(haystack);
        let exact = &vm.exact;
        if ty == exact.dict {
            let table = &*payload::<Dict>(haystack).table.as_ptr();
            return match table.quick_find(&needle.view(), vm) {
                Quick::At(_) => 1,
                Quick::Absent => 0,
                Quick::Unknown => UNKNOWN,
            };
        }
        let core = if ty == exact.set {
            Some(&payload::<Set>(haystack).core)
        } else if ty == exact.frozenset {
            Some(&payload::<FrozenSet>(haystack).core)
        } else {
            None
        };
        if let Some(core) = core {
            let needle = needle.view();
            let Some(hash) = hash::quick(vm, &needle) else {
                return UNKNOWN;
            };
            let found = core.table.with(|table| table.has(&needle, hash, vm));
            return found.map_or(UNKNOWN, u32::from);
        }
        if ty == exact.str {
            if !needle.is_pointer() || type_ptr(needle) != exact.str {
                return UNKNOWN;
            }
            let (text, part) = (
                payload::<Str>(haystack).as_bytes(),
                payload::<Str>(needle).as_bytes(),
            );
            return match part {
                [byte] if text.len() <= MOST_ITEMS => text.contains(byte) as u32,
                _ => UNKNOWN,
            };
        }
        let items: &[Value] = if ty == exact.tuple {
            payload::<Tuple>(haystack).items()
        } else if ty == exact.list {
            &*payload::<List>(haystack).items.as_ptr()
        } else {
            return UNKNOWN;
        };
        if items.len() > MOST_ITEMS {
            return UNKNOWN;
        }
        let needle = needle.view();
        for item in items {
            match quick_eq(vm, item, &needle) {
                Some(true) => return 1,
                Some(false) => {}
                None => return UNKNOWN,
            }
        }
        0
    }
}

/// Whether comparing instances of the type for equality asks whether they are the same.
#[inline(always)]
fn compares_by_identity(vm: &Vm, ty: &Type) -> bool {
    ty.slots.richcompare.get() == vm.types.object.slots.richcompare.get()
}

/// `l == r`.
///
/// # Safety
/// The slots are not empty.
#[inline(never)]
pub(super) unsafe fn equal(vm: &Vm, l: Slot, r: Slot) -> u32 {
    // SAFETY: as in `len`.
    unsafe {
        if l.is_pointer() && r.is_pointer() {
            let (lt, rt) = (type_ptr(l), type_ptr(r));
            let same = l.clean_bits() == r.clean_bits();
            if lt == vm.exact.str && rt == vm.exact.str {
                let (a, b) = (payload::<Str>(l), payload::<Str>(r));
                return (same || a.as_bytes() == b.as_bytes()) as u32;
            }
            if lt == vm.exact.bytes && rt == vm.exact.bytes {
                let (a, b) = (payload::<Bytes>(l), payload::<Bytes>(r));
                return (same || a.as_bytes() == b.as_bytes()) as u32;
            }
            if compares_by_identity(vm, &*lt) && compares_by_identity(vm, &*rt) {
                return same as u32;
            }
            if same {
                return UNKNOWN;
            }
        } else if l.0 == Value::NONE.bits() || r.0 == Value::NONE.bits() {
            let other = if l.is_pointer() { l } else { r };
            if other.is_pointer() && compares_by_identity(vm, &*type_ptr(other)) {
                return 0;
            }
        }
        if l.0 & 2 != 0 || r.0 & 2 != 0 {
            return UNKNOWN;
        }
        quick_eq(vm, &l.view(), &r.view()).map_or(UNKNOWN, u32::from)
    }
}

/// Whether objects of a type are instances of a class whose metaclass is `type`.
#[inline(always)]
fn is_of(ty: &Type, class: &Type) -> u32 {
    if is_subtype(ty, class) {
        return 1;
    }
    // Nobody has overridden `__class__`.
    let version = ty.version.get();
    if version != 0 && ty.plain_class.get() == version {
        0
    } else {
        UNKNOWN
    }
}

/// `isinstance(value, class)`.
///
/// # Safety
/// The slots are not empty.
#[inline(never)]
pub(super) unsafe fn is_instance(vm: &Vm, value: Slot, class: Slot) -> u32 {
    if !class.is_pointer() {
        return UNKNOWN;
    }
    // SAFETY: as in `len`; an instance of `type` itself is a class.
    unsafe {
        let view = value.view();
        let ty: &Type = vm.type_of(&view);
        let kind = type_ptr(class);
        if kind == vm.exact.type_ {
            return is_of(ty, payload::<Type>(class));
        }
        if kind != vm.exact.tuple {
            return UNKNOWN;
        }
        for class in payload::<Tuple>(class).items() {
            let class = Slot(class.bits());
            if !class.is_pointer() {
                return UNKNOWN;
            }
            if std::ptr::eq(ty, payload::<Type>(class)) {
                return 1;
            }
            if type_ptr(class) != vm.exact.type_ {
                return UNKNOWN;
            }
            match is_of(ty, payload::<Type>(class)) {
                0 => {}
                other => return other,
            }
        }
        0
    }
}
