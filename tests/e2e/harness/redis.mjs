// A real redis-server on a free port of its own, without files, that ends with the test.

import { spawn, execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { freeze } from "./process.mjs";
import { freePort } from "./proxy.mjs";
import { PATIENCE_MS, eventually } from "./wait.mjs";

const run = promisify(execFile);
/** Processes that are to end with this one, however it ends. */
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/**
 * Starts a server. `options.args`: more of its arguments, `["--maxmemory", "8mb"]`; `options.password`: of the default user;
 * `options.replicaOf`: another one of these; `options.tls`: `{cert, key, ca}`, files.
 */
export async function startRedis(t, options = {}) {
  const redis = new Redis(options.port ?? (await freePort()), options);
  t.after(() => redis.end());
  await redis.start();
  return redis;
}

class Redis {
  constructor(port, { args = [], password, replicaOf, tls }) {
    this.port = port;
    this.password = password;
    this.tls = tls;
    this.folder = mkdtempSync(path.join(tmpdir(), "innkeeper-redis-"));
    const ports = tls
      ? ["--port", "0", "--tls-port", port, "--tls-cert-file", tls.cert, "--tls-key-file", tls.key, "--tls-ca-cert-file", tls.ca, "--tls-auth-clients", "no"]
      : ["--port", port];
    this.args = [
      ...ports, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", this.folder, "--daemonize", "no",
      ...(password ? ["--requirepass", password, "--masterauth", password] : []),
      ...(replicaOf ? ["--replicaof", "127.0.0.1", replicaOf.port] : []),
      ...args,
    ].map(String);
  }

  /** As `url` in `[adapter.redis]` and Node's client take it. */
  get url() {
    const user = this.password ? `:${encodeURIComponent(this.password)}@` : "";
    return `${this.tls ? "rediss" : "redis"}://${user}${this.tls ? "localhost" : "127.0.0.1"}:${this.port}`;
  }

  async start() {
    this.child = spawn("redis-server", this.args, { stdio: "ignore" });
    const child = this.child;
    running.add(child);
    child.once("exit", () => running.delete(child));
    await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", (error) => reject(new Error(`redis-server: ${error.message}; tests/run installs it`))));
    await eventually("Redis answers", async () => (await this.cli("PING").catch(() => "")) === "PONG");
  }

  /** Its own command line. */
  async cli(...args) {
    const tls = this.tls ? ["--tls", "--cacert", this.tls.ca, "-h", "localhost"] : [];
    const auth = this.password ? ["-a", this.password, "--no-auth-warning"] : [];
    const { stdout } = await run("redis-cli", ["-p", this.port, ...tls, ...auth, ...args].map(String), { timeout: PATIENCE_MS });
    return stdout.trim();
  }

  /** Ends it at once, as a machine that fails. */
  async kill() {
    const child = this.child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  /** Kills it, and starts it on the same port. */
  async restart() {
    await this.kill();
    await this.start();
  }

  /** It hangs: connections stand, and nothing is answered. */
  pause() {
    freeze(this.child.pid);
  }

  resume() {
    this.child.kill("SIGCONT");
  }

  async end() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
