//! The readers of what peers say, in one place for fuzz targets. Not part of the interface.

use std::sync::Arc;

use bytes::BufMut;

use crate::banana::{Decoder, Event, Incoming, Limits, WireObject};
use crate::call::{Arguments, Failure};
use crate::connection::lower;
use crate::negotiate::{
    Block, Greeted, Greeting, Incarnation, Role, Us, block_end, check_request, check_response,
};
use crate::object::{BoxFuture, IncomingCall, Object, Referenceable};
use crate::tub_id::TubId;
use crate::value::Value;

/// Reads `bytes` as all that a peer says, to either role and to both sides of a decision.
pub fn negotiation(bytes: &[u8]) {
    let ids = [TubId::of_certificate(b"one"), TubId::of_certificate(b"other")];
    let _ = check_request(bytes, ids[0]);
    let _ = check_response(bytes);
    for (us, certificate, peer) in [(ids[0], &b"other"[..], ids[1]), (ids[1], &b"one"[..], ids[0])]
    {
        for role in [Role::Listener, Role::Dialler(peer)] {
            converse(us, role, certificate, bytes);
        }
    }
}

/// Takes the blocks in `bytes` for a peer's, up to the verdict.
fn converse(tub_id: TubId, role: Role, certificate: &[u8], bytes: &[u8]) {
    let us = Us { tub_id, incarnation: Incarnation::fixed() };
    let Ok(greeting) = Greeting::new(us, role, certificate) else { return };
    let _ = greeting.hello(None);
    let Some((hello, rest)) = block(bytes) else { return };
    match greeting.greeted(&hello) {
        Ok(Greeted::Decide(offer)) => {
            let (_, mastered) = offer.accept(1);
            let _ = mastered;
        }
        Ok(Greeted::Await(awaiting)) => {
            if let Some((decision, _)) = block(rest) {
                let _ = awaiting.decided(&decision);
            }
        }
        Err(error) => {
            let words = error.block();
            assert!(words.len() < crate::negotiate::BLOCK_LEN_MAX, "an error is too long");
            assert_eq!(words.matches("\r\n").count(), 3, "an error spills over its line");
        }
    }
}

fn block(bytes: &[u8]) -> Option<(Block, &[u8])> {
    let (content, end) = block_end(bytes).ok()??;
    Some((Block::parse(&bytes[..content]).ok()?, &bytes[end..]))
}

/// What calls and answers there are in `bytes`, as those see them who read them next. Every object
/// is one that can do nothing.
#[must_use]
pub fn messages(bytes: &[u8]) -> (Vec<Arguments>, Vec<Value>) {
    let (mut calls, mut answers) = (Vec::new(), Vec::new());
    let mut decoder = Decoder::new(Limits::default());
    decoder.space().put_slice(bytes);
    let mut object = |_: WireObject| Ok::<_, Failure>(Object::Local(Arc::new(Nobody)));
    while let Ok(Some(Incoming { event, .. })) = decoder.next() {
        match event {
            Event::Call { arguments, .. } => {
                calls.extend(lower::map_arguments(arguments, &mut object));
            }
            Event::Answer { result: Ok(value), .. } => {
                answers.extend(lower::map(value, &mut object));
            }
            _ => {}
        }
    }
    (calls, answers)
}

/// Can do nothing.
#[derive(Debug)]
struct Nobody;

impl Referenceable for Nobody {
    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(async move { Err(Failure::violation(call.method)) })
    }
}
