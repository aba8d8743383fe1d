import { isObject, type Json, type JsonObject } from '../../injector/json-patch.ts'
import { namesSecret } from './secret-names.ts'
import { REDACTED, withoutSecrets } from './secret-texts.ts'

/** Where an object with a name has what bears the name. */
const VALUES: ReadonlySet<string> = new Set([
  ...['value', 'values', 'exact', 'prefix', 'suffix', 'contains', 'regex', 'match', 'matches', 'stringMatch'],
  ...['string_match', 'safe_regex', 'safeRegex', 'rawValue', 'raw_value', 'pattern', 'default', 'text'],
])
const NAMES = ['name', 'key', 'header', 'headerName', 'header_name', 'field'] as const
/** Copies of what is elsewhere, in which nothing new stands: kubectl's, and the API server's book on who wrote what. */
const COPIES: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'managedFields',
])
/** Of a JWK that is private or symmetric (RFC 7518 section 6). */
const KEY_PARTS: ReadonlySet<string> = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])
/** JSON in JSON deeper than this is left out. */
const DEEPEST = 64

/**
 * Takes secrets out of JSON and text by what their place says (a Secret, a variable, a field or header with such a name), by
 * what they look like, and by having been seen: a value of a variable is taken out of logs, too.
 */
export class SecretRemover {
  readonly #seen = new Set<string>()

  /** What may not stand anywhere. Below six characters, words of every log would go with it. */
  learn(secret: string): void {
    if (secret.length >= 6 && secret.length <= 8000) this.#seen.add(secret)
  }

  /** A copy without secrets. Values of variables are learned from it. */
  json(value: unknown): Json {
    return this.#clean(value as Json, 0)
  }

  /** Lines of JSON are read as such. */
  text(text: string): string {
    return withoutSecrets(text.split('\n').map(cleanLine, this).join('\n'))
  }

  /** Without what was learned since. */
  final(text: string): string {
    let left = text
    for (const secret of [...this.#seen].toSorted((a, b) => b.length - a.length)) {
      left = left.replaceAll(secret, REDACTED)
      // As JSON writes it.
      const written = JSON.stringify(secret).slice(1, -1)
      if (written !== secret) left = left.replaceAll(written, REDACTED)
    }
    return left
  }

  #clean(value: Json, depth: number): Json {
    if (depth > DEEPEST) return REDACTED
    if (typeof value === 'string') return this.#cleanText(value, depth)
    if (Array.isArray(value)) return this.#cleanList(value, depth)
    return isObject(value) ? this.#cleanObject(value, depth) : value
  }

  #cleanText(text: string, depth: number): Json {
    // A set of keys, or a record of a log, as a text.
    if (/^\s*[[{]/.test(text)) {
      try {
        return JSON.stringify(this.#clean(JSON.parse(text) as Json, depth + 1))
      } catch {
        return withoutSecrets(text)
      }
    }
    return withoutSecrets(text)
  }

  /** `['--password', 'x']` and `['authorization', 'x']` are names and values, too. */
  #cleanList(list: readonly Json[], depth: number): Json {
    return list.map((one, at) => {
      const before = list[at - 1]
      if (
        typeof one === 'string' &&
        typeof before === 'string' &&
        !before.includes('=') &&
        namesSecret(before)
      )
        return REDACTED
      return this.#clean(one, depth + 1)
    })
  }

  #cleanObject(object: JsonObject, depth: number): Json {
    const isSecret = object['kind'] === 'Secret'
    const isKey = typeof object['kty'] === 'string'
    const named = NAMES.some((field) => {
      const name = object[field]
      return typeof name === 'string' && namesSecret(name)
    })
    const kept: Record<string, Json> = {}
    for (const [name, value] of Object.entries(object)) {
      if (COPIES.has(name)) continue
      const key = withoutSecrets(name)
      if (isSecret && (name === 'data' || name === 'stringData')) kept[key] = blanked(value)
      else if (isKey && KEY_PARTS.has(name)) kept[key] = REDACTED
      else if (named && VALUES.has(name)) kept[key] = blanked(value)
      else if (name === 'env' || name === 'environment') kept[key] = this.#cleanVariables(value, depth + 1)
      else if (namesSecret(name) && holdsTexts(value)) kept[key] = blanked(value)
      else kept[key] = this.#clean(value, depth + 1)
    }
    return kept
  }

  /** No value of a variable is kept, whatever it is called: where it comes from is. */
  #cleanVariables(variables: Json, depth: number): Json {
    if (Array.isArray(variables))
      return variables.map((one) => {
        if (typeof one === 'string') {
          const [name = ''] = one.split('=', 1)
          this.#learnVariable(name, one.slice(name.length + 1))
          return `${name}=${REDACTED}`
        }
        if (!isObject(one)) return REDACTED
        const { name, value } = one
        if (typeof value === 'string') this.#learnVariable(typeof name === 'string' ? name : '', value)
        const rest = this.#clean({ ...one, value: null }, depth)
        return { ...(rest as JsonObject), ...(value === undefined ? {} : { value: REDACTED }) }
      })
    if (!isObject(variables)) return REDACTED
    for (const [name, value] of Object.entries(variables))
      if (typeof value === 'string') this.#learnVariable(name, value)
    return Object.fromEntries(Object.keys(variables).map((name) => [name, REDACTED]))
  }

  /** A value that could be a word or an address of the mesh is left in logs. */
  #learnVariable(name: string, value: string): void {
    const looksRandom =
      value.length >= 8 && /[a-zA-Z]/.test(value) && /\d/.test(value) && !/[./:]/.test(value)
    if (namesSecret(name) || looksRandom) this.learn(value)
    const [, password] = /^[a-z][a-z0-9+.-]*:\/\/[^/@\s]*:([^/@\s]+)@/i.exec(value) ?? []
    if (password !== undefined) this.learn(password)
  }
}

function cleanLine(this: SecretRemover, line: string): string {
  if (!line.startsWith('{')) return line
  try {
    return JSON.stringify(this.json(JSON.parse(line)))
  } catch {
    return line
  }
}

function holdsTexts(value: Json): boolean {
  return typeof value === 'string' || (Array.isArray(value) && value.some((one) => typeof one === 'string'))
}

/** The same shape, with nothing of what stood in it. */
function blanked(value: Json): Json {
  if (Array.isArray(value)) return value.map(blanked)
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, blanked(one)]))
  return value === null || typeof value === 'boolean' ? value : REDACTED
}
