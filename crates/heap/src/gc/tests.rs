//! Tests of the collector: cycles, generations, resurrection, finalizers, thresholds, freezing.

use crate::tests::{Node, layout, log, node, note, with_heap};
use crate::*;
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, Ordering};

const GC: u32 = TypeLayout::PRE_GC;

thread_local!(static SAVED: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) });

fn saved() -> Vec<Value> {
    SAVED.with(|saved| std::mem::take(&mut *saved.borrow_mut()))
}

fn save(object: &Header) {
    SAVED.with(|saved| saved.borrow_mut().push(Value::of_header(object)))
}

fn id(object: &Header) -> i64 {
    Value::of_header(object)
        .downcast::<Node>()
        .map_or(-1, |node| node.id)
}

/// `n` nodes, each referring to the next, the last to the first.
fn cycle(heap: &Heap, ty: &TypeLayout, first: i64, n: i64) -> Vec<Ref<Node>> {
    let nodes: Vec<_> = (first..first + n)
        .map(|id| node(heap, ty, id, vec![]))
        .collect();
    for (index, node) in nodes.iter().enumerate() {
        let next = nodes[(index + 1) % nodes.len()].to_value();
        node.links.with_mut(|links| links.push(next));
    }
    nodes
}

#[test]
fn cycles_die_and_what_is_held_survives() {
    let ty = layout(GC, 0, 0);
    with_heap(Hooks::default(), |heap| {
        let kept = cycle(heap, &ty, 0, 3)[1].clone();
        drop(cycle(heap, &ty, 10, 2));
        let result = heap.collect(2).unwrap();
        assert_eq!((result.collected, result.candidates), (2, 5));
        assert_eq!(log(), "drop 11, drop 10");
        assert_eq!(heap.gc().objects(Some(2)).len(), 3);
        assert_eq!(heap.gc().referrers(&[kept.header()]).len(), 1);
        assert_eq!(heap.referents(kept.header()).len(), 1);
        drop(kept);
        assert_eq!(heap.collect(0).unwrap().collected, 0);
        assert_eq!(heap.collect(2).unwrap().collected, 3);
        assert_eq!(heap.gc().generations[2].collections.get(), 2);
    });
}

#[test]
fn survivors_age_by_one_generation() {
    let ty = layout(GC, 0, 0);
    with_heap(Hooks::default(), |heap| {
        let kept = cycle(heap, &ty, 0, 4);
        let sizes = || [0, 1, 2].map(|n| heap.gc().objects(Some(n)).len());
        assert_eq!(sizes(), [4, 0, 0]);
        heap.collect(0);
        assert_eq!((sizes(), heap.gc().counts()), ([0, 4, 0], [0, 1, 0]));
        heap.collect(1);
        assert_eq!((sizes(), heap.gc().counts()), ([0, 0, 4], [0, 0, 1]));
        heap.gc().freeze();
        assert_eq!((sizes(), heap.gc().freeze_count()), ([0, 0, 0], 4));
        drop(kept);
        assert_eq!(heap.collect(2).unwrap().collected, 0);
        heap.gc().unfreeze();
        assert_eq!(heap.collect(2).unwrap().collected, 4);
    });
}

#[test]
fn finalizers_run_before_anything_is_cleared_and_may_revive_the_cycle() {
    let ty = layout(GC, 0, TypeLayout::HAS_FINALIZER);
    let hooks = Hooks {
        finalize: |object| {
            assert_eq!(Heap::current().referents(object).len(), 1);
            note(format!("final {}", id(object)));
            if id(object) == 1 {
                save(object)
            }
        },
        ..Hooks::default()
    };
    with_heap(hooks, |heap| {
        drop(cycle(heap, &ty, 0, 3));
        assert_eq!(heap.collect(2).unwrap().collected, 0);
        assert_eq!(log(), "final 0, final 1, final 2");
        let kept = saved();
        assert!(heap.gc().is_finalized(kept[0].header().unwrap()));
        drop(kept);
        assert_eq!(heap.collect(2).unwrap().collected, 3);
        assert!(log().starts_with("drop"), "finalizers run once");
    });
}

