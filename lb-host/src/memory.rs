// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host in memory, for tests.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::key::Key;
use crate::object::HostObject;
use crate::plan::Change;
use crate::reconcile::Applied;

type Fault = Box<dyn FnMut(&Change) -> Option<io::Error> + Send>;

/// Objects in memory in place of those of a kernel, with a log of the attempted changes and faults on
/// demand. Clones share the same objects.
///
/// ```
/// use std::{io, sync::Arc};
///
/// use lb_host::{Address, Applied, Change, HostObject, Link, MemoryHost};
///
/// let mut host = MemoryHost::default();
/// let eth0 = Arc::new(Link::new(2, "eth0"));
/// let address: HostObject = Address::new(eth0, [192, 0, 2, 1].into(), 24).into();
/// let add = Change::Add(address.clone());
/// host.set_fault(|_| Some(io::ErrorKind::PermissionDenied.into()));
/// assert!(host.apply(&add).is_err());
/// host.clear_fault();
/// assert_eq!(host.apply(&add)?, Applied::Created);
/// assert_eq!(host.objects(), [address]);
/// assert_eq!(host.take_log(), [add.clone(), add]);
/// # Ok::<(), io::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryHost(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// In the order of their addition.
    objects: Vec<HostObject>,
    log: Vec<Change>,
    keys: HashSet<Key>,
    fault: Option<Fault>,
}

impl State {
    fn insert(&mut self, object: HostObject) {
        self.keys.insert(object.key());
        self.objects.push(object);
    }

    fn remove(&mut self, key: &Key) {
        if self.keys.remove(key) {
            self.objects.retain(|object| object.key() != *key);
        }
    }
}

impl fmt::Debug for MemoryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("MemoryHost")
            .field("objects", &state.objects)
            .field("log", &state.log)
            .finish_non_exhaustive()
    }
}

impl MemoryHost {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a change as a kernel would.
    ///
    /// # Errors
    ///
    /// The error that the [fault](Self::set_fault) returns for this change.
    pub fn apply(&mut self, change: &Change) -> io::Result<Applied> {
        let mut state = self.lock();
        state.log.push(change.clone());
        if let Some(error) = state.fault.as_mut().and_then(|fault| fault(change)) {
            return Err(error);
        }
        let key = change.key();
        match change {
            Change::Add(_) if state.keys.contains(&key) => Ok(Applied::AlreadyPresent),
            Change::Add(object) => {
                state.insert(object.clone());
                Ok(Applied::Created)
            }
            Change::Remove(_) => {
                state.remove(&key);
                Ok(Applied::Removed)
            }
        }
    }

    /// Adds an object as another program would: the change is not logged.
    pub fn insert(&self, object: HostObject) {
        let mut state = self.lock();
        state.remove(&object.key());
        state.insert(object);
    }

    /// Deletes an object as another program would: the change is not logged.
    pub fn delete(&self, key: &Key) {
        self.lock().remove(key);
    }

    /// All objects, in the order of their addition.
    #[must_use]
    pub fn objects(&self) -> Vec<HostObject> {
        self.lock().objects.clone()
    }

    /// The changes that were attempted since the last call.
    #[must_use]
    pub fn take_log(&self) -> Vec<Change> {
        std::mem::take(&mut self.lock().log)
    }

    /// Has each change fail for which `fault` returns an error.
    pub fn set_fault(&self, fault: impl FnMut(&Change) -> Option<io::Error> + Send + 'static) {
        self.lock().fault = Some(Box::new(fault));
    }

    /// Has no change fail.
    pub fn clear_fault(&self) {
        self.lock().fault = None;
    }
}
