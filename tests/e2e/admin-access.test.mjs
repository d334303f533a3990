// Who may use the admin interface, and who may not: the token and its file, pages of browsers, and clients that attack it.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { admin, ask, configuration, connect, eventually, limitHits, request, run, startHost, tokenOf, writeConfig } from "./harness/index.mjs";

const MIB = 1024 * 1024;
const OPEN = ["/healthz", "/readyz", "/version", "/metrics"];

function isProblem(answer, status, type) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers["content-type"], "application/problem+json");
  assert.deepEqual([answer.json.status, answer.json.type], [status, `urn:innkeeper:problem:${type}`]);
  assert.ok(answer.json.title && answer.json.detail, answer.text);
}

/** A connection to the internal listener on which the test writes the bytes. */
function raw(host) {
  const { hostname, port } = new URL(host.internal);
  const stream = net.connect({ host: hostname, port: Number(port) });
  const seen = { stream, got: "", isClosed: false };
  stream.setEncoding("latin1").on("data", (text) => (seen.got += text)).on("error", () => {}).on("close", () => (seen.isClosed = true));
  host.clients.add({ close: () => stream.destroy() });
  return seen;
}

test("the token is made once, for this user alone, and nothing is answered without it", async (t) => {
  const file = writeConfig(t, configuration({ plugins: ["echo"] }));
  const host = await startHost(t, { file });
  const token = tokenOf(host);
  const kept = path.join(path.dirname(file), ".innkeeper", "admin-token");
  assert.match(token, /^[\w-]{43}$/);
  assert.equal(statSync(kept).mode & 0o777, 0o600);
  assert.equal(statSync(path.dirname(kept)).mode & 0o777, 0o700);
  for (const path of OPEN) assert.equal((await request(host, { base: host.internal, path })).status, 200, path);
  assert.equal((await admin(host, "/namespaces")).status, 200);
  for (const wrong of [null, "", "wrong", token.slice(1), `${token}x`]) {
    const answer = await admin(host, "/namespaces", { token: wrong });
    isProblem(answer, 401, "unauthorized");
    assert.match(answer.headers["www-authenticate"], /^Bearer/);
  }
  for (const authorization of [token, `Basic ${token}`, `Bearer${token}`]) {
    isProblem(await admin(host, "/emit", { token: null, headers: { authorization }, json: {} }), 401, "unauthorized");
  }
  assert.equal((await request(host, { path: "/namespaces", headers: { authorization: `Bearer ${token}` } })).status, 404, "not for clients");
  assert.ok(!host.text.includes(token), "the log has no token");
  await host.stop();
  assert.equal(tokenOf(await startHost(t, { file })), token, "the next start has the same");
});

test("a file that others can read, or without a token, stops the start, and says what to do", async (t) => {
  const file = writeConfig(t, configuration({}));
  const folder = path.join(path.dirname(file), ".innkeeper");
  const kept = path.join(folder, "admin-token");
  mkdirSync(folder);
  const refused = async (what) => {
    const host = run(t, ["run", "--config", file]);
    assert.equal(await host.exit(), 1);
    assert.match(host.text, what);
    assert.ok(host.text.includes("token_file in [internal]"), host.text);
  };
  writeFileSync(kept, `${"x".repeat(43)}\n`, { mode: 0o644 });
  chmodSync(kept, 0o644);
  await refused(/others may read or write it \(mode 644/);
  writeFileSync(kept, "\n");
  chmodSync(kept, 0o600);
  await refused(/it holds no token/);
});

test("where no token can be kept, the server starts and the admin interface is closed", async (t) => {
  const host = await startHost(t, { plugins: ["echo"], internal: { token_file: "/proc/1/nothing/token" } });
  await host.waitForLog((line) => /the admin interface is closed/.test(line.message), "the log says so");
  isProblem(await admin(host, "/namespaces", { token: "anything" }), 503, "unavailable");
  assert.equal(await ask(await connect(host), "still", "here"), "here");
});

test("INNKEEPER_TOKEN_FILE names another file", async (t) => {
  const file = writeConfig(t, configuration({}));
  const kept = path.join(path.dirname(file), "elsewhere", "token");
  const host = await startHost(t, { file, env: { INNKEEPER_TOKEN_FILE: kept } });
  assert.equal((await admin(host, "/plugins", { token: readFileSync(kept, "utf8").trim() })).status, 200);
});

test("TOKEN_FAILURES_MAX: who guesses is answered 429, and the right token is answered all the same", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  const statuses = [];
  for (let number = 0; number < 40; number++) statuses.push((await admin(host, "/plugins", { token: `guess-${number}` })).status);
  assert.deepEqual(statuses, [...Array(10).fill(401), ...Array(30).fill(429)]);
  const late = await admin(host, "/emit", { token: "late", json: {} });
  isProblem(late, 429, "too-many-failures");
  assert.equal(late.headers["retry-after"], "60");
  assert.equal((await admin(host, "/plugins")).status, 200);
  assert.equal(await limitHits(host, "TOKEN_FAILURES_MAX"), 31);
  const { text } = await request(host, { base: host.internal, path: "/metrics" });
  assert.match(text, /innkeeper_admin_requests_total\{status="429"\} 31\n/);
  const lines = host.logged((line) => /^refused at the admin interface: a wrong token/.test(line.message));
  assert.ok(lines.length >= 1 && lines.length <= 5, `${lines.length} lines`);
  assert.match(lines[0].peer, /^127\.0\.0\.1:/);
});

