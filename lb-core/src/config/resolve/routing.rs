// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes and rules of instances, and static ones.

use crate::config::global::GlobalConfig;
use crate::config::instance::InstanceConfig;
use crate::config::line::Context;
use crate::config::routing::{self, Names, Priorities};
use crate::config::statics::Groups;
use crate::config::tree::NodeId;
use crate::model::{RouterSpec, StaticItems};

/// What all routes and rules share.
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
        router: &mut RouterSpec,
    ) {
        let mut statics = StaticItems::default();
        let groups = Groups::Virtual;
        for block in &instance.routes {
            self.routes(context, *block, groups, &mut statics);
        }
        for block in &instance.rules {
            self.rules(context, *block, groups, &mut statics);
        }
        router.virtual_routes = statics.routes.into_iter().map(|entry| entry.item).collect();
        router.virtual_rules = statics.rules.into_iter().map(|entry| entry.item).collect();
    }

    pub(super) fn routes(
        &self,
        context: &mut Context<'_>,
        block: NodeId,
        groups: Groups<'_>,
        into: &mut StaticItems,
    ) {
        routing::routes(context, (&self.names, groups), block, &mut into.routes);
    }

    pub(super) fn rules(
        &mut self,
        context: &mut Context<'_>,
        block: NodeId,
        groups: Groups<'_>,
        into: &mut StaticItems,
    ) {
        let (names, priorities) = ((&self.names, groups), &mut self.priorities);
        routing::rules(context, names, priorities, block, &mut into.rules);
    }
}
