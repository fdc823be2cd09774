// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks of a configuration before the host is changed.

use super::error::Error;
use super::links::{Interface, Interfaces};
use super::needs::interfaces_of;
use super::vmac::Macvlan;
use crate::spec::Configuration;

/// Checks all that can be checked without the kernel.
pub(super) fn configuration(configuration: &Configuration) -> Result<(), Error> {
    match configuration.check().into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// Checks that all interfaces exist, unless they may be added later, and can have macvlans.
pub(super) fn interfaces(
    configuration: &Configuration,
    interfaces: &Interfaces,
) -> Result<(), Error> {
    for spec in &configuration.routers {
        for name in interfaces_of(spec) {
            if !configuration.dynamic_interfaces && interfaces.get(name).is_none() {
                return Err(Error::InterfaceNotFound {
                    router: spec.name.clone(),
                    interface: name.to_owned(),
                    existing: interfaces.names(),
                });
            }
        }
        let is_ethernet = |interface: &Interface| interface.mac.is_some();
        for Macvlan { base, .. } in Macvlan::list(spec) {
            // A missing interface is not needed, or an error above.
            if interfaces.get(base).is_some_and(|base| !is_ethernet(base)) {
                return Err(Error::NotEthernet {
                    router: spec.name.clone(),
                    interface: base.to_owned(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::spec::RouterSpec;
    use crate::{RouterConfig, Vrid};

    fn spec(name: &str, interface: &str, vrid: u8) -> RouterSpec {
        let config = RouterConfig::builder(Vrid::new(vrid).unwrap())
            .address(Ipv4Addr::new(192, 0, 2, 100).into())
            .build()
            .unwrap();
        RouterSpec::new(name, interface, config)
    }

    #[test]
    fn the_first_broken_rule_of_a_specification_is_returned() {
        let twice = vec![spec("a", "eth0", 1), spec("b", "eth0", 1)];
        let error = configuration(&Configuration::new(twice)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "virtual routers a and b share VRID 1 on eth0"
        );
        assert!(configuration(&Configuration::new(vec![spec("a", "eth0", 1)])).is_ok());
    }

    #[test]
    fn the_error_of_a_missing_interface_lists_the_existing_ones() {
        let configuration = Configuration::new(vec![spec("a", "eth0", 1)]);
        let error = interfaces(&configuration, &Interfaces::default()).unwrap_err();
        assert!(matches!(error, Error::InterfaceNotFound { existing, .. } if existing.is_empty()));
        let configuration = configuration.with_dynamic_interfaces(true);
        assert!(interfaces(&configuration, &Interfaces::default()).is_ok());
    }
}
