//! Type objects: layout, slots, method resolution order, attribute lookup with its cache, versions.
//!
//! A `Type`'s payload begins with the heap's [`TypeLayout`], so an object's header leads to both. `version` is non-zero
//! while somebody may have cached what a lookup in the type gave; whatever changes the type or one of its bases sets it to
//! zero (`modified`), for all subclasses too. A built-in type fills its dictionary when first asked
//! (`Type::dict`), so that an interpreter starts quickly.
//!
//! CPython: Objects/typeobject.c.

pub mod annotations;
pub mod attributes;
pub mod bases;
pub mod class_new;
mod class_slots;
pub mod mro;
pub mod slot_defs;
pub mod slots;

use crate::function::TypeDef;
use crate::objects::dict::Dict;
use crate::objects::str_::{Str, StrRef};
use crate::objects::tuple::Tuple;
use crate::vm::{PyResult, Vm};
use naja_heap::{Header, MutCell, Payload, PayloadInfo, Ref, TypeLayout, Value, Visitor};
pub use slots::Slots;
use std::cell::Cell;

/// Bits of `TypeLayout::flags`, numbered as CPython's `Py_TPFLAGS_*`.
pub struct TypeFlags;

impl TypeFlags {
    pub const INLINE_VALUES: u64 = 1 << 2;
    pub const MANAGED_WEAKREF: u64 = 1 << 3;
    pub const MANAGED_DICT: u64 = 1 << 4;
    pub const SEQUENCE: u64 = 1 << 5;
    pub const MAPPING: u64 = 1 << 6;
    pub const NO_NEW: u64 = 1 << 7;
    pub const IMMUTABLE: u64 = 1 << 8;
    pub const HEAPTYPE: u64 = 1 << 9;
    pub const BASETYPE: u64 = 1 << 10;
    pub const HAVE_VECTORCALL: u64 = 1 << 11;
    pub const READY: u64 = 1 << 12;
    pub const HAVE_GC: u64 = 1 << 14;
    pub const METHOD_DESCRIPTOR: u64 = 1 << 17;
    pub const VALID_VERSION_TAG: u64 = 1 << 19;
    pub const IS_ABSTRACT: u64 = 1 << 20;
    pub const MATCH_SELF: u64 = 1 << 22;
    pub const ITEMS_AT_END: u64 = 1 << 23;
    pub const INT_SUBCLASS: u64 = 1 << 24;
    pub const LIST_SUBCLASS: u64 = 1 << 25;
    pub const TUPLE_SUBCLASS: u64 = 1 << 26;
    pub const BYTES_SUBCLASS: u64 = 1 << 27;
    pub const STR_SUBCLASS: u64 = 1 << 28;
    pub const DICT_SUBCLASS: u64 = 1 << 29;
    pub const EXCEPTION_SUBCLASS: u64 = 1 << 30;
    pub const TYPE_SUBCLASS: u64 = 1 << 31;
    /// Above CPython's 32 bits, Naja's own: instances have a `__dict__`.
    pub const HAS_DICT: u64 = 1 << 32;
    /// Instances can be weakly referenced.
    pub const HAS_WEAKREF: u64 = 1 << 33;
    /// The class or a base defines `__getattr__` or overrides `__getattribute__`/`__setattr__`.
    pub const CUSTOM_GETATTR: u64 = 1 << 34;
    pub const CUSTOM_SETATTR: u64 = 1 << 35;
    /// An exception class with attributes of its own, or a subclass of one.
    pub const SPECIAL_EXCEPTION: u64 = 1 << 36;
    /// The MRO has classes that are no ancestors by `__bases__`: changes of those go unnoticed, so nothing is cached.
    pub const UNCACHED: u64 = 1 << 37;
    /// What a subclass inherits of these bits.
    pub const INHERITED: u64 = Self::SPECIAL_EXCEPTION
        | Self::SEQUENCE
        | Self::MAPPING
        | Self::MATCH_SELF
        | (0xff << 24)
        | Self::HAS_DICT
        | Self::HAS_WEAKREF
        | Self::INLINE_VALUES
        | Self::MANAGED_DICT
        | Self::MANAGED_WEAKREF
        | Self::ITEMS_AT_END;
}

