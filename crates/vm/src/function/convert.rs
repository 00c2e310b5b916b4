//! Conversion of arguments to Rust types and of results to Python's, with argument clinic's messages.

use super::signature::Signature;
use crate::objects::str_::Str;
use crate::protocols::{number, object};
use crate::vm::{PyResult, Raised, Vm};
use dashu_int::IBig;
use naja_heap::{Payload, Ref, Value};
use std::borrow::Cow;

/// A type that an argument can be converted to. `index` is the parameter's place in the signature.
pub trait FromArg<'a>: Sized {
    fn from_arg(vm: &Vm, value: &'a Value, sig: &Signature, index: usize) -> PyResult<Self>;
}

/// An optional argument for which None means the same as leaving it out.
#[derive(Clone, Debug)]
pub struct OrNone<T>(pub Option<T>);

impl<'a> FromArg<'a> for &'a Value {
    #[inline(always)]
    fn from_arg(_: &Vm, value: &'a Value, _: &Signature, _: usize) -> PyResult<Self> {
        Ok(value)
    }
}

impl FromArg<'_> for Value {
    #[inline(always)]
    fn from_arg(_: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
        Ok(value.clone())
    }
}

/// The error for an argument of a wrong class.
#[cold]
pub fn wrong_type(vm: &Vm, value: &Value, sig: &Signature, index: usize, wanted: &str) -> Raised {
    let got = if value.is_none() {
        "None".to_string()
    } else {
        vm.type_of(value).full_name()
    };
    vm.type_error(format!(
        "{}() {} must be {wanted}, not {got}",
        sig.name,
        sig.describe(index)
    ))
}

impl<'a, T: Payload> FromArg<'a> for &'a Ref<T> {
    #[inline(always)]
    fn from_arg(vm: &Vm, value: &'a Value, sig: &Signature, index: usize) -> PyResult<Self> {
        value
            .downcast::<T>()
            .ok_or_else(|| wrong_type(vm, value, sig, index, T::NAME))
    }
}

impl<'a, T: Payload> FromArg<'a> for Ref<T> {
    #[inline(always)]
    fn from_arg(vm: &Vm, value: &'a Value, sig: &Signature, index: usize) -> PyResult<Self> {
        <&Ref<T>>::from_arg(vm, value, sig, index).cloned()
    }
}

impl<'a, T: FromArg<'a>> FromArg<'a> for OrNone<T> {
    fn from_arg(vm: &Vm, value: &'a Value, sig: &Signature, index: usize) -> PyResult<Self> {
        if value.is_none() {
            Ok(OrNone(None))
        } else {
            T::from_arg(vm, value, sig, index).map(|v| OrNone(Some(v)))
        }
    }
}

impl FromArg<'_> for bool {
    fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
        object::is_true(vm, value)
    }
}

impl FromArg<'_> for f64 {
    #[inline]
    fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
        match value.as_small_float() {
            Some(f) => Ok(f),
            None => number::as_f64(vm, value),
        }
    }
}

impl FromArg<'_> for String {
    fn from_arg(vm: &Vm, value: &Value, sig: &Signature, index: usize) -> PyResult<Self> {
        match value.downcast::<Str>() {
            Some(text) => match text.as_str() {
                Some(text) => Ok(text.to_string()),
                None => Err(crate::objects::exception::surrogates_not_allowed(vm, text)),
            },
            None => Err(wrong_type(vm, value, sig, index, "str")),
        }
    }
}

/// For text that is only looked at. Lone surrogates cannot be in it: UnicodeEncodeError.
impl<'a> FromArg<'a> for &'a str {
    fn from_arg(vm: &Vm, value: &'a Value, sig: &Signature, index: usize) -> PyResult<Self> {
        let text = <&Ref<Str>>::from_arg(vm, value, sig, index)?;
        text.as_str()
            .ok_or_else(|| crate::objects::exception::surrogates_not_allowed(vm, text))
    }
}

impl FromArg<'_> for isize {
    #[inline]
    fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
        match value.as_small_int() {
            Some(n) => Ok(n as isize),
            None => number::index_isize(vm, value),
        }
    }
}

/// An int of any size.
impl FromArg<'_> for IBig {
    fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
        number::index_big(vm, value)
    }
}

macro_rules! ints_from {
    ($($ty:ty: $c:literal;)*) => { $(
        impl FromArg<'_> for $ty {
            #[inline]
            fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
                let n = match value.as_small_int() {
                    Some(n) => Some(n),
                    None => number::index_i64(vm, value)?,
                };
                n.and_then(|n| <$ty>::try_from(n).ok())
                    .ok_or_else(|| vm.overflow_error(concat!("Python int too large to convert to C ", $c)))
            }
        }
    )* };
}

