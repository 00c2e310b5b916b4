//! Elements, text and references: the steps of a parser between the prolog and the end.
//!
//! CPython: `doContent`, `storeAtts`, `addBinding`, `doCdataSection`, `epilogProcessor` of Modules/expat/xmlparse.c.

use super::dtd::Text;
use super::token::{Token as T, char_ref_number, is_space, predefined};
use super::{
    After, Binding, Code, Event, Expat, Flow, Open, Phase, Span, Tag, XML, error, handler,
};
use std::collections::HashSet;

const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Whether RFC 3986 allows the character in a URI.
fn in_uri(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"%-._~:/?#[]@!$&'()*+,;=".contains(&b)
}

/// The names of an attribute while a tag is read.
struct Attribute {
    name: Span,
    value: Span,
    /// Where the name begins in the text, if it does.
    at: Option<usize>,
}

impl Expat {
    /// The start of an external general entity: a byte order mark, a text declaration.
    pub(super) fn entity_start(&mut self, text: &[u8], at: usize) -> Result<Flow, Code> {
        let found = self.cut(self.scan(text).content(at));
        let bom = at == 0 && text.starts_with("\u{feff}".as_bytes());
        if bom {
            self.account(3, false)?;
            self.advance(3);
            return Ok(Flow::More);
        }
        match found.token {
            T::XmlDecl => {
                self.account(found.end - at, false)?;
                self.phase = Phase::Content;
                self.xml_declaration(text, at, found.end, true)?;
                self.advance(found.end);
                Ok(Flow::More)
            }
            T::Partial | T::PartialChar if self.last => {
                self.event = Some(at);
                match found.token {
                    T::Partial => Err(error::UNCLOSED_TOKEN),
                    _ => Err(error::PARTIAL_CHAR),
                }
            }
            T::Partial | T::PartialChar => Ok(Flow::Wait),
            _ => {
                self.phase = Phase::Content;
                Ok(Flow::More)
            }
        }
    }

    /// The level of elements at which the text being read began.
    fn floor(&self) -> usize {
        self.open.last().map_or(self.base_level, |o| o.level)
    }

    fn level(&self) -> usize {
        self.base_level + self.tags.len()
    }

    fn data(&mut self, text: &[u8], start: usize, end: usize) {
        if self.has(handler::DATA) {
            self.in_parts(text, start, end, Event::Data);
        } else {
            self.default(text, start, end);
        }
    }

    /// Text that stands otherwise in the input, at `start..end`.
    fn data_as(&mut self, data: &[u8], text: &[u8], start: usize, end: usize) {
        if self.has(handler::DATA) {
            let span = self.note(data);
            self.push(Event::Data(span));
        } else {
            self.default(text, start, end);
        }
    }

    /// The end of the text being read, where it is the last.
    fn content_end(&mut self, end: usize) -> Result<Flow, Code> {
        let floor = self.floor();
        if floor == 0 && self.open.is_empty() {
            return Err(error::NO_ELEMENTS);
        }
        if self.level() != floor {
            return Err(error::ASYNC_ENTITY);
        }
        self.advance(end);
        if self.open.is_empty() {
            return Ok(Flow::Wait);
        }
        self.close_entity();
        Ok(Flow::More)
    }

    /// Ends the innermost expansion.
    pub(super) fn close_entity(&mut self) {
        if let Some(open) = self.open.pop() {
            let mut dtd = self.dtd.borrow_mut();
            let table = match open.is_param {
                true => &mut dtd.params,
                false => &mut dtd.general,
            };
            if let Some(entity) = table.items.get_mut(open.entity) {
                entity.open = false;
            }
        }
    }

    /// Begins to expand an internal entity.
    pub(super) fn open_entity(&mut self, entity: usize, is_param: bool, between: bool) {
        let level = self.level();
        let text = {
            let mut dtd = self.dtd.borrow_mut();
            let table = match is_param {
                true => &mut dtd.params,
                false => &mut dtd.general,
            };
            let Some(entity) = table.items.get_mut(entity) else {
                return;
            };
            let Some(text) = entity.text.clone() else {
                return;
            };
            entity.open = true;
            text
        };
        self.open.push(Open {
            text,
            at: 0,
            entity,
            is_param,
            level,
            between,
        });
    }

