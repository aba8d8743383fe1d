import { readKeySet } from '../model/key-set.ts'
import { MOST_SOURCES, type KeysBySource } from '../model/token-rule.ts'

/** The last good keys of sources, as texts of JWK Sets by sourceKey: what outlives a control plane. They are public. */
export type KeptKeys = ReadonlyMap<string, string>

export const NO_KEPT_KEYS: KeptKeys = new Map()

/** Of all of it as text: a ConfigMap has room for 1 MiB. */
export const MOST_KEPT_BYTES = 512 * 1024

/**
 * What is to be kept, as text, of what is known now; the same text for the same keys. A source without keys of its own keeps those
 * that were kept before. Where it is too much, the longest sets are left out.
 */
export function writeKeptKeys(now: KeysBySource, before: KeptKeys): string {
  const texts = [...now].flatMap(([source, { text = before.get(source) }]) =>
    text === undefined ? [] : [[source, text] as const],
  )
  const fitting: [string, unknown][] = []
  let bytes = '{}'.length
  for (const [source, text] of texts.toSorted(([, a], [, b]) => a.length - b.length)) {
    const set: unknown = JSON.parse(text)
    bytes += Buffer.byteLength(JSON.stringify({ [source]: set }))
    if (bytes > MOST_KEPT_BYTES) break
    fitting.push([source, set])
  }
  return JSON.stringify(Object.fromEntries(fitting.toSorted(([a], [b]) => (a < b ? -1 : 1))))
}

/** Reads that again, and believes nothing of it that would not be believed of an answer; what is none is left out. */
export function readKeptKeys(text: string | undefined): KeptKeys {
  if (text === undefined || text.length > MOST_KEPT_BYTES) return NO_KEPT_KEYS
  let kept: unknown
  try {
    kept = JSON.parse(text)
  } catch {
    return NO_KEPT_KEYS
  }
  if (typeof kept !== 'object' || kept === null) return NO_KEPT_KEYS
  const keys = new Map<string, string>()
  for (const [source, value] of Object.entries(kept).slice(0, MOST_SOURCES)) {
    const { set, problems } = readKeySet(JSON.stringify(value))
    if (problems.length === 0 && set.count > 0) keys.set(source, set.text)
  }
  return keys
}
