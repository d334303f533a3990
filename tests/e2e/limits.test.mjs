// Each limit that no other test hits, by name: what is below it passes, what is above it is refused, ended or left out of the log.
// tests/structure/src/limits.rs fails for a limit that no test names.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RawPolling, RawSocket, ask, askAll, connect, eventually, refused, request, startHost } from "./harness/index.mjs";

/** No deadline of the host comes to the rescue before a test gives up. */
const LONG = { run_ms: 30_000, call_ms: 60_000 };

test("inbound_high_bytes: a client that sends more than is handled is slowed down, and nothing is lost", async (t) => {
  const host = await startHost(t, { plugins: { crowd: { instances_max: 1, ...LONG } }, limits: { inbound_high_bytes: 1 << 20 } });
  const raw = await RawSocket.connect(host);
  const [count, filler] = [300, "x".repeat(100_000)];

  raw.send('420["doze",1000]');
  for (let number = 1; number <= count; number++) raw.send(`42${number}["number",${number},"${filler}"]`);

  await raw.next((packet) => packet === "430[true]", "the sleeper wakes");
  assert.ok(raw.socket.bufferedAmount > 0, "the client could not get rid of everything meanwhile");
  await eventually("all are answered", () => raw.received.length >= count, 60_000);
  assert.deepEqual(raw.received, Array.from({ length: count }, (_, i) => `43${i + 1}[${i + 1}]`));
});

test("inbound_max_bytes: a client that is slowed down for long and does not stop is disconnected", async (t) => {
  const host = await startHost(t, {
    plugins: { crowd: LONG },
    server: { ping_timeout: "1s", ping_interval: "1s" },
    limits: { inbound_high_bytes: 100_000, inbound_max_bytes: 1_000_000 },
  });
  const watcher = await connect(host);
  await ask(watcher, "join", "watchers");
  const gone = new Promise((resolve) => watcher.once("went", (sid, reason) => resolve(reason)));
  const raw = await RawSocket.connect(host);

  raw.send('42["doze",3000]');
  for (let number = 0; number < 5_000; number++) raw.send(`42["number",${number},"${"x".repeat(1_000)}"]`);

  assert.equal(await gone, "inbound limit");
  await host.waitForLog((line) => line.level === "WARN" && /inbound_max_bytes/.test(line.message), "the log says why");
  assert.equal(await ask(watcher, "number", 1), 1);
});

test("attachments_max: a packet with more attachments closes the connection", async (t) => {
  const host = await startHost(t, { plugins: { behave: {} }, limits: { attachments_max: 2 } });
  const [one, two] = [Buffer.from([1]), Buffer.from([1, 2])];
  assert.deepEqual(await ask(await connect(host), "sizes", [one, two]), [1, 2]);

  const raw = await RawSocket.connect(host);
  raw.send('453-1["sizes",[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]]');
  await raw.end();
  await host.waitForLog((line) => line.message?.startsWith("disconnect: forced close: "), "the handler sees the reason");
});

test("namespaces_per_connection_max: one more is refused, and those that are there stay", async (t) => {
  const host = await startHost(t, { plugins: { crowd: {} }, limits: { namespaces_per_connection_max: 1 } });
  const raw = await RawSocket.connect(host);
  raw.send("40/b,");
  assert.equal(await raw.next(), '44/b,{"message":"Too many namespaces"}');
  raw.send('421["number",7]');
  assert.equal(await raw.next(), "431[7]");
});

test("data_bytes_max: data that would grow beyond it is refused, and what was there stays", async (t) => {
  const host = await startHost(t, { plugins: { behave: {} }, limits: { data_bytes_max: 1_024 } });
  const client = await connect(host);
  assert.equal(await ask(client, "data:set", "kept", "x".repeat(900)), true);
  assert.equal((await ask(client, "data:set", "more", "x".repeat(200))).success, false);
  assert.equal((await ask(client, "data:get", "kept")).length, 900);
  assert.equal(await ask(client, "data:get", "more"), null);
});

test("open_acks_per_socket_max: beyond it the ack with the lowest id is forgotten", async (t) => {
  const host = await startHost(t, { plugins: { asker: {} }, limits: { open_acks_per_socket_max: 2 } });
  const give = async (kept) => {
    const raw = await RawSocket.connect(host);
    for (const id of kept) raw.send(`42${id}["keep"]`);
    raw.send('4299["give","late"]');
    await raw.next((packet) => packet === "4399[true]", "the one that gives is answered");
    return raw.received;
  };
  assert.deepEqual(await give([10]), ['4310["late"]']);
  assert.deepEqual(await give([30, 20, 10]), [], "10, which was kept last, is the lowest of three");
});