/// A class: built-in or made by a `class` statement.
#[repr(C)]
pub struct Type {
    pub layout: TypeLayout,
    /// Changes whenever a lookup in the type may give something else; 0: no lookup has been cached.
    pub version: Cell<u32>,
    /// Stands for how instances' own attributes are found, see [`Type::values_tag`]; 0: not asked for yet.
    pub(crate) values_tag: Cell<u32>,
    /// Where the inline attribute values of instances start (bytes from the header).
    pub inline_offset: Cell<u32>,
    pub slots: Slots,
    /// `__name__` (unqualified) of a built-in type; of a heap type the field `heap_name`.
    pub(crate) static_name: &'static str,
    pub(crate) def: Option<&'static TypeDef>,
    pub(crate) heap_name: MutCell<Option<Ref<Str>>>,
    pub(crate) qualname: MutCell<Option<Ref<Str>>>,
    pub(crate) base: MutCell<Option<Ref<Type>>>,
    pub(crate) bases: MutCell<Option<Ref<Tuple>>>,
    pub(crate) mro: MutCell<Option<Ref<Tuple>>>,
    pub(crate) dict: MutCell<Option<Ref<Dict>>>,
    /// Whether a built-in type's dictionary has been filled.
    pub(crate) filled: Cell<bool>,
    /// Subclasses, as addresses; a dying type takes itself out of its bases' lists.
    pub(crate) subclasses: MutCell<Vec<*const Header>>,
    /// Names of `__slots__` members of this very class, sorted as laid out.
    pub(crate) slot_names: MutCell<Vec<Ref<Str>>>,
    /// What specialised code caches of the class: `__init__` and `__getitem__` functions (borrowed through `version`).
    pub(crate) cached_init: MutCell<Option<Value>>,
    pub(crate) cached_getitem: MutCell<Option<Value>>,
    /// How many attribute values new instances hold inline.
    pub(crate) inline_hint: Cell<u32>,
    pub(crate) watched: Cell<bool>,
    /// Names whose values have been replaced while lookups were cached, with how often.
    pub(crate) changing: MutCell<Vec<(usize, u32)>>,
    /// The version at which `__class__` of the instances was found to be `object`'s.
    pub(crate) plain_class: Cell<u32>,
}

impl Payload for Type {
    const GC: bool = true;
    const NAME: &'static str = "type";
    const INFO: &'static PayloadInfo = {
        static INFO: PayloadInfo = PayloadInfo::of::<Type>();
        &INFO
    };

    fn traverse(&self, v: &mut Visitor) {
        if self.flag(TypeFlags::HEAPTYPE) {
            self.base.with(|x| x.iter().for_each(|x| v.reference(x)));
            self.bases.with(|x| x.iter().for_each(|x| v.reference(x)));
            self.mro.with(|x| x.iter().for_each(|x| v.reference(x)));
            self.dict.with(|x| x.iter().for_each(|x| v.reference(x)));
            self.cached_init.with(|x| v.opt(x));
            self.cached_getitem.with(|x| v.opt(x));
        }
    }

    fn clear(&self) {
        if self.flag(TypeFlags::HEAPTYPE) {
            self.version.set(0);
            self.values_tag.set(0);
            // The order is CPython's type_clear: the dictionary's contents go, the base stays, instances may still die.
            if let Some(dict) = self.dict.get() {
                dict.clear_table()
            }
            drop(self.mro.take());
            drop(self.cached_init.take());
            drop(self.cached_getitem.take());
        }
    }
}

impl crate::function::ClassInfo for Type {
    const CLASS_NAME: &'static str = "type";
    const MODULE: &'static str = "builtins";
    const DOC: &'static str =
        "type(object) -> the object's type\ntype(name, bases, dict, **kwds) -> a new type";
    const BASE_CLASS: Option<fn(&Vm) -> Ref<Type>> = None;
    const FLAGS: u64 = TypeFlags::BASETYPE | TypeFlags::HAS_WEAKREF;
}

