// The plugin `auth` before `chat` and `echo`: which clients may connect, and what all others receive.

import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ask, configuration, connect, next, record, refused, run, seed, startHost, writeConfig } from "./harness/index.mjs";
import { inSeconds, part, token } from "./harness/token.mjs";

const SECRET = "a secret of the tests that nobody could guess";
const USERS = { ann: { name: "Ann" }, 7: { name: "Sven" }, "-1.5": {}, "1e+21": {} };

function start(t, key = { secret: "${TEST_SECRET}" }, options = {}) {
  const store = { seed: seed(t, { users: USERS }) };
  return startHost(t, { plugins: { auth: {}, chat: {}, echo: {} }, keys: { default: key }, store, env: { TEST_SECRET: SECRET }, ...options });
}

for (const via of ["websocket", "polling"]) {
  test(`without a valid token a client is refused (${via})`, async (t) => {
    const host = await start(t);
    const claims = { userId: "ann", exp: inSeconds(600) };
    const message = (header) => `${part(header)}.${part(claims)}`;
    const bad = {
      "no token at all": "a.b",
      expired: token({ userId: "ann", exp: inSeconds(-1) }, SECRET),
      "not valid yet": token({ userId: "ann", nbf: inSeconds(600) }, SECRET),
      "alg none": `${message({ alg: "none", typ: "JWT" })}.`,
      "alg none, with a signature": token(claims, SECRET, { header: { alg: "none" } }),
      "another secret": token(claims, "another secret of the tests, just as long"),
      "an algorithm that is not its own": token(claims, SECRET, { header: { alg: "HS512" } }),
      "an algorithm for public keys": token(claims, SECRET, { header: { alg: "RS256" } }),
      "changed claims": token(claims, SECRET).replace(/\.[^.]+\./, `.${part({ ...claims, userId: "root" })}.`),
      "no user": token({ exp: inSeconds(600) }, SECRET),
      "a user whom nobody knows": token({ userId: "eve", exp: inSeconds(600) }, SECRET),
      "not a text": { token: true },
    };
    for (const namespace of ["/", "/chat"]) {
      for (const auth of [undefined, {}, { token: "" }, { token: null }]) {
        assert.equal((await refused(host, namespace, { via, auth })).message, "No token");
      }
      for (const [what, given] of Object.entries(bad)) {
        const error = await refused(host, namespace, { via, auth: { token: given } });
        assert.equal(error.message, "Auth failed", `${what} on ${namespace}`);
      }
    }
    assert.doesNotMatch(host.text, /eyJ|tests that nobody/, "neither tokens nor secrets are in the log");
  });

  test(`with a valid token the chat is open, and no client can join another user's room (${via})`, async (t) => {
    const host = await start(t);
    const auth = { token: token({ userId: "ann", exp: inSeconds(600) }, SECRET) };
    const ann = await connect(host, "/chat", { via, auth });
    assert.deepEqual(await ask(ann, "room:join", "lobby"), { success: true });
    assert.equal((await ask(ann, "room:join", "user:bob")).success, false);
    assert.equal(await ask(await connect(host, "/", { via, auth }), "hi", "there"), "there");
  });
}

test("the user from the store is in socket.data.user, and all sockets of one user are in the user's own room", async (t) => {
  const host = await start(t);
  const as = (userId) => ({ auth: { token: token({ userId, exp: inSeconds(600) }, SECRET) } });
  const [ann, again, sven] = await Promise.all([connect(host, "/chat", as("ann")), connect(host, "/chat", as("ann")), connect(host, "/chat", as(7))]);
  await ask(sven, "room:join", "lobby");
  const joined = next(sven, "user:joined");
  await ask(ann, "room:join", "lobby");
  assert.deepEqual(await joined, [{ id: "ann", name: "Ann" }]);

  const heard = [ann, again, sven].map((client) => record(client, "notification"));
  assert.deepEqual(await ask(sven, "notify", { userId: "ann", text: "dinner" }), { success: true });
  for (const client of [ann, again, sven]) await ask(client, "room:people", "lobby");
  const told = [["notification", { text: "dinner", from: { id: "7", name: "Sven" } }]];
  assert.deepEqual(heard, [told, told, []]);
});

