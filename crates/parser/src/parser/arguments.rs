//! Arguments of calls and class definitions, and the parameters of functions and lambdas.
//!
//! The order in which positional, starred, keyword and double-starred ones may follow each other is the grammar's
//! (`args`, `kwargs`, `parameters`, `lambda_parameters`).

use super::stream::T;
use super::{Fail, P, Parser};
use crate::ast::*;

/// What may still come in a list of parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Positional,
    KeywordOnly,
}

impl<'a> Parser<'a, '_> {
    /// `'(' [arguments] ')'`. Where `genexp` is allowed, a lone generator expression needs no parentheses of its own.
    pub(super) fn call_arguments(
        &mut self,
        genexp: bool,
    ) -> P<(&'a [ExprRef<'a>], &'a [Keyword<'a>])> {
        let open = self.mark;
        self.expect(T::LPar)?;
        let args_base = self.exprs.len();
        let keywords_base = self.keywords.len();
        let (mut seen_keyword, mut seen_unpacking) = (false, false);
        while self.kind() != T::RPar {
            let start = self.mark;
            match self.kind() {
                T::Star if !seen_unpacking => {
                    let value = self.starred_expression()?;
                    self.exprs.push(value);
                }
                T::DoubleStar => {
                    self.mark += 1;
                    let value = self.expression()?;
                    let range = self.range(start);
                    self.keywords.push(Keyword {
                        arg: None,
                        value,
                        range,
                    });
                    (seen_keyword, seen_unpacking) = (true, true);
                }
                T::Name if self.peek(1) == T::Equal => {
                    let arg = self.identifier()?;
                    self.mark += 1;
                    let value = self.expression()?;
                    let range = self.range(start);
                    self.keywords.push(Keyword {
                        arg: Some(arg),
                        value,
                        range,
                    });
                    seen_keyword = true;
                }
                _ if seen_keyword => return Err(Fail),
                _ => {
                    let value = self.named_expression()?;
                    self.exprs.push(value);
                    if matches!(self.kind(), T::For | T::Async) {
                        if !genexp || start != open + 1 {
                            return Err(Fail);
                        }
                        let generators = self.comprehensions()?;
                        self.expect(T::RPar)?;
                        self.exprs.truncate(args_base);
                        let whole = self.expr(
                            open,
                            ExprKind::GeneratorExp {
                                elt: value,
                                generators,
                            },
                        );
                        return Ok((self.arena.slice(&[whole]), &[]));
                    }
                }
            }
            if !self.eat(T::Comma) {
                break;
            }
        }
        self.expect(T::RPar)?;
        let args = self.take_exprs(args_base);
        let keywords = self.arena.slice(&self.keywords[keywords_base..]);
        self.keywords.truncate(keywords_base);
        Ok((args, keywords))
    }

    /// `'(' [params] ')'` of a function definition.
    pub(super) fn parameters(&mut self) -> P<&'a Arguments<'a>> {
        self.expect(T::LPar)?;
        let args = self.parameter_list(T::RPar)?;
        self.expect(T::RPar)?;
        Ok(args)
    }

    /// `[lambda_params]`, up to the colon.
    pub(super) fn lambda_parameters(&mut self) -> P<&'a Arguments<'a>> {
        if self.kind() == T::Colon {
            return Ok(self.empty_arguments());
        }
        self.parameter_list(T::Colon)
    }

    fn empty_arguments(&self) -> &'a Arguments<'a> {
        self.arena.alloc(Arguments::default())
    }

    /// Parameters up to `close`, which also tells functions (with annotations and type comments) from lambdas.
    fn parameter_list(&mut self, close: T) -> P<&'a Arguments<'a>> {
        if self.kind() == close {
            return Ok(self.empty_arguments());
        }
        let mut result = Arguments::default();
        let mut params = smallvec::SmallVec::<[Arg<'a>; 8]>::new();
        let mut kwonly = smallvec::SmallVec::<[Arg<'a>; 4]>::new();
        let mut kw_defaults = smallvec::SmallVec::<[Option<ExprRef<'a>>; 4]>::new();
        let mut stage = Stage::Positional;
        let (mut slash, mut bare_star) = (false, false);
        let base = self.exprs.len();
        while self.kind() != close {
            match self.kind() {
                T::Slash => {
                    if slash || stage != Stage::Positional || params.is_empty() {
                        return Err(Fail);
                    }
                    self.require_version(8)?;
                    self.mark += 1;
                    slash = true;
                    result.posonlyargs = self.arena.slice(&params);
                    params.clear();
                    if !self.eat(T::Comma) && self.kind() != close {
                        return Err(Fail);
                    }
                }
                T::Star => {
                    if stage != Stage::Positional {
                        return Err(Fail);
                    }
                    stage = Stage::KeywordOnly;
                    self.mark += 1;
                    if self.eat(T::Comma) {
                        bare_star = true;
                        if self.kind() != T::Name {
                            return Err(Fail);
                        }
                    } else {
                        let (arg, default) = self.parameter(close, true)?;
                        if default.is_some() {
                            return Err(Fail);
                        }
                        result.vararg = Some(self.arena.alloc(arg));
                    }
                }
                T::DoubleStar => {
                    self.mark += 1;
                    let (arg, default) = self.parameter(close, false)?;
                    if default.is_some() || self.kind() != close {
                        return Err(Fail);
                    }
                    result.kwarg = Some(self.arena.alloc(arg));
                }
                _ => {
                    let (arg, default) = self.parameter(close, false)?;
                    if stage == Stage::KeywordOnly {
                        kwonly.push(arg);
                        kw_defaults.push(default);
                    } else {
                        match default {
                            Some(value) => self.exprs.push(value),
                            None if self.exprs.len() > base => return Err(Fail),
                            None => {}
                        }
                        params.push(arg);
                    }
                }
            }
        }
        if bare_star && kwonly.is_empty() {
            return Err(Fail);
        }
        result.args = self.arena.slice(&params);
        result.kwonlyargs = self.arena.slice(&kwonly);
        result.kw_defaults = self.arena.slice(&kw_defaults);
        result.defaults = self.take_exprs(base);
        Ok(self.arena.alloc(result))
    }

    /// One parameter with its annotation, default, comma and type comment.
    fn parameter(&mut self, close: T, starred: bool) -> P<(Arg<'a>, Option<ExprRef<'a>>)> {
        let start = self.mark;
        let name = self.identifier()?;
        let function = close == T::RPar;
        let mut annotation = None;
        if function && self.eat(T::Colon) {
            annotation = Some(if starred {
                self.star_expression()?
            } else {
                self.expression()?
            });
        }
        let range = self.range(start);
        let default = if self.eat(T::Equal) {
            Some(self.expression()?)
        } else {
            None
        };
        let comma = self.eat(T::Comma);
        let mut type_comment = None;
        if function && self.kind() == T::TypeComment {
            type_comment = Some(self.text(self.mark));
            self.mark += 1;
        }
        if !comma && self.kind() != close {
            return Err(Fail);
        }
        Ok((
            Arg {
                arg: name,
                annotation,
                type_comment,
                range,
            },
            default,
        ))
    }
}
