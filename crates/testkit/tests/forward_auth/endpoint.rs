//! A stand-in for `GET {base}/verify` that answers as the contract in docs/guides/forward-auth/README.md says. The cookie `case`
//! tells what it makes of the request.

use perennial_testkit::upstream::{Reply, Seen, Upstream};
use serde_json::json;

pub(crate) const TOKEN: &str = "Bearer forwarded.token.x";
pub(crate) const LOGIN: &str = "/auth/login?return_to=%2Freports%3Fa%3D1";
pub(crate) const COOKIES: [&str; 8] = [
    "refreshtoken-ab=1; Path=/; HttpOnly; SameSite=Lax; Max-Age=100",
    "accesstoken-ab=2; Path=/; HttpOnly",
    "csrftoken=3; Path=/",
    "auth_hint=\"a.b, c\"; Path=/",
    "five=5; Path=/",
    "six=6; Path=/",
    "seven=7; Path=/",
    "eight=8; Path=/",
];

pub(crate) fn start() -> Upstream {
    Upstream::answering(|seen| match seen.path() {
        "/auth/verify" => verdict(seen),
        _ => Reply::json(200, &seen.to_json()),
    })
}

fn verdict(seen: &Seen) -> Reply {
    match seen.cookie("case").unwrap_or_default() {
        "anonymous" => jar(seen, Reply::status(200)),
        "only-ours" => identity(Reply::status(200)),
        "granted" => jar(seen, identity(Reply::status(200))),
        "renewed" => numbered(set(jar(seen, identity(Reply::status(200))))),
        "redirected" => refusal(seen, 303),
        case => refusal(seen, case.strip_prefix("refused-").and_then(|code| code.parse().ok()).unwrap_or(400)),
    }
}

fn identity(reply: Reply) -> Reply {
    reply
        .header("remote-user", "ada")
        .header("remote-email", "ada@example.com")
        .header("remote-name", "Ada Lovelace")
        .header("remote-session", "kq3")
        .header("authorization", TOKEN)
}

fn set(reply: Reply) -> Reply {
    COOKIES.iter().fold(reply, |reply, line| reply.header("set-cookie", line))
}

fn numbered(reply: Reply) -> Reply {
    let add = |reply: Reply, (number, line): (usize, &&str)| {
        reply.header(&format!("x-perennial-set-cookie-{}", number + 1), line)
    };
    COOKIES.iter().enumerate().fold(reply, add)
}

/// The client's cookies without ours.
fn jar(seen: &Seen, reply: Reply) -> Reply {
    let all = seen.every("cookie").join("; ");
    let others: Vec<&str> = all.split("; ").filter(|pair| !pair.starts_with("refreshtoken")).collect();
    reply.header("x-perennial-cookie", &others.join("; "))
}

fn refusal(seen: &Seen, status: u16) -> Reply {
    let problem = json!({ "title": "No \"way\" in $uri", "status": status, "code": format!("refused_{status}") });
    let in_headers = seen.query("refusals") == Some("headers");
    let mut reply = match (in_headers, status) {
        (true, _) => Reply::status(401)
            .header("x-perennial-status", &status.to_string())
            .header("x-perennial-problem", &problem.to_string())
            .header("x-perennial-location", if status == 303 { LOGIN } else { "" }),
        (false, 303) => Reply::status(303).header("location", LOGIN),
        (false, _) => {
            Reply::status(status).header("content-type", "application/problem+json").body(problem.to_string())
        }
    };
    if status == 503 {
        reply = reply.header("retry-after", "1");
    }
    if let Some(origin) = seen.header("origin") {
        reply = reply.header("access-control-allow-origin", origin).header("access-control-allow-credentials", "true");
    }
    let reply = set(reply).header("cache-control", "no-store");
    if in_headers { numbered(reply) } else { reply }
}
