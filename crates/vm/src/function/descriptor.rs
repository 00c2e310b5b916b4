//! The descriptors that the dictionaries of native classes hold: `method_descriptor`, `classmethod_descriptor`,
//! `wrapper_descriptor` with its bound form `method-wrapper`, `getset_descriptor`, `member_descriptor`.
//!
//! Each is a static definition and the class it belongs to. Before a definition's function runs, the object is checked to
//! be an instance of that class; the function still checks the payload itself, so nothing breaks if it is called otherwise.
//! A `member_descriptor` is either a native attribute that Python code sees as a struct field, or a name of
//! `__slots__`, whose value stands in the object at an offset that inline caches use too.
//!
//! CPython: Objects/descrobject.c.

use super::args::Args;
use super::def::{GetSetDef, MethodDef, SlotWrapper};
use super::native::{NativeFunction, address, doc_value, qualified_class_name, reduce_to_getattr};
use super::signature::with_first;
use crate::Traverse;
use crate::objects::str_::Str;
use crate::objects::type_::{Type, is_subtype};
use crate::protocols::compare::CompareOp;
use crate::protocols::hash::hash_pointer;
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value, Visitor};
use naja_macros::{pyclass, pymethods};

/// `<kind 'name' of 'class' objects>`.
fn repr_of(vm: &Vm, kind: &str, name: &str, class: &Type) -> PyResult {
    vm.new_str(format!(
        "<{kind} '{name}' of '{}' objects>",
        class.full_name()
    ))
    .map(Ref::into_value)
}

/// The `__qualname__` of an attribute of `class`.
fn qualname_of(class: &Type, name: &str) -> String {
    format!("{}.{name}", qualified_class_name(class))
}

/// The error for a descriptor that was given an object of a wrong class.
#[cold]
fn wrong_object(vm: &Vm, name: &str, class: &Type, object: &Value) -> Raised {
    let (wanted, got) = (class.full_name(), vm.type_of(object).full_name());
    vm.type_error(format!(
        "descriptor '{name}' for '{wanted}' objects doesn't apply to a '{got}' object"
    ))
}

#[inline(always)]
fn check_object(vm: &Vm, name: &str, class: &Type, object: &Value) -> PyResult<()> {
    if is_subtype(vm.type_of(object), class) {
        Ok(())
    } else {
        Err(wrong_object(vm, name, class, object))
    }
}

/// A method of a native class.
#[pyclass(
    name = "method_descriptor",
    module = "builtins",
    gc,
    flags(NO_NEW, METHOD_DESCRIPTOR, HAVE_VECTORCALL)
)]
pub struct MethodDescriptor {
    pub def: &'static MethodDef,
    pub objclass: Ref<Type>,
}

impl Traverse for MethodDescriptor {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.reference(&self.objclass);
    }

    /// Nothing: the class, through whose dictionary the cycle goes, breaks it. So for the other descriptors.
    fn clear(&self) {}
}

impl MethodDescriptor {
    /// The descriptor of `class.name`. Raises MemoryError.
    pub fn make(vm: &Vm, class: &Type, def: &'static MethodDef) -> PyResult {
        vm.new_object(MethodDescriptor {
            def,
            objclass: class.to_ref(),
        })
        .map(Ref::into_value)
    }
}

#[pymethods]
impl MethodDescriptor {
    #[pyslot]
    fn repr(&self, vm: &Vm) -> PyResult {
        repr_of(vm, "method", self.def.name, &self.objclass)
    }

    #[pyslot]
    fn call(&self, vm: &Vm, args: Args) -> PyResult {
        match args.positional().first() {
            Some(object) => {
                check_object(vm, self.def.name, &self.objclass, object)?;
                (self.def.call)(vm, args)
            }
            None => {
                let name = qualname_of(&self.objclass, self.def.name);
                Err(vm.type_error(format!("unbound method {name}() needs an argument")))
            }
        }
    }

    #[pyslot]
    fn descr_get(
        zelf: &Ref<Self>,
        vm: &Vm,
        object: Option<&Value>,
        _owner: Option<&Value>,
    ) -> PyResult {
        let Some(object) = object else {
            return Ok(zelf.to_value());
        };
        check_object(vm, zelf.def.name, &zelf.objclass, object)?;
        NativeFunction::bound(vm, zelf.def, object.clone()).map(Ref::into_value)
    }

