// `innkeeper plugin`: what it asks the admin interface, and what it prints of the answers. The server is a real one of Node's, which
// answers what a host cannot be made to say.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ask, component, configuration, connect, eventually, run, startHost, writeConfig } from "./harness/index.mjs";

const TOKEN = "c2VjcmV0-_";
const generation = (number) => ({
  number, digest: String(number).repeat(64), mode: "pooled", sdk: "rust 0.1.0", namespaces: ["/", "/chat"], capabilities: [], since_ms: 1_700_000_000_000,
});
const view = (fields) => ({ name: "chat", status: "serving", generation: generation(3), previous: [generation(2)], last_problem: null, ...fields });

test("each command is a request, and its answer a line, a table, or JSON", async (t) => {
  const admin = await server(t);
  admin.answers["GET /plugins"] = { plugins: [view(), view({ name: "echo", status: "unloaded", generation: null })] };
  admin.answers["GET /plugins/chat"] = view();
  const table = await plugin(t, admin, ["list"]);
  assert.match(table.stdout, /^PLUGIN +STATUS +GENERATION .*\nchat +serving +3 +pooled +333333333333 +2023-11-14 22:13:20 +\/ \/chat\necho +unloaded +- /);
  assert.deepEqual(JSON.parse((await plugin(t, admin, ["list", "-o", "json"])).stdout), admin.answers["GET /plugins"]);
  assert.match((await plugin(t, admin, ["show", "chat"])).stdout, /^generation +chat@3, since 2023-11-14 22:13:20 UTC$[^]*^before +chat@2, sha256:222222222222, /m);
  assert.deepEqual(JSON.parse((await plugin(t, admin, ["show", "chat", "-o", "json"])).stdout), view());

  const changes = [
    [["swap", "chat"], "POST /plugins/chat/swap", { again: false }],
    [["swap", "chat", "--again"], "POST /plugins/chat/swap", { again: true }],
    [["rollback", "chat"], "POST /plugins/chat/rollback", {}],
    [["rollback", "chat", "--to", "sha256:22"], "POST /plugins/chat/rollback", { to: "22" }],
    [["load", "chat"], "POST /plugins/chat/load", {}],
    [["unload", "chat"], "POST /plugins/chat/unload", {}],
    [["pause", "chat"], "POST /plugins/chat/pause", {}],
    [["resume", "chat"], "POST /plugins/chat/resume", {}],
  ];
  for (const [args, request, body] of changes) {
    admin.answers[request] = view({ generation: generation(4) });
    assert.equal((await plugin(t, admin, args)).stdout, `chat@4 serves, sha256:${"4".repeat(64)}\n`);
    const { headers, body: sent } = admin.seen.at(-1);
    assert.deepEqual([JSON.parse(sent), headers["content-type"], headers.authorization], [body, "application/json", `Bearer ${TOKEN}`]);
  }
  admin.answers["POST /plugins/chat/unload"] = view({ status: "unloaded", generation: null });
  assert.equal((await plugin(t, admin, ["unload", "chat"])).stdout, "chat is unloaded\n");
});

test("a component is sent whole, and nothing of it before the server knows the token and the plugin", async (t) => {
  const admin = await server(t);
  admin.answers["GET /plugins/chat"] = view();
  admin.answers["PUT /plugins/chat/component"] = view();
  admin.answers["PUT /plugins/chat/component?again=true"] = view({ generation: generation(4) });
  const file = path.join(folder(t), "chat.wasm");
  writeFileSync(file, Buffer.alloc(8 << 20, "wasm"));
  const same = await plugin(t, admin, ["swap", "chat", file]);
  assert.equal(same.stdout, `chat@3 serves as before (serving), sha256:${"3".repeat(64)}\n`);
  const { headers, bytes } = admin.seen.at(-1);
  assert.deepEqual([headers["content-type"], bytes], ["application/wasm", 8 << 20]);
  assert.match((await plugin(t, admin, ["swap", "--again", "chat", file])).stdout, /^chat@4 serves/);

  const [wrong, other] = [await plugin(t, { ...admin, token: "other" }, ["swap", "chat", file]), await plugin(t, admin, ["swap", "nothing", file])];
  assert.deepEqual([wrong.code, other.code], [1, 1]);
  assert.match(wrong.text, /does not accept the token of INNKEEPER_ADMIN_TOKEN: wrong token; --token-file names that of this server/);
  assert.match(other.text, /^innkeeper: there is no plugin "nothing"$/m);
  assert.equal(admin.seen.filter(({ method }) => method === "PUT").length, 2);
  const missing = await plugin(t, admin, ["swap", "chat", `${file}.not`]);
  assert.match(missing.text, /the component ".*chat\.wasm\.not" cannot be read\n +because: No such file/);
});

