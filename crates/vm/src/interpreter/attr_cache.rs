//! The cache behind the inline caches of attributes: for instructions that see instances of many classes or shapes.
//!
//! An entry says, for a name and a pair of type version and attribute word, where the value stands, or which method the
//! class has while the instance hides none. Versions are never used twice and shapes never change, so an entry
//! needs no invalidation: it stops being found. Names are interned, which live as long as the interpreter. What cannot be
//! said in one entry has an entry too, so that it is not looked into each time.
//!
//! CPython has nothing like it: there each such access searches the type's cache and the instance's keys.

use crate::function::GetSetDef;
use crate::function::descriptor::{GetSetDescriptor, MemberDescriptor};
use crate::objects::classmethod::{ClassMethod, StaticMethod};
use crate::objects::instance;
use crate::objects::str_::{Str, StrRef};
use crate::objects::type_::{Type, TypeFlags, is_subtype};
use crate::protocols::object;
use crate::vm::{PyResult, Vm};
use naja_heap::slot::Slot;
use naja_heap::{Header, MutCell, Ref, Value};
use std::cell::Cell;

/// The number of entries at first, and once `CROWDED` have made way for others: most programs touch few pages of the cache.
const SIZES: [usize; 2] = [1024, 2048];
const CROWDED: usize = 256;

/// Attribute word of objects without a `__dict__`.
const NO_ATTRS: u64 = u64::MAX;
/// Stands above the metaclass's version in the attribute word of classes, whose own version is that of the entry.
const CLASS_WORD: u64 = 1 << 63;

/// What an entry says; the numbers stand in its third word.
pub(crate) mod kind {
    /// The general path must decide.
    pub const GENERAL: u64 = 0;
    /// The value is so many bytes behind the header (zero word: none).
    pub const INLINE: u64 = 1;
    /// The value is word so-and-so of the storage block.
    pub const BLOCK: u64 = 2;
    /// A method of the class, to be called with the object.
    pub const METHOD: u64 = 3;
    /// A value of the class.
    pub const CLASS: u64 = 4;
    /// Adds an attribute: offset, and the new shape in the upper half.
    pub const GROW: u64 = 5;
    /// A descriptor of the class, which gives the value.
    pub const BIND: u64 = 6;
    /// An attribute that native code computes: its definition.
    pub const GETSET: u64 = 7;
    /// A `classmethod`, to be called with the class.
    pub const CLASS_METHOD: u64 = 8;
    /// A `staticmethod`.
    pub const STATIC: u64 = 9;
    /// Stands in the dictionary of that class, where it changes without ending caches (see `Type::changing`).
    pub const CHANGING: u64 = 10;
    /// Nothing in the class.
    pub const ABSENT: u64 = 11;
    /// As `BIND`, of a data descriptor.
    pub const DATA: u64 = 12;
    /// Added to the others: what the instance's dict holds goes before.
    pub const DICT_FIRST: u64 = 16;
}

/// Low bits of a name's address, by what is wanted.
const LOAD: u64 = 0;
const LOAD_METHOD: u64 = 1;
const STORE: u64 = 2;
const SUPER: u64 = 3;

/// `[name | wanted, attribute word, type version | kind << 32, place]`
type Entry = [u64; 4];

pub(crate) struct AttrCache {
    /// As many as one of `SIZES` says.
    entries: MutCell<Box<[Entry]>>,
    /// How many have been overwritten, as long as the cache is small.
    crowded: Cell<usize>,
}

impl Default for AttrCache {
    fn default() -> Self {
        AttrCache {
            entries: MutCell::new(AttrCache::of_size(SIZES[0])),
            crowded: Cell::new(0),
        }
    }
}

