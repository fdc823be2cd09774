// SPDX-License-Identifier: MIT OR Apache-2.0

mod groups;
mod health;
mod notify;
mod reload;
#[cfg(feature = "daemon")]
mod restore;
mod roles;
mod via;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lb_check::{HealthCheck, Policy, Reason, Target, WeightRequest};
use lb_ipvs::{Scheduler, Service, Weight};

use super::*;
use crate::dataplane::DesiredChange;
use crate::log_line::Line;
use crate::model::RealServer;

/// Never run: the director only looks at specifications.
#[derive(Debug)]
struct Unused;

#[async_trait::async_trait]
impl HealthCheck for Unused {
    fn kind(&self) -> &str {
        "TCP_CHECK"
    }

    async fn check(&self, _: &Target) -> Outcome {
        Outcome::pass()
    }
}

fn key() -> ServiceKey {
    ServiceKey::tcp("192.168.1.50:80".parse().unwrap())
}

fn address(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 168, 1, n], 80))
}

fn destination(n: u8, weight: u32) -> Destination {
    Destination::new(address(n)).with_weight(Weight::new(weight).unwrap())
}

fn check(n: u8) -> CheckSpec {
    CheckSpec::new(
        Arc::new(Unused),
        Target::new(address(n)),
        Policy::default().with_interval(Duration::from_secs(5)),
    )
}

/// A real server of weight 1 with one check.
fn real(n: u8) -> RealServer {
    RealServer::new(destination(n, 1)).with_check(check(n))
}

/// The article's virtual server with these real servers.
fn virtual_server(real_servers: impl IntoIterator<Item = RealServer>) -> VirtualServer {
    let service = Service::new(key(), Scheduler::WeightedRoundRobin);
    real_servers
        .into_iter()
        .fold(VirtualServer::new(service), VirtualServer::with_real_server)
}

fn model(virtual_servers: impl IntoIterator<Item = VirtualServer>) -> Model {
    virtual_servers
        .into_iter()
        .fold(
            Model::builder().global(Global::new("lb1")),
            |builder, server| builder.virtual_server(server),
        )
        .build()
        .unwrap()
}

fn id(n: u8, index: usize) -> CheckId {
    CheckId {
        service: key(),
        real_server: address(n),
        index,
    }
}

/// A director whose first outputs are drained.
fn director(virtual_server: VirtualServer) -> Director {
    let mut director = Director::new(model([virtual_server]));
    drain(&mut director);
    director
}

fn names(host: u8) -> Names {
    Names {
        virtual_server: "[192.168.1.50]:tcp:80".to_owned(),
        real_server: format!("[192.168.1.{host}]:tcp:80"),
    }
}

fn drain(director: &mut Director) -> Vec<Output> {
    std::iter::from_fn(|| director.poll_output()).collect()
}

/// The log lines of everything but mails.
fn lines(director: &mut Director) -> Vec<String> {
    drain(director)
        .iter()
        .filter(|output| !matches!(output, Output::Mail(_)))
        .map(|output| Line(output).to_string())
        .collect()
}

fn mails(director: &mut Director) -> Vec<(String, String)> {
    drain(director)
        .into_iter()
        .filter_map(|output| match output {
            Output::Mail(mail) => Some((mail.subject(), mail.body())),
            _ => None,
        })
        .collect()
}

fn down(director: &mut Director, n: u8) {
    director.handle_check(&id(n, 0), false, &Outcome::fail(Reason::L4Refused));
}

fn up(director: &mut Director, n: u8) {
    director.handle_check(&id(n, 0), true, &Outcome::pass());
}

fn pool(director: &Director) -> Vec<Destination> {
    let desired = director.desired(&key()).unwrap();
    // parts are as the whole
    for n in 50..100 {
        let one = BTreeMap::from([(address(n), desired.destination(address(n)).copied())]);
        assert_eq!(
            director.desired_change(&key(), &Part::destination(address(n))),
            DesiredChange::Destinations(one)
        );
    }
    desired.destinations_in_order().copied().collect()
}