test("the log of a plugin is printed as it comes, and what is in it cannot act on the terminal", async (t) => {
  const admin = await server(t);
  const lines = [
    { timestamp: "2026-01-01T00:00:00Z", level: "WARN", message: "hostile\u001b[2J\nsecond", plugin: "chat@3", conn: 5, target: "x" },
    { timestamp: "2026-01-01T00:00:01Z", level: "INFO", message: "grüß dich", plugin: "chat@3", target: "x" },
  ];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  admin.answers["GET /plugins/chat/logs"] = text;
  const printed = await plugin(t, admin, ["logs", "chat"]);
  assert.equal(
    printed.stdout,
    "2026-01-01T00:00:00Z  WARN hostile\\u{1b}[2J\n    | second conn=5 plugin=chat@3\n2026-01-01T00:00:01Z  INFO grüß dich plugin=chat@3\n",
  );
  const json = await plugin(t, admin, ["logs", "chat", "-o", "json"]);
  assert.deepEqual(json.stdout.trim().split("\n").map((line) => JSON.parse(line)), lines);

  let write;
  admin.answers["GET /plugins/chat/logs?follow=true"] = (response) => {
    // In the middle of a letter.
    const bytes = Buffer.from(text);
    const cut = bytes.indexOf(Buffer.from("ü")) + 1;
    response.write(bytes.subarray(0, cut));
    write = () => response.write(bytes.subarray(cut));
  };
  const following = start(t, admin, ["logs", "chat", "--follow"]);
  await eventually("the first line", () => following.stdout.includes("second conn=5"));
  assert.doesNotMatch(following.stdout, /grüß/);
  write();
  await eventually("the second line", () => following.stdout.includes("INFO grüß dich"));
  await admin.close();
  assert.equal(await following.exit(), 0, "with the server it ends");
});

test("an error says what to do: no server, no token, not this server, an answer that is none", async (t) => {
  const admin = await server(t);
  admin.answers["GET /plugins/chat"] = view();
  const problem = (status, fields) => (response) => response.writeHead(status, { "content-type": "application/problem+json" }).end(JSON.stringify({ title: "Refused", status, ...fields }));
  const cases = [
    [problem(422, { detail: "the plugin requests store:users; grant it in [plugins.chat]" }), /^innkeeper: the plugin requests store:users; grant it in \[plugins\.chat\]$/m],
    [problem(409, { errors: [{ detail: "first" }, { detail: "second" }] }), /^innkeeper: chat: Refused\n  first\n  second$/m],
    [(response) => response.writeHead(404).end("<html>"), /what answers at http:\/\/127\.0\.0\.1:\d+ is no admin interface of innkeeper \(status 404\); --url names another address/],
    [{ something: "else" }, /the answer of the server is not as expected/],
    [(response) => response.destroy(), /the connection to http:\/\/127\.0\.0\.1:\d+ has failed/],
  ];
  for (const [answer, told] of cases) {
    admin.answers["POST /plugins/chat/swap"] = answer;
    const failed = await plugin(t, admin, ["swap", "chat"]);
    assert.equal(failed.code, 1);
    assert.match(failed.text, told);
  }
  const token = path.join(folder(t), "token");
  const of = async (args, env) => plugin(t, undefined, args, env);
  assert.match((await of(["list", "--url", admin.url, "--token-file", token])).text, /cannot read the token in .*token; a server makes that file at its start/);
  writeFileSync(token, "\n");
  assert.match((await of(["list", "--url", admin.url, "--token-file", token])).text, /token holds no token/);
  assert.match((await of(["list"], { INNKEEPER_ADMIN_URL: "https://127.0.0.1:1", INNKEEPER_ADMIN_TOKEN: "x" })).text, /TLS is not spoken here/);
  const closed = await closedPort();
  const nobody = await of(["list"], { INNKEEPER_ADMIN_URL: `http://127.0.0.1:${closed}`, INNKEEPER_ADMIN_TOKEN: "x" });
  assert.match(nobody.text, /no server answers at http:\/\/127\.0\.0\.1:\d+; is it running, .*--url and --config name another\n +because: Connection refused/);
});

