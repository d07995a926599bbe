//! The address of a GitHub's API.

use std::fmt;

/// `https://api.github.com`, or `https://HOST/api/v3` of a GitHub Enterprise Server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api(String);

/// Text that is no address to send a token to. The text is not in the error: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no address of an API: expected `https://HOST` or `https://HOST/api/v3`, without a user name")]
pub struct NotAnApi;

impl Default for Api {
    fn default() -> Self {
        Self("https://api.github.com".to_owned())
    }
}

impl Api {
    /// Takes an address over TLS; over plain HTTP only on this machine.
    ///
    /// ```
    /// use denywatch::io::github::Api;
    /// assert_eq!(Api::parse("https://github.example/api/v3/")?.to_string(), "https://github.example/api/v3");
    /// assert!(Api::parse("http://github.example").is_err());
    /// # Ok::<(), denywatch::io::github::NotAnApi>(())
    /// ```
    ///
    /// # Errors
    /// [`NotAnApi`].
    pub fn parse(text: &str) -> Result<Self, NotAnApi> {
        let (scheme, rest) = text.split_once("://").ok_or(NotAnApi)?;
        let rest = rest.trim_end_matches('/');
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let plain =
            |text: &str, more: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || more.as_bytes().contains(&b));
        if authority.is_empty()
            || !plain(authority, ".-:[]")
            || !plain(path, "._-/")
            || path.split('/').any(|part| part == "..")
        {
            return Err(NotAnApi);
        }
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        match (scheme, host) {
            ("https", _) | ("http", "127.0.0.1" | "localhost" | "[::1]") => Ok(Self(format!("{scheme}://{rest}"))),
            _ => Err(NotAnApi),
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(Api::parse(text).ok().map(|api| api.to_string()).as_deref(), expect, "{text}");
    }

    #[test]
    fn a_token_goes_over_tls_or_stays_here() {
        check("https://api.github.com", Some("https://api.github.com"));
        check("https://ghe.example:8443/api/v3/", Some("https://ghe.example:8443/api/v3"));
        check("http://127.0.0.1:4000", Some("http://127.0.0.1:4000"));
        check("http://localhost", Some("http://localhost"));
        for bad in [
            "",
            "api.github.com",
            "http://api.github.com",
            "http://127.0.0.1.example",
            "ftp://x",
            "https://",
            "https://user:pass@github.example",
            "https://x/../y",
            "https://x/a?b",
            "https://x/a#b",
            "https://x y",
            "http://localhost@evil.example",
            "https://x\r\ny: z",
        ] {
            check(bad, None);
        }
    }
}
