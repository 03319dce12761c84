//! What the binary is told, by a file and by variables.

use perennial_testkit::{Server, Setup};

use crate::BINARY;

#[tokio::test]
async fn a_configuration_file_is_read_and_a_variable_wins_over_it() {
    let file = "[http]\nbase = \"/from-the-file\"";
    let server = Server::start_with(BINARY, Setup::default().with_config(file));
    assert_eq!(server.browser().get("/from-the-file/session").await.status, 200);
    let setup = Setup::default().with_config(file).with("http.base", "/from-a-variable");
    let server = Server::start_with(BINARY, setup);
    assert_eq!(server.browser().get("/from-a-variable/session").await.status, 200);
    assert_eq!(server.browser().get("/from-the-file/session").await.status, 404);
}
