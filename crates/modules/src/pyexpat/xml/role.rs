//! The grammar of the prolog: which role a token plays where the declarations have got to.
//!
//! A machine with one state for each place in a declaration. CPython: Modules/expat/xmlrole.c.

use super::token::Token;

/// What a token of the prolog means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Error,
    None,
    XmlDecl,
    TextDecl,
    InstanceStart,
    DoctypeNone,
    DoctypeName,
    DoctypeSystemId,
    DoctypePublicId,
    DoctypeInternalSubset,
    DoctypeClose,
    EntityNone,
    GeneralEntityName,
    ParamEntityName,
    EntityValue,
    EntitySystemId,
    EntityPublicId,
    EntityComplete,
    EntityNotationName,
    NotationNone,
    NotationName,
    NotationSystemId,
    NotationNoSystemId,
    NotationPublicId,
    AttlistNone,
    AttlistElementName,
    AttributeName,
    /// The number of the type in [`ATTRIBUTE_TYPES`].
    AttributeType(usize),
    AttributeEnumValue,
    AttributeNotationValue,
    AttributeImplied,
    AttributeRequired,
    AttributeDefault,
    AttributeFixed,
    ElementNone,
    ElementName,
    ContentAny,
    ContentEmpty,
    ContentPcdata,
    ContentElement(Quantity),
    GroupOpen,
    GroupClose(Quantity),
    GroupChoice,
    GroupSequence,
    Pi,
    Comment,
    IgnoreSection,
    InnerParamRef,
    ParamRef,
}

/// How often a part of a content model may occur, numbered as CPython's `XML_CQUANT_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantity {
    One = 0,
    Optional = 1,
    Any = 2,
    Some = 3,
}

pub const ATTRIBUTE_TYPES: [&str; 8] = [
    "CDATA", "ID", "IDREF", "IDREFS", "ENTITY", "ENTITIES", "NMTOKEN", "NMTOKENS",
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Prolog(u8),
    Doctype(u8),
    Internal,
    External(u8),
    Entity(u8),
    Notation(u8),
    Attlist(u8),
    Element(u8),
    Section(u8),
    /// A declaration has only to be closed; the role of what is in between.
    Close(Role),
    Error,
}

/// Where the prolog has got to.
#[derive(Clone, Debug)]
pub struct Prolog {
    state: State,
    /// How deep the groups of a content model are.
    pub level: usize,
    /// How many `<![INCLUDE[` are open.
    included: usize,
    /// Whether this is the document itself and not an external parameter entity.
    pub document: bool,
    /// Whether the value of an entity is being read.
    pub in_entity_value: bool,
}

use Role as R;
use State as S;
use Token as T;

impl Prolog {
    pub fn document() -> Prolog {
        Prolog {
            state: S::Prolog(0),
            level: 0,
            included: 0,
            document: true,
            in_entity_value: false,
        }
    }

    /// For the external subset, or an external parameter entity.
    pub fn external() -> Prolog {
        Prolog {
            state: S::External(0),
            document: false,
            ..Prolog::document()
        }
    }

    fn go(&mut self, state: State, role: Role) -> Role {
        self.state = state;
        role
    }

    fn top(&mut self, role: Role) -> Role {
        let state = match self.document {
            true => S::Internal,
            false => S::External(1),
        };
        self.go(state, role)
    }

    fn common(&mut self, token: Token) -> Role {
        if !self.document && token == T::ParamRef {
            return R::InnerParamRef;
        }
        self.go(S::Error, R::Error)
    }

    /// The role of the next token; `text` is the token's.
    pub fn role(&mut self, token: Token, text: &[u8]) -> Role {
        let role = match self.state {
            S::Prolog(n) => self.prolog(n, token, text),
            S::Doctype(n) => self.doctype(n, token, text),
            S::Internal => self.internal(token, text),
            S::External(n) => self.external_subset(n, token, text),
            S::Entity(n) => self.entity(n, token, text),
            S::Notation(n) => self.notation(n, token, text),
            S::Attlist(n) => self.attlist(n, token, text),
            S::Element(n) => self.element(n, token, text),
            S::Section(n) => self.section(n, token, text),
            S::Close(role) => match token {
                T::Space => Some(role),
                T::DeclClose => Some(self.top(role)),
                _ => None,
            },
            S::Error => Some(R::None),
        };
        role.unwrap_or_else(|| self.common(token))
    }

    fn prolog(&mut self, n: u8, token: Token, text: &[u8]) -> Option<Role> {
        let next = if n == 0 { S::Prolog(1) } else { S::Prolog(n) };
        Some(match token {
            T::Space => self.go(next, R::None),
            T::XmlDecl if n == 0 => self.go(next, R::XmlDecl),
            T::Pi => self.go(next, R::Pi),
            T::Comment => self.go(next, R::Comment),
            T::Bom if n < 2 => R::None,
            T::DeclOpen if n < 2 && text.get(2..) == Some(b"DOCTYPE") => {
                self.go(S::Doctype(0), R::DoctypeNone)
            }
            T::InstanceStart => self.go(S::Error, R::InstanceStart),
            _ => return None,
        })
    }