impl Drop for Type {
    fn drop(&mut self) {
        let this = (self as *const Type as usize - 16) as *const Header;
        if let Some(bases) = self.bases.take() {
            for base in bases.items() {
                if let Some(base) = base.downcast::<Type>() {
                    base.subclasses.with_mut(|s| s.retain(|&p| p != this))
                }
            }
        }
    }
}

impl Type {
    /// The type in an object's header.
    #[inline(always)]
    pub fn of_header(header: &Header) -> &Type {
        // SAFETY: every type the machine makes is a `Type`, which starts with its `TypeLayout` (`repr(C)`).
        unsafe { &*(header.layout_ptr() as *const Type) }
    }

    /// An owned reference to this type object.
    #[inline]
    pub fn to_ref(&self) -> Ref<Type> {
        // SAFETY: types live only in objects.
        unsafe { Ref::of_payload(self) }
    }

    #[inline(always)]
    pub fn is(&self, other: &Type) -> bool {
        std::ptr::eq(self, other)
    }

    #[inline(always)]
    pub fn flags(&self) -> u64 {
        self.layout.flags.get()
    }

    #[inline(always)]
    pub fn flag(&self, bits: u64) -> bool {
        self.layout.flags.get() & bits != 0
    }

    pub fn set_flag(&self, bits: u64, on: bool) {
        let flags = self.layout.flags.get();
        self.layout
            .flags
            .set(if on { flags | bits } else { flags & !bits });
    }

