// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a predecessor that was killed left behind.

use std::io;

use tracing::info;

use super::super::links::Interfaces;
use super::Macvlan;
use super::executor::{Found, LinkManager};
use super::keeper::restore;
use super::mark::Mark;
use super::secondaries;
use crate::spec::RouterSpec;

/// Sets down the macvlans that these routers will take over: they answer for addresses that we do
/// not hold. Deletes those of a process that has ended which nobody wants any more.
///
/// # Errors
///
/// What the kernel said.
pub(in crate::driver) async fn clean(
    manager: &mut dyn LinkManager,
    specs: &[RouterSpec],
    interfaces: &Interfaces,
) -> io::Result<()> {
    for found in manager.list().await? {
        if found.macvlan_of.is_none() {
            let promotes =
                |spec: &RouterSpec| spec.promotes_secondaries && spec.interface == found.link.name;
            if !specs.iter().any(promotes) {
                secondaries::clean(manager, &found).await?;
            }
            continue;
        }
        if specs.iter().any(|spec| fits(&found, spec, interfaces)) {
            info!(ifname = %found.link.name, "taking over left-over virtual interface");
            manager.set_up(&found.link, false).await?;
            continue;
        }
        let mark = found.alias.as_deref().and_then(Mark::parse);
        let Some(mark) = mark.filter(Mark::is_orphan) else {
            continue;
        };
        info!(ifname = %found.link.name, "removing left-over virtual interface");
        manager.delete(std::slice::from_ref(&found.link)).await?;
        let base = interfaces
            .iter()
            .find(|of| Some(of.link.index) == found.macvlan_of);
        if let Some(base) = base {
            restore(manager, &base.link.name, &mark.before);
        }
    }
    Ok(())
}

/// Whether this is a macvlan that a router will want.
fn fits(found: &Found, spec: &RouterSpec, interfaces: &Interfaces) -> bool {
    Macvlan::list(spec).into_iter().any(|of| {
        let base = interfaces.get(of.base).map(|of| of.link.index);
        let mut names = of.vmac.candidates(of.family, spec.config.vrid());
        base.is_some()
            && found.macvlan_of == base
            && found.mac == Some(of.mac)
            && names.any(|name| name == found.link.name)
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::links::tests::{eth, table};
    use super::super::keeper::tests::{Fake, spec};
    use super::super::setting::Setting;
    use super::*;

    #[tokio::test]
    async fn what_is_wanted_is_set_down_and_what_is_nobodys_deleted() {
        let mut fake = Fake::default();
        let dead = "lb-vrrp pid=0 started=1 arp_ignore=0 arp_announce=0";
        let alive = Mark::new(Vec::new()).to_string();
        fake.with(|state| {
            state.add("vrrp.51", 2, [0, 0, 0x5e, 0, 1, 51], Some(dead));
            state.add("vrrp.52", 2, [0, 0, 0x5e, 0, 1, 52], Some(dead));
            state.add("vrrp.53", 2, [0, 0, 0x5e, 0, 1, 53], Some(&alive));
            state.add("vrrp.54", 2, [0, 0, 0x5e, 0, 1, 54], Some("somebody's"));
            state.add("vrrp1.51", 9, [0, 0, 0x5e, 0, 1, 51], None);
            state
                .settings
                .insert(("eth0".into(), Setting::ArpIgnore), 1);
            // Changed by somebody since.
            state
                .settings
                .insert(("eth0".into(), Setting::ArpAnnounce), 1);
        });
        let there = table([eth(2, "eth0")]);
        clean(&mut fake, &[spec(51)], &there).await.unwrap();
        assert_eq!(
            fake.log(),
            ["down vrrp.51", "delete vrrp.52", "eth0 arp_ignore=0"]
        );
    }
}
