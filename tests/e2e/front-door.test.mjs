// Attacks on the clients' port, byte for byte: what the attacker sees, what the log has, how another client fares, and what memory
// the server holds.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { FREES_AT_ONCE, RawPolling, RawStream, ask, connect, eventually, frame, memory, request, resetPeak, startHost, upgradeRequest } from "./harness/index.mjs";

const MIB = 1 << 20;
const OPEN = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1";

/** A host with a client that is served whatever the attacker does: `check` says so, and that nothing is in the log as an error. */
async function attacked(t, options = {}) {
  const host = await startHost(t, { plugins: ["behave"], env: FREES_AT_ONCE, ...options });
  const neighbour = await connect(host);
  const check = async (what) => {
    assert.deepEqual(await ask(neighbour, "rooms"), [neighbour.id], `the neighbour is served after ${what}`);
    assert.deepEqual(host.logged("ERROR"), [], `no error is in the log after ${what}`);
  };
  return { host, neighbour, check };
}

/** Resident memory of the host. */
function resident(host) {
  return memory(host.pid).resident;
}

/** Resolves when the memory of the host is back, when the attackers have gone: within a twentieth of `before`, and 16 MiB. */
function memoryIsBack(host, before) {
  const back = async () => {
    // The allocator gives memory back when it is next asked for some.
    await Promise.all(Array.from({ length: 8 }, async () => (await RawStream.websocket(host)).close()));
    return resident(host) < before * 1.05 + 16 * MIB;
  };
  return eventually("the memory is back", back, 60_000).catch((error) => {
    throw new Error(`${resident(host) / MIB} MiB, after ${before / MIB} MiB`, { cause: error });
  });
}

/** One request on a connection of its own: lines of its head, and its body. */
async function exchange(host, lines, body = "") {
  const raw = await RawStream.open(host);
  raw.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
  return raw;
}

test("a text that looks like the answer to a websocket handshake is a text", async (t) => {
  const text = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-pages-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  // A file is sent in pieces of 64 KiB: the second begins with the text.
  const page = "x".repeat(64 << 10) + text;
  writeFileSync(path.join(folder, "page.txt"), page);
  const { host, check } = await attacked(t, { server: { static_folder: folder } });
  assert.equal((await request(host, { path: "/page.txt" })).text, page);
  const reader = await RawPolling.open(host);
  await reader.post("40");
  await reader.poll();
  const value = text.repeat(5_000);
  await reader.post(`421["several","a",1]\x1e422["several",${JSON.stringify(value)},1]`);
  let got = "";
  while (!got.includes("432[")) got += (await reader.poll()).text;
  assert.ok(got.includes(JSON.stringify(value)));
  await check("a text");
});

test("a connection whose query has very many names costs what it sent", async (t) => {
  const { host, check } = await attacked(t);
  const before = resident(host);
  const path = `/socket.io/?EIO=4&transport=polling${"&a".repeat(7_500)}`;
  for (let opened = 0; opened < 300; opened += 50) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => request(host, { path })));
    for (const { status } of answers) assert.equal(status, 200);
  }
  const each = (resident(host) - before) / 300;
  assert.ok(each < 64 << 10, `${Math.round(each)} bytes for each`);
  await check("such queries");
});

test("requests that are sent ahead cost no more than those that wait for each other", async (t) => {
  const { host, check } = await attacked(t);
  const before = resident(host);
  const pipelined = (count) => `${OPEN}\r\nHost: ${host.address}\r\n\r\n`.repeat(count);
  // Nothing of the responses is read.
  const raws = await Promise.all(Array.from({ length: 4 }, () => RawStream.open(host)));
  for (const raw of raws) raw.stream.pause();
  for (const raw of raws) raw.write(pipelined(500));
  await check("pipelined requests");
  assert.ok(resident(host) - before < 64 * MIB, `${(resident(host) - before) / MIB} MiB`);
  raws.forEach((raw) => raw.close());
  // In front of a websocket, too: the responses arrive in order, and the websocket works.
  const raw = await RawStream.open(host);
  raw.write(pipelined(3) + upgradeRequest(host));
  await eventually("all are answered", () => raw.statuses.join() === "200,200,200,101");
  raw.write(frame("40"));
  await eventually("CONNECT is answered", () => raw.got.includes("40{"));
});

