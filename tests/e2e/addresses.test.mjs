// What one address may have of the server, what all together may, and whose address it is behind proxies.
//
// Loopback addresses have no limits of their own, so the tests stand behind a proxy: they are one, or start one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RawPolling, RawSocket, RawStream, ask, by, connect, eventually, request, startHost, startProxy } from "./harness/index.mjs";

const OPEN = "/socket.io/?EIO=4&transport=polling";
const TRUSTING = { trusted_proxies: ["127.0.0.1"] };
const PROXIED = { trusted_proxies: ["127.0.0.0/8"], proxy_header: "proxy-protocol" };

/** Headers of a request that a proxy forwards. */
const from = (address) => ({ headers: { "x-forwarded-for": address } });
/** The header of a connection that a proxy forwards. */
const line = (address) => `PROXY TCP4 ${address} 192.0.2.200 4711 80\r\n`;
const GET = (host) => `GET ${OPEN} HTTP/1.1\r\nHost: ${host.address}\r\n\r\n`;

function handshake(host, address) {
  return request(host, { path: OPEN, ...(address && from(address)) });
}

/** How often a limit was hit, as `/metrics` has it. */
async function hits(host, limit) {
  const { text } = await request(host, { base: host.internal, path: "/metrics" });
  const sample = text.split("\n").find((line) => line.startsWith("innkeeper_limit_hits_total{") && line.includes(`limit="${limit}"`));
  return Number(sample?.split(" ").at(-1) ?? 0);
}

function warning(host, pattern) {
  return host.waitForLog((line) => line.level === "WARN" && pattern.test(line.message), `a warning like ${pattern}`);
}

/** The address that plugins see of a client. */
async function seen(host, options) {
  const raw = await RawSocket.connect(host, "/", options);
  raw.send('421["handshake"]');
  const answer = await raw.next((packet) => packet.startsWith("431["));
  return JSON.parse(answer.slice(3))[0].address;
}

test("sessions_per_address_max: a handshake beyond it is answered 429 until a session ends, and others are served", async (t) => {
  const host = await startHost(t, { server: TRUSTING, limits: { sessions_per_address_max: 2 } });
  const first = await RawSocket.open(host, from("192.0.2.1"));
  assert.equal((await handshake(host, "192.0.2.1")).status, 200);
  const refused = await handshake(host, "203.0.113.9, 192.0.2.1");
  assert.deepEqual([refused.status, refused.headers["retry-after"]], [429, "5"]);
  assert.match((await warning(host, /sessions_per_address_max/)).address, /^192\.0\.2\.1$/);
  assert.equal(await hits(host, "sessions_per_address_max"), 1);

  assert.equal((await handshake(host, "192.0.2.2")).status, 200, "another address");
  for (let session = 0; session < 5; session++) assert.equal((await handshake(host)).status, 200, "the proxy itself, on this machine");
  assert.equal((await handshake(host, "2001:db8::1")).status, 200);
  assert.equal((await handshake(host, "2001:db8::2")).status, 200);
  assert.equal((await handshake(host, "[2001:db8::3]:80")).status, 429, "one network of IPv6");
  assert.equal((await handshake(host, "2001:db8:0:1::1")).status, 200);

  first.close();
  await eventually("a session is admitted again", async () => (await handshake(host, "192.0.2.1")).status === 200);
});

test("sessions_max: a handshake beyond it is answered 503, whoever asks, until a session ends", async (t) => {
  const host = await startHost(t, { limits: { sessions_max: 2 } });
  const first = await RawSocket.open(host);
  assert.equal((await handshake(host)).status, 200);
  const refused = await handshake(host);
  assert.deepEqual([refused.status, refused.headers["retry-after"]], [503, "5"]);
  await warning(host, /sessions_max/);
  assert.equal(await hits(host, "sessions_max"), 1);
  first.close();
  await eventually("a session is admitted again", async () => (await handshake(host)).status === 200);
});

test("handshakes_per_second_max and HANDSHAKE_BURST_S: ten seconds' worth at once, then 429, and others are served", async (t) => {
  const host = await startHost(t, { server: TRUSTING, limits: { handshakes_per_second_max: 1 } });
  let served = 0;
  await eventually("one is refused", async () => {
    const { status } = await handshake(host, "192.0.2.1");
    served += Number(status === 200);
    return status === 429;
  });
  assert.ok(served >= 10, served);
  await warning(host, /handshakes_per_second_max/);
  assert.ok((await hits(host, "handshakes_per_second_max")) > 0);
  assert.equal((await handshake(host, "192.0.2.2")).status, 200);
  await eventually("the next second has room for one", async () => (await handshake(host, "192.0.2.1")).status === 200);
});

