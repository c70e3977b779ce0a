//! Bodies that want to become large ones (abuse A39).

use super::*;

fn posted(path: &str, encoding: Option<&'static str>, body: Vec<u8>) -> Request<Body> {
    let mut request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .expect("a good request");
    if let Some(encoding) = encoding {
        let encoding = HeaderValue::from_static(encoding);
        request.headers_mut().insert(header::CONTENT_ENCODING, encoding);
    }
    request
}

#[tokio::test]
async fn nested_and_compressed_bodies_are_bad_requests() {
    let house = House::new();
    let deep = |begin: &str, depth: usize| {
        let mut body = br#"{"username":"ann","password":"#.to_vec();
        body.extend(begin.repeat(depth).into_bytes());
        body
    };
    // What a megabyte of spaces is in gzip's form is some thousand bytes; a header
    // and noise do as well, because nobody looks into it.
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0xff; 1000]].concat();
    for path in ["/api/login", "/enrol"] {
        for (encoding, body) in
            [(None, deep("[", 5000)), (None, deep("{\"a\":", 1000)), (Some("gzip"), gzip.clone())]
        {
            let answer = house.send_over_tls(1, posted(path, encoding, body)).await;
            let status = answer.status.as_u16();
            assert!(matches!(status, 400 | 415 | 422), "{path} {status}: {}", answer.body);
        }
        let large = house.send_over_tls(1, posted(path, None, vec![b'['; 100_000])).await;
        assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
}
