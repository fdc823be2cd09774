// SPDX-License-Identifier: MIT OR Apache-2.0
//! FILE_CHECK beside the real keepalived: the number in a file moves weights and takes real servers down.

use std::fs;
use std::path::Path;

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};

use crate::{DEADLINE, TestResult};

/// Four real servers with the weight 10 that follow one file.
fn configuration(file: &Path) -> String {
    let mut text = format!(
        "track_file load {{\n file {}\n weight 2\n}}
virtual_server 192.168.1.50 80 {{
    delay_loop 1
    lb_algo wrr
    lb_kind DR
    protocol TCP
",
        file.display()
    );
    let weights = ["", "weight 0", "weight -3", "weight 0 reverse"];
    for (number, weight) in (61..).zip(weights) {
        text += &format!(
            "    real_server 192.168.1.{number} 80 {{
        weight 10
        FILE_CHECK {{
            track_file load
            {weight}
        }}
    }}
"
        );
    }
    text + "}\n"
}

/// The last number of each destination's address, and its weight, in order.
fn weights(table: &str) -> Vec<(u8, u32)> {
    let rows = table
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-> 192.168.1."));
    let mut found: Vec<(u8, u32)> = rows
        .filter_map(|row| {
            let words: Vec<&str> = row.split_whitespace().collect();
            let number = words.first()?.split(':').next()?.parse().ok()?;
            Some((number, words.get(2)?.parse().ok()?))
        })
        .collect();
    found.sort_unstable();
    found
}

fn wait_for_weights(director: &Director, wanted: &[(u8, u32)]) -> TestResult {
    let what = format!("{} has {wanted:?}", director.name());
    wait_until(&what, DEADLINE, || {
        let table = director.table().map_err(|error| error.to_string())?;
        if weights(&table) == wanted {
            Ok(())
        } else {
            Err(format!("{table}{}", director.log()))
        }
    })?;
    Ok(())
}

fn follow_file(software: Software) -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let mut director = Director::new(host, software, "")?;
    let folder = director.configuration().with_file_name("tracked");
    fs::create_dir_all(&folder)?;
    let file = folder.join("load");
    fs::write(&file, "-2\n")?;
    director.configure(&configuration(&file))?;
    director.start()?;
    // The file is read before the first destination.
    wait_for_weights(&director, &[(61, 6), (63, 16), (64, 10)])?;
    for (content, wanted) in [
        ("0", &[(61, 10), (62, 10), (63, 10)][..]),
        ("3 and more", &[(61, 16), (63, 1), (64, 10)]),
        ("-100", &[(61, 0), (63, 310), (64, 10)]),
        // A product of -2147483648 and less means down.
        ("-1500000000", &[(63, 2_147_483_647), (64, 10)]),
        ("text", &[(61, 10), (62, 10), (63, 10)]),
    ] {
        fs::write(&file, content)?;
        wait_for_weights(&director, wanted)?;
    }
    fs::write(&file, "1")?;
    wait_for_weights(&director, &[(61, 12), (63, 7), (64, 10)])?;
    // A file that is gone counts as 0.
    fs::remove_file(&file)?;
    wait_for_weights(&director, &[(61, 10), (62, 10), (63, 10)])?;
    let (status, log) = director.stop()?;
    assert!(status.success(), "{software}: {log}");
    Ok(())
}

// shows real_server: FILE_CHECK
// shows FILE_CHECK: track_file, weight
#[testbed::guest_test]
fn a_number_in_a_file_moves_weights_as_in_keepalived() -> TestResult {
    follow_file(Software::Keepalived)?;
    follow_file(Software::Lbctl)
}
