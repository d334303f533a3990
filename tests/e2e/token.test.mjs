// `innkeeper token`: with the tokens that it makes a client connects, for those that it refuses it gives the reason, and it
// shows no secret.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ask, connect, configuration, refused, run, startHost, writeConfig } from "./harness/index.mjs";
import { inSeconds, token } from "./harness/token.mjs";

const SECRET = "a secret of the tests that nobody could guess";
const ENV = { JWT_SECRET: SECRET };

test("with a token that was made its user connects, and with another key's it is refused", async (t) => {
  const plugins = { auth: {}, chat: {} };
  const users = path.join(folder(t), "seed.json");
  writeFileSync(users, JSON.stringify({ users: { ann: { name: "Ann" } } }));
  const keys = { default: { secret: "${JWT_SECRET}" }, other: { secret: `${SECRET}, but another` } };
  const options = { plugins, keys, store: { seed: users }, server: { node: "web1" }, env: ENV };
  const host = await startHost(t, options);
  const config = writeConfig(t, configuration({ keys }));
  const made = await gen(t, ["ann", "--config", config]);
  const ann = await connect(host, "/chat", { auth: { token: made } });
  assert.deepEqual(await ask(ann, "room:join", "lobby"), { success: true });
  assert.deepEqual(await ask(ann, "room:people", "lobby"), [{ id: "ann", name: "Ann", nodes: ["web1"] }]);
  for (const wrong of [await gen(t, ["ann", "--key", "other", "--config", config]), await gen(t, ["nobody", "--config", config])]) {
    assert.equal((await refused(host, "/chat", { auth: { token: wrong } })).message, "Auth failed");
  }
});

test("a token has its user, its end, and the claims that were given", async (t) => {
  const made = await gen(t, ["ann", "--for", "90m", "--claim", "admin=true", "--claim", "team=blue = green"]);
  for (const how of [[made], ["-"]]) {
    const { code, stdout } = await command(t, ["check", ...how], { input: `${made}\n` });
    const { iat, exp, ...claims } = JSON.parse(stdout);
    assert.deepEqual([code, claims, exp - iat], [0, { userId: "ann", admin: true, team: "blue = green" }, 5_400]);
    assert.ok(Math.abs(iat - inSeconds(0)) < 60);
  }
  assert.equal(JSON.parse(Buffer.from(made.split(".")[0], "base64url")).alg, "HS256");
});

test("a token has the algorithm, the issuer and the audience that its key requires", async (t) => {
  const key = { secret: SECRET, algorithms: ["HS512"], issuer: ["us"], audience: ["app"] };
  const config = writeConfig(t, configuration({ keys: { strict: key } }));
  const made = await gen(t, ["ann", "--key", "strict", "--config", config]);
  const { code, stdout, text } = await command(t, ["check", made, "--key", "strict", "--config", config]);
  assert.equal(code, 0, text);
  assert.deepEqual([JSON.parse(stdout).iss, JSON.parse(stdout).aud], ["us", "app"]);
  const other = await gen(t, ["ann", "--key", "strict", "--config", config, "--claim", "iss=them"]);
  assert.match((await command(t, ["check", other, "--key", "strict", "--config", config])).text, /the token is refused: it is from another issuer/);
});

test("a token is signed with the first of several keys, with bytes and with a secret of a JWKS", async (t) => {
  const secret = Buffer.from([0, 255, ...Buffer.from(SECRET)]);
  const files = { key: path.join(folder(t), "secret.key"), set: path.join(folder(t), "keys.json") };
  writeFileSync(files.key, secret);
  writeFileSync(files.set, JSON.stringify({ keys: [{ kty: "oct", kid: 7, k: secret.toString("base64url") }] }));
  const sources = {
    list: { secret: ["${JWT_SECRET}", "another secret of the tests"] }, bytes: { secret_base64: secret.toString("base64") },
    file: { secret_file: files.key }, set: { jwks: files.set },
  };
  const keys = { first: { secret: SECRET }, ...sources };
  const config = writeConfig(t, configuration({ keys }));
  const check = async (made, key) => (await command(t, ["check", made, "--key", key, "--config", config])).code;
  for (const key of Object.keys(sources)) {
    const made = await gen(t, ["ann", "--key", key, "--config", config]);
    assert.equal(await check(made, key), 0, key);
    const others = { list: "bytes", bytes: "first", file: "list", set: "list" };
    assert.equal(await check(made, others[key]), 1, key);
    if (key === "list") assert.equal(await check(made, "first"), 0);
    if (key === "set") assert.equal(JSON.parse(Buffer.from(made.split(".")[0], "base64url")).kid, "7");
  }
});

