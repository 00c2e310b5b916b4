//! Making, extending and taking apart containers and strings; pattern matching.

use super::*;
use crate::interpreter::specialize;
use crate::objects::dict::Dict;
use crate::objects::list::{List, ListIterator};
use crate::objects::range::RangeIterator;
use crate::objects::set::Set;
use crate::objects::str_::Str;
use crate::objects::tuple::{Tuple, TupleIterator};
use crate::objects::type_::TypeFlags;
use crate::protocols::{iterator, object, pattern, sequence};
use naja_bytecode::opcode::op;
use naja_heap::{Header, Obj};

/// The instruction that makes a tuple of the list of positional arguments.
const LIST_TO_TUPLE: u16 = op::CALL_INTRINSIC_1 as u16 | 6 << 8;

/// Moves the top `n` slots into a vector.
unsafe fn take_top(fp: Fp, sp: Sp, n: usize) -> Vec<Value> {
    // SAFETY: the instruction's operands, which the stored `sp` excludes from then on.
    unsafe {
        let base = sp.sub(n);
        let values = (0..n).map(|i| (*base.add(i)).into_value()).collect();
        (*fp).sp = base;
        values
    }
}

/// The items of a list of constants: `BUILD_LIST 0`, `LOAD_CONST` of a tuple, `LIST_EXTEND 1`, done in one step.
#[inline(always)]
unsafe fn constant_items(pc: Pc, fp: Fp, vm: &Vm) -> Option<Vec<Value>> {
    const EXTEND: u16 = op::LIST_EXTEND as u16 | 1 << 8;
    // SAFETY: instructions of the running code; something follows a LOAD_CONST.
    unsafe {
        let load = *pc.add(1);
        if !matches!(
            load as u8,
            op::LOAD_CONST | op::LOAD_CONST_IMMORTAL | op::LOAD_CONST_MORTAL
        ) || *pc.add(2) != EXTEND
        {
            return None;
        }
        let constant = &*(*(*fp).code).first_const().add(usize::from(load >> 8));
        let tuple = constant.downcast::<Tuple>()?;
        vm.type_of(constant)
            .is(&vm.types.tuple)
            .then(|| naja_heap::copies(tuple.items()))
    }
}