const POST = "POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1";
/** Requests that a proxy in front may read differently, each refused with 400; `Host` is added if there is none. */
const AMBIGUOUS = {
  "no host": [[OPEN, "X: y"], "no host"],
  "two hosts": [[OPEN, "Host: a", "Host: b"]],
  "the same host twice": [[OPEN, "Host: 127.0.0.1", "Host: 127.0.0.1"]],
  "an empty host": [[OPEN, "Host:"]],
  "a host with a path": [[OPEN, "Host: a/b"]],
  "a host with a user": [[OPEN, "Host: a@127.0.0.1"]],
  "a target with a user": [["GET http://a@127.0.0.1/socket.io/?EIO=4&transport=polling HTTP/1.1", "Host: 127.0.0.1"]],
  "chunked twice in one line": [[POST, "Transfer-Encoding: chunked, chunked"], "0\r\n\r\n"],
  "chunked twice in two lines": [[POST, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], "0\r\n\r\n"],
  "an encoding before chunked": [[POST, "Transfer-Encoding: gzip, chunked"], "0\r\n\r\n"],
  "an encoding behind chunked": [[POST, "Transfer-Encoding: chunked, identity"], "0\r\n\r\n"],
  "an encoding that is none": [[POST, "Transfer-Encoding: xchunked"], "0\r\n\r\n"],
  "chunked in HTTP/1.0": [[POST.replace("1.1", "1.0"), "Transfer-Encoding: chunked"], "0\r\n\r\n"],
  "two lengths": [[POST, "Content-Length: 1", "Content-Length: 2"], "4"],
  "two lengths in one line": [[POST, "Content-Length: 1, 1"], "4"],
  "a length with a sign": [[POST, "Content-Length: +1"], "4"],
  "a length that is none": [[POST, "Content-Length: 0x1"], "4"],
  "a line that goes on": [[OPEN, "X: y", " Z: w"]],
  "a space before the colon": [[OPEN, "Host : 127.0.0.1"]],
  "a name with a space": [[OPEN, "X y: z"]],
  "a carriage return in a value": [[OPEN, "X: y\rZ: w"]],
  "a zero in a value": [[OPEN, "X: y\0"]],
  "a request of HTTP/2": [["PRI * HTTP/2.0"]],
};

test("a request that two servers could read differently is refused", async (t) => {
  const { host, check } = await attacked(t);
  for (const [what, [lines, body]] of Object.entries(AMBIGUOUS)) {
    const hasHost = what === "no host" || lines.some((line) => line.startsWith("Host"));
    const raw = await exchange(host, hasHost ? lines : [...lines, `Host: ${host.address}`], body === "no host" ? "" : body);
    assert.equal(await raw.status(), 400, what);
    raw.close();
    await check(what);
  }
});

test("what stands behind a body is the next request, whatever its length claims", async (t) => {
  const { host, check } = await attacked(t);
  const polling = await RawPolling.open(host);
  // RFC 9112: the encoding counts and not the length, and the connection is not used again.
  const smuggled = `GET /smuggled HTTP/1.1\r\nHost: ${host.address}\r\n\r\n`;
  const both = [POST.replace("sid=x", `sid=${polling.sid}`), `Host: ${host.address}`, "Content-Length: 6", "Transfer-Encoding: chunked"];
  const raw = await exchange(host, both, `2\r\n40\r\n0\r\n\r\n${smuggled}`);
  await raw.end();
  assert.deepEqual(raw.statuses, [200]);
  await check("both lengths");
  const bare = await RawStream.open(host);
  bare.write(`GET /a HTTP/1.1\nHost: ${host.address}\n\n`);
  assert.equal(await bare.status(), 404, "RFC 9112: a line feed alone may end a line");
});

