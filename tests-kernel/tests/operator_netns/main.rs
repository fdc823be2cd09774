// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an operator does to a running director, by `lbctl`, on the host's kernel.

mod claims;
mod control;
mod full_pipe;
mod resign;
mod signals;
mod upgrade;
mod upgrade_scripts;
mod upgrade_vmacs;

use std::error::Error;
use std::time::{Duration, Instant};

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Capture, Lan, NetError, wait_until};

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Ten times what the slowest step takes.
const DEADLINE: Duration = Duration::from_secs(60);
const VIP: std::net::Ipv4Addr = std::net::Ipv4Addr::new(192, 168, 1, 50);

/// One instance, VRRPv3; `more` stands in it.
fn instance(priority: u8, interval: &str, more: &str) -> String {
    format!(
        "global_defs {{
    vrrp_version 3
    vrrp_garp_master_delay 1
}}
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {interval}
    {more}
    virtual_ipaddress {{
        {VIP}/24
    }}
}}
"
    )
}

/// The document of `lbctl status --json`.
fn status(director: &Director) -> TestResult<serde_json::Value> {
    Ok(serde_json::from_str(
        &director.lbctl(&["status", "--json"])?,
    )?)
}

/// Adverts that take longer than a backup waits for one: three intervals and the skew time.
const MASTER_DOWN_ADVERTS: usize = 4;

/// Waits until this router has sent so many more adverts.
fn wait_for_adverts(capture: &Capture, director: &Director, more: usize) -> Result<(), NetError> {
    let (source, begun) = (director.host().address(), Instant::now());
    wait_until(&format!("{more} adverts of {source}"), DEADLINE, || {
        let adverts = capture.adverts();
        let own = adverts
            .iter()
            .filter(|(at, advert)| *at >= begun && advert.source == source);
        let count = own.count();
        (count >= more)
            .then_some(())
            .ok_or_else(|| count.to_string())
    })
}

/// Two directors with one instance, of priority 150 and 100.
fn pair(lan: &Lan, software: [Software; 2], interval: &str) -> TestResult<[Director; 2]> {
    let director = |number: u8, priority: u8| -> TestResult<Director> {
        let address = std::net::Ipv4Addr::new(192, 168, 1, 10 + number);
        let host = lan.host(&format!("r{number}"), address)?;
        let software = software[usize::from(number) - 1];
        let text = instance(priority, interval, "");
        Ok(Director::new(host, software, &text)?)
    };
    Ok([director(1, 150)?, director(2, 100)?])
}
