//! The steps of a parser before the document's element, and in external parameter entities: the declarations.
//!
//! CPython: `doProlog`, `processXmlDecl`, `externalParEntProcessor` of Modules/expat/xmlparse.c.

use super::dtd::{self, Declared, Dtd, Entity, Part, Text};
use super::role::{ATTRIBUTE_TYPES, Quantity, Role as R};
use super::source::Encoding;
use super::token::{Token as T, bad_in_public_id, predefined, xml_declaration};
use super::{
    After, Code, Event, Expat, Flow, NEVER, Phase, Span, UNLESS_STANDALONE, error, handler,
};

/// The entity that is being declared.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Which {
    #[default]
    None,
    General(usize),
    Param(usize),
    /// The external subset.
    Subset,
}

/// What is known of the declaration under way.
#[derive(Default)]
pub(super) struct Declaring {
    entity: Which,
    element: Option<Text>,
    attribute: Option<Text>,
    is_cdata: bool,
    is_id: bool,
    kind: Option<Vec<u8>>,
    doctype: Option<Text>,
    system: Option<Text>,
    public: Option<Text>,
    has_system: bool,
    notation: Option<Text>,
    notation_public: Option<Text>,
    connectors: Vec<u8>,
    parts: Vec<Part>,
    groups: Vec<usize>,
    in_model: bool,
}

/// Whether the token still goes to the default handler, or the parser waits for an answer first, or reads on elsewhere.
#[derive(PartialEq, Eq)]
enum Then {
    Default,
    Handled,
    Asked,
    Opened,
}

use Then::{Asked, Default as Rest, Handled};

fn handled(yes: bool) -> Then {
    if yes { Handled } else { Rest }
}

fn public_id(literal: &[u8]) -> Text {
    let words = literal.split(|b| b" \r\n".contains(b));
    let words: Vec<&[u8]> = words.filter(|w| !w.is_empty()).collect();
    words.join(&b' ').into()
}

fn unquoted(literal: &[u8]) -> &[u8] {
    literal
        .get(1..literal.len().saturating_sub(1))
        .unwrap_or_default()
}

impl Expat {
    /// One token of the prolog, or of an entity there.
    pub(super) fn prolog_step(&mut self, text: &[u8], at: usize) -> Result<Flow, Code> {
        let inner = self.open.last().map(|o| o.between);
        if at == 0 && inner.is_none() && text.starts_with("\u{feff}".as_bytes()) {
            let role = self.prolog.role(T::Bom, b"");
            if role == R::None {
                self.account(3, false)?;
                self.advance(3);
                return Ok(Flow::More);
            }
        }
        let found = self.cut(self.scan(text).prolog(at));
        let mut end = found.end;
        if found.open {
            if self.more() {
                return Ok(Flow::Wait);
            }
            if found.token != T::Space {
                end = text.len();
            }
        } else if found.token == T::Empty && !self.more() {
            return self.prolog_end(inner);
        } else if let Some(result) = self.no_token(found) {
            return result;
        }
        let token = text.get(at..end).unwrap_or_default();
        let role = self.prolog.role(found.token, token);
        if role == R::InstanceStart {
            return self.instance_start();
        }
        self.account(end - at, inner.is_some())?;
        let then = self.role(role, found.token, text, at, end)?;
        match then {
            Then::Default => self.default(text, at, end),
            Then::Opened => return Ok(Flow::More),
            Then::Handled | Then::Asked => {}
        }
        self.advance(end);
        Ok(Flow::More)
    }

    /// The end of the text being read, which is the last of it. `inner`: it is an entity, met between declarations.
    fn prolog_end(&mut self, inner: Option<bool>) -> Result<Flow, Code> {
        if inner == Some(false) {
            self.close_entity();
            return Ok(Flow::More);
        }
        if inner.is_none() && !self.param_entity {
            return Err(error::NO_ELEMENTS);
        }
        if self.prolog.role(T::Empty, b"") == R::Error {
            return Err(error::INCOMPLETE_PE);
        }
        match inner {
            None => Ok(Flow::Wait),
            Some(_) => {
                self.close_entity();
                Ok(Flow::More)
            }
        }
    }

