// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-L` and `-S`.

use std::{fmt, fs};

use lb_ipvs::{
    Error, ServiceKey, TableEntry,
    text::{self, Listing, Names, Numeric, connections},
};

use super::{Session, refused};
use crate::{failure::Failure, output::print, request::ListRequest};

/// Something could not be listed.
const NOT_LISTED: u8 = 1;

/// Where the kernel shows its connections; there is no netlink operation for them.
const CONNECTIONS: &str = "/proc/net/ip_vs_conn";

impl Session<'_> {
    pub(super) async fn list(&mut self, list: ListRequest) -> Result<(), Failure> {
        match list {
            ListRequest::Table {
                service,
                columns,
                numeric,
                exact,
                sort,
            } => {
                let info = self.ipvs.info().await.map_err(not_listed)?;
                let table = match &service {
                    None => self.ipvs.snapshot().await,
                    Some(key) => self.one(key).await.map(|entry| vec![entry]),
                }
                .map_err(not_listed)?;
                let options = Listing::default()
                    .with_columns(columns)
                    .with_exact(exact)
                    .with_sort(sort)
                    .with_version(service.is_none())
                    .with_names(self.names(numeric));
                written(|out| text::listing(&options, &info, &table, out))
            }
            ListRequest::Connections {
                numeric,
                persistence,
            } => {
                let connections = read_connections()?;
                let names = self.names(numeric);
                written(|out| connections::listing(names, persistence, &connections, out))
            }
            ListRequest::Timeouts => {
                let timeouts = self.ipvs.timeouts().await.map_err(not_listed)?;
                written(|out| text::timeouts(&timeouts, out))
            }
            ListRequest::Daemons => {
                let daemons = self.ipvs.sync_daemons().await.map_err(not_listed)?;
                written(|out| text::sync_daemons(&daemons, out))
            }
        }
    }

    pub(super) async fn save(&mut self, numeric: bool) -> Result<(), Failure> {
        let table = self.ipvs.snapshot().await.map_err(not_listed)?;
        written(|out| text::save(self.names(numeric), &table, out))
    }

    async fn one(&mut self, key: &ServiceKey) -> Result<TableEntry, Error> {
        let service = self.ipvs.service(key).await?;
        let destinations = self.ipvs.destinations(key).await?;
        Ok(TableEntry {
            service,
            destinations,
        })
    }

    fn names(&self, numeric: bool) -> &dyn Names {
        if numeric { &Numeric } else { self.names }
    }
}

fn not_listed(error: Error) -> Failure {
    refused(&error, NOT_LISTED)
}

/// Lines that are no connections, such as the title, are left out.
fn read_connections() -> Result<Vec<connections::Connection>, Failure> {
    let text = fs::read_to_string(CONNECTIONS).map_err(|error| {
        Failure::new(
            NOT_LISTED,
            format!("cannot open file {CONNECTIONS}: {error}"),
        )
    })?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> Result<(), Failure> {
    let mut text = String::new();
    write(&mut text).map_err(|error| Failure::of(NOT_LISTED, &error))?;
    print(&text)
}