    #[pymethod(raw)]
    fn __reduce__(vm: &Vm, args: Args) -> PyResult {
        let zelf = reduced::<Self>(vm, args, "method_descriptor")?;
        reduce_to_getattr(vm, zelf.objclass.as_value(), zelf.def.name)
    }

    #[pymember(name = "__objclass__")]
    fn objclass(&self) -> Ref<Type> {
        self.objclass.clone()
    }

    #[pymember(name = "__name__")]
    fn name(&self) -> &'static str {
        self.def.name
    }

    #[pygetter(name = "__doc__")]
    fn doc(&self, vm: &Vm) -> PyResult {
        doc_value(vm, self.def.doc)
    }

    #[pygetter(name = "__qualname__")]
    fn qualname(&self) -> String {
        qualname_of(&self.objclass, self.def.name)
    }

    #[pygetter(name = "__text_signature__")]
    fn text_signature(&self) -> Option<&'static str> {
        self.def.text_signature
    }
}

/// The receiver of a `__reduce__`, which takes nothing else and has no text signature.
fn reduced<'a, T: naja_heap::Payload>(
    vm: &Vm,
    args: Args<'a>,
    class: &'static str,
) -> PyResult<&'a Ref<T>> {
    let sig = super::Signature::new(class, "__reduce__", &[]);
    let (zelf, rest) = super::signature::receiver::<T>(vm, args, &sig)?;
    sig.bind_none(vm, &rest)?;
    Ok(zelf)
}

/// A class method of a native class.
#[pyclass(
    name = "classmethod_descriptor",
    module = "builtins",
    gc,
    flags(NO_NEW)
)]
pub struct ClassMethodDescriptor {
    pub def: &'static MethodDef,
    pub objclass: Ref<Type>,
}

impl Traverse for ClassMethodDescriptor {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.reference(&self.objclass);
    }

    fn clear(&self) {}
}

impl ClassMethodDescriptor {
    /// The descriptor of `class.name`. Raises MemoryError.
    pub fn make(vm: &Vm, class: &Type, def: &'static MethodDef) -> PyResult {
        vm.new_object(ClassMethodDescriptor {
            def,
            objclass: class.to_ref(),
        })
        .map(Ref::into_value)
    }

    /// The method bound to `class`, which must be the descriptor's or derived from it.
    fn bind(&self, vm: &Vm, class: &Value) -> PyResult<Ref<NativeFunction>> {
        let (name, own) = (self.def.name, &self.objclass);
        let Some(ty) = class.downcast::<Type>() else {
            let (own, got) = (own.full_name(), vm.type_of(class).full_name());
            return Err(vm.type_error(format!(
                "descriptor '{name}' for type '{own}' needs a type, not a '{got}' as arg 2"
            )));
        };
        if !is_subtype(ty, own) {
            let (own, got) = (own.full_name(), ty.full_name());
            return Err(vm.type_error(format!(
                "descriptor '{name}' requires a subtype of '{own}' but received '{got}'"
            )));
        }
        NativeFunction::bound(vm, self.def, class.clone())
    }
}

#[pymethods]
impl ClassMethodDescriptor {
    #[pyslot]
    fn repr(&self, vm: &Vm) -> PyResult {
        repr_of(vm, "method", self.def.name, &self.objclass)
    }

    #[pyslot]
    fn call(&self, vm: &Vm, args: Args) -> PyResult {
        let Some(class) = args.positional().first() else {
            let (name, own) = (self.def.name, self.objclass.full_name());
            return Err(vm.type_error(format!(
                "descriptor '{name}' of '{own}' object needs an argument"
            )));
        };
        self.bind(vm, class)?;
        (self.def.call)(vm, args)
    }

    #[pyslot]
    fn descr_get(&self, vm: &Vm, object: Option<&Value>, owner: Option<&Value>) -> PyResult {
        let class = match (owner, object) {
            (Some(class), _) => class.clone(),
            (None, Some(object)) => vm.type_of(object).to_ref().into_value(),
            (None, None) => {
                let (name, own) = (self.def.name, self.objclass.full_name());
                return Err(vm.type_error(format!(
                    "descriptor '{name}' for type '{own}' needs either an object or a type"
                )));
            }
        };
        self.bind(vm, &class).map(Ref::into_value)
    }

