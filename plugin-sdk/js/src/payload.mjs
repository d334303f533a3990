// Arguments as the contract has them: JSON text, with binary arguments beside it.

const NONE = [];
/** Whether a payload is being encoded. */
let isEncoding = false;
/** Its attachments, if it has some. */
let attachments = NONE;

/** The payload of a list of arguments. `Uint8Array` and `ArrayBuffer`, anywhere in it, become attachments. */
export function encode(args) {
  if (args.length === 0) return { args: "[]", attachments: NONE };
  isEncoding = true;
  try {
    return { args: JSON.stringify(args), attachments };
  } finally {
    isEncoding = false;
    attachments = NONE;
  }
}

/** The payload of one argument. To write a list around it costs less than a list. */
export function encodeOne(arg) {
  isEncoding = true;
  try {
    const text = JSON.stringify(arg);
    return { args: text === undefined ? "[null]" : "[" + text + "]", attachments };
  } finally {
    isEncoding = false;
    attachments = NONE;
  }
}

/** The arguments of a payload, as a list. Attachments become `Uint8Array`s. */
export function decode(payload) {
  const args = payload.args === "[]" ? [] : JSON.parse(payload.args);
  return payload.attachments.length === 0 ? args : fill(args, payload.attachments);
}

/**
 * `JSON.stringify` asks a value for its `toJSON`. So binary values are found without a walk over everything that is emitted.
 */
export function installBinary() {
  const TypedArray = Object.getPrototypeOf(Uint8Array.prototype);
  define(TypedArray, (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength), (view) => Object.assign({}, view));
  define(DataView.prototype, (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength), () => ({}));
  define(ArrayBuffer.prototype, (buffer) => new Uint8Array(buffer), () => ({}));
}

function define(prototype, bytes, plain) {
  const toJSON = function () {
    if (!isEncoding) return plain(this);
    if (attachments === NONE) attachments = [];
    // A copy: the bytes of this moment are sent, whatever the plugin writes into the array later.
    attachments.push(bytes(this).slice());
    return { _placeholder: true, num: attachments.length - 1 };
  };
  Object.defineProperty(prototype, "toJSON", { value: toJSON, writable: true, configurable: true });
}

function fill(value, found) {
  if (typeof value !== "object" || value === null) return value;
  if (value._placeholder === true && typeof value.num === "number") return found[value.num];
  for (const key of Object.keys(value)) value[key] = fill(value[key], found);
  return value;
}
