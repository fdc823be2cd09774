// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an accepted advertisement says that the configuration does not: told once, and learned.

use std::net::IpAddr;

use super::{Notice, Output, VirtualRouter, security::Proof};
use crate::{
    params::{AddressFamily, AdvertInterval, Version},
    wire::{Advertisement, ChecksumDialect},
};

impl VirtualRouter {
    /// Compares what was advertised with the configuration. Differences are counted and told,
    /// never a reason to drop: a peer that is being reconfigured must not become a second master.
    pub(super) fn compare(&mut self, source: IpAddr, advertisement: &Advertisement, proof: Proof) {
        if advertisement.interval != self.config.interval() {
            self.stats.interval_errors += 1;
        }
        if advertisement.addresses.same_set(self.config.addresses()) {
            self.told.addresses.take_if(|(told, _)| *told == source);
        } else {
            self.stats.address_list_errors += 1;
            let told = Some((source, advertisement.addresses.clone()));
            if self.told.addresses != told {
                self.told.addresses = told;
                self.outputs
                    .push_back(Output::Noticed(Notice::AddressListMismatch {
                        source,
                        advertised: advertisement.addresses.clone(),
                    }));
            }
        }
        let dialect = advertisement.checksum;
        if self.config.version() == Version::V2
            || self.config.family() == AddressFamily::Ipv6
            || dialect == self.transmit_dialect()
        {
            self.told.dialect.take_if(|(told, _)| *told == source);
        } else if self.told.dialect != Some((source, dialect)) {
            self.told.dialect = Some((source, dialect));
            self.outputs
                .push_back(Output::Noticed(Notice::ChecksumDialect { source, dialect }));
        }
        self.compare_proof(source, proof);
    }

    /// Tells of what will be refused once the rules are stricter, or the clocks farther apart.
    fn compare_proof(&mut self, source: IpAddr, proof: Proof) {
        let unsigned = proof == Proof::Unsigned;
        self.stats.unsigned_advertisements += u64::from(unsigned);
        let told = |slot: &mut Option<IpAddr>, wrong: bool| {
            if wrong {
                slot.replace(source) != Some(source)
            } else {
                slot.take_if(|told| *told == source);
                false
            }
        };
        if told(&mut self.told.unsigned, unsigned) {
            self.outputs
                .push_back(Output::Noticed(Notice::Unsigned { source }));
        }
        if let Proof::Trailer {
            skew: Some(skew),
            window: Some(window),
            ..
        } = proof
            && told(&mut self.told.clock, skew.unsigned_abs() > window / 2)
        {
            self.outputs.push_back(Output::Noticed(Notice::ClockSkew {
                source,
                skew,
                window,
            }));
        }
    }

    /// The checksum that is sent in VRRPv3 over IPv4.
    pub(super) fn transmit_dialect(&self) -> ChecksumDialect {
        let heard = self.heard_dialect.filter(|_| self.config.mirror_checksum());
        heard.unwrap_or_else(|| self.config.checksum())
    }

    /// RFC 9568 §6.4.3: "Set Active_Adver_Interval to Adver Interval contained in the
    /// ADVERTISEMENT". VRRPv2 has dropped any other interval before.
    pub(super) fn learn_interval(&mut self, source: IpAddr, interval: AdvertInterval) {
        if self.config.version() == Version::V2 {
            return;
        }
        if interval != self.master_interval() {
            self.outputs
                .push_back(Output::Noticed(Notice::IntervalLearned {
                    source,
                    interval,
                    configured: self.config.interval(),
                }));
        }
        self.learned = Some(interval);
    }
}
