// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many daemons on a host, each with one virtual router in a namespace of its own, as Neutron has them: what
//! memory they take, and how often they wake up.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tests_kernel::cluster::Software;
use tests_kernel::net::{Host, Lan, Netns};
use tests_kernel::process::{Background, pause};
use tests_kernel::tool;
use tests_kernel::usage::Usage;

use crate::progress::Progress;
use crate::report::Report;
use crate::{Extent, Outcome};

/// Daemons of a run, and of a short one.
const DAEMONS: u16 = 400;
const QUICK_DAEMONS: u16 = 40;
/// Bytes that all daemons may take.
const BUDGET: f64 = 3e9;
/// How long is measured, after the last change of a state (the second burst of announcements comes 5 s later).
const WINDOW: Duration = Duration::from_secs(10);
const REST: Duration = Duration::from_secs(8);
const DEADLINE: Duration = Duration::from_secs(120);
const MIB: f64 = 1024.0 * 1024.0;

const PROGRAMS: [Software; 2] = [Software::Keepalived, Software::Lbctl];
const ROLES: [&str; 2] = ["masters", "backups"];

/// Measures both programs in turn, as masters and as backups.
pub(crate) fn bench(extent: Extent, report: &mut Report) -> Outcome {
    let count = if extent.quick { QUICK_DAEMONS } else { DAEMONS };
    report.table(
        &format!(
            "{count} daemons with a virtual router each, one advert a second, {WINDOW:?}; memory of all \
             processes (resident, with shared pages counted in parts, of that not of files); CPU and \
             voluntary context switches of a daemon in this time"
        ),
        "program | state | processes | resident MiB | proportional MiB | anonymous MiB | CPU ms | switches",
    );
    let mut progress = Progress::new("rounds of many daemons", 2);
    for software in PROGRAMS {
        let found = measure(software, count)?;
        for (usage, role) in found.iter().zip(ROLES) {
            let each = |value: f64| value / f64::from(count);
            report.row(&format!(
                "{software} | {role} | {} | {:.0} | {:.0} | {:.0} | {:.2} | {:.1}",
                usage.processes,
                usage.resident / MIB,
                usage.proportional / MIB,
                usage.anonymous / MIB,
                each(usage.cpu) * 1e3,
                each(usage.switches),
            ));
        }
        let [masters, backups] = found;
        if software == Software::Lbctl {
            report.budget(
                &format!("memory of {count} daemons: 3 GB"),
                masters.proportional.max(backups.proportional) <= BUDGET,
                &format!("{:.0} MiB proportional", masters.proportional / MIB),
            );
            // A master sends an advert a second, a backup receives one; each may be woken once more.
            let most = 2.0 * WINDOW.as_secs_f64();
            let switches = masters.switches.max(backups.switches) / f64::from(count);
            report.budget(
                &format!("an idle daemon wakes up for adverts alone: {most:.0} switches"),
                switches <= most,
                &format!("{switches:.1}"),
            );
        }
        progress.step();
    }
    Ok(())
}

/// A daemon in a namespace of its own.
struct Daemon {
    host: Host,
    process: Background,
    folder: PathBuf,
}

impl Daemon {
    fn start(host: Host, software: Software, number: u16) -> Outcome<Self> {
        let folder = std::env::temp_dir().join(host.netns().name());
        fs::create_dir_all(&folder)?;
        let configuration = folder.join("keepalived.conf");
        // The first one is master of all when they see each other.
        let priority = if number == 1 { 200 } else { 100 };
        fs::write(
            &configuration,
            format!(
                "vrrp_instance VR_1 {{\n state BACKUP\n interface eth0\n virtual_router_id 1\n \
                 priority {priority}\n advert_int 1\n virtual_ipaddress {{\n  10.9.9.9/32\n }}\n}}\n"
            ),
        )?;
        let mut words = match software {
            Software::Keepalived => tool::keepalived(),
            _ => vec![alias(&folder)?.into(), "-l".into(), "-G".into()],
        };
        let mut command = host.netns().command(words.remove(0));
        command
            .args(words)
            .args(["-n", "-P", "-f"])
            .arg(&configuration);
        for (option, file) in [("-p", "parent.pid"), ("-r", "vrrp.pid")] {
            command.arg(option).arg(folder.join(file));
        }
        let process = Background::spawn(&mut command)?;
        Ok(Self {
            host,
            process,
            folder,
        })
    }

    /// Waits for a state that was not entered at the start.
    fn wait_for(&self, state: &str) -> Outcome {
        let awaited = format!("Entering {state} STATE");
        self.process.wait_for_line(&awaited, DEADLINE, |line| {
            line.contains(&awaited) && !line.contains("(init)")
        })?;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // What stays in a folder for temporary files does no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Our program under the name of keepalived.
fn alias(folder: &Path) -> Outcome<PathBuf> {
    let path = folder.join("keepalived");
    std::os::unix::fs::symlink(tool::lbctl(), &path)?;
    Ok(path)
}

/// The use of all daemons as masters, which do not see each other, and as backups of the first one.
fn measure(software: Software, count: u16) -> Outcome<[Usage; 2]> {
    let lan = Lan::new()?;
    let mut hosts = Vec::new();
    for number in 1..=count {
        let [high, low] = number.to_be_bytes();
        hosts.push(lan.host(&format!("d{number}"), Ipv4Addr::new(10, 0, high, low))?);
    }
    lan.set_parted(true)?;
    let hosts = hosts.into_iter().zip(1..);
    let daemons = hosts.map(|(host, number)| Daemon::start(host, software, number));
    let daemons = daemons.collect::<Outcome<Vec<_>>>()?;
    for daemon in &daemons {
        daemon.wait_for("MASTER")?;
    }
    let masters = observe(&daemons)?;
    lan.set_parted(false)?;
    for daemon in daemons.iter().skip(1) {
        daemon.wait_for("BACKUP")?;
    }
    let backups = observe(&daemons)?;
    Ok([masters, backups])
}

fn observe(daemons: &[Daemon]) -> Outcome<Usage> {
    pause(REST);
    let namespaces: Vec<&Netns> = daemons.iter().map(|daemon| daemon.host.netns()).collect();
    let before = Usage::of_processes(&namespaces)?;
    pause(WINDOW);
    let after = Usage::of_processes(&namespaces)?;
    Ok(after.since(&before))
}
