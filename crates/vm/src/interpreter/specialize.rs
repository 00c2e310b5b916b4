//! Inline caches: instructions that have warmed up rewrite themselves into forms for what they see (PEP 659).
//!
//! Each function looks at the operands of one instruction and either writes a specialised opcode with its cache, or
//! makes the instruction wait longer (exponential back-off). What a form guards and what it does is said beside its arm in
//! `eval.rs`; here the guards are established. A specialised form never decides semantics: where its guard fails
//! the general path runs. CPython: Python/specialize.c.

use super::ops::{Fp, Pc, Sp};
use crate::builtins::SpecialBuiltin;
use crate::function::descriptor::MemberDescriptor;
use crate::objects::code::{COOLDOWN, GlobalCache, SideTable, StoreCache};
use crate::objects::dict::Dict;
use crate::objects::function::Function;
use crate::objects::instance;
use crate::objects::module::Module;
use crate::objects::property::Property;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, TypeFlags};
use crate::vm::Vm;
use naja_bytecode::opcode::op;
use naja_heap::slot::Slot;
use naja_heap::{Ref, Value};

/// The counter after a failure: twice the wait of before, up to 2^12 runs.
pub(super) fn backoff(counter: u16) -> u16 {
    let step = (counter & 15).min(11) + 1;
    (((1u32 << step) - 1).min(0xfff) as u16) << 4 | step
}

/// An entry of a code object's side table, which belongs to one instruction.
trait SideEntry {
    fn unit(&self) -> u32;
}

impl SideEntry for GlobalCache {
    fn unit(&self) -> u32 {
        self.unit
    }
}

impl SideEntry for StoreCache {
    fn unit(&self) -> u32 {
        self.unit
    }
}

/// Puts an entry into a side table, in the place of an older one of the same instruction; gives its index.
fn place_in<T: SideEntry>(table: &SideTable<T>, entry: T) -> usize {
    let unit = entry.unit();
    table.place(entry, |old| old.unit() == unit)
}

/// Writes the specialised opcode.
unsafe fn become_(pc: Pc, opcode: u8) {
    // SAFETY: `pc` points at the instruction being run; its counter follows.
    unsafe {
        let unit = pc as *mut u16;
        *unit = *unit & 0xff00 | opcode as u16;
        *unit.add(1) = COOLDOWN;
    }
}

/// Makes the instruction wait.
unsafe fn fail(pc: Pc) {
    // SAFETY: as above.
    unsafe {
        let counter = pc.add(1) as *mut u16;
        *counter = backoff(*counter);
    }
}

unsafe fn write_u32(pc: Pc, at: usize, n: u32) {
    // SAFETY: `at` lies in the instruction's cache.
    unsafe { (pc.add(at) as *mut u32).write_unaligned(n) }
}

unsafe fn write_u64(pc: Pc, at: usize, n: u64) {
    // SAFETY: as above.
    unsafe { (pc.add(at) as *mut u64).write_unaligned(n) }
}

/// Runs `choose` for the opcode to become; None is a failure.
unsafe fn choose(pc: Pc, opcode: Option<u8>) {
    // SAFETY: as above.
    unsafe {
        match opcode {
            Some(opcode) => become_(pc, opcode),
            None => fail(pc),
        }
    }
}

fn exact<'a>(vm: &'a Vm, value: &'a Value, ty: &Ref<Type>) -> bool {
    vm.type_of(value).is(ty)
}

