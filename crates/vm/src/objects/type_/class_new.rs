//! Making types: the built-in ones at start, native ones on demand, and classes from `type(name, bases, namespace)`.
//!
//! CPython: Objects/typeobject.c (PyType_Ready, type_new_impl).

use super::{Slots, Type, TypeFlags, class_slots, is_subtype, mro};
use crate::function::{Args, TypeDef};
use crate::objects::cell::CellVariable;
use crate::objects::dict::Dict;
use crate::objects::function::Function;
use crate::objects::str_::{self, Str};
use crate::objects::tuple::Tuple;
use crate::objects::weakref::WeakRef;
use crate::protocols::{attributes, sequence};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::Payload;
use naja_heap::{Heap, MutCell, PayloadInfo, Ref, TypeLayout, Value};
use std::cell::Cell;

/// A type's payload with nothing in it but what its layout needs.
fn blank(
    payload: &'static PayloadInfo,
    name: &'static str,
    def: Option<&'static TypeDef>,
    flags: u64,
) -> Type {
    let mut pre = if payload.gc { TypeLayout::PRE_GC } else { 0 };
    if flags & TypeFlags::HAS_DICT != 0 {
        pre = TypeLayout::PRE_GC | TypeLayout::PRE_ATTRS;
    }
    let size = (16 + payload.size).next_multiple_of(8) as u32;
    let flags = match std::ptr::eq(payload, <WeakRef as Payload>::INFO) {
        true => flags | TypeLayout::WEAK,
        false => flags,
    };
    Type {
        layout: TypeLayout {
            payload,
            size: Cell::new(size),
            pre: Cell::new(pre),
            slots_offset: Cell::new(size),
            slot_count: Cell::new(0),
            flags: Cell::new(flags),
        },
        version: Cell::new(0),
        values_tag: Cell::new(0),
        inline_offset: Cell::new(size),
        slots: Slots::default(),
        static_name: name,
        def,
        heap_name: MutCell::new(None),
        qualname: MutCell::new(None),
        base: MutCell::new(None),
        bases: MutCell::new(None),
        mro: MutCell::new(None),
        dict: MutCell::new(None),
        filled: Cell::new(false),
        subclasses: MutCell::new(Vec::new()),
        slot_names: MutCell::new(Vec::new()),
        cached_init: MutCell::new(None),
        cached_getitem: MutCell::new(None),
        changing: MutCell::default(),
        plain_class: Cell::new(0),
        inline_hint: Cell::new(0),
        watched: Cell::new(false),
    }
}

/// Whether instances have a native `__dict__` of their own making, as classes and modules do.
fn has_own_dict(base: &Ref<Type>) -> bool {
    let mut class = base.clone();
    while class.flag(TypeFlags::HEAPTYPE) {
        match class.base.get() {
            Some(next) => class = next,
            None => return false,
        }
    }
    let has_getter = |def: &TypeDef| {
        let mut names = def.tables.iter().flat_map(|t| t.getset).map(|g| g.name);
        names.any(|name| name == "__dict__")
    };
    !class.flag(TypeFlags::HAS_DICT) && class.def.is_some_and(has_getter)
}

fn native_flags(def: &TypeDef) -> u64 {
    let gc = if def.payload.gc {
        TypeFlags::HAVE_GC
    } else {
        0
    };
    def.flags | gc | TypeFlags::IMMUTABLE | TypeFlags::READY
}

/// Allocates a built-in type object; `meta` is its type (None: `type` itself, which [`adopt_metatype`] completes).
pub(crate) fn allocate_static(
    heap: &Heap,
    meta: Option<&Ref<Type>>,
    def: &'static TypeDef,
) -> Option<Ref<Type>> {
    let payload = blank(def.payload, def.name, Some(def), native_flags(def));
    allocate(heap, meta, payload)
}