test("log_lines_per_call_max: what a call writes beyond it is left out, and a line says how much", async (t) => {
  const host = await startHost(t, { plugins: { crowd: {} }, limits: { log_lines_per_call_max: 10 } });
  assert.equal(await ask(await connect(host), "log", "info", 25), true);
  await host.waitForLog((line) => /log_lines_per_call_max/.test(line.message), "the log says that lines are left out");
  assert.equal(host.logged(isLine).length, 10);
});

test("GUEST_ERROR_LINES_MAX: all calls of a plugin together report so many errors in ten seconds", async (t) => {
  const host = await startHost(t, { plugins: { crowd: LONG } });
  await ask(await connect(host), "log", "error", 30);
  await host.stop();
  assert.equal(host.logged("ERROR").filter(isLine).length, 20);
});

test("log_bytes_per_day_max: an hour's share of a plugin's lines is written at once, and errors still have a place then", async (t) => {
  const limits = { log_lines_per_call_max: 1_000_000, log_bytes_per_day_max: 24_000_000 };
  const host = await startHost(t, { plugins: { crowd: LONG }, limits });
  const client = await connect(host);
  await ask(client, "log", "info", 10_000);
  await ask(client, "log", "error", 10);
  await host.stop();
  // Three quarters of a million bytes; a line has 200 besides its text.
  const lines = host.logged("INFO").filter(isLine).length;
  assert.ok(lines > 2_500 && lines < 3_750, `${lines} lines`);
  assert.equal(host.logged("ERROR").filter(isLine).length, 10);
  assert.equal(host.logged((line) => /log_bytes_per_day_max/.test(line.message)).length, 1);
});

test("PRINTED_LINE_BYTES_MAX: a longer line that a guest prints is cut in two", async (t) => {
  const host = await startHost(t, { plugins: { crowd: {} } });
  await ask(await connect(host), "print", 5_000);
  const isPrinted = (line) => /^p+$/.test(line.message ?? "");
  await eventually("both parts are there", () => host.logged(isPrinted).length === 2);
  assert.deepEqual(host.logged(isPrinted).map(({ message }) => message.length), [4_096, 904]);
});

test("FAILURE_LINES_MAX: failures that a client provokes do not fill the log", async (t) => {
  const host = await startHost(t, { plugins: { faulty: {} } });
  const client = await connect(host);
  for (let number = 0; number < 30; number++) await ask(client, "fail", "panic");
  assert.equal(host.logged("ERROR").filter((line) => / failed: /.test(line.message)).length, 20);
});

test("REFUSED_JOIN_LINES_MAX: joins that were refused when they were applied do not fill the log", async (t) => {
  const host = await startHost(t, { plugins: { crowd: {} }, limits: { rooms_per_socket_max: 2 } });
  const client = await connect(host);
  for (let number = 0; number < 30; number++) client.emit("gather", ["a", "b"]);
  assert.equal(await ask(client, "number", 1), 1);
  const isRefusal = (line) => /rooms_per_socket_max/.test(line.message ?? "");
  await eventually("the log is read", () => host.logged(isRefusal).length >= 20);
  assert.equal(host.logged(isRefusal).length, 20);
});

test("OVERLAY_WRITES_MAX: reads behind very many writes of one call are refused", async (t) => {
  const host = await startHost(t, { plugins: { crowd: LONG } });
  const client = await connect(host);
  assert.deepEqual(await askAll(client, "peek", 20_000, 1_001), [1_000, "limit"]);
});

for (const [limit, most] of [
  ["deliveries_per_call_max", 100],
  ["plugin_bytes_max", 1 << 20],
]) {
  test(`${limit}: what a call does beyond it is refused, and the limit is counted`, async (t) => {
    const host = await startHost(t, { plugins: { zoo: { namespaces: ["/zoo"], ...LONG } }, limits: { [limit]: most } });
    const client = await connect(host, "/zoo");

    const [passed, code] = await ask(client, "attack", "broadcasts");

    assert.equal(code, "limit");
    assert.ok(passed >= 100 && passed < 50_000, `${passed} passed`);
    const metrics = await (await fetch(`${host.internal}/metrics`)).text();
    assert.match(metrics, new RegExp(`^innkeeper_limit_hits_total\\{limit="${limit}",plugin="zoo"\\} 1$`, "m"));
    assert.equal(await ask(client, "number", 1), 1);
  });
}

