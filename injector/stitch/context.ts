import { AsyncLocalStorage } from 'async_hooks'

// What runs in somebody else's process, on whatever Node.js that has: bundled as CommonJS for old ones, without a dependency, and
// silent whatever happens. Modules of Node.js go by their old names, which all of its versions know.

/** What of a request goes on with those that are sent for it, by name in lower case. */
export type Carried = Readonly<Record<string, string>>

/**
 * W3C Trace Context, B3 in both of its forms (https://github.com/openzipkin/b3-propagation), and what Envoy and Weft call one request
 * through all hops.
 */
export const CARRIED = [
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'x-request-id',
] as const

const storage = new AsyncLocalStorage<Carried | undefined>()

/** Of the request that what runs now is part of; undefined: of none, or of one that brought nothing. */
export function carried(): Carried | undefined {
  return sdkPropagates() ? undefined : storage.getStore()
}

/** Runs as part of a request, or of none: nothing is inherited from where it was called. */
export function runAs<T>(context: Carried | undefined, run: () => T): T {
  return storage.run(context, run)
}

/** Of the header fields as Node.js gives them; undefined where there is nothing to carry. */
export function carriedOf(headers: Readonly<Record<string, unknown>> | undefined): Carried | undefined {
  let found: Record<string, string> | undefined
  for (const name of CARRIED) {
    const value = headers?.[name]
    if (typeof value === 'string' && value !== '') (found ??= {})[name] = value
  }
  return found
}

/** Those who say themselves what trace their request is of are left alone. */
export const TRACE_FIELDS: readonly string[] = ['traceparent', 'b3', 'x-b3-traceid']

/** What is to be added to a request that has the fields of which `has` says so. */
export function missing(context: Carried, has: (name: string) => boolean): [string, string][] {
  const traced = TRACE_FIELDS.some(has)
  return Object.entries(context).filter(([name]) => (name === 'x-request-id' ? !has(name) : !traced))
}

/**
 * An OpenTelemetry SDK that was started carries the context itself, and two would say different things. Its API keeps what is
 * registered under this symbol (@opentelemetry/api, src/internal/global-utils.ts).
 */
function sdkPropagates(): boolean {
  const api = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')]
  return (
    typeof api === 'object' && api !== null && (api as { propagation?: unknown }).propagation !== undefined
  )
}
