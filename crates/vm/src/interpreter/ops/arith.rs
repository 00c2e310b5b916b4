//! Operators, subscripts, comparisons, truth.

use super::*;
use crate::interpreter::specialize;
use crate::objects::bytearray::ByteArray;
use crate::objects::dict::Dict;
use crate::objects::float;
use crate::objects::function::Function;
use crate::objects::int;
use crate::objects::list::List;
use crate::objects::set;
use crate::objects::slice::Slice;
use crate::objects::str_::{self, Str};
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, TypeFlags};
use crate::protocols::{compare, number, object, sequence};
use crate::vm::{PyResult, Raised};
use naja_bytecode::opcode::op;
use naja_heap::{Header, Obj};
use smallvec::SmallVec;

pub(in crate::interpreter) const SUBSCR: u32 = 26;

/// `l op r` for any operands.
#[inline(always)]
fn operate(vm: &Vm, operation: u32, l: &Value, r: &Value) -> crate::vm::PyResult {
    if operation == SUBSCR {
        subscript(vm, l, r)
    } else if compare::foreign(l) {
        number::binary_op(vm, operation, l, r)
    } else if let Some(result) = float::arithmetic(vm, operation, l, r) {
        vm.new_float(result)
    } else if let Some(result) = int::arithmetic(vm, operation, l, r) {
        result
    } else if let Some(result) = join(vm, operation, l, r) {
        result
    } else {
        number::binary_op(vm, operation, l, r)
    }
}