test("a page of a browser cannot use it, whatever it knows", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  const pages = [
    { origin: "https://evil.example" },
    { origin: host.internal },
    { origin: "null" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
  ];
  for (const headers of pages) {
    isProblem(await admin(host, "/emit", { headers, json: { namespace: "/", event: "x" } }), 403, "forbidden");
    isProblem(await admin(host, "/plugins", { headers, token: null }), 403, "forbidden");
  }
  // A preflight is not answered as one.
  const preflight = await request(host, {
    base: host.internal, path: "/emit", method: "OPTIONS", headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
  });
  isProblem(preflight, 403, "forbidden");
  assert.equal(preflight.headers["access-control-allow-origin"], undefined);
  // A name that somebody points at this machine.
  assert.equal((await admin(host, "/plugins", { headers: { host: "evil.example" } })).status, 403);
  assert.equal((await admin(host, "/plugins", { headers: { host: "localhost" } })).status, 200);
});

test("paths, methods and media types that do not fit are problems with the remedy", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  isProblem(await admin(host, "/elsewhere"), 404, "not-found");
  isProblem(await admin(host, "/elsewhere", { token: null }), 404, "not-found");
  isProblem(await admin(host, "/plugins/a/b/c"), 404, "not-found");
  isProblem(await admin(host, "/plugins/nobody"), 404, "not-found");
  const method = await admin(host, "/plugins", { json: {} });
  isProblem(method, 405, "method");
  assert.equal(method.headers.allow, "GET, HEAD");
  isProblem(await admin(host, "/emit"), 405, "method");
  isProblem(await admin(host, "/emit", { body: "{}", headers: { "content-type": "text/plain" } }), 415, "media-type");
  isProblem(await admin(host, "/emit", { body: "{", headers: { "content-type": "application/json" } }), 400, "invalid");
  isProblem(await admin(host, "/emit", { body: Buffer.from([0xff]), headers: { "content-type": "application/json" } }), 400, "invalid");
  const several = await admin(host, "/namespaces?limit=0&nope=1");
  isProblem(several, 400, "invalid");
  assert.deepEqual(several.json.errors.map(({ parameter }) => parameter), ["limit", "nope"]);
  const unknown = await admin(host, "/emit", { json: { namespace: "/", event: "x", rooom: [] } });
  isProblem(unknown, 400, "invalid");
  assert.match(unknown.json.detail, /unknown field `rooom`/);
  const { status, json } = await admin(host, "/openapi.json");
  assert.deepEqual([status, json.openapi, json.security], [200, "3.1.0", [{ token: [] }]]);
});

