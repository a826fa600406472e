//! What is measured of files that change and of directories.

use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::rows::{Figure, Gateway, Row, random};

/// How often one kind of call is measured in a row.
const TIMES: usize = 15;

const SMALL: usize = 10 << 10;
const LARGE: usize = 10 << 20;

/// Rows of mutable files and directories, in the order in which they have to be measured.
pub(crate) const ROWS: &[Row] = &[
    Row { name: "SDMF 10 KiB create", goal: 8.0, measure: create_small },
    Row { name: "SDMF 10 KiB overwrite", goal: 8.0, measure: overwrite_small },
    Row { name: "SDMF 10 KiB read", goal: 8.0, measure: read_small },
    Row { name: "MDMF 10 MiB create", goal: 6.0, measure: create_large },
    Row { name: "MDMF 10 MiB read", goal: 6.0, measure: read_large },
    Row { name: "MDMF 1 KiB range", goal: 8.0, measure: range_of_large },
    Row { name: "MDMF 1 KiB write at an offset", goal: 8.0, measure: write_range },
    Row { name: "add children one by one", goal: 8.0, measure: add_children },
    Row { name: "list 1000 children", goal: 8.0, measure: list_many },
    Row { name: "add one to 1000 children", goal: 8.0, measure: add_to_many },
    Row { name: "manifest of 111 objects", goal: 8.0, measure: manifest },
    Row { name: "deep-check of 111 objects", goal: 20.0, measure: |g| deep_check(g, "") },
    Row {
        name: "deep-check of 111 objects, verified",
        goal: 20.0,
        measure: |g| deep_check(g, "&verify=true"),
    },
];

/// The median time of several calls.
fn median_ms(mut call: impl FnMut(usize) -> Result<()>) -> Result<Figure> {
    let mut times = Vec::new();
    for i in 0..TIMES {
        let started = Instant::now();
        call(i)?;
        times.push(started.elapsed());
    }
    times.sort();
    Ok(Figure::Milliseconds(times[times.len() / 2].as_secs_f64() * 1e3))
}

fn create(gateway: &Gateway, format: &str, body: &[u8]) -> Result<String> {
    gateway.call("PUT", &format!("/uri?format={format}"), body)
}

fn create_small(gateway: &Gateway) -> Result<Figure> {
    let body = random(SMALL)?;
    median_ms(|_| create(gateway, "sdmf", &body).map(drop))
}

fn overwrite_small(gateway: &Gateway) -> Result<Figure> {
    let cap = create(gateway, "sdmf", &random(SMALL)?)?;
    let body = random(SMALL)?;
    median_ms(|_| gateway.call("PUT", &format!("/uri/{cap}"), &body).map(drop))
}

fn read_small(gateway: &Gateway) -> Result<Figure> {
    let cap = create(gateway, "sdmf", &random(SMALL)?)?;
    median_ms(|_| {
        ensure!(gateway.get(&cap, None)? == SMALL, "the file came back short");
        Ok(())
    })
}

fn megabytes_per_second(bytes: usize, milliseconds: Figure) -> Figure {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    Figure::MegabytesPerSecond(bytes as f64 / 1e3 / milliseconds.value())
}

fn create_large(gateway: &Gateway) -> Result<Figure> {
    let body = random(LARGE)?;
    let took = median_ms(|_| create(gateway, "mdmf", &body).map(drop))?;
    Ok(megabytes_per_second(LARGE, took))
}

fn read_large(gateway: &Gateway) -> Result<Figure> {
    let cap = create(gateway, "mdmf", &random(LARGE)?)?;
    let took = median_ms(|_| {
        ensure!(gateway.get(&cap, None)? == LARGE, "the file came back short");
        Ok(())
    })?;
    Ok(megabytes_per_second(LARGE, took))
}

fn range_of_large(gateway: &Gateway) -> Result<Figure> {
    let cap = create(gateway, "mdmf", &random(LARGE)?)?;
    median_ms(|i| {
        let from = (i * 500 + 77) << 10;
        ensure!(gateway.get(&cap, Some((from, from + 1024)))? == 1024, "the range is short");
        Ok(())
    })
}

fn write_range(gateway: &Gateway) -> Result<Figure> {
    let cap = create(gateway, "mdmf", &random(LARGE)?)?;
    let body = random(1024)?;
    median_ms(|i| {
        let offset = (i * 500 + 77) << 10;
        gateway.call("PUT", &format!("/uri/{cap}?offset={offset}"), &body).map(drop)
    })
}

/// A small file that is linked without being uploaded.
const LINKED: &str = "URI:LIT:nbswy3dp";

fn add_children(gateway: &Gateway) -> Result<Figure> {
    let cap = gateway.call("POST", "/uri?t=mkdir", b"")?;
    let started = Instant::now();
    for i in 0..100 {
        gateway.call("PUT", &format!("/uri/{cap}/child{i}?t=uri"), LINKED.as_bytes())?;
    }
    Ok(Figure::PerSecond(100.0 / started.elapsed().as_secs_f64()))
}

fn directory_of_1000(gateway: &Gateway) -> Result<String> {
    let children: Vec<String> = (0..1000)
        .map(|i| format!("\"child number {i}\":[\"filenode\",{{\"ro_uri\":\"{LINKED}\"}}]"))
        .collect();
    let body = format!("{{{}}}", children.join(","));
    gateway.call("POST", "/uri?t=mkdir-with-children", body.as_bytes())
}

fn list_many(gateway: &Gateway) -> Result<Figure> {
    let cap = directory_of_1000(gateway)?;
    median_ms(|_| {
        let listing = gateway.call("GET", &format!("/uri/{cap}?t=json"), b"")?;
        ensure!(listing.contains("child number 999"), "a child is missing");
        Ok(())
    })
}

fn add_to_many(gateway: &Gateway) -> Result<Figure> {
    let cap = directory_of_1000(gateway)?;
    median_ms(|i| {
        gateway.call("PUT", &format!("/uri/{cap}/more{i}?t=uri"), LINKED.as_bytes()).map(drop)
    })
}

/// Ten directories of ten files each in a directory.
fn objects_111(gateway: &Gateway) -> Result<String> {
    let root = gateway.call("POST", "/uri?t=mkdir", b"")?;
    for directory in 0..10 {
        let mut children = Vec::new();
        for i in 0..10 {
            let file = gateway.put(&random(1000)?)?;
            children.push(format!("\"file{i}\":[\"filenode\",{{\"ro_uri\":\"{file}\"}}]"));
        }
        let body = format!("{{{}}}", children.join(","));
        let path = format!("/uri/{root}?t=mkdir-with-children&name=dir{directory}");
        gateway.call("POST", &path, body.as_bytes())?;
    }
    Ok(root)
}

fn manifest(gateway: &Gateway) -> Result<Figure> {
    walk(gateway, "t=stream-manifest")
}

fn deep_check(gateway: &Gateway, more: &str) -> Result<Figure> {
    walk(gateway, &format!("t=stream-deep-check{more}"))
}

/// A walk through all objects, streamed.
fn walk(gateway: &Gateway, query: &str) -> Result<Figure> {
    let path = format!("/uri/{}?{query}", objects_111(gateway)?);
    median_ms(|_| {
        let lines = gateway.call("POST", &path, b"").context("a walk")?;
        // Each directory, each file, and the statistics.
        ensure!(lines.lines().count() == 112, "the walk has other lines than 112");
        ensure!(!lines.contains("\"healthy\": false"), "something is not healthy");
        Ok(())
    })
}