/// As [`allocate_static`] for `type`'s first moments: its own layout describes it.
fn allocate(heap: &Heap, meta: Option<&Ref<Type>>, payload: Type) -> Option<Ref<Type>> {
    let ty = match meta {
        Some(meta) => heap.alloc_object(&meta.layout, 0, payload).ok()?,
        None => {
            // A copy on the native stack serves as the type of the very first object until it can be its own.
            let layout = TypeLayout {
                payload: payload.layout.payload,
                size: Cell::new(payload.layout.size.get()),
                pre: Cell::new(payload.layout.pre.get()),
                slots_offset: Cell::new(payload.layout.slots_offset.get()),
                slot_count: Cell::new(0),
                flags: Cell::new(payload.layout.flags.get()),
            };
            let ty = heap.alloc_object(&layout, 0, payload).ok()?;
            // SAFETY: the type describes its own memory.
            unsafe { ty.header().set_layout(&ty.layout) };
            ty
        }
    };
    ty.header().make_immortal();
    Some(ty)
}

/// The type `type` is its own type from its allocation on; nothing is left to do but to say so.
pub(crate) fn adopt_metatype(meta: &Ref<Type>) {
    debug_assert!(std::ptr::eq(meta.header().layout_ptr(), &meta.layout));
}

/// Allocates a type for each definition, in order; that of `type` itself is there already. All or nothing, and in a loop:
/// written out for each class, with the release of those before it, it would be 300 KB of code that runs once.
pub(crate) fn allocate_all<const N: usize>(
    heap: &Heap,
    meta: &Ref<Type>,
    defs: [fn() -> &'static TypeDef; N],
) -> Option<[Ref<Type>; N]> {
    let allocated = |def: &fn() -> &'static TypeDef| {
        let def = def();
        if std::ptr::eq(def.payload, <Type as naja_heap::Payload>::INFO) {
            return Some(meta.clone());
        }
        allocate_static(heap, Some(meta), def)
    };
    let types: Vec<_> = defs.iter().map(allocated).collect::<Option<_>>()?;
    types.try_into().ok()
}

/// Links the core types to their bases and gives them slots and MROs. Called once, when all are allocated.
pub(crate) fn link_core_types(vm: &Vm) {
    vm.types.each(&mut |ty, def| {
        vm.interp.set_native_type(def.id, ty.clone());
    });
    vm.types.each(&mut |ty, def| {
        // Failing here means that there is no memory for a dozen tuples.
        if ready_native(vm, ty, def).is_err() {
            eprintln!("naja: out of memory while starting");
            std::process::exit(1)
        }
    });
    vm.types.exceptions.mark_special();
    if link_exception_group(vm).is_err() {
        eprintln!("naja: out of memory while starting");
        std::process::exit(1)
    }
}

/// `ExceptionGroup` is both a `BaseExceptionGroup`, whose layout it has, and an `Exception`.
fn link_exception_group(vm: &Vm) -> PyResult<()> {
    let t = &vm.types.exceptions;
    let bases = [&t.base_exception_group, &t.exception];
    let group = &t.exception_group;
    group.bases.set(Some(
        vm.new_tuple(bases.iter().map(|b| b.to_value()).collect())?,
    ));
    t.exception.add_subclass(group);
    let mro = [
        group,
        &t.base_exception_group,
        &t.exception,
        &t.base_exception,
        &vm.types.object,
    ];
    group.mro.set(Some(
        vm.new_tuple(mro.iter().map(|c| c.to_value()).collect())?,
    ));
    Ok(())
}

/// Makes the type object of a native class that is not among the core types.
pub(crate) fn make_native<'a>(vm: &'a Vm, def: &'static TypeDef) -> &'a Ref<Type> {
    let made = allocate_static(vm.heap(), Some(&vm.types.type_), def);
    if let Some(ty) = made
        && let Some(kept) = vm.interp.set_native_type(def.id, ty)
    {
        if ready_native(vm, kept, def).is_err() {
            vm.clear_exception();
        }
        return kept;
    }
    eprintln!("naja: no memory for the type '{}'", def.name);
    std::process::exit(1)
}

