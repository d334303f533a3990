// The real program: started with a configuration of its own, on free ports, watched through its log, and always ended.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { PROGRAM, TARGET, component } from "./paths.mjs";
import { toToml } from "./toml.mjs";
import { PATIENCE_MS, within } from "./wait.mjs";

/** A plugin may be compiled at the first start. */
const START_MS = 60_000;
/** What must not leak from the developer's environment into a test. */
const FOREIGN = ["CLIENT_URL", "JWT_SECRET", "INNKEEPER_HOST", "INNKEEPER_PORT", "INNKEEPER_LOG", "INNKEEPER_TOKEN_FILE", "REDIS_URL", "RUST_LOG"];

/** The hosts of each test. */
const hostsOf = new WeakMap();
/** Processes that are to end with this one, however it ends. */
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

/** As the first lines of each say. */
const REFERENCE_GRANTS = {
  auth: ["jwt:default", "handshake:secrets", "store:users"],
  "rate-limit": ["rate-limit"],
  chat: ["store:messages"],
};
/** What each component serves, as far as some test lets it share a namespace with another: then each of them must list it. */
const NAMESPACES = {
  audit: ["/", "/chat"],
  auth: ["/", "/chat"],
  "rate-limit": ["/", "/chat"],
  chat: ["/chat"],
  echo: ["/"],
  behave: ["/", "/gate"],
  crowd: ["/", "/b"],
  ledger: ["/", "/slow"],
  link: ["/"],
  foyer: ["/", "/lobby"],
  unruly: ["/"],
};

/**
 * Starts a host and waits until it listens. It ends with the test `t`, also if that fails.
 *
 * `options.plugins`: names (`["echo", "chat"]`) or, in the order of the chain, `{name: {component, grants, config, run_ms, …}}`;
 * `component` is a name or a path, by default the plugin's name; a reference plugin has the grants that its first lines name.
 * `namespaces` are by default those that the component serves.
 * `options.server`, `internal`, `limits`, `store`, `adapter`, `generations`, `wasm`, `keys`: those
 * sections of the configuration. `options.env`: more environment. `options.log`: the log's filter, by default `info`.
 * `options.file`: a configuration that was written already, in place of those options. `options.args`: more arguments.
 * `options.fileKiB`: no file of the host's can grow beyond this. `options.handles`: it can have no more files open. `options.softHandles`: that is
 * its soft limit. `options.addressKiB`: its address space.
 * `options.whileCompiling`: called while it compiles its first component.
 * `options.unprivileged`: it may read only what its user may, also if that is root.
 */
export async function startHost(t, options = {}) {
  const file = options.file ?? writeConfig(t, configuration(options));
  const host = run(t, ["run", "--config", file, ...(options.args ?? [])], options);
  /** Its configuration. */
  host.file = file;
  if (options.whileCompiling) {
    await host.waitForLog(by("compiling"), "it compiles", START_MS);
    options.whileCompiling();
  }
  host.address = addressOf(await host.waitForLog(by("listening"), "the host listens", START_MS));
  host.url = `http://${host.address}`;
  const internal = await host.waitForLog(by("internal interface listening"), "the internal interface listens");
  host.internal = `http://${addressOf(internal)}`;
  return host;
}

/**
 * Runs the program with these arguments; nothing is waited for. For the tests of the command line. `options.input`: its standard input;
 * `options.program`: another file than the one that cargo built. */