    fn instance_start(&mut self) -> Result<Flow, Code> {
        if !self.open.is_empty() {
            return Err(error::SYNTAX);
        }
        self.phase = Phase::Content;
        if self.use_foreign_dtd {
            self.subset(None, false);
        }
        Ok(Flow::More)
    }

    /// The start of an external parameter entity.
    pub(super) fn param_start(&mut self, text: &[u8], at: usize) -> Result<Flow, Code> {
        self.dtd.borrow_mut().param_read = true;
        if self.prolog.in_entity_value {
            self.phase = Phase::ValueStart;
            return Ok(Flow::More);
        }
        if at == 0 && text.starts_with("\u{feff}".as_bytes()) {
            self.account(3, false)?;
            self.advance(3);
            return Ok(Flow::More);
        }
        let found = self.cut(self.scan(text).prolog(at));
        if found.token != T::Empty
            && !found.open
            && let Some(result) = self.no_token(found)
        {
            return result;
        }
        if (found.open || found.token == T::Empty) && !self.last {
            return Ok(Flow::Wait);
        }
        self.phase = Phase::Prolog;
        Ok(Flow::More)
    }

    /// The rest of a section that is left out.
    pub(super) fn ignored_step(&mut self, text: &[u8], at: usize) -> Result<Flow, Code> {
        let found = self.scan(text).ignored(at);
        match found.token {
            T::IgnoreSection => {
                self.account(found.end - at, !self.open.is_empty())?;
                self.default(text, at, found.end);
                self.phase = Phase::Prolog;
                self.advance(found.end);
                Ok(Flow::More)
            }
            T::Partial if !self.more() => Err(error::SYNTAX),
            _ => match self.no_token(found) {
                Some(result) => result,
                None => Err(error::SYNTAX),
            },
        }
    }

    /// An XML or text declaration.
    pub(super) fn xml_declaration(
        &mut self,
        text: &[u8],
        at: usize,
        end: usize,
        external: bool,
    ) -> Result<(), Code> {
        let token = text.get(at..end).unwrap_or_default();
        let declared = match xml_declaration(token, external) {
            Ok(declared) => declared,
            Err(place) => {
                return self.fail_at(
                    at + place,
                    if external {
                        error::TEXT_DECL
                    } else {
                        error::XML_DECL
                    },
                );
            }
        };
        let part = |range: Option<(usize, usize)>| -> Option<Text> {
            range.and_then(|(a, b)| token.get(a..b)).map(Text::from)
        };
        if !external && declared.standalone == Some(true) {
            self.dtd.borrow_mut().standalone = true;
            if self.param_parsing == UNLESS_STANDALONE {
                self.param_parsing = NEVER;
            }
        }
        let name = part(declared.encoding);
        if self.has(handler::XML_DECL) {
            self.push(Event::XmlDecl {
                version: part(declared.version),
                encoding: name.clone(),
                standalone: declared.standalone,
            });
        } else {
            self.default(text, at, end);
        }
        let (Some(name), None) = (name, &self.protocol) else {
            return Ok(());
        };
        let place = at + declared.encoding.map_or(0, |e| e.0);
        let current = &self.source.encoding;
        match Encoding::named(&name) {
            Some(_) if current.is_wide() && name.eq_ignore_ascii_case(b"UTF-16") => Ok(()),
            Some(new) if new.is_wide() != current.is_wide() || new.is_wide() && new != *current => {
                self.fail_at(place, error::INCORRECT_ENCODING)
            }
            Some(new) => {
                self.switch = Some((new, end));
                Ok(())
            }
            None => {
                self.push(Event::UnknownEncoding(name));
                self.after = Some(After::Encoding(Some(place)));
                Ok(())
            }
        }
    }

