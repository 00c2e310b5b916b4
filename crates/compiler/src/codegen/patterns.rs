//! `match` (PEP 634).
//!
//! Each pattern consumes the subject on top of the stack and jumps on failure. Captured values stay on the stack, below
//! `on_top` values in use, until the whole pattern has matched; a jump on failure goes to a block that pops as many
//! values as lie there. CPython: `codegen_pattern*` and `codegen_match` in `Python/codegen.c`.

use naja_bytecode::code::Const;
use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{
    CmpOp, Constant, ExprContext, ExprKind, ExprRef, MatchCase, Operator, Pattern, PatternKind,
    PatternRef,
};
use naja_parser::repr;

use super::{Compiler, Done, arg, constant, loc};
use crate::instruction_sequence::{Label, Location};

fn repr_str(text: &str) -> String {
    let mut out = String::new();
    repr::str(&mut out, text.as_bytes());
    out
}

fn repr_constant(value: &Constant<'_>) -> String {
    let mut out = String::new();
    repr::constant(&mut out, value);
    out
}

/// The state of one `case`.
#[derive(Default)]
struct Context<'a> {
    /// Captured names, in the order of their values on the stack.
    stores: Vec<&'a str>,
    /// A pattern that always matches is allowed here.
    allow_irrefutable: bool,
    /// `fail_pop[n]` pops n values.
    fail_pop: Vec<Label>,
    /// Values on the stack that captures go beneath.
    on_top: usize,
}

fn is_wildcard(pattern: PatternRef<'_>) -> bool {
    matches!(pattern.kind, PatternKind::MatchAs { name: None, .. })
}

fn is_star(pattern: PatternRef<'_>) -> bool {
    matches!(pattern.kind, PatternKind::MatchStar { .. })
}

/// Whether two keys of a mapping pattern are equal as Python objects.
fn same_key(a: &Constant<'_>, b: &Constant<'_>) -> bool {
    /// Numbers by real and imaginary part; integers exactly where they fit.
    fn number(value: &Constant<'_>) -> Option<(f64, f64, Option<i64>)> {
        Some(match *value {
            Constant::False => (0.0, 0.0, Some(0)),
            Constant::True => (1.0, 0.0, Some(1)),
            Constant::Int(value) => (value as f64, 0.0, Some(value)),
            Constant::Float(value) => (value, 0.0, None),
            Constant::Complex(re, im) => (re, im, None),
            _ => return None,
        })
    }
    match (a, b) {
        (Constant::None, Constant::None) | (Constant::Ellipsis, Constant::Ellipsis) => true,
        (Constant::Str(a), Constant::Str(b)) => a == b,
        (Constant::Bytes(a), Constant::Bytes(b)) => a == b,
        (Constant::BigInt(a), Constant::BigInt(b)) => a == b,
        (Constant::BigInt(big), Constant::Float(value))
        | (Constant::Float(value), Constant::BigInt(big)) => {
            dashu_int::IBig::try_from(*value).is_ok_and(|value| value == **big)
        }
        _ => match (number(a), number(b)) {
            (Some((_, _, Some(a))), Some((_, _, Some(b)))) => a == b,
            (Some((a, a_im, a_int)), Some((b, b_im, b_int))) => {
                let exact = |float: f64, int: Option<i64>| {
                    int.is_none_or(|int| float as i128 == i128::from(int))
                };
                a == b && a_im == b_im && exact(b, a_int) && exact(a, b_int)
            }
            _ => false,
        },
    }
}

