// A client that stops reading, floods, computes or reaches too far delays no other client.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RawPolling, RawSocket, ask, askAll, configuration, connect, eventually } from "./harness/index.mjs";
import { next, record, run, startHost, writeConfig } from "./harness/index.mjs";

const MIB = 1 << 20;
/** No deadline of the host comes to the rescue before a test gives up. */
const LONG = { run_ms: 30_000, call_ms: 60_000 };

for (const [what, busy] of [
  ["while its handler runs", ['42["flood",300,100000]']],
  ["while its handler waits", ['42["flood",300,100000]', '42["doze",100]']],
  ["while its events queue for the instance", ['42["flood",300,100000]', ...Array(200).fill('42["number",1]')]],
]) {
  test(`a client that stops reading ${what} does not keep the only instance`, async (t) => {
    const host = await startHost(t, {
      plugins: { crowd: { instances_max: 1, ...LONG } },
      limits: { outbox_bytes_max: 128 * MIB, write_bytes_per_call_max: 64 * MIB },
    });
    const other = await connect(host);
    const stalled = await stall(host);

    for (const packet of busy) stalled.send(packet);

    for (let number = 0; number < 300; number++) assert.equal(await ask(other, "number", number), number);
    assert.deepEqual(stalled.received, [], "it has read nothing in all that time");
    stalled.socket.resume();
    const last = busy.at(-1).startsWith('42["flood"') ? "flood" : "";
    assert.ok(await stalled.next((packet) => packet.startsWith(`42["${last}`), "it reads again and gets what was kept for it"));
  });
}

test("a stopped client that waits for the instance behind another gets its turn and gives it back", async (t) => {
  const host = await startHost(t, {
    plugins: { crowd: { instances_max: 1, ...LONG } },
    limits: { outbox_bytes_max: 128 * MIB, write_bytes_per_call_max: 64 * MIB },
  });
  const [holder, other] = await Promise.all([connect(host), connect(host)]);
  const stalled = await stall(host);
  stalled.send('42["flood",300,100000]');
  assert.equal(await ask(other, "number", 1), 1);

  const held = ask(holder, "doze", 300);
  stalled.send('42["number",2]');
  stalled.send('42["doze",50]');
  const answers = Promise.all([3, 4, 5].map((number) => ask(other, "number", number)));

  assert.equal(await held, true);
  assert.deepEqual(await answers, [3, 4, 5]);
});

test("handlers that compute share the threads with all others", async (t) => {
  const host = await startHost(t, { plugins: { crowd: LONG } });
  const burners = await Promise.all(Array.from({ length: 8 }, () => connect(host)));
  const other = await connect(host);
  let burning = burners.length;
  const burnt = Promise.all(burners.map((burner) => ask(burner, "burn", 3_000).finally(() => (burning -= 1))));

  for (let number = 0; number < 10; number++) assert.equal(await ask(other, "number", number), number);

  assert.equal(burning, burners.length, "all of them still compute");
  await burnt;
});

test("a slow consumer is disconnected past its bound, and the others in its room miss nothing", async (t) => {
  const host = await startHost(t, {
    plugins: { crowd: LONG },
    limits: { outbox_bytes_max: MIB, write_bytes_per_call_max: MIB / 2 },
  });
  const watcher = await watch(host);
  const [speaker, member] = await Promise.all([connect(host), connect(host)]);
  const heard = [];
  member.on("cast", (number) => heard.push(number));
  await ask(member, "join", "room");
  const stalled = await stall(host, ["/"]);

  let said = 0;
  while (watcher.gone.length === 0 && said < 1_000) await ask(speaker, "cast", "room", said++, 100_000);

  assert.deepEqual(watcher.gone, [[stalled.sid, "slow consumer"]]);
  await host.waitForLog((line) => line.level === "WARN" && /outbox_bytes_max/.test(line.message), "the log says why");
  await eventually("the other member heard all", () => heard.length === said);
  assert.deepEqual(heard, Array.from({ length: said }, (_, number) => number));
  assert.ok(member.connected && speaker.connected && watcher.client.connected);
});

test("two clients on two namespaces are pushed over their bounds from both sides, and nothing stops", async (t) => {
  const host = await startHost(t, {
    plugins: { crowd: LONG },
    limits: { outbox_bytes_max: MIB, write_bytes_per_call_max: MIB / 2 },
  });
  const watcher = await watch(host);
  const speakers = await Promise.all(["/", "/b", "/", "/b"].map((namespace) => connect(host, namespace)));

  for (let round = 1; round <= 5; round++) {
    const stalled = await Promise.all([stall(host, ["/", "/b"]), stall(host, ["/b", "/"])]);
    const speak = async (speaker) => {
      let said = 0;
      while (watcher.gone.length < 2 * round && said < 1_000) await ask(speaker, "cast", "room", said++, 100_000);
    };
    await Promise.all(speakers.map(speak));

    await eventually("both are gone", () => watcher.gone.length === 2 * round);
    const gone = new Map(watcher.gone);
    for (const { sid } of stalled) assert.equal(gone.get(sid), "slow consumer");
  }
});

