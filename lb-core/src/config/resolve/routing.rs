// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes and rules of instances.

use crate::config::global::GlobalConfig;
use crate::config::instance::InstanceConfig;
use crate::config::line::Context;
use crate::config::routing::{self, Names, Priorities};
use crate::model::VrrpInstance;

/// What the routes and rules of all instances share.
#[derive(Debug)]
pub(super) struct Routing {
    names: Names,
    priorities: Priorities,
}

impl Routing {
    pub(super) fn new(global: &GlobalConfig) -> Self {
        let text =
            |at: &Option<crate::config::line::At<String>>| at.as_ref().map(|at| at.value.clone());
        let (etc, usr) = (text(&global.iproute_etc), text(&global.iproute_usr));
        Self {
            names: Names::new(etc.as_deref(), usr.as_deref()),
            priorities: Priorities::default(),
        }
    }

    /// Reads those of one instance: the names of tables are known only when all of `global_defs` is.
    pub(super) fn read(
        &mut self,
        context: &mut Context<'_>,
        instance: &InstanceConfig,
        router: &mut VrrpInstance,
    ) {
        for block in &instance.routes {
            routing::routes(context, &self.names, *block, &mut router.virtual_routes);
        }
        for block in &instance.rules {
            let (names, priorities) = (&self.names, &mut self.priorities);
            routing::rules(
                context,
                names,
                priorities,
                *block,
                &mut router.virtual_rules,
            );
        }
    }
}
