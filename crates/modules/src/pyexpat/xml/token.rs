//! The tokens of XML: one function for each place where the rules differ (content, prolog, CDATA, values).
//!
//! A function looks at the text from a place on and tells which token begins there and where it ends, or that the text ends
//! first, or where it breaks the rules. Nothing is kept between calls: a token that is cut is looked at again from its
//! start when there is more text. CPython: Modules/expat/xmltok_impl.c, whose places of errors are kept exactly.

use super::chars::{
    Char, INNER_NAMESPACES, INNER_PLAIN, Kind, NAMESPACES, PLAIN, begins_name, long_char,
    within_name,
};

/// What a look at the text found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Token {
    // No token, or not the whole of one.
    Empty,
    TrailingRsqb,
    TrailingCr,
    PartialChar,
    Partial,
    Invalid,
    // Content.
    StartTag,
    EmptyElement,
    EndTag,
    Data,
    Newline,
    CdataOpen,
    CdataClose,
    EntityRef,
    CharRef,
    // Both.
    Pi,
    XmlDecl,
    Comment,
    Bom,
    // The prolog.
    Space,
    DeclOpen,
    DeclClose,
    Name,
    PrefixedName,
    Nmtoken,
    PoundName,
    Or,
    Percent,
    ParenOpen,
    ParenClose,
    ParenCloseOpt,
    ParenCloseRep,
    ParenClosePlus,
    BracketOpen,
    BracketClose,
    Literal,
    ParamRef,
    InstanceStart,
    NameOpt,
    NameRep,
    NamePlus,
    SectionOpen,
    SectionClose,
    Comma,
    // Values and sections.
    ValueSpace,
    IgnoreSection,
}

use Token as T;

/// A token, where it ends (or where the error is), and whether more text could still lengthen it.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub token: Token,
    pub end: usize,
    pub open: bool,
}

fn found(token: Token, end: usize) -> Found {
    Found {
        token,
        end,
        open: false,
    }
}

fn open(token: Token, end: usize) -> Found {
    Found {
        token,
        end,
        open: true,
    }
}

fn invalid(at: usize) -> Found {
    found(T::Invalid, at)
}

/// The whitespace of XML.
pub fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// A text and how colons count in it.
#[derive(Clone, Copy)]
pub struct Scan<'a> {
    text: &'a [u8],
    kinds: &'static [Kind; 256],
}

/// The text ended before the token did.
macro_rules! need {
    ($s:expr, $at:expr) => {
        match $s.text.get($at) {
            Some(&b) => b,
            None => return found(T::Partial, $at),
        }
    };
}

/// Steps over the first character of a name.
macro_rules! name_start {
    ($s:expr, $at:expr) => {
        match $s.kind(need!($s, $at)) {
            Kind::NameStart | Kind::Hex => $at += 1,
            Kind::Lead => match long_char($s.text, $at) {
                Char::Whole(c, width) if begins_name(c) => $at += width,
                Char::Cut => return found(T::PartialChar, $at),
                _ => return invalid($at),
            },
            _ => return invalid($at),
        }
    };
}