ops! {
    fn binary_op(pc, sp, fp, vm, arg) {
        if counter_due(pc) {
            specialize::binary_op(vm, fp, pc, *sp.sub(2), *sp.sub(1), arg);
        }
        let (l, r) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let result = operate(vm, arg, &l, &r)?;
        Ok((pc.add(6), replace_top(fp, sp, 2, result)))
    }

    fn binary_op_miss(pc, sp, fp, vm, arg) {
        let (l, r) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        if let Some(word) = specialize::extended(arg, *sp.sub(2), *sp.sub(1)) {
            // Ints here, floats there: after some misses the form for all numbers takes over.
            missed(pc, op::BINARY_OP_EXTEND);
            *sp.sub(2) = Slot(word);
            return Ok((pc.add(6), sp.sub(1)));
        }
        missed(pc, op::BINARY_OP);
        let result = operate(vm, arg, &l, &r)?;
        Ok((pc.add(6), replace_top(fp, sp, 2, result)))
    }

    fn binary_op_again(pc, sp, fp, vm, arg) {
        let (l, r) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let result = operate(vm, arg, &l, &r)?;
        Ok((pc.add(6), replace_top(fp, sp, 2, result)))
    }

    fn binary_op_subscr(pc, sp, fp, vm, arg) {
        // A subscript of which no form is known: a Python `__getitem__` that the class remembers is entered in the same loop.
        let l = (*sp.sub(2)).view();
        let ty = vm.type_of(&l);
        if ty.flag(TypeFlags::HEAPTYPE)
            && ty.version.get() != 0
            && let Some(function) = ty.cached_getitem.get()
            && let Ok(function) = function.downcast_into::<Function>()
        {
            (*fp).return_offset = 6;
            (*fp).sp = sp.sub(2);
            return super::call::push_exact(vm, fp, function, sp.sub(2), 2);
        }
        let result = operate(vm, arg, &l, &(*sp.sub(1)).view())?;
        Ok((pc.add(6), replace_top(fp, sp, 2, result)))
    }

    fn binary_op_extend(pc, sp, fp, vm, arg) {
        // Not two unboxed numbers, or not an unboxed result.
        let (l, r) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        if let Some(result) = float::arithmetic(vm, arg, &l, &r) {
            return Ok((pc.add(6), replace_floats(sp, vm, result)?));
        }
        missed(pc, op::BINARY_OP);
        let result = operate(vm, arg, &l, &r)?;
        Ok((pc.add(6), replace_top(fp, sp, 2, result)))
    }

    fn float_op(pc, sp, fp, vm, arg) {
        // A float is boxed (zero, for one, or of extreme magnitude), or the result will be.
        let (l, r) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        match (float::exact(vm, &l), float::exact(vm, &r)) {
            (Some(x), Some(y)) => {
                let result = match arg {
                    0 | 13 => x + y,
                    10 | 23 => x - y,
                    _ => x * y,
                };
                Ok((pc.add(6), replace_floats(sp, vm, result)?))
            }
            _ => {
                let step = binary_op_miss(pc, sp, fp, vm, arg);
                if step.0.is_null() { Err(Raised) } else { Ok(step) }
            }
        }
    }

    fn add_unicode(pc, sp, fp, vm, arg) {
        let (l, r) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let result = match (l.downcast::<Str>(), r.downcast::<Str>()) {
            (Some(a), Some(b)) if vm.type_of(&l).is(&vm.types.str) && vm.type_of(&r).is(&vm.types.str) => {
                str_::concat(vm, a, b)?.into_value()
            }
            _ => {
                missed(pc, op::BINARY_OP);
                operate(vm, arg, &l, &r)?
            }
        };
        Ok((pc.add(6), replace_top(fp, sp, 2, result)))
    }

    fn inplace_add_unicode(pc, sp, fp, vm, arg) {
        // `s += t` where the next instruction stores into the local that `s` came from.
        let (left, right) = (*sp.sub(2), *sp.sub(1));
        let next = *pc.add(6);
        let target = crate::interpreter::frame::locals(fp).add((next >> 8) as usize);
        let (l, r) = (left.view(), right.view());
        if next as u8 != op::STORE_FAST
            || (*target).clean_bits() != left.clean_bits()
            || !vm.type_of(&l).is(&vm.types.str)
            || !vm.type_of(&r).is(&vm.types.str)
        {
            missed(pc, op::BINARY_OP);
            let result = operate(vm, arg, &l, &r)?;
            return Ok((pc.add(6), replace_top(fp, sp, 2, result)));
        }
        // The local's own reference is the only one left when the stack's is a borrowed one.
        let owned = if left.is_borrowed() { *target } else { left.release(); *target };
        *sp.sub(2) = Slot::EMPTY;
        *target = Slot::EMPTY;
        (*fp).sp = sp.sub(2);
        let result = match (owned.into_value().downcast_into::<Str>(), r.downcast::<Str>()) {
            (Ok(a), Some(b)) => str_::append(vm, a, b),
            _ => Err(vm.system_error("operands of a specialised += are not strings")),
        };
        right.release();
        let result = result?;
        *sp.sub(2) = Slot::new(result.into_value());
        Ok((pc.add(6), sp.sub(1)))
    }

    fn subscr_dict(pc, sp, fp, vm, arg) {
        let (l, r) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        if !vm.type_of(&l).is(&vm.types.dict) {
            missed(pc, op::BINARY_OP);
            let result = operate(vm, arg, &l, &r)?;
            return Ok((pc.add(6), replace_top(fp, sp, 2, result)));
        }
        let found = match l.downcast::<Dict>() {
            Some(dict) => dict.get(vm, &r)?,
            None => None,
        };
        match found {
            Some(value) => Ok((pc.add(6), replace_top(fp, sp, 2, value))),
            None => Err(vm.key_error(&r)),
        }
    }

    fn subscr_str_int(pc, sp, fp, vm, arg) {
        let (l, r) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        if let (Some(text), Some(index)) = (l.downcast::<Str>(), r.as_small_int())
            && vm.type_of(&l).is(&vm.types.str)
        {
            let length = text.char_len() as i64;
            let at = if index < 0 { index + length } else { index };
            if (0..length).contains(&at) {
                let c = match text.is_ascii() {
                    true => vm.interp.latin1_char(text.as_bytes()[at as usize]),
                    false => vm.new_char(text.char_at(at as usize))?,
                };
                return Ok((pc.add(6), replace_top(fp, sp, 2, c.into_value())));
            }
        }
        if !vm.type_of(&l).is(&vm.types.str) || !r.is_small_int() {
            missed(pc, op::BINARY_OP);
        }
        let result = operate(vm, arg, &l, &r)?;
        Ok((pc.add(6), replace_top(fp, sp, 2, result)))
    }

    fn subscr_getitem(pc, sp, fp, vm, arg) {
        // The container's class has a Python `__getitem__`, remembered with the class's version.
        let (l, r) = (*sp.sub(2), *sp.sub(1));
        let view = l.view();
        let ty = vm.type_of(&view);
        let version = (pc.add(2) as *const u32).read_unaligned();
        if ty.version.get() == version
            && version != 0
            && let Some(function) = ty.cached_getitem.get()
            && let Some(f) = function.downcast::<Function>()
        {
            (*fp).return_offset = 6;
            (*fp).sp = sp.sub(2);
            let f = f.clone();
            return super::call::push_exact(vm, fp, f, sp.sub(2), 2);
        }
        missed(pc, op::BINARY_OP);
        let result = operate(vm, arg, &view, &r.view())?;
        Ok((pc.add(6), replace_top(fp, sp, 2, result)))
    }

    fn binary_slice(pc, sp, fp, vm, arg) {
        let (o, start, stop) = ((*sp.sub(3)).view(), (*sp.sub(2)).view(), (*sp.sub(1)).view());
        let result = match plain_slice(vm, &o, &start, &stop)? {
            Some(result) => result,
            None => sequence::get_slice(vm, &o, &start, &stop)?,
        };
        Ok((pc.add(1), replace_top(fp, sp, 3, result)))
    }

    fn store_slice(pc, sp, fp, vm, arg) {
        let (v, o) = ((*sp.sub(4)).view(), (*sp.sub(3)).view());
        let (start, stop) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        if !store_plain_slice(vm, &o, &start, &stop, &v, sole(*sp.sub(4)))? {
            let slice = Slice::make(vm, (*start).clone(), (*stop).clone(), Value::NONE)?.into_value();
            object::set_item(vm, &o, &slice, &v)?;
        }
        Ok((pc.add(1), drop_top(fp, sp, 4)))
    }

    fn store_subscr(pc, sp, fp, vm, arg) {
        if counter_due(pc) {
            specialize::store_subscr(vm, pc, *sp.sub(2), *sp.sub(1));
        }
        let (v, o, k) = ((*sp.sub(3)).view(), (*sp.sub(2)).view(), (*sp.sub(1)).view());
        store(vm, &o, &k, &v, sole(*sp.sub(3)))?;
        Ok((pc.add(2), drop_top(fp, sp, 3)))
    }

    fn store_subscr_miss(pc, sp, fp, vm, arg) {
        missed(pc, op::STORE_SUBSCR);
        let (v, o, k) = ((*sp.sub(3)).view(), (*sp.sub(2)).view(), (*sp.sub(1)).view());
        store(vm, &o, &k, &v, sole(*sp.sub(3)))?;
        Ok((pc.add(2), drop_top(fp, sp, 3)))
    }

    fn store_subscr_again(pc, sp, fp, vm, arg) {
        let (v, o, k) = ((*sp.sub(3)).view(), (*sp.sub(2)).view(), (*sp.sub(1)).view());
        store(vm, &o, &k, &v, sole(*sp.sub(3)))?;
        Ok((pc.add(2), drop_top(fp, sp, 3)))
    }

    fn store_subscr_dict(pc, sp, fp, vm, arg) {
        let (v, o, k) = ((*sp.sub(3)).view(), (*sp.sub(2)).view(), (*sp.sub(1)).view());
        match o.downcast::<Dict>() {
            Some(dict) if vm.type_of(&o).is(&vm.types.dict) => dict.set(vm, &k, (*v).clone())?,
            _ => {
                missed(pc, op::STORE_SUBSCR);
                object::set_item(vm, &o, &k, &v)?
            }
        }
        Ok((pc.add(2), drop_top(fp, sp, 3)))
    }

    fn delete_subscr(pc, sp, fp, vm, arg) {
        let (o, k) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        object::del_item(vm, &o, &k)?;
        Ok((pc.add(1), drop_top(fp, sp, 2)))
    }

    fn unary_negative(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let result = number::negative(vm, &v)?;
        Ok((pc.add(1), replace_top(fp, sp, 1, result)))
    }

    fn unary_invert(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let result = number::invert(vm, &v)?;
        Ok((pc.add(1), replace_top(fp, sp, 1, result)))
    }

    fn to_bool(pc, sp, fp, vm, arg) {
        if counter_due(pc) {
            specialize::to_bool(vm, pc, *sp.sub(1));
        }
        let v = (*sp.sub(1)).view();
        let result = object::is_true(vm, &v)?;
        Ok(decided(fp, pc.add(4), sp, 1, result))
    }

    fn to_bool_again(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let result = object::is_true(vm, &v)?;
        Ok(decided(fp, pc.add(4), sp, 1, result))
    }

    fn to_bool_miss(pc, sp, fp, vm, arg) {
        missed(pc, op::TO_BOOL);
        let v = (*sp.sub(1)).view();
        let result = object::is_true(vm, &v)?;
        Ok(decided(fp, pc.add(4), sp, 1, result))
    }

    fn compare_op(pc, sp, fp, vm, arg) {
        if counter_due(pc) {
            specialize::compare_op(vm, pc, *sp.sub(2), *sp.sub(1));
        }
        compare_any(pc, sp, fp, vm, arg)
    }

    fn compare_op_again(pc, sp, fp, vm, arg) {
        compare_any(pc, sp, fp, vm, arg)
    }

    fn compare_op_miss(pc, sp, fp, vm, arg) {
        missed(pc, op::COMPARE_OP);
        compare_any(pc, sp, fp, vm, arg)
    }

    fn compare_op_float(pc, sp, fp, vm, arg) {
        // At least one float is boxed (zero, infinite, NaN, of extreme magnitude), or no float at all.
        let (l, r) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        match (float::exact(vm, &l), float::exact(vm, &r)) {
            (Some(a), Some(b)) => {
                let outcome = float_outcome(a, b);
                Ok(decided(fp, pc.add(2), sp, 2, arg & outcome != 0))
            }
            _ => {
                missed(pc, op::COMPARE_OP);
                compare_any(pc, sp, fp, vm, arg)
            }
        }
    }

    fn compare_op_str(pc, sp, fp, vm, arg) {
        let (l, r) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        match (l.downcast::<Str>(), r.downcast::<Str>()) {
            (Some(a), Some(b)) if vm.type_of(&l).is(&vm.types.str) && vm.type_of(&r).is(&vm.types.str) => {
                // Only == and != are specialised: any other outcome than "equal" will do for "not equal".
                let outcome = if str_::eq(a, b) { 8 } else { 4 };
                Ok(decided(fp, pc.add(2), sp, 2, arg & outcome != 0))
            }
            _ => {
                missed(pc, op::COMPARE_OP);
                compare_any(pc, sp, fp, vm, arg)
            }
        }
    }

    fn contains_op(pc, sp, fp, vm, arg) {
        if counter_due(pc) {
            specialize::contains_op(vm, pc, *sp.sub(1));
        }
        let (needle, haystack) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let found = sequence::contains(vm, &haystack, &needle)?;
        Ok(decided(fp, pc.add(2), sp, 2, found != (arg != 0)))
    }

    fn contains_op_again(pc, sp, fp, vm, arg) {
        let (needle, haystack) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let found = sequence::contains(vm, &haystack, &needle)?;
        Ok(decided(fp, pc.add(2), sp, 2, found != (arg != 0)))
    }

    fn contains_op_dict(pc, sp, fp, vm, arg) {
        let (needle, haystack) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let found = match haystack.downcast::<Dict>() {
            Some(dict) if vm.type_of(&haystack).is(&vm.types.dict) => dict.contains(vm, &needle)?,
            _ => {
                missed(pc, op::CONTAINS_OP);
                sequence::contains(vm, &haystack, &needle)?
            }
        };
        Ok(decided(fp, pc.add(2), sp, 2, found != (arg != 0)))
    }

    fn contains_op_set(pc, sp, fp, vm, arg) {
        let (needle, haystack) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let ty = vm.type_of(&haystack);
        let core = if ty.is(&vm.types.set) || ty.is(&vm.types.frozenset) {
            crate::objects::set::core::core(&haystack)
        } else {
            None
        };
        let found = match core {
            Some(core) => core.contains(vm, &needle)?,
            None => {
                missed(pc, op::CONTAINS_OP);
                sequence::contains(vm, &haystack, &needle)?
            }
        };
        Ok(decided(fp, pc.add(2), sp, 2, found != (arg != 0)))
    }
}

