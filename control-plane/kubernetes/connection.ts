import type { ApiQuery } from './api-path.ts'

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `/api/v1/namespaces/shop/pods/a`; names in it are the caller's to encode (DNS names need none). */
  readonly path: string
  readonly query?: ApiQuery
  /** Sent as JSON. */
  readonly body?: unknown
  /** `application/json`; a PATCH needs `application/apply-patch+yaml`, `application/merge-patch+json` or the like. */
  readonly contentType?: string
  /** Others, which the API server passes on where it is a proxy. Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  /** The answer is no JSON but text, as a container's log is. */
  readonly text?: boolean
  /** For the whole exchange. Milliseconds, default 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface WatchRequest {
  readonly path: string
  /** `watch=true` is added. */
  readonly query?: ApiQuery
  /** Until the answer begins. Milliseconds, default 30,000. */
  readonly timeoutMs?: number
  /** A stream without a byte for so long counts as broken. Milliseconds; 0: never. */
  readonly silenceMs: number
  readonly signal?: AbortSignal
  /** The server took the request; events may come or not. */
  readonly onOpen?: () => void
}

/** A line of a watch. The object of an ERROR is a Status, that of a BOOKMARK has only a resourceVersion. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: unknown
}

/** The one way to a Kubernetes API server. All failures are KubernetesError (api-error.ts). */
export interface KubernetesConnection {
  /** `https://host:port` */
  readonly server: string
  /** The own ServiceAccount's namespace, or the context's. */
  readonly namespace: string
  /** Resolves to the parsed body of an answer of 2xx, or to its text; `undefined` when it is empty. */
  request(request: ApiRequest): Promise<unknown>
  /** Hands over each event as it comes; resolves when the server ends the stream. */
  watch(request: WatchRequest, onEvent: (event: WatchEvent) => void): Promise<void>
  /** Breaks what is under way. */
  close(): Promise<void>
}
