import type { SecureContextOptions } from 'node:tls'

/** Where the API server is and what a request to it carries. */
export interface Credentials {
  /** `https://host:port`, with a path when the server has one, without a slash at its end. */
  readonly server: string
  /** Of the ServiceAccount or of the context; `default` when neither says. */
  readonly namespace: string
  /** Read anew for every request: token files rotate, plugins hand out short-lived tokens. Throws WeftError. */
  current(): Promise<CurrentCredentials>
}

export interface CurrentCredentials {
  readonly headers: Readonly<Record<string, string>>
  readonly tls: TlsSettings
  /** Of an HTTP proxy on the way. */
  readonly proxy: string | undefined
}

export interface TlsSettings extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key'> {
  readonly servername?: string
  readonly rejectUnauthorized?: boolean
}
