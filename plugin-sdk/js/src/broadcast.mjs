// What goes to several sockets: `io.to("room").except("other").emit(…)`.

import { emit as hostEmit, rooms as hostRooms, sockets as hostSockets } from "./host.mjs";
import { askRooms, toCallback } from "./answers.mjs";
import { attempt } from "./errors.mjs";
import { milliseconds, refused, text, texts } from "./names.mjs";
import { encode } from "./payload.mjs";
import { fetchSockets } from "./remote-socket.mjs";

const ALL_FIELDS = ["rooms", "data", "handshake", "auth", "headers"];

/** The sockets of a namespace that are in any of the rooms, or all, and in none of those excepted. Never changed: each step makes another. */
export class BroadcastOperator {
  constructor(namespace, rooms = [], except = [], flags = [], timeout = undefined) {
    this._target = { namespace, rooms, except, flags };
    this._timeout = timeout;
  }

  to(rooms) {
    return this._with({ rooms: [...this._target.rooms, ...texts(rooms)] });
  }

  in(rooms) {
    return this.to(rooms);
  }

  except(rooms) {
    return this._with({ except: [...this._target.except, ...texts(rooms)] });
  }

  get local() {
    return this._with({ flags: [...this._target.flags, "local"] });
  }

  get volatile() {
    return this._with({ flags: [...this._target.flags, "volatile"] });
  }

  /** Does nothing: the host decides what is compressed. */
  compress() {
    return this;
  }

  /** How long clients have for their acks; without it as long as a call may take. */
  timeout(ms) {
    return this._with({}, milliseconds(ms));
  }

  emit(name, ...args) {
    const callback = args[args.length - 1];
    if (typeof callback === "function") {
      toCallback(this.emitWithAck(name, ...args.slice(0, -1)), (responses) => callback(null, responses), (error) => callback(error, error.responses ?? []));
      return true;
    }
    try {
      hostEmit.toRooms(this._target, text(name), encode(args));
    } catch (error) {
      throw refused(name, error);
    }
    return true;
  }

  emitWithAck(name, ...args) {
    return askRooms(this._target, name, args, this._timeout);
  }

  socketsJoin(rooms) {
    attempt(() => hostRooms.joinAll(this._target, texts(rooms)));
  }

  socketsLeave(rooms) {
    attempt(() => hostRooms.leaveAll(this._target, texts(rooms)));
  }

  disconnectSockets(close = false) {
    attempt(() => hostSockets.disconnectAll(this._target, Boolean(close)));
  }

  /** The sockets that match, of all nodes. Of what each knows only `fields`, out of `rooms`, `data`, `handshake`, `auth` and `headers`. */
  fetchSockets({ fields = ALL_FIELDS } = {}) {
    return fetchSockets(this._target, fields, this._timeout ?? null, (id) => new BroadcastOperator(this._target.namespace, [id]));
  }

  _with(change, timeout = this._timeout) {
    const { namespace, rooms, except, flags } = { ...this._target, ...change };
    return new BroadcastOperator(namespace, rooms, except, flags, timeout);
  }
}
