// SPDX-License-Identifier: MIT OR Apache-2.0
//! The builder of a model.

use super::{
    Global, Model, ModelErrors, ObjectSpec, StaticItems, SyncGroup, VirtualServer, VrrpInstance,
    validate,
};

/// Collects the parts of a [`Model`] and validates the whole once.
#[derive(Clone, Debug, Default)]
pub struct ModelBuilder {
    model: Model,
}

impl ModelBuilder {
    /// Sets the global settings.
    #[must_use]
    pub fn global(mut self, global: Global) -> Self {
        self.model.global = global;
        self
    }

    /// Adds a virtual router.
    #[must_use]
    pub fn router(mut self, router: impl Into<VrrpInstance>) -> Self {
        self.model.routers.push(router.into());
        self
    }

    /// Adds a sync group.
    #[must_use]
    pub fn group(mut self, group: impl Into<SyncGroup>) -> Self {
        self.model.groups.push(group.into());
        self
    }

    /// Adds a tracked object.
    #[must_use]
    pub fn object(mut self, object: ObjectSpec) -> Self {
        self.model.objects.push(object);
        self
    }

    /// Sets the static addresses, routes and rules.
    #[must_use]
    pub fn statics(mut self, statics: StaticItems) -> Self {
        self.model.statics = statics;
        self
    }

    /// Adds a virtual server.
    #[must_use]
    pub fn virtual_server(mut self, virtual_server: VirtualServer) -> Self {
        self.model.virtual_servers.push(virtual_server);
        self
    }

    /// Continues from a model whose parts were collected elsewhere.
    #[cfg(feature = "config")]
    pub(crate) fn from(mut self, model: Model) -> Self {
        self.model = model;
        self
    }

    /// Validates and returns the model.
    ///
    /// # Errors
    ///
    /// Every rule that is broken, not only the first.
    pub fn build(self) -> Result<Model, ModelErrors> {
        validate::validate(&self.model)?;
        Ok(self.model)
    }
}
