//! Events and the reporter actor with its sinks.
