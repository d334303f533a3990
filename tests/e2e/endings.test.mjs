// The ends of sessions, as clients see them: a held request is answered, a websocket is closed and not cut, and a shutdown waits for
// nobody who is not there.

import assert from "node:assert/strict";
import net from "node:net";
import test from "node:test";
import { RawPolling, RawSocket, ask, connect, disconnected, eventually, request, startHost, tcp, within } from "./harness/index.mjs";

const QUICK = { ping_interval: "100ms", ping_timeout: "150ms" };

test("a held poll reads CLOSE when the client answers no ping, when a second poll comes, and when two POSTs overlap", async (t) => {
  const host = await startHost(t, { plugins: ["echo"], server: QUICK });
  const silent = await RawPolling.open(host);
  assert.equal((await silent.poll()).text, "2");
  assert.equal((await silent.poll()).text, "1");

  const other = await startHost(t, { plugins: ["echo"] });
  const greedy = await RawPolling.open(other);
  const polls = await Promise.all([greedy.poll(), greedy.poll()]);
  assert.deepEqual(polls.map(({ status, text }) => (status === 200 ? text : status)).sort(), ["1", 400]);

  const hasty = await RawPolling.open(other);
  const [held, unfinished] = [hasty.poll(), await tcp(other)];
  const head = `POST /socket.io/?EIO=4&transport=polling&sid=${hasty.sid} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n40`;
  unfinished.write(head);
  // A POST that came too early is answered "ok"; then the unfinished one has not begun, and another follows.
  await eventually("the second POST is refused", async () => (await hasty.post("3")).status === 400);
  assert.equal((await held).text, "1");
});

test("a poll that the client's CLOSE overtook reads NOOP", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  const raw = await RawPolling.open(host);
  assert.equal((await raw.post("1")).text, "ok");
  assert.deepEqual([(await raw.poll()).text, (await raw.poll()).status], ["6", 400]);
});

test('the official client on polling reports "transport close" when its session ends on a missed ping', async (t) => {
  // The client gives up by itself after both times together.
  const host = await startHost(t, { plugins: ["echo"], server: { ping_interval: "500ms", ping_timeout: "100ms" } });
  const client = await connect(host, "/", { via: "polling" });
  const told = disconnected(client);
  const send = client.io.engine._sendPacket;
  client.io.engine._sendPacket = function (type, ...rest) {
    if (type !== "pong") send.call(this, type, ...rest);
  };
  assert.equal(await told, "transport close");
});

test("a second websocket for a session is answered with a handshake and closed, and the first goes on", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  const { sid } = await RawPolling.open(host);
  const query = `EIO=4&transport=websocket&sid=${sid}`;
  const first = new RawSocket(host, { query });
  await first.opened;
  first.send("2probe");
  assert.equal(await first.next(), "3probe");
  const closesAfterHandshake = async () => {
    const more = new RawSocket(host, { query });
    await within("the handshake is answered", more.opened);
    assert.equal(await more.end(), 1000);
  };
  await closesAfterHandshake();
  first.send("5");
  first.send("40");
  await first.next((packet) => packet.startsWith("40{"));
  await closesAfterHandshake();
  first.send('420["still","here"]');
  assert.equal(await first.next(), '430["here"]');
});

test("a websocket whose client sent CLOSE is left open until the client closes it", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const raw = await RawSocket.connect(host);
  let closed = false;
  raw.closed.then(() => (closed = true));
  raw.send("1");
  await host.waitForLog((line) => line.message?.startsWith("disconnect: transport close"), "the handler is called at once");
  assert.equal(closed, false);
  raw.close();
  // 1005 is what ws says of a close frame without a code: the client's own, to which the server answered.
  assert.ok([1000, 1005].includes(await raw.end()));
});

test("a client that still sends reads why it is refused", async (t) => {
  const host = await startHost(t, { plugins: ["echo"], server: { max_http_buffer_size: 10_000 } });
  const large = "x".repeat(8 << 20);
  const raw = await RawSocket.connect(host);
  raw.send(`4${large}`);
  assert.equal(await raw.end(), 1009);

  const polling = await RawPolling.open(host);
  assert.equal((await polling.post(`4${large}`)).status, 413);
  assert.equal((await request(host, { method: "POST", path: "/socket.io/?EIO=4&transport=polling&sid=none", body: large })).status, 400);
});

test("a shutdown does not wait for a polling session without a request, and answers those that are held", async (t) => {
  const host = await startHost(t, { plugins: ["echo"], log: "debug" });
  const [, present] = [await RawPolling.open(host), await RawPolling.open(host)];
  const held = present.poll();
  // The poll is held once the server has answered what came after it.
  await request(host, { path: "/socket.io/?EIO=4&transport=polling&sid=none" });
  const begun = performance.now();
  assert.equal(await host.stop("SIGTERM"), 0);
  assert.ok(performance.now() - begun < 2_000, `after ${performance.now() - begun} ms`);
  assert.equal((await held).text, "1");
});

test("/healthz says that the server shuts down", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const client = await connect(host);
  await ask(client, "linger");
  host.signal("SIGTERM");
  await host.waitForLog((line) => line.message?.startsWith("disconnect: "), "the disconnect handler runs");
  const health = await request(host, { base: host.internal, path: "/healthz" });
  assert.deepEqual([health.status, health.json], [503, { status: "shutting down" }]);
});

test("keep_alive: a connection without a request is closed, on both listeners, and not before", async (t) => {
  const host = await startHost(t, { server: { keep_alive: "700ms" } });
  for (const url of [host.url, host.internal]) {
    const { hostname, port } = new URL(url);
    const stream = net.connect(Number(port), hostname);
    t.after(() => stream.destroy());
    const begun = performance.now();
    stream.write("GET /healthz HTTP/1.1\r\n");
    await within("the connection is closed", new Promise((resolve) => stream.on("close", resolve).on("error", resolve).resume()));
    assert.ok(performance.now() - begun > 600);
  }
});

test("body_timeout: an upload that stands still is given up, a slow one is not", async (t) => {
  const host = await startHost(t, { plugins: ["echo"], server: { body_timeout: "500ms", body_rate_min: 1 } });
  const upload = async (text, pause) => {
    const { sid } = await RawPolling.open(host);
    const stream = await tcp(host);
    const answer = new Promise((resolve) => stream.once("data", (bytes) => resolve(bytes.toString().slice(9, 12))));
    const head = `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${text.length}\r\n\r\n`;
    stream.write(head);
    for (const letter of text) {
      await pause();
      stream.write(letter);
    }
    return within("the upload is answered", answer);
  };
  const pause = () => new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal(await upload("40/none", pause), "200");
  let first = true;
  const never = () => (first ? ((first = false), undefined) : new Promise((resolve) => setTimeout(resolve, 3_000)));
  assert.equal(await upload("40", never), "400");
});
