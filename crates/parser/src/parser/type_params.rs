//! `type` statements and lists of type parameters.

use super::stream::T;
use super::{Fail, P, Parser};
use crate::ast::*;

impl<'a> Parser<'a, '_> {
    /// `type_alias`, at the name `type` with another name behind it.
    pub(super) fn type_alias(&mut self) -> P<StmtRef<'a>> {
        let start = self.mark;
        self.mark += 1;
        self.require_version(12)?;
        let name = self.name(ExprContext::Store)?;
        let type_params = self.type_params()?;
        self.expect(T::Equal)?;
        let value = self.expression()?;
        Ok(self.stmt(
            start,
            StmtKind::TypeAlias {
                name,
                type_params,
                value,
            },
        ))
    }

    /// `[type_params]`
    pub(super) fn type_params(&mut self) -> P<&'a [TypeParam<'a>]> {
        if !self.eat(T::LSqb) {
            return Ok(&[]);
        }
        self.require_version(12)?;
        let mut params = smallvec::SmallVec::<[TypeParam<'a>; 4]>::new();
        loop {
            params.push(self.type_param()?);
            if !self.eat(T::Comma) || self.kind() == T::RSqb {
                break;
            }
        }
        self.expect(T::RSqb)?;
        Ok(self.arena.slice(&params))
    }

    fn type_param(&mut self) -> P<TypeParam<'a>> {
        let start = self.mark;
        let kind = match self.kind() {
            T::Name => {
                let name = self.identifier()?;
                let bound = if self.eat(T::Colon) {
                    Some(self.expression()?)
                } else {
                    None
                };
                let default_value = self.type_param_default(Self::expression)?;
                TypeParamKind::TypeVar {
                    name,
                    bound,
                    default_value,
                }
            }
            T::Star => {
                self.mark += 1;
                let name = self.identifier()?;
                let default_value = self.type_param_default(Self::star_expression)?;
                TypeParamKind::TypeVarTuple {
                    name,
                    default_value,
                }
            }
            T::DoubleStar => {
                self.mark += 1;
                let name = self.identifier()?;
                let default_value = self.type_param_default(Self::expression)?;
                TypeParamKind::ParamSpec {
                    name,
                    default_value,
                }
            }
            _ => return Err(Fail),
        };
        Ok(TypeParam {
            kind,
            range: self.range(start),
        })
    }

    fn type_param_default(
        &mut self,
        value: fn(&mut Self) -> P<ExprRef<'a>>,
    ) -> P<Option<ExprRef<'a>>> {
        if !self.eat(T::Equal) {
            return Ok(None);
        }
        self.require_version(13)?;
        value(self).map(Some)
    }
}