#[test]
fn a_finalizer_may_free_other_garbage() {
    let ty = layout(GC, 0, TypeLayout::HAS_FINALIZER);
    let hooks = Hooks {
        finalize: |object| {
            note(format!("final {}", id(object)));
            if let Some(node) = Value::of_header(object).downcast::<Node>() {
                drop(node.links.take())
            }
        },
        ..Hooks::default()
    };
    with_heap(hooks, |heap| {
        drop(cycle(heap, &ty, 0, 3));
        heap.collect(2);
        assert_eq!(log(), "final 0, final 1, final 2, drop 2, drop 1, drop 0");
    });
}

#[test]
fn weak_references_are_cleared_before_finalizers_and_called_if_reachable() {
    let ty = layout(GC, 0, TypeLayout::HAS_FINALIZER);
    let hooks = Hooks {
        finalize: |object| note(format!("final {}", id(object))),
        detach_weakrefs: |object, _, found| {
            note(format!("detach {}", id(object)));
            object.set_flag(Flags::HAS_WEAKREFS, false);
            found.append(&mut saved());
            // Node 0 has a weak reference that is garbage too: its neighbour in the cycle plays it.
            found.append(&mut Heap::current().referents(object));
        },
        call_weakref: |weak| note(format!("call {}", weak.header().map_or(-1, id))),
        ..Hooks::default()
    };
    with_heap(hooks, |heap| {
        let weak = node(heap, &ty, 50, vec![]);
        save(weak.header());
        let nodes = cycle(heap, &ty, 0, 2);
        nodes[0].header().set_flag(Flags::HAS_WEAKREFS, true);
        drop((nodes, weak));
        assert_eq!(heap.collect(2).unwrap().collected, 3);
        assert_eq!(
            log(),
            "detach 0, call 50, final 50, drop 50, final 0, final 1, drop 1, drop 0"
        );
    });
}

#[test]
fn a_full_youngest_generation_asks_and_is_collected() {
    let ty = layout(GC, 0, 0);
    with_heap(Hooks::default(), |heap| {
        heap.gc().stress.set(0);
        let word = Box::new(AtomicU32::new(0));
        // SAFETY: the word outlives its use.
        unsafe { heap.set_breaker(&*word, 4) }
        let kept: Vec<_> = (0..2000).map(|id| node(heap, &ty, id, vec![])).collect();
        assert_eq!(
            (word.load(Ordering::Relaxed), heap.collect_if_needed()),
            (0, None)
        );
        let more = node(heap, &ty, 0, vec![]);
        assert_eq!(word.load(Ordering::Relaxed), 4);
        assert_eq!(heap.collect_if_needed().unwrap().candidates, 2001);
        assert_eq!(heap.gc().counts(), [0, 1, 0]);
        heap.gc().generations[0].threshold.set(0);
        drop((kept, more));
        // SAFETY: no word any more.
        unsafe { heap.set_breaker(std::ptr::null(), 0) }
    });
}

#[test]
fn a_middle_generation_without_garbage_is_mostly_left_out() {
    let ty = layout(GC, 0, 0);
    with_heap(Hooks::default(), |heap| {
        heap.gc().stress.set(0);
        let middle = &heap.gc().generations[1];
        let mut kept = Vec::new();
        for _ in 0..12 * 11 * 2001 {
            kept.push(node(heap, &ty, 0, vec![]));
            heap.collect_if_needed();
        }
        let before = middle.collections.get();
        assert!((4..=6).contains(&before), "{before} collections");
        drop(cycle(heap, &ty, 1, 2));
        assert_eq!(heap.collect(1).unwrap().collected, 2);
        for _ in 0..2 * 12 * 2001 {
            kept.push(node(heap, &ty, 0, vec![]));
            heap.collect_if_needed();
        }
        assert!(middle.collections.get() >= before + 2);
        heap.gc().generations[0].threshold.set(0);
        drop(kept);
    });
}