impl<'a> Scan<'a> {
    /// `namespaces`: a colon is no part of a name but separates two.
    pub fn new(text: &'a [u8], namespaces: bool) -> Scan<'a> {
        let kinds = if namespaces { &NAMESPACES } else { &PLAIN };
        Scan { text, kinds }
    }

    /// The same for the text of an entity.
    pub fn inner(text: &'a [u8], namespaces: bool) -> Scan<'a> {
        let kinds = match namespaces {
            true => &INNER_NAMESPACES,
            false => &INNER_PLAIN,
        };
        Scan { text, kinds }
    }

    fn kind(&self, b: u8) -> Kind {
        self.kinds[b as usize]
    }

    /// The kind of the byte at `at`, if the text goes that far.
    fn peek(&self, at: usize) -> Option<Kind> {
        self.text.get(at).map(|&b| self.kind(b))
    }

    /// Steps over the rest of a name; the end of the text ends it too.
    fn name(&self, mut at: usize) -> Result<usize, Found> {
        while let Some(&b) = self.text.get(at) {
            match self.kind(b) {
                Kind::NameStart | Kind::Hex | Kind::Digit | Kind::Name | Kind::Minus => at += 1,
                Kind::Lead => match long_char(self.text, at) {
                    Char::Whole(c, width) if within_name(c) => at += width,
                    Char::Cut => return Err(found(T::PartialChar, at)),
                    _ => return Err(invalid(at)),
                },
                _ => break,
            }
        }
        Ok(at)
    }

    /// Steps over any one character that XML allows.
    fn any(&self, at: usize) -> Result<usize, Found> {
        match self.peek(at) {
            None => Err(found(T::Partial, at)),
            Some(Kind::NonXml | Kind::Bad) => Err(invalid(at)),
            Some(Kind::Lead) => match long_char(self.text, at) {
                Char::Whole(_, width) => Ok(at + width),
                Char::Cut => Err(found(T::PartialChar, at)),
                Char::Invalid => Err(invalid(at)),
            },
            Some(_) => Ok(at + 1),
        }
    }

    fn either(result: Result<Found, Found>) -> Found {
        match result {
            Ok(found) | Err(found) => found,
        }
    }

    /// The rest of a comment, after `<!-`.
    fn comment(&self, mut at: usize) -> Result<Found, Found> {
        match self.text.get(at) {
            None => return Ok(found(T::Partial, at)),
            Some(b'-') => at += 1,
            Some(_) => return Ok(invalid(at)),
        }
        loop {
            let dash = self.text.get(at) == Some(&b'-');
            at = self.any(at)?;
            if dash && self.text.get(at) == Some(&b'-') {
                at += 1;
                return Ok(match self.text.get(at) {
                    None => found(T::Partial, at),
                    Some(b'>') => found(T::Comment, at + 1),
                    Some(_) => invalid(at),
                });
            }
            if dash && at >= self.text.len() {
                return Ok(found(T::Partial, at));
            }
        }
    }

    /// The rest of `<!NAME`, or of a comment or conditional section, after `<!`.
    fn declaration(&self, mut at: usize) -> Found {
        match self.kind(need!(self, at)) {
            Kind::Minus => return Scan::either(self.comment(at + 1)),
            Kind::Lsqb => return found(T::SectionOpen, at + 1),
            Kind::NameStart | Kind::Hex => at += 1,
            _ => return invalid(at),
        }
        loop {
            match self.kind(need!(self, at)) {
                // No `<!ENTITY% name "text">`.
                Kind::Percent => {
                    let after = self.kind(need!(self, at + 1));
                    let spaced = [Kind::Space, Kind::Cr, Kind::Lf, Kind::Percent];
                    return match spaced.contains(&after) {
                        true => invalid(at),
                        false => found(T::DeclOpen, at),
                    };
                }
                Kind::Space | Kind::Cr | Kind::Lf => return found(T::DeclOpen, at),
                Kind::NameStart | Kind::Hex => at += 1,
                _ => return invalid(at),
            }
        }
    }

    /// Whether a target is allowed, and which token it makes: `xml` only in small letters.
    fn target(&self, from: usize, to: usize) -> Option<Token> {
        let name = self.text.get(from..to).unwrap_or_default();
        match name {
            b"xml" => Some(T::XmlDecl),
            _ if name.eq_ignore_ascii_case(b"xml") => None,
            _ => Some(T::Pi),
        }
    }

    /// The rest of a processing instruction, after `<?`.
    fn instruction(&self, mut at: usize) -> Found {
        let start = at;
        name_start!(self, at);
        at = match self.name(at) {
            Ok(at) => at,
            Err(found) => return found,
        };
        match self.kind(need!(self, at)) {
            Kind::Space | Kind::Cr | Kind::Lf => {
                let Some(token) = self.target(start, at) else {
                    return invalid(at);
                };
                at += 1;
                loop {
                    let quest = need!(self, at) == b'?';
                    at = match self.any(at) {
                        Ok(at) => at,
                        Err(found) => return found,
                    };
                    if quest && need!(self, at) == b'>' {
                        return found(token, at + 1);
                    }
                }
            }
            Kind::Quest => {
                let Some(token) = self.target(start, at) else {
                    return invalid(at);
                };
                at += 1;
                match need!(self, at) {
                    b'>' => found(token, at + 1),
                    _ => invalid(at),
                }
            }
            _ => invalid(at),
        }
    }

    fn char_ref(&self, mut at: usize) -> Found {
        let hex = need!(self, at) == b'x';
        at += hex as usize;
        let start = at;
        loop {
            match self.kind(need!(self, at)) {
                Kind::Digit => at += 1,
                Kind::Hex if hex => at += 1,
                Kind::Semi if at > start => return found(T::CharRef, at + 1),
                _ => return invalid(at),
            }
        }
    }

    /// The rest of a reference, after `&`.
    fn reference(&self, mut at: usize) -> Found {
        if need!(self, at) == b'#' {
            return self.char_ref(at + 1);
        }
        name_start!(self, at);
        at = match self.name(at) {
            Ok(at) => at,
            Err(found) => return found,
        };
        match need!(self, at) {
            b';' => found(T::EntityRef, at + 1),
            _ => invalid(at),
        }
    }

    fn end_tag(&self, mut at: usize) -> Found {
        name_start!(self, at);
        loop {
            at = match self.name(at) {
                Ok(at) => at,
                Err(found) => return found,
            };
            match self.kind(need!(self, at)) {
                // Whatever the colons: the start tag has been checked, and this must be the same.
                Kind::Colon => at += 1,
                Kind::Gt => return found(T::EndTag, at + 1),
                Kind::Space | Kind::Cr | Kind::Lf => break,
                _ => return invalid(at),
            }
        }
        loop {
            at += 1;
            match self.kind(need!(self, at)) {
                Kind::Space | Kind::Cr | Kind::Lf => {}
                Kind::Gt => return found(T::EndTag, at + 1),
                _ => return invalid(at),
            }
        }
    }

    /// The name of an element or attribute, from its second character: at most one colon, with a name behind it.
    fn qualified(&self, mut at: usize) -> Result<usize, Found> {
        at = self.name(at)?;
        if self.peek(at) != Some(Kind::Colon) {
            return Ok(at);
        }
        at += 1;
        let begun = |mut at: usize| -> Found {
            name_start!(self, at);
            found(T::Name, at)
        };
        match begun(at) {
            Found {
                token: T::Name,
                end,
                ..
            } => self.name(end),
            other => Err(other),
        }
    }

    fn tag_end(&self, at: usize) -> Found {
        match need!(self, at) {
            b'>' => found(T::StartTag, at + 1),
            _ => match need!(self, at + 1) {
                b'>' => found(T::EmptyElement, at + 2),
                _ => invalid(at + 1),
            },
        }
    }

    fn is_blank(kind: Kind) -> bool {
        matches!(kind, Kind::Space | Kind::Cr | Kind::Lf)
    }

    /// The attributes of a tag and its end; `at` is at the first name's second character.
    fn attributes(&self, mut at: usize) -> Found {
        loop {
            at = match self.qualified(at) {
                Ok(at) => at,
                Err(found) => return found,
            };
            while Scan::is_blank(self.kind(need!(self, at))) {
                at += 1;
            }
            if need!(self, at) != b'=' {
                return invalid(at);
            }
            at += 1;
            while Scan::is_blank(self.kind(need!(self, at))) {
                at += 1;
            }
            let quote = need!(self, at);
            if quote != b'"' && quote != b'\'' {
                return invalid(at);
            }
            at += 1;
            loop {
                let b = need!(self, at);
                if b == quote {
                    break;
                }
                match self.kind(b) {
                    Kind::Amp => {
                        let reference = self.reference(at + 1);
                        if !matches!(reference.token, T::EntityRef | T::CharRef) {
                            return reference;
                        }
                        at = reference.end;
                    }
                    Kind::Lt => return invalid(at),
                    _ => match self.any(at) {
                        Ok(next) => at = next,
                        Err(found) => return found,
                    },
                }
            }
            at += 1;
            match self.kind(need!(self, at)) {
                Kind::Slash | Kind::Gt => return self.tag_end(at),
                Kind::Space | Kind::Cr | Kind::Lf => at += 1,
                _ => return invalid(at),
            }
            while Scan::is_blank(self.kind(need!(self, at))) {
                at += 1;
            }
            if matches!(self.peek(at), Some(Kind::Slash | Kind::Gt)) {
                return self.tag_end(at);
            }
            name_start!(self, at);
        }
    }

    /// What begins with `<`, which lies before `at`.
    fn markup(&self, mut at: usize) -> Found {
        match self.kind(need!(self, at)) {
            Kind::Excl => {
                at += 1;
                return match self.kind(need!(self, at)) {
                    Kind::Minus => Scan::either(self.comment(at + 1)),
                    Kind::Lsqb => self.cdata_open(at + 1),
                    _ => invalid(at),
                };
            }
            Kind::Quest => return self.instruction(at + 1),
            Kind::Slash => return self.end_tag(at + 1),
            _ => {}
        }
        name_start!(self, at);
        at = match self.qualified(at) {
            Ok(at) => at,
            Err(found) => return found,
        };
        match self.kind(need!(self, at)) {
            Kind::Slash | Kind::Gt => return self.tag_end(at),
            Kind::Space | Kind::Cr | Kind::Lf => at += 1,
            _ => return invalid(at),
        }
        while Scan::is_blank(self.kind(need!(self, at))) {
            at += 1;
        }
        if matches!(self.peek(at), Some(Kind::Slash | Kind::Gt)) {
            return self.tag_end(at);
        }
        name_start!(self, at);
        self.attributes(at)
    }

    fn cdata_open(&self, at: usize) -> Found {
        const REST: &[u8] = b"CDATA[";
        if self.text.len() < at + REST.len() {
            return found(T::Partial, at);
        }
        for (i, b) in REST.iter().enumerate() {
            if self.text.get(at + i) != Some(b) {
                return invalid(at + i);
            }
        }
        found(T::CdataOpen, at + REST.len())
    }

    /// A run of characters that mean nothing but themselves, from `at`, whose first is known to be one.
    fn data(&self, mut at: usize, stops: impl Fn(Kind) -> bool) -> usize {
        while let Some(&b) = self.text.get(at) {
            match self.kind(b) {
                Kind::Lead => match long_char(self.text, at) {
                    Char::Whole(_, width) => at += width,
                    _ => break,
                },
                Kind::NonXml | Kind::Bad | Kind::Cr | Kind::Lf => break,
                kind if stops(kind) => break,
                _ => at += 1,
            }
        }
        at
    }

    /// A token between tags.
    pub fn content(&self, mut at: usize) -> Found {
        let Some(kind) = self.peek(at) else {
            return found(T::Empty, at);
        };
        match kind {
            Kind::Lt => return self.markup(at + 1),
            Kind::Amp => return self.reference(at + 1),
            Kind::Cr => {
                return match self.text.get(at + 1) {
                    None => found(T::TrailingCr, at + 1),
                    Some(b'\n') => found(T::Newline, at + 2),
                    Some(_) => found(T::Newline, at + 1),
                };
            }
            Kind::Lf => return found(T::Newline, at + 1),
            Kind::Rsqb => match (self.text.get(at + 1), self.text.get(at + 2)) {
                (None, _) | (Some(b']'), None) => return found(T::TrailingRsqb, at),
                (Some(b']'), Some(b'>')) => return invalid(at + 2),
                _ => at += 1,
            },
            _ => match self.any(at) {
                Ok(next) => at = next,
                Err(found) => return found,
            },
        }
        loop {
            at = self.data(at, |k| matches!(k, Kind::Rsqb | Kind::Amp | Kind::Lt));
            if self.peek(at) != Some(Kind::Rsqb) {
                return found(T::Data, at);
            }
            match (self.text.get(at + 1), self.text.get(at + 2)) {
                (Some(b']'), Some(b'>')) => return invalid(at + 2),
                (None, _) | (Some(b']'), None) => return found(T::Data, at),
                _ => at += 1,
            }
        }
    }

    /// A token in a CDATA section.
    pub fn cdata(&self, mut at: usize) -> Found {
        let Some(kind) = self.peek(at) else {
            return found(T::Empty, at);
        };
        match kind {
            Kind::Rsqb => {
                at += 1;
                if need!(self, at) == b']' && need!(self, at + 1) == b'>' {
                    return found(T::CdataClose, at + 2);
                }
            }
            Kind::Cr => {
                let lf = need!(self, at + 1) == b'\n';
                return found(T::Newline, at + 1 + lf as usize);
            }
            Kind::Lf => return found(T::Newline, at + 1),
            _ => match self.any(at) {
                Ok(next) => at = next,
                Err(found) => return found,
            },
        }
        found(T::Data, self.data(at, |k| k == Kind::Rsqb))
    }

    /// The rest of a section that is left out, after `<![IGNORE[`, to its `]]>`.
    pub fn ignored(&self, mut at: usize) -> Found {
        let mut level = 0usize;
        loop {
            match self.kind(need!(self, at)) {
                Kind::Lt => {
                    at += 1;
                    if need!(self, at) == b'!' {
                        at += 1;
                        if need!(self, at) == b'[' {
                            level += 1;
                            at += 1;
                        }
                    }
                }
                Kind::Rsqb => {
                    at += 1;
                    if need!(self, at) == b']' {
                        at += 1;
                        if need!(self, at) == b'>' {
                            at += 1;
                            if level == 0 {
                                return found(T::IgnoreSection, at);
                            }
                            level -= 1;
                        } else {
                            // The second bracket may begin the end itself.
                            at -= 1;
                        }
                    }
                }
                _ => match self.any(at) {
                    Ok(next) => at = next,
                    Err(found) => return found,
                },
            }
        }
    }

    fn percent(&self, mut at: usize) -> Found {
        if matches!(
            self.kind(need!(self, at)),
            Kind::Space | Kind::Lf | Kind::Cr | Kind::Percent
        ) {
            return found(T::Percent, at);
        }
        name_start!(self, at);
        at = match self.name(at) {
            Ok(at) => at,
            Err(found) => return found,
        };
        match need!(self, at) {
            b';' => found(T::ParamRef, at + 1),
            _ => invalid(at),
        }
    }

    fn pound_name(&self, mut at: usize) -> Found {
        name_start!(self, at);
        at = match self.name(at) {
            Ok(at) => at,
            Err(found) => return found,
        };
        match self.peek(at) {
            None => open(T::PoundName, at),
            Some(
                Kind::Cr
                | Kind::Lf
                | Kind::Space
                | Kind::Rpar
                | Kind::Gt
                | Kind::Percent
                | Kind::Bar,
            ) => found(T::PoundName, at),
            Some(_) => invalid(at),
        }
    }

    fn literal(&self, quote: u8, mut at: usize) -> Found {
        loop {
            let b = need!(self, at);
            at = match self.any(at) {
                Ok(at) => at,
                Err(found) => return found,
            };
            if b == quote {
                return match self.peek(at) {
                    None => open(T::Literal, at),
                    Some(
                        Kind::Space | Kind::Cr | Kind::Lf | Kind::Gt | Kind::Percent | Kind::Lsqb,
                    ) => found(T::Literal, at),
                    Some(_) => invalid(at),
                };
            }
        }
    }

    fn blanks(&self, mut at: usize) -> Found {
        loop {
            at += 1;
            match self.peek(at) {
                Some(Kind::Space | Kind::Lf) => {}
                // CR and LF are never parted.
                Some(Kind::Cr) if at + 1 != self.text.len() => {}
                _ => return found(T::Space, at),
            }
        }
    }

    /// A token outside of the document's element.
    pub fn prolog(&self, mut at: usize) -> Found {
        let Some(&b) = self.text.get(at) else {
            return found(T::Empty, at);
        };
        let token = match self.kind(b) {
            Kind::Quot | Kind::Apos => return self.literal(b, at + 1),
            Kind::Lt => {
                at += 1;
                return match self.kind(need!(self, at)) {
                    Kind::Excl => self.declaration(at + 1),
                    Kind::Quest => self.instruction(at + 1),
                    Kind::NameStart | Kind::Hex | Kind::Lead => found(T::InstanceStart, at - 1),
                    _ => invalid(at),
                };
            }
            Kind::Cr if at + 1 == self.text.len() => return open(T::Space, at + 1),
            Kind::Cr | Kind::Space | Kind::Lf => return self.blanks(at),
            Kind::Percent => return self.percent(at + 1),
            Kind::Comma => return found(T::Comma, at + 1),
            Kind::Lsqb => return found(T::BracketOpen, at + 1),
            Kind::Rsqb => {
                at += 1;
                return match self.text.get(at) {
                    None => open(T::BracketClose, at),
                    Some(b']') if need!(self, at + 1) == b'>' => found(T::SectionClose, at + 2),
                    Some(_) => found(T::BracketClose, at),
                };
            }
            Kind::Lpar => return found(T::ParenOpen, at + 1),
            Kind::Rpar => return self.paren_close(at + 1),
            Kind::Bar => return found(T::Or, at + 1),
            Kind::Gt => return found(T::DeclClose, at + 1),
            Kind::Num => return self.pound_name(at + 1),
            Kind::Lead => match long_char(self.text, at) {
                Char::Cut => return found(T::PartialChar, at),
                Char::Whole(c, width) if begins_name(c) => {
                    at += width;
                    T::Name
                }
                Char::Whole(c, width) if within_name(c) => {
                    at += width;
                    T::Nmtoken
                }
                _ => return invalid(at),
            },
            Kind::NameStart | Kind::Hex => {
                at += 1;
                T::Name
            }
            Kind::Digit | Kind::Name | Kind::Minus | Kind::Colon => {
                at += 1;
                T::Nmtoken
            }
            _ => return invalid(at),
        };
        Scan::either(self.prolog_name(token, at))
    }

    fn paren_close(&self, at: usize) -> Found {
        match self.peek(at) {
            None => open(T::ParenClose, at),
            Some(Kind::Star) => found(T::ParenCloseRep, at + 1),
            Some(Kind::Quest) => found(T::ParenCloseOpt, at + 1),
            Some(Kind::Plus) => found(T::ParenClosePlus, at + 1),
            Some(
                Kind::Cr | Kind::Lf | Kind::Space | Kind::Gt | Kind::Comma | Kind::Bar | Kind::Rpar,
            ) => found(T::ParenClose, at),
            Some(_) => invalid(at),
        }
    }

    /// The rest of a name or name token, and what counts as one with it.
    fn prolog_name(&self, mut token: Token, mut at: usize) -> Result<Found, Found> {
        loop {
            at = self.name(at)?;
            let Some(kind) = self.peek(at) else {
                return Ok(open(token, at));
            };
            match kind {
                Kind::Gt
                | Kind::Rpar
                | Kind::Comma
                | Kind::Bar
                | Kind::Lsqb
                | Kind::Percent
                | Kind::Space
                | Kind::Cr
                | Kind::Lf => return Ok(found(token, at)),
                Kind::Colon => {
                    at += 1;
                    match token {
                        T::Name => {
                            if self.text.get(at).is_none() {
                                return Ok(found(T::Partial, at));
                            }
                            let next = self.name(at)?;
                            token = match next > at {
                                true => T::PrefixedName,
                                false => T::Nmtoken,
                            };
                            at = next;
                        }
                        _ => token = T::Nmtoken,
                    }
                }
                Kind::Plus | Kind::Star | Kind::Quest if token == T::Nmtoken => {
                    return Ok(invalid(at));
                }
                Kind::Plus => return Ok(found(T::NamePlus, at + 1)),
                Kind::Star => return Ok(found(T::NameRep, at + 1)),
                Kind::Quest => return Ok(found(T::NameOpt, at + 1)),
                _ => return Ok(invalid(at)),
            }
        }
    }

    fn value(&self, start: usize, percent: bool) -> Found {
        let Some(&b) = self.text.get(start) else {
            return found(T::Empty, start);
        };
        match b {
            b'&' => return self.reference(start + 1),
            b'%' if percent => {
                let reference = self.percent(start + 1);
                return match reference.token {
                    T::Percent => invalid(reference.end),
                    _ => reference,
                };
            }
            b'<' if !percent => return invalid(start),
            b'\n' => return found(T::Newline, start + 1),
            b'\r' if self.kind(b) == Kind::Cr => {
                return match self.text.get(start + 1) {
                    None => found(T::TrailingCr, start + 1),
                    Some(b'\n') => found(T::Newline, start + 2),
                    Some(_) => found(T::Newline, start + 1),
                };
            }
            b' ' | b'\t' | b'\r' if !percent => return found(T::ValueSpace, start + 1),
            _ => {}
        }
        let stops = |b: &u8| match b {
            b'&' | b'\n' => true,
            b'\r' => !percent || self.kind(b'\r') == Kind::Cr,
            b'%' => percent,
            b' ' | b'\t' => !percent,
            _ => false,
        };
        let rest = self.text.get(start..).unwrap_or_default();
        let mut end = start;
        for b in rest {
            if stops(b) {
                break;
            }
            if *b == b'<' && !percent {
                return invalid(end);
            }
            end += 1;
        }
        found(T::Data, end)
    }

    /// A token in the value of an attribute.
    pub fn attribute_value(&self, at: usize) -> Found {
        self.value(at, false)
    }

    /// A token in the value of an entity.
    pub fn entity_value(&self, at: usize) -> Found {
        self.value(at, true)
    }

    /// The name that begins at `at`, colons and all.
    pub fn name_at(&self, at: usize) -> &'a [u8] {
        let rest = self.text.get(at..).unwrap_or_default();
        let end = rest.iter().position(|&b| {
            !matches!(
                self.kind(b),
                Kind::NameStart
                    | Kind::Hex
                    | Kind::Digit
                    | Kind::Name
                    | Kind::Minus
                    | Kind::Colon
                    | Kind::Lead
                    | Kind::Bad
            )
        });
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    }
}

/// The character that `&#..;` names, if it may be named.
pub fn char_ref_number(token: &[u8]) -> Option<u32> {
    let digits = token.get(2..token.len().checked_sub(1)?)?;
    let (digits, base) = match digits.strip_prefix(b"x") {
        Some(hex) => (hex, 16),
        None => (digits, 10),
    };
    let mut n = 0u32;
    for &b in digits {
        n = n * base + (b as char).to_digit(base)?;
        if n >= 0x11_0000 {
            return None;
        }
    }
    super::chars::referable(n).then_some(n)
}

/// The character that a predefined entity stands for.
pub fn predefined(name: &[u8]) -> Option<u8> {
    Some(match name {
        b"lt" => b'<',
        b"gt" => b'>',
        b"amp" => b'&',
        b"quot" => b'"',
        b"apos" => b'\'',
        _ => return None,
    })
}

/// The first character that a public identifier (with its quotes) must not have.
pub fn bad_in_public_id(literal: &[u8]) -> Option<usize> {
    let inner = literal.len().saturating_sub(1);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b" \r\n-'()+,./:=?;!*#@$_%".contains(&b);
    (1..inner).find(|&i| literal.get(i).is_some_and(|&b| !allowed(b)))
}

/// What an XML or text declaration says, as ranges of the declaration's text.
#[derive(Default, Debug)]
pub struct XmlDeclaration {
    pub version: Option<(usize, usize)>,
    pub encoding: Option<(usize, usize)>,
    pub standalone: Option<bool>,
}

struct Pseudo {
    name: (usize, usize),
    value: (usize, usize),
    next: usize,
}

/// The next `name="value"` of a declaration; None at its end; Err where it breaks the rules.
fn pseudo_attribute(text: &[u8], mut at: usize) -> Result<Option<Pseudo>, usize> {
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    if at >= text.len() {
        return Ok(None);
    }
    if !is_space(byte(at)) {
        return Err(at);
    }
    while is_space(byte(at)) {
        at += 1;
    }
    if at >= text.len() {
        return Ok(None);
    }
    let start = at;
    loop {
        match byte(at) {
            0 | 0x80.. => return Err(at),
            b'=' => break,
            b if is_space(b) => break,
            _ => at += 1,
        }
    }
    let name = (start, at);
    while is_space(byte(at)) {
        at += 1;
    }
    if byte(at) != b'=' || name.0 == name.1 {
        return Err(at);
    }
    at += 1;
    while is_space(byte(at)) {
        at += 1;
    }
    let quote = byte(at);
    if quote != b'"' && quote != b'\'' {
        return Err(at);
    }
    at += 1;
    let value = at;
    while byte(at) != quote {
        if !(byte(at).is_ascii_alphanumeric() || b".-_".contains(&byte(at))) {
            return Err(at);
        }
        at += 1;
    }
    Ok(Some(Pseudo {
        name,
        value: (value, at),
        next: at + 1,
    }))
}

/// Reads `<?xml .. ?>`; `external`: at the start of an external entity, where other parts are optional. Err has the
/// place of the error in the declaration.
pub fn xml_declaration(declaration: &[u8], external: bool) -> Result<XmlDeclaration, usize> {
    let text = declaration
        .get(..declaration.len().saturating_sub(2))
        .unwrap_or_default();
    let named = |p: &Pseudo, name: &[u8]| text.get(p.name.0..p.name.1) == Some(name);
    let mut result = XmlDeclaration::default();
    let mut at = 5;
    let Some(mut part) = pseudo_attribute(text, at)? else {
        return Err(text.len().min(declaration.len()));
    };
    if named(&part, b"version") {
        let value = text.get(part.value.0..part.value.1).unwrap_or_default();
        match value.strip_prefix(b"1.") {
            Some(minor) if !minor.is_empty() && minor.iter().all(u8::is_ascii_digit) => {}
            _ => return Err(part.value.0),
        }
        result.version = Some(part.value);
        at = part.next;
        part = match pseudo_attribute(text, at)? {
            Some(part) => part,
            None if external => return Err(text.len()),
            None => return Ok(result),
        };
    } else if !external {
        return Err(part.name.0);
    }
    if named(&part, b"encoding") {
        let first = text.get(part.value.0).copied().unwrap_or(0);
        if !first.is_ascii_alphabetic() {
            return Err(part.value.0);
        }
        result.encoding = Some(part.value);
        at = part.next;
        part = match pseudo_attribute(text, at)? {
            Some(part) => part,
            None => return Ok(result),
        };
    }
    if !named(&part, b"standalone") || external {
        return Err(part.name.0);
    }
    result.standalone = match text.get(part.value.0..part.value.1) {
        Some(b"yes") => Some(true),
        Some(b"no") => Some(false),
        _ => return Err(part.value.0),
    };
    let end = (part.next..text.len()).find(|&i| text.get(i).is_some_and(|&b| !is_space(b)));
    match end {
        Some(at) => Err(at),
        None => Ok(result),
    }
}
