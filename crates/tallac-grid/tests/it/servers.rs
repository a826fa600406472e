//! A list of servers that changes while it is watched.

use std::sync::Arc;
use std::time::Duration;

use tallac_core::ids::{ServerId, TubId};
use tallac_core::storage::StorageError;
use tallac_grid::servers::{GridServer, ServerInfo, ServerList};
use tallac_testkit::{Fault, Operation, SimServer};
use tokio::time::Instant;

fn server(name: &str, sim: &Arc<SimServer>) -> Arc<GridServer> {
    let info = ServerInfo {
        id: ServerId::new(name),
        nickname: name.to_owned(),
        tub_id: TubId::new([7; 20]),
        permutation_seed: vec![7; 32],
    };
    Arc::new(GridServer::new(info, Arc::clone(sim) as _))
}

fn down(name: &str) -> Arc<SimServer> {
    let sim = Arc::new(SimServer::new(name));
    let gone = StorageError::Unreachable("nobody listens".to_owned());
    sim.set_fault(Operation::Version, Fault::Fail(gone));
    sim
}

/// Waits, as long as it takes, until a server answers.
async fn connected(server: &GridServer) {
    while !server.is_connected() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn watched(servers: Vec<Arc<GridServer>>) -> Arc<ServerList> {
    let list = Arc::new(ServerList::new(servers));
    let monitored = Arc::clone(&list);
    tokio::spawn(async move { monitored.monitor().await });
    list
}

#[tokio::test(start_paused = true)]
async fn servers_that_come_later_are_watched_too() {
    let list = watched(Vec::new());
    tokio::task::yield_now().await;
    let server = server("v0-late", &Arc::new(SimServer::new("late")));
    list.put(Arc::clone(&server));
    connected(&server).await;
    assert_eq!(list.all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_takes_the_place_of_one_of_its_name() {
    let (old_sim, new_sim) = (Arc::new(SimServer::new("old")), Arc::new(SimServer::new("new")));
    let (old, other) = (server("v0-same", &old_sim), server("v0-other", &old_sim));
    let list = watched(vec![Arc::clone(&old), other]);
    connected(&old).await;
    let new = server("v0-same", &new_sim);
    list.put(Arc::clone(&new));
    connected(&new).await;
    let names: Vec<_> = list.all().iter().map(|server| server.info().id.clone()).collect();
    assert_eq!(names, [ServerId::new("v0-same"), ServerId::new("v0-other")]);
    assert!(Arc::ptr_eq(&list.all()[0], &new));
    // The one that was replaced is no longer asked.
    old_sim.forget_calls();
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(old_sim.call_count(Operation::Version), 3);
}

#[tokio::test(start_paused = true)]
async fn when_one_comes_back_the_others_are_asked_soon() {
    let sims = [down("one"), down("other")];
    let [one, other] = [server("v0-one", &sims[0]), server("v0-other", &sims[1])];
    let list = watched(vec![Arc::clone(&one), Arc::clone(&other)]);
    // Long enough for the pauses to have grown to their longest.
    tokio::time::sleep(Duration::from_secs(300)).await;
    sims[1].heal_all();
    sims[0].heal_all();
    let again = server("v0-one", &sims[0]);
    let began = Instant::now();
    list.put(Arc::clone(&again));
    connected(&other).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
