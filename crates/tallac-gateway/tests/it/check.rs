//! Check, verify and repair of one object.

use serde_json::{Value, json};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_testkit::Operation;

use crate::directories::parse;
use crate::support::{Web, file, unreachable};

/// The servers that have a share of this file, and which.
pub(crate) fn holders(web: &Web, storage_index: &str) -> Vec<(usize, StorageIndex, ShareNumber)> {
    let wanted: StorageIndex = storage_index.parse().unwrap();
    let mut holders = Vec::new();
    for (at, sim) in web.sims.iter().enumerate() {
        for (storage_index, share) in sim.shares().into_iter().chain(sim.slot_shares()) {
            if storage_index == wanted {
                holders.push((at, storage_index, share));
            }
        }
    }
    holders.sort_unstable();
    holders
}

/// Takes away `count` shares of an immutable file.
pub(crate) fn lose(web: &Web, storage_index: &str, count: usize) {
    for (at, storage_index, share) in holders(web, storage_index).into_iter().take(count) {
        assert!(web.sims[at].drop_share(storage_index, share));
    }
}

/// Flips a byte of the first share of a file.
pub(crate) fn corrupt(web: &Web, storage_index: &str) -> (String, u8) {
    let (at, storage_index, share) = holders(web, storage_index)[0];
    let sim = &web.sims[at];
    // A byte of the only block, or of the signature.
    let is_spoiled =
        sim.corrupt(storage_index, share, 100, 1) || sim.corrupt_slot(storage_index, share, 500, 1);
    assert!(is_spoiled);
    (format!("v0-server{at}"), share.get())
}

async fn check(web: &Web, cap: &str, query: &str) -> Value {
    let answer = web.post(&format!("/uri/{cap}?t=check&output=JSON{query}"), b"").await;
    let kind = answer.header("content-type");
    assert_eq!((answer.status, kind), (200, Some("text/plain")), "{cap}: {}", answer.text());
    assert!(answer.text().ends_with("\n}\n"), "{}", answer.text());
    parse(&answer)
}