    /// `__name__`.
    pub fn name(&self) -> String {
        match self.heap_name.get() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => self.static_name.to_string(),
        }
    }

    /// The name with its module, as messages and reprs of built-in types give it ("collections.deque").
    pub fn full_name(&self) -> String {
        match self.def {
            Some(def) if def.module != "builtins" => format!("{}.{}", def.module, self.static_name),
            _ => self.name(),
        }
    }

    /// The name with the module for built-in types, module and `__qualname__` for classes (`%T` in CPython's messages).
    pub fn qualified(&self, vm: &Vm) -> String {
        if !self.flag(TypeFlags::HEAPTYPE) {
            return self.full_name();
        }
        let name = attributes::qualname(self);
        match attributes::module_text(vm, self) {
            Ok(Some(module)) if module != "builtins" && module != "__main__" => {
                format!("{module}.{name}")
            }
            Ok(_) => name,
            Err(_) => {
                vm.clear_exception();
                name
            }
        }
    }

    pub fn base(&self) -> Option<Ref<Type>> {
        self.base.get()
    }

    /// The classes of `__mro__`; empty while the class is being made.
    pub fn mro_items(&self) -> Option<Ref<Tuple>> {
        self.mro.get()
    }

    /// The type's own dictionary, filled if it is a built-in type's that was never used.
    #[inline]
    pub fn dict(&self, vm: &Vm) -> PyResult<Ref<Dict>> {
        if !self.filled.get() {
            self.fill(vm)?
        }
        match self.dict.get() {
            Some(dict) => Ok(dict),
            None => Err(vm.system_error(format!("type '{}' has no dictionary", self.name()))),
        }
    }

    /// Fills a built-in type's dictionary from its definition.
    #[cold]
    fn fill(&self, vm: &Vm) -> PyResult<()> {
        self.filled.set(true);
        let dict = match self.dict.get() {
            Some(dict) => dict,
            None => {
                let dict = Dict::new(vm)?;
                self.dict.set(Some(dict.clone()));
                dict
            }
        };
        match self.def {
            Some(def) => class_slots::fill_native_dict(vm, self, def, &dict),
            None => Ok(()),
        }
    }

    /// What the class itself has of `name`.
    pub(crate) fn own(&self, vm: &Vm, name: &Ref<Str>) -> Option<Value> {
        match self.dict(vm).and_then(|dict| dict.get_str(vm, name)) {
            Ok(found) => found,
            Err(_) => {
                vm.clear_exception();
                None
            }
        }
    }

    /// Notes that the class's value of `name` is replaced, both values being no descriptors. True: it has been so often that
    /// caches hold the place of the value instead of the value, and the class need not change its version.
    pub(crate) fn replaces_often(&self, name: &Ref<Str>) -> bool {
        let address = name.as_ptr() as usize;
        self.changing
            .with_mut(|names| match names.iter_mut().find(|n| n.0 == address) {
                Some((_, count)) if *count > CHANGES => true,
                Some((_, count)) => {
                    *count += 1;
                    false // the last time caches are ended: what is put into them from now on knows
                }
                None => {
                    if self.version.get() != 0 {
                        names.push((address, 1));
                    }
                    false
                }
            })
    }

    fn is_changing(&self, name: &Ref<Str>) -> bool {
        let address = name.as_ptr() as usize;
        self.changing
            .with(|names| names.iter().any(|n| n.0 == address && n.1 > CHANGES))
    }

    /// Whether `base` is the class that this one is laid out like.
    #[inline(always)]
    pub(crate) fn extends_directly(&self, base: &Ref<Type>) -> bool {
        self.base
            .with(|own| own.as_ref().is_some_and(|own| own.is(base)))
    }

    /// The class from which this one has `name`, if the value there changes without ending caches.
    pub(crate) fn changing_in(&self, vm: &Vm, name: &Ref<Str>) -> Option<*const Type> {
        if !self.changing_anywhere(name) {
            return None;
        }
        let mro = self.mro.get()?;
        let mut classes = mro.items().iter().filter_map(|c| c.downcast::<Type>());
        let holder = classes.find(|class| class.own(vm, name).is_some())?;
        holder.is_changing(name).then_some(&raw const **holder)
    }

    /// Whether some class of the MRO has a value of `name` that changes often.
    pub(crate) fn changing_anywhere(&self, name: &Ref<Str>) -> bool {
        self.mro.with(|mro| {
            mro.as_ref().is_some_and(|mro| {
                let mut classes = mro.items().iter().filter_map(|c| c.downcast::<Type>());
                classes.any(|class| class.is_changing(name))
            })
        })
    }

    /// Looks `name` up along the MRO, without binding: `_PyType_Lookup`. Never raises, runs no Python for `str` names.
    #[inline]
    pub fn lookup(&self, vm: &Vm, name: &Ref<Str>) -> Option<Value> {
        vm.interp.method_cache.lookup(vm, self, name)
    }

    /// The walk behind [`Type::lookup`].
    pub(crate) fn lookup_uncached(&self, vm: &Vm, name: &Ref<Str>) -> Option<Value> {
        let mro = self.mro.get()?;
        for class in mro.items() {
            let Some(class) = class.downcast::<Type>() else {
                continue;
            };
            match class.dict(vm).and_then(|d| d.get_str(vm, name)) {
                Ok(Some(value)) => return Some(value),
                Ok(None) => {}
                Err(_) => vm.clear_exception(),
            }
        }
        None
    }

    /// A version number for caches to compare, made if there is none. 0 where numbers have run out,
    /// or nothing may be cached.
    #[inline]
    pub fn version_tag(&self, vm: &Vm) -> u32 {
        match self.version.get() {
            0 => self.assign_version(vm),
            version => version,
        }
    }

    #[cold]
    fn assign_version(&self, vm: &Vm) -> u32 {
        if self.flag(TypeFlags::UNCACHED) {
            return 0;
        }
        // A cached lookup depends on all bases: they must notice changes too.
        if let Some(mro) = self.mro.get() {
            for class in mro.items().iter().skip(1) {
                if let Some(class) = class.downcast::<Type>()
                    && class.version.get() == 0
                {
                    class.version.set(vm.interp.next_type_version());
                }
            }
        }
        let version = vm.interp.next_type_version();
        self.version.set(version);
        version
    }

    /// A number for caches of instances' values to compare: classes with the same one store instances' attributes in the
    /// same place if the attribute words are equal, and hide none of them by a descriptor. So one inline cache serves a
    /// class and its subclasses, and all classes without properties. 0 where nothing may be cached; a class's own number
    /// where the class decides about attributes itself.
    pub(crate) fn values_tag(&self, vm: &Vm) -> u32 {
        match self.values_tag.get() {
            0 => self.assign_values_tag(vm),
            tag => tag,
        }
    }

    /// Whether the class is known to store attributes as classes without descriptors do, and decides nothing about them itself.
    #[inline(always)]
    pub(crate) fn has_plain_values(&self) -> bool {
        (self.values_tag.get() as i32) > 0
    }

    #[cold]
    fn assign_values_tag(&self, vm: &Vm) -> u32 {
        const OWN: u32 = 1 << 31;
        let version = self.version_tag(vm);
        if version == 0 || version >= OWN {
            return 0;
        }
        let object = &vm.types.object.slots;
        let generic = self.slots.getattro.get() == object.getattro.get()
            && self.slots.setattro.get() == object.setattro.get()
            && !self.flag(TypeFlags::CUSTOM_GETATTR)
            && !self.flag(TypeFlags::CUSTOM_SETATTR)
            && self.layout.pre.get() & TypeLayout::PRE_ATTRS != 0;
        let offset = self.inline_offset.get();
        let tag = if generic && 0 < offset && offset < OWN && !self.hides_values(vm) {
            offset
        } else {
            OWN | version
        };
        self.values_tag.set(tag);
        tag
    }

    /// Whether the class or an ancestor has a data descriptor besides those that every class has.
    fn hides_values(&self, vm: &Vm) -> bool {
        let usual = [
            vm.names.__dict__.as_value(),
            vm.names.__weakref__.as_value(),
        ];
        let hides = |class: &Ref<Type>| {
            let Ok(dict) = class.dict(vm) else {
                vm.clear_exception();
                return true;
            };
            dict.table.with(|table| {
                table.entries().iter().any(|entry| {
                    vm.type_of(&entry.value).slots.descr_set.get().is_some()
                        && !entry
                            .key
                            .as_ref()
                            .is_none_or(|key| usual.iter().any(|name| name.is(key)))
                })
            })
        };
        let Some(mro) = self.mro.get() else {
            return true;
        };
        let mut classes = mro.items().iter().filter_map(|c| c.downcast::<Type>());
        classes.any(|class| !class.is(&vm.types.object) && hides(class))
    }

    /// Must be called after any change of what lookups in this class give.
    pub fn modified(&self) {
        if self.version.get() == 0 {
            return; // nobody has cached anything, of subclasses neither: they give their bases versions
        }
        self.version.set(0);
        self.values_tag.set(0);
        drop(self.cached_init.take());
        drop(self.cached_getitem.take());
        for sub in self.subclass_refs() {
            sub.modified()
        }
    }

    /// The living direct subclasses.
    pub fn subclass_refs(&self) -> Vec<Ref<Type>> {
        self.subclasses.with(|s| {
            s.iter()
                .map(|&p| {
                    // SAFETY: a type removes its address from here when it dies (`Drop`), so `p` is alive.
                    unsafe {
                        (*p).incref();
                        Ref::from_raw(p as *mut Header)
                    }
                })
                .collect()
        })
    }

    pub(crate) fn add_subclass(&self, sub: &Ref<Type>) {
        self.subclasses.with_mut(|s| s.push(sub.as_ptr()))
    }
}