pub(super) unsafe fn binary_op(vm: &Vm, fp: Fp, pc: Pc, l: Slot, r: Slot, arg: u32) {
    // SAFETY: operands of the running instruction.
    unsafe {
        let (a, b) = (l.view(), r.view());
        let types = vm.types;
        let ints = a.is_small_int() && b.is_small_int();
        let floats = exact(vm, &a, &types.float) && exact(vm, &b, &types.float);
        let opcode = match arg {
            0 | 13 if ints => Some(op::BINARY_OP_ADD_INT),
            10 | 23 if ints => Some(op::BINARY_OP_SUBTRACT_INT),
            5 | 18 if ints => Some(op::BINARY_OP_MULTIPLY_INT),
            0 | 13 if floats => Some(op::BINARY_OP_ADD_FLOAT),
            10 | 23 if floats => Some(op::BINARY_OP_SUBTRACT_FLOAT),
            5 | 18 if floats => Some(op::BINARY_OP_MULTIPLY_FLOAT),
            0 | 13 if exact(vm, &a, &types.str) && exact(vm, &b, &types.str) => {
                let next = *pc.add(6);
                let target = super::frame::locals(fp).add((next >> 8) as usize);
                if next as u8 == op::STORE_FAST && (*target).clean_bits() == l.clean_bits() {
                    Some(op::BINARY_OP_INPLACE_ADD_UNICODE)
                } else {
                    Some(op::BINARY_OP_ADD_UNICODE)
                }
            }
            26 if exact(vm, &a, &types.list) && b.is_small_int() => {
                Some(op::BINARY_OP_SUBSCR_LIST_INT)
            }
            26 if exact(vm, &a, &types.tuple) && b.is_small_int() => {
                Some(op::BINARY_OP_SUBSCR_TUPLE_INT)
            }
            26 if exact(vm, &a, &types.str) && b.is_small_int() => {
                Some(op::BINARY_OP_SUBSCR_STR_INT)
            }
            26 if exact(vm, &a, &types.list) && exact(vm, &b, &types.slice) => {
                Some(op::BINARY_OP_SUBSCR_LIST_SLICE)
            }
            26 if exact(vm, &a, &types.dict) => Some(op::BINARY_OP_SUBSCR_DICT),
            26 => subscr_getitem(vm, pc, &a),
            _ => extended(arg, l, r).map(|_| op::BINARY_OP_EXTEND),
        };
        choose(pc, opcode)
    }
}

/// A Python `__getitem__` of two simple parameters.
unsafe fn subscr_getitem(vm: &Vm, pc: Pc, container: &Value) -> Option<u8> {
    let ty = vm.type_of(container);
    if !ty.flag(TypeFlags::HEAPTYPE) {
        return None;
    }
    let method = ty.lookup(vm, &vm.names.__getitem__)?;
    let function = method.downcast::<Function>()?;
    let code = function.code();
    if !code.is_simple() || code.argcount != 2 {
        return None;
    }
    let version = ty.version_tag(vm);
    if version == 0 {
        return None;
    }
    ty.cached_getitem.set(Some(method));
    // SAFETY: in the cache of BINARY_OP.
    unsafe { write_u32(pc, 2, version) };
    Some(op::BINARY_OP_SUBSCR_GETITEM)
}

/// As [`extended`], zero for None.
#[inline(never)]
pub(super) fn extended_word(arg: u32, l: Slot, r: Slot) -> u64 {
    extended(arg, l, r).unwrap_or(0)
}

/// Arithmetic on unboxed numbers: None where the general path must decide.
#[inline(always)]
pub(super) fn extended(arg: u32, l: Slot, r: Slot) -> Option<u64> {
    if l.0 & r.0 & 1 != 0 && (l.0 | r.0) & 2 == 0 {
        return extended_ints(arg, l.0 as i64, r.0 as i64);
    }
    let (x, y) = (number(l)?, number(r)?);
    let f = match arg {
        0 | 13 => x + y,
        10 | 23 => x - y,
        5 | 18 => x * y,
        11 | 24 if y != 0.0 => x / y,
        // Roots of negative numbers are complex, and what is too large an error.
        8 | 21 if x > 0.0 => return power(x, y),
        _ => return None,
    };
    Value::try_float(f).map(Value::into_bits)
}

#[inline(never)]
fn power(x: f64, y: f64) -> Option<u64> {
    Value::try_float(x.powf(y)).map(Value::into_bits)
}

/// The number in an unboxed float, or in an int that a float represents exactly.
#[inline(always)]
fn number(slot: Slot) -> Option<f64> {
    if slot.0 & 2 != 0 {
        return Some(f64::from_bits(
            slot.0.rotate_right(3).wrapping_sub(0x200 << 52),
        ));
    }
    let n = slot.0 as i64 >> 2;
    (slot.0 & 1 != 0 && n.unsigned_abs() <= 1 << 53).then_some(n as f64)
}