test("the host in the target counts, and not the header beside it", async (t) => {
  const { host } = await attacked(t);
  const target = (name) => `GET http://${name}/socket.io/?EIO=4&transport=polling HTTP/1.1`;
  const port = host.address.split(":")[1];
  const status = async (name, header, origin) =>
    (await exchange(host, [target(name), `Host: ${header}`, ...(origin ? [`Origin: ${origin}`] : [])])).status();
  assert.equal(await status(host.address, host.address), 200);
  assert.equal(await status("evil.example", host.address), 403);
  assert.equal(await status(`localhost:${port}`, host.address, `http://localhost:${port}`), 200);
  assert.equal(await status(`localhost:${port}`, host.address, `http://${host.address}`), 403);
});

test("a name that somebody points at this machine is no name of this server (DNS rebinding)", async (t) => {
  const { host, check } = await attacked(t);
  const status = async (base, name, path = "/socket.io/?EIO=4&transport=polling") =>
    (await request(host, { base, path, headers: { host: name } })).status;
  for (const name of ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example"]) {
    assert.equal(await status(host.url, name), 403, name);
    assert.equal(await status(host.url, name, "/index.html"), 403, name);
    assert.equal(await status(host.internal, name, "/healthz"), 403, name);
  }
  for (const name of ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:3001", "192.0.2.7"]) {
    assert.equal(await status(host.url, name), 200, name);
    assert.equal(await status(host.internal, name, "/healthz"), 200, name);
  }
  const line = await host.waitForLog((line) => line.message?.includes("[server] hosts"), "the key is in the log");
  assert.equal(line.host, "evil.example");
  await check("rebinding");
  const named = await startHost(t, { server: { hosts: ["rt.example", "*.apps.example"] }, internal: { hosts: ["monitor"] } });
  assert.equal(await status(named.url, "rt.example:443"), 200);
  assert.equal(await status(named.url, "a.apps.example"), 200);
  assert.equal(await status(named.url, "apps.example"), 403);
  assert.equal(await status(named.internal, "monitor", "/healthz"), 200);
  assert.equal(await status(named.internal, "rt.example", "/healthz"), 403);
});

/** What a client may not send on a websocket, with the code of RFC 6455, section 7.4. */
const FRAMES = {
  "no mask": [Buffer.from([0x81, 0x02, 0x34, 0x30]), 1002],
  "the first reserved bit": [frame("40", 0xc1), 1002],
  "the second reserved bit": [frame("40", 0xa1), 1002],
  "the third reserved bit": [frame("40", 0x91), 1002],
  "an unknown opcode": [frame("40", 0x83), 1002],
  "an unknown control frame": [frame("40", 0x8b), 1002],
  "a continuation of nothing": [frame("40", 0x80), 1002],
  "a message in the middle of one": [Buffer.concat([frame("40", 0x01), frame("40")]), 1002],
  "a fragmented ping": [frame("x", 0x09), 1002],
  "a fragmented close": [frame("", 0x08), 1002],
  "a ping of 126 bytes": [frame(Buffer.alloc(126), 0x89), 1002],
  "a close of 126 bytes": [frame(Buffer.concat([Buffer.from([3, 232]), Buffer.alloc(124, "x")]), 0x88), 1002],
  "a close of one byte": [frame(Buffer.from([3]), 0x88), 1002],
  "a close with the code 0": [frame(Buffer.from([0, 0]), 0x88), 1002],
  "a close with the code 999": [frame(Buffer.from([0x03, 0xe7]), 0x88), 1002],
  "a close with the code 1005, which is never sent": [frame(Buffer.from([0x03, 0xed]), 0x88), 1002],
  "a close with the code 5000": [frame(Buffer.from([0x13, 0x88]), 0x88), 1002],
  "a close whose reason is not UTF-8": [frame(Buffer.from([0x03, 0xe8, 0xff]), 0x88), 1007],
  "a text that is not UTF-8": [frame(Buffer.from([0x34, 0xff])), 1007],
  "a fragmented text that is not UTF-8": [Buffer.concat([frame("4", 0x01), frame(Buffer.from([0xff]), 0x80)]), 1007],
  "a length of 2^63": [Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
  "a message beyond the limit": [Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x41, 0, 0, 0, 0]), 1009],
};