    /// One token between tags.
    pub(super) fn content_step(&mut self, text: &[u8], at: usize) -> Result<Flow, Code> {
        let found = self.cut(self.scan(text).content(at));
        let end = found.end;
        match found.token {
            T::Empty | T::TrailingCr | T::TrailingRsqb if self.more() => return Ok(Flow::Wait),
            T::Empty => return self.content_end(at),
            T::TrailingCr => {
                self.data_as(b"\n", text, at, text.len());
                return self.content_end(text.len());
            }
            T::TrailingRsqb => {
                self.data(text, at, text.len());
                let result = self.content_end(text.len());
                if result.is_err() && self.open.is_empty() {
                    self.event = Some(text.len());
                }
                return result;
            }
            _ => {}
        }
        if let Some(result) = self.no_token(found) {
            return result;
        }
        self.account(end - at, !self.open.is_empty())?;
        match found.token {
            T::Data => self.data(text, at, end),
            T::Newline => self.data_as(b"\n", text, at, end),
            T::StartTag | T::EmptyElement => {
                self.start_tag(text, at, end, found.token == T::EmptyElement)?
            }
            T::EndTag => self.end_tag(text, at, end)?,
            T::EntityRef => {
                let expanded = self.entity_ref(text, at, end)?;
                if expanded {
                    return Ok(Flow::More);
                }
            }
            T::CharRef => {
                let n = char_ref_number(text.get(at..end).unwrap_or_default());
                let Some(c) = n.and_then(char::from_u32) else {
                    return Err(error::BAD_CHAR_REF);
                };
                self.data_as(c.encode_utf8(&mut [0; 4]).as_bytes(), text, at, end);
            }
            T::XmlDecl => return Err(error::MISPLACED_XML_PI),
            T::CdataOpen => {
                match self.has(handler::START_CDATA) {
                    true => self.push(Event::StartCdata),
                    false => self.default(text, at, end),
                }
                self.phase = Phase::Cdata;
            }
            T::Pi => self.instruction(text, at, end),
            T::Comment => self.comment(text, at, end),
            _ => self.default(text, at, end),
        }
        self.advance(end);
        Ok(Flow::More)
    }

    pub(super) fn instruction(&mut self, text: &[u8], at: usize, end: usize) {
        if !self.has(handler::PI) {
            return self.default(text, at, end);
        }
        let name = self.scan(text).name_at(at + 2);
        let target = self.note(name);
        let mut start = at + 2 + name.len();
        while text.get(start).copied().is_some_and(is_space) {
            start += 1;
        }
        let data = self.note_lines(text.get(start..end - 2).unwrap_or_default());
        self.push(Event::Pi { target, data });
    }

    pub(super) fn comment(&mut self, text: &[u8], at: usize, end: usize) {
        if !self.has(handler::COMMENT) {
            return self.default(text, at, end);
        }
        let data = self.note_lines(text.get(at + 4..end - 3).unwrap_or_default());
        self.push(Event::Comment(data));
    }

    /// A reference to a general entity; true if its text is to be read next.
    fn entity_ref(&mut self, text: &[u8], at: usize, end: usize) -> Result<bool, Code> {
        let name = text.get(at + 1..end - 1).unwrap_or_default();
        if let Some(c) = predefined(name) {
            self.account(1, true)?;
            self.data_as(&[c], text, at, end);
            return Ok(false);
        }
        let (index, entity, strict) = {
            let dtd = self.dtd.borrow();
            let index = dtd.general.find(name);
            let entity = index.and_then(|i| dtd.general.items.get(i).cloned());
            (index, entity, !dtd.has_param_refs || dtd.standalone)
        };
        let (Some(index), Some(entity)) = (index, entity) else {
            if strict {
                return Err(error::UNDEFINED_ENTITY);
            }
            self.skipped(name, text, at, end);
            return Ok(false);
        };
        if strict && !entity.internal {
            return Err(error::ENTITY_DECLARED_IN_PE);
        }
        if entity.open {
            return Err(error::RECURSIVE_ENTITY_REF);
        }
        if entity.notation.is_some() {
            return Err(error::BINARY_ENTITY_REF);
        }
        if entity.text.is_some() {
            if !self.expand {
                self.skipped(name, text, at, end);
                return Ok(false);
            }
            // The event stays at the reference while the entity is read.
            match self.open.last_mut() {
                Some(open) => open.at = end,
                None => self.at = end,
            }
            self.open_entity(index, false, false);
            return Ok(true);
        }
        if !self.has(handler::EXTERNAL_ENTITY) {
            self.default(text, at, end);
            return Ok(false);
        }
        self.set_open(index, true);
        let context = self.context();
        self.set_open(index, false);
        self.ask(Some(context), &entity, After::ExternalEntity);
        match self.open.last_mut() {
            Some(open) => open.at = end,
            None => self.at = end,
        }
        Ok(true)
    }

    fn set_open(&mut self, entity: usize, open: bool) {
        if let Some(e) = self.dtd.borrow_mut().general.items.get_mut(entity) {
            e.open = open;
        }
    }

