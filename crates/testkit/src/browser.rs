//! A browser without a screen: a jar, an address, and requests that carry what a page's would.

use std::time::Duration;

use reqwest::{Client, Method, redirect::Policy};
use serde_json::Value;

use crate::Jar;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub set_cookie: Vec<String>,
    pub text: String,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// A field of the JSON body.
    pub fn field(&self, name: &str) -> Value {
        self.json().get(name).cloned().unwrap_or(Value::Null)
    }

    /// The stable code of a refusal, or nothing.
    pub fn code(&self) -> String {
        self.field("code").as_str().unwrap_or_default().to_owned()
    }

    /// The access token in the body.
    pub fn access(&self) -> Option<String> {
        self.field("access").as_str().map(str::to_owned)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The names of the cookies it sets or clears.
    pub fn cookie_names(&self) -> Vec<&str> {
        self.set_cookie.iter().filter_map(|line| line.split('=').next()).collect()
    }

    /// Whether it hands out a refresh token.
    pub fn hands_out_refresh(&self) -> bool {
        self.set_cookie.iter().any(|line| line.contains("refreshtoken") && !line.contains("Max-Age=0"))
    }
}

/// A browser at one address. Requests read the jar as it is; `Browser::keep` stores an answer, and every
/// method whose name ends in `_and_keep` does both.
#[derive(Debug, Clone)]
pub struct Browser {
    pub jar: Jar,
    /// Where requests go.
    pub url: String,
    /// What pages take the site for: the same, unless several nodes share one site.
    pub origin: String,
    /// The API's base.
    pub base: String,
    /// The access token in the memory of the page, where answers carry one in their body.
    pub access: Option<String>,
    client: Client,
}

impl Browser {
    pub fn new(url: &str) -> Self {
        let client = Client::builder()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .expect("a client over plain http can be made");
        let url = url.to_owned();
        Self { jar: Jar::default(), origin: url.clone(), url, base: "/auth".to_owned(), access: None, client }
    }

    /// The same browser profile seen from elsewhere: another tab, or a thief with a copy of the jar.
    pub fn copy(&self) -> Self {
        self.clone()
    }

    /// The same jar at another node of the same site.
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// Sends a request as a page of this origin would, with the jar's cookies; stores nothing.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        self.try_send(method, path, headers, body).await.expect("the server answers")
    }

    /// The same where the server may be gone.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, reqwest::Error> {
        let method: Method = method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if !self.jar.header().is_empty() {
            request = request.header("cookie", self.jar.header());
        }
        if let Some(access) = &self.access {
            request = request.header("authorization", format!("Bearer {access}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        read(request.send().await?).await
    }

    pub fn keep(&mut self, answer: &Answer) {
        self.jar.store(&answer.set_cookie);
        if let Some(access) = answer.access() {
            self.access = Some(access);
        }
    }

    /// GET of a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None).await
    }

    /// POST to a call of the API with Origin and the jar's CSRF token, as the SDK sends it.
    pub async fn post(&self, call: &str, body: Option<&Value>) -> Answer {
        self.try_post(call, body).await.expect("the server answers")
    }

    pub async fn try_post(&self, call: &str, body: Option<&Value>) -> Result<Answer, reqwest::Error> {
        let csrf = self.jar.csrf().unwrap_or_default().to_owned();
        let mut headers = vec![("origin", self.origin.as_str()), ("sec-fetch-site", "same-origin")];
        if !csrf.is_empty() {
            headers.push(("x-csrftoken", &csrf));
        }
        self.try_send("POST", &format!("{}{call}", self.base), &headers, body).await
    }

    pub async fn post_and_keep(&mut self, call: &str, body: Option<&Value>) -> Answer {
        let answer = self.post(call, body).await;
        self.keep(&answer);
        answer
    }

    /// `GET {base}/session`.
    pub async fn session_and_keep(&mut self) -> Answer {
        let answer = self.get(&format!("{}/session", self.base)).await;
        self.keep(&answer);
        answer
    }

    /// `POST {base}/token`, without storing what it answers.
    pub async fn refresh(&self) -> Answer {
        self.post("/token", None).await
    }

    pub async fn refresh_and_keep(&mut self) -> Answer {
        self.post_and_keep("/token", None).await
    }

    /// Fetches a CSRF token and logs in.
    pub async fn log_in(&mut self, email: &str, password: &str) -> Answer {
        self.session_and_keep().await;
        let body = serde_json::json!({ "email": email, "password": password });
        self.post_and_keep("/login", Some(&body)).await
    }

    pub async fn log_out(&mut self) -> Answer {
        self.post_and_keep("/logout", None).await
    }

    /// The access token dies, as its cookie does by its Max-Age, and a page's memory with the page.
    pub fn lose_access_token(&mut self) {
        self.access = None;
        self.jar.remove_all("accesstoken");
        self.jar.remove_all("__Host-accesstoken");
    }

    /// The generation of the refresh token in the jar, read from its bytes.
    pub fn generation(&self) -> Option<u32> {
        self.jar.refresh().and_then(generation_of)
    }
}

