// Files beside the endpoint: what is in the folder is served, and nothing else.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { connect, eventually, ROOT, startHost, tcp } from "./harness/index.mjs";

const SECRET = "nobody reads this";

test("nothing outside of the folder, and nothing hidden, is served, however it is spelled", async (t) => {
  const { host } = await serving(t);
  const paths = [
    "/../secret.txt", "/%2e%2e/secret.txt", "/%2E%2E/secret.txt", "/.%2e/secret.txt", "/..%2fsecret.txt", "/..%2Fsecret.txt", "/..%5csecret.txt",
    "/..\\secret.txt", "/sub/../../secret.txt", "/sub/%2e%2e/%2e%2e/secret.txt", "/sub%2f..%2f..%2fsecret.txt", "/%252e%252e/secret.txt",
    "//secret.txt", "/./../secret.txt", "/..;/secret.txt", "/%c0%ae%c0%ae/secret.txt", "/%00../secret.txt", "/page.css%00.html", "/out.txt",
    "/outside/secret.txt", "/outside/", "/.env", "/%2eenv", "/.git/config", "/shown.txt", "/dangling", "/%", "/socket.io/../page.css",
    `http://${host.address}/../secret.txt`, "/?/../secret.txt/..", "//example.com/sub", "/%2f%2fexample.com/sub",
  ];
  for (const target of paths) {
    const { status, text, headers } = await raw(host, target);
    assert.ok(!text.includes(SECRET), target);
    const refused = target.startsWith("/socket.io/") ? 400 : 404;
    if (target !== "/?/../secret.txt/..") assert.equal(status, refused, target);
    assert.ok(!headers.includes("location"), target);
  }
});

test("a file comes whole, with its type, and once more only if it has changed", async (t) => {
  const { host, folder } = await serving(t);
  const css = await fetch(`${host.url}/page.css?v=1`);
  assert.deepEqual([css.status, css.headers.get("content-type"), await css.text()], [200, "text/css; charset=utf-8", "p { margin: 0 }"]);
  assert.deepEqual([css.headers.get("cache-control"), css.headers.get("x-content-type-options")], ["no-cache", "nosniff"]);
  const known = { "if-none-match": css.headers.get("etag") };
  assert.equal((await fetch(`${host.url}/page.css`, { headers: known })).status, 304);
  writeFileSync(path.join(folder, "page.css"), "p { margin: 1px }");
  assert.equal((await fetch(`${host.url}/page.css`, { headers: known })).status, 200);

  const large = await fetch(`${host.url}/large.bin`);
  assert.equal(large.headers.get("content-type"), "application/octet-stream");
  assert.ok(Buffer.from(await large.arrayBuffer()).equals(LARGE));
  assert.equal(await (await fetch(`${host.url}/with%20space%20%C3%A9.txt`)).text(), "é");
  assert.equal(await (await fetch(`${host.url}/empty.txt`)).text(), "");
});

test("a part of a file comes as media players ask for it", async (t) => {
  const { host, folder } = await serving(t);
  const get = async (headers, method = "GET") => {
    const answer = await fetch(`${host.url}/large.bin`, { method, headers });
    const [length, range] = ["content-length", "content-range"].map((name) => answer.headers.get(name));
    return { status: answer.status, length, range, bytes: Buffer.from(await answer.arrayBuffer()), headers: answer.headers };
  };
  const whole = await get({});
  assert.deepEqual([whole.status, whole.length, whole.range], [200, String(LARGE.length), null]);
  assert.equal(whole.headers.get("accept-ranges"), "bytes");
  assert.match(whole.headers.get("etag"), /^"/);
  const [etag, modified] = ["etag", "last-modified"].map((name) => whole.headers.get(name));

  const [size, last] = [LARGE.length, LARGE.length - 1];
  const parts = { "bytes=0-": [0, last], "bytes=0-1": [0, 1], "bytes=70000-200000": [70_000, 200_000], "bytes=-5": [last - 4, last], "bytes=2999999-9999999": [2_999_999, last] };
  for (const [range, [from, to]] of Object.entries(parts)) {
    const part = await get({ range });
    assert.deepEqual([part.status, part.length, part.range], [206, String(to - from + 1), `bytes ${from}-${to}/${size}`], range);
    assert.ok(part.bytes.equals(LARGE.subarray(from, to + 1)), range);
    assert.equal(part.headers.get("etag"), etag);
  }
  const head = await get({ range: "bytes=0-1" }, "HEAD");
  assert.deepEqual([head.status, head.length, head.bytes.length], [206, "2", 0]);
  const beyond = await get({ range: `bytes=${size}-` });
  assert.deepEqual([beyond.status, beyond.range], [416, `bytes */${size}`]);
  for (const range of ["bytes=0-1,5-6", "bytes=x", "lines=0-1"]) assert.equal((await get({ range })).status, 200, range);

  for (const known of [etag, modified]) {
    assert.equal((await get({ range: "bytes=0-1", "if-range": known })).status, 206, known);
  }
  writeFileSync(path.join(folder, "list.m3u8"), "#EXTM3U");
  assert.equal((await fetch(`${host.url}/list.m3u8`)).headers.get("content-type"), "application/vnd.apple.mpegurl");
  assert.equal((await get({ "if-modified-since": modified })).status, 304);
  assert.equal((await get({ "if-match": '"another"' })).status, 412);
  writeFileSync(path.join(folder, "large.bin"), "changed");
  const changed = await get({ range: "bytes=0-1", "if-range": etag });
  assert.deepEqual([changed.status, changed.bytes.toString()], [200, "changed"]);
});

test("HEAD returns the length and no body; other methods are refused", async (t) => {
  const { host } = await serving(t);
  const head = await fetch(`${host.url}/large.bin`, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("content-length"), await head.text()], [200, String(LARGE.length), ""]);
  const post = await fetch(`${host.url}/page.css`, { method: "POST", body: "x" });
  assert.deepEqual([post.status, post.headers.get("allow")], [405, "GET, HEAD"]);
});

