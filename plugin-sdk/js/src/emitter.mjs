// Listeners by name, as Node's EventEmitter has them.

/** Something with listeners. Lists are never changed but replaced, so that whoever walks over one is not disturbed. */
export class Emitter {
  /** Name of the event to its listeners. */
  _listeners = new Map();

  on(name, listener) {
    this._listeners.set(name, [...(this._listeners.get(name) ?? []), checked(listener)]);
    return this;
  }

  once(name, listener) {
    checked(listener);
    const once = (...args) => {
      this.off(name, once);
      return listener.apply(this, args);
    };
    once.listener = listener;
    // So that a listener which names its callback counts as one, see `events.mjs`.
    Object.defineProperty(once, "length", { value: listener.length });
    return this.on(name, once);
  }

  prependListener(name, listener) {
    this._listeners.set(name, [checked(listener), ...(this._listeners.get(name) ?? [])]);
    return this;
  }

  off(name, listener) {
    const list = this._listeners.get(name) ?? [];
    const index = list.findLastIndex((one) => one === listener || one.listener === listener);
    if (index < 0) return this;
    const rest = list.filter((_, i) => i !== index);
    if (rest.length === 0) this._listeners.delete(name);
    else this._listeners.set(name, rest);
    return this;
  }

  removeAllListeners(name) {
    if (name === undefined) this._listeners.clear();
    else this._listeners.delete(name);
    return this;
  }

  listeners(name) {
    return (this._listeners.get(name) ?? []).map((one) => one.listener ?? one);
  }

  listenerCount(name) {
    return this._listeners.get(name)?.length ?? 0;
  }

  eventNames() {
    return [...this._listeners.keys()];
  }
}

Emitter.prototype.addListener = Emitter.prototype.on;
Emitter.prototype.removeListener = Emitter.prototype.off;

/** The listener, if it can be called. */
export function checked(listener) {
  if (typeof listener === "function") return listener;
  throw new TypeError(`The "listener" argument must be of type function. Received ${typeof listener}`);
}
