// Writes the configuration of a host as TOML, in inline tables: short, and the order of keys stays.

/** `value`: text, numbers, booleans, lists and plain objects. */
export function toToml(value) {
  return Object.entries(value)
    .map(([key, section]) => `${JSON.stringify(key)} = ${inline(section)}\n`)
    .join("");
}

function inline(value) {
  if (Array.isArray(value)) {
    return `[${value.map(inline).join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)} = ${inline(member)}`);
    return `{ ${members.join(", ")} }`;
  }
  return JSON.stringify(value);
}
