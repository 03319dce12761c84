//! Pages and forms, as a browser without scripts uses them.

use crate::{Answer, Browser};

/// A form of a page: where it goes, and the fields with the values that the page gave them.
#[derive(Debug, Clone)]
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// The form with a field filled in, replaced, or added.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The value of a field; nothing if the form has no such field.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    fn encoded(&self) -> String {
        let pairs: Vec<String> =
            self.fields.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
        pairs.join("&")
    }
}

impl Answer {
    /// The forms of a page, in their order.
    pub fn forms(&self) -> Vec<Form> {
        let bodies = self.text.split("<form ").skip(1).map(|rest| rest.split("</form>").next().unwrap_or_default());
        bodies
            .map(|body| Form {
                action: attribute(body, "action").expect("every form says where it goes"),
                fields: body.split("<input ").skip(1).filter_map(field).collect(),
            })
            .collect()
    }

    /// The first form that goes there.
    pub fn form(&self, action: &str) -> Form {
        let found = self.forms().into_iter().find(|form| form.action == action);
        found.unwrap_or_else(|| panic!("no form goes to {action}: {} {}", self.status, self.text))
    }

    /// Where a redirect leads.
    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }
}

impl Browser {
    /// A navigation to a page of this origin, without following what it answers.
    pub async fn navigate(&mut self, path: &str) -> Answer {
        let headers = [("sec-fetch-mode", "navigate"), ("sec-fetch-site", "none"), ("accept", "text/html")];
        let path = path.split('#').next().unwrap_or_default();
        let answer = self.send("GET", path, &headers, None).await;
        self.keep(&answer);
        answer
    }

    /// A navigation to the page where all redirects end.
    pub async fn open(&mut self, path: &str) -> Answer {
        let answer = self.navigate(path).await;
        self.follow(answer).await
    }

    /// Sends a form, without following what it answers.
    pub async fn submit(&mut self, form: &Form) -> Answer {
        let origin = self.origin.clone();
        let headers: [(&str, &[u8]); 5] = [
            ("content-type", b"application/x-www-form-urlencoded"),
            ("origin", origin.as_bytes()),
            ("sec-fetch-mode", b"navigate"),
            ("sec-fetch-site", b"same-origin"),
            ("accept", b"text/html"),
        ];
        let answer = self.send_bytes("POST", &form.action, &headers, form.encoded().into_bytes()).await;
        self.keep(&answer);
        answer
    }

    /// Sends a form and goes to the page where all redirects end.
    pub async fn submit_and_follow(&mut self, form: &Form) -> Answer {
        let answer = self.submit(form).await;
        self.follow(answer).await
    }

    /// The page behind an answer's redirects.
    pub async fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..10 {
            if !(300..400).contains(&answer.status) {
                return answer;
            }
            assert_eq!(answer.status, 303, "what follows is a GET");
            let target = answer.location().to_owned();
            assert!(target.starts_with('/'), "{target} leaves this origin");
            answer = self.navigate(&target).await;
        }
        panic!("redirects without an end: {}", answer.location());
    }
}

fn field(input: &str) -> Option<(String, String)> {
    let tag = input.split('>').next().unwrap_or_default();
    Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split('"').next().map(unescaped)
}

/// Text without its character references.
fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once('&') {
        let (name, after) = reference.split_once(';').expect("a reference ends");
        let number = name.strip_prefix('#').and_then(|digits| digits.parse().ok()).and_then(char::from_u32);
        let named =
            [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"')].into_iter().find(|(known, _)| *known == name);
        plain.push_str(before);
        plain.push(number.or(named.map(|(_, character)| character)).expect("a reference that pages use"));
        rest = after;
    }
    plain + rest
}

fn percent(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