/// Links a native type to its base, fills and inherits slots, computes the MRO.
fn ready_native(vm: &Vm, ty: &Ref<Type>, def: &'static TypeDef) -> PyResult<()> {
    if ty.mro.with(Option::is_some) {
        return Ok(());
    }
    for table in def.tables {
        (table.slots)(&ty.slots);
    }
    let mut chain = vec![ty.to_value()];
    if !ty.is(&vm.types.object) {
        let base = match def.base {
            Some(base) => base(vm),
            None => vm.types.object.clone(),
        };
        if base.mro.with(Option::is_none)
            && let Some(base_def) = base.def
        {
            ready_native(vm, &base, base_def)?;
        }
        inherit(ty, &base);
        if let Some(mro) = base.mro.get() {
            chain.extend(mro.items().iter().cloned());
        }
        ty.bases.set(Some(vm.new_tuple(vec![base.to_value()])?));
        base.add_subclass(ty);
        ty.base.set(Some(base));
    } else {
        ty.bases.set(Some(vm.interp.empty_tuple()));
    }
    if ty.layout.flags.get() & TypeLayout::HAS_FINALIZER != 0
        && ty.layout.pre.get() & TypeLayout::PRE_GC == 0
    {
        vm.interp.heap().gc().unseen_finalizers.set(true);
    }
    let mro = Tuple::from_slice(vm, &chain)?;
    ty.mro.set(Some(mro));
    Ok(())
}

/// Takes over slots and flags from a base of a native type.
fn inherit(ty: &Type, base: &Type) {
    // Hash and comparison go together: a class that defines one defines both.
    let own_compare = ty.slots.richcompare.get().is_some();
    let own_hash = ty.slots.hash.get().is_some();
    ty.slots.inherit(&base.slots);
    if own_compare && !own_hash {
        ty.slots.hash.set(None);
    }
    let subclass_bits = base.flags() & TypeFlags::INHERITED;
    ty.set_flag(subclass_bits, true);
    if base.flag(TypeFlags::HAS_DICT) {
        ty.layout
            .pre
            .set(TypeLayout::PRE_GC | TypeLayout::PRE_ATTRS);
    }
    if ty.slots.finalize.get().is_some() {
        ty.set_flag(TypeLayout::HAS_FINALIZER, true);
    }
    for (payload, bit) in subclass_bits_of() {
        if std::ptr::eq(ty.layout.payload, payload) || ty.layout.payload.extends(payload) {
            ty.set_flag(bit, true);
        }
    }
}