/// `+` of two lists or two tuples, and a list or tuple times an int: what the slots for numbers would be asked for in vain.
#[inline(always)]
fn join(vm: &Vm, operation: u32, l: &Value, r: &Value) -> Option<PyResult> {
    if !l.is_object() {
        return None;
    }
    let ty = vm.type_of(l);
    let (list, tuple) = (ty.is(&vm.types.list), ty.is(&vm.types.tuple));
    if !list && !tuple {
        return None;
    }
    match operation {
        0 | 13 if (tuple || operation == 0) && vm.type_of(r).is(ty) => {
            ty.slots.concat.get().map(|concat| concat(vm, l, r))
        }
        5 => {
            let n = r.as_small_int()?;
            ty.slots
                .repeat
                .get()
                .map(|repeat| repeat(vm, l, n as isize))
        }
        _ => None,
    }
}

/// The two floats on top of the stack replaced by `result`. An operand that nobody else has takes it, where it is no word.
#[inline(always)]
unsafe fn replace_floats(sp: Sp, vm: &Vm, result: f64) -> PyResult<Sp> {
    // SAFETY: the operands of an instruction, each an exact float or an int. An object of one reference, the stack's own,
    // is known to nobody else. The end of a float runs no Python.
    unsafe {
        let (l, r) = (*sp.sub(2), *sp.sub(1));
        let word = match Value::try_float(result) {
            Some(word) => Slot::new(word),
            None if result != 0.0 && sole_float(vm, l) => {
                set_float(l, result);
                r.release();
                return Ok(sp.sub(1));
            }
            None if result != 0.0 && sole_float(vm, r) => {
                set_float(r, result);
                l.release();
                *sp.sub(2) = r;
                return Ok(sp.sub(1));
            }
            None => Slot::new(vm.new_float(result)?),
        };
        *sp.sub(2) = word;
        r.release();
        l.release();
        Ok(sp.sub(1))
    }
}

