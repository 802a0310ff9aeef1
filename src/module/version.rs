//! Whether the parameters of a module may have changed since a plan was made of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// How often the parameters of a module have been given out to be written to.
#[derive(Default)]
pub(crate) struct Version(Arc<AtomicU64>);

impl Version {
    /// To be called before parameters are given out to be written to.
    pub(crate) fn advance(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    /// That of a module which was made of this one's parameters and stands for it.
    pub(crate) fn shared(&self) -> Self {
        Self(self.0.clone())
    }

    /// What a plan keeps.
    pub(crate) fn seen(&self) -> Seen {
        Seen { version: self.0.clone(), seen: self.0.load(Ordering::Acquire) }
    }
}

/// A copy of a module has parameters of its own.
impl Clone for Version {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Modules with the same parameters are equal, however often these have been written to.
impl PartialEq for Version {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The version of the parameters that a plan was made of.
#[derive(Clone)]
pub(crate) struct Seen {
    version: Arc<AtomicU64>,
    seen: u64,
}

impl Seen {
    /// Refuses to go on with others.
    pub(crate) fn check(&self) -> Result<()> {
        if self.version.load(Ordering::Acquire) == self.seen { Ok(()) } else { Err(Error::Outdated) }
    }
}
