//! What whoever started this process had decided about signals.

use rustix::process::Signal;

/// True where the signal was ignored from the start, as by `nohup`: who did that wants it so. To be
/// asked before anything is done about the signal.
pub fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_in(&status, signal)
}

fn is_in(status: &str, signal: Signal) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_read_as_the_kernel_writes_it() {
        let status = "Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\n";
        assert!(is_in(status, Signal::HUP));
        assert!(is_in(status, Signal::PIPE));
        assert!(!is_in(status, Signal::INT));
        assert!(!is_in("", Signal::HUP));
    }
}
