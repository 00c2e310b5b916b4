//! Lists of objects that are known without being kept alive, more cheaply than by weak references.
//!
//! A member's payload contains a [`Seat`]. While it is taken, the roster holds the payload's address; the seat's end, which
//! is the payload's, takes the address out again. Invariant: an address in the list is that of a payload whose drop has
//! not run, because the seat lies within the payload and a taken seat cannot be moved out of it (it is only lent shared).
//!
//! CPython: the linked lists of tasks in Modules/_asynciomodule.c.

use naja_heap::{MutCell, Payload, Ref};
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;

#[derive(Default)]
struct Places {
    /// Addresses of payloads; 0 where a place is empty.
    all: Vec<usize>,
    vacant: Vec<usize>,
}

/// Which objects with the payload `T` are known.
pub struct Roster<T> {
    places: Rc<RefCell<Places>>,
    members: PhantomData<*const T>,
}

impl<T> Default for Roster<T> {
    fn default() -> Roster<T> {
        Roster {
            places: Rc::default(),
            members: PhantomData,
        }
    }
}

/// What a member's payload contains.
#[derive(Default)]
pub struct Seat {
    places: MutCell<Option<Rc<RefCell<Places>>>>,
    /// One more than the place; 0: none.
    number: Cell<usize>,
}

/// A payload with a seat.
pub trait Seated: Payload {
    fn seat(&self) -> &Seat;
}

impl Seat {
    /// Takes the object off the roster that it is on.
    pub fn leave(&self) {
        let Some(place) = self.number.replace(0).checked_sub(1) else {
            return;
        };
        if let Some(places) = self.places.take() {
            let mut places = places.borrow_mut();
            if let Some(at) = places.all.get_mut(place) {
                *at = 0;
                places.vacant.push(place);
            }
        }
    }

    /// Whether the object is on a roster.
    pub fn is_taken(&self) -> bool {
        self.number.get() != 0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave()
    }
}

impl<T: Seated> Roster<T> {
    /// Puts an object on the roster, unless it is on one.
    pub fn join(&self, member: &Ref<T>) {
        let seat = member.seat();
        let payload: *const T = &raw const **member;
        let inside = (seat as *const Seat as usize).wrapping_sub(payload as usize) < size_of::<T>();
        if seat.is_taken() || !inside {
            return;
        }
        let mut places = self.places.borrow_mut();
        let place = match places.vacant.pop() {
            Some(place) => place,
            None => {
                places.all.push(0);
                places.all.len() - 1
            }
        };
        if let Some(at) = places.all.get_mut(place) {
            *at = payload as usize;
            seat.places.set(Some(self.places.clone()));
            seat.number.set(place + 1);
        }
    }

    /// The objects on the roster that live.
    pub fn living(&self) -> Vec<Ref<T>> {
        let places = self.places.borrow();
        let payloads = places.all.iter().filter(|&&at| at != 0);
        // SAFETY: the payloads' drops have not run (see above).
        payloads
            .filter_map(|&at| unsafe { Ref::of_living_payload(&*(at as *const T)) })
            .collect()
    }
}
