//! Tests of the heap with payloads of their own: lifetimes, order, deferral, depth, cycles.

use crate::*;
use std::cell::{Cell, RefCell};

/// A node with any number of references, which notes its death.
pub(crate) struct Node {
    pub(crate) id: i64,
    pub(crate) links: MutCell<Vec<Value>>,
}

impl Payload for Node {
    const GC: bool = true;
    const NAME: &'static str = "node";
    const INFO: &'static PayloadInfo = {
        static INFO: PayloadInfo = PayloadInfo::of::<Node>();
        &INFO
    };

    fn traverse(&self, visitor: &mut Visitor) {
        self.links
            .with(|links| links.iter().for_each(|value| visitor.value(value)))
    }

    fn clear(&self) {
        drop(self.links.take())
    }
}

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Drop for Node {
    fn drop(&mut self) {
        note(format!("drop {}", self.id))
    }
}

fn note(line: String) {
    LOG.with(|log| log.borrow_mut().push(line))
}

fn log() -> String {
    LOG.with(|log| std::mem::take(&mut *log.borrow_mut()).join(", "))
}

fn layout(pre: u32, slots: u32, flags: u64) -> TypeLayout {
    let fixed = (size_of::<Obj<Node>>() as u32).next_multiple_of(8);
    TypeLayout {
        payload: Node::INFO,
        size: Cell::new(fixed + slots * 8),
        pre: Cell::new(pre),
        slots_offset: Cell::new(fixed),
        slot_count: Cell::new(slots),
        flags: Cell::new(flags),
    }
}

/// Runs `f` with a heap of its own; all blocks must be gone afterwards.
fn with_heap(hooks: Hooks, f: impl FnOnce(&Heap)) {
    let heap = Heap::new(hooks);
    let previous = heap.enter();
    f(&heap);
    assert_eq!(heap.stats().blocks, 0);
    assert_eq!(heap.stats().used, 0);
    Heap::leave(previous);
    log();
}

fn node(heap: &Heap, ty: &TypeLayout, id: i64, links: Vec<Value>) -> Ref<Node> {
    heap.alloc_object(
        ty,
        0,
        Node {
            id,
            links: MutCell::new(links),
        },
    )
    .unwrap()
}

#[test]
fn a_chain_of_a_million_is_freed_without_recursion() {
    let ty = layout(TypeLayout::PRE_GC, 0, 0);
    with_heap(Hooks::default(), |heap| {
        let mut last = node(heap, &ty, 0, vec![]);
        for id in 1..1_000_000 {
            last = node(heap, &ty, id, vec![last.into_value()]);
        }
        drop(last);
        assert!(log().ends_with("drop 1, drop 0"));
    });
}

#[test]
fn deaths_inside_a_cell_wait_and_keep_their_order() {
    let ty = layout(TypeLayout::PRE_GC, 0, 0);
    with_heap(Hooks::default(), |heap| {
        let leaf = |id| node(heap, &ty, id, vec![]).into_value();
        let top = node(heap, &ty, 0, vec![leaf(1), leaf(2), leaf(3)]);
        top.links.with_mut(|links| {
            links.clear();
            assert_eq!(log(), "");
        });
        assert_eq!(log(), "drop 1, drop 2, drop 3");
    });
}

#[test]
fn a_finalizer_runs_once_and_can_revive() {
    thread_local!(static SAVED: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) });
    let ty = layout(TypeLayout::PRE_GC, 0, TypeLayout::HAS_FINALIZER);
    let hooks = Hooks {
        finalize: |object| {
            object.incref();
            // SAFETY: the count was raised for this value.
            let value = unsafe { Value::from_bits(object as *const Header as u64) };
            note("final".into());
            SAVED.with(|saved| saved.borrow_mut().push(value))
        },
        ..Hooks::default()
    };
    with_heap(hooks, |heap| {
        drop(node(heap, &ty, 7, vec![]));
        assert_eq!(log(), "final");
        let value = SAVED.with(|saved| saved.borrow_mut().pop()).unwrap();
        assert_eq!(value.header().unwrap().refcount(), 1);
        drop(value);
        assert_eq!(log(), "drop 7");
    });
}

#[test]
fn slots_are_dropped_before_the_payload() {
    let ty = layout(TypeLayout::PRE_GC, 2, 0);
    let plain = layout(TypeLayout::PRE_GC, 0, 0);
    with_heap(Hooks::default(), |heap| {
        let object = node(heap, &ty, 1, vec![]);
        crate::release::slots(object.header())[1]
            .set(Some(node(heap, &plain, 2, vec![]).into_value()));
        drop(object);
        assert_eq!(log(), "drop 2, drop 1");
    });
}

#[test]
fn the_budget_is_an_error_not_an_abort() {
    let ty = layout(TypeLayout::PRE_GC, 0, 0);
    with_heap(Hooks::default(), |heap| {
        heap.set_limit(1000);
        assert!(
            heap.alloc_object(
                &ty,
                2000,
                Node {
                    id: 0,
                    links: MutCell::new(vec![])
                }
            )
            .is_err()
        );
        assert_eq!(heap.charge(2000), Err(AllocError));
        heap.charge(500).unwrap();
        heap.discharge(500);
        heap.set_limit(usize::MAX);
    });
}
