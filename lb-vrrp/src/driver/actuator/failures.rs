// SPDX-License-Identifier: MIT OR Apache-2.0
//! What fails is told once, and tried again.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::error;

use super::super::error::AddressError;
use super::super::event::Event;
use super::super::mailbox::RouterKey;
use super::super::vmac;
use super::addresses::AddressKey;
use super::shields::Failure;
use super::{Actuator, RETRY};

impl Actuator {
    pub(super) fn failed(
        &mut self,
        key: AddressKey,
        router: &RouterKey,
        name: &Arc<str>,
        failure: AddressError,
    ) {
        let first = self.failing.insert(key);
        self.tell_failure(first, router, name, failure);
    }

    pub(super) fn links_failed(&mut self, troubles: impl IntoIterator<Item = vmac::Trouble>) {
        for vmac::Trouble {
            router,
            name,
            error,
            first,
        } in troubles
        {
            self.retry_at = Some(Instant::now() + RETRY);
            if !first {
                continue;
            }
            error!(
                instance = %name, vrid = %router.vrid, ifname = %error.interface,
                operation = %error.operation, error = %error.source,
                "virtual interface not changed, trying again every second"
            );
            let _ = self.events.try_send(Event::InterfaceFailed {
                router: name,
                vrid: router.vrid,
                error: Arc::new(error),
            });
        }
    }

    /// An address without a filter before it is better than none.
    pub(super) fn filtered(&mut self, outcome: Result<(), Failure>) {
        if let Err(Failure {
            shield,
            error,
            first,
        }) = outcome
        {
            self.tell_failure(first, &shield.router, &shield.name, error);
        }
    }

    fn tell_failure(
        &mut self,
        first: bool,
        router: &RouterKey,
        name: &Arc<str>,
        failure: AddressError,
    ) {
        self.retry_at = Some(Instant::now() + RETRY);
        if !first {
            return;
        }
        error!(
            instance = %name, vrid = %router.vrid, ifname = %failure.interface,
            address = %failure.address, operation = %failure.operation, error = %failure.source,
            "virtual address not changed, trying again every second"
        );
        let _ = self.events.try_send(Event::AddressFailed {
            router: Arc::clone(name),
            vrid: router.vrid,
            error: Arc::new(failure),
        });
    }
}