/// Of two tagged words of ints.
#[inline(always)]
fn extended_ints(arg: u32, l: i64, r: i64) -> Option<u64> {
    let (x, y) = (l >> 2, r >> 2);
    let n = match arg {
        0 | 13 => x + y,
        10 | 23 => x - y,
        5 | 18 => x.checked_mul(y)?,
        1 | 14 => return Some((l & r) as u64),
        7 | 20 => return Some((l | r) as u64),
        12 | 25 => return Some((l ^ r) as u64 | 1),
        2 | 15 if x >= 0 && y > 0 => {
            // Halves of words divide faster.
            return Some(match (u32::try_from(x), u32::try_from(y)) {
                (Ok(x), Ok(y)) => ((x / y) as u64) << 2 | 1,
                _ => ((x / y) as u64) << 2 | 1,
            });
        }
        6 | 19 if x >= 0 && y > 0 => {
            return Some(match (u32::try_from(x), u32::try_from(y)) {
                (Ok(x), Ok(y)) => ((x % y) as u64) << 2 | 1,
                _ => ((x % y) as u64) << 2 | 1,
            });
        }
        2 | 15 if y != 0 => {
            let (q, rem) = (x / y, x % y);
            q - (rem != 0 && (rem < 0) != (y < 0)) as i64
        }
        6 | 19 if y != 0 => {
            let rem = x % y;
            if rem != 0 && (rem < 0) != (y < 0) {
                rem + y
            } else {
                rem
            }
        }
        3 | 16 if (0..61).contains(&y) && x.unsigned_abs().leading_zeros() as i64 > y + 3 => x << y,
        9 | 22 if y >= 0 => x >> y.min(63),
        11 | 24 if y != 0 && x.unsigned_abs() < 1 << 53 && y.unsigned_abs() < 1 << 53 => {
            return Value::try_float(x as f64 / y as f64).map(Value::into_bits);
        }
        8 | 21 if y == 2 => x.checked_mul(x)?,
        _ => return None,
    };
    Value::try_int(n).map(Value::into_bits)
}

pub(super) unsafe fn store_subscr(vm: &Vm, pc: Pc, container: Slot, key: Slot) {
    // SAFETY: operands of the running instruction.
    unsafe {
        let (o, k) = (container.view(), key.view());
        let opcode = if exact(vm, &o, &vm.types.list) && k.is_small_int() {
            Some(op::STORE_SUBSCR_LIST_INT)
        } else if exact(vm, &o, &vm.types.dict) {
            Some(op::STORE_SUBSCR_DICT)
        } else {
            None
        };
        choose(pc, opcode)
    }
}

pub(super) unsafe fn to_bool(vm: &Vm, pc: Pc, value: Slot) {
    // SAFETY: operand of the running instruction.
    unsafe {
        let v = value.view();
        let ty = vm.type_of(&v);
        let opcode = if v.is_bool() {
            Some(op::TO_BOOL_BOOL)
        } else if v.is_small_int() {
            Some(op::TO_BOOL_INT)
        } else if v.is_none() {
            Some(op::TO_BOOL_NONE)
        } else if ty.is(&vm.types.list) {
            Some(op::TO_BOOL_LIST)
        } else if ty.is(&vm.types.str) {
            Some(op::TO_BOOL_STR)
        } else if v.is_object()
            && ty.slots.bool.get().is_none()
            && ty.slots.mp_len.get().is_none()
            && ty.slots.sq_len.get().is_none()
        {
            let version = ty.version_tag(vm);
            write_u32(pc, 2, version);
            (version != 0).then_some(op::TO_BOOL_ALWAYS_TRUE)
        } else {
            None
        };
        choose(pc, opcode)
    }
}

pub(super) unsafe fn compare_op(vm: &Vm, pc: Pc, l: Slot, r: Slot) {
    // SAFETY: operands of the running instruction.
    unsafe {
        let (a, b) = (l.view(), r.view());
        let operation = (*pc >> 8) as u32 >> 5;
        let opcode = if a.is_small_int() && b.is_small_int() {
            Some(op::COMPARE_OP_INT)
        } else if exact(vm, &a, &vm.types.float) && exact(vm, &b, &vm.types.float) {
            Some(op::COMPARE_OP_FLOAT)
        } else if exact(vm, &a, &vm.types.str)
            && exact(vm, &b, &vm.types.str)
            && (operation == 2 || operation == 3)
        {
            Some(op::COMPARE_OP_STR)
        } else {
            None
        };
        choose(pc, opcode)
    }
}

pub(super) unsafe fn contains_op(vm: &Vm, pc: Pc, haystack: Slot) {
    // SAFETY: operand of the running instruction.
    unsafe {
        let v = haystack.view();
        let opcode = if exact(vm, &v, &vm.types.dict) {
            Some(op::CONTAINS_OP_DICT)
        } else if exact(vm, &v, &vm.types.set) || exact(vm, &v, &vm.types.frozenset) {
            Some(op::CONTAINS_OP_SET)
        } else {
            None
        };
        choose(pc, opcode)
    }
}

