//! Connections: shared, lost, doubled, made again.