impl<'a> Compiler<'a, '_> {
    #[inline(never)]
    pub(super) fn match_stmt(&mut self, subject: ExprRef<'a>, cases: &'a [MatchCase<'a>]) -> Done {
        self.expr(subject)?;
        let end = self.label();
        let Some((last, before)) = cases.split_last() else {
            return Ok(());
        };
        let has_default = is_wildcard(last.pattern) && !before.is_empty();
        let tested = if has_default { before } else { cases };
        for (i, case) in tested.iter().enumerate() {
            let at = loc(case.pattern.range);
            let more = i + 1 < tested.len();
            // The subject is needed again unless this is the last test.
            if more {
                self.op_i(at, op::COPY, 1);
            }
            let mut pc = Context {
                allow_irrefutable: case.guard.is_some() || i + 1 == cases.len(),
                ..Context::default()
            };
            self.pattern(case.pattern, &mut pc)?;
            for name in std::mem::take(&mut pc.stores) {
                self.name_op(at, name, ExprContext::Store)?;
            }
            if let Some(guard) = case.guard {
                let fail = self.fail_label(&mut pc, 0);
                self.jump_if(at, guard, fail, false)?;
            }
            if more {
                self.op(Location::NEXT, op::POP_TOP);
            }
            self.stmts(case.body)?;
            self.jump(Location::NONE, op::JUMP, end);
            self.emit_fail_pop(at, &mut pc);
        }
        if has_default {
            let at = loc(last.pattern.range);
            self.op(at, op::NOP);
            if let Some(guard) = last.guard {
                self.jump_if(at, guard, end, false)?;
            }
            self.stmts(last.body)?;
        }
        self.place(end);
        Ok(())
    }

    /// The block that pops `pops` values.
    fn fail_label(&mut self, pc: &mut Context<'a>, pops: usize) -> Label {
        while pc.fail_pop.len() <= pops {
            let label = self.label();
            pc.fail_pop.push(label);
        }
        pc.fail_pop[pops]
    }

    fn jump_to_fail(&mut self, at: Location, pc: &mut Context<'a>, opcode: u16) {
        let pops = pc.on_top + pc.stores.len();
        let target = self.fail_label(pc, pops);
        self.jump(at, opcode, target);
    }

    fn emit_fail_pop(&mut self, at: Location, pc: &mut Context<'a>) {
        let labels = std::mem::take(&mut pc.fail_pop);
        for (pops, label) in labels.into_iter().enumerate().rev() {
            self.place(label);
            if pops > 0 {
                self.op(at, op::POP_TOP);
            }
        }
    }

    /// Moves the top value beneath `count - 1` others.
    fn rotate(&mut self, at: Location, count: usize) {
        for depth in (2..=count).rev() {
            self.op_n(at, op::SWAP, depth);
        }
    }

    fn capture(&mut self, at: Location, name: Option<&'a str>, pc: &mut Context<'a>) -> Done {
        let Some(name) = name else {
            self.op(at, op::POP_TOP);
            return Ok(());
        };
        self.check_duplicate(at, name, pc)?;
        self.rotate(at, pc.on_top + pc.stores.len() + 1);
        pc.stores.push(name);
        Ok(())
    }

    fn check_duplicate(&self, at: Location, name: &str, pc: &Context<'a>) -> Done {
        if pc.stores.contains(&name) {
            let message = format!("multiple assignments to name {} in pattern", repr_str(name));
            return Err(self.error(at, message));
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &'a Pattern<'a>, pc: &mut Context<'a>) -> Done {
        self.check_depth()?;
        let at = loc(pattern.range);
        match pattern.kind {
            PatternKind::MatchValue { value } => {
                if !matches!(
                    value.kind,
                    ExprKind::Constant { .. } | ExprKind::Attribute { .. }
                ) {
                    let message = "patterns may only match literals and attribute lookups";
                    return Err(self.error(at, message));
                }
                self.expr(value)?;
                self.compare_op(at, CmpOp::Eq);
                self.op(at, op::TO_BOOL);
                self.jump_to_fail(at, pc, op::POP_JUMP_IF_FALSE);
                Ok(())
            }
            PatternKind::MatchSingleton { value } => {
                self.load_const(at, constant(&value));
                self.compare_op(at, CmpOp::Is);
                self.jump_to_fail(at, pc, op::POP_JUMP_IF_FALSE);
                Ok(())
            }
            PatternKind::MatchSequence { patterns } => self.sequence_pattern(at, patterns, pc),
            PatternKind::MatchMapping {
                keys,
                patterns,
                rest,
            } => self.mapping_pattern(at, keys, patterns, rest, pc),
            PatternKind::MatchClass {
                cls,
                patterns,
                kwd_attrs,
                kwd_patterns,
            } => self.class_pattern(at, cls, patterns, kwd_attrs, kwd_patterns, pc),
            PatternKind::MatchStar { name } => self.capture(at, name, pc),
            PatternKind::MatchAs {
                pattern: inner,
                name,
            } => self.as_pattern(at, inner, name, pc),
            PatternKind::MatchOr { patterns } => self.or_pattern(at, patterns, pc),
        }
    }

    /// A pattern inside another may always match.
    fn subpattern(&mut self, pattern: &'a Pattern<'a>, pc: &mut Context<'a>) -> Done {
        let allowed = std::mem::replace(&mut pc.allow_irrefutable, true);
        self.pattern(pattern, pc)?;
        pc.allow_irrefutable = allowed;
        Ok(())
    }

    #[inline(never)]
    fn as_pattern(
        &mut self,
        at: Location,
        inner: Option<PatternRef<'a>>,
        name: Option<&'a str>,
        pc: &mut Context<'a>,
    ) -> Done {
        let Some(inner) = inner else {
            if !pc.allow_irrefutable {
                let message = match name {
                    Some(name) => {
                        format!(
                            "name capture {} makes remaining patterns unreachable",
                            repr_str(name)
                        )
                    }
                    None => "wildcard makes remaining patterns unreachable".into(),
                };
                return Err(self.error(at, message));
            }
            return self.capture(at, name, pc);
        };
        pc.on_top += 1;
        self.op_i(at, op::COPY, 1);
        self.pattern(inner, pc)?;
        pc.on_top -= 1;
        self.capture(at, name, pc)
    }

    #[inline(never)]
    fn sequence_pattern(
        &mut self,
        at: Location,
        patterns: &'a [PatternRef<'a>],
        pc: &mut Context<'a>,
    ) -> Done {
        let size = patterns.len();
        let mut star = None;
        for (i, pattern) in patterns.iter().enumerate() {
            if is_star(pattern) && star.replace(i).is_some() {
                return Err(self.error(at, "multiple starred names in sequence pattern"));
            }
        }
        let wild = |pattern: PatternRef<'a>| {
            is_wildcard(pattern) || matches!(pattern.kind, PatternKind::MatchStar { name: None })
        };
        let only_wildcard = patterns.iter().all(|pattern| wild(pattern));
        let star_wildcard = star.is_some_and(|star| wild(patterns[star]));
        pc.on_top += 1;
        self.op(at, op::MATCH_SEQUENCE);
        self.jump_to_fail(at, pc, op::POP_JUMP_IF_FALSE);
        let length = match star {
            None => Some((size, CmpOp::Eq)),
            Some(_) if size > 1 => Some((size - 1, CmpOp::GtE)),
            Some(_) => None,
        };
        if let Some((length, operator)) = length {
            self.op(at, op::GET_LEN);
            self.load_const(at, Const::Int(length as i64));
            self.compare_op(at, operator);
            self.jump_to_fail(at, pc, op::POP_JUMP_IF_FALSE);
        }
        pc.on_top -= 1;
        match star {
            _ if only_wildcard => {
                self.op(at, op::POP_TOP);
                Ok(())
            }
            Some(star) if star_wildcard => self.sequence_items(at, patterns, star, pc),
            _ => self.sequence_unpack(at, patterns, pc),
        }
    }

    fn sequence_unpack(
        &mut self,
        at: Location,
        patterns: &'a [PatternRef<'a>],
        pc: &mut Context<'a>,
    ) -> Done {
        let too_many = "too many expressions in star-unpacking sequence pattern";
        let two_stars = "multiple starred expressions in sequence pattern";
        self.unpack(
            at,
            patterns,
            |pattern| is_star(pattern),
            too_many,
            two_stars,
        )?;
        pc.on_top += patterns.len();
        for pattern in patterns {
            pc.on_top -= 1;
            self.subpattern(pattern, pc)?;
        }
        Ok(())
    }

    /// With `*_` in the pattern: fetches the wanted items by index.
    fn sequence_items(
        &mut self,
        at: Location,
        patterns: &'a [PatternRef<'a>],
        star: usize,
        pc: &mut Context<'a>,
    ) -> Done {
        pc.on_top += 1;
        for (i, pattern) in patterns.iter().enumerate() {
            if is_wildcard(pattern) || i == star {
                continue;
            }
            self.op_i(at, op::COPY, 1);
            if i < star {
                self.load_const(at, Const::Int(i as i64));
            } else {
                // The subject may not know negative indices.
                self.op(at, op::GET_LEN);
                self.load_const(at, Const::Int((patterns.len() - i) as i64));
                self.binary(at, Operator::Sub, false);
            }
            self.op_i(at, op::BINARY_OP, arg::NB_SUBSCR);
            self.subpattern(pattern, pc)?;
        }
        pc.on_top -= 1;
        self.op(at, op::POP_TOP);
        Ok(())
    }

    #[inline(never)]
    fn class_pattern(
        &mut self,
        at: Location,
        cls: ExprRef<'a>,
        patterns: &'a [PatternRef<'a>],
        attrs: &'a [&'a str],
        kwd_patterns: &'a [PatternRef<'a>],
        pc: &mut Context<'a>,
    ) -> Done {
        let (nattrs, nkwd) = (attrs.len(), kwd_patterns.len());
        if nattrs != nkwd {
            let message = format!(
                "kwd_attrs ({nattrs}) / kwd_patterns ({nkwd}) length mismatch in class pattern"
            );
            return Err(self.error(at, message));
        }
        for (i, attr) in attrs.iter().enumerate() {
            if let Some(j) = attrs[i + 1..].iter().position(|other| other == attr) {
                let place = loc(kwd_patterns[i + 1 + j].range);
                let message = format!("attribute name repeated in class pattern: {attr}");
                return Err(self.error(place, message));
            }
        }
        self.expr(cls)?;
        self.load_const(
            at,
            Const::tuple(attrs.iter().map(|attr| Const::str(attr)).collect()),
        );
        self.op_n(at, op::MATCH_CLASS, patterns.len());
        self.op_i(at, op::COPY, 1);
        self.load_const(at, Const::None);
        self.op_i(at, op::IS_OP, 1);
        pc.on_top += 1;
        self.jump_to_fail(at, pc, op::POP_JUMP_IF_FALSE);
        let count = patterns.len() + nattrs;
        self.op_n(at, op::UNPACK_SEQUENCE, count);
        pc.on_top = pc.on_top + count - 1;
        for pattern in patterns.iter().chain(kwd_patterns) {
            pc.on_top -= 1;
            if is_wildcard(pattern) {
                self.op(at, op::POP_TOP);
                continue;
            }
            self.subpattern(pattern, pc)?;
        }
        Ok(())
    }

    fn mapping_keys(&mut self, at: Location, keys: &'a [ExprRef<'a>]) -> Done {
        let mut seen: Vec<Constant<'a>> = Vec::new();
        for key in keys {
            match key.kind {
                ExprKind::Constant { value, .. } => {
                    if seen.iter().any(|other| same_key(other, &value)) {
                        let message = format!(
                            "mapping pattern checks duplicate key ({})",
                            repr_constant(&value)
                        );
                        return Err(self.error(at, message));
                    }
                    seen.push(value);
                }
                ExprKind::Attribute { .. } => {}
                _ => {
                    let message =
                        "mapping pattern keys may only match literals and attribute lookups";
                    return Err(self.error(at, message));
                }
            }
            self.expr(key)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn mapping_pattern(
        &mut self,
        at: Location,
        keys: &'a [ExprRef<'a>],
        patterns: &'a [PatternRef<'a>],
        rest: Option<&'a str>,
        pc: &mut Context<'a>,
    ) -> Done {
        let (size, npatterns) = (keys.len(), patterns.len());
        if size != npatterns {
            let message = format!(
                "keys ({size}) / patterns ({npatterns}) length mismatch in mapping pattern"
            );
            return Err(self.error(at, message));
        }
        pc.on_top += 1;
        self.op(at, op::MATCH_MAPPING);
        self.jump_to_fail(at, pc, op::POP_JUMP_IF_FALSE);
        if size == 0 && rest.is_none() {
            pc.on_top -= 1;
            self.op(at, op::POP_TOP);
            return Ok(());
        }
        if size > 0 {
            self.op(at, op::GET_LEN);
            self.load_const(at, Const::Int(size as i64));
            self.compare_op(at, CmpOp::GtE);
            self.jump_to_fail(at, pc, op::POP_JUMP_IF_FALSE);
        }
        self.mapping_keys(at, keys)?;
        self.op_n(at, op::BUILD_TUPLE, size);
        self.op(at, op::MATCH_KEYS);
        // On the stack: the subject, the keys, the values (or None).
        pc.on_top += 2;
        self.op_i(at, op::COPY, 1);
        self.load_const(at, Const::None);
        self.op_i(at, op::IS_OP, 1);
        self.jump_to_fail(at, pc, op::POP_JUMP_IF_FALSE);
        self.op_n(at, op::UNPACK_SEQUENCE, size);
        pc.on_top = pc.on_top + size - 1;
        for pattern in patterns {
            pc.on_top -= 1;
            self.subpattern(pattern, pc)?;
        }
        pc.on_top -= 2;
        let Some(rest) = rest else {
            self.op(at, op::POP_TOP);
            self.op(at, op::POP_TOP);
            return Ok(());
        };
        // A copy of the subject without the keys.
        self.op_i(at, op::BUILD_MAP, 0);
        self.op_i(at, op::SWAP, 3);
        self.op_i(at, op::DICT_UPDATE, 2);
        self.op_n(at, op::UNPACK_SEQUENCE, size);
        for left in (1..=size).rev() {
            self.op_n(at, op::COPY, 1 + left);
            self.op_i(at, op::SWAP, 2);
            self.op(at, op::DELETE_SUBSCR);
        }
        self.capture(at, Some(rest), pc)
    }

    #[inline(never)]
    fn or_pattern(
        &mut self,
        at: Location,
        patterns: &'a [PatternRef<'a>],
        pc: &mut Context<'a>,
    ) -> Done {
        let end = self.label();
        let outer = std::mem::take(pc);
        // The names of the first alternative; the others must bind the same, and are brought into its order.
        let mut control: Vec<&'a str> = Vec::new();
        for (i, alternative) in patterns.iter().enumerate() {
            *pc = Context {
                allow_irrefutable: i + 1 == patterns.len() && outer.allow_irrefutable,
                ..Context::default()
            };
            let here = loc(alternative.range);
            self.op_i(here, op::COPY, 1);
            self.pattern(alternative, pc)?;
            if i == 0 {
                control.clone_from(&pc.stores);
            } else {
                self.reorder(at, here, &control, pc)?;
            }
            self.jump(here, op::JUMP, end);
            self.emit_fail_pop(here, pc);
        }
        *pc = outer;
        // No alternative matched: drop the copy of the subject.
        self.op(at, op::POP_TOP);
        self.jump_to_fail(at, pc, op::JUMP);
        self.place(end);
        let rotations = control.len() + 1 + pc.on_top + pc.stores.len();
        for name in control {
            self.rotate(at, rotations);
            self.check_duplicate(at, name, pc)?;
            pc.stores.push(name);
        }
        self.op(at, op::POP_TOP);
        Ok(())
    }

    fn reorder(
        &mut self,
        at: Location,
        here: Location,
        control: &[&'a str],
        pc: &mut Context<'a>,
    ) -> Done {
        let differ = "alternative patterns bind different names";
        if pc.stores.len() != control.len() {
            return Err(self.error(at, differ));
        }
        for wanted in (0..control.len()).rev() {
            let Some(found) = pc.stores.iter().position(|name| *name == control[wanted]) else {
                return Err(self.error(at, differ));
            };
            if found < wanted {
                let rotations = found + 1;
                let rotated: Vec<&'a str> = pc.stores.drain(..rotations).collect();
                let place = wanted - found;
                pc.stores.splice(place..place, rotated);
                for _ in 0..rotations {
                    self.rotate(here, wanted + 1);
                }
            }
        }
        Ok(())
    }
}