test("waiting_bytes_per_address_max: where too much waits for one address its fullest client goes, and others stay", async (t) => {
  const limits = { waiting_bytes_per_address_max: "8MiB", outbox_bytes_max: "32MiB" };
  const host = await startHost(t, { plugins: ["crowd"], server: TRUSTING, limits });
  const silent = async (address) => {
    const raw = await RawSocket.connect(host, "/", from(address));
    raw.socket.pause();
    return raw;
  };
  const [flooded, neighbour, other] = [await silent("192.0.2.1"), await silent("192.0.2.1"), await silent("192.0.2.2")];
  const FLOOD = '42["flood",40,100000]';
  // The other address has more than the second client of the first, and less than an address may have.
  neighbour.send(FLOOD);
  for (let count = 0; count < 2; count++) other.send(FLOOD);
  for (let count = 0; count < 6; count++) flooded.send(FLOOD);

  await warning(host, /waiting_bytes_per_address_max/);
  flooded.socket.resume();
  await flooded.end();
  assert.equal(await hits(host, "waiting_bytes_per_address_max"), 1);
  assert.equal(await hits(host, "waiting_bytes_max"), 0);
  for (const [raw, floods] of [[neighbour, 1], [other, 2]]) {
    raw.socket.resume();
    await eventually("it gets all of it", () => raw.received.length === 40 * floods);
    raw.send('421["number",1]');
    await raw.next((packet) => packet === "431[1]");
  }
});

test("connections_per_address_max: one beyond it is answered 429 and closed, and others are served", async (t) => {
  const host = await startHost(t, { server: PROXIED, limits: { connections_per_address_max: 2 } });
  const streams = [];
  for (let number = 0; number < 3; number++) {
    const raw = await RawStream.open(host);
    raw.write(line("192.0.2.1"));
    streams.push(raw);
  }
  await eventually("one is refused", () => streams.filter((raw) => raw.isClosed).length === 1);
  const refused = streams.find((raw) => raw.isClosed);
  assert.match(refused.got, /^HTTP\/1\.1 429 .*\r\nRetry-After: 5\r\n/);
  await warning(host, /connections_per_address_max/);
  assert.equal(await hits(host, "connections_per_address_max"), 1);
  const other = await RawStream.open(host);
  other.write(line("192.0.2.2") + GET(host));
  assert.equal(await other.status(), 200);

  streams.forEach((raw) => raw.close());
  await eventually("its connections are served again", async () => {
    const raw = await RawStream.open(host);
    raw.write(line("192.0.2.1") + GET(host));
    return (await raw.status()) === 200;
  });
});

test("connections_max: one beyond it is answered 503 and closed, and the internal interface answers", async (t) => {
  const host = await startHost(t, { limits: { connections_max: 2 } });
  const [one, two] = [await RawStream.websocket(host), await RawStream.open(host)];
  const refused = await RawStream.open(host);
  await refused.end();
  assert.match(refused.got, /^HTTP\/1\.1 503 .*\r\nRetry-After: 5\r\n/);
  await warning(host, /connections_max.*open files/);
  assert.equal(await hits(host, "connections_max"), 1);
  assert.equal((await request(host, { base: host.internal, path: "/healthz" })).status, 200);
  one.close();
  await eventually("a connection is admitted again", async () => (await handshake(host)).status === 200);
  two.close();
});

test("INTERNAL_CONNECTIONS_MAX: one beyond it is answered 503 and closed, clients are served, and health answers again", async (t) => {
  const host = await startHost(t, { plugins: ["echo"] });
  const internal = { ...host, address: new URL(host.internal).host };
  const client = await connect(host);
  const streams = [];
  for (let number = 0; number < 40; number++) streams.push(await RawStream.open(internal));
  await eventually("those beyond it are closed", () => streams.filter((raw) => raw.isClosed).length === 8);
  for (const raw of streams.slice(32)) assert.match(raw.got, /^HTTP\/1\.1 503 .*\r\nRetry-After: 5\r\n/);
  await warning(host, /the internal interface has 32 connections/);
  assert.equal(await ask(client, "still", "here"), "here");
  assert.equal((await handshake(host)).status, 200);

  streams.forEach((raw) => raw.close());
  let attempts = 0;
  await eventually("health answers again", async () => {
    attempts++;
    return (await request(host, { base: host.internal, path: "/healthz" })).status === 200;
  });
  assert.equal(await hits(host, "INTERNAL_CONNECTIONS_MAX"), 8 + attempts - 1);
});