    #[pymember(name = "__objclass__")]
    fn objclass(&self) -> Ref<Type> {
        self.objclass.clone()
    }

    #[pymember(name = "__name__")]
    fn name(&self) -> &'static str {
        self.def.name
    }

    #[pygetter(name = "__doc__")]
    fn doc(&self, vm: &Vm) -> PyResult {
        doc_value(vm, self.def.doc)
    }

    #[pygetter(name = "__qualname__")]
    fn qualname(&self) -> String {
        qualname_of(&self.objclass, self.def.name)
    }

    #[pygetter(name = "__text_signature__")]
    fn text_signature(&self) -> Option<&'static str> {
        self.def.text_signature
    }
}

/// A special method that a slot of a native class implements.
#[pyclass(
    name = "wrapper_descriptor",
    module = "builtins",
    gc,
    flags(NO_NEW, METHOD_DESCRIPTOR)
)]
pub struct WrapperDescriptor {
    pub wrapper: &'static SlotWrapper,
    pub objclass: Ref<Type>,
}

impl Traverse for WrapperDescriptor {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.reference(&self.objclass);
    }

    fn clear(&self) {}
}

impl WrapperDescriptor {
    /// The descriptor of `class.name`. Raises MemoryError.
    pub fn make(vm: &Vm, class: &Type, wrapper: &'static SlotWrapper) -> PyResult {
        vm.new_object(WrapperDescriptor {
            wrapper,
            objclass: class.to_ref(),
        })
        .map(Ref::into_value)
    }

    /// The special method that this stands for.
    #[inline(always)]
    pub fn wrapper(&self) -> &'static SlotWrapper {
        self.wrapper
    }

    /// Calls the slot with arguments of which the first is known to be an instance of the class.
    fn call_slot(&self, vm: &Vm, args: Args) -> PyResult {
        let name = self.wrapper.name;
        if args.keyword_count() > 0 && !matches!(name, "__init__" | "__call__") {
            return Err(vm.type_error(format!("wrapper {name}() takes no keyword arguments")));
        }
        (self.wrapper.call)(vm, &self.objclass, args)
    }
}

/// A slot's docstring taken apart: "(signature)\n--\n\ntext" gives signature and text, anything else only text.
pub fn split_doc(doc: &str) -> (Option<&str>, &str) {
    match doc.split_once(")\n--\n\n") {
        Some((signature, text)) if doc.starts_with('(') => (doc.get(..=signature.len()), text),
        _ => (None, doc),
    }
}

#[pymethods]
impl WrapperDescriptor {
    #[pyslot]
    fn repr(&self, vm: &Vm) -> PyResult {
        repr_of(vm, "slot wrapper", self.wrapper.name, &self.objclass)
    }

    #[pyslot]
    fn call(&self, vm: &Vm, args: Args) -> PyResult {
        let (name, own) = (self.wrapper.name, &self.objclass);
        match args.positional().first() {
            Some(object) if is_subtype(vm.type_of(object), own) => self.call_slot(vm, args),
            Some(object) => {
                let (own, got) = (own.full_name(), vm.type_of(object).full_name());
                Err(vm.type_error(format!(
                    "descriptor '{name}' requires a '{own}' object but received a '{got}'"
                )))
            }
            None => Err(vm.type_error(format!(
                "descriptor '{name}' of '{}' object needs an argument",
                own.full_name()
            ))),
        }
    }

    #[pyslot]
    fn descr_get(
        zelf: &Ref<Self>,
        vm: &Vm,
        object: Option<&Value>,
        _owner: Option<&Value>,
    ) -> PyResult {
        let Some(object) = object else {
            return Ok(zelf.to_value());
        };
        check_object(vm, zelf.wrapper.name, &zelf.objclass, object)?;
        MethodWrapper::new(vm, zelf, object.clone()).map(Ref::into_value)
    }