ops! {
    fn build_tuple(pc, sp, fp, vm, arg) {
        let base = sp.sub(arg as usize);
        // On an error the items are still on the stack.
        let tuple = Tuple::from_iter(vm, arg as usize, |i| (*base.add(i)).into_value())?;
        *base = Slot::new(tuple.into_value());
        Ok((pc.add(1), base.add(1)))
    }

    fn build_list(pc, sp, fp, vm, arg) {
        if arg == 0 && let Some(items) = constant_items(pc, fp, vm) {
            *sp = Slot::new(vm.new_list(items)?.into_value());
            return Ok((pc.add(3), sp.add(1)));
        }
        let values = take_top(fp, sp, arg as usize);
        let sp = (*fp).sp;
        *sp = Slot::new(vm.new_list(values)?.into_value());
        Ok((pc.add(1), sp.add(1)))
    }

    fn build_set(pc, sp, fp, vm, arg) {
        let n = arg as usize;
        let set = Set::new(vm)?;
        for i in 0..n {
            // On an error the items are still on the stack.
            set.add(vm, &(*sp.sub(n - i)).view())?;
        }
        Ok((pc.add(1), replace_top(fp, sp, n, set.into_value())))
    }

    fn build_map(pc, sp, fp, vm, arg) {
        if arg == 0 {
            *sp = Slot::new(Dict::new(vm)?.into_value());
            return Ok((pc.add(1), sp.add(1)));
        }
        let n = arg as usize * 2;
        let base = sp.sub(n);
        let dict = Dict::with_capacity(vm, arg as usize)?;
        for i in (0..n).step_by(2) {
            // On an error the items are still on the stack: a value that moves leaves a constant.
            let key = (*base.add(i)).view();
            let value = std::ptr::replace(base.add(i + 1), Slot::new(Value::NONE)).into_value();
            dict.set(vm, &key, value)?;
        }
        Ok((pc.add(1), replace_top(fp, sp, n, dict.into_value())))
    }

    fn build_slice(pc, sp, fp, vm, arg) {
        let sp = sp.sub(arg as usize);
        (*fp).sp = sp;
        let (start, stop) = ((*sp).into_value(), (*sp.add(1)).into_value());
        let step = if arg == 3 { (*sp.add(2)).into_value() } else { Value::NONE };
        *sp = Slot::new(crate::objects::slice::Slice::make(vm, start, stop, step)?.into_value());
        Ok((pc.add(1), sp.add(1)))
    }

    fn build_string(pc, sp, fp, vm, arg) {
        let n = arg as usize;
        let base = sp.sub(n);
        let mut parts: smallvec::SmallVec<[&[u8]; 16]> = smallvec::SmallVec::new();
        let mut chars = 0;
        for i in 0..n {
            let part = *base.add(i);
            if !part.is_pointer() || !(*(part.clean_bits() as *const Header)).has_payload::<Str>() {
                return Err(vm.system_error("BUILD_STRING of something else than strings"));
            }
            let text = &(*(part.clean_bits() as *const Obj<Str>)).payload;
            parts.push(text.as_bytes());
            chars += text.char_len();
        }
        let result = Str::from_parts(vm, &vm.types.str, &parts, chars)?;
        Ok((pc.add(1), replace_top(fp, sp, n, result.into_value())))
    }

    fn build_template(pc, sp, fp, vm, arg) {
        let mut values = take_top(fp, sp, 2).into_iter();
        let sp = (*fp).sp;
        let mut next = || values.next().unwrap_or(Value::NONE);
        let (strings, interpolations) = (next(), next());
        *sp = Slot::new(vm.build_template(strings, interpolations)?);
        Ok((pc.add(1), sp.add(1)))
    }

    fn build_interpolation(pc, sp, fp, vm, arg) {
        let has_spec = arg & 1 != 0;
        let mut values = take_top(fp, sp, 2 + has_spec as usize).into_iter();
        let sp = (*fp).sp;
        let mut next = || values.next();
        let (value, text, spec) = (next().unwrap_or(Value::NONE), next().unwrap_or(Value::NONE), next());
        *sp = Slot::new(vm.build_interpolation(value, text, arg >> 2, spec)?);
        Ok((pc.add(1), sp.add(1)))
    }

    fn format_simple(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        if vm.type_of(&v).is(&vm.types.str) {
            return Ok((pc.add(1), sp));
        }
        let result = object::format(vm, &v, None)?;
        Ok((pc.add(1), replace_top(fp, sp, 1, result)))
    }

    fn format_with_spec(pc, sp, fp, vm, arg) {
        let (v, spec) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let result = object::format(vm, &v, Some(&spec))?;
        Ok((pc.add(1), replace_top(fp, sp, 2, result)))
    }

    fn convert_value(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let result = match arg {
            1 => object::str(vm, &v)?,
            2 => object::repr(vm, &v)?,
            _ => object::ascii(vm, &v)?,
        };
        Ok((pc.add(1), replace_top(fp, sp, 1, result.into_value())))
    }

    fn list_append(pc, sp, fp, vm, arg) {
        let list = (*sp.sub(arg as usize + 1)).view();
        let value = (*sp.sub(1)).into_value();
        (*fp).sp = sp.sub(1);
        match list.downcast::<List>() {
            Some(list) => {
                // A comprehension over something whose rest is known: room for as much as there is, at most twice.
                if arg == 2
                    && !(*sp.sub(2)).is_empty()
                    && list.len() == list.items.with(Vec::capacity)
                    && let Some(rest) = rest_of(&(*sp.sub(2)).view())
                {
                    let room = (rest + 1).min(list.len().max(16));
                    list.items.with_mut(|items| items.try_reserve_exact(room)).ok();
                }
                list.push(vm, value)?
            }
            None => return Err(vm.system_error("LIST_APPEND to something else than a list")),
        }
        Ok((pc.add(1), sp.sub(1)))
    }

    fn list_extend(pc, sp, fp, vm, arg) {
        let list = (*sp.sub(arg as usize + 1)).view();
        let iterable = (*sp.sub(1)).view();
        let Some(list) = list.downcast::<List>() else {
            return Err(vm.system_error("LIST_EXTEND of something else than a list"));
        };
        // `f(a, *args)`: the list, which nobody else knows, is to become a tuple next.
        if arg == 1
            && *pc.add(1) == LIST_TO_TUPLE
            && vm.type_of(&iterable).is(&vm.types.tuple)
            && let Some(more) = iterable.downcast::<Tuple>()
        {
            let more = more.items();
            let tuple = list.items.with(|first| {
                Tuple::from_iter(vm, first.len() + more.len(), |i| match first.get(i) {
                    Some(item) => item.clone(),
                    None => more[i - first.len()].clone(),
                })
            })?;
            return Ok((pc.add(2), replace_top(fp, sp, 2, tuple.into_value())));
        }
        // A constant, mostly, whose items the list is to have.
        if vm.type_of(&iterable).is(&vm.types.tuple)
            && let Some(more) = iterable.downcast::<Tuple>()
        {
            let more = more.items();
            // Copies of references end none.
            let room = list.items.with_mut_no_drop(|items| {
                let room = match items.is_empty() {
                    true => items.try_reserve_exact(more.len()),
                    false => items.try_reserve(more.len()),
                };
                if room.is_ok() {
                    items.extend(more.iter().cloned());
                }
                room
            });
            if room.is_err() {
                return Err(vm.memory_error(""));
            }
            return Ok((pc.add(1), drop_top(fp, sp, 1)));
        }
        if sequence::list_extend(vm, list, &iterable).is_err() {
            let ty = vm.type_of(&iterable);
            if vm.exception_matches(&vm.types.type_error) && ty.slots.iter.get().is_none() && ty.slots.item.get().is_none() && ty.slots.subscript.get().is_none() {
                vm.clear_exception();
                return Err(vm.type_error(format!("Value after * must be an iterable, not {}", ty.full_name())));
            }
            return Err(crate::vm::Raised);
        }
        Ok((pc.add(1), drop_top(fp, sp, 1)))
    }

    fn set_add(pc, sp, fp, vm, arg) {
        let set = (*sp.sub(arg as usize + 1)).view();
        let value = (*sp.sub(1)).view();
        match set.downcast::<Set>() {
            Some(set) => set.add(vm, &value)?,
            // Annotations of a module add to a name that the program can set.
            None => {
                let name = vm.type_of(&set).name();
                return Err(vm.type_error(format!("'{name}' object is not a set")));
            }
        };
        Ok((pc.add(1), drop_top(fp, sp, 1)))
    }

    fn set_update(pc, sp, fp, vm, arg) {
        let set = (*sp.sub(arg as usize + 1)).view();
        let iterable = (*sp.sub(1)).view();
        match set.downcast::<Set>() {
            Some(set) => set.update(vm, &iterable)?,
            None => return Err(vm.system_error("SET_UPDATE of something else than a set")),
        }
        Ok((pc.add(1), drop_top(fp, sp, 1)))
    }

    fn map_add(pc, sp, fp, vm, arg) {
        let dict = (*sp.sub(arg as usize + 2)).view();
        let key = (*sp.sub(2)).view();
        // The value moves; on an error the key is still on the stack.
        let value = (*sp.sub(1)).into_value();
        (*fp).sp = sp.sub(1);
        match dict.downcast::<Dict>() {
            Some(dict) => dict.set(vm, &key, value)?,
            None => return Err(vm.system_error("MAP_ADD to something else than a dict")),
        }
        Ok((pc.add(1), drop_top(fp, sp.sub(1), 1)))
    }

    fn dict_update(pc, sp, fp, vm, arg) {
        let dict = (*sp.sub(arg as usize + 1)).view();
        let update = (*sp.sub(1)).view();
        let Some(dict) = dict.downcast::<Dict>() else {
            return Err(vm.system_error("DICT_UPDATE of something else than a dict"));
        };
        if crate::objects::dict::methods::update_from_mapping(vm, dict, &update).is_err() {
            if vm.catch(&vm.types.attribute_error) {
                return Err(vm.type_error(format!("'{}' object is not a mapping", vm.type_of(&update).full_name())));
            }
            return Err(crate::vm::Raised);
        }
        Ok((pc.add(1), drop_top(fp, sp, 1)))
    }

    fn dict_merge(pc, sp, fp, vm, arg) {
        let dict = (*sp.sub(arg as usize + 1)).view();
        let update = (*sp.sub(1)).view();
        // callable, self, positional arguments, dict, ..., update
        let callable = (*sp.sub(arg as usize + 4)).view();
        let Some(dict) = dict.downcast::<Dict>() else {
            return Err(vm.system_error("DICT_MERGE of something else than a dict"));
        };
        crate::interpreter::bind::merge_keywords(vm, dict, &update, &callable)?;
        Ok((pc.add(1), drop_top(fp, sp, 1)))
    }

    fn unpack_sequence(pc, sp, fp, vm, arg) {
        if counter_due(pc) {
            specialize::unpack_sequence(vm, pc, *sp.sub(1), arg);
        }
        unpack_any(pc, sp, fp, vm, arg)
    }

    fn unpack_sequence_miss(pc, sp, fp, vm, arg) {
        missed(pc, op::UNPACK_SEQUENCE);
        unpack_any(pc, sp, fp, vm, arg)
    }

    fn unpack_ex(pc, sp, fp, vm, arg) {
        let (before, after) = ((arg & 0xff) as usize, (arg >> 8) as usize);
        let v = (*sp.sub(1)).view();
        if let Some(list) = v.downcast::<List>()
            && vm.type_of(&v).is(&vm.types.list)
            && list.len() >= before + after
        {
            let mut items = list.to_vec();
            let tail = items.split_off(items.len() - after);
            let rest = items.split_off(before);
            let rest = vm.new_list(rest)?.into_value();
            let mut sp = drop_top(fp, sp, 1);
            for value in items.into_iter().chain([rest]).chain(tail).rev() {
                *sp = Slot::new(value);
                sp = sp.add(1);
            }
            return Ok((pc.add(1), sp));
        }
        let it = unpack_iter(vm, &v)?;
        let mut values = Vec::with_capacity(before + 1 + after);
        while values.len() < before {
            match iterator::next(vm, &it)? {
                Some(value) => values.push(value),
                None => {
                    let (need, got) = (before + after, values.len());
                    return Err(vm.value_error(format!("not enough values to unpack (expected at least {need}, got {got})")));
                }
            }
        }
        let mut rest = Vec::new();
        while let Some(value) = iterator::next(vm, &it)? {
            rest.push(value);
        }
        if rest.len() < after {
            let (need, got) = (before + after, before + rest.len());
            return Err(vm.value_error(format!("not enough values to unpack (expected at least {need}, got {got})")));
        }
        let tail = rest.split_off(rest.len() - after);
        values.push(vm.new_list(rest)?.into_value());
        values.extend(tail);
        let mut sp = drop_top(fp, sp, 1);
        for value in values.into_iter().rev() {
            *sp = Slot::new(value);
            sp = sp.add(1);
        }
        Ok((pc.add(1), sp))
    }

    fn get_len(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let n = object::len(vm, &v)?;
        *sp = Slot::new(vm.new_int(n as i64)?);
        Ok((pc.add(1), sp.add(1)))
    }

    fn match_class(pc, sp, fp, vm, arg) {
        // subject, type, names -> attributes or None
        let (subject, ty, names) = ((*sp.sub(3)).view(), (*sp.sub(2)).view(), (*sp.sub(1)).view());
        let result = pattern::match_class(vm, &subject, &ty, arg as usize, &names)?.unwrap_or(Value::NONE);
        Ok((pc.add(1), replace_top(fp, sp, 3, result)))
    }

    fn match_keys(pc, sp, fp, vm, arg) {
        // subject, keys -> subject, keys, values or None
        let (subject, keys) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let result = pattern::match_keys(vm, &subject, &keys)?.unwrap_or(Value::NONE);
        *sp = Slot::new(result);
        Ok((pc.add(1), sp.add(1)))
    }

    fn match_mapping(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let matches = vm.type_of(&v).flag(TypeFlags::MAPPING);
        *sp = Slot::new(Value::from_bool(matches));
        Ok((pc.add(1), sp.add(1)))
    }

    fn match_sequence(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let matches = vm.type_of(&v).flag(TypeFlags::SEQUENCE);
        *sp = Slot::new(Value::from_bool(matches));
        Ok((pc.add(1), sp.add(1)))
    }
}

