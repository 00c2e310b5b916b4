//! The arguments of a native call.

use crate::objects::str_::{self, Str};
use crate::objects::tuple::Tuple;
use naja_heap::{Ref, Value};

/// Positional arguments, and the values of keyword arguments behind them, named by `kwnames`.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    pub args: &'a [Value],
    pub kwnames: Option<&'a Ref<Tuple>>,
}

impl<'a> Args<'a> {
    pub const EMPTY: Args<'static> = Args {
        args: &[],
        kwnames: None,
    };

    pub fn positional_only(args: &'a [Value]) -> Args<'a> {
        Args {
            args,
            kwnames: None,
        }
    }

    #[inline(always)]
    pub fn keyword_count(&self) -> usize {
        self.kwnames.map_or(0, |names| names.len())
    }

    /// The positional arguments.
    #[inline(always)]
    pub fn positional(&self) -> &'a [Value] {
        &self.args[..self.args.len().saturating_sub(self.keyword_count())]
    }

    /// Name and value of each keyword argument.
    pub fn keywords(&self) -> impl Iterator<Item = (&'a Ref<Str>, &'a Value)> + use<'a> {
        let values = &self.args[self.args.len().saturating_sub(self.keyword_count())..];
        let names: &'a [Value] = self.kwnames.map_or(&[], |n| n.items());
        names
            .iter()
            .zip(values)
            .filter_map(|(name, value)| Some((str_::of(name)?, value)))
    }

    /// The value of keyword `name`.
    pub fn keyword(&self, name: &str) -> Option<&'a Value> {
        self.keywords()
            .find(|(n, _)| n.as_bytes() == name.as_bytes())
            .map(|(_, v)| v)
    }

    /// The arguments without the first positional one.
    #[inline(always)]
    pub fn rest(&self) -> Args<'a> {
        Args {
            args: self.args.get(1..).unwrap_or(&[]),
            kwnames: self.kwnames,
        }
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.args.is_empty()
    }
}

/// The keyword arguments that a `**kwargs` parameter takes.
#[derive(Clone)]
pub struct KwArgs<'a>(pub Vec<(&'a Ref<Str>, &'a Value)>);