    fn skipped(&mut self, name: &[u8], text: &[u8], at: usize, end: usize) {
        if self.has(handler::SKIPPED_ENTITY) {
            self.push(Event::SkippedEntity {
                name: name.into(),
                is_param: false,
            });
        } else {
            self.default(text, at, end);
        }
    }

    /// One token of a CDATA section.
    pub(super) fn cdata_step(&mut self, text: &[u8], at: usize) -> Result<Flow, Code> {
        let found = self.cut(self.scan(text).cdata(at));
        if matches!(found.token, T::Partial | T::Empty) && !self.more() {
            return Err(error::UNCLOSED_CDATA_SECTION);
        }
        if let Some(result) = self.no_token(found) {
            return result;
        }
        self.account(found.end - at, !self.open.is_empty())?;
        match found.token {
            T::CdataClose => {
                match self.has(handler::END_CDATA) {
                    true => self.push(Event::EndCdata),
                    false => self.default(text, at, found.end),
                }
                self.phase = Phase::Content;
            }
            T::Newline => self.data_as(b"\n", text, at, found.end),
            _ => self.data(text, at, found.end),
        }
        self.advance(found.end);
        Ok(Flow::More)
    }

    /// One token behind the document's element.
    pub(super) fn epilog_step(&mut self, text: &[u8], at: usize) -> Result<Flow, Code> {
        let found = self.cut(self.scan(text).prolog(at));
        match found.token {
            T::Empty => return Ok(Flow::Wait),
            T::Space => {
                self.account(found.end - at, false)?;
                self.default(text, at, found.end);
            }
            T::Pi => {
                self.account(found.end - at, false)?;
                self.instruction(text, at, found.end)
            }
            T::Comment => {
                self.account(found.end - at, false)?;
                self.comment(text, at, found.end)
            }
            _ => {
                return match self.no_token(found) {
                    Some(result) => result,
                    None => Err(error::JUNK_AFTER_DOC_ELEMENT),
                };
            }
        }
        self.advance(found.end);
        Ok(Flow::More)
    }

    fn start_tag(&mut self, text: &[u8], at: usize, end: usize, empty: bool) -> Result<(), Code> {
        let raw = self.scan(text).name_at(at + 1);
        let bindings = self.bindings.len();
        let read = self.read_attributes(text, at + 1 + raw.len(), end, raw);
        let read = read.and_then(|specified| Ok((specified, self.element_name(raw)?)));
        if read.is_err() && empty {
            self.unbind(bindings);
        }
        let (specified, name) = read?;
        let top = self.tags.last().map_or(0, |t| (t.raw.1).max(t.name.1));
        self.names.truncate(top);
        self.names.extend_from_slice(raw);
        let raw_range = (top, self.names.len());
        let name_range = match self.separator {
            None => raw_range,
            Some(_) => {
                let expanded = self.notes.get(name.start..name.end).unwrap_or_default();
                let start = self.names.len();
                self.names.extend_from_slice(expanded);
                (start, start + expanded.len())
            }
        };
        let started = self.has(handler::START_ELEMENT);
        if started {
            self.push(Event::StartElement { name, specified });
        }
        if !empty {
            if !started {
                self.default(text, at, end);
            }
            self.tags.push(Tag {
                raw: raw_range,
                name: name_range,
                bindings,
            });
            return Ok(());
        }
        if started || self.has(handler::END_ELEMENT) {
            if started && self.has(handler::END_ELEMENT) && self.open.is_empty() {
                self.event = Some(end);
            }
            self.push(Event::EndElement { name });
        } else {
            self.default(text, at, end);
        }
        self.unbind(bindings);
        self.after_element();
        Ok(())
    }

    fn after_element(&mut self) {
        if self.level() == 0 {
            self.phase = Phase::Epilog;
        }
    }

    fn end_tag(&mut self, text: &[u8], at: usize, end: usize) -> Result<(), Code> {
        if self.level() == self.floor() {
            return Err(error::ASYNC_ENTITY);
        }
        let Some(tag) = self.tags.pop() else {
            return Err(error::ASYNC_ENTITY);
        };
        let raw = self.names.get(tag.raw.0..tag.raw.1).unwrap_or_default();
        if raw != self.scan(text).name_at(at + 2) {
            return self.fail_at(at + 2, error::TAG_MISMATCH);
        }
        if self.has(handler::END_ELEMENT) {
            let start = self.notes.len();
            let Expat { notes, names, .. } = self;
            notes.extend_from_slice(names.get(tag.name.0..tag.name.1).unwrap_or_default());
            let name = Span {
                notes: true,
                start,
                end: notes.len(),
            };
            self.push(Event::EndElement { name });
        } else {
            self.default(text, at, end);
        }
        self.unbind(tag.bindings);
        self.after_element();
        Ok(())
    }

