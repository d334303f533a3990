// The example of docs/cluster.md, as a newcomer starts it: `plugins/chat/cluster/run`, with Redis, HAProxy, two Innkeeper servers and one of Node.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { io } from "socket.io-client";
import { openTab, picture, sees, startBrowser } from "./harness/browser.mjs";
import { ROOT, TARGET, ask, connected, eventually, freePort, record, within } from "./harness/index.mjs";

/** The packages of Node's server may be fetched at the first start, and the components be compiled. */
const START_MS = 120_000;
/** The users that the page offers, and the servers. */
const NAMES = ["Ann", "Bob", "Carol"];
const NODES = ["node", "web1", "web2"];

test("a message is seen at all servers, and each server shows who is where", async (t) => {
  const { url } = await example(t);
  const people = await onEachServer(t, url);
  const everywhere = [...people.values()].map(({ socket }) => record(socket, "chat:message"));
  for (const { socket, user } of people.values()) {
    assert.equal((await ask(socket, "chat:send", { roomId: "lobby", text: `${user.name} says hello` })).success, true);
  }
  for (const [index, { user }] of [...people.values()].entries()) {
    const others = [...people.values()].filter((other) => other.user.id !== user.id).map(({ user }) => `${user.name} says hello`);
    const heard = () => everywhere[index].map(([, { text }]) => text).sort();
    await eventually(`${user.name} has what the others said`, () => heard().length === others.length);
    assert.deepEqual(heard(), others.sort());
  }
  const expected = [...people].map(([node, { user }]) => ({ ...user, nodes: [node] })).sort(byId);
  for (const { socket } of people.values()) assert.deepEqual((await ask(socket, "room:people", "lobby")).sort(byId), expected);

  const told = [...people.values()].map(({ socket }) => record(socket, "global", "notification"));
  const [first, second, third] = people.values();
  for (const { socket, user } of [first, second, third]) {
    assert.equal((await ask(socket, "global", { text: `from ${user.id}` })).success, true);
    assert.equal((await ask(socket, "notify", { userId: first.user.id, text: `from ${user.id}` })).success, true);
  }
  await eventually("all have heard it", () => told[0].length === 6 && told[1].length === 3 && told[2].length === 3);
});

test("the page shows the server of each member, also of one whose server was killed", async (t) => {
  const { url, pids } = await example(t);
  const browser = await startBrowser(t);
  const tabs = [];
  for (const name of NAMES) {
    const tab = await openTab(await browser.createBrowserContext(), url);
    await tab.evaluate((name) => [...document.querySelectorAll("#users label")].find(({ textContent }) => textContent.trim() === name).click(), name);
    await tab.click("#sign-in > button");
    await sees(tab, "#people", `${name} (you)`);
    tabs.push(tab);
  }
  for (const tab of tabs) for (const name of NAMES) await sees(tab, "#people", name);
  const places = (tab) => tab.$$eval("#people li", (all) => Object.fromEntries(all.map((one) => [one.querySelector(".name").textContent, one.querySelector(".node")?.textContent.trim()])));
  const before = await places(tabs[0]);
  assert.deepEqual(Object.values(before).sort(), NODES, "each tab is on a server of its own");
  for (const tab of tabs) assert.deepEqual(await places(tab), before);
  for (const [index, tab] of tabs.entries()) {
    await tab.type("#text", `I am on ${before[NAMES[index]]}`);
    await tab.click("#say button");
    // Messages of two servers have two numbers, or the page would take them for one.
    for (const other of tabs) await sees(other, "#log", `I am on ${before[NAMES[index]]}`);
  }
  await picture(tabs[0], "cluster");

  process.kill(pids.web1, "SIGKILL");
  const [moved] = Object.entries(before).find(([, node]) => node === "web1");
  const stayed = tabs.filter((_, index) => NAMES[index] !== moved);
  for (const tab of stayed) {
    await eventually(`${moved} is shown on another server`, async () => ["node", "web2"].includes((await places(tab))[moved]), 30_000);
    assert.deepEqual(tab.errors, []);
  }
});

test("Ctrl-C ends all servers", async (t) => {
  const { stop, ports } = await example(t);
  assert.equal(await stop("SIGINT"), 0);
  for (const port of ports) assert.equal(await listens(port), false, `nobody listens on ${port}`);
});

const byId = (one, other) => (one.id < other.id ? -1 : 1);

/** Starts the example on free ports. `pids`: of the Innkeeper servers. */
async function example(t) {
  const names = ["PORT", "WEB1_PORT", "WEB2_PORT", "NODE_SERVER_PORT", "REDIS_PORT"];
  const ports = await Promise.all(names.map(freePort));
  const env = { ...process.env, CARGO_TARGET_DIR: TARGET, ...Object.fromEntries(names.map((name, index) => [name, ports[index]])) };
  const child = spawn(path.join(ROOT, "plugins/chat/cluster/run"), ["--built"], { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal)));
  const stop = (signal) => (child.kill(signal), within("the example ends", ended, 30_000));
  t.after(() => child.exitCode ?? stop("SIGTERM"));
  const ready = eventually("the example says that it is there", () => said.includes("<- the chat page"), START_MS);
  await Promise.race([ready, ended.then((code) => Promise.reject(new Error(`the example ended with ${code}:\n${said}`)))]);
  const pids = { web1: Number(/kill -9 (\d+)/.exec(said)[1]) };
  return { url: `http://127.0.0.1:${ports[0]}`, ports, pids, stop };
}

/** One user on each server, in the lobby: a Map of the servers' names → {socket, user}. */
async function onEachServer(t, url) {
  const { users } = await (await fetch(`${url}/users.json`)).json();
  const people = new Map();
  for (const { token, ...user } of users) {
    const socket = io(`${url}/chat`, { auth: { token }, forceNew: true });
    t.after(() => socket.close());
    await connected(socket);
    assert.equal((await ask(socket, "room:join", "lobby")).success, true);
    const there = await ask(socket, "room:people", "lobby");
    people.set(there.find(({ id }) => id === user.id).nodes[0], { socket, user });
  }
  assert.deepEqual([...people.keys()].sort(), NODES, "HAProxy goes round");
  return people;
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => (socket.destroy(), resolve(true)));
    socket.on("error", () => resolve(false));
  });
}