    /// Whether the entity is the one that is being declared.
    pub(super) fn declares(&self, is_param: bool, entity: usize) -> bool {
        self.decl.entity
            == match is_param {
                true => Which::Param(entity),
                false => Which::General(entity),
            }
    }

    fn with_declared<Out>(&self, f: impl FnOnce(&mut Entity) -> Out) -> Option<Out> {
        let mut dtd = self.dtd.borrow_mut();
        let dtd: &mut Dtd = &mut dtd;
        let entity = match self.decl.entity {
            Which::None => return None,
            Which::General(i) => dtd.general.items.get_mut(i),
            Which::Param(i) => dtd.params.items.get_mut(i),
            Which::Subset => Some(&mut dtd.subset),
        };
        entity.map(f)
    }

    fn keep(&self) -> bool {
        self.dtd.borrow().keep
    }

    fn role(
        &mut self,
        role: R,
        token: T,
        text: &[u8],
        at: usize,
        end: usize,
    ) -> Result<Then, Code> {
        let part = text.get(at..end).unwrap_or_default();
        let wants = |handlers: u32| self.handlers & handlers != 0;
        Ok(match role {
            R::None => handled(token == T::Bom),
            R::DoctypeNone => handled(wants(handler::START_DOCTYPE)),
            R::EntityNone => handled(wants(handler::ENTITY_DECL) && self.keep()),
            R::NotationNone => handled(wants(handler::NOTATION)),
            R::AttlistNone => handled(wants(handler::ATTLIST_DECL) && self.keep()),
            R::ElementNone => handled(wants(handler::ELEMENT_DECL)),
            R::XmlDecl | R::TextDecl => {
                self.xml_declaration(text, at, end, role == R::TextDecl)?;
                Handled
            }
            R::Pi => {
                self.instruction(text, at, end);
                Handled
            }
            R::Comment => {
                self.comment(text, at, end);
                Handled
            }
            R::IgnoreSection => {
                self.phase = Phase::Ignored;
                Rest
            }
            R::Error => {
                return Err(match token {
                    T::ParamRef => error::PARAM_ENTITY_REF,
                    T::XmlDecl => error::MISPLACED_XML_PI,
                    _ => error::SYNTAX,
                });
            }
            R::DoctypeName
            | R::DoctypeInternalSubset
            | R::DoctypePublicId
            | R::DoctypeSystemId
            | R::DoctypeClose => return self.doctype_role(role, part, at, end),
            R::GeneralEntityName
            | R::ParamEntityName
            | R::EntityValue
            | R::EntitySystemId
            | R::EntityPublicId
            | R::EntityComplete
            | R::EntityNotationName => return self.entity_role(role, part, at, end),
            R::NotationName | R::NotationPublicId | R::NotationSystemId | R::NotationNoSystemId => {
                return self.notation_role(role, part, at);
            }
            R::AttlistElementName
            | R::AttributeName
            | R::AttributeType(_)
            | R::AttributeEnumValue
            | R::AttributeNotationValue
            | R::AttributeImplied
            | R::AttributeRequired
            | R::AttributeDefault
            | R::AttributeFixed => return self.attlist_role(role, part, at),
            R::ElementName
            | R::ContentAny
            | R::ContentEmpty
            | R::ContentPcdata
            | R::ContentElement(_)
            | R::GroupOpen
            | R::GroupClose(_)
            | R::GroupChoice
            | R::GroupSequence => return self.element_role(role, part),
            R::ParamRef | R::InnerParamRef => return self.param_ref(role, part, end),
            R::InstanceStart => Rest,
        })
    }

