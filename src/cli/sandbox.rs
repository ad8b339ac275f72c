//! `glancesync sandbox`: keeps the demo fleet running until a signal comes.

use std::io::Write;

use super::demo::Demo;
use super::output;
use crate::engine::{EXIT_FAILED, EXIT_OK};
use crate::report::{Terminal, TerminalOptions};
use crate::sandbox::demo::{MASTER_PASSWORD, MASTER_REGION, PROJECT, USER};

pub(super) fn run() -> u8 {
    let terminal = Terminal::stderr(TerminalOptions::default());
    match serve(&terminal) {
        Ok(()) => EXIT_OK,
        Err(error) => {
            terminal.write(format!("error: {error}\n"));
            EXIT_FAILED
        }
    }
}

fn serve(terminal: &Terminal) -> Result<(), Box<dyn std::error::Error>> {
    let demo = Demo::start()?;
    let sandbox = demo.fleet.sandbox();
    let keystone = sandbox.keystone_url("master")?;
    let glance = sandbox.glance_url("master:Central")?;
    output::print(|out| {
        writeln!(
            out,
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
             export GLANCE_URL={glance}",
            config = demo.config_file.display(),
        )
    })?;
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
