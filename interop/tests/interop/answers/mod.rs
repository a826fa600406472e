//! The same requests to a gateway of either program: what programs that use the web API rely on.
//!
//! `same.txt` lists what both answer alike, `mended.txt` what ours answers otherwise, and how. A
//! line is `[NAME =] [await] METHOD PATH [| HEADER: VALUE] [<< BODY] [=> THEIRS OURS WORDS]`:
//! a NAME keeps the text of the answer, `$NAME` is put in later; `await` asks again until the
//! operation is finished; a BODY after `form:` is sent as a form, `file@NAME=CONTENT` in it a file.

mod normal;
mod script;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use interop::{Answer, Kind, Node, NodeOptions, Web};

use crate::{gateway, playground, servers};
use script::Line;

/// A gateway, and what it gave names to.
struct Side {
    web: Web,
    kept: BTreeMap<String, String>,
}

impl Side {
    fn new(node: &Node) -> Self {
        let long = "a text that is too long for a cap of its own. ".repeat(8);
        Self { web: node.web(), kept: BTreeMap::from([("long".to_owned(), long)]) }
    }

    /// What it answers, and keeps of it what the line names.
    fn ask(&mut self, node: &Node, line: &Line) -> Answer {
        let asked = || line.ask(&self.web, &self.kept).unwrap();
        let answer = match line.waits {
            false => asked(),
            true => node
                .wait_until("the operation is finished", || {
                    let answer = asked();
                    let is_finished = answer.text.contains("\"finished\": true");
                    (is_finished || answer.status != 200).then_some(answer)
                })
                .unwrap(),
        };
        if let Some(name) = &line.keeps {
            self.kept.insert(name.clone(), answer.text.trim().to_owned());
        }
        answer
    }
}

#[test]
fn programs_get_the_same_answers() {
    let Some((commands, home)) = playground() else { return };
    let storage = servers(&commands, home.path(), &[Kind::Tahoe, Kind::Tallac]);
    let options = NodeOptions::gateway((1, 1, 2));
    let make =
        |name: &str, kind| gateway(&commands, home.path().join(name), kind, &options, &storage);
    let nodes = [make("theirs", Kind::Tahoe), make("ours", Kind::Tallac)];
    let mut sides = nodes.each_ref().map(Side::new);
    let mut differences = String::new();
    for line in script::parse(include_str!("same.txt")) {
        let [theirs, ours] = both(&nodes, &mut sides, &line);
        let [theirs, ours] = [theirs, ours].map(|answer| normal::answer(&line, &answer));
        if theirs != ours {
            let _ = writeln!(differences, "{}\n  theirs: {theirs}\n  ours:   {ours}", line.text);
        }
    }
    for line in script::parse(include_str!("mended.txt")) {
        let [theirs, ours] = both(&nodes, &mut sides, &line);
        let wanted = line.wanted.as_ref().unwrap();
        let is_it = theirs.status == wanted.theirs
            && ours.status == wanted.ours
            && ours.text.contains(&wanted.words);
        if !is_it {
            let theirs = normal::answer(&line, &theirs);
            let ours = normal::answer(&line, &ours);
            let _ = writeln!(differences, "{}\n  theirs: {theirs}\n  ours:   {ours}", line.text);
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
    drop(storage);
}

fn both(nodes: &[Node; 2], sides: &mut [Side; 2], line: &Line) -> [Answer; 2] {
    let [theirs, ours] = sides;
    [theirs.ask(&nodes[0], line), ours.ask(&nodes[1], line)]
}