    fn doctype(&mut self, n: u8, token: Token, text: &[u8]) -> Option<Role> {
        Some(match (n, token) {
            (_, T::Space) => R::DoctypeNone,
            (0, T::Name | T::PrefixedName) => self.go(S::Doctype(1), R::DoctypeName),
            (1 | 4, T::BracketOpen) => self.go(S::Internal, R::DoctypeInternalSubset),
            (1 | 4 | 5, T::DeclClose) => self.go(S::Prolog(2), R::DoctypeClose),
            (1, T::Name) if text == b"SYSTEM" => self.go(S::Doctype(3), R::DoctypeNone),
            (1, T::Name) if text == b"PUBLIC" => self.go(S::Doctype(2), R::DoctypeNone),
            (2, T::Literal) => self.go(S::Doctype(3), R::DoctypePublicId),
            (3, T::Literal) => self.go(S::Doctype(4), R::DoctypeSystemId),
            _ => return None,
        })
    }

    fn internal(&mut self, token: Token, text: &[u8]) -> Option<Role> {
        Some(match token {
            T::Space | T::Empty => R::None,
            T::DeclOpen => match text.get(2..) {
                Some(b"ENTITY") => self.go(S::Entity(0), R::EntityNone),
                Some(b"ATTLIST") => self.go(S::Attlist(0), R::AttlistNone),
                Some(b"ELEMENT") => self.go(S::Element(0), R::ElementNone),
                Some(b"NOTATION") => self.go(S::Notation(0), R::NotationNone),
                _ => return None,
            },
            T::Pi => R::Pi,
            T::Comment => R::Comment,
            T::ParamRef => R::ParamRef,
            T::BracketClose => self.go(S::Doctype(5), R::DoctypeNone),
            _ => return None,
        })
    }

    fn external_subset(&mut self, n: u8, token: Token, text: &[u8]) -> Option<Role> {
        self.state = S::External(1);
        Some(match token {
            T::XmlDecl if n == 0 => R::TextDecl,
            T::SectionOpen => self.go(S::Section(0), R::None),
            T::SectionClose if self.included > 0 => {
                self.included -= 1;
                R::None
            }
            T::Empty if self.included == 0 => R::None,
            T::SectionClose | T::BracketClose | T::Empty => return None,
            _ => return self.internal(token, text),
        })
    }

    fn entity(&mut self, n: u8, token: Token, text: &[u8]) -> Option<Role> {
        Some(match (n, token) {
            (_, T::Space) => R::EntityNone,
            (0, T::Percent) => self.go(S::Entity(1), R::EntityNone),
            (0, T::Name) => self.go(S::Entity(2), R::GeneralEntityName),
            (1, T::Name) => self.go(S::Entity(7), R::ParamEntityName),
            (2 | 7, T::Name) if text == b"SYSTEM" => self.go(S::Entity(n + 2), R::EntityNone),
            (2 | 7, T::Name) if text == b"PUBLIC" => self.go(S::Entity(n + 1), R::EntityNone),
            (2 | 7, T::Literal) => self.go(S::Close(R::EntityNone), R::EntityValue),
            (3 | 8, T::Literal) => self.go(S::Entity(n + 1), R::EntityPublicId),
            (4 | 9, T::Literal) => self.go(S::Entity(n + 1), R::EntitySystemId),
            (5 | 10, T::DeclClose) => self.top(R::EntityComplete),
            (5, T::Name) if text == b"NDATA" => self.go(S::Entity(6), R::EntityNone),
            (6, T::Name) => self.go(S::Close(R::EntityNone), R::EntityNotationName),
            _ => return None,
        })
    }

    fn notation(&mut self, n: u8, token: Token, text: &[u8]) -> Option<Role> {
        Some(match (n, token) {
            (_, T::Space) => R::NotationNone,
            (0, T::Name) => self.go(S::Notation(1), R::NotationName),
            (1, T::Name) if text == b"SYSTEM" => self.go(S::Notation(3), R::NotationNone),
            (1, T::Name) if text == b"PUBLIC" => self.go(S::Notation(2), R::NotationNone),
            (2, T::Literal) => self.go(S::Notation(4), R::NotationPublicId),
            (3 | 4, T::Literal) => self.go(S::Close(R::NotationNone), R::NotationSystemId),
            (4, T::DeclClose) => self.top(R::NotationNoSystemId),
            _ => return None,
        })
    }

