//! The first pass over statements: opens a block per function, class and annotation scope, and records each name.
//!
//! CPython: `symtable_visit_stmt` and what it calls in `Python/symtable.c`.

use naja_bytecode::code::flags as co;
use naja_parser::ast::{
    self, Alias, Arg, Arguments, ExceptHandler, Expr, ExprContext, ExprKind, Identifier, Keyword,
    Mod, Pattern, PatternKind, Range, Stmt, StmtKind, TypeParam, TypeParamKind,
};
use naja_parser::stack::Stack;
use rustc_hash::{FxBuildHasher, FxHashSet};

use super::flag::*;
use super::{Block, BlockId, BlockKind, Key, Name, SymbolTable, Symbols, known};
use crate::future::Future;
use crate::{ALLOW_TOP_LEVEL_AWAIT, Error, recursion_error, syntax_error};

pub(super) type Done = Result<(), Error>;

/// The state of the walk.
pub(super) struct Builder<'f> {
    pub(super) st: SymbolTable,
    /// Open blocks, innermost last.
    pub(super) open: Vec<BlockId>,
    /// The class whose private names are mangled.
    pub(super) private: Option<Name>,
    future: &'f Future,
    features: u32,
    stack: Stack,
}

pub(super) fn run(module: &Mod<'_>, future: &Future, features: u32) -> Result<SymbolTable, Error> {
    let mut builder = Builder {
        st: SymbolTable::default(),
        open: Vec::new(),
        private: None,
        future,
        features: features | future.features,
        stack: Stack::here(),
    };
    let top = builder.new_block(known::TOP, BlockKind::Module, Key::Module, Range::default());
    builder.enter(top, false);
    match *module {
        Mod::Module { body, .. } => {
            builder.cur().has_docstring = ast::docstring(body).is_some();
            builder.stmts(body)?;
        }
        Mod::Interactive { body } => builder.stmts(body)?,
        Mod::Expression { body } => builder.expr(body)?,
        Mod::FunctionType { .. } => {
            return Err(crate::runtime_error(
                "this compiler does not handle FunctionTypes",
            ));
        }
    }
    Ok(builder.st)
}

