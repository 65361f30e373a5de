//! The walls: runs one untrusted program under limits, and returns its outcome and its usage.
