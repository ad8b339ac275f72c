//! A fleet for one test: the real lab, emptied first and used by one test at a time, or an
//! embedded one of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use glancesync::sandbox::{RecordedRequest, Sandbox, SandboxError, SandboxSpec};
use serde_json::Value;
use tempfile::TempDir;

use super::cloud::{Cloud, MASTER};
use super::config::Config;
use super::embedded;
use super::glance::Region;
use super::outcome::Outcome;
use super::program::Program;
use super::traffic::{Request, read_access_log};
use super::wait::wait_until;

/// Where the description of a real fleet is, if there is one.
const VARIABLE: &str = "GLANCESYNC_TEST_CLOUD";

/// Who has the real fleet.
static TURN: Mutex<()> = Mutex::new(());

/// A fleet without images, and a home for the product that works on it.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) cloud: Cloud,
    home: TempDir,
    /// None when the fleet is the real one.
    embedded: Option<Sandbox>,
    stopped: Mutex<Vec<String>>,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Fleet {
    /// The real fleet, if the environment has one; else an embedded one.
    pub(crate) fn start() -> Self {
        Self::real().unwrap_or_else(|| Self::embedded(|_| ()))
    }

    /// The same with two more regions: `RegionFour`, which takes imports only and gives each image
    /// the property `injected`, and `RegionFive`, a plain one whose projects have limits, far off. The lab has them with
    /// `--import-regions`.
    pub(crate) fn with_import_regions() -> Self {
        let fleet = Self::real().unwrap_or_else(|| Self::embedded(embedded::add_import_regions));
        let mut regions = fleet.cloud.regions.iter();
        assert!(
            regions.any(|region| region.name == "RegionFive"),
            "run this with the lab's option --import-regions, as tests/run does"
        );
        fleet
    }

    /// The real fleet, emptied, if the environment has one.
    fn real() -> Option<Self> {
        let path = std::env::var_os(VARIABLE)?;
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let text = std::fs::read_to_string(path).expect("the description of the cloud");
        let cloud = serde_json::from_str(&text).expect("the description of the cloud");
        let fleet = Self::new(cloud, None, Some(turn));
        for facts in &fleet.cloud.regions {
            fleet.region(&facts.full_name()).purge();
        }
        Some(fleet)
    }

    /// An embedded fleet, wherever the test runs: for what a real server cannot be made to do.
    pub(crate) fn embedded(change: impl FnOnce(&mut SandboxSpec)) -> Self {
        let mut spec = embedded::specification();
        change(&mut spec);
        let sandbox = Sandbox::start(&spec).expect("the sandbox starts");
        Self::new(embedded::describe(&sandbox), Some(sandbox), None)
    }

    fn new(cloud: Cloud, embedded: Option<Sandbox>, turn: Option<MutexGuard<'static, ()>>) -> Self {
        let home = TempDir::new().expect("a folder");
        for folder in ["work", "home"] {
            std::fs::create_dir(home.path().join(folder)).expect("a folder");
        }
        Self {
            cloud,
            home,
            embedded,
            stopped: Mutex::default(),
            _turn: turn,
        }
    }

    /// The sandbox of an embedded fleet.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        self.embedded.as_ref().expect("an embedded fleet")
    }

    /// Waits until the embedded region holds back a request.
    #[track_caller]
    pub(crate) fn wait_for_a_held_request(&self, region: &str) {
        wait_until("a request that hangs", || {
            let requests = self.sandbox().requests(region).unwrap();
            requests.iter().any(|request| request.held)
        });
    }

    /// A region by its name, with or without `master:`.
    pub(crate) fn region(&self, name: &str) -> Region<'_> {
        let (target, name) = name.split_once(':').unwrap_or((MASTER, name));
        let mut regions = self.cloud.regions.iter();
        let facts = regions
            .find(|facts| facts.target == target && facts.name == name)
            .unwrap_or_else(|| panic!("no region {target}:{name}"));
        Region::new(facts, &self.cloud.keystones[target])
    }

    /// The master region.
    pub(crate) fn master(&self) -> Region<'_> {
        self.region(&self.cloud.regions[0].full_name())
    }

    /// The usual configuration.
    pub(crate) fn config(&self) -> Config {
        Config::of(&self.cloud)
    }

    /// A run under the usual configuration, with events on standard error.
    pub(crate) fn glancesync(&self, words: &[&str]) -> Program<'_> {
        Program::with(self, &self.config()).events().args(words)
    }

    /// Runs under that configuration, with events on standard error.
    #[track_caller]
    pub(crate) fn run(&self, config: &Config, words: &[&str]) -> Outcome {
        Program::with(self, config).events().args(words).run()
    }

    /// Runs `--show-status` under that configuration, which must succeed.
    #[track_caller]
    pub(crate) fn status(&self, config: &Config, words: &[&str]) -> Outcome {
        let outcome = Program::with(self, config)
            .events()
            .args(["--show-status"])
            .args(words);
        outcome.run().expect(0)
    }

    /// The folder of everything that this test leaves on disk.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The folder in which the product is run.
    pub(crate) fn work_dir(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// Writes a file that only its owner can read, and gives its path.
    pub(crate) fn write_private(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).expect("a file");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, private).expect("permissions");
        path
    }

    /// Kills a server, `keystone:<target>` or `<target>:<Region>`, until the test is over.
    pub(crate) fn take_down(&self, server: &str) {
        self.stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(server.to_owned());
        let Some(sandbox) = &self.embedded else {
            return self.tell("kill", server);
        };
        match server.strip_prefix("keystone:") {
            Some(target) => sandbox.stop_keystone(target),
            None => sandbox.kill_region(server),
        }
        .expect("a server of that name");
    }

    /// Starts a server again that was taken down.
    pub(crate) fn bring_back(&self, server: &str) {
        let Some(sandbox) = &self.embedded else {
            return self.tell("start", server);
        };
        match server.strip_prefix("keystone:") {
            Some(target) => sandbox.start_keystone(target),
            None => sandbox.start_region(server),
        }
        .expect("a server of that name");
    }

    /// Whether the servers are real ones.
    pub(crate) fn is_real(&self) -> bool {
        self.embedded.is_none()
    }

    /// `freeze` or `thaw` a real server: it keeps its connections and does nothing.
    pub(crate) fn tell(&self, word: &str, server: &str) {
        let path = self.cloud.control.as_ref().expect("a control socket");
        let mut socket = UnixStream::connect(path).expect("the control socket");
        writeln!(socket, "{word} {server}").expect("the control socket");
        let mut reply = String::new();
        BufReader::new(socket)
            .read_line(&mut reply)
            .expect("the control socket");
        assert_eq!(reply, "ok\n", "{word} {server}");
    }

    /// How many requests each server has got so far.
    pub(crate) fn traffic_so_far(&self) -> BTreeMap<String, usize> {
        let traffic = self.traffic().into_iter();
        traffic
            .map(|(server, requests)| (server, requests.len()))
            .collect()
    }

    /// What each server has got since then.
    pub(crate) fn traffic_since(
        &self,
        before: &BTreeMap<String, usize>,
    ) -> BTreeMap<String, Vec<Request>> {
        let mut traffic = self.traffic();
        for (server, requests) in &mut traffic {
            requests.drain(..before[server]);
        }
        traffic
    }

    fn traffic(&self) -> BTreeMap<String, Vec<Request>> {
        let mut traffic = BTreeMap::new();
        for (target, facts) in &self.cloud.keystones {
            let requests = match &self.embedded {
                Some(sandbox) => recorded(&sandbox.keystone_requests(target)),
                None => read_access_log(facts.access_log.as_ref().expect("a log")),
            };
            traffic.insert(format!("keystone:{target}"), requests);
        }
        for facts in &self.cloud.regions {
            let requests = match &self.embedded {
                Some(sandbox) => recorded(&sandbox.requests(&facts.full_name())),
                None => read_access_log(facts.access_log.as_ref().expect("a log")),
            };
            traffic.insert(facts.full_name(), requests);
        }
        traffic
    }

    /// Every image of every region, to be compared with what is there later.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, Vec<Value>> {
        let names = self
            .cloud
            .regions
            .iter()
            .map(super::cloud::RegionFacts::full_name);
        names
            .map(|name| (name.clone(), self.region(&name).images()))
            .collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if self.embedded.is_some() {
            return;
        }
        let stopped = self
            .stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for server in stopped {
            self.tell("start", &server);
        }
    }
}

fn recorded(requests: &Result<Vec<RecordedRequest>, SandboxError>) -> Vec<Request> {
    let requests = requests.as_ref().expect("a server of that name");
    requests.iter().map(embedded::request).collect()
}
