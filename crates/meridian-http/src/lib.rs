//! Sans-IO HTTP/1.1: heads, framing, bodies, canonical paths, hop-by-hop rules.
