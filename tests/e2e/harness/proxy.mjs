// Real reverse proxies in front of a host: nginx and HAProxy, set up as README.md has it.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { eventually } from "./wait.mjs";

const PROGRAMS = {
  nginx: (file) => ["nginx", ["-c", file, "-g", "daemon off;"]],
  haproxy: (file) => ["haproxy", ["-db", "-f", file]],
};

/** Starts a proxy (`nginx` or `haproxy`) with the configuration that `write(port, folder)` gives. Resolves to the address that it listens on. */
export async function startProxy(t, program, write) {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-proxy-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const file = path.join(folder, "proxy.conf");
  writeFileSync(file, write(port, folder));
  // Debian has them where only root looks.
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };
  const [command, args] = PROGRAMS[program](file);
  const child = spawn(command, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const ended = new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Error(`${program} does not start; tests/run installs it`, { cause: error })));
    child.on("close", (code) => resolve(code));
  });
  t.after(async () => (child.kill("SIGTERM"), await ended.catch(() => {})));
  const listening = eventually(`${program} listens`, () => answers(port));
  await Promise.race([listening, ended.then((code) => Promise.reject(new Error(`${program} ended with ${code}: ${said}`)))]);
  return `127.0.0.1:${port}`;
}

/** A port that nobody listens on now. */
export function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => (socket.destroy(), resolve(true)));
    socket.on("error", reject);
  });
}
