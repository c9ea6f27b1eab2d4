//! Pagers that only hidden tests use.
