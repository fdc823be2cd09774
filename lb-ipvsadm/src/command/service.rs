// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-A` and `-E`: the whole service, defaults included.

use std::time::Duration;

use lb_ipvs::{EngineName, Persistence, Protocol, Scheduler, Service, ServiceFlags};

use super::{
    UsageError,
    draft::{Draft, Subject},
    options::OptionName,
};

/// Makes the service `subject` out of the draft.
pub(crate) fn service(
    draft: &Draft,
    subject: Subject,
    flags: ServiceFlags,
) -> Result<Service, UsageError> {
    let one_packet = draft.has(OptionName::OnePacket);
    if let Subject::Address { protocol, port, .. } = subject {
        if port.unwrap_or(0) == 0 && draft.persistence.is_none() {
            return Err(UsageError::ZeroPort);
        }
        if one_packet && protocol != Protocol::Udp {
            return Err(UsageError::OnePacketProtocol);
        }
    }
    Ok(any_service(draft, subject, flags))
}

/// The same without a look at what ipvsadm allows.
pub(crate) fn any_service(draft: &Draft, subject: Subject, mut flags: ServiceFlags) -> Service {
    flags.set(ServiceFlags::ONE_PACKET, draft.has(OptionName::OnePacket));
    let mut service = Service::new(subject.key(), scheduler(draft))
        .with_flags(flags)
        .with_netmask(draft.netmask);
    if let Some(seconds) = draft
        .persistence
        .and_then(|seconds| u64::try_from(seconds).ok())
    {
        service = service.with_persistence(Persistence::new(Duration::from_secs(seconds)));
    }
    if let Ok(engine) = EngineName::new(&draft.engine) {
        service = service.with_persistence_engine(engine);
    }
    service
}

fn scheduler(draft: &Draft) -> Scheduler {
    draft.scheduler.parse().unwrap_or_default()
}

/// `flag-N` fits every scheduler, the named ones only theirs. Where the original crashes (`,`),
/// the text counts as one unknown flag.
pub(crate) fn scheduler_flags(draft: &Draft) -> Result<ServiceFlags, UsageError> {
    let mut flags = ServiceFlags::empty();
    let scheduler = scheduler(draft);
    let Some(text) = draft.sched_flags.as_deref().filter(|text| !text.is_empty()) else {
        return Ok(flags);
    };
    if text.chars().all(|letter| letter == ',') {
        return Err(UsageError::SchedulerFlag {
            flag: text.to_owned(),
        });
    }
    for flag in text.split(',').filter(|flag| !flag.is_empty()) {
        let (bit, owner) = match flag {
            "flag-1" => (ServiceFlags::SCHED_1, None),
            "flag-2" => (ServiceFlags::SCHED_2, None),
            "flag-3" => (ServiceFlags::SCHED_3, None),
            "sh-fallback" => (ServiceFlags::SCHED_1, Some(Scheduler::SourceHashing)),
            "sh-port" => (ServiceFlags::SCHED_2, Some(Scheduler::SourceHashing)),
            "mh-fallback" => (ServiceFlags::SCHED_1, Some(Scheduler::Maglev)),
            "mh-port" => (ServiceFlags::SCHED_2, Some(Scheduler::Maglev)),
            _ => {
                return Err(UsageError::SchedulerFlag {
                    flag: flag.to_owned(),
                });
            }
        };
        if owner.is_some_and(|owner| owner != scheduler) {
            return Err(UsageError::SchedulerFlagScheduler {
                flag: flag.to_owned(),
            });
        }
        flags |= bit;
    }
    Ok(flags)
}
