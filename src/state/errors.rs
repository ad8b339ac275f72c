//! Why no folder can keep the state, in words.

use super::StateError;

/// Why no folder can keep the state, as one text.
pub fn state_errors(errors: &[StateError]) -> String {
    if errors.is_empty() {
        return "there is no folder for the lock: neither $XDG_STATE_HOME nor $HOME is set, and `state_dir` \
                is not"
            .to_owned();
    }
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    errors.join("; ")
}