ints_from! { i64: "long"; i32: "int"; }

macro_rules! small_ints_from {
    ($($ty:ty: $what:literal;)*) => { $(
        impl FromArg<'_> for $ty {
            fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
                match number::index_i64(vm, value)? {
                    Some(n) if n < <$ty>::MIN as i64 => Err(vm.overflow_error(concat!($what, " is less than minimum"))),
                    Some(n) => <$ty>::try_from(n).map_err(|_| vm.overflow_error(concat!($what, " is greater than maximum"))),
                    None => Err(vm.overflow_error("Python int too large to convert to C long")),
                }
            }
        }
    )* };
}

small_ints_from! { i8: "signed char"; i16: "signed short integer"; u8: "unsigned byte integer"; }

macro_rules! unsigned_from {
    ($($ty:ty: $c:literal;)*) => { $(
        impl FromArg<'_> for $ty {
            fn from_arg(vm: &Vm, value: &Value, _: &Signature, _: usize) -> PyResult<Self> {
                let (negative, n) = match value.as_small_int() {
                    Some(n) => (n < 0, <$ty>::try_from(n).ok()),
                    None => {
                        let n = number::index_big(vm, value)?;
                        (n < IBig::ZERO, <$ty>::try_from(n).ok())
                    }
                };
                match n {
                    Some(n) => Ok(n),
                    None if negative => Err(vm.value_error("Cannot convert negative int")),
                    None => Err(vm.overflow_error(concat!("Python int too large for C ", $c))),
                }
            }
        }
    )* };
}

unsigned_from! { u64: "uint64_t"; u32: "uint32_t"; u16: "uint16_t"; usize: "size_t"; }

/// A type that a native function can give back.
pub trait IntoPyResult {
    fn into_py_result(self, vm: &Vm) -> PyResult;
}

impl IntoPyResult for Value {
    #[inline(always)]
    fn into_py_result(self, _: &Vm) -> PyResult {
        Ok(self)
    }
}

impl<T: Payload> IntoPyResult for Ref<T> {
    #[inline(always)]
    fn into_py_result(self, _: &Vm) -> PyResult {
        Ok(self.into_value())
    }
}

impl IntoPyResult for () {
    #[inline(always)]
    fn into_py_result(self, _: &Vm) -> PyResult {
        Ok(Value::NONE)
    }
}

impl IntoPyResult for bool {
    #[inline(always)]
    fn into_py_result(self, _: &Vm) -> PyResult {
        Ok(Value::from_bool(self))
    }
}

impl IntoPyResult for f64 {
    #[inline(always)]
    fn into_py_result(self, vm: &Vm) -> PyResult {
        vm.new_float(self)
    }
}

impl IntoPyResult for String {
    fn into_py_result(self, vm: &Vm) -> PyResult {
        vm.new_str(&self).map(Ref::into_value)
    }
}

impl IntoPyResult for &str {
    fn into_py_result(self, vm: &Vm) -> PyResult {
        vm.new_str(self).map(Ref::into_value)
    }
}

impl IntoPyResult for Cow<'_, str> {
    fn into_py_result(self, vm: &Vm) -> PyResult {
        vm.new_str(&*self).map(Ref::into_value)
    }
}

impl IntoPyResult for IBig {
    fn into_py_result(self, vm: &Vm) -> PyResult {
        match i64::try_from(&self) {
            Ok(n) => vm.new_int(n),
            Err(_) => vm.new_bigint(self),
        }
    }
}

impl<T: IntoPyResult> IntoPyResult for Option<T> {
    #[inline(always)]
    fn into_py_result(self, vm: &Vm) -> PyResult {
        match self {
            Some(value) => value.into_py_result(vm),
            None => Ok(Value::NONE),
        }
    }
}

impl<T: IntoPyResult> IntoPyResult for PyResult<T> {
    #[inline(always)]
    fn into_py_result(self, vm: &Vm) -> PyResult {
        self?.into_py_result(vm)
    }
}

macro_rules! ints {
    ($($ty:ty)*) => { $(
        impl IntoPyResult for $ty {
            #[inline]
            fn into_py_result(self, vm: &Vm) -> PyResult {
                match i64::try_from(self) {
                    Ok(n) => vm.new_int(n),
                    Err(_) => vm.new_bigint(IBig::from(self)),
                }
            }
        }
    )* };
}

ints! { i64 isize i32 i16 i8 u64 usize u32 u16 u8 i128 }
