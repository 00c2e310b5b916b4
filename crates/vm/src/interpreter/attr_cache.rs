//! The cache behind the inline caches of attributes: for instructions that see instances of many classes or shapes.
//!
//! An entry says, for a name and a pair of type version and attribute word, where the value stands, or which method the
//! class has while the instance hides none. Versions are never used twice and shapes never change, so an entry
//! needs no invalidation: it stops being found. Names are interned, which live as long as the interpreter. What cannot be
//! said in one entry has an entry too, so that it is not looked into each time.
//!
//! CPython has nothing like it: there each such access searches the type's cache and the instance's keys.

use crate::function::descriptor::MemberDescriptor;
use crate::objects::instance;
use crate::objects::str_::{Str, StrRef};
use crate::objects::type_::{Type, TypeFlags, is_subtype};
use crate::vm::Vm;
use naja_heap::slot::Slot;
use naja_heap::{Header, MutCell, Ref, Value};

const SIZE: usize = 2048;

/// Attribute word of objects without a `__dict__`.
const NO_ATTRS: u64 = u64::MAX;

/// What an entry says; the numbers stand in its third word.
mod kind {
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
}

/// Low bits of a name's address, by what is wanted.
const LOAD: u64 = 0;
const LOAD_METHOD: u64 = 1;
const STORE: u64 = 2;
const SUPER: u64 = 3;

/// `[name | wanted, attribute word, type version | kind << 32, place]`
type Entry = [u64; 4];

pub(crate) struct AttrCache(MutCell<Box<[Entry; SIZE]>>);

impl Default for AttrCache {
    fn default() -> Self {
        AttrCache(MutCell::new(Box::new([[0; 4]; SIZE])))
    }
}

#[inline(always)]
fn place_of(key: u64, word: u64, version: u32) -> usize {
    let mix = (key >> 4) ^ key ^ (version as u64).wrapping_mul(7) ^ word.wrapping_mul(31);
    (mix ^ mix >> 11) as usize & (SIZE - 1)
}

/// The object's header, attribute word and type version; None where the cache does not serve.
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
        self.0.with(|entries| {
            let entry = &entries[place_of(key, word, version)];
            (entry[0] == key && entry[1] == word && entry[2] as u32 == version && version != 0)
                .then_some((entry[2] >> 32, entry[3]))
        })
    }

    /// The word of a value that stands in the object itself or in its class, and whether it is a method to be called with
    /// the object; zero for everything else. The name is one of a code object's.
    ///
    /// # Safety
    /// `header` is that of a live object.
    #[inline(always)]
    pub(crate) unsafe fn quick(
        &self,
        header: &Header,
        name: &Ref<Str>,
        wants_method: bool,
    ) -> (u64, bool) {
        let version = Type::of_header(header).version.get();
        let word = instance::attrs(header).map_or(NO_ATTRS, |attrs| attrs.word());
        let key = name.as_ptr() as u64 | if wants_method { LOAD_METHOD } else { LOAD };
        match self.find(key, word, version) {
            // SAFETY: as in `load`.
            Some((kind::INLINE, place)) => (unsafe { *at(header, place) }, false),
            Some((kind::METHOD, place)) => (place, true),
            Some((kind::CLASS, place)) => (place, false),
            _ => (0, false),
        }
    }

    fn put(&self, key: u64, word: u64, version: u32, (kind, place): (u64, u64)) {
        if version != 0 {
            // SAFETY: plain words are written.
            unsafe {
                self.0.with_mut_no_drop(|entries| {
                    entries[place_of(key, word, version)] =
                        [key, word, version as u64 | kind << 32, place]
                })
            }
        }
    }
}

#[inline(always)]
fn at(header: &Header, offset: u64) -> *mut u64 {
    (header as *const Header as *mut u8).wrapping_add(offset as usize) as *mut u64
}

/// What [`load`] has found.
pub(crate) enum Loaded {
    Value(Value),
    /// A method, to be called with the object.
    Method(Value),
    /// A descriptor, to be asked by its `descr_get`.
    Descriptor(Value),
}

