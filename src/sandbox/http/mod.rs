//! The front of every service: it logs a request, applies the fault that it meets, and hands
//! the rest to Keystone's or Glance's own code.

mod apply_fault;
mod body;
mod call;
mod conn;
mod front;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) use body::Incoming;
pub(super) use call::{Call, Front, Refusal, ResponseFault, Service};
pub(super) use conn::{AcceptGate, Switchboard};
pub(super) use front::serve;

/// Locks, whether or not another thread panicked meanwhile: every change under these locks is
/// complete in itself.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
