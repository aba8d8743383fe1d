import type { RequestHead } from '../../http/message.ts'
import type { TokenProvider } from './provider.ts'

/** A token as a request shows it. */
export interface ShownToken {
  readonly text: string
  /** Where it stands. */
  readonly place: TokenPlace
  /** Of a field: index of its name in the head. */
  readonly index: number
}

/** One place where tokens of some providers may stand. */
export interface TokenPlace {
  readonly kind: 'field' | 'parameter' | 'cookie'
  readonly name: string
  /** In lower case: the scheme of Authorization is read in any (RFC 9110 section 11.1). */
  readonly prefix: string
  /** By their order in the filter. */
  readonly providers: ReadonlySet<number>
}

const NONE: readonly never[] = []

/** Finds every token that a request shows at a place of any provider. */
export class TokenFinder {
  readonly #fields = new Map<string, TokenPlace[]>()
  readonly #parameters = new Map<string, TokenPlace>()
  readonly #cookies = new Map<string, TokenPlace>()

  constructor(providers: readonly TokenProvider[]) {
    const all = new Map<string, TokenPlace & { readonly providers: Set<number> }>()
    const add = (kind: TokenPlace['kind'], name: string, given: string, provider: number): TokenPlace => {
      const prefix = given.toLowerCase()
      const key = `${kind} ${name} ${prefix}`
      const place = all.get(key) ?? { kind, name, prefix, providers: new Set() }
      all.set(key, place)
      place.providers.add(provider)
      return place
    }
    for (const [at, { places }] of providers.entries()) {
      for (const { name, prefix } of places.fields) {
        const place = add('field', name, prefix, at)
        const others = this.#fields.get(name) ?? []
        if (!others.includes(place)) this.#fields.set(name, [...others, place])
      }
      for (const name of places.parameters) this.#parameters.set(name, add('parameter', name, '', at))
      for (const name of places.cookies) this.#cookies.set(name, add('cookie', name, '', at))
    }
  }

  /** Fields first, then parameters, then cookies. */
  find({ fields, path }: RequestHead): readonly ShownToken[] {
    let found: ShownToken[] | undefined
    for (let i = 0; i < fields.length; i += 2) {
      const places = this.#fields.get(fields[i] as string)
      if (places === undefined) continue
      const value = fields[i + 1] as string
      for (const place of places) {
        const text = afterPrefix(value, place.prefix)
        if (text !== undefined) (found ??= []).push({ text, place, index: i })
      }
    }
    if (this.#parameters.size > 0 && path.includes('?')) {
      for (const [name, text] of parametersOf(path)) {
        const place = this.#parameters.get(name)
        if (place) (found ??= []).push({ text, place, index: -1 })
      }
    }
    if (this.#cookies.size > 0) {
      for (let i = 0; i < fields.length; i += 2) {
        if (fields[i] !== 'cookie') continue
        for (const [name, text] of cookiesOf(fields[i + 1] as string)) {
          const place = this.#cookies.get(name)
          if (place) (found ??= []).push({ text, place, index: i })
        }
      }
    }
    return found ?? NONE
  }
}

/**
 * Takes tokens out of a request. Of a field the whole value goes, with whatever its scheme was; parameters and cookies
 * beside them stay as they are written.
 */
export function takeOut(head: RequestHead, tokens: readonly ShownToken[]): void {
  const [only] = tokens
  if (tokens.length === 1 && only?.place.kind === 'field') {
    head.fields.splice(only.index, 2)
    return
  }
  const names = (kind: TokenPlace['kind']): ReadonlySet<string> =>
    new Set(tokens.filter(({ place }) => place.kind === kind).map(({ place }) => place.name))
  const parameters = names('parameter')
  if (parameters.size > 0) head.path = withoutParameters(head.path, parameters)
  const cookies = names('cookie')
  const gone = new Set(tokens.filter(({ place }) => place.kind === 'field').map(({ index }) => index))
  if (gone.size === 0 && cookies.size === 0) return
  const { fields } = head
  let kept = 0
  for (let i = 0; i < fields.length; i += 2) {
    if (gone.has(i)) continue
    const name = fields[i] as string
    let value = fields[i + 1] as string
    if (cookies.size > 0 && name === 'cookie') {
      value = withoutCookies(value, cookies)
      if (value === '') continue
    }
    fields[kept++] = name
    fields[kept++] = value
  }
  fields.length = kept
}

/** Undefined: the value does not begin so. An empty token is one, and is none that verifies. */
function afterPrefix(value: string, prefix: string): string | undefined {
  if (prefix === '') return value.trim()
  if (value.length < prefix.length || value.slice(0, prefix.length).toLowerCase() !== prefix) return undefined
  return value.slice(prefix.length).trim()
}

/** Names and values of a query, decoded: an application decodes them, too. */
function parametersOf(path: string): (readonly [name: string, value: string])[] {
  const query = path.slice(path.indexOf('?') + 1)
  return query.split('&').map((pair) => {
    const at = pair.indexOf('=')
    return at < 0 ? [decoded(pair), ''] : [decoded(pair.slice(0, at)), decoded(pair.slice(at + 1))]
  })
}

function withoutParameters(path: string, names: ReadonlySet<string>): string {
  const at = path.indexOf('?')
  const kept = path
    .slice(at + 1)
    .split('&')
    .filter((pair) => !names.has(decoded(pair.split('=', 1)[0] as string)))
  return kept.length === 0 ? path.slice(0, at) : `${path.slice(0, at)}?${kept.join('&')}`
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

function cookiesOf(value: string): (readonly [name: string, value: string])[] {
  return value.split(';').map((pair) => {
    const at = pair.indexOf('=')
    if (at < 0) return ['', pair.trim()]
    const text = pair.slice(at + 1).trim()
    // A cookie-value may stand in quotes (RFC 6265 section 4.1.1).
    const quoted = text.length > 1 && text.startsWith('"') && text.endsWith('"')
    return [pair.slice(0, at).trim(), quoted ? text.slice(1, -1) : text]
  })
}

function withoutCookies(value: string, names: ReadonlySet<string>): string {
  return value
    .split(';')
    .filter((pair) => !names.has(pair.slice(0, Math.max(0, pair.indexOf('='))).trim()))
    .map((pair) => pair.trim())
    .join('; ')
}
