import { AsyncLocalStorage } from 'async_hooks'

// What runs in somebody else's process, on whatever Node.js that has: bundled as CommonJS for old ones, without a dependency, and
// silent whatever happens. Modules of Node.js go by their old names, which all of its versions know. All of it runs for each
// request of that application, so it makes as few objects and calls as it can.

export type Field = readonly [name: string, value: string]

/** What of a request goes on with those that are sent for it, by name in lower case. */
export interface Carried {
  /** What says which trace it is of. */
  readonly trace: readonly Field[]
  /** What names the request, whatever its trace. */
  readonly name: readonly Field[]
}

/** W3C Trace Context, and B3 in both of its forms (https://github.com/openzipkin/b3-propagation). */
const TRACE = [
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
] as const
/** What Envoy and Weft call one request through all hops. */
const REQUEST_ID = 'x-request-id'

const storage = new AsyncLocalStorage<Carried | undefined>()

/** Of the request that what runs now is part of; undefined: of none, or of one that brought nothing. */
export function carried(): Carried | undefined {
  const context = storage.getStore()
  return context === undefined || sdkPropagates() ? undefined : context
}

/** Runs as part of a request, or of none: nothing is inherited from where it was called. */
export function applyAs<This, Arguments extends readonly unknown[], T>(
  context: Carried | undefined,
  run: (this: This, ...args: Arguments) => T,
  owner: This,
  args: Arguments,
): T {
  return storage.getStore() === context
    ? Reflect.apply(run, owner, args)
    : (storage.run(context, Reflect.apply, run, owner, args) as T)
}

/** Of the header fields as Node.js gives them; undefined where there is nothing to carry. */
export function carriedOf(headers: Readonly<Record<string, unknown>> | undefined): Carried | undefined {
  if (!headers) return undefined
  const id = headers[REQUEST_ID]
  const name: Field[] = isText(id) ? [[REQUEST_ID, id]] : []
  const trace: Field[] = []
  for (const field of TRACE) {
    const value = headers[field]
    if (isText(value)) trace.push([field, value])
  }
  return trace.length + name.length === 0 ? undefined : { trace, name }
}

/** What is to be added to a request that has the fields of which `has` says so. Whoever says itself what trace it is of is left alone. */
export function missing({ trace, name }: Carried, has: (name: string) => boolean): readonly Field[] {
  const more = trace.length === 0 || has('traceparent') || has('b3') || has('x-b3-traceid') ? [] : trace
  return name.length === 0 || has(REQUEST_ID) ? more : [...more, ...name]
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

const SDK = Symbol.for('opentelemetry.js.api.1')

/**
 * An OpenTelemetry SDK that was started carries the context itself, and two would say different things. Its API keeps what is
 * registered under this symbol (@opentelemetry/api, src/internal/global-utils.ts).
 */
function sdkPropagates(): boolean {
  const api = (globalThis as Record<symbol, unknown>)[SDK]
  return (
    typeof api === 'object' && api !== null && (api as { propagation?: unknown }).propagation !== undefined
  )
}
