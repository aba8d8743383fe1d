/**
 * Puts another function in the place of one, with the same name and the same own properties. Where there is none, or it cannot be
 * replaced, nothing happens: the application goes on as it would without.
 */
export function replace<F extends (...args: never[]) => unknown>(
  owner: object,
  name: string,
  make: (original: F) => F,
): void {
  try {
    const original: unknown = (owner as Record<string, unknown>)[name]
    if (typeof original !== 'function') return
    const value = make(original as F)
    for (const key of Reflect.ownKeys(original)) {
      const property = Object.getOwnPropertyDescriptor(original, key)
      if (property && key !== 'prototype') Object.defineProperty(value, key, property)
    }
    const enumerable = Object.prototype.propertyIsEnumerable.call(owner, name)
    Object.defineProperty(owner, name, { configurable: true, writable: true, enumerable, value })
  } catch {
    // Frozen, or not configurable.
  }
}