#[test]
fn saved_garbage_is_not_cleared() {
    let ty = layout(GC, 0, 0);
    with_heap(
        Hooks {
            save_garbage: save,
            ..Hooks::default()
        },
        |heap| {
            heap.gc().debug.set(GcState::DEBUG_SAVEALL);
            drop(cycle(heap, &ty, 0, 2));
            assert_eq!(heap.collect(2).unwrap().collected, 2);
            assert_eq!((log(), saved().len()), (String::new(), 2));
            heap.gc().debug.set(0);
            assert_eq!(heap.collect(2).unwrap().collected, 2);
        },
    );
}

#[test]
fn a_large_tangle_is_collected() {
    let ty = layout(GC, 1, 0);
    with_heap(Hooks::default(), |heap| {
        let nodes = cycle(heap, &ty, 0, 20_000);
        for (index, node) in nodes.iter().enumerate() {
            let other = nodes[index * 7919 % nodes.len()].to_value();
            crate::release::slots(node.header())[0].set(Some(other));
        }
        let one = nodes[777].clone();
        drop(nodes);
        assert_eq!(heap.collect(2).unwrap().collected, 0);
        drop(one);
        assert_eq!(heap.collect(2).unwrap().collected, 20_000);
    });
}

/// Numbers without pattern (xorshift).
struct Dice(Cell<u64>);

impl Dice {
    fn roll(&self, sides: usize) -> usize {
        let mut x = self.0.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.set(x);
        (x >> 20) as usize % sides
    }
}

thread_local!(static DICE: Dice = const { Dice(Cell::new(0x9E37_79B9_7F4A_7C15)) });

fn roll(sides: usize) -> usize {
    DICE.with(|dice| dice.roll(sides))
}

/// A finalizer that does all that finalizers should not do.
fn unruly(object: &Header) {
    let value = Value::of_header(object);
    let Some(node) = value.downcast::<Node>() else {
        return;
    };
    match roll(8) {
        0 => save(object),
        1 => drop(node.links.take()),
        2 => node.links.with_mut(|links| links.push(value.clone())),
        3 => drop(Heap::current().collect(roll(3))),
        4 => drop(saved()),
        5 => {
            let heap = Heap::current();
            let new = self::node(heap, DICE_LAYOUT.with(|ty| *ty), -1, vec![value.clone()]);
            node.links.with_mut(|links| links.push(new.into_value()));
        }
        _ => (),
    }
}

thread_local!(static DICE_LAYOUT: &'static TypeLayout = Box::leak(Box::new(layout(GC, 1, TypeLayout::HAS_FINALIZER))));

#[test]
fn random_graphs_with_unruly_finalizers_leave_nothing() {
    let plain = layout(GC, 2, 0);
    let wild = DICE_LAYOUT.with(|ty| *ty);
    with_heap(
        Hooks {
            finalize: unruly,
            ..Hooks::default()
        },
        |heap| {
            let mut roots: Vec<Ref<Node>> = Vec::new();
            for round in 0..60_000 {
                match roll(10) {
                    0..=3 => {
                        let links = (0..roll(4))
                            .filter_map(|_| roots.get(roll(roots.len().max(1))))
                            .map(Ref::to_value)
                            .collect();
                        roots.push(node(
                            heap,
                            if roll(4) == 0 { wild } else { &plain },
                            round,
                            links,
                        ));
                    }
                    4 | 5 if !roots.is_empty() => {
                        let (a, b) = (roll(roots.len()), roll(roots.len()));
                        let value = roots[b].to_value();
                        roots[a].links.with_mut(|links| links.push(value));
                    }
                    6 if !roots.is_empty() => {
                        let (a, b) = (roll(roots.len()), roll(roots.len()));
                        crate::release::slots(roots[a].header())[0].set(Some(roots[b].to_value()));
                    }
                    7 if roots.len() > 50 => drop(roots.split_off(roots.len() - roll(40))),
                    8 if !roots.is_empty() => drop(roots.swap_remove(roll(roots.len()))),
                    9 if roll(40) == 0 => drop(heap.collect(roll(3))),
                    9 if !roots.is_empty() => roots[roll(roots.len())]
                        .links
                        .with_mut(|links| links.truncate(roll(3))),
                    _ => (),
                }
            }
            roots.clear();
            for _ in 0..50 {
                drop(saved());
                heap.collect(2);
            }
        },
    );
}
