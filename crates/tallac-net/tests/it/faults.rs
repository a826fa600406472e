//! What goes wrong between client and server.
