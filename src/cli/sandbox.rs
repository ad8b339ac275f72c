//! `glancesync sandbox`: keeps the demo fleet running until a signal comes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use super::args::SandboxArgs;
use super::demo::Demo;
use super::output;
use crate::exit_codes;
use crate::report::{Terminal, TerminalOptions};
use crate::sandbox::demo::{MASTER_PASSWORD, MASTER_REGION, PROJECT, USER};
use crate::state::write_atomic;

/// A server on loopback that takes longer to answer does not work.
const PATIENCE: Duration = Duration::from_secs(30);

/// The file of the variables has passwords, if only those of a demo.
const PERMISSIONS: u32 = 0o600;

pub(super) fn run(args: &SandboxArgs) -> u8 {
    let terminal = Terminal::stderr(TerminalOptions::default());
    match serve(args.env_file.as_deref(), &terminal) {
        Ok(()) => exit_codes::OK,
        Err(error) => {
            terminal.write(format!("error: {error}\n"));
            exit_codes::FAILED
        }
    }
}

fn serve(env_file: Option<&Path>, terminal: &Terminal) -> Result<(), Box<dyn std::error::Error>> {
    let demo = Demo::start()?;
    let sandbox = demo.fleet.sandbox();
    let keystone = sandbox.keystone_url("master")?;
    let glance = sandbox.glance_url("master:Central")?;
    let variables = format!(
        "# Configuration file: {config}\n\
             export GLANCESYNC_CONFIG={config}\n\
             export OS_AUTH_URL={keystone}\n\
             export OS_USERNAME={USER}\n\
             export OS_PASSWORD={MASTER_PASSWORD}\n\
             export OS_PROJECT_NAME={PROJECT}\n\
             export OS_USER_DOMAIN_NAME=Default\n\
             export OS_PROJECT_DOMAIN_NAME=Default\n\
             export OS_IDENTITY_API_VERSION=3\n\
             export OS_REGION_NAME={MASTER_REGION}\n\
             export GLANCE_URL={glance}\n",
        config = demo.config_file.display(),
    );
    match env_file {
        // Whoever waits for the file finds it whole, and servers that answer.
        Some(path) => {
            for url in [&keystone, &glance] {
                wait_for_answer(url)?;
            }
            write_atomic(path, variables.as_bytes(), PERMISSIONS)
                .map_err(|error| format!("--env-file {}: {error}", path.display()))?;
            terminal.say(&format!(
                "The variables are in {}: source it.",
                path.display()
            ));
        }
        None => output::print(|out| out.write_all(variables.as_bytes()))?,
    }
    terminal.say(
        "The fleet runs until Ctrl-C. In another terminal, after the lines above:\n\
         \x20 glancesync --show-status master: partner:\n\
         \x20 openstack image list\n\
         \x20 curl -H \"X-Auth-Token: $(openstack token issue -f value -c id)\" $GLANCE_URL/v2/images",
    );
    wait_for_signal()?;
    std::fs::remove_dir_all(&demo.folder)?;
    Ok(())
}

/// Asks a server for its versions, and waits for the first bytes of the answer.
fn wait_for_answer(url: &str) -> Result<(), Box<dyn std::error::Error>> {
    let address = url::Url::parse(url)?.socket_addrs(|| None)?;
    let mut server = TcpStream::connect(&address[..])?;
    server.set_read_timeout(Some(PATIENCE))?;
    server.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    server.read_exact(&mut [0; 12])?;
    Ok(())
}

fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
            _ = hangup.recv() => Ok(()),
        }
    })
}
