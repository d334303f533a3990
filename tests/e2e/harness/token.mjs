// Tokens as the owner of the key makes them, and as an attacker without the key would try.

import { createHmac } from "node:crypto";

export const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token signed with HMAC. `header` overrides what its head says, `hash` what is really done. */
export function token(claims, secret, { header = {}, hash = "sha256" } = {}) {
  const message = `${part({ alg: "HS256", typ: "JWT", ...header })}.${part(claims)}`;
  return `${message}.${createHmac(hash, secret).update(message).digest("base64url")}`;
}

export const inSeconds = (seconds) => Math.floor(Date.now() / 1000) + seconds;
