// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compares an accepted advertisement with the configuration: reports differences once, and learns the
//! interval of the master.

use std::net::IpAddr;

use super::{Notice, Output, VirtualRouter, security::Proof};
use crate::{
    params::{AddressFamily, AdvertInterval, Version},
    wire::{Advertisement, ChecksumDialect},
};

impl VirtualRouter {
    /// Compares an advertisement with the configuration. Differences are counted and reported; the
    /// advertisement stays valid, because a peer that is being reconfigured must not become a second
    /// master.
    pub(super) fn compare(&mut self, source: IpAddr, advertisement: &Advertisement, proof: Proof) {
        if advertisement.interval != self.config.interval() {
            self.stats.interval_errors += 1;
        }
        if advertisement.addresses.same_set(self.config.addresses()) {
            self.noticed.addresses.take_if(|(peer, _)| *peer == source);
        } else {
            self.stats.address_list_errors += 1;
            let mismatch = Some((source, advertisement.addresses.clone()));
            if self.noticed.addresses != mismatch {
                self.noticed.addresses = mismatch;
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
            self.noticed.dialect.take_if(|(peer, _)| *peer == source);
        } else if self.noticed.dialect != Some((source, dialect)) {
            self.noticed.dialect = Some((source, dialect));
            self.outputs
                .push_back(Output::Noticed(Notice::ChecksumDialect { source, dialect }));
        }
        self.compare_proof(source, proof);
    }

    /// Reports advertisements without a trailer, and clocks that differ by half of what is accepted.
    fn compare_proof(&mut self, source: IpAddr, proof: Proof) {
        let unsigned = proof == Proof::Unsigned;
        self.stats.unsigned_advertisements += u64::from(unsigned);
        let is_new = |slot: &mut Option<IpAddr>, wrong: bool| {
            if wrong {
                slot.replace(source) != Some(source)
            } else {
                slot.take_if(|peer| *peer == source);
                false
            }
        };
        if is_new(&mut self.noticed.unsigned, unsigned) {
            self.outputs
                .push_back(Output::Noticed(Notice::Unsigned { source }));
        }
        if let Proof::Trailer {
            skew: Some(skew),
            window: Some(window),
            ..
        } = proof
            && is_new(&mut self.noticed.clock, skew.unsigned_abs() > window / 2)
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
        let received = self
            .received_dialect
            .filter(|_| self.config.mirror_checksum());
        received.unwrap_or_else(|| self.config.checksum())
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
