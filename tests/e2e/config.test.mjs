// `innkeeper config`: the example, the check, and what is shown of a configuration.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ROOT, TARGET, run, writeConfig } from "./harness/index.mjs";

test("`config init` writes an example that `config check` accepts, and does not overwrite without --force", async (t) => {
  const file = path.join(folder(t), "innkeeper.toml");
  assert.equal((await config(t, ["init", file])).code, 0);
  const example = readFileSync(file, "utf8");
  assert.match(example, /^#ping_interval = "25s"$/m);
  const checked = await config(t, ["check", "--config", file]);
  assert.equal(checked.code, 0, checked.text);
  assert.match(checked.stdout, /no problems[^]*127\.0\.0\.1:3001[^]*load no plugin/);

  writeFileSync(file, "# mine\n");
  const refused = await config(t, ["init", file]);
  assert.equal(refused.code, 1);
  assert.match(refused.text, /is there already; --force overwrites it/);
  assert.equal(readFileSync(file, "utf8"), "# mine\n");
  assert.equal((await config(t, ["init", "--force", file])).code, 0);
  assert.equal(readFileSync(file, "utf8"), example);
});

test("`config check` reports all problems at once and ends with code 2", async (t) => {
  const file = writeConfig(t, '[server]\nprot = 3001\nping_timeout = "soon"\n');
  const checked = await config(t, ["check", "--config", file]);
  assert.equal(checked.code, 2);
  assert.match(checked.text, /innkeeper\.toml:2: server\.prot: unknown key; did you mean `port`\?/);
  assert.match(checked.text, /innkeeper\.toml:3: server\.ping_timeout: "soon" is not a duration/);
  assert.match(checked.text, /^innkeeper: 2 problems in the configuration$/m);
});

test("`config show --origin` shows default, file, environment and flag, and no secret", async (t) => {
  const component = path.join(folder(t), "mine.wasm");
  writeFileSync(component, "");
  const lines = [`[server]`, `path = "/rt"`, `[plugins.mine]`, `component = "${component}"`, `config = { secret = "s3", auth = "\${MY_TOKEN}" }`];
  const file = writeConfig(t, `${lines.join("\n")}\n`);
  const env = { INNKEEPER_HOST: "0.0.0.0", MY_TOKEN: "t0" };
  const { code, stdout, text } = await config(t, ["show", "--origin", "--config", file, "--port", "4000"], env);
  assert.equal(code, 0, text);
  const shown = stdout.replaceAll(`${path.dirname(file)}/`, "").split("\n");
  for (const line of [
    "port = 4000  # flag --port",
    'host = "0.0.0.0"  # environment variable INNKEEPER_HOST',
    'path = "/rt/"  # innkeeper.toml:2',
    'ping_interval = "25s"  # default',
    'config.secret = "<redacted>"  # innkeeper.toml:5',
    'config.auth = "<redacted>"  # innkeeper.toml:5, environment variable ${MY_TOKEN}',
  ]) {
    assert.ok(shown.includes(line), `${line}\n\n${stdout}`);
  }
});

test("`config show` without a file shows the built-in configuration with the reference plugins; auth where there is a key", async (t) => {
  const { code, stdout } = await config(t, ["show"]);
  assert.equal(code, 0);
  for (const part of ["[server]\nport = 3001\n", "[plugins.echo]\n", "[plugins.chat]\n"]) assert.ok(stdout.includes(part), stdout);
  const plugins = (text) => [...text.matchAll(/^\[plugins\.([^\]]+)\]$/gm)].map(([, name]) => name);
  assert.deepEqual(plugins(stdout), ["audit", "rate-limit", "chat", "echo"]);
  const keyed = await config(t, ["show"], { JWT_SECRET: "a secret of the tests that nobody could guess" });
  assert.deepEqual(plugins(keyed.stdout), ["audit", "auth", "rate-limit", "chat", "echo"]);
  assert.doesNotMatch(keyed.stdout + keyed.text, /nobody could guess/);
});

test("`config check` without a file says what would be loaded, and that every client may connect without a key", async (t) => {
  const { code, stdout, text } = await config(t, ["check"]);
  assert.equal(code, 0, text);
  const granted = { audit: "no grants, on /, /chat", "rate-limit": "granted rate-limit, on /, /chat", chat: "granted store:messages, on /chat", echo: "no grants, on /" };
  for (const [name, grants] of Object.entries(granted)) assert.match(stdout, new RegExp(`load the plugin ${name} from .*, ${grants}$`, "m"));
  assert.doesNotMatch(stdout, /the plugin auth/);
  assert.match(text, /every client may connect; with JWT_SECRET set, the plugin auth requires a token/);
});

test("`config check` accepts the configuration in docs/guide.md", async (t) => {
  const guide = readFileSync(path.join(ROOT, "docs", "guide.md"), "utf8");
  const [, written] = guide.match(/```toml\n([^]*?)```/);
  const file = writeConfig(t, written.replaceAll("target/innkeeper/", `${path.join(TARGET, "innkeeper")}/`));
  writeFileSync(path.join(path.dirname(file), "users.json"), '{"users": {"ann": {"name": "Ann"}}}');
  const { code, stdout, text } = await config(t, ["check", "--config", file], { JWT_SECRET: "a secret of 32 bytes, or of more" });
  assert.equal(code, 0, text);
  assert.match(stdout, /audit[^]*auth[^]*rate-limit[^]*chat/);
});

async function config(t, args, env = {}) {
  const program = run(t, ["config", ...args], { env, cwd: folder(t) });
  const code = await program.exit();
  return { code, stdout: program.stdout, text: program.text };
}

function folder(t) {
  const made = mkdtempSync(path.join(tmpdir(), "innkeeper-test-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}
