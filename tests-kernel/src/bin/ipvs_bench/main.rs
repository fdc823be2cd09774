// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ipvs_bench [--sizes N,…] [--rounds N] [--connections N]`: what `ipvsadm` and `lbctl ipvs` take
//! for the same tables, in turn, in the same guest; and what a sender that does nothing but send
//! takes for the changes. Prints Markdown and leaves it in the run's directory.
//!
//! Two more forms are for itself: `measure` runs one program and writes down what it took, `send`
//! sends requests prepared before.

#![expect(clippy::print_stdout, reason = "a program that reports")]

mod batch;
mod connections;
mod measure;
mod report;
mod rules;
mod tables;

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tests_kernel::cluster::results;
use tests_kernel::tool;

use report::Report;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What is measured.
struct Options {
    sizes: Vec<u32>,
    rounds: u32,
    connections: u32,
}

fn main() -> Outcome {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [form, result, program @ ..] if form == "measure" => measure::here(result, program),
        [form, requests] if form == "send" => batch::send(Path::new(requests)),
        arguments => bench(&options(arguments)?),
    }
}

fn options(arguments: &[OsString]) -> Outcome<Options> {
    let mut options = Options {
        sizes: vec![0, 1000, 5000, 10_000],
        rounds: 3,
        connections: 100_000,
    };
    for pair in arguments.chunks(2) {
        let words: Vec<_> = pair.iter().filter_map(|word| word.to_str()).collect();
        match words.as_slice() {
            ["--sizes", sizes] => {
                let sizes: Result<_, _> = sizes.split(',').map(str::parse).collect();
                options.sizes = sizes?;
            }
            ["--rounds", rounds] => options.rounds = rounds.parse()?,
            ["--connections", count] => options.connections = count.parse()?,
            _ => {
                let usage = "usage: ipvs_bench [--sizes N,…] [--rounds N] [--connections N]";
                return Err(usage.into());
            }
        }
    }
    Ok(options)
}

fn bench(options: &Options) -> Outcome {
    let folder = std::env::temp_dir().join(format!("ipvs-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let tools = Tools::new(&folder)?;
    let mut report = Report::default();
    for &size in &options.sizes {
        tables::bench(&tools, size, options.rounds, &mut report)?;
        println!("{report}");
    }
    if let Some(&smallest) = options.sizes.iter().filter(|size| **size > 0).min() {
        tables::system_calls(&tools, smallest, &mut report)?;
    }
    if options.connections > 0 {
        connections::bench(&tools, options, &mut report)?;
    }
    fs::remove_dir_all(&folder)?;
    println!("---- benches/README.md ----\n{report}");
    fs::write(results().join("ipvs.md"), report.to_string())?;
    Ok(())
}

/// The programs that are compared, and where their files are.
struct Tools {
    folder: PathBuf,
    ipvsadm: PathBuf,
    /// `lbctl` under the name of `ipvsadm`.
    lbctl: PathBuf,
    /// This program.
    bench: PathBuf,
}

impl Tools {
    fn new(folder: &Path) -> Outcome<Self> {
        let lbctl = folder.join("ipvsadm");
        symlink(tool::lbctl(), &lbctl)?;
        Ok(Self {
            folder: folder.to_owned(),
            ipvsadm: "ipvsadm".into(),
            lbctl,
            bench: std::env::current_exe()?,
        })
    }
}
