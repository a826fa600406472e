//! The table that is printed, in Markdown.

use std::fmt::Write as _;

use crate::rows::{Figure, Row};

/// Rows of figures, then ratios of the first grid to each other one.
pub(crate) fn print(
    names: &[&str],
    rows: &[&Row],
    results: &[Vec<Figure>],
    idle: &[(f64, f64)],
) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |cells: Vec<String>| {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    let mut head = vec!["Median".to_owned()];
    head.extend(names.iter().map(|name| (*name).to_owned()));
    head.extend(names.iter().skip(1).map(|name| format!("times {name}")));
    head.push("goal (Foolscap)".to_owned());
    let columns = head.len();
    line(head);
    line(vec!["---".to_owned(); columns]);
    for (row, figures) in rows.iter().zip(results) {
        let mut cells = vec![row.name.to_owned()];
        cells.extend(figures.iter().map(|f| format!("{:.1} {}", f.value(), f.unit())));
        let ours = figures[0];
        cells.extend(figures.iter().skip(1).map(|f| format!("{:.1}", ours.ratio_to(f.value()))));
        cells.push(format!("{:.0}", row.goal));
        line(cells);
    }
    for (name, pick) in [
        ("storage server, idle", (|(server, _)| server) as fn((f64, f64)) -> f64),
        ("gateway, idle", |(_, gateway)| gateway),
    ] {
        let mut cells = vec![name.to_owned()];
        cells.extend(idle.iter().map(|both| format!("{:.0} MiB", pick(*both))));
        let ours = pick(idle[0]);
        cells.extend(idle.iter().skip(1).map(|both| format!("{:.1}", pick(*both) / ours)));
        cells.push("20 MiB or less".to_owned());
        line(cells);
    }
    text
}