test("each breach of RFC 6455 ends the websocket with its code", async (t) => {
  const { host, check } = await attacked(t);
  for (const [what, [bytes, code]] of Object.entries(FRAMES)) {
    const raw = await RawStream.websocket(host);
    raw.write(bytes);
    assert.equal(await raw.closeCode(), code, what);
    raw.close();
    await check(what);
  }
  for (const content of [[], [0x03, 0xe8], [0x03, 0xe8, 0x62, 0x79, 0x65], [0x0b, 0xb8], [0x13, 0x87]]) {
    const raw = await RawStream.websocket(host);
    raw.write(frame(Buffer.from(content), 0x88));
    assert.equal(await raw.closeCode(), 1000, `${content}`);
  }
});

test("a body that is not UTF-8 ends the session, as such a frame does", async (t) => {
  const { host, check } = await attacked(t);
  const polling = await RawPolling.open(host);
  await polling.post("40");
  await polling.poll();
  assert.equal((await polling.post(Buffer.from([0x34, 0x32, 0xff]))).status, 400);
  await eventually("the session has ended", async () => [200, 400].includes((await polling.poll()).status));
  assert.equal((await polling.post("40")).json.message, "Session ID unknown");
  await check("a body that is not UTF-8");
});

test("no response lets a browser guess what it is", async (t) => {
  const { host } = await attacked(t);
  const polling = await RawPolling.open(host);
  const answers = [
    await polling.post("40"),
    await polling.poll(),
    await request(host, { path: "/socket.io/?EIO=4&transport=pigeon" }),
    await request(host, { path: "/socket.io/socket.io.min.js" }),
    await request(host, { base: host.internal, path: "/version" }),
  ];
  assert.deepEqual(answers.map((answer) => answer.headers["x-content-type-options"]), answers.map(() => "nosniff"));
});

/** A client that connects to these namespaces of the guest `crowd` on one websocket, and reads nothing from then on. */
async function silent(host, namespaces = ["/"]) {
  const raw = await RawStream.websocket(host);
  for (const namespace of namespaces) raw.write(frame(`40${namespace === "/" ? "" : `${namespace},`}`));
  await eventually("all are connected", () => raw.got.match(/\{"sid":"[\w-]{20}"\}/g)?.length === namespaces.length);
  raw.stream.pause();
  return raw;
}

const FLOOD = frame('42["flood",20,100000]');

