//! Keystone v3 and Glance v2.
