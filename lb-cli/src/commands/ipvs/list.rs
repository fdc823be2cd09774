// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-L` and `-S`.

use std::fmt;

use lb_ipvs::{
    Error, ServiceKey, TableEntry,
    text::{
        self, Columns, Listing, Names, Numeric,
        command::ListRequest,
        connections::{self, ReadError},
    },
};

use super::{Session, refused};
use crate::{failure::Failure, output::print};

/// Something could not be listed.
const NOT_LISTED: u8 = 1;

/// Where the kernel shows its connections; there is no netlink operation for them.
const CONNECTIONS: &str = "/proc/net/ip_vs_conn";
/// Bytes of a listing that are written at once.
const PIECE: usize = 64 << 10;

impl<'a> Session<'a> {
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
                let options = Listing::default()
                    .with_columns(columns)
                    .with_exact(exact)
                    .with_sort(sort)
                    .with_version(service.is_none())
                    .with_names(self.names(numeric));
                match (&service, columns) {
                    (None, Columns::Plain) => {
                        let table = self.ipvs.plain_snapshot().await.map_err(not_listed)?;
                        written(|out| text::plain_listing(&options, &info, &table, out))
                    }
                    (None, _) => {
                        let table = self.ipvs.snapshot().await.map_err(not_listed)?;
                        written(|out| text::listing(&options, &info, &table, out))
                    }
                    (Some(key), _) => {
                        let table = [self.one(key).await.map_err(not_listed)?];
                        written(|out| text::listing(&options, &info, &table, out))
                    }
                }
            }
            ListRequest::Connections {
                numeric,
                persistence,
            } => self.list_connections(numeric, persistence),
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

    /// Row by row, so that a large table needs no more memory than a small one. Lines that are no
    /// connections are left out.
    fn list_connections(&self, numeric: bool, persistence: bool) -> Result<(), Failure> {
        let open = |error: &dyn std::error::Error| {
            Failure::new(
                NOT_LISTED,
                format!("cannot open file {CONNECTIONS}: {error}"),
            )
        };
        let connections = self.ipvs.connections().map_err(|error| match &error {
            Error::Procfs { source, .. } => open(source),
            other => open(other),
        })?;
        let names = self.names(numeric);
        let mut text = String::with_capacity(2 * PIECE);
        let of = |error: &dyn std::error::Error| Failure::of(NOT_LISTED, error);
        connections::title(persistence, &mut text).map_err(|error| of(&error))?;
        for connection in connections {
            match connection {
                Ok(connection) => connections::row(names, persistence, &connection, &mut text)
                    .map_err(|error| of(&error))?,
                Err(ReadError::Line(_)) => {}
                Err(error) => return Err(of(&error)),
            }
            if text.len() >= PIECE {
                print(&text)?;
                text.clear();
            }
        }
        print(&text)
    }

    fn names(&self, numeric: bool) -> &'a dyn Names {
        if numeric { &Numeric } else { self.names }
    }
}

fn not_listed(error: Error) -> Failure {
    refused(&error, NOT_LISTED)
}

fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> Result<(), Failure> {
    let mut text = String::new();
    write(&mut text).map_err(|error| Failure::of(NOT_LISTED, &error))?;
    print(&text)
}
