//! What a user is told when shares cannot be spread well enough (section 4.2, step 6).

use crate::ids::StorageIndex;

/// Why an upload was given up: the servers that would take shares are too few, or too alike.
///
/// The first sentences are Tahoe-LAFS's, to the letter, since programs look for them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "server selection failed for <upload {storage_index}>: {} {}",
    .why.reason(),
    advice(.why, *.not_permitted)
)]
pub struct UploadUnhappiness {
    storage_index: StorageIndex,
    why: Why,
    not_permitted: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    NoServers,
    Unhappy { holders: usize, needed: usize, wanted: usize, reached: usize },
}

impl UploadUnhappiness {
    /// There was no server to ask.
    #[must_use]
    pub const fn no_servers(storage_index: StorageIndex) -> Self {
        Self { storage_index, why: Why::NoServers, not_permitted: 0 }
    }

    /// The same, where so many servers were left out because no grid manager that is trusted
    /// vouches for them.
    #[must_use]
    pub const fn with_not_permitted(self, count: usize) -> Self {
        Self { not_permitted: count, ..self }
    }

    /// Happiness `reached` where `wanted` was asked for, with shares on `holders` servers in all,
    /// any `needed` of which bring the file back. Nothing if that is happy enough.
    #[must_use]
    pub fn check(
        storage_index: StorageIndex,
        holders: usize,
        needed: usize,
        (wanted, reached): (usize, usize),
    ) -> Option<Self> {
        let why = Why::Unhappy { holders, needed, wanted, reached };
        (reached < wanted).then_some(Self { storage_index, why, not_permitted: 0 })
    }

    /// Whether there was no server to ask.
    #[must_use]
    pub const fn has_no_servers(&self) -> bool {
        matches!(self.why, Why::NoServers)
    }
}

impl Why {
    fn reason(&self) -> String {
        let Self::Unhappy { holders, needed: k, wanted, reached } = self else {
            return "client gave us zero servers.".to_owned();
        };
        let enough = "have enough shares to recover the file";
        if holders < k {
            format!(
                "shares could be placed or found on only {holders} server(s). We were asked to \
                 place shares on at least {wanted} server(s) such that any {k} of them {enough}."
            )
        } else if reached < k {
            format!(
                "shares could be placed or found on {holders} server(s), but they are not spread \
                 out evenly enough to ensure that any {k} of these servers would {enough}. We were \
                 asked to place shares on at least {wanted} servers such that any {k} of them \
                 {enough}."
            )
        } else {
            format!(
                "shares could be placed on only {reached} server(s) such that any {k} of them \
                 {enough}, but we were asked to place shares on at least {wanted} such servers."
            )
        }
    }

    fn advice(&self) -> String {
        match self {
            Self::NoServers => "Connect this node to a grid: name an introducer in tahoe.cfg, or \
                 servers in private/servers.yaml."
                .to_owned(),
            Self::Unhappy { wanted, .. } => format!(
                "Nothing new was stored. See that at least {wanted} storage servers are connected \
                 and have room, or ask for less with shares.happy in tahoe.cfg."
            ),
        }
    }
}

fn advice(why: &Why, not_permitted: usize) -> String {
    match not_permitted {
        0 => why.advice(),
        count => format!(
            "{} {count} server(s) were left out because they have no valid certificate of a grid \
             manager in [grid_managers] of tahoe.cfg: ask for certificates, or trust another one.",
            why.advice()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SI: StorageIndex = StorageIndex::new([0; 16]);

    fn check(holders: usize, reached: usize, expected: &str) {
        let error = UploadUnhappiness::check(SI, holders, 3, (7, reached)).unwrap().to_string();
        let prefix = "server selection failed for <upload aaaaaaaaaaaaaaaaaaaaaaaaaa>: ";
        let message = error.strip_prefix(prefix).unwrap();
        let end = message.find(" Nothing new was stored. See that at least 7 storage").unwrap();
        assert_eq!(&message[..end], expected);
    }

    #[test]
    fn the_three_cases_are_tahoes() {
        check(
            2,
            2,
            "shares could be placed or found on only 2 server(s). We were asked to place shares on \
             at least 7 server(s) such that any 3 of them have enough shares to recover the file.",
        );
        check(
            3,
            1,
            "shares could be placed or found on 3 server(s), but they are not spread out evenly \
             enough to ensure that any 3 of these servers would have enough shares to recover the \
             file. We were asked to place shares on at least 7 servers such that any 3 of them \
             have enough shares to recover the file.",
        );
        check(
            5,
            4,
            "shares could be placed on only 4 server(s) such that any 3 of them have enough shares \
             to recover the file, but we were asked to place shares on at least 7 such servers.",
        );
    }

    #[test]
    fn no_servers_are_a_case_of_their_own() {
        let error = UploadUnhappiness::no_servers(SI);
        assert!(error.has_no_servers());
        let error = error.to_string();
        assert!(error.contains("client gave us zero servers"), "{error}");
        assert!(error.ends_with("private/servers.yaml."), "{error}");
    }

    #[test]
    fn servers_that_nobody_vouches_for_are_told_of() {
        let error = UploadUnhappiness::no_servers(SI).with_not_permitted(3).to_string();
        assert!(error.contains("servers.yaml. 3 server(s) were left out because"), "{error}");
    }

    #[test]
    fn happy_is_happy() {
        assert_eq!(UploadUnhappiness::check(SI, 7, 3, (7, 7)), None);
        assert_eq!(UploadUnhappiness::check(SI, 0, 3, (0, 0)), None);
    }
}