export function run(t, args, options = {}) {
  const env = { ...process.env, XDG_CACHE_HOME: path.join(TARGET, "innkeeper", "cache"), ...options.env };
  for (const name of FOREIGN) if (!options.env?.[name]) delete env[name];
  if (options.log) env.INNKEEPER_LOG = options.log;
  const executable = options.program ?? PROGRAM;
  // The shell makes the limits and becomes the program, which then gets an error where it would be stopped by a signal.
  const limits = [];
  if (options.fileKiB) limits.push(`trap "" XFSZ; ulimit -f ${options.fileKiB}`);
  if (options.softHandles) limits.push(`ulimit -S -n ${options.softHandles}`);
  if (options.handles) limits.push(`ulimit -n ${options.handles}`);
  if (options.addressKiB) limits.push(`ulimit -v ${options.addressKiB}`);
  const isRoot = process.getuid() === 0;
  const exec = options.unprivileged && isRoot ? "exec setpriv --bounding-set=-dac_override,-dac_read_search" : "exec";
  const isPlain = limits.length === 0 && exec === "exec";
  const [program, all] = isPlain ? [executable, args] : ["bash", ["-c", [...limits, `${exec} "$0" "$@"`].join("; "), executable, ...args]];
  const child = spawn(program, all, { env, cwd: options.cwd ?? tmpdir(), stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
  // A program that ends without reading has not failed for that.
  child.stdin?.on("error", () => {}).end(options.input);
  const host = new Host(child);
  hostsOf.set(t, [...(hostsOf.get(t) ?? []), host]);
  t.after(() => host.end());
  return host;
}

/** The configuration in a folder of its own, which ends with the test. Text is written as it is. */
export function writeConfig(t, config) {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-test-"));
  t.after(async () => {
    // A host writes into the folder as long as it runs.
    await Promise.all((hostsOf.get(t) ?? []).map((host) => host.end()));
    rmSync(folder, { recursive: true, force: true });
  });
  const file = path.join(folder, "innkeeper.toml");
  writeFileSync(file, typeof config === "string" ? config : toToml(config));
  return file;
}

/** A file for `store.seed`, which ends with the test. */
export function seed(t, buckets) {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-seed-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "seed.json");
  writeFileSync(file, JSON.stringify(buckets));
  return file;
}

/** The options of `startHost` as the sections of a configuration. */
export function configuration({ plugins = {}, server, internal, limits, store, adapter, generations, wasm, keys }) {
  const named = Array.isArray(plugins) ? Object.fromEntries(plugins.map((name) => [name, {}])) : plugins;
  const tables = Object.entries(named).map(([name, table]) => {
    const [grants, namespaces] = [REFERENCE_GRANTS[name], NAMESPACES[table.component ?? name]];
    return [name, { ...(grants && { grants }), ...(namespaces && { namespaces }), ...table, component: component(table.component ?? name) }];
  });
  const config = { server: { port: 0, ...server }, internal: { port: 0, ...internal }, plugins: Object.fromEntries(tables) };
  return { ...config, ...(limits && { limits }), ...(store && { store }), ...(adapter && { adapter }), ...(generations && { generations }), ...(wasm && { wasm }), ...(keys && { keys }) };
}

class Host {
  /** Lines of the log, parsed; what is not JSON is `{text}`. */
  logs = [];
  /** Everything that was written on stderr. */
  text = "";
  stdout = "";
  /** Clients to be closed with the host. */
  clients = new Set();
  #watchers = new Set();
  #child;

  constructor(child) {
    this.#child = child;
    running.add(child);
    child.stdout.setEncoding("utf8").on("data", (text) => (this.stdout += text));
    createInterface({ input: child.stderr }).on("line", (line) => this.#line(line));
    /** Resolves to `{code, signal}` when the process has ended and all it wrote was read. */
    this.ended = new Promise((resolve, reject) => {
      child.on("error", (error) => reject(new Error(`${PROGRAM} does not start; tests/run builds it`, { cause: error })));
      child.on("close", (code, signal) => resolve({ code, signal }));
    });
    this.ended.catch(() => {});
    child.on("close", () => this.#gone());
  }

  get pid() {
    return this.#child.pid;
  }

  /** Sends a signal and waits for nothing. */
  signal(name) {
    this.#child.kill(name);
  }

  /** Sends a signal and resolves to the exit code, or to the name of the signal that ended it. */
  async stop(signal = "SIGTERM", ms = PATIENCE_MS) {
    this.signal(signal);
    return this.exit(ms);
  }

  /** Resolves to the exit code, or to the name of the signal that ended it. */
  async exit(ms = PATIENCE_MS) {
    const { code, signal } = await within("the host ends", this.ended, ms);
    return code ?? signal;
  }

  /** Resolves to the first line of the log, past or to come, that `predicate` likes. */
  async waitForLog(predicate, sentence = "the line is in the log", ms = PATIENCE_MS) {
    const seen = this.logs.find(predicate);
    if (seen) return seen;
    const watcher = { predicate };
    const found = new Promise((resolve, reject) => Object.assign(watcher, { resolve, reject }));
    this.#watchers.add(watcher);
    try {
      return await within(sentence, Promise.race([found, this.#endedInstead()]), ms);
    } catch (error) {
      throw new Error(`${error.message}\n--- the log ends so ---\n${this.text.split("\n").slice(-25).join("\n")}`);
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  /** Lines of the log with this level (`"ERROR"`) or, given a function, those that it likes. */
  logged(what) {
    return this.logs.filter(typeof what === "function" ? what : (line) => line.level === what);
  }

  /** Ends it for good, with its clients. */
  async end() {
    for (const client of this.clients) client.close();
    this.#child.kill("SIGKILL");
    await this.ended.catch(() => {});
  }

  async #endedInstead() {
    const { code, signal } = await this.ended;
    throw new Error(`the host ended with ${code ?? signal}`);
  }

  #line(line) {
    this.text += `${line}\n`;
    if (process.env.INNKEEPER_TEST_LOGS) process.stderr.write(`    host ${this.pid}: ${line}\n`);
    const parsed = parse(line);
    this.logs.push(parsed);
    for (const watcher of this.#watchers) if (watcher.predicate(parsed)) watcher.resolve(parsed);
  }

  #gone() {
    running.delete(this.#child);
  }
}

/** A predicate for lines of the log with this message. */
export function by(message) {
  return (line) => line.message === message;
}

function addressOf({ address }) {
  return /[\d.]+:\d+/.exec(address)[0];
}

function parse(line) {
  try {
    const value = JSON.parse(line);
    return typeof value === "object" && value ? value : { text: line };
  } catch {
    return { text: line };
  }
}
