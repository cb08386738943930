//! What an operator chooses, and what makes a base URL safe to send a key to.

use juggernaut_core::base::secret::{ExposeSecret, Secret};
use juggernaut_core::{Error, Result};
use reqwest::Url;
use std::net::IpAddr;
use std::time::Duration;

/// Where the model is, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct OpenRouterOptions {
    /// The API's base, up to and with its version; `/chat/completions` is added to it.
    pub base_url: String,
    /// The key; none for hosts that ask for none.
    pub api_key: Option<Secret>,
    /// The model asked when a request names none.
    pub model: String,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest that any request may take, however long it would wait itself.
    pub request_timeout: Duration,
    /// Longest silence within a streamed answer.
    pub idle_timeout: Duration,
    /// Allows plain http to other machines, where everybody on the way can read the key and the conversation.
    pub allow_insecure: bool,
}

impl Default for OpenRouterOptions {
    fn default() -> Self {
        Self {
            base_url: "https://openrouter.ai/api/v1".to_owned(),
            api_key: None,
            model: String::new(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(120),
            allow_insecure: false,
        }
    }
}

/// A base URL that was found good.
pub(crate) struct Base {
    /// Host, with the port if it is not the usual one.
    pub(crate) host: String,
    url: Url,
}

impl Base {
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl OpenRouterOptions {
    pub(crate) fn base(&self) -> Result<Base> {
        // The URL itself is not repeated where it may hold credentials.
        let wrong = |what: &str| Err(Error::invalid(format!("base URL of the model provider {what}")));
        if self.model.trim().is_empty() {
            return Err(Error::invalid("no model is configured; name one such as anthropic/claude-sonnet-4.5"));
        }
        if self.api_key.as_ref().is_some_and(|key| key.expose_secret().trim().is_empty()) {
            return Err(Error::invalid("the model provider's key is empty; set OPENROUTER_API_KEY or leave it out"));
        }
        let url = match Url::parse(&self.base_url) {
            Ok(url) => url,
            Err(error) => return wrong(&format!("is not a URL: {error}; it looks like https://openrouter.ai/api/v1")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("holds credentials; give the key by OPENROUTER_API_KEY");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return wrong("has a query or a fragment; leave it out");
        }
        let Some(name) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")) else {
            return wrong(&format!("is {}: only http and https are spoken", url.scheme()));
        };
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let base = Base { host, url };
        if base.url.scheme() == "http" && !base.is_loopback() && !self.allow_insecure {
            return wrong(&format!("is plain http to {}: the key would be readable on the way; use https", base.host));
        }
        Ok(base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(base_url: &str) -> OpenRouterOptions {
        OpenRouterOptions { base_url: base_url.to_owned(), model: "m".to_owned(), ..OpenRouterOptions::default() }
    }

    #[test]
    fn good_base_urls() {
        for (url, host, loopback) in [
            ("https://openrouter.ai/api/v1", "openrouter.ai", false),
            ("http://127.0.0.1:8080/v1/", "127.0.0.1:8080", true),
            ("http://[::1]:1/v1", "[::1]:1", true),
            ("http://localhost", "localhost", true),
        ] {
            let base = with(url).base().unwrap();
            assert_eq!((base.host.as_str(), base.is_loopback()), (host, loopback), "{url}");
        }
        let lan = OpenRouterOptions { allow_insecure: true, ..with("http://10.0.0.1:8000/v1") };
        assert!(!lan.base().unwrap().is_loopback());
    }

    #[test]
    fn bad_base_urls_are_refused_without_repeating_credentials() {
        for (url, says) in [
            ("openrouter.ai/api", "is not a URL"),
            ("", "is not a URL"),
            ("file:///etc/passwd", "only http and https"),
            ("ftp://host/v1", "only http and https"),
            ("https://me:hunter2@host/v1", "holds credentials"),
            ("https://hunter2@host/v1", "holds credentials"),
            ("https://host/v1?key=hunter2", "query"),
            ("http://10.0.0.1/v1", "plain http"),
            ("http://localhost.evil.example/v1", "plain http"),
            ("http://127.0.0.1.evil.example/v1", "plain http"),
        ] {
            let Err(Error::Invalid { reason }) = with(url).base() else { panic!("{url} was taken") };
            assert!(reason.contains(says) && !reason.contains("hunter2"), "{url}: {reason}");
        }
    }

    #[test]
    fn an_empty_key_or_model_is_refused() {
        let no_model = OpenRouterOptions { model: " ".to_owned(), ..with("https://host/v1") };
        let empty_key = OpenRouterOptions { api_key: Some(Secret::from("\n".to_owned())), ..with("https://host/v1") };
        assert!(matches!(no_model.base(), Err(Error::Invalid { .. })));
        assert!(matches!(empty_key.base(), Err(Error::Invalid { .. })));
    }
}