test("the id of a user may be any number: it is the text that JavaScript makes of it", async (t) => {
  const host = await start(t);
  for (const userId of [7, -1.5, 1e21]) {
    const client = await connect(host, "/chat", { auth: { token: token({ userId }, SECRET) } });
    await ask(client, "room:join", "lobby");
    const people = await ask(client, "room:people", "lobby");
    assert.ok(people.some(({ id }) => id === String(userId)), JSON.stringify(people));
  }
});

/** What `innkeeper run` says of a plugin `auth` that it does not load. */
async function refusedAtLoad(t, auth, keys) {
  const refused = run(t, ["run", "--config", writeConfig(t, configuration({ plugins: { auth }, keys }))]);
  assert.equal(await refused.exit(), 2);
  return refused.text;
}

test("a key that is not granted keeps the plugin from being loaded, with the grant to add", async (t) => {
  const grants = ["jwt:default", "handshake:secrets", "store:users"];
  const keys = { default: { secret: SECRET }, other: { secret: SECRET } };
  assert.match(await refusedAtLoad(t, { grants, config: { key: "other" } }, keys), /grants = \["jwt:default", "handshake:secrets", "store:users", "jwt:other"\]/);
});

test("a configuration that makes no sense keeps the plugin from being loaded, and the message is the plugin's", async (t) => {
  const keys = { default: { secret: SECRET } };
  const grants = ["jwt", "handshake:secrets", "store"];
  const mistakes = [
    [{ kye: "default" }, /unknown field `kye`, expected one of `key`, `bucket`, `namespaces`/],
    [{ key: "" }, /config(: |\.)key: name one of \[keys\]/],
    [{ bucket: "" }, /config(: |\.)bucket: name the bucket/],
    [{ bucket: 5 }, /config.*invalid type: integer `5`, expected a string/],
    [{ namespaces: [] }, /config.*the list is empty, so the plugin would do nothing/],
    [{ namespaces: ["chat"] }, /config.*"chat" is not a namespace; a name begins with "\/"/],
    [{ namespaces: ["/", "/"] }, /config.*"\/" stands here twice/],
  ];
  for (const [config, told] of mistakes) {
    const text = await refusedAtLoad(t, { grants, config }, keys);
    assert.match(text, told);
    assert.match(text, /plugin "?auth"?|plugins\.auth/);
  }
});

test("a bucket that is not granted keeps the plugin from being loaded, with the grant to add", async (t) => {
  const grants = ["jwt:default", "handshake:secrets", "store:users"];
  assert.match(await refusedAtLoad(t, { grants, config: { bucket: "people" } }, { default: { secret: SECRET } }), /grants = \[.*"store:people"\]/);
});

test("a token is required on the namespaces of the plugin's configuration, and on no other", async (t) => {
  const auth = { namespaces: ["/game"], config: { namespaces: ["/game"] } };
  const host = await startHost(t, { plugins: { auth, chat: {} }, keys: { default: { secret: SECRET } }, store: { seed: seed(t, { users: USERS }) } });
  assert.equal((await refused(host, "/game")).message, "No token");
  await connect(host, "/game", { auth: { token: token({ userId: "ann" }, SECRET) } });
  await connect(host, "/chat");
});

test("with a public key its own tokens pass, and an HMAC made with it does not", async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = publicKey.export({ type: "spki", format: "pem" });
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-key-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "public.pem");
  writeFileSync(file, pem);
  const host = await start(t, { public_key: file });

  const claims = { userId: 7, exp: inSeconds(600) };
  const message = `${part({ alg: "RS256" })}.${part(claims)}`;
  const good = `${message}.${sign("sha256", message, privateKey).toString("base64url")}`;
  for (const [key, header] of [[pem, {}], [pem.trim(), {}], [pem, { alg: "RS256" }]]) {
    const error = await refused(host, "/chat", { auth: { token: token(claims, key, { header }) } });
    assert.equal(error.message, "Auth failed");
  }
  await connect(host, "/chat", { auth: { token: good } });
});

test("a key that is not configured keeps the plugin from being loaded, and the message names the key", async (t) => {
  const grants = ["jwt", "handshake:secrets", "store"];
  assert.match(await refusedAtLoad(t, { grants, config: { key: "other" } }, { default: { secret: SECRET } }), /auth.*"?other/);
});
