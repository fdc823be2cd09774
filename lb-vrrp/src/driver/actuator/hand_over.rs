// SPDX-License-Identifier: MIT OR Apache-2.0
//! What another process held, or is to hold from now on.

use std::sync::Arc;

use super::super::mailbox::{Inheritance, RouterKey, Wishes};
use super::Actuator;
use super::addresses::{Held, stays, wanted};

impl Actuator {
    /// Goes on with what another process held for a router.
    pub(super) fn inherit(
        &mut self,
        router: &RouterKey,
        name: &Arc<str>,
        inheritance: Inheritance,
    ) {
        for of in inheritance.addresses {
            let key = (of.link.index, of.address.address);
            let held = Held {
                router: router.clone(),
                name: Arc::clone(name),
                link: Arc::new(of.link),
                address: Arc::new(of.address),
                epoch: 1,
                announced: 0,
                keep: of.keep,
                lost: false,
                repeat_at: None,
                refresh_at: None,
                inherited: Some(of.since.into()),
                bursts: 0,
                extra_at: None,
                again: 0,
            };
            self.held.insert(key, Box::new(held));
        }
        self.routing.inherit(router, name, inheritance.routing);
        self.links.inherit(router, name, inheritance.surplus);
    }

    /// Leaves what is wanted to another process, and removes the rest; says whether that is gone.
    pub(super) async fn leave(&mut self, wishes: &Wishes) -> bool {
        let mailbox = Arc::clone(&self.mailbox);
        let held = |router: &RouterKey| wishes.routers.get(router).is_some_and(|of| of.held);
        let manager = self.manager.as_mut();
        self.routing.withdraw(manager, &mailbox, wishes).await;
        let wanted = wanted(wishes);
        self.shed(wishes, &wanted).await;
        let links = &wishes.virtual_links;
        // None is made: what is missing the other process has deleted.
        let mut troubles = self.links.settle(links, held, || false).await;
        troubles.extend(self.links.lower(held, || true).await);
        let linked = troubles.is_empty();
        self.links_failed(troubles);
        linked
            && self
                .held
                .iter()
                .all(|(key, held)| stays(&wanted, key, held))
    }
}
