// How a client connected, in the shape that Socket.IO gives it.

/** `socket.handshake` of the contract's record. */
export function toHandshake({ headers, query, auth, address, url, issuedMs, secure, xdomain }) {
  return {
    headers: collected(headers, (before, value) => `${before}, ${value}`),
    time: new Date(issuedMs).toString(),
    address,
    xdomain,
    secure,
    issued: issuedMs,
    url,
    query: collected(query, (before, value) => [].concat(before, value)),
    auth: auth === null ? {} : JSON.parse(auth),
  };
}

function collected(pairs, join) {
  const object = {};
  for (const [name, value] of pairs) {
    const before = Object.hasOwn(object, name) ? object[name] : undefined;
    // Not an assignment: `__proto__` would be none.
    Object.defineProperty(object, name, {
      value: before === undefined ? value : join(before, value), enumerable: true, writable: true, configurable: true,
    });
  }
  return object;
}