    /// The name under which an element is reported: with its namespace.
    fn element_name(&mut self, raw: &[u8]) -> Result<Span, Code> {
        if self.separator.is_none() {
            return Ok(self.note(raw));
        }
        let (prefix, local) = match raw.iter().position(|&b| b == b':') {
            Some(colon) => (raw.get(..colon), raw.get(colon + 1..).unwrap_or_default()),
            None => (None, raw),
        };
        let uri = self.namespace(prefix.unwrap_or_default());
        match uri {
            Some(uri) => Ok(self.expand_name(&uri, local, prefix)),
            None if prefix.is_some() => Err(error::UNBOUND_PREFIX),
            None => Ok(self.note(raw)),
        }
    }

    fn expand_name(&mut self, uri: &[u8], local: &[u8], prefix: Option<&[u8]>) -> Span {
        let separator = self.separator.filter(|&s| s != 0);
        let start = self.notes.len();
        self.notes.extend_from_slice(uri);
        self.notes.extend(separator);
        self.notes.extend_from_slice(local);
        if let (true, Some(separator), Some(prefix)) = (self.triplets, separator, prefix) {
            self.notes.push(separator);
            self.notes.extend_from_slice(prefix);
        }
        Span {
            notes: true,
            start,
            end: self.notes.len(),
        }
    }

    /// The attributes of a tag, whose text has been checked, with those that the DTD adds. Gives how many were written.
    fn read_attributes(
        &mut self,
        text: &[u8],
        mut at: usize,
        end: usize,
        element: &[u8],
    ) -> Result<usize, Code> {
        self.attributes.clear();
        self.id_attribute = None;
        let declared = {
            let dtd = self.dtd.borrow();
            let element = dtd.elements.find(element);
            element.and_then(|e| dtd.elements.items.get(e)).cloned()
        };
        let byte = |at: usize| text.get(at).copied().unwrap_or(b'>');
        let mut list: Vec<Attribute> = Vec::new();
        loop {
            while is_space(byte(at)) {
                at += 1;
            }
            if matches!(byte(at), b'>' | b'/') || at >= end {
                break;
            }
            let raw = self.scan(text).name_at(at);
            let name_at = at;
            at += raw.len();
            while byte(at) != b'"' && byte(at) != b'\'' && at < end {
                at += 1;
            }
            let quote = byte(at);
            at += 1;
            let start = at;
            let rest = text.get(start..end).unwrap_or_default();
            at += memchr::memchr(quote, rest).unwrap_or(rest.len());
            let value = text.get(start..at).unwrap_or_default();
            let is_cdata = declared.as_ref().is_none_or(|d| {
                let found = d.attributes.iter().find(|a| &a.name[..] == raw);
                found.is_none_or(|a| a.is_cdata)
            });
            let special = |b: &u8| matches!(b, b'&' | b'\t' | b'\n' | b'\r');
            let value = if is_cdata && !value.iter().any(special) {
                self.span(text, start, at)
            } else {
                let place = self.open.is_empty().then_some(start);
                let made = self.attribute_value(value, place, is_cdata, false)?;
                self.note(&made)
            };
            at += 1;
            let name = self.span(text, name_at, name_at + raw.len());
            list.push(Attribute {
                name,
                value,
                at: Some(name_at),
            });
        }
        self.no_duplicates(text, &list)?;
        let written = list.len();
        if let Some(declared) = &declared {
            let names: HashSet<Vec<u8>> = list
                .iter()
                .map(|a| self.bytes_in(text, a.name).to_vec())
                .collect();
            for attribute in &declared.attributes {
                let Some(value) = &attribute.value else {
                    continue;
                };
                if !names.contains(&attribute.name[..]) {
                    let (name, value) = (self.note(&attribute.name), self.note(value));
                    list.push(Attribute {
                        name,
                        value,
                        at: None,
                    });
                }
            }
        }
        if self.separator.is_none() {
            self.attributes
                .extend(list.iter().map(|a| (a.name, a.value)));
            return Ok(written);
        }
        self.qualify(text, &list, written)
    }

    /// As [`Expat::bytes`] while the input's text is lent.
    fn bytes_in<'t>(&'t self, text: &'t [u8], span: Span) -> &'t [u8] {
        let from = if span.notes { &self.notes[..] } else { text };
        from.get(span.start..span.end).unwrap_or_default()
    }