fn subclass_bits_of() -> [(&'static PayloadInfo, u64); 8] {
    use naja_heap::Payload;
    [
        (crate::objects::int::Int::INFO, TypeFlags::INT_SUBCLASS),
        (crate::objects::list::List::INFO, TypeFlags::LIST_SUBCLASS),
        (Tuple::INFO, TypeFlags::TUPLE_SUBCLASS),
        (
            crate::objects::bytes::Bytes::INFO,
            TypeFlags::BYTES_SUBCLASS,
        ),
        (Str::INFO, TypeFlags::STR_SUBCLASS),
        (Dict::INFO, TypeFlags::DICT_SUBCLASS),
        (
            crate::objects::exception::BaseException::INFO,
            TypeFlags::EXCEPTION_SUBCLASS,
        ),
        (Type::INFO, TypeFlags::TYPE_SUBCLASS),
    ]
}

/// The most derived metaclass of the bases and `winner`. Raises TypeError where there is none.
pub fn calculate_metaclass(vm: &Vm, winner: &Ref<Type>, bases: &[Value]) -> PyResult<Ref<Type>> {
    let mut winner = winner.clone();
    for base in bases {
        let meta = vm.type_of(base);
        if is_subtype(&winner, meta) {
            continue;
        }
        if is_subtype(meta, &winner) {
            winner = meta.to_ref();
            continue;
        }
        return Err(vm.type_error(
            "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the metaclasses of all its bases",
        ));
    }
    Ok(winner)
}

/// The base whose layout a class with these bases has. Raises TypeError where they do not go together.
pub(super) fn best_base(vm: &Vm, bases: &[Value]) -> PyResult<Ref<Type>> {
    let mut winner: Option<(Ref<Type>, Ref<Type>)> = None; // (solid base, base)
    for base in bases {
        let Some(base) = base.downcast::<Type>() else {
            return Err(vm.type_error("bases must be types"));
        };
        if !base.flag(TypeFlags::BASETYPE) {
            return Err(vm.type_error(format!(
                "type '{}' is not an acceptable base type",
                base.full_name()
            )));
        }
        let solid = solid_base(vm, base);
        match &winner {
            None => winner = Some((solid, base.clone())),
            Some((w, _)) if is_subtype(w, &solid) => {}
            Some((w, _)) if is_subtype(&solid, w) => winner = Some((solid, base.clone())),
            Some(_) => return Err(vm.type_error("multiple bases have instance lay-out conflict")),
        }
    }
    match winner {
        Some((_, base)) => Ok(base),
        None => Ok(vm.types.object.clone()),
    }
}

/// The nearest class among `ty` and its bases that adds to the memory layout.
fn solid_base(vm: &Vm, ty: &Ref<Type>) -> Ref<Type> {
    let mut at = ty.clone();
    while let Some(base) = at.base() {
        let adds = !std::ptr::eq(at.layout.payload, base.layout.payload)
            || at.layout.slot_count.get() != base.layout.slot_count.get();
        if adds {
            return at;
        }
        at = base;
    }
    let _ = vm;
    at
}

/// `type.__new__(meta, name, bases, namespace, **keywords)`.
pub fn type_new(vm: &Vm, meta: &Ref<Type>, args: Args) -> PyResult {
    let positional = args.positional();
    let [name, bases, namespace] = positional else {
        return Err(vm.type_error(format!(
            "type.__new__() takes exactly 3 arguments ({} given)",
            positional.len()
        )));
    };
    let wrong = |index: usize, wanted: &str, value: &Value| {
        vm.type_error(format!(
            "type.__new__() argument {index} must be {wanted}, not {}",
            vm.type_of(value).full_name()
        ))
    };
    let name = str_::of(name).ok_or_else(|| wrong(1, "str", name))?;
    let bases_tuple = bases
        .downcast::<Tuple>()
        .ok_or_else(|| wrong(2, "tuple", bases))?;
    let namespace = namespace
        .downcast::<Dict>()
        .ok_or_else(|| wrong(3, "dict", namespace))?;
    for base in bases_tuple.items() {
        if base.downcast::<Type>().is_none() {
            if attributes::get_optional(vm, base, &vm.names.__mro_entries__)?.is_some() {
                return Err(vm.type_error(
                    "type() doesn't support MRO entry resolution; use types.new_class()",
                ));
            }
            return Err(vm.type_error("bases must be types"));
        }
    }
    let winner = calculate_metaclass(vm, meta, bases_tuple.items())?;
    if !winner.is(meta)
        && let Some(new) = winner.slots.new.get()
        && winner.slots.new.get() != vm.types.type_.slots.new.get()
    {
        return new(vm, &winner, args);
    }
    let bases_tuple = if bases_tuple.is_empty() {
        vm.new_tuple(vec![vm.types.object.to_value()])?
    } else {
        bases_tuple.clone()
    };
    let ty = Builder {
        vm,
        meta: &winner,
        name,
        bases: &bases_tuple,
    }
    .build(namespace)?;
    warn_of_odd_keys(vm, &ty)?;
    set_names(vm, &ty)?;
    init_subclass(vm, &ty, args)?;
    Ok(ty.into_value())
}

struct Builder<'a> {
    vm: &'a Vm,
    meta: &'a Ref<Type>,
    name: &'a Ref<Str>,
    bases: &'a Ref<Tuple>,
}