#[inline(always)]
fn place_of(key: u64, word: u64, version: u32) -> usize {
    // Names, shapes and versions are each numbered densely: all their bits must count.
    let owner = ((version as u64) << 20 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    (key >> 4 ^ key << 9 ^ owner) as usize
}

/// Whether the entry is about that. (An empty one has no name.)
#[inline(always)]
fn fits(entry: &Entry, key: u64, word: u64, version: u32) -> bool {
    entry[0] == key && entry[1] == word && entry[2] as u32 == version
}

/// Looks among the three entries beside the first.
#[inline(never)]
fn find_beside(
    entries: &[Entry],
    at: usize,
    key: u64,
    word: u64,
    version: u32,
) -> Option<(u64, u64)> {
    let places = [at ^ 1, at ^ 2, at ^ 3];
    let mut beside = places.iter().filter_map(|&place| entries.get(place));
    let entry = beside.find(|entry| fits(entry, key, word, version))?;
    Some((entry[2] >> 32, entry[3]))
}

/// What the object's attributes depend on: its attribute word and the version of its type. For a class: its metaclass's
/// version and its own.
#[inline(always)]
fn identity(header: &Header) -> (u64, u32) {
    let ty = Type::of_header(header);
    let version = ty.version.get();
    if ty.flag(TypeFlags::TYPE_SUBCLASS) {
        // SAFETY: instances of such types are classes.
        let class = unsafe { &(*(header as *const Header as *const naja_heap::Obj<Type>)).payload };
        return (CLASS_WORD | version as u64, class.version.get());
    }
    match instance::attrs(header) {
        Some(attrs) => (attrs.word(), version),
        None => (NO_ATTRS, version),
    }
}

/// The header, attribute word and type version of an object whose attributes can be stored by the cache.
#[inline(always)]
fn identify<'a>(owner: &'a Value, name: &Ref<Str>) -> Option<(&'a Header, u64, u32)> {
    let header = owner.header()?;
    let version = Type::of_header(header).version.get();
    let word = match instance::attrs(header) {
        Some(attrs) if attrs.shape() == instance::DICT => return None,
        Some(attrs) => attrs.word(),
        None => NO_ATTRS,
    };
    (name.is_interned()).then_some((header, word, version))
}

impl AttrCache {
    #[inline(always)]
    fn find(&self, key: u64, word: u64, version: u32) -> Option<(u64, u64)> {
        self.entries.with(|entries| {
            let at = place_of(key, word, version) & (entries.len() - 1);
            // SAFETY: the number of entries is a power of two, of at least four.
            let entry = unsafe { entries.get_unchecked(at) };
            if fits(entry, key, word, version) {
                return Some((entry[2] >> 32, entry[3]));
            }
            find_beside(entries, at, key, word, version)
        })
    }

    /// A new entry takes its place; those that stood there and beside it move on by one, and the last one is lost.
    fn put(&self, key: u64, word: u64, version: u32, (kind, place): (u64, u64)) {
        if version == 0 {
            return;
        }
        let at = place_of(key, word, version);
        let crowded = self.entries.with(|entries| {
            let first = at & (entries.len() - 1);
            entries.len() < SIZES[1] && entries[first ^ 3][0] != 0
        });
        if crowded {
            self.crowded.set(self.crowded.get() + 1);
            if self.crowded.get() > CROWDED {
                self.entries.set(AttrCache::of_size(SIZES[1]));
            }
        }
        // SAFETY: plain words are written.
        unsafe {
            self.entries.with_mut_no_drop(|entries| {
                let first = at & (entries.len() - 1);
                for beside in [3, 2, 1] {
                    entries[first ^ beside] = entries[first ^ (beside - 1)];
                }
                entries[first] = [key, word, version as u64 | kind << 32, place];
            })
        }
    }

    fn of_size(size: usize) -> Box<[Entry]> {
        vec![[0; 4]; size].into_boxed_slice()
    }
}

#[inline(always)]
fn at(header: &Header, offset: u64) -> *mut u64 {
    (header as *const Header as *mut u8).wrapping_add(offset as usize) as *mut u64
}

/// What is known of an attribute: kind and place of an entry, which is made where there was none.
#[inline(always)]
pub(crate) fn find(vm: &Vm, header: &Header, name: &Ref<Str>, wants_method: bool) -> (u64, u64) {
    let (word, version) = identity(header);
    let key = name.as_ptr() as u64 | if wants_method { LOAD_METHOD } else { LOAD };
    match vm.interp.attr_cache.find(key, word, version) {
        Some(found) => found,
        None => learn(vm, header, name, wants_method),
    }
}

#[inline(never)]
fn learn(vm: &Vm, header: &Header, name: &Ref<Str>, wants_method: bool) -> (u64, u64) {
    if !name.is_interned() {
        return GENERAL;
    }
    let mut found = resolve(vm, header, name, wants_method);
    // For the inline caches, which may have been filled by another class.
    Type::of_header(header).values_tag(vm);
    if let Some(attrs) = instance::attrs(header)
        && attrs.shape() == instance::DICT
        && !matches!(
            found.0,
            kind::GENERAL | kind::GETSET | kind::INLINE | kind::DATA
        )
        && name.as_ptr() != vm.names.__class__.as_ptr()
    {
        found.0 |= kind::DICT_FIRST;
    }
    // Looking it up gave the types versions if they had none.
    let (word, version) = identity(header);
    if word != CLASS_WORD {
        let key = name.as_ptr() as u64 | if wants_method { LOAD_METHOD } else { LOAD };
        vm.interp.attr_cache.put(key, word, version, found);
    }
    found
}