/// Whether `sub` is `base` or inherits from it, by the MRO (no `__subclasscheck__`).
#[inline]
pub fn is_subtype(sub: &Type, base: &Type) -> bool {
    std::ptr::eq(sub, base) || is_subtype_slow(sub, base)
}

fn is_subtype_slow(sub: &Type, base: &Type) -> bool {
    let found = sub.mro.with(|mro| {
        mro.as_ref().map(|mro| {
            let wanted = base as *const Type as u64 - size_of::<Header>() as u64;
            mro.items().iter().any(|c| c.bits() == wanted)
        })
    });
    match found {
        Some(found) => found,
        None => {
            // Being made: follow the single bases.
            let mut next = sub.base();
            while let Some(class) = next {
                if std::ptr::eq::<Type>(&*class, base) {
                    return true;
                }
                next = class.base();
            }
            false
        }
    }
}

/// Ends the caches of all classes: values in them may have become descriptors.
#[cold]
pub(crate) fn descriptors_changed(vm: &Vm) {
    vm.types.object.modified()
}

/// After so many replacements of an attribute caches hold its place.
const CHANGES: u32 = 3;

/// The method cache's size at first, and once so many entries have made way for others: most programs touch few pages of it.
const CACHE_SIZES: [usize; 2] = [1024, 4096];

