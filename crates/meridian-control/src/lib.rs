//! The control plane: sources to store to translation to proxies, and statuses back.