/// The value of an entry whose kind says that there is one (a wrapped callable for `CLASS_METHOD`): a slot that may be empty.
///
/// # Safety
/// [`find`] has just given kind and place for the object.
#[inline(always)]
pub(crate) unsafe fn value_of(
    vm: &Vm,
    header: &Header,
    name: &Ref<Str>,
    (kind, place): (u64, u64),
) -> Option<Value> {
    // SAFETY: the entry was made for objects with this attribute word and types of these versions: its place is that of a
    // value, or a class holds the value.
    unsafe {
        let slot = match kind {
            kind::INLINE => Slot(*at(header, place)),
            kind::BLOCK => Slot(*instance::attrs(header)?.block().add(place as usize)),
            kind::METHOD | kind::CLASS | kind::BIND | kind::DATA => Slot(place),
            kind::STATIC => {
                return Slot(place)
                    .view()
                    .downcast::<StaticMethod>()
                    .and_then(|m| m.wrapped());
            }
            kind::CLASS_METHOD => {
                return Slot(place)
                    .view()
                    .downcast::<ClassMethod>()
                    .and_then(|m| m.wrapped());
            }
            // The class is an ancestor of one whose version is current.
            kind::CHANGING => return (*(place as *const Type)).own(vm, name),
            _ => return None,
        };
        if slot.is_empty() {
            return None;
        }
        Some(slot.to_value())
    }
}

/// What [`peek`] found, beside a value.
pub(crate) mod found {
    /// The value itself.
    pub const VALUE: u32 = 0;
    /// A method to be called with the object.
    pub const METHOD: u32 = 1;
    /// A descriptor, without a reference: it gives the value.
    pub const BIND: u32 = 2;
}

/// What an attribute is, for the evaluation loop: an owned word, and what it is ([`found`]). Zero where the cache has no simple
/// answer. `key` is the name's address, plus one where a method is wanted.
///
/// # Safety
/// `key` is of an interned name.
#[inline(never)]
pub(crate) unsafe fn peek(cache: &AttrCache, header: &Header, key: u64) -> (u64, u32) {
    let (word, version) = identity(header);
    const NOTHING: (u64, u32) = (0, found::VALUE);
    let Some((kind, place)) = cache.find(key, word, version) else {
        return NOTHING;
    };
    // SAFETY: as in `value_of`.
    unsafe {
        if kind == kind::METHOD {
            return (Slot::new(Slot(place).to_value()).0, found::METHOD);
        }
        let slot = match kind {
            kind::INLINE => Slot(*at(header, place)),
            kind::CLASS => Slot(place),
            kind::BLOCK => match instance::attrs(header) {
                Some(attrs) => Slot(*attrs.block().add(place as usize)),
                None => return NOTHING,
            },
            kind::BIND | kind::DATA => return (place, found::BIND),
            kind::CLASS_METHOD if word & CLASS_WORD != 0 && word != NO_ATTRS => {
                let view = Slot(place).view();
                let method = view.downcast::<ClassMethod>().and_then(|m| m.wrapped());
                return method.map_or(NOTHING, |m| (m.into_bits(), found::METHOD));
            }
            kind::STATIC => {
                let view = Slot(place).view();
                let value = view.downcast::<StaticMethod>().and_then(|m| m.wrapped());
                return value.map_or(NOTHING, |v| (v.into_bits(), found::VALUE));
            }
            _ => return NOTHING,
        };
        if slot.is_empty() {
            return NOTHING;
        }
        (Slot::new(slot.to_value()).0, found::VALUE)
    }
}

/// The method to be called with an object: an owned word, or zero where the cache does not know or [`peek`] must decide.
/// `key` is as there, of a method.
///
/// # Safety
/// As for [`peek`].
#[inline(always)]
pub(crate) unsafe fn peek_method(cache: &AttrCache, header: &Header, key: u64) -> u64 {
    let ty = Type::of_header(header);
    if !ty.has_plain_values() {
        return 0;
    }
    // SAFETY: objects of such classes have the word; a class in the MRO holds the method as long as the version is current.
    unsafe {
        let word = instance::word_of(header);
        match cache.find(key, word, ty.version.get()) {
            Some((kind::METHOD, place)) => Slot::new(Slot(place).to_value()).0,
            _ => 0,
        }
    }
}

