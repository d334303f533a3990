// Three servers behind real load balancers, set up as docs/cluster.md has it: each client stays on its server, by a cookie or by its session.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { io } from "socket.io-client";
import { startNode } from "./harness/cluster.mjs";
import { ask, connected, eventually, next, record, request, startProxy } from "./harness/index.mjs";
import { openTab, startBrowser } from "./harness/browser.mjs";
import { ROOT } from "./harness/paths.mjs";
import { startRedis } from "./harness/redis.mjs";

const CLIENTS = Number(process.env.STICKY_CLIENTS ?? 60);
/** All clients come from one address here. */
const LIMITS = { sessions_per_address_max: 10_000, connections_per_address_max: 20_000, handshakes_per_second_max: 10_000 };

/** The configuration of a proxy out of the page: the block of this language behind the bold heading. */
function documented(heading, language) {
  const page = readFileSync(`${ROOT}/docs/cluster.md`, "utf8");
  const behind = page.slice(page.indexOf(`**${heading}**`));
  return behind.match(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``))[1];
}

const WAYS = {
  "HAProxy with a cookie": ["haproxy", "HAProxy, with a cookie.", "haproxy"],
  "HAProxy by the session": ["haproxy", "HAProxy, by the session.", "haproxy"],
  "nginx by the session": ["nginx", "nginx, by the session.", "nginx"],
};

async function behind(t, way) {
  const redis = await startRedis(t);
  const hosts = await Promise.all(["web1", "web2", "web3"].map((node) => startNode(t, redis, { node, limits: LIMITS })));
  const [program, heading, language] = WAYS[way];
  const text = documented(heading, language);
  const address = await startProxy(t, program, (port, folder) => {
    let config = text.replace("127.0.0.1:3000", `127.0.0.1:${port}`);
    hosts.forEach((host, index) => (config = config.replaceAll(`127.0.0.1:${3001 + index}`, host.address)));
    return program === "nginx" ? `error_log stderr; pid ${folder}/nginx.pid; worker_processes 1; events { worker_connections 8192; } http { access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s; ${config} }` : config;
  });
  return { redis, hosts, url: `http://${address}`, clients: new Set() };
}

/** A client behind the proxy. It keeps its cookies. */
function open(t, url, transports, options = {}) {
  const socket = io(url, { transports, forceNew: true, withCredentials: true, ...options });
  t.after(() => socket.close());
  return socket;
}

const nodeOf = (socket) => ask(socket, "do", { do: "node" }, null);

for (const way of Object.keys(WAYS)) {
  test(`behind ${way} clients of every transport stay on their servers and talk to all`, async (t) => {
    const { url } = await behind(t, way);
    const kinds = [["polling"], ["polling", "websocket"], ["websocket"]];
    const clients = Array.from({ length: 12 }, (_, index) => open(t, url, kinds[index % 3]));
    await Promise.all(clients.map(connected));
    for (const client of clients.filter((_, index) => index % 3 === 1)) {
      if (client.io.engine.transport.name !== "websocket") await next(client.io.engine, "upgrade", "the client upgrades");
    }
    const nodes = new Set(await Promise.all(clients.map(nodeOf)));
    assert.deepEqual([...nodes].sort(), ["web1", "web2", "web3"], "the clients are spread");
    const seen = clients.map((client) => record(client, "x", "disconnect"));
    await ask(clients[0], "do", { do: "emit", name: "x", args: ["to all"] }, null);
    for (const list of seen) await eventually("it arrives", () => list.length === 1);
    for (const list of seen) assert.deepEqual(list, [["x", "to all"]]);
  });
}

