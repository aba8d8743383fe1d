import { CONTROL_PLANE } from '../../core/contract.ts'
import { WeftError } from '../../core/errors.ts'
import { KubernetesError } from './api-error.ts'
import type { KubernetesConnection } from './connection.ts'

/** A v1 Secret, what is read of it and what is kept when it is written. */
export interface Secret {
  readonly apiVersion: 'v1'
  readonly kind: 'Secret'
  readonly metadata: {
    readonly namespace: string
    readonly name: string
    readonly resourceVersion?: string
    readonly [field: string]: unknown
  }
  readonly type?: string
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>
}

/** One Secret by its name. All failures are KubernetesError. */
export class SecretResource {
  readonly namespace: string
  readonly name: string
  readonly #connection: Pick<KubernetesConnection, 'request'>

  constructor(connection: Pick<KubernetesConnection, 'request'>, namespace: string, name: string) {
    this.#connection = connection
    this.namespace = namespace
    this.name = name
  }

  /** For messages. */
  get title(): string {
    return `Secret ${this.namespace}/${this.name}`
  }

  async get(): Promise<Secret | undefined> {
    try {
      return (await this.#connection.request({ method: 'GET', path: this.#path })) as Secret
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 404) return undefined
      throw error
    }
  }

  /**
   * Puts these texts into its data, beside what else stands there; undefined takes one away. False, with nothing
   * changed, if somebody else wrote since `found` was read, or made it.
   */
  async put(
    found: Secret | undefined,
    texts: Readonly<Record<string, string | undefined>>,
    type = 'Opaque',
  ): Promise<boolean> {
    const data: Record<string, string> = { ...found?.data }
    for (const [key, text] of Object.entries(texts)) {
      if (text === undefined) delete data[key]
      else data[key] = Buffer.from(text).toString('base64')
    }
    const metadata = found?.metadata ?? {
      namespace: this.namespace,
      name: this.name,
      labels: { 'app.kubernetes.io/name': 'weft', 'app.kubernetes.io/managed-by': CONTROL_PLANE },
    }
    const body: Secret = { apiVersion: 'v1', kind: 'Secret', type, ...found, metadata, data }
    try {
      if (found) await this.#connection.request({ method: 'PUT', path: this.#path, body })
      else await this.#connection.request({ method: 'POST', path: this.#collection, body })
      return true
    } catch (error) {
      // 404: deleted since it was read.
      if (error instanceof KubernetesError && (error.status === 409 || (found && error.status === 404)))
        return false
      throw error
    }
  }

  get #collection(): string {
    return `/api/v1/namespaces/${this.namespace}/secrets`
  }

  get #path(): string {
    return `${this.#collection}/${this.name}`
  }
}

/** Text of one key. Throws WeftError `ca.corrupt` for what is no base64. */
export function textOf(secret: Secret | undefined, key: string, title: string): string | undefined {
  const encoded = secret?.data?.[key]
  if (encoded === undefined || encoded === '') return undefined
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) {
    throw new WeftError('ca.corrupt', `is no base64`, { field: `${title}: ${key}` })
  }
  return Buffer.from(encoded, 'base64').toString()
}
