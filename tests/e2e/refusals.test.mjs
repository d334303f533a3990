// Clients that are refused, and files that cannot be served: the operator reads why, and which key to set.

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { connect, RawPolling, RawSocket, refused, request, startHost, tcp, within } from "./harness/index.mjs";

const POLLING = "/socket.io/?EIO=4&transport=polling";

test("a page of another origin is refused, and the log names the origin and the key", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  const error = await refused(host, "/", { extraHeaders: { origin: "https://foe.example" } });
  assert.ok(error);
  const line = await warning(host, /another origin/);
  assert.match(line.message, /\[server\.cors\] origin/);
  assert.match(line.message, /Host/);
  assert.deepEqual([line.origin, line.host], ["https://foe.example", host.address]);
});

test("origins that are no web page's pass where they are the server's own, or listed", async (t) => {
  const origin = ["https://page.example", "https://*.good.example", "null", "file://", "wss://listed.example"];
  const host = await startHost(t, { plugins: ["echo"], server: { hosts: ["own.example"], cors: { origin } } });
  const status = async (headers) => (await request(host, { path: POLLING, headers })).status;
  // The server's own address, as a client on a phone has it.
  for (const own of ["wss://own.example", "wss://own.example:443", "https://own.example", "HTTPS://OWN.example"]) {
    assert.equal(await status({ origin: own, host: "own.example:443" }), 200, own);
    assert.equal(await status({ origin: own, host: "own.example" }), 200, own);
  }
  const listed = ["wss://page.example", "https://page.example:443", "https://a.b.good.example", "null", "file://", "https://listed.example"];
  for (const passes of listed) assert.equal(await status({ origin: passes }), 200, passes);
  for (const foreign of ["ws://page.example", "https://good.example", "https://evilgood.example", "file://x", "http://own.example", "wss://own.example:444"]) {
    assert.equal(await status({ origin: foreign, host: "own.example:443" }), 403, foreign);
  }
  const file = await request(host, { path: POLLING, headers: { origin: "file://" } });
  assert.equal(file.headers["access-control-allow-origin"], "file://");
  await connect(host, "/", { extraHeaders: { origin: "null" } });

  const none = await startHost(t);
  for (const device of ["null", "file://"]) {
    assert.equal((await request(none, { path: POLLING, headers: { origin: device } })).status, 403, device);
  }
});

test("a message that is too long is in the log with its key, on both transports", async (t) => {
  const message = /max_http_buffer_size/;
  const server = { max_http_buffer_size: 10_000 };
  const polled = await startHost(t, { plugins: ["echo"], server });
  const polling = await RawPolling.open(polled);
  assert.equal((await polling.post("4".repeat(20_000))).status, 413);
  await warning(polled, message);
  const host = await startHost(t, { plugins: ["echo"], server });
  const raw = await RawSocket.connect(host);
  raw.send("4".repeat(20_000));
  assert.equal(await raw.end(), 1009);
  await warning(host, message);
});

test("a body that stands still is in the log with its key, an upload and a download", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(path.join(folder, "large.bin"), "");
  truncateSync(path.join(folder, "large.bin"), 64 << 20);
  const server = { body_timeout: "300ms", static_folder: folder };
  const uploads = await startHost(t, { plugins: ["echo"], server });
  const { sid } = await RawPolling.open(uploads);
  (await tcp(uploads)).write(`POST ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n40`);
  await warning(uploads, /body_timeout/);
  const downloads = await startHost(t, { server });
  const stream = (await tcp(downloads)).on("error", () => {}).pause();
  stream.write("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await warning(downloads, /body_timeout/);
});

test("the process takes as many file handles as the system gives it", async (t) => {
  const host = await startHost(t, { plugins: ["echo"], softHandles: 64 });
  const clients = await Promise.all(Array.from({ length: 100 }, () => connect(host)));
  assert.deepEqual(host.logged((line) => /cannot accept/.test(line.message)), []);
  for (const client of clients) client.close();
});

test("a file that is there and cannot be opened is 403 or 500, and the log names it", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(path.join(folder, "closed.txt"), "nobody may read this");
  chmodSync(path.join(folder, "closed.txt"), 0);
  symlinkSync("loop.txt", path.join(folder, "loop.txt"));
  // Root reads everything unless it gives that up.
  const host = await startHost(t, { server: { static_folder: folder }, unprivileged: true });
  for (const [name, status] of Object.entries({ "closed.txt": 403, "loop.txt": 500, "nowhere.txt": 404 })) {
    assert.equal((await fetch(`${host.url}/${name}`)).status, status, name);
  }
  const line = await warning(host, /cannot be served/);
  assert.match(line.path, /closed\.txt/);
  assert.match(line.message, /static_folder/);
  await within("the other file is in the log", warning(host, /cannot be served/, (line) => /loop\.txt/.test(line.path)));
});

test("the official client that is not installed is in the log with the key of its folder", async (t) => {
  const host = await startHost(t);
  assert.equal((await fetch(`${host.url}/socket.io/socket.io.js`)).status, 404);
  await warning(host, /client_folder/);
});

function warning(host, message, also = () => true) {
  return host.waitForLog((line) => line.level === "WARN" && message.test(line.message) && also(line), `a warning like ${message}`);
}
