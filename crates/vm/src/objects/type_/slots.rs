//! The slots of a type: plain Rust functions for the protocols, one field per operation.
//!
//! A built-in type fills the slots it has; a class written in Python gets the trampolines of `slot_defs.rs`, which look
//! the method up and call it. Subclasses inherit what they do not define. CPython: Include/cpython/object.h.

use super::Type;
use crate::function::Args;
use crate::objects::buffer::Buffer;
use crate::objects::str_::Str;
use crate::protocols::compare::CompareOp;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use std::cell::Cell;

pub type UnaryFn = fn(&Vm, &Value) -> PyResult;
pub type BinaryFn = fn(&Vm, &Value, &Value) -> PyResult;
pub type TernaryFn = fn(&Vm, &Value, &Value, &Value) -> PyResult;
pub type InquiryFn = fn(&Vm, &Value) -> PyResult<bool>;
pub type LenFn = fn(&Vm, &Value) -> PyResult<usize>;
pub type HashFn = fn(&Vm, &Value) -> PyResult<i64>;
pub type CallFn = fn(&Vm, &Value, Args) -> PyResult;
pub type GetAttrFn = fn(&Vm, &Value, &Ref<Str>) -> PyResult;
/// Stores the value, or deletes the attribute where it is None.
pub type SetAttrFn = fn(&Vm, &Value, &Ref<Str>, Option<&Value>) -> PyResult<()>;
pub type CompareFn = fn(&Vm, &Value, &Value, CompareOp) -> PyResult;
/// The next item, or None at the end.
pub type NextFn = fn(&Vm, &Value) -> PyResult<Option<Value>>;
/// `(descriptor, instance, owner)`.
pub type DescrGetFn = fn(&Vm, &Value, Option<&Value>, Option<&Value>) -> PyResult;
/// `(descriptor, instance, value)`; deletes where the value is None.
pub type DescrSetFn = fn(&Vm, &Value, &Value, Option<&Value>) -> PyResult<()>;
pub type InitFn = fn(&Vm, &Value, Args) -> PyResult<()>;
/// `(class, arguments without the class)`.
pub type NewFn = fn(&Vm, &Ref<Type>, Args) -> PyResult;
pub type FinalizeFn = fn(&Vm, &Value);
pub type ItemFn = fn(&Vm, &Value, isize) -> PyResult;
pub type SetItemFn = fn(&Vm, &Value, isize, Option<&Value>) -> PyResult<()>;
pub type RepeatFn = fn(&Vm, &Value, isize) -> PyResult;
pub type ContainsFn = fn(&Vm, &Value, &Value) -> PyResult<bool>;
/// Stores the item, or deletes it where the value is None.
pub type SetSubscriptFn = fn(&Vm, &Value, &Value, Option<&Value>) -> PyResult<()>;
/// What a generator's `send` gave.
pub enum SendResult {
    Next(Value),
    Return(Value),
}
pub type SendFn = fn(&Vm, &Value, &Value) -> PyResult<SendResult>;
pub type GetBufferFn = fn(&Vm, &Value, u32) -> PyResult<Buffer>;

/// The item at a place, negative ones counted from the end, without running Python, allocating or raising; None where that
/// cannot be done.
pub type LeafItemFn = fn(&Vm, &Value, i64) -> Option<Value>;
/// Stores an item under the same conditions: whether it was done.
pub type LeafSetItemFn = fn(&Vm, &Value, i64, &Value) -> bool;

macro_rules! slots {
    ($($name:ident: $fn:ty,)* ; $($own:ident: $own_fn:ty,)*) => {
        /// The protocol functions of one type. Those behind the semicolon are for its direct instances only, and not inherited.
        #[derive(Default)]
        pub struct Slots {
            $(pub $name: Cell<Option<$fn>>,)*
            $(pub $own: Cell<Option<$own_fn>>,)*
        }

        impl Slots {
            /// Takes over from `base` every slot that is empty here.
            pub fn inherit(&self, base: &Slots) {
                $(if self.$name.get().is_none() { self.$name.set(base.$name.get()) })*
            }

            /// As [`Slots::inherit`], for the number, sequence, mapping and iteration slots and so on, but not those that
            /// CPython inherits only together (hash with comparison) or never (new of a static type).
            pub fn copy_all(&self, from: &Slots) {
                $(self.$name.set(from.$name.get());)*
            }
        }
    };
}

slots! {
    repr: UnaryFn, str: UnaryFn, hash: HashFn, call: CallFn,
    getattro: GetAttrFn, setattro: SetAttrFn, richcompare: CompareFn,
    iter: UnaryFn, iternext: NextFn,
    descr_get: DescrGetFn, descr_set: DescrSetFn,
    init: InitFn, new: NewFn, finalize: FinalizeFn,
    // number
    add: BinaryFn, subtract: BinaryFn, multiply: BinaryFn, remainder: BinaryFn, divmod: BinaryFn, power: TernaryFn,
    negative: UnaryFn, positive: UnaryFn, absolute: UnaryFn, bool: InquiryFn, invert: UnaryFn,
    lshift: BinaryFn, rshift: BinaryFn, and: BinaryFn, xor: BinaryFn, or: BinaryFn,
    int: UnaryFn, float: UnaryFn, index: UnaryFn,
    floor_divide: BinaryFn, true_divide: BinaryFn, matrix_multiply: BinaryFn,
    inplace_add: BinaryFn, inplace_subtract: BinaryFn, inplace_multiply: BinaryFn, inplace_remainder: BinaryFn,
    inplace_power: TernaryFn, inplace_lshift: BinaryFn, inplace_rshift: BinaryFn, inplace_and: BinaryFn,
    inplace_xor: BinaryFn, inplace_or: BinaryFn, inplace_floor_divide: BinaryFn, inplace_true_divide: BinaryFn,
    inplace_matrix_multiply: BinaryFn,
    // sequence
    sq_len: LenFn, concat: BinaryFn, repeat: RepeatFn, item: ItemFn, set_item: SetItemFn, contains: ContainsFn,
    inplace_concat: BinaryFn, inplace_repeat: RepeatFn,
    // mapping
    mp_len: LenFn, subscript: BinaryFn, set_subscript: SetSubscriptFn,
    // async
    await_: UnaryFn, aiter: UnaryFn, anext: UnaryFn, send: SendFn,
    // buffer
    get_buffer: GetBufferFn,
    ;
    // short cuts of `subscript` and `set_subscript`
    leaf_item: LeafItemFn, leaf_set_item: LeafSetItemFn,
}
