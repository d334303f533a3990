// Clients that are refused, and files that cannot be served: the operator reads why, and which key to set.

import assert from "node:assert/strict";
import test from "node:test";
import { connect, RawPolling, RawSocket, refused, request, startHost, tcp } from "./harness/index.mjs";

const POLLING = "/socket.io/?EIO=4&transport=polling";

test("a page of another origin is refused, and the log names the origin and the key", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  const error = await refused(host, "/", { extraHeaders: { origin: "https://foe.example" } });
  assert.ok(error);
  const line = await warning(host, /another origin/);
  assert.match(line.message, /\[server\.cors\] origin/);
  assert.match(line.message, /Host/);
  assert.deepEqual([line.origin, line.host], ['"https://foe.example"', JSON.stringify(host.address)]);
});

test("origins that are no web page's pass where they are the server's own, or listed", async (t) => {
  const origin = ["https://page.example", "https://*.good.example", "null", "file://", "wss://listed.example"];
  const host = await startHost(t, { plugins: ["echo"], server: { cors: { origin } } });
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

test("when no file handle is left, the log names the limit of the process, and clients are served again afterwards", async (t) => {
  const host = await startHost(t, { plugins: ["echo"], handles: 64 });
  const sockets = [];
  // The system accepts more than the program can; those wait.
  for (let socket = 0; socket < 80; socket += 1) sockets.push(await tcp(host));
  assert.match((await warning(host, /cannot accept/)).message, /ulimit -n/);
  for (const socket of sockets) socket.destroy();
  await connect(host);
});

function warning(host, message, also = () => true) {
  return host.waitForLog((line) => line.level === "WARN" && message.test(line.message) && also(line), `a warning like ${message}`);
}
