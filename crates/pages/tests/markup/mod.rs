//! Reads the tags of a page, strictly: an attribute without double quotes is no attribute of ours.

/// One start or end tag; an end tag's name begins with a slash.
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
}

impl Tag {
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }
}

/// All tags of `html`, in order. Attribute values stay as they are written.
pub(crate) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let inside = &rest[start + 1..];
        let end = end_of_tag(inside);
        tags.push(tag(inside[..end].trim_end_matches('/')));
        rest = &inside[end..];
    }
    tags
}

fn end_of_tag(inside: &str) -> usize {
    let mut is_quoted = false;
    let end = inside.find(|c| {
        is_quoted ^= c == '"';
        c == '>' && !is_quoted
    });
    end.expect("every tag is closed")
}

fn tag(inside: &str) -> Tag {
    let (name, mut rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let mut attributes = Vec::new();
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let name_end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (attribute, after) = rest.split_at(name_end);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').expect("every value is closed"),
            None => ("", after),
        };
        attributes.push((attribute.to_ascii_lowercase(), value.to_owned()));
        rest = after;
    }
    Tag { name: name.to_ascii_lowercase(), attributes }
}