pub(super) unsafe fn for_iter(vm: &Vm, pc: Pc, iterator: Slot) {
    // SAFETY: operand of the running instruction.
    unsafe {
        let v = iterator.view();
        let ty = vm.type_of(&v);
        let opcode = if ty.is(&vm.types.list_iterator) {
            Some(op::FOR_ITER_LIST)
        } else if ty.is(&vm.types.tuple_iterator) {
            Some(op::FOR_ITER_TUPLE)
        } else if ty.is(&vm.types.range_iterator) {
            Some(op::FOR_ITER_RANGE)
        } else if ty.is(&vm.types.generator) && *pc >> 8 < 255 {
            Some(op::FOR_ITER_GEN)
        } else {
            None
        };
        choose(pc, opcode)
    }
}

pub(super) unsafe fn send(vm: &Vm, pc: Pc, receiver: Slot) {
    // SAFETY: operand of the running instruction.
    unsafe {
        let v = receiver.view();
        let ty = vm.type_of(&v);
        choose(
            pc,
            (ty.is(&vm.types.generator) || ty.is(&vm.types.coroutine)).then_some(op::SEND_GEN),
        )
    }
}

pub(super) unsafe fn unpack_sequence(vm: &Vm, pc: Pc, sequence: Slot, n: u32) {
    // SAFETY: operand of the running instruction.
    unsafe {
        let v = sequence.view();
        let opcode = match v.downcast::<Tuple>() {
            Some(t) if exact(vm, &v, &vm.types.tuple) && t.len() == n as usize => Some(if n == 2 {
                op::UNPACK_SEQUENCE_TWO_TUPLE
            } else {
                op::UNPACK_SEQUENCE_TUPLE
            }),
            _ if exact(vm, &v, &vm.types.list) => Some(op::UNPACK_SEQUENCE_LIST),
            _ => None,
        };
        choose(pc, opcode)
    }
}

/// Where a string key stands in a dict whose keys have a version: (version, entry).
fn dict_place(vm: &Vm, dict: &Ref<Dict>, name: &Ref<Str>) -> Option<(u32, usize)> {
    if !dict.table.with(|t| t.only_str()) {
        return None;
    }
    let index = dict.find(vm, name.as_value(), name.hash(vm)).ok()??;
    let version = dict.keys_version(vm);
    (version != 0).then_some((version, index))
}

pub(super) unsafe fn load_global(vm: &Vm, fp: Fp, pc: Pc, name: &Ref<Str>) {
    // SAFETY: `fp` is the running frame.
    unsafe {
        let (globals, builtins) = ((*fp).globals(), (*fp).builtins());
        let opcode = (|| {
            if !vm.type_of(globals.as_value()).is(&vm.types.dict)
                || !globals.table.with(|t| t.only_str())
            {
                return None;
            }
            if let Some((version, index)) = dict_place(vm, &globals, name) {
                if index > u16::MAX as usize {
                    return None;
                }
                write_u32(pc, 2, version);
                *(pc.add(4) as *mut u16) = index as u16;
                return Some(op::LOAD_GLOBAL_MODULE);
            }
            let (builtins_version, index) = dict_place(vm, &builtins, name)?;
            let module_version = globals.keys_version(vm);
            if module_version == 0 {
                return None;
            }
            let cache = GlobalCache {
                unit: (*(*fp).code).offset_of(pc) as u32,
                module_version,
                builtins_version,
                index: index as u32,
            };
            let place = place_in(&(*(*fp).code).global_caches, cache);
            if place > u16::MAX as usize {
                return None;
            }
            *(pc.add(2) as *mut u16) = place as u16;
            Some(op::LOAD_GLOBAL_BUILTIN)
        })();
        choose(pc, opcode)
    }
}

pub(super) unsafe fn load_attr(vm: &Vm, pc: Pc, owner: Slot, name: &Ref<Str>, wants_method: bool) {
    // SAFETY: operand of the running instruction.
    unsafe {
        let v = owner.view();
        let opcode = load_attr_form(vm, pc, &v, name, wants_method);
        choose(pc, opcode)
    }
}