    fn doctype_role(&mut self, role: R, part: &[u8], at: usize, end: usize) -> Result<Then, Code> {
        let wanted = self.has(handler::START_DOCTYPE);
        match role {
            R::DoctypeName => {
                self.decl.doctype = wanted.then(|| part.into());
                self.decl.system = None;
                self.decl.public = None;
                Ok(handled(wanted))
            }
            R::DoctypeInternalSubset => {
                if let (true, Some(name)) = (wanted, self.decl.doctype.take()) {
                    self.push(Event::StartDoctype {
                        name,
                        system: self.decl.system.clone(),
                        public: self.decl.public.clone(),
                        internal: true,
                    });
                }
                Ok(handled(wanted))
            }
            R::DoctypePublicId => {
                self.use_foreign_dtd = false;
                self.decl.entity = Which::Subset;
                if let Some(bad) = bad_in_public_id(part) {
                    return self.fail_at(at + bad, error::PUBLICID);
                }
                let id = public_id(unquoted(part));
                if wanted {
                    self.decl.public = Some(id.clone());
                }
                if self.keep() {
                    self.dtd.borrow_mut().subset.public = Some(id);
                }
                Ok(handled(wanted))
            }
            R::DoctypeSystemId => {
                self.use_foreign_dtd = false;
                self.decl.has_system = true;
                self.dtd.borrow_mut().has_param_refs = true;
                let id: Text = unquoted(part).into();
                if wanted {
                    self.decl.system = Some(id.clone());
                }
                let token = (at, end, !wanted);
                if !self.dtd.borrow().standalone
                    && self.param_parsing == NEVER
                    && self.has(handler::NOT_STANDALONE)
                {
                    self.push(Event::NotStandalone);
                    let then = After::DoctypeSystem(id, token);
                    self.after = Some(After::NotStandalone(Some(Box::new(then))));
                    return Ok(Asked);
                }
                self.doctype_system(id);
                Ok(handled(wanted))
            }
            _ => self.doctype_close(at, end),
        }
    }

    fn doctype_system(&mut self, id: Text) {
        self.decl.entity = Which::Subset;
        if self.keep() {
            let base = self.base.clone();
            let mut dtd = self.dtd.borrow_mut();
            dtd.subset.system = Some(id);
            dtd.subset.base = base;
        }
    }

    fn doctype_close(&mut self, at: usize, end: usize) -> Result<Then, Code> {
        // Not from within a parameter entity.
        if !self.open.is_empty() {
            return Err(error::INVALID_TOKEN);
        }
        let mut rest = true;
        if let Some(name) = self.decl.doctype.take() {
            if self.has(handler::START_DOCTYPE) {
                let (system, public) = (self.decl.system.take(), self.decl.public.take());
                self.push(Event::StartDoctype {
                    name,
                    system,
                    public,
                    internal: false,
                });
            }
            rest = false;
        }
        if self.decl.has_system || self.use_foreign_dtd {
            let named = self.decl.has_system;
            if self.subset(Some((at, end, rest)), named) {
                return Ok(Asked);
            }
        }
        if self.has(handler::END_DOCTYPE) {
            self.push(Event::EndDoctype);
            rest = false;
        }
        Ok(handled(!rest))
    }

    /// Asks for the external subset, if it is to be read.
    fn subset(&mut self, close: Option<(usize, usize, bool)>, named: bool) -> bool {
        let had_refs = {
            let mut dtd = self.dtd.borrow_mut();
            std::mem::replace(&mut dtd.has_param_refs, true)
        };
        let asks = self.param_parsing != NEVER && self.has(handler::EXTERNAL_ENTITY);
        if asks {
            let entity = {
                let mut dtd = self.dtd.borrow_mut();
                if self.use_foreign_dtd {
                    dtd.subset.base = self.base.clone();
                }
                dtd.param_read = false;
                dtd.subset.clone()
            };
            let after = After::Subset {
                close,
                had_refs,
                named,
            };
            self.ask(None, &entity, after);
        }
        self.use_foreign_dtd = false;
        asks
    }