async fn verify_cap(web: &Web, cap: &str) -> String {
    let json = parse(&web.get(&format!("/uri/{cap}?t=json")).await);
    json[1]["verify_uri"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_healthy_file_is_told_of_as_tahoe_tells() {
    let web = Web::new().await;
    let cap = web.put_file(&file(3000)).await;
    let found = check(&web, &cap, "").await;
    assert_eq!(found["summary"], "Healthy");
    let results = &found["results"];
    let servers: Vec<_> = (0..10).map(|i| format!("v0-server{i}")).collect();
    assert_eq!(results["servers-responding"], json!(servers));
    assert_eq!(results["sharemap"].as_object().unwrap().len(), 10);
    assert!(results["sharemap"]["9"][0].as_str().unwrap().starts_with("v0-server"));
    let expected = json!({
        "count-happiness": 10, "count-shares-good": 10, "count-shares-needed": 3,
        "count-shares-expected": 10, "count-good-share-hosts": 10, "count-corrupt-shares": 0,
        "list-corrupt-shares": [], "count-wrong-shares": 0, "count-recoverable-versions": 1,
        "count-unrecoverable-versions": 0, "healthy": true, "recoverable": true,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&results[name], value, "{name}");
    }
    assert_eq!(results.as_object().unwrap().len(), 14);
    // The verify cap tells the same.
    let by_verifier = check(&web, &verify_cap(&web, &cap).await, "&verify=true").await;
    assert_eq!(by_verifier, found);
    let literal = "{\n \"storage-index\": \"\",\n \"results\": {\n  \"healthy\": true\n }\n}\n";
    for query in ["", "&repair=true&verify=on"] {
        let target = format!("/uri/URI:LIT:nbswy3dp?t=check&output=json{query}");
        assert_eq!(web.post(&target, b"").await.text(), literal);
    }
}

#[tokio::test]
async fn missing_shares_are_seen_and_made_anew() {
    let web = Web::new().await;
    let cap = web.put_file(&file(3000)).await;
    let verifier = verify_cap(&web, &cap).await;
    let storage_index = check(&web, &cap, "").await["storage-index"].as_str().unwrap().to_owned();
    lose(&web, &storage_index, 4);
    let found = check(&web, &cap, "").await;
    assert_eq!(found["summary"], "Not Healthy: 6 shares (enc 3-of-10)");
    assert_eq!(found["results"]["recoverable"], true);
    let repaired = check(&web, &verifier, "&repair=true").await;
    assert_eq!(repaired["storage-index"], storage_index);
    assert_eq!(repaired["repair-attempted"], true);
    assert_eq!(repaired["repair-successful"], true);
    assert_eq!(repaired["pre-repair-results"], found);
    assert_eq!(repaired["post-repair-results"]["results"]["count-shares-good"], 10);
    let again = check(&web, &cap, "&repair=true").await;
    assert_eq!(again["repair-attempted"], false);
    assert_eq!(again["repair-successful"], false);
    assert_eq!(again["post-repair-results"], again["pre-repair-results"]);

    lose(&web, &storage_index, 8);
    let hopeless = check(&web, &cap, "&repair=true&verify=true").await;
    assert_eq!(hopeless["repair-successful"], false);
    assert_eq!(hopeless["post-repair-results"]["results"]["recoverable"], false);
}

#[tokio::test]
async fn verify_finds_corrupt_shares() {
    let web = Web::new().await;
    let chk = web.put_file(&file(3000)).await;
    let ssk = web.text_of("PUT", "/uri?format=SDMF", &file(3000)).await;
    let directory = web.mkdir().await;
    for cap in [chk, ssk, directory] {
        let found = check(&web, &cap, "&verify=true").await;
        assert_eq!(found["results"]["healthy"], true, "{found}");
        let storage_index = found["storage-index"].as_str().unwrap().to_owned();
        let (server, share) = corrupt(&web, &storage_index);
        let found = check(&web, &cap, "&verify=true").await;
        let expected = json!([[server, storage_index, share]]);
        assert_eq!(found["results"]["list-corrupt-shares"], expected, "{found}");
        assert_eq!(found["results"]["count-corrupt-shares"], 1);
        assert_eq!(found["results"]["healthy"], false);
        let by_verifier = check(&web, &verify_cap(&web, &cap).await, "&verify=true").await;
        assert_eq!(by_verifier, found);
        let repaired = check(&web, &cap, "&verify=true&repair=true").await;
        assert_eq!(repaired["repair-successful"], true, "{repaired}");
        assert_eq!(check(&web, &cap, "&verify=true").await["results"]["healthy"], true);
    }
}

#[tokio::test]
async fn leases_are_added() {
    let web = Web::new().await;
    let cap = web.put_file(&file(3000)).await;
    let storage_index = check(&web, &cap, "").await["storage-index"].as_str().unwrap().to_owned();
    let calls = || -> usize {
        let added =
            |sim: &std::sync::Arc<tallac_testkit::SimServer>| sim.call_count(Operation::AddLease);
        web.sims.iter().map(added).sum()
    };
    assert_eq!(calls(), 0);
    check(&web, &cap, "&add-lease=true").await;
    assert_eq!(calls(), 10, "{storage_index}");
}

#[tokio::test]
async fn pages_of_results() {
    let web = Web::new().await;
    let cap = web.put_file(&file(3000)).await;
    let page = async |cap: &str, query: &str| {
        let answer = web.post(&format!("/uri/{cap}?t=check{query}"), b"").await;
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        answer.text()
    };
    let text = page(&cap, "&return_to=..%2Fa%22").await;
    let storage_index = crate::support::storage_index(&cap);
    for part in [
        &format!("<h1>File Check Results for SI={storage_index}</h1>"),
        "Healthy : Healthy",
        "need 3-of-10, have 10",
        "Happiness Level: 10",
        "<td>sim7 <code>server7</code></td>",
        "<a href=\"../a&quot;\">Return to file/directory.</a>",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!page(&cap, "&return_to=javascript:alert(1)").await.contains("javascript"));
    corrupt(&web, &storage_index);
    let text = page(&cap, "&verify=true").await;
    assert!(text.contains("Not Healthy! : ") && text.contains("<td>sh#"), "{text}");
    let text = page(&cap, "&verify=true&repair=true").await;
    for part in ["Repair successful", "Post-Repair Checker Results", "Pre-Repair Checker"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(page(&cap, "&repair=true").await.contains("No repair necessary"));
    let literal = page("URI:LIT:nbswy3dp", "").await;
    assert!(literal.contains("Literal files are always healthy"));
    let readonly = web.mkdir().await;
    let readonly = web.get(&format!("/uri/{readonly}?t=readonly-uri")).await.text();
    web.sims[0].set_fault_everywhere(&unreachable());
    let text = page(&readonly, "&repair=true").await;
    assert!(text.contains("takes its write capability"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_asked() {
    let web = Web::new().await;
    let cap = web.put_file(&file(3000)).await;
    for query in ["output=zip", "verify=maybe", "repair=", "add-lease=yes"] {
        let answer = web.post(&format!("/uri/{cap}?t=check&{query}"), b"").await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
    let answer = web.post(&format!("/uri/{cap}?t=check&when_done=/x"), b"").await;
    assert_eq!((answer.status, answer.header("location")), (302, Some("/x")));
    let root = web.mkdir().await;
    assert_eq!(web.post(&format!("/uri/{root}/nothing?t=check"), b"").await.status, 404);
    let verifier = verify_cap(&web, &root).await;
    for (method, query) in [("GET", "t=json"), ("POST", "t=stream-deep-check"), ("PUT", "")] {
        let answer = web.ask(method, &format!("/uri/{verifier}?{query}"), &[]).await;
        assert_eq!(answer.status, 400, "{method} {query}");
    }
    assert_eq!(web.post(&format!("/uri/{verifier}/a?t=check"), b"").await.status, 400);
}

#[tokio::test]
async fn servers_that_fail_are_left_out() {
    let web = Web::new().await;
    let cap = web.put_file(&file(3000)).await;
    for sim in &web.sims[..4] {
        sim.set_fault_everywhere(&unreachable());
    }
    let found = check(&web, &cap, "").await;
    assert_eq!(found["results"]["count-shares-good"], 6);
    assert_eq!(found["results"]["servers-responding"].as_array().unwrap().len(), 6);
    for sim in &web.sims[4..] {
        sim.set_fault(Operation::Read, unreachable());
    }
    let found = check(&web, &cap, "&verify=true").await;
    assert_eq!(found["results"]["recoverable"], false, "{found}");
}