test("a plugin that floods a client disconnects it from its own namespace, and the others stay", async (t) => {
  const host = await startHost(t, { plugins: { crowd: { namespaces: ["/", "/b"] } }, limits: { outbox_bytes_max: "4MiB", write_bytes_per_call_max: "4MiB" } });
  const raw = await silent(host, ["/", "/b"]);
  const flooded = () => host.logs.find((line) => line.message?.startsWith("disconnected from its namespace"));
  await eventually("the socket is disconnected", () => {
    if (!flooded()) raw.write(FLOOD);
    return flooded();
  });
  assert.match(flooded().message, /outbox_bytes_max/);
  assert.equal(flooded().ns, "/");
  raw.stream.resume();
  await eventually("the client reads of it", () => raw.got.endsWith("\x81\x0241"));
  // What it sent before it read that is ignored, and its other namespace is served.
  raw.write(FLOOD);
  raw.write(frame('42/b,1["join","r"]'));
  await eventually("the other namespace is served", () => raw.got.includes("43/b,1[true]"));
  raw.write(frame("40"));
  await eventually("it may connect again", () => raw.got.match(/\x8140\{"sid"|40\{"sid"/g).length === 2);
});

const WAITING_BYTES_MAX = 24 * MIB;

/** The bytes that wait for clients and of them, as `/metrics` has it. */
async function waitingBytes(host) {
  const { text } = await request(host, { base: host.internal, path: "/metrics" });
  return Number(/^innkeeper_outbox_bytes (\S+)$/m.exec(text)[1]);
}

/** Resolves when no more waits than may. Until then the host disconnects clients. */
function isWithinBound(host) {
  return eventually("no more waits than waiting_bytes_max", async () => (await waitingBytes(host)) <= WAITING_BYTES_MAX);
}

/** Looks at the bytes that wait, again and again; `stop` resolves to the most that were seen. */
function watchWaiting(host) {
  let most = 0;
  let stopping = false;
  const looking = (async () => {
    while (!stopping) {
      most = Math.max(most, await waitingBytes(host));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return most;
  })();
  looking.catch(() => {});
  return {
    stop: () => {
      stopping = true;
      return looking;
    },
  };
}

/** What the host held at the most since `resetPeak`, beside `before`. */
function heldAtMost(host, before) {
  return memory(host.pid).peak - before;
}

/** A client of the guest `crowd` that is in a room and reads nothing from then on, over a websocket. */
async function silentMember(host, room) {
  const raw = await silent(host);
  raw.stream.resume();
  raw.write(frame(`421["join","${room}"]`));
  await eventually("it has joined", () => raw.got.includes("431[true]"));
  raw.stream.pause();
  return { isGone: () => raw.isClosed, close: () => raw.close() };
}

/** The same over polling: its polls are answered, and it reads none of the answers. */
async function pollingMember(host, room) {
  const polling = await RawPolling.open(host);
  await polling.post("40");
  await polling.poll();
  await polling.post(`421["join","${room}"]`);
  assert.match((await polling.poll()).text, /^431\[true\]$/);
  const streams = [];
  const isGone = async () => {
    const unread = await RawStream.open(host);
    streams.push(unread);
    unread.stream.pause();
    unread.write(`GET /socket.io/?EIO=4&transport=polling&sid=${polling.sid} HTTP/1.1\r\nHost: ${host.address}\r\n\r\n`);
    return (await polling.post('42["number",1]')).status !== 200;
  };
  return { isGone, close: () => streams.forEach((stream) => stream.close()) };
}

test("clients that read nothing cost no more together than waiting_bytes_max", async (t) => {
  const [clients, messages, bytes, speakers] = [30, 14, 900_000, 6];
  // Each of them alone may have all that it is sent.
  const limits = { outbox_bytes_max: "16MiB", waiting_bytes_max: WAITING_BYTES_MAX };
  const host = await startHost(t, { plugins: ["crowd"], limits, env: FREES_AT_ONCE });
  const speaking = await Promise.all(Array.from({ length: speakers }, () => connect(host)));
  // The instances have grown as far as they will.
  for (let count = 0; count < 3; count++) await Promise.all(speaking.map((speaker) => ask(speaker, "cast", "nobody", count, bytes)));
  const before = resident(host);
  resetPeak(host.pid);

  const member = (index) => (index % 3 > 0 ? silentMember : pollingMember)(host, `room ${index}`);
  const members = await Promise.all(Array.from({ length: clients }, (_, index) => member(index)));
  const watch = watchWaiting(host);
  for (let first = 0; first < clients * messages; first += speakers) {
    // A turn: one message for each of some clients. Who was disconnected comes again.
    const turn = speaking.map(async (speaker, offset) => {
      const index = (first + offset) % clients;
      if (await members[index].isGone()) members[index] = await member(index);
      assert.equal(await ask(speaker, "cast", `room ${index}`, first, bytes), first);
    });
    await Promise.all(turn);
    await isWithinBound(host);
  }
  // A turn begins within the bound, so that it is exceeded by one turn at the most. The message of a polling client is for a moment in
  // the response, too.
  const turnBytes = speakers * 2 * (bytes + 1_000);
  const most = await watch.stop();
  assert.ok(most <= WAITING_BYTES_MAX + turnBytes, `${most / MIB} MiB waited`);
  assert.ok(most > WAITING_BYTES_MAX / 2, "there was something to bound");
  await host.waitForLog((line) => line.message?.includes("waiting_bytes_max"), "the key is in the log");
  // How much the allocator keeps depends on the machine. Without the bound half of all that was sent is there; buffers of the system
  // have the rest.
  const held = heldAtMost(host, before);
  assert.ok(held < (clients * messages * bytes) / 3, `${held / MIB} MiB`);
  assert.ok(speaking.every((speaker) => speaker.connected));
  members.forEach((member) => member.close());
  await memoryIsBack(host, before);
});

test("clients whose attachments never come hold no more together than waiting_bytes_max", async (t) => {
  const [clients, attachments, bytes, together] = [40, 8, 900_000, 8];
  const { host, check } = await attacked(t, { limits: { waiting_bytes_max: WAITING_BYTES_MAX } });
  const before = resident(host);
  resetPeak(host.pid);
  const placeholders = Array.from({ length: attachments + 1 }, (_, num) => `{"_placeholder":true,"num":${num}}`).join();
  const sender = async () => {
    const raw = await silent(host);
    raw.stream.resume();
    raw.write(frame(`45${attachments + 1}-["whole",${placeholders}]`));
    return raw;
  };
  const raws = await Promise.all(Array.from({ length: clients }, sender));
  const watch = watchWaiting(host);
  for (let first = 0; first < clients * attachments; first += together) {
    // A turn: one attachment of each of some clients, and a ping, which is answered when the attachment has been received.
    const turn = Array.from({ length: together }, async (_, offset) => {
      const index = (first + offset) % clients;
      if (raws[index].isClosed) raws[index] = await sender();
      const raw = raws[index];
      raw.write(frame(Buffer.alloc(bytes), 0x82));
      raw.write(frame(`turn ${first}.`, 0x89));
      await eventually("it was received", () => raw.isClosed || raw.got.includes(`turn ${first}.`));
    });
    await Promise.all(turn);
    await isWithinBound(host);
  }
  const most = await watch.stop();
  // What was received is counted in steps of 64 KiB for each client.
  assert.ok(most <= WAITING_BYTES_MAX + together * (bytes + 64 * 1_024), `${most / MIB} MiB waited`);
  assert.ok(most > WAITING_BYTES_MAX / 2, "there was something to bound");
  await host.waitForLog((line) => line.message?.includes("waiting_bytes_max"), "the key is in the log");
  await check("attachments that never come");
  const held = heldAtMost(host, before);
  // Without the bound all that was sent is there.
  assert.ok(held < (clients * attachments * bytes) / 2, `${held / MIB} MiB`);
  assert.ok(raws.some((raw) => !raw.isClosed), "those with the least stay");
  raws.forEach((raw) => raw.close());
  await memoryIsBack(host, before);
});

test("a client that answers PINGs without reading them does not stay", async (t) => {
  const server = { ping_interval: "400ms", ping_timeout: "400ms" };
  const host = await startHost(t, { plugins: ["crowd"], server });
  const raw = await silent(host);
  for (let count = 0; count < 5; count++) raw.write(FLOOD);
  const answers = setInterval(() => raw.write(frame("3")), 50);
  t.after(() => clearInterval(answers));
  const line = await host.waitForLog((line) => line.message?.includes("did not read"), "the client is disconnected");
  assert.match(line.message, /ping_interval and ping_timeout/);
});

/** A host with a large file and a small one. */
async function fileServer(t, server = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-pages-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(path.join(folder, "small.txt"), "small");
  writeFileSync(path.join(folder, "large.bin"), Buffer.alloc(32 * MIB));
  return attacked(t, { server: { static_folder: folder, ...server } });
}

test("readers that read nothing keep nobody from a file", async (t) => {
  const { host, check } = await fileServer(t);
  const large = `GET /large.bin HTTP/1.1\r\nHost: ${host.address}\r\n\r\n`;
  const readers = [];
  for (let count = 0; count < 300; count++) {
    const reader = await RawStream.open(host);
    reader.stream.once("data", () => reader.stream.pause());
    reader.write(large);
    readers.push(reader);
  }
  // Some loops are later than others: from here on nobody takes a place that has become free.
  await eventually("each has its answer", () => readers.every((reader) => reader.got.startsWith("HTTP/1.1 ")));
  const status = async () => (await request(host, { path: "/small.txt" })).status;
  await eventually("the file is served", async () => (await status()) === 200);
  // Whoever reads gets the whole of it meanwhile.
  const whole = await RawStream.open(host);
  let bytes = 0;
  whole.stream.removeAllListeners("data").setEncoding(null).on("data", (data) => (bytes += Buffer.byteLength(data, "latin1")));
  whole.write(large);
  await eventually("the large one, too", () => bytes > 32 * MIB);
  await host.waitForLog((line) => line.message?.includes("files are being sent"), "that it is so is in the log");
  await check("300 readers");
  readers.forEach((reader) => reader.close());
});

test("body_rate_min: a body that trickles is given up, in both directions", async (t) => {
  const { host, check } = await fileServer(t, { body_timeout: "1s", body_rate_min: "1MiB" });
  // A piece of what was sent in each tenth of a second: never still for a second, and far below the rate.
  const reader = await RawStream.open(host);
  reader.stream.pause();
  reader.write(`GET /large.bin HTTP/1.1\r\nHost: ${host.address}\r\n\r\n`);
  const reads = setInterval(() => reader.stream.read(20_000), 100);
  t.after(() => clearInterval(reads));
  const { sid } = await RawPolling.open(host);
  const upload = await RawStream.open(host);
  upload.write(`POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: ${host.address}\r\nContent-Length: 500000\r\n\r\n`);
  const writes = setInterval(() => upload.write("4".repeat(1_000)), 100);
  t.after(() => clearInterval(writes));
  assert.equal(await upload.status(), 400);
  clearInterval(writes);
  await eventually("both are in the log", () => host.logged((line) => line.message?.includes("body_rate_min")).length >= 2);
  await check("trickles");
});

test("a head that trickles, a body that never comes and half an upgrade are given up", async (t) => {
  const server = { keep_alive: "700ms", body_timeout: "700ms", upgrade_timeout: "700ms", connect_timeout: "700ms" };
  const { host, check } = await attacked(t, { server });
  const before = resident(host);
  const raws = await Promise.all(Array.from({ length: 300 }, () => RawStream.open(host)));
  const { sid } = await RawPolling.open(host);
  const timers = raws.map((raw, index) => {
    if (index % 3 === 0) return setInterval(() => raw.isClosed || raw.write("X: y\r\n"), 100, raw.write(`${OPEN}\r\n`));
    if (index % 3 === 1) raw.write(`${POST.replace("sid=x", `sid=${sid}`)}\r\nHost: ${host.address}\r\nContent-Length: 9\r\n\r\n4`);
    // A websocket that never says which namespace.
    else raw.write(upgradeRequest(host));
    return undefined;
  });
  t.after(() => timers.forEach(clearInterval));
  await Promise.all(raws.map((raw) => raw.end()));
  // The websocket of an upgrade that never goes on; the session stays on polling.
  const polling = await RawPolling.open(host);
  await polling.post("40");
  const half = await RawStream.websocket(host, `EIO=4&transport=websocket&sid=${polling.sid}`);
  half.write(frame("2probe"));
  await half.end();
  assert.equal((await polling.poll()).status, 200);
  await host.waitForLog((line) => line.message?.includes("body_timeout"), "a body that stands still is in the log with its key");
  assert.ok(resident(host) - before < 48 * MIB, `${(resident(host) - before) / MIB} MiB`);
  await check("slow clients");
  await memoryIsBack(host, before);
});

test("a flood of frames that say nothing keeps nobody waiting", async (t) => {
  const { host, check } = await attacked(t);
  const before = resident(host);
  const floods = {
    pings: frame(Buffer.alloc(125), 0x89),
    pongs: frame("", 0x8a),
    "empty binary frames": Buffer.concat([frame("", 0x02), ...Array.from({ length: 100 }, () => frame("", 0x00))]),
    "empty fragments": Buffer.concat([frame("4", 0x01), ...Array.from({ length: 100 }, () => frame("", 0x00))]),
    "Engine.IO pongs": frame("3"),
    "unknown acks": frame("431[]"),
    "events for nobody": frame('42["nobody"]'),
  };
  const raws = [];
  for (const [what, bytes] of Object.entries(floods)) {
    const raw = await RawStream.websocket(host);
    raw.write(frame("40"));
    await eventually("it is connected", () => raw.got.includes("40{"));
    // The pongs of the server are not read.
    raw.stream.pause();
    const block = Buffer.concat(Array.from({ length: Math.ceil(100_000 / bytes.length) }, () => bytes));
    for (let count = 0; count < 30; count++) raw.write(block);
    raws.push(raw);
    await check(what);
  }
  assert.ok(resident(host) - before < 64 * MIB, `${(resident(host) - before) / MIB} MiB`);
  raws.forEach((raw) => raw.close());
  await check("floods");
  await memoryIsBack(host, before);
});

test("what is too large is refused before it has arrived", async (t) => {
  const { host, check } = await attacked(t);
  const head = `Host: ${host.address}`;
  const { sid } = await RawPolling.open(host);
  const post = POST.replace("sid=x", `sid=${sid}`);
  const chunk = "4".repeat(60_000);
  const oversize = {
    "a target": [431, [`GET /socket.io/?EIO=4&transport=polling&x=${"x".repeat(100_000)} HTTP/1.1`, head]],
    "a header": [431, [OPEN, head, `Cookie: ${"x".repeat(100_000)}`]],
    "a number of headers": [431, [OPEN, head, ...Array.from({ length: 200 }, (_, index) => `X-${index}: y`)]],
    "an announced body": [413, [post, head, "Content-Length: 99999999999"]],
    "a chunked body": [413, [post, head, "Transfer-Encoding: chunked"], `${`${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(20)}`],
    "a length beyond all numbers": [400, [post, head, `Content-Length: ${"9".repeat(40)}`]],
    "a chunk beyond all numbers": [400, [post, head, "Transfer-Encoding: chunked"], `${"f".repeat(17)}\r\n`],
  };
  for (const [what, [status, lines, body]] of Object.entries(oversize)) {
    const answered = await (await exchange(host, lines, body)).status();
    // A target beyond 64 KiB has a status of its own.
    assert.ok(answered === status || (what === "a target" && answered === 414), `${what}: ${answered}`);
    await check(what);
  }
  await host.waitForLog((line) => line.message?.includes("request_head_bytes_max"), "a head has its key in the log");
  await host.waitForLog((line) => line.message?.includes("max_http_buffer_size"), "a body, too");
});

test("a page of another site opens no websocket with the cookies of its visitor (cross-site websocket hijacking)", async (t) => {
  const { host, check } = await attacked(t);
  for (const origin of ["https://evil.example", "null", `https://${host.address}.evil.example`, `http://user@${host.address}`]) {
    const raw = await RawStream.open(host);
    raw.write(upgradeRequest(host, undefined, [`Origin: ${origin}`, "Cookie: io=secret"]));
    assert.equal(await raw.status(), 403, origin);
    const polling = await exchange(host, [OPEN, `Host: ${host.address}`, `Origin: ${origin}`, "Cookie: io=secret"]);
    assert.equal(await polling.status(), 403, origin);
    assert.ok(!/access-control-allow-origin/i.test(polling.got), origin);
  }
  const own = await RawStream.open(host);
  own.write(upgradeRequest(host, undefined, [`Origin: ${host.url}`]));
  assert.equal(await own.status(), 101);
  await host.waitForLog((line) => line.message?.includes("[server.cors] origin"), "the key is in the log");
  await check("foreign pages");
});
