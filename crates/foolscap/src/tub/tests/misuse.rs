//! Peers that misbehave: each is refused, costs little, and disturbs nobody else.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::kit::*;
use crate::banana::{Decoder, Encoder, Event, RequestId};
use crate::call::{Arguments, CallError};
use crate::limits::Limits;
use crate::negotiate::{SWITCHING, request};
use crate::object::{Object, RemoteReference};
use crate::tls::{self, KeyVerifier};
use crate::tub::Tub;
use crate::tub_id::TubId;
use crate::value::Value;

/// A stream to a tub, and how serving it ends.
fn open(tub: &Tub) -> (DuplexStream, JoinHandle<io::Result<()>>) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let tub = tub.clone();
    (here, tokio::spawn(async move { tub.serve_connection(there).await }))
}

async fn why(served: JoinHandle<io::Result<()>>) -> String {
    served.await.unwrap().unwrap_err().to_string()
}

#[tokio::test]
async fn what_is_no_negotiation_at_all() {
    let network = Network::default();
    let tub = network.tub(master());
    let longest = "x".repeat(5000);
    let other = request(minor().tub_id(), "h");
    let impatient = request(tub.tub_id(), "h") + "more";
    for (bytes, expected) in [
        ("\r\n\r\n", "does not speak Foolscap"),
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "asks for no tub id"),
        ("GET /id/x HTTP/1.1\r\n\r\n", "no tub id"),
        (&longest, "more than 4096 bytes"),
        (&other, "unknown TubID"),
        (&impatient, "before it was answered"),
        ("GET /id/", "hung up"),
    ] {
        let (mut stream, served) = open(&tub);
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).await.unwrap();
        let why = why(served).await;
        assert!(why.contains(expected), "{bytes}: {why}");
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 500 "), "{bytes}: {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_given_up() {
    let network = Network::default();
    let limits = Limits { negotiations_max: 2, ..Limits::default() };
    let tub = network.tub_with(master(), limits);
    let (one, silent) = open(&tub);
    let (mut other, slow) = open(&tub);
    tokio::task::yield_now().await;
    let (_third, too_many) = open(&tub);
    assert!(why(too_many).await.contains("too many peers"));
    let begun = tokio::time::Instant::now();
    for byte in request(tub.tub_id(), "h").bytes().take(20) {
        other.write_all(&[byte]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert!(why(silent).await.contains("120 s"));
    assert!(why(slow).await.contains("120 s"));
    assert_eq!(begun.elapsed().as_secs(), 120);
    drop(one);
    // There is room again.
    let (_thing, furl) = offer(&network, &tub);
    assert!(network.tub(minor()).get_reference(&furl).await.is_ok());
}

/// TLS with a tub, as somebody who may have a certificate.
async fn secure(
    tub: &Tub,
    certificate: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
) -> (Option<TlsStream<DuplexStream>>, JoinHandle<io::Result<()>>) {
    let verifier = Arc::new(KeyVerifier::new(|_| true));
    let config = ClientConfig::builder_with_provider(tls::provider().clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match certificate {
        Some((certificate, key)) => config.with_client_auth_cert(vec![certificate], key).unwrap(),
        None => config.with_no_client_auth(),
    };
    let (mut stream, served) = open(tub);
    stream.write_all(request(tub.tub_id(), "h").as_bytes()).await.unwrap();
    let mut switching = vec![0; SWITCHING.len()];
    stream.read_exact(&mut switching).await.unwrap();
    assert_eq!(switching, SWITCHING.as_bytes());
    let name = ServerName::try_from("foolscap.invalid").unwrap();
    (TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok(), served)
}

/// A certificate and its key; signed by another's key if there is one.
fn certificate(signer: Option<&str>) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::default();
    let certificate = match signer {
        None => parameters.self_signed(&key).unwrap(),
        Some(name) => {
            let signing = KeyPair::generate().unwrap();
            let mut authority = CertificateParams::default();
            authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            authority.distinguished_name.push(rcgen::DnType::CommonName, name);
            if name == "same" {
                parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
            }
            parameters.signed_by(&key, &Issuer::new(authority, signing)).unwrap()
        }
    };
    (certificate.der().clone(), key.serialize_der().try_into().unwrap())
}

fn hello(tub_id: TubId) -> String {
    format!(
        "banana-negotiation-range: 3 3\r\ninitial-vocab-table-range: 0 1\r\n\
         last-connection: none 0\r\nmy-incarnation: 0000000000000000\r\nmy-tub-id: {tub_id}\r\n\r\n"
    )
}

async fn read_all(stream: &mut TlsStream<DuplexStream>) -> String {
    let mut told = Vec::new();
    let _ = stream.read_to_end(&mut told).await;
    String::from_utf8_lossy(&told).into_owned()
}

#[tokio::test]
async fn certificates_that_prove_nothing() {
    let network = Network::default();
    let tub = network.tub(master());
    let (stream, served) = secure(&tub, None).await;
    if let Some(mut stream) = stream {
        assert_eq!(read_all(&mut stream).await, "");
    }
    assert!(why(served).await.contains("certificate"));
    // By name another's, and by name its own but with another's signature.
    for signer in ["other", "same"] {
        let (stream, served) = secure(&tub, Some(certificate(Some(signer)))).await;
        let told = read_all(&mut stream.unwrap()).await;
        assert!(told.contains("error: the peer's certificate is not self-signed"), "{told}");
        assert!(why(served).await.contains("not self-signed"));
    }
    let (stream, served) = secure(&tub, Some(certificate(None))).await;
    let mut stream = stream.unwrap();
    stream.write_all(hello(minor().tub_id()).as_bytes()).await.unwrap();
    let told = read_all(&mut stream).await;
    assert!(told.contains("banana-decision-version: 1\r\nerror: TubID mismatch"), "{told}");
    assert!(why(served).await.contains("TubID mismatch"));
    assert!(tub.0.table().connections.is_empty());
}

#[tokio::test]
async fn a_certificate_that_is_not_ones_own_is_of_no_use() {
    // Whoever copies a tub's certificate lacks its key, and cannot sign the handshake.
    #[derive(Debug)]
    struct Copied(CertificateDer<'static>);
    impl rustls::client::ResolvesClientCert for Copied {
        fn resolve(
            &self,
            _: &[&[u8]],
            _: &[SignatureScheme],
        ) -> Option<Arc<rustls::sign::CertifiedKey>> {
            let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048);
            let key = PrivateKeyDer::try_from(key.unwrap().serialize_der()).unwrap();
            let key = tls::provider().key_provider.load_private_key(key).unwrap();
            Some(Arc::new(rustls::sign::CertifiedKey::new(vec![self.0.clone()], key)))
        }
        fn has_certs(&self) -> bool {
            true
        }
    }
    let network = Network::default();
    let tub = network.tub(master());
    let copied = Copied(minor().certified_key().cert[0].clone());
    let config = ClientConfig::builder_with_provider(tls::provider().clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(KeyVerifier::new(|_| true)))
        .with_client_cert_resolver(Arc::new(copied));
    let (mut stream, served) = open(&tub);
    stream.write_all(request(tub.tub_id(), "h").as_bytes()).await.unwrap();
    stream.read_exact(&mut vec![0; SWITCHING.len()]).await.unwrap();
    let name = ServerName::try_from("foolscap.invalid").unwrap();
    if let Ok(mut stream) = TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        let _ = stream.write_all(hello(minor().tub_id()).as_bytes()).await;
        assert_eq!(read_all(&mut stream).await, "");
    }
    assert!(why(served).await.contains("BadSignature"), "not refused for its signature");
}

/// A peer that has negotiated, and now says what it likes.
async fn stranger(tub: &Tub) -> (TlsStream<DuplexStream>, JoinHandle<io::Result<()>>) {
    loop {
        let (der, key) = certificate(None);
        let tub_id = TubId::of_certificate(&der);
        if tub_id.to_string() > tub.tub_id().to_string() {
            // The tub is to decide.
            continue;
        }
        let (stream, served) = secure(tub, Some((der, key))).await;
        let mut stream = stream.unwrap();
        stream.write_all(hello(tub_id).as_bytes()).await.unwrap();
        let mut told = String::new();
        while told.matches("\r\n\r\n").count() < 2 {
            told.push(char::from(stream.read_u8().await.unwrap()));
        }
        assert!(told.contains("banana-decision-version: 3"), "{told}");
        return (stream, served);
    }
}

/// The next thing that a tub says.
async fn next(stream: &mut TlsStream<DuplexStream>, decoder: &mut Decoder) -> Event {
    loop {
        if let Some(incoming) = decoder.next().unwrap() {
            return incoming.event;
        }
        assert_ne!(stream.read_buf(decoder.space()).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn messages_that_are_wrong_are_answered_and_tokens_that_are_wrong_end_it() {
    let network = Network::default();
    let (tub, _thing, furl) = serving(&network, master());
    let (mut stream, served) = stranger(&tub).await;
    let mut decoder = Decoder::new(Limits::default().message);
    let mut encoder = Encoder::new(Limits::default().message);
    let name = |name: &'static str| {
        Arguments::none().with("name", Value::Bytes(Bytes::from_static(name.as_bytes())))
    };
    let numbers = |clid, count| {
        Arguments::none().with("clid", Value::Int(clid)).with("count", Value::Int(count))
    };
    let calls = [
        (0, "getReferenceByName", name("nosuch"), "unable to find"),
        (0, "getReferenceByName", name("../\u{7f}"), "unable to find"),
        (0, "getReferenceByName", Arguments::none(), "missing"),
        (0, "getReferenceByName", Arguments::none().with("name", Value::None), "byte string"),
        (0, "decref", numbers(0, 1), "positive"),
        (0, "decref", numbers(1, -1), "positive"),
        (0, "decref", numbers(1 << 40, 1), "positive"),
        (0, "decref", Arguments::none().with("clid", Value::None), "missing"),
        (0, "decgift", Arguments::none(), "no such gift"),
        (0, "nonsense", Arguments::none(), "not defined in RIBroker"),
        (77, "echo", Arguments::none(), "unknown CLID 77"),
        (-1, "echo", Arguments::none(), "unknown CLID -1"),
    ];
    for (id, (clid, method, arguments, expected)) in (1..).zip(calls) {
        let (id, clid) = (RequestId(id), crate::banana::Clid(clid));
        for piece in encoder.call(Some(id), clid, method, &arguments).unwrap() {
            stream.write_all(&piece).await.unwrap();
        }
        let Event::Answer { request, result: Err(failure) } = next(&mut stream, &mut decoder).await
        else {
            panic!("{method} did not fail");
        };
        assert_eq!(request, id);
        assert!(failure.message.contains(expected), "{method}: {failure}");
    }
    // An answer to nothing is nobody's loss.
    for piece in encoder.answer(RequestId(99), &Value::None).unwrap() {
        stream.write_all(&piece).await.unwrap();
    }
    stream.write_all(&Encoder::ping(5)).await.unwrap();
    assert_eq!(next(&mut stream, &mut decoder).await, Event::Pong(5));
    // A type byte that there is not.
    stream.write_all(&[0x01, 0xff]).await.unwrap();
    let error = loop {
        match decoder.next() {
            Ok(None) => assert_ne!(stream.read_buf(decoder.space()).await.unwrap(), 0),
            Ok(Some(incoming)) => panic!("{incoming:?}"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("Invalid Type Byte"), "{error}");
    assert!(why(served).await.contains("Invalid Type Byte"));
    // Nobody else noticed.
    let reference = network.tub(minor()).get_reference(&furl).await.unwrap();
    assert!(ask(&reference, "echo", Value::None).await.is_ok());
}

#[tokio::test]
async fn a_peer_that_sends_ever_more_objects_loses_the_connection() {
    let network = Network::default();
    let (theirs, _thing, furl) = serving(&network, master());
    let limits = Limits { imports_max: 5, exports_max: 5, ..Limits::default() };
    let ours = network.tub_with(minor(), limits);
    let reference = ours.get_reference(&furl).await.unwrap();
    let new = async || reference.call("new", Arguments::none()).await.map(remote);
    let mut held: Vec<RemoteReference> = Vec::new();
    for _ in 0..4 {
        held.push(new().await.unwrap());
    }
    let mine = |_| Value::Object(Object::Local(Arc::new(Thing::default())));
    for n in 0..5 {
        ask(&reference, "keep", mine(n)).await.unwrap();
    }
    let refused = ask(&reference, "keep", mine(5)).await.unwrap_err();
    assert!(refused.to_string().contains("more objects"), "{refused}");
    assert_eq!(reference.connection().counts(), Some((5, 5, 0)));
    assert_eq!(new().await.unwrap_err(), CallError::Disconnected);
    drop(theirs);
}

/// A call that is given up before its answer is not waited for by anybody.
#[tokio::test]
async fn a_call_that_is_given_up_is_forgotten() {
    let network = Network::default();
    let (_theirs, thing, furl) = serving(&network, master());
    let reference = network.tub(minor()).get_reference(&furl).await.unwrap();
    for _ in 0..10 {
        let waiting = reference.call("wait", Arguments::none());
        tokio::select! {
            _ = waiting => panic!("nobody let it go on"),
            () = thing.waits.notified() => {}
        }
        assert_eq!(reference.connection().counts(), Some((0, 1, 0)));
        thing.go_on.notify_one();
    }
    assert!(ask(&reference, "echo", Value::None).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_never_reads_is_given_up_and_holds_little() {
    let network = Network::default();
    let limits = Limits { calls_queued_max: 100_000, ..Limits::default() };
    let tub = network.tub_with(master(), limits);
    let (thing, _furl) = offer(&network, &tub);
    let (mut stream, served) = stranger(&tub).await;
    // It hands over an object, so that the tub can call it, and then never reads again.
    let mut encoder = Encoder::new(Limits::default().message);
    let mut decoder = Decoder::new(Limits::default().message);
    let named = Arguments::none().with("name", Value::Bytes(Bytes::from_static(b"thing")));
    let broker = crate::banana::Clid::BROKER;
    for piece in encoder.call(Some(RequestId(1)), broker, "getReferenceByName", &named).unwrap() {
        stream.write_all(&piece).await.unwrap();
    }
    let answer = next(&mut stream, &mut decoder).await;
    assert!(matches!(answer, Event::Answer { result: Ok(_), .. }), "{answer:?}");
    let object = crate::banana::WireObject::OfSender(crate::banana::SenderObject {
        clid: crate::banana::Clid(1),
        introduction: None,
    });
    let keep = Arguments::positional(vec![Value::Object(object)]);
    let target = crate::banana::Clid(1);
    for piece in encoder.call(Some(RequestId(2)), target, "keep", &keep).unwrap() {
        stream.write_all(&piece).await.unwrap();
    }
    let answer = next(&mut stream, &mut decoder).await;
    assert!(matches!(answer, Event::Answer { result: Ok(_), .. }), "{answer:?}");
    let kept = thing.kept.lock().unwrap().pop().unwrap();
    let Object::Remote(reference) = kept else { panic!("not theirs: {kept:?}") };
    let megabyte = Bytes::from(vec![0; 1_000_000]);
    let calls = (0..50).map(|_| {
        let (reference, megabyte) = (reference.clone(), megabyte.clone());
        tokio::spawn(async move { ask(&reference, "take", Value::Bytes(megabyte)).await })
    });
    let calls: Vec<_> = calls.collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    // One is on its way; the others wait at their callers'.
    assert!(reference.connection().queued() < 1_100_000, "{}", reference.connection().queued());
    assert!(why(served).await.contains("takes nothing"));
    for call in calls {
        assert_eq!(call.await.unwrap(), Err(CallError::Disconnected));
    }
    drop(stream);
}

#[tokio::test]
async fn no_more_is_read_while_too_much_is_served() {
    let network = Network::default();
    let limits = Limits { serving_max: 3, ..Limits::default() };
    let theirs = network.tub_with(master(), limits);
    let (thing, furl) = offer(&network, &theirs);
    let reference = network.tub(minor()).get_reference(&furl).await.unwrap();
    let wait = |n| ask(&reference, "wait", Value::Int(n));
    let calls = futures_util::future::join_all((0..10).map(wait));
    let release = async {
        for served in 0..10 {
            thing.waits.notified().await;
            while thing.begun.lock().unwrap().len() < (served + 3).min(10) {
                tokio::task::yield_now().await;
            }
            assert!(thing.begun.lock().unwrap().len() <= served + 3);
            thing.go_on.notify_one();
            if served < 9 {
                thing.waits.notify_one();
            }
        }
    };
    let (answers, ()) = tokio::join!(calls, release);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_is_asked_about_and_ends_a_connection_if_it_shall() {
    let network = Network::default();
    for (disconnect, expected) in [(None, false), (Some(Duration::from_secs(600)), true)] {
        let mut options = network.options();
        options.disconnect = disconnect;
        let tub = Tub::new(master(), options).unwrap();
        let (mut stream, served) = stranger(&tub).await;
        let begun = tokio::time::Instant::now();
        let mut decoder = Decoder::new(Limits::default().message);
        assert_eq!(next(&mut stream, &mut decoder).await, Event::Ping(0));
        assert_eq!(begun.elapsed().as_secs(), 240);
        // It answers, and falls silent again; the second question it does not answer.
        stream.write_all(&Encoder::pong(0)).await.unwrap();
        assert_eq!(next(&mut stream, &mut decoder).await, Event::Ping(0));
        assert_eq!(begun.elapsed().as_secs(), 480);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(served.is_finished(), expected);
        if expected {
            assert!(why(served).await.contains("silent"));
        }
        drop(stream);
    }
}