test("a client of the internal interface that takes nothing loses its connection", async (t) => {
  const host = await startHost(t, { plugins: ["echo"], server: { keep_alive: "500ms" } });
  const address = new URL(host.internal).host;
  const raw = await RawStream.open({ ...host, address });
  raw.stream.pause();
  // More pages than any buffer takes.
  raw.write(`GET /metrics HTTP/1.1\r\nHost: ${address}\r\n\r\n`.repeat(2_000));
  await eventually("it is closed", () => {
    raw.write("\r\n");
    return raw.isClosed;
  });
  assert.equal((await request(host, { base: host.internal, path: "/healthz" })).status, 200);
});

test("HANDLES_RESERVED: with every handle in the hands of clients health answers", async (t) => {
  const host = await startHost(t, { plugins: ["echo"], handles: 128 });
  const client = await connect(host);
  const streams = [];
  for (let number = 0; number < 100; number++) streams.push(await RawStream.open(host));
  await warning(host, /connections_max.*open files/);
  assert.equal((await request(host, { base: host.internal, path: "/healthz" })).status, 200);
  assert.equal(client.connected, true);
  assert.deepEqual(host.logged((line) => /cannot accept/.test(line.message)), []);
  streams.forEach((raw) => raw.close());
  await eventually("clients are served again", () => connect(host));
});

test("without trusted proxies no header says whose a request is", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const headers = { "x-forwarded-for": "192.0.2.1", forwarded: "for=192.0.2.1", "x-real-ip": "192.0.2.1" };
  assert.equal(await seen(host, { headers }), "127.0.0.1");
  const proxied = await RawStream.open(host);
  proxied.write(line("192.0.2.1") + GET(host));
  assert.equal(await proxied.status(), 400);
});

test("of trusted proxies only the header that proxy_header names is read, from its end", async (t) => {
  const host = await startHost(t, { plugins: ["behave"], server: { ...TRUSTING, trusted_proxies: ["127.0.0.1", "10.0.0.0/8"] } });
  assert.equal(await seen(host, { headers: { "x-forwarded-for": "203.0.113.9, 192.0.2.1, 10.1.2.3", forwarded: "for=192.0.2.7" } }), "192.0.2.1");
  const forwarded = await startHost(t, { plugins: ["behave"], server: { ...TRUSTING, proxy_header: "forwarded" } });
  assert.equal(await seen(forwarded, { headers: { "x-forwarded-for": "192.0.2.7", forwarded: 'for="[2001:db8::5]:80";proto=https' } }), "2001:db8::5");
});

test("proxy-protocol: both versions say whose a connection is, and a connection without one is closed", async (t) => {
  const host = await startHost(t, { plugins: ["behave"], server: PROXIED, log: "debug" });
  const address = async (header) => {
    const raw = await RawStream.open(host);
    // In pieces, with the request behind the last of them.
    raw.write(header.subarray(0, 7));
    await new Promise((resolve) => setImmediate(resolve));
    raw.write(Buffer.concat([header.subarray(7), Buffer.from(GET(host))]));
    assert.equal(await raw.status(), 200);
    raw.close();
    const opened = host.logged(by("a connection is opened"));
    return opened.at(-1).address;
  };
  assert.equal(await address(Buffer.from(line("192.0.2.1"))), "192.0.2.1");
  const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n");
  const binary = (command, family, rest) => Buffer.concat([signature, Buffer.of(command, family, rest.length >> 8, rest.length & 255), rest]);
  assert.equal(await address(binary(0x21, 0x11, Buffer.of(192, 0, 2, 5, 192, 0, 2, 6, 1, 2, 3, 4))), "192.0.2.5");
  assert.equal(await address(binary(0x20, 0, Buffer.alloc(0))), "127.0.0.1", "a health check of the proxy");

  const bare = await RawStream.open(host);
  bare.write(GET(host));
  await bare.end();
  assert.equal(bare.got, "");
  await warning(host, /does not begin with a header of the PROXY protocol.*proxy_header/);
  // PROXY_HEADER_BYTES_MAX.
  const long = await RawStream.open(host);
  long.write(binary(0x21, 0x11, Buffer.alloc(5_000)));
  await long.end();
  await warning(host, /longer than 4096 bytes/);
});

test("PROXY_HEADER_DEADLINE: a proxy that does not end its header is given up", async (t) => {
  const host = await startHost(t, { server: PROXIED });
  const raw = await RawStream.open(host);
  raw.write("PROXY TCP4 192.0");
  await raw.end();
  await warning(host, /PROXY protocol was not there within 5s/);
  assert.equal(await hits(host, "PROXY_HEADER_DEADLINE"), 1);
});