    pub(super) fn resume_prolog(&mut self, after: After, reply: bool) -> Result<(), Code> {
        match after {
            After::Subset {
                close,
                had_refs,
                named,
            } => {
                if !reply {
                    return Err(error::EXTERNAL_ENTITY_HANDLING);
                }
                let (read, standalone) = {
                    let dtd = self.dtd.borrow();
                    (dtd.param_read, dtd.standalone)
                };
                let then = close.map(After::CloseDoctype);
                if read && !standalone && self.has(handler::NOT_STANDALONE) {
                    self.push(Event::NotStandalone);
                    self.after = Some(After::NotStandalone(then.map(Box::new)));
                    return Ok(());
                }
                if !read && !named {
                    self.dtd.borrow_mut().has_param_refs = had_refs;
                }
                match then {
                    Some(then) => self.resume_prolog(then, true),
                    None => Ok(()),
                }
            }
            After::CloseDoctype((start, end, rest)) => {
                if self.has(handler::END_DOCTYPE) {
                    self.push(Event::EndDoctype);
                } else if rest {
                    self.default_at(start, end);
                }
                Ok(())
            }
            After::DoctypeSystem(id, (start, end, rest)) => {
                self.doctype_system(id);
                if rest {
                    self.default_at(start, end);
                }
                Ok(())
            }
            After::ParamRef(entity) => {
                self.set_param_open(entity, false);
                if !reply {
                    return Err(error::EXTERNAL_ENTITY_HANDLING);
                }
                let standalone = {
                    let mut dtd = self.dtd.borrow_mut();
                    if !dtd.param_read {
                        dtd.keep = dtd.standalone;
                        return Ok(());
                    }
                    dtd.standalone
                };
                if !standalone && self.has(handler::NOT_STANDALONE) {
                    self.push(Event::NotStandalone);
                    self.after = Some(After::NotStandalone(None));
                }
                Ok(())
            }
            After::ValueRef(entity) => self.resume_value(entity, reply),
            _ => Ok(()),
        }
    }

    /// Gives a token of the input itself to the default handler, after a question.
    pub(super) fn default_at(&mut self, start: usize, end: usize) {
        if self.has(handler::DEFAULT) {
            self.push(Event::Default(Span {
                notes: false,
                start,
                end,
            }));
        }
    }

    fn entity_role(&mut self, role: R, part: &[u8], at: usize, end: usize) -> Result<Then, Code> {
        let wanted = self.has(handler::ENTITY_DECL);
        let keep = self.keep();
        match role {
            R::GeneralEntityName | R::ParamEntityName => {
                let is_param = role == R::ParamEntityName;
                self.decl.entity = Which::None;
                if !is_param && predefined(part).is_some() || !keep {
                    return Ok(Rest);
                }
                let internal = self.root && self.open.is_empty();
                let mut dtd = self.dtd.borrow_mut();
                let table = match is_param {
                    true => &mut dtd.params,
                    false => &mut dtd.general,
                };
                let make = |name| Entity {
                    is_param,
                    internal,
                    ..Entity::named(name)
                };
                let (index, new) = table.add(part, make);
                if !new {
                    return Ok(Rest);
                }
                dtd.bytes += size_of::<Entity>() + part.len();
                self.decl.entity = match is_param {
                    true => Which::Param(index),
                    false => Which::General(index),
                };
                Ok(handled(wanted))
            }
            R::EntityValue => {
                if !keep {
                    return Ok(Rest);
                }
                let place = self.open.is_empty().then_some(at + 1);
                self.begin_value(unquoted(part), part, place, Some((at, end)));
                // It goes to the default handler when the value is read, if it does.
                Ok(Handled)
            }
            R::EntitySystemId => {
                let base = self.base.clone();
                let noted = keep
                    && self
                        .with_declared(|e| {
                            e.system = Some(unquoted(part).into());
                            e.base = base;
                        })
                        .is_some();
                Ok(handled(noted && wanted))
            }
            R::EntityPublicId => {
                if let Some(bad) = bad_in_public_id(part) {
                    return self.fail_at(at + bad, error::PUBLICID);
                }
                let id = public_id(unquoted(part));
                let noted = keep && self.with_declared(|e| e.public = Some(id)).is_some();
                Ok(handled(noted && wanted))
            }
            R::EntityComplete => {
                let entity = self.with_declared(|e| e.clone()).filter(|_| keep);
                if let (true, Some(entity)) = (wanted, entity) {
                    self.push_entity(entity, None);
                    return Ok(Handled);
                }
                Ok(Rest)
            }
            _ => {
                if !keep {
                    return Ok(Rest);
                }
                let notation: Text = part.into();
                let entity = self.with_declared(|e| {
                    e.notation = Some(notation.clone());
                    e.clone()
                });
                let Some(entity) = entity else {
                    return Ok(Rest);
                };
                if self.has(handler::UNPARSED_ENTITY) {
                    self.push(Event::UnparsedEntity {
                        name: entity.name.unwrap_or_else(|| Text::from(&b""[..])),
                        base: entity.base,
                        system: entity.system,
                        public: entity.public,
                        notation,
                    });
                    return Ok(Handled);
                }
                if wanted {
                    self.push_entity(entity, None);
                }
                Ok(handled(wanted))
            }
        }
    }

