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

pub(crate) fn note(line: String) {
    LOG.with(|log| log.borrow_mut().push(line))
}

pub(crate) fn log() -> String {
    LOG.with(|log| std::mem::take(&mut *log.borrow_mut()).join(", "))
}

pub(crate) fn layout(pre: u32, slots: u32, flags: u64) -> TypeLayout {
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
pub(crate) fn with_heap(hooks: Hooks, f: impl FnOnce(&Heap)) {
    let heap = Heap::new(hooks);
    let previous = heap.enter();
    f(&heap);
    assert_eq!(heap.stats().blocks, 0);
    assert_eq!(heap.stats().used, 0);
    Heap::leave(previous);
    log();
}

pub(crate) fn node(heap: &Heap, ty: &TypeLayout, id: i64, links: Vec<Value>) -> Ref<Node> {
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

#[test]
fn blocks_of_all_sizes_are_reused_and_arenas_return() {
    let ty = layout(TypeLayout::PRE_GC, 0, 0);
    with_heap(Hooks::default(), |heap| {
        let mut all = Vec::new();
        for round in 0..3 {
            for index in 0..40_000usize {
                let extra = (index * 37 + round) % 700;
                all.push(
                    heap.alloc_object(
                        &ty,
                        extra,
                        Node {
                            id: 0,
                            links: MutCell::new(vec![]),
                        },
                    )
                    .unwrap(),
                );
            }
            assert!(heap.stats().arenas > 5);
            assert_eq!(heap.stats().blocks, all.len());
            let mut index = 0;
            all.retain(|_| {
                index += 1;
                index % 3 == 0
            });
        }
        assert!(
            heap.debug_malloc_stats()
                .contains("Small block threshold = 512, in 32 size classes.")
        );
        all.clear();
        heap.trim();
        assert!(heap.stats().arenas <= 1);
        assert_eq!(heap.stats().taken, 0);
    });
}

#[test]
fn what_follows_the_payload_is_zeroed() {
    let ty = layout(0, 3, 0);
    with_heap(Hooks::default(), |heap| {
        for extra in [0, 8, 16, 100, 600] {
            let block = heap
                .alloc_bytes(size_of::<Obj<Node>>() + 24 + extra)
                .unwrap();
            // SAFETY: the block has that size, and is freed once.
            unsafe {
                std::ptr::write_bytes(block.as_ptr(), 0xAA, size_of::<Obj<Node>>() + 24 + extra);
                heap.free_bytes(block, size_of::<Obj<Node>>() + 24 + extra);
            }
            let object = heap
                .alloc_object(
                    &ty,
                    extra,
                    Node {
                        id: 0,
                        links: MutCell::new(vec![]),
                    },
                )
                .unwrap();
            let start = object.as_ptr() as *const u8;
            for offset in size_of::<Obj<Node>>()..size_of::<Obj<Node>>() + 24 + extra {
                // SAFETY: inside of the object.
                assert_eq!(unsafe { *start.add(offset) }, 0);
            }
        }
    });
}

#[test]
fn raw_blocks_count_as_blocks() {
    with_heap(Hooks::default(), |heap| {
        let (small, large) = (
            heap.alloc_bytes(512).unwrap(),
            heap.alloc_bytes(513).unwrap(),
        );
        assert_eq!(heap.stats().blocks, 2);
        // SAFETY: each is freed once.
        unsafe {
            heap.free_bytes(small, 512);
            heap.free_bytes(large, 513);
        }
    });
}

#[test]
fn memory_of_arenas_is_lent_and_serves_objects_afterwards() {
    with_heap(Hooks::default(), |heap| {
        let lent: Vec<ArenaMemory> = (0..3).filter_map(|_| heap.take_arena()).collect();
        assert_eq!(lent.len(), 3);
        assert_eq!(heap.stats().arenas, 3);
        for memory in &lent {
            // SAFETY: the memory is ours.
            unsafe { memory.start().write_bytes(0xff, ArenaMemory::SIZE) }
        }
        lent.into_iter().for_each(|memory| heap.give_arena(memory));
        let blocks: Vec<_> = (0..5000)
            .filter_map(|_| heap.alloc_bytes(512).ok())
            .collect();
        assert_eq!(heap.stats().arenas, 3);
        // SAFETY: each is freed once.
        blocks
            .into_iter()
            .for_each(|block| unsafe { heap.free_bytes(block, 512) });
    });
}