test("uploads are refused before they are read: no length, too long, of another type, for no plugin", async (t) => {
  const host = await startHost(t, { plugins: ["echo"], limits: { component_bytes_max: "1MiB" } });
  const component = "/plugins/echo/component";
  const wasm = { "content-type": "application/wasm" };
  isProblem(await admin(host, component, { method: "PUT", body: "x", headers: { "content-type": "text/plain" } }), 415, "media-type");
  isProblem(await admin(host, component, { method: "PUT", body: "x", headers: { ...wasm, "transfer-encoding": "chunked" } }), 411, "length");
  isProblem(await admin(host, component, { method: "PUT", body: Buffer.alloc(MIB + 1), headers: wasm }), 413, "too-large");
  isProblem(await admin(host, "/plugins/nobody/component", { method: "PUT", body: "x", headers: wasm }), 404, "not-found");
  isProblem(await admin(host, `${component}?dry=true`, { method: "PUT", body: "x", headers: wasm }), 400, "invalid");
  assert.equal(await limitHits(host, "component_bytes_max"), 1);
});

test("a gigabyte, with a token or without, is not read", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  const token = tokenOf(host);
  const before = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${host.pid}/status`, "utf8"))[1]);
  for (const [authorization, status] of [["", 401], [`Authorization: Bearer ${token}\r\n`, 413]]) {
    const seen = raw(host);
    seen.stream.write(
      `PUT /plugins/echo/component HTTP/1.1\r\nHost: localhost\r\n${authorization}Content-Type: application/wasm\r\nContent-Length: ${1024 * MIB}\r\n\r\n`,
    );
    const part = Buffer.alloc(MIB);
    const sending = setInterval(() => !seen.isClosed && seen.stream.writableLength < MIB && seen.stream.write(part), 1);
    t.after(() => clearInterval(sending));
    await eventually(`it is answered ${status} and closed`, () => seen.got.startsWith(`HTTP/1.1 ${status} `) && seen.isClosed);
    clearInterval(sending);
  }
  const after = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${host.pid}/status`, "utf8"))[1]);
  assert.ok(after - before < 16 * 1024, `${after - before} kB more`);
});

test("ADMIN_JSON_BYTES_MAX: JSON beyond it is refused, in one piece or in many", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  const json = { namespace: "/", event: "x", args: ["y".repeat(2 * MIB)] };
  isProblem(await admin(host, "/emit", { json }), 413, "too-large");
  isProblem(await admin(host, "/emit", { json, headers: { "transfer-encoding": "chunked" } }), 413, "too-large");
  assert.equal(await limitHits(host, "ADMIN_JSON_BYTES_MAX"), 2);
  json.args = ["y".repeat(2 * MIB - 100)];
  assert.equal((await admin(host, "/emit", { json })).status, 200);
});

test("body_timeout: a body that comes too slowly is answered 408, and a token that is wrong waits for no body", async (t) => {
  const host = await startHost(t, { plugins: ["echo"], server: { body_timeout: "300ms" } });
  const head = (token) =>
    `POST /emit HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`;
  const slow = raw(host);
  slow.stream.write(head(tokenOf(host)));
  await eventually("it is answered 408", () => slow.got.startsWith("HTTP/1.1 408 "));
  assert.match(slow.got, /urn:innkeeper:problem:too-slow/);
  assert.equal(await limitHits(host, "body_timeout"), 1);
  const wrong = raw(host);
  wrong.stream.write(head("wrong"));
  await eventually("it is answered 401", () => wrong.got.startsWith("HTTP/1.1 401 "));
});

test("LOG_FOLLOWERS_MAX: a ninth follower is answered 503, and one that goes makes room", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  await connect(host);
  const following = [];
  const follow = () =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${tokenOf(host)}` };
      const sent = http.get(`${host.internal}/plugins/behave/logs?follow=true`, { headers, agent: false }, (response) => resolve({ sent, response }));
      sent.on("error", reject);
      following.push(sent);
    });
  await eventually("there is a line about the plugin", async () => (await admin(host, "/plugins/behave/logs")).status === 200);
  const first = await follow();
  for (let number = 1; number < 8; number++) assert.equal((await follow()).response.statusCode, 200);
  const ninth = await admin(host, "/plugins/behave/logs?follow=true");
  isProblem(ninth, 503, "unavailable");
  assert.equal(await limitHits(host, "LOG_FOLLOWERS_MAX"), 1);
  first.sent.destroy();
  await eventually("its permit is free", async () => {
    const { response } = await follow();
    return response.statusCode === 200;
  });
  for (const sent of following) sent.on("error", () => {}).destroy();
});
