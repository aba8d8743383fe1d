/** Bytes of a token (RFC 9110 section 5.6.2), by code. */
export const TOKEN = new Uint8Array(256)
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
  TOKEN[char.charCodeAt(0)] = 1

/** Bytes that a field value may hold (RFC 9110 section 5.5): HTAB, SP, VCHAR, obs-text. */
export const VALUE = new Uint8Array(256)
for (let code = 0x20; code < 256; code++) VALUE[code] = code === 0x7f ? 0 : 1
VALUE[0x09] = 1

/** Bytes of a request target: no control, no space; obs-text is passed as it came, as the peers do. */
export const TARGET = new Uint8Array(256)
for (let code = 0x21; code < 256; code++) TARGET[code] = code === 0x7f ? 0 : 1

export function isToken(text: string): boolean {
  if (text.length === 0) return false
  for (let i = 0; i < text.length; i++) if (TOKEN[text.charCodeAt(i)] !== 1) return false
  return true
}

/** Names as they come mapped to lower case; bounded, since a peer chooses them. */
const lowered = new Map<string, string>()
const MAX_LOWERED = 1000

export function lowerCase(name: string): string {
  const known = lowered.get(name)
  if (known !== undefined) return known
  const lower = name.toLowerCase()
  if (lowered.size < MAX_LOWERED && name.length <= 64) lowered.set(name, lower)
  return lower
}