    #[pymethod(raw)]
    fn __reduce__(vm: &Vm, args: Args) -> PyResult {
        let zelf = reduced::<Self>(vm, args, "wrapper_descriptor")?;
        reduce_to_getattr(vm, zelf.objclass.as_value(), zelf.wrapper.name)
    }

    #[pymember(name = "__objclass__")]
    fn objclass(&self) -> Ref<Type> {
        self.objclass.clone()
    }

    #[pymember(name = "__name__")]
    fn name(&self) -> &'static str {
        self.wrapper.name
    }

    #[pygetter(name = "__doc__")]
    fn doc(&self, vm: &Vm) -> PyResult {
        doc_value(vm, split_doc(self.wrapper.doc).1)
    }

    #[pygetter(name = "__qualname__")]
    fn qualname(&self) -> String {
        qualname_of(&self.objclass, self.wrapper.name)
    }

    #[pygetter(name = "__text_signature__")]
    fn text_signature(&self) -> Option<&'static str> {
        split_doc(self.wrapper.doc).0
    }
}

/// A `wrapper_descriptor` bound to an object.
#[pyclass(name = "method-wrapper", module = "builtins", gc, flags(NO_NEW))]
pub struct MethodWrapper {
    pub descriptor: Ref<WrapperDescriptor>,
    pub zelf: Value,
}

impl Traverse for MethodWrapper {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.reference(&self.descriptor);
        visitor.value(&self.zelf);
    }

    fn clear(&self) {}
}

impl MethodWrapper {
    /// Raises MemoryError.
    pub fn new(
        vm: &Vm,
        descriptor: &Ref<WrapperDescriptor>,
        zelf: Value,
    ) -> PyResult<Ref<MethodWrapper>> {
        vm.new_object(MethodWrapper {
            descriptor: descriptor.clone(),
            zelf,
        })
    }
}

#[pymethods]
impl MethodWrapper {
    #[pyslot]
    fn repr(&self, vm: &Vm) -> PyResult {
        let (name, class) = (
            self.descriptor.wrapper.name,
            vm.type_of(&self.zelf).full_name(),
        );
        let text = format!(
            "<method-wrapper '{name}' of {class} object at {}>",
            address(&self.zelf)
        );
        vm.new_str(text).map(Ref::into_value)
    }

    #[pyslot]
    fn hash(&self, _vm: &Vm) -> PyResult<i64> {
        let hash = hash_pointer(&self.zelf) ^ hash_pointer(self.descriptor.as_value());
        Ok(if hash == -1 { -2 } else { hash })
    }

    #[pyslot]
    fn call(&self, vm: &Vm, args: Args) -> PyResult {
        with_first(&self.zelf, args, |args| self.descriptor.call_slot(vm, args))
    }

    #[pyslot]
    fn richcompare(&self, _vm: &Vm, other: &Value, op: CompareOp) -> PyResult {
        let (Some(other), CompareOp::Eq | CompareOp::Ne) = (other.downcast::<MethodWrapper>(), op)
        else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let equal = self.descriptor.is(&other.descriptor) && self.zelf.is(&other.zelf);
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    #[pymethod(raw)]
    fn __reduce__(vm: &Vm, args: Args) -> PyResult {
        let zelf = reduced::<Self>(vm, args, "method-wrapper")?;
        reduce_to_getattr(vm, &zelf.zelf, zelf.descriptor.wrapper.name)
    }

    #[pymember(name = "__self__")]
    fn get_self(&self) -> Value {
        self.zelf.clone()
    }

    #[pygetter(name = "__objclass__")]
    fn objclass(&self) -> Ref<Type> {
        self.descriptor.objclass.clone()
    }

    #[pygetter(name = "__name__")]
    fn name(&self) -> &'static str {
        self.descriptor.wrapper.name
    }

    #[pygetter(name = "__qualname__")]
    fn qualname(&self) -> String {
        qualname_of(&self.descriptor.objclass, self.descriptor.wrapper.name)
    }

    #[pygetter(name = "__doc__")]
    fn doc(&self, vm: &Vm) -> PyResult {
        doc_value(vm, split_doc(self.descriptor.wrapper.doc).1)
    }

    #[pygetter(name = "__text_signature__")]
    fn text_signature(&self) -> Option<&'static str> {
        split_doc(self.descriptor.wrapper.doc).0
    }
}

