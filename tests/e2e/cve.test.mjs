// The denial-of-service history of Socket.IO and its parts, one test for each: what was wrong in Node's server, and that it is not here.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { RawPolling, RawSocket, RawStream, ask, connect, eventually, frame, request, startHost, upgradeRequest, within } from "./harness/index.mjs";

/** A host, and a client that is served whatever another one sends: Node's server ended there with an exception. */
async function attacked(t) {
  const host = await startHost(t, { plugins: ["behave"] });
  const neighbour = await connect(host);
  const check = async (what) => {
    assert.deepEqual(await ask(neighbour, "rooms"), [neighbour.id], `the neighbour is served after ${what}`);
    assert.deepEqual(host.logged("ERROR"), [], `no error is in the log after ${what}`);
  };
  return { host, check };
}

/** Processor time that the host uses for some work, in seconds. */
async function used(host, work) {
  const ticks = () => {
    const fields = readFileSync(`/proc/${host.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return Number(fields[11]) + Number(fields[12]);
  };
  const before = ticks();
  await work();
  return (ticks() - before) / 100;
}

test("CVE-2020-36048: a body of very many packets cost engine.io time that grew with the square of its length", async (t) => {
  const { host, check } = await attacked(t);
  const bodies = { "tiny packets": "3\x1e".repeat(499_999) + "3", "one packet": "3".repeat(999_999), separators: "\x1e".repeat(999_999) };
  for (const [what, body] of Object.entries(bodies)) {
    const polling = await RawPolling.open(host);
    // Once more than the limit is refused before it is read: 100 MB were taken there by default.
    assert.ok((await used(host, () => polling.post(body))) < 5, what);
    await check(what);
  }
  assert.equal((await (await RawPolling.open(host)).post("3".repeat(1_000_001))).status, 413);
});

test("CVE-2020-36049: socket.io-parser joined the head of a packet letter by letter, so a long one took all memory", async (t) => {
  const { host, check } = await attacked(t);
  const long = 900_000;
  const packets = {
    "a number of attachments": `45${"1".repeat(long)}-["x"]`,
    "a namespace": `40/${"x".repeat(long)},`,
    "a namespace without end": `42/${"x".repeat(long)}`,
    "an ack id": `42${"1".repeat(long)}["x"]`,
    "an event's name": `42["${"x".repeat(long)}"]`,
  };
  for (const [what, packet] of Object.entries(packets)) {
    const raw = await RawSocket.connect(host);
    assert.ok((await used(host, async () => {
      raw.send(packet);
      raw.send('427["rooms"]');
      // It is refused or means nothing; then the next is answered.
      await Promise.race([raw.end().catch(() => {}), raw.next((text) => String(text).startsWith("437"), "an ack")]);
    })) < 5, what);
    await check(what);
  }
});

test("CVE-2022-2421: a placeholder whose number was a text referred to a method of the list of attachments", async (t) => {
  const { host, check } = await attacked(t);
  for (const num of ['"splice"', '"length"', '"0"', "-1", "1", "0.5", "1e9", "null", "[0]", "{}", "true"]) {
    const raw = await RawSocket.connect(host);
    raw.send(`451-["whole",{"_placeholder":true,"num":${num}}]`);
    raw.send(Buffer.from([1]));
    await raw.end();
    await check(num);
  }
});

test("CVE-2022-41940: a client that reset its invalid upgrade ended the process", async (t) => {
  const { host, check } = await attacked(t);
  const invalid = [
    upgradeRequest(host, "EIO=4&transport=websocket&sid=nobody"),
    upgradeRequest(host, "EIO=3&transport=websocket"),
    upgradeRequest(host, "EIO=4&transport=pigeon"),
    upgradeRequest(host).replace("Version: 13", "Version: 12"),
    upgradeRequest(host).replace("dGhlIHNhbXBsZSBub25jZQ==", "short"),
    upgradeRequest(host),
  ];
  for (const request of invalid) {
    for (const wait of [false, true]) {
      const raw = await RawStream.open(host);
      raw.write(request);
      if (wait) await raw.status();
      raw.stream.resetAndDestroy();
      await raw.closed;
    }
    await check(request.split("\r\n")[0]);
  }
});

test("CVE-2023-31125: an upgrade whose query named no transport, or a part of every object, ended the process", async (t) => {
  const { host, check } = await attacked(t);
  const { sid } = await RawPolling.open(host);
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty", "polling", "webtransport", "", "websocket&transport=__proto__"]) {
    for (const query of [`EIO=4&transport=${name}`, `EIO=4&transport=${name}&sid=${sid}`, `EIO=4&${name}`]) {
      const raw = await RawStream.open(host);
      raw.write(upgradeRequest(host, query));
      // As a poll it may be valid: a query that says so is answered as one, and never as an upgrade.
      await Promise.race([raw.status(), within("a held poll", raw.closed, 300).catch(() => {})]);
      assert.ok(!raw.statuses.includes(101), query);
      raw.close();
    }
    await check(name);
  }
});

test("CVE-2023-32695: an event whose name was an object ended the process", async (t) => {
  const { host, check } = await attacked(t);
  for (const args of ['{"toString":"foo"}', '{"__proto__":1}', "[]", "null", "true", "{}", '[["x"]]']) {
    for (const packet of [`42[${args}]`, `421[${args}]`, `42[${args},"x"]`]) {
      const raw = await RawSocket.connect(host);
      raw.send(packet);
      await raw.end();
      await check(packet);
    }
  }
});

test("CVE-2024-38355: an event that is called `error` ended the process, because nobody listened for it", async (t) => {
  const { host, check } = await attacked(t);
  // Reserved names are refused; `error` is an event like any other, and here nobody handles it.
  for (const name of ["error", "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]) {
    for (const packet of [`42["${name}"]`, `42["${name}",{"message":"x"}]`, `421["${name}"]`]) {
      const raw = await RawSocket.connect(host);
      raw.send(packet);
      raw.send('427["rooms"]');
      const answered = raw.next((text) => String(text).startsWith("437"), "an ack").then(() => "served");
      const ended = await Promise.race([raw.end().then(() => "closed"), answered]);
      assert.equal(ended, name === "error" ? "served" : "closed", packet);
      raw.close();
      await check(packet);
    }
  }
});

test("CVE-2026-33151: a packet could announce any number of attachments, which were all kept until the last had come", async (t) => {
  const { host, check } = await attacked(t);
  const placeholders = (count) => Array.from({ length: count }, (_, num) => `{"_placeholder":true,"num":${num}}`).join();
  for (const count of [11, 1_000, 20_000]) {
    const raw = await RawSocket.connect(host);
    raw.send(`45${count}-["whole",${placeholders(count)}]`);
    await raw.end();
  }
  for (const count of ["4294967295", "4294967296", "18446744073709551616", "1e9", "-1"]) {
    const raw = await RawSocket.connect(host);
    raw.send(`45${count}-["whole",${placeholders(1)}]`);
    await raw.end();
  }
  await check("announced attachments");
  // Those that are announced and do not come, on many connections: only what has arrived is kept, within inbound_max_bytes.
  const raw = await RawSocket.connect(host);
  raw.send(`4510-["whole",${placeholders(10)}]`);
  for (let count = 0; count < 9; count++) raw.send(Buffer.alloc(990_000));
  await raw.end();
  await check("attachments that do not all come");
});