/// Whether a slot owns the only reference to a float object.
#[inline(always)]
unsafe fn sole_float(vm: &Vm, slot: Slot) -> bool {
    // SAFETY: a pointer word that owns its object.
    unsafe {
        slot.0 & 15 == 0
            && (*(slot.0 as *const Header)).refcount() == 1
            && std::ptr::eq(
                (*(slot.0 as *const Header)).layout_ptr() as *const Type,
                &*vm.types.float,
            )
    }
}

#[inline(always)]
unsafe fn set_float(slot: Slot, value: f64) {
    // SAFETY: `sole_float` has said that this is an object of a float, which nobody else looks at.
    unsafe { (*(slot.0 as *mut Obj<float::Float>)).payload.value = value }
}

/// `container[key]`; a slice with plain bounds (a constant, usually) needs no arithmetic in general.
#[inline(always)]
fn subscript(vm: &Vm, container: &Value, key: &Value) -> PyResult {
    if key.is_small_int()
        && let Some(subscript) = vm.type_of(container).slots.subscript.get()
    {
        return subscript(vm, container, key);
    }
    if let Some(slice) = plain_slice_key(key)
        && let Some(result) = plain_slice(vm, container, &slice.start, &slice.stop)?
    {
        return Ok(result);
    }
    object::get_item(vm, container, key)
}

