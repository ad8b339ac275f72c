//! The addresses of host names, looked up by threads that nobody waits for longer than was said.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::host;

/// Names that are looked up at the same time.
const THREADS: usize = 16;

/// The addresses of these names, as far as they are known within the limit. A name that has none is
/// missing; no error is one here.
pub(super) async fn look_up(
    names: BTreeSet<String>,
    limit: Duration,
) -> BTreeMap<String, BTreeSet<IpAddr>> {
    let mut found = BTreeMap::new();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let threads = names.len().min(THREADS);
    let names = Arc::new(Mutex::new(names));
    for _ in 0..threads {
        let (sender, names) = (sender.clone(), Arc::clone(&names));
        // The resolver cannot be interrupted, and a runtime would wait for its own threads.
        let thread = thread::Builder::new().name("name-resolver".to_owned());
        let started = thread.spawn(move || {
            while let Some(name) = next(&names) {
                let addresses = (name.as_str(), 0).to_socket_addrs();
                let addresses = addresses.map(|all| all.map(|address| address.ip()).collect());
                if sender.send((name, addresses.unwrap_or_default())).is_err() {
                    break;
                }
            }
        });
        if started.is_err() {
            break;
        }
    }
    drop(sender);
    let all = async {
        while let Some((name, addresses)) = receiver.recv().await {
            found.insert(name, addresses);
        }
    };
    // What is missing by then stays missing.
    let _ = timeout(limit, all).await;
    found
}

fn next(names: &Mutex<BTreeSet<String>>) -> Option<String> {
    let mut names = host::locked(names);
    names.pop_first()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_are_looked_up_and_what_has_no_address_is_no_error() {
        let names = ["localhost", "nowhere.invalid"].map(ToOwned::to_owned);
        let found = look_up(names.into(), Duration::from_secs(20)).await;
        let is_loopback = |address: &IpAddr| address.is_loopback();
        assert!(found["localhost"].iter().all(is_loopback));
        assert!(!found["localhost"].is_empty());
        assert!(found.get("nowhere.invalid").is_none_or(BTreeSet::is_empty));
        assert!(look_up(BTreeSet::new(), Duration::ZERO).await.is_empty());
    }
}