/// A computed attribute of a native class.
#[pyclass(name = "getset_descriptor", module = "builtins", gc, flags(NO_NEW))]
pub struct GetSetDescriptor {
    pub def: &'static GetSetDef,
    pub objclass: Ref<Type>,
}

impl Traverse for GetSetDescriptor {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.reference(&self.objclass);
    }

    fn clear(&self) {}
}

impl GetSetDescriptor {
    /// The descriptor of `class.name`: a `member_descriptor` where the definition says so. Raises MemoryError.
    pub fn make(vm: &Vm, class: &Type, def: &'static GetSetDef) -> PyResult {
        let objclass = class.to_ref();
        if def.member {
            let name = vm.intern(def.name);
            return vm
                .new_object(MemberDescriptor {
                    objclass,
                    name,
                    member: Member::Native(def),
                })
                .map(Ref::into_value);
        }
        vm.new_object(GetSetDescriptor { def, objclass })
            .map(Ref::into_value)
    }

    #[cold]
    fn refused(&self, vm: &Vm, what: &str) -> Raised {
        vm.attribute_error(format!(
            "attribute '{}' of '{}' objects is not {what}",
            self.def.name,
            self.objclass.full_name()
        ))
    }
}

#[pymethods]
impl GetSetDescriptor {
    #[pyslot]
    fn repr(&self, vm: &Vm) -> PyResult {
        repr_of(vm, "attribute", self.def.name, &self.objclass)
    }

    #[pyslot]
    fn descr_get(
        zelf: &Ref<Self>,
        vm: &Vm,
        object: Option<&Value>,
        _owner: Option<&Value>,
    ) -> PyResult {
        let Some(object) = object else {
            return Ok(zelf.to_value());
        };
        check_object(vm, zelf.def.name, &zelf.objclass, object)?;
        match zelf.def.get {
            Some(get) => get(vm, object),
            None => Err(zelf.refused(vm, "readable")),
        }
    }

    #[pyslot]
    fn descr_set(&self, vm: &Vm, object: &Value, value: Option<&Value>) -> PyResult<()> {
        check_object(vm, self.def.name, &self.objclass, object)?;
        match self.def.set {
            Some(set) => set(vm, object, value),
            None => Err(self.refused(vm, "writable")),
        }
    }

    #[pymember(name = "__objclass__")]
    fn objclass(&self) -> Ref<Type> {
        self.objclass.clone()
    }

    #[pymember(name = "__name__")]
    fn name(&self) -> &'static str {
        self.def.name
    }

    #[pygetter(name = "__doc__")]
    fn doc(&self, vm: &Vm) -> PyResult {
        doc_value(vm, self.def.doc)
    }

    #[pygetter(name = "__qualname__")]
    fn qualname(&self) -> String {
        qualname_of(&self.objclass, self.def.name)
    }
}

/// Where a member's value is.
pub enum Member {
    /// A name of `__slots__`: the value stands so many bytes behind the object's header, empty at first.
    Slot(usize),
    /// A field of the payload, read and written by functions.
    Native(&'static GetSetDef),
}

/// A field of a native object, or a name of `__slots__`.
#[pyclass(name = "member_descriptor", module = "builtins", gc, flags(NO_NEW))]
pub struct MemberDescriptor {
    pub objclass: Ref<Type>,
    pub name: Ref<Str>,
    pub member: Member,
}

impl Traverse for MemberDescriptor {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.reference(&self.objclass);
    }

    fn clear(&self) {}
}

impl MemberDescriptor {
    /// The descriptor of a name of `__slots__` (mangled), whose value stands `offset` bytes behind the header. Raises
    /// MemoryError.
    pub fn for_slot(vm: &Vm, class: &Type, name: &Ref<Str>, offset: usize) -> PyResult {
        let (objclass, name) = (class.to_ref(), name.clone());
        vm.new_object(MemberDescriptor {
            objclass,
            name,
            member: Member::Slot(offset),
        })
        .map(Ref::into_value)
    }

    /// The offset of a `__slots__` value from the object's header; None for native members.
    #[inline(always)]
    pub fn slot_offset(&self) -> Option<usize> {
        match self.member {
            Member::Slot(offset) => Some(offset),
            Member::Native(_) => None,
        }
    }