impl Builder<'_> {
    fn build(&self, namespace: &Ref<Dict>) -> PyResult<Ref<Type>> {
        let vm = self.vm;
        if self.name.as_bytes().contains(&0) {
            return Err(vm.value_error("type name must not contain null characters"));
        }
        let base = best_base(vm, self.bases.items())?;
        if self.name.as_str().is_none() {
            return Err(crate::objects::exception::surrogates_not_allowed(
                vm, self.name,
            ));
        }
        let dict = Dict::new(vm)?;
        if vm
            .type_of(namespace.as_value())
            .slots
            .iter
            .get()
            .map(|f| f as usize)
            == vm.types.dict.slots.iter.get().map(|f| f as usize)
        {
            crate::objects::dict::methods::merge(vm, &dict, namespace)?;
        } else {
            // An OrderedDict's own order counts.
            crate::objects::dict::methods::update_from_mapping(vm, &dict, namespace.as_value())?;
        }
        let slots = dict.get_str(vm, &vm.names.__slots__)?;
        let plan = self.plan_slots(&base, slots.as_ref(), &dict)?;
        let ty = self.allocate(&base, &plan)?;
        ty.dict.set(Some(dict.clone()));
        ty.filled.set(true);
        self.fill_dict(&ty, &dict)?;
        self.class_cell(&ty, &dict)?;
        self.add_members(&ty, &base, &plan, &dict)?;
        for b in self.bases.items() {
            if let Some(b) = b.downcast::<Type>() {
                b.add_subclass(&ty);
            }
        }
        mro::set(vm, &ty)?;
        self.reserve_inline(&ty, &base)?;
        inherit_bits(&ty);
        class_slots::fix_slots(vm, &ty)?;
        Ok(ty)
    }

    /// Works `__slots__` out: names of members, and whether instances have `__dict__` and `__weakref__`.
    fn plan_slots(
        &self,
        base: &Ref<Type>,
        slots: Option<&Value>,
        dict: &Ref<Dict>,
    ) -> PyResult<SlotPlan> {
        let vm = self.vm;
        let any = |bit: u64| {
            self.bases
                .items()
                .iter()
                .any(|b| b.downcast::<Type>().is_some_and(|b| b.flag(bit)))
        };
        let own_dict = has_own_dict(base);
        let base_dict = own_dict || base.flag(TypeFlags::HAS_DICT);
        let (may_dict, may_weak) = (!base_dict, !base.flag(TypeFlags::HAS_WEAKREF));
        let Some(slots) = slots else {
            return Ok(SlotPlan {
                names: Vec::new(),
                dict: !own_dict,
                weakref: true,
            });
        };
        let list = if str_::of(slots).is_some() {
            vec![slots.clone()]
        } else {
            sequence::collect(vm, slots)?
        };
        if !list.is_empty() && is_variable_sized(vm, base) {
            return Err(vm.type_error(format!(
                "nonempty __slots__ not supported for subtype of '{}'",
                base.name()
            )));
        }
        let mut plan = SlotPlan {
            names: Vec::new(),
            dict: !own_dict && any(TypeFlags::HAS_DICT),
            weakref: any(TypeFlags::HAS_WEAKREF),
        };
        let (mut add_dict, mut add_weak) = (false, false);
        for slot in list {
            let Some(text) = str_::of(&slot) else {
                return Err(vm.type_error(format!(
                    "__slots__ items must be strings, not '{}'",
                    vm.type_of(&slot).full_name()
                )));
            };
            if !text.as_str().is_some_and(naja_unicode_identifier) {
                return Err(vm.type_error("__slots__ must be identifiers"));
            }
            match text.as_bytes() {
                b"__dict__" => {
                    if !may_dict || add_dict {
                        return Err(vm.type_error("__dict__ slot disallowed: we already got one"));
                    }
                    (add_dict, plan.dict) = (true, true);
                }
                b"__weakref__" => {
                    if !may_weak || add_weak {
                        return Err(
                            vm.type_error("__weakref__ slot disallowed: we already got one")
                        );
                    }
                    (add_weak, plan.weakref) = (true, true);
                }
                _ => {
                    let mangled = mangle(vm, self.name, text);
                    if dict.get_str(vm, &mangled)?.is_some()
                        && !matches!(
                            mangled.as_bytes(),
                            b"__qualname__" | b"__classcell__" | b"__classdictcell__"
                        )
                    {
                        return Err(vm.value_error(format!(
                            "'{}' in __slots__ conflicts with class variable",
                            text.to_string_lossy()
                        )));
                    }
                    plan.names.push(mangled);
                }
            }
        }
        plan.names.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        Ok(plan)
    }

    fn allocate(&self, base: &Ref<Type>, plan: &SlotPlan) -> PyResult<Ref<Type>> {
        let vm = self.vm;
        let mut flags = TypeFlags::HEAPTYPE
            | TypeFlags::BASETYPE
            | TypeFlags::READY
            | TypeFlags::HAVE_GC
            | TypeLayout::COUNTED;
        flags |= base.flags()
            & (TypeFlags::INHERITED
                & !(TypeFlags::HAS_DICT | TypeFlags::HAS_WEAKREF | TypeFlags::INLINE_VALUES)
                | TypeLayout::WEAK);
        if plan.dict || base.flag(TypeFlags::HAS_DICT) {
            flags |= TypeFlags::HAS_DICT | TypeFlags::MANAGED_DICT;
        }
        if plan.weakref || base.flag(TypeFlags::HAS_WEAKREF) {
            flags |= TypeFlags::HAS_WEAKREF;
        }
        let payload = blank(base.layout.payload, "", None, flags);
        // Objects of Python classes can be part of cycles: they all take part in collection.
        payload.layout.pre.set(if flags & TypeFlags::HAS_DICT != 0 {
            TypeLayout::PRE_GC | TypeLayout::PRE_ATTRS
        } else {
            TypeLayout::PRE_GC
        });
        let fixed = base.inline_offset.get();
        let first_slot = if base.layout.slot_count.get() > 0 {
            base.layout.slots_offset.get()
        } else {
            fixed
        };
        let count = base.layout.slot_count.get() + plan.names.len() as u32;
        payload.layout.slots_offset.set(first_slot);
        payload.layout.slot_count.set(count);
        let end = if count > 0 {
            first_slot + count * 8
        } else {
            fixed
        };
        payload.inline_offset.set(end);
        payload.layout.size.set(end);
        payload.base.set(Some(base.clone()));
        payload.bases.set(Some(self.bases.clone()));
        payload.heap_name.set(Some(self.name.clone()));
        payload.qualname.set(Some(self.name.clone()));
        payload.slot_names.set(plan.names.clone());
        let ty = vm.new_object_of(self.meta, payload)?;
        if plan.dict && !is_variable_sized(vm, base) {
            ty.set_flag(TypeFlags::INLINE_VALUES, true);
        }
        Ok(ty)
    }

    /// `__qualname__`, `__module__`, `__doc__`, class methods by name.
    fn fill_dict(&self, ty: &Ref<Type>, dict: &Ref<Dict>) -> PyResult<()> {
        let vm = self.vm;
        if let Some(qualname) = dict.remove_str(vm, &vm.names.__qualname__)? {
            let kind = vm.type_of(&qualname).full_name();
            match qualname.downcast_into::<Str>() {
                Ok(qualname) => ty.qualname.set(Some(qualname)),
                Err(_) => {
                    return Err(
                        vm.type_error(format!("type __qualname__ must be a str, not {kind}"))
                    );
                }
            }
        }
        if dict.get_str(vm, &vm.names.__module__)?.is_none()
            && let Some(globals) = vm.current_globals()
            && let Some(module) = globals.get_str(vm, &vm.names.__name__)?
        {
            dict.set_str(vm, &vm.names.__module__, module)?;
        }
        for (name, class_method) in [
            (&vm.names.__new__, false),
            (&vm.names.__init_subclass__, true),
            (&vm.names.__class_getitem__, true),
        ] {
            if let Some(function) = dict.get_str(vm, name)?
                && function.downcast::<Function>().is_some()
            {
                let wrapped = if class_method {
                    crate::objects::classmethod::ClassMethod::make(vm, function)?
                } else {
                    crate::objects::classmethod::StaticMethod::make(vm, function)?
                };
                dict.set_str(vm, name, wrapped)?;
            }
        }
        match dict.get_str(vm, &vm.names.__doc__)? {
            None => dict.set_str(vm, &vm.names.__doc__, Value::NONE)?,
            Some(doc) => {
                if let Some(doc) = str_::of(&doc)
                    && doc.as_str().is_none()
                {
                    return Err(crate::objects::exception::surrogates_not_allowed(vm, doc));
                }
            }
        }
        Ok(())
    }

    /// Descriptors for `__slots__`, `__dict__` and `__weakref__`; room for as many inline attributes as the class body hints at.
    fn add_members(
        &self,
        ty: &Ref<Type>,
        base: &Ref<Type>,
        plan: &SlotPlan,
        dict: &Ref<Dict>,
    ) -> PyResult<()> {
        let vm = self.vm;
        let mut offset = ty.layout.slots_offset.get() + base.layout.slot_count.get() * 8;
        for name in &plan.names {
            let member = crate::function::descriptor::MemberDescriptor::for_slot(
                vm,
                ty,
                name,
                offset as usize,
            )?;
            dict.set_str(vm, name, member)?;
            offset += 8;
        }
        if plan.dict && !base.flag(TypeFlags::HAS_DICT) {
            let getset = crate::function::descriptor::GetSetDescriptor::make(
                vm,
                ty,
                &super::attributes::INSTANCE_DICT,
            )?;
            dict.set_default(vm, vm.names.__dict__.as_value(), getset)?;
        }
        if plan.weakref && !base.flag(TypeFlags::HAS_WEAKREF) {
            let getset = crate::function::descriptor::GetSetDescriptor::make(
                vm,
                ty,
                &super::attributes::WEAKREF,
            )?;
            dict.set_default(vm, vm.names.__weakref__.as_value(), getset)?;
        }
        Ok(())
    }

    /// Room in instances for the names that the methods of the class and its bases assign to `self`.
    fn reserve_inline(&self, ty: &Ref<Type>, base: &Type) -> PyResult<()> {
        if !ty.flag(TypeFlags::INLINE_VALUES) {
            return Ok(());
        }
        let mut names = rustc_hash::FxHashSet::default();
        if let Some(mro) = ty.mro_items() {
            for class in mro.items().iter().filter_map(|c| c.downcast::<Type>()) {
                if class.flag(TypeFlags::HEAPTYPE)
                    && let Some(found) = class
                        .dict(self.vm)?
                        .get_str(self.vm, &self.vm.names.__static_attributes__)?
                    && let Some(found) = found.downcast::<Tuple>()
                {
                    names.extend(found.items().iter().map(Value::bits));
                }
            }
        }
        let hint = (names.len() as u32)
            .max(base.inline_hint.get())
            .clamp(1, 30);
        ty.inline_hint.set(hint);
        ty.layout.size.set(ty.inline_offset.get() + hint * 8);
        Ok(())
    }

    /// The cells that the class body's functions see the class and its namespace through.
    fn class_cell(&self, ty: &Ref<Type>, dict: &Ref<Dict>) -> PyResult<()> {
        let vm = self.vm;
        if let Some(cell) = dict.remove_str(vm, &vm.names.__classcell__)? {
            match cell.downcast::<CellVariable>() {
                Some(cell) => cell.value.set(Some(ty.to_value())),
                None => {
                    return Err(vm.type_error(format!(
                        "__classcell__ must be a nonlocal cell, not <class '{}'>",
                        vm.type_of(&cell).full_name()
                    )));
                }
            }
        }
        if let Some(cell) = dict.remove_str(vm, &vm.names.__classdictcell__)? {
            match cell.downcast::<CellVariable>() {
                Some(cell) => cell.value.set(Some(dict.to_value())),
                None => {
                    return Err(vm.type_error(format!(
                        "__classdictcell__ must be a nonlocal cell, not <class '{}'>",
                        vm.type_of(&cell).full_name()
                    )));
                }
            }
        }
        ty.modified();
        Ok(())
    }
}

