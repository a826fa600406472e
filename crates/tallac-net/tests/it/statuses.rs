//! Every status of section 7.3, as a client without manners sees it.