test(`${CLIENTS} polling clients behind HAProxy with a cookie: no error, and when a node is killed its clients are back on the others`, async (t) => {
  const { hosts, url } = await behind(t, "HAProxy with a cookie");
  const errors = [];
  const clients = [];
  for (let index = 0; index < CLIENTS; index += 1) {
    const client = open(t, url, ["polling"], { reconnection: true });
    client.on("connect_error", (error) => errors.push(error.message));
    clients.push(client);
    if (index % 20 === 19) await Promise.all(clients.slice(-20).map(connected));
  }
  await Promise.all(clients.map(connected));
  const nodes = await Promise.all(clients.map(nodeOf));
  assert.ok(["web1", "web2", "web3"].every((name) => nodes.filter((node) => node === name).length > CLIENTS / 5), "round-robin");
  const seen = clients.map((client) => record(client, "chat", "disconnect"));
  await Promise.all(clients.slice(0, 20).map((client, index) => ask(client, "do", { do: "emit", name: "chat", args: [index] }, null)));
  for (const list of seen) await eventually("everybody has all messages", () => list.length === 20, 30_000);
  assert.deepEqual(errors, []);
  const upgraded = await Promise.all(Array.from({ length: Math.ceil(CLIENTS / 10) }, () => connected(open(t, url, ["polling", "websocket"]))));
  for (const client of upgraded) if (client.io.engine.transport.name !== "websocket") await next(client.io.engine, "upgrade");

  const killed = clients.filter((_, index) => nodes[index] === "web2");
  const others = clients.filter((_, index) => nodes[index] !== "web2");
  const noticed = others.map((client) => record(client, "disconnect"));
  hosts[1].signal("SIGKILL");
  await hosts[1].ended;
  const began = Date.now();
  for (const client of killed) await eventually("it is back", () => client.connected && client.id, 20_000);
  await eventually("all are on the others", async () => (await Promise.all(killed.map(nodeOf))).every((node) => node !== "web2"), 20_000);
  // The client waits for one second, give or take a half, before it tries; a second try may be needed, after two seconds.
  assert.ok(Date.now() - began < 8_000, `${Date.now() - began} ms`);
  assert.deepEqual(noticed.flat(), [], "nobody else notices");
});

test("a browser stays on its server by the cookie, with polling alone", async (t) => {
  const { url } = await behind(t, "HAProxy with a cookie");
  const browser = await startBrowser(t);
  const client = readFileSync(`${ROOT}/tests/node_modules/socket.io-client/dist/socket.io.min.js`, "utf8");
  const tab = await openTab(browser, "about:blank");
  await tab.setBypassCSP(true);
  await tab.goto(`${url}/socket.io/?EIO=4&transport=polling`);
  await tab.evaluate(client);
  const nodes = await tab.evaluate(async () => {
    const socket = window.io({ transports: ["polling"] });
    await new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject));
    const nodes = [];
    for (let round = 0; round < 5; round += 1) nodes.push(await socket.emitWithAck("do", { do: "node" }, null));
    return nodes;
  });
  assert.equal(new Set(nodes).size, 1);
  assert.equal(nodes.length, 5);
});

test("without stickiness the wrong server says which one has the session, and how to mend the balancer", async (t) => {
  const redis = await startRedis(t);
  const [one, two] = await Promise.all(["web1", "web2"].map((node) => startNode(t, redis, { node })));
  const opened = await request(one, { path: "/socket.io/?EIO=4&transport=polling" });
  const { sid } = JSON.parse(opened.text.slice(1));
  assert.match(sid, /^web1.{16}$/);
  for (const transport of ["polling", "websocket"]) {
    const wrong = await request(two, { path: `/socket.io/?EIO=4&transport=${transport}&sid=${sid}` });
    assert.equal(wrong.status, 400);
    const { code, message, owner, node, hint } = wrong.json;
    assert.deepEqual([code, message, owner, node], [1, "Session ID unknown", "web1", "web2"]);
    assert.match(hint, /load balancer/);
  }
  const line = await two.waitForLog(({ message }) => message?.includes("a request for a session of another node"), "the log says so");
  assert.deepEqual([line.owner, line.node], ["web1", "web2"]);
  const unknown = await request(one, { path: `/socket.io/?EIO=4&transport=polling&sid=web1${"A".repeat(16)}` });
  assert.deepEqual(unknown.json, { code: 1, message: "Session ID unknown" });
});
