import { escapePattern } from './pattern.ts'

/** GEP-1767; `any` in place of a list: `*`. */
export interface Cors {
  /** `host` may begin with `*.`, for any number of labels, or be `*`; `port` undefined: that of the scheme. */
  readonly origins:
    | 'any'
    | readonly { readonly scheme: string; readonly host: string; readonly port: number | undefined }[]
  readonly methods: 'any' | readonly string[]
  readonly headers: 'any' | readonly string[]
  readonly exposedHeaders: 'any' | readonly string[]
  /** Seconds. */
  readonly maxAge: number
  readonly credentials: boolean
}

export type CorsOrigin = Exclude<Cors['origins'], 'any'>[number]

/** The pattern of an origin with a wildcard; undefined: it has none. */
export function originPattern({ scheme, host, port }: CorsOrigin): string | undefined {
  if (!host.startsWith('*')) return undefined
  // Any number of labels, and neither a port nor anything else that is no host.
  return `${scheme}://[-0-9a-z.]+${escapePattern(host.slice(1))}${port === undefined ? '' : `:${port}`}`
}