/// Added to an entry's version: it gives the class that holds the value.
const PLACE: u64 = 1 << 32;

/// `[version, name, value]`: the value is the word found, or 0; it is alive as long as `version` is current, because the
/// type's dictionary holds it. (An array, so that the empty cache is memory never touched.)
type CacheEntry = [u64; 3];

/// The global cache of type lookups, keyed by type version and interned name (CPython's `struct type_cache`).
/// Its size is a power of two.
pub struct MethodCache {
    entries: MutCell<Box<[CacheEntry]>>,
    /// How many entries have been overwritten, as long as the cache is small.
    crowded: Cell<usize>,
}

impl Default for MethodCache {
    fn default() -> Self {
        MethodCache {
            entries: MutCell::new(MethodCache::of_size(CACHE_SIZES[0])),
            crowded: Cell::new(0),
        }
    }
}

impl MethodCache {
    fn of_size(size: usize) -> Box<[CacheEntry]> {
        vec![[0; 3]; size].into_boxed_slice()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.entries.with_mut(|entries| entries.fill([0; 3]))
    }

    #[inline(always)]
    fn place_of(version: u32, address: usize) -> usize {
        version as usize ^ (address >> 4)
    }

    fn put(&self, version: u32, entry: CacheEntry) {
        let place = MethodCache::place_of(version, entry[1] as usize);
        let crowded = self
            .entries
            .with(|c| c.len() < CACHE_SIZES[1] && c[place & (c.len() - 1)][0] != 0);
        if crowded {
            self.crowded.set(self.crowded.get() + 1);
            if self.crowded.get() > CACHE_SIZES[0] {
                self.entries.set(MethodCache::of_size(CACHE_SIZES[1]));
            }
        }
        // SAFETY: plain words are written, nothing is dropped.
        unsafe {
            self.entries.with_mut_no_drop(|c| {
                let mask = c.len() - 1;
                c[place & mask] = entry
            })
        }
    }

    #[inline]
    pub fn lookup(&self, vm: &Vm, ty: &Type, name: &Ref<Str>) -> Option<Value> {
        let version = ty.version.get();
        let address = name.as_ptr() as usize;
        if version != 0 {
            let place = MethodCache::place_of(version, address);
            let [of, named, word] = self.entries.with(|c| c[place & (c.len() - 1)]);
            if named == address as u64 && of as u32 == version {
                if of & PLACE != 0 {
                    // SAFETY: the class is an ancestor of one whose version is current.
                    return unsafe { (*(word as *const Type)).own(vm, name) };
                }
                // SAFETY: the version is current, so the dictionary entry that the word was read from still holds it.
                return (word != 0).then(|| unsafe { naja_heap::slot::Slot(word).to_value() });
            }
        }
        let found = ty.lookup_uncached(vm, name);
        if name.is_interned() {
            let version = ty.version_tag(vm);
            if version != 0 {
                let mut key = version as u64;
                let mut value = found.as_ref().map_or(0, Value::bits);
                if let Some(holder) = ty.changing_in(vm, name) {
                    key |= PLACE;
                    value = holder as u64;
                }
                // Interned names are immortal or are taken out with the interner, so the address stays the name's.
                self.put(version, [key, address as u64, value])
            }
        }
        found
    }
}