/// The method that `super()`, made in a method of `class` for an object, has by a name: an owned word, or zero where the
/// cache does not know.
///
/// # Safety
/// The name is interned.
#[inline(never)]
pub(crate) unsafe fn peek_super(cache: &AttrCache, class: u64, header: &Header, name: u64) -> u64 {
    let ty = Type::of_header(header);
    // For a class it may be about its own MRO or its metaclass's.
    if ty.flag(TypeFlags::TYPE_SUBCLASS) {
        return 0;
    }
    match cache.find(name | SUPER, class, ty.version.get()) {
        // SAFETY: a class in the MRO holds the method as long as the version is current.
        Some((kind::METHOD, place)) => unsafe { Slot::new(Slot(place).to_value()).0 },
        _ => 0,
    }
}

/// Where the loop is to store an attribute (the object has its new shape by then); null where the cache has no simple answer.
///
/// # Safety
/// As for [`peek`], with the name's address; a value is stored there before anything else happens.
#[inline(never)]
pub(crate) unsafe fn peek_store(cache: &AttrCache, header: &Header, name: u64) -> *mut u64 {
    const NOWHERE: *mut u64 = std::ptr::null_mut();
    let version = Type::of_header(header).version.get();
    let (attrs, word) = match instance::attrs(header) {
        Some(attrs) if attrs.shape() == instance::DICT => return NOWHERE,
        Some(attrs) => (Some(attrs), attrs.word()),
        None => (None, NO_ATTRS),
    };
    match (cache.find(name | STORE, word, version), attrs) {
        (Some((kind::INLINE, place)), _) => at(header, place),
        // SAFETY: the entry was made for objects of this shape, whose values of that number stand in the block.
        (Some((kind::BLOCK, place)), Some(attrs)) => unsafe { attrs.block().add(place as usize) },
        (Some((kind::GROW, place)), Some(attrs)) => {
            attrs.set_shape((place >> 32) as u32);
            at(header, place & 0xffff_ffff)
        }
        _ => NOWHERE,
    }
}

/// The attribute, if it is a value that stands somewhere or is known not to be there; None where the general path must
/// decide.
#[inline]
pub(crate) fn quick(vm: &Vm, object: &Value, name: &Ref<Str>) -> Option<Option<Value>> {
    let header = object.header()?;
    let found = find(vm, header, name, false);
    match found.0 {
        kind::INLINE | kind::BLOCK | kind::CLASS | kind::STATIC | kind::CHANGING => {
            // SAFETY: just found.
            unsafe { value_of(vm, header, name, found) }.map(Some)
        }
        kind::ABSENT => Some(None),
        _ => None,
    }
}

const GENERAL: (u64, u64) = (kind::GENERAL, 0);

fn resolve(vm: &Vm, header: &Header, name: &Ref<Str>, wants_method: bool) -> (u64, u64) {
    let ty = Type::of_header(header);
    if ty.flag(TypeFlags::TYPE_SUBCLASS) {
        return resolve_class(vm, header, ty, name, wants_method);
    }
    if ty.flag(TypeFlags::CUSTOM_GETATTR)
        || ty.slots.getattro.get() != vm.types.object.slots.getattro.get()
    {
        return GENERAL;
    }
    let found = ty.lookup(vm, name);
    if name.as_ptr() == vm.names.__class__.as_ptr() && object::has_plain_class(vm, ty) {
        // The version says which type the object has, and no instance hides the descriptor.
        return (kind::CLASS, ty.to_ref().as_value().bits());
    }
    let in_dict = instance::attrs(header).is_some_and(|a| a.shape() == instance::DICT);
    let own = if in_dict {
        None
    } else {
        own_place(vm, header, name)
    };
    let Some(descriptor) = found else {
        return own.unwrap_or((kind::ABSENT, 0));
    };
    let dty = vm.type_of(&descriptor);
    let get = dty.slots.descr_get.get();
    if dty.slots.descr_set.get().is_some() {
        return match (member_place(ty, &descriptor), get) {
            (Some(place), _) => place,
            (None, Some(_)) => (kind::DATA, descriptor.bits()),
            (None, None) => GENERAL,
        };
    }
    if let Some(own) = own {
        return own;
    }
    if wants_method && dty.flag(TypeFlags::METHOD_DESCRIPTOR) {
        (kind::METHOD, descriptor.bits())
    } else if dty.is(&vm.types.staticmethod) {
        (kind::STATIC, descriptor.bits())
    } else if wants_method && dty.is(&vm.types.classmethod) {
        (kind::CLASS_METHOD, descriptor.bits())
    } else if get.is_none() {
        match ty.changing_in(vm, name) {
            Some(holder) => (kind::CHANGING, holder as u64),
            None => (kind::CLASS, descriptor.bits()),
        }
    } else {
        (kind::BIND, descriptor.bits())
    }
}