test("the reason of a refusal is reported, with exit code 1 and nothing on stdout", async (t) => {
  const claims = { userId: "ann" };
  const refusals = [
    [token({ ...claims, exp: 1_700_000_000 }, SECRET), /it has expired, on 2023-11-14 22:13:20 UTC, \d+ days ago/],
    [token({ ...claims, nbf: inSeconds(7_250) }, SECRET), /it is not valid yet, but from 20\d\d-.* UTC, in 2 hours/],
    [token({ ...claims, exp: "soon" }, SECRET), /`exp` is not a number/],
    [token(claims, SECRET, { header: { alg: "RS256" } }), /its algorithm is "RS256", and this key takes HS256, HS384, HS512/],
    [token(claims, SECRET, { header: { alg: "none" } }), /its algorithm is "none", and this key takes HS256, HS384, HS512/],
    [token(claims, "another secret of the tests, just as long"), /its signature was not made with this key/],
    [token(claims, SECRET).replace(/.$/, "="), /the token is refused: /],
    ["hello", /it is not a token: it has no three parts/],
    ["", /it is not a token/],
  ];
  for (const [given, told] of refusals) {
    const { code, stdout, text } = await command(t, ["check", "-"], { input: given });
    assert.deepEqual([code, stdout], [1, ""], text);
    assert.match(text, told);
    assert.match(text, /^innkeeper: the token is refused: /m);
  }
});

test("without a secret to sign with, the command says what to do", async (t) => {
  const none = await command(t, ["gen", "ann"], { env: {} });
  assert.equal(none.code, 1);
  assert.match(none.text, /there is no key "default"; set the variable JWT_SECRET, .* or name a configuration with --config/);

  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = path.join(folder(t), "public.pem");
  writeFileSync(pem, publicKey.export({ type: "spki", format: "pem" }));
  const config = writeConfig(t, configuration({ keys: { default: { public_key: pem } } }));
  const signed = await command(t, ["gen", "ann", "--config", config]);
  assert.equal(signed.code, 1);
  assert.match(signed.text, /keys\.default is a public key: it verifies and cannot sign; get a token from the owner of its private key/);
  const unknown = await command(t, ["check", "a.b.c", "--key", "other", "--config", config]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.text, /there is no \[keys\.other\]; add it, with secret = "\$\{JWT_SECRET\}"; the keys there are: default/);
});

test("wrong usage is reported and ends with code 2", async (t) => {
  const wrong = [
    [["gen"], /USER_ID/], [["gen", ""], /USER_ID/], [["gen", "ann", "--for", "soon"], /"soon" is not a duration/], [["gen", "ann", "--for", "0s"], /out of range/],
    [["gen", "ann", "--claim", "admin"], /write it as KEY=VALUE/], [["gen", "ann", "--claim", "exp=5"], /has its own place: use --for/],
  ];
  for (const [args, told] of wrong) {
    const { code, text } = await command(t, args);
    assert.equal(code, 2, text);
    assert.match(text, told);
  }
});

async function gen(t, args) {
  const { code, stdout, text } = await command(t, ["gen", ...args]);
  assert.equal(code, 0, text);
  assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  return stdout.trim();
}

/** Runs `innkeeper token`, in a folder without a configuration. Whatever it does, it shows no secret. */
async function command(t, args, { env = ENV, input } = {}) {
  const program = run(t, ["token", ...args], { cwd: folder(t), env: { ...env, INNKEEPER_LOG: "trace" }, input });
  const code = await program.exit();
  assert.doesNotMatch(program.stdout + program.text, /tests that nobody|another secret/, "no secret is shown");
  return { code, stdout: program.stdout, text: program.text };
}

function folder(t) {
  const made = mkdtempSync(path.join(tmpdir(), "innkeeper-token-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}
