// `TextEncoder` and `TextDecoder`: UTF-8 alone.

export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    const escaped = encodeURIComponent(String(text).toWellFormed());
    const bytes = new Uint8Array(escaped.length);
    let count = 0;
    for (let i = 0; i < escaped.length; i++) {
      const code = escaped.charCodeAt(i);
      // 37 is the percent sign: two digits follow.
      if (code === 37) {
        bytes[count++] = Number.parseInt(escaped.slice(i + 1, i + 3), 16);
        i += 2;
      } else bytes[count++] = code;
    }
    return bytes.slice(0, count);
  }
}

export class TextDecoder {
  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!/^utf-?8$/i.test(label)) throw new RangeError(`The "${label}" encoding is not supported`);
    Object.assign(this, { fatal, ignoreBOM });
  }

  get encoding() {
    return "utf-8";
  }

  decode(input = new Uint8Array(0)) {
    const bytes = input instanceof ArrayBuffer ? new Uint8Array(input) : new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
    const parts = [];
    for (let at = 0; at < bytes.length; ) {
      const { code, length } = character(bytes, at);
      if (code < 0 && this.fatal) throw new TypeError("The encoded data was not valid for encoding utf-8");
      parts.push(String.fromCodePoint(code < 0 ? 0xfffd : code));
      at += length;
    }
    const text = parts.join("");
    return !this.ignoreBOM && text.startsWith("\ufeff") ? text.slice(1) : text;
  }
}

/** The character that begins at a place, -1 for what is none, and the number of its bytes. */
function character(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return { code: first, length: 1 };
  const more = first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
  let code = first & (0x3f >> more);
  for (let i = 1; i <= more; i++) {
    const next = bytes[at + i];
    if (next === undefined || (next & 0xc0) !== 0x80 || (i === 1 && !isSecond(first, next))) return { code: -1, length: i };
    code = (code << 6) | (next & 0x3f);
  }
  return more === 0 ? { code: -1, length: 1 } : { code, length: more + 1 };
}

/** Whether the second byte is one that UTF-8 allows: no longer form than needed, no surrogate, nothing beyond the last character. */
function isSecond(first, second) {
  if (first === 0xe0) return second >= 0xa0;
  if (first === 0xed) return second < 0xa0;
  if (first === 0xf0) return second >= 0x90;
  return first !== 0xf4 || second < 0x90;
}
