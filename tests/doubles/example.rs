// For the examples in the documentation of what talks to AWS: they include this file, so that they run as they stand.

/// Takes AWS's place for this process; `answer` gets a request's first line and headers in one text, and its body.
fn stand_in(answer: impl Fn(&str, &str) -> String + Send + 'static) -> std::io::Result<()> {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    for (name, value) in [
        ("AWS_ENDPOINT_URL", format!("http://{}", listener.local_addr()?)),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
    ] {
        // SAFETY: an example is a process of one thread when it calls this.
        unsafe { std::env::set_var(name, value) };
    }
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut reader, mut head, mut body) = (BufReader::new(&stream), String::new(), Vec::new());
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|read| read > 0) {}
            let length = head.lines().filter_map(|line| line.split_once(':'));
            let length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).next();
            let length = length.and_then(|(_, length)| length.trim().parse().ok()).unwrap_or(0);
            let whole = reader.take(length).read_to_end(&mut body).is_ok();
            let told = if whole { answer(&head, &String::from_utf8_lossy(&body)) } else { String::new() };
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{told}", told.len());
        }
    });
    Ok(())
}

/// A denied call, as CloudTrail records it.
const DENIED: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ana","accountId":"111122223333","userName":"ana"},"eventTime":"2026-11-10T10:00:00Z","eventSource":"sqs.amazonaws.com","eventName":"ListQueues","awsRegion":"eu-west-1","errorCode":"AccessDenied","eventID":"1","recipientAccountId":"111122223333"}"#;
