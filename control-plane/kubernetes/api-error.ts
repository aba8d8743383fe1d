import { WeftError } from '../../core/errors.ts'
import { describeRule, describeTarget, type ApiTarget } from './api-path.ts'

/** Kubernetes' `Status` object, what is read of it. */
export interface StatusBody {
  readonly message?: string
  readonly reason?: string
  readonly code?: number
  readonly details?: { readonly retryAfterSeconds?: number }
}

/**
 * A request that the API server refused, or that never reached one. `code` is `kubernetes.` and what kind of failure:
 * `unreachable`, `timeout`, `aborted`, `malformed` (status 0), or after the status: `unauthorized`, `forbidden`,
 * `not_found`, `conflict`, `gone`, `invalid`, `too_many_requests`, `server`, `refused`.
 */
export class KubernetesError extends WeftError {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number
  /** Kubernetes' machine-readable reason, e.g. `AlreadyExists`, `Expired`; '' when it gave none. */
  readonly reason: string
  readonly target: ApiTarget
  /** How long the server asks to wait. Milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    code: string,
    message: string,
    about: { target: ApiTarget; status?: number; reason?: string; retryAfterMs?: number; cause?: unknown },
  ) {
    super(code, message, about.cause === undefined ? {} : { cause: about.cause })
    this.name = 'KubernetesError'
    this.status = about.status ?? 0
    this.reason = about.reason ?? ''
    this.target = about.target
    this.retryAfterMs = about.retryAfterMs
  }
}

export interface Asked {
  readonly server: string
  readonly path: string
  readonly target: ApiTarget
}

/** For an answer that is no success. `text` is its body: a Status object, or whatever a proxy on the way says. */
export function refusal(asked: Asked, status: number, text: string, retryAfter?: string): KubernetesError {
  const body = statusBody(text)
  const reason = body?.reason ?? ''
  const seconds = Number(retryAfter ?? body?.details?.retryAfterSeconds ?? NaN)
  const said = body?.message ?? brief(text)
  const lines = [
    `${what(asked)}: ${status}${reason === '' ? '' : ` ${reason}`}${said === '' ? '' : `: ${said}`}`,
  ]
  if (status === 401) lines.push('; the credentials are not accepted')
  if (status === 403) lines.push(`; grant ${describeRule(asked.target, asked.path)}`)
  return new KubernetesError(`kubernetes.${kindOf(status)}`, lines.join(''), {
    target: asked.target,
    status,
    reason,
    ...(Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {}),
  })
}

/** For a request without an answer. */
export function noAnswer(
  asked: Asked,
  kind: 'unreachable' | 'timeout' | 'aborted' | 'malformed',
  why: string,
  cause?: unknown,
): KubernetesError {
  const message = `${what(asked)}: ${why}`
  return new KubernetesError(`kubernetes.${kind}`, message, { target: asked.target, cause })
}

/** What an error of a socket, of TLS or of undici says; some of them have a code and no message. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reasonOf))].join('; ')
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const inner = error.cause instanceof Error ? reasonOf(error.cause) : ''
  return inner || error.message || code || error.name
}

function what({ server, path, target }: Asked): string {
  return `${describeTarget(target, path)} at ${server}`
}

function kindOf(status: number): string {
  const known: Readonly<Record<number, string>> = {
    401: 'unauthorized',
    403: 'forbidden',
    404: 'not_found',
    409: 'conflict',
    410: 'gone',
    422: 'invalid',
    429: 'too_many_requests',
  }
  return known[status] ?? (status >= 500 ? 'server' : 'refused')
}

function statusBody(text: string): StatusBody | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && 'message' in value
      ? (value as StatusBody)
      : undefined
  } catch {
    return undefined
  }
}

function brief(text: string): string {
  const line = text.trim().split('\n')[0] ?? ''
  return line.length > 200 ? `${line.slice(0, 197)}...` : line
}
