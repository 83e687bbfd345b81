//! The integration tests, one program.

#![allow(clippy::unwrap_used)]

mod aws_clients;
mod cli;
mod cli_ask;
mod cli_text;
mod kill;
mod support;
mod tidy;
mod worker;
