//! The second pass: from raw facts to scopes.
//!
//! A block gets the names bound around it and hands its own down to its children; what is free in the children comes
//! back up until a function binds it. The sets given to a child are copies, so a child never changes what its
//! siblings see. CPython: `analyze_block` and its helpers in `Python/symtable.c`.

use naja_parser::stack::Stack;
use rustc_hash::{FxHashMap, FxHashSet};

use super::flag::*;
use super::{BlockId, BlockKind, Name, SymbolTable, known, scope, scope_of};
use crate::{Error, recursion_error, syntax_error};

type Set = FxHashSet<Name>;
type Scopes = FxHashMap<Name, u32>;

pub(super) fn run(table: &mut SymbolTable) -> Result<(), Error> {
    let top = table.top();
    let mut analyzer = Analyzer {
        table,
        stack: Stack::here(),
    };
    let mut sets = Sets::default();
    analyzer.block(top, None, &mut sets, None)
}

/// Sets that a block shares with its surroundings.
#[derive(Clone, Default)]
struct Sets {
    free: Set,
    global: Set,
    type_params: Set,
}

struct Analyzer<'t> {
    table: &'t mut SymbolTable,
    stack: Stack,
}

impl Analyzer<'_> {
    fn block(
        &mut self,
        id: BlockId,
        mut bound: Option<&mut Set>,
        sets: &mut Sets,
        class_entry: Option<BlockId>,
    ) -> Result<(), Error> {
        if self.stack.exhausted() {
            return Err(recursion_error());
        }
        let kind = self.table.block(id).kind;
        let function_like = self.table.block(id).is_function_like();
        let mut local = Set::default();
        let mut scopes = Scopes::default();
        let mut new_global = Set::default();
        let mut new_bound = Set::default();
        let mut new_free = Set::default();
        let mut inlined_cells = Set::default();

        // What a class binds is not visible in its methods, so its children get the sets as they were before.
        if kind == BlockKind::Class {
            new_global.clone_from(&sets.global);
            if let Some(bound) = bound.as_deref() {
                new_bound.clone_from(bound);
            }
        }
        for index in 0..self.table.block(id).symbols.len() {
            let Some((&name, &flags)) = self.table.block(id).symbols.get_index(index) else {
                break;
            };
            let scope = self.name(
                id,
                name,
                flags,
                bound.as_deref_mut(),
                &mut local,
                sets,
                class_entry,
            )?;
            scopes.insert(name, scope);
        }
        if kind == BlockKind::Class {
            new_bound.extend([
                known::CLASS,
                known::CLASSDICT,
                known::CONDITIONAL_ANNOTATIONS,
            ]);
        } else {
            if function_like {
                new_bound.extend(&local);
            }
            if let Some(bound) = bound.as_deref() {
                new_bound.extend(bound);
            }
            new_global.clone_from(&sets.global);
        }

        let mut inner = Sets {
            free: std::mem::take(&mut new_free),
            global: new_global,
            type_params: sets.type_params.clone(),
        };
        for index in 0..self.table.block(id).children.len() {
            let child = self.table.block(id).children[index];
            self.child(
                id,
                child,
                &new_bound,
                &mut inner,
                class_entry,
                &mut scopes,
                &mut inlined_cells,
            )?;
        }
        let mut new_free = inner.free;
        self.splice_inlined(id);

        if function_like {
            for (name, scope) in &mut scopes {
                if *scope == scope::LOCAL
                    && (new_free.contains(name) || inlined_cells.contains(name))
                {
                    *scope = scope::CELL;
                    new_free.remove(name);
                }
            }
        } else if kind == BlockKind::Class {
            let block = self.table.block_mut(id);
            block.needs_class_closure |= new_free.remove(&known::CLASS);
            block.needs_classdict |= new_free.remove(&known::CLASSDICT);
            block.has_conditional_annotations |= new_free.remove(&known::CONDITIONAL_ANNOTATIONS);
        }
        self.update_symbols(id, &scopes, bound.as_deref(), &new_free, &inlined_cells);
        sets.free.extend(new_free);
        Ok(())
    }

    /// Analyzes a child with copies of the sets, and takes over what is free in it.
    fn child(
        &mut self,
        id: BlockId,
        child: BlockId,
        bound: &Set,
        inner: &mut Sets,
        class_entry: Option<BlockId>,
        scopes: &mut Scopes,
        inlined_cells: &mut Set,
    ) -> Result<(), Error> {
        let parent = self.table.block(id);
        let entry = self.table.block(child);
        let new_class_entry = match entry.can_see_class_scope {
            true if parent.kind == BlockKind::Class => Some(id),
            true => class_entry,
            false => None,
        };
        let inline =
            entry.comprehension.is_some() && !entry.generator && !parent.can_see_class_scope;
        let mut child_bound = bound.clone();
        let mut child_sets = inner.clone();
        self.block(
            child,
            Some(&mut child_bound),
            &mut child_sets,
            new_class_entry,
        )?;
        if inline {
            self.inline_comprehension(id, child, scopes, &mut child_sets.free, inlined_cells);
            self.table.block_mut(child).comp_inlined = true;
        }
        inner.free.extend(child_sets.free);
        Ok(())
    }

    /// Children of inlined comprehensions take the comprehensions' places.
    fn splice_inlined(&mut self, id: BlockId) {
        let any = self
            .table
            .block(id)
            .children
            .iter()
            .any(|child| self.table.block(*child).comp_inlined);
        if !any {
            return;
        }
        let mut children = Vec::new();
        for child in &self.table.block(id).children {
            let block = self.table.block(*child);
            if block.comp_inlined {
                children.extend_from_slice(&block.children);
            } else {
                children.push(*child);
            }
        }
        self.table.block_mut(id).children = children;
    }

    /// Decides where one name of a block lives.
    fn name(
        &self,
        id: BlockId,
        name: Name,
        flags: u32,
        bound: Option<&mut Set>,
        local: &mut Set,
        sets: &mut Sets,
        class_entry: Option<BlockId>,
    ) -> Result<u32, Error> {
        if flags & DEF_GLOBAL != 0 {
            if flags & DEF_NONLOCAL != 0 {
                return Err(self.at_directive(id, name, "name '", "' is nonlocal and global"));
            }
            sets.global.insert(name);
            if let Some(bound) = bound {
                bound.remove(&name);
            }
            return Ok(scope::GLOBAL_EXPLICIT);
        }
        if flags & DEF_NONLOCAL != 0 {
            let Some(bound) = bound else {
                return Err(self.error_at(
                    id,
                    name,
                    "nonlocal declaration not allowed at module level".into(),
                ));
            };
            if !bound.contains(&name) {
                return Err(self.at_directive(id, name, "no binding for nonlocal '", "' found"));
            }
            if sets.type_params.contains(&name) {
                return Err(self.at_directive(
                    id,
                    name,
                    "nonlocal binding not allowed for type parameter '",
                    "'",
                ));
            }
            sets.free.insert(name);
            return Ok(scope::FREE);
        }
        if flags & DEF_BOUND != 0 {
            local.insert(name);
            sets.global.remove(&name);
            if flags & DEF_TYPE_PARAM != 0 {
                sets.type_params.insert(name);
            } else {
                sets.type_params.remove(&name);
            }
            return Ok(scope::LOCAL);
        }
        // A name that the class around an annotation scope binds is looked up in the class and in the globals at run
        // time, never in a function around the class.
        if let Some(class) = class_entry {
            let class_flags = self.table.block(class).symbol(name);
            if class_flags & DEF_GLOBAL != 0 {
                return Ok(scope::GLOBAL_EXPLICIT);
            }
            if class_flags & DEF_BOUND != 0 && class_flags & DEF_NONLOCAL == 0 {
                return Ok(scope::GLOBAL_IMPLICIT);
            }
        }
        if bound.is_some_and(|bound| bound.contains(&name)) {
            sets.free.insert(name);
            return Ok(scope::FREE);
        }
        Ok(scope::GLOBAL_IMPLICIT)
    }

    fn at_directive(&self, id: BlockId, name: Name, before: &str, after: &str) -> Error {
        let text = self.table.names.text(name);
        self.error_at(id, name, format!("{before}{text}{after}"))
    }

    fn error_at(&self, id: BlockId, name: Name, message: String) -> Error {
        let directives = &self.table.block(id).directives;
        let range = directives
            .iter()
            .find(|(at, _)| *at == name)
            .map(|(_, range)| *range);
        syntax_error(range.unwrap_or_default(), message)
    }

    /// Merges the names of a comprehension into the block that runs it.
    fn inline_comprehension(
        &mut self,
        id: BlockId,
        comp: BlockId,
        scopes: &mut Scopes,
        comp_free: &mut Set,
        inlined_cells: &mut Set,
    ) {
        let in_class = self.table.block(id).kind == BlockKind::Class;
        let special = [
            known::CLASS,
            known::CLASSDICT,
            known::CONDITIONAL_ANNOTATIONS,
        ];
        let mut removed = Vec::new();
        for index in 0..self.table.block(comp).symbols.len() {
            let Some((&name, &flags)) = self.table.block(comp).symbols.get_index(index) else {
                break;
            };
            if flags & DEF_PARAM != 0 {
                continue;
            }
            let mut scope = scope_of(flags);
            let only_flags = flags & ((1 << SCOPE_OFFSET) - 1);
            if scope == scope::CELL || only_flags & DEF_COMP_CELL != 0 {
                inlined_cells.insert(name);
            }
            let existing = self.table.block(id).symbols.get(&name).copied();
            let children = &self.table.block(comp).children;
            let free_in_child = || {
                children
                    .iter()
                    .any(|child| self.table.block(*child).scope(name) == scope::FREE)
            };
            // The implicit variables of a class are free in functions inside it only, never in its own code.
            if scope == scope::FREE && in_class && special.contains(&name) {
                scope = scope::GLOBAL_IMPLICIT;
                if !free_in_child() {
                    comp_free.remove(&name);
                }
                removed.push(name);
            }
            let free_in_child = free_in_child();
            // A use in the comprehension is now a use in this block.
            if scope == scope::FREE
                && !in_class
                && let Some(flags) = self.table.block_mut(id).symbols.get_mut(&name)
            {
                *flags |= only_flags & USE;
            }
            match existing {
                None => {
                    self.table.block_mut(id).symbols.insert(name, only_flags);
                    scopes.insert(name, scope);
                }
                // Free in the comprehension and bound here: simply local now, unless a function inside needs it.
                Some(flags) if flags & DEF_BOUND != 0 && !in_class => {
                    if !free_in_child {
                        comp_free.remove(&name);
                    }
                }
                Some(_) => {}
            }
        }
        for name in removed {
            self.table.block_mut(comp).symbols.shift_remove(&name);
        }
    }

    /// Writes the scopes into the symbols, and adds what only inner blocks use.
    fn update_symbols(
        &mut self,
        id: BlockId,
        scopes: &Scopes,
        bound: Option<&Set>,
        free: &Set,
        inlined_cells: &Set,
    ) {
        let block = self.table.block_mut(id);
        let class_like = block.kind == BlockKind::Class || block.can_see_class_scope;
        for (name, flags) in &mut block.symbols {
            if inlined_cells.contains(name) {
                *flags |= DEF_COMP_CELL;
            }
            *flags |= scopes.get(name).copied().unwrap_or(0) << SCOPE_OFFSET;
        }
        let mut free: Vec<Name> = free.iter().copied().collect();
        free.sort_unstable();
        for name in free {
            if let Some(flags) = block.symbols.get_mut(&name) {
                if class_like {
                    *flags |= DEF_FREE_CLASS;
                }
                continue;
            }
            if bound.is_some_and(|bound| !bound.contains(&name)) {
                continue;
            }
            block.symbols.insert(name, scope::FREE << SCOPE_OFFSET);
        }
    }
}
