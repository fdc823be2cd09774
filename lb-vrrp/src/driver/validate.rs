// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is checked before anything is touched.

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

/// Checks that all interfaces exist, unless they may come later, and can carry macvlans.
pub(super) fn interfaces(of: &Configuration, interfaces: &Interfaces) -> Result<(), Error> {
    for spec in &of.routers {
        for name in interfaces_of(spec) {
            if !of.dynamic_interfaces && interfaces.get(name).is_none() {
                return Err(Error::InterfaceNotFound {
                    router: spec.name.clone(),
                    interface: name.to_owned(),
                    existing: interfaces.names(),
                });
            }
        }
        let ethernet = |of: &Interface| of.mac.is_some();
        for Macvlan { base, .. } in Macvlan::list(spec) {
            // One that is not there is not needed, or told above.
            if interfaces.get(base).is_some_and(|of| !ethernet(of)) {
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
    fn a_missing_interface_names_those_there_are() {
        let of = Configuration::new(vec![spec("a", "eth0", 1)]);
        let error = interfaces(&of, &Interfaces::default()).unwrap_err();
        assert!(matches!(error, Error::InterfaceNotFound { existing, .. } if existing.is_empty()));
        let of = of.with_dynamic_interfaces(true);
        assert!(interfaces(&of, &Interfaces::default()).is_ok());
    }
}