/// A slice without a step.
#[inline(always)]
fn plain_slice_key(key: &Value) -> Option<&naja_heap::Ref<Slice>> {
    key.downcast::<Slice>().filter(|slice| slice.step.is_none())
}

/// `container[key] = value`.
#[inline(always)]
fn store(vm: &Vm, container: &Value, key: &Value, value: &Value, sole: bool) -> PyResult<()> {
    if let Some(index) = key.as_small_int()
        && let Some(set) = vm.type_of(container).slots.set_subscript.get()
    {
        if let Some(byte) = value.as_small_int()
            && vm.type_of(container).is(&vm.types.bytearray)
            && let Some(bytes) = container.downcast::<ByteArray>()
            && bytes.set_byte(index, byte)
        {
            return Ok(());
        }
        return set(vm, container, key, Some(value));
    }
    if let Some(slice) = plain_slice_key(key)
        && store_plain_slice(vm, container, &slice.start, &slice.stop, value, sole)?
    {
        return Ok(());
    }
    object::set_item(vm, container, key, value)
}

/// Whether a slot owns the only reference to its object.
#[inline(always)]
unsafe fn sole(slot: Slot) -> bool {
    // SAFETY: a pointer word that owns its object.
    unsafe { slot.0 & 15 == 0 && slot.0 != 0 && (*(slot.0 as *const Header)).refcount() == 1 }
}

