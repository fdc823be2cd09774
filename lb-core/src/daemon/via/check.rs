// SPDX-License-Identifier: MIT OR Apache-2.0
//! The probe of a check at the virtual address.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use lb_check::{Arguments, HealthCheck, LocalError, Outcome, SharedCheck, Target};
use tokio::sync::watch;

use super::source::source_address;

/// Longest time that a probe waits for the service of its mark: less than any deadline of a probe.
const WAIT: Duration = Duration::from_millis(250);

/// A check whose probes leave this host with a source address that is not the virtual address, while the
/// service of their mark is in the table.
pub(super) struct ViaCheck {
    check: SharedCheck,
    real_server: IpAddr,
    /// Whether the service is in the table.
    open: watch::Receiver<bool>,
}

impl ViaCheck {
    pub(super) const fn new(
        check: SharedCheck,
        real_server: IpAddr,
        open: watch::Receiver<bool>,
    ) -> Self {
        Self {
            check,
            real_server,
            open,
        }
    }

    async fn is_open(&self) -> bool {
        let mut open = self.open.clone();
        let opened = async { open.wait_for(|open| *open).await.is_ok() };
        tokio::time::timeout(WAIT, opened).await.unwrap_or(false)
    }
}

impl fmt::Debug for ViaCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViaCheck")
            .field("check", &self.check)
            .field("real_server", &self.real_server)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl HealthCheck for ViaCheck {
    fn kind(&self) -> &str {
        self.check.kind()
    }

    fn identity(&self) -> String {
        self.check.identity().to_owned()
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        self.check.lines()
    }

    fn time_limit(&self) -> Option<Duration> {
        self.check.time_limit()
    }

    async fn check(&self, target: &Target) -> Outcome {
        if !self.is_open().await {
            let mark = target.mark().unwrap_or_default();
            let message = format!("the service of firewall mark {mark} is not in the IPVS table");
            return Outcome::local(LocalError::Other(message));
        }
        let mut target = target.clone();
        let source = target
            .source()
            .filter(|source| !source.ip().is_unspecified());
        if source.is_none() {
            let port = target.source().map_or(0, |source| source.port());
            match source_address(self.real_server, target.address.ip()) {
                Ok(ip) => target = target.with_source(SocketAddr::new(ip, port)),
                Err(error) => return Outcome::local(error),
            }
        }
        self.check.check(&target).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lb_check::{Reason, Verdict};

    use super::*;

    /// Fails with the target.
    #[derive(Debug)]
    struct Echo;

    #[async_trait]
    impl HealthCheck for Echo {
        fn kind(&self) -> &str {
            "ECHO"
        }

        async fn check(&self, target: &Target) -> Outcome {
            Outcome::fail(Reason::Other(target.to_string()))
        }
    }

    fn check(open: &watch::Sender<bool>) -> ViaCheck {
        ViaCheck::new(
            SharedCheck::new(Arc::new(Echo)),
            [127, 0, 0, 1].into(),
            open.subscribe(),
        )
    }

    fn target() -> Target {
        Target::new("192.0.2.50:80".parse().unwrap()).with_mark(65_536)
    }

    #[tokio::test]
    async fn a_probe_has_a_bound_source() {
        let gate = watch::Sender::new(true);
        let outcome = check(&gate).check(&target()).await;
        assert_eq!(
            outcome.to_string(),
            "192.0.2.50:80 from 127.0.0.1:0 mark 65536"
        );
        let bound = target().with_source("127.0.0.2:7".parse().unwrap());
        let outcome = check(&gate).check(&bound).await;
        assert_eq!(
            outcome.to_string(),
            "192.0.2.50:80 from 127.0.0.2:7 mark 65536"
        );
        let port = target().with_source("0.0.0.0:7".parse().unwrap());
        let outcome = check(&gate).check(&port).await;
        assert_eq!(
            outcome.to_string(),
            "192.0.2.50:80 from 127.0.0.1:7 mark 65536"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_waits_for_the_service_and_counts_not_against_the_target() {
        let gate = watch::Sender::new(false);
        let outcome = check(&gate).check(&target()).await;
        assert!(matches!(outcome.verdict, Verdict::Local(_)), "{outcome}");
        assert_eq!(
            outcome.to_string(),
            "the service of firewall mark 65536 is not in the IPVS table"
        );
        let check = check(&gate);
        let target = target();
        let (outcome, ()) = tokio::join!(check.check(&target), async {
            tokio::time::sleep(WAIT / 2).await;
            gate.send_replace(true);
        });
        assert!(matches!(outcome.verdict, Verdict::Fail(_)), "{outcome}");
        assert_eq!(check.kind(), "ECHO");
        assert_eq!(check.identity(), Echo.identity());
    }
}
