import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface Target {
  readonly host: string
  readonly port: number
}

/** `host:port`. */
export function targetOf(text: string): Target {
  const [host = '', port = '0'] = text.split(/:(?=\d+$)/)
  return { host, port: Number(port) }
}

export const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** An open connection; undefined where there is none. */
export function open({ host, port }: Target): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true })
    socket.on('error', () => resolve(undefined))
    socket.on('connect', () => resolve(socket))
    socket.setTimeout(5000, () => resolve(socket))
  })
}

/** The same with TLS, whoever answers; `options` as node:tls has them. */
export function openTls(
  { host, port }: Target,
  options: { readonly key?: string; readonly cert?: string; readonly ALPNProtocols?: string[] } = {},
): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connectTls({ host, port, rejectUnauthorized: false, ...options })
    socket.on('error', () => resolve(undefined))
    socket.on('secureConnect', () => resolve(socket))
    socket.setTimeout(5000, () => resolve(socket))
  })
}

const ANSWER_MS = 1500

/** Sends the parts, some time apart, and gives what came back until the end, for a moment at most. */
export async function say(
  socket: Socket | undefined,
  parts: readonly string[],
  { silentMs = 0, betweenMs = 50 } = {},
): Promise<string> {
  if (!socket) return 'refused'
  let answer = ''
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
  const closed = new Promise((resolve) => socket.on('close', resolve))
  await delay(silentMs)
  for (const [at, part] of parts.entries()) {
    if (at > 0) await delay(betweenMs)
    if (!socket.destroyed) socket.write(part, 'latin1')
  }
  await Promise.race([closed, delay(ANSWER_MS)])
  socket.destroy()
  return answer
}

export const firstLine = (text: string) => text.split('\r\n', 1)[0] ?? ''

/** Counts of each outcome. */
export function tally(outcomes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}