/// The bounds of `[start:stop]` in a sequence of `len` items, where they are small ints or None.
fn plain_bounds(start: &Value, stop: &Value, len: usize) -> Option<(usize, usize)> {
    let place = |bound: &Value, absent: usize| match bound.as_small_int() {
        Some(n) if n < 0 => Some((n + len as i64).max(0) as usize),
        Some(n) => Some((n as usize).min(len)),
        None => bound.is_none().then_some(absent),
    };
    let (start, stop) = (place(start, 0)?, place(stop, len)?);
    Some((start, stop.max(start)))
}

/// `o[start:stop]` of exact lists, tuples and ASCII strings, without making a slice object.
fn plain_slice(vm: &Vm, o: &Value, start: &Value, stop: &Value) -> PyResult<Option<Value>> {
    let ty = vm.type_of(o);
    if ty.is(&vm.types.list)
        && let Some(list) = o.downcast::<List>()
        && let Some((start, stop)) = plain_bounds(start, stop, list.len())
    {
        let items = list
            .items
            .with(|items| naja_heap::copies(&items[start..stop]));
        return Ok(Some(vm.new_list(items)?.into_value()));
    }
    if ty.is(&vm.types.str)
        && let Some(text) = o.downcast::<Str>()
        && text.is_ascii()
        && let Some((start, stop)) = plain_bounds(start, stop, text.byte_len())
    {
        if stop - start == 1 {
            let c = vm.interp.latin1_char(text.as_bytes()[start]);
            return Ok(Some(c.into_value()));
        }
        if stop - start == text.byte_len() {
            return Ok(Some(o.clone()));
        }
        return Ok(Some(
            Str::from_parts(
                vm,
                &vm.types.str,
                &[&text.as_bytes()[start..stop]],
                stop - start,
            )?
            .into_value(),
        ));
    }
    if ty.is(&vm.types.tuple)
        && let Some(tuple) = o.downcast::<Tuple>()
        && let Some((start, stop)) = plain_bounds(start, stop, tuple.len())
    {
        if stop - start == tuple.len() {
            return Ok(Some(o.clone()));
        }
        let items = &tuple.items()[start..stop];
        return Ok(Some(Tuple::from_slice(vm, items)?.into_value()));
    }
    Ok(None)
}

