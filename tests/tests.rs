//! The integration tests, one program.

#![allow(clippy::unwrap_used)]

mod aws_clients;
mod backfill;
mod bombs;
mod cli;
mod cli_ask;
mod cli_failures;
mod cli_index;
mod cli_marks;
mod cli_odd;
mod cli_text;
mod kill;
mod ops;
mod stop;
mod support;
mod tidy;
mod worker;