unsafe fn load_attr_form(
    vm: &Vm,
    pc: Pc,
    v: &Value,
    name: &Ref<Str>,
    wants_method: bool,
) -> Option<u8> {
    let ty = vm.type_of(v);
    // SAFETY: everything written lies in the cache of LOAD_ATTR.
    unsafe {
        if ty.is(&vm.types.module)
            && let Some(module) = v.downcast::<Module>()
        {
            let (version, index) = dict_place(vm, &module.dict(), name)?;
            if index > u16::MAX as usize {
                return None;
            }
            write_u32(pc, 2, version);
            *(pc.add(4) as *mut u16) = index as u16;
            return Some(op::LOAD_ATTR_MODULE);
        }
        if let Some(class) = v.downcast::<Type>() {
            return class_attribute(vm, pc, class, ty, name);
        }
        if ty.flag(TypeFlags::CUSTOM_GETATTR)
            || ty.slots.getattro.get() != vm.types.object.slots.getattro.get()
        {
            return None;
        }
        let version = ty.version_tag(vm);
        if version == 0 {
            return None;
        }
        let found = ty.lookup(vm, name);
        // A lookup gives the class a version if it had none.
        let version = if ty.version.get() == 0 {
            return None;
        } else {
            ty.version.get().max(version)
        };
        write_u32(pc, 2, version);
        let attrs = v.header().and_then(instance::attrs);
        if let Some(descriptor) = &found {
            let dty = vm.type_of(descriptor);
            let has_set = dty.slots.descr_set.get().is_some();
            if let Some(property) = descriptor.downcast::<Property>()
                && dty.is(&vm.types.property)
            {
                return property_getter(pc, property, wants_method);
            }
            if let Some(member) = descriptor.downcast::<MemberDescriptor>()
                && let Some(offset) = member.slot_offset()
                && crate::objects::type_::is_subtype(ty, &member.objclass)
            {
                if offset > u16::MAX as usize {
                    return None;
                }
                *(pc.add(4) as *mut u16) = offset as u16;
                return Some(op::LOAD_ATTR_SLOT);
            }
            if has_set {
                return None;
            }
            let is_method = dty.flag(TypeFlags::METHOD_DESCRIPTOR);
            let hidden = match attrs {
                Some(_) => instance::get(vm, v, name).ok()?.is_some(),
                None => false,
            };
            if !hidden && is_method && wants_method {
                write_u64(pc, 6, descriptor.bits());
                return match attrs {
                    None => Some(op::LOAD_ATTR_METHOD_NO_DICT),
                    Some(a) if a.shape() != instance::DICT => {
                        write_u32(pc, 4, a.shape());
                        Some(op::LOAD_ATTR_METHOD_WITH_VALUES)
                    }
                    Some(_) => None,
                };
            }
            if !hidden && dty.slots.descr_get.get().is_none() {
                if ty.changing_in(vm, name).is_some() {
                    return None;
                }
                write_u64(pc, 6, descriptor.bits());
                return match attrs {
                    None => Some(op::LOAD_ATTR_NONDESCRIPTOR_NO_DICT),
                    Some(a) if a.shape() != instance::DICT => {
                        write_u32(pc, 4, a.shape());
                        Some(op::LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES)
                    }
                    Some(_) => None,
                };
            }
            if !hidden {
                return None;
            }
        }
        let attrs = attrs?;
        if attrs.shape() == instance::DICT {
            let dict = attrs.dict()?;
            let index = dict.find(vm, name.as_value(), name.hash(vm)).ok()??;
            *(pc.add(4) as *mut u16) = index.min(u16::MAX as usize) as u16;
            return Some(op::LOAD_ATTR_WITH_HINT);
        }
        let (word, offset) = instance::cacheable_offset(vm, v, name)?;
        if offset > u16::MAX as u32 {
            return None;
        }
        write_u32(pc, 2, values_tag(vm, ty, name)?);
        *(pc.add(4) as *mut u16) = offset as u16;
        write_u64(pc, 6, word);
        Some(op::LOAD_ATTR_INSTANCE_VALUE)
    }
}

/// What the caches of instances' values compare; None for the names that such classes may yet have descriptors for.
fn values_tag(vm: &Vm, ty: &Type, name: &Ref<Str>) -> Option<u32> {
    let names = vm.names;
    let usual = [&names.__dict__, &names.__weakref__, &names.__class__];
    if usual.iter().any(|usual| usual.is(name)) {
        return None;
    }
    Some(ty.values_tag(vm)).filter(|&tag| tag != 0)
}

