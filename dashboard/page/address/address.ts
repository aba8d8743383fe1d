/**
 * What is shown, as the fragment of the page's address says it: `#/service/catalog.shop?ns=shop&last=3600`. All that one sees
 * can be sent to somebody else by it.
 */
export const VIEWS = [
  'map',
  'service',
  'traces',
  'trace',
  'compare',
  'canaries',
  'mesh',
  'policy',
  'live',
] as const
export type View = (typeof VIEWS)[number]

export interface Address {
  readonly view: View
  /** What comes after the view, decoded: of `#/compare/A/B` A and B. */
  readonly path: readonly string[]
  readonly params: Readonly<Record<string, string>>
}

/** `live`: the newest, as it comes. Times in milliseconds since the epoch. */
export type Range =
  | { readonly kind: 'live' }
  | { readonly kind: 'last'; readonly seconds: number }
  | { readonly kind: 'fixed'; readonly from: number; readonly to: number }

/** Of the namespace and the range of time: they stay from view to view. */
const KEPT = ['ns', 'last', 'from', 'to']
const LONGEST_SECONDS = 7 * 24 * 3600

/** Anything that is no address of the page is the map. */
export function parseAddress(hash: string): Address {
  const text = hash.replace(/^#?\/?/, '')
  const query = text.indexOf('?')
  const [name = '', ...path] = (query < 0 ? text : text.slice(0, query))
    .split('/')
    .filter((part) => part !== '')
    .map(decoded)
  const params = Object.fromEntries(new URLSearchParams(query < 0 ? '' : text.slice(query + 1)))
  const view = VIEWS.find((one) => one === name)
  return view ? { view, path, params } : { view: 'map', path: [], params }
}

export function formatAddress({ view, path, params }: Address): string {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== ''))
  const place = [view, ...path.map(encodeURIComponent)].join('/')
  return query.size > 0 ? `#/${place}?${query}` : `#/${place}`
}

/** Another view with the namespace and range of time of this one. */
export function toView(
  { params }: Address,
  view: View,
  path: readonly string[] = [],
  own: Readonly<Record<string, string>> = {},
): Address {
  const kept = Object.fromEntries(Object.entries(params).filter(([name]) => KEPT.includes(name)))
  return { view, path, params: { ...kept, ...own } }
}

/** The same view with some parameters set; '' takes one away. */
export function withParams(address: Address, changes: Readonly<Record<string, string>>): Address {
  const params = Object.entries({ ...address.params, ...changes }).filter(([, value]) => value !== '')
  return { ...address, params: Object.fromEntries(params) }
}

export function rangeOf({ params }: Address): Range {
  const from = Number(params['from'])
  const to = Number(params['to'])
  if (from > 0 && to > from) return { kind: 'fixed', from, to }
  const seconds = Number(params['last'])
  if (seconds > 0) return { kind: 'last', seconds: Math.min(Math.round(seconds), LONGEST_SECONDS) }
  return { kind: 'live' }
}

/** What pages of the control plane are asked; `liveSeconds` stands for the newest. */
export function rangeQuery(range: Range, liveSeconds: number): string {
  if (range.kind === 'fixed') return `from=${range.from}&to=${range.to}`
  return `last=${range.kind === 'last' ? range.seconds : liveSeconds}`
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