/// How many items an iterator still has, where that is simple to tell.
fn rest_of(iterator: &Value) -> Option<usize> {
    if let Some(it) = iterator.downcast::<ListIterator>() {
        let len = it.list.with(|list| list.as_ref().map_or(0, |l| l.len()));
        Some(len.saturating_sub(it.index.get()))
    } else if let Some(it) = iterator.downcast::<RangeIterator>() {
        Some(it.left.get().max(0) as usize)
    } else {
        let it = iterator.downcast::<TupleIterator>()?;
        let len = it.tuple.with(|tuple| tuple.as_ref().map_or(0, |t| t.len()));
        Some(len.saturating_sub(it.index.get()))
    }
}

/// An iterator for unpacking, with the message of that.
fn unpack_iter(vm: &Vm, value: &Value) -> crate::vm::PyResult {
    match iterator::iter(vm, value) {
        Ok(it) => Ok(it),
        Err(raised) => {
            let ty = vm.type_of(value);
            if vm.exception_matches(&vm.types.type_error)
                && ty.slots.iter.get().is_none()
                && ty.slots.item.get().is_none()
            {
                vm.clear_exception();
                return Err(vm.type_error(format!(
                    "cannot unpack non-iterable {} object",
                    ty.full_name()
                )));
            }
            Err(raised)
        }
    }
}