/// An attribute of a class itself.
fn resolve_class(
    vm: &Vm,
    header: &Header,
    meta: &Type,
    name: &Ref<Str>,
    wants_method: bool,
) -> (u64, u64) {
    if meta.slots.getattro.get() != vm.types.type_.slots.getattro.get() {
        return GENERAL;
    }
    let owner = Value::of_header(header);
    let Some(class) = owner.downcast::<Type>() else {
        return GENERAL;
    };
    if class.version_tag(vm) == 0 || meta.version_tag(vm) == 0 {
        return GENERAL;
    }
    let of_meta = meta.lookup(vm, name);
    if name.as_ptr() == vm.names.__class__.as_ptr() && object::has_plain_class(vm, meta) {
        return (kind::CLASS, meta.to_ref().as_value().bits());
    }
    if let Some(descriptor) = &of_meta
        && vm.type_of(descriptor).slots.descr_set.get().is_some()
    {
        return match vm.type_of(descriptor).slots.descr_get.get() {
            Some(_) => member_place(meta, descriptor).unwrap_or((kind::DATA, descriptor.bits())),
            None => GENERAL,
        };
    }
    if let Some(found) = class.lookup(vm, name) {
        let ty = vm.type_of(&found);
        let types = vm.types;
        if ty.is(&types.staticmethod) {
            return (kind::STATIC, found.bits());
        }
        if ty.is(&types.classmethod) && wants_method {
            return (kind::CLASS_METHOD, found.bits());
        }
        // These give themselves where there is no instance.
        if ty.is(&types.function)
            || ty.is(&types.method_descriptor)
            || ty.is(&types.wrapper_descriptor)
        {
            return (kind::CLASS, found.bits());
        }
        if ty.slots.descr_get.get().is_some() {
            return GENERAL;
        }
        return match class.changing_in(vm, name) {
            Some(holder) => (kind::CHANGING, holder as u64),
            None => (kind::CLASS, found.bits()),
        };
    }
    match of_meta {
        Some(method) if wants_method && vm.type_of(&method).flag(TypeFlags::METHOD_DESCRIPTOR) => {
            (kind::METHOD, method.bits())
        }
        Some(_) => GENERAL,
        None => (kind::ABSENT, 0),
    }
}

/// Where the instance's own value stands.
fn own_place(vm: &Vm, header: &Header, name: &Ref<Str>) -> Option<(u64, u64)> {
    let attrs = instance::attrs(header)?;
    let index = vm.interp.shapes.index_of(attrs.shape(), name)?;
    Some(if index < attrs.inline() {
        let first = Type::of_header(header).inline_offset.get() as u64;
        (kind::INLINE, first + index as u64 * 8)
    } else {
        (kind::BLOCK, 1 + (index - attrs.inline()) as u64)
    })
}

/// Where the value of a name of `__slots__` stands, or what computes that of a native attribute.
fn member_place(ty: &Type, descriptor: &Value) -> Option<(u64, u64)> {
    let computed = |def: &'static GetSetDef| {
        def.get?;
        Some((kind::GETSET, std::ptr::from_ref(def) as u64))
    };
    if let Some(attribute) = descriptor.downcast::<GetSetDescriptor>() {
        return computed(attribute.def).filter(|_| is_subtype(ty, &attribute.objclass));
    }
    let member = descriptor.downcast::<MemberDescriptor>()?;
    if !is_subtype(ty, &member.objclass) {
        return None;
    }
    match member.slot_offset() {
        Some(offset) => Some((kind::INLINE, offset as u64)),
        None => computed(member.native_def()?),
    }
}

/// The function that computes a native attribute.
///
/// # Safety
/// The place of an entry of kind `GETSET`.
#[inline(always)]
pub(crate) unsafe fn getter(place: u64) -> Option<fn(&Vm, &Value) -> PyResult> {
    // SAFETY: such a place is the address of a static definition.
    unsafe { (*(place as *const GetSetDef)).get }
}