    fn push_entity(&mut self, entity: Entity, value: Option<Text>) {
        let internal = value.is_some();
        self.push(Event::EntityDecl {
            name: entity.name.unwrap_or_else(|| Text::from(&b""[..])),
            is_param: entity.is_param,
            base: match internal {
                true => self.base.clone(),
                false => entity.base,
            },
            system: entity.system,
            public: entity.public,
            notation: entity.notation,
            value,
        });
    }

    /// The value of the entity that is being declared has been read. Says whether it was reported.
    pub(super) fn entity_value_read(&mut self, text: Text) -> bool {
        self.dtd.borrow_mut().bytes += text.len();
        let entity = self.with_declared(|e| {
            e.text = Some(text.clone());
            e.clone()
        });
        match entity {
            Some(entity) if self.has(handler::ENTITY_DECL) => {
                self.push_entity(entity, Some(text));
                true
            }
            _ => false,
        }
    }

    fn notation_role(&mut self, role: R, part: &[u8], at: usize) -> Result<Then, Code> {
        match role {
            R::NotationName => {
                let wanted = self.has(handler::NOTATION);
                self.decl.notation_public = None;
                self.decl.notation = wanted.then(|| part.into());
                Ok(handled(wanted))
            }
            R::NotationPublicId => {
                if let Some(bad) = bad_in_public_id(part) {
                    return self.fail_at(at + bad, error::PUBLICID);
                }
                if self.decl.notation.is_none() {
                    return Ok(Rest);
                }
                self.decl.notation_public = Some(public_id(unquoted(part)));
                Ok(Handled)
            }
            _ => {
                let system = (role == R::NotationSystemId).then(|| Text::from(unquoted(part)));
                let public = self.decl.notation_public.take();
                let enough = system.is_some() || public.is_some();
                match self.decl.notation.take() {
                    Some(name) if enough && self.has(handler::NOTATION) => {
                        self.push(Event::Notation {
                            name,
                            base: self.base.clone(),
                            system,
                            public,
                        });
                        Ok(Handled)
                    }
                    _ => Ok(Rest),
                }
            }
        }
    }

    fn attlist_role(&mut self, role: R, part: &[u8], at: usize) -> Result<Then, Code> {
        let wanted = self.has(handler::ATTLIST_DECL);
        let keep = self.keep();
        let decl = &mut self.decl;
        match role {
            R::AttlistElementName => {
                self.dtd.borrow_mut().element(part);
                decl.element = Some(part.into());
            }
            R::AttributeName => {
                decl.attribute = Some(part.into());
                decl.is_cdata = false;
                decl.is_id = false;
                decl.kind = None;
            }
            R::AttributeType(which) => {
                decl.is_cdata = which == 0;
                decl.is_id = which == 1;
                decl.kind = ATTRIBUTE_TYPES.get(which).map(|t| t.as_bytes().to_vec());
            }
            R::AttributeEnumValue | R::AttributeNotationValue => {
                if !(keep && wanted) {
                    return Ok(Rest);
                }
                let kind = match (&mut decl.kind, role) {
                    (Some(kind), _) => {
                        kind.push(b'|');
                        kind
                    }
                    (none, R::AttributeNotationValue) => none.insert(b"NOTATION(".to_vec()),
                    (none, _) => none.insert(b"(".to_vec()),
                };
                kind.extend_from_slice(part);
                return Ok(Handled);
            }
            _ => return self.attribute_complete(role, part, at),
        }
        Ok(handled(keep && wanted))
    }