impl Builder<'_> {
    pub(super) fn cur_id(&self) -> BlockId {
        self.open.last().copied().unwrap_or(BlockId(0))
    }

    pub(super) fn cur(&mut self) -> &mut Block {
        let id = self.cur_id();
        self.st.block_mut(id)
    }

    fn future_annotations(&self) -> bool {
        self.features & co::FUTURE_ANNOTATIONS != 0
    }

    pub(super) fn allows_top_level_await(&mut self) -> bool {
        self.features & ALLOW_TOP_LEVEL_AWAIT != 0 && self.cur().kind == BlockKind::Module
    }

    pub(super) fn check_depth(&self) -> Done {
        if self.stack.exhausted() {
            return Err(recursion_error());
        }
        Ok(())
    }

    fn new_block(&mut self, name: Name, kind: BlockKind, key: Key, range: Range) -> BlockId {
        let parent = self.open.last().map(|id| self.st.block(*id));
        let nested = parent.is_some_and(|parent| parent.nested || parent.is_function_like());
        let method = kind == BlockKind::Function
            && parent.is_some_and(|parent| parent.kind == BlockKind::Class);
        let id = BlockId(self.st.blocks.len() as u32);
        self.st.blocks.push(Block {
            name,
            kind,
            symbols: Symbols::with_hasher(FxBuildHasher),
            varnames: Vec::new(),
            children: Vec::new(),
            directives: Vec::new(),
            mangled_names: None,
            range,
            scope_info: "",
            nested,
            generator: false,
            coroutine: false,
            comprehension: None,
            varargs: false,
            varkeywords: false,
            returns_value: false,
            annotations_used: false,
            needs_class_closure: false,
            needs_classdict: false,
            comp_inlined: false,
            comp_iter_target: false,
            can_see_class_scope: false,
            comp_iter_expr: 0,
            has_conditional_annotations: false,
            in_conditional_block: false,
            in_unevaluated_annotation: false,
            annotation_block: None,
            has_docstring: false,
            method,
        });
        self.st.keys.insert(key, id);
        id
    }

    /// Makes a block the current one; `child` says whether it is new below the one before.
    fn enter(&mut self, id: BlockId, child: bool) {
        if let Some(&parent) = self.open.last() {
            let from = self.st.block(parent);
            let (comp_iter_expr, mangled) = (from.comp_iter_expr, from.mangled_names);
            let block = self.st.block_mut(id);
            // No assignment expressions in the outermost iterable of a comprehension, not even nested ones.
            block.comp_iter_expr = comp_iter_expr;
            // In a class all private names are mangled.
            if mangled.is_some() && block.kind != BlockKind::Class {
                block.mangled_names = mangled;
            }
            let ignored = block.kind == BlockKind::Annotation && self.future_annotations();
            if child && !ignored {
                self.st.block_mut(parent).children.push(id);
            }
        }
        self.open.push(id);
    }

    pub(super) fn enter_block(
        &mut self,
        name: Name,
        kind: BlockKind,
        key: Key,
        range: Range,
    ) -> Done {
        let id = self.new_block(name, kind, key, range);
        self.enter(id, true);
        if matches!(
            kind,
            BlockKind::Annotation | BlockKind::TypeVariable | BlockKind::TypeAlias
        ) {
            self.add_known(known::FORMAT, DEF_PARAM, range)?;
            self.add_known(known::FORMAT, USE, range)?;
        }
        Ok(())
    }

    pub(super) fn exit(&mut self) {
        self.open.pop();
    }

    pub(super) fn lookup_in(&mut self, id: BlockId, text: &str) -> u32 {
        let name = self.st.maybe_mangle(self.private, id, text);
        self.st.block(id).symbol(name)
    }

    fn lookup(&mut self, text: &str) -> u32 {
        self.lookup_in(self.cur_id(), text)
    }

    /// Records a definition or use in a block, mangling as in the current block.
    pub(super) fn add_def_in(&mut self, id: BlockId, text: &str, flag: u32, range: Range) -> Done {
        let mangled = self.st.maybe_mangle(self.private, self.cur_id(), text);
        self.add_mangled(id, mangled, text, flag, range)
    }

    fn add_mangled(
        &mut self,
        id: BlockId,
        mangled: Name,
        text: &str,
        flag: u32,
        range: Range,
    ) -> Done {
        let block = self.st.block_mut(id);
        let iter_target = block.comp_iter_target;
        let value = block.symbols.entry(mangled).or_insert(0);
        if flag & *value & DEF_PARAM != 0 {
            let message = format!("duplicate argument '{text}' in function definition");
            return Err(syntax_error(range, message));
        }
        if flag & *value & DEF_TYPE_PARAM != 0 {
            return Err(syntax_error(
                range,
                format!("duplicate type parameter '{text}'"),
            ));
        }
        *value |= flag;
        if iter_target {
            if *value & (DEF_GLOBAL | DEF_NONLOCAL) != 0 {
                let message = format!(
                    "comprehension inner loop cannot rebind assignment expression target '{text}'"
                );
                return Err(syntax_error(range, message));
            }
            *value |= DEF_COMP_ITER;
        }
        if flag & DEF_PARAM != 0 {
            block.varnames.push(mangled);
        } else if flag & DEF_GLOBAL != 0 {
            let top = self.st.top();
            *self.st.block_mut(top).symbols.entry(mangled).or_insert(0) |= flag;
        }
        Ok(())
    }

    /// Records a name that is never mangled.
    pub(super) fn add_known(&mut self, name: Name, flag: u32, range: Range) -> Done {
        self.add_mangled(self.cur_id(), name, "", flag, range)
    }

    fn check_name(&self, text: &str, range: Range, ctx: ExprContext) -> Done {
        if text != "__debug__" {
            return Ok(());
        }
        match ctx {
            ExprContext::Store => Err(syntax_error(range, "cannot assign to __debug__")),
            ExprContext::Del => Err(syntax_error(range, "cannot delete __debug__")),
            ExprContext::Load => Ok(()),
        }
    }

    pub(super) fn check_attribute(&self, text: &str, range: Range, ctx: ExprContext) -> Done {
        self.check_name(text, range, ctx)
    }

    pub(super) fn keywords(&mut self, keywords: &[Keyword<'_>]) -> Done {
        for keyword in keywords {
            if let Some(arg) = keyword.arg {
                self.check_name(arg, keyword.range, ExprContext::Store)?;
            }
        }
        for keyword in keywords {
            self.expr(keyword.value)?;
        }
        Ok(())
    }

    pub(super) fn add_def_ctx(
        &mut self,
        text: &str,
        flag: u32,
        range: Range,
        ctx: ExprContext,
    ) -> Done {
        if flag & (DEF_PARAM | DEF_LOCAL | DEF_IMPORT) != 0 {
            self.check_name(text, range, ctx)?;
        }
        if flag & DEF_TYPE_PARAM != 0
            && let Some(set) = self.cur().mangled_names
        {
            let name = self.st.names.intern(text);
            self.st.mangled_sets[set as usize].insert(name);
        }
        self.add_def_in(self.cur_id(), text, flag, range)
    }

    pub(super) fn add_def(&mut self, text: &str, flag: u32, range: Range) -> Done {
        let ctx = if flag == USE {
            ExprContext::Load
        } else {
            ExprContext::Store
        };
        self.add_def_ctx(text, flag, range, ctx)
    }

    pub(super) fn record_directive(&mut self, text: &str, range: Range) {
        let name = self.st.maybe_mangle(self.private, self.cur_id(), text);
        self.cur().directives.push((name, range));
    }

    pub(super) fn stmts(&mut self, body: &[&Stmt<'_>]) -> Done {
        body.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    fn conditional(&mut self, visit: impl FnOnce(&mut Self) -> Done) -> Done {
        let before = std::mem::replace(&mut self.cur().in_conditional_block, true);
        visit(self)?;
        self.cur().in_conditional_block = before;
        Ok(())
    }

    fn stmt(&mut self, stmt: &Stmt<'_>) -> Done {
        self.check_depth()?;
        let range = stmt.range;
        match stmt.kind {
            StmtKind::FunctionDef { .. } | StmtKind::AsyncFunctionDef { .. } => {
                self.function(stmt)?
            }
            StmtKind::ClassDef { .. } => self.class(stmt)?,
            StmtKind::TypeAlias { .. } => self.type_alias(stmt)?,
            StmtKind::Return { value } => {
                if let Some(value) = value {
                    self.expr(value)?;
                    self.cur().returns_value = true;
                }
            }
            StmtKind::Delete { targets } => self.exprs(targets)?,
            StmtKind::Assign { targets, value, .. } => {
                self.exprs(targets)?;
                self.expr(value)?;
            }
            StmtKind::AnnAssign { .. } => self.ann_assign(stmt)?,
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(target)?;
                self.expr(value)?;
            }
            StmtKind::For {
                target,
                iter,
                body,
                orelse,
                ..
            } => {
                self.expr(target)?;
                self.expr(iter)?;
                self.conditional(|b| b.stmts(body).and_then(|()| b.stmts(orelse)))?;
            }
            StmtKind::AsyncFor {
                target,
                iter,
                body,
                orelse,
                ..
            } => {
                self.require_coroutine("'async for' outside async function", range)?;
                self.expr(target)?;
                self.expr(iter)?;
                self.conditional(|b| b.stmts(body).and_then(|()| b.stmts(orelse)))?;
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(test)?;
                self.conditional(|b| b.stmts(body).and_then(|()| b.stmts(orelse)))?;
            }
            StmtKind::If { .. } => self.if_chain(stmt)?,
            StmtKind::Match { subject, cases } => {
                self.expr(subject)?;
                self.conditional(|b| {
                    for case in cases {
                        b.pattern(case.pattern)?;
                        b.opt_expr(case.guard)?;
                        b.stmts(case.body)?;
                    }
                    Ok(())
                })?;
            }
            StmtKind::Raise { exc, cause } => {
                if let Some(exc) = exc {
                    self.expr(exc)?;
                    self.opt_expr(cause)?;
                }
            }
            StmtKind::Try {
                body,
                handlers,
                orelse,
                finalbody,
            }
            | StmtKind::TryStar {
                body,
                handlers,
                orelse,
                finalbody,
            } => self.conditional(|b| {
                b.stmts(body)?;
                handlers.iter().try_for_each(|handler| b.handler(handler))?;
                b.stmts(orelse)?;
                b.stmts(finalbody)
            })?,
            StmtKind::Assert { test, msg } => {
                self.expr(test)?;
                self.opt_expr(msg)?;
            }
            StmtKind::Import { names } => names.iter().try_for_each(|alias| self.alias(alias))?,
            StmtKind::ImportFrom {
                module,
                names,
                level,
            } => {
                names.iter().try_for_each(|alias| self.alias(alias))?;
                let last = self.future.range;
                let late = range.lineno > last.lineno
                    || (range.lineno == last.end_lineno && range.col_offset > last.end_col_offset);
                if module == Some("__future__") && level == 0 && late {
                    let message = "from __future__ imports must occur at the beginning of the file";
                    return Err(syntax_error(range, message));
                }
            }
            StmtKind::Global { names } => self.declare(names, range, DEF_GLOBAL, "global")?,
            StmtKind::Nonlocal { names } => self.declare(names, range, DEF_NONLOCAL, "nonlocal")?,
            StmtKind::Expr { value } => self.expr(value)?,
            StmtKind::Pass | StmtKind::Break | StmtKind::Continue => {}
            StmtKind::With { items, body, .. } => self.with(items, body)?,
            StmtKind::AsyncWith { items, body, .. } => {
                self.require_coroutine("'async with' outside async function", range)?;
                self.with(items, body)?;
            }
        }
        Ok(())
    }

    /// `if` with its `elif`s, without recursion per `elif`.
    fn if_chain(&mut self, stmt: &Stmt<'_>) -> Done {
        let before = self.cur().in_conditional_block;
        let mut stmt = stmt;
        while let StmtKind::If { test, body, orelse } = stmt.kind {
            self.expr(test)?;
            self.cur().in_conditional_block = true;
            self.stmts(body)?;
            match orelse {
                [only] if matches!(only.kind, StmtKind::If { .. }) => stmt = only,
                _ => {
                    self.stmts(orelse)?;
                    break;
                }
            }
        }
        self.cur().in_conditional_block = before;
        Ok(())
    }

    fn with(&mut self, items: &[ast::WithItem<'_>], body: &[&Stmt<'_>]) -> Done {
        self.conditional(|b| {
            for item in items {
                b.expr(item.context_expr)?;
                b.opt_expr(item.optional_vars)?;
            }
            b.stmts(body)
        })
    }

    fn require_coroutine(&mut self, message: &str, range: Range) -> Done {
        if self.allows_top_level_await() {
            self.cur().coroutine = true;
        }
        if !self.cur().coroutine {
            return Err(syntax_error(range, message));
        }
        Ok(())
    }

    #[inline(never)]
    fn declare(&mut self, names: &[Identifier<'_>], range: Range, flag: u32, word: &str) -> Done {
        for name in names {
            let seen = self.lookup(name);
            if seen & (DEF_PARAM | DEF_LOCAL | USE | DEF_ANNOT) != 0 {
                let message = if seen & DEF_PARAM != 0 {
                    format!("name '{name}' is parameter and {word}")
                } else if seen & USE != 0 {
                    format!("name '{name}' is used prior to {word} declaration")
                } else if seen & DEF_ANNOT != 0 {
                    format!("annotated name '{name}' can't be {word}")
                } else {
                    format!("name '{name}' is assigned to before {word} declaration")
                };
                return Err(syntax_error(range, message));
            }
            self.add_def(name, flag, range)?;
            self.record_directive(name, range);
        }
        Ok(())
    }

    fn alias(&mut self, alias: &Alias<'_>) -> Done {
        let name = alias.asname.unwrap_or(alias.name);
        if name == "*" {
            if self.cur().kind != BlockKind::Module {
                return Err(syntax_error(
                    alias.range,
                    "import * only allowed at module level",
                ));
            }
            return Ok(());
        }
        let bound = name.split('.').next().unwrap_or(name);
        self.add_def(bound, DEF_IMPORT, alias.range)
    }

    #[inline(never)]
    fn handler(&mut self, handler: &ExceptHandler<'_>) -> Done {
        self.opt_expr(handler.type_)?;
        if let Some(name) = handler.name {
            self.add_def(name, DEF_LOCAL, handler.range)?;
        }
        self.stmts(handler.body)
    }

    pub(super) fn defaults(&mut self, args: &Arguments<'_>) -> Done {
        self.exprs(args.defaults)?;
        args.kw_defaults
            .iter()
            .flatten()
            .try_for_each(|default| self.expr(default))
    }

    #[inline(never)]
    fn function(&mut self, stmt: &Stmt<'_>) -> Done {
        let (StmtKind::FunctionDef {
            name,
            args,
            body,
            decorator_list,
            returns,
            type_params,
            ..
        }
        | StmtKind::AsyncFunctionDef {
            name,
            args,
            body,
            decorator_list,
            returns,
            type_params,
            ..
        }) = stmt.kind
        else {
            return Ok(());
        };
        let range = stmt.range;
        self.add_def(name, DEF_LOCAL, range)?;
        self.defaults(args)?;
        self.exprs(decorator_list)?;
        let id = self.st.names.intern(name);
        if !type_params.is_empty() {
            let kwdefaults = args.kw_defaults.iter().any(Option::is_some);
            self.enter_type_params(id, type_params, range, true, kwdefaults)?;
            self.type_params(type_params)?;
        }
        let block = self.new_block(id, BlockKind::Function, Key::node(stmt), range);
        self.st.block_mut(block).has_docstring = ast::docstring(body).is_some();
        self.function_annotations(stmt, args, returns)?;
        self.enter(block, true);
        self.cur().coroutine = matches!(stmt.kind, StmtKind::AsyncFunctionDef { .. });
        self.arguments(args)?;
        self.stmts(body)?;
        self.exit();
        if !type_params.is_empty() {
            self.exit();
        }
        Ok(())
    }

    #[inline(never)]
    fn class(&mut self, stmt: &Stmt<'_>) -> Done {
        let StmtKind::ClassDef {
            name,
            bases,
            keywords,
            body,
            decorator_list,
            type_params,
        } = stmt.kind
        else {
            return Ok(());
        };
        let range = stmt.range;
        self.add_def(name, DEF_LOCAL, range)?;
        self.exprs(decorator_list)?;
        let id = self.st.names.intern(name);
        let private = self.private;
        if !type_params.is_empty() {
            self.enter_type_params(id, type_params, range, false, false)?;
            for name in [known::TYPE_PARAMS, known::GENERIC_BASE] {
                self.add_known(name, DEF_LOCAL, range)?;
                self.add_known(name, USE, range)?;
            }
            self.private = Some(id);
            self.st.mangled_sets.push(FxHashSet::default());
            self.cur().mangled_names = Some(self.st.mangled_sets.len() as u32 - 1);
            self.type_params(type_params)?;
        }
        self.exprs(bases)?;
        self.keywords(keywords)?;
        self.enter_block(id, BlockKind::Class, Key::node(stmt), range)?;
        self.private = Some(id);
        if !type_params.is_empty() {
            self.add_known(known::DUNDER_TYPE_PARAMS, DEF_LOCAL, range)?;
            self.add_known(known::TYPE_PARAMS, USE, range)?;
        }
        self.cur().has_docstring = ast::docstring(body).is_some();
        self.stmts(body)?;
        self.exit();
        if !type_params.is_empty() {
            self.exit();
        }
        self.private = private;
        Ok(())
    }

    #[inline(never)]
    fn type_alias(&mut self, stmt: &Stmt<'_>) -> Done {
        let StmtKind::TypeAlias {
            name,
            type_params,
            value,
        } = stmt.kind
        else {
            return Ok(());
        };
        self.expr(name)?;
        let ExprKind::Name { id, .. } = name.kind else {
            return Err(crate::system_error("type alias without a name"));
        };
        let id = self.st.names.intern(id);
        let in_class = self.cur().kind == BlockKind::Class;
        if !type_params.is_empty() {
            self.enter_type_params(id, type_params, stmt.range, false, false)?;
            self.type_params(type_params)?;
        }
        self.enter_block(id, BlockKind::TypeAlias, Key::node(stmt), stmt.range)?;
        self.cur().can_see_class_scope = in_class;
        if in_class {
            self.add_known(known::CLASSDICT, USE, value.range)?;
        }
        self.expr(value)?;
        self.exit();
        if !type_params.is_empty() {
            self.exit();
        }
        Ok(())
    }

    fn enter_type_params(
        &mut self,
        name: Name,
        params: &[TypeParam<'_>],
        range: Range,
        has_defaults: bool,
        has_kwdefaults: bool,
    ) -> Done {
        let in_class = self.cur().kind == BlockKind::Class;
        self.enter_block(
            name,
            BlockKind::TypeParameters,
            Key::type_params(params),
            range,
        )?;
        if in_class {
            self.cur().can_see_class_scope = true;
            self.add_known(known::CLASSDICT, USE, range)?;
        }
        if has_defaults {
            self.add_known(known::DEFAULTS, DEF_PARAM, range)?;
        }
        if has_kwdefaults {
            self.add_known(known::KWDEFAULTS, DEF_PARAM, range)?;
        }
        Ok(())
    }

    fn type_params(&mut self, params: &[TypeParam<'_>]) -> Done {
        params.iter().try_for_each(|param| self.type_param(param))
    }

    fn type_param(&mut self, param: &TypeParam<'_>) -> Done {
        self.check_depth()?;
        let (TypeParamKind::TypeVar { name, .. }
        | TypeParamKind::TypeVarTuple { name, .. }
        | TypeParamKind::ParamSpec { name, .. }) = param.kind;
        self.add_def(name, DEF_TYPE_PARAM | DEF_LOCAL, param.range)?;
        if name == "__classdict__" {
            let message = format!("reserved name '{name}' cannot be used for type parameter");
            return Err(syntax_error(param.range, message));
        }
        match param.kind {
            TypeParamKind::TypeVar {
                bound,
                default_value,
                ..
            } => {
                let constraints =
                    bound.is_some_and(|bound| matches!(bound.kind, ExprKind::Tuple { .. }));
                let info = if constraints {
                    "a TypeVar constraint"
                } else {
                    "a TypeVar bound"
                };
                self.type_param_part(bound, name, Key::node(param), info)?;
                self.type_param_part(
                    default_value,
                    name,
                    Key::default(param),
                    "a TypeVar default",
                )
            }
            TypeParamKind::TypeVarTuple { default_value, .. } => self.type_param_part(
                default_value,
                name,
                Key::node(param),
                "a TypeVarTuple default",
            ),
            TypeParamKind::ParamSpec { default_value, .. } => {
                self.type_param_part(default_value, name, Key::node(param), "a ParamSpec default")
            }
        }
    }

    fn type_param_part(
        &mut self,
        part: Option<&Expr<'_>>,
        name: &str,
        key: Key,
        info: &'static str,
    ) -> Done {
        let Some(part) = part else {
            return Ok(());
        };
        let in_class = self.cur().can_see_class_scope;
        let name = self.st.names.intern(name);
        self.enter_block(name, BlockKind::TypeVariable, key, part.range)?;
        self.cur().can_see_class_scope = in_class;
        if in_class {
            self.add_known(known::CLASSDICT, USE, part.range)?;
        }
        self.cur().scope_info = info;
        self.expr(part)?;
        self.exit();
        Ok(())
    }

    #[inline(never)]
    fn ann_assign(&mut self, stmt: &Stmt<'_>) -> Done {
        let StmtKind::AnnAssign {
            target,
            annotation,
            value,
            simple,
        } = stmt.kind
        else {
            return Ok(());
        };
        self.cur().annotations_used = true;
        if let ExprKind::Name { id, .. } = target.kind {
            let seen = self.lookup(id);
            let declared = seen & (DEF_GLOBAL | DEF_NONLOCAL) != 0;
            if declared && self.cur_id() != self.st.top() && simple {
                let word = if seen & DEF_GLOBAL != 0 {
                    "global"
                } else {
                    "nonlocal"
                };
                let message = format!("annotated name '{id}' can't be {word}");
                return Err(syntax_error(stmt.range, message));
            }
            if simple {
                self.add_def(id, DEF_ANNOT | DEF_LOCAL, target.range)?;
            } else if value.is_some() {
                self.add_def(id, DEF_LOCAL, target.range)?;
            }
        } else {
            self.expr(target)?;
        }
        self.annotation(annotation)?;
        self.opt_expr(value)
    }

    /// The annotation of a variable: all of a block share one `__annotate__` block.
    fn annotation(&mut self, annotation: &Expr<'_>) -> Done {
        let range = annotation.range;
        let parent = self.cur_id();
        let block = self.st.block(parent);
        let kind = block.kind;
        // Annotations in functions are never run and have no effect on the symbols.
        let unevaluated = kind == BlockKind::Function;
        // Those of a module count as conditional always: the module may be executed in part.
        let conditional =
            (kind == BlockKind::Class && block.in_conditional_block) || kind == BlockKind::Module;
        if conditional && !block.has_conditional_annotations {
            self.cur().has_conditional_annotations = true;
            self.add_known(known::CONDITIONAL_ANNOTATIONS, USE, range)?;
        }
        match self.st.block(parent).annotation_block {
            Some(id) => self.enter(id, false),
            None => {
                self.enter_block(
                    known::ANNOTATE,
                    BlockKind::Annotation,
                    Key::Variables(parent.0),
                    range,
                )?;
                let id = self.cur_id();
                self.st.block_mut(parent).annotation_block = Some(id);
                if kind == BlockKind::Class && !self.future_annotations() {
                    self.st.block_mut(parent).needs_classdict = true;
                    self.cur().can_see_class_scope = true;
                    self.add_known(known::CLASSDICT, USE, range)?;
                }
            }
        }
        if unevaluated {
            self.cur().in_unevaluated_annotation = true;
        }
        self.expr(annotation)?;
        if unevaluated {
            self.cur().in_unevaluated_annotation = false;
        }
        self.exit();
        Ok(())
    }

    fn function_annotations(
        &mut self,
        stmt: &Stmt<'_>,
        args: &Arguments<'_>,
        returns: Option<&Expr<'_>>,
    ) -> Done {
        let block = self.cur();
        let in_class = block.can_see_class_scope || block.kind == BlockKind::Class;
        let range = stmt.range;
        self.enter_block(
            known::ANNOTATE,
            BlockKind::Annotation,
            Key::annotations(stmt),
            range,
        )?;
        if in_class {
            self.cur().can_see_class_scope = true;
            self.add_known(known::CLASSDICT, USE, range)?;
        }
        let before = args
            .posonlyargs
            .iter()
            .chain(args.args)
            .chain(args.vararg)
            .chain(args.kwarg);
        let annotations = before
            .chain(args.kwonlyargs)
            .filter_map(|arg| arg.annotation)
            .chain(returns);
        for annotation in annotations {
            self.cur().annotations_used = true;
            self.expr(annotation)?;
        }
        self.exit();
        Ok(())
    }

    pub(super) fn arguments(&mut self, args: &Arguments<'_>) -> Done {
        let all = args
            .posonlyargs
            .iter()
            .chain(args.args)
            .chain(args.kwonlyargs);
        let all: Vec<&Arg<'_>> = all.chain(args.vararg).chain(args.kwarg).collect();
        for arg in all {
            self.add_def(arg.arg, DEF_PARAM, arg.range)?;
        }
        self.cur().varargs = args.vararg.is_some();
        self.cur().varkeywords = args.kwarg.is_some();
        Ok(())
    }

    fn pattern(&mut self, pattern: &Pattern<'_>) -> Done {
        self.check_depth()?;
        let range = pattern.range;
        let mut bound = None;
        match pattern.kind {
            PatternKind::MatchValue { value } => self.expr(value)?,
            PatternKind::MatchSingleton { .. } => {}
            PatternKind::MatchSequence { patterns } | PatternKind::MatchOr { patterns } => {
                self.patterns(patterns)?
            }
            PatternKind::MatchStar { name } => bound = name,
            PatternKind::MatchMapping {
                keys,
                patterns,
                rest,
            } => {
                self.exprs(keys)?;
                self.patterns(patterns)?;
                bound = rest;
            }
            PatternKind::MatchClass {
                cls,
                patterns,
                kwd_attrs,
                kwd_patterns,
            } => {
                self.expr(cls)?;
                self.patterns(patterns)?;
                for (attr, pattern) in kwd_attrs.iter().zip(kwd_patterns) {
                    self.check_name(attr, pattern.range, ExprContext::Store)?;
                }
                self.patterns(kwd_patterns)?;
            }
            PatternKind::MatchAs { pattern, name } => {
                if let Some(pattern) = pattern {
                    self.pattern(pattern)?;
                }
                bound = name;
            }
        }
        match bound {
            Some(name) => self.add_def(name, DEF_LOCAL, range),
            None => Ok(()),
        }
    }

    fn patterns(&mut self, patterns: &[&Pattern<'_>]) -> Done {
        patterns
            .iter()
            .try_for_each(|pattern| self.pattern(pattern))
    }
}