    fn attlist(&mut self, n: u8, token: Token, text: &[u8]) -> Option<Role> {
        let name = matches!(token, T::Name | T::PrefixedName);
        Some(match (n, token) {
            (_, T::Space) => R::AttlistNone,
            (0, _) if name => self.go(S::Attlist(1), R::AttlistElementName),
            (1, T::DeclClose) => self.top(R::AttlistNone),
            (1, _) if name => self.go(S::Attlist(2), R::AttributeName),
            (2, T::Name) if text == b"NOTATION" => self.go(S::Attlist(5), R::AttlistNone),
            (2, T::Name) => {
                let which = ATTRIBUTE_TYPES.iter().position(|t| t.as_bytes() == text)?;
                self.go(S::Attlist(8), R::AttributeType(which))
            }
            (2, T::ParenOpen) => self.go(S::Attlist(3), R::AttlistNone),
            (3, T::Nmtoken | T::Name | T::PrefixedName) => {
                self.go(S::Attlist(4), R::AttributeEnumValue)
            }
            (4 | 7, T::ParenClose) => self.go(S::Attlist(8), R::AttlistNone),
            (4 | 7, T::Or) => self.go(S::Attlist(n - 1), R::AttlistNone),
            (5, T::ParenOpen) => self.go(S::Attlist(6), R::AttlistNone),
            (6, T::Name) => self.go(S::Attlist(7), R::AttributeNotationValue),
            (8, T::PoundName) => match text.get(1..) {
                Some(b"IMPLIED") => self.go(S::Attlist(1), R::AttributeImplied),
                Some(b"REQUIRED") => self.go(S::Attlist(1), R::AttributeRequired),
                Some(b"FIXED") => self.go(S::Attlist(9), R::AttlistNone),
                _ => return None,
            },
            (8, T::Literal) => self.go(S::Attlist(1), R::AttributeDefault),
            (9, T::Literal) => self.go(S::Attlist(1), R::AttributeFixed),
            _ => return None,
        })
    }

    fn element(&mut self, n: u8, token: Token, text: &[u8]) -> Option<Role> {
        let close = S::Close(R::ElementNone);
        let quantity = match token {
            T::NameOpt | T::ParenCloseOpt => Quantity::Optional,
            T::NameRep | T::ParenCloseRep => Quantity::Any,
            T::NamePlus | T::ParenClosePlus => Quantity::Some,
            _ => Quantity::One,
        };
        let plain = matches!(token, T::Name | T::PrefixedName);
        let named = plain || matches!(token, T::NameOpt | T::NameRep | T::NamePlus);
        Some(match (n, token) {
            (_, T::Space) => R::ElementNone,
            (0, _) if plain => self.go(S::Element(1), R::ElementName),
            (1, T::Name) if text == b"EMPTY" => self.go(close, R::ContentEmpty),
            (1, T::Name) if text == b"ANY" => self.go(close, R::ContentAny),
            (1, T::ParenOpen) => {
                self.level = 1;
                self.go(S::Element(2), R::GroupOpen)
            }
            (2, T::PoundName) if text == b"#PCDATA" => self.go(S::Element(3), R::ContentPcdata),
            (2 | 6, T::ParenOpen) => {
                self.level += 1;
                self.go(S::Element(6), R::GroupOpen)
            }
            (2 | 6, _) if named => self.go(S::Element(7), R::ContentElement(quantity)),
            (3, T::ParenClose) => self.go(close, R::GroupClose(Quantity::One)),
            (3 | 5, T::ParenCloseRep) => self.go(close, R::GroupClose(Quantity::Any)),
            (3 | 5, T::Or) => self.go(S::Element(4), R::ElementNone),
            (4, _) if plain => self.go(S::Element(5), R::ContentElement(Quantity::One)),
            (7, T::ParenClose | T::ParenCloseOpt | T::ParenCloseRep | T::ParenClosePlus) => {
                self.level = self.level.saturating_sub(1);
                if self.level == 0 {
                    self.state = close;
                }
                R::GroupClose(quantity)
            }
            (7, T::Comma) => self.go(S::Element(6), R::GroupSequence),
            (7, T::Or) => self.go(S::Element(6), R::GroupChoice),
            _ => return None,
        })
    }

    fn section(&mut self, n: u8, token: Token, text: &[u8]) -> Option<Role> {
        Some(match (n, token) {
            (_, T::Space) => R::None,
            (0, T::Name) if text == b"INCLUDE" => self.go(S::Section(1), R::None),
            (0, T::Name) if text == b"IGNORE" => self.go(S::Section(2), R::None),
            (1, T::BracketOpen) => {
                self.included += 1;
                self.go(S::External(1), R::None)
            }
            (2, T::BracketOpen) => self.go(S::External(1), R::IgnoreSection),
            _ => return None,
        })
    }
}