test("rate_limit_keys_max: in a full table newcomers have their points, who is beyond the limit stays refused, and the log says why", async (t) => {
  const config = { points: 2, window_ms: 60_000, per: ["socket"] };
  const host = await startHost(t, { plugins: { "rate-limit": { config }, echo: {} }, limits: { rate_limit_keys_max: 2 } });
  const abuser = await connect(host);
  assert.deepEqual([await ask(abuser, "x", 1), await ask(abuser, "x", 2)], [1, 2]);
  assert.equal((await ask(abuser, "x", 3)).code, "RATE_LIMITED");
  for (let count = 0; count < 5; count++) assert.equal(await ask(await connect(host), "x", count), count);
  assert.equal((await ask(abuser, "x", 3)).code, "RATE_LIMITED");
  const warned = (line) => line.level === "WARN" && /rate_limit_keys_max/.test(line.message);
  await host.waitForLog(warned, "the log says why");
  assert.equal(host.logged(warned).length, 1, "once, and not for each key");
});

test("waiting_max: beside so many calls that wait overtaken, the queue stands", async (t) => {
  const host = await startHost(t, { plugins: { asker: { instances_max: 4, waiting_max: 2 } } });
  const answered = async (naps) => {
    const client = await connect(host);
    const order = [];
    const asked = [...naps.map((ms) => ["nap", ms]), ["hello"]].map(([event, ...args]) =>
      ask(client, event, ...args).then(() => order.push([event, ...args].join(" "))),
    );
    await Promise.all(asked);
    client.close();
    return order;
  };
  assert.deepEqual(await answered([900, 600]), ["hello", "nap 600", "nap 900"]);
  assert.deepEqual(await answered([1_800, 1_500, 100]), ["nap 100", "hello", "nap 1500", "nap 1800"]);
});

test("request_head_bytes_max: a request with a larger head is refused, and the log names the key", async (t) => {
  const status = async (host, bytes) => {
    const path = "/socket.io/?EIO=4&transport=polling";
    return (await request(host, { path, headers: { filler: "x".repeat(bytes) } })).status;
  };
  const byDefault = await startHost(t);
  assert.equal(await status(byDefault, 15 << 10), 200);
  assert.equal(await status(byDefault, 17 << 10), 431);
  await byDefault.waitForLog((line) => line.level === "WARN" && /request_head_bytes_max/.test(line.message), "the log says why");
  const larger = await startHost(t, { limits: { request_head_bytes_max: "48KiB" } });
  assert.equal(await status(larger, 33 << 10), 200);
  assert.equal(await status(larger, 50 << 10), 431);
});

test("QUERY_NAMES_MAX: what stands behind the first thousand parameters is ignored", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const plain = async (others) => {
    const { text } = await request(host, { path: `/socket.io/?EIO=4&transport=polling&${"x&".repeat(others)}plain=1` });
    const client = new RawPolling(host, JSON.parse(text.slice(1)).sid);
    await client.post("40");
    await eventually("the socket is connected", async () => (await client.poll()).text.includes('40{"sid"'));
    await client.post('421["handshake"]');
    const { packets } = await client.poll();
    return JSON.parse(packets.find((packet) => packet.startsWith("431[")).slice(3))[0].plain;
  };
  assert.equal(await plain(997), "1");
  assert.equal(await plain(998), null);
});

test("REFUSAL_LINES_MAX: a flood of refusals is a few lines of the log", async (t) => {
  const host = await startHost(t);
  const headers = { origin: `http://foe.example/${"x".repeat(1_000)}` };
  for (let request_ = 0; request_ < 50; request_ += 1) {
    assert.equal((await request(host, { path: "/socket.io/?EIO=4&transport=polling", headers })).status, 403);
  }
  const lines = host.logged((line) => /another origin/.test(line.message));
  assert.equal(lines.length, 5);
  assert.ok(lines.every(({ origin }) => origin.length < 300));
});

/** A line that the guest wrote with `log`. */
function isLine(line) {
  return /^line \d+$/.test(line.message ?? "");
}
