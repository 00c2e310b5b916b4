//! The built-in types of one interpreter, one field each: `vm.types.list`.
//!
//! All type objects are allocated when the interpreter starts, slots filled and bases linked; their dictionaries are
//! filled when first looked at (`Type::dict`). Types that only a module needs are not here: `vm.class::<T>()` makes them.

use crate::function::{PyClass, TypeDef};
use crate::objects::type_::{Type, TypeFlags};
use crate::objects::*;
use crate::vm::Vm;
use naja_heap::{Heap, Ref};

macro_rules! core_types {
    ($($field:ident: $payload:ty;)*) => {
        /// See the module's head.
        pub struct Types {
            $(#[doc = concat!("The type of `", stringify!($payload), "` objects.")] pub $field: Ref<Type>,)*
            pub exceptions: exception::ExceptionTypes,
        }

        impl Types {
            /// Allocates all core types, unlinked: `type` and `object` first.
            pub(crate) fn allocate(heap: &Heap) -> Option<Types> {
                let meta = type_::class_new::allocate_static(heap, None, <Type as PyClass>::def())?;
                // `type` is its own type.
                type_::class_new::adopt_metatype(&meta);
                let exceptions = exception::ExceptionTypes::allocate(heap, &meta)?;
                let [$($field,)*] =
                    type_::class_new::allocate_all(heap, &meta, [$(<$payload as PyClass>::def,)*])?;
                Some(Types { $($field,)* exceptions })
            }

            /// Every core type with its definition, in an order in which bases come before the types derived from them.
            pub(crate) fn each(&self, f: &mut dyn FnMut(&Ref<Type>, &'static TypeDef)) {
                $(f(&self.$field, <$payload as PyClass>::def());)*
                self.exceptions.each(f);
            }
        }
    };
}

core_types! {
    object: object::Object;
    type_: Type;
    int: int::Int;
    bool: int::Bool;
    float: float::Float;
    complex: complex::Complex;
    str: str_::Str;
    bytes: bytes::Bytes;
    bytearray: bytearray::ByteArray;
    memoryview: memoryview::MemoryView;
    list: list::List;
    tuple: tuple::Tuple;
    dict: dict::Dict;
    set: set::Set;
    frozenset: set::FrozenSet;
    range: range::Range;
    slice: slice::Slice;
    none_type: singletons::NoneType;
    ellipsis: singletons::EllipsisType;
    not_implemented_type: singletons::NotImplementedType;
    function: function::Function;
    builtin_function: crate::function::native::NativeFunction;
    method_descriptor: crate::function::descriptor::MethodDescriptor;
    classmethod_descriptor: crate::function::descriptor::ClassMethodDescriptor;
    wrapper_descriptor: crate::function::descriptor::WrapperDescriptor;
    method_wrapper: crate::function::descriptor::MethodWrapper;
    getset_descriptor: crate::function::descriptor::GetSetDescriptor;
    member_descriptor: crate::function::descriptor::MemberDescriptor;
    method: method::Method;
    property: property::Property;
    classmethod: classmethod::ClassMethod;
    staticmethod: classmethod::StaticMethod;
    super_: super_::Super;
    module: module::Module;
    code: code::CodeObject;
    cell: cell::CellVariable;
    frame: frame::FrameObject;
    traceback: traceback::Traceback;
    generator: generator::Generator;
    coroutine: generator::Coroutine;
    async_generator: generator::AsyncGenerator;
    weakref: weakref::WeakRef;
    generic_alias: generic_alias::GenericAlias;
    union: union_::UnionType;
    mappingproxy: mappingproxy::MappingProxy;
    list_iterator: list::ListIterator;
    tuple_iterator: tuple::TupleIterator;
    range_iterator: range::RangeIterator;
    simple_namespace: namespace::SimpleNamespace;
}

impl Types {
    /// Whether subclasses and instances of `ty` may have attributes set on the type itself.
    pub fn is_mutable(ty: &Type) -> bool {
        !ty.flag(TypeFlags::IMMUTABLE)
    }
}

impl std::ops::Deref for Types {
    type Target = exception::ExceptionTypes;

    /// The exception types are fields too: `vm.types.value_error`.
    #[inline(always)]
    fn deref(&self) -> &exception::ExceptionTypes {
        &self.exceptions
    }
}

impl Vm {
    /// The type object of a built-in payload, made on first use.
    #[inline(always)]
    pub fn class<T: PyClass>(&self) -> &Ref<Type> {
        match self.interp.native_type(T::def().id) {
            Some(ty) => ty,
            None => self.make_class(T::def()),
        }
    }

    #[cold]
    #[inline(never)]
    fn make_class(&self, def: &'static TypeDef) -> &Ref<Type> {
        type_::class_new::make_native(self, def)
    }
}