/// A class's own attribute that is no descriptor (or a function, which a class does not bind).
unsafe fn class_attribute(
    vm: &Vm,
    pc: Pc,
    class: &Ref<Type>,
    meta: &Type,
    name: &Ref<Str>,
) -> Option<u8> {
    if meta.slots.getattro.get() != vm.types.type_.slots.getattro.get()
        || meta.lookup(vm, name).is_some()
    {
        return None;
    }
    let found = class.lookup(vm, name)?;
    let dty = vm.type_of(&found);
    if dty.slots.descr_get.get().is_some() && !dty.is(&vm.types.function) {
        return None;
    }
    if class.changing_in(vm, name).is_some() {
        return None;
    }
    let (version, meta_version) = (class.version_tag(vm), meta.version_tag(vm));
    if version == 0 || meta_version == 0 {
        return None;
    }
    // SAFETY: in the cache of LOAD_ATTR.
    unsafe {
        write_u32(pc, 2, version);
        write_u32(pc, 4, meta_version);
        write_u64(pc, 6, found.bits());
    }
    Some(op::LOAD_ATTR_CLASS)
}

unsafe fn property_getter(pc: Pc, property: &Ref<Property>, wants_method: bool) -> Option<u8> {
    let getter = property.getter()?;
    let function = getter.downcast::<Function>()?;
    let code = function.code();
    if wants_method || !code.is_simple() || code.argcount != 1 {
        return None;
    }
    // SAFETY: in the cache of LOAD_ATTR.
    unsafe { write_u64(pc, 6, getter.bits()) };
    Some(op::LOAD_ATTR_PROPERTY)
}

pub(super) unsafe fn store_attr(vm: &Vm, fp: Fp, pc: Pc, owner: &Value, name: &Ref<Str>) {
    // SAFETY: operand of the running instruction.
    unsafe {
        let opcode = store_attr_form(vm, fp, pc, owner, name);
        choose(pc, opcode)
    }
}

unsafe fn store_attr_form(vm: &Vm, fp: Fp, pc: Pc, owner: &Value, name: &Ref<Str>) -> Option<u8> {
    let ty = vm.type_of(owner);
    if ty.flag(TypeFlags::CUSTOM_SETATTR)
        || ty.slots.setattro.get() != vm.types.object.slots.setattro.get()
        || owner.downcast::<Type>().is_some()
        || owner.downcast::<Module>().is_some()
    {
        return None;
    }
    let found = ty.lookup(vm, name);
    let version = ty.version_tag(vm);
    if version == 0 {
        return None;
    }
    // SAFETY: in the cache of STORE_ATTR.
    unsafe {
        if let Some(descriptor) = found {
            if let Some(member) = descriptor.downcast::<MemberDescriptor>()
                && let Some(offset) = member.slot_offset()
                && crate::objects::type_::is_subtype(ty, &member.objclass)
                && offset <= u16::MAX as usize
            {
                write_u32(pc, 2, version);
                *(pc.add(4) as *mut u16) = offset as u16;
                return Some(op::STORE_ATTR_SLOT);
            }
            if vm.type_of(&descriptor).slots.descr_set.get().is_some() {
                return None;
            }
        }
        let attrs = owner.header().and_then(instance::attrs)?;
        if attrs.shape() == instance::DICT {
            write_u32(pc, 2, version);
            return Some(op::STORE_ATTR_WITH_HINT);
        }
        let tag = values_tag(vm, ty, name)?;
        let unit = (*(*fp).code).offset_of(pc) as u32;
        let cache = match instance::cacheable_offset(vm, owner, name) {
            Some((word, offset)) => StoreCache {
                unit,
                values_tag: tag,
                word,
                new_word: word,
                offset,
            },
            None => {
                let (word, new_shape, offset) = instance::cacheable_growth(vm, owner, name)?;
                StoreCache {
                    unit,
                    values_tag: tag,
                    word,
                    new_word: word >> 32 << 32 | new_shape as u64,
                    offset,
                }
            }
        };
        let place = place_in(&(*(*fp).code).store_caches, cache);
        if place > u16::MAX as usize {
            return None;
        }
        *(pc.add(4) as *mut u16) = place as u16;
        Some(op::STORE_ATTR_INSTANCE_VALUE)
    }
}