unsafe fn unpack_any(pc: Pc, sp: Sp, fp: Fp, vm: &Vm, arg: u32) -> crate::vm::PyResult<Step> {
    // SAFETY: as for the slow paths.
    unsafe {
        let n = arg as usize;
        let v = (*sp.sub(1)).view();
        let ty = vm.type_of(&v);
        let values = if ty.is(&vm.types.tuple) || ty.is(&vm.types.list) {
            let items = match (v.downcast::<Tuple>(), v.downcast::<List>()) {
                (Some(tuple), _) => naja_heap::copies(tuple.items()),
                (_, Some(list)) => list.to_vec(),
                _ => Vec::new(),
            };
            if items.len() < n {
                return Err(vm.value_error(format!(
                    "not enough values to unpack (expected {n}, got {})",
                    items.len()
                )));
            }
            if items.len() > n {
                return Err(vm.value_error(format!(
                    "too many values to unpack (expected {n}, got {})",
                    items.len()
                )));
            }
            items
        } else {
            let it = unpack_iter(vm, &v)?;
            let mut items = Vec::with_capacity(n);
            while items.len() < n {
                match iterator::next(vm, &it)? {
                    Some(value) => items.push(value),
                    None => {
                        let got = items.len();
                        return Err(vm.value_error(format!(
                            "not enough values to unpack (expected {n}, got {got})"
                        )));
                    }
                }
            }
            if iterator::next(vm, &it)?.is_some() {
                let detail = if ty.is(&vm.types.dict) {
                    format!(", got {}", object::len(vm, &v)?)
                } else {
                    String::new()
                };
                return Err(
                    vm.value_error(format!("too many values to unpack (expected {n}{detail})"))
                );
            }
            items
        };
        let mut sp = drop_top(fp, sp, 1);
        for value in values.into_iter().rev() {
            *sp = Slot::new(value);
            sp = sp.add(1);
        }
        Ok((pc.add(2), sp))
    }
}
