// A socket of any node, as `fetchSockets` finds it.

import { sockets as host } from "./host.mjs";
import { HostError } from "./errors.mjs";
import { toHandshake } from "./handshake.mjs";
import { pending, reject, resolve, whenSettled } from "./promise.mjs";
import { ask } from "./tickets.mjs";

const PAGE = 10_000;

/** A socket as it stood when its node answered. What is sent to it goes through the room that is named like it. */
export class RemoteSocket {
  constructor({ id, handshake, rooms, data }, operator) {
    this.id = id;
    this.rooms = new Set(rooms);
    this.data = data === null ? {} : JSON.parse(data);
    this.handshake = handshake === null ? undefined : toHandshake(handshake);
    Object.defineProperty(this, "_operator", { value: operator });
  }

  emit(name, ...args) {
    const callback = args[args.length - 1];
    if (typeof callback !== "function") return this._operator.emit(name, ...args);
    return this._operator.emit(name, ...args.slice(0, -1), (error, responses) => (error ? callback(error) : callback(null, responses[0])));
  }

  /** The first argument of the client's ack. */
  emitWithAck(name, ...args) {
    const promise = pending();
    whenSettled(this._operator.emitWithAck(name, ...args), (responses) => {
      if (responses.length > 0) resolve(promise, responses[0]);
      else reject(promise, new HostError({ code: "disconnected", message: "socket has been disconnected" }));
    }, (error) => reject(promise, error));
    return promise;
  }

  timeout(ms) {
    const copy = Object.create(this);
    Object.defineProperty(copy, "_operator", { value: this._operator.timeout(ms) });
    return copy;
  }

  join(rooms) {
    this._operator.socketsJoin(rooms);
  }

  leave(room) {
    this._operator.socketsLeave(room);
  }

  disconnect(close = false) {
    this._operator.disconnectSockets(close);
    return this;
  }
}

/** Promises the sockets that match. `operatorOf` makes what an id is reached by. */
export function fetchSockets(target, fields, timeout, operatorOf) {
  return ask(() => host.fetch(target, fields, timeout), (ticket) => {
    const found = [];
    for (let hasMore = true; hasMore; ) {
      const page = host.fetched(ticket, PAGE);
      for (const one of page.sockets) found.push(new RemoteSocket(one, operatorOf(one.id)));
      hasMore = page.more;
    }
    return found;
  });
}
