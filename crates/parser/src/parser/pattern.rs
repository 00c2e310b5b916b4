//! Patterns of `case`.

use super::expression::MAX_LEVEL;
use super::stream::T;
use super::{Fail, P, Parser};
use crate::ast::*;

/// Levels of CPython's recursion counter per nested pattern.
const LEVELS_PATTERN: u32 = 8;
const _: () = assert!(LEVELS_PATTERN < MAX_LEVEL);

impl<'a> Parser<'a, '_> {
    fn pattern_node(&self, start: usize, kind: PatternKind<'a>) -> PatternRef<'a> {
        self.arena.pattern(kind, self.range(start))
    }

    /// `patterns`: one pattern, or a sequence without brackets.
    pub(super) fn patterns(&mut self) -> P<PatternRef<'a>> {
        let start = self.mark;
        let starred = self.kind() == T::Star;
        let first = self.maybe_star_pattern()?;
        if self.kind() != T::Comma {
            return if starred { Err(Fail) } else { Ok(first) };
        }
        let patterns = self.pattern_rest(first, &[T::If, T::Colon])?;
        Ok(self.pattern_node(start, PatternKind::MatchSequence { patterns }))
    }

    /// The patterns after the first, up to one of `close`, which is left.
    fn pattern_rest(&mut self, first: PatternRef<'a>, close: &[T]) -> P<&'a [PatternRef<'a>]> {
        let mut patterns = smallvec::SmallVec::<[PatternRef<'a>; 8]>::new();
        patterns.push(first);
        while self.eat(T::Comma) {
            if close.contains(&self.kind()) {
                break;
            }
            patterns.push(self.maybe_star_pattern()?);
        }
        Ok(self.arena.slice(&patterns))
    }

    fn maybe_star_pattern(&mut self) -> P<PatternRef<'a>> {
        let start = self.mark;
        if !self.eat(T::Star) {
            return self.pattern();
        }
        let name = if self.kind() == T::Name && self.text(self.mark) == "_" {
            self.mark += 1;
            None
        } else {
            Some(self.capture_target()?)
        };
        Ok(self.pattern_node(start, PatternKind::MatchStar { name }))
    }

    /// `pattern_capture_target`
    fn capture_target(&mut self) -> P<Identifier<'a>> {
        if self.kind() != T::Name
            || self.text(self.mark) == "_"
            || matches!(self.peek(1), T::Dot | T::LPar | T::Equal)
        {
            return Err(Fail);
        }
        self.identifier()
    }

    fn pattern(&mut self) -> P<PatternRef<'a>> {
        self.deepen(LEVELS_PATTERN)?;
        let start = self.mark;
        let mut pattern = self.or_pattern()?;
        if self.eat(T::As) {
            let name = Some(self.capture_target()?);
            pattern = self.pattern_node(
                start,
                PatternKind::MatchAs {
                    pattern: Some(pattern),
                    name,
                },
            );
        }
        self.level -= LEVELS_PATTERN;
        Ok(pattern)
    }

    fn or_pattern(&mut self) -> P<PatternRef<'a>> {
        let start = self.mark;
        let first = self.closed_pattern()?;
        if self.kind() != T::VBar {
            return Ok(first);
        }
        let mut patterns = smallvec::SmallVec::<[PatternRef<'a>; 8]>::new();
        patterns.push(first);
        while self.eat(T::VBar) {
            patterns.push(self.closed_pattern()?);
        }
        let patterns = self.arena.slice(&patterns);
        Ok(self.pattern_node(start, PatternKind::MatchOr { patterns }))
    }

    fn closed_pattern(&mut self) -> P<PatternRef<'a>> {
        let start = self.mark;
        let kind = match self.kind() {
            T::Number | T::Minus | T::String | T::FStringStart | T::TemplateStart => {
                PatternKind::MatchValue {
                    value: self.literal()?,
                }
            }
            T::None => self.singleton(Constant::None),
            T::True => self.singleton(Constant::True),
            T::False => self.singleton(Constant::False),
            T::LPar => return self.group_or_sequence(),
            T::LSqb => {
                self.mark += 1;
                let patterns: &[_] = if self.kind() == T::RSqb {
                    &[]
                } else {
                    let first = self.maybe_star_pattern()?;
                    self.pattern_rest(first, &[T::RSqb])?
                };
                self.expect(T::RSqb)?;
                PatternKind::MatchSequence { patterns }
            }
            T::LBrace => self.mapping()?,
            T::Name => match self.peek(1) {
                T::Dot | T::LPar => {
                    let value = self.name_or_attr()?;
                    match self.kind() {
                        T::LPar => self.class_pattern(value)?,
                        T::Equal => return Err(Fail),
                        _ => PatternKind::MatchValue { value },
                    }
                }
                _ if self.text(start) == "_" => {
                    self.mark += 1;
                    PatternKind::MatchAs {
                        pattern: None,
                        name: None,
                    }
                }
                _ => PatternKind::MatchAs {
                    pattern: None,
                    name: Some(self.capture_target()?),
                },
            },
            _ => return Err(Fail),
        };
        Ok(self.pattern_node(start, kind))
    }

    fn singleton(&mut self, value: Constant<'a>) -> PatternKind<'a> {
        self.mark += 1;
        PatternKind::MatchSingleton { value }
    }

    /// A number, possibly signed or complex, or strings.
    fn literal(&mut self) -> P<ExprRef<'a>> {
        if matches!(self.kind(), T::String | T::FStringStart | T::TemplateStart) {
            return self.strings();
        }
        let start = self.mark;
        let left = self.signed_number()?;
        let op = match self.kind() {
            T::Plus => Operator::Add,
            T::Minus => Operator::Sub,
            _ => return Ok(left),
        };
        if is_complex(left) {
            return Err(Fail);
        }
        self.mark += 1;
        if self.kind() != T::Number {
            return Err(Fail);
        }
        let right = self.number()?;
        if !is_complex(right) {
            return Err(Fail);
        }
        Ok(self.expr(start, ExprKind::BinOp { left, op, right }))
    }

    /// `signed_number`
    fn signed_number(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        if !self.eat(T::Minus) {
            return self.number();
        }
        if self.kind() != T::Number {
            return Err(Fail);
        }
        let operand = self.number()?;
        Ok(self.expr(
            start,
            ExprKind::UnaryOp {
                op: UnaryOperator::USub,
                operand,
            },
        ))
    }

    fn name_or_attr(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let mut value = self.name(ExprContext::Load)?;
        while self.eat(T::Dot) {
            let attr = self.identifier()?;
            value = self.expr(
                start,
                ExprKind::Attribute {
                    value,
                    attr,
                    ctx: ExprContext::Load,
                },
            );
        }
        Ok(value)
    }

    fn group_or_sequence(&mut self) -> P<PatternRef<'a>> {
        let start = self.mark;
        self.mark += 1;
        if self.eat(T::RPar) {
            return Ok(self.pattern_node(start, PatternKind::MatchSequence { patterns: &[] }));
        }
        let starred = self.kind() == T::Star;
        let first = self.maybe_star_pattern()?;
        if self.kind() != T::Comma {
            self.expect(T::RPar)?;
            return if starred { Err(Fail) } else { Ok(first) };
        }
        let patterns = self.pattern_rest(first, &[T::RPar])?;
        self.expect(T::RPar)?;
        Ok(self.pattern_node(start, PatternKind::MatchSequence { patterns }))
    }

    fn mapping(&mut self) -> P<PatternKind<'a>> {
        self.mark += 1;
        let mut keys = smallvec::SmallVec::<[ExprRef<'a>; 8]>::new();
        let mut patterns = smallvec::SmallVec::<[PatternRef<'a>; 8]>::new();
        let mut rest = None;
        while self.kind() != T::RBrace {
            if self.eat(T::DoubleStar) {
                rest = Some(self.capture_target()?);
                self.eat(T::Comma);
                break;
            }
            let start = self.mark;
            let constant = match self.kind() {
                T::None => Some(Constant::None),
                T::True => Some(Constant::True),
                T::False => Some(Constant::False),
                _ => None,
            };
            let key = match (constant, self.kind()) {
                (Some(value), _) => {
                    self.mark += 1;
                    self.expr(start, ExprKind::Constant { value, kind: None })
                }
                (None, T::Name) if self.peek(1) == T::Dot => self.name_or_attr()?,
                (None, T::Name) => return Err(Fail),
                _ => self.literal()?,
            };
            self.expect(T::Colon)?;
            keys.push(key);
            patterns.push(self.pattern()?);
            if !self.eat(T::Comma) {
                break;
            }
        }
        self.expect(T::RBrace)?;
        let (keys, patterns) = (self.arena.slice(&keys), self.arena.slice(&patterns));
        Ok(PatternKind::MatchMapping {
            keys,
            patterns,
            rest,
        })
    }

    fn class_pattern(&mut self, cls: ExprRef<'a>) -> P<PatternKind<'a>> {
        self.mark += 1;
        let mut patterns = smallvec::SmallVec::<[PatternRef<'a>; 8]>::new();
        let mut kwd_attrs = smallvec::SmallVec::<[Identifier<'a>; 8]>::new();
        let mut kwd_patterns = smallvec::SmallVec::<[PatternRef<'a>; 8]>::new();
        while self.kind() != T::RPar {
            if self.kind() == T::Name && self.peek(1) == T::Equal {
                kwd_attrs.push(self.identifier()?);
                self.mark += 1;
                kwd_patterns.push(self.pattern()?);
            } else if kwd_attrs.is_empty() {
                patterns.push(self.pattern()?);
            } else {
                return Err(Fail);
            }
            if !self.eat(T::Comma) {
                break;
            }
        }
        self.expect(T::RPar)?;
        Ok(PatternKind::MatchClass {
            cls,
            patterns: self.arena.slice(&patterns),
            kwd_attrs: self.arena.slice(&kwd_attrs),
            kwd_patterns: self.arena.slice(&kwd_patterns),
        })
    }
}

/// Whether a signed number is an imaginary one.
fn is_complex(value: ExprRef) -> bool {
    match value.kind {
        ExprKind::Constant {
            value: Constant::Complex(..),
            ..
        } => true,
        ExprKind::UnaryOp { operand, .. } => is_complex(operand),
        _ => false,
    }
}
