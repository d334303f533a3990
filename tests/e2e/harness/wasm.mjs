// Components that no toolchain makes, written byte by byte.

const HEADS = { module: [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], component: [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0] };

/** A component with these core modules, the first of which is instantiated so often. */
export function componentOf(modules, instances = 1) {
  const sections = modules.map((module) => section(1, module));
  const instantiate = Array.from({ length: instances }, () => Buffer.from([0, 0, 0]));
  return Buffer.concat([Buffer.from(HEADS.component), ...sections, section(2, list(instantiate))]);
}

/** A core module: its number of memories and tables, and the instructions of each of its functions, without parameters and results. */
export function moduleOf({ memories = 0, tables = 0, functions = [] } = {}) {
  const body = (code) => {
    // Without locals, up to the end.
    const bytes = Buffer.concat([Buffer.from([0]), code, Buffer.from([0x0b])]);
    return Buffer.concat([number(bytes.length), bytes]);
  };
  const repeated = (count, bytes) => list(Array.from({ length: count }, () => Buffer.from(bytes)));
  return Buffer.concat([
    Buffer.from(HEADS.module),
    section(1, list([Buffer.from([0x60, 0, 0])])),
    section(3, repeated(functions.length, [0])),
    section(4, repeated(tables, [0x70, 0, 1])),
    section(5, repeated(memories, [0, 1])),
    section(10, list(functions.map(body))),
  ]);
}

function section(id, content) {
  return Buffer.concat([Buffer.from([id]), number(content.length), content]);
}

function list(items) {
  return Buffer.concat([number(items.length), ...items]);
}

/** An unsigned number as LEB128. */
export function number(value) {
  const bytes = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value > 0);
  return Buffer.from(bytes);
}
