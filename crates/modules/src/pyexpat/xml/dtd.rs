//! What the declarations of a document say: entities, elements with their attributes, prefixes.
//!
//! A parser of an external parameter entity shares these with its parent; one of an external general entity has a copy.
//! CPython: the `DTD` of Modules/expat/xmlparse.c.

use hashbrown::HashMap;
use std::rc::Rc;

pub type Text = Rc<[u8]>;

/// Things by name, numbered in the order in which they were first named. Documents choose the names, so that the hashes
/// are seeded.
#[derive(Clone)]
pub struct Named<T> {
    by_name: HashMap<Text, usize>,
    pub items: Vec<T>,
}

impl<T> Default for Named<T> {
    fn default() -> Named<T> {
        Named {
            by_name: HashMap::new(),
            items: Vec::new(),
        }
    }
}

impl<T> Named<T> {
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The number of what has this name, made if there is none; and whether it was made.
    pub fn add(&mut self, name: &[u8], make: impl FnOnce(Text) -> T) -> (usize, bool) {
        if let Some(index) = self.find(name) {
            return (index, false);
        }
        let name: Text = name.into();
        self.by_name.insert(name.clone(), self.items.len());
        self.items.push(make(name));
        (self.items.len() - 1, true)
    }
}

#[derive(Clone, Default)]
pub struct Entity {
    pub name: Option<Text>,
    /// The replacement text of an internal entity.
    pub text: Option<Text>,
    pub base: Option<Text>,
    pub system: Option<Text>,
    pub public: Option<Text>,
    pub notation: Option<Text>,
    /// Whether it is being expanded.
    pub open: bool,
    pub is_param: bool,
    /// Whether it was declared in the document itself.
    pub internal: bool,
}

impl Entity {
    pub fn named(name: Text) -> Entity {
        Entity {
            name: Some(name),
            ..Entity::default()
        }
    }
}

/// An attribute as an element's declaration gives it.
#[derive(Clone)]
pub struct Declared {
    pub name: Text,
    pub is_cdata: bool,
    pub value: Option<Text>,
}

#[derive(Clone)]
pub struct Element {
    pub name: Text,
    pub id: Option<Text>,
    pub attributes: Vec<Declared>,
}

/// A part of a content model under construction.
#[derive(Clone, Debug)]
pub struct Part {
    /// One of `XML_CTYPE_*`.
    pub kind: u8,
    /// One of `XML_CQUANT_*`.
    pub quantity: u8,
    pub name: Option<Text>,
    pub children: Vec<usize>,
}

pub const EMPTY: u8 = 1;
pub const ANY: u8 = 2;
pub const MIXED: u8 = 3;
pub const NAME: u8 = 4;
pub const CHOICE: u8 = 5;
pub const SEQUENCE: u8 = 6;

#[derive(Clone)]
pub struct Dtd {
    pub general: Named<Entity>,
    pub params: Named<Entity>,
    pub elements: Named<Element>,
    /// Whether declarations still count: not behind a parameter entity that was not read.
    pub keep: bool,
    pub has_param_refs: bool,
    pub standalone: bool,
    /// Whether the external parameter entity just asked for was read.
    pub param_read: bool,
    /// The value of an entity, as far as it is read.
    pub value: Vec<u8>,
    /// The external subset's entity.
    pub subset: Entity,
    /// About how many bytes all this takes up.
    pub bytes: usize,
}

impl Default for Dtd {
    fn default() -> Dtd {
        Dtd {
            general: Named::default(),
            params: Named::default(),
            elements: Named::default(),
            keep: true,
            has_param_refs: false,
            standalone: false,
            param_read: false,
            value: Vec::new(),
            subset: Entity::default(),
            bytes: 0,
        }
    }
}

impl Dtd {
    pub fn element(&mut self, name: &[u8]) -> usize {
        let make = |name| Element {
            name,
            id: None,
            attributes: Vec::new(),
        };
        let (index, new) = self.elements.add(name, make);
        if new {
            self.bytes += size_of::<Element>() + name.len();
        }
        index
    }

    /// Notes an attribute's declaration; the first one counts.
    pub fn define(&mut self, element: usize, attribute: Declared, is_id: bool) {
        let Some(element) = self.elements.items.get_mut(element) else {
            return;
        };
        if attribute.value.is_some() || is_id {
            if element.attributes.iter().any(|a| a.name == attribute.name) {
                return;
            }
            if is_id && element.id.is_none() {
                element.id = Some(attribute.name.clone());
            }
        }
        let value = attribute.value.as_ref().map_or(0, |v| v.len());
        self.bytes += size_of::<Declared>() + attribute.name.len() + value;
        element.attributes.push(attribute);
    }
}
