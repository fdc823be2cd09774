// SPDX-License-Identifier: MIT OR Apache-2.0
//! nginx: `HTTP_GET`, `SSL_GET`.

use tests_kernel::process;

use super::*;

const PORT: u16 = 8080;
const TLS_PORT: u16 = 8443;
const FILE: &str = r#"
daemon off;
error_log stderr;
pid {}/nginx.pid;
events { }
http {
    access_log off;
    client_body_temp_path {}/body;
    proxy_temp_path {}/proxy;
    fastcgi_temp_path {}/fastcgi;
    uwsgi_temp_path {}/uwsgi;
    scgi_temp_path {}/scgi;
    server {
        listen 127.0.0.1:8080 default_server;
        location = / { return 200 "hello\n"; }
        location = /gone { return 410 "gone\n"; }
        location = /moved { return 302 "http://127.0.0.1:8080/"; }
    }
    server {
        listen 127.0.0.1:8080;
        server_name www.example.org;
        location = / { return 200 "by name\n"; }
    }
    server {
        listen 127.0.0.1:8443 ssl;
        ssl_certificate {}/cert.pem;
        ssl_certificate_key {}/key.pem;
        location = / { return 200 "hello\n"; }
    }
}
"#;

/// SHA-256 of `hello` and a newline.
const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
/// MD5 of `hello` and a newline.
const HELLO: &str = "b1946ac92492d2347c6235b4d2611184";

fn start() -> TestResult<Server> {
    let directory = directory()?;
    let mut openssl = Command::new("openssl");
    openssl
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(directory.path());
    process::run(&mut openssl, DEADLINE)?;
    let server = Server::start(
        directory,
        &["nginx", "-p", "{}", "-e", "stderr", "-c", "{}/nginx.conf"],
        &[("nginx.conf", FILE)],
    )?;
    server.wait_for_pass("TCP_CHECK {\n}", PORT)?;
    Ok(server)
}

#[testbed::guest_test]
fn nginx_pages_of_keepalived() -> TestResult {
    let _server = start()?;
    for (kind, port) in [("HTTP_GET", PORT), ("SSL_GET", TLS_PORT)] {
        assert_passes(&format!("{kind} {{\nurl {{\npath /\n}}\n}}"), port)?;
        assert_passes(
            &format!("{kind} {{\nurl {{\npath /\ndigest {HELLO}\n}}\n}}"),
            port,
        )?;
        let missing = format!("{kind} {{\nurl {{\npath /missing\n}}\n}}");
        assert_fails(&missing, port, "status code 404")?;
    }
    assert_passes("HTTP_GET {\nurl {\npath /gone\nstatus_code 410\n}\n}", PORT)?;
    assert_fails(
        "HTTP_GET {\nurl {\npath /moved\n}\n}",
        PORT,
        "status code 302",
    )?;
    let named = "HTTP_GET {\nvirtualhost www.example.org\nurl {\npath /\ndigest DIGEST\n}\n}";
    assert_passes(
        &named.replace("DIGEST", "6f7b093c0b07f727537d7ae9d5c898ad"),
        PORT,
    )?;
    Ok(())
}

#[testbed::guest_test]
fn nginx_pages_over_http_check() -> TestResult {
    let server = start()?;
    let check = |lines: &str| format!("HTTP_CHECK {{\npath /\n{lines}\n}}");
    assert_passes(&check("text hello"), PORT)?;
    assert_passes(&check("method HEAD"), PORT)?;
    assert_passes(&check(&format!("sha256 {SHA256}")), PORT)?;
    assert_fails(&check("text other"), PORT, "")?;
    let gone = "HTTP_CHECK {\npath /gone\nstatus_code 410\n}";
    assert_passes(gone, PORT)?;
    assert_fails("HTTP_CHECK {\npath /moved\n}", PORT, "status code 302")?;
    // The certificate is its own root.
    let ca = server.path().join("cert.pem").display().to_string();
    let trusted = format!("tls\nca {ca}\nvirtualhost localhost\nsni_name localhost\ntext hello");
    assert_passes(&check(&trusted), TLS_PORT)?;
    assert_passes(&check("tls\nverify off\ntext hello"), TLS_PORT)?;
    assert_fails(&check("tls\nvirtualhost localhost"), TLS_PORT, "TLS")?;
    let other = trusted.replace("localhost", "www.example.org");
    assert_fails(&check(&other), TLS_PORT, "TLS")?;
    Ok(())
}