test("behind nginx the client has its own address", async (t) => {
  const host = await startHost(t, { plugins: ["behave"], server: TRUSTING });
  // The server block is the one of README.md.
  const address = await startProxy(t, "nginx", (port, folder) => `
    pid ${folder}/pid; error_log stderr; events {}
    http {
      access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
      fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
      map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
      server {
        listen 127.0.0.1:${port};
        location /socket.io/ {
          proxy_pass http://${host.address};
          proxy_http_version 1.1;
          proxy_set_header Host $http_host;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }
      }
    }`);
  await throughProxy(t, host, address);
});

for (const [how, server, lines] of [
  ["X-Forwarded-For", TRUSTING, ["mode http", "option forwardfor"]],
  ["the PROXY protocol, version 1", { ...PROXIED, trusted_proxies: ["127.0.0.1"] }, ["mode tcp", "send-proxy"]],
  ["the PROXY protocol, version 2", { ...PROXIED, trusted_proxies: ["127.0.0.1"] }, ["mode tcp", "send-proxy-v2"]],
]) {
  test(`behind HAProxy the client has its own address: ${how}`, async (t) => {
    const host = await startHost(t, { plugins: ["behave"], server });
    const [mode, option] = lines;
    const sends = option.startsWith("send");
    const address = await startProxy(t, "haproxy", (port) => `
defaults
  ${mode}
  ${sends ? "" : option}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
listen sites
  bind 127.0.0.1:${port}
  server innkeeper ${host.address} ${sends ? option : ""}
`);
    await throughProxy(t, host, address);
  });
}

/** The official client, from an address of its own on this machine, by both transports. */
async function throughProxy(t, host, address) {
  const front = { ...host, url: `http://${address}`, address };
  const client = await connect(front, "/", { localAddress: "127.0.0.2", extraHeaders: { "x-forwarded-for": "203.0.113.9" } });
  const { address: own } = await ask(client, "handshake");
  assert.equal(own, "127.0.0.2");
  const polling = await connect(front, "/", { via: "upgrade" });
  assert.equal((await ask(polling, "handshake")).address, "127.0.0.1");
}

test("refused_connects_max: a connection that was refused so often ends with the next try", async (t) => {
  const host = await startHost(t, { plugins: ["behave"], limits: { refused_connects_max: 3 } });
  const raw = await RawSocket.connect(host);
  for (let number = 0; number < 3; number++) {
    raw.send(`40/nowhere${number},`);
    assert.match(await raw.next((packet) => packet.startsWith("44")), /Invalid namespace/);
  }
  raw.send("40/nowhere,");
  await raw.end();
  assert.equal(await hits(host, "refused_connects_max"), 1);
});

test("refused_connects_max: what a plugin refuses counts as well", async (t) => {
  const host = await startHost(t, { plugins: ["auth"], limits: { refused_connects_max: 3 }, env: { JWT_SECRET: "x".repeat(40) }, keys: { default: { secret: "x".repeat(40) } } });
  const raw = await RawSocket.open(host);
  for (let number = 0; number < 3; number++) {
    raw.send('40{"token":"wrong"}');
    await raw.next((packet) => packet.startsWith("44"));
  }
  raw.send('40{"token":"wrong"}');
  await raw.end();
  assert.equal(await hits(host, "refused_connects_max"), 1);
});

test("events_per_second_max: a client that sends more is disconnected, and one that does not stays", async (t) => {
  const host = await startHost(t, { plugins: ["behave"], limits: { events_per_second_max: 50 } });
  const calm = await connect(host);
  const flooding = await RawSocket.connect(host);
  for (let number = 0; number < 500; number++) flooding.send('42["rooms"]');
  await flooding.end();
  assert.match((await warning(host, /events_per_second_max/)).message, /disconnected/);
  assert.equal(await hits(host, "events_per_second_max"), 1);
  assert.deepEqual(await ask(calm, "rooms"), [calm.id]);
});

test("keep_alive: a head that trickles ends with its time, however often a byte comes", async (t) => {
  const host = await startHost(t, { server: { keep_alive: "700ms" } });
  const raw = await RawStream.open(host);
  raw.write(`GET ${OPEN} HTTP/1.1\r\nHost: ${host.address}\r\nX: `);
  const trickle = setInterval(() => raw.write("x"), 50);
  t.after(() => clearInterval(trickle));
  await raw.end();
});

test("connect_timeout: a session that joins no namespace ends, on both transports", async (t) => {
  const host = await startHost(t, { server: { connect_timeout: "300ms" } });
  const raw = await RawSocket.open(host);
  const polling = await RawPolling.open(host);
  await raw.end();
  await eventually("the polling session ends", async () => (await polling.poll()).status === 400);
  assert.equal(await hits(host, "connect_timeout"), 2);
});