test("a client that sends faster than its events are handled is slowed down, and nothing is lost", async (t) => {
  const host = await startHost(t, {
    plugins: { crowd: { instances_max: 1, ...LONG } },
    limits: { inbound_high_events: 100, inbound_max_events: 400 },
  });
  const raw = await RawSocket.connect(host);
  const filler = "x".repeat(1_000);
  const count = 20_000;

  raw.send('420["doze",1000]');
  for (let number = 1; number <= count; number++) raw.send(`42${number}["number",${number},"${filler}"]`);

  await raw.next((packet) => packet === "430[true]", "the sleeper wakes");
  assert.ok(raw.socket.bufferedAmount > 0, "the client could not get rid of everything meanwhile");
  await eventually("all are answered", () => raw.received.length >= count, 60_000);
  assert.deepEqual(
    raw.received,
    Array.from({ length: count }, (_, i) => `43${i + 1}[${i + 1}]`),
  );
});

test("what arrives at once past the inbound bound ends the connection, with that reason, and no other", async (t) => {
  const host = await startHost(t, {
    plugins: { crowd: { instances_max: 2, ...LONG } },
    limits: { inbound_high_events: 100, inbound_max_events: 1_000 },
  });
  const watcher = await watch(host);
  const polling = await RawPolling.open(host);
  await polling.post("40");
  const isConnect = (packet) => packet.startsWith("40");
  const connected = await eventually("it is connected", async () => (await polling.poll()).packets.find(isConnect));
  const { sid } = JSON.parse(connected.slice(2));

  await polling.post(Array(1_500).fill('42["doze",200]').join("\x1e"));

  await eventually("it is gone", () => watcher.gone.length > 0);
  assert.deepEqual(watcher.gone, [[sid, "inbound limit"]]);
  assert.equal(await ask(watcher.client, "number", 1), 1);
});

test("a client that is slowed down for long and does not stop is disconnected too", async (t) => {
  const host = await startHost(t, {
    plugins: { crowd: LONG },
    server: { ping_timeout: "1s", ping_interval: "1s" },
    limits: { inbound_high_events: 50, inbound_max_events: 500 },
  });
  const watcher = await watch(host);
  const raw = await RawSocket.connect(host);

  raw.send('42["doze",3000]');
  for (let number = 0; number < 5_000; number++) raw.send(`42["number",${number},"${"x".repeat(1_000)}"]`);

  await eventually("it is gone", () => watcher.gone.length > 0, 20_000);
  assert.equal(watcher.gone[0][1], "inbound limit");
  assert.ok(watcher.client.connected);
});

test("a call records so many writes and no more; those that were recorded are applied", async (t) => {
  const host = await startHost(t, {
    plugins: { crowd: {} },
    limits: { writes_per_call_max: 100, write_bytes_per_call_max: 100_000 },
  });
  const client = await connect(host);
  const heard = record(client, "scribble");

  assert.deepEqual(await askAll(client, "scribble", 1), [100, "limit"]);
  assert.equal(heard.length, 100);
  const [passed, code] = await askAll(client, "scribble", 10_000);
  assert.deepEqual([passed, code], [9, "limit"]);
  assert.equal(heard.length, 109);
});

test("another plugin's namespace cannot be reached without the capability", async (t) => {
  const host = await startHost(t, { plugins: { crowd: {}, ledger: {} } });
  const client = await connect(host);
  const other = await connect(host, "/slow");
  const heard = record(other, "reached");

  assert.deepEqual(await askAll(client, "reach", "/slow"), ["denied", "denied"]);
  assert.deepEqual(await askAll(client, "reach", "/nowhere"), ["denied", "denied"]);
  assert.deepEqual(await askAll(client, "reach", "/b"), ["ok", "ok"]);

  await askAll(other, "number", 0);
  assert.deepEqual(heard, []);
});

test("with the capability it is within reach, whether a client is connected there or not", async (t) => {
  const crowd = { config: { asks: ["namespaces"] }, grants: ["namespaces"] };
  const host = await startHost(t, { plugins: { crowd, ledger: {} } });
  const client = await connect(host);

  assert.deepEqual(await askAll(client, "reach", "/slow"), ["ok", "ok"]);
  const other = await connect(host, "/slow");
  const reached = next(other, "reached");
  assert.deepEqual(await askAll(client, "reach", "/slow"), ["ok", "ok"]);
  await reached;
  assert.deepEqual(await askAll(client, "reach", "/nowhere"), ["unknown", "unknown"]);
});

test("a plugin that requests what was not granted is not loaded, and the message names the grant", async (t) => {
  const file = writeConfig(t, configuration({ plugins: { crowd: { config: { asks: ["namespaces"] } } } }));

  const host = run(t, ["run", "--config", file]);

  assert.equal(await host.exit(), 2);
  assert.match(host.text, /crowd/);
  assert.match(host.text, /grants.*"namespaces"/);
});

/** A client that is in the room on each of the namespaces and then reads nothing any more. */
async function stall(host, namespaces = ["/"]) {
  const raw = await RawSocket.open(host);
  for (const namespace of namespaces) {
    const prefix = namespace === "/" ? "" : `${namespace},`;
    raw.send(`40${prefix}`);
    const connected = await raw.next((packet) => packet.startsWith(`40${prefix}{`), "the CONNECT packet");
    if (namespace === "/") raw.sid = JSON.parse(connected.slice(2)).sid;
    raw.send(`42${prefix}1["join","room"]`);
    await raw.next((packet) => packet.startsWith(`43${prefix}1[`), "it has joined");
  }
  raw.socket.pause();
  raw.received.length = 0;
  return raw;
}

/** A client that hears who goes. */
async function watch(host) {
  const client = await connect(host);
  await ask(client, "join", "watchers");
  const gone = [];
  client.on("went", (id, reason) => gone.push([id, reason]));
  return { client, gone };
}
