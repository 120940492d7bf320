//! One tcpdump-like line per frame. (to come)