    fn attribute_complete(&mut self, role: R, part: &[u8], at: usize) -> Result<Then, Code> {
        if !self.keep() {
            return Ok(Rest);
        }
        let (Some(element), Some(name)) = (self.decl.element.clone(), self.decl.attribute.clone())
        else {
            return Ok(Rest);
        };
        let value: Option<Text> = match role {
            R::AttributeDefault | R::AttributeFixed => {
                let place = self.open.is_empty().then_some(at + 1);
                let is_cdata = self.decl.is_cdata;
                let value = self.attribute_value(unquoted(part), place, is_cdata, true)?;
                Some(value.into())
            }
            _ => None,
        };
        {
            let mut dtd = self.dtd.borrow_mut();
            let index = dtd.element(&element);
            let attribute = Declared {
                name: name.clone(),
                is_cdata: self.decl.is_cdata,
                value: value.clone(),
            };
            dtd.define(index, attribute, self.decl.is_id);
        }
        if !self.has(handler::ATTLIST_DECL) {
            return Ok(Rest);
        }
        let Some(mut kind) = self.decl.kind.clone() else {
            return Ok(Rest);
        };
        if kind.starts_with(b"(") || kind.starts_with(b"NO") {
            kind.push(b')');
        }
        self.push(Event::AttlistDecl {
            element,
            attribute: name,
            kind: kind.into(),
            default: value,
            required: matches!(role, R::AttributeRequired | R::AttributeFixed),
        });
        Ok(Handled)
    }

    fn element_role(&mut self, role: R, part: &[u8]) -> Result<Then, Code> {
        let wanted = self.has(handler::ELEMENT_DECL);
        let level = self.prolog.level;
        let decl = &mut self.decl;
        let add = |decl: &mut Declaring, kind: u8, quantity: u8, name: Option<Text>| {
            let index = decl.parts.len();
            if let Some(group) = decl.groups.last().and_then(|&g| decl.parts.get_mut(g)) {
                group.children.push(index);
            }
            decl.parts.push(Part {
                kind,
                quantity,
                name,
                children: Vec::new(),
            });
            index
        };
        match role {
            R::ElementName => {
                if !wanted {
                    return Ok(Rest);
                }
                decl.element = Some(part.into());
                decl.parts.clear();
                decl.groups.clear();
                decl.in_model = true;
                return Ok(Handled);
            }
            R::ContentAny | R::ContentEmpty => {
                if decl.in_model {
                    let kind = if role == R::ContentAny {
                        dtd::ANY
                    } else {
                        dtd::EMPTY
                    };
                    add(decl, kind, 0, None);
                    return Ok(self.model_complete());
                }
                return Ok(Rest);
            }
            R::ContentPcdata => {
                let group = decl.groups.last().copied();
                if let Some(group) = group.and_then(|g| decl.parts.get_mut(g)) {
                    group.kind = dtd::MIXED;
                }
            }
            R::ContentElement(quantity) if decl.in_model => {
                let cut = (quantity != Quantity::One) as usize;
                let name = part.get(..part.len() - cut).unwrap_or_default();
                add(decl, dtd::NAME, quantity as u8, Some(name.into()));
            }
            R::GroupOpen => {
                if decl.connectors.len() <= level {
                    decl.connectors.resize(level + 1, 0);
                }
                decl.connectors[level] = 0;
                if decl.in_model {
                    let index = add(decl, dtd::SEQUENCE, 0, None);
                    decl.groups.push(index);
                }
            }
            R::GroupSequence | R::GroupChoice => {
                let sign = if role == R::GroupChoice { b'|' } else { b',' };
                let Some(connector) = decl.connectors.get_mut(level) else {
                    return Err(error::SYNTAX);
                };
                if *connector != 0 && *connector != sign {
                    return Err(error::SYNTAX);
                }
                *connector = sign;
                if sign == b'|' {
                    let group = decl.groups.last().copied();
                    if let Some(group) = group.and_then(|g| decl.parts.get_mut(g))
                        && group.kind != dtd::MIXED
                    {
                        group.kind = dtd::CHOICE;
                    }
                }
            }
            R::GroupClose(quantity) if decl.in_model => {
                let group = decl.groups.pop();
                if let Some(group) = group.and_then(|g| decl.parts.get_mut(g)) {
                    group.quantity |= quantity as u8;
                }
                if decl.groups.is_empty() {
                    return Ok(self.model_complete());
                }
            }
            _ => {}
        }
        Ok(handled(decl.in_model && wanted))
    }

