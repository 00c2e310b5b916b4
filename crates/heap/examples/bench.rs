//! Measures making and freeing objects: `cargo run --release -p naja-heap --example bench`.

use naja_heap::{Heap, Hooks, MutCell, Obj, Payload, PayloadInfo, Ref, TypeLayout, Value, Visitor};
use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

struct Pair(MutCell<Option<Value>>, MutCell<Option<Value>>);

impl Payload for Pair {
    const GC: bool = true;
    const NAME: &'static str = "pair";
    const INFO: &'static PayloadInfo = {
        static INFO: PayloadInfo = PayloadInfo::of::<Pair>();
        &INFO
    };

    fn traverse(&self, visitor: &mut Visitor) {
        self.0.with(|value| visitor.opt(value));
        self.1.with(|value| visitor.opt(value));
    }

    fn clear(&self) {
        self.0.set(None);
        self.1.set(None);
    }
}

struct Number(#[allow(dead_code)] f64);

impl Payload for Number {
    const GC: bool = false;
    const NAME: &'static str = "number";
    const INFO: &'static PayloadInfo = {
        static INFO: PayloadInfo = PayloadInfo::of::<Number>();
        &INFO
    };
}

fn layout<T: Payload>(pre: u32) -> TypeLayout {
    TypeLayout {
        payload: T::INFO,
        size: Cell::new(size_of::<Obj<T>>() as u32),
        pre: Cell::new(pre),
        slots_offset: Cell::new(0),
        slot_count: Cell::new(0),
        flags: Cell::new(0),
    }
}

fn time(what: &str, n: u64, f: impl FnOnce()) {
    let start = Instant::now();
    f();
    println!(
        "{what:<45}{:7.2} ns",
        start.elapsed().as_nanos() as f64 / n as f64
    );
}

fn main() {
    const N: u64 = 20_000_000;
    let heap = Heap::new(Hooks::default());
    let previous = heap.enter();
    let number = layout::<Number>(0);
    let pair = layout::<Pair>(TypeLayout::PRE_GC);
    let new_pair = |a, b| {
        heap.alloc_object(&pair, 0, Pair(MutCell::new(a), MutCell::new(b)))
            .unwrap()
    };
    time("for comparison: Box", N, || {
        for n in 0..N {
            black_box(Box::new([n, n, n]));
        }
    });
    time("plain object, made and freed", N, || {
        for n in 0..N {
            black_box(heap.alloc_object(&number, 0, Number(n as f64)).unwrap());
        }
    });
    time("tracked object, made and freed", N, || {
        for _ in 0..N {
            black_box(new_pair(None, None));
        }
    });
    time("million plain objects, made, then freed", N, || {
        for _ in 0..N / 1_000_000 {
            let all: Vec<_> = (0..1_000_000)
                .map(|n| heap.alloc_object(&number, 0, Number(n as f64)).unwrap())
                .collect();
            drop(black_box(all));
        }
    });
    time("million tracked objects, made, then freed", N, || {
        for _ in 0..N / 1_000_000 {
            let all: Vec<_> = (0..1_000_000).map(|_| new_pair(None, None)).collect();
            drop(black_box(all));
        }
    });
    time("write to a cell", N, || {
        let object = new_pair(None, None);
        for n in 0..N {
            black_box(&object)
                .0
                .with_mut(|value| *value = Value::try_int(n as i64));
        }
    });
    let all: Vec<Ref<Pair>> = (0..1_000_000).map(|_| new_pair(None, None)).collect();
    for (index, object) in all.iter().enumerate() {
        object.0.set(Some(all[index * 7919 % all.len()].to_value()));
    }
    time("collection of a million survivors, each", 1_000_000, || {
        heap.collect(2);
    });
    time("again, each", 1_000_000, || {
        heap.collect(2);
    });
    drop(all);
    time("collection of a million in cycles, each", 1_000_000, || {
        heap.collect(2);
    });
    Heap::leave(previous);
}