test("address and token are those of the configuration, also if a component of it is gone", async (t) => {
  const admin = await server(t);
  admin.answers["GET /plugins"] = { plugins: [view()] };
  const cwd = folder(t);
  mkdirSync(path.join(cwd, ".innkeeper"));
  writeFileSync(path.join(cwd, ".innkeeper/admin-token"), `${TOKEN}\n`, { mode: 0o600 });
  const config = (port) => writeFileSync(path.join(cwd, "innkeeper.toml"), `[internal]\nhost = "0.0.0.0"\nport = ${port}\n[plugins.chat]\ncomponent = "gone.wasm"\n`);
  config(new URL(admin.url).port);
  const listed = await plugin(t, undefined, ["list"], {}, cwd);
  assert.match(listed.stdout, /^chat +serving/m);
  assert.equal((await plugin(t, undefined, ["list", "--config", path.join(cwd, "innkeeper.toml")])).code, 0);
  config(0);
  assert.match((await plugin(t, undefined, ["list"], {}, cwd)).text, /innkeeper\.toml: \[internal\] port is 0, so only the server knows its port/);
});

test("the plugins of a running host: other components take over, come back, and stay", async (t) => {
  const file = writeConfig(t, configuration({ plugins: { mine: { component: component("echo") } }, generations: { watch: false } }));
  const host = await startHost(t, { file });
  const client = await connect(host);
  const admin = { url: host.internal, token: readFileSync(path.join(path.dirname(file), ".innkeeper/admin-token"), "utf8").trim() };
  const shown = async () => JSON.parse((await plugin(t, admin, ["show", "mine", "-o", "json"])).stdout);
  assert.match((await plugin(t, admin, ["list"])).stdout, /^mine +serving +1 +pooled /m);
  const [first, other] = [component("echo"), component("foyer")];
  assert.match((await plugin(t, admin, ["swap", "mine"])).stdout, /^mine@1 serves as before \(serving\), sha256:/);
  const swapped = await plugin(t, admin, ["swap", "mine", other]);
  assert.match(swapped.stdout, /^mine@2 serves, sha256:[0-9a-f]{64}\n$/, swapped.text);
  assert.deepEqual((await shown()).generation.namespaces, ["/", "/lobby"]);
  const back = await plugin(t, admin, ["rollback", "mine"]);
  assert.match(back.stdout, /^mine@3 serves, /, back.text);
  assert.equal(await ask(client, "anything", "here"), "here");
  assert.equal((await plugin(t, admin, ["pause", "mine"])).code, 0);
  assert.equal((await shown()).status, "paused");
  assert.equal((await plugin(t, admin, ["resume", "mine"])).code, 0);
  assert.match((await plugin(t, admin, ["logs", "mine"])).stdout, /INFO plugin serves .*plugin=mine@2/);
  const broken = path.join(folder(t), "broken.wasm");
  writeFileSync(broken, readFileSync(first).subarray(0, 1_000));
  const refused = await plugin(t, admin, ["swap", "mine", broken]);
  assert.equal(refused.code, 1);
  assert.match(refused.text, /^innkeeper: mine: .*(component|WebAssembly)/m);
  assert.match((await plugin(t, admin, ["unload", "mine"])).stdout, /^mine is unloaded$/m);
  const loaded = await plugin(t, admin, ["load", "mine"]);
  assert.match(loaded.stdout, /^mine@\d+ serves, /, loaded.text);
});

/** An HTTP server that answers as `answers` says, by method and path: JSON, a text, or a function of the response. */
async function server(t) {
  const admin = { answers: {}, seen: [], token: TOKEN };
  const listening = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { method, url, headers } = request;
    admin.seen.push({ method, url, headers, bytes: body.length, body: body.length < 1_000 ? body.toString() : "" });
    const problem = (status, detail) => response.writeHead(status, { "content-type": "application/problem+json" }).end(JSON.stringify({ status, detail }));
    if (headers.authorization !== `Bearer ${TOKEN}`) return problem(401, "wrong token");
    const answer = admin.answers[`${method} ${url}`];
    if (answer === undefined) return problem(404, `there is no plugin ${JSON.stringify(url.split("/")[2])}`);
    if (typeof answer === "function") return answer(response);
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
  });
  await new Promise((resolve) => listening.listen(0, "127.0.0.1", resolve));
  admin.url = `http://127.0.0.1:${listening.address().port}`;
  admin.close = async () => {
    listening.closeAllConnections();
    await new Promise((resolve) => listening.close(resolve));
  };
  t.after(admin.close);
  return admin;
}

function start(t, admin, args, env = {}, cwd = folder(t)) {
  const of = admin ? { INNKEEPER_ADMIN_URL: admin.url, INNKEEPER_ADMIN_TOKEN: admin.token } : {};
  return run(t, ["plugin", ...args], { env: { ...of, ...env }, cwd });
}

async function plugin(t, admin, args, env, cwd) {
  const host = start(t, admin, args, env, cwd);
  const code = await host.exit();
  return { code, stdout: host.stdout, text: host.text };
}

function folder(t) {
  const made = mkdtempSync(path.join(tmpdir(), "innkeeper-plugin-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A port where nobody listens. */
async function closedPort() {
  const listener = createTcpServer();
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return port;
}