/// The generation inside a refresh token: bytes 18 to 21 of its payload.
pub fn generation_of(token: &str) -> Option<u32> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let encoded = token.strip_prefix("prn1.")?;
    let mut bits = Vec::new();
    for character in encoded.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == character)?;
        bits.extend((0..6).rev().map(|bit| (value >> bit) & 1));
    }
    let bytes: Vec<u8> = bits
        .chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |value, bit| (value << 1) | u8::try_from(*bit).unwrap_or(0)))
        .collect();
    Some(u32::from_be_bytes(bytes.get(18..22)?.try_into().ok()?))
}

/// What a server answered, read to its end.
async fn read(response: reqwest::Response) -> Result<Answer, reqwest::Error> {
    let status = response.status().as_u16();
    let text_of = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<(String, String)> =
        response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text_of(value))).collect();
    let set_cookie = response.headers().get_all("set-cookie").iter().map(text_of).collect();
    Ok(Answer { status, headers, set_cookie, text: response.text().await? })
}

/// Requests that no page would send.
impl Browser {
    /// A request of exactly these bytes: any body, any header value that HTTP can carry. The jar goes along.
    pub async fn send_bytes(&self, method: &str, path: &str, headers: &[(&str, &[u8])], body: Vec<u8>) -> Answer {
        self.try_send_bytes(method, path, headers, body).await.expect("the server answers")
    }

    pub async fn try_send_bytes(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &[u8])],
        body: Vec<u8>,
    ) -> Result<Answer, reqwest::Error> {
        let method: Method = method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.url)).body(body);
        if !self.jar.header().is_empty() {
            request = request.header("cookie", self.jar.header());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send().await?).await
    }
}

/// What an answer does to the cookies of a kind, whatever their tag.
impl Answer {
    /// Whether it sets a cookie whose name starts so.
    pub fn sets(&self, prefix: &str) -> bool {
        self.set_cookie.iter().any(|line| line.starts_with(prefix) && max_age_of(line) != Some(0))
    }

    /// Whether it removes a cookie whose name starts so.
    pub fn clears(&self, prefix: &str) -> bool {
        self.set_cookie.iter().any(|line| line.starts_with(prefix) && max_age_of(line) == Some(0))
    }

    /// How many seconds the first cookie whose name starts so is to be kept.
    pub fn max_age(&self, prefix: &str) -> Option<i64> {
        max_age_of(self.set_cookie.iter().find(|line| line.starts_with(prefix))?)
    }
}

fn max_age_of(line: &str) -> Option<i64> {
    line.split("; ").find_map(|attribute| attribute.strip_prefix("Max-Age="))?.parse().ok()
}

impl Browser {
    /// Sends a POST to a call of the API as a page does, and goes away after `stay` whether or not an
    /// answer has come: a reload, a closed tab.
    pub async fn post_and_leave(&self, call: &str, stay: Duration) {
        use tokio::{io::AsyncWriteExt, net::TcpStream};

        let host = self.url.trim_start_matches("http://");
        let head = format!(
            "POST {}{call} HTTP/1.1\r\nhost: {host}\r\norigin: {}\r\ncookie: {}\r\nx-csrftoken: {}\r\n\
             content-length: 0\r\n\r\n",
            self.base,
            self.url,
            self.jar.header(),
            self.jar.csrf().unwrap_or_default(),
        );
        let address = host.replace("localhost", "127.0.0.1");
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        stream.write_all(head.as_bytes()).await.expect("the request is sent");
        tokio::time::sleep(stay).await;
    }
}
