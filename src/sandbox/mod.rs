//! An embedded OpenStack over real HTTP on loopback.