pub(super) unsafe fn call(vm: &Vm, pc: Pc, sp: Sp, arg: u32) {
    // SAFETY: operands of the running instruction.
    unsafe {
        let n = arg as usize;
        let (callable, receiver) = ((*sp.sub(n + 2)).view(), *sp.sub(n + 1));
        let opcode = call_form(vm, pc, &callable, !receiver.is_empty(), n);
        choose(pc, opcode)
    }
}

unsafe fn call_form(vm: &Vm, pc: Pc, callable: &Value, has_self: bool, n: usize) -> Option<u8> {
    let ty = vm.type_of(callable);
    if let Some(function) = callable.downcast::<Function>() {
        let code = function.code();
        if !code.is_simple() || code.argcount as usize != n + has_self as usize {
            return Some(op::CALL_PY_GENERAL);
        }
        return Some(op::CALL_PY_EXACT_ARGS);
    }
    if ty.is(&vm.types.builtin_function) {
        if has_self {
            return Some(op::CALL_NON_PY_GENERAL);
        }
        if n == 1 && vm.is_special_builtin(callable, SpecialBuiltin::Len) {
            return Some(op::CALL_LEN);
        }
        if n == 2 && vm.is_special_builtin(callable, SpecialBuiltin::IsInstance) {
            return Some(op::CALL_ISINSTANCE);
        }
        return Some(if n == 1 {
            op::CALL_BUILTIN_O
        } else {
            op::CALL_BUILTIN_FAST
        });
    }
    if ty.is(&vm.types.method_descriptor) && !has_self && n > 0 {
        return Some(op::CALL_BUILTIN_FAST_WITH_KEYWORDS);
    }
    if ty.is(&vm.types.method_descriptor) && has_self {
        if n == 1
            && vm.is_list_append(callable)
            // SAFETY: the instruction behind CALL and its cache.
            && unsafe { *pc.add(4) } as u8 == op::POP_TOP
        {
            return Some(op::CALL_LIST_APPEND);
        }
        return Some(match n {
            0 => op::CALL_METHOD_DESCRIPTOR_NOARGS,
            1 => op::CALL_METHOD_DESCRIPTOR_O,
            _ => op::CALL_METHOD_DESCRIPTOR_FAST,
        });
    }
    if let Some(class) = callable.downcast::<Type>()
        && !has_self
    {
        if n == 1 && callable.is(vm.types.type_.as_value()) {
            return Some(op::CALL_TYPE_1);
        }
        // SAFETY: in the cache of CALL.
        return unsafe { class_form(vm, pc, class) };
    }
    if ty.is(&vm.types.method) {
        return Some(op::CALL_BOUND_METHOD_GENERAL);
    }
    Some(op::CALL_NON_PY_GENERAL)
}

/// A class of plain objects with a Python `__init__`.
unsafe fn class_form(vm: &Vm, pc: Pc, class: &Ref<Type>) -> Option<u8> {
    if !class.flag(TypeFlags::HEAPTYPE) {
        return Some(op::CALL_BUILTIN_CLASS);
    }
    if python_init(vm, class).is_none() {
        return Some(op::CALL_NON_PY_GENERAL);
    }
    // SAFETY: in the cache of CALL.
    unsafe { write_u32(pc, 2, class.version.get()) };
    Some(op::CALL_ALLOC_AND_ENTER_INIT)
}

/// The Python `__init__` of a class whose instances are plain objects that nothing else takes part in making; the class
/// remembers it as long as its version stands.
pub(super) fn python_init(vm: &Vm, class: &Ref<Type>) -> Option<Ref<Function>> {
    if class.version.get() != 0
        && let Some(init) = class.cached_init.get()
    {
        return init.downcast_into().ok();
    }
    let object = &vm.types.object;
    if !class.flag(TypeFlags::HEAPTYPE)
        || vm.type_of(class.as_value()).slots.call.get() != vm.types.type_.slots.call.get()
        || class.slots.new.get() != object.slots.new.get()
        || !std::ptr::eq(class.layout.payload, object.layout.payload)
        || class.flag(TypeFlags::IS_ABSTRACT)
    {
        return None;
    }
    let init = class.lookup(vm, &vm.names.__init__)?;
    let function = init.clone().downcast_into::<Function>().ok()?;
    if class.version_tag(vm) == 0 {
        return None;
    }
    class.cached_init.set(Some(init));
    Some(function)
}
