// `io`: the server as a plugin sees it.

import { Namespace, ParentNamespace } from "./namespace.mjs";
import { checked } from "./emitter.mjs";

const OF_ROOT = [
  "on", "once", "off", "addListener", "removeListener", "removeAllListeners", "listeners", "listenerCount", "eventNames", "use", "useEvent",
  "to", "in", "except", "timeout", "compress", "emit", "emitWithAck", "send", "socketsJoin", "socketsLeave", "disconnectSockets", "fetchSockets",
];

class Server {
  _namespaces = new Map();
  _snapshot = null;
  _restore = null;

  constructor() {
    /** The namespace `/`. */
    this.sockets = this.of("/");
  }

  /** A namespace, or with a regular expression all whose whole names match it. */
  of(name, onConnection) {
    if (typeof name === "function") throw new Error("io.of(function) is not supported: a plugin registers names or regular expressions");
    const isPattern = name instanceof RegExp;
    const key = isPattern ? String(name) : String(name).startsWith("/") ? String(name) : `/${name}`;
    let namespace = this._namespaces.get(key);
    if (namespace === undefined) {
      namespace = isPattern ? new ParentNamespace(name) : new Namespace(key);
      this._namespaces.set(key, namespace);
    }
    if (onConnection !== undefined) namespace.on("connection", onConnection);
    return namespace;
  }

  get local() {
    return this.sockets.local;
  }

  get volatile() {
    return this.sockets.volatile;
  }

  /** What the next generation of the plugin is to start with: `fn` returns any JSON value. It may not wait. */
  onSnapshot(fn) {
    this._snapshot = checked(fn);
    return this;
  }

  /** Takes what the generation before handed over. It may not wait. */
  onRestore(fn) {
    this._restore = checked(fn);
    return this;
  }
}

for (const name of OF_ROOT) {
  const value = function (...args) {
    const result = this.sockets[name](...args);
    return result === this.sockets ? this : result;
  };
  Object.defineProperty(Server.prototype, name, { value, writable: true, configurable: true });
}

/** The server. */
export const io = new Server();