    fn no_duplicates(&mut self, text: &[u8], list: &[Attribute]) -> Result<(), Code> {
        let duplicate = if list.len() <= 8 {
            (1..list.len()).find(|&i| {
                let name = |a: &Attribute| self.bytes_in(text, a.name);
                let (before, rest) = list.split_at(i);
                rest.first()
                    .is_some_and(|a| before.iter().any(|b| name(a) == name(b)))
            })
        } else {
            let mut seen = HashSet::new();
            (0..list.len()).find(|&i| {
                list.get(i)
                    .is_some_and(|a| !seen.insert(self.bytes_in(text, a.name)))
            })
        };
        match duplicate.and_then(|i| list.get(i)).and_then(|a| a.at) {
            None => Ok(()),
            Some(at) => self.fail_at(at, error::DUPLICATE_ATTRIBUTE),
        }
    }

    /// Declares the namespaces among a tag's attributes, and gives the others the names of theirs.
    fn qualify(&mut self, text: &[u8], list: &[Attribute], written: usize) -> Result<usize, Code> {
        let mut specified = 0;
        let mut rest: Vec<(usize, Option<usize>)> = Vec::new();
        for (i, attribute) in list.iter().enumerate() {
            let name = self.bytes_in(text, attribute.name).to_vec();
            let prefix = match name.strip_prefix(b"xmlns") {
                Some(b"") => Some(&b""[..]),
                Some([b':', prefix @ ..]) => Some(prefix),
                _ => None,
            };
            match prefix {
                Some(prefix) => {
                    let uri = self.bytes_in(text, attribute.value).to_vec();
                    self.bind(prefix, &uri)?;
                }
                None => {
                    specified += (i < written) as usize;
                    rest.push((i, name.iter().position(|&b| b == b':')));
                }
            }
        }
        let mut seen: HashSet<(Text, Vec<u8>)> = HashSet::new();
        for (i, colon) in rest {
            let Some(attribute) = list.get(i) else {
                continue;
            };
            let name = match colon {
                None => attribute.name,
                Some(colon) => {
                    let raw = self.bytes_in(text, attribute.name).to_vec();
                    let (prefix, local) = (&raw[..colon], &raw[colon + 1..]);
                    let Some(uri) = self.namespace(prefix) else {
                        return Err(error::UNBOUND_PREFIX);
                    };
                    if !seen.insert((uri.clone(), local.to_vec())) {
                        return Err(error::DUPLICATE_ATTRIBUTE);
                    }
                    self.expand_name(&uri, local, Some(prefix))
                }
            };
            self.attributes.push((name, attribute.value));
        }
        Ok(specified)
    }

    /// Lets a prefix stand for a namespace, for the element whose tag is read.
    fn bind(&mut self, name: &[u8], uri: &[u8]) -> Result<(), Code> {
        if uri.is_empty() && !name.is_empty() {
            return Err(error::UNDECLARING_PREFIX);
        }
        if name == b"xmlns" {
            return Err(error::RESERVED_PREFIX_XMLNS);
        }
        let is_xml = uri == XML.as_bytes();
        if let Some(separator) = self.separator.filter(|&s| s != 0)
            && uri.contains(&separator)
            && !in_uri(separator)
        {
            return Err(error::SYNTAX);
        }
        if is_xml != (name == b"xml") {
            return Err(match name {
                b"xml" => error::RESERVED_PREFIX_XML,
                _ => error::RESERVED_NAMESPACE_URI,
            });
        }
        if uri == XMLNS.as_bytes() {
            return Err(error::RESERVED_NAMESPACE_URI);
        }
        let prefix = self.prefix(name);
        let uri: Option<Text> = (!uri.is_empty()).then(|| uri.into());
        if let Some((name, bound)) = self.prefixes.items.get_mut(prefix) {
            let name = name.clone();
            let before = std::mem::replace(bound, uri.clone());
            self.bindings.push(Binding { prefix, before });
            if self.has(handler::START_NAMESPACE) {
                self.push(Event::StartNamespace {
                    prefix: (!name.is_empty()).then_some(name),
                    uri,
                });
            }
        }
        Ok(())
    }

    /// Ends the namespaces that an element declared.
    fn unbind(&mut self, to: usize) {
        while self.bindings.len() > to {
            let Some(binding) = self.bindings.pop() else {
                return;
            };
            if let Some((name, bound)) = self.prefixes.items.get_mut(binding.prefix) {
                let name = name.clone();
                *bound = binding.before;
                if self.has(handler::END_NAMESPACE) {
                    self.push(Event::EndNamespace {
                        prefix: (!name.is_empty()).then_some(name),
                    });
                }
            }
        }
    }
}