    fn model_complete(&mut self) -> Then {
        self.decl.in_model = false;
        let model = std::mem::take(&mut self.decl.parts);
        match self.decl.element.clone() {
            Some(name) if self.has(handler::ELEMENT_DECL) => {
                self.push(Event::ElementDecl { name, model });
                Handled
            }
            _ => Rest,
        }
    }

    /// A reference to a parameter entity, between declarations or inside one.
    fn param_ref(&mut self, role: R, part: &[u8], end: usize) -> Result<Then, Code> {
        let name = part
            .get(1..part.len().saturating_sub(1))
            .unwrap_or_default();
        let (found, strict) = {
            let mut dtd = self.dtd.borrow_mut();
            dtd.has_param_refs = true;
            if self.param_parsing == NEVER {
                dtd.keep = dtd.standalone;
                drop(dtd);
                return self.not_standalone();
            }
            let found = dtd.params.find(name);
            let found = found.and_then(|i| Some((i, dtd.params.items.get(i)?.clone())));
            let strict = self.prolog.document && dtd.standalone && self.open.is_empty();
            (found, strict)
        };
        let Some((index, entity)) = found else {
            if strict {
                return Err(error::UNDEFINED_ENTITY);
            }
            {
                let mut dtd = self.dtd.borrow_mut();
                dtd.keep = dtd.standalone;
            }
            if role == R::ParamRef && self.has(handler::SKIPPED_ENTITY) {
                self.skipped_param(name);
                return Ok(Handled);
            }
            return Ok(Rest);
        };
        if strict && !entity.internal {
            return Err(error::ENTITY_DECLARED_IN_PE);
        }
        if entity.open {
            return Err(error::RECURSIVE_ENTITY_REF);
        }
        if entity.text.is_some() {
            match self.open.last_mut() {
                Some(open) => open.at = end,
                None => self.at = end,
            }
            self.open_entity(index, true, role == R::ParamRef);
            return Ok(Then::Opened);
        }
        if !self.has(handler::EXTERNAL_ENTITY) {
            let mut dtd = self.dtd.borrow_mut();
            dtd.keep = dtd.standalone;
            return Ok(Rest);
        }
        self.dtd.borrow_mut().param_read = false;
        self.set_param_open(index, true);
        self.ask(None, &entity, After::ParamRef(index));
        Ok(Asked)
    }

    /// Asks whether a document that depends on declarations elsewhere may go on.
    fn not_standalone(&mut self) -> Result<Then, Code> {
        if self.dtd.borrow().standalone || !self.has(handler::NOT_STANDALONE) {
            return Ok(Rest);
        }
        self.push(Event::NotStandalone);
        self.after = Some(After::NotStandalone(None));
        Ok(Rest)
    }
}
