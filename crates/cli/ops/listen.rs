//! Where metrics and health are served.

use std::net::{SocketAddr, TcpListener};
use std::str::FromStr;

use anyhow::Context;

/// Where a worker listens if nobody says anything.
pub const DEFAULT: &str = "127.0.0.1:9187";

/// The value of `--listen` and of the setting `listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `off`: nowhere.
    Off,
    /// A host and a port; port 0 takes a free one.
    At(String),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
        match port.is_some_and(|port| port.parse::<u16>().is_ok()) {
            true => Ok(Self::At(text.to_owned())),
            false => Err(format!("it is a host and a port, like {DEFAULT} or [::1]:9187, or \"off\"")),
        }
    }
}

/// A bound port.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    address: SocketAddr,
}

/// Binds the port that was asked for, or the default one. If that cannot be had and nobody asked for it, there is a
/// warning and nothing is served: the work is more important than its metrics.
///
/// # Errors
/// What was asked for cannot be bound.
pub fn open(asked: Option<&Listen>) -> anyhow::Result<Option<Door>> {
    open_or(asked, DEFAULT)
}

fn open_or(asked: Option<&Listen>, default: &str) -> anyhow::Result<Option<Door>> {
    let address = match asked {
        Some(Listen::Off) => return Ok(None),
        Some(Listen::At(address)) => address,
        None => default,
    };
    match Door::bind(address) {
        Ok(door) => Ok(Some(door)),
        Err(error) if asked.is_none() => {
            tracing::warn!(
                address,
                %error,
                "metrics and health are not served; choose a free port with --listen ADDR, or say --listen off"
            );
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| {
            format!("serve metrics and health at {address} (--listen ADDR chooses another place, --listen off none)")
        }),
    }
}

impl Door {
    fn bind(address: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        tracing::info!(metrics = format!("http://{address}/metrics"), "listening");
        Ok(Self { listener, address })
    }

    /// The listener. Must be called inside the runtime.
    ///
    /// # Errors
    /// The runtime cannot use it.
    pub(super) fn listener(self) -> anyhow::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.listener)
            .with_context(|| format!("serve metrics and health at {}", self.address))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for text in ["127.0.0.1:0", "[::1]:9187", "localhost:80", DEFAULT] {
            assert_eq!(text.parse(), Ok(Listen::At(text.to_owned())));
        }
        assert_eq!("off".parse(), Ok(Listen::Off));
        for text in ["", "on", "9187", ":9187", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536"] {
            assert!(text.parse::<Listen>().unwrap_err().contains("off"), "{text}");
        }
    }

    #[test]
    fn a_taken_port_is_an_error_if_it_was_asked_for() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = open(Some(&Listen::At(address.clone()))).unwrap_err();
        assert!(format!("{error:#}").contains(&address), "{error:#}");
        assert!(format!("{error:#}").contains("--listen off"), "{error:#}");
        assert!(open_or(None, &address).unwrap().is_none(), "nobody asked");
        assert!(open(Some(&Listen::Off)).unwrap().is_none());
        drop(taken);
        assert!(open_or(None, &address).unwrap().is_some());
    }
}