struct SlotPlan {
    names: Vec<Ref<Str>>,
    dict: bool,
    weakref: bool,
}

/// Types whose items stand behind the payload: instances have no fixed end to put `__slots__` at.
fn is_variable_sized(vm: &Vm, ty: &Type) -> bool {
    let _ = vm;
    ty.flag(TypeFlags::INT_SUBCLASS | TypeFlags::TUPLE_SUBCLASS | TypeFlags::BYTES_SUBCLASS)
}

/// Collection-type bits come from the first class of the MRO that has any.
fn inherit_bits(ty: &Ref<Type>) {
    const KINDS: u64 = TypeFlags::SEQUENCE | TypeFlags::MAPPING;
    let Some(mro) = ty.mro_items() else { return };
    let classes = mro.items().iter().skip(1);
    let kinds = classes
        .filter_map(|c| c.downcast::<Type>())
        .map(|c| c.flags() & KINDS)
        .find(|kinds| *kinds != 0);
    if let Some(kinds) = kinds {
        ty.set_flag(KINDS, false);
        ty.set_flag(kinds, true);
    }
}

fn naja_unicode_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|c| c == '_' || naja_unicode::is_xid_start(c as u32))
        && chars.all(|c| naja_unicode::is_xid_continue(c as u32))
}

/// A private name (`__x`) in class `class` (PEP 8's name mangling); others as they are.
pub fn mangle(vm: &Vm, class: &Ref<Str>, name: &Ref<Str>) -> Ref<Str> {
    let (class, text) = (class.to_string_lossy(), name.to_string_lossy());
    let stripped = class.trim_start_matches('_');
    if !text.starts_with("__") || text.ends_with("__") || text.contains('.') || stripped.is_empty()
    {
        return vm.interp.interned_name(name);
    }
    vm.intern(&format!("_{stripped}{text}"))
}