/// The attribute; None where the general path must decide.
#[inline]
pub(crate) fn load(vm: &Vm, owner: &Value, name: &Ref<Str>, wants_method: bool) -> Option<Loaded> {
    let (header, word, version) = identify(owner, name)?;
    let wanted = if wants_method { LOAD_METHOD } else { LOAD };
    let key = name.as_ptr() as u64 | wanted;
    let cache = &vm.interp.attr_cache;
    let (kind, place) = match cache.find(key, word, version) {
        Some(found) => found,
        None => {
            let found = resolve(vm, header, name, wants_method);
            // Looking it up gave the type a version if it had none.
            cache.put(key, word, Type::of_header(header).version.get(), found);
            found
        }
    };
    // SAFETY: the entry was made for objects with this attribute word and a type of this version: its place is that of
    // a value, or the class holds the value.
    unsafe {
        let slot = match kind {
            kind::INLINE => Slot(*at(header, place)),
            kind::BLOCK => Slot(*instance::attrs(header)?.block().add(place as usize)),
            kind::METHOD | kind::CLASS | kind::BIND => Slot(place),
            _ => return None,
        };
        if slot.is_empty() {
            return None;
        }
        let value = slot.to_value();
        Some(match kind {
            kind::METHOD => Loaded::Method(value),
            kind::BIND => Loaded::Descriptor(value),
            _ => Loaded::Value(value),
        })
    }
}

fn resolve(vm: &Vm, header: &Header, name: &Ref<Str>, wants_method: bool) -> (u64, u64) {
    const GENERAL: (u64, u64) = (kind::GENERAL, 0);
    let ty = Type::of_header(header);
    if ty.flag(TypeFlags::CUSTOM_GETATTR)
        || ty.slots.getattro.get() != vm.types.object.slots.getattro.get()
    {
        return GENERAL;
    }
    let found = ty.lookup(vm, name);
    let own = own_place(vm, header, name);
    let Some(descriptor) = found else {
        return own.unwrap_or(GENERAL);
    };
    let dty = vm.type_of(&descriptor);
    if !dty.flag(TypeFlags::IMMUTABLE) {
        return GENERAL; // its class may become a descriptor's, which changes no version of `ty`
    }
    let bind = match dty.slots.descr_get.get() {
        Some(_) => (kind::BIND, descriptor.bits()),
        None => GENERAL,
    };
    if dty.slots.descr_set.get().is_some() {
        return member_place(ty, &descriptor).unwrap_or(bind);
    }
    if let Some(own) = own {
        own
    } else if wants_method && dty.flag(TypeFlags::METHOD_DESCRIPTOR) {
        (kind::METHOD, descriptor.bits())
    } else if dty.slots.descr_get.get().is_none() {
        (kind::CLASS, descriptor.bits())
    } else {
        bind
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

/// Where the value of a name of `__slots__` stands.
fn member_place(ty: &Type, descriptor: &Value) -> Option<(u64, u64)> {
    let member = descriptor.downcast::<MemberDescriptor>()?;
    let offset = member.slot_offset()?;
    is_subtype(ty, &member.objclass).then_some((kind::INLINE, offset as u64))
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
    if name.is_interned() {
        let key = name.as_ptr() as u64 | SUPER;
        let version = start.version_tag(vm);
        let entry = (kind::CLASS, found.bits());
        vm.interp
            .attr_cache
            .put(key, class.as_ptr() as u64, version, entry);
    }
}

/// Sets the attribute; false where the general path must.
#[inline]
pub(crate) fn store(vm: &Vm, owner: &Value, name: &Ref<Str>, value: &Value) -> bool {
    let Some((header, word, version)) = identify(owner, name) else {
        return false;
    };
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
    const GENERAL: (u64, u64) = (kind::GENERAL, 0);
    let ty = Type::of_header(header);
    if ty.flag(TypeFlags::CUSTOM_SETATTR)
        || ty.slots.setattro.get() != vm.types.object.slots.setattro.get()
    {
        return GENERAL;
    }
    if let Some(descriptor) = ty.lookup(vm, name) {
        let dty = vm.type_of(&descriptor);
        if !dty.flag(TypeFlags::IMMUTABLE) {
            return GENERAL;
        }
        if dty.slots.descr_set.get().is_some() {
            return member_place(ty, &descriptor).unwrap_or(GENERAL);
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
