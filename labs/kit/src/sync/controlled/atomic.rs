//! Atomic types: the standard ones, with a scheduling point before each access inside a run.
//!
//! Each access checks whether it is inside a run. So an atomic may be anywhere, also in a `static`.

use super::controlled::scheduling_point;

pub use std::sync::atomic::Ordering;

/// A fence. Inside a run it is only a scheduling point, because all accesses there have one order.
pub fn fence(order: Ordering) {
    scheduling_point();
    std::sync::atomic::fence(order);
}

/// What every atomic type has.
macro_rules! atomic {
    ($name:ident, $value:ty, $article:literal) => {
        #[doc = concat!($article, " that threads share without a lock.")]
        #[derive(Default)]
        pub struct $name(std::sync::atomic::$name);

        impl $name {
            /// Wraps a value.
            pub const fn new(value: $value) -> Self {
                $name(std::sync::atomic::$name::new(value))
            }

            /// Reads the value.
            pub fn load(&self, order: Ordering) -> $value {
                scheduling_point();
                self.0.load(order)
            }

            /// Writes the value.
            pub fn store(&self, value: $value, order: Ordering) {
                scheduling_point();
                self.0.store(value, order);
            }

            /// Writes the value and returns the one before.
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                scheduling_point();
                self.0.swap(value, order)
            }

            /// Writes `new` if the value is `current`; returns the value before, as `Ok` if it was.
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                scheduling_point();
                self.0.compare_exchange(current, new, success, failure)
            }

            /// As `compare_exchange`, but may fail for no reason: call it in a loop.
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                scheduling_point();
                self.0.compare_exchange_weak(current, new, success, failure)
            }

            /// Replaces the value by `change` of it. Tries again when another thread changed the value
            /// meanwhile; gives
            /// up when `change` returns `None`.
            pub fn fetch_update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                mut change: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut old = self.load(fetch_order);
                while let Some(new) = change(old) {
                    match self.compare_exchange_weak(old, new, set_order, fetch_order) {
                        Ok(value) => return Ok(value),
                        Err(value) => old = value,
                    }
                }
                Err(old)
            }

            /// The value, without an atomic access: `&mut self` proves that no other thread uses it.
            pub fn get_mut(&mut self) -> &mut $value {
                self.0.get_mut()
            }

            /// Takes the value out.
            pub fn into_inner(self) -> $value {
                self.0.into_inner()
            }
        }

        impl From<$value> for $name {
            fn from(value: $value) -> Self {
                Self::new(value)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

/// One read-modify-write operation.
macro_rules! fetch {
    ($value:ty, $($method:ident: $doc:literal),+) => {
        $(
            #[doc = concat!($doc, " and returns the value before.")]
            pub fn $method(&self, value: $value, order: Ordering) -> $value {
                scheduling_point();
                self.0.$method(value, order)
            }
        )+
    };
}

macro_rules! atomic_number {
    ($name:ident, $value:ty) => {
        atomic!($name, $value, "A number");

        impl $name {
            fetch!($value,
                fetch_add: "Adds, wrapping around,", fetch_sub: "Subtracts, wrapping around,",
                fetch_and: "Does a bitwise `and`", fetch_or: "Does a bitwise `or`",
                fetch_xor: "Does a bitwise `xor`", fetch_max: "Takes the larger one",
                fetch_min: "Takes the smaller one");
        }
    };
}

atomic!(AtomicBool, bool, "A truth value");
atomic_number!(AtomicU8, u8);
atomic_number!(AtomicU16, u16);
atomic_number!(AtomicU32, u32);
atomic_number!(AtomicU64, u64);
atomic_number!(AtomicUsize, usize);
atomic_number!(AtomicI32, i32);
atomic_number!(AtomicI64, i64);
atomic_number!(AtomicIsize, isize);

impl AtomicBool {
    fetch!(bool, fetch_and: "Does a logical `and`", fetch_or: "Does a logical `or`", fetch_xor: "Does a logical `xor`");
}
