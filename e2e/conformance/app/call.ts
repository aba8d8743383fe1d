/** A call that a client makes to `name.namespace:port` of a Service, `count` times. All but `to` may be left out. */
export interface Call {
  readonly to: string
  /** HTTP/1.1 unless it says otherwise; `websocket`, `tcp` and `tls` say hello and wait for one answer. */
  readonly over?: 'http2' | 'grpc' | 'websocket' | 'tcp' | 'tls'
  readonly method?: string
  readonly path?: string
  readonly host?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Of TLS (SNI). */
  readonly serverName?: string
  readonly count?: number
  /** Sends back what the answer sets as a cookie. */
  readonly session?: boolean
  /** Asked again until the body is this, for what happens beside the request. */
  readonly until?: string
  /** Asked again until the body is a number that is no less. */
  readonly untilAtLeast?: number
}

/** What came of it. `status` is 0 where there was no answer; that of what is no HTTP is 200. */
export interface Answer {
  readonly status: number
  /** With the trailers. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: string
}

export const HELLO = 'hello\n'

/** Server and client of this image know each other by it: TLS without a certificate (RFC 4279), which no sidecar ends. */
export const TLS_KEY = Buffer.alloc(16, 7)
export const TLS_CIPHERS = 'PSK+AES'
