// Servers of a cluster: Node's with the official adapter, and the emitters that only write.

import { fork, spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { startHost } from "./host.mjs";
import { within } from "./wait.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** A host of the guest `clustered` in the cluster of this Redis. `adapter`: more keys of `[adapter.redis]`. */
export function startNode(t, redis, { node, adapter, ...options } = {}) {
  return startHost(t, {
    plugins: { clustered: { grants: ["cluster", "handshake:secrets", "namespaces"], call_ms: 8_000, ...options.plugin } },
    ...options,
    server: { ...(node && { node }), ...options.server },
    adapter: { redis: { url: redis.url ?? redis, requests_timeout: "3s", ...adapter } },
  });
}

/** A server of Node. `server.do(operation, {…})` does something there. */
export async function startNodeServer(t, redis, options = {}) {
  const argument = JSON.stringify({ redis: redis.url ?? redis, ...options });
  const child = fork(path.join(HERE, "node-server.mjs"), [argument], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  t.after(() => child.kill("SIGKILL"));
  const waiting = new Map();
  let last = 0;
  const listening = new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`Node's server has ended with ${code}`)));
    child.on("message", ({ id, listening: port, result, error }) => {
      if (port) return resolve(port);
      const { resolve: done, reject: failed } = waiting.get(id);
      waiting.delete(id);
      if (error) failed(new Error(error));
      else done(result);
    });
  });
  listening.catch(() => {});
  const port = await within("Node's server listens", listening);
  const clients = new Set();
  t.after(() => clients.forEach((client) => client.close()));
  return {
    url: `http://127.0.0.1:${port}`,
    clients,
    process: child,
    do: (operation, rest = {}) =>
      within(`Node's server does ${operation}`, new Promise((resolve, reject) => {
        const id = (last += 1);
        waiting.set(id, { resolve, reject });
        child.send({ id, do: operation, ...rest });
      })),
  };
}

/** The official emitter, and the client that it writes with. */
export async function startEmitter(t, redis, options) {
  const client = createClient({ url: redis.url ?? redis });
  client.on("error", () => {});
  await client.connect();
  t.after(() => client.destroy());
  return { emitter: new Emitter(client, options), client };
}

/** python-socketio's manager that only writes: `manager(method, {…})` calls it. */
export function pythonManager(t, python, redis, channel = "socketio") {
  const child = spawn(python, [path.join(HERE, "..", "python", "manager.py"), redis.url ?? redis, channel], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  let [text, waiting] = ["", []];
  child.stdout.on("data", (chunk) => {
    text += chunk;
    const lines = text.split("\n");
    text = lines.pop();
    lines.forEach(() => waiting.shift()?.());
  });
  return (method, args = {}) =>
    within(`python-socketio's manager does ${method}`, new Promise((resolve) => {
      waiting.push(resolve);
      child.stdin.write(`${JSON.stringify({ method, ...args })}\n`);
    }));
}