/// Attributes have names: other keys in a namespace are probably a mistake. Issues a RuntimeWarning.
fn warn_of_odd_keys(vm: &Vm, ty: &Ref<Type>) -> PyResult<()> {
    let odd = ty
        .dict(vm)?
        .items_vec()
        .into_iter()
        .any(|(key, _)| str_::of(&key).is_none());
    if odd {
        let message = format!("non-string key in the __dict__ of class {}", ty.name());
        vm.warn(&vm.types.runtime_warning, message, 1)?;
    }
    Ok(())
}

/// Calls `__set_name__` of everything in the class's namespace that has it.
fn set_names(vm: &Vm, ty: &Ref<Type>) -> PyResult<()> {
    let dict = ty.dict(vm)?;
    // A type without such a method, until foreign code has run.
    let mut plain: *const Type = std::ptr::null();
    for (name, value) in dict.items_vec() {
        let class = vm.type_of(&value);
        if std::ptr::eq(class, plain) {
            continue;
        }
        if class.lookup(vm, &vm.names.__set_name__).is_none() {
            plain = class;
            continue;
        }
        plain = std::ptr::null();
        let called = vm.call_special(
            &value,
            &vm.names.__set_name__,
            &[ty.to_value(), name.clone()],
        );
        if let Err(Raised) = called {
            let shown = crate::protocols::object::repr(vm, &name);
            let text = match &shown {
                Ok(text) => text.to_string_lossy().into_owned(),
                Err(Raised) => String::new(),
            };
            crate::objects::exception::add_note_to_pending(
                vm,
                &format!(
                    "Error calling __set_name__ on '{}' instance {text} in '{}'",
                    vm.type_of(&value).full_name(),
                    ty.name()
                ),
            );
            return Err(Raised);
        }
    }
    Ok(())
}

/// `super(ty, ty).__init_subclass__(**keywords)`.
fn init_subclass(vm: &Vm, ty: &Ref<Type>, args: Args) -> PyResult<()> {
    let in_mro = ty.mro.with(|mro| {
        mro.as_ref()
            .is_some_and(|mro| mro.items().iter().any(|c| c.is(ty.as_value())))
    });
    if !in_mro {
        // A custom `mro()` left the class itself out.
        let name = ty.name();
        return Err(vm.type_error(format!(
            "super(type, obj): obj (type {name}) is not an instance or subtype of type ({name})."
        )));
    }
    let method =
        crate::objects::super_::lookup(vm, ty, ty.as_value(), &vm.names.__init_subclass__, None)?;
    let keywords = Args {
        args: &args.args[args.positional().len()..],
        kwnames: args.kwnames,
    };
    vm.call_args(&method, keywords).map(drop)
}
