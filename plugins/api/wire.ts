/** Property names as the API spells them: `publicKey` → `public_key`, one level deep in objects and lists of them. */
export function toWire(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toWire);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [snakeCase(key), item]));
}

const texts = new WeakMap<object, string>();

/** A list as JSON. What operations answer is never changed afterwards, so an item that comes again is not written again. */
export function listText(items: readonly object[]): string {
  return `[${items.map(itemText).join(',')}]`;
}

function itemText(item: object): string {
  const known = texts.get(item);
  if (known !== undefined) return known;
  const text = JSON.stringify(toWire(item));
  texts.set(item, text);
  return text;
}

/** The other way, for what callers send; anything but an object stays as it is. */
export function fromWire(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [camelCase(key), item]));
}

const snakes = new Map<string, string>();

/** The names are few, and each list answers them fifty times over. */
export function snakeCase(name: string): string {
  const known = snakes.get(name);
  if (known !== undefined) return known;
  const spelled = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (snakes.size < 1_000) snakes.set(name, spelled);
  return spelled;
}

export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