test("a folder shows its index.html at the address with a slash", async (t) => {
  const { host } = await serving(t);
  assert.equal(await (await fetch(`${host.url}/`)).text(), "<p>top</p>");
  const moved = await fetch(`${host.url}/sub?a=1`, { redirect: "manual" });
  assert.deepEqual([moved.status, moved.headers.get("location")], [301, "/sub/?a=1"]);
  assert.equal(await (await fetch(`${host.url}/sub/`)).text(), "<p>sub</p>");
  for (const name of ["/bare", "/bare/", "/page.css/"]) assert.equal((await fetch(host.url + name)).status, 404, name);
  assert.equal(await (await fetch(`${host.url}/inside.css`)).text(), "p { margin: 0 }");
});

test("a client that disconnects in the middle of a file leaves nothing open", async (t) => {
  const { host } = await serving(t);
  // More at once than may be open; each takes a little and goes.
  for (let round = 0; round < 3; round += 1) {
    const sockets = await Promise.all(Array.from({ length: 100 }, () => tcp(host)));
    for (const socket of sockets) socket.write("GET /large.bin HTTP/1.1\r\nhost: x\r\n\r\n");
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("data", resolve))));
    for (const socket of sockets) socket.destroy();
  }
  await eventually("files are served again", async () => (await fetch(`${host.url}/page.css`)).status === 200);
});

test("the official client is served, and runs; without it the response says what to do", async (t) => {
  const client_folder = path.join(ROOT, "tests/node_modules/socket.io-client/dist");
  const host = await startHost(t, { plugins: ["echo"], server: { client_folder } });
  for (const name of ["socket.io.js", "socket.io.min.js", "socket.io.min.js.map", "socket.io.esm.min.js"]) {
    const answer = await fetch(`${host.url}/socket.io/${name}`);
    assert.equal(answer.status, 200, name);
    assert.match(answer.headers.get("content-type"), name.endsWith(".map") ? /json/ : /^text\/javascript/);
    assert.ok((await answer.text()).length > 1_000, name);
    assert.equal(answer.headers.get("access-control-allow-origin"), "*", "a page of another origin imports it");
  }
  // The endpoint's answer, as from Node's server.
  for (const name of ["package.json", "../package.json", "client.js"]) assert.equal((await raw(host, `/socket.io/${name}`)).status, 400);
  await connect(host);

  const missing = await startHost(t);
  const answer = await fetch(`${missing.url}/socket.io/socket.io.min.js`);
  assert.equal(answer.status, 404);
  assert.match(await answer.text(), /npm install socket\.io-client.*client_folder/s);
  const none = await startHost(t, { server: { serve_client: false, client_folder } });
  assert.equal((await fetch(`${none.url}/socket.io/socket.io.min.js`)).status, 400);
});

const LARGE = Buffer.alloc(3_000_001, "innkeeper ");

/** A host with a folder of files, a secret beside it, and links that lead there. */
async function serving(t) {
  const base = mkdtempSync(path.join(tmpdir(), "innkeeper-test-"));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const folder = path.join(base, "public");
  for (const made of ["sub", "bare", ".git"]) mkdirSync(path.join(folder, made), { recursive: true });
  const files = {
    "../secret.txt": SECRET, ".env": SECRET, ".git/config": SECRET, "index.html": "<p>top</p>", "sub/index.html": "<p>sub</p>",
    "page.css": "p { margin: 0 }", "large.bin": LARGE, "with space é.txt": "é", "empty.txt": "",
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content);
  const links = { "out.txt": "../secret.txt", outside: "..", "shown.txt": ".env", dangling: "nowhere", "inside.css": "page.css" };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, path.join(folder, name));
  const host = await startHost(t, { plugins: ["echo"], server: { static_folder: folder } });
  return { host, folder };
}

/** A request whose target is sent as it is: clients tidy paths up before they send them. */
async function raw(host, target) {
  const socket = await tcp(host);
  let text = "";
  socket.setEncoding("latin1").on("data", (part) => (text += part));
  socket.on("error", () => {});
  const ended = new Promise((resolve) => socket.once("close", resolve));
  socket.write(`GET ${target} HTTP/1.1\r\nhost: ${host.address}\r\nconnection: close\r\n\r\n`, "latin1");
  await ended;
  return { status: Number(text.split(" ")[1]), text, headers: text.split("\r\n\r\n")[0].toLowerCase() };
}
