import type { Cors, CorsOrigin } from '../model/cors.ts'
import type { CorsFilter } from '../registry/kinds/route.ts'

const PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 }

/** Ports that their scheme means anyway are left out, as browsers leave them out of `Origin`. */
export function translateCors(filter: CorsFilter): Cors {
  const { allowOrigins, allowMethods, allowHeaders, exposeHeaders, maxAge, allowCredentials } = filter
  return {
    origins: orAny(allowOrigins, originOf),
    methods: orAny(allowMethods, (method) => method),
    headers: orAny(allowHeaders, (name) => name),
    exposedHeaders: orAny(exposeHeaders, (name) => name),
    maxAge,
    credentials: allowCredentials,
  }
}

function orAny<T>(values: readonly string[], read: (value: string) => T): 'any' | readonly T[] {
  return values.includes('*') ? 'any' : values.map(read)
}

function originOf(origin: string): CorsOrigin {
  const [, scheme = '', host = '', written] = /^(https?):\/\/([^:]+)(?::(\d+))?$/.exec(origin) ?? []
  const port = written === undefined || Number(written) === PORTS[scheme] ? undefined : Number(written)
  // Browsers write hosts in lower case.
  return { scheme, host: host.toLowerCase(), port }
}
