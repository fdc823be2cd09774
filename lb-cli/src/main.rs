// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl`: the load balancer's command, and a drop-in for keepalived, ipvsadm and genhash.
//!
//! The way of a command line: [`program`] decides which program it is, [`args`] takes the words apart
//! (ipvsadm's: `lb_ipvsadm::command`), [`commands`] carries the request out with the libraries,
//! [`output`] and the libraries' own formatters print.

mod args;
mod cli;
mod commands;
#[cfg(test)]
mod documented;
mod failure;
mod names;
mod output;
mod program;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;

use cli::{Cli, Command};
use commands::{check, genhash, ipvs, resign, run, status, upgrade};
use failure::Failure;
use program::{Call, Program};

fn main() -> ExitCode {
    match dispatch(Program::choose(std::env::args_os().collect())) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::complain(&failure.to_string());
            ExitCode::from(failure.code())
        }
    }
}

fn dispatch(program: Program) -> Result<u8, Failure> {
    match program {
        Program::Lbctl(argv) => lbctl(argv),
        Program::LbctlIpvs(call) => ipvs::lbctl(&call),
        Program::Ipvsadm(call) => ipvs::ipvsadm(&call).map(|()| 0),
        Program::IpvsadmSave(call) => ipvs::save(&call).map(|()| 0),
        Program::IpvsadmRestore(call) => ipvs::restore(&call).map(|()| 0),
        Program::Genhash(call) => genhash::genhash(&call).map(|()| 0),
        Program::Keepalived(call) => run::keepalived(&call),
    }
}

fn lbctl(argv: Vec<OsString>) -> Result<u8, Failure> {
    let words = |name: &str, words| Call {
        name: name.to_owned(),
        arguments: words,
    };
    match Cli::parse_from(argv).command {
        Command::Run(args) => run::run(args.into_options()),
        Command::Check(args) => check::check(&args),
        Command::Status(args) => status::status(&args),
        Command::Upgrade(args) => upgrade::upgrade(&args),
        Command::Resign(args) => resign::resign(&args),
        Command::Ipvs(rest) => dispatch(Program::LbctlIpvs(words("lbctl ipvs", rest.words))),
        Command::Genhash(rest) => dispatch(Program::Genhash(words("lbctl genhash", rest.words))),
    }
}