/// `o[start:stop] = value` of an exact list, without making a slice object; false where the general path must.
fn store_plain_slice(
    vm: &Vm,
    o: &Value,
    start: &Value,
    stop: &Value,
    value: &Value,
    sole: bool,
) -> PyResult<bool> {
    let Some(list) = o.downcast::<List>() else {
        return Ok(false);
    };
    if !vm.type_of(o).is(&vm.types.list) || plain_bounds(start, stop, 0).is_none() {
        return Ok(false);
    }
    // A list that ends with this instruction gives its items for the old ones.
    if sole
        && let Some(other) = value.downcast::<List>()
        && !other.as_value().is(o)
        && vm.type_of(value).is(&vm.types.list)
        && let Some((start, stop)) = plain_bounds(start, stop, list.len())
        && stop - start == other.len()
    {
        other.items.with_mut(|new| {
            list.items
                .with_mut(|items| items[start..stop].swap_with_slice(new))
        });
        return Ok(true);
    }
    // Another list or tuple of the same length: item by item, the old ones dropped behind.
    let other = match value.downcast::<List>() {
        Some(other) if !other.as_value().is(o) && vm.type_of(value).is(&vm.types.list) => {
            // SAFETY: nothing runs while the items are copied.
            Some(unsafe { &**other.items.as_ptr() })
        }
        _ => match value.downcast::<Tuple>() {
            Some(other) if vm.type_of(value).is(&vm.types.tuple) => Some(other.items()),
            _ => None,
        },
    };
    if let Some(new) = other
        && let Some((start, stop)) = plain_bounds(start, stop, list.len())
        && stop - start == new.len()
        && new.len() <= 8
    {
        let mut old: SmallVec<[Value; 8]> = new.iter().cloned().collect();
        list.items
            .with_mut(|items| items[start..stop].swap_with_slice(&mut old));
        drop(old);
        return Ok(true);
    }
    let mut new = sequence::collect_or(vm, value, "must assign iterable to slice")?;
    // The length only now: collecting can have changed the list.
    let Some((start, stop)) = plain_bounds(start, stop, list.len()) else {
        return Ok(false);
    };
    if stop - start == new.len() {
        list.items
            .with_mut(|items| items[start..stop].swap_with_slice(&mut new));
        drop(new);
    } else {
        let old: Vec<Value> = list
            .items
            .with_mut(|items| items.splice(start..stop, new).collect());
        drop(old);
    }
    Ok(true)
}

/// How two floats compare, as a bit of COMPARE_OP's argument.
#[inline(always)]
fn float_outcome(a: f64, b: f64) -> u32 {
    if a < b {
        2
    } else if a > b {
        4
    } else if a == b {
        8
    } else {
        1
    }
}

/// The general comparison.
unsafe fn compare_any(pc: Pc, sp: Sp, fp: Fp, vm: &Vm, arg: u32) -> Result<Step, Raised> {
    // SAFETY: as for the slow paths.
    unsafe {
        let (l, r) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let op = compare::CompareOp::from_index(arg >> 5);
        let mut result = if compare::foreign(&l) || compare::foreign(&r) {
            if let Some(holds) = set::quick_compare(vm, &l, &r, op) {
                return Ok(decided(fp, pc.add(2), sp, 2, holds));
            }
            compare::ask(vm, &l, &r, op)?
        } else if let (Some(a), Some(b)) =
            (float::plain_operand(vm, &l), float::plain_operand(vm, &r))
        {
            let outcome = float_outcome(a, b);
            return Ok(decided(fp, pc.add(2), sp, 2, arg & outcome != 0));
        } else {
            compare::rich_compare(vm, &l, &r, op)?
        };
        if arg & 16 != 0 && !result.is_bool() {
            result = Value::from_bool(object::is_true(vm, &result)?);
        }
        if result.is_bool() {
            return Ok(decided(fp, pc.add(2), sp, 2, result.is(&Value::TRUE)));
        }
        Ok((pc.add(2), replace_top(fp, sp, 2, result)))
    }
}
