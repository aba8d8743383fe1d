import { readFileSync } from 'node:fs'
import { describeError, WeftError } from '../../../core/errors.ts'

export const TRACING_KINDS = ['jaeger', 'tempo'] as const
export type TracingKind = (typeof TRACING_KINDS)[number]

/** Where traces are read in place of what the control planes hold. */
export interface TracingAddress {
  readonly kind: TracingKind
  /** Without a slash at its end, and without anything secret: it is shown. */
  readonly url: string
  /** A bearer token; read again for each question, as a mounted Secret changes. */
  readonly tokenFile?: string | undefined
  /** PEM: trusted in place of what the system trusts; read again likewise. */
  readonly caFile?: string | undefined
}

export interface TracingFlags {
  readonly 'tracing-url'?: string | undefined
  readonly 'tracing-kind'?: string | undefined
  readonly 'tracing-token'?: string | undefined
  readonly 'tracing-ca'?: string | undefined
}

/** Of the flags of `weft control-plane`; undefined: none is set. Throws WeftError `cli.flags`, `cli.file`. */
export function tracingAddress(flags: TracingFlags): TracingAddress | undefined {
  const { 'tracing-url': text, 'tracing-token': tokenFile, 'tracing-ca': caFile } = flags
  const kind = TRACING_KINDS.find((one) => one === flags['tracing-kind'])
  if (text === undefined) {
    const alone = Object.entries(flags).find(
      ([name, value]) => name.startsWith('tracing-') && value !== undefined,
    )
    if (alone) throw new WeftError('cli.flags', 'goes with --tracing-url', { field: `--${alone[0]}` })
    return undefined
  }
  if (!kind)
    throw new WeftError('cli.flags', `say jaeger or tempo: --tracing-url goes with it`, {
      field: '--tracing-kind',
    })
  const url = URL.canParse(text) ? new URL(text) : undefined
  const plain = url && url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  // What is wrong is not repeated: it may hold a password.
  if (!plain || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new WeftError(
      'cli.flags',
      'must be http://HOST:PORT[/PATH] or https://..., without user, password and query (a token goes into --tracing-token)',
      { field: '--tracing-url' },
    )
  if (caFile !== undefined && url.protocol !== 'https:')
    throw new WeftError('cli.flags', 'goes with a --tracing-url of https://', { field: '--tracing-ca' })
  for (const [field, file] of [
    ['--tracing-token', tokenFile],
    ['--tracing-ca', caFile],
  ] as const)
    if (file !== undefined) readable(field, file)
  return { kind, url: url.href.replace(/\/+$/, ''), tokenFile, caFile }
}

function readable(field: string, file: string): void {
  try {
    readFileSync(file)
  } catch (error) {
    throw new WeftError('cli.file', `cannot be read: ${describeError(error)}`, { field })
  }
}