/// What the MRO of `start` has of `name` behind `class`, if that is known.
#[inline]
pub(crate) fn super_find(
    vm: &Vm,
    start: &Type,
    class: &Ref<Type>,
    name: &Ref<Str>,
) -> Option<Value> {
    let key = name.as_ptr() as u64 | SUPER;
    let (_, word) = vm
        .interp
        .attr_cache
        .find(key, class.as_ptr() as u64, start.version.get())?;
    // SAFETY: a class in the MRO holds the value as long as the version is current.
    Some(unsafe { Slot(word).to_value() })
}

/// Notes what `super_find` is to find.
pub(crate) fn super_found(
    vm: &Vm,
    start: &Type,
    class: &Ref<Type>,
    name: &Ref<Str>,
    found: &Value,
) {
    if name.is_interned() && !start.changing_anywhere(name) {
        let key = name.as_ptr() as u64 | SUPER;
        let version = start.version_tag(vm);
        let is_method = vm.type_of(found).flag(TypeFlags::METHOD_DESCRIPTOR);
        let kind = if is_method { kind::METHOD } else { kind::CLASS };
        let entry = (kind, found.bits());
        vm.interp
            .attr_cache
            .put(key, class.as_ptr() as u64, version, entry);
    }
}

/// What is known of storing an attribute: the object's header, kind and place of an entry, which is made where there was none.
#[inline(always)]
fn find_store<'a>(vm: &Vm, owner: &'a Value, name: &Ref<Str>) -> Option<(&'a Header, u64, u64)> {
    let (header, word, version) = identify(owner, name)?;
    let key = name.as_ptr() as u64 | STORE;
    let cache = &vm.interp.attr_cache;
    let (kind, place) = match cache.find(key, word, version) {
        Some(found) => found,
        None => {
            let found = resolve_store(vm, header, name);
            cache.put(key, word, Type::of_header(header).version.get(), found);
            found
        }
    };
    Some((header, kind, place))
}

/// Deletes an attribute of the instance's own, where the cache knows of storing it. False: the general path must decide.
pub(crate) fn delete(vm: &Vm, owner: &Value, name: &Ref<Str>) -> bool {
    find_store(vm, owner, name).is_some_and(|(header, kind, place)| {
        kind == kind::INLINE && instance::delete_at(vm, header, place)
    })
}

/// Sets the attribute; false where the general path must.
#[inline]
pub(crate) fn store(vm: &Vm, owner: &Value, name: &Ref<Str>, value: &Value) -> bool {
    let Some((header, kind, place)) = find_store(vm, owner, name) else {
        return false;
    };
    // SAFETY: as in `load`; the old value is dropped when the new one stands in its place.
    unsafe {
        let place = match kind {
            kind::INLINE => at(header, place),
            kind::BLOCK => match instance::attrs(header) {
                Some(attrs) => attrs.block().add(place as usize),
                None => return false,
            },
            kind::GROW => {
                let Some(attrs) = instance::attrs(header) else {
                    return false;
                };
                attrs.set_shape((place >> 32) as u32);
                at(header, place & 0xffff_ffff)
            }
            _ => return false,
        } as *mut Option<Value>;
        let old = (*place).replace(value.clone());
        drop(old);
        true
    }
}

fn resolve_store(vm: &Vm, header: &Header, name: &Ref<Str>) -> (u64, u64) {
    let ty = Type::of_header(header);
    if ty.flag(TypeFlags::CUSTOM_SETATTR)
        || ty.slots.setattro.get() != vm.types.object.slots.setattro.get()
    {
        return GENERAL;
    }
    ty.values_tag(vm);
    if let Some(descriptor) = ty.lookup(vm, name) {
        let dty = vm.type_of(&descriptor);
        if dty.slots.descr_set.get().is_some() {
            return match member_place(ty, &descriptor) {
                Some(place) if place.0 == kind::INLINE => place,
                _ => GENERAL,
            };
        }
    }
    if let Some(own) = own_place(vm, header, name) {
        return own;
    }
    let Some(attrs) = instance::attrs(header) else {
        return GENERAL;
    };
    match vm.interp.shapes.extend(attrs.shape(), name) {
        Some(next) => {
            let index = vm.interp.shapes.count(next) - 1;
            if index >= attrs.inline() {
                return GENERAL;
            }
            let offset = ty.inline_offset.get() as u64 + index as u64 * 8;
            (kind::GROW, offset | (next as u64) << 32)
        }
        None => GENERAL,
    }
}