    /// The definition of a native member; None for names of `__slots__`.
    pub(crate) fn native_def(&self) -> Option<&'static GetSetDef> {
        match self.member {
            Member::Slot(_) => None,
            Member::Native(def) => Some(def),
        }
    }

    fn check(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        if is_subtype(vm.type_of(object), &self.objclass) {
            return Ok(());
        }
        Err(wrong_object(
            vm,
            &self.name.to_string_lossy(),
            &self.objclass,
            object,
        ))
    }

    /// Puts `value` into the slot at `offset` of `object`, and gives the old one back.
    fn exchange(
        vm: &Vm,
        object: &Value,
        offset: usize,
        value: Option<Value>,
    ) -> PyResult<Option<Value>> {
        match object
            .header()
            .and_then(|header| naja_heap::object_slot(header, offset))
        {
            Some(slot) => Ok(slot.replace(value)),
            None => Err(vm.system_error("a member's offset is outside of the object")),
        }
    }
}

#[pymethods]
impl MemberDescriptor {
    #[pyslot]
    fn repr(&self, vm: &Vm) -> PyResult {
        repr_of(vm, "member", &self.name.to_string_lossy(), &self.objclass)
    }

    #[pyslot]
    fn descr_get(
        zelf: &Ref<Self>,
        vm: &Vm,
        object: Option<&Value>,
        _owner: Option<&Value>,
    ) -> PyResult {
        let Some(object) = object else {
            return Ok(zelf.to_value());
        };
        zelf.check(vm, object)?;
        match &zelf.member {
            Member::Native(def) => match def.get {
                Some(get) => get(vm, object),
                None => Err(vm.attribute_error("unreadable attribute")),
            },
            Member::Slot(offset) => {
                let found = Self::exchange(vm, object, *offset, None)?;
                Self::exchange(vm, object, *offset, found.clone())?;
                found.ok_or_else(|| {
                    let class = vm.type_of(object).qualified(vm);
                    let name = zelf.name.to_string_lossy();
                    vm.attribute_error(format!("'{class}' object has no attribute '{name}'"))
                })
            }
        }
    }

    #[pyslot]
    fn descr_set(&self, vm: &Vm, object: &Value, value: Option<&Value>) -> PyResult<()> {
        self.check(vm, object)?;
        match &self.member {
            Member::Native(def) => match def.set {
                Some(set) => set(vm, object, value),
                None => Err(vm.attribute_error("readonly attribute")),
            },
            Member::Slot(offset) => {
                let old = Self::exchange(vm, object, *offset, value.cloned())?;
                if old.is_none() && value.is_none() {
                    return Err(vm.attribute_error(self.name.to_string_lossy()));
                }
                Ok(())
            }
        }
    }

    #[pymethod(raw)]
    fn __reduce__(vm: &Vm, args: Args) -> PyResult {
        let zelf = reduced::<Self>(vm, args, "member_descriptor")?;
        reduce_to_getattr(vm, zelf.objclass.as_value(), &zelf.name.to_string_lossy())
    }

    #[pymember(name = "__objclass__")]
    fn objclass(&self) -> Ref<Type> {
        self.objclass.clone()
    }

    #[pymember(name = "__name__")]
    fn name(&self) -> Ref<Str> {
        self.name.clone()
    }

    #[pygetter(name = "__doc__")]
    fn doc(&self, vm: &Vm) -> PyResult {
        match self.member {
            Member::Native(def) => doc_value(vm, def.doc),
            Member::Slot(_) => Ok(Value::NONE),
        }
    }

    #[pygetter(name = "__qualname__")]
    fn qualname(&self) -> String {
        qualname_of(&self.objclass, &self.name.to_string_lossy())
    }
}

#[cfg(test)]
mod tests {
    use super::split_doc;

    #[test]
    fn docstrings_of_slots() {
        let doc = "($self, value, /)\n--\n\nReturn self+value.";
        assert_eq!(
            split_doc(doc),
            (Some("($self, value, /)"), "Return self+value.")
        );
        assert_eq!(split_doc("Return it."), (None, "Return it."));
        assert_eq!(split_doc("(unclosed"), (None, "(unclosed"));
    }
}
